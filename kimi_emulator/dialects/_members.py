"""Members that a host adds to answers, or says otherwise: Azure, OpenRouter, llama.cpp, Ollama and LiteLLM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["SEVERITIES", "flat_usage", "through_litellm", "through_openrouter", "timings", "whole_calls", "with_nulls"]

SEVERITIES = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
"""What Azure's filters say of a harmless text."""


def with_nulls(piece: Mapping[str, Any]) -> dict[str, Any]:
    """A later piece of a call as Azure and SGLang send it: with a null id and name, but the type once more."""
    return {"id": None, "type": "function", **piece, "function": {"name": None, **piece["function"]}}


def flat_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """A usage object as Azure gives it."""
    counts = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    thinking = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    return counts | {"prompt_tokens_details": None, "reasoning_tokens": thinking}


def timings(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """What llama.cpp adds to the last chunk and to plain answers; the times are made up."""
    prompt, output = (int((usage or {}).get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
    return {
        "timings": {
            "cache_n": 0,
            "prompt_n": prompt,
            "prompt_ms": prompt * 2.0,
            "prompt_per_second": 500.0,
            "predicted_n": output,
            "predicted_ms": output * 20.0,
            "predicted_per_second": 50.0,
        }
    }


def whole_calls(chunks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The chunks with each tool call in one piece, as Ollama sends it (its ToToolCalls has no other form)."""
    waiting: dict[Any, tuple[dict[str, Any], dict[str, Any]]] = {}
    for chunk in chunks:
        choice = chunk["choices"][0] if chunk["choices"] else {"delta": {}}
        pieces = choice["delta"].get("tool_calls")
        if not pieces:
            yield from (_with_call(whole, call) for whole, call in waiting.values())
            waiting.clear()
            yield chunk
            continue
        for piece in pieces:
            function = piece["function"]
            held = waiting.get(piece.get("index"))
            if held is None:
                waiting[piece.get("index")] = chunk, piece | {"function": dict(function)}
            else:
                held[1]["function"]["arguments"] += function.get("arguments") or ""
    yield from (_with_call(whole, call) for whole, call in waiting.values())


def _with_call(chunk: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
    return chunk | {"choices": [chunk["choices"][0] | {"delta": {"tool_calls": [call]}}]}


def through_openrouter(body: dict[str, Any]) -> dict[str, Any]:
    """A plain answer as OpenRouter gives it: with OpenRouter's extra members, and the thinking repeated in parts."""
    [choice] = body["choices"]
    message, finish = choice["message"], choice["finish_reason"]
    if message.get("reasoning"):
        part = {"type": "reasoning.text", "text": message["reasoning"], "format": "unknown", "index": 0}
        message = message | {"reasoning_details": [part]}
    own_choice = choice | {"message": message | {"refusal": None}, "logprobs": None, "native_finish_reason": finish}
    usage = body.get("usage")
    if isinstance(usage, dict):
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        thinking = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
        # USD per token of kimi-k2.5 in the recording: 0.60 and 3.00 per million.
        prompt_cost, output_cost = usage.get("prompt_tokens", 0) * 0.6e-6, usage.get("completion_tokens", 0) * 3e-6
        usage = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")} | {
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": thinking, "audio_tokens": 0},
            "cost": prompt_cost + output_cost,
            "is_byok": False,
            "cost_details": {
                "upstream_inference_cost": prompt_cost + output_cost,
                "upstream_inference_prompt_cost": prompt_cost,
                "upstream_inference_completions_cost": output_cost,
            },
        }
    own = {"provider": "Moonshot AI", "system_fingerprint": "fpv0_00000000", "choices": [own_choice]}
    return body | own | ({"usage": usage} if "usage" in body else {})


def through_litellm(chunk: dict[str, Any]) -> dict[str, Any]:
    """A chunk as LiteLLM 1.108.7 passes it on (measured): no null members, the usage chunk with an empty choice."""
    if not chunk["choices"]:
        return chunk | {"choices": [{"index": 0, "delta": {}}]}
    [choice] = chunk["choices"]
    choice = {name: value for name, value in choice.items() if value is not None}
    pieces = choice["delta"].get("tool_calls")
    if pieces:
        choice["delta"] = choice["delta"] | {"tool_calls": [{"type": "function", **piece} for piece in pieces]}
    return chunk | {"choices": [choice]}
