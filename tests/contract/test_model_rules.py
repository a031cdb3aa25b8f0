"""What each model takes: a value that it would refuse is left out and said, raised, or sent, as the user chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Chat

from kimi_api import KimiInputError, KimiWarning
from kimi_emulator import Emulator

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]


def options(body: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in body.items() if k not in ("model", "messages", "stream", "stream_options")}


def test_nothing_is_sent_that_was_not_set(kimi: Emulator, chat: Chat) -> None:
    chat.ask("hi")
    body = kimi.chats[0]
    assert options(body) == {}
    assert (body["model"], body["messages"]) == ("kimi-k3", [{"role": "user", "content": "hi"}])


# ---------------------------------------------------------------------------------------------------- sampling


@pytest.mark.parametrize(
    ("model", "settings", "words"),
    [
        ("kimi-k3", {"temperature": 0.2}, "takes only temperature=1"),
        ("kimi-k2.7-code", {"top_p": 0.5}, "takes only top_p=0.95"),
        ("kimi-k2.6", {"temperature": 0.6}, "takes only temperature=1 while it thinks"),
        ("kimi-k2.6", {"temperature": 1, "thinking": "disabled"}, "takes only temperature=0.6 while thinking is off"),
    ],
)
def test_a_sampling_value_that_the_model_refuses_is_left_out_with_one_warning(
    kimi: Emulator, make: Make, model: str, settings: dict[str, Any], words: str
) -> None:
    chat = make(model=model, **settings)
    assert [words in warning for warning in chat.attempt("hi").warnings] == [True]
    assert chat.attempt("hi").warnings == []  # once per model and field
    for body in kimi.chats:
        assert not {"temperature", "top_p"} & body.keys()


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("kimi-k3", {"temperature": 1, "top_p": 0.95}),
        ("kimi-k2.6", {"temperature": 1.0}),
        ("kimi-k2.6", {"temperature": 0.6, "thinking": "disabled"}),
    ],
)
def test_the_value_that_the_model_has_anyway_is_left_out_in_silence(
    kimi: Emulator, make: Make, model: str, settings: dict[str, Any]
) -> None:
    assert make(model=model, **settings).attempt("hi").warnings == []
    assert not {"temperature", "top_p"} & kimi.chats[0].keys()


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        ("kimi-k3", "temperature", 0.3),
        ("kimi-k3", "thinking", "disabled"),
        ("kimi-k2.6", "reasoning_effort", "low"),
        ("kimi-k2.7-code", "top_p", 0.5),
    ],
)
def test_whoever_may_leave_nothing_out_gets_an_error_before_sending(
    kimi: Emulator, make: Make, model: str, name: str, value: Any
) -> None:
    with pytest.raises(KimiInputError) as caught:
        make(model=model, unsupported="error").ask("hi", **{name: value})
    assert (caught.value.what, caught.value.value) == (name, value)
    assert kimi.requests == []


def test_the_value_that_the_model_has_anyway_is_no_error(kimi: Emulator, make: Make) -> None:
    assert make(unsupported="error").ask("hi", temperature=1).text
    assert "temperature" not in kimi.chats[0]


def test_whoever_sends_all_the_same_gets_the_servers_answer(kimi: Emulator, make: Make) -> None:
    outcome = make(temperature=0.3, unsupported="send").attempt("hi")
    assert kimi.chats[0]["temperature"] == 0.3
    assert "only 1 is allowed" in str(outcome.error)
    assert outcome.warnings == []


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
def test_another_host_gets_what_the_user_set(kimi: Emulator, make: Make, dialect: str) -> None:
    outcome = make(dialect=dialect, temperature=1, top_p=0.95, max_tokens=700).attempt("hi")
    assert outcome.warnings == []
    assert options(kimi.chats[0]) == {"temperature": 1, "top_p": 0.95, "max_tokens": 700}


# ---------------------------------------------------------------------------------------------------- thinking


@pytest.mark.parametrize("off", ["disabled", False, {"type": "disabled"}])
def test_thinking_is_switched_off_where_the_model_can(kimi: Emulator, make: Make, off: Any) -> None:
    outcome = make(model="kimi-k2.6", thinking=off).ask("hi")
    assert options(kimi.chats[0]) == {"thinking": {"type": "disabled"}}
    assert outcome.reasoning == ""


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.7-code"])
def test_a_model_that_always_thinks_is_not_told_to_stop(kimi: Emulator, make: Make, model: str) -> None:
    with pytest.warns(KimiWarning, match=f"{model} always thinks"):
        make(model=model, thinking="disabled").ask("hi")
    assert options(kimi.chats[0]) == {}


def test_thinking_of_earlier_turns_is_kept_where_the_model_can(kimi: Emulator, make: Make) -> None:
    make(model="kimi-k2.6", thinking_keep="all").ask("hi")
    make(model="kimi-k3", thinking_keep="all").ask("hi")  # keeps it anyway
    assert [options(body) for body in kimi.chats] == [{"thinking": {"type": "enabled", "keep": "all"}}, {}]


@pytest.mark.parametrize("place", ["field", "call", "extra_body"])
def test_thinking_is_the_same_option_wherever_it_is_given(kimi: Emulator, make: Make, place: str) -> None:
    off = {"type": "disabled"}
    if place == "field":
        make(model="kimi-k2.6", thinking=off).ask("hi")
    elif place == "call":
        make(model="kimi-k2.6").ask("hi", thinking=off)
    else:
        make(model="kimi-k2.6", extra_body={"thinking": off}, temperature=0.6).ask("hi")
    assert options(kimi.chats[0]) == {"thinking": off}


# ---------------------------------------------------------------------------------------------------- effort


@pytest.mark.parametrize("effort", ["low", "high", "max"])
def test_k3_takes_an_effort(kimi: Emulator, make: Make, effort: str) -> None:
    make(reasoning_effort=effort).ask("hi")
    assert options(kimi.chats[0]) == {"reasoning_effort": effort}


def test_a_word_that_is_no_effort_is_refused_for_evaluations(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match=r"low, high, max.*use one of these words"):
        make(reasoning_effort="medium", unsupported="error").ask("hi")
    assert kimi.requests == []


def test_other_families_have_no_effort(kimi: Emulator, make: Make) -> None:
    with pytest.warns(KimiWarning, match=r"kimi-k2\.6 has no reasoning_effort"):
        make(model="kimi-k2.6", reasoning_effort="low").ask("hi")
    assert options(kimi.chats[0]) == {}


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k3.1-pro"])
@pytest.mark.parametrize("place", ["field", "call", "extra_body", "extra_body of the call"])
def test_the_effort_within_thinking_goes_out_as_reasoning_effort_of_k3(
    kimi: Emulator, make: Make, model: str, place: str
) -> None:
    thinking = {"type": "enabled", "effort": "low"} if place == "call" else {"effort": "low"}
    if place == "field":
        outcome = make(model=model, thinking=thinking).attempt("hi")
    elif place == "call":
        outcome = make(model=model).attempt("hi", thinking=thinking)
    elif place == "extra_body":
        outcome = make(model=model, extra_body={"thinking": thinking}).attempt("hi")
    else:
        outcome = make(model=model).attempt("hi", extra_body={"thinking": thinking})
    assert outcome.error is None
    assert options(kimi.chats[0]) == {"reasoning_effort": "low"}


def test_a_word_that_is_no_effort_is_refused_within_thinking_too(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="low, high, max"):
        make(thinking={"effort": "medium"}, unsupported="error").ask("hi")
    assert kimi.requests == []


def test_two_efforts_that_differ_are_refused(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="pass one of the two"):
        make(model="kimi-k3", thinking={"effort": "low"}, reasoning_effort="high").ask("hi")
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- budget


def test_the_budget_goes_out_under_the_platforms_own_name(kimi: Emulator, make: Make) -> None:
    make(max_tokens=900).ask("hi")
    assert options(kimi.chats[0]) == {"max_completion_tokens": 900}


@pytest.mark.parametrize(("model", "budget"), [("kimi-k3", 0), ("kimi-k3", -5), ("kimi-k2.6", 262_145)])
def test_an_impossible_budget_is_refused_before_sending(kimi: Emulator, make: Make, model: str, budget: int) -> None:
    with pytest.raises(KimiInputError, match="max_tokens"):
        make(model=model, max_tokens=budget).ask("hi")
    assert kimi.requests == []


def test_an_answer_that_thinking_ate_says_how_to_raise_the_budget(kimi: Emulator, adapter: Adapter) -> None:
    from kimi_emulator import Reply

    words = set()
    for way in ("plain", "streamed", "aplain", "astreamed"):
        kimi.script(Reply(content="", reasoning="so much", finish_reason="length"))
        outcome = adapter.make(way).attempt("hi")  # type: ignore[arg-type]
        assert (outcome.text, outcome.finish_reason) == ("", "length")
        words.update(outcome.warnings)
    assert len(words) == 1
    assert "Raise max_tokens: thinking counts too, so 16,000 or more is advised" in words.pop()


# ---------------------------------------------------------------------------------------------------- other members


def test_a_member_that_the_model_refuses_is_left_out_of_extra_body(kimi: Emulator, make: Make) -> None:
    with pytest.warns(KimiWarning, match="kimi-k3 does not accept logit_bias"):
        make(extra_body={"logit_bias": {"1": 1}, "metadata": {"a": "b"}}).ask("hi")
    assert options(kimi.chats[0]) == {"metadata": {"a": "b"}}


@pytest.mark.parametrize("name", ["logprobs", "top_logprobs"])
def test_what_would_be_missing_in_the_answer_is_refused(kimi: Emulator, make: Make, name: str) -> None:
    for settings in ({name: 1}, {"extra_body": {name: 1}}):
        with pytest.raises(KimiInputError, match="kimi-k3 does not return token probabilities"):
            make(**settings).ask("hi")
    assert kimi.requests == []


def test_an_unknown_model_is_asked_for_all_the_same_and_the_404_says_what_to_do(
    kimi: Emulator, adapter: Adapter
) -> None:
    with pytest.warns(KimiWarning, match=r"'kimi-k2\.66' is not in the catalogue.*did you mean 'kimi-k2\.6'"):
        chat = adapter.make(model="kimi-k2.66")
    error = chat.attempt("hi").error
    assert error is not None
    assert "did you mean 'kimi-k2.6'" in str(error)


def test_an_unknown_model_is_refused_where_the_user_wants_errors(kimi: Emulator, adapter: Adapter) -> None:
    with pytest.warns(KimiWarning, match="kimi-k33"), pytest.raises(KimiInputError, match="did you mean 'kimi-k3'"):
        adapter.make(model="kimi-k33", unsupported="error").ask("hi")
    assert kimi.requests == []
