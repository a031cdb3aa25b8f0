"""An answer put together from its bytes, as far as they can be read: a fault may have left them in any state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kimi_emulator.inspector.traffic import Exchange

__all__ = ["join_events", "read_answer", "thought_of"]

_THOUGHTS = ("reasoning_content", "reasoning")


def thought_of(message: Mapping[str, Any]) -> str:
    """The thinking of an assistant message, by either of its names; "" for none."""
    return next((value for name in _THOUGHTS if isinstance(value := message.get(name), str) and value), "")


def read_answer(exchange: Exchange) -> dict[str, Any]:
    """``message``, ``finish_reason``, ``usage`` and ``model`` of a chat's answer; ``error``; or ``json`` of another."""
    kind, data = exchange.headers.get("content-type", ""), exchange.answer()
    if "event-stream" in kind:
        return join_events(_events(data))
    try:
        body = json.loads(data) if data else {}
    except ValueError:
        return {}
    if not isinstance(body, dict):
        return {}
    if not isinstance(body.get("choices"), list):
        return {"error": body["error"]} if "error" in body else {"json": body}
    choice = next(_objects(body["choices"]), {})
    return {
        "model": body.get("model"),
        "message": _message(choice.get("message")),
        "finish_reason": choice.get("finish_reason"),
        "usage": body.get("usage"),
    }


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The entries of a list that are objects; [] for anything but a list."""
    return (entry for entry in value if isinstance(entry, dict)) if isinstance(value, list) else iter(())


def _message(value: Any) -> dict[str, Any]:
    """A message whose calls, if it has any, are objects with a function each."""
    message = dict(value) if isinstance(value, dict) else {}
    if "tool_calls" in message:
        message["tool_calls"] = [c for c in _objects(message["tool_calls"]) if isinstance(c.get("function"), dict)]
    return message


def _events(data: bytes) -> Iterator[Any]:
    for line in data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            try:
                event = json.loads(line[5:])
            except ValueError:  # cut or glued by a fault; the raw bytes show how
                continue
            yield event


def join_events(events: Iterable[Any]) -> dict[str, Any]:
    """What ``read_answer`` gives, out of a stream's events. What is not of its place's kind is left out."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    answer: dict[str, Any] = {"message": message}
    texts: dict[str, list[str]] = {name: [] for name in ("content", *_THOUGHTS)}
    calls: dict[int, dict[str, Any]] = {}
    for event in (each for each in events if isinstance(each, dict)):
        if "error" in event:
            answer["error"] = event["error"]
        answer["model"] = event.get("model", answer.get("model"))
        for choice in _objects(event.get("choices")):
            delta = choice.get("delta")
            delta = delta if isinstance(delta, dict) else {}
            for name, pieces in texts.items():
                if isinstance(delta.get(name), str):
                    pieces.append(delta[name])
            for call in _objects(delta.get("tool_calls")):
                _add_call(calls, call)
            answer["finish_reason"] = choice.get("finish_reason") or answer.get("finish_reason")
            answer["usage"] = choice.get("usage") or answer.get("usage")
        answer["usage"] = event.get("usage") or answer.get("usage")
    message.update({name: "".join(pieces) for name, pieces in texts.items() if any(pieces)})
    if calls:
        message["tool_calls"] = list(calls.values())
    return answer


def _add_call(calls: dict[int, dict[str, Any]], piece: Mapping[str, Any]) -> None:
    index = piece.get("index")
    call = calls.setdefault(
        index if isinstance(index, int) else len(calls), {"function": {"name": "", "arguments": ""}}
    )
    for name in ("id", "type"):
        if piece.get(name):
            call[name] = piece[name]
    function = piece.get("function")
    for name in ("name", "arguments"):
        text = function.get(name) if isinstance(function, dict) else None
        call["function"][name] += text if isinstance(text, str) else ""
