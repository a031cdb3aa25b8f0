"""JSON that is sent and received: bodies of requests, events of streams. Pure, and on the way of every call and chunk.

With `orjson` a body of 200 messages and 20 tools is written in 85 us, the search for NaN included, where `json` takes
320, and an event is read in 0.7 in place of 2.1 (`make bench`). It writes the same bytes, small fractions apart:
0.00001 for 1e-05. What it refuses or cannot tell (keys that are numbers, NaN) is `json`'s, whose errors are known.
Without it (other Pythons than CPython) all is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, time
from functools import cache
from typing import Any


def encode_json(value: object) -> bytes:
    """`value` as JSON in UTF-8, without blanks. The same value gives the same bytes.

    Raises:
        TypeError, ValueError, RecursionError: JSON has no form for something in it; `kimi_api._content.unsendable`
            says for what, and where. `UnicodeEncodeError` is a `ValueError`.
    """
    try:
        text = _fast_encoder()(value)
    except TypeError:  # its `JSONEncodeError` is one
        text = b"null"
    # Not in that block: an error would bring the other one along.
    return _encode_slowly(value) if _may_hold_null(text) else text


def _may_hold_null(text: bytes) -> bool:
    """Whether a null stands in `text`, or may: `orjson` writes NaN and infinity so, which `json` refuses."""
    place = text.find(b"null")
    while place > 0:
        if text[place - 1] in b":[,":
            return True
        place = text.find(b"null", place + 4)
    return place == 0


def decode_json(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The value in `text`, as `json` reads it; `orjson` does it in a third of the time, or refuses.

    Whole numbers of more than 64 bits may come as floats.

    Raises:
        json.JSONDecodeError: it is no JSON.
        ValueError, RecursionError: a number of thousands of digits; nested too deeply.
    """
    try:
        return _fast_decoder()(text)
    except ValueError:
        # Half a surrogate pair, NaN and infinity are read by `json` alone: outside, so that its error is alone, too.
        decode = json.loads
    return decode(text)


def plain_form(value: object) -> object:
    """What stands in JSON for a value that has one plain form: ids, dates, members of enumerations, pydantic's models.

    Raises:
        TypeError: it has none.
    """
    from enum import Enum
    from uuid import UUID

    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    from pydantic import BaseModel  # which a program with such a value has loaded

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _encode_slowly(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=plain_form)
    return text.encode()


@cache
def _fast_encoder() -> Callable[[object], bytes]:
    """`orjson`'s writer, or ours where there is none for this Python. `plain_form` decides in both."""
    try:
        import orjson
    except ImportError:
        return _encode_slowly
    dumps, options = orjson.dumps, orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

    def encode(value: object) -> bytes:
        return dumps(value, plain_form, options)

    return encode


@cache
def _fast_decoder() -> Callable[[str | bytes], Any]:
    """`orjson`'s reader, or `json`'s where there is none for this Python."""
    try:
        import orjson
    except ImportError:
        return json.loads
    return orjson.loads
