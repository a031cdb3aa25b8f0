"""Blocks and files that only LlamaIndex can hand over: each error gives the value, the rule and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import AudioBlock, DocumentBlock, ImageBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool, ToolMetadata

from kimi_api.errors import KimiInputError
from kimi_emulator import Emulator
from llama_index_kimi import Kimi, KimiFileReader

Make = Callable[[Emulator, Path], Any]


def ask(kimi: Emulator, *messages: ChatMessage, **settings: Any) -> Any:
    llm = Kimi(**{"base_url": kimi.base_url, "api_key": kimi.api_key, **settings})
    return llm.chat(list(messages) or [ChatMessage("hi")])


def read(kimi: Emulator, file: Any) -> Any:
    return KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key).load_data(file)


def nameless_tool(kimi: Emulator) -> Any:
    tool = FunctionTool(fn=lambda: "x", metadata=ToolMetadata(description="no name", name=None))
    return Kimi(base_url=kimi.base_url, api_key=kimi.api_key).chat_with_tools([tool], "hi")


TABLE: dict[str, tuple[Make, type[KimiInputError], str]] = {
    "tool without a name": (lambda k, p: nameless_tool(k), KimiInputError, "every tool needs a name"),
    "image of an unknown format": (
        lambda k, p: ask(k, ChatMessage(blocks=[ImageBlock(image=b"?!")])),
        KimiInputError,
        "image_mimetype",
    ),
    "image without data": (lambda k, p: ask(k, ChatMessage(blocks=[ImageBlock()])), KimiInputError, "bytes"),
    "document block": (
        lambda k, p: ask(k, ChatMessage(blocks=[DocumentBlock(data=b"%PDF", title="r.pdf")]), extract_documents=False),
        KimiInputError,
        "KimiFileReader",
    ),
    "audio block": (lambda k, p: ask(k, ChatMessage(blocks=[AudioBlock(audio=b"RIFF")])), KimiInputError, "audio"),
    "user who calls a tool": (
        lambda k, p: ask(k, ChatMessage(blocks=[ToolCallBlock(tool_name="f")])),
        KimiInputError,
        "assistant role",
    ),
    "unreadable stored call": (
        lambda k, p: ask(k, ChatMessage(role="assistant", additional_kwargs={"tool_calls": [{"id": "1"}]})),
        KimiInputError,
        "ToolCallBlocks",
    ),
    "directory instead of a file": (lambda k, p: read(k, [p]), KimiInputError, "directory"),
    "bytes without a name": (lambda k, p: read(k, b"text"), KimiInputError, "name"),
}


@pytest.mark.parametrize("case", TABLE)
def test_bad_input_is_refused_with_value_rule_and_remedy(kimi: Emulator, tmp_path: Path, case: str) -> None:
    make, kind, words = TABLE[case]
    with pytest.raises(kind) as caught:
        make(kimi, tmp_path)
    error = caught.value
    assert error.rule
    assert error.remedy
    assert error.rule in str(error)
    assert error.remedy in str(error)
    assert repr(error.value)[:100] in str(error)
    assert words in str(error)
    assert "sk-secret" not in str(error)
    assert kimi.requests == []


async def test_bad_input_is_refused_before_a_stream_is_iterated(kimi: Emulator, llm: Kimi) -> None:
    with pytest.raises(KimiInputError):
        llm.stream_chat([])
    with pytest.raises(KimiInputError):
        await llm.astream_chat([])
    assert kimi.requests == []
