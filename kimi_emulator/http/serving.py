"""A server in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

__all__ = ["Served", "Serving"]


class Serving:
    """Serves what ``build`` makes, from ``listen`` to ``close``; both may be called again and again.

    ``finish`` is awaited in the server's loop when it ends. ``options`` are uvicorn's own.
    """

    def __init__(
        self, build: Callable[[], ASGIApp], finish: Callable[[], Awaitable[None]] | None = None, **options: Any
    ) -> None:
        self._build, self._finish, self._options = build, finish, options
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._address: tuple[str, int] | None = None

    @property
    def running(self) -> bool:
        """Whether requests are answered."""
        return self._server is not None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, also after it was closed. RuntimeError before it was started."""
        if self._address is None:
            raise RuntimeError("the emulator has not been started: use `with Emulator() as kimi:`, or call start()")
        return self._address

    def listen(self, host: str, port: int) -> None:
        """Serve; returns when requests are answered. OSError where nothing can listen."""
        # asyncio switches Nagle's delay off only for sockets that say they are TCP, which create_server's do not:
        # without this each answer on a kept-alive connection takes 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(512)
        except OSError:
            listener.close()
            raise
        self._address = host, listener.getsockname()[1]
        settings: dict[str, Any] = {
            "interface": "asgi3",
            "lifespan": "off",
            "ws": "none",
            "log_level": "error",
            "access_log": False,
        }
        settings |= {"server_header": False, "timeout_keep_alive": 60, "timeout_graceful_shutdown": 1}
        server = uvicorn.Server(uvicorn.Config(self._build(), **settings | self._options))

        async def serve_and_finish() -> None:
            try:
                await server.serve(sockets=[listener])
            finally:
                if self._finish is not None:
                    await self._finish()

        def serve() -> None:
            with contextlib.closing(listener), contextlib.suppress(asyncio.CancelledError):
                asyncio.run(serve_and_finish())

        self._server = server
        self._thread = threading.Thread(target=serve, name="kimi-emulator", daemon=True)
        self._thread.start()
        while not server.started:
            if not self._thread.is_alive():
                self._server = self._thread = None
                raise RuntimeError("the emulator did not start")
            time.sleep(0.001)

    def close(self) -> None:
        """Stop, also with connections still open. Harmless when not running."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(10)
        self._server = self._thread = None

    def wait(self) -> None:
        """Block until the server ends."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.5)


class Served(ABC):
    """What serves from a thread of its own between ``start`` and ``stop``, or for as long as a ``with`` block lasts."""

    _serving: Serving

    @abstractmethod
    def start(self) -> Self:
        """Listen and serve; returns when requests are answered."""

    @abstractmethod
    def stop(self) -> None:
        """Stop serving. Harmless when not running."""

    def wait(self) -> None:
        """Block until the server ends."""
        self._serving.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
