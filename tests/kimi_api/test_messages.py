"""A history, made fit to send without losing or inventing anything."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_api import (
    ChatOptions,
    KimiInputError,
    ModelSpec,
    build_request,
    dynamic_tools_message,
    get_model_spec,
    partial_message,
)
from kimi_api.messages import CANCELLED, FILLER, partial_prefix, prepare_messages, text_of

K3 = get_model_spec("kimi-k3")
K26 = get_model_spec("kimi-k2.6")
USER = {"role": "user", "content": "hello"}
TOOLS = {"role": "system", "tools": [{"type": "function", "function": {"name": "sub"}}]}


def call(call_id: str, name: str = "add") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def calling(*ids: str, **members: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": [call(call_id) for call_id in ids], **members}


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "3"}


def prepare(*messages: dict[str, Any], spec: ModelSpec = K3, thinking: bool = True, repair: Any = "safe") -> list[Any]:
    return prepare_messages(list(messages), spec, thinking=thinking, repair=repair)


# ---------------------------------------------------------------------------------------------------- reasoning


@pytest.mark.parametrize("spec", [K3, K26], ids=["k3", "k2.6"])
@pytest.mark.parametrize("text", ["why", " ", "\n\n 想 \u2028", "x" * 10_000])
def test_each_turn_keeps_its_own_thinking_byte_for_byte(spec: ModelSpec, text: str) -> None:
    sent = prepare(USER, calling("a", reasoning_content=text), result("a"), spec=spec)
    assert sent[1]["reasoning_content"] == text


def test_a_foreign_tool_call_turn_gets_one_space_and_never_another_turns_thinking() -> None:
    sent = prepare(USER, calling("a", reasoning_content="mine"), result("a"), calling("b"), result("b"))
    assert [m.get("reasoning_content") for m in sent] == [None, "mine", None, FILLER, None]


@pytest.mark.parametrize(("spec", "sent"), [(K3, ""), (K26, " ")], ids=["k3", "k2.6"])
def test_empty_thinking_stays_empty_but_where_it_counts_as_missing(spec: ModelSpec, sent: str) -> None:
    assert prepare(USER, calling("a", reasoning_content=""), result("a"), spec=spec)[1]["reasoning_content"] == sent


def test_nothing_is_filled_in_while_the_model_does_not_think() -> None:
    assert "reasoning_content" not in prepare(USER, calling("a"), result("a"), spec=K26, thinking=False)[1]


def test_a_plain_turn_without_thinking_stays_as_it_is() -> None:
    turn = {"role": "assistant", "content": "hi"}
    assert prepare(USER, turn, USER)[1] is turn


# ---------------------------------------------------------------------------------------------------- empty turns


@pytest.mark.parametrize("content", ["", None, [], [{"type": "text", "text": ""}]])
def test_an_assistant_turn_with_nothing_in_it_is_left_out(content: Any) -> None:
    empty = {"role": "assistant", "content": content}
    assert prepare(USER, empty, USER) == [USER, USER]
    assert prepare(USER, empty, USER, repair="none") == [USER, empty, USER]


@pytest.mark.parametrize("content", [None, [], [{"type": "text", "text": ""}]])
def test_blank_content_beside_tool_calls_is_sent_as_an_empty_string(content: Any) -> None:
    sent = prepare(USER, calling("a", content=content), result("a"))
    assert sent[1]["content"] == ""


def test_content_beside_tool_calls_is_kept() -> None:
    parts = [{"type": "text", "text": "let me see"}]
    assert prepare(USER, calling("a", content=parts), result("a"))[1]["content"] is parts


@pytest.mark.parametrize("messages", [[], [{"role": "assistant", "content": ""}]])
def test_there_must_be_something_to_answer(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(KimiInputError, match="add a user message"):
        prepare(*messages)


# ---------------------------------------------------------------------------------------------------- partial


def test_a_partial_message_ends_the_list() -> None:
    start = partial_message("Once", name="Poet", reasoning_content="a tale")
    assert start == {
        "role": "assistant",
        "content": "Once",
        "partial": True,
        "name": "Poet",
        "reasoning_content": "a tale",
    }
    assert prepare(USER, start)[-1] is start
    assert partial_prefix([USER, start]) == "Once"
    with pytest.raises(KimiInputError, match="2 more follow") as caught:
        prepare(USER, start, USER, USER)
    assert caught.value.what == "messages[1]"
    assert caught.value.value == start


def test_an_empty_prefix_with_a_name_is_not_an_empty_turn() -> None:
    assert prepare(USER, partial_message("", name="Poet"))[-1]["name"] == "Poet"


def test_a_message_that_is_not_partial_has_no_prefix() -> None:
    assert partial_prefix([USER]) is None
    assert partial_prefix([]) is None
    assert partial_prefix([partial_message("a"), USER]) is None


# ---------------------------------------------------------------------------------------------------- tool results


@pytest.mark.parametrize("after", [[], [USER], [result("a")], [result("a"), USER]])
@pytest.mark.parametrize("repair", ["safe", "none"])
def test_an_unanswered_call_is_named(after: list[dict[str, Any]], repair: str) -> None:
    with pytest.raises(KimiInputError, match=r"add \(b\)") as caught:
        prepare(USER, calling("a", "b"), *after, repair=repair)
    assert "repair" in caught.value.remedy


def test_repair_cancel_answers_open_calls_where_they_belong() -> None:
    sent = prepare(USER, calling("a", "b"), result("a"), USER, repair="cancel")
    assert sent[3] == {"role": "tool", "tool_call_id": "b", "content": CANCELLED}
    assert sent[4] is USER


def test_repair_cancel_answers_calls_at_the_very_end() -> None:
    assert prepare(USER, calling("a"), repair="cancel")[-1]["content"] == CANCELLED


def test_results_come_in_any_order() -> None:
    messages = [USER, calling("a", "b"), result("b"), result("a")]
    assert [m.get("tool_call_id") for m in prepare(*messages)] == [None, None, "b", "a"]


@pytest.mark.parametrize(
    ("messages", "rule"),
    [
        ([USER, result("x")], "no assistant message"),
        ([USER, calling("a"), result("x")], "no assistant message"),
        ([USER, calling("a"), result("a"), result("a")], "answered already"),
        ([USER, calling("a"), {"role": "tool", "content": "3"}], "no assistant message"),
    ],
)
@pytest.mark.parametrize("repair", ["safe", "cancel", "none"])
def test_a_result_belongs_to_one_call_before_it(messages: list[dict[str, Any]], rule: str, repair: str) -> None:
    with pytest.raises(KimiInputError, match=rule) as caught:
        prepare(*messages, repair=repair)
    assert caught.value.what.endswith("tool_call_id")


def test_the_same_id_may_be_used_again_by_a_later_turn() -> None:
    messages = [USER, calling("add_0"), result("add_0"), calling("add_0"), result("add_0")]
    assert len(prepare(*messages)) == 5


@pytest.mark.parametrize(
    "calls",
    [
        [call("a"), call("a")],
        [call("")],
        [{"id": "a"}],
        [{"function": {"name": "f"}}],
        ["a"],
        [{"id": "a", "function": {}}],
    ],
)
def test_calls_have_names_and_ids_of_their_own(calls: list[Any]) -> None:
    with pytest.raises(KimiInputError) as caught:
        prepare(USER, {"role": "assistant", "content": "", "tool_calls": calls}, result("a"))
    assert caught.value.what == "messages[1].tool_calls"
    assert caught.value.value == calls


@pytest.mark.parametrize("role", ["developer", "function", "", None, "Assistant"])
def test_an_unknown_role_is_refused(role: Any) -> None:
    with pytest.raises(KimiInputError, match="there is no developer role") as caught:
        prepare(USER, {"role": role, "content": "x"})
    assert caught.value.what == "messages[1].role"
    assert caught.value.value == role


# ---------------------------------------------------------------------------------------------------- dynamic tools


def test_tools_loaded_between_a_call_and_its_result_move_behind_the_last_result() -> None:
    sent = prepare(USER, calling("a", "b"), result("a"), TOOLS, result("b"), USER)
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "tool", "system", "user"]
    assert sent[4] is TOOLS


def test_they_move_behind_made_up_results_too() -> None:
    sent = prepare(USER, calling("a"), TOOLS, repair="cancel")
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "system"]


def test_without_repair_they_do_not_move() -> None:
    with pytest.raises(KimiInputError, match="every tool call"):
        prepare(USER, calling("a"), TOOLS, result("a"), repair="none")


def test_a_dynamic_tools_message_has_full_definitions_and_no_content() -> None:
    assert dynamic_tools_message([{"function": {"name": "sub"}}]) == TOOLS
    assert dynamic_tools_message(TOOLS["tools"]) == TOOLS


@pytest.mark.parametrize("before", [[USER], [USER, calling("a")]])
def test_models_without_dynamic_tools_say_so_before_the_request(before: list[dict[str, Any]]) -> None:
    with pytest.raises(KimiInputError, match="K3 family") as caught:
        prepare(*before, TOOLS, spec=K26)
    assert caught.value.value == TOOLS["tools"]


# ---------------------------------------------------------------------------------------------------- other hosts' ids


def other_host(*messages: dict[str, Any], dialect: str = "vllm") -> list[Any]:
    return build_request(ChatOptions(model="moonshotai/Kimi-K2.6", dialect=dialect), list(messages)).body["messages"]


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
def test_open_weights_get_ids_by_name_and_number_over_the_whole_conversation(dialect: str) -> None:
    history = [USER, calling("a", "b"), result("b"), result("a"), calling("a"), result("a"), USER]
    before = copy.deepcopy(history)
    sent = other_host(*history, dialect=dialect)
    assert history == before
    assert [c["id"] for c in sent[1]["tool_calls"]] == ["functions.add:0", "functions.add:1"]
    assert [m["tool_call_id"] for m in sent if m["role"] == "tool"] == [
        "functions.add:1",
        "functions.add:0",
        "functions.add:2",
    ]
    assert other_host(*sent, dialect=dialect) == sent
    assert other_host(*history[:4], dialect=dialect) == sent[:4]


def test_other_hosts_get_no_filler() -> None:
    assert "reasoning_content" not in other_host(USER, calling("a"), result("a"))[1]


def test_the_platform_gets_ids_as_they_are() -> None:
    assert prepare(USER, calling("a"), result("a"))[1]["tool_calls"][0]["id"] == "a"


# ---------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "text", "text": None}, "loose"], ""),
        (5, ""),
    ],
)
def test_the_text_of_a_content(content: Any, text: str) -> None:
    assert text_of(content) == text


# ---------------------------------------------------------------------------------------------------- properties

texts = st.sampled_from(["", " ", "hello", "想\u2028"])
contents = texts | st.none() | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2)
reasoning = st.none() | texts


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What one exchange adds to a history."""
    added: list[dict[str, Any]] = [{"role": "user", "content": draw(texts)}]
    for _ in range(draw(st.integers(0, 2))):
        ids = draw(st.lists(st.sampled_from(["add_0", "add_1", "mul_0"]), min_size=1, max_size=3, unique=True))
        turn = {"role": "assistant", "content": draw(contents), "tool_calls": [call(i) for i in ids]}
        thought = draw(reasoning)
        added.append(turn if thought is None else {**turn, "reasoning_content": thought})
        results = [result(i) for i in draw(st.permutations(ids))]
        if draw(st.booleans()):
            results.insert(draw(st.integers(0, len(results))), dynamic_tools_message(TOOLS["tools"]))
        added += results
    added.append({"role": "assistant", "content": draw(contents)})
    return added


histories = st.lists(turns(), min_size=1, max_size=4)


@settings(deadline=None)
@given(histories, st.booleans(), st.sampled_from(["safe", "cancel"]))
def test_inputs_are_never_changed_and_preparing_twice_changes_nothing_more(
    history: list[list[dict[str, Any]]], thinking: bool, repair: Any
) -> None:
    messages = [message for turn in history for message in turn]
    before = copy.deepcopy(messages)
    prepared = prepare_messages(messages, K3, thinking=thinking, repair=repair)
    assert messages == before
    assert prepare_messages(prepared, K3, thinking=thinking, repair=repair) == prepared


@settings(deadline=None)
@given(histories)
def test_what_was_sent_for_one_turn_begins_what_is_sent_for_the_next(history: list[list[dict[str, Any]]]) -> None:
    messages: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []
    for turn in history:
        messages = [*messages, turn[0]]
        now = prepare_messages(messages, K3, thinking=True)
        assert now[: len(sent)] == sent
        sent = now
        messages += turn[1:]


@settings(deadline=None)
@given(histories)
def test_every_own_thinking_is_sent_back_with_its_own_turn(history: list[list[dict[str, Any]]]) -> None:
    messages = [message for turn in history for message in turn]
    prepared = prepare_messages(messages, K3, thinking=True)
    given_thoughts = [m.get("reasoning_content") for m in messages if m.get("tool_calls")]
    sent_thoughts = [m["reasoning_content"] for m in prepared if m.get("tool_calls")]
    assert sent_thoughts == [FILLER if thought is None else thought for thought in given_thoughts]
