"""Histories whose calls and results do not fit together: what each level makes of them, and that it is accepted."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kimi_api import ChatOptions, KimiInputError, KimiWarning, ModelSpec, build_request, get_model_spec
from kimi_api._repair import CANCELLED
from kimi_api.messages import prepare_messages
from kimi_emulator import Emulator

K3 = get_model_spec("kimi-k3")
K26 = get_model_spec("kimi-k2.6")
USER = {"role": "user", "content": "hello"}
ECHO = '{ "search_result":{"search_id":"e4b4"}}'


def call(call_id: Any, name: str = "add") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def turn(*calls: Any) -> dict[str, Any]:
    tool_calls = [c if isinstance(c, dict) else call(c) for c in calls]
    return {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": tool_calls}


def result(call_id: Any, content: Any = "3") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def prepare(*messages: dict[str, Any], repair: Any = "safe", spec: ModelSpec = K3) -> list[dict[str, Any]]:
    return prepare_messages(list(messages), spec, thinking=True, repair=repair)


def brief(messages: list[dict[str, Any]]) -> list[Any]:
    """Roles; of a turn the ids of its calls, of a result its id and text."""
    entries: list[Any] = []
    for message in messages:
        if message["role"] == "tool":
            entries.append((message["tool_call_id"], message["content"]))
        elif message.get("tool_calls"):
            entries.append([c["id"] for c in message["tool_calls"]])
        else:
            entries.append(message["role"])
    return entries


# ---------------------------------------------------------------------------------------------------- safe


def test_several_results_of_a_call_are_joined_in_their_order() -> None:
    sent = prepare(USER, turn("a", "b"), result("a", "1"), result("b", "2"), result("a", "3"), result("a", ""))
    assert brief(sent) == ["user", ["a", "b"], ("a", "1\n\n3"), ("b", "2")]


def test_results_with_parts_are_joined_as_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "ms://1"}}
    sent = prepare(USER, turn("a"), result("a", "cancelled"), result("a", [image]), result("a", None))
    assert sent[2]["content"] == [{"type": "text", "text": "cancelled"}, image]


def test_new_ids_come_from_turn_and_position_and_spare_those_in_use() -> None:
    sent = prepare(USER, turn("a", "a", "call_0_1", "a"), *[result("a", str(n)) for n in range(3)], result("call_0_1"))
    assert brief(sent)[1:] == [
        ["a", "call_0_1_", "call_0_1", "call_0_3"],
        ("a", "0"),
        ("call_0_1_", "1"),
        ("call_0_3", "2"),
        ("call_0_1", "3"),
    ]


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_calls_and_results_without_ids_are_matched_in_order(blank: Any) -> None:
    if blank != "  ":
        assert brief(prepare(USER, turn("x"), result("x"), turn(blank, blank), result(blank, "1"), result(blank, "2")))[
            3:
        ] == [["call_1_0", "call_1_1"], ("call_1_0", "1"), ("call_1_1", "2")]
    assert brief(prepare(USER, turn("a", "b"), result(blank, "1"), result(blank, "2")))[1:] == [
        ["a", "b"],
        ("a", "1"),
        ("b", "2"),
    ]


def test_an_id_that_only_the_result_has_is_matched_in_order() -> None:
    assert brief(prepare(USER, turn(None, "b"), result("b", "2"), result("x", "1"))) == [
        "user",
        ["call_0_0", "b"],
        ("b", "2"),
        ("call_0_0", "1"),
    ]


def test_nothing_is_guessed_where_the_numbers_do_not_agree() -> None:
    with pytest.raises(KimiInputError, match="every tool call needs"):
        prepare(USER, turn("a", "b"), result(None, "1"))


def test_ids_that_are_numbers_become_texts() -> None:
    assert brief(prepare(USER, turn(5, 6), result(6), result("5"))) == ["user", ["5", "6"], ("6", "3"), ("5", "3")]


def test_an_id_that_turns_share_belongs_to_the_turn_before_the_result() -> None:
    good = [USER, turn("x"), result("x", "1"), turn("x"), result("x", "2")]
    assert prepare(*good, USER, result("x", "3"))[:4] == prepare(*good)[:4]
    assert brief(prepare(*good, USER, result("x", "3")))[3:] == [["x"], ("x", "2\n\n3"), "user"]


def test_the_echo_of_a_search_goes_back_byte_for_byte_in_a_mended_history_too() -> None:
    search = {"id": "s", "type": "builtin_function", "function": {"name": "$web_search", "arguments": ECHO}}
    again = copy.deepcopy(search)
    again["function"]["arguments"] = ECHO.replace("e4b4", "f5")
    sent = prepare(USER, turn(search, again), USER, result("s", "x"), result("s", "y"))
    assert brief(sent)[2:] == [("s", ECHO), ("call_0_1", again["function"]["arguments"]), "user"]


@pytest.mark.parametrize("role", ["user", "system", "tool", "assistant"])
def test_empty_text_parts_are_left_out_in_any_role(role: str) -> None:
    words = {"type": "text", "text": "words"}
    empty = {"type": "text", "text": ""}
    members = {"tool_call_id": "a"} if role == "tool" else {}
    before = [USER, turn("a")] if role == "tool" else [USER]
    sent = prepare(*before, {"role": role, "content": [empty, words, empty], **members})
    assert sent[-1]["content"] == [words]
    if role != "assistant":
        for content in ([empty], [], None):
            assert prepare(*before, {"role": role, "content": content, **members})[-1]["content"] == ""
    message = {"role": role, "content": [empty, words], **members}
    assert prepare(*before, message, repair="none")[-1]["content"] is message["content"]


def test_numbers_of_open_weights_are_counted_after_the_new_ids() -> None:
    history = [USER, turn("a", "a"), USER, result("a", "1"), result("a", "2"), turn("a"), result("a", "3")]
    body = build_request(ChatOptions(model="moonshotai/Kimi-K2.6", dialect="vllm"), history).body
    assert brief(body["messages"]) == [
        "user",
        ["functions.add:0", "functions.add:1"],
        ("functions.add:0", "1"),
        ("functions.add:1", "2"),
        "user",
        ["functions.add:2"],
        ("functions.add:2", "3"),
    ]


# ---------------------------------------------------------------------------------------------------- full


def test_full_repair_names_all_that_it_makes_up_or_leaves_out() -> None:
    unreadable = {"id": "u", "function": {}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sent = prepare(result("gone"), USER, turn("a", unreadable), result("u"), USER, repair="full")
    assert brief(sent) == ["user", ["a"], ("a", CANCELLED), "user"]
    warning_text = "\n".join(str(warning.message) for warning in caught)
    assert {warning.category for warning in caught} == {KimiWarning}
    for words in ("(gone)", "(u)", "messages[2] has tool calls without a result, add (a)", "that cannot be read"):
        assert words in warning_text
    assert len(caught) == 4


def test_where_nothing_else_is_left_the_error_names_no_level() -> None:
    with pytest.raises(KimiInputError, match="nothing else is left") as caught:
        prepare(result("gone"))
    assert "repair=" not in caught.value.remedy


def test_errors_after_a_repair_name_positions_of_the_callers_list() -> None:
    with pytest.raises(KimiInputError) as caught:
        prepare(USER, turn("a"), USER, result("a"), {"role": "developer", "content": "x"})
    assert caught.value.what == "messages[4].role"


# ---------------------------------------------------------------------------------------------------- properties

ids = st.sampled_from(["a", "b", "a", "add_0", "", None])
contents = st.sampled_from(["3", "", "no", [{"type": "text", "text": ""}], [{"type": "text", "text": "x"}], None])
results = st.builds(result, ids, contents)
turns = st.lists(ids, min_size=1, max_size=3).map(lambda chosen: turn(*chosen))
others = st.sampled_from(
    [
        USER,
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Well.", "reasoning_content": "s"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "Hm."}]},
    ]
)
unreadable_turns = st.sampled_from([turn({"id": "a"}), turn("b", {"id": "a", "function": {}})])
broken_histories = st.lists(turns | results | results | others | unreadable_turns, max_size=8).map(
    lambda messages: [USER, *messages]
)


@pytest.fixture(scope="module")
def strict() -> Iterator[Emulator]:
    with Emulator(k3_requires_reasoning=False) as emulator:
        yield emulator


def accept(emulator: Emulator, model: str, messages: list[dict[str, Any]], repair: Any) -> None:
    options = ChatOptions(model=model, repair=repair, max_tokens=20)
    body = build_request(options, messages).body
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    answer = httpx.post(f"{emulator.base_url}/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, (answer.text, body["messages"])


def refusal(model: str, messages: list[dict[str, Any]], repair: Any) -> KimiInputError | None:
    try:
        build_request(ChatOptions(model=model, repair=repair), messages)
    except KimiInputError as error:
        return error
    return None


@pytest.mark.filterwarnings("ignore:.*repair=:kimi_api.KimiWarning")
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(broken_histories, st.sampled_from(["kimi-k3", "kimi-k2.6"]), st.sampled_from(["safe", "none"]))
def test_the_level_that_an_error_names_succeeds(
    strict: Emulator, history: list[dict[str, Any]], model: str, level: str
) -> None:
    before = copy.deepcopy(history)
    error = refusal(model, history, level)
    if error:
        match = re.search(r'repair="(\w+)"', error.remedy)
        assert match, error
        accept(strict, model, history, match[1])
    elif level == "safe":  # "none" lets through what the platform itself may refuse
        accept(strict, model, history, level)
    accept(strict, model, history, "full")
    assert history == before


@pytest.mark.filterwarnings("ignore:.*repair=:kimi_api.KimiWarning")
@settings(deadline=None, max_examples=500)
@given(broken_histories, st.sampled_from(["safe", "full"]))
def test_what_is_mended_needs_no_mending_and_every_text_is_still_there(
    history: list[dict[str, Any]], level: Any
) -> None:
    try:
        sent = prepare(*history, repair=level)
    except KimiInputError:
        assert level == "safe"
        return
    assert prepare(*history, repair=level) == sent
    assert prepare(*sent, repair="none") == sent
    if level == "safe":
        texts, sent_texts = (
            [m["content"] for m in messages if m["role"] == "tool" and isinstance(m["content"], str)]
            for messages in (history, sent)
        )
        assert "".join(sent_texts).count("no") == texts.count("no")
        assert "".join(sent_texts).count("3") == texts.count("3")
        calls, mended_calls = (sum(len(m.get("tool_calls", ())) for m in ms) for ms in (history, sent))
        assert calls == mended_calls


@st.composite
def exchanges(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A question and its tool rounds, which safe repair can mend."""
    added: list[dict[str, Any]] = [{"role": "user", "content": draw(st.sampled_from(["one", "two"]))}]
    for _ in range(draw(st.integers(0, 2))):
        chosen = draw(st.lists(st.sampled_from(["a", "b", "add_0"]), min_size=1, max_size=3))
        behind = [result(i, str(n)) for n, i in enumerate(draw(st.permutations(chosen)))]
        for extra in draw(st.lists(others, max_size=2)):
            behind.insert(draw(st.integers(0, len(behind))), extra)
        added += [turn(*chosen), *behind]
    return added


@settings(deadline=None, max_examples=300)
@given(st.lists(exchanges(), min_size=1, max_size=4))
def test_a_history_that_grows_keeps_its_earlier_bytes(rounds: list[list[dict[str, Any]]]) -> None:
    history: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []
    for added in rounds:
        history = [*history, *added]
        now = prepare(*history)
        assert now[: len(sent)] == sent
        sent = now
