"""Rules on declared tools and on ``tool_choice``."""

from __future__ import annotations

import re

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.wording import show, wrong_type

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}\Z")
_BUILTIN_NAME = re.compile(r"\$[A-Za-z][A-Za-z0-9_-]{0,127}\Z")


@rule("tools.shape", source="wording ours")
def shape(check: ChatCheck) -> str | None:
    """``tools`` is an array of objects, in the request and in messages."""
    own = check.body.get("tools")
    for tools in (own, *(message.get("tools") for message in check.messages)):
        if tools is None:
            continue
        if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
            return "Invalid request: tools must be an array of objects"
    return None


@rule("tools.type", source="recorded 400 for a flat tool without a type")
def kind(check: ChatCheck) -> str | None:
    """A tool's type is function (or the platform's own builtin_function); a flat tool has none."""
    for entry in check.tools:
        if entry.tool.get("type") not in ("function", "builtin_function", "plugin"):
            word = show(entry.tool.get("type"))
            return f"Invalid request: unknown tool type: {word}, currently only function and plugin are supported"
    return None


@rule("tools.function_name", source="users' report of the live text; 128 characters from the chat page of September")
def function_name(check: ChatCheck) -> str | None:
    """A function name starts with a letter; ``$`` marks the platform's own tools only."""
    for entry in check.tools:
        if not (_BUILTIN_NAME if entry.builtin else _NAME).match(entry.name):
            return (
                "Invalid request: function name is invalid, must start with a letter and can contain letters, "
                "numbers, underscores, and dashes"
            )
    return None


@rule("tools.member_type", source="tool use page; wording after the server's texts for other fields")
def member_type(check: ChatCheck) -> str | None:
    """A function's ``description`` is a text and its ``strict`` a boolean."""
    for entry in check.tools:
        for name, kind, word in (("description", str, "string"), ("strict", bool, "bool")):
            value = entry.function.get(name)
            if text := wrong_type(f"tools.function.{name}", value, kind, word, prefix="Invalid request: "):
                return text
    return None


@rule("tools.duplicate_name", source="official tools page: `function name get_weather is duplicated`")
def duplicate(check: ChatCheck) -> str | None:
    """No function name is declared twice, not even once in the request and once in a message."""
    seen: set[str] = set()
    for entry in check.tools:
        if entry.name in seen:
            return f"Invalid request: function name {entry.name} is duplicated"
        seen.add(entry.name)
    return None


@rule("dynamic_tools.model", source="dynamic tool page: other models answer this text")
def dynamic_model(check: ChatCheck) -> str | None:
    """Only K3 models take tools in messages."""
    if not check.model.dynamic_tools and any(message.get("tools") is not None for message in check.messages):
        return "tokenization failed"
    return None


@rule("dynamic_tools.role", source="Moonshot's verifier expects 400; wording ours")
def dynamic_role(check: ChatCheck) -> str | None:
    """Only a system message brings tools."""
    for message in check.messages:
        if message.get("tools") is not None and message["role"] != "system":
            return f"Invalid request: tools in messages are only supported with role system, not {message['role']}"
    return None


@rule("dynamic_tools.content", source="dynamic tool page: `cannot be used with content`")
def dynamic_content(check: ChatCheck) -> str | None:
    """A system message that brings tools has no content."""
    if any(message.get("tools") and message.get("content") for message in check.messages):
        return "Invalid request: tools in a system message cannot be used with content"
    return None


@rule("tool_choice.value", source="Moonshot's verifier expects 400; wording ours", section="3.1")
def choice_value(check: ChatCheck) -> str | None:
    """``tool_choice`` is auto, none, required or a named function."""
    choice = check.body.get("tool_choice")
    if choice is None or choice in ("auto", "none", "required"):
        return None
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    if isinstance(function, dict) and isinstance(function.get("name"), str):
        return None
    return f"Invalid request: unknown tool_choice: {show(choice)}"


@rule("tool_choice.required_without_tools", source="Moonshot's verifier expects 400; wording ours")
def required_without_tools(check: ChatCheck) -> str | None:
    """``required`` needs a tool to be called, in the request or in a message."""
    if check.body.get("tool_choice") == "required" and not check.tools:
        return "Invalid request: tool_choice 'required' needs tools"
    return None


@rule("tool_choice.required_thinking", source="recorded 400 on K2.6 and K2.7-code; K3 takes it", section="2.4")
def required_thinking(check: ChatCheck) -> str | None:
    """A thinking K2.x model cannot be forced to call a tool."""
    if check.body.get("tool_choice") == "required" and check.thinks and not check.model.forced_tools:
        return "tool_choice 'required' is incompatible with thinking enabled"
    return None


@rule("tool_choice.specified_thinking", source="live probes on K3 and K2.x", section="2.4")
def specified_thinking(check: ChatCheck) -> str | None:
    """A thinking model cannot be made to call a named function (K3 too, unless the emulator is told to ignore it)."""
    if isinstance(check.body.get("tool_choice"), dict) and check.thinks and not check.ignores_named_choice:
        return "tool_choice 'specified' is incompatible with thinking enabled"
    return None


@rule("tool_choice.unknown_function", source="wording ours")
def unknown_function(check: ChatCheck) -> str | None:
    """A named function is one of the declared tools."""
    choice = check.body.get("tool_choice")
    if isinstance(choice, dict) and choice["function"]["name"] not in {entry.name for entry in check.tools}:
        return f"Invalid request: tool_choice function {choice['function']['name']} is not found in tools"
    return None
