"""Messages to the wire and back: pure conversions."""

from __future__ import annotations

import base64
import copy
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    CacheControl,
    CachePoint,
    CitableBlock,
    CitationBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.llms import ChatMessage, MessageRole
from llama_index.core.llms.llm import ToolSelection

from kimi_api.reply import parse_reply
from llama_index_kimi._from_reply import to_message
from llama_index_kimi._to_wire import to_wire, wire_message

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(20)


def assistant(*blocks: Any, **extra: Any) -> ChatMessage:
    return ChatMessage(role="assistant", blocks=list(blocks), additional_kwargs=extra)


# ------------------------------------------------------------------------------------------------- roles and text


@pytest.mark.parametrize(
    ("role", "wire"),
    [
        (MessageRole.SYSTEM, "system"),
        (MessageRole.DEVELOPER, "system"),
        (MessageRole.USER, "user"),
        (MessageRole.ASSISTANT, "assistant"),
        (MessageRole.CHATBOT, "assistant"),
        (MessageRole.MODEL, "assistant"),
        (MessageRole.TOOL, "tool"),
        (MessageRole.FUNCTION, "tool"),
    ],
)
def test_every_role_has_a_place_on_the_wire(role: MessageRole, wire: str) -> None:
    message = ChatMessage(role=role, content="x")
    assert wire_message(message)["role"] == wire
    message.role = role.value  # type: ignore[assignment] - pydantic checks no assignment
    assert to_wire([message])[0]["role"] == wire


def test_plain_text_is_a_string_and_several_texts_are_joined_as_core_joins_them() -> None:
    message = ChatMessage(blocks=[TextBlock(text="a"), TextBlock(text="b")])
    assert wire_message(message) == {"role": "user", "content": message.content}


def test_a_name_goes_along() -> None:
    assert wire_message(ChatMessage("hi", additional_kwargs={"name": "Ada"}))["name"] == "Ada"


def test_a_partial_message_is_marked_with_its_name_and_thinking() -> None:
    message = ChatMessage(
        role="assistant",
        content="Once",
        additional_kwargs={"partial": True, "name": "Teller", "reasoning_content": "A tale."},
    )
    assert wire_message(message) == {
        "role": "assistant",
        "content": "Once",
        "partial": True,
        "name": "Teller",
        "reasoning_content": "A tale.",
    }


def test_a_system_message_may_bring_tools() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    message = ChatMessage(role="system", blocks=[], additional_kwargs={"tools": tools})
    assert wire_message(message) == {"role": "system", "tools": tools}


def test_a_tool_result_carries_its_call_id_and_pictures() -> None:
    message = ChatMessage(
        role="tool",
        blocks=[TextBlock(text="see"), ImageBlock(image=PNG)],
        additional_kwargs={"tool_call_id": "f_0"},
    )
    wire = wire_message(message)
    assert wire["tool_call_id"] == "f_0"
    assert [part["type"] for part in wire["content"]] == ["text", "image_url"]


def test_cache_points_are_left_out_with_a_debug_line(caplog: pytest.LogCaptureFixture) -> None:
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    with caplog.at_level(logging.DEBUG, "llama_index_kimi"):
        assert wire_message(ChatMessage(blocks=[TextBlock(text="a"), point])) == {"role": "user", "content": "a"}
    assert "CachePoint" in caplog.text


def test_citable_passages_are_unfolded() -> None:
    block = CitableBlock(title="t", source="s", content=[TextBlock(text="passage"), ImageBlock(image=PNG)])
    assert [part["type"] for part in wire_message(ChatMessage(blocks=[block]))["content"]] == ["text", "image_url"]


def test_citations_give_what_they_cite() -> None:
    block = CitationBlock(cited_content=TextBlock(text="passage"), source="s", title="t", additional_location_info={})
    assert wire_message(ChatMessage(blocks=[TextBlock(text="See:"), block]))["content"] == "See:\npassage"


def test_a_result_behind_a_turn_without_calls_is_the_users() -> None:
    """What core's CodeActAgent keeps of a handoff; a result that lost its turn otherwise is not touched."""
    orphan = ChatMessage(role="tool", content="Now it is you.", additional_kwargs={"tool_call_id": "handoff_0"})
    wire = to_wire([ChatMessage("x"), assistant(TextBlock(text="")), orphan])
    assert wire[-1] == {"role": "user", "content": "Now it is you."}
    assert to_wire([ChatMessage("x"), orphan])[-1]["role"] == "tool"
    turn = assistant(ToolCallBlock(tool_call_id="handoff_0", tool_name="handoff", tool_kwargs={}))
    assert [message["role"] for message in to_wire([turn, orphan])] == ["assistant", "tool"]


# ------------------------------------------------------------------------------------------------- media


@pytest.mark.parametrize("source", ["bytes", "path", "stream", "data url"])
def test_an_image_becomes_a_data_url(source: str, tmp_path: Path) -> None:
    if source == "stream" and "IOBase" not in str(ImageBlock.model_fields["image"].annotation):
        pytest.skip("this core takes no streams")
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    block = {
        "bytes": lambda: ImageBlock(image=PNG),
        "path": lambda: ImageBlock(path=path),
        "stream": lambda: ImageBlock(image=io.BytesIO(PNG)),
        "data url": lambda: ImageBlock(url=url),
    }[source]()
    part = wire_message(ChatMessage(blocks=[block]))["content"][0]
    assert part == {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("source", ["bytes", "path"])
def test_a_video_becomes_a_data_url(source: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(MP4)
    block = VideoBlock(video=MP4) if source == "bytes" else VideoBlock(path=path)
    part = wire_message(ChatMessage(blocks=[block]))["content"][0]
    assert part == {
        "type": "video_url",
        "video_url": {"url": "data:video/mp4;base64," + base64.b64encode(MP4).decode()},
    }


def test_uploaded_media_go_by_their_address_without_being_fetched() -> None:
    message = ChatMessage(blocks=[ImageBlock(url="ms://CaseId123"), VideoBlock(url="ms://CaseId456")])
    assert wire_message(message)["content"] == [
        {"type": "image_url", "image_url": {"url": "ms://CaseId123"}},
        {"type": "video_url", "video_url": {"url": "ms://CaseId456"}},
    ]


# ------------------------------------------------------------------------------------------------- thinking


def test_each_turn_gets_its_own_thinking_back() -> None:
    wire = to_wire(
        [
            assistant(ThinkingBlock(content="first "), TextBlock(text="a")),
            ChatMessage("and?"),
            assistant(ThinkingBlock(content=""), TextBlock(text="b")),
            ChatMessage("and?"),
            assistant(TextBlock(text="c")),
        ]
    )
    assert [message.get("reasoning_content") for message in wire] == ["first ", None, "", None, None]


def test_thinking_in_additional_kwargs_is_understood_where_no_block_has_it() -> None:
    assert wire_message(assistant(TextBlock(text="a"), reasoning_content="r"))["reasoning_content"] == "r"
    both = assistant(ThinkingBlock(content="block"), TextBlock(text="a"), reasoning_content="kwargs")
    assert wire_message(both)["reasoning_content"] == "block"


@pytest.mark.parametrize(
    "noted",
    [
        {"signature": "abc"},
        {"thought_signature": "abc"},
        {"encrypted_content": "abc"},
        {"id": "rs_1", "type": "reasoning", "status": None},
    ],
)
def test_thinking_signed_by_another_vendor_is_not_sent(noted: dict[str, Any]) -> None:
    block = ThinkingBlock(content="theirs", additional_information=noted)
    assert "reasoning_content" not in wire_message(assistant(block, TextBlock(text="a")))


def test_thinking_goes_back_under_the_name_it_came_with() -> None:
    body = {"id": "1", "choices": [{"message": {"content": "a", "reasoning": "r"}, "finish_reason": "stop"}]}
    message = to_message(parse_reply(body))
    wire = wire_message(message, "reasoning")
    assert wire["reasoning"] == "r"
    assert "reasoning_content" not in wire
    wire = wire_message(message)
    assert (wire["reasoning"], wire["reasoning_content"]) == ("r", "r")


# ------------------------------------------------------------------------------------------------- tool calls


def test_argument_texts_go_back_byte_for_byte_and_dicts_unescaped() -> None:
    wire = wire_message(
        assistant(
            ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs='{ "城市":  "北京"}'),
            ToolCallBlock(tool_call_id="2", tool_name="f", tool_kwargs={"城市": "北京"}),
        )
    )
    assert [call["function"]["arguments"] for call in wire["tool_calls"]] == ['{ "城市":  "北京"}', '{"城市": "北京"}']


@pytest.mark.parametrize(
    "stored",
    [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ToolSelection(tool_id="1", tool_name="f", tool_kwargs={}),
    ],
    ids=["dict", "selection"],
)
def test_calls_in_additional_kwargs_are_understood_where_no_block_has_them(stored: Any) -> None:
    wire = wire_message(assistant(tool_calls=[stored]))
    assert wire["tool_calls"] == [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def test_builtin_functions_keep_their_type() -> None:
    block = ToolCallBlock(tool_call_id="1", tool_name="$web_search", tool_kwargs='{"q":1}')
    assert wire_message(assistant(block))["tool_calls"][0]["type"] == "builtin_function"


def test_the_callers_messages_are_not_changed() -> None:
    messages = [
        ChatMessage(role="system", content="s", additional_kwargs={"tools": [{"a": 1}]}),
        ChatMessage(blocks=[TextBlock(text="a"), ImageBlock(image=PNG)]),
        assistant(ThinkingBlock(content="r"), ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs={"a": [1]})),
    ]
    before = copy.deepcopy(messages)
    for wire in to_wire(messages):
        wire["content"] = "changed"
        for tool in wire.get("tools", []):
            assert tool
    assert messages == before


# ------------------------------------------------------------------------------------------------- round trip

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,20}", fullmatch=True)
arguments = st.one_of(
    st.dictionaries(texts, st.one_of(texts, st.integers(), st.none()), max_size=3).map(
        lambda value: json.dumps(value, ensure_ascii=False)
    ),
    texts,
)
calls = st.lists(st.tuples(names, arguments), max_size=4)


def sent_back(text: str) -> str:
    """Arguments as they go back: what nobody can read stands inside an object, and no arguments are an empty one."""
    if not text.strip():
        return "{}"
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        value = None
    return text if isinstance(value, dict) else json.dumps({"unreadable_arguments": text}, ensure_ascii=False)


@given(content=texts, reasoning=st.none() | texts, calls=calls)
def test_what_the_platform_sent_goes_back_equal_but_for_tool_ids(
    content: str, reasoning: str | None, calls: list[tuple[str, str]]
) -> None:
    raw: dict[str, Any] = {"role": "assistant", "content": content}
    if reasoning is not None:
        raw["reasoning_content"] = reasoning
    if calls:
        raw["tool_calls"] = [
            {"id": f"{name}_0", "index": n, "type": "function", "function": {"name": name, "arguments": text}}
            for n, (name, text) in enumerate(calls)
        ]
    message = to_message(parse_reply({"id": "chatcmpl-1", "choices": [{"message": raw, "finish_reason": "stop"}]}))
    for stored in (message, ChatMessage.model_validate_json(message.model_dump_json())):
        wire = wire_message(stored)
        ids = [call.pop("id") for call in wire.get("tool_calls", [])]
        assert len(set(ids)) == len(calls)
        expected = copy.deepcopy(raw)
        for call in expected.get("tool_calls", []):
            del call["id"], call["index"]
            call["function"]["arguments"] = sent_back(call["function"]["arguments"])
        assert wire == expected


def test_an_answers_blocks_stand_in_the_order_thinking_text_calls() -> None:
    body = {
        "id": "1",
        "choices": [
            {
                "message": {
                    "content": "a",
                    "reasoning_content": "r",
                    "tool_calls": [{"id": "f_0", "function": {"name": "f", "arguments": "{}"}}],
                },
                "finish_reason": "tool_calls",
            }
        ],
    }
    message = to_message(parse_reply(body))
    assert [type(block) for block in message.blocks] == [ThinkingBlock, TextBlock, ToolCallBlock]
    assert json.dumps(message.additional_kwargs["tool_calls"])


def test_an_empty_text_beside_a_call_is_not_a_part() -> None:
    """text content is empty."""
    call = ToolCallBlock(tool_call_id="call_9", tool_name="weather", tool_kwargs={"city": "Oslo"})
    blocks = [ThinkingBlock(content="Look."), TextBlock(text=""), call]
    assert wire_message(ChatMessage(role="assistant", blocks=blocks))["content"] == ""


def test_blocks_of_a_subclass_go_out_as_their_class_does() -> None:
    class Text(TextBlock):
        """A program's own."""

    class Thought(ThinkingBlock):
        """A program's own."""

    for role in ("user", "assistant", "system", "tool"):
        assert wire_message(ChatMessage.model_construct(role=MessageRole(role), blocks=[Text(text="a")])) == (
            wire_message(ChatMessage(role=role, blocks=[TextBlock(text="a")]))
        )
    turn = [Thought(content="b"), Text(text="a")]
    wire = wire_message(ChatMessage.model_construct(role=MessageRole.ASSISTANT, blocks=turn))
    assert wire == {"role": "assistant", "content": "a", "reasoning_content": "b"}
