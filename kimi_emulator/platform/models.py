"""The models the emulated platform knows, when each appeared and when each ends.

The table is the emulator's own reading of Moonshot's documents and of recorded answers; it shares nothing with
``kimi_api``, so that a misreading there cannot hide here. Dates decide: an id asked for before its release or
from its end day on answers 404 like an id that never existed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Literal

__all__ = ["MODELS", "OWNER", "Model", "available", "model_of_weights"]

OWNER = "kimi-emulator (local, not Moonshot)"

Thinking = Literal["always", "switchable", "none"]
_NO_SAMPLING: Mapping[str, float] = MappingProxyType({})
_K2_6_PRICE = (0.16, 0.95, 4.00)  # also of ids whose own price does not matter any more
_FIXED: Mapping[str, float] = MappingProxyType(
    {"temperature": 1, "top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
)


@dataclass(frozen=True)
class Model:
    """One model id. Token counts are in tokens; ``ends`` is the first day on which the id answers 404."""

    id: str
    released: date
    ends: date | None
    context: int
    default_output: int
    thinking: Thinking
    price: tuple[float, float, float] = _K2_6_PRICE
    """USD per million tokens: read from the cache, other input, output."""
    fixed_sampling: Mapping[str, float] = field(default_factory=lambda: _FIXED)
    efforts: tuple[str, ...] = ()
    forced_tools: bool = False
    """Takes ``tool_choice: "required"`` while it thinks."""
    dynamic_tools: bool = False
    keeps_thinking: bool = True
    """Takes ``thinking.keep``."""
    needs_reasoning: bool = False
    """Refuses an assistant tool-call message without ``reasoning_content`` while it thinks."""
    images: bool = True
    videos: bool = True

    @property
    def family(self) -> Literal["k3", "k2", "v1"]:
        """The line whose habits the model has."""
        if self.id.startswith("kimi-k3"):
            return "k3"
        return "v1" if self.id.startswith("moonshot-v1") else "k2"

    def thinks(self, body: Mapping[str, Any]) -> bool:
        """Whether this request is answered with thinking."""
        if self.thinking != "switchable":
            return self.thinking == "always"
        setting = body.get("thinking")
        return not (isinstance(setting, dict) and setting.get("type") == "disabled")

    def fixed_value(self, name: str, *, thinks: bool) -> float | None:
        """The only value the platform takes for a sampling field, or None where it is free."""
        if name == "temperature" and self.thinking == "switchable" and not thinks:
            return 0.6
        return self.fixed_sampling.get(name)

    def entry(self) -> dict[str, Any]:
        """The model's entry in ``GET /v1/models``; the owner says that this is not Moonshot."""
        entry: dict[str, Any] = {
            "id": self.id,
            "object": "model",
            "created": int(
                datetime(self.released.year, self.released.month, self.released.day, tzinfo=UTC).timestamp()
            ),
            "owned_by": OWNER,
            "supports_image_in": self.images,
            "supports_video_in": self.videos,
            "supports_reasoning": self.thinking != "none",
            "supports_dynamic_tools": self.dynamic_tools,
        }
        if self.efforts:  # entries of K2.x have no effort objects at all
            effort = {"support": True, "valid_efforts": list(self.efforts), "default_effort": self.efforts[-1]}
            entry["think_efforts"] = effort
            entry["reasoning_efforts"] = dict(effort)
        kind = {"always": "only", "switchable": "both", "none": "no"}
        return entry | {"supports_thinking_type": kind[self.thinking], "context_length": self.context}


def _k3(id: str, released: date, price: tuple[float, float, float]) -> Model:
    return Model(
        id,
        released,
        None,
        1_048_576,
        131_072,
        "always",
        price,
        efforts=("low", "high", "max"),
        forced_tools=True,
        dynamic_tools=True,
    )


def _k2(id: str, released: date, ends: date, thinking: Thinking, **more: Any) -> Model:
    return Model(id, released, ends, 262_144, 32_768, thinking, needs_reasoning=thinking != "none", **more)


def _v1(id: str, context: int, *, images: bool = False) -> Model:
    start, end = date(2024, 2, 1), date(2026, 8, 31)
    return Model(
        id,
        start,
        end,
        context,
        1024,
        "none",
        fixed_sampling=_NO_SAMPLING,
        keeps_thinking=False,
        images=images,
        videos=False,
    )


# The K2 line is announced to go at the end of December 2026; the other ends are past and confirmed by users' 404s.
_K2_ENDS = date(2027, 1, 1)
_OLD_K2_ENDS = date(2026, 5, 25)

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.id: model
        for model in (
            _k3("kimi-k3.1-pro", date(2026, 10, 23), (0.20, 2.00, 10.00)),
            _k3("kimi-k3.1-pro-highspeed", date(2026, 10, 23), (0.20, 4.00, 20.00)),
            _k3("kimi-k3", date(2026, 7, 16), (0.30, 3.00, 15.00)),
            _k2("kimi-k2.7-code", date(2026, 6, 12), _K2_ENDS, "always", price=(0.19, 0.95, 4.00)),
            _k2("kimi-k2.7-code-highspeed", date(2026, 6, 15), _K2_ENDS, "always", price=(0.38, 1.90, 8.00)),
            _k2("kimi-k2.6", date(2026, 4, 20), _K2_ENDS, "switchable"),
            _k2("kimi-k2.5", date(2026, 1, 27), date(2026, 8, 31), "switchable", keeps_thinking=False),
            _k2("kimi-k2-thinking", date(2025, 11, 6), _OLD_K2_ENDS, "always", fixed_sampling=_NO_SAMPLING),
            _k2("kimi-k2-thinking-turbo", date(2025, 11, 6), _OLD_K2_ENDS, "always", fixed_sampling=_NO_SAMPLING),
            _k2("kimi-k2-turbo-preview", date(2025, 8, 1), _OLD_K2_ENDS, "none", fixed_sampling=_NO_SAMPLING),
            _k2("kimi-k2-0905-preview", date(2025, 9, 5), _OLD_K2_ENDS, "none", fixed_sampling=_NO_SAMPLING),
            _k2("kimi-k2-0711-preview", date(2025, 7, 11), _OLD_K2_ENDS, "none", fixed_sampling=_NO_SAMPLING),
            _k2("kimi-latest", date(2025, 2, 17), date(2026, 1, 28), "none", fixed_sampling=_NO_SAMPLING),
            _k2("kimi-thinking-preview", date(2025, 5, 6), date(2025, 11, 11), "always", fixed_sampling=_NO_SAMPLING),
            _v1("moonshot-v1-8k", 8_192),
            _v1("moonshot-v1-32k", 32_768),
            _v1("moonshot-v1-128k", 131_072),
            _v1("moonshot-v1-auto", 131_072),
            _v1("moonshot-v1-8k-vision-preview", 8_192, images=True),
            _v1("moonshot-v1-32k-vision-preview", 32_768, images=True),
            _v1("moonshot-v1-128k-vision-preview", 131_072, images=True),
        )
    }
)


def available(today: date, *, retired: bool = False) -> list[Model]:
    """The models that answer on this day; with ``retired`` also those that once did."""
    return [m for m in MODELS.values() if m.released <= today and (retired or m.ends is None or today < m.ends)]


_WEIGHTS = {"kimi-k2-instruct-0905": "kimi-k2-0905-preview", "kimi-k2-instruct": "kimi-k2-0711-preview"}


def model_of_weights(name: str) -> Model | None:
    """The model that a host serves under the name of its weights (``moonshotai/Kimi-K2.6``, a file, a prefix).

    None for a name that holds no model's id.
    """
    letters = name.rpartition("/")[2].lower()
    ids = {**{id: id for id in MODELS}, **_WEIGHTS}
    fitting = sorted((part for part in ids if part in letters), key=len)
    return MODELS[ids[fitting[-1]]] if fitting else None
