"""LlamaIndex's blocks of documents and files: bytes, streams, paths, addresses, and who may name a path."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from documents import pdf
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.tools import FunctionTool
from pydantic import ValidationError
from scripted_kimi import NEW_CORE

from kimi_api import KimiInputError, KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi

Make = Callable[..., Kimi]
SAID = "The harvest was good."
TEXT = f"[document r.pdf]\n{SAID}\n[end of r.pdf]"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "r.pdf"
    path.write_bytes(pdf(SAID))
    return path


def urls_sent(kimi: Emulator) -> list[str]:
    content = kimi.chats[-1]["messages"][-1]["content"]
    return [content] if isinstance(content, str) else [part.get("text", part["type"]) for part in content]


@pytest.mark.parametrize("role", ["user", "system"])
@pytest.mark.parametrize("how", ["bytes", "base64", "stream", "data URL"])
def test_a_document_by_its_data(kimi: Emulator, make: Make, how: str, role: str) -> None:
    import base64

    data = pdf(SAID)
    encoded = base64.b64encode(data)
    of_block: dict[str, dict[str, Any]] = {
        "bytes": {"data": data},
        "base64": {"data": encoded, "document_mimetype": "application/pdf"},
        "stream": {"data": io.BytesIO(data), "document_mimetype": "application/pdf"},
        "data URL": {"url": f"data:application/pdf;base64,{encoded.decode()}"},
    }
    try:
        block = DocumentBlock(title="r.pdf", **of_block[how])
    except ValidationError:
        assert how == "stream"
        pytest.skip("this core's blocks take bytes only")
    llm = make()
    for _ in range(2):
        llm.chat([ChatMessage(role=role, blocks=[TextBlock(text="Sum up"), block])])
        assert urls_sent(kimi) == ["Sum up", TEXT]
    assert kimi.files == {}


def test_a_document_by_its_path(kimi: Emulator, make: Make, file: Path) -> None:
    make().chat([ChatMessage(role="user", blocks=[DocumentBlock(path=file)])])
    assert urls_sent(kimi) == [TEXT]
    make().chat([ChatMessage(role="user", blocks=[DocumentBlock(path=str(file), title="Report")])])
    assert urls_sent(kimi) == [TEXT.replace("r.pdf", "Report.pdf")]
    assert sum(request.path == "/v1/files" for request in kimi.requests) == 1


def test_a_picture_in_a_document_block_is_a_picture(kimi: Emulator, make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"GIF89a" + bytes(40))
    for block in (DocumentBlock(path=path), DocumentBlock(data=path.read_bytes())):
        make().chat([ChatMessage(role="user", blocks=[block])])
        assert urls_sent(kimi) == ["image_url"]
        url = kimi.chats[-1]["messages"][-1]["content"][0]["image_url"]["url"]
        assert url.startswith("data:image/gif;base64,")


def of_a_tool(block: ContentBlock) -> list[ChatMessage]:
    call = ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs={})
    return [
        ChatMessage("Look"),
        ChatMessage(role="assistant", blocks=[call]),
        ChatMessage(role="tool", blocks=[block], additional_kwargs={"tool_call_id": "c1"}),
    ]


@pytest.mark.parametrize("kind", ["document", "image", "video"])
def test_a_path_that_a_tool_names_is_not_read(kimi: Emulator, make: Make, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(pdf("A secret."))
    block: Any = {
        "document": DocumentBlock(path=path),
        "image": ImageBlock(path=path, image_mimetype="image/png"),
        "video": VideoBlock(path=path, video_mimetype="video/mp4"),
    }[kind]
    with pytest.warns(KimiWarning, match="for the user's messages only"):
        make(fetch_media=True).chat(of_a_tool(block))
    (text,) = urls_sent(kimi)
    assert text.startswith(f"[{kind}: secret.pdf, ")
    assert str(tmp_path) not in str(kimi.chats)
    assert len(kimi.requests) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd"])
@pytest.mark.parametrize("settings", [{}, {"fetch_media": True}, {"unsupported": "send"}])
def test_an_address_of_this_machine_is_never_read(
    kimi: Emulator, make: Make, url: str, settings: dict[str, Any]
) -> None:
    with pytest.warns(KimiWarning):
        make(**settings).chat(of_a_tool(DocumentBlock(url=url)))
    assert "root:" not in str(kimi.chats)
    with pytest.raises(KimiInputError):
        make(**settings).chat([ChatMessage(blocks=[DocumentBlock(url=url)])])


def test_a_path_that_is_gone_is_an_error_in_the_last_message_and_a_text_further_back(
    kimi: Emulator, make: Make, file: Path
) -> None:
    question = ChatMessage(role="user", blocks=[DocumentBlock(path=str(file))])
    file.unlink()
    with pytest.raises(KimiInputError, match="cannot be read"):
        make().chat([question])
    with pytest.warns(KimiWarning, match="document content of an earlier user message"):
        make().chat([question, ChatMessage(role="assistant", content="No."), ChatMessage("Well?")])
    assert "[document: r.pdf, application/pdf; its content is not included]" in str(kimi.chats[-1]["messages"][0])


@pytest.mark.parametrize("data", [None, b"", io.BytesIO()])
def test_a_document_without_content_is_refused(kimi: Emulator, make: Make, data: Any) -> None:
    try:
        block = DocumentBlock() if data is None else DocumentBlock(data=data)
    except ValidationError:
        pytest.skip("this core's blocks take bytes only")
    with pytest.raises(KimiInputError) as caught:
        make().chat([ChatMessage(blocks=[block])])
    assert caught.value.remedy
    assert kimi.requests == []


@pytest.mark.skipif(not NEW_CORE, reason="this core makes text of a document that a tool gives")
async def test_an_agents_tool_gives_a_document(kimi: Emulator, make: Make) -> None:
    def read() -> DocumentBlock:
        """Read the report."""
        return DocumentBlock(data=pdf(SAID), title="r.pdf")

    kimi.script(Reply(tool_calls=[ToolCall("read")]), Reply(content="Good."), Reply(content="Bye."))
    agent = FunctionAgent(tools=[FunctionTool.from_defaults(read)], llm=make())
    assert str(await agent.run(user_msg="How was it?")) == "Good."
    assert urls_sent(kimi) == [TEXT]
    assert kimi.report == kimi.refusals == []
    assert kimi.files == {}
