"""`account_limits` and `auto_continue` of `ChatKimi` where LangChain has ways of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumps, loads

from kimi_api import AccountLimits, KimiWarning
from kimi_api.limits import MemoryStore, RedisStore
from kimi_emulator import Emulator, RateLimits, Reply
from langchain_kimi import ChatKimi


def test_a_batch_waits_for_its_turns_and_is_answered_without_a_refusal() -> None:
    with Emulator(tier=RateLimits(concurrency=1)) as kimi:
        limits = AccountLimits(concurrency=1, store=MemoryStore(poll_seconds=0.01))
        llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0, account_limits=limits)
        assert all(answer.content for answer in llm.batch(["hi"] * 7))
        assert len(kimi.chats) == 7


def test_dumps_keep_the_limits_but_not_the_store(make: Callable[..., ChatKimi], monkeypatch: Any) -> None:
    store = RedisStore("redis://user:sk-test-secret@127.0.0.1:1/0")
    llm = make(account_limits=AccountLimits.tier(0, store=store), auto_continue=2, resume_streams=1)
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-2")
    text = dumps(llm)
    assert "sk-test-secret" not in text + repr(llm) + str(llm.model_dump())
    back = loads(
        text,
        valid_namespaces=["langchain_kimi"],
        allowed_objects=[ChatKimi],
        secrets_map={"MOONSHOT_API_KEY": "sk-test-2"},
    )
    assert back.account_limits == AccountLimits.tier(0)
    assert (back.auto_continue, back.resume_streams) == (2, 1)
    assert llm.model_dump()["account_limits"] == AccountLimits.tier(0).as_dict()


def test_structured_output_that_was_cut_is_still_an_error(make: Callable[..., ChatKimi], kimi: Emulator) -> None:
    from langchain_kimi.errors import KimiStructuredOutputError

    schema = {"title": "n", "type": "object", "properties": {"a": {"type": "integer"}}}
    kimi.script(Reply('{"a":', reasoning="t", finish_reason="length"))
    llm = make(auto_continue=3).with_structured_output(schema)
    with pytest.warns(KimiWarning, match="left cut off"), pytest.raises(KimiStructuredOutputError):
        llm.invoke("x")
    assert len(kimi.chats) == 1
