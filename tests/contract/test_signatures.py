"""The signature that is kept is the one that Python would work out."""

from __future__ import annotations

import inspect

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from llama_index.core.llms.function_calling import FunctionCallingLLM

from kimi_api._signature import keep_signature
from langchain_kimi import ChatKimi
from llama_index_kimi import Kimi


def test_the_function_stays_itself() -> None:
    def work(a: int, *, b: str = "") -> str:
        return b * a

    before = inspect.signature(work)
    assert keep_signature(work) is work
    assert inspect.signature(work) == before
    assert work(2, b="x") == "xx"


@pytest.mark.parametrize("name", ["_generate", "_agenerate"])
def test_langchains_core_sees_the_arguments_of_our_methods(name: str) -> None:
    ours, core = (inspect.signature(getattr(cls, name)).parameters for cls in (ChatKimi, BaseChatModel))
    assert list(ours) == list(core)


@pytest.mark.parametrize("name", ["chat", "stream_chat", "achat", "astream_chat", "_prepare_chat_with_tools"])
def test_llama_indexs_spans_see_the_arguments_of_our_methods(name: str) -> None:
    llm = Kimi(api_key="sk-test-signature", base_url="http://127.0.0.1:1/v1")
    ours = list(inspect.signature(getattr(llm, name)).parameters)
    core = list(inspect.signature(getattr(FunctionCallingLLM, name)).parameters)
    assert [argument for argument in ours if argument != "tool_choice"] == core[1:]
