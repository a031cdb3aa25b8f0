"""A small server with OpenAI's chat completions, whose answers are written beforehand: what a local model server is."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class ScriptedOpenAI:
    """Answers are a message (a dict), deltas of a stream (a list), or a status and a text (a tuple).

    A number in a list stops the stream there until ``go_on`` is set; a ``None`` at its end leaves out its proper end.
    """

    def __init__(self, *answers: Any, models: Iterable[str] = ("local-model",)) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.go_on = threading.Event()
        self.answers = deque(answers)
        owner, entries = self, [{"id": id} for id in models]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *arguments: Any) -> None:
                pass

            def send(self, status: int, kind: str, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.send(200, "application/json", json.dumps({"data": entries}).encode())

            def do_POST(self) -> None:
                owner.headers.append(dict(self.headers.items()))
                owner.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                answer = owner.answers.popleft()
                if isinstance(answer, tuple):
                    self.send(answer[0], "text/plain", answer[1].encode())
                elif isinstance(answer, dict):
                    finish = "tool_calls" if answer.get("tool_calls") else answer.pop("finish_reason", "stop")
                    body = {"choices": [{"index": 0, "message": answer, "finish_reason": finish}], "usage": {}}
                    self.send(200, "application/json", json.dumps(body).encode())
                else:
                    self.stream(answer)

            def stream(self, deltas: list[Any]) -> None:
                self.send(200, "text/event-stream", b"")
                for delta in deltas:
                    if delta is None:
                        return
                    if isinstance(delta, int):
                        owner.go_on.wait(delta)
                        continue
                    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
                    self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                    self.wfile.flush()
                end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
                self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
