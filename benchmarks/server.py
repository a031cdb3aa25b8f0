"""A server that answers at once from memory, in a process of its own, so that only the client's CPU is measured."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_HEAD = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "kimi-k3"}
_USAGE = {"prompt_tokens": 100, "completion_tokens": 5000, "total_tokens": 5100}


def text_stream(chunks: int) -> bytes:
    """Half thinking, half answer, four characters a chunk, as the platform streams."""
    half = chunks // 2
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": "abc "}] * half
    deltas += [{"content": "abc "}] * (chunks - half)
    return _sse(deltas, "stop")


def tool_stream(chunks: int) -> bytes:
    """One tool call whose argument is a long string, four characters a chunk."""
    first = {"index": 0, "id": "write_0", "type": "function", "function": {"name": "write", "arguments": ""}}
    pieces = ['{"text": "', *["abc "] * chunks, '"}']
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, {"tool_calls": [first]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    return _sse(deltas, "tool_calls")


def _sse(deltas: list[dict[str, Any]], finish: str) -> bytes:
    events = [{**_HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**_HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": finish, "usage": _USAGE}]})
    events.append({**_HEAD, "choices": [], "usage": _USAGE})
    return b"".join(b"data: " + json.dumps(e, separators=(",", ":")).encode() + b"\n\n" for e in events) + (
        b"data: [DONE]\n\n"
    )


def plain_answer(calls: list[dict[str, Any]] | None = None) -> bytes:
    """A short answer, or these tool calls, in one body."""
    message: dict[str, Any] = {"role": "assistant", "content": "OK", "reasoning_content": "Short."}
    if calls:
        message |= {"content": "", "tool_calls": calls}
    body = {
        **_HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": _USAGE,
    }
    return json.dumps(body).encode()


def agent_turn(request: dict[str, Any], turns: int) -> bytes:
    """The next answer to an agent: a call of its tool `look` in each but the last of so many turns."""
    done = sum(message["role"] == "tool" for message in request["messages"])
    if done >= turns - 1:
        return text_stream(20) if request.get("stream") else plain_answer()
    function = {"name": "look", "arguments": '{"a": "word"}'}
    call = {"index": 0, "id": f"look_{done}", "type": "function", "function": function}
    if not request.get("stream"):
        return plain_answer([call])
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": "abc "}] * 10
    return _sse([*deltas, {"tool_calls": [call]}], "tool_calls")


async def _serve() -> None:
    streams: dict[str, bytes] = {}
    gate = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except ConnectionError:  # the client went in the middle
            pass
        finally:
            writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            try:
                request = json.loads(await reader.readexactly(length))
            except asyncio.IncompleteReadError:
                return
            held = False
            place = head.split(b" ", 2)[1].decode().split("/")[2]
            place = "" if place == "chat" else place
            kind = b"text/event-stream" if request.get("stream") else b"application/json"
            if request.get("release"):
                gate.set()
                gate.clear()
                body, kind = b"{}", b"application/json"
            elif place.startswith("agent"):
                body = agent_turn(request, int(place.partition("-")[2]))
            elif request.get("stream"):
                # "text:5000", "tool:8000", or "hold:40" in the field `user` says what to stream; so does the address,
                # /v1/text-5000/chat/completions, for whoever cannot set the field.
                wish = request.get("user") or place.replace("-", ":") or "text:2"
                if wish not in streams:
                    kind, _, count = wish.partition(":")
                    streams[wish] = tool_stream(int(count)) if kind == "tool" else text_stream(int(count))
                held = wish.startswith("hold")
                body, kind = streams[wish], b"text/event-stream"
            else:
                body, kind = plain_answer(), b"application/json"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
            if held:  # half of it, and the rest when all that are held are released
                half = body.index(b"\n\n", len(body) // 2) + 2
                writer.write(head + body[:half])
                await writer.drain()
                await gate.wait()
                head, body = b"", body[half:]
            writer.write(head + body)
            await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**24, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def release(url: str) -> None:
    """Let the streams that are held ("hold:40") go on to their end."""
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps({"release": True}).encode())
    urllib.request.urlopen(request, timeout=30).close()


@contextmanager
def running() -> Iterator[str]:
    """The address of a server in another process."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.server"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(_serve())
