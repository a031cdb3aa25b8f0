"""Greetings, thanks, and the question who is speaking."""

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.language import pattern, phrase


def say(talk: Conversation) -> str | None:
    """An answer of the same kind, in the language of the request."""
    request = talk.request.strip()
    for kind in ("who", "greeting", "well", "thanks", "bye") if len(request) <= 80 else ():
        if match := pattern(f"greet.{kind}").match(request):
            opening = match.group(1).capitalize() if match.re.groups else ""
            return phrase(kind, talk.chinese, opening=opening, myself=phrase("who", talk.chinese))
    return None
