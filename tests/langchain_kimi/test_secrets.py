"""The key is seen by the platform alone, and the platform sees nothing that belongs to OpenAI."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps, loads
from langchain_core.runnables import RunnableBinding
from pydantic import SecretStr

from kimi_api import AccountLimits, KimiKeyError
from kimi_api._transport.sdk.compat import transport
from kimi_api.limits import RedisStore
from kimi_emulator import Emulator
from langchain_kimi import ChatKimi
from langchain_kimi.errors import ChatKimiAuthenticationError

KEY = "sk-very-secret-0123456789"


class Recorder(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append((args, kwargs))

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append((args, kwargs))

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append((args, kwargs))


@pytest.mark.parametrize("key", [KEY, SecretStr(KEY), lambda: KEY], ids=["str", "SecretStr", "function"])
def test_key_is_not_shown(kimi: Emulator, key: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    llm = ChatKimi(base_url=kimi.base_url, api_key=key)
    recorder = Recorder()
    with pytest.raises(ChatKimiAuthenticationError) as caught:
        llm.invoke("hello", config={"callbacks": [recorder]})
    texts = [
        repr(llm),
        str(llm),
        repr(llm.client),
        dumps(llm),
        json.dumps(dumpd(llm)),
        repr(llm.model_dump()),
        repr(llm.asdict()),
        repr(llm._get_llm_string()),
        repr(recorder.seen),
        str(caught.value),
        repr(caught.value.__dict__.get("body")),
        "".join(traceback.format_exception(caught.value)),
        caplog.text,
    ]
    assert [text for text in texts if KEY in text] == []
    assert kimi.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_headers_that_may_be_a_gateways_key_are_sent_and_not_shown(
    kimi: Emulator, make: Callable[..., ChatKimi]
) -> None:
    recorder = Recorder()
    llm = make(default_headers={"X-Gateway-Key": KEY})
    copy = pickle.loads(pickle.dumps(llm))
    for model in (llm, copy):
        model.invoke("hello", config={"callbacks": [recorder]})
    texts = [repr(llm), dumps(llm), repr(llm.asdict()), repr(llm._get_llm_string()), repr(recorder.seen)]
    assert [text for text in texts if KEY in text] == []
    assert [request.headers["x-gateway-key"] for request in kimi.requests] == [KEY, KEY]


def test_dumps_and_loads(kimi: Emulator, make: Callable[..., ChatKimi], monkeypatch: pytest.MonkeyPatch) -> None:
    llm = make(model="kimi-k2.6", max_tokens=100, stop=["x"], thinking="disabled", extra_body={"a": 1})
    text = dumps(llm)
    assert ChatKimi.is_lc_serializable()
    assert kimi.api_key not in text
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    back = loads(text, allowed_objects=[ChatKimi], valid_namespaces=["langchain_kimi"], secrets_from_env=True)
    assert isinstance(back, ChatKimi)
    assert back._identifying_params == llm._identifying_params
    assert back.invoke("hello").text
    mapped = loads(
        text,
        allowed_objects=[ChatKimi],
        valid_namespaces=["langchain_kimi"],
        secrets_map={"MOONSHOT_API_KEY": "sk-other"},
        secrets_from_env=False,
    )
    assert mapped.api_key.get_secret_value() == "sk-other"


def test_a_model_loaded_without_secrets_takes_its_key_from_the_environment(
    kimi: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`loads` hands None for a secret it does not look up, which must not count as a key."""
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    for llm in (ChatKimi(base_url=kimi.base_url), ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key)):
        text = dumps(llm)
        assert kimi.api_key not in text
        back = loads(text, allowed_objects=[ChatKimi], valid_namespaces=["langchain_kimi"], secrets_from_env=False)
        assert back.api_key is None
        assert back.invoke("hello").text
    monkeypatch.delenv("MOONSHOT_API_KEY")
    with pytest.raises(KimiKeyError, match="MOONSHOT_API_KEY"):
        loads(text, allowed_objects=[ChatKimi], valid_namespaces=["langchain_kimi"], secrets_from_env=False)


def test_a_chain_with_bound_tools_is_dumped_and_loaded(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    text = dumps(ChatKimi(base_url=kimi.base_url).bind_tools([tool]))
    allowed: Any = [ChatKimi, RunnableBinding]
    back = loads(text, allowed_objects=allowed, valid_namespaces=["langchain_kimi"], secrets_from_env=False)
    back.invoke("hello")
    assert kimi.chats[-1]["tools"] == [tool]


def test_a_dump_leaves_http_clients_out(make: Callable[..., ChatKimi]) -> None:
    with transport().Client() as client:
        text = dumps(make(http_client=client))
    assert "http_client" not in text
    assert "not_implemented" not in text


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
