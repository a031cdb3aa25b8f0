"""Settings that people bring from other classes: each is understood, left out with one warning, or refused.

`CLASSES` holds the fields of those classes as they were on 2026-11-28 (and the names that their constructors take
beside them), without those of the frameworks' own base classes; `ROWS` what becomes of each.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from contract_kit import Adapter, Chat

from kimi_api import KimiInputError, KimiWarning
from kimi_api._settings.foreign import FOREIGN
from kimi_api._settings.names import ALIASES, PASSED_ON
from kimi_emulator import Emulator

pytestmark = pytest.mark.ways("plain")
Make = Callable[..., Chat]

CHAT_OPENAI = """
    async_client client context_management default_headers default_query disabled_params extra_body frequency_penalty
    http_async_client http_client http_socket_options include include_response_headers logit_bias logprobs
    max_completion_tokens max_retries max_tokens model model_kwargs model_name n openai_api_base openai_api_key
    openai_organization openai_proxy organization presence_penalty prompt_cache_options reasoning reasoning_effort
    request_timeout root_async_client root_client seed service_tier stop stop_sequences store stream_chunk_timeout
    stream_usage streaming temperature tiktoken_model_name timeout top_logprobs top_p truncation
    use_previous_response_id use_responses_api verbosity api_key base_url
"""
CLASSES = {
    "ChatOpenAI": CHAT_OPENAI,
    "ChatDeepSeek": CHAT_OPENAI + "api_base",
    "ChatMoonshot": CHAT_OPENAI + "api_base thinking prompt_cache_key safety_identifier",
    "MoonshotChat": """
        api_key async_client base_url client default_headers default_query http_client max_retries max_tokens model
        model_kwargs model_name moonshot_api_key n openai_api_base openai_api_key openai_organization openai_proxy
        organization request_timeout streaming temperature tiktoken_model_name timeout
    """,
    "llama_index OpenAI": """
        additional_kwargs api_base api_key api_version async_http_client async_openai_client audio_config
        default_headers http_client logprobs max_retries max_tokens modalities model openai_client reasoning_effort
        reuse_client strict temperature timeout top_logprobs
    """,
    "llama_index OpenAILike": """
        additional_kwargs api_base api_key api_version async_http_client async_openai_client audio_config
        context_window default_headers http_client is_chat_model is_function_calling_model logprobs max_retries
        max_tokens modalities model openai_client reasoning_effort reuse_client should_use_structured_outputs strict
        temperature timeout tokenizer top_logprobs
    """,
}


@dataclass(frozen=True)
class Sends:
    """It goes out with the request, and nothing is said."""

    body: dict[str, Any]


@dataclass(frozen=True)
class Sets:
    """It is the setting of this name, and nothing is said."""

    name: str
    value: Any


@dataclass(frozen=True)
class LeftOut:
    """It is not sent; one warning says why."""

    why: str
    body: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Noted:
    """It is sent; one warning says that the platform does not follow it."""

    body: dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """The program would do something else than it was told."""

    why: str


SILENT = Sends({})
SDK_CLIENT = Refused("pass api_key, base_url and http_client")
HEADERS = {"X-One": "1"}
ROWS: dict[str, list[tuple[Any, Any]]] = {
    "additional_kwargs": [
        ({"max_tokens": 900, "metadata": {"a": "b"}}, Sends({"max_completion_tokens": 900, "metadata": {"a": "b"}}))
    ],
    "api_base": [("http://127.0.0.1:1/v1", Sets("base_url", "http://127.0.0.1:1/v1"))],
    "api_key": [],  # every test passes both
    "api_version": [("", SILENT), ("2026-01-01", LeftOut("part of base_url"))],
    "async_client": [(None, SILENT), (object(), SDK_CLIENT)],
    "async_http_client": [(None, SILENT), (object, Sets("async_http_client", object))],
    "async_openai_client": [(None, SILENT), (object(), SDK_CLIENT)],
    "audio_config": [(None, SILENT), ({"voice": "x"}, LeftOut("answers with text"))],
    "base_url": [],
    "client": [(None, SILENT), (object(), SDK_CLIENT)],
    "context_management": [(None, SILENT), ([{"type": "compaction"}], LeftOut("Responses API"))],
    "context_window": [(9_000, Sets("context_window", 9_000))],
    "default_headers": [(None, SILENT), (HEADERS, Sets("default_headers", HEADERS))],
    "default_query": [({}, SILENT), ({"v": "1"}, LeftOut("http_client"))],
    "disabled_params": [(None, SILENT), ({"parallel_tool_calls": None}, LeftOut("rules of that model"))],
    "extra_body": [(None, SILENT), ({"metadata": {"a": "b"}}, Sends({"metadata": {"a": "b"}}))],
    "frequency_penalty": [(0, SILENT), (0.5, LeftOut("takes only frequency_penalty=0"))],
    "http_async_client": [(None, SILENT), (object, Sets("async_http_client", object))],
    "http_client": [(None, SILENT)],
    "http_socket_options": [((), SILENT), ([(6, 9, 1)], LeftOut("transport of its own"))],
    "include": [([], SILENT), (["reasoning.encrypted_content"], LeftOut("Responses API"))],
    "include_response_headers": [(False, SILENT), (True, LeftOut("request's id"))],
    "is_chat_model": [(True, SILENT), (False, LeftOut("is a chat model"))],
    "is_function_calling_model": [(True, SILENT), (False, LeftOut("calls tools"))],
    "logit_bias": [(None, SILENT), ({}, SILENT), ({1734: 5}, LeftOut("does not accept logit_bias"))],
    "logprobs": [(None, SILENT), (False, SILENT), (True, Refused("no probabilities"))],
    "max_completion_tokens": [(900, Sends({"max_completion_tokens": 900}))],
    "max_retries": [(None, Sets("max_retries", 2)), (5, Sets("max_retries", 5))],
    "max_tokens": [(None, SILENT), (900, Sends({"max_completion_tokens": 900}))],
    "modalities": [(None, SILENT), (["text"], SILENT), (["text", "audio"], Refused("answers with text"))],
    "model": [("kimi-k2.6", Sends({"model": "kimi-k2.6"}))],
    "model_kwargs": [
        ({}, SILENT),
        ({"max_tokens": 900, "metadata": {"a": "b"}}, Sends({"max_completion_tokens": 900, "metadata": {"a": "b"}})),
    ],
    "model_name": [("kimi-k2.6", Sends({"model": "kimi-k2.6"}))],
    "moonshot_api_key": [("sk-test-it", Sets("api_key", "sk-test-it"))],
    "n": [(None, SILENT), (1, SILENT), (3, Refused("one answer is read from each call"))],
    "openai_api_base": [("http://127.0.0.1:1/v1", Sets("base_url", "http://127.0.0.1:1/v1"))],
    "openai_api_key": [("sk-test-it", Sets("api_key", "sk-test-it"))],
    "openai_client": [(None, SILENT), (object(), SDK_CLIENT)],
    "openai_organization": [(None, SILENT), ("org-1", LeftOut("one account"))],
    "openai_proxy": [(None, SILENT), ("", SILENT), ("http://127.0.0.1:3128", Refused("proxy="))],
    "organization": [(None, SILENT), ("org-1", LeftOut("one account"))],
    "presence_penalty": [(0, SILENT), (0.5, LeftOut("takes only presence_penalty=0"))],
    "prompt_cache_key": [("s1", Sends({"prompt_cache_key": "s1"}))],
    "prompt_cache_options": [({"ttl": "1h"}, Sends({"prompt_cache_options": {"ttl": "1h"}}))],
    "reasoning": [
        (None, SILENT),
        ({"effort": "low"}, Sends({"reasoning_effort": "low"})),
        ({"effort": "high", "summary": "auto"}, LeftOut("summary left out", (("reasoning_effort", "high"),))),
    ],
    "reasoning_effort": [
        (None, SILENT),
        ("high", Sends({"reasoning_effort": "high"})),
        *((word, LeftOut("uses max, the dearest")) for word in ("none", "minimal", "medium", "xhigh")),
    ],
    "request_timeout": [(5.0, Sets("timeout", 5.0)), ((3.0, 60.0), Sets("timeout", 60.0))],
    "reuse_client": [(True, SILENT), (False, LeftOut("shared"))],
    "root_async_client": [(None, SILENT), (object(), SDK_CLIENT)],
    "root_client": [(None, SILENT), (object(), SDK_CLIENT)],
    "safety_identifier": [("u1", Sends({"safety_identifier": "u1"}))],
    "seed": [(None, SILENT), (7, Noted({"seed": 7}))],
    "service_tier": [
        (None, SILENT),
        ("auto", Sends({"service_tier": "auto"})),
        ("flex", Noted({"service_tier": "flex"})),
    ],
    "should_use_structured_outputs": [(True, SILENT), (False, LeftOut("pydantic_program_mode"))],
    "stop": [(None, SILENT), (["END"], Sends({"stop": ["END"]}))],
    "stop_sequences": [(["END"], Sends({"stop": ["END"]}))],
    "store": [(None, SILENT), (False, Sends({"store": False})), (True, Noted({"store": True}))],
    "stream_chunk_timeout": [(None, SILENT), (30.0, LeftOut("pass timeout="))],
    "stream_usage": [(None, SILENT), (True, SILENT), (False, LeftOut("token counts always come"))],
    "streaming": [(False, SILENT)],
    "strict": [(True, SILENT), (False, LeftOut("enforced"))],
    "temperature": [(None, SILENT), (1, SILENT), (0.1, LeftOut("takes only temperature=1"))],
    "thinking": [(True, SILENT), (False, LeftOut("always thinks"))],
    "tiktoken_model_name": [(None, SILENT), ("gpt-4o", LeftOut("tokenizer=KimiTokenizer"))],
    "timeout": [(5.0, Sets("timeout", 5.0)), ((3.0, 60.0), Sets("timeout", 60.0))],
    "tokenizer": [(None, SILENT), (str.split, SILENT)],
    "top_logprobs": [(None, SILENT), (0, SILENT), (3, Refused("no probabilities"))],
    "top_p": [(None, SILENT), (0.95, SILENT), (0.5, LeftOut("takes only top_p=0.95"))],
    "truncation": [("disabled", SILENT), ("auto", LeftOut("Responses API"))],
    "use_previous_response_id": [(False, SILENT), (True, Refused("send the whole history"))],
    "use_responses_api": [(None, SILENT), (False, SILENT), (True, LeftOut("/chat/completions"))],
    "verbose": [(False, SILENT)],
    "verbosity": [(None, SILENT), ("low", Noted({"verbosity": "low"}))],
}


@pytest.mark.parametrize("name", CLASSES)
def test_the_table_knows_every_field(name: str) -> None:
    assert set(CLASSES[name].split()) <= ROWS.keys()


def test_the_table_knows_every_field_of_the_installed_class() -> None:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_openai import ChatOpenAI

    fields = ChatOpenAI.model_fields.keys() - BaseChatModel.model_fields.keys()
    assert fields - set(CHAT_OPENAI.split()) == set()


def test_the_table_knows_every_name_that_the_package_treats() -> None:
    untried = {"stream_options", "moonshot_api_base"}  # of calls, and of ChatMoonshot's environment
    assert (FOREIGN.keys() | ALIASES.keys()) - ROWS.keys() == untried
    assert PASSED_ON - ROWS.keys() == {
        *("top_k", "repetition_penalty", "prediction", "user", "metadata", "chat_template_kwargs")
    }


def options(body: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in body.items() if k not in ("model", "messages", "stream", "stream_options")}


def construct(adapter: Adapter, meant: str, field: str, value: Any) -> Any:
    """A model with the setting `meant` by its other name `field` alone."""
    return adapter.model_class(**{**{k: v for k, v in adapter.host.items() if k != meant}, field: value})


@pytest.mark.parametrize(("field", "value", "becomes"), [(f, v, b) for f, rows in ROWS.items() for v, b in rows])
def test_a_brought_setting_is_understood_left_out_or_refused(
    kimi: Emulator, adapter: Adapter, field: str, value: Any, becomes: Any
) -> None:
    def ask(times: int = 2) -> Any:
        for _ in range(times):
            chat = adapter.make(**{field: value})
            chat.ask("hi")
        return chat.native

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if isinstance(becomes, Refused):
            with pytest.raises(KimiInputError, match=becomes.why):
                ask()
            assert kimi.requests == []
        elif isinstance(becomes, Sets):
            native = construct(adapter, becomes.name, field, value)
            was = getattr(native, becomes.name)
            assert (was.get_secret_value() if hasattr(was, "get_secret_value") else was) == becomes.value
        else:
            ask()
    sent = [options(body) for body in kimi.chats]
    words = [str(warning.message) for warning in caught if issubclass(warning.category, KimiWarning)]
    if isinstance(becomes, LeftOut):
        assert sent == [dict(becomes.body)] * 2
        assert [becomes.why in word and field in word for word in words] == [True]
    elif isinstance(becomes, Noted):
        assert sent == [becomes.body] * 2
        assert [field in word and "does not follow it" in word for word in words] == [True]
    else:
        assert words == []
    if isinstance(becomes, Sends):
        expected = dict(becomes.body)
        assert {body["model"] for body in kimi.chats} == {expected.pop("model", "kimi-k3")}
        assert sent == [expected] * 2


@pytest.mark.parametrize(
    ("field", "value"),
    [(f, v) for f, rows in ROWS.items() for v, becomes in rows if isinstance(becomes, LeftOut | Noted)],
)
def test_whoever_may_leave_nothing_out_gets_an_error(kimi: Emulator, adapter: Adapter, field: str, value: Any) -> None:
    if field == "reasoning":
        pytest.skip("its effort is understood")
    with pytest.raises(KimiInputError) as caught:
        adapter.make(unsupported="error", **{field: value}).ask("hi")
    assert caught.value.rule
    assert caught.value.remedy
    assert kimi.requests == []


@pytest.mark.parametrize(
    ("field", "value"),
    [(f, v) for f in (*FOREIGN, "seed", "logprobs", "reasoning") for v, _ in ROWS.get(f, []) if f not in ("n",)],
)
def test_a_call_treats_them_as_the_constructor_does(kimi: Emulator, adapter: Adapter, field: str, value: Any) -> None:
    if field in ("streaming", "verbose", "strict"):
        pytest.skip("LangChain's own for a call")
    becomes = next(each for known, each in ROWS[field] if known is value)
    chat = adapter.make()
    if isinstance(becomes, Refused):
        with pytest.raises(KimiInputError, match=becomes.why):
            chat.ask("hi", **{field: value})
        assert kimi.requests == []
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chat.ask("hi", **{field: value})
    assert len(caught) == isinstance(becomes, LeftOut | Noted)


def test_several_answers_are_refused_of_a_call_too(kimi: Emulator, make: Make) -> None:
    assert make().ask("hi", n=1).text
    with pytest.raises(KimiInputError, match="one answer is read"):
        make().ask("hi", n=3)
    assert len(kimi.requests) == 1


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [
        ("seed", 7, {"seed": 7}),
        ("reasoning_effort", "medium", {"reasoning_effort": "medium"}),
        ("reasoning_effort", "none", {"reasoning_effort": "none"}),
        ("frequency_penalty", 0.5, {"frequency_penalty": 0.5}),
        ("presence_penalty", 0.5, {"presence_penalty": 0.5}),
        ("logit_bias", {"1": 2}, {"logit_bias": {"1": 2}}),
        ("logprobs", True, {"logprobs": True}),
        ("verbosity", "low", {"verbosity": "low"}),
    ],
)
@pytest.mark.parametrize("unsupported", ["warn", "error"])
def test_another_host_gets_what_the_user_set(
    kimi: Emulator, adapter: Adapter, field: str, value: Any, sent: dict[str, Any], unsupported: str
) -> None:
    chat = adapter.make(dialect="openai", unsupported=unsupported, **{field: value})
    assert chat.attempt("hi").warnings == []
    assert options(kimi.chats[0]) == sent


@pytest.mark.parametrize("word", ["none", "minimal", "medium", "xhigh"])
@pytest.mark.parametrize("place", ["field", "call", "thinking"])
def test_an_effort_of_another_vendor_is_left_out_and_the_warning_says_what_it_costs(
    kimi: Emulator, adapter: Adapter, word: str, place: str
) -> None:
    if place == "field":
        outcome = adapter.make(reasoning_effort=word).attempt("hi")
    elif place == "call":
        outcome = adapter.make().attempt("hi", reasoning_effort=word)
    else:
        outcome = adapter.make(thinking={"effort": word}).attempt("hi")
    (warning,) = outcome.warnings
    for part in (f"{word!r} is not sent", "low, high, max", "uses max, the dearest"):
        assert part in warning
    assert "reasoning_effort" not in kimi.chats[0]


def test_a_timeout_of_httpx_is_its_time_to_read(adapter: Adapter) -> None:
    import httpx

    assert adapter.make(timeout=httpx.Timeout(60, connect=3)).native.timeout == 60
    assert adapter.make(request_timeout=httpx.Timeout(60)).native.client.timeout == 60
    assert adapter.make().ask("hi", request_timeout=httpx.Timeout(60)).text


@pytest.mark.parametrize("name", ["tools", "tool_choice", "parallel_tool_calls"])
def test_an_argument_of_a_call_is_not_one_of_the_constructor(adapter: Adapter, name: str) -> None:
    with pytest.raises(KimiInputError, match=r"belongs to one call.*pass it with the call"):
        adapter.make(**{name: "auto"})
