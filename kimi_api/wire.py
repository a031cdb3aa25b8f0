"""What goes over the wire of https://platform.kimi.ai/docs/api/chat, as types: messages, tools, requests, answers.

For dicts that a program writes or reads itself: editors complete the members, type checkers check them. Nothing here is
needed at run time. What comes from a host is described as Moonshot sends it; others leave members out.

    messages: list[Message] = [{"role": "user", "content": "Why is the sky blue?"}]
    request = build_request(ChatOptions(), messages)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

__all__ = [
    "AssistantMessage",
    "ChatBody",
    "Choice",
    "ContentPart",
    "Delta",
    "Event",
    "FunctionCall",
    "FunctionDefinition",
    "ImagePart",
    "JsonSchema",
    "Message",
    "NamedTool",
    "ResponseFormat",
    "SystemMessage",
    "TextPart",
    "ThinkingSwitch",
    "Tool",
    "ToolCall",
    "ToolCallPiece",
    "ToolMessage",
    "UserMessage",
    "VideoPart",
    "WireMessage",
    "WireUsage",
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


class WireMessage(TypedDict, total=False):
    """A message of any role, as it is changed on its way to the host: `Message` says which members a role has."""

    role: str
    content: str | Sequence[Mapping[str, Any]] | None
    """Parts of other hosts, and marks for what is looked at before sending, stand here too."""
    name: str
    tools: Sequence[Mapping[str, Any]]
    reasoning_content: str | None
    reasoning: str | None
    """What other hosts call `reasoning_content`."""
    tool_calls: Sequence[ToolCall]
    tool_call_id: str
    partial: bool


class FunctionName(TypedDict):
    """A function by its name."""

    name: str


class NamedTool(TypedDict):
    """The `tool_choice` of one tool."""

    type: Literal["function"]
    function: FunctionName


class StreamOptions(TypedDict, total=False):
    """What a stream holds beside the answer."""

    include_usage: bool


class CacheOptions(TypedDict, total=False):
    """How long the prefix stays cached."""

    mode: Literal["implicit"]
    ttl: Literal["5m", "1h"]


class ChatBody(TypedDict, total=False):
    """The body of `POST /chat/completions`. Members that only other hosts know stand there too, unnamed here."""

    model: Required[str]
    messages: Required[Sequence[WireMessage]]
    tools: Sequence[Mapping[str, Any]]
    tool_choice: str | Mapping[str, Any]
    response_format: Mapping[str, Any]
    thinking: Mapping[str, Any]
    reasoning_effort: str
    max_tokens: int
    max_completion_tokens: int
    temperature: float
    top_p: float
    n: int
    presence_penalty: float
    frequency_penalty: float
    stop: str | list[str]
    prompt_cache_key: str
    prompt_cache_options: CacheOptions
    safety_identifier: str
    chat_template_kwargs: Mapping[str, Any]
    stream: bool
    stream_options: StreamOptions


class PromptDetails(TypedDict, total=False):
    """Tokens of the prompt, of which kinds they are."""

    cached_tokens: int
    cache_write_tokens: int


class CompletionDetails(TypedDict, total=False):
    """Tokens of the answer, of which kinds they are."""

    reasoning_tokens: int


class WireUsage(TypedDict, total=False):
    """The tokens of one call; `kimi_api.usage.parse_usage` reads them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class FunctionPiece(TypedDict, total=False):
    """The function of a call, or what one event adds to it."""

    name: str | None
    arguments: str | None


class ToolCallPiece(TypedDict, total=False):
    """What one event adds to a call; `id`, `type` and the name come with the first piece."""

    index: int
    id: str
    type: str
    function: FunctionPiece


class Delta(TypedDict, total=False):
    """What one event adds to an answer, or the whole of one."""

    role: str
    content: str | None
    reasoning_content: str | None
    reasoning: str | None
    """What other hosts call `reasoning_content`."""
    tool_calls: list[ToolCallPiece] | None


class Choice(TypedDict, total=False):
    """An answer, or a piece of one: `message` in a whole body, `delta` in an event."""

    index: int
    delta: Delta | None
    message: Delta | None
    finish_reason: str | None
    usage: WireUsage


class Event(TypedDict, total=False):
    """One event of a stream, or a whole body."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str | None
    choices: list[Choice]
    usage: WireUsage | None
