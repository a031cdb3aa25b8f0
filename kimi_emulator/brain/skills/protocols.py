"""Tools that a prompt declares in words, and calls that are text: ReAct's `Action:` lines, code between tags.

Such a conversation is read as if it had been held with real tool calls, planned as any other, and written back in the
prompt's own form.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kimi_emulator.brain.conversation import Conversation, Task
from kimi_emulator.brain.language import capture, load, pattern
from kimi_emulator.brain.skills import speech
from kimi_emulator.brain.skills.tools import Planner
from kimi_emulator.content import text_of
from kimi_emulator.script import Reply, ToolCall

__all__ = ["answer", "read"]


@dataclass(frozen=True)
class Spoken:
    """A conversation whose tools are declared and called in words."""

    form: Literal["action", "code", "final"]
    tools: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    """The same conversation with real calls and results, without the message that explains the form."""

    def format_answer(self, calls: Sequence[ToolCall], answer: str) -> str:
        """Calls, or where there are none the answer, in the prompt's form."""
        if self.form == "action":
            if not calls:
                return f"Thought: I can answer without using any more tools.\nAnswer: {answer}"
            return f"Thought: I need a tool.\nAction: {calls[0].name}\nAction Input: {calls[0].arguments_text}"
        if self.form == "final":
            # The input is plain text, and the prompt has begun the thought.
            values = [" ".join(map(str, json.loads(call.arguments_text).values())) for call in calls[:1]]
            if not values:
                return f"I now know the final answer\nFinal Answer: {answer}"
            return f"I need a tool.\nAction: {calls[0].name}\nAction Input: {values[0]}"
        lines = []
        for call in calls:
            arguments = json.loads(call.arguments_text)
            lines.append(f"print({call.name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())}))")
        return "\n".join(["<execute>", *lines, "</execute>"]) if calls else answer


def answer(task: Task) -> Reply | None:
    """The next call or the answer in the prompt's form, or None for any other prompt."""
    conversation = None if task.response_format else read(task.talk.messages)
    if conversation is None:
        return None
    talk = Conversation(conversation.messages)
    calls = Planner(conversation.tools, talk, search=conversation.form == "final").calls() if conversation.tools else []
    return Reply(content=conversation.format_answer(calls, "" if calls else speech.say(talk)))


def read(messages: Sequence[Mapping[str, Any]]) -> Spoken | None:
    """The conversation behind such a prompt, or None for any other."""
    for place, message in enumerate(messages):
        text = text_of(message.get("content")) if message.get("role") in ("system", "user") else ""
        # What a system message explains is no part of the conversation.
        rest = [*messages[:place], *messages[place + 1 :]] if message.get("role") == "system" else messages
        if "Action Input:" in text and "Final Answer:" in text and "Tool Name:" not in text:
            return _in_steps(text, "\n".join(text_of(each.get("content")) for each in messages[place + 1 :]))
        if "Action Input:" in text and "Tool Name:" in text:
            return Spoken("action", list(_tools_described(text)), list(_convert(rest, "action")))
        if "<execute>" in text and "def " in text:
            return Spoken("code", list(_functions_by_head(text)), list(_convert(rest, "code")))
    return None


def _in_steps(prompt: str, later: str) -> Spoken:
    """A question with the steps that were made for it, all in one text, as LangChain's ReAct prompt has it."""
    listed = pattern("protocols.listed_tool").findall(capture("protocols.tool_list", prompt))
    inputs = {name: argument or "input" for name, argument, _ in listed}
    tools = [
        _tool(
            name,
            about,
            {"type": "object", "properties": {inputs[name]: {"type": "string"}}, "required": [inputs[name]]},
        )
        for name, _, about in listed
    ]
    begun = later or prompt
    question = pattern("protocols.question").match(begun)
    messages: list[dict[str, Any]] = [{"role": "user", "content": question[1] if question else later}]
    steps = pattern("protocols.step").findall(begun[question.end(1) if question else 0 :])
    for number, (name, value, result) in enumerate(steps):
        arguments = json.dumps({inputs.get(name, "input"): value}, ensure_ascii=False)
        messages += [{"role": "assistant", "content": "", "tool_calls": [_call(f"call_{number}", name, arguments)]}]
        messages += [{"role": "tool", "tool_call_id": f"call_{number}", "content": result}]
    return Spoken("final", tools, messages)


def _tools_described(text: str) -> Iterator[dict[str, Any]]:
    for entry in re.split(r"(?=^[>\s-]*Tool Name:)", text, flags=re.MULTILINE):
        described = pattern("protocols.action_tool")
        match = described.search(entry.split("\n\n")[0] + "\n") or described.search(entry)
        if match:
            try:
                parameters = json.loads(match["args"])
            except ValueError:
                parameters = {}
            yield _tool(match["name"], match["about"], parameters)


def _functions_by_head(text: str) -> Iterator[dict[str, Any]]:
    """Functions that are given by their heads, below the last sample of code."""
    for match in pattern("protocols.function").finditer(text[text.rfind("</execute>", 0, text.rfind("def ")) :]):
        try:
            definition = ast.parse(match[0].split("\n", 1)[0] + " ...").body[0]
        except SyntaxError:
            continue
        if isinstance(definition, ast.FunctionDef):
            arguments, types = definition.args, load("words")["types"]
            # Python shows annotations that were not evaluated in quotes.
            kinds = {
                each.arg: ast.unparse(each.annotation).strip("'") if each.annotation else "" for each in arguments.args
            }
            members = {name: {"type": types.get(kind, "string")} for name, kind in kinds.items()}
            required = list(kinds)[: len(kinds) - len(arguments.defaults)]
            parameters = {"type": "object", "properties": members, "required": required}
            yield _tool(definition.name, match["about"] or "", parameters)


def _tool(name: str, description: str, parameters: Any) -> dict[str, Any]:
    function = {"name": name, "description": description.strip(), "parameters": parameters}
    return {"type": "function", "function": function}


def _convert(messages: Sequence[Mapping[str, Any]], form: Literal["action", "code"]) -> Iterator[dict[str, Any]]:
    waiting: list[str] = []
    for place, message in enumerate(messages):
        text = text_of(message.get("content"))
        if message.get("role") == "assistant":
            calls = _parse_calls(text, form, place)
            waiting = [call["id"] for call in calls]
            yield {"role": "assistant", "content": "", "tool_calls": calls} if calls else dict(message)
        elif waiting and (result := pattern(f"protocols.result_of_{form}").match(text)):
            # One result for each call: a line each where there are as many, else the whole for the first.
            whole = result[1].strip()
            lines = whole.splitlines()
            lines = lines if len(lines) == len(waiting) else [whole, *("(see above)" for _ in waiting[1:])]
            for id, line in zip(waiting, lines, strict=True):
                yield {"role": "tool", "tool_call_id": id, "content": line}
            waiting = []
        else:
            yield dict(message)


def _parse_calls(text: str, form: Literal["action", "code"], place: int) -> list[dict[str, Any]]:
    calls: list[tuple[str, str]] = pattern("protocols.action").findall(text) if form == "action" else []
    if form == "code" and (code := capture("protocols.code", text)):
        prints = pattern("protocols.print").findall(code)
        calls = [(name, _as_json(arguments)) for name, arguments in prints] or [("code", "{}")]
    return [_call(f"call_{place}_{number}", *call) for number, call in enumerate(calls)]


def _call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _as_json(arguments: str) -> str:
    """Arguments of a call in Python, as JSON; "{}" where they are no plain values."""
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
        keywords = call.keywords if isinstance(call, ast.Call) else []
        return json.dumps({str(each.arg): ast.literal_eval(each.value) for each in keywords}, ensure_ascii=False)
    except (SyntaxError, ValueError, TypeError):
        return "{}"
