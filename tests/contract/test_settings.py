"""Settings: names and their aliases, arguments of a call, and changes that count from the next call on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Chat

from kimi_api import AccountLimits, KimiError, KimiInputError
from kimi_emulator import Emulator, Failure

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]
LIMITS = {"concurrency": 5, "rpm": 900}


@pytest.fixture
def other() -> Iterator[Emulator]:
    """Another host, with another key."""
    with Emulator(api_key="sk-test-other") as running:
        yield running


def options(body: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in body.items() if k not in ("messages", "stream", "stream_options")}


def test_every_option_reaches_the_body(kimi: Emulator, make: Make) -> None:
    chat = make(
        model="kimi-k3.1-pro",
        reasoning_effort="high",
        max_tokens=900,
        stop=["END"],
        prompt_cache_key="s1",
        cache_ttl="1h",
        safety_identifier="u1",
        response_format={"type": "json_object"},
        extra_body={"metadata": {"a": 1}},
    )
    chat.ask("json, please")
    assert options(kimi.chats[0]) == {
        "model": "kimi-k3.1-pro",
        "reasoning_effort": "high",
        "max_completion_tokens": 900,
        "stop": ["END"],
        "prompt_cache_key": "s1",
        "prompt_cache_options": {"mode": "implicit", "ttl": "1h"},
        "safety_identifier": "u1",
        "response_format": {"type": "json_object"},
        "metadata": {"a": 1},
    }


# ---------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("alias", "value", "expected"),
    [
        ("model_name", "kimi-k2.6", {"model": "kimi-k2.6"}),
        ("max_completion_tokens", 700, {"max_completion_tokens": 700}),
        ("stop_sequences", ["x"], {"stop": ["x"]}),
        ("model_kwargs", {"metadata": {"a": 1}}, {"metadata": {"a": 1}}),
    ],
)
def test_names_from_the_openai_like_classes_work(
    kimi: Emulator, adapter: Adapter, alias: str, value: Any, expected: dict[str, Any]
) -> None:
    adapter.make(**{alias: value}).ask("hi")
    assert options(kimi.chats[0]) == {"model": "kimi-k3", **expected}


def test_additional_kwargs_hold_options_and_members_of_the_body(kimi: Emulator, adapter: Adapter) -> None:
    adapter.make(additional_kwargs={"max_tokens": 700, "metadata": {"a": 1}}).ask("hi")
    assert options(kimi.chats[0]) == {"model": "kimi-k3", "max_completion_tokens": 700, "metadata": {"a": 1}}


def test_the_address_may_be_given_as_api_base(kimi: Emulator, adapter: Adapter) -> None:
    native = adapter.model_class(api_base=kimi.base_url, api_key=kimi.api_key)
    assert adapter.chat(native).ask("hi").text


def test_address_and_key_have_the_names_of_openais_classes_too(kimi: Emulator, adapter: Adapter) -> None:
    native = adapter.model_class(openai_api_base=kimi.base_url, openai_api_key=kimi.api_key)
    assert adapter.chat(native).ask("hi").text


def test_the_window_can_be_given(adapter: Adapter) -> None:
    assert adapter.window(adapter.make().native) == 1_048_576
    assert adapter.window(adapter.make(context_window=5000).native) == 5000


@pytest.mark.parametrize(
    ("name", "near"),
    [("temprature", "temperature"), ("max_token", "max_tokens"), ("modle", "model"), ("thinkng", "thinking")],
)
def test_a_misspelt_name_suggests_the_nearest(kimi: Emulator, make: Make, name: str, near: str) -> None:
    for act in (lambda: make(**{name: 1}), lambda: make().ask("hi", **{name: 1})):
        with pytest.raises(KimiInputError, match=f"did you mean '{near}'") as caught:
            act()
        assert caught.value.value == name
    assert kimi.requests == []


def test_a_name_that_is_like_no_other_points_to_extra_body(adapter: Adapter) -> None:
    with pytest.raises(KimiInputError, match=r"extra_body=\{'zzz'"):
        adapter.make(zzz=1)


def test_a_field_is_given_once(adapter: Adapter) -> None:
    with pytest.raises(KimiInputError, match="model and model_name are two names of one setting"):
        adapter.make(model="kimi-k3", model_name="kimi-k2.6")
    adapter.make(model="kimi-k3", model_name="kimi-k3")


def test_members_of_the_body_may_be_given_under_several_names_and_merge(kimi: Emulator, adapter: Adapter) -> None:
    adapter.make(extra_body={"metadata": {"a": 1}}, model_kwargs={"metadata": {"b": 2}}).ask("hi")
    adapter.make(model_kwargs=None).ask("hi")
    assert [body.get("metadata") for body in kimi.chats] == [{"a": 1, "b": 2}, None]


def test_no_members_of_the_body_may_be_none(kimi: Emulator, adapter: Adapter) -> None:
    adapter.make(extra_body=None).ask("hi")
    assert options(kimi.chats[0]) == {"model": "kimi-k3"}


@pytest.mark.parametrize("model", ["kimi k3", " ", ""])
def test_a_model_id_that_is_no_word_is_refused(kimi: Emulator, make: Make, model: str) -> None:
    with pytest.raises(KimiInputError, match="non-empty word") as caught:
        make(model=model).ask("hi")
    assert caught.value.value == model
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- of a call


def test_arguments_of_a_call_beat_fields_and_bodies_merge(kimi: Emulator, make: Make) -> None:
    chat = make(max_tokens=900, stop=["A"], extra_body={"metadata": {"a": 1, "b": 1}})
    chat.ask(
        "hi", model="kimi-k2.6", max_tokens=800, stop=["B"], thinking="disabled", extra_body={"metadata": {"b": 2}}
    )
    chat.ask("hi")
    assert [options(body) for body in kimi.chats] == [
        {
            "model": "kimi-k2.6",
            "max_completion_tokens": 800,
            "stop": ["B"],
            "thinking": {"type": "disabled"},
            "metadata": {"a": 1, "b": 2},
        },
        {"model": "kimi-k3", "max_completion_tokens": 900, "stop": ["A"], "metadata": {"a": 1, "b": 1}},
    ]


@pytest.mark.parametrize(
    ("alias", "value", "expected"),
    [
        ("model_name", "kimi-k2.6", {"model": "kimi-k2.6"}),
        ("max_completion_tokens", 700, {"max_completion_tokens": 700}),
        ("stop_sequences", ["x"], {"stop": ["x"]}),
        ("model_kwargs", {"metadata": {"a": 1}}, {"metadata": {"a": 1}}),
        ("user", "u1", {"user": "u1"}),
    ],
)
def test_a_call_understands_the_same_names(
    kimi: Emulator, adapter: Adapter, alias: str, value: Any, expected: dict[str, Any]
) -> None:
    adapter.make().ask("hi", **{alias: value})
    assert options(kimi.chats[0]) == {"model": "kimi-k3", **expected}


def check_headers(kimi: Emulator, make: Make, name: str) -> None:
    chat = make(default_headers={"X-Two": "2"})
    chat.ask("hi", **{name: {"X-One": "1"}})
    chat.ask("hi")
    assert [(r.headers.get("x-one"), r.headers["x-two"]) for r in kimi.requests] == [("1", "2"), (None, "2")]
    assert not {"headers", "extra_headers"} & set().union(*kimi.chats)


def test_extra_headers_of_a_call_are_sent(kimi: Emulator, make: Make) -> None:
    check_headers(kimi, make, "extra_headers")


def test_headers_of_a_call_are_sent(kimi: Emulator, make: Make) -> None:
    check_headers(kimi, make, "headers")


def test_headers_and_extra_headers_of_one_call_are_both_sent(kimi: Emulator, make: Make) -> None:
    make().ask("hi", headers={"X-One": "1", "X-Two": "1"}, extra_headers={"X-Two": "2"})
    sent = kimi.requests[0].headers
    assert (sent["x-one"], sent["x-two"]) == ("1", "2")


@pytest.mark.parametrize("name", ["headers", "extra_headers"])
def test_headers_that_are_no_dict_are_refused(kimi: Emulator, make: Make, name: str) -> None:
    with pytest.raises(KimiInputError, match="headers"):
        make().ask("hi", **{name: "X-One: 1"})
    with pytest.raises(KimiInputError, match="headers"):
        make().ask("hi", **{"headers": {"X-One": "1"}, "extra_headers": {"X-Two": "2"}, name: "X-One: 1"})
    assert kimi.requests == []


def test_the_number_of_retries_is_chosen_per_call(kimi: Emulator, make: Make, waits: list[float]) -> None:
    kimi.script(Failure(500), Failure(500), Failure(500))
    assert make(max_retries=5).attempt("hi", max_retries=1).error is not None
    assert len(kimi.requests) == 2


def test_the_time_that_may_pass_is_chosen_per_call(kimi: Emulator, make: Make) -> None:
    from kimi_api import KimiTimeoutError

    kimi.fail("stall.before_headers")
    assert isinstance(make(timeout=60).attempt("hi", timeout=0.2).error, KimiTimeoutError)


@pytest.mark.parametrize("per_call", [False, True], ids=["model", "call"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan")], ids=str)
def test_a_time_that_has_no_seconds_is_refused(kimi: Emulator, make: Make, seconds: Any, per_call: bool) -> None:
    with pytest.raises(KimiInputError, match="max_seconds") as caught:
        make().ask("hi", max_seconds=seconds) if per_call else make(max_seconds=seconds).ask("hi")
    assert caught.value.what == "max_seconds"
    assert kimi.requests == []


@pytest.mark.parametrize("name", ["api_key", "base_url", "default_headers", "http_client"])
def test_what_belongs_to_the_model_is_refused_for_one_call(kimi: Emulator, adapter: Adapter, name: str) -> None:
    with pytest.raises(KimiInputError) as caught:
        adapter.make().ask("hi", **{name: "sk-test-another"})
    error = caught.value
    assert (error.what, error.value) == ("argument", name)
    assert str(error).endswith(
        f"got {name!r}, but it is a setting of the model, not of one call. What to do: create another model with it."
    )
    assert "sk-test-another" not in str(error)
    assert kimi.requests == []


def test_a_key_for_one_call_is_not_sent_to_where_the_model_would_read_it(adapter: Adapter) -> None:
    with pytest.raises(KimiInputError, match="setting of the model, not of one call") as caught:
        adapter.make().ask("hi", api_key="sk-test-another")
    assert "extra_body" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------- limits


def test_limits_are_given_as_a_dict(kimi: Emulator, make: Make) -> None:
    chat = make(account_limits=LIMITS)
    assert chat.native.account_limits == AccountLimits.of(LIMITS)
    assert chat.ask("hi").text
    assert chat.ask("hi", account_limits=LIMITS).text
    assert all("account_limits" not in body for body in kimi.chats)


def test_limits_are_assigned_as_a_dict(kimi: Emulator, make: Make) -> None:
    chat = make()
    chat.native.account_limits = LIMITS
    assert chat.ask("hi").text
    assert chat.native.client.account_limits == AccountLimits.of(LIMITS)
    chat.native.account_limits = {"tpm": 1}
    with pytest.raises(KimiInputError, match="tpm=1"):
        chat.ask("hi")
    chat.native.account_limits = None
    assert chat.ask("hi").text
    assert len(kimi.requests) == 2


def test_limits_that_are_changed_in_place_count_from_the_next_call(kimi: Emulator, make: Make) -> None:
    chat = make()
    chat.native.account_limits = {"rpm": 900}
    assert chat.ask("hi").text
    chat.native.account_limits["tpm"] = 1
    with pytest.raises(KimiInputError, match="tpm=1"):
        chat.ask("hi")
    assert len(kimi.requests) == 1


def test_limits_assigned_as_a_dict_are_dumped(adapter: Adapter) -> None:
    chat = adapter.make()
    chat.native.account_limits = LIMITS
    assert chat.native.model_dump()["account_limits"] == LIMITS


def test_limits_hold_back_a_call_and_can_be_lifted_for_it(kimi: Emulator, make: Make) -> None:
    chat = make(account_limits=AccountLimits(tpm=1))
    with pytest.raises(KimiInputError, match="tpm=1"):
        chat.ask("hi")
    assert kimi.requests == []
    assert chat.ask("hi", account_limits=False).text


@pytest.mark.parametrize("bad", [3, "tier 1", {"rpms": 3}])
def test_what_is_no_limits_is_refused_at_construction(adapter: Adapter, bad: Any) -> None:
    with pytest.raises(KimiInputError, match="account_limits"):
        adapter.make(account_limits=bad)


# ---------------------------------------------------------------------------------------------------- changes


def test_a_changed_option_counts_from_the_next_call(kimi: Emulator, make: Make) -> None:
    chat = make()
    chat.ask("hi")
    chat.native.model, chat.native.thinking, chat.native.max_tokens = "kimi-k2.6", "disabled", 500
    chat.ask("hi")
    assert [options(body) for body in kimi.chats] == [
        {"model": "kimi-k3"},
        {"model": "kimi-k2.6", "thinking": {"type": "disabled"}, "max_completion_tokens": 500},
    ]


def test_a_changed_address_and_key_count_from_the_next_call(kimi: Emulator, other: Emulator, make: Make) -> None:
    chat = make()
    chat.ask("hi")
    chat.native.base_url, chat.native.api_key = other.base_url, other.api_key
    chat.ask("hi")
    assert len(kimi.requests) == len(other.requests) == 1
    assert other.requests[0].headers["authorization"] == f"Bearer {other.api_key}"


def test_headers_that_are_changed_in_place_count_from_the_next_call(kimi: Emulator, make: Make) -> None:
    headers = {"X-One": "1"}
    chat = make(default_headers=headers)
    chat.ask("hi")
    chat.native.default_headers["X-One"] = "2"
    chat.ask("hi")
    chat.native.default_headers = {"X-One": "3"}
    chat.ask("hi")
    del chat.native.default_headers["X-One"]
    chat.ask("hi")
    assert [request.headers.get("x-one") for request in kimi.requests] == ["1", "2", "3", None]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda native: native.model_copy()])
def test_a_change_of_a_copy_is_not_one_of_the_original(
    kimi: Emulator, other: Emulator, adapter: Adapter, copied: Callable[[Any], Any]
) -> None:
    chat = adapter.make()
    chat.ask("hi")
    twin = copied(chat.native)
    twin.base_url, twin.api_key = other.base_url, other.api_key
    adapter.chat(twin).ask("hi")
    chat.ask("hi")
    assert (len(kimi.requests), len(other.requests)) == (2, 1)


def test_a_copy_with_other_settings_uses_them(kimi: Emulator, other: Emulator, adapter: Adapter) -> None:
    chat = adapter.make()
    chat.ask("hi")
    update = {"base_url": other.base_url, "api_key": other.api_key, "model": "kimi-k2.6"}
    adapter.chat(chat.native.model_copy(update=update)).ask("hi")
    assert [body["model"] for body in other.chats] == ["kimi-k2.6"]


def test_the_clients_own_view_follows(adapter: Adapter, other: Emulator) -> None:
    chat = adapter.make()
    assert chat.native.client is chat.native.client
    chat.native.base_url = other.base_url
    assert chat.native.client.base_url == other.base_url


def test_an_unknown_dialect_is_refused(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="klingon"):
        make(dialect="klingon").ask("hi")
    assert kimi.requests == []


@pytest.mark.parametrize(
    "bad",
    [
        {"stop": list("abcdef")},
        {"stop": 3},
        {"stop": ["x" * 33]},
        {"extra_body": 3},
        {"repair": "all"},
        {"unsupported": "ignore"},
        {"prompt_cache_key": " "},
        {"cache_ttl": "2h"},
    ],
)
def test_a_value_that_no_call_can_have_is_refused_before_sending(
    kimi: Emulator, make: Make, bad: dict[str, Any]
) -> None:
    with pytest.raises(KimiInputError, match=next(iter(bad))) as caught:
        make().ask("hi", **bad)
    assert caught.value.rule in str(caught.value)
    assert caught.value.remedy in str(caught.value)
    assert kimi.requests == []


def test_no_messages_are_refused(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiError, match="at least one message"):
        make().ask([])
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- wrong values

WRONG: dict[str, Any] = {
    "model": 5,
    "base_url": 5,
    "api_key": 123,
    "dialect": "x",
    "thinking": "banana",
    "thinking_keep": "some",
    "reasoning_effort": 7,
    "max_tokens": "many",
    "temperature": "hot",
    "top_p": "x",
    "stop": 5,
    "response_format": "json",
    "prompt_cache_key": 5,
    "safety_identifier": 5,
    "cache_ttl": "2h",
    "extra_body": "x",
    "unsupported": "raise",
    "repair": "all",
    "wire": "fast",
    "empty_answers": "no",
    "timeout": "5s",
    "max_retries": "few",
    "auto_continue": "x",
    "resume_streams": "x",
    "join_prefix": "maybe",
    "extract_documents": "maybe",
    "fetch_media": "maybe",
    "inline_media_bytes": "big",
    "default_headers": "x",
    "account_limits": 3,
}


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # older cores dump the model first
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_told_with_rule_and_remedy_wherever_it_comes_from(
    kimi: Emulator, adapter: Adapter, name: str
) -> None:
    def construct() -> None:
        adapter.make(**{name: WRONG[name]})

    def assign() -> None:
        native = adapter.make().native
        setattr(native, name, WRONG[name])
        adapter.chat(native).ask("hi")

    def call() -> None:
        adapter.make().ask("hi", **{name: WRONG[name]})

    for act in (construct, assign, call):
        with pytest.raises(KimiInputError) as caught:
            act()
        assert caught.value.rule
        assert caught.value.remedy
    assert kimi.requests == []


@pytest.mark.parametrize("key", [123, ["sk-test-list"], {"key": "sk-test-dict"}])
def test_a_key_of_the_wrong_type_is_not_shown(kimi: Emulator, adapter: Adapter, key: Any) -> None:
    with pytest.raises(KimiInputError) as caught:
        adapter.make(api_key=key)
    assert type(key).__name__ in str(caught.value)
    assert "sk-test" not in str(caught.value)
    assert "123" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", 1), ("max_tokens", "900"), ("timeout", 5), ("stop", ["a", "b"])]
)
def test_values_that_mean_the_same_are_taken(kimi: Emulator, adapter: Adapter, name: str, value: Any) -> None:
    assert adapter.make(**{name: value}).ask("hi").text
