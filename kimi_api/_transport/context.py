"""What is known of a request where its answer, or its error, is read."""

from __future__ import annotations

from dataclasses import dataclass

from kimi_api._transport.bodies import LONGEST_SILENCE, MAX_ANSWER_BYTES
from kimi_api._transport.deadline import Deadline


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What of the request an error message needs to be useful."""

    base_url: str = ""
    model: str | None = None
    max_tokens: int | None = None
    deadline: Deadline | None = None
    max_bytes: int = MAX_ANSWER_BYTES
    longest_silence: float = LONGEST_SILENCE
