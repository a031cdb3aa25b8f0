"""An answer that the caller waits for as a whole, written once for blocking and asynchronous clients.

On the platform it is streamed on the wire nevertheless. The gateway ends a connection on which nothing has come for
900 seconds, and a body that is cut is lost with all that was paid for it; of a stream, everything that came is there.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kimi_api import errors
from kimi_api._transport.deadline import clip, deadline_in
from kimi_api._transport.steps import Call, Pause, Steps
from kimi_api._transport.unregistered import Unregistered
from kimi_api.chat._continue import Continuation
from kimi_api.chat._correct import acorrect_request, aplace, correct_request, place
from kimi_api.chat._demand import demand_in_words, lacks_demanded_call
from kimi_api.chat._empty import wait_to_ask_again
from kimi_api.chat._settle import PartialKeeper, settle
from kimi_api.chat._think_tags import feed_for, without_tags
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError
from kimi_api.reply import Reply, ReplyBuilder
from kimi_api.request import CHAT_PATH, ChatRequest

if TYPE_CHECKING:
    from kimi_api.settings import CallOptions


def complete_in_steps(client: KimiClient, request: ChatRequest, call: CallOptions) -> Steps[Reply]:
    """The steps of `kimi_api.chat.complete`."""
    request = on_the_wire(request)
    if (deadline := client.deadline(call.get("max_seconds"))) is not None:
        call = {**call, "max_seconds": deadline}
    builder = ReplyBuilder(watched=False)
    with PartialKeeper(builder.partial_reply):
        yield from _answer(client, request, builder, call)
        if request.choice.required_call and builder.complete and lacks_demanded_call(builder.assemble(), request):
            builder.restart()
            yield from _answer(client, demand_in_words(request), builder, call)
        return settle(builder, request)


def on_the_wire(request: ChatRequest) -> ChatRequest:
    """`request` as it is sent: where it is to be streamed, its body says so."""
    if request.wire == "plain" or "stream" in request.body:
        return request
    before = request.original
    options = {"include_usage": True, **(request.body.get("stream_options") or {})}
    return replace(
        request,
        body={**request.body, "stream": True, "stream_options": options},
        original=None if before is None else on_the_wire(before),
    )


def _answer(client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions) -> Steps[None]:
    """One answer; of several requests where it is continued or taken up."""
    if request.media is not None:
        deadline = deadline_in(call)
        request = yield Call(partial(place, client, request, deadline), partial(aplace, client, request, deadline))
    if not (request.auto_continue or request.resume_streams):
        yield from _send(client, request, builder, call)
        return
    continuation = Continuation(request, builder)
    while True:
        try:
            yield from _send(client, continuation.request, builder, call)
            if not continuation.continue_after_end():
                return
        except KimiError as error:
            seconds = continuation.continue_after_error(error)
            if seconds is None:
                return
            yield Pause(clip(seconds, deadline_in(call)))


def _send(client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions) -> Steps[None]:
    """One request, sent again with what the server misses, or after an empty answer."""
    retries = client.count_retries(call.get("max_retries"))
    call = {**call, "max_retries": retries}
    while True:
        builder.request_body = request.body
        try:
            yield Call(
                partial(_receive, client, request, builder, call), partial(_areceive, client, request, builder, call)
            )
        except KimiError as error:
            if builder.complete:  # the answer is whole; its usage may be missing
                return
            error.partial = builder.partial_reply()
            if not isinstance(error, errors.KimiAPIError):
                raise
            request = yield Call(
                partial(correct_request, client, request, error), partial(acorrect_request, client, request, error)
            )
            continue
        seconds = wait_to_ask_again(client, request, builder, retries, may_restart=True)
        if seconds is None:
            return
        yield Pause(clip(seconds, deadline_in(call)))


def _receive(client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions) -> None:
    """Read one answer into `builder`."""
    if request.body.get("stream"):
        feed = feed_for(builder, request)
        with closing(
            client.stream(CHAT_PATH, body=request.body, spec=request.spec, on_headers=builder.note_headers, **call)
        ) as events:
            for event in events:
                feed(event)
        return
    answer = client.request("POST", CHAT_PATH, body=request.body, spec=request.spec, **call)
    builder.note_headers(answer.headers)
    builder.take(without_tags(answer.body, request))


async def _areceive(client: KimiClient, request: ChatRequest, builder: ReplyBuilder, call: CallOptions) -> None:
    """The asynchronous twin of `_receive`."""
    if request.body.get("stream"):
        feed = feed_for(builder, request)
        events = client.astream(
            CHAT_PATH, body=request.body, spec=request.spec, on_headers=builder.note_headers, **call
        )
        async with Unregistered(events) as received:
            async for event in received:
                feed(event)
        return
    answer = await client.arequest("POST", CHAT_PATH, body=request.body, spec=request.spec, **call)
    builder.note_headers(answer.headers)
    builder.take(without_tags(answer.body, request))
