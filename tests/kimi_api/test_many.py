"""Ordered, bounded mapping by threads and tasks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from kimi_api._many import aordered_map, ordered_map, progress


class Gauge:
    """Counts how many workers are inside at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.began: list[int] = []
        self.lock = threading.Lock()

    def __enter__(self) -> Gauge:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


async def results(work: Callable[[int], int], items: Any, at_once: int, asynchronous: bool) -> list[int]:
    if not asynchronous:
        return list(ordered_map(work, items, at_once))

    async def awork(item: int) -> int:
        return await asyncio.to_thread(work, item)

    return [result async for result in aordered_map(awork, items, at_once)]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("at_once", [1, 2, 3, 8, 50])
async def test_results_are_in_order_and_no_more_than_allowed_run(asynchronous: bool, at_once: int) -> None:
    gauge = Gauge()

    def work(item: int) -> int:
        with gauge:
            time.sleep(0.004 if item % 3 == 0 else 0.001)
            return item * item

    assert await results(work, iter(range(20)), at_once, asynchronous) == [n * n for n in range(20)]
    assert gauge.most <= at_once
    if at_once in (3, 8):
        assert gauge.most > 1


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("at_once", [1, 4])
async def test_nothing_gives_nothing(asynchronous: bool, at_once: int) -> None:
    assert await results(lambda item: item, [], at_once, asynchronous) == []


@pytest.mark.parametrize("at_once", [1, 3])
def test_items_are_taken_only_when_there_is_room(at_once: int) -> None:
    taken: list[int] = []

    def items() -> Any:
        for n in range(100):
            taken.append(n)
            yield n

    mapped = ordered_map(lambda n: n, items(), at_once)
    assert taken == []
    assert next(mapped) == 0
    assert len(taken) <= at_once + 1
    mapped.close()
    assert len(taken) <= at_once + 1


async def test_items_are_taken_only_when_there_is_room_by_tasks() -> None:
    taken: list[int] = []

    def items() -> Any:
        for n in range(100):
            taken.append(n)
            yield n

    async def work(item: int) -> int:
        return item

    mapped = aordered_map(work, items(), 3)
    assert await anext(mapped) == 0
    assert len(taken) == 4
    await mapped.aclose()
    assert len(taken) == 4


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("at_once", [1, 3])
async def test_an_error_comes_in_its_place_and_what_has_not_begun_is_left(asynchronous: bool, at_once: int) -> None:
    began: list[int] = []

    def work(item: int) -> int:
        began.append(item)
        if item == 2:
            raise KeyError(item)
        time.sleep(0.001)
        return item

    with pytest.raises(KeyError):
        await results(work, range(50), at_once, asynchronous)
    assert len(began) <= 2 + 2 * at_once


async def test_tasks_under_way_are_cancelled_when_the_consumer_leaves() -> None:
    cancelled: list[int] = []

    async def work(item: int) -> int:
        try:
            await asyncio.sleep(0 if item == 0 else 60)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise
        return item

    mapped = aordered_map(work, range(10), 4)
    assert await anext(mapped) == 0
    await asyncio.sleep(0)
    await mapped.aclose()
    assert sorted(cancelled) == [1, 2, 3, 4]


def test_threads_see_the_callers_context() -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    who.set("the caller")
    assert set(ordered_map(lambda _: who.get(), range(4), 2)) == {"the caller"}


def test_a_window_lets_others_pass_a_slow_item() -> None:
    gauge, others_are_done = Gauge(), threading.Event()

    def work(item: int) -> int:
        with gauge:
            gauge.began.append(item)
            if item == 0:
                assert others_are_done.wait(5)
            elif item == 19:
                others_are_done.set()
        return item

    assert list(ordered_map(work, range(20), 2, window=20)) == list(range(20))
    assert gauge.most == 2


def test_one_at_a_time_needs_no_threads() -> None:
    assert set(ordered_map(lambda _: threading.get_ident(), range(3), 1)) == {threading.get_ident()}
    assert threading.get_ident() not in set(ordered_map(lambda _: threading.get_ident(), range(3), 2))


def test_the_bar_counts(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(2, "Reading") as advance:
        advance()
        advance()
    output = capsys.readouterr().err
    assert "Reading: 100%" in output
    assert "2/2" in output
    with progress(2, "Reading", enabled=False) as advance:
        advance()
    assert capsys.readouterr().err == ""


def test_without_tqdm_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm, or leave show_progress off"), progress(1, "Reading"):
        pass
    with progress(1, "Reading", enabled=False):
        pass
