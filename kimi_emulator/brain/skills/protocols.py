"""Tools that a prompt declares in words, and calls that are text: ReAct's `Action:` lines, code between tags.

Such a conversation is read as if it had been held with real tool calls, planned as any other, and written back in the
prompt's own form.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kimi_emulator.brain.conversation import Conversation, Task
from kimi_emulator.brain.language import pattern
from kimi_emulator.brain.skills import speech
from kimi_emulator.brain.skills.tools import Planner
from kimi_emulator.content import text_of
from kimi_emulator.script import Reply, ToolCall

__all__ = ["answer", "read"]

_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string", "list": "array", "dict": "object"}


@dataclass(frozen=True)
class Spoken:
    """A conversation whose tools are declared and called in words."""

    form: Literal["action", "code"]
    tools: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    """The same conversation with real calls and results, without the message that explains the form."""

    def format_answer(self, calls: Sequence[ToolCall], answer: str) -> str:
        """Calls, or where there are none the answer, in the prompt's form."""
        if self.form == "action":
            if not calls:
                return f"Thought: I can answer without using any more tools.\nAnswer: {answer}"
            first = calls[0]
            return f"Thought: I need a tool.\nAction: {first.name}\nAction Input: {first.arguments_text}"
        if not calls:
            return answer
        lines = []
        for call in calls:
            arguments = json.loads(call.arguments_text)
            lines.append(f"print({call.name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())}))")
        return "<execute>\n" + "\n".join(lines) + "\n</execute>"


def answer(task: Task) -> Reply | None:
    """The next call or the answer in the prompt's form, or None for any other prompt."""
    conversation = None if task.response_format else read(task.talk.messages)
    if conversation is None:
        return None
    talk = Conversation(conversation.messages)
    calls = Planner(conversation.tools, talk, search=False).calls() if conversation.tools else []
    return Reply(content=conversation.format_answer(calls, "" if calls else speech.say(talk)))


def read(messages: Sequence[Mapping[str, Any]]) -> Spoken | None:
    """The conversation behind such a prompt, or None for any other."""
    for place, message in enumerate(messages):
        if message.get("role") not in ("system", "user"):
            continue
        text = text_of(message.get("content"))
        if "Action Input:" in text and "Tool Name:" in text:
            return Spoken("action", _tools_described(text), [*_convert(messages, place, "action")])
        if "<execute>" in text and "def " in text:
            return Spoken("code", _functions_by_head(text), [*_convert(messages, place, "code")])
    return None


def _tools_described(text: str) -> list[dict[str, Any]]:
    tools = []
    for entry in re.split(r"(?=^[>\s-]*Tool Name:)", text, flags=re.MULTILINE):
        described = pattern("protocols.action_tool")
        match = described.search(entry.split("\n\n")[0] + "\n") or described.search(entry)
        if match:
            try:
                parameters = json.loads(match["args"])
            except ValueError:
                parameters = {}
            tools.append(_tool(match["name"], match["about"], parameters))
    return tools


def _functions_by_head(text: str) -> list[dict[str, Any]]:
    """Functions that are given by their heads, below the last sample of code."""
    tools = []
    for match in pattern("protocols.function").finditer(text[text.rfind("</execute>", 0, text.rfind("def ")) :]):
        try:
            definition = ast.parse(match[0].split("\n", 1)[0] + " ...").body[0]
        except SyntaxError:
            continue
        if not isinstance(definition, ast.FunctionDef):
            continue
        required = definition.args.args[: len(definition.args.args) - len(definition.args.defaults)]
        # Python shows annotations that were not evaluated in quotes.
        kinds = [ast.unparse(each.annotation).strip("'") if each.annotation else "" for each in definition.args.args]
        members = {
            each.arg: {"type": _TYPES.get(kind, "string")}
            for each, kind in zip(definition.args.args, kinds, strict=True)
        }
        parameters = {"type": "object", "properties": members, "required": [each.arg for each in required]}
        tools.append(_tool(definition.name, match["about"] or "", parameters))
    return tools


def _tool(name: str, description: str, parameters: Any) -> dict[str, Any]:
    function = {"name": name, "description": description.strip(), "parameters": parameters}
    return {"type": "function", "function": function}


def _convert(
    messages: Sequence[Mapping[str, Any]], explained: int, form: Literal["action", "code"]
) -> list[dict[str, Any]]:
    converted: list[dict[str, Any]] = []
    waiting: list[str] = []
    for place, message in enumerate(messages):
        if place == explained and message.get("role") == "system":
            continue
        text, role = text_of(message.get("content")), message.get("role")
        if role == "assistant":
            calls = _parse_calls(text, form, place)
            waiting = [call["id"] for call in calls]
            converted.append({"role": "assistant", "content": "", "tool_calls": calls} if calls else dict(message))
            continue
        result = (
            pattern(f"protocols.{'observation' if form == 'action' else 'result'}").match(text) if waiting else None
        )
        if result:
            converted += _results(waiting, result[1].strip())
            waiting = []
        else:
            converted.append(dict(message))
    return converted


def _parse_calls(text: str, form: Literal["action", "code"], place: int) -> list[dict[str, Any]]:
    named: list[tuple[str, str]] = []
    if form == "action":
        named = [match.groups() for match in pattern("protocols.action").finditer(text)]  # type: ignore[misc]
    elif code := pattern("protocols.code").search(text):
        named = [(name, "{}") for name in re.findall(r"\bprint\((\w+)\(", code[1])] or [("code", "{}")]
    return [
        {"id": f"call_{place}_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(named)
    ]


def _results(ids: Sequence[str], text: str) -> list[dict[str, Any]]:
    """One result for each call: a line each where there are as many, else the whole for the first."""
    lines = text.splitlines()
    if len(lines) != len(ids):
        lines = [text, *("(see above)" for _ in ids[1:])]
    return [{"role": "tool", "tool_call_id": id, "content": line} for id, line in zip(ids, lines, strict=True)]
