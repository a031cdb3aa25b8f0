"""A chaos sweep: a program under every fault at every step, and its outcomes."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import threading
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from kimi_emulator.brain import Brain, BrainContext, DefaultBrain
from kimi_emulator.faults import FAULTS, fault_named
from kimi_emulator.http.server import Emulator
from kimi_emulator.script import CHAT, Fault, Reply

__all__ = ["Rehearsal", "Row", "Sweep", "sweep", "sweep_over"]

Outcome = Literal["survived", "warned", "error", "silent", "crash", "hung", "not met"]
BAD: tuple[Outcome, ...] = ("silent", "crash", "hung")
_TICK, _LEAP = 0.05, 120.0


@dataclasses.dataclass(frozen=True)
class Row:
    """What one fault at one step led to.

    * ``step``: which request of the program met it, from 1.
    * ``outcome``: "survived" (the same result as without a fault), "warned" (another result, and a Python warning said
      so), "error" (of a known class), "silent" (another result, or a failed ``assert``, and nobody was told), "crash"
      (an error of a class that is not known, such as KeyError), "hung" (no end within ``timeout``), "not met".
    * ``detail``: the error's class and text, the warning, or how the result differs.
    """

    fault: str
    step: int
    outcome: Outcome
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """All rows, and a reason for each fault whose bad outcome is meant to be. As a text it is a table."""

    rows: Sequence[Row]
    explained: Mapping[str, str]

    def of(self, *outcomes: Outcome) -> list[Row]:
        """The rows with these outcomes."""
        return [row for row in self.rows if row.outcome in outcomes]

    @property
    def unexplained(self) -> list[Row]:
        """The rows that are silent, crashed or hung, and have no reason in ``explained``."""
        return [row for row in self.of(*BAD) if row.fault not in self.explained]

    def __str__(self) -> str:
        counts = Counter(row.outcome for row in self.rows)
        width = max((len(row.fault) for row in self.rows), default=0)
        lines = [", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "no fault applies"]
        for row in self.rows:
            reason = f" (meant: {self.explained[row.fault]})" if self._is_meant(row) else ""
            lines.append(f"{row.fault:<{width}}  step {row.step}  {row.outcome:<8}  {row.detail}{reason}".rstrip())
        return "\n".join(lines)

    def _is_meant(self, row: Row) -> bool:
        return row.outcome in BAD and row.fault in self.explained


class Rehearsal:
    """A brain that gives a request the answer which the same request got in the run without a fault.

    So a program that asks again is answered as if nothing had been, and one that lets a partial answer be continued
    gets its rest. What was never asked, ``brain`` answers; the replies of ``script`` come first.
    """

    def __init__(self, brain: Brain | None = None, script: Iterable[Reply] = ()) -> None:
        self._brain, self._script = brain or DefaultBrain(), list(script)
        self._known: dict[str, Reply] = {}
        self._lock = threading.Lock()

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        """The known answer, the next of the script, or the brain's."""
        messages = list(request["messages"])
        with self._lock:
            reply = self._known.get(_key(messages))
            if reply is None and context.prefix and (whole := self._known.get(_key(messages[:-1]))):
                return dataclasses.replace(whole, content=(whole.content or "").removeprefix(context.prefix))
            if reply is None and self._script:
                reply = self._known[_key(messages)] = self._script.pop(0)
        if reply is None:
            reply = self._brain.answer(request, context)
            with self._lock:
                self._known[_key(messages)] = reply
        return reply


def _key(messages: Sequence[Any]) -> str:
    return json.dumps(messages, sort_keys=True)


def sweep(
    run: Callable[[Emulator], object | Awaitable[object]],
    *,
    faults: Iterable[Fault | str] | None = None,
    steps: Iterable[int] | None = None,
    script: Iterable[Reply] = (),
    brain: Brain | None = None,
    known: tuple[type[BaseException], ...] | None = None,
    explained: Mapping[str, str] | None = None,
    timeout: float = 30.0,
    **settings: Any,
) -> Sweep:
    """Run a program under every fault at every step.

    ``run`` gets an emulator, uses ``kimi.base_url`` and ``kimi.api_key``, and returns its result, which is compared
    with that of a first run without a fault: return a text, not an object with ids of its own. It may be ``async``.
    Silences take no time: the emulator's clock is moved on. Waits of the program itself (between retries, say) are
    real: make them short.

    * ``faults``: ids in ``FAULTS``; None takes all that can show at a step.
    * ``steps``: which of the program's requests meet them, from 1; None takes each.
    * ``script``: the answers of the first run, in order; then ``brain`` (None: the default one). Later runs get the
      same answers to the same requests.
    * ``known``: the classes of errors that a caller is prepared for; None means all but Python's own programming errors
      (TypeError, KeyError, ...).
    * ``explained``: for faults whose silence is meant to be, the reason.
    * ``timeout``: seconds for one run; longer is "hung".
    * ``settings``: those of ``Emulator``.

    Raises what ``run`` raises without a fault.
    """
    with Emulator(brain=Rehearsal(brain, script), **settings) as kimi:
        return sweep_over(kimi, lambda: run(kimi), faults, steps, known, explained, timeout)


def sweep_over(
    kimi: Emulator,
    run: Callable[[], object | Awaitable[object]],
    faults: Iterable[Fault | str] | None = None,
    steps: Iterable[int] | None = None,
    known: tuple[type[BaseException], ...] | None = None,
    explained: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> Sweep:
    """The same with an emulator that runs already, whose brain is a ``Rehearsal``. It is reset before each run."""
    kimi.reset()
    first = _Attempt(run, timeout)
    if first.error is not None:
        raise first.error
    if first.hung:
        raise TimeoutError(f"without any fault, the program did not end within {timeout:g} s")
    chosen = None if steps is None else set(steps)
    cells = [
        (fault, step)
        for fault in map(fault_named, FAULTS if faults is None else faults)
        for step in _steps_that_show(fault, kimi)
        if chosen is None or step in chosen
    ]
    return Sweep([_try(kimi, run, first, fault, step, known, timeout) for fault, step in cells], dict(explained or {}))


def _steps_that_show(fault: Fault, kimi: Emulator) -> list[int]:
    """The steps of the run that has just been, at which this fault changes something."""
    replies = iter(kimi.replies)
    steps: list[int] = []
    for step, kind in enumerate(kimi.steps, 1):
        reply = next(replies, {}) if kind in CHAT else {}
        contents = {"any": True, "thinking": reply.get("reasoning_content"), "calls": reply.get("tool_calls")}
        if (kind in fault.on) and contents[fault.shows]:
            steps.append(step)
    return steps


def _try(
    kimi: Emulator,
    run: Callable[[], Any],
    first: _Attempt,
    fault: Fault,
    step: int,
    known: tuple[type[BaseException], ...] | None,
    timeout: float,
) -> Row:
    kimi.reset()
    kimi.fail(fault, step=step)
    with _moving_on(kimi):
        attempt = _Attempt(run, timeout)
    outcome, detail = _judge(attempt, first, known)
    if kimi.pending_faults and not attempt.hung:
        outcome, detail = "not met", ""
    if attempt.hung or fault.id.startswith("connect."):
        # What is still open is cut: the hung run ends, and no connection that is doomed waits in a client's pool for
        # the next run.
        with kimi.refusing():
            pass
        attempt.thread.join(5)
    return Row(fault.id, step, outcome, detail)


@contextmanager
def _moving_on(kimi: Emulator) -> Iterator[None]:
    """From the fault on, let the emulator's time fly."""
    over = threading.Event()

    def advance() -> None:
        while not over.wait(_TICK):
            if not kimi.pending_faults:
                kimi.clock.advance(_LEAP)

    clock = threading.Thread(target=advance, name="kimi-clock", daemon=True)
    clock.start()
    try:
        yield
    finally:
        over.set()
        clock.join()


class _Attempt:
    """One run in a thread of its own: its value or its error, and the warnings it gave."""

    def __init__(self, run: Callable[[], Any], timeout: float) -> None:
        self.value: object = None
        self.error: BaseException | None = None
        self.hung = False
        self._run, self._timeout = run, timeout
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.thread = threading.Thread(target=self._work, name="kimi-sweep", daemon=True)
            self.thread.start()
            # An asynchronous run is cancelled at the time-out, and has a moment to clean up.
            self.thread.join(timeout + 1)
        self.warnings = [f"{each.category.__name__}: {each.message}" for each in caught if _is_told(each.category)]
        self.hung = self.hung or self.thread.is_alive()

    def _work(self) -> None:
        try:
            value = self._run()
            self.value = asyncio.run(self._within_time(value)) if inspect.isawaitable(value) else value
        except BaseException as error:
            self.error = error

    async def _within_time(self, value: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(value)
        done, _ = await asyncio.wait({task}, timeout=self._timeout)
        if done:
            return await task
        self.hung = True
        task.cancel()
        return None


def _is_told(category: type[Warning]) -> bool:
    """Whether a warning is for the program's user, and not about the code or what it leaves open."""
    return not issubclass(category, DeprecationWarning | PendingDeprecationWarning | ResourceWarning | ImportWarning)


def _judge(attempt: _Attempt, first: _Attempt, known: tuple[type[BaseException], ...] | None) -> tuple[Outcome, str]:
    if attempt.hung:
        return "hung", ""
    error = attempt.error
    if error is not None and not isinstance(error, AssertionError):
        return "error" if _is_known(error, known) else "crash", _short(error)
    if error is None and attempt.value == first.value:
        return "survived", ""
    news = [text for text in attempt.warnings if text not in first.warnings]
    if news:
        return "warned", " ".join(news[0].split())[:100]
    if error is not None:
        return "silent", _short(error)
    return "silent", f"{str(attempt.value)[:60]!r} in place of {str(first.value)[:60]!r}"


def _is_known(error: BaseException, known: tuple[type[BaseException], ...] | None) -> bool:
    if known is not None:
        return isinstance(error, known)
    return isinstance(error, OSError) or type(error).__module__ not in ("builtins", "json.decoder")


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:80]}" if text else type(error).__name__
