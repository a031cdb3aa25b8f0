"""Any event loop, any process: instances are copied, pickled, and shared by threads and loops."""

from __future__ import annotations

import asyncio
import copy
import importlib
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from contract_kit import COPIES, Adapter, Chat, ask_in_a_worker

from kimi_api import AccountLimits
from kimi_api.limits import MemoryStore
from kimi_emulator import Emulator, Reply

Make = Callable[..., Chat]
asynchronous = pytest.mark.ways("aplain", "astreamed")


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_copies_work_and_have_the_same_settings(
    kimi: Emulator, adapter: Adapter, how: str, used: bool, caplog: pytest.LogCaptureFixture
) -> None:
    chat = adapter.make(max_tokens=500, extra_body={"metadata": {"a": {"b": 1}}})
    if used:
        chat.ask("hi")
        adapter.chat(chat.native, "aplain").ask("hi")
    twin = COPIES[how](chat.native)
    assert adapter.chat(twin).ask("hi").text
    assert adapter.chat(twin, "astreamed").ask("hi").text
    for body in kimi.chats:
        assert (body["max_completion_tokens"], body["metadata"]) == (500, {"a": {"b": 1}})
    assert caplog.records == []


@pytest.mark.parametrize("how", ["pickle", "deepcopy", "copy"])
def test_copies_of_a_loader_work(adapter: Adapter, tmp_path: Path, how: str) -> None:
    (tmp_path / "a.txt").write_text("hello")
    loader = adapter.loader(tmp_path)
    loader.load()
    loader.native = COPIES[how](loader.native)
    assert loader.load().texts == ["hello"]


def test_an_http_client_of_ones_own_is_shared_by_copies_and_left_out_of_pickles(
    kimi: Emulator, adapter: Adapter
) -> None:
    with httpx.Client(headers={"X-Own": "1"}) as client:
        chat = adapter.make(http_client=client)
        twin = copy.deepcopy(chat.native)
        assert twin.http_client is client
        for native in (chat.native, twin):
            assert adapter.chat(native).ask("hi").text
        assert [request.headers.get("x-own") for request in kimi.requests] == ["1", "1"]
        lone = pickle.loads(pickle.dumps(chat.native))
    assert lone.http_client is None
    assert adapter.chat(lone).ask("hi").text


def transports(kind: str) -> list[Any]:
    """The HTTP clients that this openai takes."""
    names = ["httpx"] if int(openai.__version__.split(".")[0]) < 3 else ["httpx", "httpx2"]
    return [pytest.param(getattr(importlib.import_module(name), kind), id=name) for name in names]


@pytest.mark.ways("plain", "streamed")
@pytest.mark.parametrize("client_class", transports("Client"))
def test_an_http_client_of_ones_own_is_used(kimi: Emulator, make: Make, client_class: Any) -> None:
    with client_class(headers={"X-Own": "1"}) as client:
        assert make(http_client=client).ask("hi").text
    assert [request.headers.get("x-own") for request in kimi.requests] == ["1"]


@pytest.mark.ways("aplain", "astreamed")
@pytest.mark.parametrize("client_class", transports("AsyncClient"))
async def test_an_asynchronous_http_client_of_ones_own_is_used(kimi: Emulator, make: Make, client_class: Any) -> None:
    async with client_class(headers={"X-Own": "1"}) as client:
        assert (await make(async_http_client=client).aask("hi")).text
    assert [request.headers.get("x-own") for request in kimi.requests] == ["1"]


@asynchronous
def test_one_instance_serves_one_event_loop_after_another(kimi: Emulator, make: Make) -> None:
    chat = make(max_retries=0)
    assert all(chat.ask("hi").text for _ in range(4))  # `asyncio.run` for each
    assert len(kimi.requests) == 4


@asynchronous
def test_many_calls_share_one_loop(kimi: Emulator, make: Make) -> None:
    chat = make()

    async def run() -> list[str]:
        return [outcome.text for outcome in await asyncio.gather(*(chat.aask(f"number {n}") for n in range(10)))]

    assert [text.endswith(f"number {n}") for n, text in enumerate(asyncio.run(run()))] == [True] * 10


def test_threads_share_one_instance(kimi: Emulator, make: Make) -> None:
    chat = make()
    with ThreadPoolExecutor(4) as pool:
        texts = [outcome.text for outcome in pool.map(chat.ask, [f"number {n}" for n in range(8)])]
    assert [text.endswith(f"number {n}") for n, text in enumerate(texts)] == [True] * 8


def test_an_instance_works_in_another_process(adapter: Adapter) -> None:
    chat = adapter.make()
    chat.ask("hi")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(ask_in_a_worker, type(adapter), chat.native).result(60) == chat.ask("hi").text


def test_a_stream_that_is_left_closes_its_connection(kimi: Emulator, adapter: Adapter) -> None:
    """An abandoned answer must not go on being generated and paid for."""
    kimi.script(Reply(content="word " * 20_000))
    with httpx.Client() as client:
        adapter.make("streamed", http_client=client).leave("?")
        assert connections_are_closed(client)


async def test_an_asynchronous_stream_that_is_left_closes_its_connection(kimi: Emulator, adapter: Adapter) -> None:
    kimi.script(Reply(content="word " * 20_000))
    async with httpx.AsyncClient() as client:
        await adapter.make("astreamed", async_http_client=client).aleave("?")
        for _ in range(200):  # LlamaIndex's core leaves the closing to the event loop
            if connections_are_closed(client):
                break
            await asyncio.sleep(0.01)
        assert connections_are_closed(client)


def connections_are_closed(client: Any) -> bool:
    return all(connection.is_closed() for connection in client._transport._pool.connections)


def test_copies_keep_the_accounts_limits_and_share_their_store(adapter: Adapter) -> None:
    store = MemoryStore()
    native = adapter.make(account_limits=AccountLimits.tier(2, name="acme")).native
    for how in COPIES.values():
        assert how(native).client.account_limits == AccountLimits.tier(2, name="acme")
    shared = adapter.make(account_limits=AccountLimits(rpm=1, store=store)).native
    assert copy.deepcopy(shared).account_limits.store is store
