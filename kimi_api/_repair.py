"""Broken histories made whole: calls and results that do not follow each other as the platform wants it. Pure.

`kimi_api.messages.prepare_messages` comes here only when it meets such a history, so that good ones cost nothing. The
platform says: "an assistant message with 'tool_calls' must be followed by tool messages responding to each
'tool_call_id'", and "tool_call_id  is not found".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from kimi_api._warn import warn
from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from kimi_api.wire import WireMessage

Message = dict[str, Any]  # of a broken history: any member may hold anything

CANCELLED = "The call was cancelled before it returned a result."


def call_name(call: object) -> str | None:
    """The name of the function that a wire tool call calls; None for what is no tool call."""
    function = call.get("function") if isinstance(call, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None


def is_id(value: object) -> TypeGuard[str]:
    """Whether `value` can identify a call."""
    return isinstance(value, str) and bool(value.strip())


def repair_history(messages: Sequence[WireMessage], *, lossy: bool) -> tuple[list[WireMessage], list[int]]:
    """`messages` with every result right behind the turn that called, and where each of them stood before.

    Nothing is lost: what stood between a call and its results moves behind the last result, in its order; several
    results of one call become one, in their order; calls of one turn that share an id, or have none, get new ids made
    from the turn's and the call's place (so the same history gives the same bytes), and their results with them, in
    their order. A bare `function_call`, as OpenAI's older API has it, becomes a tool call.

    Args:
        messages: wire messages; never changed.
        lossy: also do what loses something, each with a warning that names it: answer open calls with a note, and drop
            results whose call is gone.

    Raises:
        KimiInputError: an entry that is no tool call; without `lossy`, an open call, or a result whose call is gone.
    """
    broken: Sequence[Any] = messages
    turns, owners = _match([_modern(message) for message in broken], lossy)
    repaired: list[Any] = []
    positions: list[int] = []
    for position, message in enumerate(messages):
        turn = turns.get(position)
        if turn is not None:
            repaired.append(turn.message())
            positions.append(position)
            for result, place in turn.results(lossy):
                repaired.append(result)
                positions.append(place)
        elif position in owners:
            if owners[position] is None:
                _report_lost_result(message, position, lossy, alone=len(owners) == len(messages))
        else:
            repaired.append(message)
            positions.append(position)
    return repaired, positions


# Plain classes: dataclasses would cost every import of the package 4 ms, for what good histories never use.
class _Call:
    """One tool call of a turn: the call itself, its id on the wire, and the messages with its result."""

    def __init__(self, wire: Mapping[str, Any], own_id: object, new_id: str) -> None:
        self.wire = wire
        self.own_id = own_id
        self.id = new_id
        self.results: list[tuple[int, Message]] = []


class _Turn:
    """An assistant message with tool calls."""

    def __init__(self, position: int, original: Message, calls: list[_Call]) -> None:
        self.position = position
        self.original = original
        self.calls = calls

    def message(self) -> Message:
        if not self.calls:  # none of them could be read
            return {name: value for name, value in self.original.items() if name != "tool_calls"}
        if [call.id for call in self.calls] == [_own(call) for call in self.original["tool_calls"]]:
            return self.original
        return {**self.original, "tool_calls": [{**call.wire, "id": call.id} for call in self.calls]}

    def results(self, lossy: bool) -> Iterator[tuple[Message, int]]:
        """The results as they are sent, in the order in which they came, and the positions they came from."""
        open_calls = [call for call in self.calls if not call.results]
        if open_calls:
            _report_open_calls(open_calls, self.position, lossy)
        answered = sorted((call for call in self.calls if call.results), key=lambda call: call.results[0][0])
        for call in answered:
            yield _join_results(call), call.results[0][0]
        for call in open_calls:
            yield {"role": "tool", "tool_call_id": call.id, "content": CANCELLED}, self.position


def _match(messages: Sequence[Message], lossy: bool) -> tuple[dict[int, _Turn], dict[int, _Call | None]]:
    """The turns with calls by position, and for each result by position the call that it belongs to (None: gone)."""
    turns: dict[int, _Turn] = {}
    owners: dict[int, _Call | None] = {}
    waiting = _WaitingCalls()
    run: list[int] = []  # positions of results since the last turn with calls
    for position, message in enumerate(messages):
        if message.get("role") == "tool":
            run.append(position)
        elif message.get("role") == "assistant" and message.get("tool_calls"):
            _assign(messages, run, waiting, owners)
            run = []
            turns[position] = _Turn(position, message, _calls_of(message, position, len(turns), lossy))
            waiting.add(turns[position].calls)
    _assign(messages, run, waiting, owners)
    return turns, owners


def _assign(
    messages: Sequence[Message], run: Sequence[int], waiting: _WaitingCalls, owners: dict[int, _Call | None]
) -> None:
    """Give each result of a run to its call. Results that share an id answer the open calls of that id in order."""
    ids = [_id_of(messages[position].get("tool_call_id")) for position in run]
    left = Counter(own_id if is_id(own_id) else None for own_id in ids)
    for position, own_id in zip(run, ids, strict=True):
        key = own_id if is_id(own_id) else None
        owners[position] = call = waiting.owner(key, left[key])
        left[key] -= 1
        if call is not None:
            waiting.close(call)
            call.results.append((position, messages[position]))


class _WaitingCalls:
    """The calls of the turns so far that have no result yet, turn by turn.

    A result without an id answers any of them, in order. One with an id that no call has answers a call without an id,
    of the latest turn only: its id says nothing of calls further back.
    """

    def __init__(self) -> None:
        self._turns: list[list[_Call]] = []
        self._by_id: dict[str, list[list[_Call]]] = {}
        self._last: dict[str, _Call] = {}  # answered or not: further results of a call are joined
        self._latest: Sequence[_Call] = ()

    def add(self, calls: Sequence[_Call]) -> None:
        """Take the calls of one more turn."""
        self._latest = calls
        if calls:
            self._turns.append(list(calls))
        same: dict[str, list[_Call]] = {}
        for call in calls:
            if is_id(call.own_id):
                same.setdefault(call.own_id, []).append(call)
                self._last[call.own_id] = call
        for own_id, group in same.items():
            self._by_id.setdefault(own_id, []).append(group)

    def owner(self, own_id: str | None, results: int) -> _Call | None:
        """The call that a result belongs to, `results` being how many of its id are still to come, itself included."""
        if own_id is None:
            return _first_open(self._turns, results)
        nameless = (call for call in self._latest if not call.results and not is_id(call.own_id))
        return _first_open(self._by_id.get(own_id, ()), results) or self._last.get(own_id) or next(nameless, None)

    def close(self, call: _Call) -> None:
        """`call` has its result."""
        if not call.results:
            _remove(self._turns, call)
            if is_id(call.own_id):
                _remove(self._by_id[call.own_id], call)


def _first_open(groups: Sequence[list[_Call]], results: int) -> _Call | None:
    """The first call of the latest turn, or of an earlier one where more results come than that turn has open calls."""
    chosen: _Call | None = None
    for calls in reversed(groups):
        chosen = calls[0]
        results -= len(calls)
        if results <= 0:
            break
    return chosen


def _remove(groups: list[list[_Call]], call: _Call) -> None:
    """Take `call` out of its group, and the group out when nothing is left of it."""
    for place in range(len(groups) - 1, -1, -1):
        if call in groups[place]:
            groups[place].remove(call)
            if not groups[place]:
                del groups[place]
            return


def _calls_of(message: Message, position: int, turn: int, lossy: bool) -> list[_Call]:
    """The calls of a turn, each with an id of its own."""
    wires = message["tool_calls"]
    if lossy:
        wires = _readable(wires, position)
    check_calls(wires, position)
    own_ids = [_id_of(wire.get("id")) for wire in wires]
    used = {own_id for own_id in own_ids if is_id(own_id)}
    seen: set[str] = set()
    calls: list[_Call] = []
    for place, (wire, own_id) in enumerate(zip(wires, own_ids, strict=True)):
        if is_id(own_id) and own_id not in seen:
            new_id = own_id
            seen.add(own_id)
        else:
            new_id = f"call_{turn}_{place}"
            while new_id in used:
                new_id += "_"
            used.add(new_id)
        calls.append(_Call(wire, own_id, new_id))
    return calls


def _own(call: object) -> object:
    return call.get("id") if isinstance(call, Mapping) else None


def _id_of(value: object) -> object:
    """An id as text: some hosts number their calls."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _readable(calls: object, position: int) -> list[Any]:
    """The calls that are some; a warning names the others."""
    if not isinstance(calls, list | tuple):
        calls = [calls]
    unreadable = [call for call in calls if not _is_call(call)]
    if unreadable:
        warn(
            f"messages[{position}] has tool calls that cannot be read, {str(unreadable)[:200]}: they are left out "
            '(repair="full").'
        )
    return [call for call in calls if _is_call(call)]


def _join_results(call: _Call) -> Message:
    """One tool message of all results of a call."""
    first = call.results[0][1]
    if len(call.results) == 1:
        return first if first.get("tool_call_id") == call.id else {**first, "tool_call_id": call.id}
    contents = [message.get("content") for _, message in call.results]
    if all(content is None or isinstance(content, str) for content in contents):
        content: Any = "\n\n".join(text for text in contents if text)
    else:
        content = [part for one in contents for part in _parts(one)]
    return {**first, "tool_call_id": call.id, "content": content}


def _parts(content: object) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    parts: Any = content or ()
    return list(parts)


def _modern(message: Message) -> Message:
    """A message of OpenAI's older API in today's form: one call without an id, results by the function's name."""
    if message.get("role") == "function":
        return {**{name: value for name, value in message.items() if name != "name"}, "role": "tool"}
    if message.get("function_call") and not message.get("tool_calls"):
        rest = {name: value for name, value in message.items() if name != "function_call"}
        return {**rest, "tool_calls": [{"id": None, "type": "function", "function": dict(message["function_call"])}]}
    return message


# ------------------------------------------------------------------------------------------------- what is said


def check_calls(calls: object, position: int) -> None:
    """Refuse tool calls that have not their form, ids apart.

    Raises:
        KimiInputError: a call without a name, or of a built-in function (whose arguments go back) without arguments.
    """
    if isinstance(calls, list | tuple) and all(map(_is_call, calls)):
        return
    raise KimiInputError(
        f"messages[{position}].tool_calls",
        calls,
        'a call is {"id": ..., "type": "function", "function": {"name": ..., "arguments": "..."}}',
        'send the calls back as they came, or pass repair="full" to leave out what is not a call',
    )


def _is_call(call: object) -> bool:
    name = call_name(call)
    if name is None or not isinstance(call, Mapping):
        return False
    return not name.startswith("$") or isinstance(call["function"].get("arguments"), str)


def _report_open_calls(calls: Sequence[_Call], position: int, lossy: bool) -> None:
    names = ", ".join(f"{call_name(call.wire)} ({call.own_id or 'no id'})" for call in calls)
    if lossy:
        warn(
            f"messages[{position}] has tool calls without a result, {names}: the model is told that they were "
            'cancelled (repair="full"). Add their results to the history to change that.',
        )
        return
    raise KimiInputError(
        f"messages[{position}].tool_calls",
        names,
        "every tool call needs one tool message with its id before the conversation goes on",
        'add the missing tool results, or pass repair="full" to tell the model that the calls were cancelled',
    )


def _report_lost_result(message: Mapping[str, Any], position: int, lossy: bool, *, alone: bool) -> None:
    own_id = message.get("tool_call_id")
    call_id = own_id or message.get("name") or "no id"
    if lossy:
        warn(
            f"messages[{position}] is the result of a tool call that the history does not have ({call_id}): "
            'repair="full" leaves it out. Trim histories at a user message to keep calls and results together.',
        )
        return
    raise KimiInputError(
        f"messages[{position}].tool_call_id",
        call_id,
        "no assistant message before it made this call",
        "keep each tool result after the assistant turn that called the tool, and trim histories at a user message, "
        + ("and add one: nothing else is left to send" if alone else 'or pass repair="full" to leave such results out'),
    )
