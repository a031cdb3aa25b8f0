"""Public names that were changed still work, and say what they are called now."""

from __future__ import annotations

import importlib
import inspect

import pytest

from kimi_api import ChatOptions
from kimi_api.batches._run import BatchRun
from kimi_api.costs import CostTally
from kimi_api.files import Ledger
from kimi_api.tools import ToolChoice

# (where, former name, name)
FORMER = [
    ("kimi_api.account", "refreshed", "merge_models"),
    ("kimi_api.batches", "wait", "poll_until_done"),
    ("kimi_api.batches", "await_done", "apoll_until_done"),
    ("kimi_api.catalog", "install", "set_process_catalog"),
    ("kimi_api.costs", "priced", "price_usage"),
    ("kimi_api.files", "wait_ready", "poll_until_ready"),
    ("kimi_api.files", "await_ready", "apoll_until_ready"),
]


@pytest.mark.parametrize(("module", "old", "new"), FORMER)
def test_a_former_name_is_the_function_of_today(module: str, old: str, new: str) -> None:
    home = importlib.import_module(module)
    former, today = getattr(home, old), getattr(home, new)
    assert inspect.unwrap(former) is today
    with pytest.warns(DeprecationWarning, match=f"{old} is now called {new}"), pytest.raises(TypeError):
        former(no_such_argument=1)


@pytest.mark.parametrize(
    ("cls", "old", "new"),
    [
        (BatchRun, "wait", "poll_until_done"),
        (BatchRun, "await_done", "apoll_until_done"),
        (Ledger, "forget", "remove"),
        (Ledger, "forget_file", "remove_file"),
    ],
)
def test_a_former_method_is_that_of_today(cls: type, old: str, new: str) -> None:
    assert inspect.unwrap(getattr(cls, old)) is getattr(cls, new)


def test_former_names_give_what_the_names_of_today_give() -> None:
    with pytest.warns(DeprecationWarning, match="with_changes") as caught:
        assert ChatOptions().updated({"temperature": 0.5}) == ChatOptions().with_changes({"temperature": 0.5})
    assert caught[0].filename == __file__
    tally = CostTally()
    tally.begin()
    with pytest.warns(DeprecationWarning, match="uncounted_calls"):
        assert tally.unmetered == tally.uncounted_calls == 1
    choice = ToolChoice(required_call="get_weather")
    with pytest.warns(DeprecationWarning, match="required_call"):
        assert choice.demand == choice.required_call == "get_weather"
