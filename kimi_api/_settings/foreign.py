"""Settings of other vendors' classes that have no meaning here. They are left out, with one warning.

Gathered from the fields of `ChatOpenAI`, `ChatDeepSeek`, `ChatMoonshot`, `MoonshotChat` and of LlamaIndex's `OpenAI`
and `OpenAILike` on 2026-11-28. What has another name here is in `kimi_api._settings.names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kimi_api._warn import warn_once
from kimi_api.errors import KimiInputError


class Foreign(NamedTuple):
    """A setting that this package does not have."""

    why: str
    remedy: str = ""
    same: tuple[object, ...] = ()
    """Values that ask for what happens anyway: no warning for them, nor for None."""
    refused: bool = False
    """Whether any other value is an error: the program would do something else than it was told."""


_SDK_CLIENT = Foreign(
    "an SDK client has its own key and address", "pass api_key, base_url and http_client", refused=True
)
_RESPONSES = "it belongs to OpenAI's Responses API, and this package calls /chat/completions"
_ORGANISATION = Foreign("a Moonshot key belongs to one account, so no organisation is needed")

FOREIGN: Mapping[str, Foreign] = {
    "n": Foreign("each call gives one answer", "make several calls, or a batch", (1,), refused=True),
    "stream_usage": Foreign("token counts always come, in streams too, and cost nothing", same=(True,)),
    "stream_options": Foreign("token counts always come at the end of a stream", same=({"include_usage": True}, {})),
    "streaming": Foreign("stream_chat and astream_chat always stream, and the other methods never do", same=(False,)),
    "verbose": Foreign("calls are shown by callbacks and events", same=(False,)),
    "openai_organization": _ORGANISATION,
    "organization": _ORGANISATION,
    "openai_proxy": Foreign(
        "requests would not go through that proxy",
        "pass http_client=httpx2.Client(proxy=...) and async_http_client=httpx2.AsyncClient(proxy=...)",
        ("",),
        refused=True,
    ),
    "default_query": Foreign(
        "no query is added to addresses",
        "pass http_client=httpx2.Client(params=...) and async_http_client=httpx2.AsyncClient(params=...)",
        ({},),
    ),
    "http_socket_options": Foreign(
        "connections are shared by all models of the process", "pass an http_client with its own transport", ((),)
    ),
    "reuse_client": Foreign("connections are shared by all models of the process, threads included", same=(True,)),
    "client": _SDK_CLIENT,
    "async_client": _SDK_CLIENT,
    "root_client": _SDK_CLIENT,
    "root_async_client": _SDK_CLIENT,
    "openai_client": _SDK_CLIENT,
    "async_openai_client": _SDK_CLIENT,
    "api_version": Foreign("the version is part of base_url", same=("",)),
    "tiktoken_model_name": Foreign(
        "tiktoken does not include Kimi's vocabulary", "pass tokenizer=KimiTokenizer.from_hub() for exact counts"
    ),
    "stream_chunk_timeout": Foreign(
        "timeout already limits the time without a byte, also in streams", "pass timeout=..."
    ),
    "include_response_headers": Foreign("answers keep only the request id of the headers", same=(False,)),
    "disabled_params": Foreign("settings that a model refuses are left out already", same=({},)),
    "use_responses_api": Foreign("this package calls /chat/completions", same=(False,)),
    "use_previous_response_id": Foreign(
        "the platform keeps no conversations", "send the whole history", (False,), refused=True
    ),
    "context_management": Foreign(_RESPONSES, same=([],)),
    "include": Foreign(_RESPONSES, same=([],)),
    "truncation": Foreign(_RESPONSES, same=("disabled",)),
    "modalities": Foreign("Kimi answers with text", "leave it out", (["text"], []), refused=True),
    "audio_config": Foreign("Kimi answers with text", same=({},)),
    "strict": Foreign("each tool and each response_format has its own strict", same=(True,)),
    "is_chat_model": Foreign("every Kimi model is a chat model", same=(True,)),
    "is_function_calling_model": Foreign("every Kimi model calls tools", same=(True,)),
    "should_use_structured_outputs": Foreign(
        "structured answers always follow their schema", "pass pydantic_program_mode for another way", (True,)
    ),
}

_IGNORED: Mapping[str, tuple[object, ...]] = {
    "seed": (),
    "top_k": (),
    "repetition_penalty": (1,),
    "verbosity": ("medium",),
    "service_tier": ("auto", "default"),
    "store": (False,),
}
"""Request fields that the platform takes without a complaint and does not follow (tried on kimi-k3, 2026-08), with the
values that say nothing new."""


def leave_out(name: str, value: object, unsupported: object) -> None:
    """Warn once that a setting of `FOREIGN` is left out; no warning where the setting changes nothing.

    Raises:
        KimiInputError: leaving the setting out would change what the program does, or the user wants errors.
    """
    row = FOREIGN[name]
    if value is None or _is_one_of(value, row.same):
        return
    if row.refused or unsupported == "error":
        value_text = f"a {type(value).__name__}" if row is _SDK_CLIENT else value
        raise KimiInputError(name, value_text, row.why, row.remedy or f"remove {name}")
    remedy = f": {row.remedy}" if row.remedy else ""
    warn_once(("setting", name), f"{name}={value!r} is left out, because {row.why}{remedy}.")


def note_ignored(name: str, value: object, unsupported: object) -> None:
    """Warn once of a request field that the platform ignores. It is sent nevertheless.

    Raises:
        KimiInputError: the user wants errors.
    """
    same = _IGNORED.get(name)
    if same is None or value is None or _is_one_of(value, same):
        return
    why = "it does not make answers repeatable" if name == "seed" else "it has no effect"
    text = f"the platform accepts {name} and ignores it, so {why}"
    if unsupported == "error":
        raise KimiInputError(name, value, text, f"remove {name}")
    if unsupported == "warn":
        warn_once(("setting", name), f"{text}.")


def from_reasoning(value: object) -> dict[str, Any]:
    """The settings that OpenAI's `reasoning` object stands for; what else it holds is left out with one warning.

    Raises:
        KimiInputError: it is no dict.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise KimiInputError("reasoning", value, "it is a dict", 'pass e.g. reasoning_effort="low"')
    left = sorted(name for name in value if name != "effort" and value[name] is not None)
    if left:
        warn_once(
            ("setting", "reasoning"),
            f"reasoning: only effort is used, and {', '.join(left)} left out. Kimi always returns its whole thinking.",
        )
    return {} if value.get("effort") is None else {"reasoning_effort": value["effort"]}


def _is_one_of(value: object, values: tuple[object, ...]) -> bool:
    return any(value == each for each in values)
