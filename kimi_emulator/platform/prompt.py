"""The prompt that the model reads: what each stretch of it costs in tokens, and its text for comparing prefixes.

K3's template is public since its weights are: an element is ``<|open|>``, a tag with its attributes, ``<|sep|>``, the
content, ``<|close|>``, the tag, ``<|sep|>``. Control tokens, tag names, attribute names and the short words among the
values are one token each, so the cost of an element follows from its shape; only the sentences that the template adds
around tools, efforts, choices and formats are figures here. Whether K3.1 is the same is not known, and assumed.

For the other models the frames are estimates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kimi_emulator.content import compact, content_parts
from kimi_emulator.platform.models import Model
from kimi_emulator.platform.tokens import count

__all__ = ["Stretch", "effort", "prompt_tokens", "stretches"]

IMAGE_TOKENS = 9
VIDEO_TOKENS = 64

MESSAGE_TOKENS = 4
JSON_MODE_TOKENS = 47
INSTRUCTIONS_TOKENS = 4
"""Of models before K3: about a message, its own instructions, and those of the JSON mode."""

WORD = 1
CLOSING = 3
END = 1
"""A word of the template; ``<|close|>``, tag and ``<|sep|>``; and the mark behind a message."""
PENDING = 3
"""The opening of the thinking that the answer begins with: the platform does not count it."""

TOOLS_SENTENCE, MORE_TOOLS_SENTENCE = 20, 41
EFFORT_SENTENCES = {"low": 53, "medium": 53, "high": 53}
DEFAULT_EFFORT_SENTENCE = 52
CHOICE_SENTENCES = {"required": 21, "none": 23}
JSON_SENTENCE, SCHEMA_SENTENCE = 32, 45


@dataclass(frozen=True)
class Stretch:
    """A part of the prompt: its text, for comparing, and its tokens."""

    text: str
    tokens: int


def stretches(model: Model, body: Mapping[str, Any]) -> list[Stretch]:
    """What can be a common prefix: the instructions and tools, then each message."""
    head = f"{model.id}\n{effort(body)}\n{compact(body.get('tools') or [])}"
    if model.family == "k3":
        sizes = _k3_messages(body["messages"])
        first = _effort(body) + _tools(body.get("tools"), TOOLS_SENTENCE)
    else:
        sizes = map(_plain_message, body["messages"])
        first = INSTRUCTIONS_TOKENS + (count(compact(body["tools"])) if body.get("tools") else 0)
    texts = map(_render, body["messages"])
    return [Stretch(head, first), *(Stretch(text, size) for text, size in zip(texts, sizes, strict=True))]


def prompt_tokens(model: Model, body: Mapping[str, Any]) -> int:
    """Prompt tokens of a chat request."""
    total = sum(stretch.tokens for stretch in stretches(model, body))
    response_format = body.get("response_format")
    response_format = response_format if isinstance(response_format, dict) else {}
    if model.family != "k3":
        if response_format.get("type") in ("json_object", "json_schema"):
            total += JSON_MODE_TOKENS
            total += count(compact(response_format["json_schema"])) if response_format.get("json_schema") else 0
        return total
    choice = body.get("tool_choice")
    if isinstance(choice, str) and choice in CHOICE_SENTENCES:
        total += _notice(CHOICE_SENTENCES[choice])
    if response_format.get("type") == "json_object":
        total += _notice(JSON_SENTENCE)
    elif response_format.get("type") == "json_schema":
        described = response_format.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        total += _notice(SCHEMA_SENTENCE + count(f"{_sorted_json(schema)}\n"))
    if body["messages"] and body["messages"][-1].get("partial"):
        return total - CLOSING - CLOSING - END  # the answer goes on inside its response
    return total + _opening(WORD) + _opening() - PENDING


def effort(body: Mapping[str, Any]) -> str | None:
    """The effort that counts on K3: ``thinking.effort`` before ``reasoning_effort``."""
    thinking = body.get("thinking")
    inner = thinking.get("effort") if isinstance(thinking, dict) else None
    return inner if inner is not None else body.get("reasoning_effort")


def _opening(*values: int) -> int:
    """``<|open|>``, tag, ``<|sep|>``; each attribute is its name, ``="``, its value and the quote behind it."""
    return 3 + sum(3 + value for value in values)


def _element(content: int, *values: int) -> int:
    return _opening(*values) + content + CLOSING


def _notice(content: int) -> int:
    """A system message of the template's own, whose second attribute says what about."""
    return _element(content, WORD, WORD) + END


def _effort(body: Mapping[str, Any]) -> int:
    return _notice(EFFORT_SENTENCES.get(str(effort(body)), DEFAULT_EFFORT_SENTENCE))


def _tools(tools: Any, sentence: int) -> int:
    """Functions as one text, whose last line break is part of its last token. Built-in tools are not in the prompt."""
    functions = [
        {"function": tool["function"], "type": "function"}
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, dict) and tool.get("type") == "function" and isinstance(tool.get("function"), dict)
    ]
    return _notice(sentence + count(f"{_sorted_json(functions)}\n")) if functions else 0


def _sorted_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _k3_messages(messages: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    called: dict[str, str] = {}
    for message in messages:
        role = message.get("role")
        if role == "tool":
            id = str(message.get("tool_call_id"))
            name = called.get(id) or str(message.get("name") or id)
            yield _element(_content(message), WORD, count(name), WORD) + END
        elif role == "assistant":
            calls = list(_calls(message))
            called = {str(call.get("id")): str(function.get("name")) for call, function in calls}
            inside = _element(_thinking(message)) + _element(_content(message))
            inside += _element(sum(_call(function) for _, function in calls)) if calls else 0
            yield _element(inside, WORD, *_name(message)) + END
        elif message.get("tools"):
            yield _tools(message["tools"], MORE_TOOLS_SENTENCE)
        else:
            yield _element(_content(message), WORD, *_name(message)) + END


def _calls(message: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each call and its function. What is none is passed over: a request for a count alone is not checked for them."""
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            function = call.get("function")
            yield call, function if isinstance(function, dict) else {}


def _name(message: Mapping[str, Any]) -> list[int]:
    return [count(str(message["name"]))] if message.get("name") else []


def _thinking(message: Mapping[str, Any]) -> int:
    """Thinking of white space alone is left out."""
    text = str(message.get("reasoning_content") or "")
    return count(text) if text.strip() else 0


def _content(message: Mapping[str, Any]) -> int:
    total = 0
    for part in content_parts(message.get("content")):
        if part.get("type") == "text":
            total += count(str(part.get("text", "")))
        else:
            total += VIDEO_TOKENS if part.get("type") == "video_url" else IMAGE_TOKENS
    return total


def _call(function: Mapping[str, Any]) -> int:
    """Arguments are elements of their own; a text that is no object goes in whole."""
    text = str(function.get("arguments") or "")
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        arguments = None
    if isinstance(arguments, dict):
        inside = sum(
            _element(
                count(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)),
                count(key.replace("&", "&amp;").replace('"', "&quot;")),
                WORD,
            )
            for key, value in arguments.items()
        )
    else:
        inside = _element(count(text), WORD)
    return _element(inside, count(str(function.get("name"))), WORD)


def _plain_message(message: Mapping[str, Any]) -> int:
    total = MESSAGE_TOKENS + count(str(message.get("name") or "")) + count(str(message.get("reasoning_content") or ""))
    total += _content(message)
    for _, function in _calls(message):
        total += 6 + count(f"{function.get('name')}{function.get('arguments')}")
    return total + (count(compact(message["tools"])) if message.get("tools") else 0)


def _render(message: Mapping[str, Any]) -> str:
    pieces = [str(message.get("role", "")), str(message.get("name") or "")]
    if message.get("reasoning_content"):
        pieces.append(str(message["reasoning_content"]))
    for part in content_parts(message.get("content")):
        pieces.append(str(part.get("text", "")) if part.get("type") == "text" else compact(part))
    for _, function in _calls(message):
        pieces.append(f"{function.get('name')}{function.get('arguments')}")
    if message.get("tools"):
        pieces.append(compact(message["tools"]))
    return "\n".join(pieces)
