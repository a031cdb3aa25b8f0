"""The process's SDK clients: an asynchronous one serves the loop that it was made on, and no other."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import certifi
import openai
import pytest
from openai import AsyncOpenAI

from kimi_api._transport.sdk import compat, pool


def test_a_loop_whose_id_was_used_before_gets_a_client_of_its_own() -> None:
    async def client_of_a_loop_that_looks_known() -> None:
        loop = asyncio.get_running_loop()
        gone = asyncio.new_event_loop()
        stale = pool._LoopClients(gone)
        stale.clients["http://pool/v1"] = pool.build(AsyncOpenAI, "http://pool/v1")
        gone.close()
        pool._by_loop[id(loop)] = stale  # as if the closed loop had had this loop's id
        client = await pool.async_client("http://pool/v1")
        assert client is not stale.clients["http://pool/v1"]
        assert pool._by_loop[id(loop)].loop is loop
        await stale.clients["http://pool/v1"].close()

    asyncio.run(client_of_a_loop_that_looks_known())


def test_loops_share_one_set_of_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    compat.shared_ssl_context()  # the process has its own by now
    loads: list[object] = []
    load = ssl.SSLContext.load_verify_locations
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *a, **k: (loads.append(a), load(*a, **k))[1])
    for _ in range(3):
        asyncio.run(pool.async_client("https://pool/v1"))
    assert loads == []


@pytest.mark.parametrize(
    ("name", "value"), [("SSL_CERT_FILE", certifi.where()), ("SSL_CERT_DIR", str(Path(certifi.where()).parent))]
)
def test_other_certificates_of_the_environment_count(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    usual = compat.shared_ssl_context()
    monkeypatch.setenv(name, value)
    other = compat.shared_ssl_context()
    assert other is not usual
    assert compat.shared_ssl_context() is other


def test_pooled_clients_verify_the_server_and_wait_as_the_sdk_does() -> None:
    async def settings() -> tuple[object, ...]:
        client = await pool.async_client("https://pool/v1")
        return client.timeout, client.max_retries

    pooled = pool.sync_client("https://pool/v1")
    assert (pooled.timeout, pooled.max_retries) == (openai.OpenAI(api_key="sk-test-pool").timeout, 0)
    assert asyncio.run(settings()) == (pooled.timeout, 0)
    context = compat.shared_ssl_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
