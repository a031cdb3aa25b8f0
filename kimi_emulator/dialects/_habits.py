"""The habits of a host, and what they make of requests, answers and errors."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from kimi_emulator.dialects import _members
from kimi_emulator.dialects._refusals import Host, Refusal, refuse
from kimi_emulator.errors import INVALID_REQUEST, ApiError
from kimi_emulator.script import Answer

__all__ = ["PLATFORM_HEADERS", "Dialect"]

PLATFORM_HEADERS = ("msh-request-id", "msh-trace-mode", "x-msh-trace-id")
"""By these a client knows the platform; other hosts' answers have none of them."""

_JAILBREAK = {"filtered": False, "detected": False}
_END_OF_TURN = 163586  # the token that ended a recorded answer
_DELTA = ("role", "content", "reasoning_content", "tool_calls")
_OLLAMA_EFFORTS = ("high", "medium", "low", "none")
_ALPHANUMERIC = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Dialect:
    """The habits of a host.

    * ``errors``: whose errors the host answers with: their status, shape and texts.
    * ``streamed_errors``: a stream that cannot be answered is a 200 whose only event is the error (SGLang).
    * ``reasoning_field``: the name of the thinking, also in requests ("reasoning": newer vLLM, OpenRouter, Groq).
    * ``null_deltas``: deltas hold every key, null where there is nothing new, and chunks a null
      usage (Azure, SGLang).
    * ``empty_first_event``: the stream begins with a chunk without choices (Azure).
    * ``call_ids``: "functions" are ``functions.<name>:<idx>``, counted over the whole conversation (vLLM, SGLang);
      "random" are 32 letters and digits (llama.cpp); "call" are ``call_`` and eight (Ollama).
    * ``usage_at_end``: usage only in a last chunk of its own, never in the choice (vLLM, Bedrock).
    * ``filter_results``: each choice has the results of the host's own content filter, null ``logprobs``, and the token
      that ended them; there is no fingerprint (Azure).
    * ``flat_usage``: reasoning tokens stand beside the others, and the details of the prompt are null (Azure).
    * ``members``: members of the host's own: of OpenRouter in plain answers (provider, cost, the thinking once more),
      of llama.cpp in the last chunk (``timings``), of Ollama in every delta (role, content), of LiteLLM (no nulls).
    * ``whole_calls``: a streamed tool call comes in one piece (Ollama).
    * ``template_switch``: thinking is switched by ``chat_template_kwargs`` (``thinking``, ``preserve_thinking``), and a
      ``thinking`` object is dropped (vLLM, SGLang, llama.cpp).
    * ``effort_switch``: thinking is switched off by ``reasoning_effort: "none"`` or a ``reasoning`` object, and a
      ``thinking`` object is dropped (Ollama, OpenRouter).
    * ``unsupported``: fields that are refused (LiteLLM, unless its configuration allows them).
    * ``think_tags``: thinking stands in the content, between ``<think>`` and ``</think>`` (NVIDIA, Bedrock).
    * ``own_weights``: the host runs the weights itself: the platform's rules for models do not hold there, no model
      is retired, and names of weights are known (``moonshotai/Kimi-K2.6``).
    * ``one_model``: the host serves one model and does not look at its name (SGLang, llama.cpp).
    * ``keyless``: everybody is let in (Ollama).
    """

    errors: Host = "platform"
    streamed_errors: bool = False
    reasoning_field: str = "reasoning_content"
    null_deltas: bool = False
    empty_first_event: bool = False
    call_ids: Literal["platform", "functions", "random", "call"] = "platform"
    usage_at_end: bool = False
    think_tags: bool = False
    template_switch: bool = False
    effort_switch: bool = False
    unsupported: tuple[str, ...] = ()
    filter_results: bool = False
    flat_usage: bool = False
    members: Literal["platform", "openrouter", "llama.cpp", "ollama", "litellm"] = "platform"
    whole_calls: bool = False
    own_weights: bool = False
    one_model: bool = False
    keyless: bool = False

    # -- requests ---------------------------------------------------------------------------------------------

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        """A chat request with the thinking under the platform's own names, so that the rules find it.

        Raises ``ApiError`` for fields that the host refuses.
        """
        refused = [name for name in self.unsupported if name in body]
        if refused:
            message = (
                f"openai does not support parameters: {refused}, for model={body.get('model')}. To drop these, set "
                "`litellm.drop_params=True`"
            )
            raise ApiError(400, "UnsupportedParamsError", message)
        if self.template_switch:
            body = _switched_by_template(body)
        if self.effort_switch:
            body = self._switched_by_effort(body)
        messages = body.get("messages")
        if self.reasoning_field == "reasoning_content" or not isinstance(messages, list):
            return body
        return {**body, "messages": [self._incoming(message) for message in messages]}

    def _switched_by_effort(self, body: dict[str, Any]) -> dict[str, Any]:
        reasoning = body.get("reasoning")
        own = reasoning if isinstance(reasoning, dict) else {}
        effort = own.get("effort") or body.get("reasoning_effort")
        rest = {name: body[name] for name in body if name not in ("thinking", "reasoning", "reasoning_effort")}
        if effort and self.errors == "ollama" and effort not in _OLLAMA_EFFORTS:
            words = f'invalid reasoning value: \'{effort}\' (must be "high", "medium", "low", or "none")'
            raise ApiError(400, INVALID_REQUEST, words)
        off = effort == "none" or own.get("enabled") is False
        return rest | {"thinking": {"type": "disabled"}} if off else rest

    def _incoming(self, message: Any) -> Any:
        if not isinstance(message, dict) or self.reasoning_field not in message:
            return message
        rest = {name: value for name, value in message.items() if name != self.reasoning_field}
        return rest | {"reasoning_content": message[self.reasoning_field]}

    # -- answers ----------------------------------------------------------------------------------------------

    def refusal(self, error: ApiError) -> Refusal:
        """The answer to a request that is refused."""
        return refuse(self.errors, error)

    def headers(self, request_id: str) -> dict[str, str]:
        """The host's own headers, in place of the platform's ``PLATFORM_HEADERS``."""
        if self.members == "litellm":  # measured: the headers of the host behind it have new names
            return {"llm_provider-msh-request-id": request_id, "x-litellm-call-id": request_id}
        return {"x-request-id": request_id}

    def answer(self, answer: Answer, body: Mapping[str, Any]) -> Answer:
        """What the answer itself says differently: ids of calls, the model's name, and where the thinking stands."""
        message = dict(answer.message)
        if self.call_ids != "platform" and message.get("tool_calls"):
            before = sum(len(earlier.get("tool_calls") or ()) for earlier in body["messages"])
            message["tool_calls"] = [
                call | {"id": self._call_id(call["function"]["name"], before + position)}
                for position, call in enumerate(message["tool_calls"])
            ]
        if self.think_tags and message.get("reasoning_content"):
            message["content"] = f"<think>{message.pop('reasoning_content')}</think>{message['content']}"
        return replace(answer, message=message, model=str(body["model"]))

    def _call_id(self, name: str, place: int) -> str:
        if self.call_ids == "functions":
            return f"functions.{name}:{place}"
        if self.call_ids == "call":
            return "call_" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(32))

    def body(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body of a plain answer."""
        [choice] = body["choices"]
        body = body | {"choices": [self._mark(choice | {"message": self._rename(choice["message"])})]}
        body = body | {"usage": self._usage(body["usage"])} if "usage" in body else body
        if self.members == "openrouter":
            return _members.through_openrouter(body)
        if self.members == "llama.cpp":
            return body | _members.timings(body.get("usage"))
        return body | {"system_fingerprint": "fp_ollama"} if self.members == "ollama" else body

    def chunks(self, chunks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The chunks of a stream."""
        usage = next((c["usage"] for chunk in chunks for c in chunk["choices"] if "usage" in c), None)
        if self.empty_first_event:
            # Recorded from Azure: the results of its own filters come first.
            nothing = {"id": "", "object": "", "created": 0, "model": ""}
            prompt = {"prompt_index": 0, "content_filter_results": {**_members.SEVERITIES, "jailbreak": _JAILBREAK}}
            yield {**nothing, "choices": [], "prompt_filter_results": [prompt]}
        head = {name: value for name, value in chunks[0].items() if name != "choices"}
        for chunk in _members.whole_calls(chunks) if self.whole_calls else chunks:
            yield from self._chunk(chunk)
        if self.usage_at_end:
            yield self._own({**self._without_fingerprint(head), "choices": [], "usage": self._usage(usage)})

    def _chunk(self, chunk: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if not chunk["choices"]:
            if not self.usage_at_end:
                yield chunk
            return
        choice = dict(chunk["choices"][0])
        if self.usage_at_end:
            choice.pop("usage", None)
        choice["delta"] = self._rename(self._complete_delta(choice["delta"]))
        usage_member = {"usage": None} if self.null_deltas else {}
        yield self._own({**self._without_fingerprint(chunk), "choices": [self._mark(choice)], **usage_member})

    def _own(self, chunk: dict[str, Any]) -> dict[str, Any]:
        """A chunk with the members that only this host has."""
        if self.members == "litellm":
            return _members.through_litellm(chunk)
        if self.members == "llama.cpp" and not chunk["choices"]:
            return chunk | _members.timings(chunk["usage"])
        if self.members == "ollama":
            return chunk | {"system_fingerprint": "fp_ollama"}
        return chunk

    def _without_fingerprint(self, chunk: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in chunk.items() if name != "system_fingerprint" or not self.filter_results}

    def _mark(self, choice: dict[str, Any]) -> dict[str, Any]:
        if not self.filter_results:
            return choice
        stop = None if choice.get("finish_reason") is None else _END_OF_TURN
        return choice | {"content_filter_results": {}, "logprobs": None, "matched_stop": stop}

    def _usage(self, usage: Any) -> Any:
        return _members.flat_usage(usage) if self.flat_usage and isinstance(usage, dict) else usage

    def _complete_delta(self, delta: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.members == "ollama":
            return {"role": "assistant", "content": "", **delta}
        if self.members == "llama.cpp" and "role" in delta:
            return {**delta, "content": None}
        if not self.null_deltas:
            return delta
        full = {**dict.fromkeys(_DELTA), **delta}
        if delta.get("tool_calls"):
            full["tool_calls"] = [_members.with_nulls(piece) for piece in delta["tool_calls"]]
        return full

    def _rename(self, holder: Mapping[str, Any]) -> dict[str, Any]:
        return {self.reasoning_field if name == "reasoning_content" else name: value for name, value in holder.items()}


def _switched_by_template(body: dict[str, Any]) -> dict[str, Any]:
    """A request whose template arguments are the platform's ``thinking`` object."""
    kwargs = body.get("chat_template_kwargs")
    body = {name: value for name, value in body.items() if name not in ("thinking", "chat_template_kwargs")}
    if isinstance(kwargs, dict) and isinstance(kwargs.get("thinking"), bool):
        body["thinking"] = {"type": "enabled" if kwargs["thinking"] else "disabled"}
        if kwargs.get("preserve_thinking"):
            body["thinking"]["keep"] = "all"
    return body
