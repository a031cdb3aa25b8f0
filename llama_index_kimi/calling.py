"""Tools: LlamaIndex's definitions -> wire tools, and calls in a response -> what core's agents execute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool, ToolMetadata
from pydantic_core import from_json

from kimi_api import _verbatim
from kimi_api._warn import warn_once
from kimi_api.tools import WireTool
from llama_index_kimi.from_reply import finish_reason
from llama_index_kimi.to_wire import wire_message

# What core copies from a schema's root, and what describes the function elsewhere.
_COPIED = {"type", "properties", "required", "$defs", "definitions", "title", "description"}
_made: WeakKeyDictionary[BaseTool, tuple[tuple[Any, ...], WireTool]] = WeakKeyDictionary()
_own_names: dict[str, str] = {}
"""Wire names of tools -> their own. Core replaces what OpenAI does not take in a name (MCP servers like dots in them),
and its agents look a called tool up by its own name."""


def wire_tools(tools: Sequence[BaseTool | Mapping[str, Any]]) -> list[WireTool]:
    """`tools` as wire tools. A dict is one already and passes as it is: `$web_search` cannot be a `FunctionTool`.

    The same tool gives the same object every time, by which kimi_api recognises a schema it has worked on before.
    """
    return [dict(tool) if not isinstance(tool, (dict, BaseTool)) else _as_wire(tool) for tool in tools]


def _as_wire(tool: BaseTool | dict[str, Any]) -> WireTool:
    return tool if isinstance(tool, dict) else _wire_tool(tool)


def _wire_tool(tool: BaseTool) -> WireTool:
    """The definition of `tool`, made once: pydantic needs 0.2 to 1 ms for a schema, and agents repeat it every step."""
    metadata = tool.metadata
    if (metadata.name or "").startswith("$"):
        # The platform's own. Core would call it `_web_search`, and the platform nothing of that name.
        return {"type": "builtin_function", "function": {"name": metadata.name}}
    signature = (metadata.name, metadata.description, metadata.fn_schema)
    try:
        known = _made.get(tool)
    except TypeError:  # a tool class that compares by value is not hashable
        return _defined(metadata)
    if known is not None and known[0] == signature:
        made = known[1]
    else:
        made = _defined(metadata)
        _made[tool] = (signature, made)
    wire_name = made["function"]["name"]
    if wire_name != metadata.name:
        _own_names[wire_name] = metadata.get_name()
    elif _own_names:
        _own_names.pop(wire_name, None)
    return made


def _defined(metadata: ToolMetadata) -> WireTool:
    """Core's definition of a tool, with the whole schema where core keeps only a part.

    Core copies `type`, `properties`, `required` and the definitions from the root. A recursive model has a `$ref`
    there, a `RootModel` an array or a union, and a closed one `additionalProperties`: without these the platform
    answers 'tools.function.parameters.type is required and must be "object"', or the model may add what is refused.
    """
    # The length that core would check is OpenAI's; Kimi documents none.
    made = metadata.to_openai_tool(skip_length_check=True)
    made["function"]["name"] = re.sub(r"[^A-Za-z0-9_-]", "_", made["function"]["name"])  # old cores do not
    if metadata.fn_schema is not None:
        own = metadata.fn_schema.model_json_schema()
        if own.keys() - _COPIED or own.get("type") != "object":
            made["function"]["parameters"] = own
    return made


def tool_selections(response: ChatResponse) -> list[ToolSelection]:
    """The calls in `response`, also while they are still being received.

    Called for every streamed chunk, so unfinished arguments are read by pydantic-core's partial parser, which takes
    microseconds where core's own takes a millisecond for 30 KB, and shows the text so far of an unfinished string.
    Arguments of a finished answer are read strictly: a tool must not run with half of what was meant for it.
    """
    message = response.message
    reason = finish_reason(response)
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if not blocks:
        stored = message.additional_kwargs.get("tool_calls")
        if not stored:
            return []
        if all(isinstance(call, ToolSelection) for call in stored):
            return list(stored)
        calls = wire_message(ChatMessage(role="assistant", additional_kwargs={"tool_calls": stored}))["tool_calls"]
        blocks = [
            ToolCallBlock(
                tool_call_id=call["id"],
                tool_name=call["function"]["name"],
                tool_kwargs=call["function"]["arguments"],
            )
            for call in calls
        ]
    return [
        ToolSelection(
            tool_id=block.tool_call_id or "",
            tool_name=_own_names.get(block.tool_name, block.tool_name),
            tool_kwargs=_arguments(block, reason),
        )
        for block in blocks
    ]


def _arguments(block: ToolCallBlock, reason: str | None) -> dict[str, Any]:
    given = block.tool_kwargs
    if not isinstance(given, str):
        return given
    try:
        parsed = from_json(given, allow_partial="trailing-strings" if reason is None else "off") if given else {}
    except ValueError:
        parsed = {}
        if reason is not None:
            _warn_unreadable(block, reason)
    if not isinstance(parsed, dict):
        return {}
    if reason is not None:
        _verbatim.note(block.tool_name, given, parsed)
    return parsed


def _warn_unreadable(block: ToolCallBlock, reason: str) -> None:
    cause = (
        "the token budget ended within them: raise max_tokens (16,000 or more is advised for thinking models)"
        if reason == "length"
        else "they are not JSON"
    )
    warn_once(
        ("unreadable_arguments", str(block.tool_call_id)),
        f"the arguments of the call of {block.tool_name!r} cannot be read, so the tool gets none; {cause}",
    )


def keep_first_call(response: ChatResponse) -> ChatResponse:
    """`response` with its first tool call only, in blocks and in `additional_kwargs`; itself if there are no more."""
    message = response.message
    calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    stored = message.additional_kwargs.get("tool_calls") or []
    if len(calls) <= 1 and len(stored) <= 1:
        return response
    dropped = {id(block) for block in calls[1:]}
    kept = ChatMessage(
        role=message.role,
        blocks=[block for block in message.blocks if id(block) not in dropped],
        additional_kwargs={**message.additional_kwargs, "tool_calls": list(stored[:1])},
    )
    return response.model_copy(update={"message": kept})
