"""Batches, result files, accounts, models and formulas of any JSON: read, or our error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings

from kimi_api import KimiError, KimiReplyError
from kimi_api._transport.steps import Send
from kimi_api.account import _models, merge_models, parse_balance  # the procedure is what reads a list of models
from kimi_api.batches._lines import BatchObject, Fetched, parse_batch, read_results
from kimi_api.client import Answer
from kimi_api.formulas import parse_fiber, parse_tools
from tests.support.odd_json import JSON, odd

REPLY = {"id": "c", "model": "kimi-k2.6", "choices": [{"message": {"content": "5"}, "finish_reason": "stop"}]}
LINE = {"custom_id": "a", "response": {"status_code": 200, "request_id": "r", "body": REPLY}, "error": None}
FAILED = {"custom_id": "b", "response": {"status_code": 400, "body": {"error": {"type": "t", "message": "m"}}}}
ASKED = {"custom_id": "a", "body": {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "?"}]}}
BATCH = {
    "id": "batch-1",
    "status": "completed",
    "request_counts": {"total": 2, "completed": 1, "failed": 1},
    "errors": {"data": [{"message": "m"}]},
    "metadata": {"kimi_demand": "f"},
    "created_at": 1,
}
MODELS = {"data": [{"id": "kimi-k9", "context_length": 5, "think_efforts": {"valid_efforts": ["a"]}}]}
BALANCE = {"data": {"available_balance": 1.5, "voucher_balance": 0, "cash_balance": 1}}
TOOLS = {"tools": [{"type": "function", "function": {"name": "f"}}]}
FIBER = {"id": "fiber-1", "status": "succeeded", "context": {"output": "5"}, "error": {"message": "m"}}


@pytest.mark.filterwarnings("ignore::kimi_api.KimiWarning")  # of empty answers and the like
@settings(max_examples=300)
@given(batch=odd(BATCH), line=odd(LINE), failed=odd(FAILED), input_line=odd(ASKED), anything=JSON)
def test_lines_of_any_json_are_results(batch: Any, line: Any, failed: Any, input_line: Any, anything: Any) -> None:
    known = BatchObject("batch-1", "completed")
    for one in (batch, anything):
        with contextlib.suppress(KimiError):
            known = parse_batch(one)
    texts = ["\n".join(map(json.dumps, lines)) for lines in ([input_line, anything], [line], [failed])]
    for given_input in (None, texts[0]):
        with contextlib.suppress(KimiError):
            results = read_results(Fetched(known, None, given_input, texts[1], texts[2]), "https://h/v1", None)
            assert all((result.reply is None) != (result.error is None) for result in results)


@settings(max_examples=300)
@given(models=odd(MODELS), balance=odd(BALANCE), tools=odd(TOOLS), fiber=odd(FIBER), anything=JSON)
def test_answers_about_the_account_of_any_json(
    models: Any, balance: Any, tools: Any, fiber: Any, anything: Any
) -> None:
    for body in (models, anything):
        with contextlib.suppress(KimiError):
            merge_models(_list_models(body))
    for body in (balance, anything):
        parse_balance(body)
    for body in (tools, anything):
        with contextlib.suppress(KimiError):
            parse_tools(body, "moonshot/x:latest")
    for body in (fiber, anything):
        with contextlib.suppress(KimiError):
            assert isinstance(parse_fiber(body, "moonshot/x:latest", "f").result, str)


def _list_models(body: Any) -> Any:
    procedure = _models()
    assert isinstance(next(procedure), Send)
    try:
        procedure.send(Answer(body))
    except StopIteration as end:
        return end.value
    raise AssertionError("it asks once")


def test_a_line_that_cannot_be_read_is_a_result_with_an_error() -> None:
    text = "\n".join(
        json.dumps({**LINE, "custom_id": name, "response": {"status_code": code}})
        for name, code in (("a", "many"), ("b", [1]))
    )
    results = read_results(Fetched(BatchObject("batch-1", "completed"), None, None, text), "https://h/v1", None)
    assert [(result.custom_id, type(result.error)) for result in results] == [
        ("a", KimiReplyError),
        ("b", KimiReplyError),
    ]


def test_a_good_answer_is_kept_where_its_line_of_the_input_file_cannot_be_read() -> None:
    input_line = json.dumps({"custom_id": "a", "body": "text"})
    fetched = Fetched(BatchObject("batch-1", "completed"), None, input_line, json.dumps(LINE))
    assert [result.reply.content for result in read_results(fetched, "https://h/v1", None) if result.reply] == ["5"]
