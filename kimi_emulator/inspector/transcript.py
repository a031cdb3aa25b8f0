"""What went over the wire as a text for people: a few lines for each exchange, such as a failing test shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kimi_emulator.content import text_of
from kimi_emulator.inspector.board import received_by
from kimi_emulator.inspector.reading import read_answer
from kimi_emulator.inspector.traffic import Exchange
from kimi_emulator.inspector.view import rules_about
from kimi_emulator.platform.state import State

__all__ = ["transcript"]

_LINE = 110
_SHOWN = 500


def transcript(traffic: Iterable[Exchange], state: State) -> str:
    """The newest 500 exchanges that are kept, from the oldest to the newest; "" for none."""
    return "\n".join(line for exchange in [*traffic][-_SHOWN:] for line in _lines(exchange, state))


def _lines(exchange: Exchange, state: State) -> Iterator[str]:
    received, reply = received_by(exchange, state), read_answer(exchange)
    body = received.json if received is not None and isinstance(received.json, dict) else {}
    manner = " streamed" if body.get("stream") is True else ""
    status = "no answer" if exchange.status is None else exchange.status
    ending = "" if exchange.whole or exchange.status is None else ", not to its end"
    yield f"#{exchange.id} {exchange.method} {exchange.path}  {body.get('model') or ''}{manner} -> {status}{ending}"
    messages = body.get("messages")
    if isinstance(messages, list) and messages:
        last = messages[-1] if isinstance(messages[-1], dict) else {}
        before = f", {len(messages) - 1} before it" if len(messages) > 1 else ""
        yield _line(f"{last.get('role')}", f"{_quote(text_of(last.get('content')))}{before}")
    if isinstance(body.get("tools"), list):
        yield _line("tools", ", ".join(_name(tool) for tool in body["tools"]))
    if received is not None and received.form is not None:
        yield _line("upload", f"{received.form.get('filename')}, {received.form.get('size')} bytes")
    rules = rules_about(exchange, state)
    if not any(rule["refused"] for rule in rules):  # what such a rule says is the error
        yield from _answer_lines(reply)
    if exchange.fault:
        yield _line("fault", exchange.fault)
    for rule in rules:
        yield _line("refused by" if rule["refused"] else "noted by", f"{rule['id']}: {rule['message']}")


def _answer_lines(reply: Mapping[str, Any]) -> Iterator[str]:
    if "error" in reply:
        error = reply["error"]
        yield _line("error", str(error.get("message")) if isinstance(error, dict) else str(error))
    message = reply.get("message") or {}
    for call in message.get("tool_calls") or ():
        yield _line("calls", f"{_name(call)}({(call.get('function') or {}).get('arguments')})")
    if message.get("content"):
        yield _line("answers", _quote(str(message["content"])))
    usage = reply.get("usage")
    if isinstance(usage, Mapping):
        cached = f", {usage['cached_tokens']} of them cached" if usage.get("cached_tokens") else ""
        spent = f"{usage.get('prompt_tokens')} tokens in{cached}, {usage.get('completion_tokens')} out"
        yield _line("ends", f"{reply.get('finish_reason')}; {spent}")


def _name(tool: Any) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    return str(function.get("name")) if isinstance(function, dict) else "?"


def _quote(text: str) -> str:
    return json.dumps(text if len(text) <= _LINE else f"{text[:_LINE]}...", ensure_ascii=False)


def _line(what: str, text: str) -> str:
    one_line = " ".join(text.split())
    return f"   {what:<10} {one_line if len(one_line) <= 2 * _LINE else one_line[: 2 * _LINE] + '...'}"
