"""One request of a `Kimi` and what answers it: whole, or in pieces while it is streamed.

Loaded with the first call: what makes requests and reads answers takes 7 ms, which an import need not pay.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import ChatResponse

from kimi_api import chat
from kimi_api._transport.unregistered import Unregistered
from kimi_api.chat._settle import PartialKeeper
from kimi_api.client import KimiClient
from kimi_api.reply import Reply, ReplyBuilder
from kimi_api.request import ChatRequest
from llama_index_kimi._from_reply import to_response
from llama_index_kimi._streaming import Accumulator

if TYPE_CHECKING:
    from kimi_api.settings import CallOptions


class Exchange:
    """A request that is about to be sent. One of its methods sends it."""

    __slots__ = ("_call", "_client", "_request")

    def __init__(self, client: KimiClient, request: ChatRequest, call: CallOptions) -> None:
        self._client = client
        self._request = request
        self._call = call

    def response(self) -> ChatResponse:
        """The whole answer."""
        return self._response(chat.complete(self._client, self._request, **self._call))

    async def aresponse(self) -> ChatResponse:
        """The asynchronous twin of `response`."""
        return self._response(await chat.acomplete(self._client, self._request, **self._call))

    def _response(self, reply: Reply) -> ChatResponse:
        with PartialKeeper(lambda: reply):
            return to_response(reply, tool_names=self._request.tool_names)

    def responses(self) -> Generator[ChatResponse, None, None]:
        """The answer as it grows. The first step sends the request."""
        builder = ReplyBuilder()
        grown = Accumulator(builder, self._request.tool_names)
        # Closed with the consumer: an abandoned answer must not go on being generated and paid for.
        with closing(chat.stream(self._client, self._request, builder, **self._call)) as deltas:
            for delta in deltas:
                yield grown.add(delta)
        yield grown.last(chat.settle(builder, self._request))

    async def aresponses(self) -> AsyncGenerator[ChatResponse, None]:
        """The asynchronous twin of `responses`."""
        builder = ReplyBuilder()
        grown = Accumulator(builder, self._request.tool_names)
        async with Unregistered(chat.astream(self._client, self._request, builder, **self._call)) as deltas:
            async for delta in deltas:
                yield grown.add(delta)
        yield grown.last(chat.settle(builder, self._request))
