"""Answers that the caller waits for as a whole: streamed on the wire, the same as in one body, and never lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from contract_kit import Adapter, Chat, partial, user, wire_tool

from kimi_api import AccountLimits, KimiConnectionError, KimiInputError, KimiTimeoutError
from kimi_api.limits import MemoryStore
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
TEXT, THOUGHT = "你好 hello there my friend", "let me think about it"
EVENTS = {"stream": True, "stream_options": {"include_usage": True}}
whole = pytest.mark.ways("plain", "aplain")

# ---------------------------------------------------------------------------------------------------- what goes out


@whole
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
def test_on_the_platform_an_answer_is_streamed_on_the_wire(kimi: Emulator, make: Make, model: str) -> None:
    kimi.script(Reply(TEXT, reasoning=THOUGHT))
    outcome = make(model=model).ask("?")
    assert (outcome.text, outcome.reasoning, outcome.pieces) == (TEXT, THOUGHT, [TEXT])
    assert {name: kimi.chats[0].get(name) for name in EVENTS} == EVENTS
    assert kimi.report == []


@whole
@pytest.mark.parametrize(
    ("settings", "call", "streams"),
    [
        ({"wire": "plain"}, {}, False),
        ({"wire": "plain"}, {"wire": "stream"}, True),
        ({}, {"wire": "plain"}, False),
        ({"dialect": "openai"}, {}, False),
        ({"dialect": "vllm"}, {}, False),
        ({"dialect": "openai", "wire": "stream"}, {}, True),
        ({"extra_body": {"stream": False}}, {}, False),
    ],
)
def test_how_it_travels_can_be_chosen(
    kimi: Emulator, make: Make, settings: dict[str, Any], call: dict[str, Any], streams: bool
) -> None:
    kimi.script(Reply(TEXT))
    assert make(**settings).ask("?", **call).text == TEXT
    assert bool(kimi.chats[0].get("stream")) is streams


@pytest.mark.ways("plain")
def test_a_way_that_does_not_exist_is_refused(make: Make) -> None:
    outcome = make().attempt("?", wire="pigeon")
    assert isinstance(outcome.error, KimiInputError)
    assert "stream, plain" in outcome.error.rule


@pytest.mark.ways("plain")
def test_options_of_the_stream_are_kept(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(TEXT))
    make(extra_body={"stream_options": {"include_usage": True, "extra": 1}}).ask("?")
    assert kimi.chats[0]["stream_options"] == {"include_usage": True, "extra": 1}


def test_lines_of_a_batch_are_not_streamed(kimi: Emulator, adapter: Adapter) -> None:
    chat = adapter.make("plain", model="kimi-k2.6")
    assert [answer.text for answer in chat.run_batch(chat.batch(), ["Red?"]).values()]
    (upload,) = [request for request in kimi.requests if request.path.endswith("/files") and request.method == "POST"]
    assert b'"stream"' not in upload.body


# ---------------------------------------------------------------------------------------------------- the same answer

USAGE = {
    "prompt_tokens": 90,
    "completion_tokens": 20,
    "total_tokens": 110,
    "cached_tokens": 64,
    "completion_tokens_details": {"reasoning_tokens": 7},
}
HEAD = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "kimi-k3", "system_fingerprint": "fpv0_1"}
CALL = {"id": "look_0", "type": "function", "function": {"name": "look", "arguments": '{"city": "Turku",\n "n": [1]}'}}
TWICE = {**CALL, "function": {"name": "look", "arguments": json.dumps(json.dumps({"city": "Turku"}))}}
SEARCH = {"id": "t-1", "type": "builtin_function", "function": {"name": "$web_search", "arguments": "{}"}}
MESSAGES: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"content": TEXT, "reasoning_content": THOUGHT}, "stop"),
    "no thinking": ({"content": TEXT}, "stop"),
    "empty thinking": ({"content": TEXT, "reasoning_content": ""}, "stop"),
    "the other name": ({"content": TEXT, "reasoning": THOUGHT}, "stop"),
    "calls": ({"content": "", "reasoning_content": "", "tool_calls": [CALL, {**CALL, "id": "look_1"}]}, "tool_calls"),
    "text and a call": ({"content": TEXT, "tool_calls": [CALL]}, "tool_calls"),
    "encoded twice": ({"content": "", "tool_calls": [TWICE]}, "tool_calls"),
    "built in": ({"content": "", "tool_calls": [SEARCH]}, "tool_calls"),
    "cut": ({"content": TEXT, "reasoning_content": THOUGHT}, "length"),
    "withheld": ({"content": "", "reasoning_content": THOUGHT}, "content_filter"),
    "a new reason": ({"content": TEXT}, "sensitive"),
}


class Host:
    """Gives the same answer in one body, or as events of a few characters, as the request asks.

    It makes an event each `pause` seconds; the body is sent when all of them are made.
    """

    def __init__(self, message: Mapping[str, Any], end: str, pause: float = 0.0) -> None:
        self.streamed: list[bool] = []
        body = {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": end}], "usage": USAGE}
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        for name in ("reasoning_content", "reasoning", "content"):
            if name in message:
                text = message[name]
                deltas += [{name: text[at : at + 3]} for at in range(0, len(text), 3)] or [{name: ""}]
        for index, call in enumerate(message.get("tool_calls", ())):
            function = call["function"]
            text = function["arguments"]
            deltas.append({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": text[at : at + 2]}}]}
                for at in range(0, len(text), 2)
            ]
        events = [{**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        events.append({**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": end, "usage": USAGE}]})
        events.append({**HEAD, "choices": [], "usage": USAGE})
        sse = [*(f"data: {json.dumps(event)}\n\n".encode() for event in events), b"data: [DONE]\n\n"]
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                host.streamed.append(bool(request.get("stream")))
                pieces = sse if request.get("stream") else [json.dumps(body).encode()]
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream" if request.get("stream") else "application/json")
                self.send_header("Msh-Request-Id", "req-9")
                self.send_header("X-Msh-Trace-Id", "trace-9")
                self.send_header("Content-Length", str(sum(map(len, pieces))))
                if len(pieces) == 1:
                    time.sleep(pause * len(sse))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # of a client that has given up
                    for piece in pieces:
                        time.sleep(pause)
                        self.wfile.write(piece)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def dump_object(native: Any) -> dict[str, Any]:
    """All that the framework's object holds, but for the id that LangChain makes up for each run."""
    data = native.model_dump()
    if "message" not in data:
        del data["id"]
    return data


@pytest.fixture(params=MESSAGES)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host with one of the answers above."""
    host = Host(*MESSAGES[request.param])
    yield host
    host.close()


@whole
def test_the_answer_is_the_same_as_in_one_body(host: Host, make: Make) -> None:
    chat = make(base_url=host.base_url, api_key="sk-test-1")
    tools = [wire_tool("look"), {"type": "builtin_function", "function": {"name": "$web_search"}}]
    streamed, plain = [chat.attempt("?", tools=tools, wire=wire) for wire in ("stream", "plain")]
    assert host.streamed == [True, False]
    assert (streamed.error, plain.error) == (None, None)
    assert dump_object(streamed.native) == dump_object(plain.native)
    assert streamed.usage == plain.usage
    assert streamed.usage is not None
    assert streamed.usage.cached_tokens == 64
    assert streamed.warnings == plain.warnings
    assert "req-9" in str(dump_object(streamed.native))
    assert "trace-9" in str(dump_object(streamed.native))


# ---------------------------------------------------------------------------------------------------- nothing is lost


@whole
@pytest.mark.parametrize("fault", ["cut.answer", "close.reset_mid_event", "cut.before_finish"])
def test_what_came_before_the_connection_broke_is_in_the_error(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.script(Reply(TEXT, reasoning=THOUGHT))
    kimi.fail(fault)
    error = make().attempt("?").error
    assert isinstance(error, KimiConnectionError)
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert THOUGHT.startswith(each.partial.reasoning)
        assert TEXT.startswith(each.partial.content)
        assert each.partial.reasoning
    assert len(kimi.chats) == 1  # it is paid for, and so not sent again


@whole
def test_a_broken_answer_is_taken_up(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(TEXT, reasoning=THOUGHT), Reply(" friend"))
    kimi.fail("cut.before_finish")
    outcome = make(resume_streams=1).ask("?")
    assert outcome.text == TEXT + " friend"
    assert kimi.chats[1]["messages"][-1] == {
        "role": "assistant",
        "content": TEXT,
        "reasoning_content": THOUGHT,
        "partial": True,
    }
    assert [chat.get("stream") for chat in kimi.chats] == [True, True]


@whole
def test_an_answer_that_falls_silent_is_given_up_with_what_came(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(TEXT, reasoning=THOUGHT))
    kimi.fail("stall.mid_stream")
    error = make(timeout=0.2).attempt("?").error
    assert isinstance(error, KimiTimeoutError)
    assert THOUGHT.startswith(error.partial.reasoning)
    assert error.partial.reasoning


@whole
def test_an_answer_may_take_longer_than_the_limit_of_silence(make: Make) -> None:
    """The gateway, too, ends a connection on which nothing comes, and not one on which something does."""
    host = Host({"content": "word " * 20}, "stop", pause=0.02)
    try:
        chat = make(base_url=host.base_url, api_key="sk-test-1", timeout=0.3)
        assert chat.ask("?").text == "word " * 20
        assert isinstance(chat.attempt("?", wire="plain").error, KimiTimeoutError)
    finally:
        host.close()


def test_a_cancelled_call_closes_its_connection(kimi: Emulator, adapter: Adapter) -> None:
    clock = [1_000.0]
    limits = AccountLimits(concurrency=1, store=MemoryStore(clock=lambda: clock[0], poll_seconds=0.01))
    chat = adapter.make("aplain", account_limits=limits)

    async def run() -> None:
        kimi.script(Reply(TEXT), Reply("Next."))
        kimi.fail("stall.mid_stream")
        call = asyncio.ensure_future(chat.aask("?"))
        while not kimi.replies:  # noqa: ASYNC110 - the emulator says it in another thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        clock[0] += 2
        assert (await asyncio.wait_for(chat.aask("And now?"), 5)).text == "Next."

    asyncio.run(run())


@whole
def test_a_continued_answer_is_one(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply("one two", finish_reason="length"), Reply(" three"))
    for wire in ("stream", "plain"):
        kimi.script(Reply("one two", finish_reason="length"), Reply(" three"))
        outcome = make(auto_continue=1, wire=wire).ask("?")
        assert (outcome.text, outcome.finish_reason) == ("one two three", "stop")
        assert kimi.chats[-1]["messages"][-1]["content"] == "one two"
        kimi.reset()


@whole
def test_a_partial_message_is_joined(kimi: Emulator, make: Make) -> None:
    for wire in ("stream", "plain"):
        kimi.script(Reply(" there"))
        assert make(join_prefix=True, wire=wire).ask([user("?"), partial("Hello")]).text == "Hello there"


@whole
def test_a_connection_is_used_again(kimi: Emulator, make: Make) -> None:
    """A stream is read to the end of its body: left before it, each call would pay for a connection of its own."""
    kimi.script(Reply(TEXT), Reply(TEXT))
    kimi.fail("connect.reset_on_reuse")
    chat = make(max_retries=0)
    ask = [chat.attempt("?") for _ in range(2)] if chat.way == "plain" else asyncio.run(_twice(chat))
    assert ask[0].text == TEXT
    assert isinstance(ask[1].error, KimiConnectionError)  # the reset one was taken


async def _twice(chat: Chat) -> list[Any]:
    from contract_kit import Outcome

    outcomes = [await chat.aask("?")]
    try:
        outcomes.append(await chat.aask("?"))
    except KimiConnectionError as error:
        outcomes.append(Outcome(error=error))
    return outcomes


@whole
def test_an_agent_goes_round_on_streams(kimi: Emulator, make: Make) -> None:
    def look(city: str) -> str:
        """Look."""
        return f"{city}: sun"

    kimi.script(Reply(tool_calls=[ToolCall("look", {"city": "Turku"})]), Reply("Sun."))
    assert make().run_agent("?", [look]).text == "Sun."
    assert [chat.get("stream") for chat in kimi.chats] == [True, True]
    assert kimi.report == []
