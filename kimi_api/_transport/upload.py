"""`Upload`: a file on its way to the platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Upload:
    """A file to send as multipart. `open` is called once per try, so that a retry starts at the first byte."""

    name: str
    open: Callable[[], Any]
    fields: dict[str, str]
    mime: str = "application/octet-stream"
