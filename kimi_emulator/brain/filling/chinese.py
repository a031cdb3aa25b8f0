"""Values in Chinese texts, which set no spaces: names, numbers, days; Japanese and Korean names as far as that goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from kimi_emulator.brain.meanings import others, terms

__all__ = ["FROM", "TO", "behind", "is_chinese", "names", "numbers", "write_signs"]

FROM, TO = "从由自", "到去往至给成为"
"""Characters behind which a text says where from and where to."""
_SCRIPT = "㐀-鿿々〆ヵヶァ-ヺー가-힯"
_STOPS = """
怎么样 怎样 怎么 如何 什么 多少 哪里 哪儿 哪些 哪个 几点 几天 是否 请问 告诉 知道 需要 可以 能否 能不能 帮忙
麻烦 看看 一下 关于 目前 现在 今天 明天 后天 昨天 今晚 明晚 今年 明年 去年 本周 下周 上周 周末 周一 周二 周三
周四 周五 周六 周日 星期一 星期二 星期三 星期四 星期五 星期六 星期日 上午 下午 晚上 早上 中午 凌晨 我们 你们
他们 她们 以及 或者 还是 并且 然后 因为 所以 但是 如果 根据 查询 查 帮 请 我 你 您 他 她 的 了 吗 呢 吧 是 在 和
与 跟 从 由 到 去 往 给 把 飞往 前往 参加 一起 位于 住在 来自 名叫 叫 说 を は の で に が と へ も か です ます
今日 明日 教えて ください 어때 알려줘 오늘 내일
"""
_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_NUMBER = (
    r"[零一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九]百(?:[零一二三四五六七八九十]{1,4})?"
    r"|[零一二两三四五六七八九]"
)
_COUNTED = re.compile(
    rf"(?<![第周期\d零一二两三四五六七八九十])({_NUMBER})(?=[个张位人件天份台本晚间次岁年月点杯瓶倍箱])"
)
_SPOKEN = str.maketrans(
    {"加": "+", "减": "-", "乘": "*", "除": "/", "×": "*", "÷": "/", "（": "(", "）": ")", "－": "-"}
)
_SIGN = re.compile(r"(?<=[\d)）])\s*(加上?|减去?|乘以?|除以|×|÷)\s*(?=[\d(（])")


def is_chinese(text: str) -> bool:
    """Whether a text is written in Chinese: in its characters, without Japanese or Korean ones."""
    return bool(re.search(r"[一-鿿]", text)) and not re.search(r"[ぁ-ヺ가-힯]", text)


@cache
def _stops() -> re.Pattern[str]:
    words = {word for word in _STOPS.split() if word}
    for section in ("tools", "units", "members"):
        for head in terms(section):
            words |= {term for term in others(section, head) if len(term) > 1 and re.search(f"[{_SCRIPT}]", term)}
    return re.compile("|".join(sorted(map(re.escape, words), key=lambda word: -len(word))))


def names(text: str) -> Iterator[tuple[str, int, int]]:
    """What is left of a text without its everyday words: names of two to ten characters."""
    for run in re.finditer(rf"[{_SCRIPT}ぁ-ゖ]+", text):
        start = run.start()
        for stop in [*_stops().finditer(text, run.start(), run.end()), None]:
            end = stop.start() if stop else run.end()
            piece = re.sub(r"^[想要会将有被让]+|[有要会将来正]+$", "", text[start:end])
            if 2 <= len(piece) <= 10 and not re.fullmatch(f"(?:{_NUMBER})+.?", piece):
                place = text.index(piece, start)
                yield piece, place, place + len(piece)
            start = stop.end() if stop else end


def behind(text: str, signs: str) -> Iterator[tuple[str, int, int]]:
    """Names right behind one of the characters: `FROM`, `TO`."""
    for name, start, end in names(text):
        if start and text[start - 1] in signs:
            yield name, start, end


def digits(number: str) -> int:
    """The value of a number below 1,000 in Chinese characters."""
    if "百" in number:
        head, tail = number.split("百")
        return 100 * _DIGITS[head] + (digits(tail.lstrip("零")) if tail.lstrip("零") else 0)
    if "十" in number:
        head, tail = number.split("十")
        return 10 * (_DIGITS[head] if head else 1) + (_DIGITS[tail] if tail else 0)
    return _DIGITS[number]


def numbers(text: str) -> Iterator[tuple[str, int, int]]:
    """Numbers in Chinese characters in front of a measure word."""
    for match in _COUNTED.finditer(text):
        yield str(digits(match.group(1))), match.start(1), match.end(1)


def write_signs(text: str) -> str:
    """The text with signs where it says them: 3加5 is 3+5."""
    return _SIGN.sub(lambda match: match.group(1)[0].translate(_SPOKEN), text).translate(
        str.maketrans({"（": "(", "）": ")"})
    )
