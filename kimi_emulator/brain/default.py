"""The default brain: the first skill that knows what a request is about answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kimi_emulator.brain.contract import BrainContext
from kimi_emulator.brain.skills import SKILLS
from kimi_emulator.brain.task import Task
from kimi_emulator.script import Reply

__all__ = ["DefaultBrain"]


class DefaultBrain:
    """Answers by rules. It knows nothing: whatever it says comes out of the request."""

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        """Tool calls if some are due, else a text in the format that is asked for."""
        task = Task(request, context)
        return next(reply for skill in SKILLS if (reply := skill(task)) is not None)
