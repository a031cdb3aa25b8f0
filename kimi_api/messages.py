"""Wire messages: making the special ones, and one pass that makes a history fit to send. Pure functions on dicts.

A wire message is what stands in `messages` of https://platform.kimi.ai/docs/api/chat: `role`, `content`, and for an
assistant `reasoning_content`, `tool_calls`, `partial`. Callers' dicts are never changed; a message that needs a change
is copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from kimi_api.catalog import ModelSpec
from kimi_api.errors import KimiInputError

__all__ = [
    "Repair",
    "WireMessage",
    "dynamic_tools_message",
    "partial_message",
    "partial_prefix",
    "prepare_messages",
    "text_of",
]

WireMessage = dict[str, Any]
Repair = Literal["safe", "cancel", "none"]
"""What may be mended in a history: "safe" what loses nothing, "cancel" also answers open tool calls, "none" nothing."""

ROLES = frozenset({"system", "user", "assistant", "tool"})

# The least that a server which demands reasoning accepts: '"thinking is enabled but reasoning_content is missing in
# assistant tool call message at index 2"' is also said of an empty string.
FILLER = " "

CANCELLED = "The call was cancelled before it returned a result."


def partial_message(prefix: str, *, name: str | None = None, reasoning_content: str | None = None) -> WireMessage:
    """An assistant message that the model continues instead of answering afresh (Partial Mode).

    Args:
        prefix: the beginning of the answer; may be "" when `name` is given.
        name: whose voice it is; becomes part of the prefix.
        reasoning_content: the thinking that led to `prefix`, when a cut-off answer is continued.

    It must be the last message, and cannot stand beside `response_format={"type": "json_object"}`:
    https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
    """
    message: WireMessage = {"role": "assistant", "content": prefix, "partial": True}
    if name is not None:
        message["name"] = name
    if reasoning_content is not None:
        message["reasoning_content"] = reasoning_content
    return message


def dynamic_tools_message(tools: Sequence[Mapping[str, Any]]) -> WireMessage:
    """A system message that makes `tools` (full definitions) callable from its position on. K3 family only.

    https://platform.kimi.ai/docs/guide/use-dynamic-tool-loading
    """
    return {"role": "system", "tools": [{"type": "function", **tool} for tool in tools]}


def prepare_messages(
    messages: Sequence[WireMessage],
    spec: ModelSpec,
    *,
    thinking: bool,
    repair: Repair = "safe",
    rules: bool = True,
) -> list[WireMessage]:
    """`messages` as the model accepts them, in one pass. With `rules` False, another host's, which has none of ours.

    * Every turn keeps its own thinking. An assistant turn with tool calls and none gets one space while the model
      thinks. An empty one gets it where the platform counts "" as missing, whether the model thinks in this call or
      not: a turn that changed its bytes from call to call would end the cached prefix.
    * A blank `content` beside tool calls is sent as "" (an empty text part there is refused: "text content is empty").
    * The result of a built-in function (`$web_search`) goes out as the arguments of its call, byte for byte, whatever
      stands in it: the platform does the search, and given anything else the model makes up an answer.
    * With repair "safe", assistant turns with nothing in them are left out, and dynamic-tool messages that stand
      between calls and their results move behind the last result.

    Raises:
        KimiInputError: no messages; an unknown role; a partial message that is not the last; a tool call without an
            answer, or an answer to no call (with `repair="cancel"` open calls are answered as cancelled).
    """
    if not messages:
        raise KimiInputError("messages", [], "at least one message is needed", "add a user message")
    prepared: list[WireMessage] = []
    open_calls: dict[str, str] = {}  # id -> tool name, in the order of the calls
    answered: set[str] = set()
    echoes: dict[str, str] = {}  # id of a built-in function's call -> its arguments
    held: list[WireMessage] = []  # dynamic-tool messages waiting for the last result
    last = len(messages) - 1
    for position, message in enumerate(messages):
        role = message.get("role")
        if role == "tool":
            _take_result(message, position, open_calls, answered)
            if echoes and message["tool_call_id"] in echoes:
                message = {**message, "content": echoes[message["tool_call_id"]]}
            prepared.append(message)
            if not open_calls and held:
                prepared += held
                held = []
            continue
        if role == "system" and message.get("tools") and not spec.dynamic_tools:
            # "tokenization failed"
            raise KimiInputError(
                f"messages[{position}].tools",
                message["tools"],
                f"{spec.id} takes no tools inside messages (only the K3 family does)",
                "pass them as tools of the request, or choose a K3 model",
            )
        if open_calls:
            if role == "system" and message.get("tools") and repair != "none":
                held.append(message)
                continue
            prepared += _close(open_calls, repair, echoes)
            prepared += held
            held = []
        if role == "assistant":
            ready = _assistant(message, position, last, spec, thinking, repair, rules)
            if ready is not None:
                prepared.append(ready)
                calls = ready.get("tool_calls")
                if calls:
                    answered = set()
                    try:
                        open_calls = {call["id"]: call["function"]["name"] for call in calls}
                        echoes = {
                            call["id"]: call["function"]["arguments"]
                            for call in calls
                            if open_calls[call["id"]].startswith("$")
                        }
                    except (KeyError, TypeError, AttributeError):
                        open_calls = {}
                    if len(open_calls) != len(calls) or "" in open_calls or None in open_calls:
                        raise _unusable(calls, position)
        elif role in ROLES:
            prepared.append(message)
        else:
            raise KimiInputError(
                f"messages[{position}].role",
                role,
                "the platform knows only " + ", ".join(sorted(ROLES)),
                "use system for instructions (there is no developer role)",
            )
    if open_calls:
        prepared += _close(open_calls, repair, echoes)
    prepared += held
    if not prepared:
        raise KimiInputError("messages", list(messages), "every message is empty", "add a user message")
    return prepared


def numbered(messages: Sequence[WireMessage]) -> list[WireMessage]:
    """Prepared `messages` with the tool-call ids that the open weights were trained on: `functions.<name>:<n>`.

    Their chat template prints ids word for word, and prints a tool's name nowhere else, so that with other ids the
    model writes calls that cannot be parsed. n counts all calls of the conversation from 0. The platform does this
    itself: https://github.com/MoonshotAI/K2-Vendor-Verifier
    """
    made: list[WireMessage] = []
    new_ids: dict[str, str] = {}
    count = 0
    for message in messages:
        if message.get("tool_calls"):
            calls = []
            for call in message["tool_calls"]:
                new_ids[call["id"]] = new_id = f"functions.{call['function']['name']}:{count}"
                calls.append({**call, "id": new_id})
                count += 1
            made.append({**message, "tool_calls": calls})
        elif message.get("role") == "tool":
            made.append({**message, "tool_call_id": new_ids[message["tool_call_id"]]})
        else:
            made.append(message)
    return made


def partial_prefix(messages: Sequence[WireMessage]) -> str | None:
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
    if not calls:
        if blank and repair != "none":
            # "the message at position N with role 'assistant' must not be empty"
            return None
        return message
    changes: WireMessage = {}
    if blank and content != "":
        changes["content"] = ""
    reasoning = message.get("reasoning_content")
    if (reasoning is None and thinking) or (reasoning == "" and rules and spec.blank_reasoning_refused):
        changes["reasoning_content"] = FILLER
    return {**message, **changes} if changes else message


def _unusable(calls: Sequence[Mapping[str, Any]], position: int) -> KimiInputError:
    return KimiInputError(
        f"messages[{position}].tool_calls",
        calls,
        'a call is {"id": ..., "type": "function", "function": {"name": ..., "arguments": "..."}}, with its own id',
        "send the calls back as they came",
    )


def _says_something(part: object) -> bool:
    return not isinstance(part, Mapping) or part.get("type") != "text" or bool(part.get("text"))


def _take_result(message: WireMessage, position: int, open_calls: dict[str, str], answered: set[str]) -> None:
    call_id = message.get("tool_call_id")
    if call_id in open_calls:
        del open_calls[call_id]
        answered.add(call_id)
        return
    rule = "this call was answered already" if call_id in answered else "no assistant message before it made this call"
    raise KimiInputError(
        f"messages[{position}].tool_call_id",
        call_id,
        rule,
        "keep each tool result behind the assistant turn that called it; trim histories at a user message",
    )


def _close(open_calls: dict[str, str], repair: Repair, echoes: Mapping[str, str]) -> list[WireMessage]:
    """Answers for calls that have none, if they may be made up."""
    unanswered = dict(open_calls)
    open_calls.clear()
    if repair == "cancel":
        return [
            {"role": "tool", "tool_call_id": call_id, "content": echoes.get(call_id, CANCELLED)}
            for call_id in unanswered
        ]
    names = ", ".join(f"{name} ({call_id})" for call_id, name in unanswered.items())
    # "an assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'"
    raise KimiInputError(
        "messages",
        names,
        "every tool call needs one tool message with its id before the conversation goes on",
        'add the missing tool results, or pass repair="cancel" to tell the model they were cancelled',
    )
