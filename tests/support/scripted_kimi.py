"""Real `Kimi`s whose answers are written beforehand: what core's own tests use `MockFunctionCallingLLM` for.

The script is played by the emulator, so every request and answer goes over HTTP in the platform's form, through all
of the platform's rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ThinkingBlock, ToolCallBlock

from kimi_emulator import BrainContext, Emulator, Reply, ToolCall
from llama_index_kimi import Kimi

NEW_CORE = "early_stopping_method" in FunctionAgent.model_fields
"""Whether core is one of those that the tests mirror. Older ones lack a few things, and some of their own repairs."""

Answer = ChatMessage | Reply | str
Script = Iterable[Answer] | Callable[[Mapping[str, Any]], Answer]
"""Answers, given over and over in their order, or a function from a request's body to its answer."""


class ScriptedKimi:
    """Makes models with scripts of their own, over one emulator.

        with ScriptedKimi() as scripted:
            llm = scripted([ChatMessage(role="assistant", content="Hello!")])

    A script belongs to one model object: its requests are known by their `prompt_cache_key`.
    """

    def __init__(self) -> None:
        # A day on which all the models that the tests name are served.
        self.emulator = Emulator(brain=self, today=date(2026, 11, 1))
        self._scripts: dict[str, Callable[[Mapping[str, Any]], Answer]] = {}

    def __call__(self, script: Script, **settings: Any) -> Kimi:
        name = f"script-{len(self._scripts)}"
        self._scripts[name] = script if callable(script) else _in_turn(script)
        return Kimi(base_url=self.emulator.base_url, api_key=self.emulator.api_key, prompt_cache_key=name, **settings)

    def chats(self, llm: Kimi) -> list[dict[str, Any]]:
        """The bodies of the requests that `llm` has sent."""
        return [body for body in self.emulator.chats if body.get("prompt_cache_key") == llm.prompt_cache_key]

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        """The emulator's question; see `kimi_emulator.Brain`."""
        answer = self._scripts[request["prompt_cache_key"]](request)
        if isinstance(answer, ChatMessage):
            return reply_of(answer)
        return Reply(content=answer) if isinstance(answer, str) else answer

    def reset(self) -> None:
        """Forget all scripts and all that was sent."""
        self._scripts.clear()
        self.emulator.reset()

    def __enter__(self) -> ScriptedKimi:
        self.emulator.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.emulator.stop()


def reply_of(message: ChatMessage) -> Reply:
    """The platform's answer that says `message`: its text, its thinking, and its calls from wherever they stand."""
    thinking = [block.content or "" for block in message.blocks if isinstance(block, ThinkingBlock)]
    calls = [
        ToolCall(block.tool_name, block.tool_kwargs, block.tool_call_id)
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    calls += [
        ToolCall(call.tool_name, call.tool_kwargs, call.tool_id)
        for call in message.additional_kwargs.get("tool_calls", [])
    ]
    return Reply(content=message.content or "", reasoning="".join(thinking) if thinking else None, tool_calls=calls)


def _in_turn(script: Iterable[Answer]) -> Callable[[Mapping[str, Any]], Answer]:
    answers: Iterator[Answer] = itertools.cycle(script)
    return lambda request: next(answers)
