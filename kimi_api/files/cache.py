"""`FileCache`: texts that were extracted before, by the content of their files. In memory, or on disk when asked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from kimi_api.errors import KimiInputError
from kimi_api.files._disk import cache_directory, entries, write_whole

__all__ = ["DISK_BYTES", "MEMORY_BYTES", "FileCache"]

MEMORY_BYTES = 32 * 1024 * 1024
DISK_BYTES = 1024 * 1024 * 1024
_ROOM = 0.9  # an eviction makes so much room that the next entries do not need one each

_log = logging.getLogger("kimi_api.files.cache")


class FileCache:
    """JSON values by name, at most so many bytes of them; those not used for longest go first.

    An entry on disk is a file of its own with mode 0600 that holds its own checksum: processes may share a directory,
    one that is killed while writing leaves no broken entry, and a file that was damaged otherwise counts as absent.
    A disk that cannot be written costs the entry and a line in the log, never the caller's work.

    Args:
        max_bytes: what all entries together may take.

    Raises:
        KimiInputError: `max_bytes` is not positive.
    """

    def __init__(self, *, max_bytes: int = MEMORY_BYTES) -> None:
        if max_bytes < 1:
            raise KimiInputError("max_bytes", max_bytes, "it is a number of bytes above 0", "leave it out")
        self.max_bytes = max_bytes
        self.directory: Path | None = None
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._taken: int | None = 0  # None: not counted yet
        self._lock = threading.Lock()

    @classmethod
    def on_disk(cls, directory: str | os.PathLike[str] | None = None, *, max_bytes: int = DISK_BYTES) -> Self:
        """A cache that outlives the process.

        Args:
            directory: None takes `KIMI_CACHE_DIR`, else the user's cache directory (`platformdirs`). Made when needed.
            max_bytes: see the class.
        """
        cache = cls(max_bytes=max_bytes)
        cache.directory = cache_directory() / "files" if directory is None else Path(directory)
        cache._taken = None
        return cache

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.directory or 'in memory'}, max_bytes={self.max_bytes})"

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle carries: where and how large. The entries in memory stay where they are."""
        return {"max_bytes": self.max_bytes, "directory": self.directory}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(max_bytes=state["max_bytes"])
        self.directory = state["directory"]
        self._taken = 0 if self.directory is None else None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # what is shared by design

    def get(self, name: str) -> dict[str, Any] | None:
        """The value kept under `name`, or None."""
        if self.directory is None:
            with self._lock:
                data = self._kept.get(name)
                if data is not None:
                    self._kept.move_to_end(name)
            return None if data is None else json.loads(data)
        path = self._path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("the cache entry %s cannot be read: %s", path, error)
            return None
        value = _unseal(data)
        with contextlib.suppress(OSError):  # another process may be evicting it
            if value is None:
                _log.warning("the cache entry %s was damaged and is removed", path)
                path.unlink()
            else:
                os.utime(path)
        return value

    def put(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep `value`, unless it alone is larger than the whole cache."""
        data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        if self.directory is None:
            with self._lock:
                self._taken = (self._taken or 0) - len(self._kept.pop(name, b""))
                if len(data) > self.max_bytes:
                    return
                self._kept[name] = data
                self._taken += len(data)
                while self._taken > self.max_bytes:
                    self._taken -= len(self._kept.popitem(last=False)[1])
            return
        sealed = _seal(data)
        if len(sealed) > self.max_bytes:
            return
        try:
            write_whole(self._path(name), sealed)
        except OSError as error:
            _log.warning("nothing is cached, because %s cannot be written: %s", self.directory, error)
            return
        with self._lock:
            if self._taken is not None:
                self._taken += len(sealed)
            if self._taken is None or self._taken > self.max_bytes:
                self._taken = self._evict()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._taken = 0
        for entry in entries(self.directory) if self.directory else ():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)

    def __len__(self) -> int:
        return len(self._kept) if self.directory is None else sum(1 for _ in entries(self.directory))

    @property
    def bytes(self) -> int:
        """What the entries take now."""
        if self.directory is None:
            return self._taken or 0
        return sum(size for _, size, _ in self._on_disk())

    def _path(self, name: str) -> Path:
        assert self.directory is not None  # noqa: S101 - asked only of a cache on disk
        return self.directory / f"{hashlib.sha256(name.encode()).hexdigest()}.json"

    def _on_disk(self) -> list[tuple[float, int, str]]:
        """Last use, size and path of each entry."""
        files = []
        for entry in entries(self.directory) if self.directory else ():
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat()
                files.append((status.st_mtime, status.st_size, entry.path))
        return files

    def _evict(self) -> int:
        """Remove what was not used for longest until there is room; the bytes that remain.

        The directory is counted again, because other processes write to it too.
        """
        files = self._on_disk()
        taken = sum(size for _, size, _ in files)
        if taken <= self.max_bytes:
            return taken
        for _, size, path in sorted(files)[:-1]:  # the newest may be the only one
            if taken <= self.max_bytes * _ROOM:
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            taken -= size
        return taken


def _seal(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode() + b"\n" + data


def _unseal(data: bytes) -> dict[str, Any] | None:
    """The value in an entry whose checksum fits, else None."""
    seal, _, content = data.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != seal:
        return None
    value = json.loads(content.decode("utf-8", "surrogatepass"))
    return value if isinstance(value, dict) else None
