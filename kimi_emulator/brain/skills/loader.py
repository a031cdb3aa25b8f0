"""Asks a loading tool for the tools that a request needs, where the tools at hand do not fit.

A loading tool brings others in a later message: `load_tools` of LangChain's `KimiDynamicToolsMiddleware`, or another of
such a name. It lists them in its description, `- name: what it does`, or finds them by query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kimi_emulator.brain.task import Task
from kimi_emulator.brain.toolbox import Tool, fitting, is_loading
from kimi_emulator.script import Reply, ToolCall

__all__ = ["answer", "is_loader"]

_LISTED = re.compile(r"^\s*[-*]\s+`?([A-Za-z][\w-]*)`?\s*[:：]\s*(.*)$", re.MULTILINE)
_ASKS = re.compile(
    r"\?|？|^\s*(?:please\s+)?(?:what|which|who|when|where|how|find|get|show|tell|book|send|convert|calculate|create|make"
    r"|look|check|search|add|delete|cancel|order|set)\b|请|帮我|查|多少|什么|怎么",
    re.IGNORECASE,
)


def is_loader(tool: Tool) -> bool:
    """Whether a tool brings other tools."""
    return is_loading(tool.name) and any(_takes(tool, kind) is not None for kind in ("array", "string"))


def answer(task: Task) -> Reply | None:
    """A call that loads what fits the question, or None: nothing to load with, or something at hand that fits."""
    talk = task.talk
    if task.context.prefix is not None or task.request.get("tool_choice") not in (None, "auto"):
        return None
    tools = [Tool.read(tool) for tool in task.context.tools]
    loader = next((tool for tool in tools if is_loader(tool)), None)
    if loader is None or any(done.name == loader.name for done in talk.done):
        return None
    at_hand = [tool for tool in tools if tool is not loader and not tool.answers]
    if fitting(talk.question, [Tool(loader.name, "", {})]) or fitting(talk.question, at_hand):
        return None  # what a request says itself about loading, and what needs none
    known = {tool.name for tool in at_hand}
    listed = [Tool(name, what, {}) for name, what in _LISTED.findall(loader.description) if name not in known]
    names, query = _takes(loader, "array"), _takes(loader, "string")
    if listed:
        fitting_names = [tool.name for tool in fitting(talk.question, listed)]
        if not fitting_names:
            return None
        arguments: dict[str, Any] = {names: fitting_names} if names else {str(query): " ".join(fitting_names)}
    elif query is not None and _ASKS.search(talk.question) and not talk.documents:
        arguments = {query: talk.question}
    else:
        return None
    return Reply(tool_calls=[ToolCall(loader.name, arguments)])


def _takes(tool: Tool, kind: str) -> str | None:
    """The first parameter of a kind of value, also one that may be null."""
    return next((name for name, schema in tool.properties.items() if kind in _kinds(schema)), None)


def _kinds(schema: Any) -> set[str]:
    if not isinstance(schema, Mapping):
        return set()
    kinds = schema.get("type")
    own = {kinds} if isinstance(kinds, str) else set(kinds or ())
    return own.union(*(_kinds(branch) for branch in schema.get("anyOf") or ()))
