"""What a fault is, and the one place where all are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kimi_emulator.script import Failure

if TYPE_CHECKING:
    from kimi_emulator.platform.answers import Answer
    from kimi_emulator.platform.batches import Batch
    from kimi_emulator.platform.files import StoredFile

Kind = Literal["plain", "stream", "upload", "models", "batch", "fiber"]
"""What a request is to the faults: a chat answered whole or streamed, a new file, the list of models, a new batch, an
official tool that is run."""
Shows = Literal["any", "thinking", "calls"]

PLAIN: frozenset[Kind] = frozenset({"plain"})
STREAM: frozenset[Kind] = frozenset({"stream"})
CHAT: frozenset[Kind] = frozenset({"plain", "stream"})
UPLOAD: frozenset[Kind] = frozenset({"upload"})
MODELS: frozenset[Kind] = frozenset({"models"})
BATCH: frozenset[Kind] = frozenset({"batch"})
FIBER: frozenset[Kind] = frozenset({"fiber"})

Ending = Literal["whole", "close", "reset", "stall", "doomed"]


@dataclass(frozen=True)
class Wire:
    """An answer's bytes as they go out: the packets, and what becomes of the connection after the last one.

    * ``head`` False: not even the status line is sent.
    * ``ending``: ``whole`` ends the answer properly, ``close`` closes the connection in the middle of it, ``reset``
      does so with a TCP reset, ``stall`` says nothing more until the client gives up, ``doomed`` ends it properly and
      resets the connection as soon as it is used again.
    """

    packets: Sequence[bytes] = ()
    ending: Ending = "whole"
    head: bool = True


@dataclass(frozen=True)
class Fault:
    """One way to go wrong.

    The first part is for people: ``id``, ``description``, ``seen`` (where it was met), ``on`` (the kinds of request
    it can befall) and ``shows`` (what an answer must hold for it to show). The second part is for the emulator; a
    fault uses one or two of these:

    * ``failure``: this error in place of an answer; a scripted reply stays in the queue for the next request.
    * ``wire``: the events (or the one body) of the answer as bytes -> what goes out.
    * ``answer``: the finished answer -> another one, so that plain and streamed answers show the same.
    * ``chunks``: the chunk objects of a stream -> others.
    * ``file``: changes a file as it is stored.
    * ``batch``: changes a batch as it is made.
    * ``fiber``: the body of a run of an official tool -> another one.
    * ``connection``: the connection is reset before the request is read.
    * ``silence``: seconds by the emulator's clock before anything is said.
    """

    id: str
    description: str
    seen: str
    on: frozenset[Kind] = CHAT
    shows: Shows = "any"
    failure: Failure | None = None
    wire: Callable[[list[bytes]], Wire] | None = None
    answer: Callable[[Answer], Answer] | None = None
    chunks: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None
    file: Callable[[StoredFile], None] | None = None
    batch: Callable[[Batch], None] | None = None
    fiber: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    connection: bool = False
    silence: float = 0.0


@dataclass
class _Registry:
    by_id: dict[str, Fault] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        if fault.id in self.by_id:
            raise ValueError(f"fault {fault.id} is declared twice")
        self.by_id[fault.id] = fault


_REGISTRY = _Registry()
FAULTS: Mapping[str, Fault] = _REGISTRY.by_id
"""Every fault by its stable id."""


def declare(id: str, description: str, seen: str, **more: Any) -> None:
    """Add a fault to the registry."""
    _REGISTRY.add(Fault(id, description, seen, **more))


def fault_named(fault: Fault | str) -> Fault:
    """The fault of this id; a fault (a test may make its own) as it is."""
    if isinstance(fault, Fault):
        return fault
    if fault not in FAULTS:
        raise KeyError(f"no fault {fault!r}; there are {', '.join(FAULTS)}")
    return FAULTS[fault]
