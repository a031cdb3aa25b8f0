"""Every answer has the keys, types, nulls, order and usage places of the recorded one that it stands for.

The shapes of the recordings are kept in tests/support/shapes.json (`python -m scripts.wire_shapes`); where the
recordings are at hand, another test compares that file with them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from kimi_emulator import Emulator, Reply, ToolCall
from scripts.wire_shapes import SHAPES, events, of_folder, own_headers, shape

WIRE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "wire"
RECORDED = json.loads(SHAPES.read_text("utf-8"))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
USER = {"role": "user", "content": "say hi"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}
CALL = Reply(reasoning="call it now", tool_calls=[ToolCall("get_weather", '{"city": "Paris"}')])
SEARCHED = [
    USER,
    {
        "role": "assistant",
        "content": "",
        "reasoning_content": "r",
        "tool_calls": [{"id": "t", "type": "builtin_function", "function": {"name": "$web_search", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "t", "content": "{}"},
]
OFF = {"thinking": {"type": "disabled"}}
LOOP = [
    USER,
    {
        "role": "assistant",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
]


@dataclass
class Scene:
    """What to ask of which emulator for an answer like the recorded one."""

    fields: dict[str, Any] = field(default_factory=dict)
    script: Sequence[Reply] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    fail: Sequence[str] = ()
    times: int = 1
    """How often to ask: the second time the prompt is cached."""
    key: str | None = None
    older: Sequence[tuple[str, ...]] = ()
    """Members that the recorded build did not have yet, by their place."""

    def ask(self, client: httpx.Client) -> httpx.Response:
        body = {"model": "kimi-k3", "messages": [USER]} | self.fields
        for _ in range(self.times):
            answer = client.post("/chat/completions", json=body)
        return answer


class OfAFile(Scene):
    """The content of an uploaded text."""

    def ask(self, client: httpx.Client) -> httpx.Response:
        stored = client.post("/files", files={"file": ("a.txt", b"text")}, data={"purpose": "file-extract"}).json()
        return client.get(f"/files/{stored['id']}/content")


class WithAnImage(Scene):
    """A question about an uploaded picture."""

    def ask(self, client: httpx.Client) -> httpx.Response:
        stored = client.post("/files", files={"file": ("a.png", PNG)}, data={"purpose": "image"}).json()
        part = {"type": "image_url", "image_url": {"url": f"ms://{stored['id']}"}}
        self.fields = self.fields | {"messages": [{"role": "user", "content": [part]}]}
        return super().ask(client)


STREAM = {"stream": True}
WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}
K25 = {"model": "kimi-k2.5"}
BEFORE_THINKING = (("choices", "0", "message", "reasoning_content"), ("usage", "completion_tokens_details"))
TUPLE = {"type": "object", "properties": {"pair": {"type": "array", "items": [{"type": "string"}]}}}
ABSURD = {
    "prompt_tokens": 951,
    "completion_tokens": 6000,
    "total_tokens": 6952,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 6001},
}

SCENES: dict[str, Callable[[], Scene]] = {
    "k3_chat_plain_cached_usage": lambda: Scene(times=2),
    "k3_json_object_mode": lambda: Scene({"response_format": {"type": "json_object"}}, times=2),
    "k3_toolcall_nonstream": lambda: Scene({"tools": [WEATHER]}, [CALL]),
    "k3_toolcall_required_ok": lambda: Scene({"tools": [WEATHER], "tool_choice": "required"}),
    "k3_probe_length_empty_content": lambda: Scene({"max_tokens": 16}, [Reply(reasoning="word " * 99)]),
    "k3_usage_reasoning_exceeds_completion": lambda: Scene(
        {}, [Reply(content="", usage=ABSURD, finish_reason="length")]
    ),
    "k26_image_by_ms_file_reference": lambda: WithAnImage({"model": "kimi-k2.6", **OFF}, times=2),
    "k3_toolcall_stream_reasoning_usage_twice": lambda: Scene(WITH_USAGE | {"tools": [WEATHER]}, [CALL] * 2, times=2),
    "k25_stream_usage_only_in_choice": lambda: Scene(
        STREAM | K25, [Reply(content="OK .", reasoning="")], {"retired": True}
    ),
    "k25_web_search_round1": lambda: Scene(
        K25 | {"tools": [SEARCH]},
        [Reply(tool_calls=[ToolCall("$web_search", "{}")])],
        {"retired": True},
        older=(*BEFORE_THINKING, ("choices", "0", "message", "tool_calls", "0", "index")),
    ),
    "k25_web_search_round2": lambda: Scene(
        K25 | {"tools": [SEARCH], "messages": SEARCHED}, settings={"retired": True}, older=BEFORE_THINKING
    ),
    "azure_k25_stream_toolcall": lambda: Scene(
        WITH_USAGE | K25 | {"tools": [WEATHER]}, [CALL], {"retired": True, "dialect": "azure"}
    ),
    "openrouter_k25_chat_reasoning_details": lambda: Scene(K25, settings={"retired": True, "dialect": "openrouter"}),
    "file_content_extract": OfAFile,
    "error_400_context_length": lambda: Scene({"model": "kimi-k2.6", "max_tokens": 262_144}),
    "error_400_k3_temperature_with_headers": lambda: Scene({"temperature": 0.3}),
    "error_400_mfjs_response_format_items_array": lambda: Scene(
        {"response_format": {"type": "json_schema", "json_schema": {"name": "t", "schema": TUPLE}}}
    ),
    "error_400_reasoning_missing_tool_call": lambda: Scene(
        {"model": "kimi-k2.6", "messages": [*LOOP, {"role": "tool", "tool_call_id": "a", "content": "x"}]}
    ),
    "error_400_tool_choice_required_thinking": lambda: Scene(
        {"model": "kimi-k2.6", "tools": [WEATHER], "tool_choice": "required"}
    ),
    "error_401_invalid_authentication": lambda: Scene(key="sk-test-other"),
    "error_404_model_not_found": lambda: Scene({"model": "kimi-not-exist"}),
    "error_429_engine_overloaded": lambda: Scene(fail=["http.429_overloaded"]),
    "error_429_insufficient_balance": lambda: Scene(fail=["http.gateway_raw"]),
    "error_429_rate_limit_rpm": lambda: Scene({"max_tokens": 9}, settings={"tier": 0}, times=4),
}


def without(value: Any, place: Sequence[str]) -> None:
    """Take a member away, at this place of a shape."""
    for step in place[:-1]:
        value = value[int(step)] if isinstance(value, list) else value[step]
    del value[place[-1]]


def within(ours: list[Any], recorded: list[Any]) -> bool:
    """Whether ours are among the recorded events, in the same order."""
    left = iter(recorded)
    return all(event in left for event in ours)


def nameless(events: list[Any]) -> list[Any]:
    """Without the fingerprints, which come and go in recordings."""
    return [
        event if event == "[DONE]" else {k: v for k, v in event.items() if k != "system_fingerprint"}
        for event in events
    ]


def test_every_recorded_shape_is_covered():
    assert set(SCENES) == set(RECORDED)


@pytest.mark.skipif(not WIRE.is_dir(), reason="the recordings are not at hand")
def test_the_kept_shapes_are_those_of_the_recordings():
    assert of_folder(WIRE) == RECORDED


@pytest.mark.parametrize("name", SCENES)
def test_an_answer_is_shaped_as_the_recorded_one(name: str):
    scene, recorded = SCENES[name](), RECORDED[name]
    with ExitStack() as stack:
        kimi = stack.enter_context(Emulator(**scene.settings))
        headers = {"Authorization": f"Bearer {scene.key or kimi.api_key}"}
        client = stack.enter_context(httpx.Client(base_url=kimi.base_url, headers=headers, timeout=20))
        kimi.script(*scene.script)
        kimi.fail(*scene.fail)
        answer = scene.ask(client)
    assert answer.status_code == recorded["status"], answer.text
    if "headers" in recorded:
        assert own_headers(answer.headers) == recorded["headers"]
    if "events" in recorded:
        ours, theirs = nameless(events(answer.text.splitlines())), nameless(recorded["events"])
        assert answer.text.endswith("data: [DONE]\n\n")
        # Only one recording holds its last line; Azure's has an event more, of filters that found something to say.
        assert within(ours[:-1], theirs)
        assert len(ours[:-1]) >= len([event for event in theirs if event != "[DONE]"]) - (name.startswith("azure"))
        return
    ours = shape(answer.json())
    for place in scene.older:
        without(ours, place)
    assert ours == recorded["body"]


def test_a_fingerprint_stands_in_every_chunk_but_the_last():
    with Emulator() as kimi:
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        body = {"model": "kimi-k3", "messages": [USER], **WITH_USAGE}
        text = httpx.post(f"{kimi.base_url}/chat/completions", json=body, headers=headers).text
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert [chunk["choices"] == [] for chunk in chunks] == ["system_fingerprint" not in chunk for chunk in chunks]
