"""A brain that asks a real model: any server that speaks OpenAI's chat completions (Ollama, llama.cpp, vLLM, ...).

What only Kimi knows is taken out of the request, and the answer is put into Kimi's shapes; rules, ids and token counts
stay the emulator's own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kimi_emulator.content import text_of
from kimi_emulator.script import BrainContext, Failure, Reply, ToolCall

if TYPE_CHECKING:
    import httpx

__all__ = ["ModelServer", "ModelServerError", "ThinkTags", "upstream_request"]

_PASSED_ON = ("response_format", "stop", "parallel_tool_calls", "seed")
_THOUGHTS = ("reasoning_content", "reasoning")
_SECONDS, _SECONDS_TO_CONNECT = 600.0, 5.0
_OPEN, _CLOSE = "<think>", "</think>"


class ModelServerError(Exception):
    """The server did not answer, or not with an answer; ``failure`` is what the client gets."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.failure: Failure = Failure(status, "model_server_error", text)


class ModelServer:
    """The server at ``url`` (with its ``/v1``). ``model`` None takes the first that it lists."""

    def __init__(self, url: str, model: str | None = None, key: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"model_server is an address such as http://127.0.0.1:11434/v1, not {url!r}")
        self.url: str = url.rstrip("/")
        self._model = model
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        """Its whole answer. A call that was demanded and did not come is asked for once more.

        Raises:
            ModelServerError: no answer, an error, or again no call.
        """
        reply = self._ask(upstream_request(request, context, self._served_model()))
        if not demands_call(request) or fitting(reply, request).tool_calls:
            return fitting(reply, request)
        messages = [*request["messages"], {"role": "system", "content": "Call one of the tools now."}]
        reply = fitting(
            self._ask(upstream_request({**request, "messages": messages}, context, self._served_model())), request
        )
        if not reply.tool_calls:
            raise ModelServerError(502, f"the model at {self.url} called no tool, though tool_choice demands it")
        return reply

    async def stream(self, request: Mapping[str, Any], context: BrainContext) -> AsyncGenerator[dict[str, Any], None]:
        """The deltas of its answer as they come, in Kimi's form; the last one is ``{"finish_reason": ...}``.

        Raises:
            ModelServerError: no answer, an error, or a stream that breaks off.
        """
        import httpx

        model = await asyncio.to_thread(self._served_model)
        body = upstream_request(request, context, model) | {"stream": True}
        tags, finish = ThinkTags(), None
        try:
            async with (
                httpx.AsyncClient(**self._client_settings()) as client,
                client.stream("POST", f"{self.url}/chat/completions", json=body) as response,
            ):
                if response.status_code != 200:
                    await response.aread()
                    self._check(response)
                async for line in response.aiter_lines():
                    choice = self._choice_of(line)
                    if choice is None:
                        continue
                    for delta in kimi_deltas(choice.get("delta") or {}, tags):
                        yield delta
                    finish = choice.get("finish_reason") or finish
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if finish is None:
            raise ModelServerError(502, f"the model server {self.url} broke off: its stream ended without an end")
        for delta in tags.rest():
            yield delta
        yield {"finish_reason": finish}

    # -- talking to it ----------------------------------------------------------------------------------------

    def _client_settings(self) -> dict[str, Any]:
        import httpx

        timeout = httpx.Timeout(_SECONDS, connect=_SECONDS_TO_CONNECT)
        return {"timeout": timeout, "headers": self._headers, "trust_env": False}

    def _send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        import httpx

        try:
            with httpx.Client(**self._client_settings()) as client:
                response = client.request(method, self.url + path, json=body)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return self._check(response)

    def _check(self, response: httpx.Response) -> dict[str, Any]:
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.status_code != 200 or not isinstance(body, dict):
            text = " ".join(response.text.split())[:300]
            raise ModelServerError(502, f"the model server {self.url} answered {response.status_code}: {text}")
        return body

    def _unreachable(self, error: httpx.HTTPError) -> ModelServerError:
        import httpx

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return ModelServerError(502, f"the model server {self.url} cannot be reached: {error}. Is it running?")
        if isinstance(error, httpx.TimeoutException):
            return ModelServerError(504, f"the model server {self.url} did not answer in {_SECONDS:g} s")
        return ModelServerError(502, f"the model server {self.url} broke off: {type(error).__name__}: {error}")

    def _served_model(self) -> str:
        if self._model is None:
            models = self._send("GET", "/models").get("data")
            first = models[0] if isinstance(models, list) and models else None
            if not isinstance(first, dict) or not isinstance(first.get("id"), str):
                raise ModelServerError(502, f"the model server {self.url} lists no model: name one")
            self._model = first["id"]
        return self._model

    def _ask(self, body: Mapping[str, Any]) -> Reply:
        answer = self._send("POST", "/chat/completions", body)
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            raise ModelServerError(502, f"the model server {self.url} answered without a message: {str(answer)[:200]}")
        return reply_of(choice["message"], choice.get("finish_reason"))

    def _choice_of(self, line: str) -> dict[str, Any] | None:
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            return None
        try:
            event = json.loads(line[5:])
        except ValueError as error:
            raise ModelServerError(502, f"the model server {self.url} streamed no JSON: {line[:200]}") from error
        if isinstance(event, dict) and event.get("error"):
            raise ModelServerError(502, f"the model server {self.url} broke off: {str(event['error'])[:300]}")
        choices = event.get("choices") if isinstance(event, dict) else None
        return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None


# ------------------------------------------------------------------------------------------------- pure


def upstream_request(request: Mapping[str, Any], context: BrainContext, model: str) -> dict[str, Any]:
    """The request as OpenAI's interface knows it: without Kimi's own members, with the tools that messages bring."""
    body: dict[str, Any] = {name: request[name] for name in _PASSED_ON if request.get(name) is not None}
    body |= {"model": model, "messages": [_message(each) for each in request["messages"] if not each.get("tools")]}
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit:
        body["max_tokens"] = limit
    choice = request.get("tool_choice")
    tools = [tool for tool in context.tools if tool.get("type") == "function"]
    if tools and choice != "none":
        body["tools"] = tools
        if choice is not None:
            body["tool_choice"] = choice
    return body


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    sent = {
        name: message[name] for name in ("role", "content", "name", "tool_call_id") if message.get(name) is not None
    }
    if message.get("tool_calls"):
        sent["tool_calls"] = [
            {name: call[name] for name in ("id", "type", "function") if name in call} for call in message["tool_calls"]
        ]
    content = sent.get("content")
    if isinstance(content, list):
        sent["content"] = text_of(content) if all(p.get("type") == "text" for p in content) else _parts(content)
    return {"content": "", **sent}


def _parts(content: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Pictures in data URLs go as they are; a stored one is known here alone, and is left as a note."""
    parts: list[dict[str, Any]] = []
    for part in content:
        value = part.get(str(part.get("type")))
        url = value.get("url") if isinstance(value, dict) else value
        if part.get("type") == "image_url" and str(url).startswith("data:"):
            parts.append({"type": "image_url", "image_url": {"url": url}})
        elif part.get("type") == "text":
            parts.append(dict(part))
        else:
            parts.append({"type": "text", "text": f"[{str(part.get('type')).removesuffix('_url')}]"})
    return parts


def reply_of(message: Mapping[str, Any], finish_reason: str | None) -> Reply:
    """A server's message as a reply: thinking from wherever it stands, calls without the server's ids."""
    tags = ThinkTags()
    deltas = [*kimi_deltas({**message, "tool_calls": None}, tags), *tags.rest()]
    texts = {
        name: "".join(delta[name] for delta in deltas if name in delta) for name in ("content", "reasoning_content")
    }
    calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    return Reply(
        content=texts["content"],
        reasoning=texts["reasoning_content"] or None,
        tool_calls=[ToolCall(str(call.get("name")), str(call.get("arguments") or "")) for call in calls],
        finish_reason="length" if finish_reason == "length" else None,
    )


def demands_call(request: Mapping[str, Any]) -> bool:
    """Whether ``tool_choice`` leaves no way but a call."""
    return request.get("tool_choice") == "required" or isinstance(request.get("tool_choice"), Mapping)


def fitting(reply: Reply, request: Mapping[str, Any]) -> Reply:
    """The reply with those calls only that ``tool_choice`` allows."""
    choice = request.get("tool_choice")
    if choice == "none":
        return replace(reply, tool_calls=())
    if isinstance(choice, Mapping):
        name = choice["function"]["name"]
        return replace(reply, tool_calls=[call for call in reply.tool_calls if call.name == name])
    return reply


def kimi_deltas(delta: Mapping[str, Any], tags: ThinkTags) -> Iterator[dict[str, Any]]:
    """A piece of a server's answer as pieces of Kimi's."""
    thought = next((delta[name] for name in _THOUGHTS if isinstance(delta.get(name), str) and delta[name]), None)
    if thought is not None:
        yield {"reasoning_content": thought}
    if isinstance(delta.get("content"), str) and delta["content"]:
        yield from tags.feed(delta["content"])
    if delta.get("tool_calls"):
        yield {"tool_calls": delta["tool_calls"]}


class ThinkTags:
    """Splits an answer that begins with ``<think>`` into thinking and content, piece by piece.

    Line breaks next to a tag are removed with it.
    """

    def __init__(self) -> None:
        self._held = ""
        self._state = "beginning"
        self._behind_tag = False

    def feed(self, text: str) -> Iterator[dict[str, Any]]:
        """What is certain after these characters more."""
        self._held += text
        if self._state == "beginning":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._enter("thinking", begun[len(_OPEN) :])
            elif not _OPEN.startswith(begun):
                self._state = "content"
        self._trim()
        if self._state == "thinking":
            thought, tag, rest = self._held.partition(_CLOSE)
            certain = thought.rstrip("\n") if tag else _before_a_tag(thought)
            if certain:
                yield {"reasoning_content": certain}
            if tag:
                self._enter("content", rest)
                self._trim()
            else:
                self._held = thought[len(certain) :]
        if self._state == "content" and self._held:
            yield {"content": self._held}
            self._held = ""

    def rest(self) -> Iterator[dict[str, Any]]:
        """The text that was held back, at the end of the stream."""
        if self._held:
            yield {"reasoning_content" if self._state == "thinking" else "content": self._held}
            self._held = ""

    def _enter(self, state: str, rest: str) -> None:
        self._state, self._held, self._behind_tag = state, rest, True

    def _trim(self) -> None:
        if self._behind_tag:
            self._held = self._held.lstrip("\n")
            self._behind_tag = not self._held


def _before_a_tag(text: str) -> str:
    """The text without what may be line breaks and the beginning of a closing tag."""
    begun = max((length for length in range(1, len(_CLOSE)) if text.endswith(_CLOSE[:length])), default=0)
    return text[: len(text) - begun].rstrip("\n")
