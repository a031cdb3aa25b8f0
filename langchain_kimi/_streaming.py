"""One streamed answer as chunks, the same for the blocking and the asynchronous loop."""

from __future__ import annotations

from langchain_core.outputs import ChatGenerationChunk

from kimi_api import chat
from kimi_api.reply import ReplyBuilder, ReplyDelta
from kimi_api.request import ChatRequest
from langchain_kimi._results import delta_to_chunk, last_chunk, warn_unreadable


class Chunks:
    """Makes the chunk of each delta, and the closing one.

    Args:
        request: what is being answered.
        prefix: put in front of the first chunk's text (`join_prefix`).
    """

    __slots__ = ("_one_call", "_only", "_prefix", "_request", "builder")

    def __init__(self, request: ChatRequest, prefix: str) -> None:
        self.builder = ReplyBuilder()
        self._request = request
        self._prefix = prefix
        self._one_call = request.one_call
        self._only: int | None = None  # index of the call that is kept, where only one is

    def of(self, delta: ReplyDelta) -> ChatGenerationChunk:
        """What one event added."""
        if self._one_call and delta.tool_calls:
            # What was streamed cannot be taken back by `settle`, which keeps the first call.
            if self._only is None:
                self._only = delta.tool_calls[0].index
            delta.tool_calls = [piece for piece in delta.tool_calls if piece.index == self._only]
        prefix, self._prefix = self._prefix, ""
        return delta_to_chunk(delta, prefix)

    def last(self) -> ChatGenerationChunk:
        """The closing chunk: usage, finish_reason and all else that is said once.

        Raises:
            KimiIncompleteReplyError: the stream ended early.
            KimiToolChoiceError: a demanded tool was not called.
        """
        reply = warn_unreadable(chat.settle(self.builder, self._request), self._request, streamed=True)
        return last_chunk(reply, model=self._request.body["model"], prefix=self._prefix)
