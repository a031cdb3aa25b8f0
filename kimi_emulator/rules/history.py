"""Rules on earlier turns: tool calls and their results, and the thinking that belongs to them."""

from __future__ import annotations

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.wording import show


def _answers(check: ChatCheck, position: int) -> list[str]:
    """Ids of the tool messages that follow directly after ``position``."""
    ids: list[str] = []
    for message in check.messages[position + 1 :]:
        if message["role"] != "tool":
            break
        ids.append(str(message.get("tool_call_id") or ""))
    return ids


@rule("history.call_shape", source="wording ours")
def call_shape(check: ChatCheck) -> str | None:
    """Each tool call of the history has an id and a function with a name and an argument text."""
    for message in check.messages:
        calls = message.get("tool_calls")
        if calls is None:
            continue
        for call in calls if isinstance(calls, list) else [None]:
            function = call.get("function") if isinstance(call, dict) else None
            if (
                not isinstance(function, dict)
                or not isinstance(call.get("id"), str)  # type: ignore[union-attr]
                or not isinstance(function.get("name"), str)
                or not isinstance(function.get("arguments"), str)
            ):
                return "Invalid request: tool_calls need an id and a function with name and arguments (a string)"
    return None


@rule(
    "history.arguments",
    source="vLLM, SGLang and llama.cpp read the arguments of earlier calls; wording ours, theirs in their dialects",
)
def arguments(check: ChatCheck) -> str | None:
    """Only with ``histories`` strict: the arguments of each earlier call are a JSON object."""
    return unreadable_arguments(check) if check.state.settings.histories == "strict" else None


def unreadable_arguments(check: ChatCheck) -> str | None:
    """Which earlier call has arguments that hosts that read them would refuse."""
    for position, text in check.unreadable_arguments:
        return (
            f"Invalid request: the arguments of a tool call of message {position} are not a JSON object: {text[:80]!r}"
        )
    return None


@rule("tools.unanswered_call", source="users' reports of the live text", section="4.2")
def unanswered(check: ChatCheck) -> str | None:
    """Every call is answered by a tool message before anything else is said."""
    for position, _, calls in check.assistant_calls():
        answered = _answers(check, position)
        missing = [call["id"] for call in calls if call["id"] not in answered]
        if missing:
            return (
                "an assistant message with 'tool_calls' must be followed by tool messages responding to each "
                "'tool_call_id'. The following tool_call_ids did not have response messages: " + ", ".join(missing)
            )
    return None


@rule(
    "tools.unknown_call_id",
    source="users' reports: `tool_call_id  is not found` with the id between the spaces",
    section="4.2",
)
def unknown_call(check: ChatCheck) -> str | None:
    """A tool message answers a call of the assistant message before it."""
    open_ids: set[str] = set()
    for message in check.messages:
        if message["role"] == "assistant":
            open_ids = {str(call["id"]) for call in message.get("tool_calls") or ()}
        elif message["role"] != "tool":
            open_ids = set()
        elif str(message.get("tool_call_id") or "") not in open_ids:
            return f"tool_call_id {show(message.get('tool_call_id'))} is not found"
    return None


@rule("tools.extra_result", refuses=False, source="official tools page: one result for each call", section="4.2")
def extra_result(check: ChatCheck) -> str | None:
    """Each call is answered once."""
    for position, _, calls in check.assistant_calls():
        answered, call_ids = _answers(check, position), [call["id"] for call in calls]
        extra = [id for id in dict.fromkeys(answered) if answered.count(id) > call_ids.count(id) > 0]
        if extra:
            return f"the calls of message {position} have more than one result each: {', '.join(extra)}"
    return None


@rule(
    "tools.repeated_call_id",
    refuses=False,
    source="tool use page: a result names its call by id; the platform's own ids differ within an answer",
    section="4.2",
)
def repeated_call(check: ChatCheck) -> str | None:
    """The calls of one answer have ids of their own: two results of one id cannot be told apart."""
    for position, _, calls in check.assistant_calls():
        ids = [call["id"] for call in calls]
        twice = [id for id in dict.fromkeys(ids) if ids.count(id) > 1]
        if twice:
            return f"calls of message {position} share an id: {', '.join(twice)}"
    return None


@rule("reasoning.missing", source='recorded 400; `""` counts as missing, one space does not')
def missing(check: ChatCheck) -> str | None:
    """While K2.x thinks, each tool-call message carries its thinking (K3 only when the emulator is told to ask)."""
    asks = check.model.needs_reasoning
    if check.model.family == "k3":
        asks = check.state.settings.k3_requires_reasoning
    if not asks or not check.thinks:
        return None
    for position, message, _ in check.assistant_calls():
        if not message.get("reasoning_content"):
            return (
                "thinking is enabled but reasoning_content is missing in assistant tool call message "
                f"at index {position}"
            )
    return None


@rule("reasoning.altered", refuses=False, source="documents: send reasoning_content back unchanged")
def altered(check: ChatCheck) -> str | None:
    """Thinking that comes back is, byte for byte, what was given with that turn.

    One space replaces empty thinking, and empty thinking replaces absent, as Moonshot's own client sends it.
    """
    for position, message, original in check.state.memory.thinking_of(check.messages):
        sent = message.get("reasoning_content")
        if not sent or sent in original or (sent == " " and "" in original):
            continue
        return f"the reasoning_content of message {position} is not the one given with that turn: {str(sent)[:80]!r}"
    return None


@rule("reasoning.dropped", refuses=False, source="documents of K3: every tool-call message keeps its reasoning_content")
def dropped(check: ChatCheck) -> str | None:
    """A tool-call message the emulator gave with thinking comes back with it, while the model thinks."""
    if not check.thinks:
        return None
    for position, message, original in check.state.memory.thinking_of(check.messages):
        if message.get("tool_calls") and not message.get("reasoning_content") and any(original):
            return f"message {position} came back without the reasoning_content given with it"
    return None


@rule(
    "partial.reasoning",
    refuses=False,
    source="partial mode page: a thinking model needs the thinking of the answer that is continued",
)
def partial_reasoning(check: ChatCheck) -> str | None:
    """A cut-off answer that is continued brings the thinking that was given with it."""
    last = len(check.messages) - 1
    if not check.thinks or not check.messages[last].get("partial"):
        return None
    for position, message, original in check.state.memory.thinking_of(check.messages):
        if position == last and message.get("reasoning_content") is None and any(original):
            return "the partial message came without the reasoning_content of the answer that it continues"
    return None
