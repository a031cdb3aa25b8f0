"""Names of settings: the aliases that both frameworks' classes understand, and the error for a misspelt name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kimi_api.errors import KimiInputError

ALIASES: Mapping[str, str] = {
    "model_name": "model",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
    "model_kwargs": "additional_kwargs",
    "request_timeout": "timeout",
    "api_base": "base_url",
    "openai_api_base": "base_url",
    "moonshot_api_base": "base_url",
    "openai_api_key": "api_key",
    "moonshot_api_key": "api_key",
    "http_async_client": "async_http_client",
}
"""Other names of settings, as people bring them from the OpenAI-like classes. `additional_kwargs` holds more settings
by name; what is none goes into the body."""

PASSED_ON = frozenset(
    [
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "seed",
        "top_k",
        "repetition_penalty",
        "prediction",
        "user",
        "metadata",
        "store",
        "service_tier",
        "verbosity",
        "prompt_cache_options",
        "chat_template_kwargs",
    ]
)
"""Request fields without an option of their own, passed on as they are."""


_PROMPTS = frozenset({"system_prompt", "prompt", "system", "system_message", "instructions"})
"""What people call the text that tells a model how to behave."""


def unknown_name(name: str, known: Collection[str], what: str = "argument", *, body: bool = True) -> KimiInputError:
    """The error for a misspelt name, with the nearest known one. `body`: whether there is an `extra_body` to advise."""
    import difflib

    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]!r}?" if near else "remove it."
    if not near and name in _PROMPTS:
        remedy = "make it the first message, or pass it to the agent, e.g. create_agent(system_prompt=...)"
    elif body:
        remedy += f" To send an undocumented field, use extra_body={{{name!r}: ...}}"
    return KimiInputError(what, name, "there is no such option", remedy.removesuffix("."))


def elsewhere(error: AttributeError, name: str, owner: object, other: str, instead: str) -> AttributeError:
    """`error` about a method that is the other framework's, with what to write instead; `hasattr` stays False.

    Args:
        error: what Python says: "'ChatKimi' object has no attribute 'complete'".
        name: the attribute.
        owner: the object that has none.
        other: whose method it is.
        instead: what to write.
    """
    return AttributeError(f"{error}, which is {other}. What to do: {instead}.", name=name, obj=owner)


def call_only(name: str, value: object) -> KimiInputError:
    """The error for an argument of a call that was given to a constructor."""
    remedy = "pass it with the call; in LangChain llm.bind(...) and llm.bind_tools(...) keep it for later calls"
    return KimiInputError(name, value, "it belongs to one call, and the model has no such setting", remedy)


def needs_names(cls: str, positional: Sequence[object]) -> KimiInputError:
    """The error for settings that were given to the constructor of the class `cls` without their names."""
    first = positional[0]
    if not isinstance(first, str):
        value: object = f"a value of type {type(first).__name__}"
        remedy = f"write {cls}(model=..., api_key=...)"
    elif first.startswith("sk-"):
        value, remedy = f"a text of {len(first)} characters without a name", f"write {cls}(api_key=...)"
    else:
        value, remedy = first, f"write {cls}(model={first!r})"
    return KimiInputError(cls, value, "its settings are passed by name", remedy)
