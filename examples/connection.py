"""Where the examples run: on the Kimi platform when there is a key, else on the local emulator."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from examples.console import say
from kimi_api.credentials import key_from_environment, resolve_base_url

MODEL = os.environ.get("KIMI_EXAMPLE_MODEL", "kimi-k3")


@contextmanager
def connection() -> Iterator[dict[str, Any]]:
    """Constructor arguments for `ChatKimi`, `Kimi` and the readers; says first where they lead."""
    if key_from_environment():
        say(f"Running on the Kimi platform at {resolve_base_url(None)} with {MODEL}. Tokens cost money.", "bold")
        yield {"model": MODEL}
        return
    from kimi_emulator import Emulator

    server = os.environ.get("MODEL_SERVER") or None
    with Emulator(model_server=server) as kimi:
        answers = f"are those of the model at {server}" if server else "are made by simple rules, not by a model"
        say(
            f"No MOONSHOT_API_KEY is set, so this runs on the local Kimi emulator: its answers {answers}.",
            "bold",
        )
        yield {"model": MODEL, "base_url": kimi.base_url, "api_key": kimi.api_key}


def reader_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The same without what only a model needs."""
    return {name: value for name, value in settings.items() if name != "model"}
