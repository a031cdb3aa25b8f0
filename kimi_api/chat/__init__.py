"""One chat call from request to answer: the thin edge that both adapters share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kimi_api._transport import observer as _observer
from kimi_api._transport.steps import adrive, drive
from kimi_api.chat._complete import complete_in_steps
from kimi_api.chat._settle import settle
from kimi_api.chat._stream import astream, stream
from kimi_api.client import KimiClient
from kimi_api.reply import Reply
from kimi_api.request import ChatRequest

if TYPE_CHECKING:
    from typing import Unpack

    from kimi_api.settings import CallOptions

__all__ = ["acomplete", "astream", "complete", "settle", "stream"]


def complete(client: KimiClient, request: ChatRequest, **call: Unpack[CallOptions]) -> Reply:
    """Send `request` and wait for the whole answer. `call` goes to the client (headers, timeout, max_retries).

    The answer is streamed on the wire where `request.wire` says so, and put together here. `request.auto_continue`
    continues an answer that used up its budget, `request.resume_streams` continues a stream that broke, and an empty
    answer is asked for again. Where a demanded tool is not called, one more request asks for it in words.

    Raises:
        KimiToolChoiceError: a demanded tool was not called.
        KimiEmptyReplyError: the answers had neither text nor a tool call.
        KimiIncompleteReplyError: the answer ended early.
        KimiAPIError: the platform refused the request, or the connection failed. `partial` holds what had come.
    """
    observer = _observer.observer
    if observer is None:
        return drive(client, complete_in_steps(client, request, call))
    with observer.chat(client, request) as take:
        return take(drive(client, complete_in_steps(client, request, call)))


async def acomplete(client: KimiClient, request: ChatRequest, **call: Unpack[CallOptions]) -> Reply:
    """The asynchronous twin of `complete`."""
    observer = _observer.observer
    if observer is None:
        return await adrive(client, complete_in_steps(client, request, call))
    with observer.chat(client, request) as take:
        return take(await adrive(client, complete_in_steps(client, request, call)))
