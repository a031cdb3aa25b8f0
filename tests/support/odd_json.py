"""Arbitrary JSON in every position of answers that are well otherwise."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

KEYS = (
    *("id", "model", "created", "choices", "delta", "message", "content", "reasoning_content", "reasoning"),
    *("tool_calls", "function", "name", "arguments", "index", "type", "usage", "finish_reason", "text", "error"),
    *("data", "object", "bytes", "filename", "status", "custom_id", "response", "body", "status_code"),
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "0", "stop", "many", "\ud800", "{", '{"a": 1}', "org-abcdefgh"])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every position in `value`, itself included."""
    yield here
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*here, key))


def replace_at(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A copy of `value` with `odd` at `path`."""
    if not path:
        return odd
    value = copy.deepcopy(value)
    place = value
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = odd
    return value


def odd(value: Any) -> st.SearchStrategy[Any]:
    """`value` with arbitrary JSON in one or two of its positions, or arbitrary JSON in its place."""
    places = sorted(paths(value), key=str)

    def change(pairs: list[tuple[tuple[Any, ...], Any]]) -> Any:
        altered = value
        for path, something in pairs:
            try:
                altered = replace_at(altered, path, something)
            except (KeyError, IndexError, TypeError):  # the place is gone with an earlier change
                continue
        return altered

    return st.lists(st.tuples(st.sampled_from(places), JSON), min_size=1, max_size=2).map(change)
