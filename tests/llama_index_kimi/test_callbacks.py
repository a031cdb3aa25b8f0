"""What LlamaIndex's old-style callback handlers are told, and what its decorators make of a prompt."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.llms import ChatMessage
from scripted_kimi import ScriptedKimi

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


def test_a_payload_names_the_model_and_no_secret(scripted: ScriptedKimi) -> None:
    llm = scripted(["x"], default_headers={"Authorization": "hush"})
    payload = llm.to_payload()
    assert "api_key" not in payload
    assert payload["model_name"] == llm.metadata.model_name
    assert payload["class_name"] == "Kimi"
    assert scripted.emulator.api_key not in str(payload)
    assert "hush" not in str(payload)


@pytest.mark.parametrize("way", ["complete", "stream_complete", "chat", "stream_chat"])
def test_handlers_are_told_of_start_and_end_and_no_secret(scripted: ScriptedKimi, way: str) -> None:
    handler = Capturing()
    llm = scripted(["x"], callback_manager=CallbackManager([handler]), default_headers={"Authorization": "hush"})
    answer = getattr(llm, way)(PROMPT if "complete" in way else [ChatMessage(PROMPT)])
    if "stream" in way:
        list(answer)
    assert [event["type"] for event in handler.started] == [event["type"] for event in handler.ended]
    assert handler.started[0]["type"] == CBEventType.LLM
    assert EventPayload.SERIALIZED in handler.started[0]
    events = f"{handler.started}{handler.ended}"
    assert scripted.emulator.api_key not in events
    assert "hush" not in events


def test_a_prompt_is_given_once_by_position_or_by_name(scripted: ScriptedKimi) -> None:
    llm = scripted(lambda request: request["messages"][-1]["content"])
    assert llm.complete(prompt=PROMPT).text == llm.complete(PROMPT).text == PROMPT
    assert "".join(piece.delta or "" for piece in llm.stream_complete(prompt=PROMPT)) == PROMPT
    for complete in (llm.complete, llm.stream_complete):
        with pytest.raises(TypeError):
            complete(PROMPT, prompt=PROMPT)  # type: ignore[misc]
        with pytest.raises(ValueError):
            complete()  # type: ignore[call-arg]
