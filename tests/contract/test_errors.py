"""Errors: classes that are ours and the SDK's, what to do next, and what is said of answers that look like ones."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import date
from typing import Any

import openai
import pytest
from contract_kit import STREAMED, Chat

import kimi_api
from kimi_api import (
    KimiConnectionError,
    KimiContextOverflowError,
    KimiError,
    KimiIncompleteReplyError,
    KimiNotFoundError,
    KimiRateLimitError,
    KimiTimeoutError,
    KimiWarning,
)
from kimi_emulator import Emulator, Failure, Reply

Make = Callable[..., Chat]
TEXT, THOUGHT = "你好 hello there my friend", "let me think about it"
streamed_only = pytest.mark.ways(*STREAMED)
OVERFLOW = "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)"
CLASSES: list[Any] = [
    (400, "invalid_request_error", "bad", "BadRequest", openai.BadRequestError),
    (400, "invalid_request_error", OVERFLOW, "ContextOverflow", openai.BadRequestError),
    (400, "content_filter", "high risk", "ContentFilter", openai.BadRequestError),
    (401, "invalid_authentication_error", "Invalid Authentication", "Authentication", openai.AuthenticationError),
    (403, "permission_denied_error", "no", "Permission", openai.PermissionDeniedError),
    (404, "resource_not_found_error", "Not found", "NotFound", openai.NotFoundError),
    (429, "rate_limit_reached_error", "max RPM: 3", "RateLimit", openai.RateLimitError),
    (429, "engine_overloaded_error", "busy", "Overloaded", openai.RateLimitError),
    (429, "exceeded_current_quota_error", "empty", "Quota", openai.RateLimitError),
    (500, "server_error", "oops", "Server", openai.InternalServerError),
]


@pytest.mark.parametrize(("status", "kind", "text", "name", "sdk"), CLASSES)
def test_each_failure_is_ours_and_the_sdks(
    kimi: Emulator, make: Make, status: int, kind: str, text: str, name: str, sdk: type[Exception]
) -> None:
    kimi.script(Failure(status, kind, text))
    error: Any = make(max_retries=0).attempt("?").error
    assert isinstance(error, getattr(kimi_api, f"Kimi{name}Error"))
    assert isinstance(error, sdk)
    assert (error.status_code, error.response.status_code, error.body["type"]) == (status, status, kind)
    assert error.request_id
    assert error.hint
    assert error.hint in str(error)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(twin), str(twin)) == (type(error), str(error))
        assert (twin.status_code, twin.request_id, twin.hint) == (status, error.request_id, error.hint)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure(401, "x", "It has expired."), "check the key"),
        (Failure(408, body="Request Timeout"), "try again: nothing was done"),
        (Failure(400, "invalid_request_error", "file f1 not found"), "upload the image or video again"),
        (Failure(404, "x", "Not found the endpoint POST /x"), "on Moonshot's hosts it must end in /v1"),
        (Failure(400, "invalid_request_error", OVERFLOW), "262144"),
    ],
)
def test_an_error_says_what_to_do(kimi: Emulator, make: Make, failure: Failure, words: str) -> None:
    kimi.script(failure)
    assert words in str(make(max_retries=0).attempt("?").error)


def test_a_retired_model_names_its_successor(make: Make) -> None:
    with Emulator(today=date(2027, 2, 1)) as kimi:
        error = make(base_url=kimi.base_url, api_key=kimi.api_key, model="kimi-k2.7-code").attempt("?").error
    assert isinstance(error, KimiNotFoundError)
    assert "kimi-k3" in str(error)


def test_a_rate_limit_of_the_lowest_tier_names_the_default_budget(make: Make) -> None:
    """A request counts with all that it might answer: 131,072 tokens unless told otherwise."""
    with Emulator(tier=0) as kimi:
        chat = make(base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0)
        errors = [chat.attempt("?").error for _ in range(5)]
    (refusal,) = {
        str(error) for error in errors if isinstance(error, KimiRateLimitError) and "131,072" in str(error)
    } or {None}
    assert refusal is not None, [str(error) for error in errors]


def test_ids_of_account_and_key_are_not_part_of_the_message(kimi: Emulator, make: Make) -> None:
    kimi.script(Failure(401, "invalid_authentication_error", "Your account org-0123456789<ak-9876543210> is unknown"))
    error = make().attempt("?").error
    assert "0123456789" not in f"{error}{error!r}"
    assert "9876543210" not in f"{error}{error!r}"


def test_a_full_window_is_an_error_of_its_own(kimi: Emulator, make: Make) -> None:
    kimi.script(Failure(400, "invalid_request_error", OVERFLOW))
    assert isinstance(make().attempt("?").error, KimiContextOverflowError)


def test_no_connection(make: Make) -> None:
    error: Any = make(base_url="http://127.0.0.1:9/v1", max_retries=0).attempt("?").error
    assert isinstance(error, KimiConnectionError)
    assert isinstance(error, openai.APIConnectionError)
    assert type(pickle.loads(pickle.dumps(error))) is type(error)


def test_a_silent_host_is_a_time_out(kimi: Emulator, make: Make) -> None:
    kimi.fail("stall.before_headers")
    error = make(timeout=0.2).attempt("?").error
    assert isinstance(error, KimiTimeoutError)
    assert isinstance(error, openai.APITimeoutError)
    assert "raise timeout" in str(error)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    ("fault", "name", "remedy"),
    [
        ("http.429_quota", "Quota", "recharge the account"),
        ("http.gateway_raw", "Quota", "recharge the account"),
        ("http.403_quota_2025", "Quota", "recharge the account"),
        ("http.401_string_code", "Authentication", "check the key"),
        ("http.504_html", "Server", "stream long calls"),
        ("http.200_html", "Server", "check base_url"),
        ("close.mid_event", "Connection", "send the request again"),
        ("body.truncated", "Server", "try again"),
    ],
)
def test_what_does_not_pass_is_an_error_with_a_remedy_after_one_request(
    kimi: Emulator, make: Make, fault: str, name: str, remedy: str
) -> None:
    kimi.fail(fault)
    error = make().attempt("?").error
    assert isinstance(error, getattr(kimi_api, f"Kimi{name}Error"))
    assert remedy in str(error)
    assert len(kimi.requests) == 1


# ---------------------------------------------------------------------------------------------------- streams


@streamed_only
@pytest.mark.parametrize("fault", ["cut.thinking", "cut.answer", "sse.error_data", "sse.glued", "close.ends_early"])
def test_a_stream_that_breaks_shows_its_beginning_and_raises(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.script(Reply(content=TEXT, reasoning=THOUGHT))
    kimi.fail(fault)
    outcome = make().attempt("?")
    assert isinstance(outcome.error, KimiError)
    assert outcome.pieces
    assert TEXT.startswith(outcome.text)
    assert THOUGHT.startswith(outcome.reasoning or "?")
    assert outcome.finish_reason is None
    assert len(kimi.requests) == 1


@streamed_only
def test_a_stream_without_an_end_is_no_answer(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content=TEXT))
    kimi.fail("close.ends_early")
    assert isinstance(make().attempt("?").error, KimiIncompleteReplyError)


@streamed_only
def test_a_stream_that_falls_silent_is_a_time_out(kimi: Emulator, make: Make) -> None:
    kimi.fail("stall.mid_stream")
    error = make(timeout=0.2).attempt("?").error
    assert isinstance(error, KimiTimeoutError)
    assert str(error).startswith(f"no more bytes in time from {kimi.base_url}: ")
    assert len(kimi.requests) == 1


@streamed_only
@pytest.mark.parametrize(
    "fault",
    ["cut.before_done", "close.without_done", "finish.every_chunk", "usage.late", "usage.float", "keys.unknown"],
)
def test_odd_endings_change_nothing(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.script(Reply(content=TEXT, reasoning=THOUGHT))
    kimi.fail(fault)
    outcome = make().ask("?")
    assert (outcome.text, outcome.reasoning, outcome.finish_reason) == (TEXT, THOUGHT, "stop")
    assert outcome.usage is not None
    assert outcome.usage.prompt_tokens > 80
    assert isinstance(outcome.usage.total_tokens, int)


# ---------------------------------------------------------------------------------------------------- odd answers


@pytest.mark.parametrize("fault", ["answer.empty", "answer.thinking_only"])
def test_an_empty_answer_that_is_wanted_is_not_silent(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.fail(fault)
    with pytest.warns(KimiWarning, match="neither an answer nor a tool call"):
        outcome = make(empty_answers="warn").ask("?")
    assert (outcome.text, outcome.finish_reason) == ("", "stop")


def test_marks_of_thinking_in_the_text_are_not_silent(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content=TEXT))
    kimi.fail("answer.stray_think")
    with pytest.warns(KimiWarning, match="tags of its thinking"):
        make().ask("?")


def test_a_finish_reason_that_is_new_passes_through(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content=TEXT, finish_reason="sensitive"))
    assert make().ask("?").finish_reason == "sensitive"


def test_text_that_cannot_be_encoded_is_refused_before_sending(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiError, match="half a surrogate pair"):
        make().ask("bad \ud800 text")
    assert kimi.requests == []
