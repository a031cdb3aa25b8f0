"""Faults of the connection and of the bytes on it."""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from kimi_emulator.faults.registry import MODELS, STREAM, UPLOAD, declare
from kimi_emulator.script import CHAT, Answer, Ending, Wire

__all__ = ["place"]

_EVENT = re.compile(rb"data: (\{.*\})\n\n", re.DOTALL)
_ANYWHERE = CHAT | UPLOAD | MODELS
_PACKET = 256 * 1024
_ENDLESS = 64 * 1024 * 1024
_UNPACKED = 320 * 1024 * 1024


def _chunk(event: bytes) -> dict[str, Any]:
    match = _EVENT.fullmatch(event)
    return json.loads(match[1]) if match else {}


def place(event: bytes) -> str:
    """What an event of a stream holds: role, thinking, answer, arguments, finish, usage or done."""
    if event.startswith(b"data: [DONE]"):
        return "done"
    choices = _chunk(event).get("choices")
    if not choices:
        return "usage"
    if choices[0].get("finish_reason"):
        return "finish"
    delta = choices[0].get("delta") or {}
    if delta.get("tool_calls"):
        return "arguments"
    if delta.get("reasoning_content") is not None:
        return "thinking"
    return "answer" if delta.get("content") else "role"


def _half(events: list[bytes]) -> int:
    """A position in the middle of what the model says (a whole body is one event)."""
    positions = [n for n, event in enumerate(events) if place(event) in ("thinking", "answer", "arguments")]
    return positions[len(positions) // 2] if positions else 0


def _middle_event(events: list[bytes], ending: Ending) -> Wire:
    middle = _half(events)
    event = events[middle]
    return Wire([*events[:middle], event[: len(event) // 2]], ending)


def _between(events: list[bytes], ending: Ending) -> Wire:
    return Wire(events[: _half(events) + 1], ending)


def _mid_character(events: list[bytes]) -> Wire:
    """Cut behind the first byte of a character that has several."""
    data = b"".join(events)
    first = next((n for n, byte in enumerate(data) if byte >= 0xC0), len(data) // 2)
    return Wire([data[: first + 1]], "close")


def _cut_in(what: str) -> Callable[[list[bytes]], Wire]:
    def cut(events: list[bytes]) -> Wire:
        places = [n for n, event in enumerate(events) if place(event) == what]
        if not places:  # the answer has nothing of the kind: cut where it would have been
            return Wire(events[:1], "close")
        middle = places[len(places) // 2]
        return Wire([*events[:middle], events[middle][: len(events[middle]) // 2]], "close")

    return cut


def _cut_before(what: str) -> Callable[[list[bytes]], Wire]:
    def cut(events: list[bytes]) -> Wire:
        end = next((n for n, event in enumerate(events) if place(event) == what), len(events) - 1)
        return Wire(events[:end], "close")

    return cut


def _each(change: Callable[[bytes], bytes]) -> Callable[[list[bytes]], Wire]:
    return lambda events: Wire([change(event) for event in events])


def _glue(events: list[bytes]) -> Wire:
    """Two events of the answer on one line, without the blank line between them."""
    middle = _half(events)
    events[middle] = events[middle].removesuffix(b"\n\n")
    return Wire(events)


def _truncated_and_glued(events: list[bytes]) -> Wire:
    middle = _half(events)
    events[middle] = events[middle][: len(events[middle]) // 2]
    return Wire(events)


def _comments(events: list[bytes]) -> Wire:
    return Wire([b": keep-alive\n\n", *(piece for event in events for piece in (b": ping\n\n", event))])


def _go_on_with(piece: bytes, first: bytes = b"") -> Callable[[list[bytes]], Wire]:
    """After some of the answer the same piece again and again, and no end that anybody would wait for."""

    def go_on(events: list[bytes]) -> Wire:
        packet = piece * (_PACKET // len(piece))
        begun = [*events[: _half(events)], events[_half(events)] + first]
        return Wire(itertools.chain(begun, itertools.repeat(packet, _ENDLESS // _PACKET)), "close")

    return go_on


def _bomb(events: list[bytes]) -> Wire:
    """The answer packed, with hundreds of megabytes that pack to nearly nothing: white space, or an event once more."""
    middle = _half(events)
    first, again = (events[:1], b" ") if len(events) == 1 else (events[: middle + 1], events[middle])

    def packets() -> Iterator[bytes]:
        packing = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        yield packing.compress(b"".join(first))
        block = again * (_PACKET // len(again))
        for _ in range(_UNPACKED // _PACKET):
            yield packing.compress(block)
        yield packing.flush()

    return Wire(packets(), "close", packing="gzip")


def _interrupt_with(event: bytes) -> Callable[[list[bytes]], Wire]:
    return lambda events: Wire([*events[: _half(events) + 1], event])


def _in_all_text(insert: str) -> Callable[[Answer], Answer]:
    def change(answer: Answer) -> Answer:
        message = answer.message | {"content": answer.message["content"] + insert}
        return replace(answer, message=message)

    return change


_OVERLOAD = (
    b'{"error":{"message":"The engine is currently overloaded, please try again later",'
    b'"type":"engine_overloaded_error"}}\n\n'
)

declare(
    "connect.reset",
    "The connection is reset as soon as it is made or used, before the request is read.",
    "socket closed reports of several clients",
    on=_ANYWHERE,
    connection=True,
)
declare(
    "connect.reset_on_reuse",
    "The answer is whole, but its kept-alive connection is reset when the next request comes.",
    "load balancers that drop idle connections",
    on=_ANYWHERE,
    wire=lambda events: Wire(events, "doomed"),
)
declare(
    "close.before_headers",
    "The connection closes after the request, before any byte of the answer.",
    "server disconnected without sending a response: users' reports",
    on=_ANYWHERE,
    wire=lambda events: Wire((), "close", head=False),
)
declare(
    "close.after_headers",
    "The connection closes after the headers of a 200.",
    "incomplete chunked read in long thinking: users' reports",
    on=_ANYWHERE,
    wire=lambda events: Wire((), "close"),
)
declare(
    "close.mid_event",
    "The connection closes in the middle of an event (of the body, where it is one).",
    "peer closed connection without sending complete message body: MoonshotAI/kimi-cli#246",
    on=_ANYWHERE,
    wire=lambda events: _middle_event(events, "close"),
)
declare(
    "close.reset_mid_event",
    "As close.mid_event, but with a TCP reset.",
    "socket closed: anomalyco/opencode#41273",
    wire=lambda events: _middle_event(events, "reset"),
)
declare(
    "close.between_events",
    "The connection closes between two events of the answer.",
    "bytedance/deer-flow#1923",
    on=STREAM,
    wire=lambda events: _between(events, "close"),
)
declare(
    "close.ends_early",
    "The stream ends properly in the middle of the answer: no finish_reason, no [DONE].",
    "streaming guide: such an answer is incomplete",
    on=STREAM,
    wire=lambda events: _between(events, "whole"),
)
declare(
    "close.without_done",
    "The answer is whole and its stream ends properly, but without [DONE].",
    "other hosts of the weights",
    on=STREAM,
    wire=lambda events: Wire([event for event in events if place(event) != "done"]),
)
declare(
    "close.mid_character",
    "The connection closes behind the first byte of a character that has several.",
    "a consequence of any cut, with Chinese text",
    wire=_mid_character,
)
declare(
    "stall.before_headers",
    "No byte comes, for as long as the client waits.",
    "K3 without streaming takes minutes; the gateway itself waits 900 s",
    on=_ANYWHERE,
    wire=lambda events: Wire((), "stall", head=False),
)
declare(
    "stall.mid_stream",
    "The stream falls silent in the middle of the answer, its connection open.",
    "K2.6 hanging with no output: oh-my-pi#2289",
    on=STREAM,
    wire=lambda events: _between(events, "stall"),
)
declare(
    "packets.one_byte",
    "Every byte comes in a packet of its own.",
    "slow proxies; splits characters and events",
    wire=lambda events: Wire([bytes([byte]) for byte in b"".join(events)]),
)
declare("sse.glued", "Two events stand on one line.", "link-assistant/agent#169", on=STREAM, wire=_glue)
declare(
    "sse.truncated_glued",
    "An event is cut short, and the next stands right behind it on the same line.",
    "a proxy that lost a packet",
    on=STREAM,
    wire=_truncated_and_glued,
)
declare(
    "sse.no_space",
    "Lines begin with `data:` without the space.",
    "Kimi Code host: the-open-agent/openagent#2305",
    on=STREAM,
    wire=_each(lambda event: event.replace(b"data: ", b"data:", 1)),
)
declare(
    "sse.comments",
    "Comment lines stand between the events, as keep-alive.",
    "gateways such as OpenRouter",
    on=STREAM,
    wire=_comments,
)
declare(
    "sse.endless_comments",
    "After some of the answer come comments, as keep-alive, and nothing else (64 MB of them).",
    "a proxy that keeps a connection open whose other side is gone",
    on=STREAM,
    wire=_go_on_with(b": keep-alive\n\n"),
)
declare(
    "sse.endless_event",
    "After some of the answer comes an event that does not end (within 64 MB).",
    "a consequence of any broken or hostile host",
    on=STREAM,
    wire=_go_on_with(b"x", first=b"data: "),
)
declare(
    "body.bomb",
    "The answer is packed, and unpacks to 320 MB.",
    "as above",
    wire=_bomb,
)
declare(
    "sse.crlf",
    "Lines end in CR LF.",
    "allowed by the event-stream format; seen behind proxies",
    on=STREAM,
    wire=_each(lambda event: event.replace(b"\n", b"\r\n")),
)
declare(
    "sse.line_separator",
    "The text holds U+2028 and U+0085, which some line splitters take for line ends.",
    "JSON does not escape them",
    answer=_in_all_text(" before\u2028after\u0085end"),
)
declare(
    "sse.error_event",
    "After some of the answer comes `event: error` with an error object.",
    "tool_use_failed on Groq: anomalyco/opencode#1018",
    on=STREAM,
    wire=_interrupt_with(b"event: error\ndata: " + _OVERLOAD),
)
declare(
    "sse.error_data",
    'After some of the answer comes a plain `data: {"error": ...}`.',
    "vercel/ai changelog, moonshotai provider",
    on=STREAM,
    wire=_interrupt_with(b"data: " + _OVERLOAD),
)
declare(
    "sse.error_first",
    "The first event of the stream, with HTTP 200, is an error.",
    "overload that is noticed late",
    on=STREAM,
    wire=lambda events: Wire([b"data: " + _OVERLOAD]),
)
declare(
    "cut.thinking",
    "The connection closes within the thinking.",
    "justrach/codegraff#132",
    on=STREAM,
    shows="thinking",
    wire=_cut_in("thinking"),
)
declare("cut.answer", "The connection closes within the answer.", "as above", on=STREAM, wire=_cut_in("answer"))
declare(
    "cut.arguments",
    "The connection closes within the arguments of a tool call.",
    "as above",
    on=STREAM,
    shows="calls",
    wire=_cut_in("arguments"),
)
declare(
    "cut.before_finish",
    "The connection closes after the whole text, before the finish_reason.",
    "as above",
    on=STREAM,
    wire=_cut_before("finish"),
)
declare(
    "cut.before_usage",
    "The connection closes after the finish_reason, before the chunk with the usage.",
    "as above",
    on=STREAM,
    wire=_cut_before("usage"),
)
declare(
    "cut.before_done",
    "The connection closes after the usage, before [DONE].",
    "as above",
    on=STREAM,
    wire=_cut_before("done"),
)
