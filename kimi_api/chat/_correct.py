"""Changes to a request: before it is sent, and after an error of the server that a change can correct."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from kimi_api._transport.deadline import Deadline, within
from kimi_api.client import KimiClient
from kimi_api.messages import FILLER
from kimi_api.request import ChatRequest


def place(client: KimiClient, request: ChatRequest, deadline: Deadline | None = None) -> ChatRequest:
    """The request with its images and videos where they belong; see `kimi_api.media.place_media`."""
    if request.media is None:
        return request
    from kimi_api.media import place_media  # with the file storage behind it, which few calls need

    with _in_time(client, deadline):
        return place_media(client, request)


async def aplace(client: KimiClient, request: ChatRequest, deadline: Deadline | None = None) -> ChatRequest:
    """The asynchronous twin of `place`."""
    if request.media is None:
        return request
    from kimi_api.media import aplace_media

    with _in_time(client, deadline):
        return await aplace_media(client, request)


@contextmanager
def _in_time(client: KimiClient, deadline: Deadline | None) -> Iterator[None]:
    """Uploads, polls and fetches in this block end with the call. Raises `KimiDeadlineError`: it is over."""
    try:
        with within(deadline):
            yield
    except TimeoutError:
        if deadline is None:
            raise
        raise client.deadline_error(deadline) from None


def correct_request(client: KimiClient, request: ChatRequest, error: Exception) -> ChatRequest:
    """The request to send once more after a complaint that can be met; raises `error` if it cannot.

    Met are missing thinking (`fill_missing_thinking`), and an image or video that we uploaded and that somebody has
    deleted since.
    """
    before = _with_original_media(client, request, error)
    # Counts as sent: a second complaint about the same is raised.
    return fill_missing_thinking(request, error) if before is None else replace(place(client, before), original=None)


async def acorrect_request(client: KimiClient, request: ChatRequest, error: Exception) -> ChatRequest:
    """The asynchronous twin of `correct_request`."""
    before = _with_original_media(client, request, error)
    return (
        fill_missing_thinking(request, error)
        if before is None
        else replace(await aplace(client, before), original=None)
    )


def _with_original_media(client: KimiClient, request: ChatRequest, error: Exception) -> ChatRequest | None:
    if request.original is None:
        return None
    from kimi_api.media._place import forget_missing_upload

    return forget_missing_upload(client, request, error)


def fill_missing_thinking(request: ChatRequest, error: Exception) -> ChatRequest:
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
    messages = [{**message, "reasoning_content": FILLER} if empty else message for message, empty in pairs]
    return replace(request, body={**request.body, "messages": messages})
