"""What a recording leaves out: keys, cookies, and who the account belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["HIDDEN_KEY", "KEPT_REQUEST_HEADERS", "KEPT_RESPONSE_HEADERS", "hide", "keep_headers"]

KEPT_REQUEST_HEADERS = ("content-type",)
KEPT_RESPONSE_HEADERS = (
    "content-type",
    "msh-request-id",
    "x-msh-trace-id",
    "msh-context-cache-token-saved",
    "retry-after",
)
"""A list of what is kept, not of what is left out: a header that nobody thought of is not written."""

HIDDEN_KEY = "sk-test-hidden"
# Fibers name the project, some errors the organisation and the id of the key.
_ACCOUNT = re.compile(r"\b(org|ak|proj|cak)-[A-Za-z0-9]{6,}")
_KEY = re.compile(r"\bsk-(?!test-)[A-Za-z0-9_-]{6,}")


def hide(text: str, keys: Iterable[str] = ()) -> str:
    """The text without the account's ids, without ``keys``, and without whatever looks like a key."""
    for key in keys:
        if key:
            text = text.replace(key, HIDDEN_KEY)
    return _KEY.sub(HIDDEN_KEY, _ACCOUNT.sub(r"\1-hidden", text))


def keep_headers(headers: Mapping[str, str | list[str]], names: tuple[str, ...]) -> dict[str, list[str]]:
    """The headers of these names, in lower case, each with the list of its values."""
    return {
        name.lower(): [value] if isinstance(value, str) else list(value)
        for name, value in headers.items()
        if name.lower() in names
    }
