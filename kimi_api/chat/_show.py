"""What the reader of a stream sees of it, where that is not all that came.

What was shown cannot be taken back, so the pieces of a stream follow the rules that `check_reply` has for the whole
answer: with `parallel_tool_calls=False` only the first call is shown, and with `join_prefix` the prefix comes first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import closing

from kimi_api._transport.unregistered import Unregistered
from kimi_api.reply import ReplyBuilder, ReplyDelta
from kimi_api.request import ChatRequest


def shows_all(request: ChatRequest) -> bool:
    """Whether the deltas are shown as they come."""
    return not request.one_call and not request.joined


def show(
    deltas: Generator[ReplyDelta, None, None], request: ChatRequest, builder: ReplyBuilder
) -> Generator[ReplyDelta, None, None]:
    """The deltas to show."""
    view = _Shown(request)
    with closing(deltas):
        for delta in deltas:
            yield view.change(delta)
    if view.prefix and builder.complete:
        yield ReplyDelta(content=view.prefix)


async def ashow(
    deltas: AsyncGenerator[ReplyDelta, None], request: ChatRequest, builder: ReplyBuilder
) -> AsyncGenerator[ReplyDelta, None]:
    """The asynchronous twin of `show`."""
    view = _Shown(request)
    async with Unregistered(deltas):
        async for delta in deltas:
            yield view.change(delta)
    if view.prefix and builder.complete:
        yield ReplyDelta(content=view.prefix)


class _Shown:
    """Takes away the calls behind the first, and puts the prefix in front of the first text or call."""

    def __init__(self, request: ChatRequest) -> None:
        self.prefix = request.joined
        self._one_call = request.one_call
        self._first: int | None = None

    def change(self, delta: ReplyDelta) -> ReplyDelta:
        """The delta as it is shown; it is changed in place."""
        if self.prefix and (delta.content or delta.tool_calls):
            delta.content, self.prefix = self.prefix + delta.content, ""
        if self._one_call and delta.tool_calls:
            if self._first is None:
                self._first = delta.tool_calls[0].index
            delta.tool_calls = [piece for piece in delta.tool_calls if piece.index == self._first]
        return delta
