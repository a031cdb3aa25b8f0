"""Says what tools gave."""

import json

from kimi_emulator.brain import documents
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.language import capture, pattern, phrase
from kimi_emulator.content import compact

_LONG = 600
"""Characters of a tool result that are repeated whole; of longer ones the fitting sentences are quoted."""


def say(talk: Conversation) -> str | None:
    """The results of the calls that were made for the last request."""
    # That tools were loaded is no news, where one of them was called.
    results = [done for done in talk.done if not pattern("toolbox.loading").search(done.name)] or talk.done
    lines: list[str] = []
    for done in results:
        text = _sayable(done.content)
        if len(text) > _LONG:
            text = documents.best(talk.question, [done.content], most=3) or text[:_LONG] + " ..."
        lines.append(f"{done.name or 'The tool'}: {text}" if len(results) > 1 else text)
    if not lines and (spoken := capture("results.spoken", talk.request)):
        lines = [_sayable(spoken)]
    return phrase("results" if len(lines) > 1 else "result", talk.chinese, results="\n".join(lines)) if lines else None


def _sayable(result: str) -> str:
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
