"""The process's SDK clients: an asynchronous one serves the loop that it was made on, and no other."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI

from kimi_api._transport import pool


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
