"""Token counts in any JSON: numbers, or none. Accounts, models, formulas and batches: `batches/test_odd_lines.py`."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from kimi_api.tokens import read_estimate
from kimi_api.usage import parse_usage
from tests.support.odd_json import odd

ESTIMATE = {"data": {"total_tokens": 80}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}


@settings(max_examples=300)
@given(body=odd(ESTIMATE))
def test_an_estimate_of_any_json_is_a_number_or_none(body: Any) -> None:
    total = read_estimate(body)
    assert total is None or isinstance(total, int)


@settings(max_examples=300)
@given(body=odd(USAGE))
def test_usage_of_any_json_is_numbers_or_none(body: Any) -> None:
    usage = parse_usage(body)
    assert usage is None or all(isinstance(getattr(usage, name), int) for name in usage.__slots__)
