"""Wire messages: making the special ones, and one pass that makes a history fit to send. Pure functions on dicts.

A wire message is what stands in `messages` of https://platform.kimi.ai/docs/api/chat: `role`, `content`, and for an
assistant `reasoning_content`, `tool_calls`, `partial`. Callers' dicts are never changed; a message that needs a change
is copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from kimi_api._repair import CANCELLED as CANCELLED
from kimi_api._repair import check_calls, is_id, repair_history
from kimi_api.catalog import ModelSpec
from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from kimi_api.wire import AssistantMessage, Message, SystemMessage, Tool, ToolCall, WireMessage
else:  # its class would cost every import of the package a part of a millisecond
    WireMessage = dict[str, Any]

__all__ = [
    "Repair",
    "WireMessage",
    "dynamic_tools_message",
    "partial_message",
    "partial_prefix",
    "prepare_messages",
    "reasoning_fields",
    "text_of",
]

Repair = Literal["safe", "full", "cancel", "none"]
"""What may be repaired in a history: "safe" what loses nothing; "full" also answers open tool calls and drops results
whose call is gone, with a warning ("cancel" is its old name); "none" nothing."""

BUILTIN = "builtin_function"
"""The type of a tool of the platform's own."""

ROLES = frozenset({"system", "user", "assistant", "tool"})
_NEVER_WITHOUT = frozenset({"system", "user", "tool"})
"""Whose messages need a `content`, if only an empty text."""

# The least that a server which demands reasoning accepts: '"thinking is enabled but reasoning_content is missing in
# assistant tool call message at index 2"' is also said of an empty string.
FILLER = " "


def tool_type(name: str) -> str:
    """The type of the tool `name` and of its calls: the platform's own tools begin with a dollar sign."""
    return BUILTIN if name.startswith("$") else "function"


def partial_message(prefix: str, *, name: str | None = None, reasoning_content: str | None = None) -> AssistantMessage:
    """An assistant message that the model continues instead of answering afresh (Partial Mode).

    Args:
        prefix: the beginning of the answer; may be "" when `name` is given.
        name: whose voice it is; becomes part of the prefix.
        reasoning_content: the thinking that led to `prefix`, when a cut-off answer is continued.

    It must be the last message, and cannot stand beside `response_format={"type": "json_object"}`:
    https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
    """
    check_prefix(prefix)
    message: AssistantMessage = {"role": "assistant", "content": prefix, "partial": True}
    if name is not None:
        message["name"] = name
    if reasoning_content is not None:
        message["reasoning_content"] = reasoning_content
    return message


def check_messages(messages: object) -> None:
    """Refuse what is no list of wire messages, by its first one: a list has hundreds, of one kind mostly.

    Raises:
        KimiInputError: a text, a dict, no list, or a list of something else.
    """
    if not isinstance(messages, Sequence) or (messages and not isinstance(messages[0], Mapping)):
        wrong = messages if messages is None or isinstance(messages, str | Mapping | list) else type(messages).__name__
        remedy = 'write e.g. [{"role": "user", "content": "Hello"}]'
        raise KimiInputError("messages", wrong, "they are a list of dicts", remedy)


def check_prefix(prefix: object) -> None:
    """Refuse what is no beginning of an answer. Raises `KimiInputError`."""
    if not isinstance(prefix, str):
        remedy = 'pass the beginning of the answer, or "" with a name'
        raise KimiInputError("prefix", prefix, "it is a text", remedy)


def reasoning_fields(host_field: str, came_as: str | None) -> tuple[str, ...]:
    """The names of the fields that send a turn's thinking back: the host's own, and the one that it arrived in.

    vLLM reads `reasoning` alone (vllm#38488); SGLang and llama.cpp, which are spoken to in the same dialect, read
    `reasoning_content`, and the platform's rules for histories look at that. A host passes over the other one.

    Args:
        host_field: the name that the dialect gives it.
        came_as: the name under which it came; None where it was the platform's own, or nobody noted it.
    """
    came_as = came_as or "reasoning_content"
    return (host_field,) if came_as == host_field else (host_field, came_as)


def dynamic_tools_message(tools: Sequence[Tool | Mapping[str, Any]]) -> SystemMessage:
    """A system message that makes `tools` (full definitions) callable from its position on. K3 family only.

    https://platform.kimi.ai/docs/guide/use-dynamic-tool-loading
    """
    if not isinstance(tools, Sequence) or not all(isinstance(tool, Mapping) for tool in tools):
        rule = "it takes full definitions of tools, as dicts in a list"
        remedy = "use the function of this name in langchain_kimi or llama_index_kimi for a framework's own tools"
        raise KimiInputError("tools", f"a {type(tools).__name__}", rule, remedy)
    definitions: list[Any] = [{"type": "function", **tool} for tool in tools]
    return {"role": "system", "tools": definitions}


def prepare_messages(
    messages: Sequence[Message | WireMessage | Mapping[str, Any]],
    spec: ModelSpec,
    *,
    thinking: bool,
    repair: Repair = "safe",
    rules: bool = True,
) -> list[WireMessage]:
    """`messages` as the model accepts them, in one pass. With `rules` False (other hosts) our rules do not apply.

    * Every turn keeps its own thinking. On the K3 family every assistant turn carries `reasoning_content`, "" where
      there is none, as Moonshot's own client sends it. On K2.x an assistant turn with tool calls and none gets a space
      while the model thinks. An empty one gets it where the platform counts "" as missing, whether the model thinks in
      this call or not: a turn that changed its bytes from call to call would end the cached prefix.
    * A blank `content` beside tool calls is sent as "" (an empty text part there is refused: "text content is empty").
    * The result of a built-in function (`$web_search`) goes out as the arguments of its call, byte for byte, whatever
      stands in it: the platform does the search, and given anything else the model makes up an answer.
    * With repair "safe", assistant turns with nothing in them and empty text parts are left out, and calls and results
      are put together (`kimi_api._repair.repair_history`). With "full" open calls are answered as cancelled, and
      results whose call is gone are left out, each with a warning.

    Raises:
        KimiInputError: no messages; an unknown role; a partial message that is not the last; a tool call without an
            answer, or an answer to no call. It names the `repair` that corrects it, where one does.
    """
    if not messages:
        raise KimiInputError("messages", [], "at least one message is needed", "add a user message")
    messages = cast("Sequence[WireMessage]", messages)
    prepared = _prepare(messages, range(len(messages)), spec, thinking, repair, rules)
    if prepared is None:
        repaired, positions = repair_history(messages, lossy=repair in ("full", "cancel"))
        prepared = None if repair == "none" else _prepare(repaired, positions, spec, thinking, repair, rules)
        if prepared is None:
            raise KimiInputError(
                "messages",
                "tool calls and results that do not follow each other",
                "an assistant turn with tool calls must be followed by the results: one for each call, with the id "
                "of the call",
                'put them in that order, or pass repair="safe" (the default), which does it',
            )
    if not prepared:
        raise KimiInputError("messages", list(messages), "every message is empty", "add a user message")
    return prepared


def _prepare(
    messages: Sequence[WireMessage],
    positions: Sequence[int],
    spec: ModelSpec,
    thinking: bool,
    repair: Repair,
    rules: bool,
) -> list[WireMessage] | None:
    """The pass over a history; None where calls and results have to be put together first."""
    prepared: list[WireMessage] = []
    open_calls: dict[str, str] = {}  # id -> tool name, in the order of the calls
    echoes: dict[str, str] = {}  # id of a built-in function's call -> its arguments
    last = positions[-1] if positions else 0
    tidy = repair != "none"
    message: WireMessage
    for position, message in zip(positions, messages, strict=True):
        role = message.get("role")
        content = message.get("content")
        if tidy and content.__class__ is not str:
            if isinstance(content, list) and not all(_says_something(part) for part in content):
                message = {**message, "content": [part for part in content if _says_something(part)] or ""}
            elif not content and content != "" and role in _NEVER_WITHOUT and not message.get("tools"):
                message = {**message, "content": ""}  # "the message at position N with role 'user' must not be empty"
        if role == "tool":
            call_id = message.get("tool_call_id")
            if not isinstance(call_id, str) or call_id not in open_calls:
                return None
            del open_calls[call_id]
            if echoes and call_id in echoes:
                message = {**message, "content": echoes[call_id]}
            prepared.append(message)
            continue
        if open_calls or role == "function":
            return None
        if role == "assistant":
            calls = message.get("tool_calls")
            if not calls and message.get("function_call"):
                return None
            ready: WireMessage | None = message
            has_words = content.__class__ is str and (content or calls)
            if not has_words or not message.get("reasoning_content") or message.get("partial"):
                ready = _assistant(message, position, last, spec, thinking, repair, rules)
            if ready is not None:
                prepared.append(ready)
                if calls:
                    echoes.clear()
                    try:
                        for call in calls:
                            function = call["function"]
                            open_calls[call["id"]] = function["name"]
                            if tool_type(function["name"]) == BUILTIN:
                                echoes[call["id"]] = function["arguments"]
                    except (KeyError, TypeError, AttributeError):
                        open_calls.clear()
                    if len(open_calls) != len(calls) or not all(map(is_id, open_calls)):
                        if repair not in ("full", "cancel"):
                            check_calls(calls, position)
                        return None
        elif role in ROLES:
            if role == "system" and message.get("tools") and not spec.dynamic_tools:
                # "tokenization failed"
                raise KimiInputError(
                    f"messages[{position}].tools",
                    message.get("tools"),
                    f"{spec.id} takes no tools inside messages (only the K3 family does)",
                    "pass them as tools of the request, or choose a K3 model",
                )
            prepared.append(message)
        else:
            raise KimiInputError(
                f"messages[{position}].role",
                role,
                "the platform knows only " + ", ".join(sorted(ROLES)),
                "use system for instructions (there is no developer role)",
            )
    return None if open_calls else prepared


def number_calls(messages: Sequence[WireMessage]) -> list[WireMessage]:
    """Prepared `messages` with the tool-call ids that the open weights were trained on: `functions.<name>:<n>`.

    Their chat template prints ids word for word, and prints a tool's name nowhere else, so that with other ids the
    model writes calls that cannot be parsed. n counts all calls of the conversation from 0. The platform does this
    itself: https://github.com/MoonshotAI/K2-Vendor-Verifier
    """
    renumbered: list[WireMessage] = []
    new_ids: dict[str, str] = {}
    count = 0
    for message in messages:
        if old_calls := message.get("tool_calls"):
            calls: list[ToolCall] = []
            for call in old_calls:
                new_ids[call["id"]] = new_id = f"functions.{call['function']['name']}:{count}"
                calls.append({**call, "id": new_id})
                count += 1
            renumbered.append({**message, "tool_calls": calls})
        elif message.get("role") == "tool":
            renumbered.append({**message, "tool_call_id": new_ids[message.get("tool_call_id", "")]})
        else:
            renumbered.append(message)
    return renumbered


def partial_prefix(messages: Sequence[Message | WireMessage | Mapping[str, Any]]) -> str | None:
    """The prefix that an answer to `messages` continues, or None when the last message is not partial.

    Raises:
        KimiInputError: the last message is partial, but not the assistant's.
    """
    last = messages[-1] if messages else {}
    if not last.get("partial"):
        return None
    if last.get("role") != "assistant":
        raise KimiInputError(
            f"messages[{len(messages) - 1}]",
            last,
            "only an assistant message can be continued",
            "end the list with partial_message(...)",
        )
    return text_of(last.get("content"))


def text_of(content: object) -> str:
    """The text of a message's `content`: a string, a list of parts (other parts are passed over), or None."""
    if isinstance(content, str):
        return content
    if isinstance(content, Iterable):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return ""


def _assistant(
    message: WireMessage,
    position: int,
    last: int,
    spec: ModelSpec,
    thinking: bool,
    repair: Repair,
    rules: bool,
) -> WireMessage | None:
    """An assistant message ready to send, or None when it is empty and may be left out."""
    if message.get("partial"):
        if position != last:
            raise KimiInputError(
                f"messages[{position}]",
                message,
                f"a partial message must be the last one, and {last - position} more follow",
                "remove partial from earlier turns, or end the list with the message to continue",
            )
        return message
    calls = message.get("tool_calls")
    content = message.get("content")
    blank = not content or (not isinstance(content, str) and not any(_says_something(part) for part in content))
    if not calls and blank and repair != "none":
        # "the message at position N with role 'assistant' must not be empty"
        return None
    changes: WireMessage = {}
    if calls and blank and content != "":
        changes["content"] = ""
    reasoning = message.get("reasoning_content")
    if reasoning is None and not rules:
        reasoning = message.get("reasoning")  # its name on other hosts
    if rules and spec.reasoning_on_every_turn:
        if reasoning is None:
            changes["reasoning_content"] = ""
    elif calls and ((reasoning is None and thinking) or (reasoning == "" and rules and spec.blank_reasoning_refused)):
        changes["reasoning_content"] = FILLER
    return {**message, **changes} if changes else message


def _says_something(part: object) -> bool:
    return not isinstance(part, Mapping) or part.get("type") != "text" or bool(part.get("text"))
