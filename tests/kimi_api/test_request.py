"""Options and messages -> the body that the model takes."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from kimi_api import ChatOptions, KimiClient, KimiInputError, KimiWarning, build_request, partial_message
from kimi_api._content.documents import Document
from kimi_api.options import merge
from kimi_emulator import Emulator

from hypothesis import given, settings  # isort: skip
from hypothesis import strategies as st  # isort: skip

ASK = [{"role": "user", "content": "hello"}]
SERVED = [
    "kimi-k3.1-pro",
    "kimi-k3.1-pro-highspeed",
    "kimi-k3",
    "kimi-k2.7-code",
    "kimi-k2.7-code-highspeed",
    "kimi-k2.6",
]
SAMPLING = {"temperature": 1.0, "top_p": 0.95, "n": 1, "presence_penalty": 0.0, "frequency_penalty": 0.0}


def body(messages: list[dict[str, Any]] | None = None, *, stream: bool = False, **options: Any) -> dict[str, Any]:
    return build_request(ChatOptions(**options), messages or ASK, stream=stream).body


def test_without_options_only_the_model_and_the_messages_go_out() -> None:
    assert body() == {"model": "kimi-k3", "messages": ASK}


# ---------------------------------------------------------------------------------------------------- sampling


@pytest.mark.parametrize("model", SERVED)
@pytest.mark.parametrize("field", SAMPLING)
def test_the_one_allowed_sampling_value_is_left_out_in_silence(model: str, field: str) -> None:
    assert field not in body(model=model, **{field: SAMPLING[field]})


@pytest.mark.parametrize("model", SERVED)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0),
        ("temperature", 0.7),
        ("top_p", 1),
        ("presence_penalty", 1),
        ("frequency_penalty", -1),
    ],
)
def test_any_other_sampling_value_is_left_out_with_one_warning(model: str, field: str, value: float) -> None:
    with pytest.warns(KimiWarning, match=f"takes only {field}=") as caught:
        assert field not in [*body(model=model, **{field: value}), *body(model=model, **{field: value})]
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_each_model_and_field_has_its_own_warning() -> None:
    with pytest.warns(KimiWarning) as caught:
        _ = body(temperature=0.5, top_p=0.5), body(temperature=0.5, model="kimi-k2.6")
    assert len(caught) == 3


def test_unsupported_error_raises_for_evaluations() -> None:
    with pytest.raises(KimiInputError, match="temperature=1") as caught:
        body(temperature=0.0, unsupported="error")
    assert (caught.value.what, caught.value.value) == ("temperature", 0.0)
    assert caught.value.rule
    assert caught.value.remedy


def test_unsupported_send_sends() -> None:
    assert body(temperature=0.3, unsupported="send")["temperature"] == 0.3


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
def test_other_hosts_get_what_the_user_set(dialect: str) -> None:
    sent = body(dialect=dialect, model="moonshotai/Kimi-K2.6", temperature=0.3, n=1, max_tokens=5)
    assert (sent["temperature"], sent["n"], sent["max_tokens"]) == (0.3, 1, 5)
    assert "max_completion_tokens" not in sent


@pytest.mark.parametrize(
    ("thinking", "allowed", "other", "message"),
    [(False, 0.6, 1.0, r"takes only temperature=0\.6 while thinking is off"), (True, 1, 0.6, "=1 while it thinks")],
)
def test_the_fixed_temperature_of_k2_6_is_another_while_not_thinking(
    thinking: bool, allowed: float, other: float, message: str
) -> None:
    assert "temperature" not in body(model="kimi-k2.6", thinking=thinking, temperature=allowed)
    with pytest.warns(KimiWarning, match=message):
        assert "temperature" not in body(model="kimi-k2.6", thinking=thinking, temperature=other)


@pytest.mark.parametrize("model", ["moonshot-v1-8k"])
def test_moonshot_v1_takes_free_sampling(model: str) -> None:
    assert body(model=model, temperature=0.3, n=1)["temperature"] == 0.3


@pytest.mark.parametrize("options", [{}, {"dialect": "openai"}, {"model": "moonshot-v1-8k"}])
def test_several_answers_to_one_call_are_refused_also_where_the_host_would_give_them(options: dict[str, Any]) -> None:
    with pytest.raises(KimiInputError, match="one answer"):
        body(n=2, **options)
    assert body(n=2, unsupported="send", **options)["n"] == 2


# ---------------------------------------------------------------------------------------------------- thinking


@pytest.mark.parametrize("wish", ["disabled", False, {"type": "disabled"}])
def test_k2_6_can_be_told_not_to_think(wish: Any) -> None:
    request = build_request(ChatOptions(model="kimi-k2.6", thinking=wish), ASK)
    assert request.body["thinking"] == {"type": "disabled"}
    assert not request.thinking


@pytest.mark.parametrize("wish", ["enabled", True, {"type": "enabled"}])
def test_thinking_can_be_asked_for_where_the_field_exists(wish: Any) -> None:
    assert body(model="kimi-k2.6", thinking=wish)["thinking"] == {"type": "enabled"}
    assert body(model="kimi-k2.7-code", thinking=wish)["thinking"] == {"type": "enabled"}
    assert "thinking" not in body(model="kimi-k3", thinking=wish)


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k3.1-pro", "kimi-k2.7-code"])
def test_a_model_that_always_thinks_warns_and_goes_on_thinking(model: str) -> None:
    with pytest.warns(KimiWarning, match="always thinks"):
        request = build_request(ChatOptions(model=model, thinking=False), ASK)
    assert "thinking" not in request.body
    assert request.thinking


def test_a_model_that_never_thinks_is_not_asked_to() -> None:
    with pytest.warns(KimiWarning, match="does not think"):
        assert "thinking" not in body(model="moonshot-v1-8k", thinking=True)
    assert "thinking" not in body(model="moonshot-v1-8k", thinking=False)


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("kimi-k2.6", {"type": "enabled", "keep": "all"}),
        ("kimi-k2.7-code", {"type": "enabled", "keep": "all"}),
        ("kimi-k3", None),
        ("kimi-k3.1-pro", None),
    ],
)
@pytest.mark.parametrize("how", [{"thinking_keep": "all"}, {"thinking": {"keep": "all"}}])
def test_keep_goes_where_it_is_known_and_is_dropped_where_thinking_is_kept_anyway(
    model: str, sent: object, how: dict[str, Any]
) -> None:
    assert body(model=model, **how).get("thinking") == sent


def test_keep_is_refused_where_it_would_do_nothing() -> None:
    with pytest.warns(KimiWarning, match="keep"):
        assert body(model="kimi-k2.5", thinking=True, thinking_keep="all")["thinking"] == {"type": "enabled"}


@pytest.mark.parametrize("wish", ["on", {"type": "auto"}, "low"])
def test_thinking_is_one_of_two_words(wish: Any) -> None:
    with pytest.raises(KimiInputError) as caught:
        body(model="kimi-k2.6", thinking=wish)
    assert caught.value.value == wish


def test_thinking_in_extra_body_as_the_sdks_users_write_it_is_the_same_option() -> None:
    request = build_request(
        ChatOptions(model="kimi-k2.6", temperature=0.6, extra_body={"thinking": {"type": "disabled"}}), ASK
    )
    assert request.body["thinking"] == {"type": "disabled"}
    assert not request.thinking
    with pytest.warns(KimiWarning, match="always thinks"):
        assert "thinking" not in body(extra_body={"thinking": {"type": "disabled"}})


def test_other_hosts_get_the_thinking_object_as_it_is() -> None:
    assert body(dialect="openai", thinking=False)["thinking"] == {"type": "disabled"}


# ---------------------------------------------------------------------------------------------------- effort


@pytest.mark.parametrize("effort", ["low", "high", "max"])
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k3.1-pro"])
def test_the_k3_family_takes_three_efforts(model: str, effort: str) -> None:
    assert body(model=model, reasoning_effort=effort)["reasoning_effort"] == effort


@pytest.mark.parametrize("effort", ["medium", "none", "", "LOW"])
def test_an_effort_that_the_server_would_swallow_in_silence_is_not_sent(effort: str) -> None:
    with pytest.warns(KimiWarning, match="low, high, max.*uses max, which costs the most"):
        assert "reasoning_effort" not in body(reasoning_effort=effort)
    with pytest.raises(KimiInputError, match="low, high, max") as caught:
        body(reasoning_effort=effort, unsupported="error")
    assert caught.value.value == effort
    assert body(reasoning_effort=effort, unsupported="send")["reasoning_effort"] == effort


@pytest.mark.parametrize("model", ["kimi-k2.7-code", "kimi-k2.6", "moonshot-v1-8k"])
def test_no_effort_goes_to_the_k2_line(model: str) -> None:
    with pytest.warns(KimiWarning, match="no reasoning_effort"):
        assert "reasoning_effort" not in body(model=model, reasoning_effort="low")


def test_thinking_and_effort_never_go_together() -> None:
    for model in SERVED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sent = body(model=model, thinking=True, reasoning_effort="low")
        assert not {"thinking", "reasoning_effort"} <= sent.keys()


# ---------------------------------------------------------------------------------------------------- other fields


def test_the_budget_goes_out_under_its_newer_name() -> None:
    assert body(max_tokens=300)["max_completion_tokens"] == 300


@pytest.mark.parametrize("value", [0, -1, 1.5, "300", True])
def test_a_budget_is_a_whole_number_above_zero(value: Any) -> None:
    with pytest.raises(KimiInputError) as caught:
        body(max_tokens=value)
    assert caught.value.value == value


def test_a_budget_beyond_the_models_own_limit_is_refused() -> None:
    body(max_tokens=1_048_576)
    with pytest.raises(KimiInputError, match=r"^max_tokens: got 262145, .* at most 262144"):
        body(model="kimi-k2.6", max_tokens=262_145)


def test_up_to_five_stop_strings_of_up_to_32_bytes() -> None:
    assert body(stop="END")["stop"] == "END"
    assert body(stop=("a", "b"))["stop"] == ["a", "b"]
    assert body(stop=["停" * 10])["stop"] == ["停" * 10]
    assert "stop" not in body(stop=[])


@pytest.mark.parametrize("stop", [list("abcdef"), ["停" * 11], "x" * 33, ["a", 5]])
def test_other_stop_strings_are_refused(stop: Any) -> None:
    with pytest.raises(KimiInputError) as caught:
        body(stop=stop)
    assert caught.value.what == "stop"
    assert caught.value.remedy


SCHEMA = {"name": "answer", "schema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(("given_strict", "sent"), [({}, True), ({"strict": None}, True), ({"strict": False}, False)])
def test_strict_is_always_said(given_strict: dict[str, Any], sent: bool) -> None:
    wish = {"type": "json_schema", "json_schema": {**SCHEMA, **given_strict}}
    assert body(response_format=wish)["response_format"]["json_schema"]["strict"] is sent
    assert wish["json_schema"] == {**SCHEMA, **given_strict}


@pytest.mark.parametrize(
    "wish",
    [
        {"type": "xml"},
        {},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"schema": {}}},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": "{}"}},
        {"type": "json_schema", "json_schema": {"name": "a"}},
    ],
)
def test_a_response_format_that_the_server_cannot_read_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(KimiInputError) as caught:
        body(response_format=wish)
    assert caught.value.value == wish


def test_the_cache_options() -> None:
    sent = body(prompt_cache_key="session-1", cache_ttl="1h", safety_identifier="u1")
    assert sent["prompt_cache_key"] == "session-1"
    assert sent["prompt_cache_options"] == {"mode": "implicit", "ttl": "1h"}
    assert sent["safety_identifier"] == "u1"
    with pytest.raises(KimiInputError) as caught:
        body(cache_ttl="2h")
    assert caught.value.value == "2h"


def test_a_stream_always_asks_for_its_usage() -> None:
    sent = body(stream=True)
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}


def test_extra_body_is_merged_last_and_deeply() -> None:
    sent = body(cache_ttl="5m", extra_body={"prompt_cache_options": {"ttl": "1h"}, "new_field": [1]})
    assert sent["prompt_cache_options"] == {"mode": "implicit", "ttl": "1h"}
    assert sent["new_field"] == [1]


@pytest.mark.parametrize(("field", "value"), [("logprobs", True), ("top_logprobs", 3), ("logit_bias", {"1": 2})])
def test_what_the_model_refuses_outright_is_not_sent(field: str, value: Any) -> None:
    if field == "logit_bias":
        with pytest.warns(KimiWarning, match=field):
            assert field not in body(extra_body={field: value})
    else:
        with pytest.raises(KimiInputError, match="does not return token probabilities"):
            body(extra_body={field: value})
    assert body(extra_body={field: value}, unsupported="send")[field] == value
    assert body(extra_body={field: value}, dialect="openai")[field] == value


@pytest.mark.parametrize(("field", "value"), [("logprobs", False), ("logprobs", None), ("logit_bias", {})])
def test_what_says_nothing_is_taken_out_in_silence(field: str, value: Any) -> None:
    assert field not in body(extra_body={field: value})


def test_an_unknown_dialect_names_the_known_ones() -> None:
    with pytest.raises(KimiInputError, match="platform, openai, vllm"):
        body(dialect="azure")


def test_an_unknown_model_is_an_error_only_for_evaluations() -> None:
    with pytest.warns(KimiWarning):
        assert body(model="kimi-k9", temperature=1.0) == {"model": "kimi-k9", "messages": ASK}
    with pytest.raises(KimiInputError, match="catalogue") as caught:
        body(model="kimi-k9", unsupported="error")
    assert "kimi-k3" in caught.value.remedy


def test_partial_mode_and_json_mode_exclude_each_other() -> None:
    messages = [*ASK, partial_message("{")]
    assert build_request(ChatOptions(), messages).prefix == "{"
    with pytest.raises(KimiInputError, match="Partial Mode"):
        body(messages, response_format={"type": "json_object"})
    with pytest.raises(KimiInputError, match="Partial Mode"):
        body(messages, extra_body={"response_format": {"type": "json_object"}})
    body(messages, response_format={"type": "json_schema", "json_schema": SCHEMA})


def test_only_an_assistant_message_can_be_partial() -> None:
    with pytest.raises(KimiInputError, match="only an assistant message"):
        body([{"role": "user", "content": "x", "partial": True}])


# ---------------------------------------------------------------------------------------------------- options


def test_a_calls_arguments_beat_the_options_and_extra_bodies_merge() -> None:
    base = ChatOptions(max_tokens=1, extra_body={"a": {"x": 1}, "b": 1})
    changed = base.with_changes({"max_tokens": 2, "extra_body": {"a": {"y": 2}}, "model_kwargs": {"c": 3}, "user": 7})
    assert changed.max_tokens == 2
    assert changed.extra_body == {"a": {"x": 1, "y": 2}, "b": 1, "c": 3, "user": 7}
    assert base.extra_body == {"a": {"x": 1}, "b": 1}
    assert base.with_changes({}) is base


@pytest.mark.parametrize(
    ("alias", "name"),
    [("model_name", "model"), ("max_completion_tokens", "max_tokens"), ("stop_sequences", "stop")],
)
def test_names_from_the_openai_like_classes_work(alias: str, name: str) -> None:
    value: Any = {"model": "kimi-k2.6", "max_tokens": 5, "stop": ["x"]}[name]
    assert getattr(ChatOptions().with_changes({alias: value}), name) == value


@pytest.mark.parametrize(
    ("typo", "meant"), [("temprature", "temperature"), ("max_token", "max_tokens"), ("tool", "tools")]
)
def test_a_misspelt_name_suggests_the_nearest(typo: str, meant: str) -> None:
    with pytest.raises(KimiInputError, match=f"did you mean '{meant}'") as caught:
        ChatOptions().with_changes({typo: 1})
    assert caught.value.value == typo
    assert "extra_body" in caught.value.remedy


def test_a_name_like_no_other_says_how_to_send_it_anyway() -> None:
    with pytest.raises(KimiInputError, match="extra_body=") as caught:
        ChatOptions().with_changes({"zzzzzz": 1})
    assert "did you mean" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)


@given(objects, objects)
def test_merging_changes_neither_side_and_the_upper_one_wins(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = json.dumps([base, over])
    result = merge(base, over)
    assert json.dumps([base, over]) == before
    assert result.keys() == base.keys() | over.keys()
    assert all(result[name] == value for name, value in over.items() if not isinstance(value, dict))
    assert merge(result, over) == result


# ---------------------------------------------------------------------------------------------------- all together


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from(SERVED),
    thinking=st.sampled_from([None, True, False, {"keep": "all"}]),
    effort=st.sampled_from([None, "low", "max"]),
    temperature=st.sampled_from([None, 0.0, 0.6, 1.0]),
    top_p=st.sampled_from([None, 0.5, 0.95]),
    penalty=st.sampled_from([None, 0, 1]),
    tool_choice=st.sampled_from(
        [None, "auto", "none", "required", "add", {"type": "function", "function": {"name": "mul"}}]
    ),
    fresh=st.booleans(),
)
def test_whatever_is_wished_the_platform_accepts_what_goes_out(
    emulator: Emulator,
    model: str,
    thinking: Any,
    effort: str | None,
    temperature: float | None,
    top_p: float | None,
    penalty: float | None,
    tool_choice: Any,
    fresh: bool,
) -> None:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
        for name in ("add", "mul")
    ]
    options = ChatOptions(
        model=model,
        thinking=thinking,
        reasoning_effort=effort,
        temperature=temperature,
        top_p=top_p,
        presence_penalty=penalty,
        tools=tools,
        tool_choice=tool_choice,
        max_tokens=2000,
    )
    history = [] if fresh else [*ASK, {"role": "assistant", "content": "hi", "reasoning_content": "greet"}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KimiWarning)
        request = build_request(options, [*history, *ASK])
    emulator.reset()
    client = KimiClient(api_key=emulator.api_key, base_url=emulator.base_url)
    client.request("POST", "/chat/completions", body=request.body)
    assert emulator.report == []


@pytest.mark.parametrize(
    "schema", [None, "{}", {"name": "", "schema": {}}, {"name": "x"}, {"name": "x", "schema": "{}"}]
)
def test_a_schema_of_an_answer_without_name_or_dict_is_told(schema: object) -> None:
    wish = {"type": "json_schema", "json_schema": schema}
    with pytest.raises(KimiInputError) as caught:
        body(response_format=wish)
    assert (caught.value.what, caught.value.value) == ("response_format", wish)
    assert 'json_schema is {"name": ..., "schema": {...}, "strict": ...}' in str(caught.value)


# ---------------------------------------------------------------------------------------------------- what errors say

PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlh"}}]}]
PDF = Document("r.pdf", "application/pdf", b"%PDF-")
PAPER = [{"role": "user", "content": [{"type": "document", "document": PDF}]}]
BEGUN = [*ASK, partial_message("{")]


@pytest.mark.parametrize(
    ("messages", "options", "what", "rule", "remedy"),
    [
        (PICTURE, {"inline_media_bytes": -1}, "inline_media_bytes", "a number of bytes, 0 or more", "0 uploads all"),
        (PAPER, {"document_cache": 5}, "document_cache", "it is a kimi_api.files.FileCache", "FileCache.on_disk()"),
        (
            ASK,
            {"response_format": {"type": "xml"}},
            "response_format",
            "its type is text, json_object or json_schema",
            "set the type",
        ),
        (
            ASK,
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "response_format",
            'json_schema is {"name": ..., "schema": {...}, "strict": ...}',
            "give the schema a name, and pass it as a dict rather than as text",
        ),
        (
            BEGUN,
            {"response_format": {"type": "json_object"}},
            "response_format",
            "Partial Mode and JSON mode cannot be combined",
            "drop response_format; a prefix of '{' already leads to JSON",
        ),
    ],
    ids=["inline_media_bytes", "document_cache", "type of the format", "schema without a name", "JSON with a prefix"],
)
def test_a_refused_option_is_named_with_its_rule_and_what_to_do(
    messages: list[dict[str, Any]], options: dict[str, Any], what: str, rule: str, remedy: str
) -> None:
    with pytest.raises(KimiInputError) as caught:
        body(messages, **options)
    assert caught.value.what == what
    assert rule in caught.value.rule
    assert remedy in caught.value.remedy
    if rule.startswith(("json_schema", "it is")):
        assert caught.value.rule == rule


def test_a_model_without_efforts_that_always_thinks_is_not_told_to_lower_its_effort() -> None:
    with pytest.warns(KimiWarning) as caught:
        body(model="kimi-k2.7-code", thinking="disabled")
    assert str(caught[0].message).rstrip(".").endswith("so thinking='disabled' is not sent")


@pytest.mark.parametrize("unsupported", ["warn", "send"])
def test_tools_that_a_message_brings_are_fitted_as_those_of_the_request_are(unsupported: str) -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {}}
    tool = {"type": "function", "function": {"name": "book", "parameters": schema}}
    sent = body([*ASK, {"role": "system", "tools": [tool]}], unsupported=unsupported)["messages"][1]["tools"]
    assert sent == body(tools=[tool], unsupported=unsupported)["tools"]
    assert ("$schema" in sent[0]["function"]["parameters"]) == (unsupported == "send")
