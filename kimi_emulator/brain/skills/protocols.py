"""Tools that a prompt declares in words, and calls that are text: ReAct's `Action:` lines, code between tags.

Such a conversation is read as if it had been held with real tool calls, planned as any other, and written back in the
prompt's own form.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kimi_emulator.brain.conversation import Conversation, Task
from kimi_emulator.brain.language import capture, load, pattern
from kimi_emulator.brain.reading import json_in
from kimi_emulator.brain.skills import speech
from kimi_emulator.brain.skills.tools import Planner
from kimi_emulator.content import text_of
from kimi_emulator.script import Reply, ToolCall

_NO_VALUE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)


def answer(task: Task) -> Reply | None:
    """The next call or the answer in the prompt's form, or None for any other prompt."""
    form, tools, messages = ("", [], []) if task.response_format else read(task.talk.messages)
    if not form:
        return None
    talk = Conversation(messages)
    calls = Planner(tools, talk, search=form == "final").calls() if tools else []
    return Reply(content=_format_calls(form, calls) if calls else _ANSWERS.get(form, "{}").format(speech.say(talk)))


def _format_calls(form: str, calls: Sequence[ToolCall]) -> str:
    """Calls in the prompt's form: all as code, or the first one."""
    values = [json.loads(call.arguments_text) for call in calls]
    if form == "code":
        arguments = [", ".join(f"{key}={value!r}" for key, value in each.items()) for each in values]
        lines = [f"print({call.name}({each}))" for call, each in zip(calls, arguments, strict=True)]
        return "\n".join(["<execute>", *lines, "</execute>"])
    if form == "final":
        # Such a prompt has begun the thought, and takes plain text as input.
        return f"I need a tool.\nAction: {calls[0].name}\nAction Input: {' '.join(map(str, values[0].values()))}"
    return f"Thought: I need a tool.\nAction: {calls[0].name}\nAction Input: {calls[0].arguments_text}"


def read(messages: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, Any]], list[Mapping[str, Any]]]:
    """The form of such a prompt, its tools, and the same conversation with real calls and results.

    The form is "action" (LlamaIndex's ReAct), "final" (LangChain's), "code", or "" for any other prompt. The message
    that explains it is no part of the conversation.
    """
    for place, message in enumerate(messages):
        text = text_of(message.get("content")) if message.get("role") in ("system", "user") else ""
        if not (form := next((each for each in _TOOLS if pattern(f"protocols.{each}_form").match(text)), "")):
            continue
        if form == "final":
            # A question with the steps that were made for it, all in one text.
            begun = _text(messages[place + 1 :]) or text
            question = pattern("protocols.question").match(begun)
            before: list[Mapping[str, Any]] = [{"role": "user", "content": question[1] if question else begun}]
            begun = begun[question.end(1) :] if question else begun
        else:
            talk = [each for each in messages if each is not message or message["role"] == "user"]
            users = [place for place, each in enumerate(talk) if each.get("role") == "user"]
            asking = [place for place in users if not pattern("protocols.result").match(_text(talk[place : place + 1]))]
            before, begun = talk[: asking[-1] + 1] if asking else [], _text(talk[asking[-1] + 1 if asking else 0 :])
        tools = list(_TOOLS[form](text))
        return form, tools, [*before, *_steps(form, begun, tools)]
    return "", [], []


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
    samples = max(text.rfind("</execute>", 0, text.rfind("def ")), 0)
    for match in pattern("protocols.function").finditer(text[samples:]):
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
_ANSWERS = {
    "action": "Thought: I can answer without using any more tools.\nAnswer: {}",
    "final": "I now know the final answer\nFinal Answer: {}",
}


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
        with suppress(*_NO_VALUE):  # LlamaIndex shows the model's own JSON as Python: {'a': 3}
            calls = [(name, json.dumps(ast.literal_eval(parts["input"]), ensure_ascii=False))]
        if form == "code":
            prints = pattern("protocols.print").findall(parts["input"])
            calls = [(name, _as_json(arguments)) for name, arguments in prints] or [(name, "{}")]
        elif form == "final":
            own = [each["function"]["parameters"]["required"][0] for each in tools if each["function"]["name"] == name]
            calls = [(name, json.dumps({"".join(own[:1]) or "input": parts["input"]}, ensure_ascii=False))]
        # One result for each call: a line each where there are as many, else the whole for the first.
        lines = result.splitlines()
        results = lines if len(lines) == len(calls) else [result, *("(see above)" for _ in calls[1:])]
        functions = [{"name": name, "arguments": text} for name, text in calls]
        own_calls = [{"id": f"call_{number}_{place}", "function": each} for place, each in enumerate(functions)]
        yield {"role": "assistant", "content": "", "tool_calls": own_calls}
        for call, each in zip(own_calls, results, strict=True):
            yield {"role": "tool", "tool_call_id": call["id"], "content": each}


def _as_json(arguments: str) -> str:
    """Arguments of a call in Python, as JSON; "{}" where they are no plain values."""
    with suppress(*_NO_VALUE):
        keywords = getattr(ast.parse(f"f({arguments})", mode="eval").body, "keywords", ())
        return json.dumps({str(each.arg): ast.literal_eval(each.value) for each in keywords}, ensure_ascii=False)
    return "{}"
