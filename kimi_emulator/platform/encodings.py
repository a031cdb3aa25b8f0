"""The text of files that do not say their encoding, or say it in HTML.

Which encodings the platform reads is not published. What stands here are those that files are really written in.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence

__all__ = ["decode", "decode_html"]

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ["utf_16_le", "utf_16_be", "utf_32_le", "utf_32_be"]
"""Without a mark. They are recognised by zero bytes, which line breaks and digits contain there."""
_OTHERS = [
    *("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r"),
]
"""Not the hundred that Python knows: a short text always fits one of those, of Apple's or Hewlett-Packard's."""
_LATIN = frozenset({"cp1250", "cp1254"})
_NEARLY = 0.05
"""How much more disorder Western European may show than its neighbours: a page in two languages, or with typography."""
_SAMPLE = 1024 * 1024
_WEB = {
    "big5": "big5hkscs",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "shift_jis": "cp932",
}
"""What pages mean by these names: https://encoding.spec.whatwg.org/#names-and-labels."""


def decode(data: bytes, declared: str | None = None) -> str:
    """The text in `data`: as its mark says, as UTF-8, as `declared`, or in the encoding that it looks most like."""
    for mark, encoding in _MARKS:
        if data.startswith(mark) and (text := _try(data, encoding)) is not None:
            return text
    text = _try(data, "utf-8-sig")
    if text is not None and text.count("\0") * 8 <= len(text):  # ASCII in UTF-16 is valid UTF-8 too, half of it zeros
        return text
    if declared is not None and (other := _try(data, _WEB.get(declared.lower(), declared))) is not None:
        return other
    for encoding in (*_likely(data), "gb18030"):
        if (other := _try(data, encoding)) is not None:
            return other
    return text if text is not None else data.decode("latin-1")


def decode_html(data: bytes) -> str:
    """The text of a page, whose head may say its encoding."""
    from bs4.dammit import EncodingDetector

    return decode(data, EncodingDetector.find_declared_encoding(data, is_html=True))


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _likely(data: bytes) -> Sequence[str]:
    """The encoding that `data` looks most like, if there is one."""
    from charset_normalizer import from_bytes

    if b"\0" in data:
        match = from_bytes(data, cp_isolation=_WIDE).best()
        return [] if match is None else [match.encoding]
    sample = data[:_SAMPLE]
    if len(data) > len(sample):
        sample = sample[: sample.rfind(b"\n") + 1] or sample  # not within a character
    matches = list(from_bytes(sample, cp_isolation=_OTHERS))
    if not matches:
        return []
    best = matches[0]
    for match in matches:
        if match.encoding == "cp1252" and best.encoding in _LATIN and match.chaos <= best.chaos + _NEARLY:
            best = match
        # Too short to tell: the platform is a Chinese one.
        if match.encoding == "gb18030" and (match.chaos, match.coherence) == (best.chaos, best.coherence) == (0, 0):
            best = match
    return [best.encoding]
