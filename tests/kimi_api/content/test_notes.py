"""What stands for content that the platform has no part for, and where it is an error."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_api import KimiFileError, KimiInputError, KimiWarning
from kimi_api._content.notes import describe, kind_of, placeholder, refusal_of, settle, stand_in

ERROR = KimiInputError("block", "x", "no part holds it", "leave it out")


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ("a text", "a text"),
        (7, "[int; its content is not included]"),
        ({}, "[untyped; its content is not included]"),
        ({"type": "no_such_thing"}, "[no_such_thing; its content is not included]"),
        # MCP's own
        (
            {"type": "resource_link", "name": "r.pdf", "uri": "https://e.com/r", "mimeType": "application/pdf"},
            "[resource_link: r.pdf, https://e.com/r, application/pdf; its content is not included]",
        ),
        ({"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}, "[audio: audio/wav; its content is not included]"),
        (
            {"type": "resource", "resource": {"uri": "file:///a.bin", "mimeType": "application/x-a", "blob": "AAAA"}},
            "[resource: file:///a.bin, application/x-a; its content is not included]",
        ),
        (
            {"type": "resource", "resource": {"uri": "file:///a.txt", "mimeType": "text/plain", "text": "Hello"}},
            "[resource: file:///a.txt, text/plain]\nHello",
        ),
        # OpenAI's and LangChain's
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            "[input_audio: wav; its content is not included]",
        ),
        (
            {"type": "file", "url": "https://e.com/a", "mime_type": "audio/mp3", "extras": {"filename": "a.mp3"}},
            "[file: a.mp3, https://e.com/a, audio/mp3; its content is not included]",
        ),
        ({"type": "image", "file_id": "f1"}, "[image: file id f1; its content is not included]"),
        ({"type": "image", "source_type": "id", "id": "f1"}, "[image: file id f1; its content is not included]"),
        (
            {"type": "image", "url": "data:image/svg+xml;base64,AAAA"},
            "[image: image/svg+xml; its content is not included]",
        ),
        ({"type": "json", "json": {"a": 10**5_000}}, '[json]\n{"a": "(16610 bits)"}'),
        ({"type": "json", "json": {"a": [1, None, "é"]}}, '[json]\n{"a": [1, null, "é"]}'),
        ({"type": "json", "data": {"a": 1}}, '[json]\n{"a": 1}'),
        ({"type": "non_standard", "value": {"type": "json", "json": 1}}, "[json]\n1"),
        ({"type": "table", "rows": [[1, 2]], "index": 3}, '[table]\n{"rows": [[1, 2]]}'),
        # Anthropic's
        (
            {
                "type": "search_result",
                "source": "https://e.com",
                "title": "Tides",
                "content": [{"type": "text", "text": "Twice"}, {"type": "text", "text": "a day"}],
                "citations": {"enabled": True},
            },
            "[search_result: Tides, https://e.com]\nTwice\na day",
        ),
        (
            {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "Words"}},
            "[document: T, text/plain]\nWords",
        ),
    ],
)
def test_the_text_of_a_block(block: Any, text: str) -> None:
    assert describe(block) == text


def test_a_name_is_one_line_and_not_too_long() -> None:
    text = describe({"type": "file", "name": "a\n\x00b\u2028" + "c" * 999, "url": "https://e.com/" + "d" * 9_999})
    assert "\n" not in text
    assert text.startswith("[file: a b c")
    assert len(text) < 2_400


def test_bytes_and_what_is_encoded_stay_out_of_unknown_blocks() -> None:
    text = describe({"type": "scan", "data": "A" * 5_000, "raw": b"abc", "words": "a b " * 500})
    assert "AAAA" not in text
    assert "(5000 characters)" in text
    assert "(3 bytes)" in text
    assert "a b a b" in text


def test_what_is_no_json_is_named_by_its_type_and_never_by_its_address() -> None:
    assert describe({"type": "odd", "x": object()}) == '[odd]\n{"x": "object"}'


def test_nesting_without_end_ends() -> None:
    block: dict[str, Any] = {"type": "odd"}
    block["self"] = block
    assert describe(block)
    deep: Any = {"type": "search_result", "content": []}
    for _ in range(5_000):
        deep = {"type": "search_result", "content": [deep]}
    assert describe(deep)


NAMES = st.sampled_from(
    [
        *("type", "text", "source", "content", "json", "url", "uri", "name", "title", "file", "resource", "value"),
        *("data", "mime_type", "mimeType", "file_id", "id", "source_type", "extras", "input_audio", "metadata"),
    ]
)
VALUES = st.sampled_from(["json", "audio", "file", "non_standard", "search_result", "document", "id", "data:,x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=8) | VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=500, deadline=None)
@given(JSON)
def test_any_block_has_a_text_that_is_the_same_each_time(block: Any) -> None:
    first = describe(block)
    assert first or block == ""
    assert describe(json.loads(json.dumps(block)) if _is_json(block) else block) == first
    assert kind_of(block)


def _is_json(value: Any) -> bool:
    try:
        return json.loads(json.dumps(value)) == value
    except (TypeError, ValueError):
        return False


def test_the_text_is_the_same_in_another_process() -> None:
    code = "from kimi_api._content.notes import describe; print(describe({'type': 'x', 'b': {'z', 'y'}, 'a': 1}))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {'[x]\n{"b": "set", "a": 1}\n'}


# ------------------------------------------------------------------------------------------------- where


def history(role: str, *behind: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"role": role, "content": [{"type": "text", "text": "a"}, placeholder({"type": "audio"}, ERROR)]},
        *[dict(message) for message in behind],
    ]


PARTIAL = {"role": "assistant", "content": "It", "partial": True}
BRINGS_TOOLS = {"role": "system", "tools": [{}]}
USER = {"role": "user", "content": "x"}


@pytest.mark.parametrize("role", ["user", "system", "assistant"])
@pytest.mark.parametrize("behind", [(), (PARTIAL,), (BRINGS_TOOLS,), (BRINGS_TOOLS, PARTIAL)])
def test_it_is_an_error_in_the_last_message(role: str, behind: tuple[Any, ...]) -> None:
    with pytest.raises(KimiInputError) as caught:
        settle(history(role, *behind))
    assert caught.value is ERROR


@pytest.mark.parametrize(("role", "behind"), [("user", (USER,)), ("system", (USER,)), ("tool", ()), ("tool", (USER,))])
def test_elsewhere_it_is_a_text_with_a_warning(role: str, behind: tuple[Any, ...]) -> None:
    with pytest.warns(KimiWarning, match="no part holds it. To change that: leave it out") as caught:
        settled = settle(history(role, *behind))
    assert len(caught) == 1
    assert settled[0]["content"][1] == {"type": "text", "text": "[audio; its content is not included]"}
    assert json.dumps(settled)


def test_an_assistants_turn_stays_one_text() -> None:
    with pytest.warns(KimiWarning):
        settled = settle(history("assistant", USER))
    assert settled[0]["content"] == "a\n[audio; its content is not included]"


def test_a_single_one_is_a_string() -> None:
    with pytest.warns(KimiWarning):
        (message,) = settle([{"role": "tool", "content": [placeholder({"type": "audio"}, ERROR)]}])
    assert message["content"] == "[audio; its content is not included]"


def test_a_part_written_by_hand_goes_out_but_not_from_a_tool() -> None:
    raw = {"type": "new_part", "x": 1}
    (message,) = settle([{"role": "user", "content": [placeholder(raw, ERROR, raw=raw)]}])
    assert message["content"] == [raw]
    with pytest.warns(KimiWarning):
        (message,) = settle([{"role": "tool", "content": [placeholder(raw, ERROR, raw=raw)]}])
    assert message["content"] == '[new_part]\n{"x": 1}'


@pytest.mark.parametrize(("unsupported", "refuse"), [("warn", "last"), ("send", "last"), ("error", "always")])
def test_unsupported_says_where(unsupported: str, refuse: str) -> None:
    assert refusal_of(unsupported) == refuse


def test_refused_always_and_never(recwarn: pytest.WarningsRecorder) -> None:
    for messages in (history("tool"), history("user", USER), history("user")):
        with pytest.raises(KimiInputError):
            settle(messages, "always")
    for messages in (history("tool"), history("user", USER), history("user")):
        assert settle(messages, "never")
    assert recwarn.list == []


def test_a_warning_holds_neither_address_nor_data() -> None:
    secret = "https://e.com/a?signature=s3cret"
    error = KimiInputError("url", secret, "it is not fetched", "pass the bytes")
    with pytest.warns(KimiWarning) as caught:
        settle([{"role": "tool", "content": [placeholder({"type": "image", "url": secret}, error)]}])
    assert "s3cret" not in str(caught[0].message)


def test_an_error_of_a_file_stands_in_the_warning_with_its_name() -> None:
    error = KimiFileError("a.pdf", "the platform could not parse it")
    with pytest.warns(KimiWarning, match=r"a\.pdf: the platform could not parse it"):
        stand_in([{"role": "tool"}], 0, "document", "note", error, "last")


def test_messages_without_such_parts_are_left_alone() -> None:
    messages = [USER, {"role": "user", "content": [{"type": "text", "text": "a"}]}, {"role": "assistant"}]
    assert settle(messages) is messages
