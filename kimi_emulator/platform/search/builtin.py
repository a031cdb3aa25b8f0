"""The built-in ``$web_search``: what its calls carry, and what the model reads in the place of a tool message.

Recorded: the call's arguments are ``{"search_result":{"search_id":"e4b4..."},"usage":{"total_tokens":7946}}``. The
client sends this text back as the tool message; the server puts the text of the search in its place, which then
counts as prompt tokens.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kimi_emulator.content import ToolResult, compact, text_of, tool_results
from kimi_emulator.platform import tokens
from kimi_emulator.platform.search.index import as_text, look_up
from kimi_emulator.platform.search.sealed import is_sealed, unseal
from kimi_emulator.script import Reply, ToolCall

__all__ = ["WEB_SEARCH", "Searches"]

WEB_SEARCH = "$web_search"
_MADE_UP = "As far as I remember this is well known, and nothing about it has changed lately."
"""What the model comes up with when it gets no search result: users report that it then invents an answer."""


class Searches:
    """The searches of one emulator, by their ids."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queries: dict[str, str] = {}
        self._given: set[str] = set()

    def clear(self) -> None:
        """Forget every search."""
        with self._lock:
            self._queries.clear()
            self._given.clear()

    def issue(self, reply: Reply, tools: Sequence[Mapping[str, Any]], messages: Sequence[Mapping[str, Any]]) -> Reply:
        """``reply`` with its searches done: arguments ``{"query": ...}`` become an id and a count of tokens.

        Any other arguments are given out as they are; an id in them stands for a search for
        the last user message.
        """
        if not any(call.name == WEB_SEARCH for call in reply.tool_calls):
            return reply
        declared = any(
            tool.get("type") == "builtin_function" and tool["function"]["name"] == WEB_SEARCH for tool in tools
        )
        if not declared:
            return reply
        question = next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")
        calls = [self._issue(call, question) if call.name == WEB_SEARCH else call for call in reply.tool_calls]
        return replace(reply, tool_calls=calls)

    def _issue(self, call: ToolCall, question: str) -> ToolCall:
        own_query = call.arguments.get("query") if isinstance(call.arguments, Mapping) else None
        if not isinstance(own_query, str):
            text, search_id, query = call.arguments_text, _search_id(call.arguments_text), question
        else:
            query = own_query or question
            # The same search has the same id, so that a recorded conversation can be played again.
            search_id = hashlib.blake2b(query.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            size = tokens.count(as_text(query, look_up(query)))
            text = compact({"search_result": {"search_id": search_id}, "usage": {"total_tokens": size}})
        with self._lock:
            self._given.add(text)
            if search_id is not None:
                self._queries[search_id] = query
        return replace(call, arguments=text)

    def was_given(self, arguments: str) -> bool:
        """Whether a call with exactly these arguments was given out."""
        return arguments in self._given

    def echoes(self, messages: Sequence[Mapping[str, Any]]) -> list[ToolResult]:
        """The tool messages that answer calls of ``$web_search``."""
        return [result for result in tool_results(messages) if result.name == WEB_SEARCH]

    def broken_seal(self, messages: Sequence[Mapping[str, Any]]) -> int | None:
        """Position of the first tool message with encrypted output that cannot be read."""
        for result in tool_results(messages):
            if is_sealed(result.content):
                try:
                    unseal(result.content)
                except ValueError:
                    return result.position
        return None

    def read(self, messages: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """The messages as the model reads them: sealed text opened, searches in the place of their ids."""
        changed: dict[int, str] = {}
        for result in tool_results(messages):
            if result.name == WEB_SEARCH:
                changed[result.position] = self._result_text(result)
            elif is_sealed(result.content):
                try:
                    changed[result.position] = unseal(result.content)
                except ValueError:
                    changed[result.position] = _MADE_UP
        if not changed:
            return messages
        return [
            {**message, "content": changed[position]} if position in changed else message
            for position, message in enumerate(messages)
        ]

    def _result_text(self, result: ToolResult) -> str:
        query = self._queries.get(_search_id(result.content) or "")
        if query is None or result.content != result.arguments:
            return _MADE_UP
        return as_text(query, look_up(query))


def _search_id(arguments: str) -> str | None:
    try:
        return str(json.loads(arguments)["search_result"]["search_id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
