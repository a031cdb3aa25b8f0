"""What is sent again, after how long; and answers that are continued, or taken up where their stream broke."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from contract_kit import STREAMED, Adapter, Chat, user

from kimi_api import KimiAPIError, KimiError, KimiTimeoutError
from kimi_emulator import Emulator, Reply

Make = Callable[..., Chat]
TEXT = "你好 hello there my friend"
streamed_only = pytest.mark.ways(*STREAMED)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    "fault",
    [
        "http.429_retry_after",
        "http.429_overloaded",
        "http.503",
        "http.529",
        "http.408_text",
        "close.before_headers",
        "connect.reset",
    ],
)
def test_what_passes_is_not_seen(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.script(Reply(content=TEXT), Reply(content=TEXT))
    kimi.fail(fault)
    assert make().ask("?").text == TEXT
    assert kimi.pending_faults == []


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_n_retries_are_n_more_requests(kimi: Emulator, make: Make, retries: int) -> None:
    kimi.fail_at_rate(1.0, "http.503")
    assert isinstance(make(max_retries=retries).attempt("?").error, KimiAPIError)
    assert len(kimi.requests) == retries + 1


def test_waits_grow_and_are_never_shorter_than_the_server_asks(kimi: Emulator, make: Make, waits: list[float]) -> None:
    kimi.fail_at_rate(1.0, "http.429_overloaded")
    make(max_retries=4).attempt("?")
    assert len(kimi.requests) == 5
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits))
    waits.clear()
    kimi.reset()
    kimi.fail_at_rate(1.0, "http.429_cooldown_only")  # 2 seconds
    make(max_retries=1).attempt("?")
    assert waits[0] == 2.0


@pytest.mark.parametrize("fault", ["http.429_quota", "http.401_string_code", "http.empty_type", "http.413"])
def test_what_will_not_pass_is_never_sent_again(kimi: Emulator, make: Make, waits: list[float], fault: str) -> None:
    kimi.fail_at_rate(1.0, fault)
    assert make(max_retries=5).attempt("?").error is not None
    assert (len(kimi.requests), waits) == (1, [])


def test_a_time_out_after_sending_is_not_repeated(kimi: Emulator, make: Make, waits: list[float]) -> None:
    """The answer may have been made, and paid for, all the same."""
    kimi.fail_at_rate(1.0, "stall.before_headers")
    assert isinstance(make(timeout=0.2, max_retries=5).attempt("?").error, KimiTimeoutError)
    assert (len(kimi.requests), waits) == (1, [])


@streamed_only
def test_a_stream_is_repeated_only_before_its_first_piece(kimi: Emulator, make: Make, waits: list[float]) -> None:
    kimi.script(Reply(content=TEXT), Reply(content=TEXT))
    kimi.fail("sse.error_first")
    assert make().ask("?").text == TEXT
    assert (len(kimi.requests), len(waits)) == (2, 1)
    kimi.reset()
    kimi.script(Reply(content=TEXT))
    kimi.fail("sse.error_data")
    assert make().attempt("?").error is not None
    assert (len(kimi.requests), len(waits)) == (1, 1)


# ---------------------------------------------------------------------------------------------------- going on

COUNTED = "One two three four five six seven eight nine ten."


class Continuing:
    """A brain that writes on from the prefix of what it always says."""

    def answer(self, request: Any, context: Any) -> Reply:
        return Reply(content=COUNTED[len(context.prefix or "") :], reasoning="Hm.")


@pytest.fixture
def counting() -> Iterator[Emulator]:
    with Emulator(brain=Continuing()) as running:
        yield running


def test_an_answer_that_used_up_its_budget_is_continued_as_one(counting: Emulator, make: Make) -> None:
    chat = make(base_url=counting.base_url, api_key=counting.api_key, max_tokens=7, auto_continue=9)
    outcome = chat.ask("count")
    assert (outcome.text, outcome.reasoning, outcome.finish_reason) == (COUNTED, "Hm.", "stop")
    assert "".join(outcome.pieces) == COUNTED
    rounds = len(counting.chats)
    assert rounds > 2
    assert outcome.usage is not None
    assert outcome.usage.prompt_tokens > 87 * rounds
    assert outcome.usage.completion_tokens >= 7 * (rounds - 1)
    chat.ask([user("count"), outcome, user("again")], max_tokens=100)
    turn = counting.chats[-1]["messages"][1]
    assert (turn["content"], turn["reasoning_content"]) == (COUNTED, "Hm.")
    assert counting.report == []


def test_continuing_is_chosen_per_call_too(counting: Emulator, make: Make) -> None:
    host = {"base_url": counting.base_url, "api_key": counting.api_key, "max_tokens": 7}
    assert make(**host, auto_continue=9).ask("count", auto_continue=0).finish_reason == "length"
    assert make(**host).ask("count", auto_continue=9).text == COUNTED


@streamed_only
@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("fault", ["cut.answer", "cut.thinking", "cut.before_finish", "close.ends_early"])
def test_a_broken_stream_is_taken_up_where_it_broke(counting: Emulator, make: Make, fault: str) -> None:
    chat = make(base_url=counting.base_url, api_key=counting.api_key, resume_streams=1)
    counting.fail(fault)
    outcome = chat.ask("count")
    assert (outcome.text, outcome.finish_reason) == (COUNTED, "stop")
    assert "".join(outcome.pieces) == COUNTED
    assert len(counting.chats) == 2


@pytest.mark.parametrize("name", ["auto_continue", "resume_streams"])
def test_going_on_needs_the_platforms_own_mode(kimi: Emulator, adapter: Adapter, name: str) -> None:
    with pytest.raises(KimiError, match="Partial Mode"):
        adapter.make(dialect="vllm", **{name: 1}).ask("?")
    assert kimi.requests == []
