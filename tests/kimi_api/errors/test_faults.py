"""Every fault that the emulator knows, and what the user gets: an answer, one more try, or an error with a remedy.

`OUTCOMES` says it for each. No fault may end in a bare exception of the SDK or its transport, a hang, an answer that
is wrong without a word, or a second charge.
"""

from __future__ import annotations

import pickle
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kimi_api import KimiClient, chat, errors, files
from kimi_api._warn import KimiWarning
from kimi_api.files import _wait
from kimi_api.options import ChatOptions
from kimi_api.reply import Reply as Answer
from kimi_api.reply import ReplyBuilder
from kimi_api.request import ChatRequest, build_request
from kimi_emulator import FAULTS, Emulator, Fault, Reply, ToolCall

Ways = Any  # the fixture of conftest.py
TEXT, THOUGHT = "你好 hello there my friend", "let me think about it"
CITIES = ("北京", "Turku")
CALLS = tuple(ToolCall("get_weather", {"city": city}) for city in CITIES)
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@dataclass(frozen=True)
class Outcome:
    """What the user gets, after how many requests that the emulator read, and how many of them made an answer."""

    requests: int = 1
    replies: int = 1
    error: str = ""
    remedy: str = ""
    warning: str = ""
    content: str = TEXT


RIGHT = Outcome()
RETRY = Outcome(requests=2)
# Nothing of an answer had come, so the request is sent again although one may have been made. The platform is told
# by the closed connection; the official client does the same.
NOTHING_CAME = Outcome(requests=2, replies=2)
ASKED_AGAIN = Outcome(requests=2, replies=2)  # both are paid for
RESET = Outcome(requests=1)  # the reset connection's request was never read


def fails(error: str, remedy: str, replies: int = 0) -> Outcome:
    return Outcome(error=error, remedy=remedy, replies=replies)


LOST = fails("KimiConnectionError", "send the request again", replies=1)
SILENT = fails("KimiTimeoutError", "raise timeout", replies=1)
BROKEN = fails("KimiServerError", "try again", replies=1)
QUOTA = fails("KimiQuotaError", "recharge the account")
LATE_OVERLOAD = fails("KimiOverloadedError", "raise max_retries", replies=1)
ENDLESS = fails("KimiReplyTooLongError", "raise max_answer_bytes", replies=1)
NAMELESS = fails("KimiReplyError", "Send the request again", replies=1)


def odd(warning: str, content: str = TEXT) -> Outcome:
    return Outcome(warning=warning, content=content)


def both(plain: Outcome, stream: Outcome) -> dict[str, Outcome]:
    """One for an answer in one body, one for what is streamed on the wire."""
    return {"plain": plain, "whole": stream, "stream": stream}


def empty(lack: str) -> dict[str, Outcome]:
    """What was shown of a stream cannot be taken back; all else is asked for again."""
    return {"plain": ASKED_AGAIN, "whole": ASKED_AGAIN, "stream": fails("KimiEmptyReplyError", lack, replies=1)}


OUTCOMES: dict[str, Outcome | dict[str, Outcome]] = {
    "connect.reset": RESET,
    "connect.reset_on_reuse": RIGHT,
    "close.before_headers": NOTHING_CAME,
    "close.after_headers": both(LOST, NOTHING_CAME),
    "close.mid_event": LOST,
    "close.reset_mid_event": LOST,
    "close.between_events": LOST,
    "close.ends_early": fails("KimiIncompleteReplyError", "Send the request again", replies=1),
    "close.without_done": RIGHT,
    "close.mid_character": LOST,
    "stall.before_headers": SILENT,
    "stall.mid_stream": SILENT,
    "packets.one_byte": RIGHT,
    "sse.glued": BROKEN,
    "sse.truncated_glued": BROKEN,
    "sse.no_space": RIGHT,
    "sse.comments": RIGHT,
    "sse.endless_comments": ENDLESS,
    "sse.endless_event": ENDLESS,
    "body.bomb": ENDLESS,
    "sse.crlf": RIGHT,
    "sse.line_separator": Outcome(content=TEXT + " before\u2028after\u0085end"),
    "sse.error_event": LATE_OVERLOAD,
    "sse.error_data": LATE_OVERLOAD,
    "sse.error_first": NOTHING_CAME,
    "cut.thinking": LOST,
    "cut.answer": LOST,
    "cut.arguments": LOST,
    "cut.before_finish": LOST,
    "cut.before_usage": RIGHT,
    "cut.before_done": RIGHT,
    "http.504_html": fails("KimiServerError", "stream long calls"),
    "http.408_text": RETRY,
    "http.401_string_code": fails("KimiAuthenticationError", "check the key: it must be one that"),
    "http.403_quota_2025": QUOTA,
    "http.413": fails("KimiStatusError", "at most 100 MB"),
    "http.empty_type": fails("KimiBadRequestError", "change the request"),
    "http.gateway_raw": QUOTA,
    "http.500": RETRY,
    "http.502_html": RETRY,
    "http.503": RETRY,
    "http.529": RETRY,
    "http.429_retry_after": RETRY,
    "http.429_cooldown_only": RETRY,
    "http.429_overloaded": RETRY,
    "http.429_quota": QUOTA,
    "http.overloaded_after_silence": RETRY,
    "http.200_error": RETRY,
    "http.200_html": fails("KimiServerError", "check base_url"),
    "body.truncated": BROKEN,
    "answer.empty": ASKED_AGAIN,  # also streamed: empty pieces have shown nothing
    "answer.thinking_only": empty("neither an answer nor a tool call"),
    "answer.truncated_json": Outcome(content=TEXT[: len(TEXT) // 2]),  # for whoever parses it: see the adapters
    "answer.length_on_full": RIGHT,
    "answer.stray_think": odd("tags of its thinking", "</think>" + TEXT),
    "finish.every_chunk": RIGHT,
    "usage.missing": RIGHT,
    "usage.null": RIGHT,
    "usage.float": RIGHT,
    "usage.late": RIGHT,
    "usage.absurd": RIGHT,
    "keys.unknown": RIGHT,
    "calls.duplicate_ids": RIGHT,
    "calls.blank_ids": RIGHT,
    "calls.repeated_ids": RIGHT,
    "calls.no_index": RIGHT,
    "calls.name_missing": NAMELESS,
    "calls.name_empty": NAMELESS,
    "calls.name_late": RIGHT,
    "calls.arguments_cut": RIGHT,  # finish_reason length, and arguments that are no JSON: see below
    "calls.arguments_twice": RIGHT,
    "calls.arguments_empty": RIGHT,
    "calls.finish_stop": RIGHT,
    "calls.none": empty("none came"),
    "calls.markers": empty("failed to parse them"),
    "calls.content_after": Outcome(content=TEXT + " Let me look."),
}
FILE_OUTCOMES: dict[str, Outcome] = {
    "files.pending": fails("KimiFileError", "pass a longer timeout"),
    "files.failed": fails("KimiFileError", "check that the file can be opened"),
    "files.extraction_500": fails("KimiFileError", "check that the file can be opened"),
    "files.content_404": RIGHT,
    "files.other_keys": RIGHT,
    "files.deleted": fails("KimiFileError", "Send it again"),
}
CHAT_CASES = [
    pytest.param(fault, kind, id=f"{fault.id}-{kind}")
    for fault in FAULTS.values()
    for kind in ("plain", "whole", "stream")
    if ("plain" if kind == "plain" else "stream") in fault.on
]


def outcome_of(fault: Fault, kind: str) -> Outcome:
    outcome = OUTCOMES[fault.id]
    return outcome[kind] if isinstance(outcome, dict) else outcome


def request_for(fault: Fault | None, kind: str) -> ChatRequest:
    """In one body (plain), streamed and put together (whole), or streamed to the consumer."""
    options = ChatOptions(
        tools=(TOOL,) if fault is not None and fault.shows == "calls" else (),
        wire="plain" if kind == "plain" else "stream",
    )
    return build_request(options, [{"role": "user", "content": "hi"}], stream=kind == "stream")


def ask(ways: Ways, client: KimiClient, request: ChatRequest, kind: str) -> Answer:
    if kind != "stream":
        return ways.call(chat.complete, chat.acomplete, client, request)
    builder = ReplyBuilder()
    ways.collect(chat.stream, chat.astream, client, request, builder)
    return chat.settle(builder, request)


@pytest.fixture
def patient(kimi: Emulator) -> Iterator[KimiClient]:
    """A client that waits long enough for a healthy answer, and sends each request twice at most."""
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, timeout=10, max_retries=1, max_answer_bytes=2**20)
    yield client
    kimi.reset()
    client.request("GET", "/models")  # a connection that is to be reset on reuse stays in the process's pool


@pytest.fixture
def hasty(kimi: Emulator) -> KimiClient:
    return KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, timeout=0.2, max_retries=1)


@pytest.fixture
def time_flies(kimi: Emulator) -> Iterator[None]:
    """Silences of the emulator end at once."""
    over = threading.Event()

    def fly() -> None:
        while not over.wait(0.02):
            kimi.clock.advance(60)

    thread = threading.Thread(target=fly)
    thread.start()
    yield
    over.set()
    thread.join()


def client_for(fault: Fault, patient: KimiClient, hasty: KimiClient) -> KimiClient:
    return hasty if fault.id.startswith("stall.") else patient


def test_every_fault_has_an_outcome() -> None:
    here = [fault for fault in FAULTS.values() if not fault.on & {"batch", "fiber"}]  # those have their own tests
    others = {fault.id for fault in here if not fault.on & {"plain", "stream"}}
    assert {*OUTCOMES, *FILE_OUTCOMES, "models.slow"} == {fault.id for fault in here}
    assert {*FILE_OUTCOMES, "models.slow"} == others


@pytest.mark.parametrize(("fault", "kind"), CHAT_CASES)
def test_a_chat_ends_as_it_should(
    ways: Ways,
    kimi: Emulator,
    patient: KimiClient,
    hasty: KimiClient,
    waits: list[float],
    time_flies: None,
    fault: Fault,
    kind: str,
) -> None:
    expected = outcome_of(fault, kind)
    client = client_for(fault, patient, hasty)
    calls = CALLS if fault.shows == "calls" else ()
    reply = Reply(content=TEXT, reasoning=THOUGHT, tool_calls=calls)
    kimi.script(reply, reply)
    kimi.fail(fault)
    began = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KimiWarning)
        if expected.error:
            with pytest.raises(errors.KimiError) as raised:
                ask(ways, client, request_for(fault, kind), kind)
            assert type(raised.value) is getattr(errors, expected.error)
            assert expected.remedy in str(raised.value)
        else:
            answer = ask(ways, client, request_for(fault, kind), kind)
            assert_right(answer, fault, expected)
    assert time.monotonic() - began < 5
    assert kimi.pending_faults == []
    assert (len(kimi.requests), len(kimi.replies)) == (expected.requests, expected.replies)
    warning_texts = [str(warning.message) for warning in caught if issubclass(warning.category, KimiWarning)]
    assert [expected.warning in text for text in warning_texts] == ([True] if expected.warning else [])
    assert len(waits) == (1 if expected.requests > 1 or fault.connection else 0)


def assert_right(answer: Answer, fault: Fault, expected: Outcome) -> None:
    assert answer.content == expected.content
    assert answer.reasoning == THOUGHT
    assert answer.finish_reason in ("stop", "tool_calls", "length")
    if fault.shows == "calls":
        assert [call.name for call in answer.tool_calls] == ["get_weather"] * 2
        if fault.id == "calls.arguments_empty":
            assert [call.arguments for call in answer.tool_calls] == ["", ""]
        elif fault.id == "calls.arguments_cut":
            assert answer.finish_reason == "length"
            assert [call.arguments[-1] for call in answer.tool_calls] != ["}", "}"]
        else:
            assert [call.arguments for call in answer.tool_calls] == [f'{{"city":"{city}"}}' for city in CITIES]
        assert len({call.id for call in answer.tool_calls}) == 2
        assert all(call.id for call in answer.tool_calls)
    if fault.id in ("usage.missing", "usage.null", "cut.before_usage"):
        assert answer.usage is None or fault.id == "cut.before_usage"
    else:
        assert answer.usage is not None
        assert all(isinstance(getattr(answer.usage, name), int) for name in answer.usage.__slots__)
        assert answer.usage.prompt_tokens > 80
        assert answer.usage.reasoning_tokens <= answer.usage.completion_tokens
        assert answer.usage.cached_tokens <= answer.usage.prompt_tokens


@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_what_came_before_a_cut_is_in_the_error(ways: Ways, kimi: Emulator, patient: KimiClient, kind: str) -> None:
    for fault in ("cut.thinking", "cut.answer", "cut.before_finish", "sse.error_data", "close.ends_early"):
        kimi.script(Reply(content=TEXT, reasoning=THOUGHT))
        kimi.fail(fault)
        with pytest.raises(errors.KimiError) as raised:
            ask(ways, patient, request_for(None, kind), kind)
        for error in (raised.value, pickle.loads(pickle.dumps(raised.value))):
            partial = error.partial  # type: ignore[attr-defined]
            assert THOUGHT.startswith(partial.reasoning)
            assert TEXT.startswith(partial.content)
            assert partial.content if fault in ("cut.answer", "cut.before_finish") else partial.reasoning
            assert partial.request_id == error.request_id  # type: ignore[attr-defined]


def test_an_error_before_the_answer_has_nothing_of_it(ways: Ways, kimi: Emulator, patient: KimiClient) -> None:
    for kind in ("plain", "whole", "stream"):
        kimi.fail("http.429_quota")
        with pytest.raises(errors.KimiQuotaError) as raised:
            ask(ways, patient, request_for(None, kind), kind)
        assert raised.value.partial is None


def test_what_came_before_a_cut_was_given_out(ways: Ways, kimi: Emulator, patient: KimiClient) -> None:
    """A stream that breaks has shown its beginning, and nothing after it or twice."""
    for fault in ("cut.answer", "cut.before_finish", "sse.error_data", "close.mid_character"):
        kimi.script(Reply(content=TEXT, reasoning=THOUGHT))
        kimi.fail(fault)
        builder = ReplyBuilder()
        with pytest.raises(errors.KimiAPIError) as raised:
            ways.collect(chat.stream, chat.astream, patient, request_for(None, "stream"), builder)
        assert raised.value.request_id
        assert not raised.value.retryable
        with pytest.raises(errors.KimiIncompleteReplyError):
            builder.finish()
        assert THOUGHT.startswith(builder.reply.reasoning or "")
        assert TEXT.startswith(builder.reply.content)
        if fault == "cut.before_finish":
            assert (builder.reply.reasoning, builder.reply.content) == (THOUGHT, TEXT)


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        ("http.429_retry_after", 1.0),
        ("http.429_cooldown_only", 2.0),
    ],
)
def test_the_wait_that_was_asked_for_is_kept(
    ways: Ways, kimi: Emulator, patient: KimiClient, waits: list[float], fault: str, wait: float
) -> None:
    kimi.fail(fault)
    ask(ways, patient, request_for(None, "whole"), "whole")
    assert waits == [wait]


@pytest.mark.parametrize("arguments", ['"a text"', '"[1]"', '"{"', '"', '"\\"twice\\""'])
def test_arguments_that_only_look_encoded_twice_are_left_alone(
    kimi: Emulator, patient: KimiClient, arguments: str
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("get_weather", arguments)]))
    request = build_request(ChatOptions(tools=(TOOL,)), [{"role": "user", "content": "hi"}])
    assert chat.complete(patient, request).tool_calls[0].arguments == arguments


def test_five_rate_limits_in_a_row_are_outlasted(
    ways: Ways, kimi: Emulator, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded: five tries that obeyed `Retry-After: 1` failed. Waits grow beyond what is asked for."""
    monkeypatch.setattr("kimi_api.retry.random.random", lambda: 0.5)  # the least luck would wait 9 s, the most 17
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=5)
    kimi.script(Reply(content=TEXT))
    kimi.fail(*["http.429_retry_after"] * 5)
    assert ask(ways, client, request_for(None, "stream"), "stream").content == TEXT
    assert len(kimi.requests) == 6
    assert waits == sorted(waits)
    assert sum(waits) > 10
    kimi.fail(*["http.429_retry_after"] * 6)
    with pytest.raises(errors.KimiRateLimitError, match="max RPM: 3"):
        ask(ways, client, request_for(None, "whole"), "whole")


@pytest.mark.parametrize("fault", [f for f in FAULTS.values() if f.on & {"upload"} and not f.file], ids=lambda f: f.id)
def test_an_upload_ends_as_it_should(
    ways: Ways,
    kimi: Emulator,
    patient: KimiClient,
    hasty: KimiClient,
    waits: list[float],
    time_flies: None,
    fault: Fault,
) -> None:
    # An upload costs nothing, so one whose answer broke off is sent again; other errors are those of a chat.
    expected = outcome_of(fault, "plain")
    kimi.fail(fault)

    def extract() -> files.ExtractedFile:
        client = client_for(fault, patient, hasty)
        return ways.call(files.extract, files.aextract, client, b"hello", name="a.txt")

    if expected.error and expected != LOST:
        with pytest.raises(errors.KimiError) as raised:
            extract()
        assert type(raised.value) is getattr(errors, expected.error)
        assert expected.remedy in str(raised.value)
        return
    assert extract().text == "hello"
    uploads = [request for request in kimi.requests if request.method == "POST"]
    assert len(uploads) == (1 if fault.id.startswith("connect.") else 2)


@pytest.mark.parametrize("fault", FILE_OUTCOMES)
def test_a_file_ends_as_it_should(
    ways: Ways, kimi: Emulator, patient: KimiClient, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(_wait, "_FIRST_POLL", 0.01)
    expected = FILE_OUTCOMES[fault]
    kimi.fail(fault)

    def extract() -> files.ExtractedFile:
        return ways.call(files.extract, files.aextract, patient, b"hello", name="report.txt", timeout=0.3)

    if expected.error:
        with pytest.raises(errors.KimiFileError) as raised:
            extract()
        assert expected.remedy in str(raised.value)
        assert str(raised.value).startswith("report.txt: ")
        assert raised.value.file_id
    else:
        assert extract().text == "hello"
    assert kimi.files == {}  # nothing of ours is left behind
    assert sum(request.method == "POST" for request in kimi.requests) == 1


@pytest.mark.parametrize("fault", [f for f in FAULTS.values() if f.on & {"models"}], ids=lambda f: f.id)
def test_the_list_of_models_ends_as_it_should(
    ways: Ways,
    kimi: Emulator,
    patient: KimiClient,
    hasty: KimiClient,
    waits: list[float],
    time_flies: None,
    fault: Fault,
) -> None:
    expected = RIGHT if fault.id == "models.slow" else outcome_of(fault, "plain")
    kimi.fail(fault)
    if expected.error and expected != LOST:
        with pytest.raises(errors.KimiError) as raised:
            ways.request(client_for(fault, patient, hasty), "GET", "/models")
        assert type(raised.value) is getattr(errors, expected.error)
        assert expected.remedy in str(raised.value)
    else:
        models = ways.request(patient, "GET", "/models").body["data"]
        assert "kimi-k3" in [entry["id"] for entry in models]


def test_a_slow_list_of_models_is_an_error_for_the_impatient(ways: Ways, kimi: Emulator, hasty: KimiClient) -> None:
    kimi.fail("models.slow")
    with pytest.raises(errors.KimiTimeoutError, match="raise timeout"):
        ways.request(hasty, "GET", "/models")


def test_a_connection_reset_on_reuse_costs_one_more_try(
    kimi: Emulator, patient: KimiClient, waits: list[float]
) -> None:
    kimi.fail("connect.reset_on_reuse")
    for _ in range(2):
        kimi.script(Reply(content=TEXT))
        assert chat.complete(patient, request_for(None, "whole")).content == TEXT
    assert len(waits) == 1
    assert len(kimi.replies) == 2


async def test_a_connection_reset_on_reuse_costs_one_more_try_async(
    kimi: Emulator, patient: KimiClient, waits: list[float]
) -> None:
    kimi.fail("connect.reset_on_reuse")
    for _ in range(2):
        kimi.script(Reply(content=TEXT))
        assert (await chat.acomplete(patient, request_for(None, "whole"))).content == TEXT
    assert len(waits) == 1


def test_nobody_listens(ways: Ways, waits: list[float]) -> None:
    with Emulator() as gone:
        address = gone.base_url
    client = KimiClient(api_key="sk-x", base_url=address, max_retries=1)
    for kind in ("plain", "whole", "stream"):
        with pytest.raises(errors.KimiConnectionError, match="check the network, the proxy settings and base_url"):
            ask(ways, client, request_for(None, kind), kind)
    assert len(waits) == 6  # the policy is asked after the last try too


def test_a_storm_of_passing_faults_is_weathered(ways: Ways, kimi: Emulator, waits: list[float]) -> None:
    """A third of 40 requests fails in one of many ways; every call still gets its own answer, once."""
    passing = [
        fault for fault, outcome in OUTCOMES.items() if outcome in (RIGHT, RETRY) and fault.split(".")[0] in _WEATHER
    ]
    kimi.fail_at_rate(0.34, *[fault for fault in passing if not FAULTS[fault].silence], seed=7)
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, timeout=10, max_retries=6)
    for number in range(40):
        kimi.script(Reply(content=f"answer {number} 你好"))
        kind = ("plain", "whole", "stream")[number % 3]
        assert ask(ways, client, request_for(None, kind), kind).content == f"answer {number} 你好"
    assert kimi.pending == []
    assert len(kimi.replies) == 40
    assert len(waits) > 3


_WEATHER = ("http", "sse", "packets", "close", "cut", "usage", "keys", "finish")
