"""What type checkers see of constructors, calls and objects; the cases are in `tests/typing`.

`# pyright: ignore[rule]` marks an error that must be there: pyright reports one that silences nothing.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic import BaseModel

from kimi_api._settings.connection import _OF_A_CALL
from kimi_api.options import ALIASES, PASSED_ON, ChatOptions
from kimi_api.settings import CallOptions, ToolArguments
from langchain_kimi import ChatKimi
from langchain_kimi._setting_types import ChatKimiSettings
from llama_index_kimi import Kimi, KimiFileReader
from llama_index_kimi._setting_types import KimiSettings, ReaderSettings

CASES = Path(__file__).parent / "typing"

CONSTRUCTORS: list[tuple[type[BaseModel], Any, set[str]]] = [
    (ChatKimi, ChatKimiSettings, {*ALIASES, *PASSED_ON, "additional_kwargs"}),
    (Kimi, KimiSettings, {*ALIASES, *PASSED_ON}),
    (KimiFileReader, ReaderSettings, {alias for alias, name in ALIASES.items() if name in KimiFileReader.model_fields}),
]


def test_the_cases_have_the_errors_that_they_name_and_no_others() -> None:
    pytest.importorskip("pyright")
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "-p", CASES, "--pythonpath", sys.executable], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("cls", "settings", "aliases"), CONSTRUCTORS)
def test_a_constructor_is_typed_with_its_fields_and_aliases(
    cls: type[BaseModel], settings: Any, aliases: set[str]
) -> None:
    by_place = {"model"} if cls is Kimi else set()  # by place, too
    of_newer_cores = {"rate_limiter"} & set(settings.__annotations__)

    assert set(settings.__annotations__) | by_place == cls.model_fields.keys() | aliases | of_newer_cores


@pytest.mark.parametrize(("cls", "settings", "aliases"), CONSTRUCTORS)
def test_every_alias_that_is_typed_is_taken(
    cls: type[BaseModel], settings: Any, aliases: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"model": "kimi-k3", "max_tokens": 5, "stop": ["a"], "additional_kwargs": {"logit_bias": {}}, "timeout": 5}
    values |= {"base_url": "http://localhost/v1", "api_key": "sk-test-1", "async_http_client": None}
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-2")
    for alias in aliases & ALIASES.keys():
        value = values[ALIASES[alias]]
        field = "extra_body" if cls is ChatKimi and value == values["additional_kwargs"] else ALIASES[alias]
        built, plain = cls(**{alias: value}), cls(**{field: value})

        assert built.model_fields_set == plain.model_fields_set
        assert getattr(built, field) == getattr(plain, field)


@pytest.mark.parametrize(("cls", "settings"), [case[:2] for case in CONSTRUCTORS])
def test_a_setting_has_the_type_of_its_field(cls: type[BaseModel], settings: Any) -> None:
    hints = get_type_hints(settings)
    different = {
        name for name, field in cls.model_fields.items() if name in hints and field.annotation not in (hints[name], Any)
    }
    # Read into what the field holds: a key becomes a secret, a dict limits, a mapping a catalogue, None core's own
    # function; and any mapping will do where pydantic needs a class to check.
    converted = {"api_key", "catalog", "thinking", "messages_to_prompt", "completion_to_prompt", "rate_limiter"}

    assert different <= converted


def test_calls_are_typed_with_every_option() -> None:
    options = {field.name for field in fields(ChatOptions)} - {"catalog"}  # a whole host's word, not a call's
    of_options = {alias for alias, name in ALIASES.items() if name in options or name == "additional_kwargs"}

    assert set(ToolArguments.__annotations__) == {*options, "additional_kwargs", *of_options, *PASSED_ON, *_OF_A_CALL}
    assert set(CallOptions.__annotations__) == set(_OF_A_CALL.values())
