"""Pickles and dumps in LlamaIndex's own ways."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from kimi_api import AccountLimits
from kimi_api.limits import RedisStore
from kimi_emulator import Emulator
from llama_index_kimi import Kimi


def complete(llm: Kimi) -> str:
    return llm.complete("hi").text


def test_clients_and_unpicklable_parts_stay_behind(make: Callable[..., Kimi], caplog: pytest.LogCaptureFixture) -> None:
    import httpx

    with httpx.Client() as client:
        llm = make(http_client=client, messages_to_prompt=lambda messages: "x")
        complete(llm)
        other = pickle.loads(pickle.dumps(llm))
        assert copy.deepcopy(llm).http_client is client
    assert other.http_client is None
    assert complete(other)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_dump_makes_the_same_instance_again(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    llm = make(model="kimi-k2.6", thinking="disabled", max_tokens=900, stop=["x"], extra_body={"a": 1})
    dumped = llm.to_dict()
    assert dumped["class_name"] == Kimi.class_name() == "Kimi"
    again = Kimi.from_dict(dumped, api_key=kimi.api_key)
    assert again.to_dict() == dumped
    assert Kimi.from_json(json.dumps(json.loads(llm.to_json())), api_key=kimi.api_key).to_dict() == dumped
    assert complete(again) == complete(llm)


def test_stored_models_keep_the_limits_but_not_the_store(make: Callable[..., Kimi], monkeypatch: Any) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-2")
    store = RedisStore("redis://user:sk-test-secret@127.0.0.1:1/0")
    llm = make(account_limits=AccountLimits.tier(0, store=store), auto_continue=2, resume_streams=1)
    stored = llm.to_dict()
    assert "sk-test-secret" not in f"{stored}{llm!r}{llm.to_payload()}{llm.model_dump_json()}"
    back = Kimi.from_dict(stored)
    assert back.account_limits == AccountLimits.tier(0)
    assert (back.auto_continue, back.resume_streams) == (2, 1)
