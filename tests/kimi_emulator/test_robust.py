"""Whatever arrives, the answer has the platform's shape: a 200 or an error body, never a crash."""

from __future__ import annotations

import threading
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kimi_emulator import BrainContext, Emulator, Reply

KEYS = st.sampled_from(["type", "function", "name", "content", "url", "role", "id", "x"])
scalars = (
    st.none() | st.booleans() | st.integers(-3, 10) | st.floats(allow_nan=False, allow_infinity=False)
) | st.text(max_size=6)
odd = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"]) | odd},
        optional={
            "content": odd | st.text(max_size=20),
            "tool_calls": odd,
            "tool_call_id": odd,
            "reasoning_content": odd,
            "partial": odd,
            "name": odd,
            "tools": odd,
        },
    )
    | odd,
    max_size=4,
)
tools = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function")},
        optional={"function": st.fixed_dictionaries({"name": st.just("find_it") | odd}, optional={"parameters": odd})},
    )
    | odd,
    max_size=2,
)
FIELDS = (
    *("thinking", "reasoning_effort", "temperature", "max_tokens", "stop", "response_format", "tool_choice"),
    *("stream", "stream_options", "n", "logprobs", "logit_bias", "prompt_cache_options"),
)
bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"]), "messages": messages | odd},
    optional=dict.fromkeys(FIELDS, odd) | {"tools": tools | odd},
)


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=bodies)
def test_odd_bodies(kimi: Emulator, client: httpx.Client, body: dict[str, Any]):
    answer = client.post("/chat/completions", json=body)
    assert answer.status_code in (200, 400, 404), (answer.text, body)
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"message", "type"}


def test_a_brain_that_fails_is_a_server_error(caplog: Any):
    class Broken:
        def answer(self, request: Any, context: BrainContext) -> Reply:
            raise ZeroDivisionError("no idea")

    with Emulator(brain=Broken()) as kimi:
        answer = httpx.post(
            f"{kimi.base_url}/chat/completions",
            headers={"Authorization": f"Bearer {kimi.api_key}"},
            json={"model": "kimi-k3", "messages": [{"role": "user", "content": "x"}]},
        )
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"


def test_many_clients_at_once(kimi: Emulator):
    kimi.script(*(Reply(content=str(number)) for number in range(40)))
    got: list[str] = []

    def ask() -> None:
        with httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as own:
            for _ in range(10):
                body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "x"}]}
                got.append(own.post("/chat/completions", json=body).json()["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=int) == [str(number) for number in range(40)]
    assert len(kimi.requests) == len(kimi.replies) == 40
