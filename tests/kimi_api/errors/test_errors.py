"""What the platform answers when it says no -> a class, whether to try again, and what to do."""

from __future__ import annotations

import copy
import datetime
import io
import json
import logging
import pickle
import time
import traceback
from email.utils import formatdate
from typing import Any

import openai
import pytest

import kimi_api
from kimi_api import KimiClient, KimiInputError, KimiReplyError, errors
from kimi_api._transport.context import RequestContext
from kimi_api._transport.deadline import Deadline
from kimi_api._transport.errors.hints import hint_unreached
from kimi_api._transport.errors.translate import from_body, from_response, from_sdk
from kimi_api._transport.sdk.compat import transport
from kimi_emulator import Emulator, Failure

RawServer = Ways = Any  # the fixtures `raw` and `ways` of conftest.py
CHAT = "/chat/completions"
BODY = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hello"}]}
ACCOUNT = "Your account org-1234abcd_x-y<ak-5678efgh>"


def refusal(kind: str | None, message: str) -> dict[str, Any]:
    return {"error": {"message": message, **({"type": kind} if kind is not None else {})}}


def error_for(status: int, body: Any, context: RequestContext) -> errors.KimiStatusError:
    library = transport()
    response = library.Response(status, request=library.Request("POST", "http://h/v1"))
    return from_response(status, body, response, context)


TABLE: list[tuple[int, str | None, str, str, bool, str]] = [
    (
        400,
        "content_filter",
        "The request was rejected because it was considered high risk",
        "KimiContentFilterError",
        False,
        "wording",
    ),
    (
        400,
        "invalid_request_error",
        "invalid temperature: only 1 is allowed for this model",
        "KimiBadRequestError",
        False,
        "as the message says",
    ),
    (400, "invalid_request_error", "Input token length too long", "KimiContextOverflowError", False, "fewer tokens"),
    (
        400,
        "invalid_request_error",
        "Invalid request: Your request exceeded model token limit: 262144 (requested: 425573)",
        "KimiContextOverflowError",
        False,
        "fewer tokens",
    ),
    (
        400,
        "invalid_request_error",
        "model max length exceeded, max length:8192",
        "KimiContextOverflowError",
        False,
        "fewer tokens",
    ),
    (
        400,
        "invalid_request_error",
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
        "KimiBadRequestError",
        False,
        "reasoning_content",
    ),
    (401, "invalid_authentication_error", "Invalid Authentication", "KimiAuthenticationError", False, "the server at"),
    (401, "incorrect_api_key_error", "Incorrect API key provided", "KimiAuthenticationError", False, "the server at"),
    (401, None, "The API Key appears to be invalid or may have expired.", "KimiAuthenticationError", False, "key"),
    (403, "permission_denied_error", "no open api access", "KimiPermissionError", False, "sk-kimi-"),
    (
        403,
        "exceeded_current_quota_error",
        f"{ACCOUNT} is not active, exceeded current quota, please check your plan",
        "KimiQuotaError",
        False,
        "recharge",
    ),
    (
        403,
        "access_terminated_error",
        "Kimi For Coding is currently only available for Coding Agents",
        "KimiPermissionError",
        False,
        "Kimi Code",
    ),
    (
        404,
        "resource_not_found_error",
        "Not found the model kimi-not-exist or Permission denied",
        "KimiNotFoundError",
        False,
        "models served today",
    ),
    (404, "resource_not_found_error", "file not found", "KimiNotFoundError", False, "check the id"),
    (408, None, "slow", "KimiStatusError", True, "docs/api/errors"),
    (409, None, "conflict", "KimiStatusError", True, "docs/api/errors"),
    (413, "invalid_request_error", "Request exceeds the maximum size", "KimiStatusError", False, "ms://"),
    (422, None, "unprocessable", "KimiStatusError", False, "docs/api/errors"),
    (
        429,
        "engine_overloaded_error",
        "The engine is currently overloaded, please try again later",
        "KimiOverloadedError",
        True,
        "later",
    ),
    (
        429,
        "rate_limit_reached_error",
        f"{ACCOUNT} request reached organization max RPM: 3, please try again after 1 seconds",
        "KimiRateLimitError",
        True,
        "131,072",
    ),
    (
        429,
        "rate_limit_reached_error",
        f"{ACCOUNT} request reached max organization concurrency: 1, please try again after 1 seconds",
        "KimiRateLimitError",
        True,
        "slow down",
    ),
    (
        429,
        "rate_limit_reached_error",
        f"{ACCOUNT} request reached project TPD rate limit, current: 1410, limit: 100",
        "KimiRateLimitError",
        False,
        "slow down",
    ),
    (
        429,
        "exceeded_current_quota_error",
        f"{ACCOUNT} is suspended due to insufficient balance, please recharge your account",
        "KimiQuotaError",
        False,
        "recharge",
    ),
    (
        429,
        None,
        "You exceeded your current token quota: please check your account balance",
        "KimiQuotaError",
        False,
        "recharge",
    ),
    (499, "client_closed_request", "closed", "KimiStatusError", False, "docs/api/errors"),
    (500, "server_error", "oops", "KimiServerError", True, "try again"),
    (500, "unexpected_output", "the model's output broke a rule", "KimiServerError", True, "try again"),
    (500, "", "extract task failed: failed", "KimiServerError", False, "try again"),
    (502, None, "bad gateway", "KimiServerError", True, "try again"),
    (503, "server_unavailable", "unavailable", "KimiServerError", True, "try again"),
    (504, None, "Gateway Time-out", "KimiServerError", False, "stream"),
    (529, None, "overloaded", "KimiServerError", True, "try again"),
]


@pytest.mark.parametrize(
    ("status", "kind", "message", "name", "retryable", "hint"), TABLE, ids=[f"{r[0]}-{r[1]}-{r[2][:20]}" for r in TABLE]
)
def test_every_documented_failure_has_its_class_and_says_what_to_do(
    kimi: Emulator,
    client: KimiClient,
    status: int,
    kind: str | None,
    message: str,
    name: str,
    retryable: bool,
    hint: str,
) -> None:
    kimi.script(Failure(status, body=refusal(kind, message)))
    with pytest.raises(errors.KimiAPIError) as caught:
        client.request("POST", CHAT, body=BODY, max_retries=0)
    error = caught.value
    assert type(error) is getattr(errors, name)
    assert isinstance(error, errors.KimiStatusError)
    assert error.status_code == status
    assert error.type == (kind or None)
    assert error.retryable is retryable
    assert hint in error.hint
    assert hint in str(error)
    assert error.request_id
    assert error.trace_id
    assert "org-1234" not in str(error)
    assert "ak-5678" not in str(error)


@pytest.mark.parametrize(
    ("status", "sdk_class"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (418, openai.APIStatusError),
    ],
)
def test_handlers_written_for_the_sdk_keep_working(
    ways: Ways, raw: RawServer, raw_client: KimiClient, status: int, sdk_class: Any
) -> None:
    raw.say(raw.http(status, refusal("some_error", "no")))
    with pytest.raises(sdk_class) as caught:
        ways.request(raw_client, "POST", CHAT, body=BODY, max_retries=0)
    assert isinstance(caught.value, kimi_api.KimiError)
    with pytest.raises(sdk_class):
        ways.stream(raw_client, CHAT, body=BODY, max_retries=0)


@pytest.mark.parametrize(
    ("base_url", "own", "other_console", "other"),
    [
        ("https://api.moonshot.ai/v1", "platform.kimi.ai", "platform.kimi.com", "https://api.moonshot.cn/v1"),
        ("https://api.moonshot.cn/v1", "platform.kimi.com", "platform.kimi.ai", "https://api.moonshot.ai/v1"),
    ],
)
def test_a_wrong_key_names_the_other_region(base_url: str, own: str, other_console: str, other: str) -> None:
    context = RequestContext(base_url)
    error = error_for(401, refusal("invalid_authentication_error", "Invalid Authentication"), context)
    assert error.hint == (
        f"check the key, and its region: this one takes keys of https://{own}/console only; "
        f"if yours is from https://{other_console}/console, pass base_url={other!r}"
    )


@pytest.mark.parametrize("model", ["kimi-k2.5", "moonshotai/Kimi-K2.5", "kimi-latest"])
def test_a_retired_model_names_its_successor(model: str) -> None:
    body = refusal("resource_not_found_error", f"Not found the model {model} or Permission denied")
    error = error_for(404, body, RequestContext("https://api.moonshot.ai/v1", model))
    assert "was retired on" in error.hint
    assert "use kimi-k3" in error.hint


def test_a_model_that_ends_soon_names_its_successor_where_this_account_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Accounts registered from 2026-10-31 on get 404 for the K2 series before its last day."""
    monkeypatch.setattr("kimi_api.catalog.utc_today", lambda: datetime.date(2026, 11, 28))
    body = refusal("resource_not_found_error", "Not found the model kimi-k2.6 or Permission denied")
    hint = error_for(404, body, RequestContext("https://api.moonshot.ai/v1", "kimi-k2.6")).hint
    assert "kimi-k2.6 is planned to end on 2027-01-01" in hint
    assert "use kimi-k3" in hint
    assert "served today" not in hint


def test_an_unknown_model_gets_a_suggestion() -> None:
    body = refusal("resource_not_found_error", "Not found the model kimi-k33 or Permission denied")
    assert (
        "did you mean 'kimi-k3'" in error_for(404, body, RequestContext("https://api.moonshot.ai/v1", "kimi-k33")).hint
    )


def test_a_rate_limit_names_the_budget_that_was_asked_for() -> None:
    body = refusal("rate_limit_reached_error", "request reached organization max RPM: 3")
    assert "max_tokens=9000" in error_for(429, body, RequestContext("https://api.moonshot.ai/v1", "kimi-k3", 9000)).hint


# ---------------------------------------------------------------------------------------------------- odd bodies


def wrap_error(inner: dict[str, Any], code: int = 429) -> dict[str, Any]:
    metadata = {"raw": json.dumps(inner)}
    return {"error": {"message": "Error from provider: Provider returned error", "code": code, "metadata": metadata}}


@pytest.mark.parametrize("status", [429, 502, 400])
@pytest.mark.parametrize(
    ("kind", "message", "name"),
    [
        ("exceeded_current_quota_error", f"{ACCOUNT} is suspended", "KimiQuotaError"),
        ("engine_overloaded_error", "The engine is currently overloaded", "KimiOverloadedError"),
        ("rate_limit_reached_error", "max RPM: 3", "KimiRateLimitError"),
        ("content_filter", "high risk", "KimiContentFilterError"),
        ("invalid_authentication_error", "Invalid Authentication", "KimiAuthenticationError"),
    ],
)
def test_what_a_gateway_wraps_up_is_unwrapped_and_its_type_beats_the_status(
    status: int, kind: str, message: str, name: str
) -> None:
    error = error_for(status, wrap_error(refusal(kind, message)), RequestContext("http://h/v1"))
    assert type(error) is getattr(errors, name)
    assert error.type == kind
    assert error.status_code == status
    assert "Provider returned error" not in str(error)


def test_an_overflow_is_recognised_behind_a_gateways_status() -> None:
    inner = refusal("invalid_request_error", "Your request exceeded model token limit: 5 (requested: 6)")
    assert type(error_for(502, wrap_error(inner), RequestContext())) is errors.KimiContextOverflowError


@pytest.mark.parametrize("raw_text", ["{not json", "[]", '"text"', "{}"])
def test_a_wrapping_that_cannot_be_opened_is_shown_as_it_is(raw_text: str) -> None:
    body = {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": raw_text}}}
    assert "Provider returned error" in str(error_for(429, body, RequestContext()))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<html><head><title>504 Gateway Time-out</title></head></html>", "504 Gateway Time-out"),
        ({"detail": "model not loaded"}, "model not loaded"),
        ({"error": "just text"}, "just text"),
        ({"error": {}}, "without a readable error"),
        ([], "without a readable error"),
        (None, "without a readable error"),
        ("", "without a readable error"),
        ({"object": "error", "message": "from vllm", "type": "BadRequestError"}, "from vllm"),
    ],
)
def test_any_body_gives_a_readable_error(body: Any, text: str) -> None:
    error = error_for(504, body, RequestContext("http://h/v1"))
    assert text in str(error)
    assert "<html>" not in str(error)


@pytest.mark.parametrize("body", [{"message": "busy", "type": "engine_overloaded_error"}, None])
def test_an_error_event_that_the_sdk_raised_is_one_of_ours(body: Any) -> None:
    request = transport().Request("POST", "https://api.moonshot.ai/v1/chat/completions")
    error = from_sdk(openai.APIError("busy", request, body=body), RequestContext("https://api.moonshot.ai/v1"))
    assert type(error) is (errors.KimiOverloadedError if body else errors.KimiServerError)
    assert "busy" in str(error)
    assert error.request is request


def test_an_html_page_from_the_gateway(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    page = "<html>\n<body><center><h1>504 Gateway Time-out</h1></center><hr>nginx</body></html>"
    raw.say(raw.http(504, page, kind="text/html"))
    with pytest.raises(errors.KimiServerError, match="504 Gateway Time-out nginx") as caught:
        ways.request(raw_client, "POST", CHAT, body=BODY)
    assert caught.value.status_code == 504
    assert len(raw.requests) == 1


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_an_error_with_http_200_is_an_error(ways: Ways, raw: RawServer, raw_client: KimiClient, kind: str) -> None:
    raw.say(
        raw.http(200, refusal("exceeded_current_quota_error", "empty"), kind=kind, headers={"Msh-Request-Id": "r7"})
    )
    for text in (False, True):
        with pytest.raises(errors.KimiQuotaError) as caught:
            ways.request(raw_client, "GET", "/files/1/content", text=text)
        assert caught.value.request_id == "r7"
    assert len(raw.requests) == 2


def test_text_that_merely_speaks_of_an_error_is_text(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    for text in ('{"error": null, "id": 1}', '{"error":{"a":1},"custom_id":"x"}', '{"error":{}}\n{"error":{}}', ""):
        raw.say(raw.http(200, text, kind="text/plain"))
        assert ways.request(raw_client, "GET", "/files/1/content", text=True).body == text


@pytest.mark.parametrize("page", ["<html>portal</html>", '{"choices": [', ""])
def test_a_200_that_is_no_json_says_what_it_is(ways: Ways, raw: RawServer, raw_client: KimiClient, page: str) -> None:
    raw.say(raw.http(200, page, kind="text/html"))
    with pytest.raises(errors.KimiServerError, match="the body is not JSON"):
        ways.request(raw_client, "POST", CHAT, body=BODY, max_retries=0)


# ---------------------------------------------------------------------------------------------------- in streams


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ({"message": "The engine is currently overloaded", "type": "engine_overloaded_error"}, "KimiOverloadedError"),
        ({"message": "high risk", "type": "content_filter"}, "KimiContentFilterError"),
        ({"message": "Provider returned error", "code": 429}, "KimiRateLimitError"),
        ({"message": "gone", "code": 502}, "KimiServerError"),
        ({"message": "what", "type": "brand_new_error"}, "KimiServerError"),
        ("only text", "KimiServerError"),
    ],
)
def test_an_error_event_in_a_stream(ways: Ways, raw: RawServer, raw_client: KimiClient, error: Any, name: str) -> None:
    raw.say(raw.SSE_HEAD + raw.sse(raw.event(delta={"content": "a"}), {"error": error}))
    with pytest.raises(errors.KimiAPIError) as caught:
        ways.stream(raw_client, CHAT, body=BODY)
    assert type(caught.value) is getattr(errors, name)
    assert isinstance(caught.value, openai.APIError)
    assert (caught.value.request_id, caught.value.trace_id) == ("req-1", "trace-1")
    assert not caught.value.retryable, "a part of the answer has been given out"


def test_a_stream_answered_with_plain_json(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float]
) -> None:
    raw.say(raw.http(200, refusal("exceeded_current_quota_error", f"{ACCOUNT} is suspended")))
    with pytest.raises(errors.KimiQuotaError):
        ways.stream(raw_client, CHAT, body=BODY)
    assert len(raw.requests) == 1
    raw.say(raw.http(200, refusal("engine_overloaded_error", "busy")), raw.http(200, {"choices": [{}]}))
    with pytest.raises(errors.KimiServerError, match="expected an event stream, got application/json"):
        ways.stream(raw_client, CHAT, body=BODY, max_retries=1)
    assert len(raw.requests) == 2
    raw.say(raw.http(200, "<html></html>", kind="text/html"))
    with pytest.raises(errors.KimiServerError, match="expected an event stream, got text/html"):
        ways.stream(raw_client, CHAT, body=BODY)


def test_an_event_that_is_no_json(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    raw.say(raw.SSE_HEAD + raw.sse(raw.event(delta={"content": "a"}), '{"glued": 1}data: {"glued": 2}'))
    with pytest.raises(errors.KimiServerError, match="not JSON"):
        ways.stream(raw_client, CHAT, body=BODY)


def test_a_stream_that_is_cut_names_the_request(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    first = f"data: {json.dumps(raw.event(delta={'content': 'a'}))}\n\n".encode()
    head = b"HTTP/1.1 200 OK\r\nMsh-Request-Id: req-1\r\nContent-Type: text/event-stream\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    raw.say(head + b"%x\r\n%s\r\n" % (len(first), first))
    with pytest.raises(errors.KimiConnectionError, match="lost the connection") as caught:
        ways.stream(raw_client, CHAT, body=BODY)
    assert isinstance(caught.value, openai.APIConnectionError)
    assert caught.value.request_id == "req-1"
    assert caught.value.request.url.path == f"/v1{CHAT}"
    assert not caught.value.retryable
    assert len(raw.requests) == 1


@pytest.mark.parametrize(
    ("begun", "late", "broken"),
    [(False, "no answer in time from", "cannot reach"), (True, "no more bytes in time from", "lost the connection to")],
)
def test_a_failing_connection_is_told_by_how_far_the_answer_had_come(begun: bool, late: str, broken: str) -> None:
    library = transport()
    request = library.Request("POST", "http://h/v1")
    response = library.Response(200, request=request) if begun else None
    for error, words in (
        (openai.APITimeoutError(request), late),
        (openai.APIConnectionError(request=request), broken),
    ):
        ours: Any = from_sdk(error, RequestContext("http://h/v1"), None, response)
        assert str(ours).startswith(f"{words} http://h/v1: ")


@pytest.mark.parametrize(
    ("begun", "words", "request_id"), [(False, "no answer from", None), (True, "no complete answer from", "req-1")]
)
def test_a_call_whose_time_is_over_is_told_by_how_far_the_answer_had_come(
    begun: bool, words: str, request_id: str | None
) -> None:
    response = transport().Response(200, headers={"Msh-Request-Id": "req-1"}) if begun else None
    context = RequestContext("http://h/v1", deadline=Deadline(1.5))
    ours: Any = from_sdk(TimeoutError(), context, None, response)
    assert type(ours) is errors.KimiDeadlineError
    assert str(ours).startswith(f"{words} http://h/v1 within max_seconds=1.5")
    assert ours.request_id == request_id


# ---------------------------------------------------------------------------------------------------- secrets


def test_account_ids_and_keys_stay_out_of_logged_tracebacks(ways: Ways, raw: RawServer) -> None:
    client = KimiClient(api_key="sk-secret-key-1", base_url=raw.base_url)
    raw.say(
        raw.http(429, refusal("rate_limit_reached_error", f"{ACCOUNT} max RPM: 3; key sk-secret-key-1, proj-abcdef0"))
    )
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    for name in ("", "openai", "httpx", "httpx2"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        ways.request(client, "POST", CHAT, body=BODY, max_retries=0)
    except errors.KimiRateLimitError as error:
        text = "".join(traceback.format_exception(error)) + str(error) + repr(error)
    finally:
        for name in ("", "openai", "httpx", "httpx2"):
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(logging.NOTSET)
        logging.getLogger().setLevel(logging.WARNING)
    assert "org-***<ak-***>" in text
    for secret in ("org-1234", "ak-5678", "_x-y", "proj-abc", "sk-secret"):
        assert secret not in text
    assert "sk-secret" not in log.getvalue()


@pytest.mark.parametrize("status", [None, 429, 200])
def test_the_key_is_not_among_the_variables_of_a_traceback(ways: Ways, raw: RawServer, status: int | None) -> None:
    raw.say(raw.http(status, "oops") if status else lambda sock: sock.close())
    client = KimiClient(api_key="sk-" + "hidden-in-frames", base_url=raw.base_url, max_retries=0)
    with pytest.raises(errors.KimiAPIError) as caught:
        ways.request(client, "POST", CHAT, body=BODY)
    seen: BaseException | None = caught.value
    while seen is not None:
        trace = traceback.TracebackException.from_exception(seen, capture_locals=True)
        ours = [f for f in trace.stack if "tests" not in f.filename]
        assert not [f for f in ours if "hidden-in-frames" in str(f.locals)]
        seen = seen.__context__


def test_a_connection_error_keeps_its_cause(raw: RawServer) -> None:
    client = KimiClient(api_key="sk-x", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(errors.KimiConnectionError, match=r"cannot reach http://127\.0\.0\.1:9/v1") as caught:
        client.request("GET", "/models")
    assert caught.value.__cause__ is not None
    assert caught.value.retryable
    assert caught.value.request_id is None


def error_of(message: str, kind: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error_of("the request exceeds the available context size", "exceed_context_size_error")),
        (500, error_of("the request exceeds the available context size. try increasing it", "invalid_request_error")),
        (400, {"object": "error", "type": "BadRequestError", "message": "This model's maximum context length is 262144 "
               "tokens. However, you requested 300000 tokens (268928 in the messages)."}),
        (400, {"object": "error", "type": "BadRequestError",
               "message": "The input (300000 tokens) is longer than the model's context length (262144 tokens)."}),
        (400, error_of("Requested token count exceeds the model's maximum context length of 262144 tokens.")),
        (413, {"detail": "input length exceeds the context length"}),
        (422, {"detail": "input length exceeds the context length"}),
        (400, error_of("prompt too long; exceeded max context length by 4021 tokens", "invalid_request_error")),
        (400, error_of("You passed 98305 input tokens and requested 32768 output tokens. However, the model's context "
                       "length is only 131072 tokens.", "BadRequestError")),
        (400, error_of("total message size 2306631 exceeds limit 2097152", "invalid_request_error")),
        (400, {"error": {"message": "Your input is too long.", "type": "invalid_request_error",
                         "code": "context_length_exceeded"}}),
    ],
    ids=["llama.cpp", "llama.cpp older", "vLLM", "SGLang", "SGLang tokens", "Ollama", "FastAPI", "Ollama chat",
         "vLLM later", "Kimi Code", "OpenAI code"],
)  # fmt: skip
def test_an_overflow_is_recognised_in_the_words_of_other_hosts(status: int, body: Any) -> None:
    error = error_for(status, body, RequestContext("http://127.0.0.1:8000/v1"))
    assert type(error) is errors.KimiContextOverflowError
    assert not error.retryable


@pytest.mark.parametrize("message", ["context deadline exceeded", "tool context is too long a word", "size exceeded"])
def test_other_refusals_are_no_overflow(message: str) -> None:
    assert type(error_for(400, {"error": {"message": message}}, RequestContext())) is errors.KimiBadRequestError


# ---------------------------------------------------------------------------------------------------- retry-after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"llm_provider-retry-after": "7"}, 7.0),
        ({"llm_provider-msh-cooldown-seconds": "3"}, 3.0),
        ({"retry-after": "2", "llm_provider-retry-after": "7"}, 2.0),
        ({"retry-after": "Fri, 31 Dec 999999 23:59:59 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 99999999999 23:59:59 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 0000 00:00:00 GMT"}, 0.0),
        ({"retry-after": "inf"}, float("inf")),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after_of_whatever_kind_is_seconds_or_nothing(headers: dict[str, str], seconds: float | None) -> None:
    library = transport()
    response = library.Response(429, headers=headers, request=library.Request("POST", "http://h/v1"))
    error = from_response(
        429, {"error": {"message": "slow down", "type": "rate_limit_reached_error"}}, response, RequestContext()
    )
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "1"}, 1.0),
        ({"X-Retry-After": "2.5"}, 2.5),
        ({"Msh-Cooldown-Seconds": "3"}, 3.0),
        ({"Retry-After": "soon", "Msh-Cooldown-Seconds": "3"}, 3.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_how_long_the_server_asks_to_wait(
    raw: RawServer, raw_client: KimiClient, headers: dict[str, str], seconds: float | None
) -> None:
    raw.say(raw.http(429, refusal("engine_overloaded_error", "busy"), headers=headers))
    with pytest.raises(errors.KimiOverloadedError) as caught:
        raw_client.request("GET", "/models", max_retries=0)
    assert caught.value.retry_after == seconds


def test_retry_after_may_be_a_date(raw: RawServer, raw_client: KimiClient) -> None:
    raw.say(raw.http(503, {}, headers={"Retry-After": formatdate(time.time() + 40, usegmt=True)}))
    with pytest.raises(errors.KimiServerError) as caught:
        raw_client.request("GET", "/models", max_retries=0)
    assert caught.value.retry_after == pytest.approx(40, abs=3)


# ---------------------------------------------------------------------------------------------------- copies

REPLY_ERRORS = [
    KimiReplyError("bad", request_id="r"),
    errors.KimiIncompleteReplyError("cut"),
    errors.KimiToolChoiceError("none", request_id="r"),
    errors.KimiFileError("a.pdf", "broken", file_id="f1", status="failed"),
    KimiInputError("what", [1], "rule", "remedy"),
    errors.KimiKeyError("api_key", None, "rule", "remedy"),
]


@pytest.mark.parametrize("error", REPLY_ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_our_own_errors_cross_processes(error: Exception, again: Any) -> None:
    twin = again(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_the_platforms_errors_cross_processes(raw: RawServer, raw_client: KimiClient, again: Any) -> None:
    raw.say(
        raw.http(429, refusal("engine_overloaded_error", "busy"), headers={"Msh-Request-Id": "r7", "Retry-After": "2"})
    )
    with pytest.raises(errors.KimiOverloadedError) as caught:
        raw_client.request("GET", "/models", max_retries=0)
    twin = again(caught.value)
    assert type(twin) is errors.KimiOverloadedError
    assert str(twin) == str(caught.value)
    assert repr(twin) == repr(caught.value)
    for name in ("status_code", "type", "hint", "request_id", "retry_after", "retryable", "message", "body"):
        assert getattr(twin, name) == getattr(caught.value, name)


def test_timeouts_and_stream_errors_cross_processes() -> None:
    error = from_body({"error": {"message": "m", "type": "content_filter"}}, None, None, RequestContext("http://h/v1"))
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin), twin.status_code) == (errors.KimiContentFilterError, str(error), 400)


class OurOwnOverload(errors.KimiOverloadedError):
    """What an adapter derives."""


def test_a_frameworks_own_classes_are_raised_in_place_of_ours(ways: Ways, raw: RawServer) -> None:
    client = KimiClient(
        api_key="sk-x", base_url=raw.base_url, error_types=lambda: {errors.KimiOverloadedError: OurOwnOverload}
    )
    raw.say(raw.http(429, refusal("engine_overloaded_error", "busy")))
    with pytest.raises(OurOwnOverload) as caught:
        ways.request(client, "GET", "/models", max_retries=0)
    assert type(pickle.loads(pickle.dumps(caught.value))) is OurOwnOverload


@pytest.mark.parametrize(
    ("detail", "scheme", "connected", "advice"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "https", False, "with http:// in place of"),
        ("[SSL: RECORD_LAYER_FAILURE] record layer failure (_ssl.c:1016)", "https", False, "with http:// in place of"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "https", False, "SSL_CERT_FILE"),
        ("[Errno 104] Connection reset by peer", "http", True, "needs https://, not http://"),
        ("Server disconnected without sending a response", "http", True, "needs https://, not http://"),
        ("[Errno 104] Connection reset by peer", "https", True, "check the network, the proxy settings and base_url"),
        ("[Errno 111] Connection refused", "http", False, "check the network, the proxy settings and base_url"),
    ],
)
def test_a_wrong_scheme_is_named(detail: str, scheme: str, connected: bool, advice: str) -> None:
    hint = hint_unreached(detail, f"{scheme}://host.test/v1", {}, connected=connected)
    assert hint.startswith(advice) or advice in hint
    assert ("not http://" in hint) == ("not http://" in advice)


def test_tls_at_a_port_that_speaks_none(ways: Ways, kimi: Emulator) -> None:
    client = KimiClient(api_key="sk-x", base_url=kimi.base_url.replace("http:", "https:"), max_retries=0)
    with pytest.raises(errors.KimiConnectionError, match="that port does not speak TLS: write base_url with http://"):
        ways.request(client, "GET", "/models")


def test_plain_http_at_a_port_that_hangs_up_on_it(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    raw.say(lambda sock: None)
    with pytest.raises(errors.KimiConnectionError, match="a port that speaks TLS needs https://, not http://"):
        ways.request(raw_client, "GET", "/models", max_retries=0)


# ---------------------------------------------------------------------------------------------------- input errors


def test_an_input_error_shortens_long_values_in_its_text_only() -> None:
    error = KimiInputError("messages", "x" * 5000, "it is too long", "shorten it")
    assert len(str(error)) < 400
    assert error.value == "x" * 5000
    assert isinstance(error, ValueError)


def test_text_with_half_a_surrogate_pair_is_refused_before_sending(
    ways: Ways, kimi: Emulator, client: KimiClient
) -> None:
    body = {**BODY, "messages": [{"role": "user", "content": "broken \ud83d emoji"}]}
    with pytest.raises(KimiInputError, match="Unicode") as caught:
        ways.request(client, "POST", CHAT, body=body)
    assert "broken" in str(caught.value.value)
    with pytest.raises(KimiInputError, match="Unicode"):
        ways.stream(client, CHAT, body=body)
    assert kimi.requests == []


@pytest.mark.parametrize(
    ("status", "kind", "message", "advice"),
    [
        (401, "auth_error", "Invalid proxy server token passed", "with a key of http://gpu.example/v1"),
        (404, "NotFoundError", "The model `x` does not exist.", "http://gpu.example/v1/models lists the names"),
        (404, None, "Not Found", "most hosts it must end in /v1"),
        (405, None, "Method Not Allowed", "most hosts it must end in /v1"),
        (400, None, "400 The plain HTTP request was sent to HTTPS port nginx", "write base_url with https://"),
        (400, None, "Client sent an HTTP request to an HTTPS server.", "write base_url with https://"),
        (403, None, "no", "what this key may do at http://gpu.example/v1"),
        (429, "budget", "You exceeded your current quota", "credit of this key at http://gpu.example/v1"),
        (429, None, "slow down", "limits of this key at http://gpu.example/v1"),
        (400, "BadRequestError", "bad", "another dialect for http://gpu.example/v1"),
        (500, "server_error", "Failed to parse tool call arguments as JSON", "arguments that are not JSON"),
        (504, None, "Gateway Timeout", "the gateway at http://gpu.example/v1"),
    ],
)
def test_advice_names_the_host_that_answered(status: int, kind: str | None, message: str, advice: str) -> None:
    error = error_for(
        status, {"error": {"message": message, "type": kind}}, RequestContext("http://gpu.example/v1", "x")
    )
    assert advice in error.hint
    assert str(error).startswith(f"http://gpu.example/v1 answered {status}")
    assert "platform.kimi" not in str(error)


def test_an_answer_with_the_platforms_request_id_is_the_platforms_whatever_the_address() -> None:
    """A proxy of a company in front of Moonshot's host."""
    library = transport()
    request = library.Request("POST", "http://proxy.example/v1")
    response = library.Response(401, headers={"Msh-Request-Id": "r1"}, request=request)
    body = refusal("invalid_authentication_error", "Invalid Authentication")
    error = from_response(401, body, response, RequestContext("http://proxy.example/v1", "kimi-k3"))
    assert str(error).startswith("Kimi answered 401")


def test_litellms_name_for_an_overflow_is_understood() -> None:
    message = "litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - too many tokens"
    body = {"error": {"message": message, "type": None, "param": None, "code": "400"}}
    assert isinstance(
        error_for(400, body, RequestContext("http://gpu.example/v1", "x")), errors.KimiContextOverflowError
    )


@pytest.mark.parametrize(
    ("base_url", "environ", "hint"),
    [
        ("https://api.moonshot.ai/v1", {}, "check the network, the proxy settings and base_url"),
        (
            "https://api.moonshot.ai/v1",
            {"HTTPS_PROXY": "http://user:secret@proxy:3128"},
            "check the network, the proxy settings (HTTPS_PROXY is set) and base_url",
        ),
        (
            "https://api.moonshot.ai/v1",
            {"https_proxy": "http://proxy:3128", "ALL_PROXY": "socks5://proxy"},
            "check the network, the proxy settings (https_proxy, ALL_PROXY are set) and base_url",
        ),
        (
            "http://127.0.0.1:8080/v1",
            {"HTTP_PROXY": "http://proxy:3128"},
            "check the network, the proxy settings and base_url",
        ),
    ],
)
def test_who_is_not_reached_through_a_proxy_is_told_which_variable_names_it(
    base_url: str, environ: dict[str, str], hint: str
) -> None:
    assert hint_unreached("[Errno 111] Connection refused", base_url, environ) == hint


def test_a_certificate_that_is_not_trusted_is_told_from_a_network_that_is_down() -> None:
    detail = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)"
    assert "set SSL_CERT_FILE to a file with its certificate" in hint_unreached(
        detail, "https://api.moonshot.ai/v1", {}
    )


def test_half_a_surrogate_pair_is_written_out_in_errors_and_whole_characters_stay() -> None:
    for error in (
        errors.KimiReplyError("the host said \ud83d 你好 🌙"),
        from_body(
            {"error": {"message": "the host said \ud83d 你好 🌙"}}, None, None, RequestContext("http://h/v1"), None
        ),
    ):
        assert "the host said \\ud83d 你好 🌙" in str(error)
        assert str(error).encode()
