"""A history, made fit to send without losing or inventing anything."""

from __future__ import annotations

import copy
import dataclasses
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_api import (
    ChatOptions,
    KimiInputError,
    KimiWarning,
    ModelSpec,
    build_request,
    dynamic_tools_message,
    get_model_spec,
    partial_message,
)
from kimi_api.catalog import MODELS
from kimi_api.messages import CANCELLED, FILLER, partial_prefix, prepare_messages, text_of

K3 = get_model_spec("kimi-k3")
K26 = get_model_spec("kimi-k2.6")
K3_LOOSE = dataclasses.replace(K3, reasoning_on_every_turn=False)  # what moves is compared, not its thinking
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


def test_a_foreign_tool_call_turn_gets_empty_thinking_and_never_another_turns() -> None:
    sent = prepare(USER, calling("a", reasoning_content="mine"), result("a"), calling("b"), result("b"))
    assert [m.get("reasoning_content") for m in sent] == [None, "mine", None, "", None]
    sent = prepare(USER, calling("a", reasoning_content="mine"), result("a"), calling("b"), result("b"), spec=K26)
    assert [m.get("reasoning_content") for m in sent] == [None, "mine", None, FILLER, None]


def test_thinking_under_the_name_that_other_hosts_give_it_is_thinking() -> None:
    """There a turn with calls and no thinking gets a space: vLLM and SGLang run the same templates."""
    turn = calling("a", reasoning="mine")
    (_, sent, _) = prepare_messages([USER, turn, result("a")], K26, thinking=True, rules=False)
    assert sent == turn
    (_, sent, _) = prepare_messages([USER, calling("a"), result("a")], K26, thinking=True, rules=False)
    assert sent == calling("a", reasoning_content=FILLER)


@pytest.mark.parametrize(("spec", "sent"), [(K3, ""), (K26, " ")], ids=["k3", "k2.6"])
def test_empty_thinking_stays_empty_but_where_it_counts_as_missing(spec: ModelSpec, sent: str) -> None:
    assert prepare(USER, calling("a", reasoning_content=""), result("a"), spec=spec)[1]["reasoning_content"] == sent


def test_nothing_is_filled_in_while_the_model_does_not_think() -> None:
    assert "reasoning_content" not in prepare(USER, calling("a"), result("a"), spec=K26, thinking=False)[1]


def test_a_plain_turn_without_thinking_stays_as_it_is() -> None:
    turn = {"role": "assistant", "content": "hi"}
    assert prepare(USER, turn, USER, spec=K26)[1] is turn


@pytest.mark.parametrize("model", [model for model in MODELS if "k3" in model])
@pytest.mark.parametrize("thinking", [True, False])
def test_on_the_k3_family_every_turn_carries_the_field_and_a_partial_message_is_left_alone(
    model: str, thinking: bool
) -> None:
    turn = {"role": "assistant", "content": "hi"}
    start = partial_message("Once")
    sent = prepare(USER, turn, USER, calling("a"), result("a"), start, spec=get_model_spec(model), thinking=thinking)
    assert [m.get("reasoning_content") for m in sent] == [None, "", None, "", None, None]
    assert sent[-1] is start
    assert turn == {"role": "assistant", "content": "hi"}


# ---------------------------------------------------------------------------------------------------- empty turns


@pytest.mark.parametrize("content", ["", None, [], [{"type": "text", "text": ""}]])
def test_an_assistant_turn_with_nothing_in_it_is_left_out(content: Any) -> None:
    empty = {"role": "assistant", "content": content}
    assert prepare(USER, empty, USER) == [USER, USER]
    assert prepare(USER, empty, USER, repair="none", spec=K26) == [USER, empty, USER]


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
    with pytest.raises(KimiInputError, match=r"add \(.*b\)") as caught:
        prepare(USER, calling("a", "b"), *after, repair=repair)
    assert caught.value.what == "messages[1].tool_calls"
    assert 'repair="full"' in caught.value.remedy


@pytest.mark.parametrize("repair", ["full", "cancel"])
def test_repair_full_answers_open_calls_where_they_belong(repair: str) -> None:
    with pytest.warns(KimiWarning, match=r"add \(b\).*cancelled"):
        sent = prepare(USER, calling("a", "b"), result("a"), USER, repair=repair)
    assert sent[3] == {"role": "tool", "tool_call_id": "b", "content": CANCELLED}
    assert sent[4] is USER


def test_repair_full_answers_calls_at_the_very_end() -> None:
    with pytest.warns(KimiWarning, match=r"add \(a\)"):
        assert prepare(USER, calling("a"), repair="full")[-1]["content"] == CANCELLED


def test_results_come_in_any_order() -> None:
    messages = [USER, calling("a", "b"), result("b"), result("a")]
    assert [m.get("tool_call_id") for m in prepare(*messages)] == [None, None, "b", "a"]


@pytest.mark.parametrize("messages", [[result("x"), USER], [USER, calling("a"), result("a"), result("x"), USER]])
@pytest.mark.parametrize("repair", ["safe", "none"])
def test_a_result_whose_call_is_gone_is_named(messages: list[dict[str, Any]], repair: str) -> None:
    with pytest.raises(KimiInputError, match="no assistant message before it made this call") as caught:
        prepare(*messages, repair=repair)
    assert caught.value.what == f"messages[{messages.index(result('x'))}].tool_call_id"
    assert 'repair="full"' in caught.value.remedy


@pytest.mark.parametrize("messages", [[result("x"), USER], [USER, calling("a"), result("a"), result("x"), USER]])
def test_repair_full_leaves_out_a_result_whose_call_is_gone(messages: list[dict[str, Any]]) -> None:
    with pytest.warns(KimiWarning, match=r"\(x\)"):
        sent = prepare(*messages, repair="full")
    assert result("x") not in sent
    assert len(sent) == len(messages) - 1


def test_the_same_id_may_be_used_again_by_a_later_turn() -> None:
    messages = [USER, calling("add_0"), result("add_0"), calling("add_0"), result("add_0")]
    assert len(prepare(*messages)) == 5


@pytest.mark.parametrize(
    "calls", [[{"id": "a"}], ["a"], [{"id": "a", "function": {}}], {"id": "a"}, [call("b"), {"function": {"name": 3}}]]
)
@pytest.mark.parametrize("repair", ["safe", "none"])
def test_calls_have_names(calls: Any, repair: str) -> None:
    with pytest.raises(KimiInputError, match="send the calls back as they came") as caught:
        prepare(USER, {"role": "assistant", "content": "", "tool_calls": calls}, result("a"), repair=repair)
    assert caught.value.what == "messages[1].tool_calls"
    assert caught.value.value == calls


@pytest.mark.parametrize("role", ["developer", "", None, "Assistant"])
def test_an_unknown_role_is_refused(role: Any) -> None:
    with pytest.raises(KimiInputError, match="there is no developer role") as caught:
        prepare(USER, {"role": role, "content": "x"})
    assert caught.value.what == "messages[1].role"
    assert caught.value.value == role


# ---------------------------------------------------------------------------------------------------- repair


def tool_result(text: str, call_id: str | None = "a") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


@pytest.mark.parametrize(
    "between",
    [
        [{"role": "user", "content": "Hurry up!"}],
        [{"role": "system", "content": "It is noon."}],
        [{"role": "assistant", "content": "Still at it."}],
        [TOOLS],
        [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}, {"role": "user", "content": "..."}],
    ],
    ids=["user", "system", "assistant", "tools", "several"],
)
def test_what_stands_between_a_call_and_its_results_moves_behind_them(between: list[dict[str, Any]]) -> None:
    turn = calling("a", "b", reasoning_content="r")
    assert prepare(USER, turn, result("a"), *between, result("b"), USER, spec=K3_LOOSE) == [
        USER, turn, result("a"), result("b"), *between, USER
    ]  # fmt: skip
    assert prepare(USER, turn, *between, result("b"), result("a"), spec=K3_LOOSE) == [
        USER, turn, result("b"), result("a"), *between
    ]  # fmt: skip


def test_two_turns_before_their_results_get_their_own() -> None:
    one, two = calling("a", reasoning_content="1"), calling("b", reasoning_content="2")
    assert prepare(USER, one, two, result("a"), result("b")) == [USER, one, result("a"), two, result("b")]
    assert prepare(USER, one, two, result("b"), USER, result("a")) == [USER, one, result("a"), two, result("b"), USER]


def test_two_turns_that_share_an_id_are_answered_in_order() -> None:
    one, two = calling("a", reasoning_content="1"), calling("a", reasoning_content="2")
    sent = prepare(USER, one, two, tool_result("first"), tool_result("second"))
    assert sent == [USER, one, tool_result("first"), two, tool_result("second")]


def test_a_result_goes_to_the_latest_turn_that_waits_for_it() -> None:
    one, two = calling("a", reasoning_content="1"), calling("a", reasoning_content="2")
    with pytest.raises(KimiInputError, match=r"messages\[0\]"):
        prepare(one, USER, two, tool_result("of the second"))
    with pytest.warns(KimiWarning, match="cancelled"):
        assert prepare(one, USER, two, tool_result("of the second"), repair="full")[-1] == tool_result("of the second")


@pytest.mark.parametrize(
    ("contents", "joined"),
    [
        (["cancelled", "22 C"], "cancelled\n\n22 C"),
        (["", "22 C", None], "22 C"),
        ([[{"type": "text", "text": "a"}], "b"], [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
    ],
)
def test_several_results_of_one_call_become_one_in_their_order(contents: list[Any], joined: Any) -> None:
    turn = calling("a", reasoning_content="r")
    results = [{"role": "tool", "tool_call_id": "a", "content": content} for content in contents]
    assert prepare(USER, turn, results[0], USER, *results[1:]) == [USER, turn, {**results[0], "content": joined}, USER]


@pytest.mark.parametrize("ids", [("a", "a"), ("a", ""), (None, None), ("", " "), (None, "a"), (3, "a")])
def test_calls_without_an_id_of_their_own_get_one_from_turn_and_place(ids: tuple[Any, Any]) -> None:
    turn = {"role": "assistant", "content": "", "reasoning_content": "", "tool_calls": [call(i) for i in ids]}
    history = [USER, turn, tool_result("one", ids[0]), tool_result("two", ids[1])]
    sent = prepare(*history)
    new = [one["id"] for one in sent[1]["tool_calls"]]
    assert len(set(new)) == 2
    assert [(m["tool_call_id"], m["content"]) for m in sent[2:]] == [(new[0], "one"), (new[1], "two")]
    assert all(own == str(old) or own.startswith("call_0_") for own, old in zip(new, ids, strict=True))
    assert prepare(*history, USER, turn, tool_result("one", ids[0]), tool_result("two", ids[1]))[:4] == sent
    assert prepare(*history) == sent


def test_results_without_an_id_answer_the_open_calls_in_order() -> None:
    turn = calling("a", "b", reasoning_content="r")
    assert prepare(USER, turn, tool_result("one", None), tool_result("two", "")) == [
        USER,
        turn,
        tool_result("one", "a"),
        tool_result("two", "b"),
    ]


def test_results_without_an_id_answer_turns_in_order_however_they_lack_it() -> None:
    one, two = (calling(own, reasoning_content=own) for own in "ab")
    assert prepare(USER, one, two, tool_result("one", None), tool_result("two", "")) == [
        USER,
        one,
        tool_result("one", "a"),
        two,
        tool_result("two", "b"),
    ]


def test_a_long_thread_with_an_old_fault_costs_little_more_than_a_whole_one() -> None:
    """Each later call repairs it again."""
    turns = [message for n in range(1_000) for message in (calling(f"c{n}", reasoning_content="r"), result(f"c{n}"))]
    seconds = []
    for history in ([USER, *turns], [turns[0], USER, *turns[1:]]):
        began = time.process_time()
        prepare(*history)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 0.1, f"{seconds[1]:.3f} s, a whole one {seconds[0]:.3f} s"


def test_a_turn_with_its_calls_in_both_of_openais_forms_goes_as_it_is() -> None:
    turn = calling("a", function_call={"name": "add", "arguments": "{}"}, reasoning_content="r")
    assert prepare(USER, turn, result("a"), repair="none") == [USER, turn, result("a")]


def test_a_turn_without_calls_needs_no_repair() -> None:
    turn = {"role": "assistant", "content": "hi", "reasoning_content": "r"}
    assert prepare(USER, turn, USER, repair="none") == [USER, turn, USER]


@pytest.mark.parametrize("repair", ["full", "cancel"])
def test_two_calls_with_one_id_are_told_apart_where_repair_is_asked_for(repair: str) -> None:
    sent = prepare(USER, calling("a", "a"), result("a"), result("a"), USER, repair=repair)
    ids = [one["id"] for one in sent[1]["tool_calls"]]
    assert len(set(ids)) == 2
    assert [message["tool_call_id"] for message in sent[2:4]] == ids


def test_a_bare_function_call_and_its_result_are_read() -> None:
    """OpenAI's older API."""
    call_turn = {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": '{"a": 1}'}}
    sent = prepare(USER, call_turn, {"role": "function", "name": "add", "content": "3"}, USER)
    (tool_call,) = sent[1]["tool_calls"]
    assert tool_call == {"id": "call_0_0", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    assert sent[2] == {"role": "tool", "tool_call_id": "call_0_0", "content": "3"}
    assert "function_call" not in sent[1]


@pytest.mark.parametrize("rest", [[], [USER]], ids=["last", "before a question"])
def test_a_bare_function_call_without_a_result_is_named_and_not_left_out(rest: list[dict[str, Any]]) -> None:
    call_turn = {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}}
    with pytest.raises(KimiInputError, match=r"messages\[1\]\.tool_calls: got 'add"):
        prepare(USER, call_turn, *rest)
    with pytest.warns(KimiWarning, match="cancelled"):
        sent = prepare(USER, call_turn, *rest, repair="full")
    assert (sent[1]["tool_calls"][0]["function"]["name"], sent[2]["content"]) == ("add", CANCELLED)


@pytest.mark.parametrize("role", ["user", "system", "tool", "assistant"])
def test_empty_text_parts_are_left_out_in_every_role(role: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "ms://x"}}
    empty, text = {"type": "text", "text": ""}, {"type": "text", "text": "hi"}
    history: list[Any] = [USER, calling("a")]
    message: dict[str, Any] = {"role": role, "content": [empty, text, empty, image]}
    if role == "tool":
        message["tool_call_id"] = "a"
    else:
        history.append(result("a"))
    (sent,) = prepare(*history, message)[len(history) :]
    assert sent["content"] == [text, image]
    if role != "assistant":
        assert prepare(*history, {**message, "content": [empty]})[-1]["content"] == ""


def test_with_repair_none_a_history_out_of_order_names_the_level_that_mends_it() -> None:
    with pytest.raises(KimiInputError, match='repair="safe"'):
        prepare(USER, calling("a"), USER, result("a"), repair="none")


def test_an_error_of_a_moved_message_names_where_it_stood() -> None:
    with pytest.raises(KimiInputError) as caught:
        prepare(USER, calling("a"), {"role": "developer", "content": "x"}, result("a"))
    assert caught.value.what == "messages[2].role"


# ---------------------------------------------------------------------------------------------------- dynamic tools


def test_tools_loaded_between_a_call_and_its_result_move_behind_the_last_result() -> None:
    sent = prepare(USER, calling("a", "b"), result("a"), TOOLS, result("b"), USER)
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "tool", "system", "user"]
    assert sent[4] is TOOLS


def test_they_move_behind_made_up_results_too() -> None:
    with pytest.warns(KimiWarning, match="cancelled"):
        sent = prepare(USER, calling("a"), TOOLS, repair="full")
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "system"]


def test_a_dynamic_tools_message_has_full_definitions_and_no_content() -> None:
    assert dynamic_tools_message([{"function": {"name": "sub"}}]) == TOOLS
    assert dynamic_tools_message(TOOLS["tools"]) == TOOLS


@pytest.mark.parametrize("before", [[USER], [USER, calling("a"), result("a")]])
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
    assert sent_thoughts == [thought or "" for thought in given_thoughts]


def test_a_history_that_repair_may_not_touch_is_refused_by_the_name_of_messages() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    history = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    late = [*history, {"role": "user", "content": "well?"}, {"role": "tool", "tool_call_id": "c1", "content": "7"}]
    with pytest.raises(KimiInputError) as caught:
        prepare_messages(late, MODELS["kimi-k3"], thinking=True, repair="none")
    assert caught.value.what == "messages"


def test_a_prefix_that_is_not_the_assistants_is_shown_in_the_error() -> None:
    last = {"role": "user", "content": "hi", "partial": True}
    with pytest.raises(KimiInputError) as caught:
        partial_prefix([last])
    assert (caught.value.what, caught.value.value) == ("messages[0]", last)


def test_blank_parts_beside_a_call_are_an_empty_text_even_where_nothing_is_repaired() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    blank = [{"type": "text", "text": ""}]
    history = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": blank, "tool_calls": [call], "reasoning_content": "so"},
        {"role": "tool", "tool_call_id": "c1", "content": "7"},
    ]
    assert prepare_messages(history, MODELS["kimi-k3"], thinking=True, repair="none")[1]["content"] == ""
