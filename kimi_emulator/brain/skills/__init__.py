"""What the brain can do, one skill a module, and the order in which they are tried.

A skill looks at a request and answers it, or returns None: then the next one is asked. `answer(task)` gives a whole
reply; `say(talk)` a text.
"""

from collections.abc import Mapping
from typing import Any

from kimi_emulator.brain.conversation import Task
from kimi_emulator.brain.skills import loader, prefix, protocols, speech, structured, tools
from kimi_emulator.script import BrainContext, Reply

SKILLS = (loader.answer, tools.answer, prefix.answer, protocols.answer, structured.answer, speech.answer)
"""In the order in which they are tried; the last one always answers."""


class DefaultBrain:
    """Answers by rules: with the first skill that knows what to do. Whatever it says comes out of the request."""

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        """Tool calls if some are due, else a text in the format that is asked for."""
        task = Task(request, context)
        return next(reply for skill in SKILLS if (reply := skill(task)) is not None)
