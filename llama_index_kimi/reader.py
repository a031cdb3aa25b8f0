"""`KimiFileReader`: files -> LlamaIndex documents, through the platform's text extraction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

from llama_index.core.readers.base import BasePydanticReader, BaseReader
from llama_index.core.schema import Document
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from kimi_api._many import Slots
from kimi_api._settings.client import Followed, follow
from kimi_api._settings.constructor import constructor_settings
from kimi_api._settings.schema import settings_schema
from kimi_api._settings.wrong import from_validation
from kimi_api.bulk import FileResult, Source, aextract_many, extract_many, files_of
from kimi_api.client import KimiClient
from kimi_api.credentials import Region
from kimi_api.errors import KimiInputError
from kimi_api.files import SUPPORTED_SUFFIXES, ExtractedFile, FileCache
from kimi_api.files._sources import OpenedLater
from kimi_api.files._wait import WAIT_SECONDS

if TYPE_CHECKING:
    from typing import Unpack

    from fsspec import AbstractFileSystem

    from llama_index_kimi._setting_types import ReaderSettings

__all__ = ["FileInput", "KimiFileReader"]

logger: logging.Logger = logging.getLogger(__name__)

_CONNECTION = (
    "api_key",
    "base_url",
    "region",
    "timeout",
    "max_seconds",
    "max_answer_bytes",
    "max_retries",
    "default_headers",
    "http_client",
    "async_http_client",
)

FileInput = str | PurePath | bytes | BinaryIO
"""A path, the bytes themselves (their name in `extra_info["file_name"]`), or a file open in binary mode."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One file to read: where it is, what to call it, and the metadata it came with."""

    source: Source
    label: str
    path: str | None
    id: str | None
    info: Mapping[str, Any]


class KimiFileReader(BasePydanticReader):
    """Reads PDF, Office, e-book, image and source files into documents: one document a file.

        KimiFileReader().load_data("report.pdf")
        SimpleDirectoryReader("docs", file_extractor=KimiFileReader().file_extractor()).load_data()

    A file has at most 100 MB, an account 1,000 files, so the platform's copy is deleted after reading by default.
    Extraction is free: https://platform.kimi.ai/docs/api/files-upload

    At most `num_workers` files are under way at a time, counted over all calls on one reader (per event loop for
    asynchronous calls), because `SimpleDirectoryReader.aload_data()` starts every file at once.

    Raises:
        KimiInputError: an unknown argument, an impossible setting.
        KimiKeyError: no usable API key.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)

    is_remote: bool = True
    api_key: SecretStr | Callable[[], str] | None = Field(
        default=None, exclude=True, repr=False, description="None: MOONSHOT_API_KEY, KIMI_API_KEY."
    )
    base_url: str | None = Field(default=None, description="Address including /v1; None: as for Kimi.")
    region: Region | None = Field(
        default=None, description="international (the default) or china, where no address is given; as for Kimi."
    )
    timeout: float | None = Field(default=None, description="Seconds without a byte; None: 10 to connect, 900 to read.")
    parse_timeout: float = Field(default=WAIT_SECONDS, gt=0, description="Seconds the platform may take for one file.")
    max_seconds: float | None = Field(
        default=None, gt=0, description="Seconds that one file may take as a whole, retries included. None: no limit."
    )
    max_answer_bytes: int | None = Field(
        default=None, gt=0, description="Bytes that an answer's body, such as a file's text, may hold. None: 256 MB."
    )
    max_retries: int = Field(default=2, ge=0, description="n means n + 1 requests at most.")
    num_workers: int = Field(default=4, ge=1, description="Files under way at a time.")
    show_progress: bool = Field(default=False, description="Show a progress bar.")
    raise_on_error: bool = Field(
        default=True, description="False: a file that fails is logged and left out, and the others are read."
    )
    delete_after: bool = Field(default=True, description="Delete the platform's copy after reading.")
    cache: FileCache = Field(
        default_factory=FileCache,
        exclude=True,
        repr=False,
        description="Where texts are kept by content: in memory, or e.g. FileCache.on_disk().",
    )
    # As on Kimi: headers may hold credentials, clients cannot be written down.
    default_headers: dict[str, str] | None = Field(
        default=None, exclude=True, repr=False, description="Headers of every request."
    )
    http_client: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="An httpx or httpx2 client to use instead of the process's shared one.",
    )
    async_http_client: Any = Field(
        default=None, exclude=True, repr=False, description="Its asynchronous twin, for one event loop only."
    )

    _connection: Followed | None = PrivateAttr(default=None)
    _slots: Slots = PrivateAttr()

    def __init__(self, **settings: Unpack[ReaderSettings]) -> None:
        known = constructor_settings(settings, type(self).model_fields)
        try:
            super().__init__(**known)
        except ValidationError as error:
            raise from_validation(error) from None
        self._reset()
        self._connect()

    @classmethod
    def model_json_schema(cls, *args: object, **kwargs: object) -> dict[str, Any]:
        """The schema of the constructor's arguments, as pydantic gives it; without functions and other objects."""
        return settings_schema(super().model_json_schema, *args, **kwargs)

    @classmethod
    def class_name(cls) -> str:
        """The name this class is stored under."""
        return "KimiFileReader"

    def file_extractor(self, suffixes: Iterable[str] = SUPPORTED_SUFFIXES) -> dict[str, BaseReader]:
        """`{suffix: self}` for `SimpleDirectoryReader(file_extractor=...)`."""
        return dict.fromkeys(suffixes, self)

    # ------------------------------------------------------------------------------------ reading

    def load_data(
        self,
        file: FileInput | Sequence[FileInput],
        extra_info: Mapping[str, Any] | None = None,
        fs: AbstractFileSystem | None = None,
    ) -> list[Document]:
        """The documents of a file, of several, or of every supported file below a directory, in that order.

        Args:
            file: see `FileInput`. Entries of a list must be files.
            extra_info: metadata for each document, copied; beats ours. For bytes `file_name` is needed.
            fs: an fsspec filesystem to open paths with.

        Raises:
            KimiInputError: a file that cannot be sent, found before sending it.
            KimiFileError: the platform could not parse it.
            KimiAPIError: the platform refused the request, or cannot be reached.
        """
        return list(self.lazy_load_data(file, extra_info, fs))

    def lazy_load_data(  # type: ignore[override] - BaseReader leaves the arguments open
        self,
        file: FileInput | Sequence[FileInput],
        extra_info: Mapping[str, Any] | None = None,
        fs: AbstractFileSystem | None = None,
    ) -> Generator[Document, None, None]:
        """`load_data`, one document at a time: at most `num_workers` files are read ahead."""
        jobs = _jobs(file, extra_info, fs)
        with closing(extract_many(self._connect(), [job.source for job in jobs], **self._options(jobs))) as results:
            for job, result in zip(jobs, results, strict=True):
                if result.file is not None:
                    yield _document(job, result.file)
                else:
                    self._warn_or_raise(job, result)

    async def aload_data(
        self,
        file: FileInput | Sequence[FileInput],
        extra_info: Mapping[str, Any] | None = None,
        fs: AbstractFileSystem | None = None,
    ) -> list[Document]:
        """The asynchronous twin of `load_data`."""
        jobs = _jobs(file, extra_info, fs)
        documents: list[Document] = []
        async with aclosing(
            aextract_many(self._connect(), [job.source for job in jobs], **self._options(jobs))
        ) as results:
            left = iter(jobs)
            async for result in results:
                job = next(left)
                if result.file is not None:
                    documents.append(_document(job, result.file))
                else:
                    self._warn_or_raise(job, result)
        return documents

    async def alazy_load_data(  # type: ignore[override] - BaseReader leaves the arguments open
        self,
        file: FileInput | Sequence[FileInput],
        extra_info: Mapping[str, Any] | None = None,
        fs: AbstractFileSystem | None = None,
    ) -> Iterable[Document]:
        """The same as `aload_data`: core awaits one iterable, so there is nothing to be lazy about."""
        return await self.aload_data(file, extra_info, fs)

    def _options(self, jobs: Sequence[_Job]) -> dict[str, Any]:
        return {
            "at_once": min(self.num_workers, max(len(jobs), 1)),
            "cache": self.cache,
            "delete_after": self.delete_after,
            "timeout": self.parse_timeout,
            "show_progress": self.show_progress,
            "slots": self._slots,
            "description": "Reading files",
        }

    def _warn_or_raise(self, job: _Job, result: FileResult) -> None:
        """Raise the error of a file, or log it and go on with the next file, as the user chose."""
        error = result.error
        assert error is not None  # noqa: S101 - a result without a file has an error
        if self.raise_on_error:
            raise error
        logger.warning("left out %s: %s", job.label, error)

    # ------------------------------------------------------------------------------------ plumbing

    def _connect(self) -> KimiClient:
        self._connection = followed = follow(self, self._connection, names=_CONNECTION)
        return followed[1]

    def _reset(self) -> None:
        self._connection = None
        self._slots = Slots(self.num_workers)

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle carries: the fields. The key is among them only if it was passed in."""
        return {
            "__dict__": {**self.__dict__, "http_client": None, "async_http_client": None},
            "__pydantic_extra__": None,
            "__pydantic_fields_set__": set(self.model_fields_set),
            "__pydantic_private__": {},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        BaseModel.__setstate__(self, state)
        self._reset()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return type(self)(**self.__dict__)

    def __copy__(self) -> Self:
        return type(self)(**self.__dict__)


def _jobs(
    file: FileInput | Sequence[FileInput], extra_info: Mapping[str, Any] | None, fs: AbstractFileSystem | None
) -> list[_Job]:
    if extra_info is not None and not isinstance(extra_info, Mapping):
        remedy = 'pass e.g. {"topic": "opening hours"}'
        raise KimiInputError("extra_info", extra_info, "it is a dict of metadata", remedy)
    info = dict(extra_info or {})
    if isinstance(file, (str, PurePath)):
        return [_job(path, info, fs) for path in files_of(file, fs=fs)]
    if isinstance(file, Sequence) and not isinstance(file, (bytes, bytearray)):
        return [_job(entry, info, fs) for entry in file]
    return [_job(file, info, fs)]


def _job(source: FileInput, info: Mapping[str, Any], fs: AbstractFileSystem | None) -> _Job:
    if isinstance(source, (str, PurePath)):
        path = str(source)
        if fs is not None:
            return _Job(OpenedLater(PurePath(path).name, path, partial(fs.open, path, "rb")), path, path, path, info)
        return _Job(path, path, path, str(Path(source).absolute()), info)
    if source is None or isinstance(source, int | float | dict):
        rule = "it is the path of a file, bytes, or an open file"
        raise KimiInputError("file", source, rule, "pass e.g. 'report.pdf', or a list of them")
    name = info.get("file_name")
    if name is not None and not isinstance(name, str):
        raise KimiInputError('extra_info["file_name"]', name, "it is a text", 'pass e.g. "report.pdf"')
    if not name and not getattr(source, "name", None):
        raise KimiInputError(
            'extra_info["file_name"]',
            name,
            "the platform tells a file's type from the extension of its name, and bytes have none",
            'pass extra_info={"file_name": "report.pdf"}; load several files in one call each',
        )
    return _Job(source if name is None else (name, source), name or "an open file", None, None, info)


def _document(job: _Job, extracted: ExtractedFile) -> Document:
    """A document whose id and metadata are the same each time the same file is read.

    A node's hash covers all metadata: the platform's file id or a time stamp among them would make every run new to
    an `IngestionPipeline`.
    """
    metadata: dict[str, Any] = {"file_name": extracted.name}
    if job.path is not None:
        metadata["file_path"] = job.path
    if extracted.file_type:
        metadata["file_type"] = extracted.file_type
    return Document(
        text=extracted.text,
        id_=job.id or f"{extracted.name}-{extracted.sha256[:32]}",
        metadata={**metadata, **job.info},
    )
