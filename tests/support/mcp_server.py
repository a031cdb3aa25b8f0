"""A small MCP server for tests, on its standard input and output: `python tests/support/mcp_server.py`.

Its schemas are as pydantic makes them for real servers: references, unions, formats, exclusive limits, recursion.
"""

from __future__ import annotations

import base64
import datetime
import struct
import uuid
import zlib
from typing import Annotated, Any, Literal

from documents import pdf
from mcp.server.fastmcp import FastMCP, Image
from mcp.types import BlobResourceContents, EmbeddedResource, ResourceLink, TextContent, TextResourceContents
from pydantic import AnyUrl, BaseModel, Field

server = FastMCP("hotel", log_level="ERROR")


class Bed(BaseModel):
    """A bed."""

    width: Annotated[float, Field(gt=0.5, lt=3.0, description="in metres")]


class Room(BaseModel):
    """A room, which may have rooms of its own."""

    kind: Literal["single", "double"]
    beds: Annotated[list[Bed], Field(min_length=1)]
    adjoining: list[Room] = []


@server.tool()
def book_room(
    arrival: datetime.date,
    room: Room,
    nights: Annotated[int, Field(gt=0, lt=31)],
    pay_by: datetime.datetime | Literal["arrival"] | None = None,
    guest: uuid.UUID | None = None,
    site: AnyUrl | None = None,
) -> str:
    """Book a room in the hotel."""
    return f"booked a {room.kind} from {arrival.isoformat()} for {nights} nights, {len(room.beds)} beds, pay {pay_by}"


@server.tool(structured_output=False)
def floor_plan(floor: int) -> list[Any]:
    """The plan of a floor, as words and as a picture."""
    return [f"Floor {floor} has three rooms.", Image(data=png(), format="png")]


@server.tool(structured_output=False)
def brochure(season: str) -> list[Any]:
    """The hotel's brochure: links, and files inside the result."""

    def blob(name: str, kind: str, data: bytes) -> EmbeddedResource:
        content = BlobResourceContents(
            uri=AnyUrl(f"hotel://{name}"), mimeType=kind, blob=base64.b64encode(data).decode()
        )
        return EmbeddedResource(type="resource", resource=content)

    def link(name: str, kind: str | None) -> ResourceLink:
        return ResourceLink(type="resource_link", name=name, uri=AnyUrl(f"https://hotel.example/{name}"), mimeType=kind)

    rates = TextResourceContents(uri=AnyUrl("hotel://rates.csv"), mimeType="text/csv", text="single,90")
    return [
        TextContent(type="text", text=f"For the {season}:"),
        link("menu.pdf", "application/pdf"),
        link("pool.png", "image/png"),
        link("terms", None),
        EmbeddedResource(type="resource", resource=rates),
        blob("house.pdf", "application/pdf", pdf(BROCHURE)),
        blob("plans.zip", "application/zip", b"PK\x05\x06" + bytes(18)),
    ]


BROCHURE = "Breakfast is from seven."


@server.tool()
def cancel_booking(number: str) -> str:
    """Cancel a booking."""
    raise ValueError(f"there is no booking {number}")


def png() -> bytes:
    """A blue square of 16 by 16 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\0\0\xff" * 16 for _ in range(16))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = "data:image/png;base64," + base64.b64encode(png()).decode()

if __name__ == "__main__":
    server.run("stdio")
