"""Tools with their parameters in Moonshot's dialect, and a memory of those that were seen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kimi_api.mfjs._document import json_text, normalize_schema
from kimi_api.mfjs._finish import plain, sentences


def normalize_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAI-style tool with its `parameters` normalised; other kinds of tools (`builtin_function`) unchanged.

    Words about the parameters as a whole move to the end of the function's description: K2.x models see that one only.
    """
    function = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, Mapping):
        return dict(tool)
    name = function.get("name")
    schema = normalize_schema(function.get("parameters"), where=f"tool {name!r}")
    words = schema.pop("description", "")
    whole = {**function, "parameters": schema}
    if words:
        whole["description"] = sentences(str(function.get("description") or ""), words)
    return {**tool, "function": whole}


def _place(tool: Mapping[str, Any]) -> str:
    """What an error about the whole of `tool` calls it."""
    function = tool.get("function")
    return f"tool {function.get('name')!r}" if isinstance(function, Mapping) else "tool"


class NormalizedCache:
    """Remembers normalised tools, for callers that send the same ones with every request.

    An object that was seen before is recognised by identity and compared with a private copy, so that one changed in
    place is not mistaken for its former self; an equal object that is new (LlamaIndex makes one for each call) is
    recognised by its JSON text. Results are shared: treat them as read-only.

    Args:
        size: how many tools to remember; above that it forgets them all and starts over.

    Copies and pickles of a cache are empty. It may be shared between threads.
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._by_id: dict[int, tuple[Any, Any, dict[str, Any]]] = {}
        self._by_text: dict[str, dict[str, Any]] = {}

    def tools(self, tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """`normalize_tool` of each."""
        known = self._by_id.get
        normalized = []
        for tool in tools:
            entry = known(id(tool))
            if entry is not None and entry[0] is tool and entry[1] == tool:
                normalized.append(entry[2])
            else:
                normalized.append(self._look_up(tool))
        return normalized

    def _look_up(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        text = json_text(tool, _place(tool))
        result = self._by_text.get(text)
        if result is None:
            result = self._by_text[text] = normalize_tool(tool)
        if len(self._by_id) >= self._size:
            self._by_id = {}
        if len(self._by_text) > self._size:
            self._by_text = {text: result}
        self._by_id[id(tool)] = (tool, plain(tool, {}), result)
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return NormalizedCache, (self._size,)
