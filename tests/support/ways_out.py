"""Every way by which a key, or the id of an account or key, could leave the process, and what is seen there.

`tests/contract/test_ways_out.py` goes all of them in both frameworks, and `python tests/support/ways_out.py` writes the
table of docs/security.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import pickle
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest
    from contract_kit import Adapter
    from raw_server import RawServer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
MARKS = ("<!-- ways out -->\n", "<!-- end -->\n")

KEY = "hostkey_0123456789"
HEADER = "gatewaykey_9876543210"
ORG, AK = "org-0123456789abcdef", "ak-9876543210fedcba"
SECRETS = {"key": KEY, "header": HEADER, "account": ORG, "key id": AK}
"""A key of another host's form, a header's value that holds one, and the two ids that the platform names in errors."""

WORDS = f"Your account {ORG}<{AK}> with key {KEY} behind {HEADER} is unknown"
REFUSAL = {"error": {"message": WORDS, "type": "invalid_authentication_error", "param": {"account": [ORG]}}}


class World:
    """A framework, a host that repeats all that it knows in every answer, and what pytest lends."""

    def __init__(
        self,
        adapter: Adapter,
        raw: RawServer,
        other: RawServer,
        path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.adapter, self.raw, self.other, self.path = adapter, raw, other, path
        self.monkeypatch, self.caplog, self.capsys = monkeypatch, caplog, capsys
        self.settings: dict[str, Any] = {
            "base_url": raw.base_url,
            "api_key": KEY,
            "default_headers": {"X-Gateway-Key": HEADER},
            "max_retries": 0,
        }

    @property
    def telltales(self) -> dict[str, bytes | str]:
        """Answers in which the host says too much."""
        raw = self.raw
        begun = raw.sse(raw.event(delta={"content": "Hel"}), done=False)
        return {
            "status": raw.http(401, REFUSAL, headers={"Msh-Org": ORG, "Set-Cookie": f"key={KEY}"}),
            "gateway": raw.http(429, {"error": {"metadata": {"raw": json.dumps(REFUSAL)}, "message": "?"}}),
            "page": raw.http(502, f"<html>{WORDS}</html>", kind="text/html"),
            "error with 200": raw.http(200, REFUSAL),
            "no answer": raw.http(200, {"note": WORDS}),
            "odd choices": raw.http(200, {"choices": [{"message": WORDS}]}),
            "error in a stream": raw.SSE_HEAD + begun + raw.sse(REFUSAL),
            "error event": raw.SSE_HEAD + begun + f"event: error\ndata: {WORDS}\n\n",
            "odd event": raw.SSE_HEAD + begun + raw.sse({"choices": [{"delta": WORDS}]}),
            "vLLM's error": raw.SSE_HEAD + begun + raw.sse({"object": "error", "message": WORDS}),
            "no JSON": raw.SSE_HEAD + begun + f"data: {WORDS}\n\n",
            "cut": raw.http(401, REFUSAL)[:-5],
        }

    def native(self, **settings: Any) -> Any:
        return self.adapter.make(**{**self.settings, **settings}).native

    def answer(self, text: str = "Hello", **message: Any) -> None:
        """Let the host answer as it should."""
        message = {"role": "assistant", "content": text, **message}
        whole = {"id": "c", "model": "kimi-k3", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        self.raw.say(self.raw.http(200, whole))

    def failures(self, answers: Iterable[Said] = (), **settings: Any) -> Iterator[Any]:
        """The errors that come of all telltales (or of `answers`), blocking and not, whole and streamed."""
        for answer in answers or self.telltales.values():
            self.raw.say(answer)
            for way in WAYS_OF_CALLING:
                chat = self.adapter.make(way, **{**self.settings, "wire": _wire(answer), **settings})
                error = chat.attempt("hello").error
                assert error is not None
                yield error


WAYS_OF_CALLING: tuple[Any, ...] = ("plain", "astreamed")
Said = bytes | str


def _wire(answer: Said) -> str:
    return "stream" if isinstance(answer, str) else "plain"  # those of streams are texts


def _without_header(answer: Said) -> Said:
    """What a host can say that was not sent the header."""
    return answer.replace(HEADER.encode(), b"?") if isinstance(answer, bytes) else answer.replace(HEADER, "?")


def _error_of(act: Callable[[], Any]) -> BaseException | None:
    from kimi_api import KimiError

    try:
        act()
    except KimiError as error:
        return error
    return None


@dataclass(frozen=True)
class Way:
    """One way out.

    Attributes:
        name: what the page calls it.
        look: everything that can be seen there.
        shows: which of `SECRETS` are seen, by design.
        why: the reason, for the page.
    """

    name: str
    look: Callable[[World], str]
    shows: frozenset[str] = frozenset()
    why: str = ""


WAYS: list[Way] = []


def way(name: str, *shows: str, why: str = "") -> Callable[[Callable[[World], str]], Callable[[World], str]]:
    def add(look: Callable[[World], str]) -> Callable[[World], str]:
        WAYS.append(Way(name, look, frozenset(shows), why))
        return look

    return add


def table() -> str:
    """The ways as a table in Markdown."""
    lines = ["| way out | what is seen of keys and ids |", "|---|---|"]
    lines += [f"| {each.name} | {each.why or 'nothing'} |" for each in WAYS]
    return "\n".join(lines) + "\n"


def fill(page: str) -> str:
    """The page with the table in its place."""
    before, mark, rest = page.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    return f"{before}{mark}{table()}{end}{after}"


# ------------------------------------------------------------------------------------------------ models and clients


@way("`repr` and `str` of a model")
def _(world: World) -> str:
    native = world.native()
    return f"{native!r}{native}"


@way("`model_dump`, `model_dump_json` and `dict` of a model")
def _(world: World) -> str:
    native = world.native()
    return f"{native.model_dump()!r}{native.model_dump_json(fallback=repr)}"


@way("LangChain's `dumps` and `dumpd`, LlamaIndex's `to_dict` and `to_json`")
def _(world: World) -> str:
    return "".join(world.adapter.dumps(world.native()))


@way("what a model says of itself to caches and tracers (`_identifying_params`, `metadata`)")
def _(world: World) -> str:
    native = world.native()
    names = ("_identifying_params", "lc_attributes", "metadata", "_llm_type", "profile")
    return "kimi" + repr([getattr(native, name, None) for name in names])


@way("the JSON schema of a model's settings")
def _(world: World) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return json.dumps(type(world.native()).model_json_schema())


@way("a pickle of a model that has its key from the environment", "header", why="headers that were passed in")
def _(world: World) -> str:
    world.monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    world.monkeypatch.setenv("MOONSHOT_BASE_URL", world.raw.base_url)
    return repr(pickle.dumps(world.native(api_key=None, base_url=None)))


@way(
    "a pickle of a model whose key was passed in",
    "key",
    "header",
    why="the key and headers that were passed in: worker processes need them",
)
def _(world: World) -> str:
    return repr(pickle.dumps(world.native()))


@way("`repr` of a model's copies, deep or not")
def _(world: World) -> str:
    native = world.native()
    return repr([copy.copy(native), copy.deepcopy(native), native.model_copy()])


@way("`repr` of a model's client")
def _(world: World) -> str:
    return repr(world.native().client)


@way("`repr` of a loader or reader")
def _(world: World) -> str:
    loader: Any = world.adapter.loader([], api_key=KEY)
    return repr(loader.native)


@way("the name under which files are noted (`scope`)")
def _(world: World) -> str:
    return world.native().client.scope()


# ------------------------------------------------------------------------------------------------ errors


@way("`str` of an error: refused, broken off, not readable, in a stream or not")
def _(world: World) -> str:
    return "".join(map(str, world.failures()))


@way("`repr` and `args` of an error")
def _(world: World) -> str:
    return "".join(f"{error!r}{error.args!r}" for error in world.failures())


@way("an error's members (`message`, `body`, `hint`, `llm_output`, ...)")
def _(world: World) -> str:
    return repr(
        [{name: value for name, value in vars(error).items() if name != "request"} for error in world.failures()]
    )


@way(
    "`error.request`, the SDK's own",
    "key",
    "header",
    why="the headers that were sent: no part of a pickle, recorded by neither framework",
)
def _(world: World) -> str:
    return repr([request.headers.items() for error in world.failures() if (request := vars(error).get("request"))])


@way("`error.response`: its body and headers")
def _(world: World) -> str:
    responses = [response for error in world.failures() if (response := getattr(error, "response", None)) is not None]
    return "".join(f"{response.text}{dict(response.headers)}" for response in responses)


@way("a pickle of an error")
def _(world: World) -> str:
    return repr([pickle.dumps(error) for error in world.failures()])


@way("the traceback of an error, with all that stands behind it")
def _(world: World) -> str:
    return "".join("".join(traceback.format_exception(error)) for error in world.failures())


@way("a traceback that shows variables (`capture_locals`, rich, Sentry), in our frames: what was sent")
def _(world: World) -> str:
    raw = world.raw
    begun = raw.SSE_HEAD + raw.sse(raw.event(delta={"content": "Hel"}), done=False)
    answers = [raw.http(401, {"error": {"message": "no"}}), raw.http(200, {"note": 1}), begun, begun + raw.sse([1])]
    return "".join(map(_variables, world.failures(answers)))


@way(
    "the same: what the host had answered",
    *SECRETS,
    why="its answer as it came; such tools show all that a program holds",
)
def _(world: World) -> str:
    return "".join(map(_variables, world.failures()))


def _variables(error: BaseException) -> str:
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in trace.stack if any(part in frame.filename for part in _PACKAGES)]
    return repr([(frame.name, frame.locals) for frame in ours])


_PACKAGES = ("/kimi_api/", "/langchain_kimi/", "/llama_index_kimi/")


@way("`__cause__` and `__context__` of an error, and their members")
def _(world: World) -> str:
    texts = ["errors: "]
    for error in world.failures():
        each: Any = error
        while (each := each.__cause__ or each.__context__) is not None:
            texts.append(f"{each!r}{ ({name: value for name, value in vars(each).items() if name != 'request'})!r}")
    return "".join(texts)


@way("`__notes__` of an error")
def _(world: World) -> str:
    texts = []
    for error in world.failures():
        error.add_note(f"while asking: {WORDS}")
        texts += error.__notes__
    return "".join(texts)


@way("`error.partial`: what had come of an answer")
def _(world: World) -> str:
    return "Reply" + repr([getattr(error, "partial", None) for error in world.failures()])


@way("an error about a value: a key, a header or a setting that cannot be")
def _(world: World) -> str:
    errors: list[Any] = []
    wrong: list[dict[str, Any]] = [
        {"api_key": f"{KEY}\n{KEY}"},
        {"api_key": [KEY]},
        {"default_headers": HEADER},
        {"http_client": HEADER},
        {"base_url": world.raw.base_url.replace("://", f"://user:{KEY}@")},
    ]
    for settings in wrong:
        try:
            world.native(**settings).client.request("GET", "/models")
        except Exception as error:
            errors.append(error)
    assert len(errors) == len(wrong)
    return repr([(str(error), error, error.args, vars(error)) for error in errors])


@way("an error about a host that is not there, or too slow")
def _(world: World) -> str:
    world.raw.say(lambda connection: time.sleep(0.3))
    makes = [world.adapter.make(**{**world.settings, name: 0.1}) for name in ("timeout", "max_seconds")]
    slow = [chat.attempt("hi").error for chat in makes]
    gone = world.adapter.make(**{**world.settings, "base_url": "http://127.0.0.1:9/v1"}).attempt("hi").error
    return repr([(str(error), error, vars(error)) for error in [*slow, gone] if vars(error).pop("request", 1)])


@way("errors of the client's other requests: models, balance, tokens, batches")
def _(world: World) -> str:
    client, errors = world.native().client, []
    for answer in world.telltales.values():
        world.raw.say(answer)
        for path in ("/models", "/users/me/balance", "/batches"):
            errors.append(_error_of(lambda path=path: client.request("GET", path)))
        errors.append(
            _error_of(lambda: client.request("POST", "/tokenizers/estimate-token-count", body={"model": "m"}))
        )
    return "".join(f"{error}{error!r}{getattr(error, 'body', '')}" for error in errors if error is not None)


@way("an answer that is too long, or does not end")
def _(world: World) -> str:
    world.raw.say(world.raw.http(200, {"note": WORDS * 100}))
    error: Any = world.adapter.make(**world.settings, max_answer_bytes=100, wire="plain").attempt("hi").error
    return f"{error}{error!r}{vars(error)}{pickle.dumps(error)!r}"


# ------------------------------------------------------------------------------------------------ who listens


@way("LangChain's tracers (a run's dict, as LangSmith's) and `on_llm_error`; LlamaIndex's spans, events, callbacks")
def _(world: World) -> str:
    texts = []
    for answer in world.telltales.values():
        world.raw.say(answer)
        for way in WAYS_OF_CALLING:
            chat = world.adapter.make(way, **{**world.settings, "wire": _wire(answer)})
            with world.adapter.record(chat.native) as recorded:
                chat.attempt("hello")
            texts += recorded
    return "".join(texts)


@way("the same of a call that goes well")
def _(world: World) -> str:
    world.answer()
    chat = world.adapter.make(**world.settings, wire="plain")
    with world.adapter.record(chat.native) as recorded:
        chat.ask("hello")
    return "".join(recorded)


@way("an answer: its message, metadata and usage")
def _(world: World) -> str:
    world.answer()
    outcome = world.adapter.make(**world.settings, wire="plain").ask("hello")
    return repr([outcome.native, outcome.message, outcome.usage])


@way("the tally of costs")
def _(world: World) -> str:
    world.answer()
    chat = world.adapter.make(**world.settings, wire="plain")
    with world.adapter.costs() as costs:
        chat.ask("hello")
    return f"tally {costs.tally!r}{costs.tally.as_dict()}"


@way("OpenTelemetry's spans and metrics")
def _(world: World) -> str:
    import pytest

    pytest.importorskip("opentelemetry.sdk")
    from otel_kit import Recorder

    from kimi_api import telemetry

    recorder = Recorder()
    telemetry.instrument(tracer_provider=recorder.traces, meter_provider=recorder.meters)
    try:
        for _ in world.failures():
            pass
        return recorder.everything()
    finally:
        telemetry.uninstrument()
        recorder.close()


@way("`logging` of these packages at DEBUG")
def _(world: World) -> str:
    world.caplog.set_level("DEBUG")
    for _ in world.failures(max_retries=1):
        pass
    return "log " + "".join(
        record.getMessage() for record in world.caplog.records if record.name.split(".")[0] not in _LIBRARIES
    )


@way("`logging` of the HTTP library and of the SDK at DEBUG")
def _(world: World) -> str:
    world.caplog.set_level("DEBUG")
    world.answer()
    world.adapter.make(**world.settings, wire="plain").ask("hello")
    return "".join(record.getMessage() for record in world.caplog.records if record.name.split(".")[0] in _LIBRARIES)


_LIBRARIES = ("httpx", "httpx2", "httpcore", "httpcore2", "openai")


@way("warnings")
def _(world: World) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        world.answer("")
        world.adapter.make(**world.settings, wire="plain", empty_answers="warn", temperature=0.3).ask("hello")
    return "".join(str(each.message) for each in caught)


# ------------------------------------------------------------------------------------------------ files, batches, tools


@way("what is said of a file that failed: the error, a loader's note, a row of `extract_many`")
def _(world: World) -> str:
    from kimi_api.bulk import extract_many

    path = world.path / "note.txt"
    path.write_text("Hello")
    texts = []
    for answer in (world.telltales["status"], world.telltales["page"]):
        world.raw.say(_without_header(answer))
        more = {} if world.adapter.name == "langchain" else {"max_retries": 0}
        loader = world.adapter.loader(path, base_url=world.raw.base_url, api_key=KEY, **more)
        error = _error_of(loader.load)
        texts.append(f"{error}{error!r}")
        lenient = world.adapter.loader(path, forgiving=True, base_url=world.raw.base_url, api_key=KEY, **more)
        with contextlib.suppress(Exception):  # a key that is refused concerns all files
            texts += lenient.load().complaints
        with contextlib.suppress(Exception):
            texts += [repr(result) for result in extract_many(world.native().client, [path])]
    return "".join(texts)


@way("progress bars, and all that is written to stdout and stderr")
def _(world: World) -> str:
    from kimi_api.bulk import extract_many

    path = world.path / "note.txt"
    path.write_text("Hello")
    world.raw.say(world.telltales["page"])
    with contextlib.suppress(Exception):
        list(extract_many(world.native().client, [path] * 2, show_progress=True))
    for _ in world.failures():
        pass
    captured = world.capsys.readouterr()
    return "screen: " + captured.out + captured.err


@way("the answers and failures of a batch")
def _(world: World) -> str:
    world.raw.say(world.telltales["status"])
    chat = world.adapter.make(**world.settings)
    error = _error_of(lambda: chat.run_batch(chat.batch(), ["hello"]))
    from kimi_api import KimiBatchError

    own = KimiBatchError("batch-1", "failed", WORDS.replace(KEY, "").replace(HEADER, ""))
    return repr([str(error), error, str(own), own, own.reason])


@way("a failed row of `kimi_api.ray`")
def _(world: World) -> str:
    from kimi_api.options import ChatOptions
    from kimi_api.ray import KimiChat

    # A key that is refused ends the run: `errors` above.
    client, texts = world.native().client, []
    for answer in (world.telltales["page"], world.telltales["no answer"]):
        world.raw.say(answer)
        rows = KimiChat(client=client, options=ChatOptions(wire="plain"))({"prompt": ["hello"]})
        texts.append(repr(rows))
    return "".join(texts)


@way("an official tool that fails")
def _(world: World) -> str:
    from kimi_api import KimiFormulaError

    error = KimiFormulaError("f:1", "run", "failed", WORDS.replace(KEY, "").replace(HEADER, ""))
    return f"{error}{error!r}{vars(error)}{pickle.dumps(error)!r}"


@way("`kimi-tools`: what it writes, and its exit")
def _(world: World) -> str:
    from kimi_api import cli

    world.monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    world.monkeypatch.setenv("MOONSHOT_BASE_URL", world.raw.base_url)
    world.monkeypatch.setattr("kimi_api.retry.wait_seconds", lambda *args, **more: 0.0)
    for answer in (world.telltales["status"], world.telltales["page"], world.telltales["no answer"]):
        world.raw.say(_without_header(answer))
        for arguments in (["models"], ["balance"], ["files", "list"], ["ask", "hello"]):
            with contextlib.suppress(SystemExit):
                cli.main(arguments)
    captured = world.capsys.readouterr()
    return captured.out + captured.err


# ------------------------------------------------------------------------------------------------ the wire


@way("the request itself", "key", "header", why="the headers that belong there; nothing of it in body or address")
def _(world: World) -> str:
    world.answer()
    world.adapter.make(**world.settings, wire="plain").ask("hello")
    head, _, body = world.raw.requests[0].decode().partition("\r\n\r\n")
    assert not any(secret in body or secret in head.splitlines()[0] for secret in SECRETS.values())
    return head


@way("what `before_send` is given")
def _(world: World) -> str:
    world.answer()
    bodies: list[Any] = []
    world.adapter.make(**world.settings, wire="plain", before_send=lambda body: bodies.append(dict(body))).ask("hello")
    return repr(bodies)


@way("a POST that a host sends on to another one: what that one gets, and the error")
def _(world: World) -> str:
    address = world.other.base_url.replace("://", f"://user:{KEY}@") + f"/x?sig={HEADER}"
    world.raw.say(world.raw.http(307, "", headers={"Location": address}))
    error: Any = world.adapter.make(**world.settings).attempt("hello").error
    assert world.other.requests == []
    return f"{error}{error!r}{vars(error).get('body')}"


@way("a file's text that a host sends on to another one: what that one gets")
def _(world: World) -> str:
    world.other.say(world.other.http(200, "text", kind="text/plain"))
    world.raw.say(world.raw.http(302, "", headers={"Location": world.other.base_url}))
    world.native().client.request("GET", "/files/f-1/content", text=True)
    return world.other.requests[0].decode()


@way("media that is fetched from the web: what its server gets")
def _(world: World) -> str:
    from kimi_api.media import _fetch

    world.monkeypatch.setattr(_fetch, "refusal", lambda address: "")
    world.other.say(world.other.http(200, b"\x89PNG\r\n\x1a\n", kind="image/png"))
    world.answer()
    from contract_kit import Media, user

    image = Media(url=world.other.base_url + "/a.png", mime="image/png")
    world.adapter.make(**world.settings, wire="plain", fetch_media=True, model="kimi-k2.6").attempt([user("?", image)])
    return world.other.requests[0].decode()


@way("an asynchronous call that is cancelled")
def _(world: World) -> str:
    world.raw.say(lambda connection: time.sleep(0.3))
    native = world.native()

    async def cancel() -> str:
        task = asyncio.ensure_future(native.client.arequest("POST", "/chat/completions", body={"model": "m"}))
        await asyncio.sleep(0.1)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return f"cancelled {error!r}" + "".join(traceback.format_exception(error))
        return ""

    return asyncio.run(cancel())


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(table())
