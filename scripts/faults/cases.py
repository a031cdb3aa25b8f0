"""What becomes of one fault in one use of a framework, held against what the emulator was scripted to say.

`scripts.faults.table` goes through all of them. Each case is one model (or loader, batch, official tool), one fault,
and one use; what the user gets is `right`, one of our errors, a warning, or a loss without a word.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kimi_api import KimiError, KimiWarning, Usage, retry
from kimi_api.errors._base import name_of
from kimi_api.files import _extract, _wait
from kimi_emulator import FAULTS, BrainContext, Emulator, Fault, Reply, ToolCall
from scripts.faults.loops import OFFICIAL, RUNS

ROOT = Path(__file__).resolve().parent.parent.parent
Use = Literal["chat", "body", "stream", "tools", "file", "batch", "official"]
USES: Mapping[Use, str] = {
    "chat": "chat",
    "body": 'chat, `wire="plain"`',
    "stream": "stream",
    "tools": "tool loop",
    "file": "file",
    "batch": "batch",
    "official": "official tool",
}
"""What is done with a framework, and how the table calls it."""
FRAMEWORKS = ("langchain", "llama_index")
Kind = Literal["right", "error", "warned", "silent", "foreign"]

TEXT, THOUGHT, FINAL = "你好 hello there my friend", "let me think about it", "Both are cold."
CITIES = ("北京", "Turku")
CALLS = tuple(ToolCall("get_weather", {"city": city}) for city in CITIES)
COUNTS = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "cached_tokens": 40,
    "completion_tokens_details": {"reasoning_tokens": 5},
}
USAGE = Usage(100, 20, 120, 40, 0, 5)
ADDITIONS: Mapping[str, tuple[str, str]] = {
    "sse.line_separator": ("", " before\u2028after\u0085end"),
    "answer.stray_think": ("</think>", ""),
    "calls.content_after": ("", " Let me look."),
}
"""Text that a fault adds before and behind what was scripted, and that is to arrive with it."""
_ENDLESS = ("sse.endless_comments", "sse.endless_event", "body.bomb")


@dataclass(frozen=True)
class Case:
    """One fault in one use of a framework, blocking or asynchronous."""

    fault: str
    framework: str
    asynchronous: bool
    use: Use


@dataclass
class Outcome:
    """What a user got.

    Attributes:
        kind: `silent`: it differs from what was scripted, and nobody said so; `foreign`: an error that is not ours.
        detail: the error's class, or the first words of the warning.
        lost: which of text, reasoning, tool calls, results and usage differ from the script.
        partial: whether the error brings what had come.
    """

    kind: Kind
    detail: str = ""
    lost: Sequence[str] = ()
    partial: bool = False


@dataclass
class _Answers:
    """What was got, to be compared with the script."""

    lost: list[str] = field(default_factory=list)

    def same(self, what: str, got: object, *allowed: object) -> None:
        if got not in allowed and what not in self.lost:
            self.lost.append(what)

    def same_usage(self, usage: Usage | None, *allowed: Usage) -> None:
        if usage is None:
            self.lost.append("usage: none")
        elif usage not in allowed:
            others = ("prompt_tokens", "completion_tokens", "total_tokens")
            cut = any(all(getattr(usage, name) == getattr(each, name) for name in others) for each in allowed)
            self.lost.append("usage: cut" if cut else "usage")


class _Weatherman:
    """Calls the tool for both cities where the case is about calls, and sums up its results."""

    calls = False

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        if request["messages"][-1]["role"] == "tool":
            return Reply(FINAL, reasoning=THOUGHT, usage=COUNTS)
        text = TEXT.removeprefix(context.prefix or "")  # what is left, where an answer is taken up
        return Reply(text, reasoning=THOUGHT, usage=COUNTS, tool_calls=CALLS if self.calls else ())


class Bench:
    """An emulator, and both frameworks' drivers from `tests/support`. Waits before retries take no time.

    Args:
        settings: more fields of the models, e.g. `resume_streams`.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self._settings = dict(settings or {})
        support = str(ROOT / "tests" / "support")
        if support not in sys.path:
            sys.path.insert(0, support)
        self._adapters = {
            "langchain": importlib.import_module("contract_langchain").LangChain,
            "llama_index": importlib.import_module("contract_llama_index").LlamaIndex,
        }
        self._brain = _Weatherman()
        self._kimi = Emulator(brain=self._brain)
        self._numbers = itertools.count()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Bench:
        self._stack.enter_context(self._kimi)
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._stack.enter_context(_replaced(retry, "wait_seconds", lambda *_, **__: 0.0))
        self._stack.enter_context(_replaced(_wait, "_FIRST_POLL", 0.01))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, case: Case) -> Outcome:
        """What the user of this case gets."""
        fault = FAULTS[case.fault]
        self._kimi.reset()
        self._brain.calls = case.use == "tools" or fault.shows == "calls"
        stalls = fault.id.startswith("stall.")
        host = {
            "base_url": self._kimi.base_url,
            "api_key": self._kimi.api_key,
            "timeout": 0.3 if stalls else 10,
            "max_retries": 1,
        }
        if fault.id in _ENDLESS:
            host["max_answer_bytes"] = 2**20
        adapter = self._adapters[case.framework](host)
        use = getattr(self, f"_{case.use}")
        answers = _Answers()
        passing = _time_flies(self._kimi) if fault.silence else contextlib.nullcontext()
        with passing, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", KimiWarning)
            try:
                for error in use(case, adapter, fault, answers):
                    raise error
            except KimiError as error:
                return Outcome("error", name_of(error), answers.lost, getattr(error, "partial", None) is not None)
            except Exception as error:  # what this table is there to show
                return Outcome("foreign", f"{type(error).__name__}: {error}")
        warning_texts = [str(warning.message) for warning in caught if issubclass(warning.category, KimiWarning)]
        if warning_texts:
            return Outcome("warned", warning_texts[0], answers.lost)
        return Outcome("silent" if answers.lost else "right", lost=answers.lost)

    # ------------------------------------------------------------------------------------------- uses
    # Each compares what it got with the script, and yields the errors that it was given instead of an answer.

    def _ask(self, case: Case, adapter: Any, fault: Fault, answers: _Answers, **settings: Any) -> Iterator[KimiError]:
        way = ("a" if case.asynchronous else "") + ("streamed" if case.use == "stream" else "plain")
        arguments = {"tools": [get_weather]} if fault.shows == "calls" else {}
        self._kimi.fail(fault)
        chat = adapter.make(way, **{**self._settings, **settings})
        outcome = chat.attempt("What is the weather like?", **arguments)
        for warning in outcome.warnings:
            warnings.warn(warning, KimiWarning, stacklevel=1)
        before, behind = ADDITIONS.get(fault.id, ("", ""))
        text = before + TEXT + behind
        if outcome.error is not None:
            for what, text_shown, whole in (("text", outcome.text, text), ("reasoning", outcome.reasoning, THOUGHT)):
                if not (whole.startswith(text_shown or "") or (text_shown or "").startswith(whole)):
                    answers.lost.append(what)
            yield outcome.error
        answers.same("text", outcome.text, text)
        answers.same("text", "".join(outcome.pieces), text)
        answers.same("reasoning", outcome.reasoning, THOUGHT)
        expected_calls = [("get_weather", {"city": city}) for city in CITIES] if self._brain.calls else []
        answers.same("tool calls", [(call.name, call.args) for call in outcome.calls], expected_calls)
        answers.same_usage(outcome.usage, *self._counts())

    _chat = _stream = _ask

    def _body(self, case: Case, adapter: Any, fault: Fault, answers: _Answers) -> Iterator[KimiError]:
        return self._ask(case, adapter, fault, answers, wire="plain")

    def _tools(self, case: Case, adapter: Any, fault: Fault, answers: _Answers) -> Iterator[KimiError]:
        self._kimi.fail(fault)
        ran: list[str] = []

        def get_weather(city: str) -> str:
            """The weather in a city."""
            ran.append(city)
            return f"{city}: 3 degrees"

        model = adapter.make("plain", **self._settings).native
        with adapter.costs() as costs:
            text = RUNS[case.framework, case.asynchronous](model, get_weather)
        before, behind = ADDITIONS.get(fault.id, ("", ""))
        answers.same("text", text, FINAL)
        answers.same("tool calls", sorted(ran), sorted(CITIES))
        turns = [message for message in self._kimi.chats[-1]["messages"] if message["role"] != "system"]
        answers.same("results", [turn["role"] for turn in turns], ["user", "assistant", "tool", "tool"])
        if len(turns) > 1:
            answers.same("reasoning", turns[1].get("reasoning_content"), THOUGHT)
            answers.same("text", turns[1].get("content"), before + TEXT + behind)
            sent = [_json(call["function"]["arguments"]) for call in turns[1].get("tool_calls") or ()]
            answers.same("tool calls", sent, [{"city": city} for city in CITIES])
        if costs.tally.uncounted_calls:
            answers.lost.append("usage: none")
        else:
            answers.same_usage(costs.tally.usage, *(USAGE + usage for usage in self._counts(less=1)))
        yield from ()

    def _file(self, case: Case, adapter: Any, fault: Fault, answers: _Answers) -> Iterator[KimiError]:
        path = self._folder / f"note-{next(self._numbers)}.txt"
        path.write_text(f"The harbour of {path.stem} is 月 deep.", "utf-8")
        self._kimi.fail(fault)
        adapter.host.pop("max_retries")  # LangChain's loader has none
        loader = adapter.loader(path, "aplain" if case.asynchronous else "plain")
        with contextlib.ExitStack() as hurry:
            for module in (_extract, _wait) if fault.id == "files.pending" else ():
                hurry.enter_context(_replaced(module, "time", _Hurry))
            answers.same("text", loader.load().texts, [path.read_text("utf-8")])
        answers.same("a file is left on the platform", list(self._kimi.files), [])
        yield from ()

    def _batch(self, case: Case, adapter: Any, fault: Fault, answers: _Answers) -> Iterator[KimiError]:
        self._kimi.fail(fault)
        stuck = threading.Timer(0.3, self._kimi.clock.advance, (10**6,))  # the window passes
        stuck.start()
        try:
            chat = adapter.make("aplain" if case.asynchronous else "plain", model="kimi-k2.6")
            got = chat.run_batch(chat.batch(), dict.fromkeys(("a", "b", "c", "d"), "Hello?"))
        finally:
            stuck.cancel()
            stuck.join()
        answers.same("requests", list(got), ["a", "b", "c", "d"])
        for outcome in got.values():
            if isinstance(outcome, Exception):
                continue
            answers.same("text", outcome.text, TEXT)
            answers.same("reasoning", outcome.reasoning, THOUGHT)
            answers.same_usage(outcome.usage, USAGE)
        yield from (outcome for outcome in got.values() if isinstance(outcome, Exception))

    def _official(self, case: Case, adapter: Any, fault: Fault, answers: _Answers) -> Iterator[KimiError]:
        self._kimi.fail(fault)
        result = OFFICIAL[case.framework](adapter.host, case.asynchronous)
        if "the tool could not be run" in result:  # the reason that the emulator gives
            answers.lost.append("result: told to the model")
        else:
            answers.same("result", "aGVsbG8=" in result, True)
        yield from ()

    def _counts(self, less: int = 0) -> list[Usage]:
        """The usage of one answer, or of all that the emulator gave (an empty one that was asked for again counts)."""
        answers = max(len(self._kimi.replies) - less, 1)
        return list(itertools.accumulate([USAGE] * answers))


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"{city}: 3 degrees"


def cases(names: Iterable[str] = FAULTS) -> Iterator[Case]:
    """All uses in which each fault can happen, in both frameworks, blocking and asynchronous."""
    needs: Mapping[Use, str] = {
        "chat": "stream",
        "body": "plain",
        "stream": "stream",
        "tools": "stream",
        "file": "upload",
        "batch": "batch",
        "official": "fiber",
    }
    for name, (use, kind), framework in itertools.product(names, needs.items(), FRAMEWORKS):
        if kind in FAULTS[name].on:
            yield Case(name, framework, False, use)
            yield Case(name, framework, True, use)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


class _Hurry:
    """`time` for what waits ten minutes for a file that is never parsed."""

    @staticmethod
    def monotonic() -> float:
        return time.monotonic() * 2000


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


@contextlib.contextmanager
def _time_flies(kimi: Emulator) -> Iterator[None]:
    """Silences of the emulator end at once."""
    over = threading.Event()

    def fly() -> None:
        while not over.wait(0.02):
            kimi.clock.advance(60)

    thread = threading.Thread(target=fly)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
