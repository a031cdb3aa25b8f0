"""Asks a loading tool for the tools that a request needs, where the tools at hand do not fit.

A loading tool brings others in a later message: `load_tools` of LangChain's `KimiDynamicToolsMiddleware`, or another of
such a name. It lists them in its description, `- name: what it does`, or finds them by query.
"""

import re

from kimi_emulator.brain.conversation import Task
from kimi_emulator.brain.language import pattern
from kimi_emulator.brain.naming import members
from kimi_emulator.brain.toolbox import Tool, fitting
from kimi_emulator.schemas import Grammar, kind_of
from kimi_emulator.script import Reply, ToolCall

_LISTED = re.compile(r"^\s*[-*]\s+`?([A-Za-z][\w-]*)`?\s*[:：]\s*(.*)$", re.MULTILINE)


def answer(task: Task) -> Reply | None:
    """A call that loads what fits the question, or None: nothing to load with, or something at hand that fits."""
    talk = task.talk
    if task.context.prefix is not None or task.request.get("tool_choice") not in (None, "auto"):
        return None
    tools = [Tool.read(tool) for tool in task.context.tools]
    loader = next((tool for tool in tools if pattern("toolbox.loading").search(tool.name)), None)
    if loader is None or any(done.name == loader.name for done in talk.done):
        return None
    names, query = _takes(loader, "array"), _takes(loader, "string")
    at_hand = [tool for tool in tools if tool is not loader and not tool.answers]
    if fitting(talk.question, [Tool(loader.name, "", {})]) or fitting(talk.question, at_hand):
        return None  # what a request says itself about loading, and what needs none
    known = {tool.name for tool in at_hand}
    loadable = [Tool(name, what, {}) for name, what in _LISTED.findall(loader.description) if name not in known]
    needs = [tool.name for tool in fitting(talk.question, loadable)]
    is_asked = not loadable and pattern("loader.asks").search(talk.question) and not talk.documents
    searched = " ".join(needs) or (talk.question if is_asked else "")
    arguments = {names: needs} if names and needs else {query: searched} if query and searched else None
    return Reply(tool_calls=[ToolCall(loader.name, arguments)]) if arguments else None


def _takes(tool: Tool, kind: str) -> str | None:
    """The first parameter of a kind of value, also one that may be null."""
    grammar, schemas = Grammar(tool.parameters), members(tool.parameters).items()
    return next((name for name, each in schemas if kind in map(kind_of, grammar.alternatives(each))), None)
