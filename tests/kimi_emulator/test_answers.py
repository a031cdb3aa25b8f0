"""Answers have the shapes that were recorded from the platform, plain and streamed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from kimi_emulator import Emulator, Failure, Reply, ToolCall

WIRE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "wire"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
# Key sets of recorded answers, so that the shapes are checked where the recordings are not at hand.
ANSWER = {"id", "object", "created", "model", "choices", "usage"}
CHOICE = {"index", "message", "finish_reason"}
MESSAGE = {"role", "content", "reasoning_content"}
CALL = {"index", "id", "type", "function"}
USAGE = {"prompt_tokens", "completion_tokens", "total_tokens", "completion_tokens_details"}
CACHED = {"cached_tokens", "prompt_tokens_details"}
CHUNK = {"id", "object", "created", "model", "choices", "system_fingerprint"}
LAST_CHUNK = {"id", "object", "created", "model", "choices", "usage"}


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]


def deltas(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part["choices"][0]["delta"] for part in parts if part["choices"]]


def message_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]


def test_plain_answer(kimi: Emulator, chat: Any):
    answer = chat()
    body = answer.json()
    assert set(body) == ANSWER
    assert set(body["choices"][0]) == CHOICE
    assert set(body["choices"][0]["message"]) == MESSAGE
    assert set(body["usage"]) == USAGE
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["reasoning_content"]
    assert body["usage"]["prompt_tokens"] == 87  # what K3 charges for these two words
    assert body["usage"]["total_tokens"] == 87 + body["usage"]["completion_tokens"]
    assert kimi.replies == [body["choices"][0]["message"]]
    assert kimi.chats == [{"model": "kimi-k3", "messages": [{"role": "user", "content": "say hi"}]}]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    for header in ("Msh-Request-Id", "X-Msh-Trace-Id"):
        assert answer.headers[header]
    assert answer.headers["Msh-Trace-Mode"] == "on"
    assert "Msh-Context-Cache-Token-Saved" not in answer.headers


def test_identical_request_is_cached_whole(chat: Any):
    chat()
    answer = chat()
    usage = answer.json()["usage"]
    assert set(usage) == USAGE | CACHED
    assert usage["cached_tokens"] == usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] == 87
    assert answer.headers["Msh-Context-Cache-Token-Saved"] == "87"


def test_common_prefix_is_cached_in_steps(chat: Any):
    system = {"role": "system", "content": "Rules of the house. " * 200}
    first = chat([system, {"role": "user", "content": "one"}]).json()["usage"]
    second = chat([system, {"role": "user", "content": "two"}], prompt_cache_key="other").json()["usage"]
    assert "cached_tokens" not in first
    assert second["cached_tokens"] % 256 == 0
    assert second["prompt_tokens"] - 300 < second["cached_tokens"] < second["prompt_tokens"]
    assert (
        "cached_tokens" not in chat([system, {"role": "user", "content": "3"}], reasoning_effort="low").json()["usage"]
    )
    short = chat([{"role": "system", "content": "short"}, {"role": "user", "content": "one"}]).json()["usage"]
    assert "cached_tokens" not in short


def test_tool_call_answer(kimi: Emulator, chat: Any):
    kimi.script(Reply(reasoning="call it", tool_calls=[ToolCall("get_weather", {"city": "Paris"}), ToolCall("ping")]))
    body = chat("weather", tools=[WEATHER]).json()
    message = body["choices"][0]["message"]
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert set(message) == MESSAGE | {"tool_calls"}
    assert message["content"] == ""
    assert message["tool_calls"] == [
        {
            "index": 0,
            "id": "get_weather_0",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
        },
        {"index": 1, "id": "ping_1", "type": "function", "function": {"name": "ping", "arguments": "{}"}},
    ]


def test_stream_order(kimi: Emulator, chat: Any):
    kimi.script(Reply(content="two words", reasoning="I think"))
    parts = chat(stream=True, stream_options={"include_usage": True})
    parts = chunks(parts)
    assert deltas(parts) == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "I"},
        {"reasoning_content": " think"},
        {"reasoning_content": ""},
        {"content": "two"},
        {"content": " words"},
        {},
    ]
    assert all(set(part) == CHUNK for part in parts[:-1])
    assert set(parts[-1]) == LAST_CHUNK
    assert parts[-1]["choices"] == []
    finish = parts[-2]["choices"][0]
    assert finish["finish_reason"] == "stop"
    assert finish["usage"] == parts[-1]["usage"]
    assert all("usage" not in part["choices"][0] and "usage" not in part for part in parts[:-2])
    assert all(part["choices"][0]["finish_reason"] is None for part in parts[:-2])
    assert len({part["id"] for part in parts}) == 1


def test_stream_without_include_usage_has_usage_only_in_the_choice(chat: Any):
    parts = chunks(chat(stream=True))
    assert all("usage" not in part for part in parts)
    assert parts[-1]["choices"][0]["usage"]["prompt_tokens"] == 87


def test_streamed_tool_calls(kimi: Emulator, chat: Any):
    calls = [ToolCall("get_weather", '{"city": "Paris"}'), ToolCall("get_weather", '{"city": "Rome"}')]
    kimi.script(Reply(reasoning="", tool_calls=calls))
    pieces = deltas(chunks(chat("weather", tools=[WEATHER], stream=True)))
    first = {"index": 0, "id": "get_weather_0", "type": "function"}
    assert pieces[1:4] == [
        {"reasoning_content": ""},
        {"tool_calls": [first | {"function": {"name": "get_weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Paris"}'}}]},
    ]
    assert pieces[4]["tool_calls"][0]["id"] == "get_weather_1"
    assert pieces[-1] == {}


def test_pieces_are_streamed_as_given(kimi: Emulator, chat: Any):
    pieces = [{"reasoning_content": "a"}, {"content": "b", "extra": None}, {"tool_calls": [{"id": ""}]}]
    kimi.script(Reply(content="b", pieces=pieces))
    assert deltas(chunks(chat(stream=True)))[1:-1] == pieces


def test_chunk_size():
    with Emulator(chunk_size=3) as kimi:
        kimi.script(Reply(content="abcdefgh", reasoning="12345", tool_calls=[ToolCall("ping", '{"a":1}')]))
        answer = httpx.post(
            f"{kimi.base_url}/chat/completions",
            headers={"Authorization": f"Bearer {kimi.api_key}"},
            json={"model": "kimi-k3", "stream": True, "messages": [{"role": "user", "content": "x"}]},
        )
    pieces = deltas(chunks(answer))
    assert [d["content"] for d in pieces[1:] if "content" in d] == ["abc", "def", "gh"]
    assert [d["reasoning_content"] for d in pieces if "reasoning_content" in d] == ["123", "45", ""]
    assert [c["function"]["arguments"] for d in pieces for c in d.get("tool_calls", ())] == ["", '{"a', '":1', "}"]


def test_streamed_and_plain_answers_say_the_same(kimi: Emulator, chat: Any):
    text = "Unicode 你好\n\n  spaced\ttext \n"
    kimi.script(Reply(content=text, reasoning=text), Reply(content=text, reasoning=text))
    plain = message_of(chat())
    pieces = deltas(chunks(chat(stream=True)))
    assert plain["content"] == "".join(d.get("content", "") for d in pieces) == text
    assert plain["reasoning_content"] == "".join(d.get("reasoning_content", "") for d in pieces) == text


def test_limit_inside_the_thinking(kimi: Emulator, chat: Any):
    kimi.script(Reply(reasoning="long thought " * 50, content="never said", tool_calls=[ToolCall("ping")]))
    body = chat(max_tokens=16).json()
    message = body["choices"][0]["message"]
    assert body["choices"][0]["finish_reason"] == "length"
    assert message["content"] == ""
    assert "tool_calls" not in message
    assert body["usage"]["completion_tokens"] == 16
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 13
    assert ("long thought " * 50).startswith(message["reasoning_content"])


def test_limit_inside_the_answer_and_which_limit_wins(kimi: Emulator, chat: Any):
    kimi.script(Reply(reasoning="ok", content="word " * 100))
    body = chat(max_completion_tokens=10, max_tokens=2).json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["choices"][0]["message"]["content"] == ("word " * 100)[:24]
    assert body["usage"]["completion_tokens"] == 10


def test_stop_strings_cut_the_answer(kimi: Emulator, chat: Any):
    kimi.script(Reply(content="one two three"))
    body = chat(stop=["three", " two"]).json()
    assert body["choices"][0]["message"]["content"] == "one"
    assert body["choices"][0]["finish_reason"] == "stop"


def test_thinking_off_gives_empty_reasoning(kimi: Emulator, chat: Any):
    kimi.script(Reply(content="x", reasoning="hidden"))
    assert message_of(chat(model="kimi-k2.6", thinking={"type": "disabled"}))["reasoning_content"] == ""


def test_model_without_thinking_has_no_reasoning_key():
    from datetime import date

    with Emulator(today=date(2026, 8, 1)) as kimi:
        answer = httpx.post(
            f"{kimi.base_url}/chat/completions",
            headers={"Authorization": f"Bearer {kimi.api_key}"},
            json={"model": "moonshot-v1-8k", "temperature": 0.3, "messages": [{"role": "user", "content": "x"}]},
        )
    assert set(message_of(answer)) == {"role", "content"}
    assert set(answer.json()["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}


def test_json_mode_costs_tokens(chat: Any):
    plain = chat("Answer in JSON with the key 'a'").json()["usage"]["prompt_tokens"]
    mode = chat("Answer in JSON with the key 'a'", response_format={"type": "json_object"}).json()["usage"]
    assert mode["prompt_tokens"] - plain == 47


def test_failures_are_given_as_scripted_and_used_once(kimi: Emulator, chat: Any):
    kimi.script(
        Failure(429, "engine_overloaded_error", "The engine is currently overloaded", headers={"Retry-After": "1"}),
        Failure(504, body="<html>504 Gateway Time-out</html>"),
        Failure(429, body={"error": {"message": "wrapped", "code": 429}}),
    )
    assert chat(messages=[]).status_code == 400, "a refused request uses nothing of the script"
    first, second, third = chat(stream=True), chat(), chat()
    assert first.status_code == 429
    assert first.json() == {
        "error": {"message": "The engine is currently overloaded", "type": "engine_overloaded_error"}
    }
    assert first.headers["Retry-After"] == "1"
    assert (second.status_code, second.headers["content-type"]) == (504, "text/html")
    assert third.json() == {"error": {"message": "wrapped", "code": 429}}
    assert chat().status_code == 200
    assert len(kimi.replies) == 1


def test_given_usage_and_finish_reason(kimi: Emulator, chat: Any):
    usage = {"prompt_tokens": 951, "completion_tokens": 6000, "total_tokens": 6952}
    kimi.script(Reply(content="", reasoning="", finish_reason="length", usage=usage))
    body = chat().json()
    assert body["usage"] == usage
    assert body["choices"][0]["finish_reason"] == "length"


def test_thoughts_differ_from_turn_to_turn(kimi: Emulator, chat: Any):
    kimi.script(Reply(tool_calls=[ToolCall("get_weather", {"city": "Paris"})]), Reply(content="Done"))
    messages: list[Any] = [{"role": "user", "content": "the zorblat question"}]
    first = message_of(chat(messages, tools=[WEATHER]))
    messages += [first, {"role": "tool", "tool_call_id": "get_weather_0", "content": "18 C"}]
    second = message_of(chat(messages, tools=[WEATHER]))
    assert "zorblat" in first["reasoning_content"]
    assert first["reasoning_content"] != second["reasoning_content"]
    assert kimi.report == []


def test_web_search_calls_have_the_declared_type(kimi: Emulator, chat: Any):
    declared = {"type": "builtin_function", "function": {"name": "$web_search"}}
    message = message_of(chat("Search the web for the newest zorblat", tools=[declared], tool_choice="required"))
    [call] = message["tool_calls"]
    assert call["type"] == "builtin_function"
    assert call["id"].startswith("t-web_search-")
    assert set(json.loads(call["function"]["arguments"])) == {"search_result", "usage"}


@pytest.mark.skipif(not WIRE.is_dir(), reason="the recordings are not at hand; the rules' tests hold the texts")
@pytest.mark.parametrize(
    "name",
    [
        "error_400_k3_temperature_with_headers.json",
        "error_400_mfjs_response_format_items_array.json",
        "error_400_tool_choice_required_thinking.json",
    ],
)
def test_recorded_requests_get_the_recorded_errors(chat: Any, name: str):
    record = json.loads((WIRE / name).read_text())
    request = dict(record["request"])
    answer = chat(request.pop("messages", "x"), **request)
    assert answer.status_code == record["response_status"]
    assert answer.json() == record["response_body"]
    ours = {header.lower() for header in answer.headers}
    for header in record["response_headers"] or {}:
        if header.lower().startswith(("msh-", "x-msh")):
            assert header.lower() in ours
