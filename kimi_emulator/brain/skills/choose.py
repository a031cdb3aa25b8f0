"""Choices out of numbered lists: selectors, rerankers, citations."""

from kimi_emulator.brain import choices
from kimi_emulator.brain.conversation import Conversation, texts_of
from kimi_emulator.brain.documents import best
from kimi_emulator.brain.filling.fill import Filler
from kimi_emulator.brain.language import capture, pattern


def say(talk: Conversation) -> str | None:
    """The choice in the form that the prompt shows, or None where it shows none."""
    request = talk.request
    if names := capture("choose.classes", request) or capture("choose.classes", talk.frame):
        members = [name.strip(" '\"`“”*") for name in pattern("choose.listed").split(names)]
        text = request.partition(names)[2] if names in request else request
        text = capture("choose.classified", text) or text
        return Filler([text], {"enum": members}, question=text).whole()[0] if text.strip() else None
    if pattern("choose.ranking").search(request):
        items = choices.numbered_items("\n".join(texts_of(talk.messages, "user")))
        ranked = choices.rank(capture("choose.searched", request) or talk.question, items)
        best_first = dict.fromkeys(choice.number for choice in [*ranked, *items])
        return " > ".join(f"[{number}]" for number in best_first) or None
    if not (items := choices.numbered_items(request)):
        return None
    fitting = choices.rank(talk.question, items)
    if form := pattern("choose.quoted_form").search(request):
        chosen = fitting if form[2].endswith("s") else fitting[:1]
        return f"{form[1]}: " + ", ".join(str(choice.number) for choice in chosen)
    if rated := pattern("choose.rated_line").search(request):
        return "\n".join(f"{rated[1]}: {choice.number}, {rated[2]}: {choice.relevance}" for choice in fitting)
    if pattern("choose.cite").search(request):
        quoted = best(talk.question, [choice.text for choice in items], most=1)
        source = next((choice.number for choice in items if quoted and quoted in " ".join(choice.text.split())), None)
        return f"{quoted} [{source}]" if source else None
    return str(fitting[0].number) if pattern("choose.number").search(request) else None
