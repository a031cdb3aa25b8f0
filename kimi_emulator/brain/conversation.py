"""A chat request as the brain reads it: what is asked now, what was done for it, and the texts at hand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kimi_emulator.brain.filling.chinese import is_chinese
from kimi_emulator.brain.language import pattern
from kimi_emulator.brain.reading import Parts, json_in, split, without_instructions
from kimi_emulator.content import ToolResult, text_of, tool_results
from kimi_emulator.script import BrainContext


class Conversation:
    """Views of the messages. A trailing partial message is left out."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        is_begun = messages and messages[-1].get("partial")
        self.messages: Sequence[Mapping[str, Any]] = messages[:-1] if is_begun else messages
        self.demanded: str | None = None
        """The tool that the last message tells to call, "" for any; None when it is about something else."""
        last = self.messages[-1] if len(self.messages) > 1 else {}
        request = text_of(last.get("content")) if last.get("role") == "user" else ""
        if len(request) < 200 and (demand := pattern("conversation.demand").match(request)):
            # What the call is to be about, the messages before say.
            self.messages, self.demanded = self.messages[:-1], demand[1] or ""

    @cached_property
    def _last_user(self) -> int:
        return max((place for place, each in enumerate(self.messages) if each.get("role") == "user"), default=-1)

    @cached_property
    def request(self) -> str:
        """The whole text of the last user message."""
        return text_of(self.messages[self._last_user].get("content")) if self._last_user >= 0 else ""

    @cached_property
    def _parts(self) -> Parts:
        return split(self.request)

    @property
    def question(self) -> str:
        """What is asked, without the text it is asked about."""
        return self._parts.question

    @property
    def chinese(self) -> bool:
        """Whether to answer in Chinese."""
        return is_chinese(self.question or self.request)

    @cached_property
    def done(self) -> list[ToolResult]:
        """Results of the tool calls that were made for the last user message, in order."""
        return list(tool_results(self.messages[self._last_user + 1 :]))

    @cached_property
    def prompts(self) -> list[str]:
        """Texts of system messages as they are."""
        return texts_of(self.messages, "system")

    @cached_property
    def frame(self) -> str:
        """Beginnings and ends of system messages and request: they hold the instructions for long texts."""
        texts = (*self.prompts, self.request)
        return "\n".join(text if len(text) < 9000 else f"{text[:6000]}\n{text[-3000:]}" for text in texts)

    @cached_property
    def system(self) -> list[str]:
        """What system messages tell beside instructions; an extracted file given as JSON counts as its content."""
        return [each for text in self.prompts if (each := _file_content(text) or without_instructions(text))]

    @cached_property
    def documents(self) -> list[str]:
        """Texts that questions may be about: system texts of some length, and what surrounds the question."""
        rest = without_instructions(self._parts.rest)
        texts = [text for text in self.system if len(text) > 100 or "\n" in text.strip() or is_chinese(text)]
        return [*texts, rest] if len(rest.strip()) > (10 if is_chinese(rest) else 25) else texts

    @cached_property
    def earlier(self) -> list[str]:
        """Messages and tool results before the last user message."""
        return texts_of(self.messages[: max(self._last_user, 0)], "user", "tool")


def texts_of(messages: Iterable[Mapping[str, Any]], *roles: str) -> list[str]:
    """The texts of the messages of these roles."""
    return [text for m in messages if m.get("role") in roles if (text := text_of(m.get("content")))]


def _file_content(text: str) -> str | None:
    value = next((value for value, start, _ in json_in(text.lstrip()) if start == 0), None)
    content = value.get("content") if isinstance(value, dict) else None
    return content if isinstance(content, str) else None


@dataclass(frozen=True)
class Task:
    """A request to be answered: what a skill is given."""

    request: Mapping[str, Any]
    context: BrainContext

    @cached_property
    def talk(self) -> Conversation:
        """Its messages."""
        return Conversation(self.request["messages"])

    @property
    def response_format(self) -> Mapping[str, Any]:
        """The format that is asked for, {} for none."""
        return self.request.get("response_format") or {}

    @property
    def texts(self) -> list[str]:
        """Where values come from, the best sources first."""
        results = (done.content for done in self.talk.done)
        return [*results, self.talk.request, *self.talk.system, *self.talk.earlier]
