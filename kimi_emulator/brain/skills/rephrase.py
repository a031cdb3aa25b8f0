"""Follow-up questions as standalone ones, and several search queries out of one."""

from __future__ import annotations

import re

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.words import words

__all__ = ["say"]

_STANDALONE = re.compile(
    r"standalone (?:question|message)\s*[:>]?\s*$|(?:独立(?:的)?问题|改写后的问题)\s*[:：]?\s*$", re.IGNORECASE
)
_QUERIES = re.compile(
    r"\bgenerate[sd]?\s+(?:multiple|several|(\d+|\w+))\s+(?:different\s+)?(?:search\s+)?(?:versions|queries|questions)\b"
    r".{0,400}?\bone (?:on|per) (?:each )?line|\bgenerate (\w+)\s*different versions of the given user\s*question"
    r"|生成\s*(\d+|[一二三四五])\s*个(?:不同的?)?(?:搜索)?(?:查询|问题|版本)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "二": 2, "三": 3, "四": 4, "五": 5}


def say(talk: Conversation) -> str | None:
    """The question alone, or variations of it, one a line."""
    if _STANDALONE.search(talk.request.rstrip()):
        return talk.question
    demand = _QUERIES.search(talk.frame)
    if not demand:
        return None
    number = next((each for each in demand.groups() if each), "3").lower()
    count = int(number) if number.isdigit() else _NUMBERS.get(number, 3)
    question = talk.question.strip()
    bare = question.rstrip("?？。. ")
    keys = " ".join(dict.fromkeys(word for word in re.findall(r"[^\W_]+", bare) if words(word)))
    forms = (
        (question, f"{bare}的详细说明", f"{bare} 背景", f"{bare} 例子", f"关于{bare}", f"{bare} 原因")
        if talk.chinese
        else (question, keys, f"{keys} explained", f"{keys} details", f"{keys} background", f"{keys} examples")
    )
    return "\n".join(list(dict.fromkeys(forms))[: max(1, count)])
