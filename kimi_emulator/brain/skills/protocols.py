"""Tools that a prompt declares in words, and calls that are text: ReAct's `Action:` lines, code between tags.

Such a conversation is read as if it had been held with real tool calls, planned as any other, and written back in the
prompt's own form.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kimi_emulator.brain.conversation import Conversation, Task
from kimi_emulator.brain.filling.labels import json_in
from kimi_emulator.brain.language import capture, load, pattern
from kimi_emulator.brain.skills import speech
from kimi_emulator.brain.skills.tools import Planner
from kimi_emulator.content import text_of
from kimi_emulator.script import Reply, ToolCall


@dataclass(frozen=True)
class Spoken:
    """A conversation whose tools are declared and called in words."""

    form: str
    """"action" (LlamaIndex's ReAct), "final" (LangChain's) or "code"."""
    tools: list[dict[str, Any]]
    messages: list[Mapping[str, Any]]
    """The same conversation with real calls and results, without the message that explains the form."""

    def format_answer(self, calls: Sequence[ToolCall], answer: str) -> str:
        """Calls, or where there are none the answer, in the prompt's form."""
        values = [json.loads(call.arguments_text) for call in calls]
        if self.form == "code":
            arguments = [", ".join(f"{key}={value!r}" for key, value in each.items()) for each in values]
            lines = [f"print({call.name}({each}))" for call, each in zip(calls, arguments, strict=True)]
            return "\n".join(["<execute>", *lines, "</execute>"]) if calls else answer
        # A prompt with a `Final Answer:` has begun the thought, and takes plain text as input.
        is_plain = self.form == "final"
        if calls:
            text = " ".join(map(str, values[0].values())) if is_plain else calls[0].arguments_text
            thought = "I need a tool." if is_plain else "Thought: I need a tool."
            return f"{thought}\nAction: {calls[0].name}\nAction Input: {text}"
        if is_plain:
            return f"I now know the final answer\nFinal Answer: {answer}"
        return f"Thought: I can answer without using any more tools.\nAnswer: {answer}"


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
        form = next((form for form in _TOOLS if pattern(f"protocols.{form}_form").match(text)), None)
        if form is None:
            continue
        if form == "final":
            # A question with the steps that were made for it, all in one text.
            begun = _text(messages[place + 1 :]) or text
            question = pattern("protocols.question").match(begun)
            before: list[Mapping[str, Any]] = [{"role": "user", "content": question[1] if question else begun}]
            begun = begun[question.end(1) :] if question else begun
        else:
            # What a system message explains is no part of the conversation.
            talk = [each for each in messages if each is not message or message["role"] == "user"]
            users = [place for place, each in enumerate(talk) if each.get("role") == "user"]
            asking = [place for place in users if not pattern("protocols.result").match(_text(talk[place : place + 1]))]
            before, begun = talk[: asking[-1] + 1] if asking else [], _text(talk[asking[-1] + 1 if asking else 0 :])
        tools = list(_TOOLS[form](text))
        return Spoken(form, tools, [*before, *_steps(form, begun, tools)])
    return None


def _text(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(text_of(message.get("content")) for message in messages)


def _tools_listed(text: str) -> Iterator[dict[str, Any]]:
    """`search(query: str) - Search the web`: each takes one text."""
    for name, argument, about in pattern("protocols.listed_tool").findall(capture("protocols.tool_list", text)):
        yield _tool(name, about, {argument or "input": "string"}, [argument or "input"])


def _tools_described(text: str) -> Iterator[dict[str, Any]]:
    """`Tool Name:`, `Tool Description:`, `Tool Args:` with a JSON Schema."""
    for match in pattern("protocols.action_tool").finditer(text):
        tool = _tool(match["name"], match["about"], {}, [])
        parameters = next((value for value, start, _ in json_in(text[match.end() :]) if not start), {})
        yield {**tool, "function": {**tool["function"], "parameters": parameters}}


def _functions_by_head(text: str) -> Iterator[dict[str, Any]]:
    """Functions that are given by their heads, below the last sample of code."""
    for match in pattern("protocols.function").finditer(
        text[max(text.rfind("</execute>", 0, text.rfind("def ")), 0) :]
    ):
        try:
            definition = ast.parse(match[0].split("\n", 1)[0] + " ...").body[0]
        except SyntaxError:
            continue
        if isinstance(definition, ast.FunctionDef):
            own, types = definition.args, load("words")["types"]
            # Python shows annotations that were not evaluated in quotes.
            kinds = {each.arg: ast.unparse(each.annotation).strip("'") if each.annotation else "" for each in own.args}
            members = {name: types.get(kind, "string") for name, kind in kinds.items()}
            yield _tool(definition.name, match["about"] or "", members, list(kinds)[: len(kinds) - len(own.defaults)])


_TOOLS = {"action": _tools_described, "final": _tools_listed, "code": _functions_by_head}
"""How a prompt of each form declares its tools."""


def _tool(name: str, about: str, members: Mapping[str, str], required: Sequence[str]) -> dict[str, Any]:
    properties = {member: {"type": kind} for member, kind in members.items()}
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": about.strip(), "parameters": parameters}}


def _steps(form: str, begun: str, tools: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The calls that were made, each with its results."""
    for number, step in enumerate(pattern(f"protocols.{form}_step").finditer(begun)):
        parts = step.groupdict()
        name, result = parts.get("name") or "code", parts["result"].strip()
        calls = [(name, parts["input"])]
        if form == "code":
            prints = pattern("protocols.print").findall(parts["input"])
            calls = [(name, _as_json(arguments)) for name, arguments in prints] or [(name, "{}")]
        elif form == "final":
            own = [each["function"]["parameters"]["required"][0] for each in tools if each["function"]["name"] == name]
            calls = [(name, json.dumps({"".join(own[:1]) or "input": parts["input"]}, ensure_ascii=False))]
        # One result for each call: a line each where there are as many, else the whole for the first.
        lines = result.splitlines()
        results = lines if len(lines) == len(calls) else [result, *("(see above)" for _ in calls[1:])]
        ids = [f"call_{number}_{place}" for place in range(len(calls))]
        own_calls = [
            {"id": id, "function": {"name": name, "arguments": text}}
            for id, (name, text) in zip(ids, calls, strict=True)
        ]
        yield {"role": "assistant", "content": "", "tool_calls": own_calls}
        yield from (
            {"role": "tool", "tool_call_id": id, "content": each} for id, each in zip(ids, results, strict=True)
        )


def _as_json(arguments: str) -> str:
    """Arguments of a call in Python, as JSON; "{}" where they are no plain values."""
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
        keywords = call.keywords if isinstance(call, ast.Call) else []
        return json.dumps({str(each.arg): ast.literal_eval(each.value) for each in keywords}, ensure_ascii=False)
    except (SyntaxError, ValueError, TypeError):
        return "{}"
