"""How each host says no, and what it does not refuse though the platform would."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from kimi_emulator import DIALECTS, Emulator, RateLimits

USER = {"role": "user", "content": "hi"}
TOO_LONG = {"messages": [{"role": "user", "content": "word " * 230_000}], "max_tokens": 100}
BROKEN = '{"city": "Os'
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": BROKEN}}
POISONED = {
    "messages": [
        USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL], "reasoning": "r", "reasoning_content": "r"},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ]
}


def post(kimi: Emulator, body: dict[str, Any], key: str | None = "") -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key or kimi.api_key}"}
    body = {"model": "kimi-k2.6", "messages": [USER]} | body
    return httpx.post(f"{kimi.base_url}/chat/completions", json=body, headers=headers, trust_env=False, timeout=30)


def refusal(host: str, body: dict[str, Any], key: str | None = "", **settings: Any) -> tuple[int, Any]:
    with Emulator(dialect=host, **settings) as kimi:
        answer = post(kimi, body, key)
    return answer.status_code, answer.json()


def test_too_long_for_vllm() -> None:
    status, body = refusal("vllm", TOO_LONG)
    error = body["error"]
    assert (status, error["type"], error["param"], error["code"]) == (400, "BadRequestError", "input_tokens", 400)
    assert error["message"].startswith(
        "This model's maximum context length is 262144 tokens. However, you requested 100 "
    )


def test_too_long_for_sglang() -> None:
    status, body = refusal("sglang", TOO_LONG)
    assert (status, body["object"], body["type"], body["code"]) == (400, "error", "BadRequestError", 400)
    assert body["message"].endswith("is longer than the model's context length (262144 tokens).")
    _, body = refusal("sglang", {"max_tokens": 262_144})
    assert body["message"].startswith("Requested token count exceeds the model's maximum context length of 262144 ")


def test_too_long_for_a_stream_of_sglang_is_an_event_of_a_200() -> None:
    with Emulator(dialect="sglang") as kimi:
        answer = post(kimi, TOO_LONG | {"stream": True})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    first, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    assert "longer than the model's context length" in json.loads(first.removeprefix("data: "))["error"]["message"]


def test_too_long_for_llama_cpp() -> None:
    status, body = refusal("llama.cpp", TOO_LONG)
    error = body["error"]
    assert (status, error["code"], error["type"]) == (400, 400, "exceed_context_size_error")
    assert error["n_ctx"] == 262_144
    assert f"request ({error['n_prompt_tokens']} tokens) exceeds the available context size" in error["message"]


def test_too_long_for_ollama() -> None:
    status, body = refusal("ollama", TOO_LONG)
    assert (status, body["error"]["type"], body["error"]["code"]) == (400, "invalid_request_error", None)
    assert body["error"]["message"].startswith("prompt too long; exceeded max context length by ")


def test_too_long_for_gateways() -> None:
    status, body = refusal("litellm", TOO_LONG)
    assert (status, body["error"]["code"]) == (400, "400")
    assert "exceeded model token limit: 262144" in body["error"]["message"]
    assert "model group 'kimi-k2.6' failed" in body["error"]["message"]
    status, body = refusal("openrouter", TOO_LONG)
    assert (status, body["error"]["code"]) == (400, 400)
    assert body["error"]["message"].startswith("This endpoint's maximum context length is 262144 tokens.")
    status, body = refusal("azure", TOO_LONG)
    assert (status, body["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize(
    ("host", "status", "words"),
    [
        ("vllm", 404, "The model `nobody` does not exist."),
        ("ollama", 404, "model 'nobody' not found"),
        ("litellm", 400, "Invalid model name passed in model=nobody"),
        ("openrouter", 400, "nobody is not a valid model ID"),
        ("azure", 404, "The API deployment for this resource does not exist."),
        ("nvidia", 404, "Not found the model nobody or Permission denied"),
    ],
)
def test_a_model_that_nobody_knows(host: str, status: int, words: str) -> None:
    answered, body = refusal(host, {"model": "nobody"})
    assert answered == status
    assert words in body["error"]["message"]


@pytest.mark.parametrize("host", ["sglang", "llama.cpp"])
def test_a_host_of_one_model_does_not_look_at_its_name(host: str) -> None:
    with Emulator(dialect=host) as kimi:
        assert post(kimi, {"model": "nobody"}).json()["model"] == "nobody"


@pytest.mark.parametrize("host", ["vllm", "sglang", "llama.cpp", "ollama", "openrouter"])
@pytest.mark.parametrize(
    ("name", "thinks"),
    [
        ("moonshotai/Kimi-K2.6", True),
        ("kimi-k2.6:free", True),
        ("unsloth/Kimi-K2.6-GGUF", True),
        ("moonshotai/Kimi-K2-Instruct-0905", False),
        ("moonshotai/Kimi-K2-Thinking", True),
    ],
)
def test_names_of_weights_find_their_model(host: str, name: str, thinks: bool) -> None:
    with Emulator(dialect=host, retired=True) as kimi:
        answer = post(kimi, {"model": name}).json()
    assert answer["model"] == name
    message = answer["choices"][0]["message"]
    assert bool(message.get(DIALECTS[host].reasoning_field)) is thinks


@pytest.mark.parametrize(
    ("host", "missing", "wrong", "words"),
    [
        ("vllm", 401, 401, "Unauthorized"),
        ("sglang", 401, 401, "Unauthorized"),
        ("llama.cpp", 401, 401, "Invalid API Key"),
        ("litellm", 500, 400, "No connected db."),
        ("openrouter", 401, 401, "User not found."),
        ("azure", 401, 401, "Access denied due to invalid subscription key"),
    ],
)
def test_keys(host: str, missing: int, wrong: int, words: str) -> None:
    with Emulator(dialect=host) as kimi:
        assert post(kimi, {}, key=None).status_code == missing
        answer = post(kimi, {}, key="sk-test-other")
    assert answer.status_code == wrong
    assert words in answer.text


def test_ollama_asks_for_no_key() -> None:
    with Emulator(dialect="ollama") as kimi:
        assert post(kimi, {}, key=None).status_code == 200


@pytest.mark.parametrize(
    ("host", "status", "words"),
    [
        ("platform", 400, "the arguments of a tool call of message 1 are not a JSON object"),
        ("vllm", 400, "Unterminated string starting at: line 1 column 10 (char 9)"),
        ("sglang", 500, "Internal server error: Unterminated string starting at: line 1 column 10"),
        ("llama.cpp", 500, "Failed to parse tool call arguments as JSON: [json.exception.parse_error.101] parse error"),
        ("ollama", 400, "invalid tool call arguments"),
        ("litellm", 400, "litellm.BadRequestError: OpenAIException - Invalid request: the arguments"),
        ("openrouter", 400, "Provider returned error"),
        ("azure", 400, "the arguments of a tool call of message 1"),
    ],
)
def test_strict_histories_are_refused_in_the_hosts_words(host: str, status: int, words: str) -> None:
    answered, body = refusal(host, POISONED, histories="strict")
    assert answered == status
    assert words in str(body.get("error", body))
    assert refusal(host, POISONED)[0] == 200


@pytest.mark.parametrize(
    "text", ["", "[]", '"Oslo"', "null", '{"a": 1,}', "```json\n{}\n```", '{"a":"x\ny"}', "[" * 9000]
)
def test_strict_histories_take_nothing_but_objects(text: str) -> None:
    call = CALL | {"function": {"name": "look", "arguments": text}}
    messages = [USER, POISONED["messages"][1] | {"tool_calls": [call]}, POISONED["messages"][2]]
    for host in ("vllm", "sglang", "llama.cpp"):
        with Emulator(dialect=host, histories="strict") as kimi:
            assert post(kimi, {"messages": messages}).status_code in (400, 500)
            assert [report.rule for report in kimi.refusals] == ["history.arguments"]


def test_other_histories_are_noted() -> None:
    with Emulator() as kimi:
        assert post(kimi, POISONED).status_code == 200
        assert "tolerated.arguments" in [report.rule for report in kimi.report]


def test_histories_are_lenient_or_strict() -> None:
    with pytest.raises(ValueError, match="histories is one of 'lenient', 'strict', not 'hard'"):
        Emulator(histories="hard")  # type: ignore[arg-type]


def test_litellm_renames_the_headers_of_the_host_behind_it() -> None:
    with Emulator(dialect="litellm", tier=RateLimits(rpm=1)) as kimi:
        assert "llm_provider-msh-request-id" in post(kimi, {}).headers
        answer = post(kimi, {})
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers
    assert int(answer.headers["llm_provider-retry-after"]) > 0
    assert answer.json()["error"]["type"] == "throttling_error"


@pytest.mark.parametrize("host", ["openrouter", "azure"])
def test_other_gateways_say_when_to_come_back(host: str) -> None:
    with Emulator(dialect=host, tier=RateLimits(rpm=1)) as kimi:
        post(kimi, {})
        answer = post(kimi, {})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_litellm_refuses_a_thinking_object_unless_it_is_allowed() -> None:
    status, body = refusal("litellm", {"thinking": {"type": "disabled"}})
    assert status == 400
    assert body["error"]["message"].startswith("litellm.UnsupportedParamsError: openai does not support parameters: ")


@pytest.mark.parametrize("host", ["vllm", "sglang", "llama.cpp", "ollama"])
def test_who_runs_the_weights_has_none_of_the_platforms_rules(host: str) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["b"]}}}
    with Emulator(dialect=host) as kimi:
        body = {
            "temperature": 0.2,
            "reasoning_effort": "low",
            "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}],
            "tool_choice": "required",
            "stop": ["x" * 40],
            "seed": 1,
        }
        assert post(kimi, body).status_code == 200
        assert kimi.report == []
    with Emulator() as kimi:
        assert post(kimi, body).status_code == 400


@pytest.mark.parametrize(
    ("host", "off", "ignored"),
    [
        ("vllm", {"chat_template_kwargs": {"thinking": False}}, {"thinking": {"type": "disabled"}}),
        ("sglang", {"chat_template_kwargs": {"thinking": False}}, {"thinking": {"type": "disabled"}}),
        ("llama.cpp", {"chat_template_kwargs": {"thinking": False}}, {"thinking": {"type": "disabled"}}),
        ("ollama", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("ollama", {"reasoning": {"effort": "none"}}, {"reasoning": {"effort": "low"}}),
        ("openrouter", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("openrouter", {"reasoning": {"enabled": False}}, {"reasoning": {"enabled": True}}),
        ("azure", {"thinking": {"type": "disabled"}}, {}),
    ],
)
def test_how_thinking_is_switched_off(host: str, off: dict[str, Any], ignored: dict[str, Any]) -> None:
    name = DIALECTS[host].reasoning_field
    with Emulator(dialect=host) as kimi:
        assert not post(kimi, off).json()["choices"][0]["message"].get(name)
        assert post(kimi, ignored).json()["choices"][0]["message"][name]


def test_ollama_knows_four_efforts() -> None:
    status, body = refusal("ollama", {"reasoning_effort": "max"})
    assert status == 400
    assert body["error"]["message"].startswith("invalid reasoning value: 'max'")
