"""What watches calls and tells OpenTelemetry of them.

Attributes, metrics and buckets are those of the semantic conventions for generative AI, as they were released before
they moved to a repository of their own (which has no release yet); what they have no name for is under `kimi.`.
Texts of errors and names of files are never recorded: they may hold what users wrote.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from kimi_api._transport.sdk.pool import USER_AGENT
from kimi_api._transport.unregistered import Unregistered
from kimi_api.chat._settle import coming_error
from kimi_api.client import KimiClient
from kimi_api.errors._base import name_of
from kimi_api.reply import Reply, ReplyBuilder
from kimi_api.request import ChatRequest
from kimi_api.telemetry._messages import input_messages, output_messages

T = TypeVar("T")

PROVIDER = "kimi"
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_FIRST_CHUNK = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_TOKENS = tuple(4**power for power in range(14))
_CALL = otel_context.create_key("kimi-call")

_ASKED = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "seed": "gen_ai.request.seed",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "reasoning_effort": "gen_ai.request.reasoning.level",
}
"""Members of a request that are recorded as they are, where they are numbers or words."""


class OtelObserver:
    """Makes a span of each call, and counts it.

    Args:
        tracer_provider: None: OpenTelemetry's global one.
        meter_provider: likewise.
        content: whether spans hold messages.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None,
        meter_provider: metrics.MeterProvider | None,
        *,
        content: bool,
    ) -> None:
        version = USER_AGENT.partition("/")[2]
        self.tracer = trace.get_tracer("kimi_api", version, tracer_provider)
        meter = metrics.get_meter("kimi_api", version, meter_provider)
        self.content = content
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time from the call to the first piece of a streamed answer.",
            explicit_bucket_boundaries_advisory=_FIRST_CHUNK,
        )
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self.limits_wait = meter.create_histogram(
            "kimi.client.limits.wait",
            "s",
            "Time that requests waited for the account's limits.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.retries = meter.create_counter("kimi.client.retries", "{retry}", "Requests that were sent again.")

    # ------------------------------------------------------------------------------------------- chat

    @contextmanager
    def chat(self, client: KimiClient, request: ChatRequest) -> Iterator[Callable[[Reply], Reply]]:
        """Watch an answer that does not stream; give the function to call with the answer."""
        call = _Call(self, client, request, streamed=False)
        token = otel_context.attach(call.context)
        try:
            yield call.take
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            otel_context.detach(token)
            call.end()

    def stream(
        self, client: KimiClient, request: ChatRequest, builder: ReplyBuilder, deltas: Generator[T, None, None]
    ) -> Generator[T, None, None]:
        """Watch a stream. The consumer's code between two pieces does not run inside its span."""
        call = _Call(self, client, request, streamed=True)
        try:
            with closing(deltas):
                while True:
                    token = otel_context.attach(call.context)
                    try:
                        delta = next(deltas)
                    except StopIteration:
                        break
                    finally:
                        otel_context.detach(token)
                    call.note_chunk()
                    yield delta
            call.note_end(builder)
        except GeneratorExit:
            call.note_leaving()
            raise
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            call.take(builder.assemble())
            call.end()

    async def astream(
        self, client: KimiClient, request: ChatRequest, builder: ReplyBuilder, deltas: AsyncGenerator[T, None]
    ) -> AsyncGenerator[T, None]:
        """The asynchronous twin of `stream`."""
        call = _Call(self, client, request, streamed=True)
        try:
            async with Unregistered(deltas) as items:
                while True:
                    token = otel_context.attach(call.context)
                    try:
                        delta = await items.__anext__()
                    except StopAsyncIteration:
                        break
                    finally:
                        otel_context.detach(token)
                    call.note_chunk()
                    yield delta
            call.note_end(builder)
        except GeneratorExit:
            call.note_leaving()
            raise
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            call.take(builder.assemble())
            call.end()

    # ------------------------------------------------------------------------------------------- what else there is

    def steps(
        self,
        name: str,
        steps: Generator[Any, Any, T],
        facts: Mapping[str, Any],
        describe: Callable[[T], Mapping[str, Any]] | None,
    ) -> Generator[Any, Any, T]:
        """Watch a procedure."""
        span = self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes={**_facts(facts)})
        try:
            result = yield from steps
            if describe is not None:
                span.set_attributes(_facts(describe(result)))
            return result
        except BaseException as error:
            _set_error(span, error)
            raise
        finally:
            span.end()

    @contextmanager
    def wait_for_limits(self) -> Iterator[None]:
        """Watch a request while it waits for the account's limits."""
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            call = otel_context.get_value(_CALL)
            self.limits_wait.record(seconds, call.measured if isinstance(call, _Call) else {})
            if isinstance(call, _Call):
                call.waited += seconds

    def note_retry(self, reason: str, number: int, seconds: float) -> None:
        """A request is sent again after so many seconds."""
        call = otel_context.get_value(_CALL)
        measured = call.measured if isinstance(call, _Call) else {}
        self.retries.add(1, {**measured, "error.type": reason})
        if isinstance(call, _Call):
            call.retries += 1
            call.span.add_event(
                "kimi.retry", {"error.type": reason, "kimi.retry.number": number, "kimi.retry.delay": seconds}
            )


class _Call:
    """One chat call: a span, and what is measured of it."""

    __slots__ = (
        "_began",
        "_error",
        "_first",
        "_observer",
        "_reply",
        "_request",
        "context",
        "measured",
        "retries",
        "span",
        "waited",
    )

    def __init__(self, observer: OtelObserver, client: KimiClient, request: ChatRequest, *, streamed: bool) -> None:
        body = request.body
        self._observer = observer
        self._request = request
        self._first: float | None = None
        self._reply: Reply | None = None
        self._error = ""
        self.retries = 0
        self.waited = 0.0
        self.measured = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": PROVIDER,
            "gen_ai.request.model": body["model"],
            **server_of(client.base_url),
        }
        self.span = observer.tracer.start_span(
            f"chat {body['model']}",
            kind=SpanKind.CLIENT,
            attributes={
                **self.measured,
                "gen_ai.system": PROVIDER,
                "gen_ai.request.stream": streamed,
                **_request_attributes(body),
            },
        )
        if observer.content and self.span.is_recording():
            self.span.set_attribute("gen_ai.input.messages", input_messages(body["messages"]))
        self.context = otel_context.set_value(_CALL, self, trace.set_span_in_context(self.span))
        self._began = time.perf_counter()

    def take(self, reply: Reply) -> Reply:
        """The answer, or as much of it as came."""
        self._reply = reply
        return reply

    def fail(self, error: BaseException) -> None:
        """The call ended in an error, which holds the part of the answer that had arrived."""
        self._error = _set_error(self.span, error)
        partial = getattr(error, "partial", None)
        if self._reply is None and isinstance(partial, Reply):
            self._reply = partial
        elif self._reply is None and getattr(error, "request_id", None):
            self.span.set_attribute("kimi.request_id", error.request_id)  # type: ignore[attr-defined]

    def note_chunk(self) -> None:
        """A piece of the stream has come."""
        if self._first is None:
            self._first = time.perf_counter() - self._began

    def note_end(self, builder: ReplyBuilder) -> None:
        """The stream has ended. What its reader gets an error for, when it asks for the whole answer, is one here."""
        self._error = coming_error(builder, self._request)
        if self._error:
            self.span.set_attribute("error.type", self._error)
            self.span.set_status(Status(StatusCode.ERROR, self._error))

    def note_leaving(self) -> None:
        """Its reader left the stream, which is no error."""
        self.span.set_attribute("kimi.stream.closed_early", True)

    def end(self) -> None:
        """Record its outcome."""
        seconds = time.perf_counter() - self._began
        observer, span, reply = self._observer, self.span, self._reply
        measured = dict(self.measured)
        if reply is not None and reply.model:
            measured["gen_ai.response.model"] = reply.model
        if reply is not None and reply.usage is not None:
            usage = reply.usage
            observer.tokens.record(usage.prompt_tokens, {**measured, "gen_ai.token.type": "input"})
            observer.tokens.record(usage.completion_tokens, {**measured, "gen_ai.token.type": "output"})
        if self._first is not None:
            observer.first_chunk.record(self._first, measured)
        if self._error:
            measured["error.type"] = self._error
        observer.duration.record(seconds, measured)
        if span.is_recording():
            span.set_attributes({"kimi.retries": self.retries, "kimi.limits.wait": self.waited})
            if self._first is not None:
                span.set_attribute("gen_ai.response.time_to_first_chunk", self._first)
            if reply is not None:
                span.set_attributes(_response_attributes(reply))
                if observer.content:
                    span.set_attribute("gen_ai.output.messages", output_messages(reply))
        span.end()


@lru_cache(maxsize=64)
def server_of(base_url: str) -> Mapping[str, Any]:
    """The host and port of an address."""
    parts = urlsplit(base_url)
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:  # no port that there can be; the request says so
        return {"server.address": parts.hostname or ""}
    return {"server.address": parts.hostname or "", "server.port": port}


def _request_attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a request asks for, without its content."""
    attributes: dict[str, Any] = {
        attribute: body[name]
        for name, attribute in _ASKED.items()
        if isinstance(body.get(name), int | float | str) and not isinstance(body.get(name), bool)
    }
    stop = body.get("stop")
    if isinstance(stop, list | tuple):
        attributes["gen_ai.request.stop_sequences"] = [str(each) for each in stop]
    elif stop:
        attributes["gen_ai.request.stop_sequences"] = [str(stop)]
    wish = body.get("response_format")
    if isinstance(wish, Mapping):
        attributes["gen_ai.output.type"] = "json" if str(wish.get("type")).startswith("json") else "text"
    return attributes


def _response_attributes(reply: Reply) -> dict[str, Any]:
    """What is known of an answer, without its content."""
    attributes: dict[str, Any] = {
        "gen_ai.response.id": reply.id,
        "gen_ai.response.model": reply.model,
        "kimi.request_id": reply.request_id,
        "kimi.trace_id": reply.trace_id,
    }
    if reply.finish_reason:
        attributes["gen_ai.response.finish_reasons"] = [reply.finish_reason]
    if reply.usage is not None:
        attributes |= {
            "gen_ai.usage.input_tokens": reply.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": reply.usage.completion_tokens,
            "gen_ai.usage.cache_read.input_tokens": reply.usage.cached_tokens,
            "gen_ai.usage.cache_creation.input_tokens": reply.usage.cache_write_tokens,
            "gen_ai.usage.reasoning.output_tokens": reply.usage.reasoning_tokens,
        }
    return _facts(attributes)


def _facts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that have a value."""
    return {name: value for name, value in attributes.items() if value not in (None, "")}


def _set_error(span: trace.Span, error: BaseException) -> str:
    """Mark a span as failed; its text stays out, since it may hold what users wrote."""
    name = name_of(error)
    span.set_attribute("error.type", name)
    if (status := getattr(error, "status_code", None)) is not None:
        span.set_attribute("http.response.status_code", status)
    kind = getattr(error, "type", None)
    if isinstance(kind, str) and kind:
        span.set_attribute("kimi.error.type", kind)
    span.set_status(Status(StatusCode.ERROR, name))
    return name
