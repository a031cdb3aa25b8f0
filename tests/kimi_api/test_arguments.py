"""Arguments of tool calls: what is read, what is decoded by the schema, what is held back, what goes back."""

from __future__ import annotations

import copy
import enum
import json
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from kimi_api import KimiInputError
from kimi_api._arguments.schema import Watch, correct, structured_members
from kimi_api._arguments.text import (
    DEEPEST,
    _normalize_once,
    _spell_once,
    encode,
    read,
    strict_arguments,
    strict_text,
    wire_text,
)
from kimi_api.mfjs import normalize_schema

UNREADABLE = [
    '{"msg": "a',
    '{"msg": "a",}',
    '```json\n{"msg": "a"}\n```',
    "Let me think.",
    "[1, 2]",
    "null",
    "5",
    '"a"',
]


def tool(name: str = "plan", **properties: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


def members(**properties: Any) -> Any:
    return structured_members({"tools": [tool(**properties)]}, "plan")


TODOS = members(todos={"type": "array"}, options={"type": "object"}, title={"type": "string"})

# ---------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        (" \n", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"msg": "a\nb"}', {"msg": "a\nb"}),
        ('{"msg": "a\tb\x00c\x1f"}', {"msg": "a\tb\x00c\x1f"}),
        ('\n{\n\t"a": "b"\n}\n', {"a": "b"}),
        ('{"a": "\\ud83d"}', {"a": "\ud83d"}),
    ],
)
def test_arguments_are_read_as_the_frameworks_read_them(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_object_is_not_read(text: str) -> None:
    assert read(text) is None


def nested_json(levels: int, brackets: str = "[]") -> str:
    opening, closing = ('{"a":', "}") if brackets == "{}" else brackets
    return '{"a": ' + opening * (levels - 1) + "1" + closing * (levels - 1) + "}"


@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize("levels", [DEEPEST + 1, 900, 5_000, 100_000])
def test_deep_nesting_is_not_read_and_raises_nothing(levels: int, brackets: str) -> None:
    text = nested_json(levels, brackets)
    assert read(text) is None
    assert correct(text, lambda: TODOS) == (text, text)
    assert correct(json.dumps(text), lambda: TODOS)[0] == json.dumps(text)
    assert read(wire_text(text)) == {"unreadable_arguments": text}


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_whether_a_text_is_read_does_not_depend_on_who_asks(brackets: str) -> None:
    """Python's own limit counts the frames of the caller."""
    text = nested_json(DEEPEST, brackets)

    def deeper(frames: int) -> Any:
        return deeper(frames - 1) if frames else read(text)

    assert deeper(0) == deeper(sys.getrecursionlimit() // 2) == json.loads(text)
    assert copy.deepcopy(read(text)) == read(text)


def test_brackets_within_strings_are_no_nesting() -> None:
    assert read(json.dumps({"code": "[{" * 500 + '"\\' * 50})) is not None


# ---------------------------------------------------------------------------------------------------- the schema


class Item(BaseModel):
    text: str


class Plan(BaseModel):
    todos: list[Item]
    maybe: list[int] | None = None
    by_name: dict[str, Any]
    one: Item
    pair: tuple[int, str]
    anything: Any
    either: str | list[str]
    title: str
    count: int
    plan: Plan | None = None


WANTED = {
    "todos": {"array"},
    "maybe": {"array"},
    "by_name": {"object"},
    "one": {"object"},
    "pair": {"array"},
    "plan": {"object"},
}


@pytest.mark.parametrize("schema", [Plan.model_json_schema(), normalize_schema(Plan.model_json_schema())])
def test_members_that_are_arrays_or_objects_and_nothing_else(schema: dict[str, Any]) -> None:
    offered = {"type": "function", "function": {"name": "plan", "parameters": schema}}
    assert structured_members({"tools": [offered]}, "plan") == WANTED
    assert structured_members({"messages": [{"role": "system", "tools": [offered]}]}, "plan") == WANTED


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({"type": ["array", "null"]}, {"array"}),
        ({"type": ["array", "object"]}, {"array", "object"}),
        ({"type": ["array", "string"]}, None),
        ({"oneOf": [{"type": "array"}, {"type": "object"}]}, {"array", "object"}),
        ({"anyOf": [{"type": "array"}, {}]}, None),
        ({"allOf": [{"description": "x"}, {"type": "array"}]}, {"array"}),
        ({"properties": {"a": {}}}, {"object"}),
        ({"items": {"type": "string"}}, {"array"}),
        ({"$ref": "#/nowhere"}, None),
        ({"$ref": "#"}, {"object"}),
        ({"type": "null"}, None),
        ({}, None),
        (True, None),
    ],
)
def test_what_a_schema_wants(schema: Any, kinds: set[str] | None) -> None:
    assert members(a=schema) == ({} if kinds is None else {"a": kinds})


def test_the_root_may_be_a_reference_or_a_union() -> None:
    own = {"type": "object", "properties": {"a": {"type": "array"}, "b": {"type": "array"}}}
    other = {"type": "object", "properties": {"b": {"type": "string"}}}
    for root in (
        {"$ref": "#/$defs/One", "$defs": {"One": own}},
        {"anyOf": [own, {"$ref": "#/$defs/Other"}], "$defs": {"Other": other}},
    ):
        offered = {"function": {"name": "plan", "parameters": root}}
        expected = {"a": {"array"}} if "anyOf" in root else {"a": {"array"}, "b": {"array"}}
        assert structured_members({"tools": [offered]}, "plan") == expected


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, {}, None, []])
def test_a_tool_without_a_usable_schema_has_none(schema: Any) -> None:
    body = {"tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}, tool("other")]}
    body["tools"].append({"function": {"name": "plan", "parameters": schema}})
    assert structured_members(body, "plan") == structured_members(body, "$web_search") == {}
    assert structured_members(None, "plan") == structured_members({}, "plan") == {}


# ---------------------------------------------------------------------------------------------------- decoding


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ('{"todos": "[{\\"a\\": 1}]"}', '{"todos": [{"a": 1}]}'),
        ('{"todos":" [1] ", "x":2,"options":"{\\"b\\":\\"}\\"}"}', '{"todos": [1] , "x":2,"options":{"b":"}"}}'),
        ('{"todos": "\\n[\\n1]"}', '{"todos": \n[\n1]}'),
        ('{"todos": "[\\"a\\nb\\"]"}', '{"todos": ["a\\nb"]}'),
        ('{"to\\u0064os": "[1]"}', '{"to\\u0064os": [1]}'),
    ],
)
def test_a_string_for_an_array_or_an_object_is_decoded(text: str, corrected: str) -> None:
    assert correct(text, lambda: TODOS) == (corrected, text)
    assert json.loads(corrected)


@pytest.mark.parametrize(
    "text",
    [
        '{"title": "[1]"}',  # may be a string
        '{"other": "[1]"}',  # not in the schema
        '{"a": {"todos": "[1]"}}',  # one level only
        '{"a": [{"todos": "[1]"}], "b": "{"}',
        '{"todos": "{}"}',  # an object for an array
        '{"todos": "[1"}',
        '{"todos": "none"}',
        '{"todos": "\\"[1]\\""}',  # encoded twice more
        '{"todos": ["[1]"]}',
        '{"todos": "[1]"',  # cut
    ],
)
def test_other_strings_stay(text: str) -> None:
    assert correct(text, lambda: TODOS) == (text, text)


def test_a_text_within_a_text_is_unwrapped_and_then_decoded() -> None:
    inner = '{"todos": "[1]", "title": "t"}'
    twice, thrice = json.dumps(inner), json.dumps(json.dumps(inner))
    for text in (twice, thrice, f" \n{twice} "):
        assert correct(text, lambda: TODOS) == ('{"todos": [1], "title": "t"}', inner)
        assert correct(text, dict) == (inner, inner)


def test_the_schema_is_asked_for_only_where_it_matters() -> None:
    def never() -> Any:
        raise AssertionError("asked")

    for text in ('{"todos": [1], "title": "x"}', "", "prose", '"a"', '{"a": "b"}'):
        assert correct(text, never) == (text, text)


# ---------------------------------------------------------------------------------------------------- holding


def show_pieces(pieces: list[str], members: Any = TODOS) -> tuple[str, str]:
    """What is shown of a text in these pieces, and what is held."""
    watch = Watch(members)
    seen = "".join(piece if watch.idle else watch.show(piece) for piece in pieces)
    return seen, "".join(watch.held or ())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("begins", "rest"),
    [
        ("", '"{\\"a\\": 1}"'),
        ("", ' \n"{}"'),
        (" \n{", ""),
        ('{"title": "[1] \\" \\\\", "todos": ', '"[1]", "title": "x"}'),
        ('{"a": {"todos": "x", "b": ["todos", "y"]}, "to\\u0064os":', '"[1]"}'),
        ('{"todos": [1, "a", {"todos": "b"}], "title": "{", "options" :', '"{}"}'),
        ('{"title": "todos", "x": "y", "\\"": ":", "n": -1.5e3, "t": true}', ""),
        ("prose: ", ""),
        ("[1, 2]", ""),
    ],
)
def test_held_is_what_may_have_to_be_corrected(begins: str, rest: str, size: int) -> None:
    if begins == "prose: ":
        begins += '{"todos": "[1]"}'  # nobody reads this one
    text = begins + rest
    assert show_pieces([text[start : start + size] for start in range(0, len(text), size)]) == (begins, rest)


def test_a_tool_without_arrays_and_objects_is_not_watched() -> None:
    watch = Watch({})
    assert watch.show(" ") == ""
    assert watch.show('{"a": ') == ' {"a": '
    assert watch.idle


def test_while_a_tool_has_no_name_every_string_is_held() -> None:
    assert show_pieces(['{"n": 1, "a": ', '"x"', "}"], None) == ('{"n": 1, "a": ', '"x"}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
arguments = st.dictionaries(
    st.sampled_from(["todos", "options", "title", "x", 'q"', "é"]),
    json_values | json_values.map(json.dumps) | st.sampled_from(["[1]", '{"a": "]"}', "[", " {}"]),
    max_size=5,
)
texts = arguments.flatmap(
    lambda value: st.sampled_from(
        [json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1), json.dumps(json.dumps(value))]
    )
)


@settings(max_examples=2000, deadline=None)
@given(texts | st.text() | texts.map(lambda text: text[:-2]), st.lists(st.integers(1, 9), min_size=1))
@example('{"todos": "[1]"}', [1])
def test_a_stream_shows_the_beginning_of_what_a_whole_answer_has(text: str, sizes: list[int]) -> None:
    pieces, start = [], 0
    while start < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[start : start + size])
        start += size
    seen, held = show_pieces(pieces)
    assert seen + held == ("" if text.isspace() else text)
    whole, _ = correct(text, lambda: TODOS)
    assert whole.startswith(seen)
    assert held or whole == text or not seen


@settings(max_examples=2000, deadline=None)
@given(texts)
def test_what_is_decoded_is_what_the_text_said_and_goes_back_as_it_came(text: str) -> None:
    whole, own = correct(text, lambda: TODOS)
    before, after = read(own), read(whole)
    assert before is not None
    assert after is not None
    assert list(before) == list(after)
    for name, value in before.items():
        if encode({"": after[name]}) != encode({"": value}):
            assert name in TODOS
            assert json.loads(value) == after[name]
    assert wire_text(after, own) == wire_text(whole, own) == own


# ---------------------------------------------------------------------------------------------------- going back


@pytest.mark.parametrize("text", ['{"a":1}', '{ "a" : 1.0}', '{"msg": "a\nb"}', '{"a": "\\u5317"}'])
def test_a_readable_text_goes_back_byte_for_byte(text: str) -> None:
    assert wire_text(text) == text
    assert wire_text(read(text), text) == text


@pytest.mark.parametrize("text", UNREADABLE)
def test_an_unreadable_text_goes_back_inside_an_object_the_same_each_turn(text: str) -> None:
    sent = wire_text(text)
    assert json.loads(sent) == {"unreadable_arguments": text}
    assert wire_text(sent) == wire_text(json.loads(sent)) == sent


@pytest.mark.parametrize("nothing", ["", " ", "\n", None, {}])
def test_no_arguments_go_back_as_an_empty_object(nothing: Any) -> None:
    assert wire_text(nothing) == wire_text(nothing, "") == wire_text(nothing, " ") == "{}"


@pytest.mark.parametrize(
    "edited",
    [
        {"todos": [2]},
        {"todos": []},
        {"todos": {"a": 1}},
        {"todos": [1], "x": 1},
        {},
        {"todos": [1.0]},
        {"todos": [True]},
    ],
)
def test_edited_arguments_go_back_as_they_are_now(edited: dict[str, Any]) -> None:
    assert wire_text(edited, '{"todos": "[1]"}') == json.dumps(edited)


def test_arguments_decoded_from_a_text_go_back_as_that_text() -> None:
    text = '{"todos":"[1]","n":1}'
    assert wire_text({"todos": [1], "n": 1}, text) == text
    assert wire_text({"n": 1, "todos": [1]}, text) != text  # another order is another text
    assert wire_text({"todos": [1], "n": 1}, '{"todos": "[1"') == '{"todos": [1], "n": 1}'


def test_arguments_that_cannot_be_written_are_the_callers_error() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    with pytest.raises(KimiInputError, match="contain themselves"):
        wire_text(endless)


# ---------------------------------------------------------------------------------------------------- strict parsers


@settings(max_examples=500)
@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())))
def test_strict_text_is_read_strictly_and_says_the_same(value: dict[str, Any]) -> None:
    raw = json.dumps(value, indent=1, ensure_ascii=False)
    for char in map(chr, range(0x20)):
        raw = raw.replace(json.dumps(char)[1:-1], char) if "\\\\" not in raw else raw
    assert json.loads(strict_text(raw)) == value
    assert strict_text(strict_text(raw)) == strict_text(raw)


def test_other_bytes_stay_for_strict_parsers() -> None:
    assert strict_text('{\n "a" : "x\n\ty\x00",\t"b":1.0}') == '{\n "a" : "x\\n\\ty\\u0000",\t"b":1.0}'
    assert strict_text('{"a": "x') == '{"a": "x'


def test_only_turns_with_control_characters_are_copied() -> None:
    def turn(text: str) -> dict[str, Any]:
        return {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "a", "arguments": text}}]}

    question, plain, odd = {"role": "user", "content": "a\nb"}, turn('{"a": 1}'), turn('{"a": "x\ny"}')
    before = copy.deepcopy(odd)
    sent = strict_arguments([question, plain, odd])
    assert sent[0] is question
    assert sent[1] is plain
    assert sent[2] == turn('{"a": "x\\ny"}')
    assert odd == before


TEXTS = st.sampled_from(
    [*UNREADABLE, "", " {} ", '{"a": 1}', '{"a":1}', '{"a": 1.0}', '{"a": true}', '{"b": 2, "a": 1}']
)


@given(text=TEXTS, own=st.none() | TEXTS)
def test_what_was_looked_at_before_goes_back_like_what_is_new(text: str, own: str | None) -> None:
    """Short texts are remembered. What comes of one does not depend on that."""
    first, held = wire_text(text, own), read(text)
    assert wire_text(text, own) == first
    assert _spell_once.__wrapped__(text) in (first, wire_text(text))
    if held is not None:
        assert wire_text(copy.deepcopy(held), text or None) == (text if text.strip() else "{}")


def test_long_texts_are_not_remembered() -> None:
    text = json.dumps({"a": "x" * 4_000})
    before = _spell_once.cache_info().currsize, _normalize_once.cache_info().currsize
    assert wire_text(text) == wire_text({"a": "x" * 4_000}, text) == text
    assert (_spell_once.cache_info().currsize, _normalize_once.cache_info().currsize) == before


def test_arguments_that_were_changed_in_place_go_out_changed() -> None:
    arguments: dict[str, Any] = {"a": 1}
    assert wire_text(arguments, '{"a":1}') == '{"a":1}'
    arguments["a"] = 1.0
    assert wire_text(arguments, '{"a":1}') == '{"a": 1.0}'
    arguments["a"] = True
    assert wire_text(arguments, '{"a":1}') == '{"a": true}'


@given(
    st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text())
    | st.dictionaries(st.text() | st.integers(), st.lists(st.text()) | st.dictionaries(st.text(), st.integers()))
)
def test_arguments_are_written_as_json_writes_them(arguments: dict[Any, Any]) -> None:
    assert encode(arguments) == json.dumps(arguments, ensure_ascii=False, default=str)


class Answer(enum.StrEnum):
    YES = "yes"


@pytest.mark.parametrize(
    "arguments",
    [{Answer.YES: 1}, {"a": Answer.YES}, {"a": enum.IntEnum("Level", "LOW").LOW}, {True: 1, None: 2}, {"a": object}],
    ids=str,
)
def test_odd_arguments_are_written_as_json_writes_them(arguments: dict[Any, Any]) -> None:
    assert encode(arguments) == json.dumps(arguments, ensure_ascii=False, default=str)
