"""Settings that people bring from other classes: each is understood, left out with one warning, or refused.

The classes, their fields and what becomes of each stand in `tests/support/brought_settings.py`; docs/migrating.md shows
the same table (`test_the_page_shows_these_rows`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from brought_settings import CHAT_OPENAI, CLASSES, ROWS, LeftOut, Noted, Refused, Sends, Sets, read_page
from contract_kit import Adapter, Chat

from kimi_api import KimiInputError, KimiWarning
from kimi_api._settings.foreign import FOREIGN
from kimi_api._settings.names import ALIASES, PASSED_ON
from kimi_emulator import Emulator

pytestmark = pytest.mark.ways("plain")
Make = Callable[..., Chat]


def test_the_page_shows_these_rows() -> None:
    page, current = read_page()
    assert page == current, "run python tests/support/brought_settings.py"


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
        assert [field in word and "ignores it" in word for word in words] == [True]
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
    with pytest.raises(KimiInputError, match="each call gives one answer"):
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
    for part in (f"{word!r} is not sent", "low, high, max", "uses max, which costs the most"):
        assert part in warning
    assert "reasoning_effort" not in kimi.chats[0]


def test_a_timeout_of_httpx_is_its_time_to_read(adapter: Adapter) -> None:
    import httpx

    assert adapter.make(timeout=httpx.Timeout(60, connect=3)).native.timeout == 60
    assert adapter.make(request_timeout=httpx.Timeout(60)).native.client.timeout == 60
    assert adapter.make().ask("hi", request_timeout=httpx.Timeout(60)).text


@pytest.mark.parametrize("bad", [[60], {"read": 60}])
def test_a_timeout_that_is_no_number_is_refused_with_its_value(adapter: Adapter, bad: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(str(bad))):
        adapter.make(timeout=bad)


@pytest.mark.parametrize("name", ["tools", "tool_choice", "parallel_tool_calls"])
def test_an_argument_of_a_call_is_not_one_of_the_constructor(adapter: Adapter, name: str) -> None:
    with pytest.raises(KimiInputError, match=r"belongs to one call.*pass it with the call"):
        adapter.make(**{name: "auto"})
