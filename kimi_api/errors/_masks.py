"""Ids that stay out of every text of ours."""

from __future__ import annotations

import re

_ACCOUNT_IDS = re.compile(r"\b(org|ak|proj|cak|sk)-[A-Za-z0-9*_-]{4,}")


def mask_ids(text: str) -> str:
    """`text` without the ids of accounts and keys that the platform puts into its messages.

    "Your account org-...<ak-...>" was recorded, with the ids written out.
    """
    return _ACCOUNT_IDS.sub(r"\1-***", text)
