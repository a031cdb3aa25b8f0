"""What was received is never lost, whatever ends the call: a second request that fails, foreign errors, cancelling."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Chat, wire_tool

import kimi_api
from kimi_api import AccountLimits, KimiInputError, KimiLimitError, KimiWarning
from kimi_api.limits import MemoryStore
from kimi_emulator import Emulator, Failure, Reply

Make = Callable[..., Chat]
USAGE = {"prompt_tokens": 100, "completion_tokens": 11, "total_tokens": 111}
DEMAND: dict[str, Any] = {"tools": [wire_tool("look")], "tool_choice": "look"}

pytestmark = [
    pytest.mark.usefixtures("waits"),
    pytest.mark.filterwarnings("ignore::kimi_api.KimiWarning"),  # that the tool is only offered, that an answer is cut
]


class Refused(Exception):
    """What a guard raises."""


def refuse_from_second() -> Callable[[dict[str, Any]], None]:
    """A `before_send` that lets one request pass."""
    requests: list[Any] = []

    def guard(body: dict[str, Any]) -> None:
        requests.append(body)
        if len(requests) > 1:
            raise Refused("no more")

    return guard


def reply_with(content: str, **more: Any) -> Reply:
    return Reply(content=content, reasoning="Hm.", usage=USAGE, **more)


def error_of(chat: Chat, **call: Any) -> Any:
    """What a call raises, be it an error of ours or not."""
    with pytest.raises(BaseException) as caught:
        chat.ask("?", **call)
    return caught.value


def check(error: Any, content: str, tokens: int | None = 111) -> None:
    """`partial` is what came, and crosses processes."""
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert isinstance(each.partial, kimi_api.Reply)
        assert (each.partial.content, each.partial.reasoning) == (content, "Hm.")
        assert (each.partial.usage and each.partial.usage.total_tokens) == tokens


@pytest.mark.ways("plain", "aplain")
def test_an_empty_answer_before_one_that_is_refused(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with(""), Failure(401, "invalid_authentication_error", "no"))
    error = error_of(make())
    assert isinstance(error, kimi_api.KimiAuthenticationError)
    check(error, "")


@pytest.mark.ways("plain", "aplain")
def test_an_empty_answer_before_one_that_the_days_tokens_do_not_allow(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with(""), Reply("never"))
    limits = AccountLimits(tpd=1_500, store=MemoryStore())
    error = error_of(make(max_tokens=1_000, account_limits=limits))
    assert isinstance(error, KimiLimitError)
    check(error, "")


@pytest.mark.parametrize(
    "failure", [Failure(400, "invalid_request_error", "no"), Failure(500, "server_error", "oops")], ids=["400", "500"]
)
def test_an_answer_without_the_demanded_call_before_one_that_fails(
    kimi: Emulator, make: Make, failure: Failure
) -> None:
    kimi.script(reply_with("Turku."), failure)
    error = error_of(make(model="kimi-k2.7-code", max_retries=0), **DEMAND)
    assert isinstance(error, kimi_api.KimiAPIError)
    check(error, "Turku.")


def test_an_answer_without_the_demanded_call_before_one_that_breaks(kimi: Emulator, make: Make) -> None:
    """Nothing but thinking came of the second answer; it is the one that broke."""
    kimi.script(reply_with("Turku."), Reply("Helsinki", reasoning="Well, well, well.", fault="cut.thinking"))
    error = error_of(make(model="kimi-k2.7-code", max_retries=0), **DEMAND)
    assert "Well, well, well.".startswith(error.partial.reasoning)
    assert error.partial.usage.total_tokens == 111


def test_a_second_request_that_a_guard_refuses(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with("Turku."))
    error = error_of(make(model="kimi-k2.7-code", before_send=refuse_from_second()), **DEMAND)
    assert isinstance(error, Refused)
    check(error, "Turku.")


def test_a_continuation_that_a_guard_refuses(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with("One, ", finish_reason="length"))
    error = error_of(make(auto_continue=1, before_send=refuse_from_second()))
    assert isinstance(error, Refused)
    check(error, "One, ")


def test_a_broken_answer_whose_continuation_a_guard_refuses(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with("One two three four five", fault="cut.answer"))
    error = error_of(make(resume_streams=1, before_send=refuse_from_second()))
    assert isinstance(error, Refused)
    check(error, error.partial.content, None)
    assert "One two three four five".startswith(error.partial.content)
    assert error.partial.content


def test_a_key_that_can_no_longer_be_had(kimi: Emulator, make: Make) -> None:
    keys: list[str] = []

    def key() -> str:
        if kimi.chats:
            raise RuntimeError("the vault is closed")
        keys.append(kimi.api_key)
        return keys[0]

    kimi.script(reply_with("One, ", finish_reason="length"))
    error = error_of(make(api_key=key, auto_continue=1))
    assert isinstance(error, RuntimeError)
    check(error, "One, ")


def test_a_guard_with_a_partial_of_its_own_keeps_it(kimi: Emulator, make: Make) -> None:
    def guard(body: dict[str, Any]) -> None:
        if kimi.chats:
            raise asyncio.IncompleteReadError(b"half", 8)

    kimi.script(reply_with("One, ", finish_reason="length"))
    assert error_of(make(auto_continue=1, before_send=guard)).partial == b"half"


def test_an_error_before_anything_came_has_none(kimi: Emulator, make: Make) -> None:
    def guard(body: dict[str, Any]) -> None:
        raise Refused("no")

    assert getattr(error_of(make(before_send=guard)), "partial", None) is None
    error = error_of(make(), wire="pigeon")
    assert isinstance(error, KimiInputError)
    assert error.partial is None
    assert kimi.requests == []


def test_warnings_as_errors(kimi: Emulator, make: Make) -> None:
    """`python -W error` makes an error of what is said of an answer that is there."""
    kimi.script(reply_with("", finish_reason="length"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", KimiWarning)
        error = error_of(make())
    assert isinstance(error, KimiWarning)
    check(error, "")


@pytest.mark.ways("aplain", "astreamed")
@pytest.mark.parametrize("by", ["timeout", "cancel"])
def test_a_cancelled_task(kimi: Emulator, make: Make, by: str) -> None:
    kimi.script(reply_with("One two three four five", fault="stall.mid_stream"))
    chat = make()

    async def run() -> None:
        call = asyncio.ensure_future(chat.aask("?"))
        while not kimi.replies:  # noqa: ASYNC110 - the emulator says it in another thread
            await asyncio.sleep(0.01)
        if by == "cancel":
            await asyncio.sleep(0.2)
            call.cancel()
            await call
        async with asyncio.timeout(0.2):
            await call

    with pytest.raises((asyncio.CancelledError, TimeoutError)) as caught:
        asyncio.run(run())
    error: Any = caught.value if by == "cancel" else caught.value.__cause__
    check(error, error.partial.content, None)
    assert "One two three four five".startswith(error.partial.content)
    assert error.partial.content


@pytest.mark.ways("plain", "streamed")
def test_ctrl_c(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with("One two three four five", fault="stall.mid_stream"))
    chat = make()

    def interrupt() -> None:
        while not kimi.replies:
            waiting.wait(0.01)
        waiting.wait(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    waiting = threading.Event()
    thread = threading.Thread(target=interrupt)
    thread.start()
    error = error_of(chat)
    thread.join()
    assert isinstance(error, KeyboardInterrupt)
    check(error, error.partial.content, None)
    assert error.partial.content  # type: ignore[attr-defined]


def test_errors_of_ours_keep_notes_and_what_came_when_they_cross_processes() -> None:
    for error in (
        KimiInputError("a", 1, "b", "c"),
        KimiLimitError("a"),
        kimi_api.KimiFileError("a", "b"),
        kimi_api.KimiBatchError("a", "b", "c"),
    ):
        error.add_note("a note")
        error.partial = kimi_api.Reply(content="One, ")
        twin = pickle.loads(pickle.dumps(error))
        assert (type(twin), str(twin)) == (type(error), str(error))
        assert (twin.partial, twin.__notes__) == (error.partial, ["a note"])
