"""What an answer is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kimi_api._arguments.text import read
from kimi_api.usage import Usage

if TYPE_CHECKING:
    from kimi_api.wire import ToolCall as WireToolCall


@dataclass(slots=True)
class ToolCall:
    """A tool call, complete or still growing.

    `id` is unique within a conversation (see `unique_id`), `arguments` the model's own JSON text, never re-encoded,
    except members that came as strings where the tool's schema wants an array or an object: these are decoded, and
    the model's own text is in `original`, which is None otherwise.
    """

    index: int
    id: str
    name: str
    arguments: str
    type: str = "function"
    original: str | None = None
    _reading: tuple[str, dict[str, Any] | None] | None = field(default=None, init=False, repr=False, compare=False)

    def read_arguments(self) -> dict[str, Any] | None:
        """The object that `arguments` says: {} where there is no text, None where it cannot be read.

        A text is read once, and every call returns the same object: copy it before you change it.
        """
        if self._reading is None or self._reading[0] is not self.arguments:
            self._reading = self.arguments, read(self.arguments)
        return self._reading[1]

    def as_dict(self) -> WireToolCall:
        """As it stands in a wire message, with the model's own text."""
        text = self.arguments if self.original is None else self.original
        kind: Any = self.type  # a host may have types of its own
        return {"id": self.id, "type": kind, "function": {"name": self.name, "arguments": text}}


@dataclass(slots=True)
class ReplyDelta:
    """What one event added. `reasoning` is None when the event had no thinking; "" when it had an empty one."""

    content: str = ""
    reasoning: str | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    """Pieces: `arguments` holds only what is new; `id` and `name` are set in a call's first piece only."""


@dataclass(slots=True)
class Reply:
    """A whole answer.

    `reasoning` is None when the model does not think, "" when it thought without words. `finish_reason` is the
    platform's own word: stop, length, tool_calls, content_filter, or one that is new.
    """

    id: str = ""
    model: str = ""
    created: int | None = None
    content: str = ""
    reasoning: str | None = None
    reasoning_field: str = "reasoning_content"
    tool_calls: list[ToolCall] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    system_fingerprint: str | None = None
    request_id: str | None = None
    trace_id: str | None = None

    @property
    def out_of_budget(self) -> bool:
        """Whether the token budget ended before the answer began."""
        return self.finish_reason == "length" and not self.content and not self.tool_calls
