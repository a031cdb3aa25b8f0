"""Stored files: bytes on disk, their state, and the text taken out of them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

from kimi_emulator.platform import extract

__all__ = ["FileStore", "StoredFile"]

Status = Literal["created", "ok", "failed", "error"]
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_PIECE = 1024 * 1024


@dataclass
class StoredFile:
    """One uploaded file; ``bytes`` is its size, ``text`` the extracted content (None until parsed)."""

    id: str
    filename: str
    purpose: str
    bytes: int
    sha256: str
    path: Path
    created_at: int = field(default_factory=lambda: int(time.time()))
    text: str | None = None
    failure: str = ""
    too_much: bool = False
    polls_left: int = 0
    content_error: bool = False
    content_404s: int = 0
    other_keys: bool = False
    vanishes: bool = False
    """The last four are faults on demand: see ``kimi_emulator.faults.files``."""

    @property
    def status(self) -> Status:
        """``created`` until it has been asked for often enough, then ``ok``, ``failed``, or ``error`` (too much)."""
        if self.polls_left > 0 or (self.purpose == "file-extract" and self.text is None and not self.failure):
            return "created"
        return ("error" if self.too_much else "failed") if self.failure else "ok"

    def object(self) -> dict[str, Any]:
        """The file as the API shows it (key set as recorded)."""
        status = self.status
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": status,
            "status_details": self.failure if status in ("failed", "error") else "",
        }

    def content(self) -> dict[str, Any]:
        """The extracted text as the API gives it out: a JSON document with these five keys."""
        if self.other_keys:
            return {"content": self.text or "", "pages": 1, "mime": extract.mime_type(self.filename), "meta": None}
        return {
            "content": self.text or "",
            "file_type": extract.mime_type(self.filename),
            "filename": self.filename,
            "title": "",
            "type": "file",
        }


class FileStore:
    """Uploaded files by id, in a temporary directory that goes with ``close``."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._files: dict[str, StoredFile] = {}
        self._directory: Path | None = None

    def __len__(self) -> int:
        return len(self._files)

    @property
    def total_bytes(self) -> int:
        """The size of all files together."""
        return sum(file.bytes for file in self)

    def __iter__(self) -> Iterator[StoredFile]:
        with self._lock:
            return iter(list(self._files.values()))

    def get(self, file_id: str) -> StoredFile | None:
        """The file, or None."""
        return self._files.get(file_id)

    def by_id(self) -> dict[str, StoredFile]:
        """All files by id (a copy)."""
        with self._lock:
            return dict(self._files)

    def add(self, source: BinaryIO, filename: str, purpose: str, sha256: str, polls: int = 0) -> StoredFile:
        """Copy ``source`` to disk and, for file-extract, take its text out. Blocks, so not for the event loop."""
        file_id = "".join(secrets.choice(_ALPHABET) for _ in range(20))
        with self._lock:
            if self._directory is None:
                self._directory = Path(tempfile.mkdtemp(prefix="kimi-emulator-"))
            # The suffix decides how the file is read; nothing else of the client's name reaches the disk.
            path = self._directory / f"{file_id}{PurePosixPath(filename).suffix[:16]}"
        with path.open("wb") as target:
            shutil.copyfileobj(source, target, _PIECE)
            size = target.tell()
        stored = StoredFile(file_id, filename, purpose, size, sha256, path, polls_left=polls)
        if purpose == "file-extract":
            try:
                stored.text = extract.text_of_file(path, filename)
            except extract.TooMuch as error:
                stored.failure, stored.too_much = f"extract task failed: {error}", True
            except Exception as error:
                # The readers raise whatever they like on a broken file; the platform says "failed" to all of it.
                stored.failure = f"extract task failed: {type(error).__name__}"
        with self._lock:
            self._files[file_id] = stored
        return stored

    def poll(self, file_id: str) -> StoredFile | None:
        """The file. Each call moves it one step nearer to being parsed."""
        with self._lock:
            stored = self._files.get(file_id)
            if stored is not None and stored.polls_left > 0:
                stored.polls_left -= 1
                if stored.vanishes and not stored.polls_left:
                    self.remove(file_id)
            return stored

    def remove(self, file_id: str) -> bool:
        """Delete a file; whether there was one."""
        with self._lock:
            stored = self._files.pop(file_id, None)
        if stored is None:
            return False
        stored.path.unlink(missing_ok=True)
        return True

    def clear(self) -> None:
        """Delete all files and their directory."""
        with self._lock:
            self._files.clear()
            directory, self._directory = self._directory, None
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)
