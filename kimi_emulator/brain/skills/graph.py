"""Facts as triplets for knowledge graphs, and facts about the user for memories."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.content import text_of
from kimi_emulator.words import sentences

__all__ = ["say", "triplets"]

_TRIPLETS = re.compile(r"\btriplets?\b|三元组", re.IGNORECASE)
_MOST = re.compile(r"up to (\d+)|最多\s*(\d+)")
_FACTS = re.compile(r"<facts>\s*<fact>", re.IGNORECASE)
_EXISTING = re.compile(r"<existing_facts>\s*(.*?)\s*</existing_facts>", re.DOTALL)
_TELLS = re.compile(r"\b(?:i|i'm|my|we|our|me)\b|我|我们", re.IGNORECASE)
_RELATION = re.compile(
    r"^(?P<head>(?:The |A |An )?[^,;:]{2,60}?)\s+"
    r"(?P<relation>(?:is|was|are|were|has been|will be)(?: (?:an?|the))?(?: \w+(?:ed|ing|en|by|of|in|to|at|for"
    r"|from|with))*(?: (?:in|at|by|of|to|from|on|for|with))?"
    r"|(?:\w{3,}(?:s|ed)|has|had|have|made|wrote|built|won|led|began|became|left|lies|runs)(?: (?:in|at|by|of|to"
    r"|from|on|for|with|as))?)\s+"
    r"(?P<tail>(?:the |a |an )?[^,;:]{2,80}?)(?:\s+(?P<more>in|on|at|by|from"
    r"|since)\s+(?P<second>[A-Z0-9][\w .'-]{1,40}))?[.!,;]?$"
)
_CHINESE = re.compile(
    r"^(?P<head>[^，。；的]{2,12}?)(?P<relation>是|位于|成立于|创立于|属于|拥有|生产|来自|毕业于|任职于|住在|发明了|创办了|喜欢|收购了)(?P<tail>[^，。；]{1,30})"
)
_CLAUSE = re.compile(r"[，；]|,? and (?=(?:is|was|has|\w+ed|\w+s)\b)|, (?=(?:is|was|has|\w+ed)\b)")
_YEAR = re.compile(r"^\d{3,4}$")


def say(talk: Conversation) -> str | None:
    """Triplets in the form that the prompt shows, or facts between tags; None for any other request."""
    whole = talk.frame
    if _FACTS.search(whole):
        return _facts(talk, whole)
    if not _TRIPLETS.search(talk.request):
        return None
    text = re.split(r"\bText:|文本[:：]", talk.request)[-1]
    text = re.split(r"\n(?:Triplets|Output|三元组|输出)\s*[:：]", text)[0]
    most = _MOST.search(talk.request)
    chosen = list(triplets(text))[: int(next(g for g in most.groups() if g)) if most else 10]
    if "head_type" in talk.request:
        return json.dumps([_with_types(*each, "head_props" in talk.request) for each in chosen], ensure_ascii=False)
    return "\n".join(f"({head}, {relation}, {tail})" for head, relation, tail in chosen)


def triplets(text: str) -> Iterator[tuple[str, str, str]]:
    """Subject, relation and object of simple sentences; `it` stands for the subject before."""
    head = ""
    for line in text.splitlines():
        for sentence in sentences(line):
            for clause in _CLAUSE.split(sentence.strip("。 ")):
                match = _CHINESE.match(clause) or _RELATION.match(clause)
                if match is None and head:
                    match = _CHINESE.match(f"{head}{clause}") or _RELATION.match(f"{head} {clause}")
                if match is None:
                    continue
                own = _bare(match["head"])
                head = head if head and re.fullmatch(r"it|he|she|they|this|它|他|她|其", own, re.IGNORECASE) else own
                relation, parts = match["relation"].strip(), match.groupdict()
                yield head, relation, _bare(match["tail"])
                if parts.get("second"):
                    verb = relation.removesuffix(" by").split()[-1]
                    yield head, f"{verb} {parts['more']}", parts["second"].strip(" .")


def _bare(text: str) -> str:
    return re.sub(r"^(?:the|a|an)\s+", "", text.strip(" .。"), flags=re.IGNORECASE)


def _with_types(head: str, relation: str, tail: str, props: bool) -> dict[str, object]:
    kinds = {"head": head, "tail": tail}
    named: dict[str, object] = {}
    for place, text in kinds.items():
        named[place] = text
        named[f"{place}_type"] = "DATE" if _YEAR.match(text) else "ENTITY" if text[:1].isupper() else "CONCEPT"
        if props:
            named[f"{place}_props"] = {}
        if place == "head":
            named["relation"] = re.sub(r"\W+", "_", relation).upper().strip("_")
            named.update({"relation_props": {}} if props else {})
    return named


def _facts(talk: Conversation, prompt: str) -> str:
    existing = _EXISTING.search(prompt)
    known = re.findall(r"<fact>(.*?)</fact>", existing.group(1)) if existing else []
    facts: list[str] = []
    for message in talk.messages:
        text = text_of(message.get("content"))
        if message.get("role") == "user" and not _FACTS.search(text):
            facts += [
                s
                for line in text.splitlines()
                for s in sentences(line)
                if _TELLS.search(s) and not s.endswith(("?", "？"))
            ]
    chosen = known if "condens" in prompt.lower() else [each for each in facts if each not in known]
    lines = "".join(f"\n  <fact>{each}</fact>" for each in dict.fromkeys(chosen))
    return f"<facts>{lines}\n</facts>" if lines else "<facts></facts>"
