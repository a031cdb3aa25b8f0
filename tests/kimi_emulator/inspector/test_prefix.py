"""Where a prompt stops being equal to an earlier one, and what that costs."""

from __future__ import annotations

from typing import Any

import pytest

from kimi_emulator.inspector.prefix import Comparison, compare, loss, parts

SYSTEM = {"role": "system", "content": "You are a careful assistant. " + "Answer in one sentence. " * 60}
ASK = {"role": "user", "content": "What is the weather in Turku?"}
CALL = {
    "role": "assistant",
    "content": "",
    "reasoning_content": "I look it up.",
    "tool_calls": [{"id": "w_0", "type": "function", "function": {"name": "w", "arguments": '{"city":"Turku"}'}}],
}
RESULT = {"role": "tool", "tool_call_id": "w_0", "content": "cloudy " * 300}
MORE = {"role": "user", "content": "And tomorrow?"}
TOOL = {"type": "function", "function": {"name": "w", "parameters": {"type": "object", "properties": {}}}}
OTHER_TOOL = {"type": "function", "function": {"name": "v", "parameters": {"type": "object", "properties": {}}}}


def ask(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "kimi-k3", "messages": list(messages), **more}


def compare_bodies(earlier: dict[str, Any], later: dict[str, Any]) -> Comparison:
    return compare(parts(earlier), parts(later))


def test_an_agents_next_step_extends_the_prompt_of_the_one_before():
    comparison = compare_bodies(ask(SYSTEM, ASK), ask(SYSTEM, ASK, CALL, RESULT))
    assert (comparison.kind, comparison.messages, comparison.place) == ("extends", 2, "")
    assert comparison.repeated == 0


def test_the_same_prompt_again_extends_it():
    assert compare_bodies(ask(ASK), ask(ASK)).kind == "extends"


def test_another_question_at_the_same_place_branches_off_and_repeats_nothing():
    comparison = compare_bodies(ask(SYSTEM, ASK), ask(SYSTEM, MORE))
    assert (comparison.kind, comparison.messages, comparison.place) == ("branches", 1, "messages[1] (user)")
    assert comparison.repeated == 0


def test_a_shorter_prompt_branches_off_at_its_end():
    comparison = compare_bodies(ask(SYSTEM, ASK, CALL, RESULT), ask(SYSTEM, ASK))
    assert (comparison.kind, comparison.place) == ("branches", "messages[2] (assistant)")


def test_the_time_in_the_instructions_breaks_the_prefix_and_is_shown():
    early, late = ({**SYSTEM, "content": f"It is {time}. " + str(SYSTEM["content"])} for time in ("12:01", "12:02"))
    comparison = compare_bodies(ask(early, ASK), ask(late, ASK, CALL, RESULT))
    assert (comparison.kind, comparison.messages, comparison.place) == ("breaks", 0, "messages[0] (system)")
    assert "It is 12:01. You are" in comparison.before
    assert "It is 12:02. You are" in comparison.after
    assert comparison.repeated > 300  # nearly all of the instructions, and the question


def test_thinking_that_is_dropped_breaks_the_prefix_at_its_message():
    dropped = {name: value for name, value in CALL.items() if name != "reasoning_content"}
    comparison = compare_bodies(ask(SYSTEM, ASK, CALL, RESULT), ask(SYSTEM, ASK, dropped, RESULT, MORE))
    assert (comparison.kind, comparison.place) == ("breaks", "messages[2] (assistant)")
    assert "I look it up." in comparison.before
    assert comparison.repeated > 500


def test_the_oldest_turn_forgotten_breaks_the_prefix_where_it_stood():
    first, answer = {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi " * 100}
    comparison = compare_bodies(ask(SYSTEM, first, answer, ASK), ask(SYSTEM, answer, ASK, CALL, RESULT))
    assert (comparison.kind, comparison.messages, comparison.place) == ("breaks", 1, "messages[1] (assistant)")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"model": "kimi-k3.1-pro"}, "model"),
        ({"reasoning_effort": "low"}, "effort"),
        ({"tools": [OTHER_TOOL, TOOL]}, "tools"),
    ],
)
def test_what_stands_before_all_messages_breaks_the_prefix_of_all_of_them(change: dict[str, Any], place: str):
    base = {"tools": [TOOL, OTHER_TOOL], "reasoning_effort": "max"}
    comparison = compare_bodies(ask(SYSTEM, ASK, **base), ask(SYSTEM, ASK, CALL, RESULT, **{**base, **change}))
    assert (comparison.kind, comparison.place, comparison.messages) == ("breaks", place, 0)


def test_arguments_written_with_other_spaces_break_the_prefix():
    function = {"name": "w", "arguments": '{"city": "Turku"}'}
    spaced = {**CALL, "tool_calls": [{"id": "w_0", "type": "function", "function": function}]}
    assert compare_bodies(ask(ASK, CALL, RESULT), ask(ASK, spaced, RESULT, MORE)).place == "messages[1] (assistant)"


def test_texts_around_a_difference_are_cut():
    comparison = compare_bodies(
        ask({"role": "user", "content": "a" * 500}), ask({"role": "user", "content": "b" * 500})
    )
    assert len(comparison.before) < 80
    assert comparison.before.endswith("…")


USAGE = {"prompt_tokens": 2000, "cached_tokens": 256, "completion_tokens": 10}


def test_what_was_read_anew_is_counted_in_the_platforms_steps_and_priced():
    lost = loss(Comparison("breaks", 1, 300, "tools", repeated=1000), "kimi-k3", USAGE)
    assert lost.tokens == 1280 - 256  # 1300 in whole steps of 256, less what did come from the cache
    assert lost.cost == pytest.approx(1024 * (3.00 - 0.30) / 1_000_000)


def test_a_prompt_shorter_than_a_step_loses_nothing():
    assert loss(Comparison("breaks", 0, 100, "tools", repeated=155), "kimi-k3", {"prompt_tokens": 300}).tokens == 0


def test_an_equal_prefix_that_was_not_in_the_cache_any_more_is_a_loss_too():
    assert loss(Comparison("extends", 3, 1024), "kimi-k3", {"prompt_tokens": 1100}).tokens == 1024


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": None, "cached_tokens": None},
        {"prompt_tokens": 10, "cached_tokens": 6001},
        {"prompt_tokens": 10.0},
        {"prompt_tokens": "10"},
    ],
)
def test_no_more_is_lost_than_was_read_whatever_the_usage_claims(usage: dict[str, Any]):
    lost = loss(Comparison("breaks", 0, 0, "tools", repeated=5000), "kimi-k3", usage)
    assert 0 <= lost.tokens <= 10


@pytest.mark.parametrize("model", [None, 7, "", "moonshotai/Kimi-K2.6", "no-such-model"])
def test_a_strange_model_is_compared_and_priced_like_k2_6(model: Any):
    body = ask(ASK) | {"model": model}
    assert parts(body)[0].text == "kimi-k2.6"


@pytest.mark.parametrize(
    "message",
    [{}, {"role": None}, {"role": "user", "content": 7}, {"role": "assistant", "tool_calls": "none"}, {"content": [1]}],
)
def test_messages_that_a_rule_would_refuse_can_be_compared(message: dict[str, Any]):
    for model in ("kimi-k3", "kimi-k2.6"):
        assert compare_bodies(ask(message) | {"model": model}, ask(message) | {"model": model}).kind == "extends"
