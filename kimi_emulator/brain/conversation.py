"""A chat request as the brain reads it: what is asked now, what was done for it, and the texts at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from kimi_emulator.content import ToolResult, text_of, tool_results

__all__ = ["Conversation"]

_ASKS = re.compile(
    r"^\s*(?:query|question|user question|follow ?up input|user query|task|request|input|q)\s*:\s*(.+?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_REFINE = re.compile(r"original query is as follows:\s*(.+?)\n", re.IGNORECASE)
_LEAD = re.compile(
    r"^\s*(?:answer|helpful answer|refined answer|assistant|standalone question)\s*:?\s*$", re.IGNORECASE
)
_TAGGED = re.compile(
    r"^<[^>\n]{0,40}\b(?:question|query|follow ?up)\b[^>\n]{0,40}>\s*\n+(?!follow ?up input:)(.+?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(r"\b(?:question|query)\s*:\s*(['\"])(.+)\1\s*$", re.IGNORECASE | re.MULTILINE)
_DEMAND = re.compile(
    r"^[^.\n]*\b(?:answer|respond|reply)\b[^.\n]*\bcall(?:ing)?\b[^.\n]*\b(?:tool|function)s?\b(?:\s+`?(\w+)`?)?",
    re.IGNORECASE,
)
_STANDALONE = re.compile(r"standalone (?:question|message)\s*[:>]?\s*$", re.IGNORECASE)


class Conversation:
    """Views of the messages. A trailing partial message is left out."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self.messages: Sequence[Mapping[str, Any]] = (
            messages[:-1] if messages and messages[-1].get("partial") else messages
        )
        self.demanded: str | None = None
        """The tool that the last message tells to call, "" for any; None when it is about something else."""
        last = self.messages[-1] if len(self.messages) > 1 else {}
        request = text_of(last.get("content")) if last.get("role") == "user" else ""
        demand = _DEMAND.match(request) if len(request) < 200 else None
        if demand:
            # What the call is to be about, the messages before say.
            self.messages, self.demanded = self.messages[:-1], demand.group(1) or ""

    @cached_property
    def _last_user(self) -> int:
        places = [place for place, message in enumerate(self.messages) if message.get("role") == "user"]
        return places[-1] if places else -1

    @cached_property
    def request(self) -> str:
        """The whole text of the last user message."""
        return text_of(self.messages[self._last_user].get("content")) if self._last_user >= 0 else ""

    @cached_property
    def _split(self) -> tuple[str, str]:
        """The question in the last user message, and the rest of it."""
        text = self.request
        refine = _REFINE.search(text)
        if refine:
            return refine.group(1).strip(), text[refine.end() :]
        marked = [(match.start(), match.group(1)) for match in _TAGGED.finditer(text)]
        marked += [(match.start(), match.group(2)) for match in _QUOTED.finditer(text)]
        if marked:
            start, question = max(marked)
            return question, text[:start]
        labelled = list(_ASKS.finditer(text))
        if labelled and len(text) > len(labelled[-1].group(0)) + 20:
            last = labelled[-1]
            return last.group(1), text[: last.start()]
        lines = [line for line in text.splitlines() if line.strip() and not _LEAD.match(line)]
        if len(text) < 200 or len(lines) < 2:
            return text.strip(), ""
        asking = [line for line in (lines[-1], lines[0]) if line.rstrip().endswith(("?", "？"))]
        question = (asking or lines[-1:])[0]
        return question.strip(), text.replace(question, "", 1)

    @property
    def question(self) -> str:
        """What is asked, without the text it is asked about."""
        return self._split[0]

    @property
    def asks_rephrasing(self) -> bool:
        """Whether a framework wants the follow-up question as a standalone one."""
        return bool(_STANDALONE.search(self.request.rstrip()))

    @cached_property
    def done(self) -> list[ToolResult]:
        """Results of the tool calls that were made for the last user message, in order."""
        return list(tool_results(self.messages[self._last_user + 1 :]))

    @cached_property
    def system(self) -> list[str]:
        """Texts of system messages; an extracted file given as JSON counts as its content."""
        texts = [text_of(m.get("content")) for m in self.messages if m.get("role") == "system"]
        return [_file_content(text) for text in texts if text]

    @cached_property
    def documents(self) -> list[str]:
        """Texts that questions may be about: system texts of some length, and what surrounds the question."""
        rest = self._split[1]
        texts = [text for text in self.system if len(text) > 100 or "\n" in text.strip()]
        return [*texts, rest] if len(rest.strip()) > 40 else texts

    @cached_property
    def earlier(self) -> list[str]:
        """What was said and found before the last user message."""
        texts = []
        for message in self.messages[: max(self._last_user, 0)]:
            text = text_of(message.get("content"))
            if message.get("role") in ("user", "tool") and text:
                texts.append(text)
        return texts


def _file_content(text: str) -> str:
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except ValueError:
            return text
        if isinstance(value, dict) and isinstance(value.get("content"), str):
            return value["content"]
    return text
