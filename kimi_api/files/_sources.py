"""What can be uploaded: a path, bytes, or an open file, checked before anything is sent."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from kimi_api._transport.steps import Call, Steps
from kimi_api._transport.upload import Upload
from kimi_api.errors import KimiInputError

FileSource = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or a file open for reading in binary mode (sent from its first byte on)."""

MAX_BYTES = 100 * 1024 * 1024  # "File size is too large, max file size is 100MB"
_BLOCK = 1024 * 1024
_SMALL = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that passed the checks. `open` gives it from its first byte, each time, as a context manager."""

    name: str
    label: str
    """How error messages call it: the path as given, or the name."""
    size: int
    open: Callable[[], Any]

    def sha256(self) -> str:
        """Hash of the content, read in blocks of 1 MiB."""
        digest = hashlib.sha256()
        with self.open() as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def upload(self, purpose: str, name: str | None = None) -> Upload:
        """The multipart upload of it, under another name if one is given."""
        return Upload(name or self.name, self.open, {"purpose": purpose})


@dataclass(frozen=True, slots=True)
class OpenedLater:
    """A file of another filesystem: opened when its turn comes, and closed after each reading."""

    name: str
    label: str
    open: Callable[[], Any]


def open_source(source: FileSource | OpenedLater, name: str | None = None) -> SourceFile:
    """Check `source` and describe it; nothing is read but its size.

    Args:
        source: see `FileSource`.
        name: file name to send, with its extension (the platform goes by the extension, not by the content).
            Needed for bytes and for open files that have no name.

    Raises:
        KimiInputError: a directory, no such file, no name or extension, empty, or larger than 100 MB.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
        file = SourceFile(
            _require_name(name, "bytes"), _require_name(name, "bytes"), len(content), lambda: io.BytesIO(content)
        )
    elif isinstance(source, (str, os.PathLike)):
        file = _from_path(Path(source), name)
    elif isinstance(source, OpenedLater):
        file = _from_opener(source)
    else:
        file = _from_stream(source, name)
    suffix = PurePath(file.name).suffix
    if len(suffix) < 2:
        raise KimiInputError(
            "file",
            file.label,
            "the platform tells a file's type from the extension of its name, and this one has none",
            "rename it, or pass name='...' with an extension such as .pdf or .txt",
        )
    if file.size == 0:
        # "File size is zero, please confirm and re-upload the file"
        raise KimiInputError("file", file.label, "it is empty (0 bytes)", "check that it was written completely")
    if file.size > MAX_BYTES:
        raise KimiInputError(
            "file",
            file.label,
            f"it has {file.size / 1024 / 1024:.1f} MB, and the limit is 100 MB",
            "split it into smaller files",
        )
    return file


def compute_digest(file: SourceFile) -> Steps[str]:
    """The SHA-256 of a file, found in a thread if it is large."""
    if file.size <= _SMALL:
        return file.sha256()
    return (yield Call.in_thread(file.sha256))


def _from_path(path: Path, name: str | None) -> SourceFile:
    if path.is_dir():
        raise KimiInputError(
            "file", str(path), "it is a directory", "pass the files in it, or use a loader that takes directories"
        )
    if path.exists() and not path.is_file():
        raise KimiInputError("file", str(path), "it is a pipe or device", "open it yourself and pass the open file")
    try:
        with path.open("rb"):
            size = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        remedy = "check the path and its permissions"
        if path.parts[0] in ("http:", "https:"):
            reason, remedy = (
                "it is an address, not a file of this machine",
                "download it, and pass the path or its bytes",
            )
        raise KimiInputError("file", str(path), f"it cannot be read ({reason})", remedy) from error
    return SourceFile(name or path.name, str(path), size, lambda: path.open("rb"))


def _from_opener(source: OpenedLater) -> SourceFile:
    try:
        with source.open() as opened:
            if not opened.seekable():
                content = _read_all(opened)
                return SourceFile(source.name, source.label, len(content), lambda: io.BytesIO(content))
            size = opened.seek(0, os.SEEK_END)
    except (OSError, ValueError) as error:
        raise KimiInputError(
            "file", source.label, f"it cannot be read ({error})", "check the path and its permissions"
        ) from error
    return SourceFile(source.name, source.label, size, source.open)


def _from_stream(stream: BinaryIO, name: str | None) -> SourceFile:
    if isinstance(stream, io.TextIOBase) or not hasattr(stream, "read"):
        raise KimiInputError(
            "file", stream, "it is a path, bytes, or a file open in binary mode", "open it with open(path, 'rb')"
        )
    stream_name = getattr(stream, "name", None)
    known = name or (PurePath(stream_name).name if isinstance(stream_name, str) else None)
    label = _require_name(known, "an open file without a name")
    if not stream.seekable():
        return open_source(_read_all(stream), label)
    size = stream.seek(0, os.SEEK_END)

    def rewound() -> object:
        stream.seek(0)  # the HTTP library does the same: a file is sent whole, wherever its position was
        return contextlib.nullcontext(stream)  # it is the caller's to close

    rewound()
    return SourceFile(label, label, size, rewound)


def _read_all(stream: BinaryIO) -> bytes:
    """All bytes of a pipe or socket, at most one more than is allowed: that one shows that it is too large."""
    blocks: list[bytes] = []
    left = MAX_BYTES + 1
    while left > 0 and (block := stream.read(min(left, _BLOCK))):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


def _require_name(name: str | None, what: str) -> str:
    if not name:
        raise KimiInputError(
            "name", name, f"{what} needs a file name with an extension", "pass name='report.pdf' or the like"
        )
    return name
