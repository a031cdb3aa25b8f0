"""The key is seen by the platform alone, and the platform sees nothing that belongs to OpenAI."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Chat, Way
from pydantic import SecretStr
from raw_server import RawServer

from kimi_api import KimiAuthenticationError, KimiError, KimiInputError, KimiKeyError
from kimi_emulator import Emulator

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]
KEY = "sk-test-very-secret-0123456789"


@pytest.mark.parametrize("key", [KEY, SecretStr(KEY), lambda: KEY], ids=["str", "SecretStr", "function"])
def test_the_key_is_shown_nowhere(
    kimi: Emulator, make: Make, adapter: Adapter, key: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    chat = make(api_key=key)
    with pytest.raises(KimiAuthenticationError) as caught:
        chat.ask("hello")
    error: Any = caught.value
    error_texts = [str(error), repr(error), repr(error.body), "".join(traceback.format_exception(error)), caplog.text]
    texts = [*adapter.dumps(chat.native), repr(chat.native.client), *error_texts]
    assert [text for text in texts if KEY in text] == []
    assert kimi.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_headers_may_be_a_gateways_key_and_are_not_shown(kimi: Emulator, adapter: Adapter) -> None:
    chat = adapter.make(default_headers={"X-Gateway-Key": KEY})
    for native in (chat.native, pickle.loads(pickle.dumps(chat.native))):
        adapter.chat(native).ask("hello")
    assert [text for text in adapter.dumps(chat.native) if KEY in text] == []
    assert [request.headers["x-gateway-key"] for request in kimi.requests] == [KEY, KEY]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (None, "MOONSHOT_API_KEY"),
        ("", "not empty"),
        ("   ", "not empty"),
        ("sk-secret-one\nsk-secret-two", "one line"),
        ("sk secret", "one ASCII word"),
        ("sk-sécret", "one ASCII word"),
    ],
)
def test_an_unusable_key_is_refused_at_construction_without_being_shown(
    kimi: Emulator, adapter: Adapter, key: str | None, words: str
) -> None:
    for act in (lambda: adapter.make(api_key=key), lambda: adapter.loader([], api_key=key)):
        with pytest.raises(KimiKeyError, match=words) as caught:
            act()
        assert "secret" not in str(caught.value)
        assert caught.value.remedy in str(caught.value)
    assert kimi.requests == []


@pytest.mark.parametrize("key", ["", " ", None, "two words"])
def test_a_key_function_that_gives_no_key_is_an_error_of_the_call(kimi: Emulator, make: Make, key: Any) -> None:
    with pytest.raises(KimiKeyError, match="the api_key function"):
        make(api_key=lambda: key).ask("hello")
    assert kimi.requests == []


def test_a_key_function_is_asked_before_each_request(kimi: Emulator, make: Make) -> None:
    keys = iter(["sk-test-first", "sk-test-second"])
    chat = make(api_key=lambda: next(keys))
    for _ in range(2):
        chat.attempt("hello")
    assert [request.headers["authorization"] for request in kimi.requests] == [
        "Bearer sk-test-first",
        "Bearer sk-test-second",
    ]


@pytest.mark.parametrize("variable", ["MOONSHOT_API_KEY", "KIMI_API_KEY"])
@pytest.mark.parametrize("address", ["MOONSHOT_BASE_URL", "MOONSHOT_API_BASE"])
def test_key_and_address_come_from_the_environment_and_are_not_kept(
    kimi: Emulator, adapter: Adapter, monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    monkeypatch.setenv(variable, kimi.api_key)
    monkeypatch.setenv(address, kimi.base_url)
    native = adapter.model_class()
    assert adapter.chat(native).ask("hello").text
    assert kimi.api_key not in repr(vars(native))
    pickled = pickle.dumps(native)
    assert kimi.api_key.encode() not in pickled
    assert adapter.chat(pickle.loads(pickled)).ask("hello").text  # read there again
    monkeypatch.delenv(variable)
    with pytest.raises(KimiKeyError):
        adapter.chat(pickle.loads(pickled)).ask("hello")


def test_a_key_that_was_passed_in_travels_with_a_pickle(kimi: Emulator, adapter: Adapter) -> None:
    """Worker processes need it."""
    twin = pickle.loads(pickle.dumps(adapter.make().native))
    assert adapter.chat(twin).ask("hello").text
    assert [text for text in adapter.dumps(twin) if kimi.api_key in text] == []


def test_nothing_of_openai_reaches_the_platform(kimi: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "sk-test-openai-key",
        "OPENAI_ADMIN_KEY": "sk-test-openai-admin",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_ORG_ID": "org-openai",
        "OPENAI_PROJECT_ID": "proj-openai",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-test-openai-custom\nX-Openai-Secret: 1",
    }.items():
        monkeypatch.setenv(name, value)
    # SDK clients read the variables when they are made, so the address must be one that none was made for.
    with Emulator() as fresh:
        assert make(base_url=fresh.base_url, api_key=fresh.api_key).ask("hello").text
        (request,) = fresh.requests
    assert request.headers["authorization"] == f"Bearer {fresh.api_key}"
    assert "openai" not in json.dumps(dict(request.headers)).replace("kimi-integrations", "").lower()


def test_no_key_of_openai_stands_in_for_a_missing_one(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-openai-key")
    with pytest.raises(KimiKeyError, match="MOONSHOT_API_KEY"):
        adapter.model_class()


def test_a_setting_of_the_wrong_type_is_refused_without_printing_the_key(adapter: Adapter) -> None:
    with pytest.raises(ValueError, match=r"api_key|temperature") as caught:
        adapter.make(api_key=["sk-secret"], temperature="hot")
    assert "sk-secret" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------- errors

ORG, AK, GATEWAY = "org-0123456789abcdef", "ak-9876543210fedcba", "hostkey_0123456789"
WORDS = f"Your account {ORG}<{AK}> with key {GATEWAY} is unknown"
REFUSAL = {"error": {"message": WORDS, "type": "invalid_authentication_error", "param": {"account": [ORG]}}}


def _error_in_a_stream(raw: RawServer) -> str:
    return raw.SSE_HEAD + raw.sse(raw.event(delta={"content": "Hel"}), REFUSAL)


TELLTALES: dict[str, Callable[[RawServer], bytes | str]] = {
    "status": lambda raw: raw.http(401, REFUSAL, headers={"Msh-Org": ORG, "Set-Cookie": f"key={GATEWAY}"}),
    "gateway": lambda raw: raw.http(429, {"error": {"metadata": {"raw": json.dumps(REFUSAL)}, "message": "?"}}),
    "plain words": lambda raw: raw.http(403, WORDS, kind="text/plain"),
    "page": lambda raw: raw.http(502, f"<html>{WORDS}</html>", kind="text/html"),
    "page with 200": lambda raw: raw.http(200, f"<html>{WORDS}</html>", kind="text/html"),
    "error with 200": lambda raw: raw.http(200, REFUSAL),
    "error in a stream": _error_in_a_stream,
    "error event": lambda raw: raw.SSE_HEAD + f"event: error\ndata: {WORDS}\n\n",
    "cut": lambda raw: raw.http(401, REFUSAL)[:-5],
    "reset": lambda raw: raw.SSE_HEAD + raw.sse(raw.event(delta={"content": "Hel"}), done=False),
}


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("telltale", TELLTALES)
@pytest.mark.parametrize("wire", ["stream", "plain"])
def test_what_frameworks_record_of_an_error_names_no_account_and_no_key(
    raw: RawServer, adapter: Adapter, way: Way, telltale: str, wire: str
) -> None:
    raw.say(TELLTALES[telltale](raw))
    chat = adapter.make(way, base_url=raw.base_url, api_key=GATEWAY, wire=wire, max_retries=0)
    with adapter.record(chat.native) as recorded:
        error: Any = chat.attempt("hello").error
    assert GATEWAY in raw.requests[0].decode()
    texts = {
        "recorded": "".join(recorded),
        "text": f"{error}{error!r}{error.args}",
        "members": repr({name: value for name, value in vars(error).items() if name != "request"}),
        "trace": "".join(traceback.format_exception(error)),
        "pickle": repr(pickle.dumps(error)),
    }
    if (response := getattr(error, "response", None)) is not None:
        texts["response"] = f"{response.text}{dict(response.headers)}"
    chained: Any = error
    while (chained := chained.__cause__ or chained.__context__) is not None:
        texts[f"behind it: {type(chained).__name__}"] = f"{chained!r}{vars(chained)}"
    leaks = [(where, secret) for where, text in texts.items() for secret in (ORG, AK, GATEWAY) if secret in text]
    assert leaks == []
    assert texts["recorded"]
    if telltale in ("status", "error with 200"):
        assert "org-***<ak-***>" in str(error)
        assert "org-***" in str(error.body)


@pytest.mark.parametrize("body", [{"note": WORDS}, {"choices": WORDS}, {"choices": [{"message": WORDS}]}, [WORDS]])
def test_an_answer_of_no_known_shape_is_quoted_without_ids(
    raw: RawServer, adapter: Adapter, way: Way, body: Any
) -> None:
    raw.say(raw.http(200, body))
    chat = adapter.make(way, base_url=raw.base_url, api_key=GATEWAY, max_retries=0)
    with adapter.record(chat.native) as recorded:
        error: Any = chat.attempt("hello").error
    assert error is not None
    text = "".join([*recorded, str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error))])
    assert [secret for secret in (ORG, AK) if secret in text] == []


def test_an_error_that_is_nested_too_deeply_to_be_masked_is_shown_nowhere(raw: RawServer, adapter: Adapter) -> None:
    deep = "[" * 800 + json.dumps(ORG) + "]" * 800
    raw.say(raw.http(400, f'{{"error": {{"message": "no", "type": "invalid_request_error", "more": {deep}}}}}'))
    error: Any = adapter.make(base_url=raw.base_url, api_key=GATEWAY, max_retries=0).attempt("hello").error
    assert isinstance(error, KimiError)
    assert ORG not in f"{error}{error.body!r}"


def test_what_is_added_to_an_error_names_no_account(adapter: Adapter) -> None:
    error = KimiKeyError("api_key", None, f"{ORG} has none", f"ask {AK}")
    error.add_note(f"while asking for {ORG}")
    text = "".join(traceback.format_exception(error))
    assert [secret for secret in (ORG, AK) if secret in text] == []


def test_an_address_with_a_password_is_refused_without_showing_it(kimi: Emulator, adapter: Adapter) -> None:
    with pytest.raises(KimiInputError, match="http_client") as caught:
        adapter.make(base_url=kimi.base_url.replace("://", "://user:pa55word@"))
    assert "pa55word" not in f"{caught.value}{caught.value.args}{vars(caught.value)}"
