"""Facts as triplets for knowledge graphs, and facts about the user for memories."""

import json
import re
from collections.abc import Iterator
from typing import Any

from kimi_emulator.brain.conversation import Conversation, texts_of
from kimi_emulator.brain.language import capture, pattern
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
    for clause in (each for one in sentences(text) for each in pattern("graph.clause").split(one.strip("。 "))):
        kinds = (pattern("graph.chinese"), pattern("graph.relation"))
        forms = (clause, f"{head} {clause}") if head else (clause,)
        if (match := next((m for form in forms for kind in kinds if (m := kind.match(form))), None)) is None:
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
    first, last = (
        "DATE" if re.fullmatch(r"\d{3,4}", text) else "ENTITY" if text[:1].isupper() else "CONCEPT"
        for text in (head, tail)
    )
    verb = re.sub(r"\W+", "_", relation).upper().strip("_")
    typed = {"head": head, "head_type": first, "relation": verb, "tail": tail, "tail_type": last}
    return typed | {f"{place}_props": {} for place in ("head", "relation", "tail") if props}


def _facts(talk: Conversation, prompt: str) -> str:
    known = re.findall(r"<fact>(.*?)</fact>", capture("graph.existing", prompt))
    texts = [text for text in texts_of(talk.messages, "user") if not pattern("graph.facts").search(text)]
    about_user = [each for text in texts for each in sentences(text) if pattern("graph.tells").search(each)]
    new = [each for each in about_user if not each.endswith(("?", "？")) and each not in known]
    chosen = known if "condens" in prompt.lower() else new
    facts = "".join(f"\n  <fact>{each}</fact>" for each in dict.fromkeys(chosen))
    return f"<facts>{facts}\n</facts>" if facts else "<facts></facts>"
