"""Thinking that a host leaves in the text, cut into deltas anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from kimi_api import ChatOptions, build_request
from kimi_api.chat._think_tags import feed_for, without_tags
from kimi_api.reply import ReplyBuilder, parse_reply

OTHER = build_request(ChatOptions(dialect="openai"), [{"role": "user", "content": "?"}])
OURS = build_request(ChatOptions(), [{"role": "user", "content": "?"}])
CASES = [
    ("<think>Look.</think>Seven.", "Look.", "Seven."),
    ("\n<think>\nLook.\n</think>\n\n Seven. ", "\nLook.\n", "Seven. "),
    ("<think></think>Seven.", None, "Seven."),
    ("</think>\nSeven.", None, "Seven."),
    ("<think>Cut off <b", "Cut off <b", ""),
    ("<think>a < b </thin c</think>d</think>e", "a < b </thin c", "d</think>e"),
    ("Seven <think>no</think>", None, "Seven <think>no</think>"),
    ("<thin", None, "<thin"),
    ("  ", None, "  "),
    ("<thinker>x", None, "<thinker>x"),
]


def event(content: str | None, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {**more} if content is None else {"content": content, **more}
    return {"id": "r", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(("text", "thinking", "answer"), CASES)
def test_tags_are_read_however_the_text_is_cut(text: str, thinking: str | None, answer: str, size: int) -> None:
    builder = ReplyBuilder()
    feed = feed_for(builder, OTHER)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    deltas = [feed(each) for each in [*map(event, pieces), event(None, "stop")]]
    reply = builder.finish()
    assert (reply.reasoning or None, reply.content) == (thinking, answer)
    assert "".join(delta.content for delta in deltas if delta) == answer
    assert "".join(delta.reasoning or "" for delta in deltas if delta) == (thinking or "")


@pytest.mark.parametrize(("text", "thinking", "answer"), CASES)
def test_tags_are_read_in_a_plain_answer(text: str, thinking: str | None, answer: str) -> None:
    body = {"id": "r", "choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    reply = parse_reply(without_tags(body, OTHER))
    assert (reply.reasoning or None, reply.content) == (thinking, answer)


def test_a_call_ends_what_is_held() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    builder = ReplyBuilder()
    feed = feed_for(builder, OTHER)
    for each in (event("<think>Look.</th"), event(None, tool_calls=[call]), event(None, "tool_calls")):
        feed(each)
    reply = builder.finish()
    assert (reply.reasoning, [call.name for call in reply.tool_calls]) == ("Look.</th", ["f"])


def test_a_host_that_takes_its_thinking_out_keeps_its_text() -> None:
    builder = ReplyBuilder()
    feed = feed_for(builder, OTHER)
    for each in (event("", reasoning="Look."), event("<think>is a tag</think>"), event(None, "stop")):
        feed(each)
    reply = builder.finish()
    assert (reply.reasoning, reply.content) == ("Look.", "<think>is a tag</think>")


def test_the_platforms_events_go_straight_to_the_builder() -> None:
    builder = ReplyBuilder()
    assert feed_for(builder, OURS) == builder.feed


@pytest.mark.parametrize("choices", [[], {}, "<think>a</think>b", [None], [3], None])
def test_a_body_without_a_readable_choice_is_left_for_the_reader_of_answers(choices: object) -> None:
    body = {"id": "x", "choices": choices}
    assert without_tags(body, OTHER) is body
