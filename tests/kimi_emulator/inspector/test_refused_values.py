"""Each rule's refused example, and the place of the value that the page shows for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rule_examples import EXAMPLES
from rule_kit import TODAY, sent

from kimi_emulator import Emulator
from kimi_emulator.inspector.refused_values import Value, refused_values
from kimi_emulator.platform.state import ReceivedRequest

PLACES: dict[str, list[str]] = {
    "auth.bearer": ["Authorization"],
    "endpoint.legacy_completions": ["the address"],
    "endpoint.unknown": ["the address"],
    "endpoint.method": ["the address"],
    "body.size": ["the body"],
    "body.json": ["the body"],
    "model.type": ["model"],
    "model.unknown": ["model"],
    "model.retired": ["model"],
    "model.not_visible": ["model"],
    "messages.empty": ["messages"],
    "messages.shape": ["messages"],
    "message.role": ["messages[0].role"],
    "message.content_type": ["messages[0].content"],
    "message.part_type": ["messages[0].content[1]"],
    "message.empty_content": ["messages[1]"],
    "message.empty_text_part": ["messages[1].content[0]"],
    "message.empty_part": ["messages[0]"],
    "message.user_content": ["messages[0]"],
    "message.member_type": ["messages[0].name"],
    "message.unknown_member": ["messages"],
    "message.serialised_parts": ["messages[0]"],
    "cache.breakpoint": ["messages[0].content[1].prompt_cache_breakpoint"],
    "partial.role": ["messages[0].partial"],
    "partial.not_last": ["messages[1].partial"],
    "partial.json_object": ["response_format"],
    "media.url": ["messages[0].content[1].image_url.url"],
    "media.model": ["model"],
    "media.format": ["messages[0].content[1].image_url.url"],
    "media.file_missing": ["messages[0].content[1].image_url.url"],
    "sampling.temperature": ["temperature"],
    "sampling.top_p": ["top_p"],
    "sampling.n": ["n"],
    "sampling.presence_penalty": ["presence_penalty"],
    "sampling.frequency_penalty": ["frequency_penalty"],
    "sampling.range": ["temperature"],
    "sampling.logprobs": ["logprobs"],
    "sampling.top_logprobs": ["top_logprobs"],
    "sampling.top_logprobs_range": ["top_logprobs"],
    "sampling.logit_bias": ["logit_bias"],
    "thinking.shape": ["thinking"],
    "thinking.type": ["thinking.type"],
    "thinking.k2_7_disabled": ["thinking.type"],
    "thinking.keep": ["thinking.keep"],
    "effort.type": ["reasoning_effort"],
    "effort.with_thinking": ["reasoning_effort"],
    "effort.none_on_k2": ["reasoning_effort"],
    "tools.shape": ["tools"],
    "tools.type": ["tools[0]"],
    "tools.function_name": ["tools[0].function.name"],
    "tools.member_type": ["tools[0].function.strict"],
    "tools.duplicate_name": ["tools[1].function.name"],
    "dynamic_tools.model": ["model"],
    "dynamic_tools.role": ["messages[0].tools"],
    "dynamic_tools.content": ["messages[0].tools"],
    "tool_choice.value": ["tool_choice"],
    "tool_choice.required_without_tools": ["tool_choice"],
    "tool_choice.required_thinking": ["tool_choice"],
    "tool_choice.specified_thinking": ["tool_choice"],
    "tool_choice.unknown_function": ["tool_choice.function.name"],
    "mfjs.root_object": ["tools[0].function.parameters"],
    "mfjs.anyof_type": ["tools[0].function.parameters"],
    "mfjs.items_array": ["response_format.json_schema.schema.properties.pair.items"],
    "mfjs.boolean_schema": ["tools[0].function.parameters.properties.t.items.properties.out"],
    "mfjs.ref_type": ["tools[0].function.parameters.properties.a.type"],
    "mfjs.ref_target": ["tools[0].function.parameters.properties.a"],
    "mfjs.enum_type": ["tools[0].function.parameters.properties.a"],
    "mfjs.type": ["tools[0].function.parameters.properties.a.default"],
    "mfjs.enum": ["tools[0].function.parameters.properties.a.enum"],
    "mfjs.any_of": ["tools[0].function.parameters.properties.a.anyOf"],
    "mfjs.ref": ["tools[0].function.parameters.properties.a"],
    "mfjs.defs": ["tools[0].function.parameters"],
    "mfjs.object": ["tools[0].function.parameters"],
    "mfjs.annotation": ["tools[0].function.parameters.properties.a.description"],
    "mfjs.limits": ["tools[0].function.parameters.properties.a.enum"],
    "mfjs.recursion": ["tools[0].function.parameters.properties.a"],
    "mfjs.keyword": ["tools[0].function.parameters.properties.a.format"],
    "history.call_shape": ["messages[1].tool_calls[0]"],
    "history.arguments": ["messages[1].tool_calls[0].function.arguments"],
    "tools.unanswered_call": ["messages[1].tool_calls[1].id"],
    "tools.unknown_call_id": ["messages[3].tool_call_id"],
    "tools.extra_result": ["messages[3].tool_call_id"],
    "tools.repeated_call_id": ["messages[3].tool_call_id"],
    "reasoning.missing": ["messages[3]"],
    "reasoning.altered": ["messages[1]"],
    "reasoning.dropped": ["messages[1]"],
    "partial.reasoning": [],
    "max_tokens.value": ["max_tokens"],
    "context.window": ["max_tokens"],
    "response_format.type": ["response_format.type"],
    "response_format.name": ["response_format.json_schema.name"],
    "response_format.schema": ["response_format.json_schema.schema"],
    "response_format.schema_type": ["response_format.json_schema.schema"],
    "response_format.strict_type": ["response_format.json_schema.strict"],
    "stop.type": ["stop"],
    "stop.count": ["stop"],
    "stop.length": ["stop"],
    "stream.type": ["stream"],
    "stream.options": ["stream_options"],
    "cache.options": ["prompt_cache_options"],
    "prediction.shape": ["prediction"],
    "cache.key": ["prompt_cache_key"],
    "safety_identifier.type": ["safety_identifier"],
    "tolerated.thinking_on_k3": ["thinking"],
    "tolerated.thinking_on_v1": ["thinking"],
    "tolerated.thinking_member": ["thinking"],
    "tolerated.sampling": ["temperature", "n"],
    "tolerated.effort_on_k2": ["reasoning_effort"],
    "tolerated.effort_word": ["reasoning_effort"],
    "tolerated.unknown_field": ["max_output_tokens", "top_k"],
    "tolerated.named_choice": ["tool_choice"],
    "tolerated.arguments": ["messages[1].tool_calls[0].function.arguments"],
    "tolerated.builtin_name": ["tools[0].function.name"],
    "file.part": [],
    "file.purpose": ["purpose"],
    "file.extension": ["filename"],
    "file.empty": ["filename"],
    "file.too_large": ["filename"],
    "file.too_many": ["filename"],
    "file.too_much": ["filename"],
    "file.unknown": ["the address"],
    "file.not_parsed": ["the address"],
    "file.extract_failed": ["the address"],
    "search.echo": ["messages[2].content"],
    "search.altered_call": ["messages[2].content"],
    "search.sealed": ["messages[2]"],
    "formula.unknown": ["the address"],
    "fiber.name": ["name"],
    "fiber.arguments": ["arguments"],
    "batch.input_file": ["input_file_id"],
    "batch.purpose": [],
    "batch.jsonl": [],
    "batch.endpoint": ["endpoint"],
    "batch.window": ["completion_window"],
    "batch.metadata": ["metadata"],
    "batch.limit": ["limit"],
    "batch.unknown": ["the address"],
    "batch.cancel": ["the address"],
    "batch.line": [],
    "batch.custom_id": [],
    "batch.method": [],
    "batch.url": [],
    "batch.one_model": [],
    "batch.model": [],
    "batch.stream": [],
}
"""Rules about a batch's file, or about what a request lacks, have no value in the request."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator(today=TODAY) as kimi:
        yield kimi


def values(kimi: Emulator, rule: str) -> list[Value]:
    note = next(note for note in [*kimi.refusals, *kimi.report] if note.rule == rule)
    return refused_values(rule, note.message, kimi.requests[note.request])


def test_every_rule_is_in_the_table():
    assert set(PLACES) == set(EXAMPLES)


@pytest.mark.parametrize("rule", EXAMPLES)
def test_the_refused_value_is_found_in_the_request(rule: str, shared: Emulator):
    with sent(EXAMPLES[rule][1], shared) as (_, kimi):
        assert [value.place for value in values(kimi, rule)] == PLACES[rule]


@pytest.mark.parametrize(
    ("rule", "message", "body", "value"),
    [
        ("sampling.temperature", "invalid temperature: only 1", {"temperature": 0.3}, Value("temperature", "0.3")),
        (
            "response_format.type",
            "missing response_format.type",
            {"response_format": {"type": None}},
            Value("response_format.type", "null"),
        ),
        ("messages.empty", "messages must not be empty", {"messages": []}, Value("messages", "[]")),
        ("stop.type", "stop must be a string", {"stop": "长" * 700}, Value("stop", '"' + "长" * 599 + "…")),
    ],
)
def test_a_value_is_shown_as_it_stands_in_the_json(rule: str, message: str, body: dict, value: Value):
    assert refused_values(rule, message, ReceivedRequest("POST", "/v1/chat/completions", {}, json=body)) == [value]


def test_a_refused_key_is_shown_by_its_end_only():
    received = ReceivedRequest("GET", "/v1/models", {"authorization": "Bearer sk-secret-key-9876"})
    assert refused_values("auth.bearer", "Invalid Authentication", received) == [
        Value("Authorization", "Bearer sk-...9876")
    ]


@pytest.mark.parametrize("body", [None, [], {}, {"messages": 7}, {"messages": [7], "tools": [7]}, {"tools": {"a": 1}}])
def test_a_request_of_any_shape_can_be_looked_through(body: object):
    message = "the message at position 3 of tools.function.name 'x' <At path 'a.b': y> is illegal"
    received = ReceivedRequest("POST", "/v1/chat/completions", {}, json=body)
    places = [value.place for rule in EXAMPLES for value in refused_values(rule, message, received)]
    assert all(places)
