"""What is sent and received as JSON: `orjson` and `json` agree to the byte, and about what they refuse."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from kimi_api import _json
from kimi_api._json import decode_json, encode_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INTEGERS = st.integers(-(2**63), 2**64 - 1)
EXACT = st.none() | st.booleans() | st.integers() | TEXT
READ = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT


def values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=30)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Note(BaseModel):
    text: str = "a"
    extra: int = 1


@pytest.fixture(params=["orjson", "json"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each test runs with `orjson`, and as on a Python that has none."""
    if request.param == "json":
        monkeypatch.setitem(sys.modules, "orjson", None)
    _json._fast_encoder.cache_clear()
    _json._fast_decoder.cache_clear()
    yield request.param
    _json._fast_encoder.cache_clear()
    _json._fast_decoder.cache_clear()


def plain(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


# ------------------------------------------------------------------------------------------------ writing


@given(values(EXACT))
def test_the_bytes_are_those_of_json(value: Any) -> None:
    assert encode_json(value) == plain(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_is_the_same_number(value: float) -> None:
    assert repr(json.loads(encode_json(value))) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        10**4_000,
        {1: "a", None: "b", False: "c", 0.5: "d"},
        ["null", ":null", "[null]", 'a "null"', None, [None], {"a": None}],
        (1, 2),
        "\u2028\x7f\x00 \U0001f600",
        Level.HIGH,
        1e22,
        -0.0,
    ],
    ids=repr,
)
def test_odd_values_too(library: str, value: Any) -> None:
    assert encode_json({"x": value}) == plain({"x": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Colour.RED, "red"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.datetime(2026, 11, 29, 12, 0, 1, 5, tzinfo=datetime.UTC), "2026-11-29T12:00:01.000005+00:00"),
        (datetime.date(2026, 11, 29), "2026-11-29"),
        (datetime.time(12, 30), "12:30:00"),
        (Note(text="b"), {"text": "b"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_with_one_plain_form_goes_out_in_it(library: str, value: Any, text: Any) -> None:
    assert encode_json({"x": [value]}) == plain({"x": [text]})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("around", [lambda x: x, lambda x: [x], lambda x: [1, x], lambda x: {"a": x}])
def test_what_json_has_no_number_for_is_refused(library: str, number: float, around: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json(around(number))


@pytest.mark.parametrize("value", [{1}, b"a", decimal.Decimal(1), object(), 1j, Note], ids=lambda v: type(v).__name__)
def test_what_has_no_plain_form_is_refused_in_the_words_of_json(library: str, value: object) -> None:
    with pytest.raises(TypeError, match="is not JSON serializable") as caught:
        encode_json({"x": value})
    assert "orjson" not in str(type(caught.value.__context__))


def test_half_a_surrogate_pair_cannot_be_written(library: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_json({"x": "bad \ud800 text"})


def test_a_value_that_holds_itself_is_refused(library: str) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises((ValueError, RecursionError)):
        encode_json(circle)


# ------------------------------------------------------------------------------------------------ reading


@given(values(READ))
def test_what_was_written_is_read(value: Any) -> None:
    text = json.dumps(value)
    assert repr(decode_json(text)) == repr(decode_json(text.encode())) == repr(json.loads(text))


def test_a_number_of_more_than_64_bits_is_read_as_nearly_as_a_float_can(library: str) -> None:
    assert decode_json(str(2**70 + 1)) == pytest.approx(2**70)


@pytest.mark.parametrize(
    "text", ['"\\ud83d"', "1e400", "-Infinity", '{"a": 1, "a": 2}', " [1] ", "[" * 2_000, "1" * 5_000]
)
def test_odd_texts_are_read_as_json_reads_them(library: str, text: str) -> None:
    try:
        expected = json.loads(text)
    except (ValueError, RecursionError) as error:
        with pytest.raises(type(error)):
            decode_json(text)
    else:
        assert decode_json(text) == expected


def test_nan_is_read(library: str) -> None:
    assert decode_json("[NaN]")[0] != decode_json("[NaN]")[0]


def test_the_error_for_no_json_is_that_of_json_and_alone(library: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        decode_json("{no}")
    assert caught.value.__context__ is None
