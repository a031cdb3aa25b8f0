"""Tool calls, put together from their pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kimi_api._arguments.schema import Watch, correct, structured_members
from kimi_api._arguments.text import encode, read
from kimi_api.reply._odd import Tidied, tidy_piece, tidy_pieces, unreadable_error
from kimi_api.reply._parts import ToolCall

if TYPE_CHECKING:
    from kimi_api.wire import ToolCallPiece


class _Growing:
    """A call, the pieces of its arguments that were shown, and what watches over the rest."""

    __slots__ = ("call", "given_id", "pieces", "watch")

    def __init__(self, call: ToolCall, given_id: str, watch: Watch | None) -> None:
        self.call = call
        self.given_id = given_id
        self.pieces: list[str] = []
        self.watch = watch

    @property
    def has_begun(self) -> bool:
        """Whether some of the arguments have come."""
        return bool(self.pieces) or (self.watch is not None and self.watch.held is not None)

    def take(self, arguments: str) -> str:
        """The part of a piece that is shown now."""
        watch = self.watch
        if watch is not None:
            arguments = watch.show(arguments)
            if watch.idle:
                self.watch = None
        if arguments:
            self.pieces.append(arguments)
        return arguments


class Calls:
    """Tool calls of one answer, put together by index.

    Seen on some hosts, and read: no index (see `_place`), one index for all calls (see `_begins_anew`), a blank or
    repeated id, a name that comes late, all calls in one event, pieces of two calls in turn, arguments as an object or
    encoded once too often.
    """

    __slots__ = ("_at", "_given", "_growing", "_ids", "_reply_id", "_request_body", "_whole")

    def __init__(self, reply_id: str, request_body: Mapping[str, Any] | None, *, whole: bool = False) -> None:
        self._reply_id = reply_id
        self._request_body = request_body
        self._whole = whole  # nothing is shown before all is there, so nothing needs to be held
        self._growing: dict[int, _Growing] = {}
        self._at: dict[int, _Growing] = {}  # index as it came -> the newest call there
        self._given: dict[str, int] = {}  # id as it came -> index
        self._ids: set[str] = set()

    def add(self, pieces: Sequence[ToolCallPiece]) -> list[ToolCall]:
        """Add the pieces of one event, and return those that can be shown.

        Raises:
            KimiReplyError: a piece that cannot be read.
        """
        if pieces.__class__ is not list:
            pieces = tidy_pieces(pieces)
        added: list[ToolCall] = []
        for piece in pieces:
            try:
                function = piece.get("function") or {}
                name = function.get("name") or ""
                index = piece.get("index")
                if index is None:
                    index = self._place(piece.get("id") or "", name)
                arguments: Any = function.get("arguments")
                if arguments.__class__ is not str:  # an object where the JSON text of one belongs
                    arguments = "" if arguments is None else encode(arguments)
                growing = self._at.get(index)
                if growing is None or (name and self._begins_anew(growing, str(piece.get("id") or ""), arguments)):
                    growing = self._begin(index, piece, name)
                    call = growing.call
                    visible = growing.take(arguments)
                    if not self._whole:
                        added.append(ToolCall(call.index, call.id, name, visible, call.type))
                    continue
                call = growing.call
                late = ""
                if name and not call.name:
                    call.name = late = _text(name)
                if arguments:
                    if growing.watch is None:
                        growing.pieces.append(arguments)
                    else:
                        arguments = growing.take(arguments)
                        if not arguments and not late:
                            continue
                if not self._whole:
                    added.append(ToolCall(call.index, "", late, arguments, call.type))
            except (AttributeError, TypeError, KeyError) as error:
                if piece.__class__ is Tidied:
                    raise unreadable_error("a tool call", piece) from error
                tidied: Any = tidy_piece(piece)
                if tidied is not None:
                    added += self.add([tidied])
        return added

    def _begin(self, index: int, piece: ToolCallPiece, name: str) -> _Growing:
        given_id = str(piece.get("id") or "")
        kind = _text(piece.get("type") or "function")
        if index.__class__ is not int:
            raise TypeError("the index of a tool call is no whole number")
        own_index = index if index not in self._growing else max(self._growing) + 1
        call = ToolCall(own_index, self._unique(given_id, _text(name), own_index), name, "", kind)
        watch = None if self._whole else Watch(structured_members(self._request_body, name) if name else None)
        growing = _Growing(call, given_id, watch)
        self._growing[own_index] = self._at[index] = growing
        if given_id:
            self._given[given_id] = own_index
        return growing

    def _place(self, given_id: str, name: str) -> int:
        """The index of a piece that has none: a known id without a name, or neither, continues a call."""
        if self._growing:
            last = next(reversed(self._growing))
            if given_id:
                if not name and given_id in self._given:
                    return self._given[given_id]
            elif not name or not self._growing[last].call.name:
                return last
        return max(self._growing, default=-1) + 1

    def _begins_anew(self, growing: _Growing, given_id: str, arguments: str) -> bool:
        """Whether a piece with a name, on an index that has a call, begins another call.

        With a new id it does (older vLLM has one index for all calls; without a name it numbers each piece of one call
        again). Without an id it does where the call that is there is complete.
        """
        if not growing.call.name:
            return False
        if given_id:
            return given_id not in self._given and (bool(growing.given_id) or growing.has_begun)
        text = "".join(growing.pieces)
        return bool(arguments) and text.rstrip().endswith("}") and read(text) is not None

    @property
    def any(self) -> bool:
        return bool(self._growing)

    def so_far(self) -> list[ToolCall]:
        for growing in self._growing.values():
            pieces = growing.pieces
            if len(pieces) > 1:
                pieces[:] = ["".join(pieces)]
            growing.call.arguments = pieces[0] if pieces else ""
        return [growing.call for growing in self._growing.values()]

    def release(self) -> list[ToolCall]:
        """What was held, corrected, as pieces."""
        rest = []
        for growing in self._growing.values():
            watch, growing.watch = growing.watch, None
            if watch is not None and watch.held is not None:
                call, visible = growing.call, "".join(growing.pieces)
                own = visible + "".join(watch.held)
                self._correct(call, own)
                hidden = call.arguments.removeprefix(visible)  # both begin with what was shown
                growing.pieces = [visible, hidden]
                rest.append(ToolCall(call.index, "", "", hidden, call.type))
        return rest

    def finish(self) -> list[ToolCall]:
        self.release()
        calls = sorted(self.so_far(), key=lambda call: call.index)
        if self._whole:
            for call in calls:
                self._correct(call, call.arguments)
        return calls

    def _correct(self, call: ToolCall, text: str) -> None:
        if text.isspace():  # no arguments; a stream, too, shows nothing of them
            call.arguments = ""
            return
        call.arguments, own = correct(text, lambda: structured_members(self._request_body, call.name))
        call.original = None if own == call.arguments else own

    def _unique(self, given_id: str, name: str, index: int) -> str:
        call_id = unique_id(given_id or f"{name}_{index}", self._reply_id)
        if call_id in self._ids:
            call_id = f"{call_id}-{index}"
        self._ids.add(call_id)
        return call_id


def unique_id(call_id: str, reply_id: str) -> str:
    """A tool-call id that no other answer of the conversation has.

    The platform numbers calls within one answer (`get_weather_0` in every turn), while frameworks match calls and
    results by id over the whole history. The suffix depends only on the answer's own id, so a replayed answer gets the
    same ids; the platform takes any id as long as call and result agree.
    """
    if reply_id:
        import hashlib  # with `secrets` 5 ms, which an import of the package need not pay

        suffix = hashlib.blake2s(reply_id.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    else:
        import secrets

        suffix = secrets.token_hex(4)
    return f"{call_id[:40]}-{suffix}"


def _text(value: str) -> str:
    """`value`, if it is what it should be; asked once a call."""
    if value.__class__ is not str:
        raise TypeError("a text of a tool call is none")
    return value
