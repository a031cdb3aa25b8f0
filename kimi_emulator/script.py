"""What a test can make the emulator say or suffer: replies, tool calls, failures, faults; and what a reply becomes.

Also what a brain is, which replies where no test says how: to use your own, implement ``Brain``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kimi_emulator.content import compact
from kimi_emulator.errors import ApiError

__all__ = ["CHAT", "Answer", "Brain", "BrainContext", "Ending", "Failure", "Fault", "Kind", "Reply", "ToolCall", "Wire"]


@dataclass(frozen=True)
class ToolCall:
    """One function call of an answer.

    ``arguments`` is a dict (sent as compact JSON) or the exact argument text. Without an ``id`` the platform's form
    ``<name>_<position in this answer>`` is used, which repeats from turn to turn as the real one does.
    """

    name: str
    arguments: Mapping[str, Any] | str = ""
    id: str | None = None

    @property
    def arguments_text(self) -> str:
        """The arguments as they stand on the wire; ``"{}"`` when none were given."""
        return (self.arguments or "{}") if isinstance(self.arguments, str) else compact(self.arguments)


@dataclass(frozen=True)
class Failure:
    """An error answer: HTTP ``status`` with the platform's body, or with ``body`` (text or JSON) in its place."""

    status: int
    type: str = "server_error"
    message: str = ""
    headers: Mapping[str, str] | None = None
    body: str | Mapping[str, Any] | None = None

    def json(self) -> dict[str, Any]:
        """The JSON body: its own, or the platform's."""
        if isinstance(self.body, Mapping):
            return dict(self.body)
        return ApiError(self.status, self.type, self.message).body


@dataclass(frozen=True)
class Reply:
    """One answer of the model, before the request's limits (max tokens, stop strings) are applied.

    * ``reasoning``: None lets the emulator make up a short thought where the model thinks; ``""`` stays empty.
    * ``finish_reason``: None derives ``tool_calls``, ``stop`` or ``length``.
    * ``usage``: None counts; a dict is given out as it is.
    * ``pieces``: the streamed deltas to send between the role chunk and the finish chunk, exactly as given; None
      cuts the texts. Plain (not streamed) answers ignore it.
    * ``fault``: what goes wrong with this answer, by its id in ``FAULTS``.
    """

    content: str | None = None
    reasoning: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    pieces: Sequence[Mapping[str, Any]] | None = None
    fault: Fault | str | None = None


@dataclass(frozen=True)
class Answer:
    """A finished answer: the assistant message, why it ended and what it cost."""

    id: str
    created: int
    model: str
    message: dict[str, Any]
    finish_reason: str
    usage: dict[str, Any]
    pieces: Sequence[Mapping[str, Any]] | None = None

    def body(self) -> dict[str, Any]:
        """The answer to a request that did not ask for a stream."""
        choice = {"index": 0, "message": self.message, "finish_reason": self.finish_reason}
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": self.usage,
        }


Ending = Literal["whole", "close", "reset", "stall", "doomed"]


@dataclass(frozen=True)
class Wire:
    """An answer's bytes as they go out: the packets, and what becomes of the connection after the last one.

    * ``head`` False: not even the status line is sent.
    * ``ending``: ``whole`` ends the answer properly, ``close`` closes the connection in the middle of it, ``reset``
      does so with a TCP reset, ``stall`` says nothing more until the client gives up, ``doomed`` ends it properly and
      resets the connection as soon as it is used again.
    * ``packing``: the ``Content-Encoding`` that the packets have.
    """

    packets: Iterable[bytes] = ()
    ending: Ending = "whole"
    head: bool = True
    packing: str | None = None


Kind = Literal["plain", "stream", "upload", "models", "batch", "fiber"]
"""What a request is to the faults: a chat answered whole or streamed, a new file, the list of models, a new batch, an
official tool that is run."""
CHAT: frozenset[Kind] = frozenset({"plain", "stream"})


@dataclass(frozen=True)
class Fault:
    """One way to go wrong.

    The first part is for people: ``id``, ``description``, ``seen`` (where it was met), ``on`` (the kinds of request
    it applies to) and ``shows`` (what an answer must hold for it to show). The second part is for the emulator; a
    fault uses one or two of these:

    * ``failure``: this error in place of an answer; a scripted reply stays in the queue for the next request.
    * ``wire``: the events (or the one body) of the answer as bytes -> what goes out.
    * ``answer``: the finished answer -> another one, so that plain and streamed answers show the same.
    * ``chunks``: the chunk objects of a stream -> others.
    * ``file``: members that a file gets as it is stored.
    * ``batch``: members that a batch gets as it is made.
    * ``fiber``: the body of a run of an official tool -> another one.
    * ``connection``: the connection is reset before the request is read.
    * ``silence``: seconds by the emulator's clock before the first byte is sent.
    """

    id: str
    description: str
    seen: str
    on: frozenset[Kind] = CHAT
    shows: Literal["any", "thinking", "calls"] = "any"
    failure: Failure | None = None
    wire: Callable[[list[bytes]], Wire] | None = None
    answer: Callable[[Answer], Answer] | None = None
    chunks: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None
    file: Mapping[str, Any] | None = None
    batch: Mapping[str, Any] | None = None
    fiber: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    connection: bool = False
    silence: float = 0.0


@dataclass(frozen=True)
class BrainContext:
    """What a brain may want to know beside the request.

    ``tools`` are all declared tools, those of messages included; ``prefix`` is the text of a partial message that
    the answer continues, or None; ``thinks`` tells whether thinking will be given out.
    """

    model: str
    thinks: bool
    tools: Sequence[Mapping[str, Any]] = ()
    prefix: str | None = None


class Brain(Protocol):
    """Whatever makes up answers. Called in a worker thread, possibly in several at once."""

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        """An answer to a chat request that has passed all checks."""
        ...
