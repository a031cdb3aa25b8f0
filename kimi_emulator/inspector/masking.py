"""What is never shown: keys. A header, a text or a whole answer, with every key as ``sk-...`` and its last four."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["DEFAULT_KEYS", "Mask", "mask_header"]

DEFAULT_KEYS = ("sk-test-emulator", "sk-test-emulator-ai", "sk-test-emulator-cn")
"""Keys that the emulator makes up itself: no secrets, and the page shows them, for they have to be typed somewhere."""

_KEY = re.compile(r"\bsk-[A-Za-z0-9][A-Za-z0-9_-]{17,}")
_BEARER = re.compile(r"(?i)\b(bearer\s+)([A-Za-z0-9._~+/-]{12,}=*)")
_SECRET_HEADERS = re.compile(r"(?i)cookie|secret|password|(?:auth|access|session|csrf)-?token")
_SHORTEST = 8


def _short(key: str) -> str:
    return f"sk-...{key[-4:]}" if len(key) > _SHORTEST else "sk-..."


def mask_header(name: str, value: str) -> str:
    """The value of a header without its secret: a key keeps its last four characters, a cookie nothing."""
    if "authorization" in name.lower():
        scheme, _, key = value.rpartition(" ")
        return f"{scheme} {_short(key)}".strip()
    if re.search(r"(?i)api-?key", name):
        return _short(value)
    return "(hidden)" if _SECRET_HEADERS.search(name) else value


class Mask:
    """Hides these secrets wherever they stand, and whatever looks like a key (``sk-``, or behind ``Bearer``)."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        hidden = sorted({s for s in secrets if len(s) >= _SHORTEST and s not in DEFAULT_KEYS}, key=len, reverse=True)
        self._exact = re.compile("|".join(map(re.escape, hidden))) if hidden else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._exact is not None:
            text = self._exact.sub(lambda match: _short(match[0]), text)
        if "sk-" in text:
            text = _KEY.sub(lambda match: match[0] if match[0] in DEFAULT_KEYS else _short(match[0]), text)
        if "earer" in text or "EARER" in text:
            text = _BEARER.sub(lambda match: match[1] + self._bearer(match[2]), text)
        return text

    @staticmethod
    def _bearer(key: str) -> str:
        return key if key in DEFAULT_KEYS or key.startswith("sk-...") else _short(key)

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it masked, names included. Pictures and the like in data URLs stay."""
        if isinstance(value, str):
            return value if value.startswith("data:") else self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers by name, without secrets."""
        return {name: self.text(mask_header(name, value)) for name, value in headers.items()}
