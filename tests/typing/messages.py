"""Messages and tools are checked as they are written. Each `pyright: ignore` is an error that must be there."""

from __future__ import annotations

from typing import Any

from kimi_api.options import ChatOptions
from kimi_api.request import build_request
from kimi_api.wire import Message, ResponseFormat, Tool

weather: Tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
history: list[Message] = [
    {"role": "system", "content": "Be brief.", "tools": [weather]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ms://1"}}, {"type": "text", "text": "?"}]},
    {
        "role": "assistant",
        "reasoning_content": "Look it up.",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "Rain."},
    {"role": "assistant", "content": "It ", "partial": True},
]
form: ResponseFormat = {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": True}}
plain: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]

build_request(ChatOptions(tools=[weather], response_format=form), history, stream=True)
build_request(ChatOptions(tools=[{"type": "function", "function": {"name": "a"}}]), plain)

robot: Message = {"role": "robot", "content": "a"}  # pyright: ignore[reportAssignmentType]
misspelt: Message = {"role": "user", "contents": "a"}  # pyright: ignore[reportAssignmentType]
lost: Message = {"role": "tool", "content": "a"}  # pyright: ignore[reportAssignmentType]
nameless: Tool = {"type": "function", "function": {"parameters": {}}}  # pyright: ignore[reportAssignmentType]
