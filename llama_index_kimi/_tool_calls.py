"""Tools: LlamaIndex's definitions -> wire tools, and calls in a response -> what core's agents execute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool, ToolMetadata

from kimi_api._arguments import verbatim
from kimi_api._arguments.text import UNREADABLE, is_too_deep, read
from kimi_api._warn import warn_once_of
from kimi_api.errors import KimiInputError, KimiRefusalError
from kimi_api.errors._base import WITHHELD
from kimi_api.messages import BUILTIN, tool_type
from kimi_api.options import RAISE_MAX_TOKENS
from kimi_api.tools import WireTool, list_of_tools, named_tool, unreadable_arguments
from llama_index_kimi._from_reply import NAMES, finish_reason, to_reply
from llama_index_kimi._input import no_messages
from llama_index_kimi._streaming import read_growing
from llama_index_kimi._to_wire import KEPT, UNREADABLE_MARK, wire_message

# What core copies from a schema's root, and what describes the function elsewhere.
_COPIED = {"type", "properties", "required", "$defs", "definitions", "title", "description"}
_wire_tools: WeakKeyDictionary[BaseTool, tuple[tuple[Any, ...], WireTool]] = WeakKeyDictionary()


class RenamedTool(dict[str, Any]):
    """A wire tool whose name differs from the name of the Python tool.

    Core replaces what OpenAI does not take in a name (MCP servers like dots in them), and its agents look a called
    tool up by its own name. The definition brings that name to the request, and the request to its response.
    """

    own_name: str


LOADED_NAMES = "kimi_tool_names"
"""Where a message that brings tools keeps their own names: stored definitions are plain dicts."""


def own_names(tools: Sequence[WireTool]) -> dict[str, str]:
    """Names on the wire -> the tools' own, where they differ."""
    return {tool["function"]["name"]: tool.own_name for tool in tools if isinstance(tool, RenamedTool)}


def messages_with_tools(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages that bring tools (`dynamic_tools_message`).

    Raises:
        KimiInputError: something in `messages` is no message.
    """
    try:
        return [message for message in messages if "tools" in message.additional_kwargs]
    except (AttributeError, TypeError):
        raise no_messages(messages) from None


def loaded_names(messages: Sequence[ChatMessage]) -> dict[str, str]:
    """`own_names` of the tools that messages bring, stored ones too."""
    names: dict[str, str] = {}
    for message in messages:
        names.update(message.additional_kwargs.get(LOADED_NAMES) or {})
    return names


def wire_tools(tools: Sequence[BaseTool | Mapping[str, Any]]) -> list[WireTool]:
    """`tools` as wire tools. A dict is one already and passes as it is.

    The same tool gives the same object every time, by which kimi_api recognises a schema it has worked on before.

    Raises:
        KimiInputError: something that is no tool.
    """
    return [_as_wire(tool) for tool in list_of_tools(tools)]


def not_loaded(tools: Sequence[WireTool], messages: Sequence[ChatMessage]) -> list[WireTool]:
    """`tools` without those that a message brings (`dynamic_tools_message`): a name may stand only once in a request.

    So that an agent, which names all its tools in every request, can have some that join in later.
    """
    loaded = {_name(tool) for message in messages for tool in message.additional_kwargs.get("tools") or ()}
    return [tool for tool in tools if _name(tool) not in loaded] if loaded else list(tools)


def _name(tool: object) -> object:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    return function.get("name") if isinstance(function, Mapping) else tool  # what is no definition equals no name


def _as_wire(tool: object) -> WireTool:
    if tool.__class__ is dict:  # as most are when they come here a second time
        return tool  # type: ignore[return-value]
    if isinstance(tool, BaseTool):
        return _wire_tool(tool)
    if isinstance(tool, str):
        raise named_tool(tool)
    if isinstance(tool, dict):
        return cast("WireTool", tool)
    if isinstance(tool, Mapping):
        return cast("WireTool", dict(tool))
    raise KimiInputError(
        "tools",
        tool,
        "a tool is one of LlamaIndex's, or a definition as a dict",
        "wrap a function with FunctionTool.from_defaults(function)" if callable(tool) else "pass FunctionTool objects",
    )


def _wire_tool(tool: BaseTool) -> WireTool:
    """The definition of `tool`, made once: pydantic needs 0.2 to 1 ms for a schema, and agents repeat it every step."""
    metadata = tool.metadata
    if tool_type(metadata.name or "") == BUILTIN:
        # The platform's own. Core would call it `_web_search`, and the platform nothing of that name.
        return {"type": BUILTIN, "function": {"name": metadata.name or ""}}
    signature = (metadata.name, metadata.description, metadata.fn_schema)
    try:
        known = _wire_tools.get(tool)
    except TypeError:  # a tool class that compares by value is not hashable
        return _definition(metadata)
    if known is not None and known[0] == signature:
        wire_tool = known[1]
    else:
        wire_tool = _definition(metadata)
        _wire_tools[tool] = (signature, wire_tool)
    return wire_tool


def wire_name(name: str) -> str:
    """`name` of a tool in letters that the platform takes, as core replaces the others ("fs.read" is "fs_read").

    Unchanged where that leaves no legal name ("查询"), so that the error which then comes names the user's own.
    """
    legal = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return legal if legal[:1].isalpha() else name


def _definition(metadata: ToolMetadata) -> WireTool:
    """Core's definition of a tool, with the whole schema where core keeps only a part.

    Core copies `type`, `properties`, `required` and the definitions from the root. A recursive model has a `$ref`
    there, a `RootModel` an array or a union, and a closed one `additionalProperties`: without these the platform
    answers 'tools.function.parameters.type is required and must be "object"', or the model may add what is refused.
    """
    # The length that core would check is OpenAI's; Kimi documents none.
    definition = metadata.to_openai_tool(skip_length_check=True)
    definition["function"]["name"] = wire_name(metadata.name or "")  # old cores pass any name on
    if metadata.fn_schema is not None:
        own = metadata.fn_schema.model_json_schema()
        if own.keys() - _COPIED or own.get("type") != "object":
            definition["function"]["parameters"] = own
    if definition["function"]["name"] != metadata.name:
        definition = RenamedTool(definition)
        definition.own_name = metadata.name or ""
    return cast("WireTool", definition)


def tool_selections(response: ChatResponse) -> list[ToolSelection]:
    """The calls in `response`, also while they are still being received.

    Called for every streamed chunk, so unfinished arguments are read by pydantic-core's partial parser, which takes
    microseconds where core's own takes a millisecond for 30 KB, and shows the text so far of an unfinished string.
    Of a finished answer, a call whose arguments cannot be read is a selection under a name that no tool has
    (`unreadable_name`): a tool must not run with half of what was meant for it, or with nothing. Core's agents answer
    such a call with "Tool ... not found", and the model, which sees that, calls again.
    """
    message = response.message
    reason = finish_reason(response)
    names = response.additional_kwargs.get(NAMES) or {}
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if not blocks:
        stored = message.additional_kwargs.get("tool_calls")
        if not stored:
            return []
        if all(isinstance(call, ToolSelection) for call in stored):
            return list(stored)
        calls = wire_message(ChatMessage(role="assistant", additional_kwargs={"tool_calls": stored})).get(
            "tool_calls", ()
        )
        blocks = [
            ToolCallBlock(
                tool_call_id=call["id"],
                tool_name=call["function"]["name"],
                tool_kwargs=call["function"]["arguments"],
            )
            for call in calls
        ]
    originals = (message.additional_kwargs.get(KEPT) or {}).get("tool_calls") or {}
    selections: list[ToolSelection] = []
    for block in blocks:
        selection, warning = _selection(block, reason, originals, names)
        if warning:  # by its place too: a history from elsewhere may have calls without ids
            warn_once_of(response, f"{len(selections)} {selection.tool_id}", warning)
        selections.append(selection)
    return selections


def _selection(
    block: ToolCallBlock, reason: str | None, originals: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[ToolSelection, str]:
    """The selection, and what to warn of."""
    call_id, name, text = block.tool_call_id or "", block.tool_name, block.tool_kwargs
    arguments: dict[str, Any] | None
    if not isinstance(text, str):
        arguments = text
    elif reason is None:
        arguments = _partial(text)
    else:
        arguments = read(text)
        if arguments is not None:
            verbatim.note(name, (originals.get(call_id) or {}).get("arguments") or text, arguments)
    name = names.get(name, name)
    if arguments is None:
        selection = ToolSelection(tool_id=call_id, tool_name=unreadable_name(name), tool_kwargs={UNREADABLE: text})
        too_deep = isinstance(text, str) and is_too_deep(text)
        return selection, unreadable_arguments(block.tool_name, reason, "no tool is run for it", too_deep=too_deep)
    return ToolSelection(tool_id=call_id, tool_name=name, tool_kwargs=arguments), ""


def unreadable_name(name: str) -> str:
    """What a call of the tool `name` is called whose arguments cannot be read; no tool is called so."""
    return name + UNREADABLE_MARK


def _partial(text: str) -> dict[str, Any]:
    """What unfinished arguments say so far."""
    try:
        value = read_growing(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def no_call_error(response: ChatResponse, model: str) -> ValueError:
    """What happened where a tool call was expected and none came, and what to do."""
    reason = finish_reason(response)
    ended = f" (finish_reason {reason!r})" if reason else ""
    if reason == "content_filter":
        request_id = response.raw.get("request_id") if isinstance(response.raw, dict) else None
        text = response.message.content or ""
        what = f"a tool call of {model} is missing: {WITHHELD}"
        error = KimiRefusalError(what, llm_output=text, request_id=request_id)
        error.partial = to_reply(response)
        return error
    remedy = (
        RAISE_MAX_TOKENS
        if reason == "length"
        else "Ask for the call in the prompt, or demand it with tool_required=True"
    )
    text = (response.message.content or "")[:200]
    return ValueError(f"Expected at least one tool call, but {model} answered with the text {text!r}{ended}. {remedy}")
