"""`Usage`: the tokens of one call, read from wherever the platform or another host puts them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kimi_api.wire import WireUsage

__all__ = ["Usage", "parse_usage"]


@dataclass(slots=True)
class Usage:
    """Tokens of one call, each counted once. `completion_tokens` includes `reasoning_tokens`."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens read from the prefix cache."""
    cache_write_tokens: int = 0
    """Prompt tokens written to it (billed apart since autumn 2026)."""
    reasoning_tokens: int = 0
    """Thinking; never more than `completion_tokens`, although the platform once counted so."""

    def __add__(self, other: Usage) -> Usage:
        """Two calls together."""
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def as_dict(self) -> WireUsage:
        """In the platform's own shape, for places where frameworks expect a `usage` object."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total_tokens,
            "cached_tokens": self.cached_tokens,
            "prompt_tokens_details": {
                "cached_tokens": self.cached_tokens,
                "cache_write_tokens": self.cache_write_tokens,
            },
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
        }


def parse_usage(usage: object) -> Usage | None:
    """Token counts wherever the platform put them; None when there are none.

    Cached tokens stand flat (`cached_tokens`), nested (`prompt_tokens_details.cached_tokens`), or, when nothing was
    cached, nowhere.
    """
    if not isinstance(usage, Mapping):
        return None
    prompt_details = usage.get("prompt_tokens_details")
    prompt = _count(usage, "prompt_tokens")
    completion = _count(usage, "completion_tokens")
    cached = min(_count(usage, "cached_tokens") or _count(prompt_details, "cached_tokens"), prompt)
    reasoning = _count(usage.get("completion_tokens_details"), "reasoning_tokens") or _count(usage, "reasoning_tokens")
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=_count(usage, "total_tokens") or prompt + completion,
        cached_tokens=cached,
        cache_write_tokens=min(_count(prompt_details, "cache_write_tokens"), prompt - cached),
        # Recorded: reasoning_tokens 6001 beside completion_tokens 6000.
        reasoning_tokens=min(reasoning, completion),
    )


def _count(holder: object, name: str) -> int:
    """A number of tokens; 0 where there is none, or none that makes sense."""
    value = holder.get(name) if isinstance(holder, Mapping) else None
    return int(value) if isinstance(value, (int, float)) and 0 < value < 2**53 else 0
