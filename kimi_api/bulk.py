"""`extract_many`: the texts of many files. A few at a time, in their order, with errors beside the results.

A run that was killed is simply started again: with a cache on disk, files that are done come from it, copies that were
uploaded but not read are read, and nothing is sent twice.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from glob import glob as globbed
from glob import has_magic
from pathlib import Path, PurePath
from typing import Protocol

from kimi_api import errors, retry
from kimi_api._many import Slots, aordered_map, ordered_map, progress
from kimi_api._transport.deadline import within
from kimi_api._transport.steps import Pause, Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError, KimiFileError, KimiInputError
from kimi_api.files._extract import SUPPORTED_SUFFIXES, ExtractedFile, extract_in_steps
from kimi_api.files._leftovers import prune_in_steps, recover_ids
from kimi_api.files._records import Account
from kimi_api.files._sources import FileSource, OpenedLater, open_source
from kimi_api.files._uploads import may_be_stored
from kimi_api.files._wait import WAIT_SECONDS, is_gone
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger, default_ledger

__all__ = ["FileResult", "Source", "aextract_many", "concerns_all", "extract_many", "find_files"]

Source = FileSource | OpenedLater | tuple[str, FileSource]
"""A path or an open file; or any of these, or bytes, with the name to send: `("report.pdf", data)`."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file of many: its text, or what went wrong.

    Attributes:
        source: as given.
        label: the path as given, or the file's name.
        file: the text and what is known of the file; None after an error.
        error: what went wrong; None after success.
    """

    source: Source
    label: str
    file: ExtractedFile | None = None
    error: KimiError | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a text."""
        return self.file is not None

    @property
    def cached(self) -> bool:
        """Whether the text came from the cache, so that nothing was sent."""
        return self.file is not None and self.file.cached


def extract_many(
    client: KimiClient,
    sources: Iterable[Source],
    *,
    at_once: int = 4,
    retries: int = 2,
    cache: FileCache | None = None,
    ledger: Ledger | None = None,
    show_progress: bool = False,
    delete_after: bool = True,
    timeout: float = WAIT_SECONDS,
    slots: Slots | None = None,
    description: str = "Extracting",
) -> Generator[FileResult, None, None]:
    """The texts of `sources`, one result for each, in their order; at most `at_once` are under way or waiting.

    The results come as they are asked for, so a run over any number of files needs the memory of a few. Names are sent
    with a piece of the content's hash in them (`report-3f9a12bc44de0011.pdf`): by it a copy is known again for certain.

    Args:
        client: how to reach the platform.
        sources: paths or open files (bytes as `(name, bytes)`), taken one by one unless a progress bar is shown.
        at_once: how many are worked on at a time, in threads.
        retries: how often a file is started again after a failure that may pass; each of its requests has the client's
            `max_retries` besides.
        cache: `FileCache.on_disk()` to go on after a crash; None remembers this run's files, so that equal ones are
            sent once (unless they are under way at the same time).
        ledger: where uploads are noted; None is the user's on this machine.
        show_progress: show a bar (by tqdm).
        delete_after: delete the platform's copies, also after errors and Ctrl-C.
        timeout: seconds that the platform may take to parse one file.
        slots: shared by calls that are to have at most so many files under way together.
        description: what the bar says.

    Raises:
        KimiInputError: an argument with an impossible value. A file that cannot be sent is a result with an error.
        KimiAPIError: what every further file would meet too: no key or a wrong one (401, 403), an empty account, no
            connection at all.
    """
    run = _run(client, at_once, retries, cache, ledger, delete_after, timeout, slots, description)
    return _extract_many(run, sources, show_progress)


def _extract_many(run: _Run, sources: Iterable[Source], show_progress: bool) -> Generator[FileResult, None, None]:
    items, total = _count(sources, show_progress)
    drive(run.client, run.prepare())
    with (
        progress(total, run.description, enabled=show_progress) as advance,
        closing(ordered_map(run.extract, items, run.at_once)) as results,
    ):
        for result in results:
            advance()
            yield _check(result)
    drive(run.client, run.clean_up())


def aextract_many(
    client: KimiClient,
    sources: Iterable[Source],
    *,
    at_once: int = 4,
    retries: int = 2,
    cache: FileCache | None = None,
    ledger: Ledger | None = None,
    show_progress: bool = False,
    delete_after: bool = True,
    timeout: float = WAIT_SECONDS,
    slots: Slots | None = None,
    description: str = "Extracting",
) -> AsyncGenerator[FileResult, None]:
    """The asynchronous twin of `extract_many`, to be iterated with `async for`."""
    run = _run(client, at_once, retries, cache, ledger, delete_after, timeout, slots, description)
    return _aextract_many(run, sources, show_progress)


async def _aextract_many(run: _Run, sources: Iterable[Source], show_progress: bool) -> AsyncGenerator[FileResult, None]:
    items, total = _count(sources, show_progress)
    await adrive(run.client, run.prepare())
    with progress(total, run.description, enabled=show_progress) as advance:
        async with aclosing(aordered_map(run.aextract, items, run.at_once)) as results:
            async for result in results:
                advance()
                yield _check(result)
    await adrive(run.client, run.clean_up())


@dataclass(frozen=True, slots=True)
class _Run:
    """What the files of one run share."""

    client: KimiClient
    at_once: int
    retries: int
    cache: FileCache
    ledger: Ledger
    delete_after: bool
    timeout: float
    slots: Slots
    description: str

    def prepare(self) -> Steps[None]:
        """Learn what earlier runs that were killed have left."""
        try:
            yield from recover_ids(Account.of(self.client, self.ledger))
        except KimiError as error:
            if concerns_all(error):
                raise

    def extract(self, source: Source) -> FileResult:
        """One file, when there is room for it."""
        with self.slots.of_threads, within(self.client.deadline()):
            return drive(self.client, self.one(source))

    async def aextract(self, source: Source) -> FileResult:
        """The asynchronous twin of `extract`."""
        async with self.slots.of_loop():
            with within(self.client.deadline()):
                return await adrive(self.client, self.one(source))

    def one(self, source: Source) -> Steps[FileResult]:
        """One file; started again where that may help."""
        name, content = source if isinstance(source, tuple) else (None, source)
        label = name or (os.fspath(content) if isinstance(content, (str, os.PathLike)) else str(type(content).__name__))
        tries = 0
        while True:
            try:
                file = open_source(content, name)
                label = file.label
                steps = extract_in_steps(
                    self.client, file, self.delete_after, self.timeout, self.cache, self.ledger, tagged=True
                )
                return FileResult(source, label, (yield from steps))
            except KimiError as error:
                tries += 1
                if tries > self.retries or not may_pass(error):
                    if not isinstance(error, (KimiInputError, KimiFileError)):
                        error.add_note(f"while extracting {label}")
                    return FileResult(source, label, error=error)
                yield Pause(retry.wait_seconds(tries, getattr(error, "retry_after", None)))

    def clean_up(self) -> Steps[None]:
        """Remove what earlier runs left and nobody asked for again, and what could not be deleted at once."""
        try:
            yield from prune_in_steps(Account.of(self.client, self.ledger))
        except KimiError as error:
            if concerns_all(error):
                raise


def concerns_all(error: KimiError) -> bool:
    """Whether every other file would fail in the same way.

    True for a missing or wrong key, an account without money or permission, and a host that cannot be reached. What
    the platform says of one request (a rate limit, an overload, a time-out, a 5xx), also after its retries, it need not
    say of the next.
    """
    if isinstance(error, (KimiInputError, KimiFileError)):
        return isinstance(error, errors.KimiKeyError)
    if isinstance(error, errors.KimiConnectionError):
        return error.unreached
    return isinstance(error, (errors.KimiAuthenticationError, errors.KimiPermissionError, errors.KimiQuotaError))


def find_files(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, glob: str = "**/*") -> list[Path]:
    """The files that `paths` stand for, those of a directory or pattern in the order of their names.

    Args:
        paths: files, which are taken whatever their kind, directories, and patterns such as "docs/**/*.pdf".
        glob: which files of a directory; hidden ones and kinds that are not extracted are passed over.

    Raises:
        KimiInputError: no path; a directory or pattern without a file that can be extracted.
    """
    return [Path(file) for path in as_paths(paths) for file in files_of(path, glob=glob)]


def as_paths(paths: object) -> list[Path]:
    """One path or several as a list.

    Raises:
        KimiInputError: `paths` or one of them is no path, or is empty: "" would be the working folder, and all that is
            in it would be uploaded.
    """
    several = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    if not isinstance(several, Iterable):
        raise _no_path(paths)
    checked = []
    for path in several:
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            raise _no_path(path)
        checked.append(Path(path))
    return checked


def _no_path(value: object) -> KimiInputError:
    return KimiInputError(
        "path", value, "it is the path of a file or directory", "pass '.' for the working directory, or a list of paths"
    )


class FileSystem(Protocol):
    """What is asked of an fsspec filesystem."""

    def isdir(self, path: str) -> bool:
        """Whether `path` is a directory."""
        ...

    def find(self, path: str) -> Iterable[str]:
        """The files below a directory."""
        ...


def files_of(path: str | PurePath, *, glob: str = "**/*", fs: FileSystem | None = None) -> Sequence[str | PurePath]:
    """The files that one path stands for; see `find_files`.

    Args:
        path: a file, directory or pattern.
        glob: which files of a directory of this machine.
        fs: an fsspec filesystem that the path belongs to.
    """
    inside: Sequence[str | PurePath]
    if not str(path):
        raise _no_path(path)
    if fs is not None:
        if not fs.isdir(str(path)):
            return [path]
        root = PurePath(path)
        inside = [file for file in sorted(fs.find(str(path))) if _is_visible(PurePath(file), root)]
    elif Path(path).is_dir():
        root = Path(path)
        inside = [file for file in sorted(root.glob(glob)) if _is_visible(file, root) and file.is_file()]
    elif has_magic(str(path)) and not Path(path).exists():
        inside = [file for file in map(Path, sorted(globbed(str(path), recursive=True))) if file.is_file()]
    else:
        return [path]
    files = [file for file in inside if PurePath(file).suffix.lower() in SUPPORTED_SUFFIXES]
    if not files:
        raise KimiInputError(
            "paths",
            str(path),
            f"it contains no file that can be extracted (glob={glob!r})",
            "check path and pattern, or pass the paths of the files: a file that is passed by its path is always "
            "sent. kimi_api.files.SUPPORTED_SUFFIXES lists the kinds",
        )
    return files


def _is_visible(file: PurePath, directory: PurePath) -> bool:
    inside = file.relative_to(directory) if file.is_relative_to(directory) else PurePath(file.name)
    return not any(part.startswith(".") for part in inside.parts)


def _run(
    client: KimiClient,
    at_once: int,
    retries: int,
    cache: FileCache | None,
    ledger: Ledger | None,
    delete_after: bool,
    timeout: float,
    slots: Slots | None,
    description: str,
) -> _Run:
    if at_once < 1:
        raise KimiInputError("at_once", at_once, "it is 1 or more", "leave it out for 4")
    if retries < 0:
        raise KimiInputError("retries", retries, "it is 0 or more", "leave it out for 2")
    own = FileCache() if cache is None else cache
    return _Run(
        client,
        at_once,
        retries,
        own,
        ledger or default_ledger(),
        delete_after,
        timeout,
        slots or Slots(at_once),
        description,
    )


def _count(sources: Iterable[Source], count: bool) -> tuple[Iterable[Source], int]:
    if isinstance(sources, Sequence):
        return sources, len(sources)
    if not count:
        return sources, 0
    files = list(sources)
    return files, len(files)


def _check(result: FileResult) -> FileResult:
    """The result, unless no other can be better. Raised here, where the caller's own frames are."""
    if result.error is not None and concerns_all(result.error):
        raise result.error
    return result


def may_pass(error: KimiError) -> bool:
    """Whether a file that failed like this may succeed when it is started again."""
    if concerns_all(error):
        return False
    if isinstance(error, KimiFileError):
        return is_gone(error)
    if not isinstance(error, errors.KimiAPIError) or isinstance(error, errors.KimiDeadlineError):
        return False
    # Uploads and texts cost nothing, so what may have been done already can be asked for again.
    return may_be_stored(error) or retry.is_retryable(error)
