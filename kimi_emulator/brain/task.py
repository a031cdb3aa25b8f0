"""What a skill is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kimi_emulator.brain.contract import BrainContext
from kimi_emulator.brain.conversation import Conversation

__all__ = ["Task"]


@dataclass(frozen=True)
class Task:
    """A request to be answered."""

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
        talk = self.talk
        return [*(done.content for done in talk.done), talk.request, *talk.system, *talk.earlier]
