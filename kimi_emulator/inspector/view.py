"""An exchange as the page shows it: the answer put together, tokens, money, timing, rules, and a curl command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from kimi_emulator.inspector.traffic import Exchange
from kimi_emulator.platform.account import price
from kimi_emulator.platform.state import ReceivedRequest, State
from kimi_emulator.rules import RULES

__all__ = ["detail", "mask_key", "read_answer", "received_by", "rules_about", "summary"]

_POINTS = 400  # of a stream's timing
_SENT_BY_ITSELF = {"host", "content-length", "accept-encoding", "connection", "authorization", "content-type"}
_THOUGHTS = ("reasoning_content", "reasoning")


def mask_key(header: str) -> str:
    """A bearer header with its key as ``sk-...last4``."""
    scheme, _, key = header.rpartition(" ")
    shown = f"sk-...{key[-4:]}" if len(key) > 8 else "sk-..."
    return f"{scheme} {shown}".strip()


def summary(exchange: Exchange, state: State) -> dict[str, Any]:
    """The line of the list."""
    received, reply = received_by(exchange, state), read_answer(exchange)
    rules = [{"id": rule["id"], "refused": rule["refused"]} for rule in rules_about(exchange, state)]
    text = _searchable(_object(received), received, reply)
    return {**_facts(exchange, received, reply), "rules": rules, "text": text}


def detail(exchange: Exchange, state: State, base_url: str) -> dict[str, Any]:
    """All of it."""
    received, reply = received_by(exchange, state), read_answer(exchange)
    usage = reply.get("usage")
    model = str(reply.get("model") or _object(received).get("model") or "")
    shown = dict(received.headers) if received is not None else {}
    if "authorization" in shown:
        shown["authorization"] = mask_key(shown["authorization"])
    return {
        **_facts(exchange, received, reply),
        "request": {
            "headers": shown,
            "json": received.json if received is not None else None,
            "form": received.form if received is not None else None,
            "query": received.query if received is not None else {},
        },
        "reply": reply,
        "answer_headers": exchange.headers,
        "raw": exchange.answer().decode("utf-8", "replace"),
        "size": exchange.size,
        "cut": exchange.size - exchange.bytes_held,
        "cost": price(model, usage) if isinstance(usage, Mapping) and model else None,
        "timing": timing(exchange),
        "rules": rules_about(exchange, state),
        "curl": curl(received, base_url) if received is not None else "",
    }


def _facts(exchange: Exchange, received: ReceivedRequest | None, reply: Mapping[str, Any]) -> dict[str, Any]:
    """What list and detail both show."""
    body = _object(received)
    return {
        "id": exchange.id,
        "at": exchange.at,
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "model": body.get("model"),
        "streamed": bool(body.get("stream")),
        "done": exchange.ended is not None,
        "whole": exchange.whole,
        "seconds": None if exchange.ended is None else exchange.ended - exchange.began,
        "tokens": tokens_of(reply.get("usage")),
    }


def timing(exchange: Exchange) -> dict[str, Any]:
    """Milliseconds after the request came: the first byte, the end, and each piece (some of them, if many)."""
    offsets = [round((moment - exchange.began) * 1000, 3) for moment in exchange.times]
    step = max(1, -(-len(offsets) // _POINTS))
    return {
        "pieces": len(offsets),
        "first": offsets[0] if offsets else None,
        "last": offsets[-1] if offsets else None,
        "longest_gap": max((b - a for a, b in pairwise(offsets)), default=0.0),
        "points": offsets[::step],
    }


def tokens_of(usage: Any) -> dict[str, int] | None:
    """Tokens by where they come from: read from the cache, other input, thinking, the rest of the output."""
    if not isinstance(usage, Mapping):
        return None

    def count(value: Any) -> int:
        return int(value) if isinstance(value, int | float) else 0

    details = usage.get("completion_tokens_details")
    thinking = count(details.get("reasoning_tokens")) if isinstance(details, Mapping) else 0
    cached, output = count(usage.get("cached_tokens")), count(usage.get("completion_tokens"))
    return {
        "cached": cached,
        "input": max(count(usage.get("prompt_tokens")) - cached, 0),
        "thinking": min(thinking, output),
        "answer": max(output - thinking, 0),
    }


def curl(received: ReceivedRequest, base_url: str) -> str:
    """The request as a command for a shell; the key is left to the environment."""
    url = f"{base_url}{received.path.removeprefix('/v1')}"
    if received.query:
        url += "?" + "&".join(f"{name}={value}" for name, value in received.query.items())
    words = ["curl", shlex.quote(url), '-H "Authorization: Bearer $MOONSHOT_API_KEY"']
    if received.method not in ("GET", "POST"):
        words.insert(1, f"-X {received.method}")
    own = {n: v for n, v in received.headers.items() if n not in _SENT_BY_ITSELF and not n.startswith("x-stainless")}
    words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in own.items() if name != "user-agent"]
    if received.form is not None:
        fields = {"purpose": received.form.get("purpose", ""), "file": f"@{received.form.get('filename', '')}"}
        words += [f"-F {shlex.quote(f'{name}={value}')}" for name, value in fields.items()]
    elif received.json is not None:
        words.append("-H 'Content-Type: application/json'")
        words.append(f"-d {shlex.quote(json.dumps(received.json, ensure_ascii=False))}")
    elif received.method == "POST":
        words.insert(1, "-X POST")
    return " \\\n  ".join(words)


def read_answer(exchange: Exchange) -> dict[str, Any]:
    """The answer put together from its bytes, as far as they can be read: a fault may have left them in any state."""
    kind, data = exchange.headers.get("content-type", ""), exchange.answer()
    if "event-stream" in kind:
        return _join_events(_events(data))
    try:
        body = json.loads(data) if data else {}
    except ValueError:
        return {}
    if not isinstance(body, dict):
        return {}
    if "choices" not in body:
        return {"error": body["error"]} if "error" in body else {"json": body}
    choice = (body["choices"] or [{}])[0]
    return {
        "model": body.get("model"),
        "message": choice.get("message") or {},
        "finish_reason": choice.get("finish_reason"),
        "usage": body.get("usage"),
    }


def _events(data: bytes) -> Iterable[dict[str, Any]]:
    for line in data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            try:
                event = json.loads(line[5:])
            except ValueError:  # cut or glued by a fault; the raw bytes show how
                continue
            if isinstance(event, dict):
                yield event


def _join_events(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    answer: dict[str, Any] = {"message": message}
    calls: dict[int, dict[str, Any]] = {}
    for event in events:
        if "error" in event:
            answer["error"] = event["error"]
        answer["model"] = event.get("model", answer.get("model"))
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            for name in ("content", *_THOUGHTS):
                if delta.get(name):
                    message[name] = message.get(name, "") + delta[name]
            for call in delta.get("tool_calls") or ():
                _add_call(calls, call)
            answer["finish_reason"] = choice.get("finish_reason") or answer.get("finish_reason")
            answer["usage"] = choice.get("usage") or answer.get("usage")
        answer["usage"] = event.get("usage") or answer.get("usage")
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
    function = piece.get("function") or {}
    for name in ("name", "arguments"):
        call["function"][name] += function.get(name) or ""


def received_by(exchange: Exchange, state: State) -> ReceivedRequest | None:
    """The request of an exchange; None if it never got so far."""
    place = exchange.place
    return state.requests[place] if place is not None and place < len(state.requests) else None


def _object(received: ReceivedRequest | None) -> Mapping[str, Any]:
    return received.json if received is not None and isinstance(received.json, dict) else {}


def rules_about(exchange: Exchange, state: State) -> list[dict[str, Any]]:
    """The rules that refused or reported the request, each with what it said and the sentence that explains it."""
    if exchange.place is None:
        return []
    with state.lock:
        notes = [(note, True) for note in state.refusals] + [(note, False) for note in state.report]
    return [
        {
            "id": note.rule,
            "refused": refused,
            "message": note.message,
            "sentence": RULES[note.rule].description.replace("``", "`") if note.rule in RULES else "",
        }
        for note, refused in notes
        if note.request == exchange.place
    ]


def _searchable(body: Mapping[str, Any], received: ReceivedRequest | None, reply: Mapping[str, Any]) -> str:
    """What the search field looks through: texts of the messages and the answer, names of tools and files."""
    parts = [json.dumps(body.get(name), ensure_ascii=False) for name in ("messages", "tools") if body.get(name)]
    if received is not None and received.form:
        parts.append(str(received.form.get("filename", "")))
    parts.append(json.dumps(reply, ensure_ascii=False, default=str))
    return " ".join(parts)[:200_000].lower()
