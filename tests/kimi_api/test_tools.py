"""Tool definitions and forced tools."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from kimi_api import ChatOptions, KimiInputError, KimiWarning, build_request, dynamic_tools_message, get_model_spec
from kimi_api.messages import tool_type
from kimi_api.tools import check_tools, resolve_tool_choice, schema_name

ASK = [{"role": "user", "content": "hello"}]
LATER = [*ASK, {"role": "assistant", "content": "hi"}, *ASK]


def tool(name: str, **members: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": {}}, **members},
    }


TWO = [tool("add"), tool("mul")]
NAMED = {"type": "function", "function": {"name": "add"}}


def build(choice: Any, tools: list[dict[str, Any]], messages: list[dict[str, Any]] = ASK, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KimiWarning)
        return build_request(ChatOptions(tools=tools, tool_choice=choice, **options), messages)


# ---------------------------------------------------------------------------------------------------- definitions


@pytest.mark.parametrize("name", ["a", "get_weather", "A-b_9", "x" * 64])
def test_a_name_starts_with_a_letter_and_has_up_to_64_characters(name: str) -> None:
    assert check_tools([tool(name)]) == [tool(name)]


@pytest.mark.parametrize(
    "name", ["", "_private", "9lives", "with space", "dot.ted", "x" * 65, "名字", "line\n", None, 5]
)
def test_another_name_is_refused_with_its_place(name: Any) -> None:
    with pytest.raises(KimiInputError) as caught:
        check_tools([tool("fine"), tool(name)])
    assert caught.value.what == "tools[1].function.name"
    assert caught.value.value == name
    assert caught.value.rule
    assert caught.value.remedy


def test_a_name_is_used_once() -> None:
    with pytest.raises(KimiInputError, match="once"):
        check_tools([tool("add"), tool("add")])
    with pytest.raises(KimiInputError, match="once"):
        check_tools([tool("$web_search"), tool("$web_search")])


def test_built_in_functions_lose_what_they_do_not_take() -> None:
    search = tool("$web_search", description="search")
    assert check_tools([search]) == [{"type": "builtin_function", "function": {"name": "$web_search"}}]
    assert search == tool("$web_search", description="search")


def test_a_type_is_added_where_it_is_missing() -> None:
    assert check_tools([{"function": {"name": "add"}}]) == [{"type": "function", "function": {"name": "add"}}]


@pytest.mark.parametrize("flat", [{"name": "add", "parameters": {}}, {"type": "function"}, {"function": "add"}])
def test_a_flat_definition_says_what_is_missing(flat: dict[str, Any]) -> None:
    with pytest.raises(KimiInputError, match="function object") as caught:
        check_tools([flat])
    assert caught.value.value == flat


# ---------------------------------------------------------------------------------------------------- choices


@pytest.mark.parametrize("model", ["kimi-k3.1-pro", "kimi-k3", "kimi-k2.7-code", "kimi-k2.6"])
@pytest.mark.parametrize(
    ("choice", "sent"), [(None, None), (False, None), ("auto", "auto"), ("none", "none"), ({"type": "auto"}, "auto")]
)
def test_free_choices_go_out_as_they_are(model: str, choice: Any, sent: str | None) -> None:
    request = build(choice, TWO, model=model)
    assert request.body.get("tool_choice") == sent
    assert request.body["tools"] == TWO
    assert request.choice.required_call == ""


@pytest.mark.parametrize("choice", ["any", "required", True, {"type": "any"}, {"type": "required"}])
@pytest.mark.parametrize(
    ("model", "thinking", "sent"),
    [
        ("kimi-k3.1-pro", None, "required"),
        ("kimi-k3", None, "required"),
        ("kimi-k2.7-code", None, "auto"),
        ("kimi-k2.6", None, "auto"),
        ("kimi-k2.6", False, "required"),
        ("moonshot-v1-8k", None, "required"),
    ],
)
def test_any_tool(choice: Any, model: str, thinking: bool | None, sent: str) -> None:
    request = build(choice, TWO, model=model, thinking=thinking)
    assert request.body["tool_choice"] == sent
    assert request.choice.required_call == "*"
    assert request.body["tools"] == TWO


@pytest.mark.parametrize("choice", ["add", NAMED, {"type": "tool", "name": "add"}])
@pytest.mark.parametrize(
    ("model", "thinking", "sent"),
    [
        ("kimi-k3.1-pro", None, "required"),
        ("kimi-k3", None, "required"),
        ("kimi-k2.7-code", None, "auto"),
        ("kimi-k2.6", None, NAMED),
        ("kimi-k2.6", False, NAMED),
        ("moonshot-v1-8k", None, NAMED),
    ],
)
def test_one_named_tool(choice: Any, model: str, thinking: bool | None, sent: Any) -> None:
    request = build(choice, TWO, LATER, model=model, thinking=thinking)
    assert request.body["tool_choice"] == sent
    assert request.choice.required_call == "add"
    assert request.body["tools"] == TWO
    if model == "kimi-k2.6":
        assert request.body["thinking"] == {"type": "disabled"}
        assert not request.thinking


def test_any_of_one_tool_is_that_tool() -> None:
    assert build("required", TWO[:1], model="kimi-k2.6").body["tool_choice"] == NAMED
    assert build("required", TWO[:1], model="kimi-k3").choice.required_call == "add"


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k3.1-pro"])
def test_the_list_is_narrowed_only_while_nothing_is_cached(model: str) -> None:
    assert build("add", TWO, ASK, model=model).body["tools"] == TWO[:1]
    assert build("add", TWO, LATER, model=model).body["tools"] == TWO
    assert build("required", TWO, ASK, model=model).body["tools"] == TWO


@pytest.mark.parametrize(("model", "choice"), [("kimi-k2.6", "add"), ("kimi-k2.6", "any"), ("kimi-k2.7-code", "add")])
def test_a_wish_that_goes_out_otherwise_is_said_once_or_raised(model: str, choice: str) -> None:
    options = ChatOptions(model=model, tools=TWO, tool_choice=choice)
    with pytest.warns(KimiWarning, match="while it thinks") as caught:
        assert build_request(options, ASK).body == build_request(options, ASK).body
    assert len(caught) == 1
    with pytest.raises(KimiInputError, match="while it thinks"):
        build_request(options.with_changes({"unsupported": "error"}), ASK)


@pytest.mark.parametrize("how", [{"dialect": "openai"}, {"dialect": "vllm"}, {"unsupported": "send"}])
@pytest.mark.parametrize("model", ["kimi-k2.6", "kimi-k3", "kimi-k2.7-code"])
def test_other_hosts_and_those_who_insist_get_the_choice_as_it_was_made(how: dict[str, Any], model: str) -> None:
    options = ChatOptions(model=model, tools=TWO, tool_choice="add", **how)
    sent = build_request(options, ASK).body
    assert sent["tool_choice"] == NAMED
    assert sent["tools"] == TWO
    assert "thinking" not in sent


@pytest.mark.parametrize("choice", ["sub", "required", {"type": "function", "function": {"name": "sub"}}])
def test_what_is_not_offered_cannot_be_forced(choice: Any) -> None:
    tools = [] if choice == "required" else TWO
    with pytest.raises(KimiInputError) as caught:
        build(choice, tools)
    assert caught.value.value == choice
    assert "auto" in caught.value.remedy


@pytest.mark.parametrize("choice", [{"type": "allowed_tools"}, {}, 1, ["add"], object])
def test_a_choice_that_cannot_be_read_is_refused(choice: Any) -> None:
    with pytest.raises(KimiInputError, match="tool_choice"):
        build(choice, TWO)


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_free_choice_without_tools_is_left_out(choice: str) -> None:
    assert "tool_choice" not in build(choice, []).body


def test_a_tool_loaded_by_a_message_can_be_forced() -> None:
    messages = [dynamic_tools_message([tool("sub")]), *ASK]
    request = build("sub", TWO, messages)
    assert request.body["tool_choice"] == "required"
    assert request.choice.required_call == "sub"
    assert request.body["tools"] == TWO


@pytest.mark.parametrize(
    ("messages", "where"),
    [
        ([*ASK, dynamic_tools_message([tool("add")])], "messages[1].tools[0].function.name"),
        (
            [dynamic_tools_message([tool("sub")]), *ASK, dynamic_tools_message([tool("mul"), tool("sub")])],
            "messages[2].tools[1].function.name",
        ),
    ],
    ids=["in the request too", "in two messages"],
)
def test_a_name_stands_once_in_the_whole_request(messages: list[Any], where: str) -> None:
    with pytest.raises(KimiInputError, match="used once") as caught:
        build("auto", TWO[:1], messages)
    assert caught.value.what == where


def test_tools_in_a_message_are_brought_into_moonshots_dialect_the_same_way_each_time() -> None:
    parameters = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"when": {"type": "string", "format": "date"}, "n": {"type": "integer", "exclusiveMinimum": 0}},
    }
    loading = dynamic_tools_message([{"type": "function", "function": {"name": "book", "parameters": parameters}}])
    first, again = (build("auto", TWO, [*ASK, loading]).body["messages"][1] for _ in range(2))
    assert "$schema" not in first["tools"][0]["function"]["parameters"]
    assert json.dumps(first) == json.dumps(again)
    assert "$schema" in loading["tools"][0]["function"]["parameters"]  # the caller's own is left alone
    (declared,) = build("auto", [loading["tools"][0]]).body["tools"]
    assert first["tools"] == [declared]


def test_text_beside_tools_in_a_message_is_refused_before_sending() -> None:
    with pytest.raises(KimiInputError, match="has no content") as caught:
        build("auto", TWO, [*ASK, {**dynamic_tools_message([tool("sub")]), "content": "New tools."}])
    assert caught.value.what == "messages[1].content"


def test_a_choice_of_the_k2_line_while_not_thinking_needs_no_notice() -> None:
    choice = resolve_tool_choice("add", TWO, get_model_spec("kimi-k2.6"), thinking=False, fresh=True)
    assert (choice.send, choice.notice, choice.think) == (NAMED, "", True)


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("City", "City"),
        ("Page[int]", "Page_int"),
        ("A title of several words", "A_title_of_several_words"),
        ("Größe", "Gr_e"),
        ("x" * 80, "x" * 64),
        ("", "answer"),
        (None, "answer"),
        ("世界", "answer"),
    ],
)
def test_a_schema_gets_a_name_that_the_platform_takes(name: Any, taken: str) -> None:
    assert schema_name(name) == taken


@pytest.mark.parametrize(
    ("name", "kind"), [("$web_search", "builtin_function"), ("get_$", "function"), ("", "function")]
)
def test_a_dollar_sign_begins_the_platforms_own_tools(name: str, kind: str) -> None:
    assert tool_type(name) == kind
