"""Rules on the messages themselves: roles, content, partial mode."""

from __future__ import annotations

import json
from typing import Any

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.wording import go_type, illegal, show

ROLES = ("system", "user", "assistant", "tool")
PART_TYPES = ("text", "image_url", "video_url")


@rule("messages.empty", source="recorded 400")
def empty(check: ChatCheck) -> str | None:
    """There is at least one message."""
    return None if check.body.get("messages") else "Invalid request: messages must not be empty"


@rule("messages.shape", source="wording ours")
def shape(check: ChatCheck) -> str | None:
    """``messages`` is an array of objects."""
    messages = check.body["messages"]
    if isinstance(messages, list) and all(isinstance(message, dict) for message in messages):
        return None
    return "Invalid request: messages must be an array of objects"


@rule("message.role", source="documents: only system, user, assistant and tool; wording ours")
def role(check: ChatCheck) -> str | None:
    """A role is system, user, assistant or tool: ``developer`` belongs to the Responses API."""
    for position, message in enumerate(check.messages):
        if message.get("role") not in ROLES:
            role = show(message.get("role"))
            return f"Invalid request: the message at position {position} has an unknown role '{role}'"
    return None


@rule("message.content_type", source="wording ours, after the server's texts for other fields")
def content_type(check: ChatCheck) -> str | None:
    """Content is a text, an array of parts, or null."""
    for message in check.messages:
        content = message.get("content")
        if content is None or isinstance(content, str):
            continue
        if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
            kind = go_type(content) if not isinstance(content, list) else "array of other values"
            return (
                "Invalid request: the content field (expected type string or array) is illegal, "
                f"and {kind} is not acceptable"
            )
    return None


def _parts(check: ChatCheck) -> list[tuple[int, dict[str, Any]]]:
    return [
        (position, part)
        for position, message in enumerate(check.messages)
        if isinstance(message.get("content"), list)
        for part in message["content"]
    ]


@rule("message.part_type", source="users' reports: a part of type `thinking` was refused with this text")
def part_type(check: ChatCheck) -> str | None:
    """Parts are text, image_url or video_url: no audio, PDF, file or thinking parts."""
    for _, part in _parts(check):
        if part.get("type") not in PART_TYPES:
            return f"Invalid part type: {show(part.get('type'))}"
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            return "Invalid request: a text part needs a text"
    return None


@rule("message.empty_content", source="users' reports; recorded with position 8")
def empty_content(check: ChatCheck) -> str | None:
    """An assistant message has content or tool calls (white space counts as content, thinking alone does not)."""
    for position, message in enumerate(check.messages):
        if message.get("role") != "assistant" or message.get("tool_calls") or message.get("partial"):
            continue
        if not message.get("content"):
            return f"Invalid request: the message at position {position} with role 'assistant' must not be empty"
    return None


@rule("message.empty_text_part", source="an end-to-end test of Moonshot's own client expects this text")
def empty_text_part(check: ChatCheck) -> str | None:
    """Beside tool calls there is no empty text part: leave the content out, or send an empty string."""
    for _, message, _calls in check.assistant_calls():
        content = message.get("content")
        if isinstance(content, list) and any(p.get("type") == "text" and not p.get("text") for p in content):
            return "text content is empty"
    return None


@rule("message.empty_part", refuses=False, source="chat page: a part is content; refused only beside tool calls")
def empty_part(check: ChatCheck) -> str | None:
    """A text part has a text: an empty one says nothing, and strict hosts refuse it."""
    positions = dict.fromkeys(str(at) for at, part in _parts(check) if part.get("type") == "text" and not part["text"])
    return f"empty text parts in the messages at {', '.join(positions)}" if positions else None


@rule("message.user_content", source="documents: such a turn carries content; wording after the assistant's")
def user_content(check: ChatCheck) -> str | None:
    """A user message has content; so have a tool message and a system message that declares no tools."""
    for position, message in enumerate(check.messages):
        role, content = message.get("role"), message.get("content")
        if role == "assistant" or (role == "system" and message.get("tools") is not None):
            continue
        if content is None or content == []:
            return f"Invalid request: the message at position {position} with role '{role}' must not be empty"
    return None


@rule("message.member_type", source="chat page; wording after the server's texts for other fields")
def member_type(check: ChatCheck) -> str | None:
    """``name`` and ``reasoning_content`` are texts, ``partial`` is a boolean; null counts as absent."""
    for message in check.messages:
        for name, kind, word in (
            ("name", str, "string"),
            ("reasoning_content", str, "string"),
            ("partial", bool, "bool"),
        ):
            value = message.get(name)
            if value is not None and not isinstance(value, kind):
                return f"Invalid request: {illegal(f'messages.{name}', value, word)}"
    return None


MEMBERS = frozenset({"role", "content", "name", "partial", "tool_calls", "tool_call_id", "reasoning_content", "tools"})


@rule("message.unknown_member", refuses=False, source="chat page names the members; unknown fields are ignored live")
def unknown_member(check: ChatCheck) -> str | None:
    """A message has no members but those that the chat page knows: a misspelt one would do nothing."""
    unknown = sorted({name for message in check.messages for name in message} - MEMBERS)
    return f"unknown members of messages: {', '.join(unknown)}" if unknown else None


@rule("message.serialised_parts", refuses=False, source="vision page: the parts are an array, not its text")
def serialised_parts(check: ChatCheck) -> str | None:
    """Content parts come as an array: as one text, the model would read the JSON and see no image."""
    for position, message in enumerate(check.messages):
        content = message.get("content")
        if not isinstance(content, str) or not content.lstrip().startswith("["):
            continue
        try:
            parts = json.loads(content)
        except (ValueError, RecursionError):
            continue
        if any(isinstance(part, dict) and part.get("type") in ("image_url", "video_url") for part in parts):
            return f"the content of message {position} is an array of parts written as a text"
    return None


@rule("cache.breakpoint", source="caching pages as quoted: HTTP 400; wording ours")
def cache_breakpoint(check: ChatCheck) -> str | None:
    """There are no cache marks inside messages."""
    for _, part in _parts(check):
        if "prompt_cache_breakpoint" in part:
            return "Invalid request: prompt_cache_breakpoint is not supported"
    return None


def _partial_positions(check: ChatCheck) -> list[int]:
    return [position for position, message in enumerate(check.messages) if message.get("partial")]


@rule("partial.role", source="partial mode page; wording ours")
def partial_role(check: ChatCheck) -> str | None:
    """Only an assistant message is partial."""
    if all(check.messages[position].get("role") == "assistant" for position in _partial_positions(check)):
        return None
    return "Invalid request: partial is only supported on assistant messages"


@rule("partial.not_last", source="partial mode page; wording ours")
def partial_last(check: ChatCheck) -> str | None:
    """Only the last message is partial."""
    if all(position == len(check.messages) - 1 for position in _partial_positions(check)):
        return None
    return "Invalid request: partial is only supported on the last message"


@rule("partial.json_object", refuses=False, source="chat page: a warning not to, no refusal was published")
def partial_json_object(check: ChatCheck) -> str | None:
    """Partial mode and ``json_object`` are not used together."""
    response_format = check.body.get("response_format")
    json_mode = isinstance(response_format, dict) and response_format.get("type") == "json_object"
    if json_mode and _partial_positions(check):
        return "partial mode was used with response_format json_object"
    return None
