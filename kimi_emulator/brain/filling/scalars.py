"""Single values out of texts: numbers, truth values, members of enumerations, texts.

Each comes with its strength: NAMED (the text says that it is this member), SURE (of the right kind), LIKELY (the first
thing that could be it) or MADE_UP (nothing in the texts). None where the texts hold nothing of the kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kimi_emulator.brain import choices, verdicts
from kimi_emulator.brain.documents import best
from kimi_emulator.brain.filling import chinese
from kimi_emulator.brain.filling.dates import MOMENT, in_format
from kimi_emulator.brain.filling.kinds import of_kind
from kimi_emulator.brain.filling.values import CURRENCIES, Source
from kimi_emulator.brain.meanings import heads, others, terms
from kimi_emulator.brain.naming import loose, number_in, parts, prepositions, scalar, way
from kimi_emulator.words import sentences

__all__ = ["FREE_TEXT", "IDENTIFIER", "LIKELY", "MADE_UP", "NAMED", "SURE", "Scalars"]

NAMED, SURE, LIKELY, MADE_UP = 3, 2, 1, 0
_PLACE = re.compile(
    r"city|location|place|country|region|address|destination|origin|station|airport|town|城市|地点|地名|城镇|地区|目的地|出发地|都市"
)
FREE_TEXT: re.Pattern[str] = re.compile(
    r"query|question|search|text|prompt|input|topic|keyword|message|body|content|subject|q$|sentence|string|reason|setup"
    r"|summary|description|explanation|feedback|thought|answer|查询|问题|关键词|内容|正文|主题|摘要|原因|描述"
)
IDENTIFIER: re.Pattern[str] = re.compile(
    r"(?:^|_|\b)(?:id|ids|code|sku|key|reference|ref|ticket|order|serial|symbol|ticker|uuid|number|no|编号|单号|订单号|代码)$"
)
_TOPIC = re.compile(
    r"\b(?:about|regarding|concerning|on the subject of|titled)\s+(?:the\s+|our\s+|an?\s+|my\s+)?([^,.;!?\n]{2,80})"
    r"|主题(?:是|为|[:：])\s*([^，。；！？\n]{1,40})"
    r"|关于([^，。；！？\n]{1,30}?)的?(?:邮件|事情|事|会议通知|$|[，。；！？])"
)
_SAYING = re.compile(
    r"\b(?:saying|that says|with the (?:text|message|body)|remind me (?:to|about|that)(?=.{2,300}$))\b[:\s]+"
    rf"((?<=saying ).{{2,300}}|.{{2,300}}?(?=\s+(?:at|on|tomorrow|today|tonight)\b[^.]*$|$))"
    rf"|提醒我(?:{MOMENT.pattern})?(.{{2,200}})"
    r"|(?:内容是|内容为|说|告诉[他她]|正文是)[:：]?(.{2,200})",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^\s*(?:please\s+)?(?:(?:can|could) you\s+)?(?:search|look\s*up|find|google)\s+(?:for\s+|the web for\s+)?"
    r"|^(?:请|麻烦|帮我|帮忙|你|您|能不能|可以|能|上网|在网上)*(?:搜索|搜|查找|查询|检索|查)(?:一下|找|查)?",
    re.IGNORECASE,
)
_MARKED = re.compile(r"#\s?([A-Za-z0-9][\w-]*)", re.ASCII)
_EVENT = re.compile(
    r"\b(?:to|for|at|attend|join|called|named|about)\s+(?:an?|the|our|my)\s+([a-z][\w'-]*(?:\s+[\w'-]+){0,3}?)"
    r"(?=\s+(?:on|at|in|with|next|this|tomorrow|from|today)\b|[,.;!?]|$)|(?:参加|举办|出席|进行|召开)(?:了)?([^，。；！？的\n]{2,12})|(开会|会议(?!室)|聚餐|聚会|面试|讲座)",
    re.IGNORECASE,
)


class Scalars:
    """Values out of the texts, the earlier ones first. What is taken is not offered again."""

    def __init__(self, sources: Sequence[Source], question: str) -> None:
        self.sources = sources
        self.question = question
        self.names: set[str] = set()
        """Names of members, which are no values."""

    # -- numbers and truth ------------------------------------------------------------------------------------

    def numbers(self, name: str, *, whole: bool) -> Iterator[tuple[int | float, int]]:
        """Numbers for a member, the surest first."""
        for source in self.sources:
            for strength, text in ((SURE, scalar(source.entry(name))), (SURE, source.number_near(name))):
                number = number_in(text, whole=whole)
                if number is not None:
                    yield number, strength
        for source in self.sources:
            for _ in range(50):
                number = number_in(source.take(source.numbers()), whole=whole)
                if number is None:
                    break
                yield number, LIKELY

    def truth(self, name: str, description: str = "") -> tuple[bool, int] | None:
        """Whether something is so."""
        for source in self.sources:
            entry = source.entry(name)
            if isinstance(entry, bool):
                return entry, SURE
            labelled = (source.value_of_label(name) or "").lower()
            if labelled in ("true", "yes", "on", "false", "no", "off", "是", "否"):
                return labelled in ("true", "yes", "on", "是"), SURE
        first = self.sources[0]
        bare = re.sub(r"^(?:is|has|include|use|with|should)_", "", name)
        if first.mentions(bare):
            spoken = bare.replace("_", "[ _-]").rstrip("s")
            negated = re.search(
                rf"\b(?:no|not|without|n't|never|exclude|isn't|not yet)\b[^.,;]{{0,20}}{spoken}",
                first.text,
                re.IGNORECASE,
            )
            return not negated, SURE
        classes = heads("classes", first.text)
        if bare in terms("classes"):
            return bare in classes, LIKELY
        if verdicts.asks(f"{name} {description}"):
            return verdicts.holds([source.text for source in self.sources], self.question), LIKELY
        return None

    def member(self, name: str, members: Sequence[Any], schema: Mapping[str, Any]) -> tuple[Any, int] | None:
        """The member of an enumeration that the texts name, or speak for."""
        described = schema.get("enumDescriptions")
        if isinstance(described, dict):
            listed = [choices.Choice(place, f"{each} {described.get(each)}") for place, each in enumerate(members)]
            return members[choices.rank(self.question, listed)[0].number], SURE
        if {str(each).lower() for each in members} in ({"yes", "no"}, {"是", "否"}):
            so = verdicts.holds([source.text for source in self.sources], self.question)
            return next(each for each in members if (str(each).lower() in ("yes", "是")) is so), LIKELY
        for source in self.sources:
            labelled = scalar(source.entry(name)) or source.value_of_label(name)
            for member in members:
                if labelled and str(member).lower() == labelled.lower():
                    return member, NAMED
            for direction in prepositions(name):
                for member in members:
                    if re.search(rf"\b(?:{direction})\s+{re.escape(str(member))}\b", source.text, re.IGNORECASE):
                        return member, NAMED
            places = [
                (*match.span(), member)
                for member in members
                if member is not None and (match := re.search(_whole(str(member)), source.text, re.IGNORECASE))
            ]
            if places:
                start, end, member = min(places, key=lambda place: place[0])
                source.mark(start, end)
                return member, NAMED
        return self._class_of(members)

    def _class_of(self, members: Sequence[Any]) -> tuple[Any, int] | None:
        """The member that most words of the texts speak for; none, where there is one for that."""
        counted = heads("classes", self.question) or heads("classes", self.sources[0].text)
        counted.update(
            {
                member: counted[head]
                for head in list(counted)
                for member in others("tools", head)
                if member in map(str, members)
            }
        )
        if "negative" in counted and "positive" in counted and counted["negative"] >= counted["positive"] - 1:
            counted["positive"] = 0  # "not good" holds "good" too
        speaking = {each: counted.get(_class_name(str(each)), 0) for each in members if isinstance(each, str)}
        if any(speaking.values()):
            return max(speaking, key=lambda each: speaking[each]), SURE
        neutral = [
            each for each in members if str(each).lower() in ("neutral", "other", "unknown", "none", "中性", "其他")
        ]
        return (neutral[0], LIKELY) if neutral else None

    # -- texts ------------------------------------------------------------------------------------------------

    def texts(self, name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
        """Texts for a member, the surest first. They end with something for everything."""
        about = f"{name} {schema.get('description') or ''}".lower()
        lower, form = name.lower(), schema.get("format")
        shown = re.findall(r"['\"‘“]([\w-]+)['\"’”]", str(schema.get("description") or "")) if form is None else []
        if 2 <= len(shown) <= 6:
            member = self.member(name, shown, {})
            if member is not None:
                yield str(member[0]), member[1]
        for source in self.sources:
            entry = source.entry(name)
            if isinstance(entry, str | int | float) and not isinstance(entry, bool):
                yield str(entry), NAMED
            measured = source.measure(name)
            if measured:
                yield measured, NAMED
            labelled = source.value_of_label(name)
            if labelled and not FREE_TEXT.fullmatch(lower):
                yield in_format(labelled, form, self.question) or labelled, NAMED
        for source in self.sources:
            special = of_kind(source, lower, about, form)
            if special:
                yield special, NAMED
        yield from self._phrases(name, lower, about)

    def _phrases(self, name: str, lower: str, about: str) -> Iterator[tuple[str, int]]:
        free = bool(FREE_TEXT.search(lower))
        directions = prepositions(name)
        behind = {"from": chinese.FROM, "to": chinese.TO}.get(way(name), "")
        for place, source in enumerate(self.sources):
            strength = SURE if place == 0 else LIKELY
            kinds = [source.quotations()]
            kinds += [source.after(direction, names_only=True) for direction in directions]
            kinds += [chinese.behind(source.text, behind)] if behind else []
            kinds += [source.groups(_MARKED), source.codes(), source.numbers()] if IDENTIFIER.search(lower) else []
            if _PLACE.search(about) and not free:
                kinds += [source.after("in|for|at|of|near|about|named|called|à|en|nach|em|для|в|во", names_only=True)]
                kinds += [source.names(), source.after("in|for|at|of|near|about|named|called|with|on|is")]
            elif not free:
                kinds += [source.groups(_EVENT)] if re.search(r"event|meeting|活动|事件", about) else []
                kinds += [source.names(), source.groups(_EVENT), source.codes()]
            for kind in kinds:
                text = source.take(
                    each for each in kind if each[0] not in CURRENCIES and each[0].lower() not in self.names
                )
                if text:
                    yield text.strip(), strength
                    break
            if free and place == 0:
                yield self.free_text(lower), LIKELY
        text = self.sources[0].take(self.sources[0].after("in|for|of|to|about|at|with|on|from"))
        if text:
            yield text, LIKELY
        quoted = best(about, [source.text for source in self.sources], most=1)
        yield quoted or self.free_text(lower) or name, MADE_UP

    def free_text(self, name: str = "") -> str:
        """What a request is about, for a member that holds free text."""
        if re.search(r"subject|topic|主题", name):
            topic = _TOPIC.search(self.question) or _SAYING.search(self.question)
            if topic:
                return [each for each in topic.groups() if each][-1].strip()
        if re.search(r"body|content|message|text|内容|正文", name):
            saying, topic = _SAYING.search(self.question), _TOPIC.search(self.question)
            if saying:
                return [each for each in saying.groups() if each][-1].strip(" '\"“”")
            if topic:
                about = next(each for each in topic.groups() if each).strip()
                return (
                    f"您好，这封邮件是关于{about}的。"
                    if chinese.is_chinese(about)
                    else f"Hello, this is about {about}."
                )
        if re.search(r"summary|摘要", name):
            own = [each for line in self.question.splitlines() for each in sentences(line)]
            return own[0] if own else ""
        return _LEAD.sub("", self.question.strip())[:500]


def _whole(text: str) -> str:
    """A pattern for a text that is no part of a longer word."""
    return rf"(?<![A-Za-z0-9_]){loose(text)}(?![A-Za-z0-9_])" if text.isascii() else re.escape(text)


def _class_name(member: str) -> str:
    """The head under which words for a member stand: 正面 is positive."""
    lower = member.lower().removeprefix("very_")
    if lower in terms("classes"):
        return lower
    for sign, head in (
        ("正", "positive"),
        ("积极", "positive"),
        ("好评", "positive"),
        ("负", "negative"),
        ("消极", "negative"),
    ):
        if sign in member:
            return head
    for word in parts(member):
        for each in (word, word.removesuffix("s"), word.removesuffix("_report"), word.removesuffix("_request")):
            if each in terms("classes"):
                return each
    return {"差评": "negative", "体育": "sports", "科技": "technology", "财经": "business", "政治": "politics"}.get(
        member, lower
    )
