"""The emulator as an object and as a program, and its small endpoints."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import date
from typing import Any

import httpx
import pytest

import kimi_emulator
from kimi_emulator import BrainContext, Emulator, Reply
from kimi_emulator.platform.models import MODELS, OWNER, available

HI = {"model": "kimi-k3", "messages": [{"role": "user", "content": "say hi"}]}


def key(kimi: Emulator) -> dict[str, str]:
    return {"Authorization": f"Bearer {kimi.api_key}"}


def test_starts_and_stops_quickly_and_more_than_once():
    kimi = Emulator()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = kimi.base_url
    for _ in range(2):
        begin = time.perf_counter()
        kimi.start()
        assert time.perf_counter() - begin < 1  # 20 ms as a rule
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", kimi.base_url)
        with pytest.raises(RuntimeError, match="running already"):
            kimi.start()
        assert httpx.get(f"{kimi.base_url}/models", headers=key(kimi)).status_code == 200
        kimi.stop()
        kimi.stop()


def test_stops_with_open_connections():
    kimi = Emulator().start()
    with httpx.Client(headers=key(kimi)) as client:
        client.post(f"{kimi.base_url}/chat/completions", json=HI)
        kimi.script(Reply(content="word " * 200_000))
        with client.stream("POST", f"{kimi.base_url}/chat/completions", json=HI | {"stream": True}) as answer:
            next(answer.iter_lines())
            begin = time.perf_counter()
            kimi.stop()
            assert time.perf_counter() - begin < 2


def test_a_taken_port_is_an_error():
    with Emulator() as kimi:
        port = int(kimi.base_url.rsplit(":", 1)[1].removesuffix("/v1"))
        with pytest.raises(OSError, match="in use"):
            Emulator(port=port).start()


def test_own_key_and_own_brain():
    class Parrot:
        def answer(self, request: Any, context: BrainContext) -> Reply:
            return Reply(content=f"{context.model} {context.thinks} {context.prefix}", reasoning="")

    with Emulator(api_key="sk-other", brain=Parrot()) as kimi:
        assert httpx.post(f"{kimi.base_url}/chat/completions", json=HI).status_code == 401
        answer = httpx.post(f"{kimi.base_url}/chat/completions", json=HI, headers={"Authorization": "Bearer sk-other"})
    assert answer.json()["choices"][0]["message"] == {
        "role": "assistant",
        "content": "kimi-k3 True None",
        "reasoning_content": "",
    }


def test_reset_forgets(kimi: Emulator, chat: Any):
    kimi.script(Reply(content="one"), Reply(content="two"))
    chat(temperature=1)
    chat(messages=[])
    assert kimi.requests
    assert kimi.replies
    assert kimi.report
    assert kimi.refusals
    assert kimi.pending == [Reply(content="two")]
    kimi.reset()
    assert kimi.requests == kimi.replies == kimi.report == kimi.refusals == kimi.pending == kimi.chats == []
    assert kimi.files == {}
    assert "cached_tokens" not in chat(temperature=1).json()["usage"]


def test_script_takes_replies_and_failures_only(kimi: Emulator):
    with pytest.raises(TypeError, match="str"):
        kimi.script("hello")  # type: ignore[arg-type]


def test_received_requests(kimi: Emulator, client: httpx.Client):
    client.get("/models", params={"a": "b"}, headers={"X-Own": "Yes"})
    [request] = kimi.requests
    assert (request.method, request.path, request.query) == ("GET", "/v1/models", {"a": "b"})
    assert request.headers["x-own"] == "Yes"
    assert request.body == b""
    client.post("/chat/completions", content=b"[1]")
    assert kimi.requests[1].body == b"[1]"
    assert kimi.requests[1].json == [1]
    assert kimi.chats == []


def test_models(client: httpx.Client):
    entries = client.get("/models").json()
    assert entries["object"] == "list"
    by_id = {entry["id"]: entry for entry in entries["data"]}
    assert all(entry["owned_by"] == OWNER and entry["object"] == "model" for entry in by_id.values())
    k3 = by_id["kimi-k3"]
    # The recorded entry of 2026-07-17, with the efforts that came three days later.
    assert {k: v for k, v in k3.items() if k not in ("owned_by", "created")} == {
        "id": "kimi-k3",
        "object": "model",
        "supports_image_in": True,
        "supports_video_in": True,
        "supports_reasoning": True,
        "supports_dynamic_tools": True,
        "think_efforts": {"support": True, "valid_efforts": ["low", "high", "max"], "default_effort": "max"},
        "reasoning_efforts": {"support": True, "valid_efforts": ["low", "high", "max"], "default_effort": "max"},
        "supports_thinking_type": "only",
        "context_length": 1_048_576,
    }


def test_model_table_by_day():
    assert {model.id for model in available(date(2026, 11, 22))} == {
        "kimi-k3.1-pro",
        "kimi-k3.1-pro-highspeed",
        "kimi-k3",
        "kimi-k2.7-code",
        "kimi-k2.7-code-highspeed",
        "kimi-k2.6",
    }
    assert "moonshot-v1-8k" in {model.id for model in available(date(2026, 8, 30))}
    assert {model.entry()["supports_thinking_type"] for model in MODELS.values()} == {"only", "both", "no"}
    assert "think_efforts" not in MODELS["kimi-k2.6"].entry()


def test_balance_and_token_estimate(client: httpx.Client):
    balance = client.get("/users/me/balance").json()
    assert set(balance) == {"code", "data", "scode", "status"}
    assert set(balance["data"]) == {"available_balance", "voucher_balance", "cash_balance"}
    assert client.post("/tokenizers/estimate-token-count", json=HI).json() == {"data": {"total_tokens": 87}}
    refused = client.post("/tokenizers/estimate-token-count", json=HI | {"model": "kimi-k9"})
    assert refused.status_code == 404


def test_keep_alive_answers_do_not_wait_for_an_acknowledgement(client: httpx.Client):
    client.post("/chat/completions", json=HI)
    begin = time.perf_counter()
    for _ in range(20):
        client.post("/chat/completions", json=HI)
    assert (time.perf_counter() - begin) / 20 < 0.03  # 40 ms each with Nagle's delay


def test_program():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kimi_emulator", "--port", str(port), "--today", "2026-08-01"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        # A shell starts what it puts in the background with Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert process.stdout is not None
        head = [process.stdout.readline() for _ in range(3)]
        assert "not Moonshot" in head[0]
        assert head[1].strip() == f"base_url: http://127.0.0.1:{port}/v1"
        assert head[2].split()[1].startswith("sk-test")
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": "Bearer sk-test-emulator"})
        assert "kimi-k2.5" in answer.text
    finally:
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0
    assert errors == ""


def test_imports_no_client_library():
    load = "for name in kimi_emulator.__all__: getattr(kimi_emulator, name)"  # its names are loaded when they are named
    code = f"import sys, kimi_emulator\n{load}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"kimi_api", "openai", "langchain_core", "llama_index"} & set(done.stdout.split())
    assert {"kimi_emulator", "uvicorn"} <= set(done.stdout.split())
    assert set(kimi_emulator.__all__) <= set(dir(kimi_emulator))
