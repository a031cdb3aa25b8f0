"""How other hosts of Kimi's weights speak: the same answers, in other clothes.

Moonshot publishes the weights, and inference engines and gateways serve them with their own habits. Each switch is a
habit that was recorded; ``DIALECTS`` names the hosts that have some of them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from kimi_emulator.script import Answer

__all__ = ["DIALECTS", "PLATFORM", "Dialect", "dialect_named"]

_SEVERITIES = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_JAILBREAK = {"filtered": False, "detected": False}
_END_OF_TURN = 163586  # the token that ended a recorded answer
_DELTA = ("role", "content", "reasoning_content", "tool_calls")


@dataclass(frozen=True)
class Dialect:
    """The habits of a host.

    * ``reasoning_field``: the name of the thinking, also in requests ("reasoning": newer vLLM, OpenRouter, Groq).
    * ``null_deltas``: deltas hold every key, null where there is nothing new, and chunks a null
      usage (Azure).
    * ``empty_first_event``: the stream begins with a chunk without choices (Azure).
    * ``function_ids``: call ids are ``functions.<name>:<idx>``, counted over the whole conversation (vLLM, SGLang).
    * ``usage_at_end``: usage only in a last chunk of its own, never in the choice (vLLM, Bedrock).
    * ``filter_results``: choices hold the results of the host's own filters, null ``logprobs`` and the token that
      ended them; there is no fingerprint (Azure).
    * ``flat_usage``: reasoning tokens stand beside the others, and the details of the prompt are null (Azure).
    * ``gateway_members``: plain answers tell the provider, the cost and the thinking a second time (OpenRouter).
    * ``template_switch``: thinking is switched by ``chat_template_kwargs`` (``thinking``, ``preserve_thinking``), and a
      ``thinking`` object is dropped (vLLM, SGLang).
    * ``think_tags``: thinking stands in the content, between ``<think>`` and ``</think>`` (NVIDIA, Bedrock).
    """

    reasoning_field: str = "reasoning_content"
    null_deltas: bool = False
    empty_first_event: bool = False
    function_ids: bool = False
    usage_at_end: bool = False
    think_tags: bool = False
    template_switch: bool = False
    filter_results: bool = False
    flat_usage: bool = False
    gateway_members: bool = False

    # -- requests ---------------------------------------------------------------------------------------------

    def request(self, body: dict[str, Any]) -> dict[str, Any]:
        """A chat request with the thinking under the platform's own name, so that the rules find it."""
        if self.template_switch:
            body = _switched(body)
        messages = body.get("messages")
        if self.reasoning_field == "reasoning_content" or not isinstance(messages, list):
            return body
        return {**body, "messages": [self._incoming(message) for message in messages]}

    def _incoming(self, message: Any) -> Any:
        if not isinstance(message, dict) or self.reasoning_field not in message:
            return message
        rest = {name: value for name, value in message.items() if name != self.reasoning_field}
        return rest | {"reasoning_content": message[self.reasoning_field]}

    # -- answers ----------------------------------------------------------------------------------------------

    def answer(self, answer: Answer, messages: list[dict[str, Any]]) -> Answer:
        """What the answer itself says differently: ids of calls, and where the thinking stands."""
        message = dict(answer.message)
        if self.function_ids and message.get("tool_calls"):
            before = sum(len(earlier.get("tool_calls") or ()) for earlier in messages)
            message["tool_calls"] = [
                call | {"id": f"functions.{call['function']['name']}:{before + position}"}
                for position, call in enumerate(message["tool_calls"])
            ]
        if self.think_tags and message.get("reasoning_content"):
            message["content"] = f"<think>{message.pop('reasoning_content')}</think>{message['content']}"
        return replace(answer, message=message)

    def body(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body of a plain answer."""
        [choice] = body["choices"]
        body = body | {"choices": [self._marked(choice | {"message": self._renamed(choice["message"])})]}
        body = body | {"usage": self._usage(body["usage"])} if "usage" in body else body
        return _through_gateway(body) if self.gateway_members else body

    def chunks(self, chunks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The chunks of a stream."""
        usage = next((c["usage"] for chunk in chunks for c in chunk["choices"] if "usage" in c), None)
        head = {name: value for name, value in chunks[0].items() if name != "choices"}
        if self.empty_first_event:
            # Recorded from Azure: the results of its own filters come first.
            nothing = {"id": "", "object": "", "created": 0, "model": ""}
            prompt = {"prompt_index": 0, "content_filter_results": {**_SEVERITIES, "jailbreak": _JAILBREAK}}
            yield {**nothing, "choices": [], "prompt_filter_results": [prompt]}
        for chunk in chunks:
            if not chunk["choices"]:
                if not self.usage_at_end:
                    yield chunk
                continue
            choice = dict(chunk["choices"][0])
            if self.usage_at_end:
                choice.pop("usage", None)
            choice["delta"] = self._renamed(self._filled(choice["delta"]))
            usage_member = {"usage": None} if self.null_deltas else {}
            yield {**self._headed(chunk), "choices": [self._marked(choice)], **usage_member}
        if self.usage_at_end:
            yield {**self._headed(head), "choices": [], "usage": self._usage(usage)}

    def _headed(self, chunk: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in chunk.items() if name != "system_fingerprint" or not self.filter_results}

    def _marked(self, choice: dict[str, Any]) -> dict[str, Any]:
        if not self.filter_results:
            return choice
        stop = None if choice.get("finish_reason") is None else _END_OF_TURN
        return choice | {"content_filter_results": {}, "logprobs": None, "matched_stop": stop}

    def _usage(self, usage: Any) -> Any:
        if not self.flat_usage or not isinstance(usage, dict):
            return usage
        counts = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
        thinking = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
        return counts | {"prompt_tokens_details": None, "reasoning_tokens": thinking}

    def _filled(self, delta: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.null_deltas:
            return delta
        filled = {**dict.fromkeys(_DELTA), **delta}
        if delta.get("tool_calls"):
            filled["tool_calls"] = [_with_nulls(piece) for piece in delta["tool_calls"]]
        return filled

    def _renamed(self, holder: Mapping[str, Any]) -> dict[str, Any]:
        return {self.reasoning_field if name == "reasoning_content" else name: value for name, value in holder.items()}


def _with_nulls(piece: Mapping[str, Any]) -> dict[str, Any]:
    """A later piece of a call as Azure sends it: with a null id and name, but the type once more."""
    return {"id": None, "type": "function", **piece, "function": {"name": None, **piece["function"]}}


def _switched(body: dict[str, Any]) -> dict[str, Any]:
    """A request whose template arguments are the platform's ``thinking`` object."""
    kwargs = body.get("chat_template_kwargs")
    body = {name: value for name, value in body.items() if name not in ("thinking", "chat_template_kwargs")}
    if isinstance(kwargs, dict) and isinstance(kwargs.get("thinking"), bool):
        body["thinking"] = {"type": "enabled" if kwargs["thinking"] else "disabled"}
        if kwargs.get("preserve_thinking"):
            body["thinking"]["keep"] = "all"
    return body


def _through_gateway(body: dict[str, Any]) -> dict[str, Any]:
    """A plain answer as OpenRouter gives it: with its own members everywhere, and the thinking once more in parts."""
    [choice] = body["choices"]
    message, finish = choice["message"], choice["finish_reason"]
    if message.get("reasoning"):
        part = {"type": "reasoning.text", "text": message["reasoning"], "format": "unknown", "index": 0}
        message = message | {"reasoning_details": [part]}
    made = choice | {"message": message | {"refusal": None}, "logprobs": None, "native_finish_reason": finish}
    usage = body.get("usage")
    if isinstance(usage, dict):
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        thinking = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
        # USD per token of kimi-k2.5 in the recording: 0.60 and 3.00 per million.
        asked, answered = usage.get("prompt_tokens", 0) * 0.6e-6, usage.get("completion_tokens", 0) * 3e-6
        usage = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")} | {
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": thinking, "audio_tokens": 0},
            "cost": asked + answered,
            "is_byok": False,
            "cost_details": {
                "upstream_inference_cost": asked + answered,
                "upstream_inference_prompt_cost": asked,
                "upstream_inference_completions_cost": answered,
            },
        }
    told = {"provider": "Moonshot AI", "system_fingerprint": "fpv0_00000000"}
    return body | told | {"choices": [made]} | ({"usage": usage} if "usage" in body else {})


PLATFORM = Dialect()
DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "platform": PLATFORM,
        "vllm": Dialect(reasoning_field="reasoning", function_ids=True, usage_at_end=True, template_switch=True),
        "azure": Dialect(
            null_deltas=True,
            empty_first_event=True,
            function_ids=True,
            usage_at_end=True,
            filter_results=True,
            flat_usage=True,
        ),
        "openrouter": Dialect(reasoning_field="reasoning", usage_at_end=True, gateway_members=True),
        "nvidia": Dialect(think_tags=True, usage_at_end=True),
    }
)
"""Hosts by name, "platform" being Moonshot's own."""


def dialect_named(dialect: Dialect | str) -> Dialect:
    """The dialect of this name; a ``Dialect`` as it is."""
    if isinstance(dialect, Dialect):
        return dialect
    if dialect not in DIALECTS:
        raise ValueError(f"no dialect {dialect!r}; there are {', '.join(DIALECTS)}")
    return DIALECTS[dialect]
