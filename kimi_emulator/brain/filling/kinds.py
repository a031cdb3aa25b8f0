"""Texts that can be told by their form: dates, addresses, currencies, languages, sums."""

from __future__ import annotations

import re
from typing import Any

from kimi_emulator.brain.filling import chinese
from kimi_emulator.brain.filling.dates import MOMENT, in_format
from kimi_emulator.brain.filling.values import CURRENCIES, Source
from kimi_emulator.brain.meanings import heads, others, terms
from kimi_emulator.brain.naming import prepositions, way

__all__ = ["of_kind"]

_ADDRESSED = re.compile(r"(?:^|_)(?:to|cc|bcc|recipients?|receiver|email|mail|address)(?:$|_)|收件人|邮箱")
_PHONE = re.compile(r"(\+?\(?\d[\d\s().-]{6,18}\d)")
_NO_ATTRIBUTE = ("the", "my", "his", "her", "a", "and", "their", "color", "colour", "same")


def of_kind(source: Source, lower: str, about: str, form: Any) -> str | None:
    """A text that can be told by its form: a date, an address, a currency, a sum."""
    if form in ("date", "date-time", "time"):
        match = source.take(source.dates()) or (source.text if form == "time" else "")
        return in_format(match, form, source.text) if match else None
    if re.search(r"date|(?:^|_)(?:day|when|deadline|birthday|due)(?:$|_)|日期", lower):
        match = source.take(source.dates())
        return (in_format(match, "date") if match and re.search(r"\d{4}", match) else match) or None
    if "currency" in about or "iso 4217" in about or "货币" in about:
        return _currency(source, lower)
    if form == "email" or _ADDRESSED.search(lower):
        address = source.take(source.kind("email"))
        if address or form == "email":
            return address
    if form in ("uri", "url") or re.search(r"url|link|website|网址|链接", lower):
        return source.take(source.kind("url"))
    if re.search(r"phone|mobile|^tel|电话|手机", lower):
        return source.take(source.groups(_PHONE))
    if re.search(r"(?:^|_)time(?:$|_)|时间", lower):
        return source.take(source.groups(MOMENT))
    if re.search(r"path|file|folder|directory|文件", lower):
        return source.take(source.kind("path"))
    if re.search(r"expr|formula|equation|calculation|表达式|算式", lower):
        short = Source(chinese.write_signs(source.text[:2000]))
        return short.take(short.kind("expression"))
    if re.search(r"language|语言", lower):
        return _language(source)
    return _attribute(source, lower)


def _language(source: Source) -> str | None:
    """The language that a text names (`into French`), or is written in."""
    named = re.search(
        r"\b(?:into?|to) (?-i:([A-Z][a-z]+(?:ese|ish|ian|ench|erman|orean|indi|utch)|French|German|Greek))\b",
        source.text,
    )
    if named:
        return named.group(1)
    named = re.search(r"(?:成|为|用)([英中法德日韩俄西]|西班牙|阿拉伯)[语文]", source.text)
    if named:
        return named.group(0)[1:]
    tongues = ("japanese", "korean", "russian", "chinese", "spanish", "french", "german", "italian", "english")
    counted = heads("classes", source.text)
    spoken = max(tongues, key=lambda each: counted.get(each, 0) * (2 if each == "japanese" else 1))
    return spoken.capitalize() if counted.get(spoken) else None


def _attribute(source: Source, lower: str) -> str | None:
    """`black` for the colour of hair: the word before the noun, or behind its `is`."""
    match = re.match(r"(\w+?)_(?:colou?r|type|style|size)$", lower)
    if not match:
        return None
    noun = re.escape(match.group(1))
    for pattern in (rf"\b{noun}\s+(?:is|was|are)\s+(?:very\s+)?(\w+)", rf"\b(\w+)(?:\s+colou?red)?\s+{noun}\b"):
        words = [word for word in re.findall(pattern, source.text, re.IGNORECASE) if word.lower() not in _NO_ATTRIBUTE]
        if words:
            return words[0]
    return None


def _currency(source: Source, lower: str) -> str | None:
    for direction in prepositions(lower):
        match = re.search(rf"\b(?:{direction})\s+([A-Z]{{3}})\b", source.text)
        if match and match.group(1) in CURRENCIES:
            return match.group(1)
    other = {"from": "to|into|in", "to": "from"}.get(way(lower), "(?!)")
    code = source.take(
        code
        for code in source.currencies()
        if code[0] in CURRENCIES and not re.search(rf"\b(?:{other})\s+$", source.before(code[1]))
    )
    if code:
        return code
    spoken = {
        code: [source.text.lower().find(each.lower()) for each in others("currencies", code)]
        for code in terms("currencies")
    }
    places = sorted(
        (min(p for p in places_of_it if p >= 0), code)
        for code, places_of_it in spoken.items()
        if max(places_of_it) >= 0
    )
    codes = [code for _, code in places]
    # 美元 and 日元 hold 元: a currency named by another's last character was not named.
    codes = [
        c for c in codes if c != "CNY" or re.search(r"人民币|yuan|rmb|(?<![美欧日港韩])元", source.text, re.IGNORECASE)
    ]
    return codes[-1 if way(lower) == "to" else 0] if codes else None
