"""LangChain messages -> wire messages, without a server."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
    merge_message_runs,
)

from kimi_api import KimiInputError, KimiWarning
from kimi_api._warn import forget_warnings
from langchain_kimi import dynamic_tools_message, partial_message
from langchain_kimi._to_wire import assistant_to_wire, to_wire

PNG = "data:image/png;base64,AAAA"
CALL = {"name": "f", "args": {"a": 1}, "id": "c1"}


def user(block: Any) -> Any:
    (message,) = to_wire([HumanMessage([block])])
    return message["content"]


def test_roles_and_names() -> None:
    assert to_wire(
        [
            SystemMessage("s"),
            ChatMessage("d", role="developer"),
            ChatMessage("u", role="user"),
            HumanMessage("h", name="Ann"),
            AIMessage("a", name="Bot"),
            ToolMessage("t", tool_call_id="c", name="f", artifact=object(), status="error"),
        ]
    ) == [
        {"role": "system", "content": "s"},
        {"role": "system", "content": "d"},
        {"role": "user", "content": "u"},
        {"role": "user", "content": "h", "name": "Ann"},
        {"role": "assistant", "content": "a", "name": "Bot"},
        {"role": "tool", "tool_call_id": "c", "content": "t", "name": "f"},
    ]


@pytest.mark.parametrize("message", [RemoveMessage(id="1")])
def test_messages_without_a_place_are_refused(message: BaseMessage) -> None:
    with pytest.raises(KimiInputError) as caught:
        to_wire([message])
    assert type(message).__name__ in str(caught.value.value)
    assert caught.value.rule
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ("plain", "plain"),
        ({"type": "text", "text": "t", "index": 0, "id": "lc_1"}, "t"),
        ({"type": "text-plain", "text": "t", "mime_type": "text/plain"}, "t"),
        ({"type": "image_url", "image_url": {"url": PNG}}, {"image_url": {"url": PNG}}),
        ({"type": "image_url", "image_url": PNG}, {"image_url": {"url": PNG}}),
        ({"type": "image", "base64": "AAAA", "mime_type": "image/png"}, {"image_url": {"url": PNG}}),
        ({"type": "image", "url": PNG}, {"image_url": {"url": PNG}}),
        ({"type": "image", "file_id": "f1"}, {"image_url": {"url": "ms://f1"}}),
        (
            {"type": "image", "source_type": "base64", "data": "AAAA", "mime_type": "image/png"},
            {"image_url": {"url": PNG}},
        ),
        ({"type": "image", "source_type": "id", "id": "f1"}, {"image_url": {"url": "ms://f1"}}),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"image_url": {"url": PNG}},
        ),
        ({"type": "video", "file_id": "v1"}, {"video_url": {"url": "ms://v1"}}),
        (
            {"type": "video", "base64": "AAAA", "mime_type": "video/mp4"},
            {"video_url": {"url": "data:video/mp4;base64,AAAA"}},
        ),
        ({"type": "video_url", "video_url": {"url": "ms://v1"}}, {"video_url": {"url": "ms://v1"}}),
        ({"type": "file", "file_id": "f1"}, {"image_url": {"url": "ms://f1"}}),
        ({"type": "file", "file_id": "ms://f1"}, {"image_url": {"url": "ms://f1"}}),
        ({"type": "file", "file_id": "v1", "mime_type": "video/mp4"}, {"video_url": {"url": "ms://v1"}}),
        (
            {"type": "non_standard", "value": {"type": "video_url", "video_url": {"url": "ms://v1"}}},
            {"video_url": {"url": "ms://v1"}},
        ),
        ({"type": "non_standard", "value": {"type": "new_part", "x": 1}}, {"type": "new_part", "x": 1}),
    ],
)
def test_content_blocks(block: Any, part: Any) -> None:
    expected = part if isinstance(part, str) else [{"type": next(iter(part)), **part} if "type" not in part else part]
    assert user(block) == expected


@pytest.mark.parametrize(
    "block",
    [
        {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "image", "base64": "AAAA"},
        {"type": "image"},
        {"type": "file", "base64": "AAAA", "mime_type": "audio/wav"},
        {"type": "file", "mime_type": "application/pdf"},
        {"type": "document", "source": {}},
        {"type": "non_standard", "value": "x"},
        {"type": "no_such_thing"},
        {},
        7,
    ],
)
def test_what_the_platform_has_no_part_for_is_refused(block: Any) -> None:
    message = HumanMessage("")
    message.content = [block]
    with pytest.raises(KimiInputError) as caught:
        to_wire([message])
    error = caught.value
    assert error.rule
    assert error.remedy
    assert error.rule in str(error)
    assert error.remedy in str(error)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "file_id": "f1"}, {"type": "image_url", "image_url": {"url": "ms://f1"}}),
        ({"type": "video", "file_id": "ms://v1"}, {"type": "video_url", "video_url": {"url": "ms://v1"}}),
        (
            {"type": "image_url", "image_url": {"url": "ms://f1"}},
            {"type": "image_url", "image_url": {"url": "ms://f1"}},
        ),
    ],
)
def test_tool_results_may_refer_to_uploaded_files(block: Any, part: Any) -> None:
    (wire,) = to_wire([ToolMessage([{"type": "text", "text": "Here."}, block], tool_call_id="c")])
    assert wire == {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "Here."}, part]}


def test_tool_results_may_hold_images() -> None:
    content: Any = [{"type": "text", "text": "see"}, {"type": "image", "base64": "AAAA", "mime_type": "image/png"}]
    (message,) = to_wire([ToolMessage(content, tool_call_id="c")])
    assert message["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": PNG}},
    ]


# -------------------------------------------------------------------------------------------------- thinking


def blocks(*texts: str, **more: Any) -> list[Any]:
    return [*({"type": "reasoning", "reasoning": text, **more} for text in texts), {"type": "text", "text": "answer"}]


@pytest.mark.parametrize(
    ("message", "thinking"),
    [
        (AIMessage("a", additional_kwargs={"reasoning_content": "R"}), "R"),
        (AIMessage("a", additional_kwargs={"reasoning_content": ""}), ""),
        (AIMessage("a"), None),
        (AIMessage(blocks("R")), "R"),
        (AIMessage(blocks("R1", "R2")), "R1R2"),
        (AIMessage(blocks("block"), additional_kwargs={"reasoning_content": "kwargs"}), "block"),
        (AIMessage([{"type": "text", "text": "answer"}], additional_kwargs={"reasoning_content": "R"}), "R"),
        (
            AIMessage("a", additional_kwargs={"reasoning_content": "R"}, response_metadata={"model_provider": "kimi"}),
            "R",
        ),
        (
            AIMessage(
                "a", additional_kwargs={"reasoning_content": "R"}, response_metadata={"model_provider": "deepseek"}
            ),
            None,
        ),
        (AIMessage(blocks("R"), response_metadata={"model_provider": "anthropic"}), None),
        (AIMessage(blocks("R", extras={"signature": "EqQB"})), None),
        (AIMessage(blocks("R", signature="EqQB")), None),
        (AIMessage([{"type": "thinking", "thinking": "R", "signature": "s"}, {"type": "text", "text": "a"}]), None),
        (AIMessage([{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "R"}]}]), None),
        (AIMessage("a", additional_kwargs={"reasoning_content": None}), None),
    ],
)
def test_thinking_that_goes_back(message: AIMessage, thinking: str | None) -> None:
    assert assistant_to_wire(message).get("reasoning_content") == thinking


def test_no_turn_gets_the_thinking_of_another() -> None:
    wire = to_wire(
        [
            AIMessage("1", additional_kwargs={"reasoning_content": "R1"}),
            AIMessage("2"),
            AIMessage("3", additional_kwargs={"reasoning_content": "R3"}),
        ]
    )
    assert [m.get("reasoning_content") for m in wire] == ["R1", None, "R3"]


def test_thinking_goes_back_under_the_name_it_came_with() -> None:
    message = AIMessage("a", additional_kwargs={"reasoning_content": "R", "kimi": {"reasoning_field": "reasoning"}})
    assert assistant_to_wire(message, reasoning_field="reasoning") == {
        "role": "assistant",
        "content": "a",
        "reasoning": "R",
    }
    wire = assistant_to_wire(message)
    assert (wire["reasoning"], wire["reasoning_content"]) == ("R", "R")
    assert "reasoning" not in assistant_to_wire(AIMessage("a", additional_kwargs={"reasoning_content": "R"}))


# -------------------------------------------------------------------------------------------------- assistant turns


def test_assistant_content_is_one_string() -> None:
    message = AIMessage(
        [
            {"type": "reasoning", "reasoning": "R"},
            {"type": "text", "text": "Hel"},
            "lo",
            {"type": "tool_call", **CALL},
            {"type": "tool_use", "name": "f", "input": {}, "id": "c1"},
            {"type": "server_tool_call", "name": "x", "args": {}, "id": "y"},
        ],
        tool_calls=[CALL],
    )
    wire = assistant_to_wire(message)
    assert wire["content"] == "Hello"
    assert len(wire["tool_calls"]) == 1


def test_a_picture_in_an_assistant_turn_is_not_dropped_silently() -> None:
    turn = AIMessage(["See:", {"type": "image", "file_id": "f"}])
    with pytest.raises(KimiInputError, match="assistant turn has text only"):
        to_wire([turn])
    with pytest.warns(KimiWarning, match="assistant turn has text only"):
        wire, _ = to_wire([turn, HumanMessage("And?")])
    assert wire["content"] == "See:\n[image: file id f; its content is not included]"


def test_calls_only_in_blocks() -> None:
    message = AIMessage([{"type": "tool_call", **CALL}])
    assert assistant_to_wire(message)["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    ]


def arguments(message: AIMessage) -> str:
    return assistant_to_wire(message)["tool_calls"][0]["function"]["arguments"]


def test_arguments_keep_their_bytes_as_long_as_they_mean_the_same() -> None:
    text = '{"a":1,  "b": "\\u00e9"}'
    extras = {"kimi": {"tool_calls": {"c1": {"arguments": text}}}}

    def turn(args: dict[str, Any]) -> AIMessage:
        return AIMessage("", tool_calls=[{"name": "f", "args": args, "id": "c1"}], additional_kwargs=extras)

    assert arguments(turn({"a": 1, "b": "é"})) == text
    assert arguments(turn({"a": 2, "b": "é"})) == '{"a": 2, "b": "é"}'
    assert arguments(turn({"a": True, "b": "é"})) == '{"a": true, "b": "é"}'
    assert arguments(turn({"a": 1.0, "b": "é"})) == '{"a": 1.0, "b": "é"}'


def test_other_scripts_are_not_escaped() -> None:
    assert arguments(AIMessage("", tool_calls=[{"name": "f", "args": {"城": "北京"}, "id": "c"}])) == '{"城": "北京"}'


def test_calls_that_are_not_json_go_only_with_their_answer() -> None:
    turn = AIMessage(
        "", tool_calls=[CALL], invalid_tool_calls=[{"name": "g", "args": '{"x": ', "id": "c2", "error": "cut"}]
    )
    without = to_wire([turn, ToolMessage("r", tool_call_id="c1")])
    assert [c["id"] for c in without[0]["tool_calls"]] == ["c1"]
    answered = to_wire([turn, ToolMessage("r", tool_call_id="c1"), ToolMessage("not JSON", tool_call_id="c2")])
    sent = answered[0]["tool_calls"][1]["function"]
    assert sent == {"name": "g", "arguments": json.dumps({"unreadable_arguments": '{"x": '})}


def test_built_in_tools_keep_their_type() -> None:
    message = AIMessage("", tool_calls=[{"name": "$web_search", "args": {}, "id": "c"}])
    assert assistant_to_wire(message)["tool_calls"][0]["type"] == "builtin_function"


# -------------------------------------------------------------------------------------------------- Kimi's own


def test_three_spellings_of_a_partial_message() -> None:
    wire = {"role": "assistant", "content": "{", "partial": True}
    assert to_wire(convert_to_messages([wire])) == [wire]
    assert to_wire([AIMessage("{", additional_kwargs={"partial": True})]) == [wire]
    assert to_wire([partial_message("{")]) == [wire]
    assert to_wire([partial_message("", name="Kelsier", reasoning_content="R")]) == [
        {"role": "assistant", "content": "", "name": "Kelsier", "reasoning_content": "R", "partial": True}
    ]


@pytest.mark.parametrize("first", [True, False])
def test_tools_and_texts_that_langchain_merged_are_taken_apart(first: bool) -> None:
    def find(x: int) -> int:
        """Find it."""
        return x

    def keep(x: int) -> int:
        """Keep it."""
        return x

    note = SystemMessage("Be brief.")
    bring = [dynamic_tools_message([find]), dynamic_tools_message([keep])]
    (merged,) = merge_message_runs([note, *bring] if first else [*bring, note])
    tools, text = to_wire([merged])
    assert [tool["function"]["name"] for tool in tools["tools"]] == ["find", "keep"]
    assert "content" not in tools
    assert text["content"].strip() == "Be brief."


def test_dynamic_tools_message() -> None:
    def lookup(word: str) -> str:
        """Look a word up."""
        return word

    (wire,) = to_wire([dynamic_tools_message([lookup])])
    assert wire["role"] == "system"
    assert wire["tools"][0]["function"]["name"] == "lookup"
    assert "content" not in wire


def test_messages_are_not_changed() -> None:
    messages: list[BaseMessage] = [
        SystemMessage("s", additional_kwargs={"tools": [{"type": "function", "function": {"name": "f"}}]}),
        HumanMessage([{"type": "image", "base64": "AAAA", "mime_type": "image/png"}]),
        AIMessage(
            blocks("R"), tool_calls=[CALL], additional_kwargs={"kimi": {"tool_calls": {"c1": {"arguments": "{}"}}}}
        ),
        ToolMessage([{"type": "text", "text": "t"}], tool_call_id="c1"),
    ]
    before = copy.deepcopy(messages)
    wire = to_wire(messages)
    for message in wire:
        message["content"] = "changed"
    assert messages == before


def test_what_is_kept_survives_a_dump() -> None:
    text = '{"a":1}'
    turn = AIMessage(
        "",
        tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c1"}],
        additional_kwargs={"reasoning_content": "", "kimi": {"tool_calls": {"c1": {"arguments": text}}}},
    )
    back = loads(dumps(turn), allowed_objects="core")
    assert assistant_to_wire(back) == assistant_to_wire(turn)
    assert json.loads(text) == {"a": 1}


# ------------------------------------------------------------------------------------------------- files


PDF_DATA = "JVBERi0xLjQK"  # "%PDF-1.4"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "file", "base64": PDF_DATA, "mime_type": "application/pdf", "filename": "r.pdf"},
        {"type": "file", "base64": PDF_DATA, "mimeType": "application/pdf", "extras": {"filename": "r.pdf"}},
        {"type": "file", "source_type": "base64", "data": PDF_DATA, "metadata": {"name": "r.pdf"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF_DATA}", "filename": "r.pdf"}},
        {"type": "file", "file": {"file_data": PDF_DATA, "filename": "r.pdf"}},
        {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF_DATA}", "filename": "r.pdf"},
        {"type": "media", "data": PDF_DATA, "mime_type": "application/pdf", "name": "r.pdf"},
        {
            "type": "document",
            "title": "r.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF_DATA},
        },
        {
            "type": "resource",
            "resource": {"uri": "hotel://x/r.pdf", "mimeType": "application/pdf", "blob": PDF_DATA},
        },
        {"type": "non_standard", "value": {"type": "file", "base64": PDF_DATA, "filename": "r.pdf"}},
    ],
)
def test_every_spelling_of_a_document(block: Any) -> None:
    (part,) = user(block)
    file = part["document"]
    assert (file.name, file.mime, file.content()) == ("r.pdf", "application/pdf", b"%PDF-1.4\n")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "file", "file": {"file_id": "f1"}}, "ms://f1"),
        ({"type": "file", "source_type": "id", "id": "f1"}, "ms://f1"),
        ({"type": "file", "base64": "AAAA", "mime_type": "image/png"}, PNG),
        ({"type": "file", "base64": "AAAA", "mimeType": "image/png"}, PNG),
        ({"type": "image", "base64": "AAAA", "mimeType": "image/png"}, PNG),
        ({"type": "image", "data": "AAAA", "mimeType": "image/png"}, PNG),
        ({"type": "resource", "resource": {"uri": "x://a", "mimeType": "image/png", "blob": "AAAA"}}, PNG),
    ],
)
def test_files_that_are_pictures(block: Any, expected: str) -> None:
    assert user(block) == [{"type": "image_url", "image_url": {"url": expected}}]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "file", "file_id": "f1", "mime_type": "application/pdf"},
        {"type": "file", "file_id": "f1", "filename": "r.pdf"},
        {"type": "document", "source": {"type": "file", "file_id": "f1"}, "title": "r.pdf"},
        {"type": "file", "url": "ms://f1", "mime_type": "application/pdf"},
    ],
)
def test_an_id_of_a_document(block: Any) -> None:
    (part,) = user(block)
    assert part["document"].file_id == "f1"


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (
            {"type": "text-plain", "base64": "SGVsbG8=", "mime_type": "text/plain", "title": "a.txt"},
            "[document a.txt]\nHello\n[end of a.txt]",
        ),
        ({"type": "resource", "resource": {"uri": "x://a", "mimeType": "text/csv", "text": "a,b"}}, "a,b"),
        (
            {"type": "file", "source_type": "text", "text": "Hello", "mime_type": "text/plain"},
            "[document document.txt]\nHello\n[end of document.txt]",
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hello"}},
            "[document document.txt]\nHello\n[end of document.txt]",
        ),
    ],
)
def test_files_that_are_text(block: Any, text: str) -> None:
    assert user(block) == text


@pytest.mark.parametrize("name", ["json", "search_result", "resource_link", "no_such_thing"])
def test_blocks_of_others_in_a_result_are_texts(name: str) -> None:
    block = {"type": name, "title": "Tides", "url": "https://e.com"}
    for content in (block, {"type": "non_standard", "value": block}):
        message = ToolMessage("", tool_call_id="c")
        message.content = [content]
        with pytest.warns(KimiWarning, match=f"{name} content of the result of a tool"):
            (wire,) = to_wire([message])
        forget_warnings()
        assert "Tides, https://e.com" in wire["content"]


def test_messages_of_a_subclass_go_out_as_their_class_does() -> None:
    class Question(HumanMessage):
        """A program's own."""

    class Answer(AIMessage):
        """A program's own."""

    class Result(ToolMessage):
        """A program's own."""

    call = {"name": "look", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
    own = [Question("q"), Answer("", tool_calls=[call]), Result("r", tool_call_id="c1")]
    plain = [HumanMessage("q"), AIMessage("", tool_calls=[call]), ToolMessage("r", tool_call_id="c1")]
    assert to_wire(own) == to_wire(plain)
