"""What JSON has no form for is named by its path, with what to pass in its place."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import threading
import types
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from kimi_api import KimiClient, KimiInputError
from kimi_api._content.unsendable import endless, unsendable
from kimi_api._json import encode_json
from kimi_emulator import Emulator

Ways = Any  # the fixture `ways` of conftest.py


class Note(BaseModel):
    text: object = ""


@dataclasses.dataclass
class Point:
    x: int = 1


class Colour(enum.Enum):
    RED = 1
    SEVERAL = {1, 2}  # noqa: RUF012 - a value without a form


class Moment:
    """What other libraries' dates look like."""

    def isoformat(self) -> str:
        return "2026-11-28"


class Scalar:
    """What numpy's scalars and arrays look like."""

    def tolist(self) -> int:
        return 1


def refuse(body: dict[str, Any]) -> KimiInputError:
    error = unsendable(body)
    assert error is not None
    with pytest.raises((TypeError, ValueError, RecursionError)):
        encode_json(body)
    return error


@pytest.mark.parametrize(
    ("value", "what", "remedy"),
    [
        (object(), "a value of type object", "pass text, a number"),
        ({1, 2}, "a value of type set", "pass a list"),
        (frozenset(), "a value of type frozenset", "pass a list"),
        (b"bytes", "a value of type bytes", "value.decode()"),
        (decimal.Decimal("0.1"), "a value of type Decimal", "float(value)"),
        (Path("a"), "Path", "pass text"),
        (Note, "the class Note", "pass text, a number"),
        (Note(text=object()), "a value of type Note", "value.model_dump(mode='json')"),
        (Colour.SEVERAL, "a value of type set", "pass a list"),
        (Moment(), "a value of type Moment", "value.isoformat()"),
        (Point(), "a value of type Point", "dataclasses.asdict(value)"),
        (Scalar(), "a value of type Scalar", "value.tolist()"),
        (types.MappingProxyType({}), "a value of type mappingproxy", "dict(value)"),
        (lambda: 1, "a value of type function", "pass text"),
        ((number for number in range(2)), "a value of type generator", "pass a list"),
        (1j, "a value of type complex", "str(value)"),
        (float("nan"), "nan", "a finite number"),
        (float("-inf"), "-inf", "a finite number"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_value_has_a_remedy(value: object, what: str, remedy: str) -> None:
    error = refuse({"model": "kimi-k3", "x": {"y": [0, value]}})
    assert error.what == "x.y[1]"
    assert what in str(error)
    assert remedy in error.remedy


@pytest.mark.parametrize(
    "value",
    [datetime.datetime(2026, 11, 28), datetime.date(2026, 11, 28), uuid.UUID(int=1), Colour.RED, Note(text="a")],
    ids=lambda value: type(value).__name__,
)
def test_a_value_with_one_plain_form_is_no_mistake(value: object) -> None:
    body = {"model": "kimi-k3", "x": {"y": [0, value]}}
    assert unsendable(body) is None
    assert encode_json(body)


def test_a_coroutine_is_to_be_awaited() -> None:
    forgotten = asyncio.sleep(0)
    assert "await it" in refuse({"x": forgotten}).remedy
    forgotten.close()


def test_a_key_is_text_or_what_json_makes_text_of() -> None:
    error = refuse({"metadata": {("a", 1): 2}})
    assert (error.what, error.value) == ("metadata", "a key of type tuple")
    assert unsendable({"x": {1: "a", None: "b", False: "c", 0.5: "d"}}) is None


def test_what_contains_itself_is_named_with_the_place_that_it_contains() -> None:
    circle: dict[str, Any] = {}
    circle["x"] = [circle]
    error = refuse({"a": circle})
    assert (error.what, error.value) == ("a.x[0]", "the dict at a")
    assert "contains itself" in error.rule
    twice: list[Any] = [1]
    assert unsendable({"a": twice, "b": [twice, twice]}) is None


def test_great_depth_is_named_by_its_first_levels() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    error = refuse(deep)
    assert error.what.startswith("a.a.a")
    assert len(error.what) <= 80
    assert "nested too deeply" in error.rule


def test_a_number_that_python_does_not_write_out_is_named() -> None:
    error = refuse({"x": [10**5_000]})
    assert (error.what, error.value) == ("x[0]", "a whole number of about 5001 digits")
    assert unsendable({"x": 10**4_000}) is None


def test_text_that_is_not_unicode_is_named_by_its_path() -> None:
    assert refuse({"messages": [{"content": "bad \ud800 text"}]}).what == "messages[0].content"
    assert refuse({"metadata": {"\ud800": 1}}).what == "metadata"


@pytest.mark.parametrize(
    ("value", "path"),
    [(object(), None), (float("nan"), None), ("\ud800", None), ({(1, 2): 3}, None), (10**5_000, "extra_body.x")],
    ids=["object", "nan", "surrogate", "key", "number"],
)
def test_a_setting_is_refused_early_only_for_what_nothing_can_write_out(value: Any, path: str | None) -> None:
    error = endless({"x": value}, "extra_body")
    assert (error and error.what) == path


def test_an_error_about_a_value_without_a_repr_has_its_class() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise AttributeError("no")

    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    messages = [str(KimiInputError("x", value, "no", "go")) for value in (Odd(), deep, 10**5_000)]
    assert messages == [f"x: got a value of type {kind}, but no. What to do: go." for kind in ("Odd", "list", "int")]


def test_a_body_that_can_be_sent_has_no_error() -> None:
    body = {"model": "kimi-k3", "messages": [{"role": "user", "content": ("a", 1, 2.5, None, True)}], "stream": False}
    assert unsendable(body) is None


def test_it_is_said_before_anything_is_sent(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "Hi"}], "metadata": {"run": {1}}}
    with pytest.raises(KimiInputError, match=r"metadata\.run: got 'a value of type set'"):
        ways.request(client, "POST", "/chat/completions", body=body)
    with pytest.raises(KimiInputError, match=r"metadata\.run: got 'a value of type set'"):
        ways.stream(client, "/chat/completions", body=body)
    assert kimi.requests == []


@pytest.mark.parametrize("hook", [lambda body: body, lambda body: {**body, "x": threading.Lock()}])
def test_a_hook_that_sees_bodies_changes_nothing_about_that(
    ways: Ways, kimi: Emulator, hook: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, before_send=hook)
    body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "Hi"}], "x": threading.Lock()}
    with pytest.raises(KimiInputError, match="x: got 'a value of type lock'"):
        ways.stream(client, "/chat/completions", body=body)
    assert kimi.requests == []
