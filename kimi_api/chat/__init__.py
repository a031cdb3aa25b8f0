"""One chat call from request to answer: the thin edge that both adapters share."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from dataclasses import replace
from typing import Any

from kimi_api import errors
from kimi_api._transport.unregistered import Unregistered
from kimi_api.chat._check import check_reply
from kimi_api.chat._continue import ContinuedReply, ContinuedStream
from kimi_api.chat._correct import acorrect_request, aplace, correct_request, place
from kimi_api.chat._demand import (
    HeldStream,
    demand_in_words,
    is_only_offered,
    lacks_demanded_call,
    require_demanded_call,
)
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError
from kimi_api.reply import Reply, ReplyBuilder, ReplyDelta, parse_reply
from kimi_api.request import CHAT_PATH, ChatRequest

__all__ = ["acomplete", "astream", "complete", "settle", "stream"]


def complete(client: KimiClient, request: ChatRequest, **call: Any) -> Reply:
    """Send `request` and wait for the answer. `call` goes to `KimiClient.request` (headers, timeout, max_retries).

    Where a forced tool had to go out as a mere offer and no call came, one more request asks for it in words. An answer
    that used up its budget is continued as `request.auto_continue` says.

    Raises:
        KimiToolChoiceError: a demanded tool was not called.
        KimiAPIError: the platform or the network said no.
    """
    reply = _complete_once(client, request, call)
    if lacks_demanded_call(reply, request):
        reply = _add_usage(_complete_once(client, demand_in_words(request), call), reply)
        require_demanded_call(reply, request)
    return reply


async def acomplete(client: KimiClient, request: ChatRequest, **call: Any) -> Reply:
    """The asynchronous twin of `complete`."""
    reply = await _acomplete_once(client, request, call)
    if lacks_demanded_call(reply, request):
        reply = _add_usage(await _acomplete_once(client, demand_in_words(request), call), reply)
        require_demanded_call(reply, request)
    return reply


def _complete_once(client: KimiClient, request: ChatRequest, call: dict[str, Any]) -> Reply:
    request = place(client, request)
    reply = _send(client, request, call)
    if request.auto_continue and reply.finish_reason == "length":
        whole = ContinuedReply(request, reply)
        while (more := whole.next_request()) is not None:
            try:
                whole.add(_send(client, more, call))
            except KimiError as error:
                whole.give_up(error)
    return check_reply(reply, request)


async def _acomplete_once(client: KimiClient, request: ChatRequest, call: dict[str, Any]) -> Reply:
    request = await aplace(client, request)
    reply = await _asend(client, request, call)
    if request.auto_continue and reply.finish_reason == "length":
        whole = ContinuedReply(request, reply)
        while (more := whole.next_request()) is not None:
            try:
                whole.add(await _asend(client, more, call))
            except KimiError as error:
                whole.give_up(error)
    return check_reply(reply, request)


def _send(client: KimiClient, request: ChatRequest, call: dict[str, Any]) -> Reply:
    try:
        answer = client.request("POST", CHAT_PATH, body=request.body, **call)
    except errors.KimiStatusError as error:
        request = correct_request(client, request, error)
        answer = client.request("POST", CHAT_PATH, body=request.body, **call)
    return parse_reply(answer.body, answer.headers, request_body=request.body)


async def _asend(client: KimiClient, request: ChatRequest, call: dict[str, Any]) -> Reply:
    try:
        answer = await client.arequest("POST", CHAT_PATH, body=request.body, **call)
    except errors.KimiStatusError as error:
        request = await acorrect_request(client, request, error)
        answer = await client.arequest("POST", CHAT_PATH, body=request.body, **call)
    return parse_reply(answer.body, answer.headers, request_body=request.body)


def stream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, **call: Any
) -> Generator[ReplyDelta, None, None]:
    """Yield what each event adds; afterwards `settle(builder, request)` gives the whole answer.

    An error after the finish_reason is not raised: the answer is whole, only its usage may be missing. An answer that
    used up its budget goes on as `request.auto_continue` says, and a broken stream as `request.resume_streams` does.
    Where a forced tool had to go out as a mere offer, nothing is shown until a call comes; where none does, one more
    request asks for it in words, and `builder` holds its answer.
    """
    return (_stream_held if is_only_offered(request) else _stream)(client, request, builder, call)


def astream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, **call: Any
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `stream`."""
    return (_astream_held if is_only_offered(request) else _astream)(client, request, builder, call)


def _stream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> Generator[ReplyDelta, None, None]:
    request = place(client, request)
    if request.auto_continue or request.resume_streams:
        yield from _stream_continued(client, request, builder, call)
        return
    builder.request_body = request.body
    feed = builder.feed
    while True:
        events = client.stream(CHAT_PATH, body=request.body, on_headers=builder.note_headers, **call)
        try:
            for event in events:
                delta = feed(event)
                if delta is not None:
                    yield delta
            return
        except errors.KimiAPIError as error:
            if builder.complete:
                return
            request = correct_request(client, request, error)
        finally:
            events.close()


async def _astream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `_stream`."""
    request = await aplace(client, request)
    if request.auto_continue or request.resume_streams:
        async with Unregistered(_astream_continued(client, request, builder, call)) as deltas:
            async for delta in deltas:
                yield delta
        return
    builder.request_body = request.body
    feed = builder.feed
    while True:
        events = client.astream(CHAT_PATH, body=request.body, on_headers=builder.note_headers, **call)
        try:
            async for event in Unregistered(events):
                delta = feed(event)
                if delta is not None:
                    yield delta
            return
        except errors.KimiAPIError as error:
            if builder.complete:
                return
            request = await acorrect_request(client, request, error)
        finally:
            await events.aclose()


def _stream_held(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
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
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
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
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> Generator[ReplyDelta, None, None]:
    """The deltas of an answer that may take several streams."""
    continued = ContinuedStream(request, builder)
    while True:
        deltas = _stream(client, replace(continued.request, auto_continue=0, resume_streams=0), builder, call)
        try:
            for delta in deltas:
                if (shown := continued.filter(delta)) is not None:
                    yield shown
            if not continued.continue_after_end():
                return
        except KimiError as error:
            seconds = continued.continue_after_error(error)
            if seconds is None:
                return
            time.sleep(seconds)
        finally:
            deltas.close()


async def _astream_continued(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `_stream_continued`."""
    import asyncio

    continued = ContinuedStream(request, builder)
    while True:
        deltas = _astream(client, replace(continued.request, auto_continue=0, resume_streams=0), builder, call)
        try:
            async for delta in Unregistered(deltas):
                if (shown := continued.filter(delta)) is not None:
                    yield shown
            if not continued.continue_after_end():
                return
        except KimiError as error:
            seconds = continued.continue_after_error(error)
            if seconds is None:
                return
            await asyncio.sleep(seconds)
        finally:
            await deltas.aclose()


def settle(builder: ReplyBuilder, request: ChatRequest) -> Reply:
    """The whole answer of a finished stream.

    Raises:
        KimiIncompleteReplyError: the stream ended early.
        KimiToolChoiceError: a demanded tool was not called.
    """
    reply = check_reply(builder.finish(), request)
    require_demanded_call(reply, request)
    return reply


def _add_usage(reply: Reply, first: Reply) -> Reply:
    """The answer with the tokens of the one before it, which is paid for too."""
    if reply.usage is not None and first.usage is not None:
        reply.usage += first.usage
    return reply
