"""Events, or a whole body -> `Reply`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kimi_api._arguments.text import encode
from kimi_api.errors import KimiIncompleteReplyError, KimiReplyError
from kimi_api.reply._calls import Calls
from kimi_api.reply._odd import (
    Tidied,
    tidy_body,
    tidy_content,
    tidy_event,
    tidy_number,
    tidy_pieces,
    tidy_text,
    unreadable_error,
)
from kimi_api.reply._parts import Reply, ReplyDelta, ToolCall
from kimi_api.usage import Usage, parse_usage

if TYPE_CHECKING:
    from kimi_api.wire import Choice, Delta, Event, ToolCallPiece, WireUsage


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
        "_before",
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
        self.reply: Reply = Reply()
        self.request_body: Mapping[str, Any] | None = None
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: Calls | None = None
        self._usage: WireUsage | None = None
        self._spent: Usage | None = None  # by the requests before `reopen` or `restart`
        self._before: Reply | None = None  # what came for the requests before `reopen` or `restart`, and is not kept
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
    def has_begun(self) -> bool:
        """Whether anything of the answer has come, text or thinking; empty pieces do not count."""
        return bool(self._content or any(self._reasoning) or self._calls)

    @property
    def has_text(self) -> bool:
        """Whether the answer's text is more than white space."""
        return any(piece and not piece.isspace() for piece in self._content)

    @property
    def has_tool_call(self) -> bool:
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

    def end_cut_off(self) -> None:
        """Let the answer end where it is, as one that the budget cut off: no further request goes on with it."""
        self.reply.finish_reason = "length"

    def reopen(self) -> None:
        """Make ready for the events of a further request, which go on with the same answer.

        Usage adds up. Where text has come, thinking that comes now is not kept: it stands before the text. Where none
        has, the answer starts again, and the thinking so far is not kept: a turn has the thinking that led to its text.
        """
        if not self._content:
            self._set_aside()
        self._count()
        self._whole = False
        self.reply.finish_reason = None
        if not self._content:
            self._reasoning.clear()
        elif self._own_reasoning is None:
            self._own_reasoning = len(self._reasoning)

    def restart(self) -> None:
        """Make ready for another answer in place of this one, of which only the usage stays: it is paid for too."""
        self._set_aside()
        self._count()
        self._whole = False
        self.reply = Reply()
        self._content.clear()
        self._reasoning.clear()
        self._calls = self._own_reasoning = None

    def _set_aside(self) -> None:
        if self.has_begun:
            self._before = replace(self.assemble())

    def _count(self) -> None:
        usage = parse_usage(self._usage)
        if usage is not None:
            self._spent = usage if self._spent is None else self._spent + usage
        self._usage = None

    def feed(self, event: Mapping[str, Any]) -> ReplyDelta | None:
        """Take one event; what it added, or None when it added nothing to show.

        Raises:
            KimiReplyError: it holds something where the answer belongs, and that cannot be read. What had come is in
                its `partial`.
        """
        try:
            usage = event.get("usage")
            if usage:
                self._usage = usage
            reply = self.reply
            if not reply.id:
                self._identify(event)
            choices: list[Choice] | None = event.get("choices")
            if not choices:
                return self._note_error(event)
            choice = choices[0]
            if usage := choice.get("usage"):
                self._usage = usage
            if reply.system_fingerprint is None and (fingerprint := event.get("system_fingerprint")) is not None:
                reply.system_fingerprint = tidy_text(fingerprint)
            finish_reason = choice.get("finish_reason")
            delta = choice.get("delta")
            if not delta:
                if choice.get("message") and self._is_whole(event):  # a whole answer in place of events
                    return self._feed_whole(event)
                if not finish_reason:
                    return None
                self._note_end(finish_reason)
                if self._calls is not None and (rest := self._calls.release()):
                    return ReplyDelta(tool_calls=rest)
                return None
            reasoning = delta.get("reasoning_content")
            if reasoning is None:
                reasoning = delta.get("reasoning")
                if reasoning is not None:
                    reply.reasoning_field = "reasoning"
            content = delta.get("content") or ""
            if content.__class__ is not str:
                content = tidy_content(content)
            # From here on, reading the event in another way would not help.
            if finish_reason:
                self._note_end(finish_reason)
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
                    self._calls = Calls(reply.id, self.request_body, whole=not self._watched)
                added = self._calls.add(pieces) if pieces else []
                if finish_reason:
                    added += self._calls.release()
                if added:
                    return ReplyDelta(content, reasoning, added)
            if (content or reasoning is not None) and self._watched:
                return ReplyDelta(content, reasoning)
            return None
        except (AttributeError, TypeError, KeyError) as error:
            if event.__class__ is Tidied:
                raise self._with_partial(unreadable_error("an event", event)) from error
        except KimiReplyError as error:
            raise self._with_partial(error) from None
        try:
            tidied = tidy_event(event)
        except KimiReplyError as error:
            raise self._with_partial(error) from None
        return self.feed(tidied)

    def take(self, body: Mapping[str, Any]) -> None:
        """Take a whole answer that came in one body, or the continuation of one.

        Raises:
            KimiReplyError: the body holds no answer.
        """
        try:
            try:
                event = _as_event(body)
            except (AttributeError, TypeError, KeyError):
                event = _as_event(tidy_body(body))
        except KimiReplyError as error:
            raise self._with_partial(error) from None
        if event is None:
            raise KimiReplyError(
                f"the body holds no choices: {str(body)[:200]}. Check that base_url leads to a chat "
                "completions endpoint",
                request_id=self.reply.request_id,
            )
        self.feed(event)
        self._whole = True

    def _feed_whole(self, event: Mapping[str, Any]) -> ReplyDelta | None:
        """Take an event that holds the whole answer, from a host that does not stream. It is paid for, so it counts."""
        whole = _as_event(event)
        self._whole = True
        delta = None if whole is None else self.feed(whole)
        if self._calls is not None and (rest := self._calls.release()):  # held for a finish_reason that did not come
            delta = delta or ReplyDelta()
            delta.tool_calls = [*delta.tool_calls, *rest]
        return delta

    def _is_whole(self, event: Mapping[str, Any]) -> bool:
        """Whether an event with a `message` is an answer, and no repetition of what has come in pieces."""
        return not self.has_begun or event.get("object") == "chat.completion"

    def _note_error(self, event: Mapping[str, Any]) -> None:
        """An event without choices holds usage as a rule. vLLM sends errors that do not call themselves so."""
        words = event.get("message") or event.get("detail")
        if event.get("object") == "error" or (words and isinstance(words, str) and "id" not in event):
            raise KimiReplyError(
                f"the host broke off its answer: {str(words or dict(event))[:300]}. Send the request again",
                request_id=self.reply.request_id,
            )

    def _identify(self, event: Mapping[str, Any]) -> None:
        """Note what each event of an answer has in common."""
        reply = self.reply
        name, model, created = event.get("id") or "", event.get("model") or "", event.get("created")
        reply.id = name if name.__class__ is str else tidy_text(name)
        reply.model = model if model.__class__ is str else tidy_text(model)
        reply.created = created if created.__class__ is int else tidy_number(created)

    def _note_end(self, finish_reason: object) -> None:
        self.reply.finish_reason = finish_reason if isinstance(finish_reason, str) else encode(finish_reason)

    def _with_partial(self, error: KimiReplyError) -> KimiReplyError:
        """The error with what had come, and the id of the request."""
        unreadable = KimiReplyError(error.message, request_id=self.reply.request_id)
        unreadable.partial = self.partial_reply()
        return unreadable

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

    def partial_reply(self) -> Reply | None:
        """What has come, in a new object, for callers that get an error in place of the answer.

        Where nothing has come of an answer that was asked for again, it is the one before, which is paid for as well.
        """
        if self.has_begun or (self._before is None and self.reply.id):
            return replace(self.assemble())
        if self._before is None:
            return None
        return replace(self._before, usage=self.assemble().usage)

    def assemble(self) -> Reply:
        """The answer as far as it has come, with what all requests for it have used."""
        reply = self.reply
        reply.content = self.text
        reply.reasoning = self.thinking
        if self._calls is not None:
            reply.tool_calls = self._calls.finish()
        reply.usage = parse_usage(self._usage)
        if self._spent is not None:
            reply.usage = self._spent if reply.usage is None else self._spent + reply.usage
        return reply


def _as_event(body: Mapping[str, Any]) -> Event | None:
    """A whole body as the one event of a stream; None where it holds no answer."""
    choices: list[Choice] | None = body.get("choices")
    if not choices:
        return None
    choice = choices[0]
    message: Delta = choice.get("message") or choice.get("delta") or {}
    pieces = message.get("tool_calls")
    if pieces:
        # Each entry is a call of its own, whatever indices and ids other hosts give.
        entries = enumerate(filter(None, tidy_pieces(pieces)))
        message = {**message, "tool_calls": [_with_index(piece, at) for at, piece in entries]}
    event: Any = {**body, "choices": [{**choice, "delta": message, "message": None}]}
    return event


def _with_index(piece: ToolCallPiece, index: int) -> ToolCallPiece:
    return {**piece, "index": index} if isinstance(piece, Mapping) else piece


def _request_id(headers: Mapping[str, str] | None) -> str | None:
    return (headers.get("msh-request-id") or headers.get("x-request-id")) if headers else None


def _note_headers(reply: Reply, headers: Mapping[str, str] | None) -> None:
    if headers:
        reply.request_id = _request_id(headers)
        reply.trace_id = headers.get("x-msh-trace-id") or headers.get("x-trace-id")
