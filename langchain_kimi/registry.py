"""`register()`: lets `init_chat_model("kimi:kimi-k3")` find `ChatKimi`. deepagents finds it by itself."""

from __future__ import annotations

import importlib
from typing import Any

from langchain_kimi._to_wire import PROVIDER

__all__ = ["register"]


def register() -> None:
    """Make `init_chat_model` of the package `langchain` know the provider "kimi".

    ```python
    import langchain_kimi
    from langchain.chat_models import init_chat_model

    langchain_kimi.register()
    llm = init_chat_model("kimi:kimi-k3", max_tokens=16_000)
    llm = init_chat_model("kimi-k3", model_provider="kimi")
    ```

    Nothing is registered by importing this package. Calling it again changes nothing. Works with langchain 1.4 and 1.5.

    Raises:
        ImportError: `langchain` is not installed, or keeps its providers in another way. Programs that build
            `ChatKimi(...)` themselves need neither.
    """
    try:
        base = importlib.import_module("langchain.chat_models.base")
    except ImportError as error:
        raise ImportError(
            "register() is for init_chat_model of the package langchain, which is not installed: "
            "pip install 'kimi-integrations[agents]', or build ChatKimi(...) yourself"
        ) from error
    _write_row(base)


def register_with_deepagents() -> None:
    """Let deepagents find `ChatKimi` by name, as the model of an agent or of its subagents.

    ```python
    from deepagents import create_deep_agent

    agent = create_deep_agent(model="kimi:kimi-k3")
    ```

    Called by deepagents itself, which knows it by the entry point `deepagents.provider_profiles` of this distribution,
    before it makes its first model. Nothing needs to be imported or called.
    """
    profiles = importlib.import_module("deepagents.profiles")
    # Before every model that is made, in case a program has put the table back in the meantime.
    profiles.register_provider_profile(PROVIDER, profiles.ProviderProfile(pre_init=_register_for))
    register()


def _register_for(spec: str) -> None:
    register()


def _write_row(base: object) -> None:
    """Put our row into langchain's private table of providers.

    `init_chat_model` looks up the module, the class and how to call it in `_BUILTIN_PROVIDERS`, and has no public way
    to add a row, nor do entry points exist for it. So this one function writes it, after checking that the table still
    has the form it knows (`tests/langchain_kimi/test_registry.py` fails when it has not). A row of that name that
    another package or a later langchain brought is replaced: the caller asked for ours by name. The creator is cached
    per provider, so a cached one is dropped.
    """
    table: Any = getattr(base, "_BUILTIN_PROVIDERS", None)
    sample = table.get("openai") if isinstance(table, dict) else None
    if not (isinstance(sample, tuple) and len(sample) == 3 and callable(sample[2])):
        raise ImportError(
            "the installed langchain keeps its table of providers in a form that this kimi-integrations does not know: "
            "use langchain>=1.4,<1.6, or build ChatKimi(...) yourself"
        )
    row = ("langchain_kimi", "ChatKimi", _create)
    if table.get(PROVIDER) == row:
        return
    table[PROVIDER] = row
    clear_cache = getattr(getattr(base, "_get_chat_model_creator", None), "cache_clear", None)
    if clear_cache is not None:
        clear_cache()


def _create(cls: type, **arguments: object) -> object:
    return cls(**arguments)
