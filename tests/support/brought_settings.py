"""Settings that people bring from other classes, and what becomes of each: the rows of a contract test and of a page.

`CLASSES` holds the fields of those classes as they were on 2026-11-28 (and the names that their constructors take
beside them), without those of the frameworks' own base classes; `ROWS` what becomes of each on `kimi-k3`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

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
    """It is sent; one warning says that the platform ignores it."""

    body: dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """The program would do something else than it was told."""

    why: str


SILENT = Sends({})
SDK_CLIENT = Refused("pass api_key, base_url and http_client")
HEADERS = {"X-One": "1"}
CLIENT = httpx.AsyncClient()
ROWS: dict[str, list[tuple[Any, Any]]] = {
    "additional_kwargs": [
        ({"max_tokens": 900, "metadata": {"a": "b"}}, Sends({"max_completion_tokens": 900, "metadata": {"a": "b"}}))
    ],
    "api_base": [("http://127.0.0.1:1/v1", Sets("base_url", "http://127.0.0.1:1/v1"))],
    "api_key": [],  # every test passes both
    "api_version": [("", SILENT), ("2026-01-01", LeftOut("part of base_url"))],
    "async_client": [(None, SILENT), (object(), SDK_CLIENT)],
    "async_http_client": [(None, SILENT), (CLIENT, Sets("async_http_client", CLIENT))],
    "async_openai_client": [(None, SILENT), (object(), SDK_CLIENT)],
    "audio_config": [(None, SILENT), ({"voice": "x"}, LeftOut("answers with text"))],
    "base_url": [],
    "client": [(None, SILENT), (object(), SDK_CLIENT)],
    "context_management": [(None, SILENT), ([{"type": "compaction"}], LeftOut("Responses API"))],
    "context_window": [(9_000, Sets("context_window", 9_000))],
    "default_headers": [(None, SILENT), (HEADERS, Sets("default_headers", HEADERS))],
    "default_query": [({}, SILENT), ({"v": "1"}, LeftOut("http_client"))],
    "disabled_params": [(None, SILENT), ({"parallel_tool_calls": None}, LeftOut("left out already"))],
    "extra_body": [(None, SILENT), ({"metadata": {"a": "b"}}, Sends({"metadata": {"a": "b"}}))],
    "frequency_penalty": [(0, SILENT), (0.5, LeftOut("takes only frequency_penalty=0"))],
    "http_async_client": [(None, SILENT), (CLIENT, Sets("async_http_client", CLIENT))],
    "http_client": [(None, SILENT)],
    "http_socket_options": [((), SILENT), ([(6, 9, 1)], LeftOut("its own transport"))],
    "include": [([], SILENT), (["reasoning.encrypted_content"], LeftOut("Responses API"))],
    "include_response_headers": [(False, SILENT), (True, LeftOut("request id of the headers"))],
    "is_chat_model": [(True, SILENT), (False, LeftOut("is a chat model"))],
    "is_function_calling_model": [(True, SILENT), (False, LeftOut("calls tools"))],
    "logit_bias": [(None, SILENT), ({}, SILENT), ({1734: 5}, LeftOut("does not accept logit_bias"))],
    "logprobs": [(None, SILENT), (False, SILENT), (True, Refused("does not return token probabilities"))],
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
    "n": [(None, SILENT), (1, SILENT), (3, Refused("each call gives one answer"))],
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
        *((word, LeftOut("uses max, which costs the most")) for word in ("none", "minimal", "medium", "xhigh")),
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
    "strict": [(True, SILENT), (False, LeftOut("has its own strict"))],
    "temperature": [(None, SILENT), (1, SILENT), (0.1, LeftOut("takes only temperature=1"))],
    "thinking": [(True, SILENT), (False, LeftOut("always thinks"))],
    "tiktoken_model_name": [(None, SILENT), ("gpt-4o", LeftOut("tokenizer=KimiTokenizer"))],
    "timeout": [(5.0, Sets("timeout", 5.0)), ((3.0, 60.0), Sets("timeout", 60.0))],
    "tokenizer": [(None, SILENT), (str.split, SILENT)],
    "top_logprobs": [(None, SILENT), (0, SILENT), (3, Refused("does not return token probabilities"))],
    "top_p": [(None, SILENT), (0.95, SILENT), (0.5, LeftOut("takes only top_p=0.95"))],
    "truncation": [("disabled", SILENT), ("auto", LeftOut("Responses API"))],
    "use_previous_response_id": [(False, SILENT), (True, Refused("send the whole history"))],
    "use_responses_api": [(None, SILENT), (False, SILENT), (True, LeftOut("/chat/completions"))],
    "verbose": [(False, SILENT)],
    "verbosity": [(None, SILENT), ("low", Noted({"verbosity": "low"}))],
}


PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrating.md"
BEGIN, END = "<!-- settings -->\n", "<!-- end -->"


def read_page() -> tuple[str, str]:
    """docs/migrating.md: its text, and the text with the table as `ROWS` have it today."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return text, before + BEGIN + render_table() + END + after


def render_table() -> str:
    """A line for each setting that ends in something."""
    lines = ["| setting | here |", "|---|---|"]
    for name, rows in sorted(ROWS.items()):
        outcomes: dict[str, list[str]] = {}
        for value, becomes in rows:
            if becomes is not SILENT:
                outcomes.setdefault(describe(name, becomes), []).append(show(value))
        if outcomes:
            cells = (f"{', '.join(filter(None, values))}: {text}".lstrip(": ") for text, values in outcomes.items())
            lines.append(f"| `{name}` | {'<br>'.join(cells)} |")
    return "\n".join(lines) + "\n"


def show(value: Any) -> str:
    """The value as code; nothing for an object of the caller's own."""
    return "" if value is CLIENT or type(value) is object else f"`{value!r}`"


def describe(name: str, becomes: Any) -> str:
    match becomes:
        case Sends(body=body):
            return "sent" if name in body else f"sent as {', '.join(f'`{member}`' for member in body)}"
        case Sets(name=field):
            return "the same setting" if field == name else f"`{field}`"
        case LeftOut():
            return "left out, with a warning that says why"
        case Noted():
            return "sent, with a warning that the platform ignores it"
        case _:
            return "an error that says what to do instead"


if __name__ == "__main__":
    PAGE.write_text(read_page()[1], "utf-8")
