"""A model server's stream, relayed piece by piece as Kimi's."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

from starlette.responses import Response, StreamingResponse

from kimi_emulator.brain import BrainContext, thought
from kimi_emulator.http import delivery, streaming
from kimi_emulator.http.calls import Failed
from kimi_emulator.model_server import ModelServer, ModelServerError
from kimi_emulator.platform.answers import finish
from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.script import Answer, Reply, ToolCall

__all__ = ["relay"]


async def relay(
    server: ModelServer,
    check: ChatCheck,
    context: BrainContext,
    own: Mapping[str, str],
    cached: int,
    done: Callable[[Answer], None],
) -> Response:
    """The stream as it comes; ``done`` gets the whole answer at its end. Raises ``Failed`` if it does not begin."""
    deltas = server.stream(check.read, context)
    try:
        first = await anext(deltas)
    except ModelServerError as error:
        raise Failed(error.failure) from error
    stream = _Relayed(check, context, cached)
    fields = delivery.headers() | dict(own)
    return StreamingResponse(stream.events(first, deltas, done), 200, fields, media_type="text/event-stream")


class _Relayed:
    """One answer on its way: what has been said so far, for the counts at its end."""

    def __init__(self, check: ChatCheck, context: BrainContext, cached: int) -> None:
        self._check, self._context, self._cached = check, context, cached
        self._texts = {"content": "", "reasoning_content": ""}
        self._calls: dict[int, dict[str, str]] = {}

    async def events(
        self, first: Mapping[str, Any], deltas: AsyncGenerator[dict[str, Any], None], done: Callable[[Answer], None]
    ) -> AsyncIterator[bytes]:
        frame = streaming.Frame(finish(self._check, Reply(), self._cached))
        yield streaming.event(frame.chunk({"role": "assistant", "content": ""}))
        delta, reason = first, None
        try:
            while "finish_reason" not in delta:
                for piece in self._pieces(delta):
                    yield streaming.event(frame.chunk(piece))
                delta = await anext(deltas)
            reason = delta["finish_reason"]
        except ModelServerError as error:
            yield streaming.event(error.failure.json())
            return
        finally:
            await deltas.aclose()  # the client may have gone: then the server need not go on
        answer = dataclasses.replace(self._answer(reason), id=frame.head["id"], created=frame.head["created"])
        done(answer)
        include_usage = bool((self._check.body.get("stream_options") or {}).get("include_usage"))
        for chunk in streaming.Frame(answer, frame.fingerprint).ending(include_usage=include_usage):
            yield streaming.event(chunk)
        yield streaming.DONE

    def _pieces(self, delta: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A delta as it goes out. Where the model thinks, thinking comes first, made up if the server gives none."""
        pieces: list[dict[str, Any]] = []
        if "reasoning_content" not in delta and self._context.thinks and not self._texts["reasoning_content"]:
            made_up = thought.add(Reply(), self._check.read).reasoning or ""
            self._texts["reasoning_content"] = made_up
            pieces.append({"reasoning_content": made_up})
        for name in self._texts:
            if delta.get(name) and (name == "content" or self._context.thinks):
                self._texts[name] += delta[name]
                pieces.append({name: delta[name]})
        for call in delta.get("tool_calls") or ():
            pieces += self._call(call)
        return pieces

    def _call(self, call: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Kimi names a call once, under an id of its own, and then sends its arguments."""
        function = call.get("function") or {}
        sent = call.get("index")
        place: int = sent if isinstance(sent, int) else len(self._calls)
        pieces: list[dict[str, Any]] = []
        if place not in self._calls:
            index, name = len(self._calls), str(function.get("name") or "")
            self._calls[place] = {"name": name, "arguments": "", "index": str(index)}
            head = {"index": index, "id": f"{name}_{index}", "type": "function"}
            pieces.append({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]})
        if function.get("arguments"):
            known = self._calls[place]
            known["arguments"] += function["arguments"]
            text = {"arguments": function["arguments"]}
            pieces.append({"tool_calls": [{"index": int(known["index"]), "function": text}]})
        return pieces

    def _answer(self, reason: str | None) -> Answer:
        reply = Reply(
            content=self._texts["content"],
            reasoning=self._texts["reasoning_content"],
            tool_calls=[ToolCall(call["name"], call["arguments"]) for call in self._calls.values()],
            finish_reason="length" if reason == "length" else None,
        )
        return finish(self._check, reply, self._cached)
