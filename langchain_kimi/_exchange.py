"""One request of a `ChatKimi` and what answers it: whole, or in pieces while it is streamed.

Loaded with the first call: what makes requests and reads answers takes 7 ms, which an import need not pay.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from langchain_core.outputs import ChatGenerationChunk, ChatResult

from kimi_api import chat
from kimi_api.chat._settle import PartialKeeper
from kimi_api.client import KimiClient
from kimi_api.reply import Reply, ReplyBuilder, ReplyDelta
from kimi_api.request import ChatRequest
from langchain_kimi._from_reply import chat_result, delta_to_chunk, last_chunk, warn_unreadable

if TYPE_CHECKING:
    from kimi_api.settings import CallOptions


class Exchange:
    """A request that is about to be sent. One of `result`, `aresult`, `deltas` and `adeltas` sends it."""

    __slots__ = ("_builder", "_call", "_client", "_request")

    def __init__(self, client: KimiClient, request: ChatRequest, call: CallOptions) -> None:
        self._client = client
        self._request = request
        self._call = call

    def result(self) -> ChatResult:
        """The whole answer."""
        return self._result(chat.complete(self._client, self._request, **self._call))

    async def aresult(self) -> ChatResult:
        """The asynchronous twin of `result`."""
        return self._result(await chat.acomplete(self._client, self._request, **self._call))

    def deltas(self) -> Generator[ReplyDelta, None, None]:
        """What each event adds, for `chunk`; at their end comes `last_chunk`."""
        self._builder = ReplyBuilder()
        return chat.stream(self._client, self._request, self._builder, **self._call)

    def adeltas(self) -> AsyncGenerator[ReplyDelta, None]:
        """The asynchronous twin of `deltas`."""
        self._builder = ReplyBuilder()
        return chat.astream(self._client, self._request, self._builder, **self._call)

    chunk = staticmethod(delta_to_chunk)

    def last_chunk(self) -> ChatGenerationChunk:
        """The closing chunk: usage, finish_reason and all else that is sent only once.

        Raises:
            KimiIncompleteReplyError: the stream ended early.
            KimiToolChoiceError: a demanded tool was not called.
        """
        reply = chat.settle(self._builder, self._request)
        with PartialKeeper(lambda: reply):
            warn_unreadable(reply, self._request, streamed=True)
            return last_chunk(reply, model=self._request.body["model"])

    def _result(self, reply: Reply) -> ChatResult:
        with PartialKeeper(lambda: reply):
            return chat_result(warn_unreadable(reply, self._request), model=self._request.body["model"])
