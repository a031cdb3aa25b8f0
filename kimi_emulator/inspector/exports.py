"""An exchange as something to run: the request as a ``curl`` command, the answer as a ``kimi.script(...)``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from kimi_emulator.content import compact
from kimi_emulator.inspector.reading import thought_of
from kimi_emulator.platform.state import ReceivedRequest

__all__ = ["ScriptedAnswer", "curl", "script"]

ScriptedAnswer = tuple[int | None, Mapping[str, str], Mapping[str, Any], str]
"""An answer's status, headers by lower-case names, what ``read_answer`` made of it, and the id of its fault or ""."""

_SENT_BY_ITSELF = {"host", "content-length", "accept-encoding", "connection", "authorization", "content-type"}
_OF_NO_USE = ("x-stainless", "user-agent", "cookie", "proxy-", "sec-", "origin", "referer")
_ONE_WORD = 100_000
"""The bytes of a body that fits into one word of a command: Linux takes 128 KB."""
_HEADERS = ("retry-after", "x-retry-after", "msh-cooldown-seconds")


def curl(received: ReceivedRequest, base_url: str) -> str:
    """The request as a command for a shell; the key is left to the environment."""
    url = f"{base_url}{received.path.removeprefix('/v1')}"
    if received.query:
        url += f"?{urlencode(received.query)}"
    words = ["curl", shlex.quote(url), '-H "Authorization: Bearer $MOONSHOT_API_KEY"']
    if received.method not in ("GET", "POST"):
        words.insert(1, f"-X {received.method}")
    own = {
        name: value
        for name, value in received.headers.items()
        if name not in _SENT_BY_ITSELF and not name.startswith(_OF_NO_USE)
    }
    words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in own.items()]
    end = ""
    if received.form is not None:
        fields = {"purpose": received.form.get("purpose", ""), "file": f"@{received.form.get('filename', '')}"}
        words += [f"-F {shlex.quote(f'{name}={value}')}" for name, value in fields.items()]
    elif received.json is not None:
        words.append("-H 'Content-Type: application/json'")
        body = json.dumps(received.json, ensure_ascii=False)
        if len(body.encode("utf-8", "surrogatepass")) <= _ONE_WORD:
            words.append(f"-d {shlex.quote(body)}")
        else:  # JSON of one line holds no line that could end it early
            words.append("-d @- <<'BODY'")
            end = f"\n{body}\nBODY"
    elif received.method == "POST":
        words.insert(1, "-X POST")
    return " \\\n  ".join(words) + end


def script(answers: Iterable[ScriptedAnswer]) -> str:
    """Python that lets an emulator give the same answers again, in this order; "" if there are none."""
    items = [item for each in answers if (item := _item(*each))]
    if not items:
        return ""
    text = "\n".join(items)
    names = [name for name in ("Failure", "Reply", "ToolCall") if f"{name}(" in text]
    return f"from kimi_emulator import {', '.join(names)}\n\nkimi.script(\n{text}\n)"


def _item(status: int | None, headers: Mapping[str, str], reply: Mapping[str, Any], fault: str) -> str:
    if status is not None and status >= 400:
        return _failure(status, headers, reply)
    message = reply.get("message")
    if isinstance(message, Mapping) and message:
        return _reply(message, reply.get("finish_reason"), fault)
    return f"    Reply(fault={fault!r})," if fault else ""


def _failure(status: int, headers: Mapping[str, str], reply: Mapping[str, Any]) -> str:
    error = reply.get("error")
    arguments = [str(status)]
    if isinstance(error, Mapping) and set(error) == {"message", "type"}:
        arguments += [repr(str(error["type"])), repr(str(error["message"]))]
    elif "error" in reply:
        body = {"error": error}
        arguments.append(f"{body=}")
    waits = {name: headers[name] for name in _HEADERS if name in headers}
    if waits:
        arguments.append(f"headers={waits!r}")
    return f"    Failure({', '.join(arguments)}),"


def _reply(message: Mapping[str, Any], finish_reason: Any, fault: str) -> str:
    lines = [f"reasoning={thought_of(message)!r},"]  # with None the emulator would make up thinking
    if message.get("content"):
        lines.append(f"content={message['content']!r},")
    calls = [call for call in message.get("tool_calls") or () if isinstance(call, Mapping)]
    if calls:
        lines += ["tool_calls=[", *(f"    {_tool_call(call, at)}," for at, call in enumerate(calls)), "],"]
    if finish_reason and finish_reason != ("tool_calls" if calls else "stop"):
        lines.append(f"finish_reason={finish_reason!r},")
    if fault:
        lines.append(f"fault={fault!r},")
    return "\n".join(["    Reply(", *(f"        {line}" for line in lines), "    ),"])


def _tool_call(call: Mapping[str, Any], at: int) -> str:
    function = call.get("function") or {}
    name, text = str(function.get("name")), str(function.get("arguments") or "")
    arguments = [repr(name)]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and compact(value) == text:
        arguments += [repr(value)] if value else []
    else:
        arguments.append(repr(text))
    if call.get("id") and call["id"] != f"{name}_{at}":
        arguments.append(f"id={call['id']!r}")
    return f"ToolCall({', '.join(arguments)})"
