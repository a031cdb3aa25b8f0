"""The platform's error answer: ``{"error": {"message", "type"}}`` and nothing else.

Recorded bodies have neither ``code`` nor ``param`` keys, though the published schema lists an optional ``code``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["INVALID_REQUEST", "NOT_FOUND", "ApiError", "Facts"]

INVALID_REQUEST = "invalid_request_error"
NOT_FOUND = "resource_not_found_error"


@dataclass(frozen=True)
class Facts:
    """What other hosts' words for an error name of the request.

    * ``model``: as it was asked for; ``key``: whether there was one.
    * ``prompt``, ``output`` (asked for) and ``window``: in tokens, of a request that is too long.
    * ``arguments``: the text of a call that nobody can read.
    """

    model: str = ""
    key: bool = True
    prompt: int = 0
    output: int = 0
    window: int = 0
    arguments: str = ""


@dataclass(eq=False)
class ApiError(Exception):
    """A request is answered with this HTTP ``status`` and an error body made of ``type`` and ``message``.

    ``rule`` is the id of the rule in ``kimi_emulator.rules.RULES`` that refused, or None.
    """

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    rule: str | None = None
    facts: Facts = Facts()

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.type}: {self.message}"

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"error": {"message": self.message, "type": self.type}}
