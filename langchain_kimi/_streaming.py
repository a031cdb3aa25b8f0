"""One streamed answer as chunks, the same for the blocking and the asynchronous loop."""

from __future__ import annotations

from langchain_core.outputs import ChatGenerationChunk

from kimi_api import chat
from kimi_api.reply import ReplyBuilder, ReplyDelta
from kimi_api.request import ChatRequest
from langchain_kimi._from_reply import delta_to_chunk, last_chunk, warn_unreadable


class Chunks:
    """Makes the chunk of each delta, and the closing one, for what answers `request`."""

    __slots__ = ("_request", "builder")

    def __init__(self, request: ChatRequest) -> None:
        self.builder = ReplyBuilder()
        self._request = request

    def of(self, delta: ReplyDelta) -> ChatGenerationChunk:
        """What one event added."""
        return delta_to_chunk(delta)

    def last(self) -> ChatGenerationChunk:
        """The closing chunk: usage, finish_reason and all else that is said once.

        Raises:
            KimiIncompleteReplyError: the stream ended early.
            KimiToolChoiceError: a demanded tool was not called.
        """
        reply = warn_unreadable(chat.settle(self.builder, self._request), self._request, streamed=True)
        return last_chunk(reply, model=self._request.body["model"])
