"""Faults of tool calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kimi_emulator.faults.registry import STREAM, declare
from kimi_emulator.faults.replies import Chunks, choices_of, message_changed, without_calls
from kimi_emulator.script import Answer

Call = dict[str, Any]


def _change_calls(change: Callable[[int, Call], Call], **ending: Any) -> Callable[[Answer], Answer]:
    """Each call of the answer changed; answers without calls stay as they are."""

    def change_answer(answer: Answer) -> Answer:
        calls = answer.message.get("tool_calls")
        if not calls:
            return answer
        changed_calls = [
            change(position, {**call, "function": dict(call["function"])}) for position, call in enumerate(calls)
        ]
        return replace(message_changed(answer, tool_calls=changed_calls), **ending)

    return change_answer


def _with_function(**members: Callable[[str], str]) -> Callable[[int, Call], Call]:
    def change(position: int, call: Call) -> Call:
        function = call["function"]
        return call | {"function": function | {name: make(function[name]) for name, make in members.items()}}

    return change


def _pieces(chunks: Chunks) -> list[Call]:
    return [piece for choice in choices_of(chunks) for piece in choice["delta"].get("tool_calls", ())]


def _no_index(chunks: Chunks) -> Chunks:
    for piece in _pieces(chunks):
        piece.pop("index", None)
    return chunks


def _late_name(chunks: Chunks) -> Chunks:
    """The name stands in the second piece of each call instead of the first."""
    names: dict[int, str] = {}
    for piece in _pieces(chunks):
        name = piece["function"].pop("name", None)
        if name is not None:
            names[piece["index"]] = name
        else:
            late = names.pop(piece["index"], None)
            piece["function"] |= {"name": late} if late else {}
    return chunks


def _no_name(chunks: Chunks) -> Chunks:
    for piece in _pieces(chunks):
        piece["function"].pop("name", None)
    return chunks


def _no_name_in(answer: Answer) -> Answer:
    return _change_calls(lambda position, call: call | {"function": call["function"] | {"name": None}})(answer)


def _none(answer: Answer) -> Answer:
    return replace(without_calls(answer), finish_reason="tool_calls")


def _markers(answer: Answer) -> Answer:
    """The model's own marks, which the host should have turned into calls, stand in the text."""
    calls = "".join(
        f"<|tool_call_begin|>functions.{call['function']['name']}:{position}<|tool_call_argument_begin|>"
        f"{call['function']['arguments']}<|tool_call_end|>"
        for position, call in enumerate(answer.message.get("tool_calls", ()))
    )
    text = f"<|tool_calls_section_begin|>{calls}<|tool_calls_section_end|>"
    return message_changed(_none(answer), content=answer.message["content"] + text)


def _text_after(chunks: Chunks) -> Chunks:
    """One more piece of text between the calls and the finish."""
    end = next(n for n, chunk in enumerate(chunks) if chunk["choices"] and chunk["choices"][0]["finish_reason"])
    choice = {"index": 0, "delta": {"content": " Let me look."}, "finish_reason": None}
    return [*chunks[:end], {**chunks[end], "choices": [choice]}, *chunks[end:]]


def _declare(id: str, description: str, seen: str, **more: Any) -> None:
    declare(id, description, seen, shows="calls", **more)


_declare(
    "calls.duplicate_ids",
    "All calls of the answer have the same id.",
    "vercel/ai changelog, moonshotai provider",
    answer=_change_calls(lambda position, call: call | {"id": "call_0"}),
)
_declare(
    "calls.blank_ids",
    "The ids are empty.",
    "vercel/ai changelog, moonshotai provider",
    answer=_change_calls(lambda position, call: call | {"id": ""}),
)
_declare(
    "calls.repeated_ids",
    "The ids are those of the turn before: `search:0`, `search:1` in every turn.",
    "recorded, api.moonshot.ai 2026-07: get_weather_0 in every turn",
    answer=_change_calls(lambda position, call: call | {"id": f"search:{position}"}),
)
_declare(
    "calls.no_index",
    "The pieces of calls have no index.",
    "vercel/ai changelog; the published schema has none either",
    on=STREAM,
    chunks=_no_index,
)
_declare(
    "calls.name_missing",
    "The calls have no name.",
    "vllm#50768: the parser could not find it",
    answer=_no_name_in,
    chunks=_no_name,
)
_declare(
    "calls.name_empty",
    "The name is an empty text.",
    "forgecode#1141: the first delta was lost",
    answer=_change_calls(_with_function(name=lambda name: "")),
)
_declare(
    "calls.name_late", "The name comes with the second piece of a call.", "other hosts", on=STREAM, chunks=_late_name
)
_declare(
    "calls.arguments_cut",
    "The arguments end in the middle; finish_reason length.",
    "small max_tokens",
    answer=_change_calls(_with_function(arguments=lambda text: text[: len(text) // 2]), finish_reason="length"),
)
_declare(
    "calls.arguments_twice",
    "The arguments are a JSON text inside a JSON text.",
    "MoonshotAI/Kimi-K2#26",
    answer=_change_calls(_with_function(arguments=lambda text: json.dumps(text, ensure_ascii=False))),
)
_declare(
    "calls.arguments_empty",
    'The arguments are "" where "{}" belongs.',
    "other hosts, for functions without parameters",
    answer=_change_calls(_with_function(arguments=lambda text: "")),
)
_declare(
    "calls.finish_stop",
    "There are calls, but finish_reason says stop.",
    "other hosts",
    answer=_change_calls(lambda position, call: call, finish_reason="stop"),
)
_declare("calls.none", "finish_reason tool_calls without any call.", "vllm#50768", answer=_none)
_declare(
    "calls.markers",
    "The calls stand in the text, in the model's own marks; finish_reason tool_calls, no call.",
    "MoonshotAI/Kimi-K2#26, sglang#25218",
    answer=_markers,
)
_declare("calls.content_after", "Text comes after the calls.", "other hosts", on=STREAM, chunks=_text_after)
