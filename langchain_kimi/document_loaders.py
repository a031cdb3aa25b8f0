"""`KimiFileLoader`: documents from files, their text extracted by the platform."""

from __future__ import annotations

import glob as globbing
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Literal

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from pydantic import SecretStr

from kimi_api import KimiClient, KimiError, KimiFileError, KimiInputError, files
from kimi_api._many import aordered_map, ordered_map, progress
from kimi_api._warn import warn_once
from langchain_kimi._documents import extracted_document
from langchain_kimi.errors import error_types

__all__ = ["KimiFileLoader"]


class KimiFileLoader(BaseLoader):
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
        max_concurrency: how many files are under way at a time. Documents come in the order of the files all the same;
            `lazy_load` reads so many ahead, and with 1 sends a file when its document is asked for.
        show_progress: show a bar (by tqdm). The files are then counted first.
        delete_after: delete the platform's copy of each file (an account holds 1,000).
        cache: where texts are kept by the content of their files, e.g. `FileCache.on_disk()`; None keeps them in
            memory, for this loader.
        client: a connection to use, e.g. `ChatKimi().client`, instead of one made from the next three.
        api_key, base_url, timeout: as for `ChatKimi`.

    Raises:
        KimiInputError: a file that cannot be sent: none there, no extension, empty, over 100 MB. Before it is sent.
        KimiFileError: a file that could not be extracted. Names the file.
        KimiAPIError: the platform or the network said no; a note names the file.

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
        timeout: float | None = None,
    ) -> None:
        if on_error not in ("raise", "warn"):
            raise KimiInputError("on_error", on_error, "it is 'raise' or 'warn'", "leave it out to raise")
        if max_concurrency < 1:
            raise KimiInputError("max_concurrency", max_concurrency, "it is 1 or more", "leave it out for 4")
        self.sources = [Path(p) for p in ([source] if isinstance(source, (str, os.PathLike)) else source)]
        self.glob = glob
        self.on_error = on_error
        self.max_concurrency = max_concurrency
        self.show_progress = show_progress
        self.delete_after = delete_after
        self.cache = files.FileCache() if cache is None else cache
        self.client = client or KimiClient(api_key=api_key, base_url=base_url, timeout=timeout, error_types=error_types)

    def paths(self) -> Iterator[Path]:
        """The files that will be loaded, those of a directory or pattern in the order of their names.

        Raises:
            KimiInputError: a directory or pattern without a file that can be extracted (after the files before it).
        """
        for source in self.sources:
            if source.is_dir():
                found = [path for path in sorted(source.glob(self.glob)) if _loadable(path, source)]
            elif globbing.has_magic(str(source)) and not source.exists():
                found = [path for path in map(Path, sorted(globbing.glob(str(source), recursive=True))) if _kind(path)]
            else:
                found = [source]
            if not found:
                raise KimiInputError(
                    "source",
                    str(source),
                    f"no file is there of a kind that can be extracted (glob={self.glob!r})",
                    "check path and pattern; kimi_api.files.SUPPORTED_SUFFIXES lists the kinds, and a file named by "
                    "itself is sent whatever its kind",
                )
            yield from found

    def lazy_load(self) -> Iterator[Document]:
        """One document after the other; see `max_concurrency` for what is sent ahead."""
        paths, total = self._counted()
        results = ordered_map(self._extracted, paths, self.max_concurrency)
        with progress(total, "Loading files", shown=self.show_progress) as advance, closing(results):
            for path, result in results:
                advance()
                if isinstance(result, files.ExtractedFile):
                    yield extracted_document(result, source=str(path))
                else:
                    self._failed(path, result)

    async def alazy_load(self) -> AsyncIterator[Document]:
        """The asynchronous twin of `lazy_load`."""
        paths, total = self._counted()
        results = aordered_map(self._aextracted, paths, self.max_concurrency)
        with progress(total, "Loading files", shown=self.show_progress) as advance:
            async with aclosing(results):
                async for path, result in results:
                    advance()
                    if isinstance(result, files.ExtractedFile):
                        yield extracted_document(result, source=str(path))
                    else:
                        self._failed(path, result)

    def _counted(self) -> tuple[Iterator[Path], int]:
        if not self.show_progress:
            return self.paths(), 0
        paths = list(self.paths())
        return iter(paths), len(paths)

    # What went wrong is a result too: it is raised, or warned of, where the caller's own frames are.

    def _extracted(self, path: Path) -> tuple[Path, files.ExtractedFile | KimiError]:
        try:
            return path, files.extract(self.client, path, delete_after=self.delete_after, cache=self.cache)
        except KimiError as error:
            return path, error

    async def _aextracted(self, path: Path) -> tuple[Path, files.ExtractedFile | KimiError]:
        try:
            return path, await files.aextract(self.client, path, delete_after=self.delete_after, cache=self.cache)
        except KimiError as error:
            return path, error

    def _failed(self, path: Path, error: KimiError) -> None:
        if not isinstance(error, (KimiInputError, KimiFileError)):
            error.add_note(f"while loading {path}")
        if self.on_error == "raise" or _concerns_all(error):
            raise error
        warn_once(("KimiFileLoader", str(path), str(error)), f"{path} was not loaded: {error}")


def _concerns_all(error: KimiError) -> bool:
    """Whether every other file would fail in the same way: no connection, a wrong key, an empty account."""
    if isinstance(error, (KimiInputError, KimiFileError)):
        return False
    return getattr(error, "status_code", None) in (None, 401, 403, 429)


def _loadable(path: Path, directory: Path) -> bool:
    return _kind(path) and not any(part.startswith(".") for part in path.relative_to(directory).parts)


def _kind(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in files.SUPPORTED_SUFFIXES
