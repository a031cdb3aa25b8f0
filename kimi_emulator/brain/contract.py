"""What a brain is: to use your own, implement ``Brain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kimi_emulator.script import Reply


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
