"""What a rule looks at: a bare HTTP request, a chat request or an upload."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kimi_emulator.platform import tokens
from kimi_emulator.platform.models import MODELS, Model

if TYPE_CHECKING:
    from kimi_emulator.platform.files import StoredFile
    from kimi_emulator.platform.search.builtin import Result
    from kimi_emulator.platform.state import State

GO_TYPES = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def go_type(value: Any) -> str:
    """The server's word for a JSON value's type (it is written in Go)."""
    return GO_TYPES.get(type(value), "null")


@dataclass(frozen=True)
class HttpCheck:
    """A request before its body is looked at; ``length`` is its size in bytes, 0 when it does not say."""

    state: State
    method: str
    path: str
    headers: Mapping[str, str]
    length: int = 0
    broken_json: bool = False


@dataclass(frozen=True)
class ToolEntry:
    """A declared tool: ``message`` is the position of the message that brought it, None for the request's own."""

    tool: Any
    message: int | None

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
        """The model by name, retired or not."""
        name = self.body.get("model")
        return MODELS.get(name) if isinstance(name, str) else None

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
    def tools(self) -> list[ToolEntry]:
        """All declared tools: the request's own, then those of messages."""
        own = self.body.get("tools")
        entries = [ToolEntry(tool, None) for tool in own] if isinstance(own, list) else []
        for position, message in enumerate(self.messages):
            declared = message.get("tools")
            if isinstance(declared, list):
                entries += [ToolEntry(tool, position) for tool in declared]
        return entries

    @cached_property
    def max_tokens(self) -> int | None:
        """The asked-for output limit; ``max_completion_tokens`` wins over the old ``max_tokens``."""
        for name in ("max_completion_tokens", "max_tokens"):
            if self.body.get(name) is not None:
                return self.body[name]
        return None

    @cached_property
    def prompt_tokens(self) -> int:
        """Estimated prompt tokens."""
        return tokens.prompt_tokens(self.model, self.body, self.read["messages"])

    @cached_property
    def read(self) -> dict[str, Any]:
        """The body as the model reads it: with the texts of searches where the client sends only their ids or seals."""
        read = self.state.searches.read(self.messages)
        body = self.body if read is self.messages else {**self.body, "messages": read}
        if self.ignores_named_choice and isinstance(body.get("tool_choice"), dict):
            return {**body, "tool_choice": "auto"}
        return body

    def searched(self) -> list[Result]:
        """The tool messages that answer calls of ``$web_search``, with these calls."""
        return self.state.searches.echoes(self.messages)

    @cached_property
    def schema_problems(self) -> dict[str, str]:
        """Faults of the schemas in this request: rule id -> message of the first one."""
        from kimi_emulator.rules import mfjs

        return mfjs.problems(self)


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

    state: State
    id: str
    file: StoredFile | None
    wants_content: bool = False


@dataclass(frozen=True)
class FormulaCheck:
    """A request about a formula: ``functions`` are its functions' names, None when there is no such formula.

    ``fiber`` is the body that asks to run one of them, None when only the list is wanted.
    """

    state: State
    uri: str
    functions: Collection[str] | None
    fiber: Mapping[str, Any] | None = None
