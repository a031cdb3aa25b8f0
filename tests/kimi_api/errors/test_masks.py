"""Ids of accounts and keys are masked wherever they stand in a text, also in one that is still JSON or an address."""

from __future__ import annotations

import json

import pytest

from kimi_api.errors._masks import mask_ids

ID = "ak-0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        f"Your account <{ID}> is suspended",
        f'{{"message":"account \\u003c{ID}\\u003e"}}',  # as the platform writes "<" in JSON
        json.dumps({"raw": f'{{"message":"\\u003c{ID}\\u003e"}}'}),  # the same inside a text, as a gateway sends it on
        json.dumps(f"first line\n{ID}"),
        json.dumps(f"tab\t{ID}"),
        f"https://example.org/?account=%3C{ID}%3E",
        f"account_{ID}",
        f"account-{ID}",
        f"({ID})",
        ID,
    ],
)
def test_an_id_is_masked_wherever_it_stands(text: str) -> None:
    masked = mask_ids(text)
    assert ID not in masked
    assert "ak-***" in masked


@pytest.mark.parametrize("text", ["a task-force of many", "the beak-shaped nose", "kiosk-keeper", "ask-4321 times"])
def test_words_stay(text: str) -> None:
    assert mask_ids(text) == text
