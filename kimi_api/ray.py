"""`KimiChat` and `KimiExtract`: classes for Ray Data's `map_batches`, whose workers share the account's limits.

    answers = prompts.map_batches(KimiChat, fn_constructor_kwargs={"client": client, "key": "id"}, batch_size=50)

A batch is a dict of columns. Each row comes out once, in its place, with all its columns; what went wrong stands in
its columns `error`, `error_message` and `retryable`. With `results` each answer or text is kept as soon as it is there:
a batch whose worker died, or a run that was stopped, goes on from there, and nothing is paid twice.

Nothing of Ray is imported, so the classes work on any dict of columns. https://docs.ray.io/en/latest/data/data.html
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from copy import copy
from pathlib import PurePath
from typing import Any

from kimi_api import chat
from kimi_api._many import ordered_map
from kimi_api._settings.connection import BeforeSend
from kimi_api._warn import warn_once
from kimi_api.bulk import FileResult, concerns_all, extract_many, may_pass
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError, KimiInputError, KimiLimitError
from kimi_api.errors._masks import mask_ids
from kimi_api.files._wait import WAIT_SECONDS
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger
from kimi_api.options import ChatOptions
from kimi_api.reply import Reply
from kimi_api.request import ChatRequest, build_request
from kimi_api.usage import Usage

__all__ = ["KimiChat", "KimiExtract"]

_UNBOUNDED = 1 << 60  # bytes: what was paid for is not evicted

Batch = Mapping[str, Any]
"""Columns by name: arrays (as Ray gives them) or lists, all of one length."""


Row = Mapping[str, str | int | bool]
"""What a row has in the columns that are added; a column that it says nothing of is empty there, 0 or False."""

_FAILURE: Row = {"error": "", "error_message": "", "retryable": False}
_ANSWER: Row = {
    "answer": "",
    "reasoning": "",
    "finish_reason": "",
    "prompt_tokens": 0,
    "cached_tokens": 0,
    "completion_tokens": 0,
    **_FAILURE,
}
_TEXT: Row = {"text": "", "title": "", "file_type": "", "sha256": "", **_FAILURE}


class KimiChat:
    """The answers to a column of prompts.

    It adds the columns `answer`, `reasoning`, `finish_reason` (texts), `prompt_tokens`, `cached_tokens`,
    `completion_tokens` (whole numbers), `error` (the error's class, "" where all is well), `error_message`, and
    `retryable` (whether asking again may help and cannot be paid twice). A failed row keeps the part of its answer
    that had arrived; what the client's `before_send` refuses is one. Columns of these names are replaced, so failed
    rows can go through a second time. Half surrogate pairs in an answer become U+FFFD: Arrow cannot hold them.

    Args:
        client: how to reach the platform. Give it `account_limits` with a `RedisStore`, which all workers then share.
            None: a client by the worker's own environment.
        options: the model and its settings, the same for all rows. Set `max_tokens`: the account's limits count what is
            asked for.
        system: a system message put in front of each prompt.
        prompt: the column of the prompts: texts, or lists of wire messages.
        key: a column that names each row, so that equal prompts of different rows have an answer each. None: equal
            prompts may share one.
        at_once: how many calls of one worker are under way or wait for their turn. All workers together need at least
            the account's concurrency.
        results: a directory that all workers see (or a `FileCache` there), which keeps the answers. It is as private as
            they are. None: a batch that is begun again asks for all its answers again.

    Raises:
        KimiInputError: an argument, or a batch, that cannot be. A row that cannot be is a row with an error.
        KimiError: on a batch: what every other row would meet too, so that the run ends: no key or a wrong one, an
            empty account, no connection at all, the day's tokens used up, the store of the limits out of reach.
    """

    def __init__(
        self,
        *,
        client: KimiClient | None = None,
        options: ChatOptions | None = None,
        system: str | None = None,
        prompt: str = "prompt",
        key: str | None = None,
        at_once: int = 16,
        results: FileCache | str | os.PathLike[str] | None = None,
    ) -> None:
        self.client: KimiClient = _with_guard(_check_client(client))
        self.options: ChatOptions = options or ChatOptions()
        self.system = system
        self.prompt = prompt
        self.key = key
        self.at_once: int = _check_number(at_once)
        self.results: FileCache | None = _as_cache(results)
        build_request(self.options, _messages("", system))  # a setting that is wrong for every row is an error at once

    def __call__(self, batch: Batch) -> dict[str, Any]:
        """The batch with the columns above."""
        prompts = _column(batch, self.prompt)
        keys = [None] * len(prompts) if self.key is None else _column(batch, self.key)
        rows = list(zip(prompts, keys, strict=True))
        # All rows may wait for the slowest one before them: only `at_once` bounds what is under way.
        with closing(ordered_map(self._row, rows, self.at_once, window=len(rows))) as outcomes:
            return _with_columns(batch, _ANSWER, outcomes)

    def _row(self, row: tuple[object, object]) -> Row:
        """What comes out for one row."""
        prompt, key = row
        try:
            request = build_request(self.options, _messages(prompt, self.system))
            name = f"{self.client.base_url} chat {key} {_digest(request)}"
            known = None if self.results is None else self.results.get(name)
            if known is not None:
                return known
            columns = _answer_columns(chat.complete(self.client, request))
        except KimiError as error:
            return {**_partial_columns(error), **_failure_columns(error, getattr(error, "retryable", False))}
        except _RefusalError as refusal:
            return {**_partial_columns(refusal), **_error_columns(refusal.reason, retryable=False)}
        if self.results is not None:
            self.results.put(name, columns)
        return columns


class KimiExtract:
    """The texts of a column of files.

    It adds the columns `text`, `title`, `file_type`, `sha256` (of the file, in hex), `error`, `error_message` and
    `retryable`, as `KimiChat` does. The platform's copies are deleted; those that a killed worker left are read or
    deleted by the next batch on its machine.

    Args:
        client: how to reach the platform; None: a client by the worker's own environment.
        path: the column of the files' paths on the worker's machine.
        content: the column of their bytes, as `ray.data.read_binary_files(..., include_paths=True)` makes it ("bytes");
            the path then only names the file. None: the worker reads the path.
        at_once: how many files of one worker are under way.
        retries: how often a file is started again after a failure that may pass.
        timeout: seconds that the platform may take to parse one file.
        results: a directory that all workers see (or a `FileCache` there), which keeps the texts by the files' content.
        ledger: where uploads are noted; None is the user's on the worker's machine.

    Raises:
        KimiInputError, KimiError: as `KimiChat` does.
    """

    def __init__(
        self,
        *,
        client: KimiClient | None = None,
        path: str = "path",
        content: str | None = None,
        at_once: int = 4,
        retries: int = 2,
        timeout: float = WAIT_SECONDS,
        results: FileCache | str | os.PathLike[str] | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.client: KimiClient = _check_client(client)
        self.path = path
        self.content = content
        self.at_once: int = _check_number(at_once)
        self.retries = retries
        self.timeout = timeout
        self.results: FileCache | None = _as_cache(results)
        self.ledger = ledger

    def __call__(self, batch: Batch) -> dict[str, Any]:
        """The batch with the columns above."""
        paths = _column(batch, self.path)
        contents = [None] * len(paths) if self.content is None else _column(batch, self.content)
        sources = [self._source(path, data) for path, data in zip(paths, contents, strict=True)]
        extracted = extract_many(
            self.client,
            [source for source in sources if not isinstance(source, KimiInputError)],
            at_once=self.at_once,
            retries=self.retries,
            timeout=self.timeout,
            cache=self.results,
            ledger=self.ledger,
        )
        with closing(extracted):
            outcomes = [
                _failure_columns(source, False)
                if isinstance(source, KimiInputError)
                else _text_columns(next(extracted))
                for source in sources
            ]
            next(extracted, None)  # to its end, where what was left on the platform is removed
        return _with_columns(batch, _TEXT, outcomes)

    def _source(self, path: object, data: object) -> str | tuple[str, bytes] | KimiInputError:
        """What to extract for one row, or why it cannot be."""
        if not isinstance(path, str) or not path:
            return KimiInputError(self.path, path, "it is the path of a file", "correct the row, or filter it out")
        if self.content is None:
            return path
        if not isinstance(data, bytes):
            return KimiInputError(
                str(self.content), data, "it holds the bytes of a file", "correct the row, or filter it out"
            )
        return PurePath(path).name, data


# ------------------------------------------------------------------------------------------------- arguments


def _check_client(client: KimiClient | None) -> KimiClient:
    client = KimiClient() if client is None else client
    limits = client.account_limits
    if limits is not None and limits.store is None:
        warn_once(
            ("ray", "store"),
            "account_limits are counted by each worker for itself, so that several workers together exceed them. "
            "Give them a store that all share: AccountLimits(..., store=RedisStore(url)); for a single worker, "
            "store=MemoryStore()",
        )
    return client


class _RefusalError(Exception):
    """What `before_send` raised to refuse a row. It concerns no other row, so the run goes on.

    Attributes:
        reason: the function's own error.
        partial: see `KimiError`.
    """

    partial: Reply | None = None

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason: Exception = reason


class _Guard:
    """A `before_send` whose errors can be told from those of everything else. As picklable as the function."""

    def __init__(self, before_send: BeforeSend) -> None:
        self.before_send: BeforeSend = before_send

    def __call__(self, body: dict[str, Any]) -> Mapping[str, Any] | None:
        try:
            return self.before_send(body)
        except KimiError:
            raise
        except Exception as error:
            raise _RefusalError(error) from error


def _with_guard(client: KimiClient) -> KimiClient:
    """The client, or a copy of it whose `before_send` is watched."""
    if client.before_send is None:
        return client
    guarded = copy(client)
    guarded.before_send = _Guard(client.before_send)
    return guarded


def _check_number(at_once: int) -> int:
    if not isinstance(at_once, int) or isinstance(at_once, bool) or at_once < 1:
        raise KimiInputError("at_once", at_once, "it is a whole number, 1 or more", "leave it out")
    return at_once


def _as_cache(results: FileCache | str | os.PathLike[str] | None) -> FileCache | None:
    if results is None or isinstance(results, FileCache):
        return results
    return FileCache.on_disk(results, max_bytes=_UNBOUNDED)


# ------------------------------------------------------------------------------------------------- rows and columns


def _column(batch: object, name: str) -> list[Any]:
    """The cells of a column, as plain Python values.

    Raises:
        KimiInputError: the batch is no dict of columns, or has none of this name.
    """
    if not isinstance(batch, Mapping):
        raise KimiInputError(
            "batch", type(batch).__name__, "it is a dict of columns", 'leave batch_format out, or set it to "numpy"'
        )
    if name not in batch:
        raise KimiInputError("batch", sorted(batch), f"it needs the column {name!r}", "name the column that it has")
    return [_plain(cell) for cell in batch[name]]


def _plain(cell: object) -> object:
    """A cell without numpy's types; of dicts without the members that Arrow filled up with None."""
    if (tolist := getattr(cell, "tolist", None)) is not None:
        cell = tolist()
    if isinstance(cell, Mapping):
        return {name: _plain(value) for name, value in cell.items() if value is not None}
    if isinstance(cell, (list, tuple)):
        return [_plain(item) for item in cell]
    return cell


def _messages(prompt: object, system: str | None) -> list[dict[str, Any]]:
    """The wire messages of one row."""
    if isinstance(prompt, str):
        messages: list[Any] = [{"role": "user", "content": prompt}]
    elif isinstance(prompt, Sequence) and prompt and all(isinstance(message, Mapping) for message in prompt):
        messages = list(prompt)
    else:
        raise KimiInputError(
            "prompt", prompt, "it is a text, or a list of wire messages", "correct the row, or filter it out"
        )
    return [{"role": "system", "content": system}, *messages] if system else messages


def _digest(request: ChatRequest) -> str:
    """What tells requests apart: everything that is sent."""
    text = json.dumps(request.body, sort_keys=True, ensure_ascii=False, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _answer_columns(reply: Reply) -> Row:
    usage = reply.usage or Usage()
    return {
        "answer": _storable(reply.content),
        "reasoning": _storable(reply.reasoning or ""),
        "finish_reason": reply.finish_reason or "",
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
    }


def _text_columns(result: FileResult) -> Row:
    if result.error is not None:
        return _failure_columns(result.error, may_pass(result.error))
    file = result.file
    assert file is not None  # noqa: S101 - a result has one of the two
    text, title = _storable(file.text), _storable(file.title)
    return {"text": text, "title": title, "file_type": file.file_type, "sha256": file.sha256}


def _failure_columns(error: KimiError, retryable: bool) -> Row:
    """What a row has of its error; one that every other row would meet too is raised."""
    if concerns_all(error) or isinstance(error, KimiLimitError):
        raise error
    return _error_columns(error, retryable=retryable)


def _error_columns(error: Exception, *, retryable: bool) -> Row:
    message = _storable(mask_ids(str(error)))
    return {"error": type(error).__name__, "error_message": message, "retryable": bool(retryable)}


def _partial_columns(error: KimiError | _RefusalError) -> Row:
    return {} if error.partial is None else _answer_columns(error.partial)


def _storable(text: str) -> str:
    """`text` as Arrow can hold it, which takes no half surrogate pairs."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _with_columns(batch: Batch, empty: Row, rows: Iterable[Row]) -> dict[str, Any]:
    """The batch, with the columns of `empty` as its rows have them: arrays if it holds arrays, else lists."""
    whole = [{**empty, **row} for row in rows]
    columns: dict[str, Any] = {name: [row[name] for row in whole] for name in empty}
    numpy = sys.modules.get("numpy")  # a caller that passes arrays has loaded it
    if numpy is not None and any(isinstance(column, numpy.ndarray) for column in batch.values()):
        for name, value in empty.items():
            # Texts as objects: in an array of numpy's own strings each cell has room for the longest one.
            columns[name] = numpy.array(columns[name], object if isinstance(value, str) else type(value))
    return {**batch, **columns}
