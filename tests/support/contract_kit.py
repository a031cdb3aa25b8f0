"""What the contract suite says about an adapter without naming a framework: messages, answers, and how to ask.

A test writes histories in the neutral form below, and may put an `Outcome` where the model's own turn stands. Each
framework has a driver (`contract_langchain`, `contract_llama_index`) that translates both ways, with nothing but the
public names of its package.
"""

from __future__ import annotations

import asyncio
import copy
import pickle
import warnings
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kimi_api import KimiError, KimiWarning, Usage

Way = Literal["plain", "streamed", "aplain", "astreamed"]
"""How to call: an answer that comes whole, or in pieces; blocking, or asynchronous (the two with an "a")."""
WAYS: tuple[Way, ...] = ("plain", "streamed", "aplain", "astreamed")
STREAMED: tuple[Way, ...] = ("streamed", "astreamed")
FOR_REQUESTS: tuple[Way, ...] = ("plain", "astreamed")
"""Enough for what is only about the request: whole and streamed, blocking and not."""
COPIES: Mapping[str, Callable[[Any], Any]] = {
    "pickle": lambda native: pickle.loads(pickle.dumps(native)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "model_copy": lambda native: native.model_copy(),
    "deep model_copy": lambda native: native.model_copy(deep=True),
}
"""The ways in which the frameworks and their users copy a model."""

# ---------------------------------------------------------------------------------------------------- messages


@dataclass(frozen=True)
class Media:
    """A picture, a film, a document or a sound, by one of its bytes, its address, or the id of an uploaded file."""

    kind: Literal["image", "video", "document", "audio"] = "image"
    data: bytes | None = None
    mime: str | None = None
    url: str | None = None
    file_id: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Call:
    """A tool call. `args` is None where the framework could not read them."""

    name: str
    args: dict[str, Any] | None
    id: str = ""


@dataclass(frozen=True)
class Message:
    """One message of a history."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    media: tuple[Media, ...] = ()
    reasoning: str | None = None
    calls: tuple[Call, ...] = ()
    call_id: str | None = None
    name: str | None = None
    partial: bool = False
    tools: tuple[Any, ...] = ()
    by: str | None = None
    """Another vendor that made the turn, who signed its thinking."""


def system(text: str) -> Message:
    return Message("system", text)


def loads(*tools: Any) -> Message:
    """A message that brings tools in the middle of a conversation."""
    return Message("system", tools=tools)


def document(data: bytes, name: str | None = None, mime: str | None = "application/pdf") -> Media:
    """A document by its bytes."""
    return Media("document", data=data, mime=mime, name=name)


def user(text: str, *media: Media) -> Message:
    return Message("user", text, media)


def assistant(text: str = "", *calls: Call, reasoning: str | None = None, by: str | None = None) -> Message:
    return Message("assistant", text, calls=calls, reasoning=reasoning, by=by)


def partial(prefix: str, *, name: str | None = None, reasoning: str | None = None) -> Message:
    """The beginning of an answer, to be continued."""
    return Message("assistant", prefix, name=name, reasoning=reasoning, partial=True)


def result(call: Call | str, text: str = "done", *media: Media) -> Message:
    """What a tool gave: `call` is what it answers, or its id."""
    return Message("tool", text, media, call_id=call if isinstance(call, str) else call.id)


# ---------------------------------------------------------------------------------------------------- tools


@dataclass(frozen=True)
class Tool:
    """A function as a tool, where it needs more than the function itself."""

    function: Callable[..., Any]
    name: str | None = None
    schema: type[Any] | None = None
    direct: bool = False
    """Whether its result is the agent's answer."""


def wire_tool(name: str, **properties: Any) -> dict[str, Any]:
    """A definition as it goes over the wire, which both frameworks take too."""
    parameters = {"type": "object", "properties": properties or {"city": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "description": f"{name}.", "parameters": parameters}}


# ---------------------------------------------------------------------------------------------------- answers


@dataclass
class Outcome:
    """What came of a call, read from where the framework's users look for it.

    Attributes:
        native: what the framework answered, of a stream all pieces in one.
        message: the framework's own message; the outcome may stand in the next history.
        text, reasoning: of the answer; reasoning None: it has none, "": it thought without words.
        calls: the tool calls.
        usage: tokens, None where the framework shows none.
        finish_reason: the platform's own word.
        pieces: the text as it was shown, piece by piece; of a whole answer one.
        error, warnings: only from `attempt`.
    """

    native: Any = None
    message: Any = None
    text: str = ""
    reasoning: str | None = None
    calls: list[Call] = field(default_factory=list)
    usage: Usage | None = None
    finish_reason: str | None = None
    pieces: list[str] = field(default_factory=list)
    error: KimiError | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass
class AgentRun:
    """What came of an agent's run: its answer, and the framework's own messages that it stores."""

    text: str
    messages: list[Any]


@dataclass
class Loaded:
    """What a loader gave: its documents, and what it said about files that it left out."""

    documents: list[Document]
    complaints: list[str]

    @property
    def texts(self) -> list[str]:
        return [document.text for document in self.documents]

    @property
    def names(self) -> list[str]:
        return [document.name for document in self.documents]


@dataclass
class Document:
    """One file's text."""

    name: str
    text: str
    path: str
    metadata: Mapping[str, Any]


History = str | Sequence["Message | Outcome | Any"]
"""A question, or messages; the framework's own may stand among them."""

# ---------------------------------------------------------------------------------------------------- drivers


class Chat(ABC):
    """A model of one framework, asked in one way.

    Attributes:
        native: the framework's object.
        way: how `ask` calls it.
    """

    def __init__(self, native: Any, way: Way) -> None:
        self.native = native
        self.way = way

    def ask(self, messages: History, **call: Any) -> Outcome:
        """The answer to `messages`, or the error.

        Args:
            messages: see `History`.
            call: `tools` (functions, `Tool`s, wire tools, the framework's own), `tool_choice` and
                `parallel_tool_calls`; everything else is an argument of the call under the user's own name for it.
        """
        pieces: list[Any] = []
        if self.way == "plain":
            pieces.append(self._plain(messages, call))
        elif self.way == "streamed":
            pieces.extend(self._stream(messages, call))
        else:
            asyncio.run(self._acollect(messages, call, pieces))
        return self._outcome(pieces)

    async def aask(self, messages: History, **call: Any) -> Outcome:
        """`ask` within a running loop: the two asynchronous ways."""
        pieces: list[Any] = []
        await self._acollect(messages, call, pieces)
        return self._outcome(pieces)

    def attempt(self, messages: History, **call: Any) -> Outcome:
        """`ask`, with an error and warnings as parts of the outcome; what was shown before the error is there too."""
        pieces: list[Any] = []
        error: KimiError | None = None
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("error")
            warnings.simplefilter("always", KimiWarning)
            try:
                if self.way == "plain":
                    pieces.append(self._plain(messages, call))
                elif self.way == "streamed":
                    for piece in self._stream(messages, call):
                        pieces.append(piece)
                else:
                    asyncio.run(self._acollect(messages, call, pieces))
            except KimiError as caught:
                error = caught
            outcome = self._outcome(pieces) if pieces else Outcome()
        outcome.error = error
        outcome.warnings = [str(warning.message) for warning in recorded]
        return outcome

    def leave(self, messages: History, **call: Any) -> None:
        """Read the first piece of a stream, and close it."""
        with closing(self._stream(messages, call)) as pieces:  # type: ignore[type-var]
            next(pieces)

    async def aleave(self, messages: History, **call: Any) -> None:
        """The asynchronous twin of `leave`."""
        async with aclosing(self._astream(messages, call)) as pieces:  # type: ignore[type-var]
            await anext(pieces)

    async def _acollect(self, messages: History, call: dict[str, Any], pieces: list[Any]) -> None:
        if self.way in ("plain", "aplain"):
            pieces.append(await self._aplain(messages, call))
        else:
            async for piece in self._astream(messages, call):
                pieces.append(piece)

    @abstractmethod
    def _plain(self, messages: History, call: dict[str, Any]) -> Any: ...

    @abstractmethod
    def _stream(self, messages: History, call: dict[str, Any]) -> Iterator[Any]: ...

    @abstractmethod
    async def _aplain(self, messages: History, call: dict[str, Any]) -> Any: ...

    @abstractmethod
    def _astream(self, messages: History, call: dict[str, Any]) -> AsyncIterator[Any]: ...

    @abstractmethod
    def _outcome(self, pieces: list[Any]) -> Outcome:
        """What was shown, one answer or the pieces of one."""

    @abstractmethod
    def calls(self, outcome: Outcome) -> list[Call]:
        """The calls of an answer, read from the framework's own object once more."""

    # ---------------------------------------------------------------- what stands on a model

    def run_agent(
        self, question: str, tools: Sequence[Any], *, history: Sequence[Any] = (), first_choice: str | None = None
    ) -> AgentRun:
        """The framework's own agent (`create_agent`, `FunctionAgent`), run in this way.

        Args:
            question: what the user asks.
            tools: as for `ask`.
            history: what an earlier run stored.
            first_choice: the `tool_choice` of the first request.
        """
        return asyncio.run(self.arun_agent(question, tools, history=history, first_choice=first_choice))

    @abstractmethod
    async def arun_agent(
        self, question: str, tools: Sequence[Any], *, history: Sequence[Any] = (), first_choice: str | None = None
    ) -> AgentRun:
        """`run_agent` within a running loop; the blocking ways run in a thread."""

    @abstractmethod
    def predict(self, schema: type[Any], question: str, *, by_tool: bool = False, **call: Any) -> Any:
        """A structured answer, of a stream the last object; `by_tool` takes the route of a demanded tool."""

    @abstractmethod
    def batch(
        self, *, tools: Sequence[Any] = (), schema: type[Any] | None = None, ids: Sequence[str] = (), **settings: Any
    ) -> Any:
        """A `KimiBatch` of the framework: of the model, with tools, or of structured answers; `ids` resume one."""

    def run_batch(self, batch: Any, inputs: Any) -> dict[str, Any]:
        """Submit `inputs` (a list or a dict of histories), wait, and read: outcomes, objects, or errors, by id."""
        native: Any = inputs
        if isinstance(inputs, Mapping):
            native = {name: self.batch_input(history) for name, history in inputs.items()}
        elif not isinstance(inputs, str):
            native = [self.batch_input(history) for history in inputs]
        if self.way == "plain":
            answers = batch.submit(native).poll_until_done(poll=0.005).results()
        else:
            answers = asyncio.run(self._arun_batch(batch, native))
        return {name: self.batch_answer(answer) for name, answer in answers.items()}

    async def _arun_batch(self, batch: Any, native: Any) -> Any:
        await batch.asubmit(native)
        await batch.apoll_until_done(poll=0.005)
        return await batch.aresults()

    @abstractmethod
    def batch_input(self, history: History) -> Any:
        """A history as what `submit` takes."""

    @abstractmethod
    def batch_answer(self, answer: Any) -> Any:
        """What a batch gave for one input: an outcome, an object, or an error."""

    # ---------------------------------------------------------------- counting

    @abstractmethod
    def count(self, messages: History, tools: Sequence[Any] = ()) -> int:
        """Tokens, counted on this machine."""

    def estimate(self, messages: History) -> int:
        """Tokens, counted by the platform."""
        native = self._for_estimates(messages)
        if self.way == "plain":
            return self.native.estimate_tokens(native)
        return asyncio.run(self.native.aestimate_tokens(native))

    @abstractmethod
    def _for_estimates(self, messages: History) -> Any: ...


class Loader(ABC):
    """A loader of one framework on one source, used in one way ("streamed" is the lazy one)."""

    def __init__(self, native: Any, source: Any, way: Way) -> None:
        self.native = native
        self.source = source
        self.way = way

    @abstractmethod
    def load(self) -> Loaded:
        """All documents."""


class Adapter(ABC):
    """One framework.

    Attributes:
        name: "langchain" or "llama_index".
        host: the settings that lead to the emulator.
    """

    name: str

    def __init__(self, host: Mapping[str, Any]) -> None:
        self.host = dict(host)

    def make(self, way: Way = "plain", **settings: Any) -> Chat:
        """A model that talks to the emulator unless `settings` say otherwise."""
        return self.chat(self.model_class(**{**self.host, **settings}), way)

    model_class: type[Any]
    """`ChatKimi` or `Kimi`."""

    @abstractmethod
    def chat(self, native: Any, way: Way = "plain") -> Chat:
        """A model of the framework, to be asked."""

    @abstractmethod
    def loader(
        self,
        source: Path | Sequence[Path],
        way: Way = "plain",
        *,
        forgiving: bool = False,
        at_once: int = 4,
        **more: Any,
    ) -> Loader:
        """A loader for `source`; `forgiving` leaves out files that fail."""

    @abstractmethod
    def window(self, native: Any) -> int:
        """The context window that the framework plans with, in tokens."""

    @abstractmethod
    def through_json(self, messages: Sequence[Any]) -> list[Any]:
        """The framework's own messages, written as JSON and read again."""

    @abstractmethod
    def dumps(self, native: Any) -> list[str]:
        """Every text that shows a model: its repr, and all that the framework writes of it."""

    @abstractmethod
    def record(self, native: Any) -> AbstractContextManager[list[str]]:
        """Listen to a model with everything that the framework has for that, and fill a list with what is recorded."""

    @abstractmethod
    def reasoning_forms(self, text: str, reasoning: str, call: Call) -> dict[str, Any]:
        """The framework's own messages for one assistant turn, one for each place where thinking may stand."""

    @abstractmethod
    def native_messages(self, messages: History) -> list[Any]:
        """Neutral messages as the framework's own."""

    @abstractmethod
    def costs(self, **settings: Any) -> AbstractContextManager[Any]:
        """The block that counts what calls cost (`get_kimi_cost_callback`, `get_kimi_costs`)."""

    @abstractmethod
    def web_search(self) -> Any:
        """The built-in search as the framework's tool."""


def ask_in_a_worker(adapter: type[Adapter], native: Any) -> str:
    """The text of an answer, for a process of its own."""
    return adapter({}).chat(native).ask("hi").text
