"""Answers that another process reads are read by the rules of the model that the requests were made for."""

from __future__ import annotations

import dataclasses
import json
import warnings

import pytest

from kimi_api import MODELS, ChatOptions, KimiWarning, ModelSpec, build_request
from kimi_api.batches import BatchObject, to_line
from kimi_api.batches._lines import Fetched, read_results, with_notes
from kimi_api.catalog import Catalog
from kimi_api.request import ChatRequest

NOTE = {"kimi_catalog_model": "kimi-k2.6"}


def request(**options: object) -> ChatRequest:
    return build_request(ChatOptions(**options), [{"role": "user", "content": "hi"}])  # type: ignore[arg-type]


def spec_read(line: ChatRequest, notes: dict[str, str] | None, catalog: Catalog | None = None) -> ModelSpec:
    """The rules by which a process that has only the files reads the answer."""
    answer = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]}
    entry = {"custom_id": "a", "response": {"status_code": 200, "body": {"id": "c", **answer}}}
    batch = BatchObject("batch-1", "completed", metadata=notes)
    fetched = Fetched(batch, input=to_line("a", line.body).decode(), output=json.dumps(entry))
    (result,) = read_results(fetched, "https://host.test/v1", None, catalog)
    assert result.reply is not None
    assert result.request is not None
    return result.request.spec


def test_the_model_that_an_alias_stands_for_is_noted() -> None:
    alias = request(model="prod-assistant", catalog_model="kimi-k2.6")
    assert with_notes(None, [alias]) == NOTE
    assert spec_read(alias, NOTE) == MODELS["kimi-k2.6"]


@pytest.mark.parametrize("model", ["kimi-k2.6", "moonshotai/Kimi-K2.6"])
def test_an_id_of_the_catalogue_needs_no_note(model: str) -> None:
    assert with_notes({"job": "7"}, [request(model=model)]) == {"job": "7"}


def test_a_noted_model_that_this_process_does_not_know_loses_no_answer() -> None:
    with pytest.warns(KimiWarning, match="'prod-assistant' is not in the catalogue"):
        spec = spec_read(request(model="prod-assistant", catalog_model="kimi-k2.6"), {"kimi_catalog_model": "kimi-k99"})
    assert not spec.known


def test_the_clients_catalogue_counts_where_answers_are_read() -> None:
    own = Catalog({"near-model": dataclasses.replace(MODELS["kimi-k2.6"], id="near-model", thinking="none")})
    line = request(model="near-model", catalog=own)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spec_read(line, with_notes(None, [line]), own) == own["near-model"]
