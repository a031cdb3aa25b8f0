"""A response body, or the events of a stream -> `Reply`. Pure, and the hot path of streaming.

Shapes follow answers recorded from api.moonshot.ai (July to September 2026); what other hosts of the same weights send
(null-valued deltas, `reasoning` for `reasoning_content`, calls without an index or an id) is read too.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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

    `id` is unique within a conversation (see `unique_id`), `arguments` the model's own JSON text, never re-encoded.
    """

    index: int
    id: str
    name: str
    arguments: str
    type: str = "function"

    def as_dict(self) -> dict[str, Any]:
        """As it stands in a wire message."""
        return {
            "id": self.id,
            "type": self.type,
            "function": {"name": self.name, "arguments": self.arguments},
        }


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


def parse_reply(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """The answer in a non-streamed body. `headers` (lower-case names) give the request and trace ids.

    Raises:
        KimiReplyError: the body holds no answer.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not choices:
        raise KimiReplyError(
            f"the body holds no choices: {str(body)[:200]}. Check that base_url leads to a chat completions endpoint",
            request_id=_request_id(headers),
        )
    choice = choices[0]
    message = choice.get("message") or {}
    reply = Reply(
        id=body.get("id") or "",
        model=body.get("model") or "",
        created=body.get("created"),
        content=_text(message.get("content")),
        finish_reason=choice.get("finish_reason"),
        usage=parse_usage(body.get("usage") or choice.get("usage")),
        system_fingerprint=body.get("system_fingerprint"),
    )
    for name in _REASONING_FIELDS:
        if isinstance(message.get(name), str):
            reply.reasoning, reply.reasoning_field = message[name], name
            break
    pieces = message.get("tool_calls")
    if pieces:
        calls = _Calls(reply.id)
        # Each entry is a call of its own, whatever indices and ids other hosts give.
        calls.add([{**piece, "index": position} for position, piece in enumerate(pieces)])
        reply.tool_calls = calls.finished()
    _note_headers(reply, headers)
    return reply


class ReplyBuilder:
    """Assembles a stream: `feed` each event, then `finish`.

    Costs per event do not grow with the length of the stream. Usage and finish_reason are held back to `finish`, so
    that a consumer cannot count them twice: with `include_usage` the platform sends the same usage object in the
    finishing choice and again in a closing event without choices.
    """

    __slots__ = ("_calls", "_content", "_own_reasoning", "_reasoning", "_spent", "_usage", "reply")

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self.reply = Reply()
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
        return self.reply.finish_reason is not None

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls so far, with all the arguments that have come."""
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
        self.reply.finish_reason = None
        if not self._content:
            self._reasoning.clear()
        elif self._own_reasoning is None:
            self._own_reasoning = len(self._reasoning)

    def restart(self) -> None:
        """Make ready for another answer in place of this one, of which only the usage stays: it is paid for too."""
        self._count()
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
        if pieces:
            if self._calls is None:
                self._calls = _Calls(reply.id)
            return ReplyDelta(content, reasoning, self._calls.add(pieces))
        if content or reasoning is not None:
            return ReplyDelta(content, reasoning)
        return None

    def finish(self) -> Reply:
        """The whole answer.

        Raises:
            KimiIncompleteReplyError: no finish_reason came. What did arrive is in `reply`, and the error says how much.
        """
        reply = self.reply
        reply.content = self.text
        reply.reasoning = self.thinking
        if self._calls is not None:
            reply.tool_calls = self._calls.finished()
        reply.usage = parse_usage(self._usage)
        if self._spent is not None:
            reply.usage = self._spent if reply.usage is None else self._spent + reply.usage
        if not self.complete:
            got = len(reply.content) + len(reply.reasoning or "")
            raise KimiIncompleteReplyError(
                f"the stream ended before its finish_reason, after {got} characters of thinking and answer: "
                "the connection was cut, and what came is not the whole answer. Send the request again",
                request_id=reply.request_id,
            )
        return reply


class _Calls:
    """Tool calls of one answer, put together by index.

    Seen on some hosts, and read: no index (see `_place`), a blank or repeated id, a name that comes late, all calls in
    one event, pieces of two calls in turn, arguments as an object.
    """

    __slots__ = ("_by_index", "_given", "_ids", "_pieces", "_reply_id")

    def __init__(self, reply_id: str) -> None:
        self._reply_id = reply_id
        self._by_index: dict[int, ToolCall] = {}
        self._pieces: dict[int, list[str]] = {}
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
                arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
            call = self._by_index.get(index)
            if call is None:
                given_id = str(piece.get("id") or "")
                call = ToolCall(index, self._unique(given_id, name, index), name, "", piece.get("type") or "function")
                self._by_index[index] = call
                if given_id:
                    self._given[given_id] = index
                self._pieces[index] = [arguments] if arguments else []
                added.append(ToolCall(index, call.id, name, arguments, call.type))
                continue
            if arguments:
                self._pieces[index].append(arguments)
            late = ""
            if name and not call.name:
                call.name = late = name
            added.append(ToolCall(index, "", late, arguments, call.type))
        return added

    def _place(self, given_id: str, name: str) -> int:
        """The index of a piece that has none: a known id without a name, or neither, continues a call."""
        if self._by_index:
            last = next(reversed(self._by_index))
            if given_id:
                if not name and given_id in self._given:
                    return self._given[given_id]
            elif not name or not self._by_index[last].name:
                return last
        return max(self._by_index, default=-1) + 1

    def so_far(self) -> list[ToolCall]:
        for index, pieces in self._pieces.items():
            if len(pieces) > 1:
                pieces[:] = ["".join(pieces)]
            self._by_index[index].arguments = pieces[0] if pieces else ""
        return list(self._by_index.values())

    def finished(self) -> list[ToolCall]:
        calls = sorted(self.so_far(), key=lambda call: call.index)
        for call in calls:
            if call.arguments.startswith('"'):
                call.arguments = _unwrapped(call.arguments)
        return calls

    def _unique(self, given_id: str, name: str, index: int) -> str:
        made = unique_id(given_id or f"{name}_{index}", self._reply_id)
        if made in self._ids:
            made = f"{made}-{index}"
        self._ids.add(made)
        return made


def _unwrapped(arguments: str) -> str:
    """Arguments that came as the JSON text of a JSON text, seen on hosts that encode twice, once less encoded."""
    try:
        inner = json.loads(arguments)
        return inner if isinstance(json.loads(inner), dict) else arguments
    except (ValueError, TypeError):
        return arguments


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
