"""The tools that `KimiDynamicToolsMiddleware` can load: found by name or by words. Pure."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from langchain_core.tools import BaseTool

from kimi_api import KimiInputError

Search = Callable[[str, Sequence[BaseTool]], Iterable[str]]
"""Query and catalogue -> names of tools that fit, best first."""

LISTED = 100
"""Tools of a larger catalogue are not listed for the model, which then finds them by query."""
FOUND = 5
"""Tools that one query loads at most."""
_LINE = 120  # characters of a description in the list
_WORD = re.compile(r"[^\W_]+")


class ToolCatalogue:
    """Tools by name.

    Args:
        tools: the tools.
        search: finds tools for a query; None compares words.

    Raises:
        KimiInputError: no tools.
    """

    def __init__(self, tools: Sequence[BaseTool], search: Search | None = None) -> None:
        if not tools:
            raise KimiInputError("tools", [], "there is nothing to load", "pass the tools of the catalogue")
        self.tools = list(tools)
        self._by_name = {tool.name: tool for tool in tools}
        self._search = search or by_words

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def get(self, name: object) -> BaseTool | None:
        """The tool of that name."""
        return self._by_name.get(name) if isinstance(name, str) else None

    def tools_named(self, names: Iterable[str]) -> list[BaseTool]:
        """The tools of these names, in their order."""
        return [self._by_name[name] for name in names]

    @property
    def description(self) -> str:
        """What the model reads about loading."""
        text = (
            "Load tools that are not at hand yet. They can be called from the next turn on.\n"
            "names: tools to load by name. query: what a tool should do, when its name is not known."
        )
        if len(self.tools) > LISTED:
            return f"{text}\nThere are {len(self.tools)} tools; find them by query."
        return "\n".join([text, "There are:", *(f"- {tool.name}: {_line(tool)}" for tool in self.tools)])

    def select(self, names: Iterable[str], query: str) -> tuple[list[str], str]:
        """Names to load, and what to tell the model."""
        chosen: list[str] = []
        lines: list[str] = []
        for name in names:
            if name in self:
                chosen.append(name)
            else:
                near = self._nearest(name)
                lines.append(f"There is no tool {name!r}" + (f"; did you mean {near!r}?" if near else "."))
        if query:
            fitting = [name for name in self._search(query, self.tools) if name in self][:FOUND]
            chosen += fitting
            if not fitting:
                lines.append(f"No tool fits {query!r}; use other words.")
        chosen = list(dict.fromkeys(chosen))
        if not chosen and not lines:
            lines.append("Nothing was asked for: give names, a query, or both.")
        if chosen:
            lines.insert(0, "Loaded, and to be called from now on: " + ", ".join(chosen) + ".")
        return chosen, " ".join(lines)

    def unknown(self, what: str, name: str) -> KimiInputError:
        """The error for a name that is not in the catalogue, given by the program."""
        near = self._nearest(name)
        return KimiInputError(
            what,
            name,
            "there is no such tool in the catalogue",
            f"did you mean {near!r}?" if near else "add it to the tools of KimiDynamicToolsMiddleware",
        )

    def _nearest(self, name: object) -> str | None:
        near = difflib.get_close_matches(str(name), self._by_name, n=1, cutoff=0.6)
        return near[0] if near else None


def by_words(query: str, tools: Sequence[BaseTool]) -> list[str]:
    """Names of the tools that share words with `query`, best first: rare words count more, those of a name twice."""
    texts = [Counter({**dict.fromkeys(_words(t.description), 1), **dict.fromkeys(_words(t.name), 2)}) for t in tools]
    common = Counter(word for text in texts for word in text)
    scores = [sum(text[word] / common[word] for word in set(_words(query)) & text.keys()) for text in texts]
    order = sorted(range(len(tools)), key=lambda n: (-scores[n], n))
    return [tools[n].name for n in order if scores[n] > 0]


def _words(text: str) -> list[str]:
    """Words in lower case, of `camelCase` and `snake_case` names too, without the s of a plural."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    return [word.lower().rstrip("s") or word.lower() for word in _WORD.findall(split)]


def _line(tool: BaseTool) -> str:
    text = " ".join(tool.description.split())
    return text if len(text) <= _LINE else text[: _LINE - 3] + "..."
