"""From a reply to a finished answer: the request's limits are applied to it, and it is counted."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from kimi_emulator.platform import tokens
from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.script import Answer, Reply, ToolCall

__all__ = ["finish"]


def _calls(reply: Reply, tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tool calls as recorded: with an ``index`` even outside streams, and ids that only count within one answer."""
    kinds = {tool.get("function", {}).get("name"): tool.get("type", "function") for tool in tools}
    return [
        {
            "index": index,
            "id": call.id if call.id is not None else _call_id(call, index, kinds.get(call.name)),
            "type": kinds.get(call.name, "function"),
            "function": {"name": call.name, "arguments": call.arguments_text},
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _call_id(call: ToolCall, index: int, kind: str | None) -> str:
    if kind == "builtin_function":  # recorded: t-web_search-69e395879d68
        return f"t-{call.name.removeprefix('$')}-{secrets.token_hex(6)}"
    return f"{call.name}_{index}"


def _at_stop(text: str, stop: Any) -> str:
    """The text before the first stop string."""
    stops = [stop] if isinstance(stop, str) else list(stop or ())
    ends = [place for word in stops if word and (place := text.find(word)) >= 0]
    return text[: min(ends)] if ends else text


def finish(check: ChatCheck, reply: Reply, cached: int) -> Answer:
    """Apply stop strings and the output limit to a reply, and count it.

    Thinking is spent first: a limit reached inside it gives ``content: ""`` and ``finish_reason: "length"`` without
    any tool call, as recorded.
    """
    model, limit = check.model, check.max_tokens or check.model.default_output
    content = _at_stop(reply.content or "", check.body.get("stop"))
    calls = _calls(reply, [entry.tool for entry in check.tools])
    reasoning = (reply.reasoning or "") if check.thinks else ""
    finish_reason = reply.finish_reason or ("tool_calls" if calls else "stop")

    closing = tokens.CLOSE_TOKENS if check.thinks else 0
    spent_thinking = tokens.count(reasoning)
    spent_calls = sum(6 + tokens.count(c["function"]["name"] + c["function"]["arguments"]) for c in calls)
    total = spent_thinking + closing + tokens.count(content) + spent_calls
    if total > limit:
        finish_reason, total = "length", limit
        if spent_thinking + closing > limit:
            reasoning, content = tokens.cut(reasoning, limit - closing), ""
        else:
            content = tokens.cut(content, limit - closing - spent_thinking)
        calls, spent_thinking = [], tokens.count(reasoning)

    message: dict[str, Any] = {"role": "assistant", "content": content}
    if model.thinking != "none":  # "" when thinking is switched off, no key on models that cannot think
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    usage = dict(reply.usage) if reply.usage is not None else _usage(check, total, spent_thinking, cached)
    return Answer(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(time.time()),
        model=model.id,
        message=message,
        finish_reason=finish_reason,
        usage=usage,
        pieces=reply.pieces,
    )


def _usage(check: ChatCheck, completion: int, thinking: int, cached: int) -> dict[str, Any]:
    """The usage object; the keys about cached tokens are absent, not 0, when nothing was cached."""
    usage: dict[str, Any] = {
        "prompt_tokens": check.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": check.prompt_tokens + completion,
    }
    if cached:
        usage["cached_tokens"] = cached
    if check.model.thinking != "none":
        usage["completion_tokens_details"] = {"reasoning_tokens": max(thinking, 1)}
    if cached:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    return usage
