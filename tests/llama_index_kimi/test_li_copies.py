"""Pickles and dumps in LlamaIndex's own ways, and what the import loads."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import subprocess
import sys
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


def _in_a_fresh_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_import_loads_neither_openai_nor_langchain_nor_the_emulator() -> None:
    code = (
        "import sys, llama_index_kimi as k; k.Kimi(api_key='sk-x'); k.KimiFileReader(api_key='sk-x');"
        "print(*{m.partition('.')[0] for m in sys.modules})"
    )
    loaded = set(_in_a_fresh_process(code).split())
    assert loaded.isdisjoint({"openai", "langchain", "langchain_core", "langchain_kimi", "kimi_emulator"})


def test_the_import_adds_little_to_core() -> None:
    code = (
        "import time, llama_index.core.llms, llama_index.core.readers.base, llama_index.core.tools;"
        "t = time.process_time(); import llama_index_kimi; print((time.process_time() - t) * 1000)"
    )
    assert min(float(_in_a_fresh_process(code)) for _ in range(2)) < 100  # 30 ms on a machine of one's own


def test_construction_is_cheap(make: Callable[..., Kimi]) -> None:
    import time

    make()
    start = time.thread_time()
    for _ in range(50):
        make()
    assert (time.thread_time() - start) / 50 < 0.002
