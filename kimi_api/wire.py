"""What goes over the wire of https://platform.kimi.ai/docs/api/chat, as types: messages, tools, the form of an answer.

For dicts that a program writes itself: editors complete the members, type checkers check them. Nothing here is needed
at run time.

    messages: list[Message] = [{"role": "user", "content": "Why is the sky blue?"}]
    request = build_request(ChatOptions(), messages)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

__all__ = [
    "AssistantMessage",
    "ContentPart",
    "FunctionCall",
    "FunctionDefinition",
    "ImagePart",
    "JsonSchema",
    "Message",
    "ResponseFormat",
    "SystemMessage",
    "TextPart",
    "ThinkingSwitch",
    "Tool",
    "ToolCall",
    "ToolMessage",
    "UserMessage",
    "VideoPart",
]


class TextPart(TypedDict, total=False):
    """A text within a message's content."""

    type: Required[Literal["text"]]
    text: Required[str]


class MediaAddress(TypedDict, total=False):
    """Where an image or video is: a data URL, or `ms://` and the id of an uploaded file."""

    url: Required[str]


class ImagePart(TypedDict, total=False):
    """An image within a message's content."""

    type: Required[Literal["image_url"]]
    image_url: Required[MediaAddress | str]


class VideoPart(TypedDict, total=False):
    """A video within a message's content."""

    type: Required[Literal["video_url"]]
    video_url: Required[MediaAddress | str]


ContentPart = TextPart | ImagePart | VideoPart


class FunctionCall(TypedDict, total=False):
    """The function of a call."""

    name: Required[str]
    arguments: Required[str]
    """JSON, as the model wrote it."""


class ToolCall(TypedDict, total=False):
    """A call in an assistant's message. Ids are any text; they need not be unique in a conversation."""

    id: Required[str]
    type: Literal["function", "builtin_function"]
    function: Required[FunctionCall]


class FunctionDefinition(TypedDict, total=False):
    """The function of a tool."""

    name: Required[str]
    description: str
    parameters: Mapping[str, Any]
    """Any JSON Schema: it is brought into Moonshot's flavour before sending."""
    strict: bool


class Tool(TypedDict, total=False):
    """A tool that is offered; "builtin_function" for the platform's own, whose names begin with a dollar sign."""

    type: Required[Literal["function", "builtin_function"]]
    function: Required[FunctionDefinition]


class SystemMessage(TypedDict, total=False):
    """Instructions, or tools that are brought in within a conversation."""

    role: Required[Literal["system"]]
    content: str | Sequence[ContentPart]
    name: str
    tools: Sequence[Tool]


class UserMessage(TypedDict, total=False):
    """A user's turn."""

    role: Required[Literal["user"]]
    content: Required[str | Sequence[ContentPart]]
    name: str


class AssistantMessage(TypedDict, total=False):
    """The model's turn, with its own thinking; `partial` makes the answer continue it."""

    role: Required[Literal["assistant"]]
    content: str | Sequence[ContentPart] | None
    reasoning_content: str
    tool_calls: Sequence[ToolCall]
    partial: bool
    name: str


class ToolMessage(TypedDict, total=False):
    """The result of a call."""

    role: Required[Literal["tool"]]
    tool_call_id: Required[str]
    content: Required[str | Sequence[ContentPart]]
    name: str


Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage


class JsonSchema(TypedDict, total=False):
    """The schema that an answer must follow."""

    name: Required[str]
    schema: Required[Mapping[str, Any]]
    strict: bool


class ResponseFormat(TypedDict, total=False):
    """The form of an answer; `json_schema` belongs to the type of that name."""

    type: Required[Literal["text", "json_object", "json_schema"]]
    json_schema: JsonSchema


class ThinkingSwitch(TypedDict, total=False):
    """The `thinking` object of models that can switch."""

    type: Required[Literal["enabled", "disabled"]]
    keep: Literal["all"] | None
