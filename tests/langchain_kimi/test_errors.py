"""Each failure is Kimi's error, the SDK's and LangChain's at once, and crosses processes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import openai
import pytest
from langchain_core import exceptions as core
from langchain_core.callbacks import BaseCallbackHandler

import kimi_api
from kimi_api import KimiEmptyReplyError, KimiReplyTooLongError
from kimi_api._transport.sdk.compat import transport
from kimi_emulator import Emulator, Failure
from langchain_kimi import ChatKimi, errors

OVERFLOW = "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)"
CASES: list[Any] = [
    (400, "invalid_request_error", "bad", "BadRequest", openai.BadRequestError, core.ModelInvalidRequestError, False),
    (
        400,
        "invalid_request_error",
        OVERFLOW,
        "ContextOverflow",
        openai.BadRequestError,
        core.ContextOverflowError,
        False,
    ),
    (
        400,
        "content_filter",
        "high risk",
        "ContentFilter",
        openai.BadRequestError,
        core.ModelInvalidRequestError,
        False,
    ),
    (
        401,
        "invalid_authentication_error",
        "Invalid Authentication",
        "Authentication",
        openai.AuthenticationError,
        core.ModelAuthenticationError,
        False,
    ),
    (
        403,
        "permission_denied_error",
        "no",
        "Permission",
        openai.PermissionDeniedError,
        core.ModelPermissionDeniedError,
        False,
    ),
    (404, "resource_not_found_error", "Not found", "NotFound", openai.NotFoundError, core.ModelNotFoundError, False),
    (429, "rate_limit_reached_error", "max RPM: 3", "RateLimit", openai.RateLimitError, core.ModelRateLimitError, True),
    (429, "rate_limit_reached_error", "TPD limit", "RateLimit", openai.RateLimitError, core.ModelRateLimitError, False),
    (429, "engine_overloaded_error", "busy", "Overloaded", openai.RateLimitError, core.ModelRateLimitError, True),
    (429, "exceeded_current_quota_error", "empty", "Quota", openai.RateLimitError, core.ModelRateLimitError, False),
    (500, "server_error", "oops", "Server", openai.InternalServerError, core.ModelAPIError, True),
]


@pytest.mark.parametrize(("status", "kind", "text", "name", "sdk", "langchain", "retryable"), CASES)
@pytest.mark.parametrize("streamed", [False, True])
def test_error_classes(
    kimi: Emulator,
    make: Callable[..., ChatKimi],
    status: int,
    kind: str,
    text: str,
    name: str,
    sdk: type[Exception],
    langchain: type[Exception],
    retryable: bool,
    streamed: bool,
) -> None:
    kimi.script(Failure(status, kind, text))
    llm = make(max_retries=0)
    with pytest.raises(langchain) as caught:
        _ = list(llm.stream("?")) if streamed else llm.invoke("?")
    error: Any = caught.value
    assert type(error) is getattr(errors, f"ChatKimi{name}Error")
    assert isinstance(error, getattr(kimi_api, f"Kimi{name}Error"))
    assert isinstance(error, sdk)
    assert isinstance(error, core.ModelError)
    assert error.is_retryable is retryable
    assert error.status_code == status
    assert error.response.status_code == status
    assert error.body["type"] == kind
    assert error.request_id
    assert error.hint in str(error)
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(copied) is type(error)
        assert str(copied) == str(error)
        assert (copied.status_code, copied.request_id, copied.is_retryable) == (status, error.request_id, retryable)


@pytest.mark.skipif(not hasattr(core, "ModelRefusalError"), reason="came with langchain-core 1.7.5")
def test_refused_content_is_a_refusal_to_code_that_knows_cores_class(
    kimi: Emulator, make: Callable[..., ChatKimi]
) -> None:
    kimi.script(Failure(400, "content_filter", "high risk"))
    with pytest.raises(core.ModelRefusalError) as caught:
        make().invoke("?")
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert error.raw_message is None  # there is no answer, and handlers read it


def test_no_connection() -> None:
    llm = ChatKimi(api_key="sk-test", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(core.ModelConnectionError) as caught:
        llm.invoke("?")
    error: Any = caught.value
    assert isinstance(error, errors.ChatKimiConnectionError)
    assert isinstance(error, openai.APIConnectionError)
    assert error.is_retryable is True
    assert type(pickle.loads(pickle.dumps(error))) is type(error)


def test_time_out_may_be_retried_by_others_but_not_by_us(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    def silent(request: Any) -> Any:
        raise transport().ReadTimeout("nothing came", request=request)

    with transport().Client(transport=transport().MockTransport(silent)) as client:
        llm = make(http_client=client)
        with pytest.raises(core.ModelTimeoutError) as caught:
            llm.invoke("?")
    error: Any = caught.value
    assert isinstance(error, openai.APITimeoutError)
    assert (error.retryable, error.is_retryable) == (False, True)


def test_callbacks_see_the_response(kimi: Emulator, llm: ChatKimi) -> None:
    seen: list[Any] = []

    class Listener(BaseCallbackHandler):
        def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
            seen.append((error, kwargs["response"].generations[0][0].message.response_metadata))

    kimi.script(Failure(400, "invalid_request_error", "bad"))
    with pytest.raises(errors.ChatKimiBadRequestError):
        llm.invoke("?", config={"callbacks": [Listener()]})
    ((error, metadata),) = seen
    assert isinstance(error, errors.ChatKimiBadRequestError)
    assert metadata["status_code"] == 400


def test_every_error_of_kimi_api_has_its_twin() -> None:
    from kimi_api.errors import _sdk

    error_classes = {
        value for value in vars(_sdk).values() if isinstance(value, type) and issubclass(value, _sdk.KimiAPIError)
    }
    twins = errors.error_types()
    assert set(twins) == {*error_classes, KimiEmptyReplyError, KimiReplyTooLongError}
    for ours, twin in twins.items():
        assert issubclass(twin, ours)
        assert issubclass(twin, core.ModelError)


def test_every_error_crosses_processes(kimi: Emulator) -> None:
    request = transport().Request("POST", kimi.base_url)
    examples: list[Any] = []
    for name in errors.__all__:
        cls: Any = getattr(errors, name)
        if issubclass(cls, kimi_api.KimiInputError):
            examples.append(cls("temperature", 3, "it is 1", "leave it out"))
        elif issubclass(cls, kimi_api.KimiLimitError):
            examples.append(cls("no tokens left today", limit="tpd", retry_after=60.0))
        elif issubclass(cls, errors.KimiStructuredOutputError):
            examples.append(cls("no object", llm_output="text", request_id="r1"))
        elif issubclass(cls, KimiReplyTooLongError):
            examples.append(cls("too long", bound="event", limit=32.0, request_id="r1"))
        elif issubclass(cls, KimiEmptyReplyError):
            examples.append(cls("nothing", request_id="r1"))
        elif issubclass(cls, openai.APITimeoutError):
            examples.append(cls(request))
        elif issubclass(cls, openai.APIConnectionError):
            examples.append(cls(message="gone", request=request))
        else:
            body = {"message": "no", "type": "some_error"}
            examples.append(cls("no", response=transport().Response(400, request=request), body=body))
    script = "import pickle, sys; print([f'{type(e).__name__}: {e}' for e in pickle.load(sys.stdin.buffer)])"
    done = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(examples), capture_output=True, check=True)
    assert done.stdout.decode().strip() == str([f"{type(error).__name__}: {error}" for error in examples])


def test_errors_are_exported_by_name() -> None:
    assert all(isinstance(getattr(errors, name), type) for name in errors.__all__)
    with pytest.raises(AttributeError):
        _ = errors.NoSuchError  # type: ignore[attr-defined]
