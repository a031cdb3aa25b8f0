"""Requests for the inspector to show, and what its page is event about them."""

from __future__ import annotations

import json
import struct
import time
import zlib
from typing import Any

import httpx

from kimi_emulator import Emulator

KEY = "sk-test-inspector-1234567890abcd"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tell the weather.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0" + bytes(6) + b"\0" + bytes(6)))
    + _chunk(b"IEND", b"")
)
"""A real picture of two by two pixels."""


def chat(client: httpx.Client, text: str = "Hello there", **more: Any) -> httpx.Response:
    body = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": text}], **more}
    return client.post("/chat/completions", json=body)


def page(kimi: Emulator, path: str = "", **more: Any) -> httpx.Response:
    # Without `verify=False` each of these would load the machine's certificates first.
    return httpx.get(f"{kimi.inspector_url}{path}", trust_env=False, verify=False, timeout=10, **more)


def detail(kimi: Emulator, number: int) -> dict[str, Any]:
    return page(kimi, f"_inspector/exchanges/{number}").json()


def wait_for_end(kimi: Emulator, number: int) -> dict[str, Any]:
    """The detail once the answer's end was noted: a client may have its last byte a moment before."""
    for _ in range(100):
        exchange = detail(kimi, number)
        if exchange["done"]:
            return exchange
        time.sleep(0.02)
    raise AssertionError(f"exchange {number} never ended")


def events(kimi: Emulator, count: int) -> dict[str, Any]:
    """What a page that has just been opened is event until it has so many rows."""
    news: dict[str, Any] = {"rows": [], "threads": []}
    with httpx.stream(
        "GET", f"{kimi.inspector_url}_inspector/events", trust_env=False, verify=False, timeout=10
    ) as stream:
        for line in stream.iter_lines():
            event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if "rows" in event:
                news |= event | {"rows": news["rows"] + event["rows"], "threads": news["threads"] + event["threads"]}
            if len(news["rows"]) >= count:
                return news
    raise AssertionError("the stream ended")
