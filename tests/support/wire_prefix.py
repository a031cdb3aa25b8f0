"""What a prefix cache sees of a request: its messages and tools as the bytes they were sent in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

_DECODER = json.JSONDecoder()


class Sent(NamedTuple):
    """The bytes of one chat request. `messages` is the array without its closing bracket, `tools` the whole array."""

    head: bytes
    messages: bytes
    each: list[bytes]
    tools: bytes


def members_sent(body: bytes) -> Sent:
    """The members of a chat request as they stand in `body`: nothing is parsed and printed again."""
    text = body.decode()
    items: dict[str, Any] = {}
    raw: dict[str, str] = {}
    at = text.index("{") + 1
    while True:
        at = _skip(text, at, " ,\n")
        if text[at] == "}":
            break
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at, " :\n")
        start = at
        items[name], at = _DECODER.raw_decode(text, at)
        raw[name] = text[start:at]
    array = raw["messages"]
    each, at = [], 1
    while True:
        at = _skip(array, at, " ,\n")
        if array[at] == "]":
            break
        start = at
        _, at = _DECODER.raw_decode(array, at)
        each.append(array[start:at].encode())
    others = {k: v for k, v in items.items() if k not in ("messages", "tools", "stream", "stream_options")}
    return Sent(json.dumps(others).encode(), array[:-1].encode(), each, raw.get("tools", "").encode())


def _skip(text: str, at: int, what: str) -> int:
    while text[at] in what:
        at += 1
    return at


def broken(bodies: Sequence[bytes]) -> list[str]:
    """Where a request does not begin with the one before it, in words; empty when each does."""
    faults = []
    for number, (one, two) in enumerate(pairwise([members_sent(body) for body in bodies])):
        if two.tools != one.tools:
            faults.append(f"request {number + 1} has other tools: {one.tools[:300]!r} -> {two.tools[:300]!r}")
        if two.head != one.head:
            faults.append(f"request {number + 1} has other options: {one.head!r} -> {two.head!r}")
        if not two.messages.startswith(one.messages):
            pairs = zip(one.each, two.each, strict=False)
            place = next((n for n, (a, b) in enumerate(pairs) if a != b), len(two.each))
            was = one.each[place] if place < len(one.each) else b"nothing"
            now = two.each[place] if place < len(two.each) else b"nothing"
            faults.append(f"request {number + 1}, message {place}: {was[:300]!r} -> {now[:300]!r}")
    return faults
