"""What is built on a model is copied and pickled with it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi


def test_bound_tools_and_chains_pickle(kimi: Emulator, llm: ChatKimi) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    assert pickle.loads(pickle.dumps(llm.bind_tools([tool]))).invoke("hello")


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("copied", [lambda chain: pickle.loads(pickle.dumps(chain)), copy.deepcopy])
def test_chains_that_give_objects_are_copied(
    kimi: Emulator, llm: ChatKimi, method: Any, include_raw: bool, copied: Any
) -> None:
    schema = {"title": "City", "type": "object", "properties": {"name": {"type": "string"}}}
    chain = copied(llm.with_structured_output(schema, method=method, include_raw=include_raw))
    text = '{"name": "Turku"}'
    kimi.script(Reply(tool_calls=[ToolCall("City", text)]) if method == "function_calling" else Reply(content=text))
    result: Any = chain.invoke("?")
    assert (result["parsed"] if include_raw else result) == {"name": "Turku"}
