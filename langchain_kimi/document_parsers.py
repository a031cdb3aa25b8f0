"""`KimiBlobParser`: documents from blobs, their text extracted by the platform."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import PurePath
from types import MappingProxyType

from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from pydantic import SecretStr

from kimi_api import KimiClient, KimiInputError, files
from kimi_api.bulk import extract_many
from kimi_api.credentials import Region
from langchain_kimi._connection import FollowsSettings
from langchain_kimi._documents import to_document

__all__ = ["KimiBlobParser"]

# What `mimetypes` knows of these depends on the operating system.
_SUFFIXES = MappingProxyType(
    {
        "application/epub+zip": ".epub",
        "application/json": ".json",
        "application/msword": ".doc",
        "application/vnd.ms-excel": ".xls",
        "application/vnd.ms-powerpoint": ".ppt",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
        "application/x-yaml": ".yaml",
        "image/avif": ".avif",
        "image/webp": ".webp",
        "text/csv": ".csv",
        "text/html": ".html",
        "text/markdown": ".md",
        "text/plain": ".txt",
    }
)


class KimiBlobParser(FollowsSettings, BaseBlobParser):
    """Turns a `Blob` (a path, bytes or a string) into one `Document`.

    ```python
    KimiBlobParser().parse(Blob.from_path("report.pdf"))
    KimiBlobParser().parse(Blob.from_data(data, mime_type="application/pdf"))
    ```

    A blob with a path is streamed from disk. The platform tells a file's type from its name, so a blob of bytes needs a
    path or a MIME type; a string without either is taken for plain text. Metadata: those of the document that
    `KimiFileLoader` makes, and the blob's own, which win; `source` is the blob's, else its name.

    Args:
        delete_after: delete the platform's copy afterwards (an account holds 1,000 files).
        cache: where texts are kept by content, e.g. `FileCache.on_disk()`; None keeps them in memory, for this parser.
        client: a connection to use, e.g. `ChatKimi().client`, instead of one made from the next four.
        api_key, base_url, region, timeout: as for `ChatKimi`.

    Raises:
        KimiInputError: a blob that cannot be sent: no such file, no name and no type, empty, over 100 MB.
        KimiFileError: a blob that could not be extracted. Names it.
        KimiAPIError: the platform refused the request, or cannot be reached; a note names the blob.

    https://platform.kimi.ai/docs/api/files-upload
    """

    def __init__(
        self,
        *,
        delete_after: bool = True,
        cache: files.FileCache | None = None,
        client: KimiClient | None = None,
        api_key: str | SecretStr | Callable[[], str] | None = None,
        base_url: str | None = None,
        region: Region | None = None,
        timeout: float | None = None,
    ) -> None:
        self.delete_after = delete_after
        self.cache: files.FileCache = files.FileCache() if cache is None else cache
        self._connect(client, api_key, base_url, region, timeout)

    def lazy_parse(self, blob: Blob) -> Generator[Document, None, None]:
        """The document of `blob`; it is sent when the document is asked for."""
        if not isinstance(blob, Blob):
            what = f"a {type(blob).__name__}"
            raise KimiInputError("blob", what, "it is one of LangChain's Blobs", "pass Blob.from_path('report.pdf')")
        name = _name(blob)
        data: files.FileSource
        if isinstance(blob.data, str):
            data = blob.data.encode(blob.encoding)
        elif blob.data is not None:
            data = blob.data
        elif blob.path is not None:
            data = blob.path
        else:
            raise KimiInputError("blob", blob.source, "it has neither data nor a path", "make it with Blob.from_path")
        sources = [(name, data)]
        with closing(
            extract_many(self.client, sources, at_once=1, cache=self.cache, delete_after=self.delete_after)
        ) as results:
            (result,) = results
        if result.error is not None:
            raise result.error
        assert result.file is not None  # noqa: S101 - a result without an error has a file
        yield to_document(result.file, source=blob.source or name, metadata=blob.metadata)


def _name(blob: Blob) -> str:
    """The file name to send: that of the path, with an extension by the MIME type where it has none."""
    name = PurePath(blob.path).name if blob.path else ""
    if len(PurePath(name).suffix) > 1:
        return name
    mime = (blob.mimetype or ("text/plain" if isinstance(blob.data, str) else "")).partition(";")[0].strip().lower()
    suffix = _SUFFIXES.get(mime) or mimetypes.guess_extension(mime)
    if suffix is None:
        raise KimiInputError(
            "blob",
            blob.source or f"{len(blob.data or b'')} bytes",
            f"the platform tells a file's type from the extension of its name, and there is none for "
            f"{f'MIME type {mime!r}' if mime else 'a blob without MIME type'}",
            "pass path='report.pdf' or mime_type='application/pdf' to Blob.from_data",
        )
    return (name or "blob") + suffix
