"""Cassettes: files of recorded exchanges that vcrpy replays, and people read.

A JSON request is laid out, a stream stands line by line, and ``origin:`` on the first line says where the answers are
from. Addresses always name api.moonshot.ai. What is not text (an uploaded image) is kept as ``!!binary``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kimi_emulator.record.masking import KEPT_REQUEST_HEADERS, KEPT_RESPONSE_HEADERS, hide, keep_headers

__all__ = ["HOST", "Cassette", "Exchange", "lay_out", "write_entries"]

HOST = "https://api.moonshot.ai"


@dataclass(frozen=True)
class Exchange:
    """One request and its whole answer. ``path`` begins with ``/v1`` and has the query; header names in lower case."""

    place: int
    method: str
    path: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class _Text(str):
    """A string to write as a literal block."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def lay_out(entry: Mapping[str, Any], keys: Iterable[str] = ()) -> dict[str, Any]:
    """An interaction in vcrpy's form as it is stored: masked, readable, with the headers that are worth keeping."""
    request, response = entry["request"], entry["response"]
    body = _mask(request["body"], keys)
    if isinstance(body, str) and body.startswith("{"):
        body = _indent(body)
    answer = _mask(response["body"]["string"], keys)
    return {
        "request": {
            **request,
            "body": (_Text(body) if isinstance(body, str) else body) or None,
            "headers": keep_headers(request["headers"], KEPT_REQUEST_HEADERS),
        },
        "response": {
            **response,
            "headers": keep_headers(response["headers"], KEPT_RESPONSE_HEADERS),
            "body": {**response["body"], "string": _Text(answer) if isinstance(answer, str) else answer},
        },
    }


def _mask(body: str | bytes | None, keys: Iterable[str]) -> str | bytes:
    if isinstance(body, bytes | bytearray):
        try:
            body = body.decode()
        except UnicodeDecodeError:
            # Latin-1 gives every byte a character of its own, and takes it back.
            return hide(bytes(body).decode("latin-1"), keys).encode("latin-1")
    return hide(body or "", keys)


def _indent(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except ValueError:  # what was sent is no JSON, and was refused for it
        return text


def write_entries(stored: Mapping[str, Any] | list[Any]) -> str:
    """Laid out entries, or a whole cassette of them, as YAML."""
    text = yaml.dump(stored, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=4000)
    return text.removesuffix("...\n")  # the end of a document, behind a block that ends in blank lines: more may follow


@dataclass
class Cassette:
    """One file, written as exchanges end, in the order in which they began.

    An exchange that ends before an earlier one waits for it in memory; ``close`` writes what still waits.
    """

    path: Path
    origin: str
    keys: Iterable[str] = ()
    _begun: list[int] = field(default_factory=list)
    _ended: dict[int, Exchange | None] = field(default_factory=dict)
    _has_head: bool = False

    def begin(self, place: int) -> None:
        """An exchange has begun; its end is due."""
        self._begun.append(place)

    def end(self, place: int, exchange: Exchange | None) -> None:
        """It has ended; None leaves it out."""
        self._ended[place] = exchange
        while self._begun and self._begun[0] in self._ended:
            self._write(self._ended.pop(self._begun.pop(0)))

    def close(self) -> None:
        """Write what ended, though something earlier never did."""
        for place in self._begun:
            self._write(self._ended.pop(place, None))
        self._begun.clear()

    def _write(self, exchange: Exchange | None) -> None:
        if exchange is None:
            return
        entry = {
            "request": {
                "method": exchange.method,
                "uri": HOST + hide(exchange.path, self.keys),
                "body": exchange.request_body,
                "headers": exchange.request_headers,
            },
            "response": {
                "status": {"code": exchange.status, "message": exchange.reason},
                "headers": exchange.headers,
                "body": {"string": exchange.body},
            },
        }
        text = write_entries([lay_out(entry, self.keys)])
        mode = "a" if self._has_head else "w"
        with self.path.open(mode, encoding="utf-8") as file:
            if not self._has_head:
                file.write(f"origin: {self.origin}\nversion: 1\ninteractions:\n")
                self._has_head = True
            file.write(text)
