"""Which tools to call for a request, and with what."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kimi_emulator.brain.choices import with_names_of
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.fill import LIKELY, Filler
from kimi_emulator.brain.values import CURRENCIES, Source
from kimi_emulator.content import compact
from kimi_emulator.script import ToolCall
from kimi_emulator.words import clauses, rarity, stem, words

__all__ = ["Planner", "sayable"]

_FIT = 2.0
_VERBS = frozenset(words("get fetch use call tool function run make return value data input output given current"))
_SEARCHING = re.compile(r"search|retriev|query|lookup|look_up|knowledge|documents?\b|find_", re.IGNORECASE)
_ASKING = re.compile(
    r"\?|？|^\s*(?:what|which|who|whom|when|where|why|how|search|look|find|tell|is|are|does|did)\b", re.IGNORECASE
)
_LIST = re.compile(r"\s*(?:,\s*(?:and\s+)?|\s+and\s+(?:in\s+|for\s+|of\s+)?)")


_SEARCH = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
"""What a built-in search is asked for; ``platform.search.builtin`` makes its own arguments of it."""


@dataclass(frozen=True)
class Tool:
    """A declared function, with the stems that speak for it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    builtin: bool = False

    @classmethod
    def read(cls, tool: Mapping[str, Any]) -> Tool:
        """From its declaration."""
        function = tool.get("function") or {}
        parameters = function.get("parameters")
        builtin = tool.get("type") == "builtin_function"
        description = str(function.get("description") or "")
        return cls(
            str(function.get("name") or ""),
            description,
            _SEARCH if builtin else with_names_of(description, parameters) if isinstance(parameters, dict) else {},
            builtin,
        )

    @property
    def properties(self) -> Mapping[str, Any]:
        """The parameters by name."""
        properties = self.parameters.get("properties")
        return properties if isinstance(properties, dict) else {}

    @property
    def answers(self) -> bool:
        """Whether it looks like a form for the final answer: frameworks name those after a class."""
        return self.name[:1].isupper()

    @cached_property
    def weights(self) -> dict[str, float]:
        """How strongly each stem speaks for this tool."""
        by_stem: dict[str, float] = {}
        for word in words(self.description):
            by_stem[word] = 1.0
        for name, schema in self.properties.items():
            schema = schema if isinstance(schema, dict) else {}
            extra = f"{name.replace('_', ' ')} {schema.get('description') or ''} {schema.get('enum') or ''}"
            for word in words(extra):
                by_stem[word] = max(by_stem.get(word, 0), 1.2)
        for word in words(self.name.replace("_", " ").replace("$", "")):
            by_stem[word] = 3.0
        return {word: weight * (0.3 if word in _VERBS else 1.0) for word, weight in by_stem.items()}


# Everyday words for what a tool's name calls otherwise.
_MEANS = {
    "add": "plus sum + total",
    "sum": "plus add +",
    "multiply": "times multiplied product *",
    "product": "times *",
    "subtract": "minus subtracted difference",
    "divid": "divided quotient /",
    "price": "cost costs much expensive",
    "cost": "price much expensive",
    "exchang": "convert",
    "time": "clock oclock",
}
_OTHER_WORDS: dict[str, set[str]] = {}
for _stem, _others in _MEANS.items():
    for _other in _others.split():
        _OTHER_WORDS.setdefault(words(_other)[0] if words(_other) else _other, set()).add(words(_stem)[0])


def _request_stems(text: str) -> set[str]:
    """Stems of a request, with what they are otherwise called."""
    stems = set(words(text)) | {sign for sign in "+*/" if sign in text}
    if CURRENCIES & set(re.findall(r"[A-Z]{3}", text)):
        stems |= {stem("currency"), "convert", "exchang"}
    return stems | {other for word in stems for other in _OTHER_WORDS.get(word, ())}


def _is_named(name: str, request: str) -> bool:
    """Whether a request says a tool's name as a name: a plain word may be meant as that word."""
    before, after = (r"(?<!\w)", r"(?!\w)") if "_" in name else (r"[`\"']", r"[`\"']")
    name = re.escape(name)
    return bool(re.search(rf"{before}{name}{after}|(?<!\w){name}(?:\(|\s+(?:tool|function)\b)", request))


def _fitting(request: str, tools: Sequence[Tool]) -> list[Tool]:
    """Tools that fit, best first: each must explain words of the request that a better one does not."""
    lower = request.lower()
    named = [tool for tool in tools if _is_named(tool.name.lower(), lower)]
    rare = rarity([tool.weights for tool in tools])
    top = max(rare.values(), default=1.0)
    left = _request_stems(request) - {word for tool in named for word in words(tool.name)}
    chosen = sorted(named, key=lambda tool: lower.find(tool.name.lower()))
    for tool in named:
        left -= set(tool.weights)
    if named:
        # A request that names its tools needs no guesses beside them.
        return chosen
    rest = list(tools)
    while rest:
        scores = [
            sum(t.weights.get(word, 0) * (rare[word] / top if word in t.weights else 0) for word in left) for t in rest
        ]
        score = max(scores)
        if score < _FIT * (1 / (1 + 0.15 * (len(tools) - 1))):
            break
        tool = rest.pop(scores.index(score))
        if not tool.answers or not chosen:
            chosen.append(tool)
        left -= set(tool.weights)
    return chosen


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
        fitting = _fitting(self.talk.question, plain)
        if not fitting and not done:
            fitting = self._searchers(plain) or _fitting(self.talk.question, [t for t in self.tools if t.answers])[:1]
        waiting = [tool for tool in fitting if tool.name not in done]
        ready: list[ToolCall] = []
        for tool in waiting:
            values, strength = self._fill(tool, alone=len(fitting) == 1)
            if strength >= LIKELY:  # else its arguments may come out of the results of the others
                ready += self._spread(tool, values)
        if not ready and waiting and not done:
            ready = self._spread(waiting[0], self._fill(waiting[0], alone=True)[0])
        return ready

    def force(self, name: str | None) -> list[ToolCall]:
        """Calls when one is demanded: of this function, or of any."""
        if name is not None:
            tools = [tool for tool in self.tools if tool.name == name]
        else:
            calls = self.calls()
            if calls:
                return calls
            done = {each.name for each in self.talk.done}
            tools = [tool for tool in self.tools if tool.name not in done]
            # Once something was done, what is left to do is to fill in the form for the answer.
            tools.sort(key=lambda tool: tool.answers is not bool(done))
            tools = tools or self.tools[-1:]
        return [ToolCall(tools[0].name, self._fill(tools[0])[0])] if tools else []

    # -- arguments --------------------------------------------------------------------------------------------

    def _clause(self, tool: Tool) -> str:
        """The part of the question that asks for this tool."""
        pieces = clauses(self.talk.question)
        fits = [sum(tool.weights.get(word, 0) for word in _request_stems(piece)) for piece in pieces]
        best = max(fits, default=0)
        return pieces[fits.index(best)] if best > 0 else self.talk.question

    def _fill(self, tool: Tool, *, alone: bool = True) -> tuple[dict[str, Any], int]:
        results = [done.content for done in self.talk.done]
        if tool.answers:
            filler = Filler(
                [*results, self.talk.request, *self.talk.documents], tool.parameters, question=self.talk.question
            )
        else:
            texts = [self.talk.question, *results]
            if not alone:
                texts = [self._clause(tool), *results, *([self.talk.question] if results else [])]
            filler = Filler(texts, tool.parameters, question=texts[0])
        return filler.object(tool.parameters)

    def _spread(self, tool: Tool, values: Mapping[str, Any]) -> list[ToolCall]:
        """One call, or one for each of several names that stand in a list where the argument was found."""
        required = tool.parameters.get("required") or list(tool.properties)[:1]
        texts = [name for name in required if isinstance(values.get(name), str)]
        first = ToolCall(tool.name, values)
        if len(required) != 1 or len(texts) != 1 or not values[texts[0]]:
            return [first]
        name, value = texts[0], str(values[texts[0]])
        names = {phrase for phrase, _, _ in Source(self.talk.question).names()}
        quoted = {phrase for phrase, _, _ in Source(self.talk.question).quotations()}
        pool = quoted if value in quoted else names
        place = self.talk.question.find(value)
        if value not in pool or place < 0:
            return [first]
        listed = [piece.strip(" .?!\"'") for piece in _LIST.split(self.talk.question[place:])]
        more: list[str] = []
        for piece in listed[1:]:
            match = next((each for each in pool if piece == each or piece.startswith(each + " ")), None)
            if match is None:
                break
            more.append(match)
        return [first, *(ToolCall(tool.name, {**values, name: each}) for each in dict.fromkeys(more) if each != value)]

    def _searchers(self, tools: Sequence[Tool]) -> list[Tool]:
        if not self.search or not _ASKING.search(self.talk.question):
            return []
        return [tool for tool in tools if _SEARCHING.search(f"{tool.name} {tool.description}")][:1]


def sayable(result: str) -> str:
    """A tool result as part of a sentence: JSON becomes ``key: value`` pairs."""
    try:
        value = json.loads(result)
    except ValueError:
        return result.strip()
    if isinstance(value, dict) and value:
        return ", ".join(f"{key}: {compact(v) if isinstance(v, dict | list) else v}" for key, v in value.items())
    if isinstance(value, list) and value and all(not isinstance(each, dict | list) for each in value):
        return ", ".join(str(each) for each in value)
    return result.strip().strip('"')
