"""What happened, in a line: what a request asked, and what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kimi_emulator.content import content_parts, text_of, tool_results
from kimi_emulator.inspector.reading import thought_of
from kimi_emulator.inspector.threads import chat_messages

__all__ = ["CHAT", "Line", "beginning", "chat_title", "show_call", "tell_answer", "tell_request"]

_LONG = 200
_VALUE = 40
_QUESTION = re.compile(
    r"(?im)^\s*(?:(?:user|new|follow[- ]?up)\s+)?(?:question|query|问题)\s*(?:is)?\s*[:：]\s*(\S.*)$"
)
_FRAMED = 160
"""A prompt longer than this may hold its question in a line of its own, among documents and instructions."""
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Line:
    """One line for people. ``kind`` is whose it is: user, tool, system, assistant, call; answer, calls, error, none."""

    kind: str
    text: str


def beginning(text: str, length: int = _LONG) -> str:
    """The first characters of a text, in one line."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def question(text: str) -> str:
    """The question in a prompt; the prompt itself if none is marked in it."""
    marked = _QUESTION.findall(text) if len(text) > _FRAMED else []
    return marked[-1] if marked else text


def show_call(call: Any) -> str:
    """A tool call as code: ``get_weather(city="Turku")``."""
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return "?"
    arguments = function.get("arguments")
    try:
        values = json.loads(arguments) if isinstance(arguments, str) and arguments else {}
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return f"{function.get('name')}({beginning(str(arguments), _VALUE)})"
    pairs = (f"{name}={beginning(json.dumps(value, ensure_ascii=False), _VALUE)}" for name, value in values.items())
    return f"{function.get('name')}({', '.join(pairs)})"


def tell_request(method: str, path: str, body: Any, form: Mapping[str, Any] | None = None) -> Line:
    """One line that sums up a request."""
    messages = chat_messages(body)
    if path == CHAT:
        return _tell_chat(messages) if messages else Line("call", "A chat without messages")
    call, parts = _find(method, path)
    if call is None:
        return Line("call", f"{method} {path.removeprefix('/v1') or '/'}")
    return Line("call", call.request(_Request(parts, body if isinstance(body, Mapping) else {}, form or {})))


def chat_title(body: Any) -> str:
    """What a conversation is about: its first user message."""
    messages = chat_messages(body)
    first = next((message for message in messages if message.get("role") == "user"), None)
    return _message_line(first) if first is not None else _tell_chat(messages).text if messages else ""


def _tell_chat(messages: Sequence[Mapping[str, Any]]) -> Line:
    last = messages[-1]
    role = str(last.get("role"))
    if role == "tool":
        new = next((at for at in range(len(messages), 0, -1) if messages[at - 1].get("role") != "tool"), 0)
        results = [result for result in tool_results(messages) if result.position >= new]
        lines = (f"{result.name or 'a tool'} → {beginning(result.content, _LONG // 2)}" for result in results)
        return Line("tool", beginning("; ".join(lines)))
    if role == "assistant":
        return Line("assistant", f"Go on from: {beginning(text_of(last.get('content')))}")
    if last.get("tools") and not last.get("content"):
        names = ", ".join(_name(tool) for tool in last["tools"]) if isinstance(last["tools"], list) else ""
        return Line(role, f"Load tools: {names}")
    return Line(role, _message_line(last))


def _name(tool: Any) -> str:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    return str(function.get("name")) if isinstance(function, Mapping) else "?"


def _message_line(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    kinds = [str(part.get("type")) for part in content_parts(content)]
    media = [
        f"{count} {word}{'s' if count > 1 else ''}"
        for word, kind in (("image", "image_url"), ("video", "video_url"))
        if (count := kinds.count(kind))
    ]
    text = beginning(question(text_of(content)))
    return " + ".join([*([text] if text else []), *media]) or "(no text)"


def tell_answer(method: str, path: str, status: int | None, reply: Mapping[str, Any], *, done: bool) -> Line:
    """What came back. An empty text while nothing has come yet."""
    if "error" in reply:
        error = reply["error"]
        return Line("error", beginning(str(error.get("message")) if isinstance(error, Mapping) else str(error)))
    message = reply.get("message") or {}
    if message.get("tool_calls"):
        return Line("calls", ", ".join(map(show_call, message["tool_calls"])))
    if message.get("content"):
        return Line("answer", beginning(text_of(message["content"])))
    if thought_of(message):
        return Line(
            "none" if done else "thinking", "Thought, but no answer" if done else beginning(thought_of(message))
        )
    if status is not None and status >= 400:
        return Line("error", f"HTTP {status}")
    if not done:
        return Line("none", "")
    if status is None:
        return Line("error", "No answer: the connection was closed")
    call, _ = _find(method, path)
    if call is not None and isinstance(reply.get("json"), Mapping):
        return Line("answer", beginning(call.answer(reply["json"])))
    return Line("none", "An empty answer" if path == CHAT else "")


@dataclass(frozen=True)
class _Request:
    parts: Mapping[str, str]
    body: Mapping[str, Any]
    form: Mapping[str, Any]


@dataclass(frozen=True)
class _Call:
    method: str
    pattern: re.Pattern[str]
    request: Callable[[_Request], str]
    answer: Callable[[Mapping[str, Any]], str]


def _size(value: Any) -> str:
    size = float(value) if isinstance(value, int | float) else 0.0
    for unit in ("bytes", "KB", "MB"):
        if size < 1024 or unit == "MB":
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("the loop ends in MB")


def _count_entries(answer: Mapping[str, Any], word: str) -> str:
    data = answer.get("data")
    count = len(data) if isinstance(data, list) else 0
    return f"{count} {word}{'' if count == 1 else 's'}"


def _file_status(answer: Mapping[str, Any]) -> str:
    details = f": {answer['status_details']}" if answer.get("status_details") else ""
    return f"{answer.get('filename')} is {answer.get('status')}{details}"


def _counts(answer: Mapping[str, Any]) -> str:
    data = answer.get("data")
    return f"{data.get('total_tokens')} tokens" if isinstance(data, Mapping) else ""


def _balance(answer: Mapping[str, Any]) -> str:
    data = answer.get("data")
    return f"${data.get('available_balance')} available" if isinstance(data, Mapping) else ""


def _batch(answer: Mapping[str, Any]) -> str:
    counts = answer.get("request_counts")
    lines = f", {counts.get('completed')} of {counts.get('total')} lines" if isinstance(counts, Mapping) else ""
    return f"{answer.get('status')}{lines}"


def _tools(answer: Mapping[str, Any]) -> str:
    tools = answer.get("tools")
    return ", ".join(_name(tool) for tool in tools) if isinstance(tools, list) else ""


def _fiber(answer: Mapping[str, Any]) -> str:
    context = answer.get("context")
    output = context.get("output") or context.get("error") if isinstance(context, Mapping) else None
    return str(output or answer.get("error") or answer.get("status") or "")


def _call(method: str, path: str, request: str | Callable[[_Request], str], answer: Callable[..., str]) -> _Call:
    pattern = re.compile("/v1" + re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", path))
    if isinstance(request, str):
        return _Call(method, pattern, lambda about: request.format(**about.parts), answer)
    return _Call(method, pattern, request, answer)


_CALLS = (
    _call("GET", "/models", "List the models", lambda answer: _count_entries(answer, "model")),
    _call(
        "POST",
        "/tokenizers/estimate-token-count",
        lambda about: f"Count the tokens of: {_tell_chat(chat_messages(about.body) or [{}]).text}",
        _counts,
    ),
    _call("GET", "/users/me/balance", "Ask for the balance", _balance),
    _call("GET", "/files", "List the files", lambda answer: _count_entries(answer, "file")),
    _call(
        "POST",
        "/files",
        lambda about: f"Upload {about.form.get('filename')} ({_size(about.form.get('size'))})",
        _file_status,
    ),
    _call("GET", "/files/{id}/content", "Read the text of file {id}", lambda answer: str(answer.get("content"))),
    _call("GET", "/files/{id}", "Look at file {id}", _file_status),
    _call("DELETE", "/files/{id}", "Delete file {id}", lambda answer: "Deleted" if answer.get("deleted") else ""),
    _call("GET", "/batches", "List the batches", lambda answer: _count_entries(answer, "batch").replace("chs", "ches")),
    _call("POST", "/batches", lambda about: f"Start a batch of file {about.body.get('input_file_id')}", _batch),
    _call("POST", "/batches/{id}/cancel", "Cancel batch {id}", _batch),
    _call("GET", "/batches/{id}", "Look at batch {id}", _batch),
    _call("GET", "/formulas/{uri}/tools", "List the tools of {uri}", _tools),
    _call(
        "POST",
        "/formulas/{uri}/fibers",
        lambda about: f"Run {show_call({'function': about.body})} of {about.parts['uri']}",
        _fiber,
    ),
)
"""What is no chat, in the order in which a path is looked for."""


def _find(method: str, path: str) -> tuple[_Call | None, Mapping[str, str]]:
    for call in _CALLS:
        match = call.pattern.fullmatch(path) if call.method == method else None
        if match is not None:
            return call, match.groupdict()
    return None, {}
