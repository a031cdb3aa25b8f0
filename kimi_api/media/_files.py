"""An image or video as a file: its type by its content, and a name that fits."""

from __future__ import annotations

import io
import mimetypes
import os
from dataclasses import replace
from pathlib import Path, PurePath

from kimi_api._media_rules import HEAD, Kind, media_type, suffix_of
from kimi_api.files._sources import FileSource, SourceFile, open_source


def check_file(source: FileSource, kind: Kind | None, name: str | None) -> tuple[SourceFile, str]:
    """A checked file and its type."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        label = name or "bytes"
        mime = media_type(data[:HEAD], mimetypes.guess_type(label)[0], kind, label)
        return from_bytes(data, mime, name), mime
    if isinstance(source, (str, os.PathLike)):
        # The name may have no extension, which `open_source` would refuse.
        path = Path(source)
        file = open_source(path, name or (path.name if path.suffix else f"{path.name}.bin"))
    else:
        file = open_source(source, name or _name_of(source))
    with file.open() as opened:
        head = opened.read(HEAD)
    return file, media_type(head, mimetypes.guess_type(file.name)[0], kind, file.label)


def _name_of(stream: object) -> str:
    name = getattr(stream, "name", None)
    return PurePath(name).name if isinstance(name, str) and PurePath(name).suffix else "media.bin"


def from_bytes(content: bytes, mime: str, name: str | None = None) -> SourceFile:
    """Bytes as a file, under the name they came with or one by their type."""
    known = name or f"{kind_of(mime)}{suffix_of(mime)}"
    return open_source(io.BytesIO(content), known if PurePath(known).suffix else known + suffix_of(mime))


def with_suffix(file: SourceFile, mime: str) -> SourceFile:
    """The file under a name whose extension fits its content: the platform goes by the name."""
    if mimetypes.guess_type(file.name)[0] == mime:
        return file
    return replace(file, name=PurePath(file.name).stem + suffix_of(mime))


def kind_of(mime: str) -> Kind:
    """Whether a type is that of an image or a video."""
    return "video" if mime.startswith("video/") else "image"
