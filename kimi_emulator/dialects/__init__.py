"""The forms of other hosts of Kimi's weights: the same answers, as each host writes them.

Moonshot publishes the weights, and inference engines and gateways serve them with their own habits. Each switch is a
habit that was recorded, measured, or stands in the host's source; ``DIALECTS`` names the hosts that have some of them
together. Where the words of errors come from stands in ``_refusals``.

* SGLang: `serving_chat.py` (every member of a delta, null or not; usage in a last chunk), and Azure's recording, whose
  engine it is. llama.cpp: `server-common.cpp` (ids), `server-task.cpp` (timings). Ollama: `openai/openai.go`.
* OpenRouter: a `thinking` object does nothing there (anomalyco/opencode#25001), effort "none" switches Kimi's thinking
  off (SillyTavern#5072).
* LiteLLM: the proxy 1.108.7, measured in front of this emulator with ``model: openai/kimi-k2.6``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kimi_emulator.dialects._habits import PLATFORM_HEADERS, Dialect
from kimi_emulator.dialects._refusals import Refusal

__all__ = ["DIALECTS", "PLATFORM", "PLATFORM_HEADERS", "Dialect", "Refusal", "dialect_named"]

PLATFORM = Dialect()
DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "platform": PLATFORM,
        "vllm": Dialect(
            errors="vllm",
            reasoning_field="reasoning",
            call_ids="functions",
            usage_at_end=True,
            template_switch=True,
            own_weights=True,
        ),
        "sglang": Dialect(
            errors="sglang",
            streamed_errors=True,
            null_deltas=True,
            call_ids="functions",
            usage_at_end=True,
            template_switch=True,
            own_weights=True,
            one_model=True,
        ),
        "llama.cpp": Dialect(
            errors="llama.cpp",
            call_ids="random",
            usage_at_end=True,
            template_switch=True,
            members="llama.cpp",
            own_weights=True,
            one_model=True,
        ),
        "ollama": Dialect(
            errors="ollama",
            reasoning_field="reasoning",
            call_ids="call",
            usage_at_end=True,
            effort_switch=True,
            members="ollama",
            whole_calls=True,
            own_weights=True,
            keyless=True,
        ),
        "litellm": Dialect(errors="litellm", usage_at_end=True, unsupported=("thinking",), members="litellm"),
        "openrouter": Dialect(
            errors="openrouter",
            reasoning_field="reasoning",
            usage_at_end=True,
            effort_switch=True,
            members="openrouter",
        ),
        "azure": Dialect(
            errors="azure",
            null_deltas=True,
            empty_first_event=True,
            call_ids="functions",
            usage_at_end=True,
            filter_results=True,
            flat_usage=True,
        ),
        "nvidia": Dialect(think_tags=True, usage_at_end=True),
    }
)
"""Hosts by name, "platform" being Moonshot's own."""


def dialect_named(dialect: Dialect | str) -> Dialect:
    """The dialect with this name. A ``Dialect`` is returned unchanged."""
    if isinstance(dialect, Dialect):
        return dialect
    if dialect not in DIALECTS:
        raise ValueError(f"no dialect {dialect!r}; there are {', '.join(DIALECTS)}")
    return DIALECTS[dialect]
