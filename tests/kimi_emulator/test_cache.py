"""When the prompt cache is written: after a prompt was read, so that requests side by side pay in full."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import httpx
import pytest

from kimi_emulator import Emulator, Reply
from kimi_emulator.platform import cache
from kimi_emulator.platform.cache import Connection, PrefixCache
from kimi_emulator.platform.models import available

RULES = "You answer for a harbour office. " * 120


def messages(question: str, rules: str = RULES) -> list[dict[str, Any]]:
    return [{"role": "system", "content": rules}, {"role": "user", "content": question}]


def client_of(kimi: Emulator) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {kimi.api_key}"}
    return httpx.AsyncClient(base_url=kimi.base_url, headers=headers, trust_env=False, timeout=20)


async def ask(client: httpx.AsyncClient, question: str, **fields: Any) -> int:
    body = {"model": "kimi-k3", "messages": messages(question), "max_completion_tokens": 20} | fields
    answer = (await client.post("/chat/completions", json=body)).raise_for_status()
    if fields.get("stream"):
        return int(answer.headers.get("msh-context-cache-token-saved", 0))
    return answer.json()["usage"].get("cached_tokens", 0)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("scripted", [False, True])
async def test_parallel_cold_calls_all_pay_in_full(
    streamed: bool, scripted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_OVERLAP", 30.0)  # however slow this machine is
    fields = {"stream": True} if streamed else {}
    async with AsyncExitStack() as stack:
        kimi = stack.enter_context(Emulator())
        if scripted:
            kimi.script(*(Reply("At nine.") for _ in range(8)))
        clients = [await stack.enter_async_context(client_of(kimi)) for _ in range(8)]
        # Connections are open already, as those of a busy client are.
        await asyncio.gather(*(client.get("/models") for client in clients))
        cold = await asyncio.gather(*(ask(client, f"Question {n}", **fields) for n, client in enumerate(clients)))
        warm = await asyncio.gather(*(ask(client, f"Question {n} again", **fields) for n, client in enumerate(clients)))
        again = await ask(clients[0], "Question 0", **fields)
    assert cold == [0] * 8
    assert min(warm[1:]) >= 512
    assert again > 900  # the same prompt, whole


async def test_one_after_the_other_the_second_call_is_cached() -> None:
    with Emulator() as kimi:
        async with client_of(kimi) as client:
            for n in range(30):
                rules = f"Version {n}. {RULES}"
                assert await ask(client, "When?", messages=messages("When?", rules)) == 0
                assert await ask(client, "Where?", messages=messages("Where?", rules)) >= 512


def test_looking_up_writes_nothing_and_what_was_sent_before_finds_nothing() -> None:
    prefixes = PrefixCache()
    model = next(each for each in available(date(2026, 11, 28)) if each.id == "kimi-k3")
    body = {"messages": messages("When?")}
    begun = time.monotonic()
    entry = prefixes.look_up(model, body, 900)
    assert (entry.cached, prefixes.look_up(model, body, 900).cached) == (0, 0)
    prefixes.write(entry)
    now = time.monotonic()
    assert prefixes.look_up(model, body, 900, Connection(begun, 0.0)).cached == 0
    assert prefixes.look_up(model, body, 900, Connection(now, 0.0)).cached == 900
    assert prefixes.look_up(model, body, 900, Connection(begun, now)).cached == 900
    assert 0 < prefixes.look_up(model, {"messages": messages("Where?")}, 900).cached < 900
    crowded = {"messages": messages("When?", f"Be brief. {RULES}")}
    prefixes.write(prefixes.look_up(model, crowded, 900), alone=False)
    assert prefixes.look_up(model, crowded, 900, Connection(time.monotonic(), 0.0)).cached == 0
    assert prefixes.look_up(model, crowded, 900, Connection(begun, time.monotonic())).cached == 900
    time.sleep(0.3)
    assert prefixes.look_up(model, crowded, 900, Connection(begun, 0.0)).cached == 900  # nothing is so long on its way
