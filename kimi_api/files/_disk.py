"""Small files that several processes share: written whole or not at all, readable by their owner alone.

A file is written under another name and renamed into place, which the operating system does in one step: a process that
is killed on the way leaves at most a `.part-` file, and no reader ever sees half an entry. So no locks are needed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

APP = "kimi-integrations"
STATE_VARIABLE = "KIMI_STATE_DIR"
CACHE_VARIABLE = "KIMI_CACHE_DIR"

PART = ".part-"
_STALE_PART = 3600.0  # seconds; nobody takes that long to write one file


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where what must outlive the process is kept: `KIMI_STATE_DIR`, else the user's state directory."""
    directory = environ.get(STATE_VARIABLE)
    if directory:
        return Path(directory)
    from platformdirs import user_state_path

    return user_state_path(APP)


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where data is kept that can be fetched again: `KIMI_CACHE_DIR`, else the user's cache directory."""
    directory = environ.get(CACHE_VARIABLE)
    if directory:
        return Path(directory)
    from platformdirs import user_cache_path

    return user_cache_path(APP)


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, with mode 0600, in a directory with mode 0700. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=PART, dir=path.parent)  # mode 0600
    try:
        with open(handle, "wb") as opened:
            opened.write(data)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    """The finished files in `directory`; parts that a killed process left there are removed when they are old."""
    try:
        files = list(os.scandir(directory))
    except FileNotFoundError:
        return
    for entry in files:
        if entry.name.startswith(PART):
            with contextlib.suppress(OSError):
                if time.time() - entry.stat().st_mtime > _STALE_PART:
                    os.unlink(entry.path)
        elif entry.name.endswith(".json"):
            yield entry
