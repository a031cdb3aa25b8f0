"""Files on the platform: upload, wait, read the extracted text, list, delete. Each with an asynchronous twin.

https://platform.kimi.ai/docs/api/files-upload. An account holds 1,000 files and 10 GB, a file has at most 100 MB;
extraction itself is free. Uploads are streamed from disk.
"""

from __future__ import annotations

from kimi_api.files._extract import SUPPORTED_SUFFIXES, ExtractedFile, aextract, extract
from kimi_api.files._leftovers import LEFTOVER_AGE, aprune, prune
from kimi_api.files._quota import MAX_FILES, MAX_TOTAL_BYTES, FileUsage, usage
from kimi_api.files._records import (
    FileObject,
    acontent,
    adelete,
    alist_files,
    aretrieve,
    content,
    delete,
    list_files,
    retrieve,
)
from kimi_api.files._sources import MAX_BYTES, FileSource, open_source
from kimi_api.files._uploads import aupload, upload
from kimi_api.files._wait import apoll_until_ready, await_ready, poll_until_ready, wait_ready
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger

__all__ = [
    "LEFTOVER_AGE",
    "MAX_BYTES",
    "MAX_FILES",
    "MAX_TOTAL_BYTES",
    "SUPPORTED_SUFFIXES",
    "ExtractedFile",
    "FileCache",
    "FileObject",
    "FileSource",
    "FileUsage",
    "Ledger",
    "acontent",
    "adelete",
    "aextract",
    "alist_files",
    "apoll_until_ready",
    "aprune",
    "aretrieve",
    "aupload",
    "await_ready",
    "content",
    "delete",
    "extract",
    "list_files",
    "open_source",
    "poll_until_ready",
    "prune",
    "retrieve",
    "upload",
    "usage",
    "wait_ready",
]
