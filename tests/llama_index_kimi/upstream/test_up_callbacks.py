"""Mirrors llama-index-core/tests/llms/test_callbacks.py. The model repeats its prompt."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.llms import ChatMessage
from scripted_kimi import ScriptedKimi

from kimi_api._warn import KimiWarning
from kimi_emulator import Reply
from llama_index_kimi import Kimi

PROMPT = "test prompt"


class Capturing(BaseCallbackHandler):
    """Keeps what old-style handlers are told."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.started: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []

    def on_event_start(self, event_type: CBEventType, payload: Any = None, event_id: str = "", **kwargs: Any) -> str:
        self.started.append({"type": event_type, **(payload or {})})
        return event_id

    def on_event_end(self, event_type: CBEventType, payload: Any = None, event_id: str = "", **kwargs: Any) -> None:
        self.ended.append({"type": event_type, **(payload or {})})

    def start_trace(self, trace_id: str | None = None) -> None:
        pass

    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
        pass


@pytest.fixture
def llm(scripted: ScriptedKimi) -> Kimi:
    return scripted(lambda request: request["messages"][-1]["content"])


@pytest.fixture
def nonyielding_llm(scripted: ScriptedKimi) -> Kimi:
    return scripted([Reply(content="", reasoning="", pieces=[])])


def test_llm_stream_chat_handles_nonyielding_stream(nonyielding_llm: Kimi) -> None:
    with pytest.warns(KimiWarning, match="neither an answer"):
        (response,) = nonyielding_llm.stream_chat([ChatMessage(PROMPT)])
    assert response.message.content == ""


async def test_llm_astream_chat_handles_nonyielding_stream(nonyielding_llm: Kimi) -> None:
    with pytest.warns(KimiWarning, match="neither an answer"):
        (response,) = [r async for r in await nonyielding_llm.astream_chat([ChatMessage(PROMPT)])]
    assert response.message.content == ""


def test_llm_complete_prompt_arg(llm: Kimi) -> None:
    assert llm.complete(PROMPT).text == PROMPT


def test_llm_complete_prompt_kwarg(llm: Kimi) -> None:
    assert llm.complete(prompt=PROMPT).text == PROMPT


def test_llm_complete_throws_if_duplicate_prompt(llm: Kimi) -> None:
    with pytest.raises(TypeError):
        llm.complete(PROMPT, prompt=PROMPT)  # type: ignore[misc]


def test_llm_complete_throws_if_no_prompt(llm: Kimi) -> None:
    with pytest.raises(ValueError):
        llm.complete()  # type: ignore[call-arg]


def test_llm_stream_complete_prompt_arg(llm: Kimi) -> None:
    assert "".join(r.delta or "" for r in llm.stream_complete(PROMPT)) == PROMPT


def test_llm_stream_complete_prompt_kwarg(llm: Kimi) -> None:
    assert "".join(r.delta or "" for r in llm.stream_complete(prompt=PROMPT)) == PROMPT


def test_llm_stream_complete_throws_if_duplicate_prompt(llm: Kimi) -> None:
    with pytest.raises(TypeError):
        llm.stream_complete(PROMPT, prompt=PROMPT)  # type: ignore[misc]


def test_llm_stream_complete_throws_if_no_prompt(llm: Kimi) -> None:
    with pytest.raises(ValueError):
        llm.stream_complete()  # type: ignore[call-arg]


def test_to_payload_excludes_secrets(scripted: ScriptedKimi) -> None:
    llm = scripted(["x"], default_headers={"Authorization": "hush"})
    payload = llm.to_payload()
    assert "api_key" not in payload
    assert payload["model_name"] == llm.metadata.model_name
    assert payload["class_name"] == "Kimi"
    assert scripted.emulator.api_key not in str(payload)
    assert "hush" not in str(payload)


def test_to_payload_includes_model_and_temperature(scripted: ScriptedKimi) -> None:
    payload = scripted(["x"], model="kimi-k2.6", temperature=1.0).to_payload()
    assert (payload["model"], payload["temperature"]) == ("kimi-k2.6", 1.0)


@pytest.mark.parametrize("way", ["complete", "stream_complete", "chat", "stream_chat"])
def test_callback_serialized_excludes_secrets(scripted: ScriptedKimi, way: str) -> None:
    handler = Capturing()
    llm = scripted(["x"], callback_manager=CallbackManager([handler]), default_headers={"Authorization": "hush"})
    answer = getattr(llm, way)(PROMPT if "complete" in way else [ChatMessage(PROMPT)])
    if "stream" in way:
        list(answer)
    assert [event["type"] for event in handler.started] == [event["type"] for event in handler.ended]
    assert handler.started[0]["type"] == CBEventType.LLM
    assert EventPayload.SERIALIZED in handler.started[0]
    told = f"{handler.started}{handler.ended}"
    assert scripted.emulator.api_key not in told
    assert "hush" not in told
