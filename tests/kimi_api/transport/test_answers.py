"""What came with a 200 where an answer belongs: the error says what the platform said, and in the caller's classes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from kimi_api._transport.answers import not_a_stream, read_answer
from kimi_api._transport.context import RequestContext
from kimi_api._transport.errors.translate import from_body
from kimi_api.errors import (
    KimiAPIError,
    KimiAuthenticationError,
    KimiBadRequestError,
    KimiContentFilterError,
    KimiNotFoundError,
    KimiOverloadedError,
    KimiPermissionError,
    KimiQuotaError,
    KimiRateLimitError,
)

HOST = "https://api.moonshot.ai/v1"
CONTEXT = RequestContext(HOST)
REQUEST = httpx.Request("POST", f"{HOST}/chat/completions")
ERROR = {"error": {"message": "the tokens are too many", "type": "invalid_request_error"}}


class OwnBadRequest(KimiBadRequestError):
    """A framework's own class."""


TYPES: Any = {KimiBadRequestError: OwnBadRequest}


def answer(content: bytes | str, content_type: str = "application/json") -> httpx.Response:
    headers = {"content-type": content_type, "msh-request-id": "req-7"}
    return httpx.Response(200, content=content, headers=headers, request=REQUEST)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(json.dumps(ERROR), "application/json"), ('["no event"]', "application/json"), ("<html>", "text/html")],
    ids=["an error", "other JSON", "a page"],
)
def test_an_error_in_place_of_a_stream_has_the_response_it_came_with(content: str, content_type: str) -> None:
    response = answer(content, content_type)
    error = not_a_stream(response, CONTEXT, None)
    assert isinstance(error, KimiAPIError)
    assert error.request_id == "req-7"
    assert error.response is not None
    assert error.response.headers["content-type"] == content_type
    assert error.request is REQUEST


@pytest.mark.parametrize("text", [True, False], ids=["as text", "as JSON"])
def test_an_error_in_place_of_an_answer_is_of_the_frameworks_class(text: bool) -> None:
    with pytest.raises(OwnBadRequest) as caught:
        read_answer(answer(json.dumps(ERROR)), CONTEXT, TYPES, text=text)  # type: ignore[arg-type]
    assert caught.value.request_id == "req-7"


@pytest.mark.parametrize("content", ["<html>", '{"choices": ['], ids=["a page", "cut short"])
def test_what_is_no_json_is_an_error_of_the_frameworks_class(content: str) -> None:
    with pytest.raises(KimiAPIError, match="the body is not JSON") as caught:
        read_answer(answer(content), CONTEXT, dict.fromkeys(_classes(content), OwnBadRequest), text=False)  # type: ignore[arg-type]
    assert isinstance(caught.value, OwnBadRequest)
    assert caught.value.retryable is False


def _classes(content: str) -> list[type[KimiAPIError]]:
    with pytest.raises(KimiAPIError) as caught:
        read_answer(answer(content), CONTEXT, None, text=False)  # type: ignore[arg-type]
    return [type(caught.value)]


def test_the_error_says_the_platforms_own_word_for_its_kind() -> None:
    error = from_body(ERROR, None, None, CONTEXT)
    assert error.type == "invalid_request_error"
    assert "with an error invalid_request_error: the tokens are too many" in str(error)


@pytest.mark.parametrize(
    ("kind", "cls", "status"),
    [
        ("invalid_request_error", KimiBadRequestError, 400),
        ("content_filter", KimiContentFilterError, 400),
        ("invalid_authentication_error", KimiAuthenticationError, 401),
        ("incorrect_api_key_error", KimiAuthenticationError, 401),
        ("permission_denied_error", KimiPermissionError, 403),
        ("resource_not_found_error", KimiNotFoundError, 404),
        ("engine_overloaded_error", KimiOverloadedError, 429),
        ("rate_limit_reached_error", KimiRateLimitError, 429),
        ("exceeded_current_quota_error", KimiQuotaError, 429),
    ],
)
def test_that_word_decides_the_class_and_the_status(kind: str, cls: type[KimiAPIError], status: int) -> None:
    error: Any = from_body({"error": {"message": "no", "type": kind}}, None, None, CONTEXT)
    assert (type(error), error.status_code) == (cls, status)


def test_what_is_no_stream_is_an_error_of_the_frameworks_class() -> None:
    response = answer("<html>", "text/html")
    types: Any = {type(not_a_stream(response, CONTEXT, None)): OwnBadRequest}
    assert type(not_a_stream(response, CONTEXT, types)) is OwnBadRequest


def test_an_error_without_a_word_for_its_kind_says_none() -> None:
    error = from_body({"error": {"message": "no"}}, None, None, CONTEXT)
    assert error.type is None
    assert "with an error: no." in str(error)
