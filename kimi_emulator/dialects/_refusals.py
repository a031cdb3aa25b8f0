"""How hosts say no: the status, the form and the words of their errors.

The texts are facts of each host, as its source or public reports have them:

* vLLM: reports of its 0.1x and later texts; unreadable arguments in vllm-project/vllm#43995 (400 with the words of
  Python's JSON reader); later versions put ``{}`` in their place (#48922).
* SGLang: `entrypoints/openai/serving_base.py` (the flat error, 500 for what its own code did not expect, and errors of
  streams as an event of a 200); QwenLM/Qwen3#1321 for the length.
* llama.cpp: `tools/server/server-common.cpp` (types and codes), pull request 15780 (the length), issue 22948 (the
  arguments).
* Ollama: `openai/openai.go` (form, types, "invalid tool call arguments"); the length as agents' reports have it.
* OpenRouter: openfang#697 (an unknown model), claude-code-router#227 (no key), earendil-works/pi#6378 (the length),
  Aculeasis/openrouter-proxy#1 (what a provider said, in ``metadata.raw``).
* Azure: semantic-kernel#10337 (the key), hermes-agent#47812 (an unknown deployment); the length in the words of
  Azure's OpenAI models.
* LiteLLM: measured with 1.108.7 in front of this emulator, without a data base.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kimi_emulator.content import compact
from kimi_emulator.errors import ApiError

__all__ = ["Host", "Refusal", "refuse"]

Host = Literal["platform", "vllm", "sglang", "llama.cpp", "ollama", "openrouter", "azure", "litellm"]
Subject = Literal["length", "arguments", "model", "key", "rate", "other"]


@dataclass(frozen=True)
class Refusal:
    """An error answer; a ``body`` that is a text is sent as one."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def refuse(host: Host, error: ApiError) -> Refusal:
    """What a host answers where the platform would answer ``error``."""
    if host == "platform":
        return Refusal(error.status, error.body, error.headers)
    return _REFUSALS[host](error, _subject(error))


def _subject(error: ApiError) -> Subject:
    rule = error.rule or ""
    if rule == "context.window":
        return "length"
    if rule == "history.arguments":
        return "arguments"
    if rule.startswith("model."):
        return "model"
    return {401: "key", 429: "rate"}.get(error.status, "other")  # type: ignore[return-value]


def _plain_headers(error: ApiError) -> dict[str, str]:
    return {name: value for name, value in error.headers.items() if name.lower() == "retry-after"}


def _json_fault(text: str) -> tuple[str, int]:
    """What Python's reader says of the arguments of a call, and where."""
    try:
        value = json.loads(text)
    except ValueError as error:
        return str(error), getattr(error, "pos", 0)
    except RecursionError:
        return "maximum recursion depth exceeded while decoding a JSON array from a unicode string", 0
    return f"{type(value).__name__!r} object has no attribute 'items'", 0  # what a chat template makes of it


def _vllm(error: ApiError, subject: Subject) -> Refusal:
    facts, param = error.facts, None
    kinds = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}
    message = error.message
    if subject == "key":
        return Refusal(401, {"error": "Unauthorized"})
    if subject == "length":
        param, total = "input_tokens", facts.prompt + facts.output
        message = (
            f"This model's maximum context length is {facts.window} tokens. However, you requested {facts.output} "
            f"output tokens and your prompt contains at least {facts.prompt} input tokens, for a total of at least "
            f"{total} tokens. Please reduce the length of the input prompt or the number of requested output tokens. "
            f"(parameter=input_tokens, value={facts.prompt})"
        )
    elif subject == "model":
        message = f"The model `{facts.model}` does not exist."
    elif subject == "arguments":
        message, _ = _json_fault(facts.arguments)
    kind = kinds.get(error.status, "BadRequestError")
    error_object = {"message": message, "type": kind, "param": param, "code": error.status}
    return Refusal(error.status, {"error": error_object}, _plain_headers(error))


def _sglang(error: ApiError, subject: Subject) -> Refusal:
    facts, status, kind, message = error.facts, error.status, "BadRequestError", error.message
    if subject == "key":
        return Refusal(401, {"error": "Unauthorized"})
    if subject == "length" and facts.prompt >= facts.window:
        message = (
            f"The input ({facts.prompt} tokens) is longer than the model's context length ({facts.window} tokens)."
        )
    elif subject == "length":
        message = (
            f"Requested token count exceeds the model's maximum context length of {facts.window} tokens. You requested "
            f"a total of {facts.prompt + facts.output} tokens: {facts.prompt} tokens from the input messages and "
            f"{facts.output} tokens for the completion. Please reduce the number of tokens in the input messages or "
            "the completion to fit within the limit."
        )
    elif subject == "arguments":
        status, kind, message = 500, "InternalServerError", f"Internal server error: {_json_fault(facts.arguments)[0]}"
    error_object = {"object": "error", "message": message, "type": kind, "param": None, "code": status}
    return Refusal(status, error_object, _plain_headers(error))


def _llama_cpp(error: ApiError, subject: Subject) -> Refusal:
    facts, status, message = error.facts, error.status, error.message
    more: dict[str, Any] = {}
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 500: "server_error"}
    kind = kinds.get(status, "server_error")
    if subject == "key":
        message = "Invalid API Key"
    elif subject == "length":
        kind, more = "exceed_context_size_error", {"n_prompt_tokens": facts.prompt, "n_ctx": facts.window}
        message = (
            f"request ({facts.prompt} tokens) exceeds the available context size ({facts.window} tokens), "
            "try increasing it"
        )
    elif subject == "arguments":
        status, kind = 500, "server_error"
        place = _json_fault(facts.arguments)[1] + 1
        message = (
            "Failed to parse tool call arguments as JSON: [json.exception.parse_error.101] parse error at line 1, "
            f"column {place}: syntax error while parsing value"
        )
    return Refusal(status, {"error": {"code": status, "message": message, "type": kind, **more}})


def _ollama(error: ApiError, subject: Subject) -> Refusal:
    facts, message = error.facts, error.message
    if subject == "length":
        message = f"prompt too long; exceeded max context length by {facts.prompt + facts.output - facts.window} tokens"
    elif subject == "model":
        message = f"model '{facts.model}' not found"
    elif subject == "arguments":
        message = "invalid tool call arguments"
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(error.status, "api_error")
    return Refusal(error.status, {"error": {"message": message, "type": kind, "param": None, "code": None}})


def _openrouter(error: ApiError, subject: Subject) -> Refusal:
    facts = error.facts
    if subject == "key":
        words = "User not found." if facts.key else "No auth credentials found"
        return Refusal(401, {"error": {"message": words, "code": 401}})
    if subject == "model":
        words = f"{facts.model} is not a valid model ID"
        return Refusal(400, {"error": {"message": words, "code": 400}, "user_id": "user_000000000000000000000000000"})
    if subject == "length":
        words = (
            f"This endpoint's maximum context length is {facts.window} tokens. However, you requested about "
            f"{facts.prompt + facts.output} tokens ({facts.prompt} of text input, {facts.output} in the output). "
            "Please reduce the length of either one, or use the context-compression plugin to compress your prompt "
            "automatically."
        )
        return Refusal(400, {"error": {"message": words, "code": 400, "metadata": {"provider_name": None}}})
    # What the provider said stands inside as text.
    metadata = {"raw": compact(error.body), "provider_name": "Moonshot AI"}
    error_object = {"message": "Provider returned error", "code": error.status, "metadata": metadata}
    return Refusal(error.status, {"error": error_object}, _plain_headers(error))


def _azure(error: ApiError, subject: Subject) -> Refusal:
    facts = error.facts
    if subject == "key":
        words = (
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for "
            "an active subscription and use a correct regional API endpoint for your resource."
        )
        return Refusal(401, {"error": {"code": "401", "message": words}})
    if subject == "rate":
        return Refusal(429, {"error": {"code": "429", "message": error.message}}, _plain_headers(error))
    message, code = error.message, None
    if subject == "model":
        code = "DeploymentNotFound"
        message = (
            "The API deployment for this resource does not exist. If you created the deployment within the last "
            "5 minutes, please wait a moment and try again."
        )
    elif subject == "length":
        code = "context_length_exceeded"
        message = (
            f"This model's maximum context length is {facts.window} tokens. However, you requested "
            f"{facts.prompt + facts.output} tokens ({facts.prompt} in the messages, {facts.output} in the completion). "
            "Please reduce the length of the messages or completion."
        )
    error_object = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Refusal(error.status, {"error": error_object})


_LITELLM_ERRORS = {
    400: ("BadRequestError", "invalid_request_error"),
    404: ("NotFoundError", "invalid_request_error"),
    429: ("RateLimitError: RateLimitError", "throttling_error"),
    500: ("InternalServerError: InternalServerError", "internal_server_error"),
}


def _litellm(error: ApiError, subject: Subject) -> Refusal:
    facts = error.facts
    if subject == "key" and not facts.key:
        return Refusal(500, "Internal Server Error")
    if subject == "key":
        error_object = {"message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}
        return Refusal(400, {"error": error_object})
    if subject == "model":
        words = (
            f"/chat/completions: Invalid model name passed in model={facts.model}. Call `/v1/models` to view available "
            "models for your key."
        )
        error_object = {"message": words, "type": "invalid_request_error", "param": None, "code": "400"}
        return Refusal(400, {"error": error_object | {"provider_specific_fields": {"error": words}}})
    name, kind = _LITELLM_ERRORS.get(error.status, ("APIError", "api_error"))
    words = f"litellm.{name}: OpenAIException - {error.message}"
    if error.type == "UnsupportedParamsError":
        words = f"litellm.UnsupportedParamsError: {error.message}"
    words += f"\n\nLiteLLM: model group '{facts.model}' failed with the error above. No fallback was attempted."
    error_object = {"message": words, "type": kind, "param": None, "code": str(error.status)}
    passed_on = {f"llm_provider-{name.lower()}": value for name, value in error.headers.items()}
    return Refusal(error.status, {"error": error_object}, passed_on)


_REFUSALS: Mapping[Host, Callable[[ApiError, Subject], Refusal]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "llama.cpp": _llama_cpp,
    "ollama": _ollama,
    "openrouter": _openrouter,
    "azure": _azure,
    "litellm": _litellm,
}
