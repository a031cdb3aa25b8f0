"""What the brain can do, one skill a module, and the order in which they are tried.

A skill looks at a request and answers it, or returns None: then the next one is asked. `answer(task)` gives a whole
reply; `say(talk)` a text.
"""

from kimi_emulator.brain.skills import loader, prefix, protocols, speech, structured, tools

__all__ = ["SKILLS"]

SKILLS = (loader.answer, tools.answer, prefix.answer, protocols.answer, structured.answer, speech.answer)
"""In the order in which they are tried; the last one always answers."""
