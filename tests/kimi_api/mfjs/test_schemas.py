"""Schemas leave in Moonshot's dialect, for tools and for structured output alike."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kimi_api import ChatOptions, KimiInputError, build_request
from kimi_api.chat import complete
from kimi_api.client import KimiClient
from kimi_emulator import Emulator, Reply, ToolCall

ASK = [{"role": "user", "content": "Book a table."}]
# Each of these costs the request a 400: a union beside its type, a boolean property, a list of item schemas.
PARAMETERS = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "anyOf": [{"enum": ["today"]}, {"pattern": "^2"}]},
        "notes": True,
        "pair": {"type": "array", "items": [{"type": "string"}, {"type": "number"}]},
    },
    "required": ["day"],
}
TOOL = {"type": "function", "function": {"name": "book", "description": "Book.", "parameters": PARAMETERS}}


def test_a_tool_that_the_platform_would_refuse_goes_out_in_its_dialect() -> None:
    before = copy.deepcopy(TOOL)
    with Emulator() as kimi:
        client = KimiClient(base_url=kimi.base_url, api_key=kimi.api_key)
        kimi.script(Reply(tool_calls=[ToolCall("book", {"day": "today"})]))
        complete(client, build_request(ChatOptions(tools=[TOOL]), ASK))
        (sent,) = kimi.chats[0]["tools"]
        assert not kimi.refusals
    assert "type" not in sent["function"]["parameters"]["properties"]["day"]
    assert before == TOOL


def test_the_same_tools_leave_as_the_same_bytes() -> None:
    first, second = (build_request(ChatOptions(tools=[copy.deepcopy(TOOL)]), ASK).body["tools"] for _ in range(2))
    assert repr(first) == repr(second)


def test_a_response_format_goes_out_in_the_dialect() -> None:
    wish: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "table", "schema": PARAMETERS}}
    sent = build_request(ChatOptions(response_format=wish), ASK).body["response_format"]["json_schema"]
    assert sent["name"] == "table"
    assert sent["strict"] is True
    assert sent["schema"]["properties"]["pair"]["type"] == "array"
    assert not isinstance(sent["schema"]["properties"]["pair"].get("items"), list)


@pytest.mark.parametrize("changes", [{"dialect": "openai"}, {"unsupported": "send"}])
def test_other_hosts_get_the_schema_as_it_is(changes: dict[str, Any]) -> None:
    body = build_request(ChatOptions(tools=[TOOL], **changes), ASK).body
    assert body["tools"] == [TOOL]


def test_a_schema_that_cannot_be_saved_names_the_tool_and_the_path() -> None:
    broken = copy.deepcopy(TOOL)
    broken["function"]["parameters"]["properties"]["far"] = {"$ref": "https://example.com/schema.json"}
    with pytest.raises(KimiInputError, match="book") as caught:
        build_request(ChatOptions(tools=[broken]), ASK)
    assert "far" in str(caught.value)
    assert "https://example.com/schema.json" in str(caught.value.value)


def test_both_requests_of_a_repeated_demand_are_counted() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    with Emulator() as kimi:
        client = KimiClient(base_url=kimi.base_url, api_key=kimi.api_key)
        call = ToolCall("book", {"day": "today"})
        kimi.script(Reply(content="Shall I?", usage=usage), Reply(tool_calls=[call], usage=usage))
        with pytest.warns(UserWarning, match="auto"):
            request = build_request(ChatOptions(model="kimi-k2.7-code", tools=[TOOL], tool_choice="required"), ASK)
        reply = complete(client, request)
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (200, 20, 220)
