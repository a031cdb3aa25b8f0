"""What `invoke` and the like cannot be given: the error names the message, and what to write in its place. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.messages import BaseMessage, convert_to_messages

from kimi_api import KimiInputError

_RULE = "it is a text, a list of messages, or a prompt value"
_ITEM = "a message is a text, one of LangChain's messages, a pair (role, text), or a dict with role and content"
_EXAMPLE = 'write e.g. "Hello" or [HumanMessage("Hello")]'


def wrong_input(value: object) -> KimiInputError:
    """The error for an input that core cannot turn into messages."""
    if isinstance(value, BaseMessage):
        return KimiInputError("input", f"one {type(value).__name__}", _RULE, "put it into a list: [message]")
    if isinstance(value, Mapping):
        return KimiInputError("input", value, _RULE, _remedy_for_dict(value))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        for position, item in enumerate(value):
            try:
                convert_to_messages([item])
            except Exception as error:  # whatever the item's own class raises
                return _wrong_item(f"messages[{position}]", item, error)
    remedy = _EXAMPLE
    if hasattr(value, "__await__"):
        remedy = "await it, and pass what it gives"
    elif hasattr(value, "format_messages"):
        remedy = "write prompt | llm, and invoke that with the prompt's variables"
    return KimiInputError("input", describe(value), _RULE, remedy)


def _remedy_for_dict(value: Mapping[object, object]) -> str:
    if "role" in value and "content" in value:
        return "put it into a list: [message]"
    if "messages" in value:
        return 'pass the list alone: input["messages"]; the dict is what agents and graphs take'
    if value:
        return f"{_EXAMPLE}; a dict is for a chain that begins with a prompt: prompt | llm"
    return _EXAMPLE


def _wrong_item(where: str, item: object, error: Exception) -> KimiInputError:
    role = _role_of(item)
    if role is not None and "message type" in str(error):
        return KimiInputError(
            where, describe(item), f"{role!r} is the role of no message", "use one of user, assistant, system, tool"
        )
    if isinstance(item, Mapping) and role == "tool" and "tool_call_id" not in item:
        rule = "a tool message says which call it answers"
        return KimiInputError(where, describe(item), rule, 'add "tool_call_id": call["id"], of the call in tool_calls')
    if isinstance(item, list) and item and all(isinstance(message, BaseMessage) for message in item):
        return KimiInputError(where, "a list of messages", _ITEM, "pass one list, without another list in it")
    if isinstance(item, Mapping | tuple | list):
        return KimiInputError(where, describe(item), _ITEM, 'write e.g. {"role": "user", "content": "Hello"}')
    return KimiInputError(where, describe(item), _ITEM, 'write e.g. HumanMessage("Hello")')


def _role_of(item: object) -> object:
    if isinstance(item, Mapping):
        return item.get("role", item.get("type"))
    return item[0] if isinstance(item, tuple | list) and len(item) == 2 else None


def describe(value: object) -> object:
    """What an error shows of `value`: its class where its `repr` says only where it is in memory, or too much."""
    if value is None or isinstance(value, str | bytes | int | float | Mapping | list | tuple):
        return value
    return f"one {type(value).__name__}" if isinstance(value, BaseMessage) else f"a {type(value).__name__}"
