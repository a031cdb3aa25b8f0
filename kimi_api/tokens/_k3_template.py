"""How many tokens a prompt takes in K3's template. Pure.

It is public since the weights are (the model's technical report, appendix F; `encoding_k3.py` beside Kimi-K3 on the
hub), and XML-like: control tokens, with tag names and attributes between them as ordinary text. The numbers below are
the tokens of these tags, without the texts between them, counted with the model's vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kimi_api._arguments.text import is_too_deep
from kimi_api._content.unsendable import endless
from kimi_api.catalog import PromptTemplate
from kimi_api.errors import KimiInputError
from kimi_api.tokens._parts import Count, parts, search_tokens
from kimi_api.tokens._tool_text import functions_of

_MESSAGE = 11
_TURN = 23  # a message with a part for thinking and one for the response, though both be empty
_RESULT = 18
_NAME = 3  # the attribute of a message that carries a name
_CALLS, _CALL = 6, 13  # around all calls of a turn, and around one
_ARGUMENT = 13
_UNREADABLE = 10  # around arguments that are no JSON object, which go in as they are
_TOOLS, _MORE_TOOLS = 35, 56  # the request's own, and those that a system message brings
_EFFORT, _MOST_EFFORT = 68, 67
_CHOICES: Mapping[object, int] = {"required": 36, "none": 38}
_JSON, _SCHEMA = 47, 60
_ANSWER = 7  # its opening is 10, but the platform does not count the three of the thinking that begins there
_UNCLOSED = -7  # a partial message has neither the end of its response nor its own


def count_k3_prompt(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    template: PromptTemplate,
    count: Count,
    *,
    keep_thinking_from: int,
    response_format: Mapping[str, Any] | None,
    reasoning_effort: str | None,
    tool_choice: object,
    overhead: bool,
) -> int:
    """Prompt tokens of a request to a model of the K3 family; see `kimi_api.tokens.count_messages`.

    `keep_thinking_from` is the position from which thinking is in the prompt.
    """
    total = _declaration(tools, _TOOLS, count)
    if overhead:
        total += _EFFORT if reasoning_effort in ("low", "medium", "high") else _MOST_EFFORT
        total += _UNCLOSED if messages and messages[-1].get("partial") else _ANSWER
    names: dict[str, str] = {}
    for position, message in enumerate(messages):
        for call in message.get("tool_calls") or ():
            names[str(call.get("id"))] = str((call.get("function") or {}).get("name"))
        total += _message(message, template, count, names, keep=position >= keep_thinking_from)
    total += _CHOICES.get(tool_choice, 0) if isinstance(tool_choice, str) else 0
    return total + _format(response_format, count)


def _message(
    message: Mapping[str, Any], template: PromptTemplate, count: Count, names: Mapping[str, str], *, keep: bool
) -> int:
    role = message.get("role")
    if message.get("tools"):
        return _declaration(message["tools"], _MORE_TOOLS, count)
    content = message.get("content")
    if role == "tool":
        call_id = str(message.get("tool_call_id") or "")
        name = names.get(call_id) or str(message.get("name") or call_id)
        inside = search_tokens(content, count) if name == "$web_search" else _content(content, template, count)
        return _RESULT + count(name) + inside
    total = _content(content, template, count)
    if message.get("name"):
        total += _NAME + count(str(message["name"]))
    if role != "assistant":
        return _MESSAGE + total
    thought = message.get("reasoning_content") or message.get("reasoning")
    if keep and isinstance(thought, str) and not thought.isspace():
        total += count(thought)
    calls = message.get("tool_calls") or ()
    total += _CALLS if calls else 0
    for call in calls:
        function = call.get("function") or {}
        total += _CALL + count(str(function.get("name"))) + _arguments(function.get("arguments"), count)
    return _TURN + total


def _content(content: object, template: PromptTemplate, count: Count) -> int:
    """Each part is tokens of its own: no token spans two."""
    return sum(count(part) if isinstance(part, str) else part for part in parts(content, template, count))


def _arguments(sent: object, count: Count) -> int:
    """Each argument of the call is an element of its own, a text as it is and any other value as JSON."""
    arguments = sent
    if isinstance(sent, str):
        try:
            arguments = None if is_too_deep(sent) else json.loads(sent)
        except ValueError:
            arguments = None
    if not isinstance(arguments, Mapping):
        return 0 if sent is None else _UNREADABLE + count(str(sent))
    total = 0
    for key, value in arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        total += _ARGUMENT + count(_attribute(str(key))) + count(text)
    return total


def _attribute(value: str) -> str:
    return value.replace("&", "&amp;").replace('"', "&quot;")


def _declaration(tools: Sequence[Mapping[str, Any]], frame: int, count: Count) -> int:
    """Tools as one JSON text. The line break behind it is part of its last token, so the two are counted together."""
    declared = [{"type": "function", "function": function} for function in functions_of(tools)]
    return frame + count(_sorted_json(declared) + "\n") if declared else 0


def _format(response_format: Mapping[str, Any] | None, count: Count) -> int:
    kind = (response_format or {}).get("type")
    if kind == "json_object":
        return _JSON
    if kind != "json_schema":
        return 0
    described = (response_format or {}).get("json_schema")
    schema = described.get("schema", described) if isinstance(described, Mapping) else described
    return _SCHEMA + count(_sorted_json(schema) + "\n")


def _sorted_json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise endless(value, "tools") or KimiInputError(
            "tools", f"a value of type {type(value).__name__}", f"they are JSON ({error})", "use texts as keys"
        ) from None
