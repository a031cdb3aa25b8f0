"""Traces and metrics of calls, by OpenTelemetry's conventions for generative AI.

    from kimi_api import telemetry

    telemetry.instrument()  # after the SDK's providers are set up

From then on each chat call of either framework, each stream, extracted file, fetched address, official tool and batch
of this process has a span, and chat calls are counted by metrics. What they hold: docs/observability.md. Needs the
extra `otel`, and an SDK of OpenTelemetry that sends them somewhere.

https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kimi_api._transport import observer as _observer

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument", "uninstrument"]


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    content: bool = False,
) -> None:
    """Watch all calls of this process from now on. A second call replaces the settings of the first.

    Args:
        tracer_provider: where spans go; None: to OpenTelemetry's global provider.
        meter_provider: where metrics go; None: likewise.
        content: whether spans hold what was asked and answered, messages, thinking and tool calls. Media are named by
            their kind only. Keys are in no span either way.

    Raises:
        ModuleNotFoundError: opentelemetry-api is missing.
    """
    try:
        from kimi_api.telemetry._otel import OtelObserver  # OpenTelemetry is optional, and few programs need it
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise ModuleNotFoundError(
            "kimi_api.telemetry needs opentelemetry-api, which is not installed. "
            "What to do: pip install 'kimi-integrations[otel]'",
            name=error.name,
        ) from None

    _observer.observer = OtelObserver(tracer_provider, meter_provider, content=content)


def uninstrument() -> None:
    """Watch no further calls; those under way are watched to their end."""
    _observer.observer = None
