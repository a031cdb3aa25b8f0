"""Wrong values of settings: one kind of error, with value, rule and remedy, wherever they are noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from pydantic import ValidationError

_NUMBER = ("it is a number", "leave it out: the kimi-* models take one value only")
_WHOLE = "it is a whole number, 0 or more"
_TEXT = "it is a text"
_SWITCH = ("it is True or False", "pass one of the two, or leave it out")

RULES: Mapping[str, tuple[str, str]] = {
    "model": ("a model id is a non-empty word", 'pass e.g. model="kimi-k3"'),
    "api_key": ("a key is text, a SecretStr, or a function that returns one", "pass the key as the console shows it"),
    "region": (
        "it is 'international' or 'china'",
        "pass region='china' for keys of platform.kimi.com, or leave it out for the international platform",
    ),
    "catalog_model": ("it is the id of a model in kimi_api.MODELS", 'pass e.g. catalog_model="kimi-k2.6"'),
    "catalog": ("it holds a kimi_api.ModelSpec for each id", "pass what kimi_api.account.refresh(client) returns"),
    "base_url": ("it is an address that starts with https:// (or http://)", "leave it out for Moonshot's platform"),
    "thinking": ("it is 'enabled', 'disabled', True, False, or the API's dict", "leave it out for the model's default"),
    "thinking_keep": ("it is 'all'", "leave it out"),
    "reasoning_effort": ("it is a word: 'low', 'high' or 'max'", "leave it out for the model's default"),
    "max_tokens": ("it is a whole number of tokens above 0", "pass e.g. max_tokens=16_000, or leave it out"),
    "context_window": ("it is a whole number of tokens above 0", "leave it out for the catalogue's window"),
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "n": _NUMBER,
    "presence_penalty": _NUMBER,
    "frequency_penalty": _NUMBER,
    "stop": ("it is a text, or a list of up to 5 texts", 'pass e.g. stop=["END"]'),
    "response_format": (
        "it is a dict with a type",
        'pass e.g. {"type": "json_object"}; a pydantic class goes into with_structured_output (LangChain) or '
        "as_structured_llm (LlamaIndex)",
    ),
    "http_client": (
        "it is an httpx or httpx2 Client",
        "pass httpx.Client(...); async ones go into async_http_client",
    ),
    "async_http_client": ("it is an httpx or httpx2 AsyncClient", "pass httpx.AsyncClient(...)"),
    "prompt_cache_key": (_TEXT, "pass the id of the session"),
    "safety_identifier": (_TEXT, "pass a hash of your user's id"),
    "cache_ttl": ("it is '5m' or '1h'", "leave it out for 5 minutes"),
    "extra_body": ("it holds members of the JSON body", "pass a dict"),
    "additional_kwargs": ("it holds options by name", "pass a dict"),
    "model_kwargs": ("it holds options by name", "pass a dict"),
    "unsupported": ("it is 'warn', 'error' or 'send'", "leave it out to be warned"),
    "repair": ("it is 'safe', 'full' or 'none'", "leave it out for 'safe'"),
    "wire": ("it is 'stream' or 'plain'", "leave it out"),
    "empty_answers": ("it is 'retry' or 'warn'", "leave it out to ask again for empty answers"),
    "timeout": ("it is a number of seconds above 0", "pass e.g. timeout=900"),
    "max_seconds": ("it is a number of seconds above 0, for the whole call", "pass e.g. max_seconds=120"),
    "max_answer_bytes": ("it is a whole number of bytes above 0", "leave it out for 256 MB"),
    "max_retries": (_WHOLE, "pass 0 to send each request once"),
    "auto_continue": (_WHOLE, "leave it out for 0"),
    "resume_streams": (_WHOLE, "leave it out for 0"),
    "inline_media_bytes": ("it is a whole number of bytes", "leave it out"),
    "fetch_media": _SWITCH,
    "extract_documents": _SWITCH,
    "join_prefix": _SWITCH,
    "streaming": _SWITCH,
    "before_send": (
        "it is a function that takes the body of a request and returns the body to send",
        "pass a function, or leave it out",
    ),
    "default_headers": ("they are a dict from names to values, all of them text", "pass e.g. {'X-Trace': 'a1'}"),
}
"""What a setting is, and what to do about a wrong one."""

_SECRET = frozenset({"api_key", "default_headers", "http_client", "async_http_client"})


def wrong_setting(name: str, value: object, rule: str = "") -> KimiInputError:
    """The error for a value that the setting `name` cannot have. Of a possible secret it shows only the type."""
    own, remedy = RULES.get(name, ("", "look the setting up in the class's documentation"))
    value_text = f"a value of type {type(value).__name__}" if name in _SECRET else value
    return KimiInputError(name, value_text, own or rule, remedy)


def from_validation(error: ValidationError) -> KimiInputError:
    """Our error for pydantic's error about a constructor's argument."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    return wrong_setting(name, first["input"], first["msg"][:1].lower() + first["msg"][1:])
