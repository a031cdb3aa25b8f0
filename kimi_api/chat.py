"""One chat call from request to answer: the thin edge that both adapters share."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from dataclasses import replace
from typing import Any

from kimi_api import errors
from kimi_api._continue import Going, Whole
from kimi_api._demand import Held, demanding, insist, offered_only, unmet_demand
from kimi_api._transport.unregistered import Unregistered
from kimi_api._warn import warn
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError, KimiReplyError
from kimi_api.messages import FILLER
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
    reply = _ask(client, request, call)
    if unmet_demand(reply, request):
        reply = _counted(_ask(client, demanding(request), call), reply)
        insist(reply, request)
    return reply


async def acomplete(client: KimiClient, request: ChatRequest, **call: Any) -> Reply:
    """The asynchronous twin of `complete`."""
    reply = await _aask(client, request, call)
    if unmet_demand(reply, request):
        reply = _counted(await _aask(client, demanding(request), call), reply)
        insist(reply, request)
    return reply


def _ask(client: KimiClient, request: ChatRequest, call: dict[str, Any]) -> Reply:
    request = placed(client, request)
    reply = _answer(client, request, call)
    if request.auto_continue and reply.finish_reason == "length":
        whole = Whole(request, reply)
        while (more := whole.following()) is not None:
            try:
                whole.add(_answer(client, more, call))
            except KimiError as error:
                whole.failed(error)
    return check_reply(reply, request)


async def _aask(client: KimiClient, request: ChatRequest, call: dict[str, Any]) -> Reply:
    request = await aplaced(client, request)
    reply = await _aanswer(client, request, call)
    if request.auto_continue and reply.finish_reason == "length":
        whole = Whole(request, reply)
        while (more := whole.following()) is not None:
            try:
                whole.add(await _aanswer(client, more, call))
            except KimiError as error:
                whole.failed(error)
    return check_reply(reply, request)


def _answer(client: KimiClient, request: ChatRequest, call: dict[str, Any]) -> Reply:
    try:
        answer = client.request("POST", CHAT_PATH, body=request.body, **call)
    except errors.KimiStatusError as error:
        request = mended(client, request, error)
        answer = client.request("POST", CHAT_PATH, body=request.body, **call)
    return parse_reply(answer.body, answer.headers, request_body=request.body)


async def _aanswer(client: KimiClient, request: ChatRequest, call: dict[str, Any]) -> Reply:
    try:
        answer = await client.arequest("POST", CHAT_PATH, body=request.body, **call)
    except errors.KimiStatusError as error:
        request = await amended(client, request, error)
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
    return (_held if offered_only(request) else _stream)(client, request, builder, call)


def astream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, **call: Any
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `stream`."""
    return (_aheld if offered_only(request) else _astream)(client, request, builder, call)


def _stream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> Generator[ReplyDelta, None, None]:
    request = placed(client, request)
    if request.auto_continue or request.resume_streams:
        yield from _going(client, request, builder, call)
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
            request = mended(client, request, error)
        finally:
            events.close()


async def _astream(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `_stream`."""
    request = await aplaced(client, request)
    if request.auto_continue or request.resume_streams:
        async with Unregistered(_agoing(client, request, builder, call)) as deltas:
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
            request = await amended(client, request, error)
        finally:
            await events.aclose()


def _held(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> Generator[ReplyDelta, None, None]:
    """The deltas of an answer that must hold a call, and of a second one where the first holds none."""
    held = Held(request, builder)
    while True:
        with closing(_stream(client, held.request, builder, call)) as deltas:
            for delta in deltas:
                yield from held.shown(delta)
        yield from held.rest()
        if not held.asks_again():
            return


async def _aheld(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `_held`."""
    held = Held(request, builder)
    while True:
        async with Unregistered(_astream(client, held.request, builder, call)) as deltas:
            async for delta in deltas:
                for each in held.shown(delta):
                    yield each
        for each in held.rest():
            yield each
        if not held.asks_again():
            return


def _going(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> Generator[ReplyDelta, None, None]:
    """The deltas of an answer that may take several streams."""
    going = Going(request, builder)
    while True:
        deltas = _stream(client, replace(going.request, auto_continue=0, resume_streams=0), builder, call)
        try:
            for delta in deltas:
                if (shown := going.shown(delta)) is not None:
                    yield shown
            if not going.goes_on():
                return
        except KimiError as error:
            seconds = going.after(error)
            if seconds is None:
                return
            time.sleep(seconds)
        finally:
            deltas.close()


async def _agoing(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: dict[str, Any]
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `_going`."""
    import asyncio

    going = Going(request, builder)
    while True:
        deltas = _astream(client, replace(going.request, auto_continue=0, resume_streams=0), builder, call)
        try:
            async for delta in Unregistered(deltas):
                if (shown := going.shown(delta)) is not None:
                    yield shown
            if not going.goes_on():
                return
        except KimiError as error:
            seconds = going.after(error)
            if seconds is None:
                return
            await asyncio.sleep(seconds)
        finally:
            await deltas.aclose()


def placed(client: KimiClient, request: ChatRequest) -> ChatRequest:
    """The request with its images and videos where they belong; see `kimi_api.media.place_media`."""
    if request.media is None:
        return request
    from kimi_api.media import place_media  # with the file storage behind it, which few calls need

    return place_media(client, request)


async def aplaced(client: KimiClient, request: ChatRequest) -> ChatRequest:
    """The asynchronous twin of `placed`."""
    if request.media is None:
        return request
    from kimi_api.media import aplace_media

    return await aplace_media(client, request)


def mended(client: KimiClient, request: ChatRequest, error: Exception) -> ChatRequest:
    """The request to send once more after a complaint that can be met; raises `error` if it cannot.

    Met are missing thinking (`refilled`), and an image or video that we uploaded and somebody has deleted since.
    """
    before = _before_placing(client, request, error)
    # Taken for sent as it was: a second complaint about the same is raised.
    return refilled(request, error) if before is None else replace(placed(client, before), unplaced=None)


async def amended(client: KimiClient, request: ChatRequest, error: Exception) -> ChatRequest:
    """The asynchronous twin of `mended`."""
    before = _before_placing(client, request, error)
    return refilled(request, error) if before is None else replace(await aplaced(client, before), unplaced=None)


def _before_placing(client: KimiClient, request: ChatRequest, error: Exception) -> ChatRequest | None:
    if request.unplaced is None:
        return None
    from kimi_api.media import forgotten

    return forgotten(client, request, error)


def settle(builder: ReplyBuilder, request: ChatRequest) -> Reply:
    """The whole answer of a finished stream.

    Raises:
        KimiIncompleteReplyError: the stream ended early.
        KimiToolChoiceError: a demanded tool was not called.
    """
    reply = check_reply(builder.finish(), request)
    insist(reply, request)
    return reply


def check_reply(reply: Reply, request: ChatRequest) -> Reply:
    """Say what the caller would otherwise have to guess, and keep one call where only one was allowed.

    Raises:
        KimiReplyError: a tool call has no name.
    """
    if reply.out_of_budget:
        if not request.parsed:
            warn(budget_text(reply, request))
    elif oddity := _oddity(reply, request):
        warn(oddity)
    if not all(call.name for call in reply.tool_calls):
        # Seen where the first piece of a call was lost. An agent that went on would send the nameless call back, and
        # every further request would be refused: "function name is invalid, must start with a letter ...".
        raise KimiReplyError(
            f"{request.body['model']} called a tool without saying which. Send the request again; on another host than "
            "Moonshot's, check its tool-call parser",
            request_id=reply.request_id,
        )
    if request.one_call and len(reply.tool_calls) > 1:
        dropped = ", ".join(call.name for call in reply.tool_calls[1:])
        warn(
            f"parallel_tool_calls=False: kept the call of {reply.tool_calls[0].name}, dropped {dropped} "
            "(the platform has no such switch)",
        )
        del reply.tool_calls[1:]
    return reply


def _oddity(reply: Reply, request: ChatRequest) -> str:
    """What is wrong with an answer that looks like one, and what to do; "" as a rule."""
    model, end = request.body["model"], reply.finish_reason
    if not reply.tool_calls:
        if "<|tool_call" in reply.content:
            return (
                f"{model} wrote its tool calls as text (<|tool_call...|>): the host failed to parse them. "
                "Ask again, or use a host whose tool-call parser fits the model"
            )
        if end == "tool_calls":
            return f"{model} announced tool calls (finish_reason 'tool_calls'), but none came. Ask again"
        # A continuation may well be empty; and whoever asked for JSON hears from its parser.
        if not reply.content and request.prefix is None and "response_format" not in request.body:
            return f"{model} gave neither an answer nor a tool call (finish_reason {end!r}). Ask again"
    if reply.content.startswith(("<think>", "</think>")):
        return (
            f"{model} left marks of its thinking ({reply.content[:8]}...) in the text: the host failed to take them "
            "out. Cut the text behind </think>, or use a host whose reasoning parser fits the model"
        )
    return ""


def budget_text(reply: Reply, request: ChatRequest) -> str:
    """What happened to an answer that ended before it began, and what to do."""
    budget = request.body.get("max_completion_tokens") or request.body.get("max_tokens") or request.spec.default_output
    used = f"{reply.usage.completion_tokens} tokens" if reply.usage else "the budget"
    return (
        f"{request.body['model']} used up {used} of max_tokens={budget} by thinking and gave no answer "
        "(finish_reason 'length', empty content). Raise max_tokens: 16,000 or more is advised for thinking models"
    )


def refilled(request: ChatRequest, error: Exception) -> ChatRequest:
    """The request with a filler for thinking that the server misses, to be sent once more.

    Which hosts and models count an empty text as missing, or demand thinking at all, is not settled; their own
    complaint is: "thinking is enabled but reasoning_content is missing in assistant tool call message at index N".

    Raises:
        Exception: `error` itself, when it is about something else or nothing is left to fill.
    """
    messages = request.body["messages"]
    bare = [bool(m.get("tool_calls")) and not m.get("reasoning_content") for m in messages]
    if "reasoning_content is missing" not in str(error) or not any(bare):
        raise error
    pairs = zip(messages, bare, strict=True)
    filled = [{**message, "reasoning_content": FILLER} if empty else message for message, empty in pairs]
    return replace(request, body={**request.body, "messages": filled})


def _counted(reply: Reply, first: Reply) -> Reply:
    """The answer with the tokens of the one before it, which is paid for too."""
    if reply.usage is not None and first.usage is not None:
        reply.usage += first.usage
    return reply
