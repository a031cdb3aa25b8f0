"""What OpenTelemetry is told, kept in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kimi_api import telemetry


class Recorder:
    """Spans and metrics so far."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.traces = TracerProvider()
        self.traces.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])

    @property
    def spans(self) -> list[ReadableSpan]:
        """Spans that have ended, in the order of their ends."""
        return list(self._exporter.get_finished_spans())

    def spans_named(self, start: str) -> list[ReadableSpan]:
        """The spans whose name begins so."""
        return [span for span in self.spans if span.name.startswith(start)]

    def one(self, start: str = "chat ") -> dict[str, Any]:
        """The attributes of the only span whose name begins so."""
        [span] = self.spans_named(start)
        return dict(span.attributes or {})

    def points(self, metric: str) -> list[tuple[Mapping[str, Any], Any]]:
        """Attributes and data points of a metric."""
        data = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return [
            (dict(point.attributes or {}), point)
            for scope in scopes
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
        ]

    def everything(self) -> str:
        """All that was told, as one text, to be searched for what must not be there."""
        data = self._reader.get_metrics_data()
        return json.dumps([span.to_json() for span in self.spans]) + (data.to_json() if data else "")

    def close(self) -> None:
        """End what sends."""
        self.traces.shutdown()
        self.meters.shutdown()


@contextmanager
def recording(**settings: Any) -> Iterator[Recorder]:
    """Instrumented for as long as the block lasts."""
    recorder = Recorder()
    telemetry.instrument(tracer_provider=recorder.traces, meter_provider=recorder.meters, **settings)
    try:
        yield recorder
    finally:
        telemetry.uninstrument()
        recorder.close()
