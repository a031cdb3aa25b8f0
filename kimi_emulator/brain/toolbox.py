"""The declared tools, and which of them a request mentions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Self

from kimi_emulator.brain.choices import with_names_of
from kimi_emulator.brain.language import heads, words_of
from kimi_emulator.brain.naming import members
from kimi_emulator.words import rarity, stem, words

_FIT = 2.0
_SEARCH = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
"""What a built-in search is asked for; ``platform.search.builtin`` makes its own arguments of it."""


@dataclass(frozen=True)
class Tool:
    """A declared function, with the word stems that point to it."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    @classmethod
    def read(cls, tool: Mapping[str, Any]) -> Self:
        """From its declaration."""
        function = tool.get("function") or {}
        description, parameters = str(function.get("description") or ""), function.get("parameters")
        parameters = _SEARCH if tool.get("type") == "builtin_function" else parameters
        parameters = with_names_of(description, parameters) if isinstance(parameters, dict) else {}
        return cls(str(function.get("name") or ""), description, parameters)

    @property
    def answers(self) -> bool:
        """Whether the tool is the schema of a final answer: frameworks name such tools after a class."""
        return self.name[:1].isupper() or self.name in ("final_result", "final_answer")

    @cached_property
    def weights(self) -> dict[str, float]:
        """How strongly each word stem points to this tool."""
        name, parameters = self.name.replace("_", " ").replace("$", ""), ""
        for member, about in members(self.parameters).items():
            parameters += f" {member.replace('_', ' ')} {about.get('description') or ''} {about.get('enum') or ''}"
        weak = {stem(verb) for verb in words_of("common_verbs")}
        by_weight = {1.0: [*_meanings(self.description), *words(self.description)], 1.2: words(parameters)}
        by_weight |= {2.0: _meanings(name), 3.0: words(name)}
        by_stem = {word: weight for weight, stems in by_weight.items() for word in stems}
        return {word: weight * (0.3 if word in weak else 1.0) for word, weight in by_stem.items()}


@lru_cache(maxsize=1000)
def _meanings(text: str) -> list[str]:
    """Stems of what a text names in other words or another language: 换算 is to convert."""
    return [stem(head) for head in heads("tools", text)]


def stems_of(request: str) -> set[str]:
    """Stems of a request, with what they are otherwise called."""
    stems = {*words(request), *_meanings(request)}
    if words_of("currencies") & set(re.findall(r"[A-Z]{3}", request)):
        stems |= {stem("currency"), "convert", "exchang"}
    return stems


def _is_named(name: str, request: str) -> bool:
    """Whether a request says a tool's name as a name: a plain word may be meant as that word."""
    before, after = (r"(?<![a-z0-9_])", r"(?![a-z0-9_])") if "_" in name else (r"[`\"'“「]", r"[`\"'”」]")
    name, behind = re.escape(name), r"(?:\(|\s+(?:tool|function)\b|\s*(?:工具|函数))"
    return bool(re.search(rf"{before}{name}{after}|(?<!\w){name}{behind}", request))


def fitting(request: str, tools: Sequence[Tool]) -> list[Tool]:
    """Tools that fit, best first: each must explain words of the request that a better one does not."""
    lower = request.lower()
    if matches := [tool for tool in tools if _is_named(tool.name.lower(), lower)]:
        # A request that names its tools needs no guesses beside them.
        return sorted(matches, key=lambda tool: lower.find(tool.name.lower()))
    rare = rarity([tool.weights for tool in tools])
    top = max(rare.values(), default=1.0)
    left, rest = stems_of(request), list(tools)
    chosen: list[Tool] = []
    while rest:
        scores = [sum(tool.weights[word] * rare[word] / top for word in left & tool.weights.keys()) for tool in rest]
        if max(scores) < _FIT / (1 + 0.15 * (len(tools) - 1)):
            break
        tool = rest.pop(scores.index(max(scores)))
        if not tool.answers or not chosen:
            chosen.append(tool)
        left -= tool.weights.keys()
    return chosen
