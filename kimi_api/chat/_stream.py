"""An answer that the caller reads while it comes: hand-written twins, since a step per chunk would cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from kimi_api import errors
from kimi_api._transport import observer as _observer
from kimi_api._transport.deadline import clip, deadline_in
from kimi_api._transport.unregistered import Unregistered
from kimi_api.chat._continue import Continuation
from kimi_api.chat._correct import acorrect_request, aplace, correct_request, place
from kimi_api.chat._demand import HeldStream, is_only_offered
from kimi_api.chat._empty import wait_to_ask_again
from kimi_api.chat._settle import PartialKeeper
from kimi_api.chat._show import ashow, show, shows_all
from kimi_api.chat._think_tags import feed_for
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError
from kimi_api.reply import ReplyBuilder, ReplyDelta
from kimi_api.request import CHAT_PATH, ChatRequest

if TYPE_CHECKING:
    from typing import Unpack

    from kimi_api.settings import CallOptions


def stream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, **call: Unpack[CallOptions]
) -> Generator[ReplyDelta, None, None]:
    """Yield what each event adds; afterwards `settle(builder, request)` gives the whole answer.

    An error after the finish_reason is not raised: the answer is whole, only its usage may be missing. An answer that
    used up its budget goes on as `request.auto_continue` says, and a broken stream as `request.resume_streams` does.
    Where a forced tool had to go out as a mere offer, nothing is shown until a call comes; where none does, one more
    request asks for it in words, and `builder` holds its answer. An empty answer is asked for again as long as nothing
    of it was shown.

    Raises:
        KimiEmptyReplyError: the answers had neither text nor a tool call.
        KimiAPIError: the platform refused the request, or the connection failed. `partial` holds what had come.
    """
    if (deadline := client.deadline(call.get("max_seconds"))) is not None:
        call["max_seconds"] = deadline
    deltas = (_stream_held if is_only_offered(request) else _stream)(client, request, builder, call)
    visible = deltas if shows_all(request) else show(deltas, request, builder)
    observer = _observer.observer
    return visible if observer is None else observer.stream(client, request, builder, visible)


def astream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, **call: Unpack[CallOptions]
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `stream`."""
    if (deadline := client.deadline(call.get("max_seconds"))) is not None:
        call["max_seconds"] = deadline
    deltas = (_astream_held if is_only_offered(request) else _astream)(client, request, builder, call)
    visible = deltas if shows_all(request) else ashow(deltas, request, builder)
    observer = _observer.observer
    return visible if observer is None else observer.astream(client, request, builder, visible)


def _stream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions
) -> Generator[ReplyDelta, None, None]:
    with PartialKeeper(builder.partial_reply):
        request = place(client, request, deadline_in(call))
        if request.auto_continue or request.resume_streams:
            yield from _stream_continued(client, request, builder, call)
            return
        retries = client.count_retries(call.get("max_retries"))
        call = {**call, "max_retries": retries}
        while True:
            feed = feed_for(builder, request)
            builder.request_body = request.body
            events = client.stream(
                CHAT_PATH, body=request.body, spec=request.spec, on_headers=builder.note_headers, **call
            )
            try:
                for event in events:
                    delta = feed(event)
                    if delta is not None:
                        yield delta
            except KimiError as error:
                if builder.complete:
                    return
                error.partial = builder.partial_reply()
                if not isinstance(error, errors.KimiAPIError):
                    raise
                request = correct_request(client, request, error)
                continue
            finally:
                events.close()
            seconds = wait_to_ask_again(client, request, builder, retries, may_restart=not builder.has_begun)
            if seconds is None:
                return
            time.sleep(clip(seconds, deadline_in(call)))


async def _astream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `_stream`."""
    with PartialKeeper(builder.partial_reply):
        request = await aplace(client, request, deadline_in(call))
        if request.auto_continue or request.resume_streams:
            async with Unregistered(_astream_continued(client, request, builder, call)) as deltas:
                async for delta in deltas:
                    yield delta
            return
        retries = client.count_retries(call.get("max_retries"))
        call = {**call, "max_retries": retries}
        while True:
            feed = feed_for(builder, request)
            builder.request_body = request.body
            events = client.astream(
                CHAT_PATH, body=request.body, spec=request.spec, on_headers=builder.note_headers, **call
            )
            try:
                async for event in Unregistered(events):
                    delta = feed(event)
                    if delta is not None:
                        yield delta
            except KimiError as error:
                if builder.complete:
                    return
                error.partial = builder.partial_reply()
                if not isinstance(error, errors.KimiAPIError):
                    raise
                request = await acorrect_request(client, request, error)
                continue
            finally:
                await events.aclose()
            seconds = wait_to_ask_again(client, request, builder, retries, may_restart=not builder.has_begun)
            if seconds is None:
                return
            await asyncio.sleep(clip(seconds, deadline_in(call)))


def _stream_held(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions
) -> Generator[ReplyDelta, None, None]:
    """The deltas of an answer that must hold a call, and of a second one where the first holds none."""
    held = HeldStream(request, builder)
    while True:
        with closing(_stream(client, held.request, builder, call)) as deltas:
            for delta in deltas:
                yield from held.take(delta)
        yield from held.release_rest()
        if not held.ask_again():
            return


async def _astream_held(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `_stream_held`."""
    held = HeldStream(request, builder)
    while True:
        async with Unregistered(_astream(client, held.request, builder, call)) as deltas:
            async for delta in deltas:
                for each in held.take(delta):
                    yield each
        for each in held.release_rest():
            yield each
        if not held.ask_again():
            return


def _stream_continued(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions
) -> Generator[ReplyDelta, None, None]:
    """The deltas of an answer that may take several streams. `_stream` keeps what came for its errors."""
    continuation = Continuation(request, builder)
    while True:
        deltas = _stream(client, replace(continuation.request, auto_continue=0, resume_streams=0), builder, call)
        try:
            for delta in deltas:
                if (visible := continuation.filter(delta)) is not None:
                    yield visible
            if not continuation.continue_after_end():
                return
        except KimiError as error:
            seconds = continuation.continue_after_error(error)
            if seconds is None:
                return
            time.sleep(clip(seconds, deadline_in(call)))
        finally:
            deltas.close()


async def _astream_continued(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `_stream_continued`."""
    continuation = Continuation(request, builder)
    while True:
        deltas = _astream(client, replace(continuation.request, auto_continue=0, resume_streams=0), builder, call)
        try:
            async for delta in Unregistered(deltas):
                if (visible := continuation.filter(delta)) is not None:
                    yield visible
            if not continuation.continue_after_end():
                return
        except KimiError as error:
            seconds = continuation.continue_after_error(error)
            if seconds is None:
                return
            await asyncio.sleep(clip(seconds, deadline_in(call)))
        finally:
            await deltas.aclose()
