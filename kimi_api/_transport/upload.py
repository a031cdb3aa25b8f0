"""`Upload`: a file on its way to the platform."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

FilePart = tuple[str, tuple[str, IO[bytes], str]]
"""One entry of the SDK's `files`: the field, and the name, the bytes and the type of the file."""


@dataclass(slots=True)
class Upload:
    """A file to send as multipart. `open` is called once per try, so that a retry starts at the first byte."""

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    fields: dict[str, str]
    mime: str = "application/octet-stream"
