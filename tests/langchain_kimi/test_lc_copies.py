"""Instances pickle, copy, and work in other processes, threads and event loops."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from kimi_api._transport.sdk_compat import transport
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi


def ask(llm: ChatKimi) -> str:
    return llm.invoke("hello").text


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize(
    "copied",
    [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy, copy.copy, lambda x: x.model_copy(deep=True)],
    ids=["pickle", "deepcopy", "copy", "model_copy"],
)
def test_copies_work(kimi: Emulator, make: Callable[..., ChatKimi], used: bool, copied: Any) -> None:
    llm = make(max_tokens=500, extra_body={"a": {"b": 1}})
    if used:
        ask(llm)
        asyncio.run(llm.ainvoke("hello"))
    twin = copied(llm)
    assert twin == llm or twin._identifying_params == llm._identifying_params
    assert ask(twin)
    assert kimi.chats[-1]["max_completion_tokens"] == 500


def test_copies_with_an_http_client(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    with transport().Client() as client:
        llm = make(http_client=client)
        assert ask(llm)
        assert copy.deepcopy(llm).http_client is client
        assert ask(copy.deepcopy(llm))
        lone = pickle.loads(pickle.dumps(llm))
        assert lone.http_client is None
        assert ask(lone)


def test_a_changed_field_counts_at_once(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    llm = make(api_key="sk-wrong")
    with pytest.raises(Exception, match="401"):
        ask(llm)
    llm.api_key = kimi.api_key
    assert ask(llm)
    llm.default_headers = {"X-One": "1"}
    ask(llm)
    llm.default_headers["X-One"] = "2"
    ask(llm)
    assert [r.headers["x-one"] for r in kimi.requests[-2:]] == ["1", "2"]
    assert ask(make(api_key="sk-wrong").model_copy(update={"api_key": kimi.api_key}))


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
    found: Any = chain.invoke("?")
    assert (found["parsed"] if include_raw else found) == {"name": "Turku"}


def test_threads(kimi: Emulator, llm: ChatKimi) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, [llm] * 8))
    assert len(llm.batch(["a", "b", "c"])) == 3


@pytest.mark.slow
def test_processes(kimi: Emulator, llm: ChatKimi) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(ask, llm).result(60)


async def test_many_at_once(kimi: Emulator, llm: ChatKimi) -> None:
    answers = await llm.abatch([f"hello {n}" for n in range(10)])
    assert len({answer.text for answer in answers}) == 10


def test_repeated_event_loops(kimi: Emulator, llm: ChatKimi) -> None:
    async def once() -> None:
        assert (await llm.ainvoke("hello")).text
        assert [chunk async for chunk in llm.astream("hello")]

    for _ in range(4):
        asyncio.run(once())
