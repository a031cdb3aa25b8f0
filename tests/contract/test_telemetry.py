"""Spans of calls through either framework: ours, OpenInference's, and LangSmith's runs."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from contract_kit import STREAMED, Adapter, Chat, Way
from opentelemetry.trace import StatusCode
from otel_kit import Recorder, recording
from scripted_kimi import NEW_CORE

from kimi_api import KimiConnectionError, KimiError
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "cached_tokens": 40,
    "completion_tokens_details": {"reasoning_tokens": 5},
}
ANSWER = Reply("It is deep.", reasoning="Hm.", usage=USAGE)
GATEWAY_KEY = "sk-test-gateway-0123456789"
SECRETS = (GATEWAY_KEY, "org-0123456789abcdef", "ak-0123456789abcdef")
INSTRUMENTORS = {"langchain": "LangChainInstrumentor", "llama_index": "LlamaIndexInstrumentor"}


def look(place: str) -> str:
    """Look at a place."""
    return f"{place} is there"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def recorded(adapter: Adapter) -> Iterator[Recorder]:
    """What OpenInference's instrumentation of the framework records."""
    if adapter.name == "llama_index" and not NEW_CORE:
        pytest.skip("OpenInference's instrumentation records nothing of this core's calls")
    module = importlib.import_module(f"openinference.instrumentation.{adapter.name}")
    instrumentor = getattr(module, INSTRUMENTORS[adapter.name])()
    with closing(Recorder()) as recorder:
        instrumentor.instrument(tracer_provider=recorder.traces)
        yield recorder
        instrumentor.uninstrument()


# ---------------------------------------------------------------------------------------------------- ours


def test_a_call_is_one_span(kimi: Emulator, chat: Chat, way: Way, recorder: Recorder) -> None:
    kimi.script(ANSWER)
    outcome = chat.ask("How deep is the harbour?")
    facts = recorder.one()
    assert facts["gen_ai.request.model"] == facts["gen_ai.response.model"] == "kimi-k3"
    assert facts["gen_ai.request.stream"] is (way in STREAMED)
    assert outcome.usage is not None
    for name, count in {
        "input_tokens": outcome.usage.prompt_tokens,
        "output_tokens": outcome.usage.completion_tokens,
        "cache_read.input_tokens": outcome.usage.cached_tokens,
        "reasoning.output_tokens": outcome.usage.reasoning_tokens,
    }.items():
        assert facts[f"gen_ai.usage.{name}"] == count
    assert "harbour" not in recorder.everything()
    assert kimi.api_key not in recorder.everything()


def test_an_agents_run_is_a_span_for_each_of_its_calls(kimi: Emulator, chat: Chat, recorder: Recorder) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("look", {"place": "Turku"})], reasoning="where", usage=USAGE), ANSWER)
    assert chat.run_agent("Look at Turku", [look]).text == "It is deep."
    spans = [dict(span.attributes or {}) for span in recorder.spans_named("chat ")]
    assert [facts["gen_ai.response.finish_reasons"] for facts in spans] == [("tool_calls",), ("stop",)]
    assert "Turku" not in recorder.everything()


@pytest.mark.ways("streamed", "astreamed")
def test_a_stream_that_is_left_is_one_span(kimi: Emulator, chat: Chat, way: Way, recorder: Recorder) -> None:
    kimi.script(ANSWER)
    if way == "streamed":
        chat.leave("How deep is the harbour?")
    else:
        asyncio.run(chat.aleave("How deep is the harbour?"))
    assert recorder.one()["kimi.stream.closed_early"] is True
    assert "error.type" not in recorder.one()


def test_a_broken_answer_is_an_error_by_the_packages_own_name(kimi: Emulator, chat: Chat, recorder: Recorder) -> None:
    """LangChain raises a subclass; dashboards see one name."""
    kimi.fail("cut.before_finish")
    assert isinstance(chat.attempt("How deep is the harbour?").error, KimiConnectionError)
    assert recorder.one()["error.type"] == "KimiConnectionError"
    [span] = recorder.spans
    assert span.status.status_code is StatusCode.ERROR


# ---------------------------------------------------------------------------------------------------- others'


def test_openinference_gets_model_and_usage_and_no_key(
    kimi: Emulator, make: Make, adapter: Adapter, recorded: Recorder
) -> None:
    kimi.script(ANSWER)
    make(default_headers={"X-Gateway": GATEWAY_KEY}).ask("How deep is the harbour?")
    [facts] = [dict(span.attributes or {}) for span in recorded.spans if "llm.model_name" in (span.attributes or {})]
    assert facts["openinference.span.kind"] == "LLM"
    assert facts["llm.model_name"] == "kimi-k3"
    assert {name: value for name, value in facts.items() if name.startswith("llm.token_count.")} == {
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20,
        "llm.token_count.total": 120,
        "llm.token_count.prompt_details.cache_read": 40,
        "llm.token_count.completion_details.reasoning": 5,
    }
    assert "It is deep." in recorded.everything()  # it records content
    assert kimi.api_key not in recorded.everything()
    assert GATEWAY_KEY not in recorded.everything()


@pytest.mark.parametrize("fault", ["http.401_string_code", "http.429_quota", "http.403_quota_2025"])
def test_openinference_gets_errors_and_neither_key_nor_account(
    kimi: Emulator, make: Make, recorded: Recorder, fault: str
) -> None:
    kimi.fail(fault)  # the bodies of the last two name account and key
    with pytest.raises(KimiError):
        make(default_headers={"X-Gateway": GATEWAY_KEY}).ask("How deep is the harbour?")
    assert [span for span in recorded.spans if span.status.status_code is StatusCode.ERROR]
    everything = recorded.everything()
    assert [secret for secret in (*SECRETS, kimi.api_key) if secret in everything] == []


def test_ours_and_openinferences_spans_live_together(
    kimi: Emulator, chat: Chat, adapter: Adapter, way: Way, recorded: Recorder, recorder: Recorder
) -> None:
    """Only LlamaIndex's, of answers that are waited for, are OpenTelemetry's current span while we are called."""
    kimi.script(ANSWER)
    chat.ask("How deep is the harbour?")
    assert recorder.one()["gen_ai.usage.input_tokens"] == 100
    [theirs] = [span for span in recorded.spans if "llm.model_name" in (span.attributes or {})]
    assert theirs.context is not None
    parent = recorder.spans[0].parent
    if adapter.name == "llama_index" and way not in STREAMED:
        assert parent is not None
        assert parent.span_id == theirs.context.span_id


@pytest.mark.parametrize("adapter", ["langchain"], indirect=True)
def test_langsmith_gets_model_and_usage_and_no_key(kimi: Emulator, make: Make, adapter: Adapter, way: Way) -> None:
    from langchain_core.tracers import LangChainTracer
    from langsmith import Client

    class Recorder(Client):
        """LangSmith's own client, which keeps runs instead of sending them."""

        def __init__(self) -> None:
            super().__init__(api_url="https://localhost", api_key="ls-test", auto_batch_tracing=False)
            self.recorded: list[dict[str, Any]] = []

        def create_run(self, *args: Any, **run: Any) -> None:
            self.recorded.append(run)

        def update_run(self, *args: Any, **run: Any) -> None:
            self.recorded.append(run)

    kimi.script(ANSWER)
    kimi.script(Reply("", fault="http.429_quota"))
    chat = make(default_headers={"X-Gateway": GATEWAY_KEY})
    recorder = Recorder()
    native = chat.native.with_config(callbacks=[LangChainTracer(client=recorder)])
    for _ in range(2):
        adapter.chat(native, way).attempt("How deep is the harbour?")
    begun, ended, _, failed = recorder.recorded
    assert begun["extra"]["metadata"]["ls_model_name"] == "kimi-k3"
    assert begun["extra"]["metadata"]["ls_provider"] == "kimi"
    message = ended["outputs"]["generations"][0][0]["message"]
    assert message["kwargs"]["usage_metadata"] == {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "input_token_details": {"cache_read": 40, "cache_creation": 0},
        "output_token_details": {"reasoning": 5},
    }
    assert "KimiQuotaError" in failed["error"]
    everything = json.dumps(recorder.recorded, default=repr)
    assert "It is deep." in everything
    assert [secret for secret in (*SECRETS, kimi.api_key) if secret in everything] == []
