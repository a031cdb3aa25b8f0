"""One chat call from request to answer: demands, budgets, fillers, streamed or not."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from kimi_api import ChatOptions, KimiClient, KimiToolChoiceError, KimiWarning, build_request, chat, errors, retry
from kimi_api._content.documents import Document
from kimi_api.chat._count import countable
from kimi_api.chat._settle import accept, budget_text
from kimi_api.reply import ReplyBuilder, parse_reply
from kimi_api.request import ChatRequest
from kimi_emulator import Emulator, Failure, Reply, ToolCall

Ways = Any  # the fixture `ways` of conftest.py
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
ASK = [{"role": "user", "content": "What is 1 + 2?"}]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("add", "mul")
]


def build(stream: bool = False, messages: list[dict[str, Any]] = ASK, **options: Any) -> ChatRequest:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KimiWarning)
        return build_request(ChatOptions(**options), messages, stream=stream)


def ask(ways: Ways, client: KimiClient, request: ChatRequest) -> Any:
    """The answer, streamed if the request asks for it."""
    if not request.body.get("stream"):
        return ways.call(chat.complete, chat.acomplete, client, request)
    builder = ReplyBuilder()
    ways.collect(chat.stream, chat.astream, client, request, builder)
    return chat.settle(builder, request)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_with_thinking_usage_and_the_platforms_ids(
    ways: Ways, kimi: Emulator, client: KimiClient, stream: bool
) -> None:
    kimi.script(Reply("Three.", reasoning="1 + 2 is 3"))
    reply = ask(ways, client, build(stream))
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("Three.", "1 + 2 is 3", "stop")
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    assert reply.request_id
    assert reply.trace_id
    assert kimi.report == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_goes_round_with_its_own_ids(ways: Ways, kimi: Emulator, client: KimiClient, stream: bool) -> None:
    kimi.script(*[Reply("", reasoning=f"turn {n}", tool_calls=[ToolCall("add", {"n": n})]) for n in range(3)])
    messages = list(ASK)
    ids = []
    for n in range(3):
        reply = ask(ways, client, build(stream, messages, tools=TOOLS))
        ids.append(reply.tool_calls[0].id)
        turn = {"role": "assistant", "content": reply.content, "reasoning_content": reply.reasoning}
        messages = [
            *messages,
            {**turn, "tool_calls": [call.as_dict() for call in reply.tool_calls]},
            {"role": "tool", "tool_call_id": reply.tool_calls[0].id, "content": str(n)},
        ]
        assert kimi.chats[n]["messages"] == kimi.chats[-1]["messages"][: len(kimi.chats[n]["messages"])]
    assert len(set(ids)) == 3
    assert len(kimi.chats) == 3
    assert kimi.report == []


# ---------------------------------------------------------------------------------------------------- demands


@pytest.mark.parametrize("choice", ["add", "any"])
@pytest.mark.parametrize("model", ["kimi-k2.7-code", "kimi-k3"])
def test_an_offer_that_was_not_taken_is_put_into_words_once(
    ways: Ways, kimi: Emulator, client: KimiClient, model: str, choice: str
) -> None:
    kimi.script(Reply("Three."), Reply(tool_calls=[ToolCall("add")]))
    request = build(model=model, tools=TOOLS, tool_choice=choice)
    reply = ask(ways, client, request)
    assert [call.name for call in reply.tool_calls] == ["add"]
    first, second = kimi.chats
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert len(second["messages"]) == len(first["messages"]) + 1
    assert "call" in second["messages"][-1]["content"]
    assert {**request.body, **STREAMED} == first


def test_a_demand_that_is_not_met_twice_is_an_error_of_its_own(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    kimi.script(Reply("Three."), Reply("Still three."), Reply("unused"))
    with pytest.raises(KimiToolChoiceError, match=r"'add' was demanded.*Still three") as caught:
        ask(ways, client, build(model="kimi-k2.7-code", tools=TOOLS, tool_choice="add"))
    assert caught.value.request_id
    assert len(kimi.chats) == 2


def test_another_tool_than_the_demanded_one_does_not_count(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    other = Reply(tool_calls=[ToolCall("mul")])
    kimi.script(other, other)
    with pytest.raises(KimiToolChoiceError, match="answered with mul"):
        ask(
            ways,
            client,
            build(tools=TOOLS, tool_choice="add", messages=[*ASK, {"role": "assistant", "content": "hm"}, *ASK]),
        )


def test_a_streamed_demand_that_went_out_as_it_was_raises_at_once(
    ways: Ways, kimi: Emulator, client: KimiClient
) -> None:
    kimi.script(Reply("Three."))
    with pytest.raises(KimiToolChoiceError, match="a tool call was demanded"):
        ask(ways, client, build(True, model="kimi-k3", tools=TOOLS, tool_choice="any"))
    assert len(kimi.chats) == 1


def test_a_streamed_answer_without_the_offered_tool_is_not_shown_and_asked_for_again(
    ways: Ways, kimi: Emulator, client: KimiClient
) -> None:
    kimi.script(Reply("Three."), Reply(reasoning="r", tool_calls=[ToolCall("add")]))
    reply = ask(ways, client, build(True, model="kimi-k2.7-code", tools=TOOLS, tool_choice="any"))
    assert (reply.content, reply.reasoning, [call.name for call in reply.tool_calls]) == ("", "r", ["add"])
    assert [body["stream"] for body in kimi.chats] == [True, True]


@pytest.mark.parametrize("stream", [False, True])
def test_a_met_demand_is_one_request(ways: Ways, kimi: Emulator, client: KimiClient, stream: bool) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("mul"), ToolCall("add")]))
    ask(ways, client, build(stream, model="kimi-k2.7-code", tools=TOOLS, tool_choice="add"))
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_cut_by_its_budget_is_reported_as_such_and_not_as_a_missing_call(
    ways: Ways, kimi: Emulator, client: KimiClient, stream: bool
) -> None:
    kimi.script(Reply("", reasoning="long " * 50, finish_reason="length"))
    request = build(stream, model="kimi-k2.7-code", tools=TOOLS, tool_choice="any", max_tokens=20)
    with pytest.warns(KimiWarning, match=r"max_tokens=20 by thinking") as caught:
        reply = ask(ways, client, request)
    assert reply.out_of_budget
    assert "Raise max_tokens" in str(caught[0].message)
    assert len(kimi.chats) == 1


def test_the_budget_warning_names_the_default_where_none_was_set() -> None:
    request = build()
    text = budget_text(chat.Reply(finish_reason="length"), request)
    assert "max_tokens=131072" in text


# ---------------------------------------------------------------------------------------------------- one call


@pytest.mark.parametrize("stream", [False, True])
def test_without_parallel_calls_the_first_one_counts(
    ways: Ways, kimi: Emulator, client: KimiClient, stream: bool
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("add"), ToolCall("mul")]))
    request = build(stream, tools=TOOLS, parallel_tool_calls=False)
    assert "parallel_tool_calls" not in request.body
    with pytest.warns(KimiWarning, match="kept the call of add, dropped mul"):
        reply = ask(ways, client, request)
    assert [call.name for call in reply.tool_calls] == ["add"]


# ---------------------------------------------------------------------------------------------------- fillers


MISSING = Failure(
    400,
    "invalid_request_error",
    "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1",
)
HISTORY = [
    *ASK,
    {
        "role": "assistant",
        "content": "",
        "reasoning_content": "",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "3"},
]


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_that_the_server_misses_is_filled_in_once(
    ways: Ways, kimi: Emulator, client: KimiClient, stream: bool
) -> None:
    kimi.script(MISSING, Reply("Three."))
    request = build(stream, HISTORY)
    assert ask(ways, client, request).content == "Three."
    assert [body["messages"][1]["reasoning_content"] for body in kimi.chats] == ["", " "]
    assert request.body["messages"][1]["reasoning_content"] == ""


@pytest.mark.parametrize("stream", [False, True])
def test_the_complaint_is_raised_when_nothing_is_left_to_fill(
    ways: Ways, kimi: Emulator, client: KimiClient, stream: bool
) -> None:
    kimi.script(MISSING, MISSING, MISSING)
    with pytest.raises(errors.KimiBadRequestError, match="reasoning_content is missing"):
        ask(ways, client, build(stream, HISTORY))
    assert len(kimi.chats) == 2
    kimi.reset()
    kimi.script(MISSING)
    with pytest.raises(errors.KimiBadRequestError, match="reasoning_content is missing"):
        ask(ways, client, build(stream))
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_other_complaints_are_raised_at_once(ways: Ways, kimi: Emulator, client: KimiClient, stream: bool) -> None:
    kimi.script(Failure(400, "invalid_request_error", "something else"))
    with pytest.raises(errors.KimiBadRequestError, match="something else"):
        ask(ways, client, build(stream, HISTORY))
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("model", ["kimi-k2.6", "kimi-k2.7-code", "kimi-k3"])
def test_a_history_of_another_vendor_is_accepted_everywhere(
    ways: Ways, client: KimiClient, kimi: Emulator, model: str
) -> None:
    foreign = [{k: v for k, v in message.items() if k != "reasoning_content"} for message in HISTORY]
    assert ask(ways, client, build(False, foreign, model=model, tools=TOOLS)).finish_reason
    assert len(kimi.chats) == 1
    assert kimi.report == []


def test_an_answer_is_not_changed_by_what_is_checked_in_it() -> None:
    request = build(tools=TOOLS, parallel_tool_calls=False)
    body = {"choices": [{"message": {"tool_calls": [{"function": {"name": tool}} for tool in ("add", "mul")]}}]}
    reply = parse_reply(body)
    with pytest.warns(KimiWarning, match="kept the call of add, dropped mul"):
        accepted = accept(reply, request)
    assert [[call.name for call in each.tool_calls] for each in (reply, accepted)] == [["add", "mul"], ["add"]]


def test_an_empty_answer_that_is_asked_for_again_is_counted_for_observers(
    client: KimiClient, kimi: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[str, int]] = []
    monkeypatch.setattr(retry, "note_retry", lambda reason, number, seconds: noted.append((reason, number)))
    monkeypatch.setattr(retry, "wait_seconds", lambda *_: 0.0)
    kimi.script(Reply(content=""), Reply(content=""), Reply(content="There."))
    request = build_request(ChatOptions(), [{"role": "user", "content": "hi"}])
    assert chat.complete(client, request).content == "There."
    assert noted == [("KimiEmptyReplyError", 1), ("KimiEmptyReplyError", 2)]


def test_messages_without_content_can_be_counted_beside_documents() -> None:
    document = {"type": "document", "document": Document("r.pdf", "application/pdf", b"%PDF-")}
    turn = {"role": "assistant", "content": None, "tool_calls": []}
    messages = [turn, {"role": "user", "content": [document]}]
    counted = countable(messages, "http://127.0.0.1:9/v1", None, notes=True)
    assert "r.pdf" in str(counted[1]["content"])
    assert counted[0] == turn


def test_a_picture_of_a_blocking_call_is_uploaded_by_the_calls_own_client(client: KimiClient, kimi: Emulator) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhAQABAAAAACw="}}
    request = build_request(ChatOptions(inline_media_bytes=0), [{"role": "user", "content": [picture]}])
    chat.complete(client, request)
    (upload,) = kimi.files
    assert kimi.chats[-1]["messages"][0]["content"][0]["image_url"]["url"] == f"ms://{upload}"
