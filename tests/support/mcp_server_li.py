"""An MCP server whose tools have the schemas that people meet in the wild.

`python mcp_server_li.py` speaks over stdio; `serving()` is the same server over HTTP on a loopback port.

Left out is what llama-index-tools-mcp itself gets wrong: a recursive schema, which it follows until the stack ends, and
an `Enum` class, of which it makes an object with the enum inside.
"""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from documents import pdf
from mcp.server.fastmcp import FastMCP
from mcp.types import BlobResourceContents, EmbeddedResource, ResourceLink, TextContent
from pydantic import AnyUrl, BaseModel, Field

server = FastMCP("archive", log_level="WARNING", stateless_http=True, json_response=True)


class Period(BaseModel):
    """Years, the last one included."""

    first: int = Field(ge=0)
    last: int | None = None


class Wish(BaseModel):
    """What to look for."""

    kind: Literal["person", "place"]
    period: Period | None = None
    tags: dict[str, list[str]] = {}
    near: tuple[float, float] | None = None


@server.tool()
def find(wish: Wish, limit: Annotated[int, Field(ge=1, le=50)] = 5, order: Literal["old", "new"] | None = None) -> str:
    """Find records."""
    return f"{limit} records of kind {wish.kind} {wish.tags} {order}"


@server.tool(name="archive.count")
def count() -> int:
    """Count all records."""
    return 42


@server.tool()
def anything(value: Any, options: dict[str, Any] | None = None) -> str:
    """Keep a value of any kind."""
    return f"kept {value!r}"


@server.tool()
def broken(city: str) -> str:
    """Fail."""
    raise ValueError(f"no records of {city}")


@server.tool(structured_output=False)
def deed(year: int) -> list[Any]:
    """A deed: a link, and the file inside the result."""
    scan = base64.b64encode(pdf(f"Sold in {year}.")).decode()
    blob = BlobResourceContents(uri=AnyUrl("archive://deed.pdf"), mimeType="application/pdf", blob=scan)
    link = AnyUrl("https://archive.example/deed.pdf")
    return [
        TextContent(type="text", text="One deed."),
        ResourceLink(type="resource_link", name="deed", uri=link, mimeType="application/pdf"),
        EmbeddedResource(type="resource", resource=blob),
    ]


@contextmanager
def serving() -> Iterator[str]:
    """The server's address, while a thread of this process runs it."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(server.streamable_http_app(), log_level="error", ws="none", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not running.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        running.should_exit = True
        thread.join(10)
        listener.close()


if __name__ == "__main__":
    server.run()
