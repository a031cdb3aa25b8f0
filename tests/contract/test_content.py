"""Content that the platform has no part for: a short text where nobody can mend it, an error where the user can."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import (
    FOR_REQUESTS,
    Adapter,
    Call,
    Chat,
    Media,
    assistant,
    document,
    partial,
    result,
    system,
    user,
    wire_tool,
)
from documents import pdf

from kimi_api import KimiInputError
from kimi_emulator import Emulator

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]
TURN = assistant("", Call("look", {"city": "Turku"}, "c1"), reasoning="r")
TOOLS = [wire_tool("look")]
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><text>Harbour</text></svg>"
LINK = "https://example.com/a/report.pdf"

FOREIGN = {
    "sound": (
        Media("audio", data=b"RIFFxxxxWAVE", mime="audio/wav"),
        "[audio: audio/wav; its content is not included]",
    ),
    "picture by its address": (
        Media(url="https://example.com/a.png", mime="image/png"),
        "[image: https://example.com/a.png, image/png; its content is not included]",
    ),
    "film by its address": (
        Media("video", url="https://example.com/a.mp4", mime="video/mp4"),
        "[video: https://example.com/a.mp4, video/mp4; its content is not included]",
    ),
    "link to a document": (
        Media("document", url=LINK, mime="application/pdf", name="report.pdf"),
        f"[document: report.pdf, {LINK}, application/pdf; its content is not included]",
    ),
    "SVG": (Media(data=SVG, mime="image/svg+xml"), f"[image: image/svg+xml]\n{SVG.decode()}"),
    "what is no picture": (
        Media(data=b"\x00\x01\x02\x03", mime="image/tiff"),
        "[image: image/tiff; its content is not included]",
    ),
    "archive": (
        document(b"PK\x05\x06" + bytes(18), "all.zip", "application/zip"),
        "[document: all.zip, application/zip; its content is not included]",
    ),
    "empty document": (document(b"", "a.pdf"), None),
}
CASES = pytest.mark.parametrize("case", [name for name, (_, text) in FOREIGN.items() if text])


def texts(content: Any) -> list[str]:
    """The texts of a wire message."""
    return [content] if isinstance(content, str) else [part.get("text", part["type"]) for part in content]


@CASES
def test_the_result_of_a_tool_says_what_it_is_in_a_short_text(kimi: Emulator, make: Make, case: str) -> None:
    media, text = FOREIGN[case]
    outcome = make().attempt([user("Look"), TURN, result("c1", "Here.", media)], tools=TOOLS)
    assert outcome.error is None
    assert texts(kimi.chats[-1]["messages"][-1]["content"]) in (["Here.", text], [f"Here.\n{text}"])
    (warning,) = outcome.warnings
    assert "goes out as a short text" in warning
    assert "To change that" in warning
    assert kimi.refusals == kimi.report == []
    assert kimi.files == {}


@CASES
def test_in_the_last_message_it_is_an_error_with_what_to_do(kimi: Emulator, make: Make, case: str) -> None:
    media, _ = FOREIGN[case]
    with pytest.raises(KimiInputError) as caught:
        make().ask([user("What is it?", media)])
    assert caught.value.remedy
    assert kimi.requests == []


@CASES
@pytest.mark.parametrize("role", ["user", "system"])
def test_further_back_it_is_a_text_so_that_a_stored_thread_lives(
    kimi: Emulator, make: Make, adapter: Adapter, case: str, role: str
) -> None:
    media, text = FOREIGN[case]
    message = (user if role == "user" else system)("See this:")
    old = [type(message)(role, "See this:", (media,)), assistant("I cannot."), user("Never mind.")]  # type: ignore[arg-type]
    stored = adapter.through_json(adapter.native_messages(old))
    outcome = make().attempt(stored)
    assert outcome.error is None
    assert texts(kimi.chats[-1]["messages"][0]["content"]) in (["See this:", text], [f"See this:\n{text}"])
    assert len(outcome.warnings) == 1


@CASES
@pytest.mark.parametrize("where", ["result", "earlier", "last"])
def test_with_unsupported_error_it_raises_everywhere(kimi: Emulator, make: Make, case: str, where: str) -> None:
    media, _ = FOREIGN[case]
    histories = {
        "result": [user("Look"), TURN, result("c1", "Here.", media)],
        "earlier": [user("See", media), assistant("No."), user("Well?")],
        "last": [user("See", media)],
    }
    with pytest.raises(KimiInputError):
        make(unsupported="error").ask(histories[where], tools=TOOLS)
    assert kimi.chats == []


@CASES
def test_the_same_history_has_the_same_bytes_in_every_turn(
    kimi: Emulator, make: Make, adapter: Adapter, case: str
) -> None:
    media, _ = FOREIGN[case]
    history = adapter.native_messages([user("Look"), TURN, result("c1", "Here.", media)])
    chat = make()
    first = chat.attempt(history, tools=TOOLS)
    chat.attempt([*adapter.through_json(history), first, user("And now?")], tools=TOOLS)
    one, two = (request["messages"] for request in kimi.chats)
    assert two[: len(one)] == one


def test_one_warning_for_each_kind(kimi: Emulator, make: Make) -> None:
    chat = make()
    link = Media("document", url=LINK)
    history = [user("Look"), TURN, result("c1", "Here.", link, link, Media(url="https://example.com/a.png"))]
    assert len(chat.attempt(history, tools=TOOLS).warnings) == 2
    assert chat.attempt(history, tools=TOOLS).warnings == []


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
def test_other_hosts_get_the_text_too(kimi: Emulator, make: Make, dialect: str) -> None:
    media, text = FOREIGN["sound"]
    outcome = make(dialect=dialect).attempt([user("Look"), TURN, result("c1", "Here.", media)], tools=TOOLS)
    assert not isinstance(outcome.error, KimiInputError)
    assert text in str(kimi.chats[-1]["messages"][-1]["content"])


def test_a_batch_line_has_the_text_too(kimi: Emulator, make: Make) -> None:
    media, text = FOREIGN["sound"]
    chat = make(model="kimi-k2.6")
    with pytest.warns(match="audio"):
        chat.batch().submit({"a": chat.batch_input([user("See", media), assistant("No."), user("Well?")])})
    (stored,) = kimi.files.values()
    assert text in stored.path.read_text()


def test_counting_never_fails_and_never_warns(make: Make) -> None:
    chat = make()
    for media, _ in FOREIGN.values():
        assert chat.count([user("See", media)]) > chat.count([user("See")])


def test_a_broken_picture_in_a_result_is_a_text(kimi: Emulator, make: Make) -> None:
    broken = f"data:image/png;base64,{base64.b64encode(b'no picture at all, but a text that is long enough').decode()}"
    outcome = make().attempt([user("Look"), TURN, result("c1", "Here.", Media(url=broken))], tools=TOOLS)
    assert outcome.error is None
    assert "[image: image/png]" in str(kimi.chats[-1]["messages"][-1]["content"])


def test_a_document_that_cannot_be_read_is_a_text_and_sent_once(kimi: Emulator, make: Make) -> None:
    broken = document(b"%PDF-1.4 but nothing more", "broken.pdf")
    chat = make()
    history = [user("Look"), TURN, result("c1", "Here.", broken)]
    assert chat.attempt(history, tools=TOOLS).error is None
    assert "[document: broken.pdf, application/pdf; its content is not included]" in str(kimi.chats[-1]["messages"])
    uploads = [request for request in kimi.requests if request.method == "POST" and request.path.endswith("/files")]
    assert chat.attempt(history, tools=TOOLS).error is None
    assert uploads == [r for r in kimi.requests if r.method == "POST" and r.path.endswith("/files")]
    assert kimi.chats[0]["messages"] == kimi.chats[1]["messages"]
    assert kimi.files == {}


def test_a_partial_message_behind_it_changes_nothing(kimi: Emulator, make: Make) -> None:
    media, _ = FOREIGN["sound"]
    with pytest.raises(KimiInputError):
        make().ask([user("What is it?", media), partial("It is")])
    assert kimi.requests == []


def test_a_document_in_the_result_of_a_tool_is_read(kimi: Emulator, make: Make) -> None:
    make().ask(
        [user("Look"), TURN, result("c1", "Here.", document(pdf("The harvest was good."), "r.pdf"))], tools=TOOLS
    )
    assert "[document r.pdf]\nThe harvest was good.\n[end of r.pdf]" in texts(kimi.chats[-1]["messages"][-1]["content"])
