"""How one emulator behaves: its sizes, its rates and the switches of ``Emulator``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal

from kimi_emulator.dialects import PLATFORM, Dialect

__all__ = ["BATCH_MODELS", "TIERS", "Limits", "RateLimits", "Settings"]


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes and counts; tests may make them small."""

    body_bytes: int = 100 * 1024 * 1024
    file_bytes: int = 100 * 1024 * 1024
    files: int = 1000
    total_bytes: int = 10 * 1024**3


@dataclass(frozen=True)
class RateLimits:
    """How much at once, per minute (RPM, TPM) and per day (TPD); None is without limit."""

    concurrency: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    tpd: int | None = None


TIERS: tuple[RateLimits, ...] = (
    RateLimits(1, 3, 500_000, 1_500_000),
    RateLimits(50, 200, 2_000_000),
    RateLimits(100, 500, 3_000_000),
    RateLimits(200, 5_000, 3_000_000),
    RateLimits(400, 5_000, 4_000_000),
    RateLimits(1_000, 10_000, 5_000_000),
)
"""The published table of 2026-08-13, tier 0 (recharged 1 USD) to tier 5 (3,000 USD)."""

BATCH_MODELS = frozenset({"kimi-k2.6", "kimi-k2.5", "kimi-k2.7-code"})
"""The guide names K2.6 and K2.5 and says that K3 is not among them; the price list adds K2.7-code."""


@dataclass(frozen=True)
class Settings:
    """How this emulator behaves. ``today`` None means the real date, in UTC, at every request."""

    api_key: str = "sk-test-emulator"
    today: date | None = None
    k3_requires_reasoning: bool = False
    pending_polls: int = 0
    chunk_size: int | None = None
    limits: Limits = field(default_factory=Limits)
    rates: RateLimits = field(default_factory=RateLimits)
    balance: float | None = None
    dialect: Dialect = PLATFORM
    retired: bool = False
    models: frozenset[str] | None = None
    mfjs: Literal["live", "strict", "ultra"] = "live"
    k3_named_choice: Literal["refuse", "ignore"] = "refuse"
    histories: Literal["lenient", "strict"] = "lenient"
    batch_seconds: float = 0.0
    batch_models: frozenset[str] = BATCH_MODELS
    inspector: bool = True
    origins: tuple[str, ...] = ()

    def day(self) -> date:
        """The day that decides which models exist."""
        return self.today or datetime.now(UTC).date()
