"""Tool calls: which tools a request asks for, with what, and when it is time to answer instead."""

from collections.abc import Mapping, Sequence
from typing import Any

from kimi_emulator.brain.conversation import Conversation, Task
from kimi_emulator.brain.filling.fill import Filler
from kimi_emulator.brain.filling.scalars import LIKELY
from kimi_emulator.brain.filling.values import Source
from kimi_emulator.brain.language import capture, pattern
from kimi_emulator.brain.naming import members
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
    name = choice["function"]["name"] if isinstance(choice, dict) else talk.demanded
    is_forced = choice not in (None, "auto") or talk.demanded is not None
    calls = planner.force(name) if is_forced else planner.calls()
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
        if (steps := calculate.steps(self.talk.question, plain, self.talk.done)) is not None:
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
        """Calls when one is demanded: of the function of this name, or of any where there is none."""
        named, done = [tool for tool in self.tools if tool.name == name], {each.name for each in self.talk.done}
        if not named and (calls := self.calls()):
            return calls
        tools = named or [tool for tool in self.tools if tool.name not in done] or self.tools[-1:]
        # Once something was done, what is left to do is to fill in the form for the answer.
        tool = min(tools, key=lambda tool: tool.answers is not bool(done))
        return [ToolCall(tool.name, self._fill(tool)[0])]

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
        values, strength = Filler(texts, tool.parameters, question=question).whole()
        return (values, strength) if isinstance(values, dict) and tool.parameters else ({}, LIKELY)

    def _spread(self, tool: Tool, values: Mapping[str, Any]) -> list[ToolCall]:
        """One call, or one for each of several names that stand in a list where the argument was found."""
        question = self.talk.question
        required = tool.parameters.get("required") or list(members(tool.parameters))[:1]
        name = required[0] if len(required) == 1 else ""
        value = values[name] if isinstance(values.get(name), str) else ""
        quoted = {phrase for phrase, _, _ in Source(question).find("quoted")}
        pool = quoted if value in quoted else {phrase for phrase, _, _ in Source(question).names()}
        # Names of places are often typed in small letters.
        small = value.islower() and bool(pattern("scalars.place").search(name))
        place = question.find(value)
        if not value or (value not in pool and not small) or place < 0:
            return [ToolCall(tool.name, values)]
        names = [value]
        for piece in pattern("tools.list").split(question[place:])[1:]:
            piece = piece.strip(" .?!\"'？。")
            # In Chinese the list runs on into the sentence: 上海的天气.
            begun = [each for each in pool if piece == each or piece.startswith(each + " " * each.isascii())]
            begun += [town for town in [capture("tools.town", piece)] if small and town]
            if not begun:
                break
            names.append(max(begun, key=len))
        return [ToolCall(tool.name, {**values, name: each}) for each in dict.fromkeys(names)]

    def _searchers(self, tools: Sequence[Tool]) -> list[Tool]:
        question = self.talk.question
        asks = pattern("tools.asking").search(question) and not pattern("otherwise.writes").match(question)
        searching = [each for each in tools if pattern("tools.searching").search(f"{each.name} {each.description}")]
        return searching[:1] if self.search and asks else []
