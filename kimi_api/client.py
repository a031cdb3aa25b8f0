"""`KimiClient`: settings, key and region on one side, plain JSON on the other.

Requests go through the SDK's public `client.post(..., cast_to=...)`, the way its README gives for undocumented
endpoints. `client.chat.completions.create` would walk every message through the SDK's type unions (34 ms of CPU for
200 messages and 20 tools) and build a pydantic object per streamed chunk (75 us a chunk against 3; both figures by
`make bench`); neither changes a byte on the wire.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from kimi_api._transport.answers import ENDED, Answer, check_first, is_json, read_answer
from kimi_api._transport.bodies import aread_body, read_body
from kimi_api._transport.connection import Connection
from kimi_api._transport.deadline import Deadline, ain_time, awatch, in_time, watch
from kimi_api._transport.events import aread_events, read_events
from kimi_api._transport.redirects import Redirects
from kimi_api._transport.sdk.calls import open_files, response_of, send_bare, send_json
from kimi_api._transport.unregistered import FirstStep, close_all
from kimi_api._transport.upload import Upload

if TYPE_CHECKING:
    from typing import Literal

    from openai import AsyncOpenAI, AsyncStream, Stream

    from kimi_api._transport.http import Response
    from kimi_api.catalog import ModelSpec
    from kimi_api.limits import AccountLimits
    from kimi_api.limits._queue import Permit
    from kimi_api.retry import Retries
    from kimi_api.wire import Event

__all__ = ["Answer", "KimiClient", "Upload"]


class KimiClient(Connection):
    """How to reach the platform. Cheap to make, and safe to pickle, copy, share between threads and event loops.

    Args:
        api_key: the key, a `SecretStr`, or a function that returns the current key. None reads
            `MOONSHOT_API_KEY`, then `KIMI_API_KEY`, at every request.
        base_url: the address including `/v1`. None reads `MOONSHOT_BASE_URL`, then `MOONSHOT_API_BASE`, then uses the
            platform of the `region`.
        region: "international" (the default, https://api.moonshot.ai/v1) or "china" (https://api.moonshot.cn/v1), where
            no address is given. Keys of one region are refused (401) by the other.
        timeout: seconds without a byte before giving up; default 10 s to connect and 900 s to read.
        max_seconds: how long a call may take as a whole, from the call to the last byte, waiting for limits and retries
            included; None (default): no limit.
        max_answer_bytes: how much the body of one answer may hold, unpacked; default 256 MB. One event of a stream, and
            what comes between two, may have an eighth of it.
        max_retries: how often a request that failed for a passing reason is sent again: n means n + 1 at most.
        default_headers: sent with every request; they win over ours, except `Authorization`.
        http_client, async_http_client: an `httpx` or `httpx2` client to use instead of the process's shared one. Not
            part of pickles; the asynchronous one works only on the event loop it was first used on.
        error_types: a function returning subclasses to raise instead of the classes of `kimi_api.errors`.
        before_send: a function that is given the JSON body of each request right before it is sent, a copy, and gives
            back the one to send (None: the copy, as it left it). What it raises goes to the caller, and nothing is
            sent. Called once for each request, also one that is sent again. Bytes of files do not pass it.
        account_limits: what the account may do; chat requests wait for their turn here. See `kimi_api.limits`.
        catalog: what this host says of its models, which goes before `kimi_api.MODELS`: a `Catalog`, or `ModelSpec`s by
            id. `kimi_api.account.refresh(client)` asks the host and sets it. It belongs to this client alone.

    A pickle carries the key only if it was passed in (worker processes need it); one from the environment is read
    there again.

    Raises:
        KimiKeyError: no usable key (a function is first asked at the first request).
    """

    # -------------------------------------------------------------------------------- one answer

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        upload: Upload | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        max_retries: int | Retries | None = None,
        account_limits: AccountLimits | Literal[False] | None = None,
        max_seconds: float | Deadline | None = None,
        text: bool = False,
        spec: ModelSpec | None = None,
    ) -> Answer:
        """Send one request and wait for its answer.

        Args:
            method: "GET", "POST" or "DELETE".
            path: below the base address, e.g. "/models".
            body: the JSON body.
            upload: a file to send instead of a JSON body.
            headers: more headers for this request; `timeout` and `max_retries` likewise beat the client's.
            account_limits: beat the client's too; False: there are none.
            max_seconds: likewise.
            text: return the body as text, whatever its content type.
            spec: the rules of the model that is asked, for limits that count tokens. None: by its id.

        Raises:
            KimiAPIError: the platform refused the request, or cannot be reached, also after the retries.
            KimiReplyTooLongError: the answer holds more than `max_answer_bytes`.
        """
        from kimi_api.retry import run

        deadline = self.deadline(max_seconds)
        context = self._request_context(body, deadline, timeout)
        limits = self._limits(path, account_limits)

        def open_at(body: Mapping[str, Any]) -> Stream[object]:
            return Redirects("POST").send(
                self.base_url + path,
                lambda path: send_json(self._sdk(), "Stream", path, body, self._options(headers, timeout, deadline)),
            )

        def post(body: Mapping[str, Any]) -> Answer:
            body = self.outgoing(body)
            with self._translate_errors(context, body=body):
                opened = in_time(deadline, lambda: open_at(body))
            try:
                with self._translate_errors(context, opened.response, begun=True), watch(deadline, opened.response):
                    response = read_body(opened.response, context.max_bytes, context.longest_silence)
            finally:
                opened.response.close()
            return read_answer(response, context, self._types(), text=text)

        def exchange(path: str) -> Response:
            with open_files(upload) as files:
                sdk = self._sdk()
                options = self._options(headers, timeout, deadline)
                sent = send_bare(sdk, "Stream", method, path, upload, files, options)
            return read_body(response_of(sent), context.max_bytes, context.longest_silence)

        def send() -> Answer:
            if body is not None:
                if limits is None:
                    return post(body)
                with self._acquire(limits, body, context, spec):
                    return post(body)
            with self._translate_errors(context):
                response = in_time(deadline, lambda: Redirects(method, timeout, context.max_bytes).send(path, exchange))
                return read_answer(response, context, self._types(), text=text)

        return run(send, self.count_retries(max_retries, deadline))

    async def arequest(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        upload: Upload | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - seconds without a byte, not a deadline for the call
        max_retries: int | Retries | None = None,
        account_limits: AccountLimits | Literal[False] | None = None,
        max_seconds: float | Deadline | None = None,
        text: bool = False,
        spec: ModelSpec | None = None,
    ) -> Answer:
        """The asynchronous twin of `request`."""
        from kimi_api.retry import arun

        deadline = self.deadline(max_seconds)
        context = self._request_context(body, deadline, timeout)
        limits = self._limits(path, account_limits)

        async def open_at(sdk: AsyncOpenAI, body: Mapping[str, Any]) -> AsyncStream[object]:
            return await Redirects("POST").asend(
                self.base_url + path,
                lambda path: send_json(sdk, "AsyncStream", path, body, self._options(headers, timeout, deadline)),
            )

        async def post(sdk: AsyncOpenAI, body: Mapping[str, Any]) -> Answer:
            body = self.outgoing(body)
            with self._translate_errors(context, body=body):
                opened = await ain_time(deadline, lambda: open_at(sdk, body))
            try:
                with self._translate_errors(context, opened.response, begun=True), awatch(deadline, opened.response):
                    response = await aread_body(opened.response, context.max_bytes, context.longest_silence)
            finally:
                await opened.response.aclose()
            return read_answer(response, context, self._types(), text=text)

        async def exchange(sdk: AsyncOpenAI, path: str) -> Response:
            with open_files(upload) as files:
                options = self._options(headers, timeout, deadline)
                sent = await send_bare(sdk, "AsyncStream", method, path, upload, files, options)
            return await aread_body(response_of(sent), context.max_bytes, context.longest_silence)

        async def send() -> Answer:
            sdk = await self._async_sdk()
            if body is not None:
                if limits is None:
                    return await post(sdk, body)
                with await self._aacquire(limits, body, context, spec):
                    return await post(sdk, body)
            with self._translate_errors(context):
                response = await ain_time(
                    deadline,
                    lambda: Redirects(method, timeout, context.max_bytes).asend(path, lambda path: exchange(sdk, path)),
                )
                return read_answer(response, context, self._types(), text=text)

        return await arun(send, self.count_retries(max_retries, deadline))

    # -------------------------------------------------------------------------------- streams

    def stream(
        self,
        path: str,
        *,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        max_retries: int | Retries | None = None,
        account_limits: AccountLimits | Literal[False] | None = None,
        max_seconds: float | Deadline | None = None,
        on_headers: Callable[[Mapping[str, str]], None] | None = None,
        spec: ModelSpec | None = None,
    ) -> Generator[Event, None, None]:
        """The events of a streamed answer, as dicts. Closing the generator closes the connection.

        Sent again only as long as nothing arrived: a failure after the first event is raised. `on_headers` receives
        the response headers before the first event. A host that does not stream and answers as a whole gives one
        event, which is that body. `spec` is that of `request`.

        Raises:
            KimiIncompleteReplyError: the stream ended before its first event, after the retries.
            KimiAPIError: the platform refused the request, or cannot be reached.
            KimiReplyTooLongError: an event, or what comes without one, does not end within an eighth of
                `max_answer_bytes`.
        """
        from kimi_api.retry import run

        deadline = self.deadline(max_seconds)
        context = self._request_context(body, deadline, timeout)
        limits = self._limits(path, account_limits)
        permits: list[Permit] = []
        whole = False

        def open_at(body: Mapping[str, Any]) -> Stream[object]:
            return Redirects("POST").send(
                self.base_url + path,
                lambda path: send_json(self._sdk(), "Stream", path, body, self._options(headers, timeout, deadline)),
            )

        def start() -> tuple[Stream[object], Generator[Event, None, None], Event]:
            sent = self.outgoing(body)
            with self._translate_errors(context, body=sent):
                opened = in_time(deadline, lambda: open_at(sent))
            response = opened.response
            try:
                if is_json(response):  # a whole answer, or an error
                    with self._translate_errors(context, response, begun=True), watch(deadline, response):
                        response = read_body(response, context.max_bytes, context.longest_silence)
                events = read_events(response, context, self._types())
                with self._translate_errors(context, response):
                    with watch(deadline, response):
                        event = next(events, ENDED)
                        while event is None:  # `data: null`
                            event = next(events, ENDED)
                    check_first(event, response, context, self._types())
                return opened, events, event
            except BaseException:
                opened.close()
                raise

        def start_with_permit() -> tuple[Stream[object], Generator[Event, None, None], Event]:
            assert limits is not None  # noqa: S101
            with self._acquire(limits, body, context, spec) as permit:
                started = start()
                permits.append(permit.keep())
                return started

        opened, events, event = run(
            start if limits is None else start_with_permit, self.count_retries(max_retries, deadline)
        )
        try:
            if on_headers is not None:
                on_headers(opened.response.headers)
            with self._translate_errors(context, opened.response, begun=True), watch(deadline, opened.response):
                yield event
                yield from events
            whole = True
        finally:
            for permit in permits:
                permit.release(abandoned=not whole)
            opened.close()

    async def astream(
        self,
        path: str,
        *,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - seconds without a byte, not a deadline for the call
        max_retries: int | Retries | None = None,
        account_limits: AccountLimits | Literal[False] | None = None,
        max_seconds: float | Deadline | None = None,
        on_headers: Callable[[Mapping[str, str]], None] | None = None,
        spec: ModelSpec | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The asynchronous twin of `stream`."""
        from kimi_api.retry import arun

        deadline = self.deadline(max_seconds)
        context = self._request_context(body, deadline, timeout)
        limits = self._limits(path, account_limits)
        permits: list[Permit] = []
        started: list[AsyncGenerator[Event, None]] = []
        whole = False

        async def open_at(sdk: AsyncOpenAI, body: Mapping[str, Any]) -> AsyncStream[object]:
            return await Redirects("POST").asend(
                self.base_url + path,
                lambda path: send_json(sdk, "AsyncStream", path, body, self._options(headers, timeout, deadline)),
            )

        async def start() -> tuple[AsyncStream[object], AsyncGenerator[Event, None], Event]:
            sdk = await self._async_sdk()
            sent = self.outgoing(body)
            with self._translate_errors(context, body=sent):
                opened = await ain_time(deadline, lambda: open_at(sdk, sent))
            response = opened.response
            try:
                if is_json(response):  # a whole answer, or an error
                    with self._translate_errors(context, response, begun=True), awatch(deadline, response):
                        response = await aread_body(response, context.max_bytes, context.longest_silence)
                events = aread_events(response, context, self._types())
                with self._translate_errors(context, response):
                    with awatch(deadline, response):
                        event = await FirstStep(lambda: anext(events, ENDED), started)
                        while event is None:  # `data: null`
                            event = await anext(events, ENDED)
                    check_first(event, response, context, self._types())
                return opened, events, event
            except BaseException:
                await opened.close()
                await close_all(started)
                raise

        async def start_with_permit() -> tuple[AsyncStream[object], AsyncGenerator[Event, None], Event]:
            assert limits is not None  # noqa: S101
            with await self._aacquire(limits, body, context, spec) as permit:
                opening = await start()
                permits.append(permit.keep())
                return opening

        opened, events, event = await arun(
            start if limits is None else start_with_permit, self.count_retries(max_retries, deadline)
        )
        try:
            if on_headers is not None:
                on_headers(opened.response.headers)
            with self._translate_errors(context, opened.response, begun=True), awatch(deadline, opened.response):
                yield event
                async for later in events:
                    yield later
            whole = True
        finally:
            for permit in permits:
                permit.release(abandoned=not whole)
            try:
                await opened.close()
            finally:  # also when the task that closes is itself cancelled, as at the end of asyncio.run
                await close_all(started)
