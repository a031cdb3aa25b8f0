"""A response body, or the events of a stream -> `Reply`. Pure, and the hot path of streaming.

Shapes follow answers recorded from api.moonshot.ai (July to September 2026); what other hosts of the same weights send
(null-valued deltas, `reasoning` for `reasoning_content`, calls without an index or an id) is read too.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kimi_api._arguments.schema import Watch, correct, structured_members
from kimi_api._arguments.text import encode, read
from kimi_api.errors import KimiIncompleteReplyError, KimiReplyError
from kimi_api.usage import Usage, parse_usage

__all__ = [
    "Reply",
    "ReplyBuilder",
    "ReplyDelta",
    "ToolCall",
    "Usage",
    "parse_reply",
    "parse_usage",
    "unique_id",
]

_REASONING_FIELDS = ("reasoning_content", "reasoning")


@dataclass(slots=True)
class ToolCall:
    """A tool call, complete or still growing.

    `id` is unique within a conversation (see `unique_id`), `arguments` the model's own JSON text, never re-encoded,
    but for members that came as strings where the tool's schema wants an array or an object: these are decoded, and
    the model's own text is in `original`, which is None otherwise.
    """

    index: int
    id: str
    name: str
    arguments: str
    type: str = "function"
    original: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As it stands in a wire message, with the model's own text."""
        text = self.arguments if self.original is None else self.original
        return {"id": self.id, "type": self.type, "function": {"name": self.name, "arguments": text}}


@dataclass(slots=True)
class ReplyDelta:
    """What one event added. `reasoning` is None when the event said nothing of thinking; "" means it said so empty."""

    content: str = ""
    reasoning: str | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    """Pieces: `arguments` holds only what is new; `id` and `name` are set in a call's first piece only."""


@dataclass(slots=True)
class Reply:
    """A whole answer.

    `reasoning` is None when the model does not think, "" when it thought without words. `finish_reason` is the
    platform's own word: stop, length, tool_calls, content_filter, or one that is new.
    """

    id: str = ""
    model: str = ""
    created: int | None = None
    content: str = ""
    reasoning: str | None = None
    reasoning_field: str = "reasoning_content"
    tool_calls: list[ToolCall] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    system_fingerprint: str | None = None
    request_id: str | None = None
    trace_id: str | None = None

    @property
    def out_of_budget(self) -> bool:
        """Whether the token budget ended before the answer began."""
        return self.finish_reason == "length" and not self.content and not self.tool_calls


def parse_reply(
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    *,
    request_body: Mapping[str, Any] | None = None,
) -> Reply:
    """The answer in a non-streamed body.

    Args:
        body: what the host answered.
        headers: lower-case names; they give the request and trace ids.
        request_body: what was asked; its tools say which arguments are arrays or objects.

    Raises:
        KimiReplyError: the body holds no answer.
    """
    builder = ReplyBuilder(headers, watched=False)
    builder.request_body = request_body
    builder.take(body)
    return builder.finish()


class ReplyBuilder:
    """Assembles a stream: `feed` each event, then `finish`.

    Costs per event do not grow with the length of the stream. Usage and finish_reason are held back to `finish`, so
    that a consumer cannot count them twice: with `include_usage` the platform sends the same usage object in the
    finishing choice and again in a closing event without choices. Arguments that came encoded once too often are held
    back from where that begins, and come corrected with the finish_reason.

    Args:
        headers: the response's, if they are known by now.
        watched: whether somebody reads the deltas. False makes none, and holds nothing back.

    Attributes:
        reply: what is known so far.
        request_body: what was asked; its tools say which arguments are arrays or objects. Set by `chat.stream`.
    """

    __slots__ = (
        "_calls",
        "_content",
        "_own_reasoning",
        "_reasoning",
        "_spent",
        "_usage",
        "_watched",
        "_whole",
        "reply",
        "request_body",
    )

    def __init__(self, headers: Mapping[str, str] | None = None, *, watched: bool = True) -> None:
        self._watched = watched
        self._whole = False  # the answer came in one body, which needs no finish_reason
        self.reply = Reply()
        self.request_body: Mapping[str, Any] | None = None
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: _Calls | None = None
        self._usage: object = None
        self._spent: Usage | None = None  # by the requests before `reopen` or `restart`
        self._own_reasoning: int | None = None  # pieces of thinking from before the text was continued
        if headers is not None:
            self.note_headers(headers)

    def note_headers(self, headers: Mapping[str, str]) -> None:
        """Take the request and trace ids from the response headers."""
        _note_headers(self.reply, headers)

    @property
    def complete(self) -> bool:
        """Whether the finish_reason has come; what may still follow is usage only."""
        return self.reply.finish_reason is not None or self._whole

    @property
    def begun(self) -> bool:
        """Whether anything of the answer has come, be it thinking; empty pieces are nothing."""
        return bool(self._content or any(self._reasoning) or self._calls)

    @property
    def has_text(self) -> bool:
        """Whether the answer's text is more than white space."""
        return any(piece and not piece.isspace() for piece in self._content)

    @property
    def called(self) -> bool:
        """Whether a tool call has begun."""
        return self._calls is not None and self._calls.any

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls so far, with all the arguments that have come and are not held."""
        return self._calls.so_far() if self._calls else []

    @property
    def text(self) -> str:
        """The answer's text so far."""
        return "".join(self._content)

    @property
    def thinking(self) -> str | None:
        """The thinking so far that belongs to the answer, None when none came."""
        own = self._reasoning[: self._own_reasoning]
        return "".join(own) if own else None

    def reopen(self) -> None:
        """Make ready for the events of a further request, which go on with the same answer.

        Usage adds up. Where text has come, thinking that comes now is not kept: it stands before the text. Where none
        has, the answer begins anew, and the thinking so far is not kept: a turn has the thinking that led to its text.
        """
        self._count()
        self._whole = False
        self.reply.finish_reason = None
        if not self._content:
            self._reasoning.clear()
        elif self._own_reasoning is None:
            self._own_reasoning = len(self._reasoning)

    def restart(self) -> None:
        """Make ready for another answer in place of this one, of which only the usage stays: it is paid for too."""
        self._count()
        self._whole = False
        self.reply = Reply()
        self._content.clear()
        self._reasoning.clear()
        self._calls = self._own_reasoning = None

    def _count(self) -> None:
        usage = parse_usage(self._usage)
        if usage is not None:
            self._spent = usage if self._spent is None else self._spent + usage
        self._usage = None

    def feed(self, event: Mapping[str, Any]) -> ReplyDelta | None:
        """Take one event; what it added, or None when it added nothing to show."""
        usage = event.get("usage")
        if usage:
            self._usage = usage
        reply = self.reply
        if not reply.id:
            reply.id = event.get("id") or ""
            reply.model = event.get("model") or ""
            reply.created = event.get("created")
        choices = event.get("choices")
        if not choices:
            return None
        choice = choices[0]
        if choice.get("usage"):
            self._usage = choice["usage"]
        if reply.system_fingerprint is None:
            reply.system_fingerprint = event.get("system_fingerprint")
        finish_reason = choice.get("finish_reason")
        if finish_reason:
            reply.finish_reason = finish_reason
        delta = choice.get("delta")
        if not delta:
            if finish_reason and self._calls is not None and (rest := self._calls.release()):
                return ReplyDelta(tool_calls=rest)
            return None
        reasoning = delta.get("reasoning_content")
        if reasoning is None:
            reasoning = delta.get("reasoning")
            if reasoning is not None:
                reply.reasoning_field = "reasoning"
        content = delta.get("content") or ""
        if content.__class__ is not str:
            content = _text(content)
        if reasoning is not None:
            if reasoning.__class__ is not str:
                reasoning = None
            else:
                self._reasoning.append(reasoning)
        if content:
            self._content.append(content)
        pieces = delta.get("tool_calls")
        if pieces or (finish_reason and self._calls is not None):
            if self._calls is None:
                self._calls = _Calls(reply.id, self.request_body, whole=not self._watched)
            added = self._calls.add(pieces) if pieces else []
            if finish_reason:
                added += self._calls.release()
            if added:
                return ReplyDelta(content, reasoning, added)
        if (content or reasoning is not None) and self._watched:
            return ReplyDelta(content, reasoning)
        return None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take a whole answer that came in one body, or the continuation of one.

        Raises:
            KimiReplyError: the body holds no answer.
        """
        self.feed(_as_event(body, self.reply.request_id))
        self._whole = True

    def finish(self) -> Reply:
        """The whole answer.

        Raises:
            KimiIncompleteReplyError: no finish_reason came. What did arrive is in its `partial`.
        """
        reply = self.assemble()
        if not self.complete:
            got = len(reply.content) + len(reply.reasoning or "")
            error = KimiIncompleteReplyError(
                f"the stream ended before its finish_reason, after {got} characters of thinking and answer: "
                "the connection was cut, and what came is not the whole answer. Send the request again",
                request_id=reply.request_id,
            )
            error.partial = reply
            raise error
        return reply

    def assemble(self) -> Reply:
        """The answer as far as it has come, with what all requests for it have used."""
        reply = self.reply
        reply.content = self.text
        reply.reasoning = self.thinking
        if self._calls is not None:
            reply.tool_calls = self._calls.finished()
        reply.usage = parse_usage(self._usage)
        if self._spent is not None:
            reply.usage = self._spent if reply.usage is None else self._spent + reply.usage
        return reply


def _as_event(body: Mapping[str, Any], request_id: str | None) -> dict[str, Any]:
    """A whole body as the one event of a stream."""
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not choices:
        raise KimiReplyError(
            f"the body holds no choices: {str(body)[:200]}. Check that base_url leads to a chat completions endpoint",
            request_id=request_id,
        )
    message = choices[0].get("message") or {}
    pieces = message.get("tool_calls")
    if pieces:
        # Each entry is a call of its own, whatever indices and ids other hosts give.
        message = {**message, "tool_calls": [{**piece, "index": position} for position, piece in enumerate(pieces)]}
    return {**body, "choices": [{**choices[0], "delta": message}]}


class _Growing:
    """A call, the pieces of its arguments that were shown, and what watches over the rest."""

    __slots__ = ("call", "given_id", "pieces", "watch")

    def __init__(self, call: ToolCall, given_id: str, watch: Watch | None) -> None:
        self.call = call
        self.given_id = given_id
        self.pieces: list[str] = []
        self.watch = watch

    @property
    def begun(self) -> bool:
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


class _Calls:
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

    def add(self, pieces: list[Mapping[str, Any]]) -> list[ToolCall]:
        added = []
        for piece in pieces:
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
                shown = growing.take(arguments)
                if not self._whole:
                    added.append(ToolCall(call.index, call.id, name, shown, call.type))
                continue
            call = growing.call
            late = ""
            if name and not call.name:
                call.name = late = name
            if arguments:
                if growing.watch is None:
                    growing.pieces.append(arguments)
                else:
                    arguments = growing.take(arguments)
                    if not arguments and not late:
                        continue
            if not self._whole:
                added.append(ToolCall(call.index, "", late, arguments, call.type))
        return added

    def _begin(self, index: int, piece: Mapping[str, Any], name: str) -> _Growing:
        given_id = str(piece.get("id") or "")
        own_index = index if index not in self._growing else max(self._growing) + 1
        call = ToolCall(own_index, self._unique(given_id, name, own_index), name, "", piece.get("type") or "function")
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
        anew). Without an id it does where the call that is there is complete.
        """
        if not growing.call.name:
            return False
        if given_id:
            return given_id not in self._given and (bool(growing.given_id) or growing.begun)
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
                call, shown = growing.call, "".join(growing.pieces)
                own = shown + "".join(watch.held)
                self._correct(call, own)
                hidden = call.arguments.removeprefix(shown)  # both begin with what was shown
                growing.pieces = [shown, hidden]
                rest.append(ToolCall(call.index, "", "", hidden, call.type))
        return rest

    def finished(self) -> list[ToolCall]:
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
        made = unique_id(given_id or f"{name}_{index}", self._reply_id)
        if made in self._ids:
            made = f"{made}-{index}"
        self._ids.add(made)
        return made


def unique_id(call_id: str, reply_id: str) -> str:
    """A tool-call id that no other answer of the conversation has.

    The platform numbers calls within one answer (`get_weather_0` in every turn), while frameworks match calls and
    results by id over the whole history. The suffix depends only on the answer's own id, so a replayed answer gets the
    same ids; the platform takes any id as long as call and result agree.
    """
    suffix = hashlib.blake2s(reply_id.encode(), digest_size=4).hexdigest() if reply_id else secrets.token_hex(4)
    return f"{call_id[:40]}-{suffix}"


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, Mapping))
    return ""


def _request_id(headers: Mapping[str, str] | None) -> str | None:
    return (headers.get("msh-request-id") or headers.get("x-request-id")) if headers else None


def _note_headers(reply: Reply, headers: Mapping[str, str] | None) -> None:
    if headers:
        reply.request_id = _request_id(headers)
        reply.trace_id = headers.get("x-msh-trace-id") or headers.get("x-trace-id")
