"""Tool calls: which tools a request asks for, with what, and when it is time to answer instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kimi_emulator.brain.conversation import Conversation, Task
from kimi_emulator.brain.filling import LIKELY, Filler, Source
from kimi_emulator.brain.language import capture, pattern
from kimi_emulator.brain.skills import calculate
from kimi_emulator.brain.toolbox import Tool, fitting, stems_of
from kimi_emulator.script import Reply, ToolCall
from kimi_emulator.words import clauses


def answer(task: Task) -> Reply | None:
    """Calls that are due, or None when it is time to answer."""
    choice, talk = task.request.get("tool_choice"), task.talk
    if not task.context.tools or choice == "none" or task.context.prefix is not None:
        return None
    planner = Planner(task.context.tools, talk, search=not talk.documents)
    if choice not in (None, "auto"):
        calls = planner.force(choice["function"]["name"] if isinstance(choice, dict) else None)
    elif talk.demanded is not None:
        names = {tool.name for tool in planner.tools}
        calls = planner.force(talk.demanded if talk.demanded in names else None)
    else:
        calls = planner.calls()
    return Reply(tool_calls=calls) if calls else None


class Planner:
    """Decides on tool calls for the last user message, given what has been done for it."""

    def __init__(self, tools: Sequence[Mapping[str, Any]], talk: Conversation, *, search: bool) -> None:
        self.tools: list[Tool] = [Tool.read(tool) for tool in tools]
        self.talk = talk
        self.search = search
        """Whether a search tool fits any question (no texts are at hand)."""

    def calls(self) -> list[ToolCall]:
        """Calls that the request asks for and that have not been made; [] when it is time to answer."""
        done = {each.name for each in self.talk.done}
        plain = [tool for tool in self.tools if not tool.answers]
        steps = calculate.steps(self.talk.question, plain, self.talk.done)
        if steps is not None:
            plain = [tool for tool in plain if not calculate.operands(tool)]
        chosen = fitting(self.talk.question, plain)
        if not chosen and not done and steps is None:
            chosen = self._searchers(plain) or fitting(self.talk.question, [t for t in self.tools if t.answers])[:1]
        waiting = [tool for tool in chosen if tool.name not in done]
        calls: list[ToolCall] = []
        for tool in waiting:
            values, strength = self._fill(tool, alone=len(chosen) == 1 and steps is None)
            if strength >= LIKELY:  # else its arguments may come out of the results of the others
                calls += self._spread(tool, values)
        if steps is None and not calls and not done:
            return [call for tool in waiting[:1] for call in self._spread(tool, self._fill(tool)[0])]
        return [*calls, *(steps or ())]

    def force(self, name: str | None) -> list[ToolCall]:
        """Calls when one is demanded: of this function, or of any."""
        calls = self.calls() if name is None else []
        if calls:
            return calls
        done = {each.name for each in self.talk.done}
        tools = [tool for tool in self.tools if tool.name == name or (name is None and tool.name not in done)]
        # Once something was done, what is left to do is to fill in the form for the answer.
        tools.sort(key=lambda tool: tool.answers is not bool(done))
        tools = tools or (self.tools[-1:] if name is None else [])
        return [ToolCall(tool.name, self._fill(tool)[0]) for tool in tools[:1]]

    # -- arguments --------------------------------------------------------------------------------------------

    def _fill(self, tool: Tool, *, alone: bool = True) -> tuple[dict[str, Any], int]:
        talk, results = self.talk, [done.content for done in self.talk.done]
        texts, question = [talk.question, *results], talk.question
        if tool.answers:
            texts = [*results, talk.request, *talk.documents]
        elif not alone:
            # Of the question only the part that asks for this tool.
            fits = {piece: sum(tool.weights.get(w, 0) for w in stems_of(piece)) for piece in clauses(talk.question)}
            question = max(fits, key=lambda piece: fits[piece]) if any(fits.values()) else question
            texts = [question, *results, *([talk.question] if results else [])]
        values, strength = (
            Filler(texts, tool.parameters, question=question).whole() if tool.parameters else ({}, LIKELY)
        )
        return (values, strength) if isinstance(values, dict) else ({}, LIKELY)

    def _spread(self, tool: Tool, values: Mapping[str, Any]) -> list[ToolCall]:
        """One call, or one for each of several names that stand in a list where the argument was found."""
        first, question = ToolCall(tool.name, values), self.talk.question
        required = tool.parameters.get("required") or list(tool.properties)[:1]
        name = required[0] if len(required) == 1 else ""
        value = values[name] if isinstance(values.get(name), str) else ""
        quoted = {phrase for phrase, _, _ in Source(question).find("quoted")}
        pool = quoted if value in quoted else {phrase for phrase, _, _ in Source(question).names()}
        # Names of places are often typed in small letters.
        small = value.islower() and bool(pattern("scalars.place").search(name))
        place = question.find(value)
        if not value or (value not in pool and not small) or place < 0:
            return [first]
        calls = {value: first}
        for piece in pattern("tools.list").split(question[place:])[1:]:
            piece = piece.strip(" .?!\"'？。")
            # In Chinese the list runs on into the sentence: 上海的天气.
            begun = [each for each in pool if piece == each or piece.startswith(each + " " * each.isascii())]
            begun += [town for town in [capture("tools.town", piece)] if small and town]
            if not begun:
                break
            other = max(begun, key=len)
            calls.setdefault(other, ToolCall(tool.name, {**values, name: other}))
        return list(calls.values())

    def _searchers(self, tools: Sequence[Tool]) -> list[Tool]:
        question = self.talk.question
        if (
            not self.search
            or not pattern("tools.asking").search(question)
            or pattern("otherwise.writes").match(question)
        ):
            return []
        return [tool for tool in tools if pattern("tools.searching").search(f"{tool.name} {tool.description}")][:1]
