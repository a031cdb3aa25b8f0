"""Every rule has one request that it lets pass and one that it refuses (or reports).

Whoever adds a rule adds its two requests here; a test fails until they are there.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from batch_examples import BATCH_EXAMPLES
from rule_kit import (
    BUILTIN,
    K26,
    K27,
    LOOP,
    NAMED,
    OBJECT,
    OFF,
    PNG,
    SEARCH,
    SVG,
    USER,
    Ask,
    ask,
    call,
    fiber,
    image,
    on_file,
    part,
    replay,
    result,
    schema_format,
    search_turn,
    tool,
    turn_with,
    upload,
)

from kimi_emulator import Limits, Reply
from kimi_emulator.platform.search import seal

V1 = {"model": "moonshot-v1-8k"}
LAST_DAY_OF_V1 = {"today": date(2026, 8, 30)}


def v1(**fields: Any) -> Ask:
    return Ask(V1 | fields, settings=LAST_DAY_OF_V1)


def again(*messages: dict[str, Any]) -> Ask:
    """What comes after an answer "Hello." that was thought about."""
    first = [Reply(content="Hello.", reasoning="my own thought"), Reply(content=" And bye.", reasoning="bye")]
    return Ask({"messages": [USER, *messages]}, before=[ask()], script=first)


def schema(level: str, **keywords: Any) -> Ask:
    """A tool whose schema has these keywords at its root, on an emulator with this strictness."""
    return Ask({"tools": [tool(**keywords)]}, settings={"mfjs": level})


def at(path: str, message: str) -> str:
    """The pattern of what is said of a tool's schema."""
    place = re.escape(f"details: <At path '{path}': {message}>")
    return r"^tools\.function\.parameters is not a valid moonshot flavored json schema, " + place + "$"


# rule id -> (accepted, refused or reported, pattern of the message)
EXAMPLES: dict[str, tuple[Ask, Ask, str]] = {
    "auth.bearer": (ask(), Ask(headers={"Authorization": "Bearer sk-other"}), r"^Invalid Authentication$"),
    "endpoint.legacy_completions": (
        ask(),
        Ask({"prompt": "say hi"}, path="/completions"),
        r"^no open api access$",
    ),
    "endpoint.unknown": (Ask(method="GET", path="/models"), Ask(method="GET", path="/embeddings"), "Not found"),
    "endpoint.method": (
        Ask(method="DELETE", path="/files/FILE", before=[upload()]),
        Ask(method="PATCH", path="/files/FILE", before=[upload()]),
        "does not take the method PATCH$",
    ),
    "body.size": (
        ask(),
        Ask({"user": "x" * 3000}, settings={"limits": Limits(body_bytes=2000)}),
        r"^Request exceeds the maximum size$",
    ),
    "body.json": (ask(), Ask(content=b'{"model": '), "not a JSON object"),
    "model.type": (
        ask(),
        ask(model=["kimi-k3"]),
        r"model field in the request \(expected type string\) is illegal, and array is not acceptable$",
    ),
    "model.unknown": (
        ask(),
        ask(model="kimi-not-exist"),
        r"^Not found the model kimi-not-exist or Permission denied$",
    ),
    "model.retired": (
        Ask({"model": "kimi-k2.5"}, settings={"today": date(2026, 8, 30)}),
        ask(model="kimi-k2.5"),
        r"^Not found the model kimi-k2\.5 or Permission denied$",
    ),
    "model.not_visible": (
        Ask(settings={"models": ["kimi-k3"]}),
        Ask(K26, settings={"models": ["kimi-k3"]}),
        r"^Not found the model kimi-k2\.6 or Permission denied$",
    ),
    "messages.empty": (ask(), ask(messages=[]), r"^Invalid request: messages must not be empty$"),
    "messages.shape": (ask(), ask(messages=["hi"]), "array of objects"),
    "message.role": (ask(), ask(messages=[{"role": "developer", "content": "x"}, USER]), "developer"),
    "message.content_type": (part(type="text", text="x"), {"messages": [{"role": "user", "content": 7}]}, "number"),
    "message.part_type": (
        part(type="text", text="x"),
        part(type="thinking", thinking="x"),
        r"^Invalid part type: thinking$",
    ),
    "message.empty_content": (
        ask(messages=[USER, {"role": "assistant", "content": " "}, USER]),
        ask(messages=[USER, {"role": "assistant", "content": "", "reasoning_content": "r"}, USER]),
        r"^Invalid request: the message at position 1 with role 'assistant' must not be empty$",
    ),
    "message.empty_text_part": (
        ask(messages=[USER, turn_with(content=None, reasoning_content="r"), result()]),
        ask(messages=[USER, turn_with(content=[{"type": "text", "text": ""}], reasoning_content="r"), result()]),
        r"^text content is empty$",
    ),
    "message.empty_part": (
        part(type="text", text=" "),
        ask(messages=[{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "a"}]}]),
        r"^empty text parts in the messages at 0$",
    ),
    "message.user_content": (ask(), ask(messages=[{"role": "user", "content": None}]), "role 'user'"),
    "message.member_type": (
        ask(messages=[USER | {"name": "Ann", "partial": False}]),
        ask(messages=[USER | {"name": 5}]),
        r"messages\.name field in the request \(expected type string\) is illegal, and number is not acceptable$",
    ),
    "message.unknown_member": (
        ask(messages=[USER | {"name": "Ann"}]),
        ask(messages=[USER | {"id": "1", "reasoning": "x"}]),
        "members of messages: id, reasoning$",
    ),
    "message.serialised_parts": (
        ask(messages=[{"role": "user", "content": "[1, 2]"}]),
        ask(messages=[{"role": "user", "content": '[{"type": "image_url", "image_url": {"url": "data:"}}]'}]),
        "content of message 0 is an array of parts",
    ),
    "cache.breakpoint": (
        part(type="text", text="x"),
        part(type="text", text="x", prompt_cache_breakpoint=True),
        "prompt_cache_breakpoint",
    ),
    "partial.role": (
        ask(messages=[USER, {"role": "assistant", "content": "H", "partial": True}]),
        ask(messages=[{"role": "user", "content": "H", "partial": True}]),
        "assistant",
    ),
    "partial.not_last": (
        ask(messages=[USER, {"role": "assistant", "content": "", "name": "Ann", "partial": True}]),
        ask(messages=[USER, {"role": "assistant", "content": "H", "partial": True}, USER]),
        "last message",
    ),
    "partial.json_object": (
        ask(messages=[USER, {"role": "assistant", "content": "{", "partial": True}]),
        ask(
            messages=[USER, {"role": "assistant", "content": "{", "partial": True}],
            response_format={"type": "json_object"},
        ),
        "json_object",
    ),
    "media.url": (
        image(f"data:image/png;base64,{PNG}"),
        image("https://example.com/a.png"),
        r"^Invalid request: unsupported image url: https://example\.com/a\.png$",
    ),
    "media.model": (
        Ask(
            image(f"data:image/png;base64,{PNG}") | {"model": "moonshot-v1-8k-vision-preview"}, settings=LAST_DAY_OF_V1
        ),
        Ask(image(f"data:image/png;base64,{PNG}") | V1, settings=LAST_DAY_OF_V1),
        "image input is not supported by model moonshot-v1-8k$",
    ),
    "media.format": (
        part(type="image_url", image_url=f"data:image/png;base64,{PNG}"),
        image(f"data:image/svg+xml;base64,{SVG}"),
        r"^Invalid request: unsupported image format: text/plain; charset=utf-8$",
    ),
    "media.file_missing": (
        Ask(image("ms://FILE"), before=[upload("a.png", purpose="image")]),
        image("ms://nothing"),
        "nothing",
    ),
    "sampling.temperature": (
        Ask(K26 | OFF | {"temperature": 0.6}),
        ask(temperature=0.3),
        r"^invalid temperature: only 1 is allowed for this model$",
    ),
    "sampling.top_p": (ask(top_p=0.95), ask(top_p=1), r"^invalid top_p: only 0\.95 is allowed for this model$"),
    "sampling.n": (ask(n=1), ask(n=2), r"^invalid n: only 1 is allowed for this model$"),
    "sampling.presence_penalty": (
        ask(presence_penalty=0.0),
        ask(presence_penalty=1),
        r"^invalid presence_penalty: only 0 is allowed for this model$",
    ),
    "sampling.frequency_penalty": (
        ask(frequency_penalty=0),
        ask(frequency_penalty=0.1),
        r"^invalid frequency_penalty: only 0 is allowed for this model$",
    ),
    "sampling.range": (
        v1(temperature=0.3, top_p=1.0, n=1, presence_penalty=-2, frequency_penalty=2),
        v1(temperature=1.1),
        r"^invalid temperature: must be between 0 and 1$",
    ),
    "sampling.logprobs": (
        ask(logprobs=False),
        ask(logprobs=True),
        r"^invalid logprobs: only false is allowed for this model$",
    ),
    "sampling.top_logprobs": (
        ask(),
        ask(top_logprobs=2),
        r"^Invalid request: logprobs must be set to true if top_logprobs is used$",
    ),
    "sampling.top_logprobs_range": (
        v1(logprobs=True, top_logprobs=20),
        v1(logprobs=True, top_logprobs=21),
        "between 0 and 20",
    ),
    "sampling.logit_bias": (
        ask(logit_bias=None),
        ask(logit_bias={"1": 5}),
        r"^Invalid request: logit_bias is not supported yet$",
    ),
    "thinking.shape": (
        Ask(K26 | OFF),
        Ask(K26 | {"thinking": False}),
        r"^the thinking field in the request \(expected type object\) is illegal, and bool is not acceptable$",
    ),
    "thinking.type": (Ask(K26 | OFF), ask(thinking={"type": "off"}), r"^invalid value for thinking type: off$"),
    "thinking.k2_7_disabled": (
        Ask(K27 | {"thinking": {"type": "enabled", "keep": "all"}}),
        Ask(K27 | OFF),
        r"^invalid thinking: only type=enabled is allowed for this model$",
    ),
    "thinking.keep": (
        Ask(K26 | {"thinking": {"type": "enabled", "keep": "all"}}),
        Ask(
            {"model": "kimi-k2.5", "thinking": {"type": "enabled", "keep": "all"}},
            settings={"today": date(2026, 8, 30)},
        ),
        r'^thinking\.keep is not supported by model "kimi-k2\.5"$',
    ),
    "effort.type": (ask(reasoning_effort="low"), ask(reasoning_effort={"level": "low"}), "expected type string"),
    "effort.with_thinking": (
        Ask(K26 | OFF),
        Ask(K26 | OFF | {"reasoning_effort": "low"}),
        r"^cannot specify both 'thinking' and 'reasoning_effort'$",
    ),
    "effort.none_on_k2": (ask(reasoning_effort="none"), Ask(K26 | {"reasoning_effort": "none"}), "none"),
    "tools.shape": (ask(tools=[tool()]), ask(tools={"get_weather": {}}), "array of objects"),
    "tools.type": (
        ask(tools=[{"type": "builtin_function", "function": {"name": "$web_search"}}]),
        ask(tools=[{"name": "get_weather", "parameters": {"type": "object"}}]),
        r"^Invalid request: unknown tool type: , currently only function and plugin are supported$",
    ),
    "tools.function_name": (
        ask(tools=[tool("get-weather_2")]),
        ask(tools=[tool("2get")]),
        r"^Invalid request: function name is invalid, must start with a letter and can contain letters, numbers, "
        r"underscores, and dashes$",
    ),
    "tools.member_type": (
        ask(tools=[{"type": "function", "function": {"name": "f1", "strict": False, "parameters": OBJECT}}]),
        ask(tools=[{"type": "function", "function": {"name": "f1", "strict": "no", "parameters": OBJECT}}]),
        r"tools\.function\.strict field in the request \(expected type bool\) is illegal, and string is not",
    ),
    "tools.duplicate_name": (
        ask(tools=[tool("a1"), tool("a2")]),
        ask(tools=[tool("a1"), tool("a1")]),
        r"^Invalid request: function name a1 is duplicated$",
    ),
    "dynamic_tools.model": (
        ask(messages=[USER, {"role": "system", "tools": [tool()]}]),
        Ask(K26 | {"messages": [{"role": "system", "tools": [tool()]}, USER]}),
        r"^tokenization failed$",
    ),
    "dynamic_tools.role": (
        ask(messages=[{"role": "system", "tools": [tool()]}, USER]),
        ask(messages=[{"role": "user", "content": "x", "tools": [tool()]}]),
        "user",
    ),
    "dynamic_tools.content": (
        ask(messages=[{"role": "system", "content": "", "tools": [tool()]}, USER]),
        ask(messages=[{"role": "system", "content": "x", "tools": [tool()]}, USER]),
        r"^Invalid request: tools in a system message cannot be used with content$",
    ),
    "tool_choice.value": (ask(tool_choice="none"), ask(tool_choice="any"), "any"),
    "tool_choice.required_without_tools": (
        ask(tool_choice="required", tools=[tool()]),
        ask(tool_choice="required", tools=[]),
        "needs tools",
    ),
    "tool_choice.required_thinking": (
        ask(tool_choice="required", tools=[tool()]),
        Ask(K26 | {"tool_choice": "required", "tools": [tool()]}),
        r"^tool_choice 'required' is incompatible with thinking enabled$",
    ),
    "tool_choice.specified_thinking": (
        Ask(K26 | OFF | {"tool_choice": NAMED, "tools": [tool()]}),
        ask(tool_choice=NAMED, tools=[tool()]),
        r"^tool_choice 'specified' is incompatible with thinking enabled$",
    ),
    "tool_choice.unknown_function": (
        Ask(K26 | OFF | {"tool_choice": NAMED, "tools": [tool()]}),
        Ask(K26 | OFF | {"tool_choice": NAMED, "tools": [tool("other")]}),
        "get_weather",
    ),
    "mfjs.root_object": (
        ask(tools=[tool()]),
        ask(tools=[{"type": "function", "function": {"name": "f1", "parameters": {"properties": {}}}}]),
        r'^tools\.function\.parameters\.type is required and must be "object"$',
    ),
    "mfjs.anyof_type": (
        ask(tools=[tool(properties={"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}})]),
        ask(tools=[tool(anyOf=[{"required": ["city"]}])]),
        r"^tools\.function\.parameters is not a valid moonshot flavored json schema, details: <At path 'root': when "
        r"using anyOf, type should be defined in anyOf items instead of the parent schema>$",
    ),
    "mfjs.items_array": (
        Ask(schema_format({"type": "object", "properties": {"p": {"type": "array", "prefixItems": [{}]}}})),
        Ask(schema_format({"type": "object", "properties": {"pair": {"type": "array", "items": [{}, {}]}}})),
        r"^Invalid request: response_format\.json_schema is not a valid moonshot flavored json schema, details: "
        r"<At path 'properties\.pair\.items': items must be an object>$",
    ),
    "mfjs.boolean_schema": (
        ask(tools=[tool(properties={"a": {}}, additionalProperties=False)]),
        ask(tools=[tool(properties={"t": {"type": "array", "items": {"properties": {"out": True}}}})]),
        r"^tools\.function\.parameters is not a valid moonshot flavored json schema, details: <At path "
        r"'properties\.t\.items\.properties': property schema for 'out' must be an object>$",
    ),
    "mfjs.ref_type": (
        ask(tools=[tool(properties={"a": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": {"type": "object"}}})]),
        ask(
            tools=[
                tool(properties={"a": {"$ref": "#/$defs/A", "type": "object"}}, **{"$defs": {"A": {"type": "object"}}})
            ]
        ),
        at(
            "properties.a",
            "when using $ref, type should be defined in the referenced schema instead of the parent schema",
        ),
    ),
    "mfjs.ref_target": (
        ask(tools=[tool(properties={"a": {"$ref": "#"}})]),
        ask(tools=[tool(properties={"a": {"$ref": "#/definitions/A"}}, definitions={"A": {"type": "object"}})]),
        at("properties.a", "references must start with #/$defs/"),
    ),
    "mfjs.enum_type": (
        ask(tools=[tool(properties={"a": {"type": "string", "enum": ["x"]}})]),
        ask(tools=[tool(properties={"a": {"enum": ["x"]}})]),
        at("properties.a", "type is not defined"),
    ),
    "mfjs.type": (
        schema("strict", properties={"a": {"type": ["string", "null"], "description": "x"}}),
        schema("strict", properties={"a": {"type": ["string", "null"], "default": None}}),
        at("properties.a", "keyword default is not allowed in combination with multiple types"),
    ),
    "mfjs.enum": (
        schema("strict", properties={"a": {"type": ["string", "null"], "enum": ["x", None]}}),
        schema("strict", properties={"a": {"type": "string", "enum": ["x", None]}}),
        at("properties.a", "enum value (<nil>) does not match any type in [string]"),
    ),
    "mfjs.any_of": (
        schema("strict", properties={"a": {"anyOf": [{"type": "string"}], "default": "x", "description": "y"}}),
        schema("strict", properties={"a": {"anyOf": [{"type": "string", "default": "z"}], "default": "x"}}),
        at(
            "properties.a",
            "conflicting keywords found in anyOf with parent: keywords (default) are defined on the parent schema "
            "and inside anyOf; remove them from the parent or from anyOf branches",
        ),
    ),
    "mfjs.ref": (
        schema("strict", properties={"a": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": {"type": "string"}}}),
        schema("strict", properties={"a": {"$ref": "#/$defs/B"}}, **{"$defs": {"A": {"type": "string"}}}),
        at("properties.a", "$defs not found for reference: #/$defs/B"),
    ),
    "mfjs.defs": (
        schema("strict", properties={"a/b": {"type": "string"}}, **{"$defs": {"A": {"type": "string"}}}),
        schema("strict", **{"$defs": {"A/B": {"type": "string"}}}),
        at("root", "$defs property name 'A/B' cannot contain '/' character"),
    ),
    "mfjs.object": (
        schema("strict", required=["city"]),
        schema("strict", required=["town"]),
        at("root", "required property 'town' is not defined in properties"),
    ),
    "mfjs.annotation": (
        schema("strict", description="A place."),
        schema("strict", properties={"a": {"type": "string", "description": None}}),
        at("properties.a", "description must be a string"),
    ),
    "mfjs.limits": (
        schema("strict", properties={"a": {"type": "integer", "enum": list(range(1000))}}),
        schema("strict", properties={"a": {"type": "integer", "enum": list(range(1001))}}),
        at("properties.a", "enum array cannot have more than 1000 items"),
    ),
    "mfjs.recursion": (
        schema("strict", properties={"a": {"$ref": "#"}}),
        schema("strict", properties={"a": {"$ref": "#"}}, required=["a"]),
        at("properties.a", "detected infinite recursion without termination condition"),
    ),
    "mfjs.keyword": (
        schema("ultra", properties={"a": {"type": "string", "minLength": 1}}),
        schema("ultra", properties={"a": {"type": "string", "format": "date"}}),
        at("properties.a", "unsupported keywords: format"),
    ),
    "history.call_shape": (
        ask(messages=LOOP),
        ask(messages=[USER, turn_with(call(arguments={"city": "Paris"}), reasoning_content="r"), result()]),  # type: ignore[arg-type]
        "tool_calls need",
    ),
    "history.arguments": (
        Ask({"messages": LOOP}, settings={"histories": "strict"}),
        Ask(
            {"messages": [USER, turn_with(call(arguments='{"city": '), reasoning_content="r"), result()]},
            settings={"histories": "strict"},
        ),
        r"^Invalid request: the arguments of a tool call of message 1 are not a JSON object: '\{\"city\": '$",
    ),
    "tools.unanswered_call": (
        ask(messages=[USER, turn_with(call("a"), call("b"), reasoning_content="r"), result("b"), result("a")]),
        ask(messages=[USER, turn_with(call("a"), call("b"), reasoning_content="r"), result("a"), USER]),
        r"^an assistant message with 'tool_calls' must be followed by tool messages responding to each "
        r"'tool_call_id'\. The following tool_call_ids did not have response messages: b$",
    ),
    "tools.unknown_call_id": (
        ask(messages=[*LOOP, *LOOP]),
        ask(messages=[*LOOP, result("get_time_0")]),
        r"^tool_call_id get_time_0 is not found$",
    ),
    "tools.extra_result": (
        ask(messages=LOOP),
        ask(messages=[*LOOP, result()]),
        "message 1 have more than one result each: get_weather_0$",
    ),
    "tools.repeated_call_id": (
        ask(messages=[*LOOP, *LOOP]),
        ask(messages=[USER, turn_with(call(), call(), reasoning_content="r"), result(), result()]),
        r"^calls of message 1 share an id: get_weather_0$",
    ),
    "reasoning.missing": (
        Ask(K26 | {"messages": [USER, turn_with(reasoning_content=" "), result()]}),
        Ask(K26 | {"messages": [USER, USER, USER, turn_with(reasoning_content=""), result()]}),
        r"^thinking is enabled but reasoning_content is missing in assistant tool call message at index 3$",
    ),
    "reasoning.altered": (
        replay(reasoning_content="my own thought"),
        replay(reasoning_content="my own thought "),
        "message 1 is not the one",
    ),
    "reasoning.dropped": (replay(reasoning_content="my own thought"), replay(), "message 1 came back without"),
    "partial.reasoning": (
        again({"role": "assistant", "content": "Hello.", "reasoning_content": "my own thought", "partial": True}),
        again({"role": "assistant", "content": "Hello.", "partial": True}),
        "the partial message came without",
    ),
    "max_tokens.value": (ask(max_completion_tokens=1), ask(max_tokens=0), "max_tokens must be"),
    "context.window": (
        Ask(K26 | {"max_tokens": 262_000}),
        Ask(K26 | {"max_tokens": 262_144}),
        r"^Invalid request: Your request exceeded model token limit: 262144 \(requested: 262154\)$",
    ),
    "response_format.type": (
        ask(response_format={"type": "text"}),
        ask(response_format={"type": "yaml"}),
        "yaml",
    ),
    "response_format.name": (
        Ask(schema_format(OBJECT)),
        Ask(schema_format(OBJECT, name=None)),
        r"^missing required parameter: response_format\.json_schema\.name$",
    ),
    "response_format.schema": (
        Ask(schema_format(OBJECT)),
        Ask(schema_format(None)),
        r"^missing required parameter: response_format\.json_schema\.schema$",
    ),
    "response_format.schema_type": (
        Ask(schema_format(OBJECT, strict=False)),
        Ask(schema_format("{}")),
        r"^Invalid request: the `response_format\.json_schema\.schema` field in the request "
        r"\(expected type dict\[string,interface\]\) is illegal, and string is not acceptable$",
    ),
    "response_format.strict_type": (
        Ask(schema_format(OBJECT, strict=True)),
        Ask(schema_format(OBJECT, strict="yes")),
        r"^Invalid request: the `response_format\.json_schema\.strict` field in the request \(expected type bool\)",
    ),
    "stop.type": (ask(stop="x"), ask(stop=[1]), "array of strings"),
    "stop.count": (ask(stop=list("abcde")), ask(stop=list("abcdef")), "at most 5"),
    "stop.length": (ask(stop=["x" * 32]), ask(stop=["é" * 17]), "32 bytes"),
    "stream.type": (ask(stream=True), ask(stream="yes"), "expected type bool"),
    "stream.options": (ask(stream_options={"include_usage": True}), ask(stream_options=True), "include_usage"),
    "cache.options": (
        ask(prompt_cache_options={"mode": "implicit", "ttl": "1h"}),
        ask(prompt_cache_options={"ttl": "2h"}),
        "ttl",
    ),
    "prediction.shape": (
        ask(prediction={"type": "content", "content": [{"type": "text", "text": "hi"}]}),
        ask(prediction={"type": "content"}),
        "prediction must have type content",
    ),
    "cache.key": (ask(prompt_cache_key="a"), ask(prompt_cache_key=7), "the prompt_cache_key field in the request"),
    "safety_identifier.type": (
        ask(safety_identifier="a"),
        ask(safety_identifier=["a"]),
        "the safety_identifier field in the request",
    ),
    "tolerated.thinking_on_k3": (Ask(K26 | OFF), Ask(OFF), "kimi-k3"),
    "tolerated.thinking_on_v1": (v1(), v1(**OFF), "moonshot-v1-8k, which cannot think"),
    "tolerated.thinking_member": (
        Ask(K26 | {"thinking": {"type": "enabled", "keep": None}}),
        Ask(K26 | {"thinking": {"type": "enabled", "effort": "high"}}),
        "effort",
    ),
    "tolerated.sampling": (ask(), ask(temperature=1.0, n=1), "temperature, n"),
    "tolerated.effort_on_k2": (ask(reasoning_effort="max"), Ask(K26 | {"reasoning_effort": "max"}), "kimi-k2.6"),
    "tolerated.effort_word": (ask(reasoning_effort="high"), ask(reasoning_effort="medium"), "medium"),
    "tolerated.unknown_field": (
        ask(safety_identifier="a", prompt_cache_key="b"),
        ask(top_k=3, max_output_tokens=5),
        "max_output_tokens, top_k",
    ),
    "tolerated.named_choice": (
        Ask({"tool_choice": "required", "tools": [tool()]}, settings={"k3_named_choice": "ignore"}),
        Ask({"tool_choice": NAMED, "tools": [tool()]}, settings={"k3_named_choice": "ignore"}),
        "kimi-k3, which overlooks it",
    ),
    "tolerated.arguments": (
        ask(messages=LOOP),
        ask(messages=[USER, turn_with(call(arguments='["Paris"]'), reasoning_content="r"), result()]),
        r"message 1 are not a JSON object: '\[\"Paris\"\]'",
    ),
    "tolerated.builtin_name": (
        ask(tools=[BUILTIN]),
        ask(tools=[{"type": "builtin_function", "function": {"name": "$websearch"}}]),
        "websearch",
    ),
    "file.part": (upload(), Ask({"purpose": "file-extract"}, path="/files", files={"f": ("a.txt", b"x")}), "required"),
    "file.purpose": (
        upload(purpose="batch"),
        upload(purpose="assistants"),
        r"^Invalid purpose: only 'file-extract' accepted$",
    ),
    "file.extension": (upload("a.b.txt"), upload("README"), "extension"),
    "file.empty": (
        upload(data=b"x"),
        upload(data=b""),
        r"^File size is zero, please confirm and re-upload the file$",
    ),
    "file.too_large": (
        upload(data=b"x" * 10, settings={"limits": Limits(file_bytes=10)}),
        upload(data=b"x" * 11, settings={"limits": Limits(file_bytes=10)}),
        r"^File size is too large, max file size is 100MB, please confirm and re-upload the file$",
    ),
    "file.too_many": (
        upload(settings={"limits": Limits(files=1)}),
        upload(before=[upload()], settings={"limits": Limits(files=1)}),
        r"^Too many uploaded files$",
    ),
    "file.too_much": (
        upload(data=b"x" * 10, settings={"limits": Limits(total_bytes=10)}),
        upload(before=[upload(data=b"x" * 6)], data=b"x" * 5, settings={"limits": Limits(total_bytes=10)}),
        "^The total size of uploaded files exceeds 10GB",
    ),
    "file.unknown": (on_file("/files/FILE", upload()), Ask(method="GET", path="/files/nothing"), "nothing"),
    "file.not_parsed": (
        on_file("/files/FILE/content", upload()),
        on_file("/files/FILE/content", upload(), pending_polls=1),
        "still being parsed",
    ),
    "file.extract_failed": (
        on_file("/files/FILE", upload("a.pdf", b"not a PDF")),
        on_file("/files/FILE/content", upload("a.pdf", b"not a PDF")),
        r"^extract task failed: failed$",
    ),
    "search.echo": (search_turn(), search_turn(content="no result"), "message at 2 is not the arguments"),
    "search.altered_call": (
        search_turn(),
        search_turn(arguments=SEARCH.replace(" ", "")),
        "no \\$web_search call was given with these arguments",
    ),
    "search.sealed": (
        ask(messages=[*LOOP[:2], result() | {"content": seal("18 C")}]),
        ask(messages=[*LOOP[:2], result() | {"content": seal("18 C")[:-40]}]),
        "tool message at 2 cannot be read",
    ),
    "formula.unknown": (
        Ask(method="GET", path="/formulas/moonshot/date:latest/tools"),
        Ask(method="GET", path="/formulas/moonshot/dates:latest/tools"),
        r"^Not found the formula moonshot/dates:latest$",
    ),
    "fiber.name": (fiber("date"), fiber("dates"), "function dates is not found in formula moonshot/date:latest"),
    "fiber.arguments": (fiber("date"), fiber("date", {"days": 1}), "arguments must be a string"),
    **BATCH_EXAMPLES,
}

_NOT_FOUND = (404, "resource_not_found_error")
_OTHER = {
    "auth.bearer": (401, "invalid_authentication_error"),
    "endpoint.legacy_completions": (403, "permission_denied_error"),
    "endpoint.method": (405, "invalid_request_error"),
    "body.size": (413, "invalid_request_error"),
    "file.extract_failed": (500, ""),
} | dict.fromkeys(
    (
        "endpoint.unknown",
        "model.unknown",
        "model.retired",
        "model.not_visible",
        "file.unknown",
        "file.not_parsed",
        "formula.unknown",
        "batch.unknown",
    ),
    _NOT_FOUND,
)


def expected_refusal(rule_id: str) -> tuple[int, str]:
    """The HTTP status and the ``error.type`` that a refusal has."""
    return _OTHER.get(rule_id, (400, "invalid_request_error"))
