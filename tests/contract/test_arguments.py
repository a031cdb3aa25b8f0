"""Arguments of tool calls that are not as they should be: read where they can be, marked where not, and sent back so
that every host can read the history."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from contract_kit import STREAMED, Adapter, Chat, Tool, result, user, wire_tool
from pydantic import BaseModel

from kimi_api import KimiStructuredOutputError
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
MODELS = pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
streams = pytest.mark.parametrize("way", STREAMED, indirect=True)
SAY, PLAN = wire_tool("say", msg={"type": "string"}), wire_tool("plan", todos={"type": "array"}, n={"type": "integer"})
CONTROLS = ['{"msg":"a\nb"}', '{"msg": "a\tb\r\n"}', '{"msg":"\x00\x1f"}', '{\n\t"msg": "a\n"\n}']
CUT, COMMA = '{"msg": "a', '{"msg": "a",}'
UNREADABLE = [CUT, COMMA, '```json\n{"msg": "a"}\n```', "I would say a.", '["a"]', '"{"']
TODOS = '{"n":1,"todos":"[{\\"text\\": \\"Zürich\\"}]"}'
# 101 levels are more than tools take; Python's own limit is about 1,000 in 3.11, and 10,000 from 3.12 on.
DEEP = {
    f"{levels} levels{how}": '{"msg": ' + opening * levels + value + closing * levels + end
    for levels in (101, 900, 5_000, 30_000)
    for how, opening, value, closing, end in (
        (" of arrays", "[", "", "]", "}"),
        (" of objects", '{"a": ', "1", "}", "}"),
        (", cut off", "[", "", "", ""),
        (", cut off in a string", '{"a": ', '"b', "", ""),
        (", cut off in an escape", "[", '"b\\', "", ""),
    )
}


def texts(body: dict[str, Any]) -> list[str]:
    """The argument texts in a request's history."""
    return [call["function"]["arguments"] for m in body["messages"] for call in m.get("tool_calls", ())]


def pieces(*arguments: str, name: str = "plan", **first: Any) -> list[dict[str, Any]]:
    """The deltas of one call."""
    begin = {"index": 0, "id": f"{name}_0", "type": "function", "function": {"name": name, "arguments": ""}, **first}
    return [
        {"tool_calls": [begin]},
        *({"tool_calls": [{"index": begin["index"], "function": {"arguments": piece}}]} for piece in arguments),
    ]


def cut_up(text: str, size: int = 3) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def two_more_turns(kimi: Emulator, chat: Chat, turn: Any, tools: list[Any]) -> list[list[str]]:
    """The argument texts in the histories of two more turns."""
    history = [user("?"), turn, *map(result, turn.calls)]
    for _ in range(2):
        kimi.script(Reply(content="ok"))
        history += [chat.ask(history, tools=tools), user("And?")]
    return [texts(body) for body in kimi.chats[-2:]]


# ---------------------------------------------------------------------------------------------------- control bytes


@MODELS
@pytest.mark.parametrize("text", CONTROLS)
def test_control_characters_are_read_and_go_back_as_they_came(
    kimi: Emulator, make: Make, model: str, text: str
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("say", text)], reasoning="r"))
    chat = make(model=model)
    turn = chat.attempt("?", tools=[SAY])
    assert [call.args for call in turn.calls] == [json.loads(text, strict=False)]
    assert turn.warnings == []
    assert two_more_turns(kimi, chat, turn, [SAY]) == [[text], [text]]


@pytest.mark.parametrize("text", CONTROLS)
def test_hosts_that_parse_histories_get_strict_json(kimi: Emulator, make: Make, text: str) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("say", text)]))
    chat = make(dialect="openai")
    turn = chat.ask("?", tools=[SAY])
    one, other = two_more_turns(kimi, chat, turn, [SAY])
    assert one == other
    assert [json.loads(sent) for sent in one] == [json.loads(text, strict=False)]


class Said(BaseModel):
    msg: str


class Deep(BaseModel):
    msg: Any


@pytest.mark.parametrize("by_tool", [False, True])
def test_structured_answers_may_have_control_characters(kimi: Emulator, make: Make, by_tool: bool) -> None:
    text = '{"msg": "a\nb\tc"}'
    kimi.script(Reply(tool_calls=[ToolCall("Said", text)]) if by_tool else Reply(content=text))
    assert make().predict(Said, "?", by_tool=by_tool) == Said(msg="a\nb\tc")


# ---------------------------------------------------------------------------------------------------- unreadable


@MODELS
@pytest.mark.parametrize("text", UNREADABLE)
def test_an_unreadable_call_is_marked_and_goes_back_inside_an_object(
    kimi: Emulator, make: Make, adapter: Adapter, way: str, model: str, text: str
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("say", text)], reasoning="r"))
    chat = make(model=model)
    turn = chat.attempt("?", tools=[SAY])
    assert ["'say' cannot be read" in warning for warning in turn.warnings] == [True]
    closed = adapter.name == "langchain" and way in STREAMED and turn.calls[0].args is not None
    assert not closed or text == CUT  # core closes what is open at the end of a stream
    (call,) = turn.calls
    assert (call.name, call.args) == ("say", {"msg": "a"} if closed else None)
    one, other = two_more_turns(kimi, chat, turn, [SAY])
    assert one == other
    assert [json.loads(sent) for sent in one] == [{"msg": "a"} if closed else {"unreadable_arguments": text}]
    assert kimi.refusals == []


def test_an_unreadable_call_is_warned_of_in_each_conversation_though_its_id_recurs(
    kimi: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host behind a cache or a recording gives answers the id that they had before, and calls too."""
    monkeypatch.setattr("kimi_emulator.platform.answers.secrets", SimpleNamespace(token_hex=lambda size: "0" * size))
    kimi.script(*[Reply(tool_calls=[ToolCall("say", COMMA), ToolCall("say", CUT + "b")])] * 2)
    chat = make()
    one, other = chat.attempt("?", tools=[SAY]), chat.attempt("Once more?", tools=[SAY])
    assert [call.id for call in one.calls] == [call.id for call in other.calls]
    for turn in (one, other):
        assert ["'say' cannot be read" in warning for warning in turn.warnings] == [True, True]


def test_a_stored_unreadable_call_goes_back_the_same(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("say", COMMA)], reasoning="r"), Reply(content="ok"), Reply(content="ok"))
    chat = make()
    turn = chat.attempt("?", tools=[SAY])
    history = [user("?"), turn, *map(result, turn.calls)]
    chat.ask(history, tools=[SAY])
    (stored,) = adapter.through_json([turn.message])
    chat.ask([user("?"), stored, *map(result, turn.calls)], tools=[SAY])
    assert texts(kimi.chats[1]) == texts(kimi.chats[2]) == [json.dumps({"unreadable_arguments": COMMA})]


def test_good_and_unreadable_calls_of_a_turn_keep_their_order(kimi: Emulator, make: Make) -> None:
    good = '{"msg":"b"}'
    kimi.script(Reply(tool_calls=[ToolCall("say", COMMA), ToolCall("say", good)], reasoning="r"))
    chat = make()
    turn = chat.attempt("?", tools=[SAY])
    assert sorted(str(call.args) for call in turn.calls) == ["None", "{'msg': 'b'}"]
    sent = [json.dumps({"unreadable_arguments": COMMA}), good]
    assert two_more_turns(kimi, chat, turn, [SAY]) == [sent, sent]


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_not_read_whatever_python_could(kimi: Emulator, make: Make, text: str) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("say", text)], reasoning="r"))
    chat = make()
    turn = chat.attempt("?", tools=[SAY])
    assert turn.error is None
    assert [call.args for call in turn.calls] == [None]
    [warning] = turn.warnings
    assert "nested deeper than 100 levels" in warning
    assert "repairs" not in warning
    sent = json.dumps({"unreadable_arguments": text})
    assert two_more_turns(kimi, chat, turn, [SAY]) == [[sent], [sent]]


def test_a_hundred_levels_are_read(kimi: Emulator, make: Make) -> None:
    text = '{"msg": ' + "[" * 99 + "]" * 99 + "}"
    kimi.script(Reply(tool_calls=[ToolCall("say", text)], reasoning="r"))
    chat = make()
    turn = chat.ask("?", tools=[SAY])
    assert [call.args for call in turn.calls] == [json.loads(text)]
    assert two_more_turns(kimi, chat, turn, [SAY]) == [[text], [text]]


@pytest.mark.parametrize("by_tool", [False, True])
@pytest.mark.parametrize("levels", [101, 900, 5_000])
def test_structured_answers_that_are_nested_too_deeply_are_refused(
    kimi: Emulator, make: Make, by_tool: bool, levels: int
) -> None:
    text = '{"msg": ' + "[" * levels + "]" * levels + "}"
    kimi.script(Reply(tool_calls=[ToolCall("Deep", text)]) if by_tool else Reply(content=text))
    with pytest.raises(KimiStructuredOutputError, match="nested deeper than 100 levels"):
        make().predict(Deep, "?", by_tool=by_tool)


@pytest.mark.parametrize("text", ["", " "])
def test_no_arguments_go_back_as_an_empty_object(kimi: Emulator, make: Make, text: str) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("say", text)], reasoning="r"))
    if not text:
        kimi.fail("calls.arguments_empty")
    chat = make()
    turn = chat.ask("?", tools=[SAY])
    assert [call.args for call in turn.calls] == [{}]
    assert two_more_turns(kimi, chat, turn, [SAY]) == [["{}"], ["{}"]]


# ---------------------------------------------------------------------------------------------------- by the schema


@MODELS
def test_a_string_for_an_array_is_decoded_and_goes_back_as_it_came(
    kimi: Emulator, make: Make, adapter: Adapter, model: str
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("plan", TODOS)], reasoning="r"))
    chat = make(model=model)
    turn = chat.attempt("?", tools=[PLAN])
    assert [call.args for call in turn.calls] == [{"n": 1, "todos": [{"text": "Zürich"}]}]
    assert turn.warnings == []
    assert two_more_turns(kimi, chat, turn, [PLAN]) == [[TODOS], [TODOS]]
    kimi.script(Reply(content="ok"))
    (stored,) = adapter.through_json([turn.message])
    chat.ask([user("?"), stored, result(turn.calls[0])], tools=[PLAN])
    assert texts(kimi.chats[-1]) == [TODOS]


def test_a_string_stays_where_the_schema_allows_one(kimi: Emulator, make: Make) -> None:
    either = wire_tool("plan", todos={"anyOf": [{"type": "string"}, {"type": "array"}]})
    kimi.script(Reply(tool_calls=[ToolCall("plan", TODOS)]))
    assert make().ask("?", tools=[either]).calls[0].args == json.loads(TODOS)


class Item(BaseModel):
    text: str


class Items(BaseModel):
    todos: list[Item]


def test_an_agent_runs_the_tool_with_what_was_meant(kimi: Emulator, make: Make) -> None:
    got: list[Any] = []

    def plan(todos: list[Item]) -> str:
        """Plan."""
        got.append(todos)
        return "done"

    text = '{"todos": "[{\\"text\\": \\"a\\"}]"}'
    kimi.script(Reply(tool_calls=[ToolCall("plan", text)], reasoning="r"), Reply(content="Planned."))
    assert make().run_agent("?", [Tool(plan, schema=Items)]).text == "Planned."
    assert [[item.text if isinstance(item, Item) else item["text"] for item in todos] for todos in got] == [["a"]]
    assert texts(kimi.chats[1]) == [text]


# ---------------------------------------------------------------------------------------------------- streams


@streams
@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    ("text", "own"),
    [(TODOS, TODOS), (json.dumps('{"n":1,"todos":[]}'), '{"n":1,"todos":[]}'), (json.dumps(TODOS), TODOS)],
)
def test_what_is_encoded_once_too_often_is_read_in_streams(
    kimi: Emulator, make: Make, text: str, own: str, size: int
) -> None:
    meant = json.loads(own)
    if isinstance(meant["todos"], str):
        meant["todos"] = json.loads(meant["todos"])
    kimi.script(Reply(pieces=pieces(*cut_up(text, size)), finish_reason="tool_calls"))
    chat = make()
    turn = chat.attempt("?", tools=[PLAN])
    assert ([call.args for call in turn.calls], turn.warnings) == ([meant], [])
    assert two_more_turns(kimi, chat, turn, [PLAN]) == [[own], [own]]


@streams
def test_a_new_id_with_a_name_on_a_used_index_begins_a_new_call(kimi: Emulator, make: Make) -> None:
    deltas = (
        pieces('{"todos": ', "[1]}", id="a") + pieces('{"todos": "[2]"}', id="b") + pieces('{"n": 3}', id="c", index=1)
    )
    kimi.script(Reply(pieces=deltas, finish_reason="tool_calls"))
    chat = make()
    turn = chat.attempt("?", tools=[PLAN])
    assert [call.args for call in turn.calls] == [{"todos": [1]}, {"todos": [2]}, {"n": 3}]
    sent = ['{"todos": [1]}', '{"todos": "[2]"}', '{"n": 3}']
    assert two_more_turns(kimi, chat, turn, [PLAN]) == [sent, sent]
    assert kimi.refusals == []


@streams
def test_a_new_id_without_a_name_continues_the_call(kimi: Emulator, make: Make) -> None:
    """Older vLLM numbers every piece anew."""
    deltas = pieces('{"n"', ": 1", "}")
    for number, delta in enumerate(deltas):
        delta["tool_calls"][0]["id"] = f"chatcmpl-tool-{number}"
    kimi.script(Reply(pieces=deltas, finish_reason="tool_calls"))
    assert [call.args for call in make().ask("?", tools=[PLAN]).calls] == [{"n": 1}]


@streams
def test_whole_calls_without_ids_on_one_index_are_calls_of_their_own(kimi: Emulator, make: Make) -> None:
    whole = [
        {"tool_calls": [{"index": 0, "function": {"name": "plan", "arguments": text}}]}
        for text in ('{"n": 1}', '{"n": 2}')
    ]
    kimi.script(Reply(pieces=whole, finish_reason="tool_calls"))
    turn = make().ask("?", tools=[PLAN])
    assert [call.args for call in turn.calls] == [{"n": 1}, {"n": 2}]
    assert len({call.id for call in turn.calls}) == 2


@streams
def test_held_arguments_of_two_calls_in_turn_stay_apart(kimi: Emulator, make: Make) -> None:
    one, other = pieces('{"todos": "[', '1]"}', id="a"), pieces('"{\\"n\\"', ': 2}"', id="b", index=1)
    kimi.script(Reply(pieces=[piece for pair in zip(one, other, strict=True) for piece in pair]))
    turn = make().ask("?", tools=[PLAN])
    assert [call.args for call in turn.calls] == [{"todos": [1]}, {"n": 2}]
