"""What happened, in a line."""

from __future__ import annotations

from typing import Any

import pytest

from kimi_emulator.inspector.summaries import CHAT, Line, beginning, chat_title, show_call, tell_answer, tell_request

RAG = (
    "Context information is below.\n---------------------\nThe harbour was built in 1840.\n" + "More text. " * 20 + "\n"
    "---------------------\nGiven the context information, answer the query.\nQuery: When was it built?\nAnswer: "
)


def call(name: str, arguments: Any = "{}", id: str = "a") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(text: str, id: str = "a") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": text}


def image(count: int = 1) -> list[dict[str, Any]]:
    return [{"type": "image_url", "image_url": {"url": "ms://x"}}] * count


@pytest.mark.parametrize(
    ("messages", "kind", "text"),
    [
        ([{"role": "user", "content": "Hello\n  there"}], "user", "Hello there"),
        ([{"role": "user", "content": RAG}], "user", "When was it built?"),
        ([{"role": "user", "content": "资料：" + "很长。" * 60 + "\n问题：谁建的？"}], "user", "谁建的？"),
        ([{"role": "user", "content": "Question: why?"}], "user", "Question: why?"),
        ([{"role": "user", "content": [{"type": "text", "text": "Who?"}, *image()]}], "user", "Who? + 1 image"),
        ([{"role": "user", "content": image(2)}], "user", "2 images"),
        ([{"role": "user", "content": None}], "user", "(no text)"),
        ([{"role": "assistant", "content": "Once upon", "partial": True}], "assistant", "Go on from: Once upon"),
        ([{"role": "assistant", "tool_calls": [call("weather")]}, result("18 C")], "tool", "weather → 18 C"),
        (
            [
                {"role": "assistant", "tool_calls": [call("a", id="1"), call("b", id="2")]},
                result("x", "1"),
                result("y", "2"),
            ],
            "tool",
            "a → x; b → y",
        ),
        ([result("18 C")], "tool", "a tool → 18 C"),
        ([{"role": "system", "tools": [{"function": {"name": "weather"}}]}], "system", "Load tools: weather"),
        ([{"role": "system", "content": "Be short."}], "system", "Be short."),
    ],
)  # fmt: skip
def test_a_chat_is_told_by_what_is_new_in_it(messages: list[dict[str, Any]], kind: str, text: str):
    assert tell_request("POST", CHAT, {"messages": messages}) == Line(kind, text)


def test_only_the_newest_results_are_told():
    turn = [{"role": "assistant", "tool_calls": [call("weather")]}, result("old")]
    again = [{"role": "assistant", "tool_calls": [call("time")]}, result("new")]
    assert tell_request("POST", CHAT, {"messages": [*turn, *again]}).text == "time → new"


@pytest.mark.parametrize("body", [None, {}, {"messages": "hi"}, {"messages": []}, [1]])
def test_a_chat_without_messages_is_told_as_such(body: Any):
    assert tell_request("POST", CHAT, body) == Line("call", "A chat without messages")


def test_a_conversation_is_called_by_its_first_question():
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}, result("x")]
    assert chat_title({"messages": messages}) == "Hi"
    assert chat_title({"messages": messages[:1]}) == "Be short."
    assert chat_title(None) == ""


@pytest.mark.parametrize(
    ("tool_call", "text"),
    [
        (call("weather", '{"city":"Turku","days":2}'), 'weather(city="Turku", days=2)'),
        (call("now", ""), "now()"),
        (call("weather", '{"city":'), 'weather({"city":)'),
        (call("weather", '["Turku"]'), 'weather(["Turku"])'),
        (call("write", '{"text":"' + "a" * 90 + '"}'), 'write(text="' + "a" * 38 + "…)"),
        ({"function": None}, "?"),
        ("x", "?"),
    ],
)
def test_a_tool_call_is_told_as_code(tool_call: Any, text: str):
    assert show_call(tool_call) == text


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        ({"message": {"content": "It is\ncloudy."}}, "answer", "It is cloudy."),
        ({"message": {"content": "", "tool_calls": [call("a"), call("b")]}}, "calls", "a(), b()"),
        ({"message": {"content": "Let me see.", "tool_calls": [call("a")]}}, "calls", "a()"),
        ({"message": {"reasoning_content": "Hm."}}, "none", "Thought, but no answer"),
        ({"message": {"content": ""}}, "none", "An empty answer"),
        ({"error": {"message": "invalid temperature", "type": "x"}}, "error", "invalid temperature"),
        ({"error": "overloaded"}, "error", "overloaded"),
        ({"message": {"content": "It is"}, "error": {"message": "broke off"}}, "error", "broke off"),
    ],
)
def test_an_answer_is_told_by_its_calls_or_its_beginning(reply: dict[str, Any], kind: str, text: str):
    assert tell_answer("POST", CHAT, 200, reply, done=True) == Line(kind, text)


def test_what_has_not_come_yet_and_what_never_came():
    assert tell_answer("POST", CHAT, None, {}, done=False) == Line("none", "")
    assert tell_answer("POST", CHAT, 200, {"message": {"reasoning": "Hm, so"}}, done=False) == Line(
        "thinking", "Hm, so"
    )
    assert tell_answer("POST", CHAT, None, {}, done=True) == Line("error", "No answer: the connection was closed")
    assert tell_answer("POST", CHAT, 504, {}, done=True) == Line("error", "HTTP 504")


@pytest.mark.parametrize(
    ("method", "path", "body", "reply", "request_text", "answer_text"),
    [
        ("GET", "/models", None, {"data": [{}, {}]}, "List the models", "2 models"),
        (
            "POST",
            "/tokenizers/estimate-token-count",
            {"messages": [{"role": "user", "content": "Hello"}]},
            {"data": {"total_tokens": 87}},
            "Count the tokens of: Hello",
            "87 tokens",
        ),
        (
            "GET",
            "/users/me/balance",
            None,
            {"data": {"available_balance": 4.5}},
            "Ask for the balance",
            "$4.5 available",
        ),
        ("GET", "/files", None, {"data": [{}]}, "List the files", "1 file"),
        (
            "GET",
            "/files/abc",
            None,
            {"filename": "a.pdf", "status": "error", "status_details": "too many cells"},
            "Look at file abc",
            "a.pdf is error: too many cells",
        ),
        ("GET", "/files/abc/content", None, {"content": "The text"}, "Read the text of file abc", "The text"),
        ("DELETE", "/files/abc", None, {"deleted": True}, "Delete file abc", "Deleted"),
        ("GET", "/batches", None, {"data": []}, "List the batches", "0 batches"),
        ("POST", "/batches", {"input_file_id": "f"}, {"status": "validating"}, "Start a batch of file f", "validating"),
        (
            "GET",
            "/batches/b",
            None,
            {"status": "in_progress", "request_counts": {"completed": 1, "total": 3}},
            "Look at batch b",
            "in_progress, 1 of 3 lines",
        ),
        ("POST", "/batches/b/cancel", None, {"status": "cancelling"}, "Cancel batch b", "cancelling"),
        (
            "GET",
            "/formulas/moonshot/date:latest/tools",
            None,
            {"tools": [{"function": {"name": "date"}}]},
            "List the tools of moonshot/date:latest",
            "date",
        ),
        (
            "POST",
            "/formulas/moonshot/date:latest/fibers",
            {"name": "date", "arguments": '{"days":1}'},
            {"context": {"output": "2026-11-28"}},
            "Run date(days=1) of moonshot/date:latest",
            "2026-11-28",
        ),
        ("PATCH", "/other", None, {"x": 1}, "PATCH /other", ""),
        ("POST", "/batches", None, {}, "Start a batch of file None", "None"),
    ],
)  # fmt: skip
def test_other_calls_have_words_of_their_own(
    method: str, path: str, body: Any, reply: dict[str, Any], request_text: str, answer_text: str
):
    assert tell_request(method, f"/v1{path}", body).text == request_text
    assert tell_answer(method, f"/v1{path}", 200, {"json": reply}, done=True).text == answer_text


@pytest.mark.parametrize(
    ("size", "size_text"), [(17, "17 bytes"), (1300, "1.3 KB"), (52_428_800, "50 MB"), (None, "0 bytes")]
)
def test_an_upload_is_told_by_name_and_size(size: Any, size_text: str):
    form = {"filename": "a.pdf", "size": size}
    assert tell_request("POST", "/v1/files", None, form).text == f"Upload a.pdf ({size_text})"


def test_a_beginning_is_one_line_of_bounded_length():
    assert beginning("a  b\n\tc") == "a b c"
    assert beginning("word " * 100, 20) == "word word word word…"
    assert len(beginning("x" * 10_000_000)) == 200
