"""`KimiFileLoader`: documents from files, their text extracted by the platform."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, Literal

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from pydantic import SecretStr

from kimi_api import KimiClient, KimiInputError, files
from kimi_api._warn import warn_once
from kimi_api.bulk import FileResult, aextract_many, as_paths, extract_many, find_files
from kimi_api.credentials import Region
from langchain_kimi._connection import FollowsSettings
from langchain_kimi._documents import to_document

__all__ = ["KimiFileLoader"]


class KimiFileLoader(FollowsSettings, BaseLoader):
    """Loads PDF, Office, text, source and image files as one `Document` each.

    ```python
    KimiFileLoader("report.pdf").load()
    KimiFileLoader("papers/**/*.pdf", show_progress=True).load()
    KimiFileLoader(["report.pdf", "slides"], on_error="warn").load()
    ```

    The platform extracts the text; its copy of a file is deleted afterwards. Metadata: `source` (the path as given, or
    found in the directory), `file_name`, `file_type`, `title`, `size` (bytes) and `sha256` of the file. The same file
    gives the same metadata every time, so that indexes recognise it.

    Args:
        source: a file, a directory, a pattern such as "docs/**/*.pdf", or a list of these.
        glob: which files of a directory; hidden ones, and those of types that cannot be extracted
            (`kimi_api.files.SUPPORTED_SUFFIXES`), are passed over, also where `source` is a pattern. Files named one by
            one are never passed over.
        on_error: "raise" stops at the first file that fails; "warn" says which one failed and why, and goes on (but not
            when the key, the account or the connection is at fault).
        max_concurrency: how many files are under way at a time. Documents still come in the order of the files;
            `lazy_load` reads so many ahead, and with 1 sends a file when its document is asked for.
        show_progress: show a bar (by tqdm). The files are then counted first.
        delete_after: delete the platform's copy of each file (an account holds 1,000).
        cache: where texts are kept by the content of their files, e.g. `FileCache.on_disk()`; None keeps them in
            memory, for this loader.
        client: a connection to use, e.g. `ChatKimi().client`, instead of one made from the next four.
        api_key, base_url, region, timeout: as for `ChatKimi`.

    Raises:
        KimiInputError: a file that cannot be sent: none there, no extension, empty, over 100 MB. Before it is sent.
        KimiFileError: a file that could not be extracted. Names the file.
        KimiAPIError: the platform refused the request, or cannot be reached; a note names the file.

    https://platform.kimi.ai/docs/guide/use-kimi-api-for-file-based-qa
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        glob: str = "**/*",
        on_error: Literal["raise", "warn"] = "raise",
        max_concurrency: int = 4,
        show_progress: bool = False,
        delete_after: bool = True,
        cache: files.FileCache | None = None,
        client: KimiClient | None = None,
        api_key: str | SecretStr | Callable[[], str] | None = None,
        base_url: str | None = None,
        region: Region | None = None,
        timeout: float | None = None,
    ) -> None:
        if on_error not in ("raise", "warn"):
            raise KimiInputError("on_error", on_error, "it is 'raise' or 'warn'", "leave it out to raise")
        if max_concurrency < 1:
            raise KimiInputError("max_concurrency", max_concurrency, "it is 1 or more", "leave it out for 4")
        self.sources: list[Path] = as_paths(source)
        self.glob = glob
        self.on_error = on_error
        self.max_concurrency = max_concurrency
        self.show_progress = show_progress
        self.delete_after = delete_after
        self.cache: files.FileCache = files.FileCache() if cache is None else cache
        self._connect(client, api_key, base_url, region, timeout)

    def paths(self) -> Iterator[Path]:
        """The files that will be loaded, those of a directory or pattern in the order of their names.

        Raises:
            KimiInputError: a directory or pattern without a file that can be extracted (after the files before it).
        """
        for source in self.sources:
            yield from find_files(source, glob=self.glob)

    def lazy_load(self) -> Generator[Document, None, None]:
        """One document after the other; see `max_concurrency` for what is sent ahead."""
        with closing(extract_many(self.client, self.paths(), **self._options())) as results:
            for result in results:
                if result.file is not None:
                    yield to_document(result.file, source=result.label)
                else:
                    self._warn_or_raise(result)

    async def alazy_load(self) -> AsyncGenerator[Document, None]:
        """The asynchronous twin of `lazy_load`."""
        async with aclosing(aextract_many(self.client, self.paths(), **self._options())) as results:
            async for result in results:
                if result.file is not None:
                    yield to_document(result.file, source=result.label)
                else:
                    self._warn_or_raise(result)

    def _options(self) -> dict[str, Any]:
        return {
            "at_once": self.max_concurrency,
            "cache": self.cache,
            "delete_after": self.delete_after,
            "show_progress": self.show_progress,
            "description": "Loading files",
        }

    def _warn_or_raise(self, result: FileResult) -> None:
        error = result.error
        assert error is not None  # noqa: S101 - a result without a file has an error
        if self.on_error == "raise":
            raise error
        warn_once(("KimiFileLoader", result.label, str(error)), f"{result.label} was not loaded: {error}")
