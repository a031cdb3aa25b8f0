"""Facts as triplets for knowledge graphs, and facts about the user for memories."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.language import capture, pattern
from kimi_emulator.content import text_of
from kimi_emulator.words import sentences


def say(talk: Conversation) -> str | None:
    """Triplets in the form that the prompt shows, or facts between tags; None for any other request."""
    whole, request = talk.frame, talk.request
    if pattern("graph.facts").search(whole):
        return _facts(talk, whole)
    if not pattern("graph.triplets").search(request):
        return None
    text = pattern("graph.ends").split(pattern("graph.begins").split(request)[-1])[0]
    chosen = list(triplets(text))[: int(capture("graph.most", request) or 10)]
    if "head_type" in request:
        return json.dumps([_with_types(*each, "head_props" in request) for each in chosen], ensure_ascii=False)
    return "\n".join(f"({head}, {relation}, {tail})" for head, relation, tail in chosen)


def triplets(text: str) -> Iterator[tuple[str, str, str]]:
    """Subject, relation and object of simple sentences; `it` stands for the subject before."""
    head = ""
    simple = [sentence.strip("。 ") for line in text.splitlines() for sentence in sentences(line)]
    for clause in (clause for sentence in simple for clause in pattern("graph.clause").split(sentence)):
        match = pattern("graph.chinese").match(clause) or pattern("graph.relation").match(clause)
        if match is None and head:
            match = pattern("graph.chinese").match(head + clause) or pattern("graph.relation").match(f"{head} {clause}")
        if match is None:
            continue
        own = _bare(match["head"])
        head = head if head and pattern("graph.pronoun").fullmatch(own) else own
        relation, parts = match["relation"].strip(), match.groupdict()
        yield head, relation, _bare(match["tail"])
        if parts.get("second"):
            verb = relation.removesuffix(" by").split()[-1]
            yield head, f"{verb} {parts['more']}", parts["second"].strip(" .")


def _bare(text: str) -> str:
    return re.sub(r"^(?:the|a|an)\s+", "", text.strip(" .。"), flags=re.IGNORECASE)


def _with_types(head: str, relation: str, tail: str, props: bool) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for place, text in (("head", head), ("relation", relation), ("tail", tail)):
        kind = "DATE" if re.fullmatch(r"\d{3,4}", text) else "ENTITY" if text[:1].isupper() else "CONCEPT"
        if place == "relation":
            members[place] = re.sub(r"\W+", "_", text).upper().strip("_")
        else:
            members |= {place: text, f"{place}_type": kind}
        members |= {f"{place}_props": {}} if props else {}
    return members


def _facts(talk: Conversation, prompt: str) -> str:
    known = re.findall(r"<fact>(.*?)</fact>", capture("graph.existing", prompt))
    texts = [text_of(message.get("content")) for message in talk.messages if message.get("role") == "user"]
    lines = [line for text in texts if not pattern("graph.facts").search(text) for line in text.splitlines()]
    about_user = [each for line in lines for each in sentences(line) if pattern("graph.tells").search(each)]
    new = [each for each in about_user if not each.endswith(("?", "？")) and each not in known]
    chosen = known if "condens" in prompt.lower() else new
    facts = "".join(f"\n  <fact>{each}</fact>" for each in dict.fromkeys(chosen))
    return f"<facts>{facts}\n</facts>" if facts else "<facts></facts>"
