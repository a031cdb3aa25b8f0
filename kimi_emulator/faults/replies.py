"""Faults of the answer's text, its end and its usage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kimi_emulator.faults.registry import STREAM, declare
from kimi_emulator.script import Answer

__all__ = ["Chunks", "choices_of", "message_changed", "without_calls"]

Chunks = list[dict[str, Any]]


def message_changed(answer: Answer, **members: Any) -> Answer:
    """The answer with other members of its message; what was scripted piece by piece is made again from them."""
    return replace(answer, message=answer.message | members, pieces=None)


def without_calls(answer: Answer) -> Answer:
    """The answer without its tool calls."""
    message = {name: value for name, value in answer.message.items() if name != "tool_calls"}
    return replace(answer, message=message, pieces=None)


def _empty(answer: Answer) -> Answer:
    return replace(message_changed(without_calls(answer), content="", reasoning_content=""), finish_reason="stop")


def _thinking_only(answer: Answer) -> Answer:
    return replace(message_changed(without_calls(answer), content=""), finish_reason="stop")


def _half_of_the_json(answer: Answer) -> Answer:
    text = answer.message["content"] or '{"answer": "yes"}'
    return replace(message_changed(answer, content=text[: len(text) // 2]), finish_reason="stop")


def _stray_think(answer: Answer) -> Answer:
    return message_changed(answer, content="</think>" + answer.message["content"])


def _change_usage(change: Callable[[dict[str, Any]], Any]) -> Callable[[Answer], Answer]:
    return lambda answer: replace(answer, usage=change(answer.usage))


def _floating(usage: dict[str, Any]) -> dict[str, Any]:
    return {name: float(value) if isinstance(value, int) else _floating(value) for name, value in usage.items()}


def _absurd(usage: dict[str, Any]) -> dict[str, Any]:
    """As recorded: 6,001 tokens of reasoning in a completion of 6,000."""
    spent = usage["completion_tokens"]
    return usage | {
        "cached_tokens": usage["prompt_tokens"] * 10,
        "completion_tokens_details": {"reasoning_tokens": spent + 1},
    }


def choices_of(chunks: Chunks) -> list[dict[str, Any]]:
    """The choice of each chunk that has one."""
    return [chunk["choices"][0] for chunk in chunks if chunk["choices"]]


def _late_usage(chunks: Chunks) -> Chunks:
    """The usage in a chunk of its own at the very end, and null in all others."""
    usage = next((choice["usage"] for choice in choices_of(chunks) if "usage" in choice), None)
    head = {name: value for name, value in chunks[0].items() if name != "choices"}
    without_usage = [{**chunk, "usage": None} for chunk in chunks if chunk["choices"]]
    for choice in choices_of(without_usage):
        choice.pop("usage", None)
    return [*without_usage, {**head, "choices": [], "usage": usage}]


def _no_usage(chunks: Chunks) -> Chunks:
    for choice in choices_of(chunks):
        choice.pop("usage", None)
    return [chunk for chunk in chunks if chunk["choices"]]


def _finish_everywhere(chunks: Chunks) -> Chunks:
    finish = next(choice["finish_reason"] for choice in choices_of(chunks) if choice["finish_reason"])
    for choice in choices_of(chunks):
        choice["finish_reason"] = finish
    return chunks


def _unknown_keys(chunks: Chunks) -> Chunks:
    for chunk in chunks:
        chunk |= {"provider": "unknown", "x_new": {"deep": [1, None]}}
        for choice in chunk["choices"]:
            choice |= {"native_finish_reason": None, "matched_stop": 163586}
            choice["delta"] = {**choice["delta"], "x_delta": None, "annotations": []}
    return chunks


def _more_keys(answer: Answer) -> Answer:
    return replace(
        message_changed(answer, refusal=None, annotations=[], x_new={"deep": [1, None]}),
        usage=answer.usage | {"x_usage": {"deep": 1}, "cost": 0.01},
    )


declare(
    "answer.empty",
    "No thinking, no text, no call; finish_reason stop.",
    "3 in one session: kimi-code#149",
    answer=_empty,
)
declare(
    "answer.thinking_only",
    "Thinking, but no text and no call; finish_reason stop.",
    "MoonshotAI/kimi-code#149",
    shows="thinking",
    answer=_thinking_only,
)
declare(
    "answer.truncated_json",
    "The model's JSON ends in the middle, although finish_reason says stop.",
    "other hosts' json_schema mode",
    answer=_half_of_the_json,
)
declare(
    "answer.length_on_full",
    "finish_reason length on an answer that is whole.",
    "recorded: max_tokens 1 and a complete answer",
    answer=lambda answer: replace(answer, finish_reason="length"),
)
declare(
    "answer.stray_think",
    "A lone `</think>` stands in front of the text.",
    "NVIDIA and Bedrock, kimi-k2-thinking",
    answer=_stray_think,
)
declare(
    "finish.every_chunk",
    "Every chunk has the finish_reason.",
    "OpenRouter: HKUDS/Vibe-Trading#39",
    on=STREAM,
    chunks=_finish_everywhere,
)
declare(
    "usage.missing",
    "No usage at all.",
    "other hosts; streams without include_usage",
    answer=_change_usage(lambda usage: {}),
    chunks=_no_usage,
)
declare("usage.null", "The usage is null.", "Bedrock Mantle: bifrost#7065", answer=_change_usage(lambda usage: None))
declare("usage.float", "Counts are floating-point numbers.", "gateways in JavaScript", answer=_change_usage(_floating))
declare(
    "usage.late",
    "The usage comes only in a last chunk of its own; the others say null.",
    "Bedrock Mantle: bifrost#7065",
    on=STREAM,
    chunks=_late_usage,
)
declare(
    "usage.absurd",
    "More reasoning tokens than completion tokens, and more cached tokens than the prompt had.",
    "recorded, 6001 of 6000: vercel/ai#19311",
    answer=_change_usage(_absurd),
)
declare(
    "keys.unknown",
    "Keys that nobody knows in every object.",
    "gateways; the platform itself adds keys without notice",
    answer=_more_keys,
    chunks=_unknown_keys,
)
