"""Who watches the calls of this process: nobody, or what `kimi_api.telemetry.instrument` has put here.

The one place that the hot path looks at: once for a call, never for a chunk. What watches stands above everything else,
so that nothing here needs OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Observer(Protocol):
    """What hears of calls. Its methods raise nothing."""

    def chat(self, client: object, request: object) -> AbstractContextManager[Callable[[Any], Any]]:
        """Watch an answer that does not stream; give a function to call with the answer, which returns it."""
        ...

    def stream(
        self, client: object, request: object, builder: object, deltas: Generator[T, None, None]
    ) -> Generator[T, None, None]:
        """Watch a stream while it is read, to its end, its error or its being closed."""
        ...

    def astream(
        self, client: object, request: object, builder: object, deltas: AsyncGenerator[T, None]
    ) -> AsyncGenerator[T, None]:
        """The asynchronous twin of `stream`."""
        ...

    def steps(
        self,
        name: str,
        steps: Generator[Any, Any, T],
        facts: Mapping[str, Any],
        describe: Callable[[T], Mapping[str, Any]] | None,
    ) -> Generator[Any, Any, T]:
        """Watch a procedure of several requests."""
        ...

    def wait_for_limits(self) -> AbstractContextManager[None]:
        """Watch a request while it waits for the account's limits."""
        ...

    def note_retry(self, reason: str, number: int, seconds: float) -> None:
        """A request is sent again after so many seconds."""
        ...


observer: Observer | None = None
"""Of the whole process."""


def observe(
    name: str,
    steps: Generator[Any, Any, T],
    facts: Mapping[str, Any],
    describe: Callable[[T], Mapping[str, Any]] | None = None,
) -> Generator[Any, Any, T]:
    """`steps`; the observer, if there is one, hears of them.

    Args:
        name: what the procedure does, e.g. "extract_file".
        steps: a procedure of `kimi_api._transport.steps`.
        facts: what is known of it; no content, no secrets.
        describe: the same of its result.
    """
    return steps if observer is None else observer.steps(name, steps, facts, describe)
