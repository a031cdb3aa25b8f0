"""`Ledger`: what we uploaded, so that it can be found again, and only that is ever removed.

An upload is noted before it begins and completed with the platform's id when the answer comes, so a process that dies
at any moment leaves a trace of what it may have left on the platform. An entry is a file of its own, written whole:
any number of processes may use the directory at the same time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from kimi_api._warn import former_name, warn_once
from kimi_api.files._disk import entries, state_directory, write_whole

__all__ = ["Ledger", "LedgerEntry", "default_ledger"]

_log = logging.getLogger("kimi_api.files.ledger")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One upload of ours.

    Attributes:
        key: the entry's own name.
        scope: host and account it went to, as `KimiClient.scope` calls them.
        purpose: as uploaded.
        name: the file name as sent; size in bytes; sha256 of the content in hex, "" where it was not computed.
        started_at: when the upload began, in Unix seconds.
        keep: it is meant to stay (media that messages refer to, files that the user uploaded).
        owner: host and process that uploads it.
        file_id: the platform's id, "" as long as no answer has come.
    """

    key: str
    scope: str
    purpose: str
    name: str
    size: int
    sha256: str
    started_at: float
    keep: bool = False
    owner: str = ""
    file_id: str = ""

    @property
    def orphaned(self) -> bool:
        """Whether the process that made it is known to be gone (one of another machine never is)."""
        host, _, rest = self.owner.partition(":")
        number = rest.partition(":")[0]
        return host == _host() and number.isdigit() and not _alive(int(number))

    @property
    def idle(self) -> bool:
        """Whether no other process works on it: its owner is gone, or is this process."""
        return self.owner == _me() or self.orphaned


class Ledger:
    """Uploads by entry, in a directory or in memory.

    A directory that cannot be written is worth a warning, not a failed upload: its entries are then kept in memory.

    Args:
        directory: None takes `ledger` in `KIMI_STATE_DIR`, else in the user's state directory (`platformdirs`).
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory: Path | None = state_directory() / "ledger" if directory is None else Path(directory)
        self._kept: dict[str, LedgerEntry] = {}
        self._lock = threading.Lock()

    @classmethod
    def in_memory(cls) -> Ledger:
        """A ledger that ends with the process."""
        ledger = cls(os.devnull)
        ledger.directory = None
        return ledger

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.directory or 'in memory'})"

    def __getstate__(self) -> dict[str, Any]:
        return {"directory": self.directory}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.directory = state["directory"]
        self._kept, self._lock = {}, threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Ledger:
        return self

    def begin(self, scope: str, purpose: str, name: str, size: int, sha256: str, *, keep: bool = False) -> LedgerEntry:
        """Note an upload that is about to begin."""
        key = f"{scope}.{purpose}.{sha256[:32] or 'unhashed'}.{secrets.token_hex(6)}"
        return self._write(LedgerEntry(key, scope, purpose, name, size, sha256, time.time(), keep, _me()))

    def settle(self, entry: LedgerEntry, file_id: str) -> LedgerEntry:
        """Note the id that the platform gave."""
        return self._write(replace(entry, file_id=file_id))

    def remove(self, entry: LedgerEntry) -> bool:
        """Remove an entry, because its file is gone or never came to be; whether it was there."""
        with self._lock:
            removed = self._kept.pop(entry.key, None) is not None
        if self.directory is not None:
            try:
                self._path(entry.key).unlink()
                removed = True
            except FileNotFoundError:
                pass
            except OSError as error:
                _log.warning("the ledger's entry %s cannot be removed: %s", entry.key, error)
        return removed

    def remove_file(self, scope: str, file_id: str) -> None:
        """Remove what is known of a file that was deleted."""
        for entry in self.entries(scope):
            if entry.file_id == file_id:
                self.remove(entry)

    forget: ClassVar[Callable[..., bool]] = former_name("forget", remove)
    forget_file: ClassVar[Callable[..., None]] = former_name("forget_file", remove_file)

    def claim(self, entry: LedgerEntry) -> LedgerEntry | None:
        """Take over the entry of a process that is gone; None if another process was faster."""
        if not self.remove(entry):
            return None
        key = f"{entry.key.rpartition('.')[0]}.{secrets.token_hex(6)}"
        return self._write(replace(entry, key=key, owner=_me()))

    def entries(self, scope: str | None = None, purpose: str | None = None, sha256: str = "") -> list[LedgerEntry]:
        """The entries, oldest first: all, or those of one account, one purpose, one content."""
        start = ".".join(part for part in (scope, purpose, sha256[:32]) if part) + "." if scope else ""
        with self._lock:
            matches = [entry for key, entry in self._kept.items() if key.startswith(start)]
        for file in entries(self.directory) if self.directory is not None else ():
            if file.name.startswith(start):
                entry = _read(Path(file.path))
                if entry is not None:
                    matches.append(entry)
        return sorted(matches, key=lambda entry: (entry.started_at, entry.key))

    def find(self, scope: str, purpose: str, sha256: str) -> LedgerEntry | None:
        """The oldest upload of this content that has an id and is meant to stay."""
        known = (e for e in self.entries(scope, purpose, sha256) if e.file_id and e.keep)
        return next(known, None)

    def _write(self, entry: LedgerEntry) -> LedgerEntry:
        if self.directory is not None:
            data = json.dumps(asdict(entry), ensure_ascii=False).encode("utf-8", "surrogatepass")
            try:
                write_whole(self._path(entry.key), data)
            except OSError as error:
                warn_once(
                    ("ledger", str(self.directory)),
                    f"uploads are noted in memory only, because {self.directory} cannot be written ({error}): files "
                    f"that a crash leaves on the platform cannot be found again later. Set KIMI_STATE_DIR to a "
                    f"directory that can be written",
                )
            else:
                return entry
        with self._lock:
            self._kept[entry.key] = entry
        return entry

    def _path(self, key: str) -> Path:
        assert self.directory is not None  # noqa: S101 - asked only of a ledger on disk
        return self.directory / f"{key}.json"


def default_ledger() -> Ledger:
    """The ledger of this user on this machine."""
    return _at(state_directory() / "ledger")


@cache
def _at(directory: Path) -> Ledger:
    return Ledger(directory)


_TOKEN = secrets.token_hex(4)
"""Tells processes of one number apart: containers that share a directory and a host name may all be number 1."""
_FIELDS = frozenset(f.name for f in fields(LedgerEntry))
_KINDS: dict[str, Any] = dict.fromkeys(_FIELDS, str) | {"size": int, "started_at": (int, float), "keep": bool}


def _read(path: Path) -> LedgerEntry | None:
    """The entry in a file; None if the file is gone or holds no entry."""
    with contextlib.suppress(OSError):
        data = path.read_bytes()
        try:
            members = json.loads(data.decode("utf-8", "surrogatepass"))
            entry = LedgerEntry(**{name: value for name, value in members.items() if name in _FIELDS})
            if all(isinstance(getattr(entry, name), kinds) for name, kinds in _KINDS.items()):
                return entry
            raise TypeError("a member is not what it should be")
        except (ValueError, TypeError, AttributeError, RecursionError):
            _log.warning("the ledger's entry %s is damaged and is skipped", path)
    return None


@cache
def _host() -> str:
    return re.sub(r"[^\w.-]", "_", socket.gethostname())


def _me() -> str:
    return f"{_host()}:{os.getpid()}:{_TOKEN}"


def _alive(pid: int) -> bool:
    """Whether a process of this number runs here. True where it cannot be known: the entry's age decides then."""
    if sys.platform == "win32":  # os.kill(pid, 0) would end it there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
