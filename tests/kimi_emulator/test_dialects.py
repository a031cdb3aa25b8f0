"""Other hosts' habits: the same answers in the clothes that were recorded from them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from kimi_emulator import DIALECTS, Dialect, Emulator, Reply, ToolCall

TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}},
}
TEXT, THOUGHT = "hello there", "let me think"
CALL = Reply(content="", reasoning=THOUGHT, tool_calls=[ToolCall("look", {"at": "a"}), ToolCall("look", {"at": "b"})])


@contextmanager
def host(dialect: Dialect | str) -> Iterator[tuple[Emulator, httpx.Client]]:
    with (
        Emulator(dialect=dialect) as kimi,
        httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}, timeout=5) as client,
    ):
        yield kimi, client


def ask(client: httpx.Client, messages: list[Any] | None = None, **fields: Any) -> dict[str, Any]:
    body = {"model": "kimi-k2.6", "messages": messages or [{"role": "user", "content": "hi"}], "tools": [TOOL]}
    answer = client.post("/chat/completions", json=body | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def stream(client: httpx.Client, *, include_usage: bool = True) -> list[dict[str, Any]]:
    body = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "hi"}], "tools": [TOOL], "stream": True}
    if include_usage:
        body["stream_options"] = {"include_usage": True}
    text = client.post("/chat/completions", json=body).text
    assert text.endswith("data: [DONE]\n\n")
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


def deltas(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [choice["delta"] for event in events for choice in event["choices"]]


def test_the_platform_is_the_default_and_unknown_hosts_are_named() -> None:
    with Emulator() as kimi:
        answer = httpx.post(
            f"{kimi.base_url}/chat/completions",
            json={"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}]},
            headers={"Authorization": f"Bearer {kimi.api_key}"},
        )
    assert "reasoning_content" in answer.json()["choices"][0]["message"]
    assert DIALECTS["platform"] == Dialect()
    with pytest.raises(ValueError, match=r"no dialect 'other'; there are platform, vllm"):
        Emulator(dialect="other")


def test_the_other_name_of_the_thinking() -> None:
    with host(Dialect(reasoning_field="reasoning")) as (kimi, client):
        kimi.script(Reply(content=TEXT, reasoning=THOUGHT), Reply(content=TEXT, reasoning=THOUGHT))
        message = ask(client)["choices"][0]["message"]
        assert (message["reasoning"], "reasoning_content" in message) == (THOUGHT, False)
        pieces = deltas(stream(client))
        assert "".join(piece.get("reasoning") or "" for piece in pieces) == THOUGHT
        assert not any("reasoning_content" in piece for piece in pieces)


@pytest.mark.parametrize(("name", "gateway"), [("vllm", False), ("openrouter", True)])
def test_thinking_comes_back_under_the_hosts_own_name(name: str, gateway: bool) -> None:
    """A gateway passes the platform's refusals on; who runs the weights has none."""
    with host(name) as (kimi, client):
        kimi.script(CALL)
        message = ask(client)["choices"][0]["message"]
        message = {member: message[member] for member in ("role", "content", "reasoning", "tool_calls")}
        history = [
            {"role": "user", "content": "hi"},
            message,
            *[{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in message["tool_calls"]],
        ]
        ask(client, history)
        assert kimi.refusals == kimi.report == []
        without = [{name: value for name, value in m.items() if name != "reasoning"} for m in history]
        answer = client.post("/chat/completions", json={"model": "kimi-k2.6", "messages": without, "tools": [TOOL]})
        if gateway:
            assert "reasoning_content is missing" in answer.json()["error"]["metadata"]["raw"]
        else:
            assert answer.status_code == 200
            assert [entry.rule for entry in kimi.report] == ["reasoning.dropped"]
            kimi.report.clear()
        altered = [{**m, "reasoning": "something else"} if "reasoning" in m else m for m in history]
        ask(client, altered)
        assert [entry.rule for entry in kimi.report] == ["reasoning.altered"]


def test_ids_are_counted_over_the_whole_conversation() -> None:
    with host(Dialect(call_ids="functions")) as (kimi, client):
        kimi.script(CALL, CALL, CALL)
        message = ask(client)["choices"][0]["message"]
        assert [call["id"] for call in message["tool_calls"]] == ["functions.look:0", "functions.look:1"]
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in message["tool_calls"]]
        later = ask(client, [{"role": "user", "content": "hi"}, message, *results])["choices"][0]["message"]
        assert [call["id"] for call in later["tool_calls"]] == ["functions.look:2", "functions.look:3"]
        first = [c for d in deltas(stream(client)) for c in d.get("tool_calls", ()) if c.get("id")]
        assert [call["id"] for call in first] == ["functions.look:0", "functions.look:1"]


def test_null_values_and_an_empty_first_event() -> None:
    """As recorded from Azure: every delta has the same four keys, later pieces of calls have null ids and names."""
    with host("azure") as (kimi, client):
        kimi.script(CALL)
        events = stream(client)
    assert events[0]["choices"] == []
    assert (events[0]["id"], events[0]["model"], events[0]["object"], events[0]["created"]) == ("", "", "", 0)
    keys = {"role", "content", "reasoning_content", "tool_calls"}
    assert all(set(delta) == keys for delta in deltas(events))
    assert all(event["usage"] is None for event in events[1:-1])
    pieces = [piece for delta in deltas(events) for piece in delta["tool_calls"] or ()]
    assert [piece["id"] for piece in pieces] == ["functions.look:0", None, "functions.look:1", None]
    assert [piece["function"]["name"] for piece in pieces] == ["look", None, "look", None]
    assert [piece["type"] for piece in pieces] == ["function"] * 4


@pytest.mark.parametrize("include_usage", [False, True])
def test_usage_only_at_the_end(include_usage: bool) -> None:
    with host(Dialect(usage_at_end=True)) as (kimi, client):
        kimi.script(Reply(content=TEXT))
        events = stream(client, include_usage=include_usage)
    assert not any("usage" in choice for event in events for choice in event["choices"])
    assert [bool(event.get("usage")) for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["choices"] == []


def test_thinking_in_the_text() -> None:
    with host("nvidia") as (kimi, client):
        kimi.script(Reply(content=TEXT, reasoning=THOUGHT), Reply(content=TEXT, reasoning=THOUGHT))
        message = ask(client)["choices"][0]["message"]
        assert message == {"role": "assistant", "content": f"<think>{THOUGHT}</think>{TEXT}"}
        pieces = deltas(stream(client))
        assert "".join(piece.get("content") or "" for piece in pieces) == message["content"]
        assert not any("reasoning_content" in piece for piece in pieces)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_host_can_fail_too(name: str) -> None:
    with host(name) as (kimi, client):
        kimi.script(CALL)
        kimi.fail("finish.every_chunk")
        events = stream(client)
        answered = [event for event in events if not (name == "litellm" and event.get("usage"))]
        assert {choice["finish_reason"] for event in answered for choice in event["choices"]} == {"tool_calls"}
        kimi.script(CALL)
        kimi.fail("cut.arguments")
        with pytest.raises(httpx.RemoteProtocolError):
            stream(client)


def test_every_delta_of_ollama_has_a_role_and_a_call_comes_in_one_piece() -> None:
    with host("ollama") as (kimi, client):
        kimi.script(CALL)
        events = stream(client)
    assert all((delta["role"], "content" in delta) == ("assistant", True) for delta in deltas(events))
    assert all(event["system_fingerprint"] == "fp_ollama" for event in events)
    calls = [call for delta in deltas(events) for call in delta.get("tool_calls", ())]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"at": "a"}, {"at": "b"}]
    assert [call["index"] for call in calls] == [0, 1]
    assert all(re.fullmatch(r"call_[a-z0-9]{8}", call["id"]) for call in calls)


def test_llama_cpp_says_how_long_it_took() -> None:
    with host("llama.cpp") as (kimi, client):
        kimi.script(CALL, CALL)
        answer, events = ask(client), stream(client)
    assert answer["timings"]["prompt_n"] == answer["usage"]["prompt_tokens"]
    assert "timings" in events[-1]
    assert deltas(events)[0] == {"role": "assistant", "content": None}
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", call["id"]) for call in answer["choices"][0]["message"]["tool_calls"])


def test_sglang_says_null_where_nothing_is_new() -> None:
    with host("sglang") as (kimi, client):
        kimi.script(CALL)
        events = stream(client)
    assert all(set(delta) == {"role", "content", "reasoning_content", "tool_calls"} for delta in deltas(events))
    first = [piece for delta in deltas(events) for piece in delta["tool_calls"] or () if piece["id"]]
    assert [piece["id"] for piece in first] == ["functions.look:0", "functions.look:1"]


def test_the_usage_chunk_of_litellm_has_an_empty_choice() -> None:
    with host("litellm") as (kimi, client):
        kimi.script(CALL)
        events = stream(client)
    assert events[-1]["choices"] == [{"index": 0, "delta": {}}]
    assert events[-1]["usage"]["total_tokens"] > 0
    assert not any(value is None for event in events for choice in event["choices"] for value in choice.values())
    pieces = [piece for delta in deltas(events) for piece in delta.get("tool_calls", ())]
    assert {piece["type"] for piece in pieces} == {"function"}
