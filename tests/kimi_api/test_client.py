"""`KimiClient` and the SDK clients it shares: loops, threads, forks, keys, headers, time-outs, abandoned streams."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import inspect
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from kimi_api import KimiClient, KimiInputError, KimiKeyError, chat, errors
from kimi_api._settings.connection import SETTINGS
from kimi_api._transport.connection import READ_TIMEOUT
from kimi_api._transport.sdk import pool
from kimi_api._transport.sdk.compat import transport
from kimi_api.options import ChatOptions
from kimi_api.reply import ReplyBuilder
from kimi_api.request import build_request
from kimi_emulator import Emulator

RawServer = Ways = Any  # the fixtures `raw` and `ways` of conftest.py
CHAT = "/chat/completions"
BODY = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hello"}]}


def run_script(script: str, *args: str, env: dict[str, str] | None = None) -> str:
    """What a fresh interpreter prints; anything on stderr (a warning, too) fails the test."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *args],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.strip()


# ---------------------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_goes_out(ways: Ways, raw: RawServer, method: str) -> None:
    raw.say(raw.http(200, {"ok": True}, headers={"Msh-Request-Id": "r1"}))
    client = KimiClient(api_key="sk-x", base_url=raw.base_url + "/")
    answer = ways.request(client, method, "/some/path", body=BODY if method == "POST" else None)
    assert answer.body == {"ok": True}
    assert answer.headers["msh-request-id"] == "r1"
    head = raw.requests[0].decode().split("\r\n\r\n")[0]
    assert head.startswith(f"{method} /v1/some/path HTTP/1.1")
    assert "bearer sk-x" in head.lower()
    assert f"User-Agent: {pool.USER_AGENT}".lower() in head.lower()


def test_text_stays_text(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    raw.say(raw.http(200, '{"content": "想"}', headers={"Msh-Request-Id": "r1"}))
    answer = ways.request(raw_client, "GET", "/files/1/content", text=True)
    assert answer.body == '{"content": "想"}'
    assert answer.headers["msh-request-id"] == "r1"


def test_the_settings_of_a_connection_are_those_that_a_client_takes() -> None:
    assert set(inspect.signature(KimiClient).parameters) == {*SETTINGS, "error_types"}


BAD_SETTINGS = pytest.mark.parametrize(
    ("what", "value"),
    [
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", "long"),
        ("timeout", True),
        ("max_retries", -1),
        ("max_retries", "y"),
        ("max_seconds", 0),
        ("max_seconds", -1),
        ("max_seconds", "long"),
        ("max_seconds", True),
    ],
)


@BAD_SETTINGS
def test_settings_that_cannot_work_are_refused(what: str, value: Any) -> None:
    with pytest.raises(KimiInputError) as caught:
        KimiClient(api_key="sk-x", **{what: value})
    assert (caught.value.what, caught.value.value) == (what, value)


@BAD_SETTINGS
def test_settings_of_one_call_that_cannot_work_are_refused(
    ways: Ways, kimi: Emulator, client: KimiClient, what: str, value: Any
) -> None:
    with pytest.raises(KimiInputError) as caught:
        ways.request(client, "POST", CHAT, body=BODY, **{what: value})
    assert (caught.value.what, caught.value.value) == (what, value)
    assert kimi.requests == []


def test_headers_that_are_no_dict_are_refused(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    with pytest.raises(KimiInputError, match="dict from names to values"):
        ways.request(client, "POST", CHAT, body=BODY, headers=3)  # type: ignore[arg-type]
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- loops, threads


def test_one_client_works_under_one_asyncio_run_after_another(kimi: Emulator, client: KimiClient) -> None:
    async def several() -> list[Any]:
        return await asyncio.gather(*(client.arequest("POST", CHAT, body=BODY) for _ in range(3)))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            assert len(asyncio.run(several())) == 3
        gc.collect()
    assert [w for w in caught if issubclass(w.category, (ResourceWarning, RuntimeWarning))] == []
    assert not [entry for entry in pool._by_loop.values() if entry.loop.is_closed()]


def test_each_loop_has_one_sdk_client_and_the_process_one_more(kimi: Emulator) -> None:
    async def both() -> bool:
        first, second = await asyncio.gather(pool.async_client(kimi.base_url), pool.async_client(kimi.base_url))
        assert await pool.async_client("http://other/v1") is not first
        return first is second

    assert asyncio.run(both())
    with ThreadPoolExecutor(8) as threads:
        identities = set(threads.map(lambda _: id(pool.sync_client("http://many/v1")), range(32)))
    assert len(identities) == 1


def test_connections_are_used_again_within_a_loop(raw: RawServer, kimi: Emulator, client: KimiClient) -> None:
    async def twice() -> int:
        await client.arequest("GET", "/models")
        sdk = await pool.async_client(kimi.base_url)
        before = len(sdk._client._transport._pool.connections)
        await client.arequest("GET", "/models")
        assert len(sdk._client._transport._pool.connections) == before
        return before

    assert asyncio.run(twice()) == 1


def test_threads_share_a_client(kimi: Emulator, client: KimiClient) -> None:
    def work(n: int) -> int:
        if n % 2:
            client.request("POST", CHAT, body=BODY)
        else:
            asyncio.run(client.arequest("POST", CHAT, body=BODY))
        return n

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(work, range(16))) == list(range(16))
    assert len(kimi.chats) == 16


def test_a_fresh_interpreter_ends_without_a_word_after_both_kinds_of_calls(kimi: Emulator) -> None:
    script = """
        import asyncio, sys
        from kimi_api import KimiClient
        client = KimiClient(base_url=sys.argv[1])
        body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hello"}]}
        async def stream():
            async for event in client.astream("/chat/completions", body={**body, "stream": True}):
                pass
            await client.arequest("POST", "/chat/completions", body=body)
        for _ in range(2):
            asyncio.run(stream())
        for event in client.stream("/chat/completions", body={**body, "stream": True}):
            pass
        print("done")
    """
    assert run_script(script, kimi.base_url, env={"MOONSHOT_API_KEY": kimi.api_key}) == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_uses_connections_of_its_own_and_leaves_the_parents_alone(kimi: Emulator) -> None:
    script = """
        import asyncio, gc, os, sys, warnings
        from kimi_api import KimiClient
        from kimi_api._transport.sdk import pool
        client = KimiClient(base_url=sys.argv[1])

        def fork():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
                return os.fork()

        def child():
            gc.collect()
            assert client.request("GET", "/models").body["data"]
            assert asyncio.run(client.arequest("GET", "/models")).body["data"]
            gc.collect()
            os._exit(0)

        client.request("GET", "/models")

        async def main():
            await client.arequest("GET", "/models")
            pool._lock.acquire()  # as another thread might hold it at the moment of the fork
            pid = fork()
            if pid == 0:
                asyncio._set_running_loop(None)
                child()
            pool._lock.release()
            assert os.waitpid(pid, 0)[1] == 0
            await client.arequest("GET", "/models")

        asyncio.run(main())
        client.request("GET", "/models")
        print("done")
    """
    assert run_script(script, kimi.base_url, env={"MOONSHOT_API_KEY": kimi.api_key}) == "done"
    assert len(kimi.requests) == 6


# ---------------------------------------------------------------------------------------------------- OPENAI_*

OPENAI = {
    "OPENAI_API_KEY": "sk-openai-secret",
    "OPENAI_ADMIN_KEY": "sk-openai-admin",
    "OPENAI_ORG_ID": "org-openai",
    "OPENAI_PROJECT_ID": "proj_openai",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "OPENAI_WEBHOOK_SECRET": "whsec-openai",
}


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION", "X-OpenAI-Custom", "user-agent"])
def test_nothing_from_openais_variables_reaches_the_server(
    ways: Ways, kimi: Emulator, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in {**OPENAI, "OPENAI_CUSTOM_HEADERS": f"X-One: openai-1\n {name} : Bearer openai-2"}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(pool, "_sync", {})
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url)
    ways.request(client, "POST", CHAT, body=BODY)
    ways.stream(client, CHAT, body={**BODY, "stream": True})
    assert len(kimi.requests) == 2
    for received in kimi.requests:
        assert received.headers["authorization"] == f"Bearer {kimi.api_key}"
        assert received.headers["user-agent"] == pool.USER_AGENT
        assert "openai" not in str(received.headers).lower()
        assert b"openai" not in received.body.lower()
    for own in pool._sync.values():
        own.close()


# ---------------------------------------------------------------------------------------------------- keys and headers


def test_a_rotating_key_is_asked_for_each_request(ways: Ways, kimi: Emulator) -> None:
    keys = iter(["sk-old", kimi.api_key, kimi.api_key])
    client = KimiClient(api_key=lambda: next(keys), base_url=kimi.base_url, max_retries=0)
    with pytest.raises(errors.KimiAuthenticationError):
        ways.request(client, "GET", "/models")
    assert ways.request(client, "GET", "/models").body["data"]
    assert ways.stream(client, CHAT, body={**BODY, "stream": True})


def test_a_key_function_that_fails_says_why(ways: Ways, kimi: Emulator) -> None:
    client = KimiClient(api_key=lambda: "", base_url=kimi.base_url)
    with pytest.raises(KimiKeyError, match="api_key function"):
        ways.request(client, "GET", "/models")
    assert kimi.requests == []


def test_the_environments_key_is_read_at_each_request(
    ways: Ways, kimi: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-old")
    client = KimiClient(base_url=kimi.base_url, max_retries=0)
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    assert ways.request(client, "GET", "/models").body["data"]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_headers_may_be_added_but_the_key_stays_ours(ways: Ways, kimi: Emulator, name: str) -> None:
    client = KimiClient(
        api_key=kimi.api_key,
        base_url=kimi.base_url,
        default_headers={name: "Bearer mine", "X-Team": "blue", "X-Run": "1", "User-Agent": "mine/1"},
    )
    assert client.default_headers.keys() == {"X-Team", "X-Run", "User-Agent"}
    ways.request(client, "GET", "/models", headers={name: "Bearer other", "X-Run": "2"})
    received = kimi.requests[0].headers
    assert received["authorization"] == f"Bearer {kimi.api_key}"
    assert (received["x-team"], received["x-run"], received["user-agent"]) == ("blue", "2", "mine/1")


# ---------------------------------------------------------------------------------------------------- time-outs


def test_the_documented_timeouts_are_set(ways: Ways, kimi: Emulator) -> None:
    seen = []

    def handle(request: Any) -> Any:
        seen.append(request.extensions["timeout"])
        return transport().Response(200, json={})

    mock = transport().MockTransport(handle)
    for timeout, per_call, read, connect in [
        (None, None, READ_TIMEOUT, 10),
        (30, None, 30, 10),
        (None, 2, 2, 2),
        (30, 5, 5, 5),
    ]:
        client = KimiClient(
            api_key="sk-x",
            timeout=timeout,
            http_client=transport().Client(transport=mock),
            async_http_client=transport().AsyncClient(transport=mock),
        )
        ways.request(client, "GET", "/models", timeout=per_call)
        assert (seen[-1]["read"], seen[-1]["connect"]) == (read, connect)
    assert READ_TIMEOUT == 900


# ---------------------------------------------------------------------------------------------------- own HTTP clients


@pytest.mark.parametrize("library", [httpx, transport()], ids=lambda library: library.__name__)
def test_an_http_client_of_the_callers_own_is_used_and_stays_open(kimi: Emulator, library: Any) -> None:
    hooks: list[Any] = []
    with library.Client(event_hooks={"request": [hooks.append]}) as own:
        client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, http_client=own)
        for _ in range(2):
            client.request("POST", CHAT, body=BODY)
            assert list(client.stream(CHAT, body={**BODY, "stream": True}))
        assert len(hooks) == 4
        assert not own.is_closed


@pytest.mark.parametrize("library", [httpx, transport()], ids=lambda library: library.__name__)
def test_an_asynchronous_http_client_of_the_callers_own_is_used(kimi: Emulator, library: Any) -> None:
    async def run() -> int:
        seen = []

        async def note(request: Any) -> None:
            seen.append(request)

        async with library.AsyncClient(event_hooks={"request": [note]}) as own:
            client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, async_http_client=own)
            await client.arequest("POST", CHAT, body=BODY)
            assert [event async for event in client.astream(CHAT, body={**BODY, "stream": True})]
        return len(seen)

    assert asyncio.run(run()) == 2


@pytest.mark.parametrize("library", [httpx, transport()], ids=lambda library: library.__name__)
def test_its_failures_are_translated_too(library: Any) -> None:
    def handle(request: Any) -> Any:
        raise library.ReadTimeout("too slow", request=request)

    client = KimiClient(api_key="sk-x", http_client=library.Client(transport=library.MockTransport(handle)))
    with pytest.raises(errors.KimiTimeoutError):
        client.request("GET", "/models")


# ---------------------------------------------------------------------------------------------------- copies


def test_a_pickle_carries_a_key_that_was_passed_by_hand_and_no_other(
    kimi: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = pickle.dumps(KimiClient(api_key=SecretStr(kimi.api_key), base_url=kimi.base_url))
    assert kimi.api_key.encode() in by_hand
    assert pickle.loads(by_hand).request("GET", "/models").body["data"]
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    used = KimiClient(base_url=kimi.base_url)
    used.request("GET", "/models")
    from_environment = pickle.dumps(used)
    assert kimi.api_key.encode() not in from_environment
    assert pickle.loads(from_environment).request("GET", "/models").body["data"]


def test_own_http_clients_stay_behind_when_pickled_and_come_along_when_copied(kimi: Emulator) -> None:
    with transport().Client() as own:
        client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, http_client=own, default_headers={"X-A": "1"})
        client.request("GET", "/models")
        assert pickle.loads(pickle.dumps(client))._http_client is None
        for twin in (copy.copy(client), copy.deepcopy(client)):
            assert twin._http_client is own
            assert twin.default_headers == {"X-A": "1"}
            assert twin.default_headers is not client.default_headers
            assert twin.request("GET", "/models").body["data"]


def test_the_key_is_not_in_the_repr() -> None:
    assert "sk-hidden" not in repr(KimiClient(api_key="sk-hidden"))


# ---------------------------------------------------------------------------------------------------- abandoned streams


@contextlib.contextmanager
def endless(raw: RawServer) -> Any:
    """An answer without an end; yields an event that is set once the client has gone."""
    gone = threading.Event()
    data = raw.sse(raw.event(delta={"content": "more "}), done=False).encode()

    def send(sock: Any) -> None:
        try:
            sock.sendall(raw.SSE_HEAD.encode())
            while not gone.is_set():
                sock.sendall(data)
                time.sleep(0.005)
        except OSError:
            gone.set()

    raw.say(send)
    try:
        yield gone
    finally:
        gone.set()


REQUEST = build_request(ChatOptions(), BODY["messages"], stream=True)  # type: ignore[arg-type]


def test_leaving_a_stream_closes_its_connection(raw: RawServer, raw_client: KimiClient) -> None:
    with endless(raw) as gone:
        for _ in chat.stream(raw_client, REQUEST, ReplyBuilder()):
            break
        assert gone.wait(10)


def test_closing_a_stream_closes_its_connection(raw: RawServer, raw_client: KimiClient) -> None:
    with endless(raw) as gone:
        events: Any = raw_client.stream(CHAT, body=BODY)
        next(events)
        events.close()
        assert gone.wait(10)


def test_leaving_an_asynchronous_stream_closes_its_connection(raw: RawServer, raw_client: KimiClient) -> None:
    async def run(gone: threading.Event) -> bool:
        async for _ in chat.astream(raw_client, REQUEST, ReplyBuilder()):
            break
        return await asyncio.to_thread(gone.wait, 10)

    with endless(raw) as gone:
        assert asyncio.run(run(gone))


def test_cancelling_a_task_closes_its_connection(raw: RawServer, raw_client: KimiClient) -> None:
    async def run(gone: threading.Event) -> bool:
        begun = asyncio.Event()

        async def consume() -> None:
            async for _ in chat.astream(raw_client, REQUEST, ReplyBuilder()):
                begun.set()

        task = asyncio.create_task(consume())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(gone.wait, 10)

    with endless(raw) as gone:
        assert asyncio.run(run(gone))


def test_cancelling_a_task_before_the_first_byte_closes_its_connection(raw: RawServer, raw_client: KimiClient) -> None:
    gone, waiting = threading.Event(), threading.Event()

    def hang(sock: Any) -> None:
        sock.settimeout(10)
        waiting.set()
        if sock.recv(1) == b"":
            gone.set()

    async def run() -> bool:
        raw.say(hang)
        task = asyncio.create_task(raw_client.arequest("POST", CHAT, body=BODY))
        assert await asyncio.to_thread(waiting.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(gone.wait, 10)

    assert asyncio.run(run())


def test_an_abandoned_asynchronous_stream_ends_with_its_loop_without_warnings(
    raw: RawServer, raw_client: KimiClient
) -> None:
    streams: list[Any] = []

    async def run() -> None:
        stream = chat.astream(raw_client, REQUEST, ReplyBuilder())
        streams.append(stream)
        await anext(stream)

    with endless(raw) as gone, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(run())
        streams.clear()
        gc.collect()
        assert gone.wait(10)
    assert [str(w.message) for w in caught if issubclass(w.category, (ResourceWarning, RuntimeWarning))] == []
