"""How much of an account's room its files take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kimi_api.files._records import FileObject

MAX_FILES = 1_000
MAX_TOTAL_BYTES = 10 * 1024**3
"""What an account holds: https://platform.kimi.ai/docs/api/files-upload."""


@dataclass(frozen=True, slots=True)
class FileUsage:
    """What the files of an account take, and what it holds; sizes in bytes."""

    count: int
    bytes: int
    by_purpose: Mapping[str, int]
    max_count: int = MAX_FILES
    max_bytes: int = MAX_TOTAL_BYTES


def usage(files: Iterable[FileObject]) -> FileUsage:
    """What these files take together, e.g. those of `list_files`."""
    count, size = 0, 0
    by_purpose: dict[str, int] = {}
    for file in files:
        count += 1
        size += file.bytes
        by_purpose[file.purpose] = by_purpose.get(file.purpose, 0) + 1
    return FileUsage(count, size, by_purpose)
