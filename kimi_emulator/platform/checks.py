"""What a rule looks at: a bare HTTP request, a chat request, an upload, a batch and what else can be asked for."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kimi_emulator.content import ToolResult
from kimi_emulator.dialects import PLATFORM
from kimi_emulator.platform import mfjs, prompt
from kimi_emulator.platform.files import StoredFile
from kimi_emulator.platform.models import MODELS, Model, model_of_weights
from kimi_emulator.platform.state import State

__all__ = [
    "BatchCallCheck",
    "BatchCheck",
    "BatchFileCheck",
    "BatchListCheck",
    "ChatCheck",
    "FileCheck",
    "FormulaCheck",
    "HttpCheck",
    "UploadCheck",
]


@dataclass(frozen=True)
class HttpCheck:
    """A request before its body is looked at.

    ``allowed`` are the methods that its address takes, none where there is no such address; ``length`` is its size in
    bytes, 0 when it does not say.
    """

    state: State
    method: str
    path: str
    headers: Mapping[str, str]
    allowed: Collection[str] = ()
    length: int = 0
    broken_json: bool = False


@dataclass(frozen=True)
class ToolEntry:
    """A declared tool, of the request or of a message."""

    tool: Any

    @property
    def function(self) -> dict[str, Any]:
        """The tool's ``function`` object, empty if it has none."""
        function = self.tool.get("function") if isinstance(self.tool, dict) else None
        return function if isinstance(function, dict) else {}

    @property
    def name(self) -> str:
        """The function's name, "" if it has none."""
        name = self.function.get("name")
        return name if isinstance(name, str) else ""

    @property
    def builtin(self) -> bool:
        """Whether it is one of the platform's own tools, such as ``$web_search``."""
        return isinstance(self.tool, dict) and self.tool.get("type") == "builtin_function"


class ChatCheck:
    """A chat request under examination. Rules run in order, so later ones may rely on what earlier ones checked."""

    def __init__(self, state: State, body: dict[str, Any]) -> None:
        self.state = state
        self.body = body

    @cached_property
    def known_model(self) -> Model | None:
        """The model by name, retired or not; on other hosts also by the name of its weights."""
        name, dialect = self.body.get("model"), self.state.settings.dialect
        if not isinstance(name, str):
            return None
        if name in MODELS or dialect == PLATFORM:
            return MODELS.get(name)
        return model_of_weights(name) or (MODELS["kimi-k2.6"] if dialect.one_model else None)

    @property
    def model(self) -> Model:
        """The model, once the ``model.*`` rules have passed."""
        if self.known_model is None:
            raise LookupError("the model.* rules come first")
        return self.known_model

    @property
    def ignores_named_choice(self) -> bool:
        """Whether a named ``tool_choice`` does nothing here: sources disagree about K3."""
        return self.model.family == "k3" and self.state.settings.k3_named_choice == "ignore"

    @cached_property
    def thinks(self) -> bool:
        """Whether the answer will be thought about."""
        return self.model.thinks(self.body)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages, once the ``messages.*`` rules have passed."""
        return self.body["messages"]

    def assistant_calls(self) -> Iterator[tuple[int, dict[str, Any], list[dict[str, Any]]]]:
        """Each assistant message that has tool calls, with its position."""
        for position, message in enumerate(self.messages):
            calls = message.get("tool_calls")
            if message.get("role") == "assistant" and isinstance(calls, list) and calls:
                yield position, message, [call for call in calls if isinstance(call, dict)]

    @cached_property
    def unreadable_arguments(self) -> list[tuple[int, str]]:
        """Arguments of earlier calls that are no JSON object, each with the position of its message."""
        return [
            (position, text)
            for position, _, calls in self.assistant_calls()
            for call in calls
            if not _is_object(text := call["function"]["arguments"])
        ]

    @cached_property
    def tools(self) -> list[ToolEntry]:
        """All declared tools: the request's own, then those of messages."""
        lists = [holder.get("tools") for holder in (self.body, *self.messages)]
        return [ToolEntry(tool) for tools in lists if isinstance(tools, list) for tool in tools]

    @cached_property
    def max_tokens(self) -> int | None:
        """The asked-for output limit; ``max_completion_tokens`` wins over the old ``max_tokens``."""
        for name in ("max_completion_tokens", "max_tokens"):
            if self.body.get(name) is not None:
                return self.body[name]
        return None

    @cached_property
    def prompt_tokens(self) -> int:
        """Prompt tokens: on the K3 family those of its template, on others an estimate."""
        return prompt.prompt_tokens(self.model, self.read)

    @cached_property
    def read(self) -> dict[str, Any]:
        """The body as the model reads it: with the texts of searches where the client sends only their ids or seals."""
        read = self.state.searches.read(self.messages)
        body = self.body if read is self.messages else {**self.body, "messages": read}
        if self.ignores_named_choice and isinstance(body.get("tool_choice"), dict):
            return {**body, "tool_choice": "auto"}
        return body

    def search_results(self) -> list[ToolResult]:
        """The tool messages that answer calls of ``$web_search``, with these calls."""
        return self.state.searches.echoes(self.messages)

    def schemas(self) -> Iterator[tuple[str, Any, bool]]:
        """The schemas of all functions and of the answer: where each stands, itself, and whether it is strict."""
        for entry in self.tools:
            if not entry.builtin:
                strict = entry.function.get("strict") is not False
                yield "tools.function.parameters", entry.function.get("parameters"), strict
        response_format = self.body.get("response_format")
        described = response_format.get("json_schema") if isinstance(response_format, dict) else None
        if isinstance(described, dict) and isinstance(described.get("schema"), dict):
            yield "response_format.json_schema", described["schema"], described.get("strict") is not False

    @cached_property
    def schema_problems(self) -> dict[str, tuple[str, mfjs.Problem]]:
        """For each topic the first problem of the strict schemas, and where that schema stands."""
        first: dict[str, tuple[str, mfjs.Problem]] = {}
        for place, schema, strict in self.schemas():
            if strict and isinstance(schema, dict):  # strict false only asks for some valid JSON
                for problem in mfjs.problems(schema, self.state.settings.mfjs):
                    first.setdefault(problem.topic, (place, problem))
        return first


@dataclass(frozen=True)
class UploadCheck:
    """The parts of an upload: ``size`` in bytes, None when there is no file part."""

    state: State
    purpose: str | None
    filename: str
    size: int | None


@dataclass(frozen=True)
class FileCheck:
    """A request about a stored file."""

    id: str
    file: StoredFile | None
    wants_content: bool = False


@dataclass(frozen=True)
class FormulaCheck:
    """A request about a formula: ``functions`` are its functions' names, none when there is no such formula.

    ``fiber`` is the body that asks to run one of them, None when only the list is wanted.
    """

    uri: str
    functions: Collection[str]
    fiber: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class BatchCheck:
    """A call that makes a batch; ``file`` is the input file, None when there is none of that id."""

    body: Mapping[str, Any]
    file: StoredFile | None


@dataclass(frozen=True)
class BatchCallCheck:
    """A call about the batch ``id``; ``status`` is None when there is no such batch."""

    id: str
    status: str | None
    cancels: bool = False


@dataclass(frozen=True)
class BatchListCheck:
    """A call for a page of the list, with its query parameters."""

    query: Mapping[str, str]


class BatchFileCheck:
    """The input file of a batch, line by line. Rules run in order: once ``batch.line`` passed, lines are objects."""

    def __init__(self, state: State, data: bytes) -> None:
        self.state = state
        self.texts: list[bytes] = [text for text in data.split(b"\n") if text.strip()]

    @cached_property
    def entries(self) -> Sequence[Any]:
        """The lines as JSON, None for one that is not."""
        return [_parse(text) for text in self.texts]


def _is_object(text: str) -> bool:
    """Whether this text is a JSON object as strict readers want it: no control characters within strings."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
