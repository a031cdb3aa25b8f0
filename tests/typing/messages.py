"""Messages and tools are checked as they are written. Each `pyright: ignore` is an error that must be there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_type

from kimi_api import KimiClient, Reply, Usage, dynamic_tools_message, partial_message
from kimi_api.formulas import list_tools
from kimi_api.options import ChatOptions
from kimi_api.request import build_request
from kimi_api.usage import parse_usage
from kimi_api.wire import ChatBody, Message, ResponseFormat, Tool, WireMessage, WireUsage

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

# What the functions give fits beside messages that are written by hand, as TypedDicts and as plain dicts.
build_request(ChatOptions(), [*history[:2], partial_message("It ")])
build_request(ChatOptions(), [*plain, dynamic_tools_message([weather])])
partial: Message = partial_message("It ")
partial_message("It ")["prefix"]  # pyright: ignore[reportGeneralTypeIssues]


def requests_are_typed() -> None:
    body = build_request(ChatOptions(), history).body
    assert_type(body["model"], str)
    for message in body["messages"]:
        assert_type(message.get("tool_call_id"), str | None)
        message["tool_call_ids"]  # pyright: ignore[reportGeneralTypeIssues]
    body["modle"] = "kimi-k3"  # pyright: ignore[reportGeneralTypeIssues]
    body["temperature"] = "hot"  # pyright: ignore[reportGeneralTypeIssues]
    changed: ChatBody = {**body, "max_tokens": 5}
    changed = {**body, "max_token": 5}  # pyright: ignore[reportAssignmentType]
    assert_type(changed["messages"], Sequence[WireMessage])


def tools_are_typed(client: KimiClient) -> None:
    for tool in list_tools(client, "web-search"):
        assert_type(tool["function"]["name"], str)
        assert_type(tool["function"].get("description"), str | None)
        tool["functions"]  # pyright: ignore[reportGeneralTypeIssues]
    build_request(ChatOptions(tools=list_tools(client, "web-search")), plain)


def answers_are_typed(client: KimiClient, reply: Reply) -> None:
    for event in client.stream("/chat/completions", body=build_request(ChatOptions(), history).body):
        for choice in event.get("choices", ()):
            delta = choice.get("delta") or {}
            assert_type(delta.get("content"), str | None)
            delta["contents"]  # pyright: ignore[reportGeneralTypeIssues]
            for piece in delta.get("tool_calls") or ():
                assert_type(piece.get("index"), int | None)
        event["choises"]  # pyright: ignore[reportGeneralTypeIssues]
        usage: WireUsage | None = event.get("usage")
        assert_type(parse_usage(usage), Usage | None)
    if reply.usage is not None:
        assert_type(reply.usage.as_dict().get("cached_tokens"), int | None)
        reply.usage.as_dict()["cached_token"]  # pyright: ignore[reportGeneralTypeIssues]
    answered: Message = {"role": "assistant", "tool_calls": [call.as_dict() for call in reply.tool_calls]}
    build_request(ChatOptions(), [answered])
