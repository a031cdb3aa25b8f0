"""`register()` and langchain's private table of providers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from langchain.chat_models import base, init_chat_model

import langchain_kimi
from kimi_emulator import Emulator
from langchain_kimi import ChatKimi, register
from langchain_kimi.registry import _write_row


@pytest.fixture(autouse=True)
def _table_as_it_was() -> Iterator[None]:
    before = dict(base._BUILTIN_PROVIDERS)
    yield
    base._BUILTIN_PROVIDERS.clear()
    base._BUILTIN_PROVIDERS.update(before)
    base._get_chat_model_creator.cache_clear()


def test_canary_the_private_table_still_has_the_form_that_register_knows() -> None:
    """Fails when langchain changes what `langchain_kimi.registry._write_row` relies on."""
    table = base._BUILTIN_PROVIDERS
    assert isinstance(table, dict)
    for module, name, create in table.values():
        assert isinstance(module, str)
        assert isinstance(name, str)
        assert callable(create)
    assert table["openai"][:2] == ("langchain_openai", "ChatOpenAI")
    assert callable(base._get_chat_model_creator.cache_clear)


def test_nothing_is_registered_by_importing() -> None:
    script = """
import langchain_kimi
from langchain.chat_models import base
assert "kimi" not in base._BUILTIN_PROVIDERS
try:
    base.init_chat_model("kimi:kimi-k3")
except ValueError as error:
    assert "Unable to infer model provider" in str(error), error
else:
    raise AssertionError("found without register()")
langchain_kimi.register()
assert "kimi" in base._BUILTIN_PROVIDERS
"""
    ran = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    "how", [{"model": "kimi:kimi-k2.6"}, {"model": "kimi-k2.6", "model_provider": "kimi"}], ids=["prefix", "provider"]
)
def test_init_chat_model(kimi: Emulator, how: dict[str, str]) -> None:
    register()
    llm = init_chat_model(**how, base_url=kimi.base_url, api_key=kimi.api_key, max_tokens=20_000)
    assert isinstance(llm, ChatKimi)
    assert llm.model == "kimi-k2.6"
    assert llm.invoke("Hello").content
    assert kimi.chats[-1]["max_completion_tokens"] == 20_000


def test_a_configurable_model_can_change_to_kimi(kimi: Emulator) -> None:
    register()
    llm = init_chat_model(base_url=kimi.base_url, api_key=kimi.api_key)
    llm.invoke("Hello", {"configurable": {"model": "kimi:kimi-k2.7-code"}})
    assert kimi.chats[-1]["model"] == "kimi-k2.7-code"


def test_twice_is_once() -> None:
    register()
    after_one = dict(base._BUILTIN_PROVIDERS)
    register()
    assert after_one == base._BUILTIN_PROVIDERS


def test_another_packages_row_of_that_name_is_replaced_even_if_used() -> None:
    base._BUILTIN_PROVIDERS["kimi"] = ("langchain_kimi", "KimiFileLoader", lambda cls, **_: "another's")
    assert init_chat_model("kimi:kimi-k3") == "another's"
    register()
    assert isinstance(init_chat_model("kimi:kimi-k3", api_key="sk-test"), ChatKimi)


def test_without_langchain_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain.chat_models.base", None)
    with pytest.raises(ImportError, match=r"not installed: pip install 'kimi-integrations\[agents\]'"):
        langchain_kimi.register()


@pytest.mark.parametrize(
    "inside",
    [
        SimpleNamespace(),
        SimpleNamespace(_BUILTIN_PROVIDERS={}),
        SimpleNamespace(_BUILTIN_PROVIDERS={"openai": "langchain_openai"}),
        SimpleNamespace(_BUILTIN_PROVIDERS={"openai": ("langchain_openai", "ChatOpenAI", None)}),
    ],
    ids=["no table", "empty", "strings", "nothing to call"],
)
def test_a_table_of_another_form_is_refused_and_left_alone(inside: SimpleNamespace) -> None:
    before = str(inside)
    with pytest.raises(ImportError, match=r"use langchain>=1\.4,<1\.6, or build ChatKimi"):
        _write_row(inside)
    assert str(inside) == before
