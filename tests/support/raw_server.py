"""A server that does what a healthy one never would: a function writes whatever it likes to the socket."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable
from typing import Any

OK_HEAD = "HTTP/1.1 200 OK\r\nMsh-Request-Id: req-1\r\nX-Msh-Trace-Id: trace-1\r\nConnection: close\r\n"
SSE_HEAD = OK_HEAD + "Content-Type: text/event-stream\r\n\r\n"


def http(status: int, body: Any, *, headers: dict[str, str] | None = None, kind: str = "application/json") -> bytes:
    """A whole HTTP answer."""
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [
        f"HTTP/1.1 {status} Whatever",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
        "Connection: close",
    ]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def event(**members: Any) -> dict[str, Any]:
    """A chunk of a streamed answer whose delta (and finish_reason, usage) are given."""
    choice = {"index": 0, "delta": members.pop("delta", {}), "finish_reason": members.pop("finish_reason", None)}
    return {
        "id": "chatcmpl-raw",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "kimi-k3",
        "choices": [choice],
        **members,
    }


def sse(*events: Any, done: bool = True) -> str:
    """Events as the text of a stream."""
    lines = [f"data: {item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)}\n\n" for item in events]
    return "".join(lines) + ("data: [DONE]\n\n" if done else "")


class RawServer:
    """Reads a request, then lets a function write whatever it likes to the socket. Counts the requests."""

    # Test modules cannot import from here (importlib mode), so what they write answers with comes along.
    http = staticmethod(http)
    event = staticmethod(event)
    sse = staticmethod(sse)
    OK_HEAD = OK_HEAD
    SSE_HEAD = SSE_HEAD

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.answer: Callable[[Any], None] = lambda sock: None
        self.answers: list[bytes | Callable[[Any], None]] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                received = b""
                length = 0
                while True:
                    line = self.rfile.readline()
                    received += line
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                    if line in (b"\r\n", b""):
                        break
                if not received:
                    return
                received += self.rfile.read(length)
                number = len(outer.requests)
                outer.requests.append(received)
                answer = outer.answers[min(number, len(outer.answers) - 1)]
                with contextlib.suppress(OSError):
                    if callable(answer):
                        answer(self.connection)
                    else:
                        self.connection.sendall(answer)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.block_on_close = False
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def say(self, *answers: bytes | str | Callable[[Any], None]) -> None:
        """What to answer to the first request, the second ... ; the last one again and again."""
        self.answers = [item.encode() if isinstance(item, str) else item for item in answers]
        self.requests.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
