"""Single values out of texts: numbers, truth values, members of enumerations, texts.

Each comes with its strength: NAMED (the text says that it is this member), SURE (of the right kind), LIKELY (the first
thing that could be it) or MADE_UP (nothing in the texts). None where the texts hold nothing of the kind.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from kimi_emulator.brain import choices
from kimi_emulator.brain.documents import best, holds
from kimi_emulator.brain.filling import chinese
from kimi_emulator.brain.filling.values import Source, in_format, of_kind
from kimi_emulator.brain.language import capture, heads, load, others, pattern, phrase, terms, words_of
from kimi_emulator.brain.naming import number_in, parts, prepositions, scalar, units, way, whole_word
from kimi_emulator.words import sentences

NAMED, SURE, LIKELY, MADE_UP = 3, 2, 1, 0
_TRUTHS = {**dict.fromkeys(("true", "yes", "on", "是"), True), **dict.fromkeys(("false", "no", "off", "否"), False)}


def is_free_text(name: str) -> bool:
    """Whether a member of this name holds words of any kind: a query, a summary."""
    return bool(pattern("scalars.free_text").search(name.lower()))


def is_identifier(name: str) -> bool:
    """Whether a member of this name holds a code: an id, an order's number."""
    return bool(pattern("scalars.identifier").search(name.lower()))


class Scalars:
    """Values out of the texts, the earlier ones first. What is taken is not offered again."""

    def __init__(self, sources: Sequence[Source], question: str) -> None:
        self.sources = sources
        self.question = question
        self.names: set[str] = set()
        """Names of members, which are no values."""

    def numbers(self, name: str, *, whole: bool) -> Iterator[tuple[int | float, int]]:
        """Numbers for a member, the surest first."""
        for source in self.sources:
            for text in (scalar(source.entry(name)), source.number_near(name)):
                if (number := number_in(text, whole=whole)) is not None:
                    yield number, SURE
        for source in self.sources:
            for text in source.take_each(source.numbers()):
                if (number := number_in(text, whole=whole)) is None:
                    break
                yield number, LIKELY

    def truth(self, name: str, description: str = "") -> tuple[bool, int] | None:
        """Whether something is so."""
        for source in self.sources:
            entry = source.entry(name)
            labelled = entry if isinstance(entry, bool) else _TRUTHS.get((source.value_of_label(name) or "").lower())
            if labelled is not None:
                return labelled, SURE
        first = self.sources[0]
        bare = re.sub(r"^(?:is|has|include|use|with|should)_", "", name)
        if first.mentions(bare):
            negation, spoken = pattern("scalars.negation").pattern, bare.replace("_", "[ _-]").rstrip("s")
            return not re.search(rf"{negation}[^.,;]{{0,20}}{spoken}", first.text, re.IGNORECASE), SURE
        return (self._verdict(), LIKELY) if pattern("documents.asks").search(f"{name} {description}") else None

    def _verdict(self) -> bool:
        return holds([source.text for source in self.sources], self.question)

    def member(self, name: str, members: Sequence[Any], schema: Mapping[str, Any]) -> tuple[Any, int] | None:
        """The member of an enumeration that the texts name or point to."""
        described = schema.get("enumDescriptions")
        if isinstance(described, dict):
            return choices.described_by(self.question, {each: described.get(each) for each in members}), SURE
        if {str(each).lower() for each in members} in ({"yes", "no"}, {"是", "否"}):
            so = self._verdict()
            return next(each for each in members if _TRUTHS[str(each).lower()] is so), LIKELY
        spoken = {str(each): each for each in members if each is not None}
        for source in self.sources:
            labelled = (scalar(source.entry(name)) or source.value_of_label(name) or "").lower()
            directed = rf"\b(?:{'|'.join(prepositions(name)) or '(?!)'})\s+"
            matches = [text for text in spoken if text.lower() == labelled]
            matches += [text for text in spoken if re.search(rf"{directed}{re.escape(text)}\b", source.text, re.I)]
            if matches:
                return spoken[matches[0]], NAMED
            places = [(text, *m.span()) for text in spoken if (m := re.search(whole_word(text), source.text, re.I))]
            texts = [text for text, _, _ in places]
            if source is not self.sources[0] and sum(isinstance(spoken[text], str) for text in texts) > 1:
                return spoken[self._described_in(source, texts)], LIKELY
            if places:
                first = min(places, key=itemgetter(1))
                source.take([first])
                return spoken[first[0]], NAMED
        return self._class_of(members)

    def _described_in(self, source: Source, members: Sequence[str]) -> str:
        """The member whose description in a text fits the question; if none does, the one for everything else."""
        own = sentences(source.text)
        about = {
            member: " ".join(each for each in own if re.search(whole_word(member), each, re.I)) for member in members
        }
        fitting = choices.rank(self.question, [choices.Choice(*each) for each in enumerate(about.values())])[0]
        otherwise = [member for member in about if pattern("scalars.otherwise").search(about[member])]
        return (otherwise or members)[-1] if fitting.relevance == 1 else list(about)[fitting.number]

    def _class_of(self, members: Sequence[Any]) -> tuple[Any, int] | None:
        """The member that most words of the texts point to; a member that means "none" where no word does."""
        counted = heads("classes", self.question) or heads("classes", self.sources[0].text)
        texts = {str(each): each for each in members}
        counted |= {term: counted[head] for head in list(counted) for term in others("tools", head) if term in texts}
        if "negative" in counted and "positive" in counted and counted["negative"] >= counted["positive"] - 1:
            counted["positive"] = 0  # "not good" holds "good" too
        speaking = {each: counted.get(_class_name(each), 0) for each in members if isinstance(each, str)}
        if any(speaking.values()):
            return max(speaking, key=lambda each: speaking[each]), SURE
        neutral = [each for text, each in texts.items() if text.lower() in words_of("neutral")]
        return (neutral[0], LIKELY) if neutral else None

    def texts(self, name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
        """Texts for a member, the surest first. They end with something for everything."""
        description, form = str(schema.get("description") or ""), schema.get("format")
        about, lower = f"{name} {description}".lower(), name.lower()
        examples = re.findall(r"['\"‘“]([\w-]+)['\"’”]", description) if form is None else []
        if 2 <= len(examples) <= 6 and (member := self.member(name, examples, {})):
            yield str(member[0]), member[1]
        for source in self.sources:
            for text in (scalar(source.entry(name)), source.number_near(name) if units(name) else None):
                if text is not None:
                    yield text, NAMED
            if (labelled := source.value_of_label(name)) and not pattern("scalars.free_text").fullmatch(lower):
                yield in_format(labelled, form, self.question) or labelled, NAMED
        yield from ((text, NAMED) for source in self.sources if (text := of_kind(source, lower, about, form)))
        yield from self._phrases(name, lower, about)

    def _phrases(self, name: str, lower: str, about: str) -> Iterator[tuple[str, int]]:
        free = is_free_text(name)
        behind = {"from": chinese.FROM, "to": chinese.TO}.get(way(name), "")
        for place, source in enumerate(self.sources):
            kinds = [source.find("quoted")]
            kinds += [source.find_after(direction, names_only=True) for direction in prepositions(name)]
            kinds += [chinese.behind(source.text, behind)] if behind else []
            kinds += [source.find("marked"), source.codes(), source.numbers()] if is_identifier(name) else []
            if pattern("scalars.place").search(about) and not free:
                kinds += [source.find_after(pattern("scalars.in_place").pattern, names_only=True), source.names()]
                kinds += [source.find_after("in|at|near|for|of"), source.find_after("about|named|called|with|on|is")]
            elif not free:
                kinds += [source.find("event")] if pattern("scalars.is_event").search(about) else []
                kinds += [source.names(), source.find("event"), source.codes()]
            pool = (each for kind in kinds for each in kind if each[0] not in words_of("currencies"))
            if text := source.take(each for each in pool if each[0].strip() and each[0].lower() not in self.names):
                yield text.strip(), SURE if place == 0 else LIKELY
            if free and place == 0:
                yield self.free_text(lower), LIKELY
        if text := self.sources[0].take(self.sources[0].find_after("in|for|of|to|about|at|with|on|from")):
            yield text, LIKELY
        quoted = best(about, [source.text for source in self.sources], most=1)
        yield quoted or self.free_text(lower) or name, MADE_UP

    def free_text(self, name: str = "") -> str:
        """What a request is about, for a member that holds free text."""
        topic, saying = capture("scalars.topic", self.question), capture("scalars.saying", self.question)
        if pattern("scalars.is_topic").search(name) and (topic or saying):
            return topic or saying
        if pattern("scalars.is_body").search(name) and (topic or saying):
            return saying.strip(" '\"“”") or phrase("mail", chinese.is_chinese(topic), topic=topic)
        if pattern("scalars.is_summary").search(name):
            return next(iter(sentences(self.question)), "")
        return pattern("scalars.lead").sub("", self.question.strip())[:500]


def _class_name(member: str) -> str:
    """The head under which words for a member stand: 正面 is positive."""
    lower = member.lower().removeprefix("very_")
    signs = [head for sign, head in load("words")["class_names"].items() if sign in member]
    forms = [form for word in sorted(parts(member)) for form in (word, word.removesuffix("s"))]
    return next((each for each in (lower, *signs, lower.removesuffix("s"), *forms) if each in terms("classes")), lower)
