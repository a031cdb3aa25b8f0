"""Images and videos: inside the request when small, uploaded once when large, and never an address that is fetched."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Call, Chat, Media, assistant, result, user, wire_tool

from kimi_api import KimiClient, KimiInputError
from kimi_emulator import Emulator, Reply

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100)
DATA = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
SEE = "What is it?"
TURN = assistant("", Call("photo", {"city": "Turku"}, "c1"), reasoning="r")


def urls(kimi: Emulator) -> list[str]:
    """The addresses of the media in the last message of the last request."""
    content = kimi.chats[-1]["messages"][-1]["content"]
    return [part[part["type"]]["url"] for part in content if part["type"] != "text"]


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        (Media(data=PNG, mime="image/png"), "image_url"),
        (Media(url=DATA), "image_url"),
        (Media("video", data=MP4, mime="video/mp4"), "video_url"),
    ],
    ids=["bytes", "data URL", "video"],
)
def test_small_ones_go_inside_the_request(kimi: Emulator, make: Make, media: Media, kind: str) -> None:
    make().ask([user(SEE, media)])
    text, part = kimi.chats[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": SEE}
    assert part["type"] == kind
    data = media.data or PNG
    assert part[kind]["url"].endswith(f";base64,{base64.b64encode(data).decode()}")
    assert kimi.files == {}
    assert kimi.refusals == []


@pytest.mark.parametrize("kind", ["image", "video"])
def test_an_uploaded_one_is_named_by_its_id(kimi: Emulator, make: Make, adapter: Adapter, kind: Any) -> None:
    data, mime = (PNG, "image/png") if kind == "image" else (MP4, "video/mp4")
    adapter.make(inline_media_bytes=0).ask([user(SEE, Media(kind, data=data, mime=mime))])
    (file_id,) = kimi.files
    make().ask([user(SEE, Media(kind, file_id=file_id))])
    assert urls(kimi) == [f"ms://{file_id}"]
    make().ask([user(SEE, Media(kind, url=f"ms://{file_id}"))])
    assert urls(kimi) == [f"ms://{file_id}"]


def test_large_ones_are_uploaded_once_for_each_content_and_kept(kimi: Emulator, make: Make) -> None:
    chat = make(inline_media_bytes=10)
    first = chat.ask([user(SEE, Media(data=PNG, mime="image/png"))])
    sent = urls(kimi)
    chat.ask([user(SEE, Media(data=PNG, mime="image/png")), first, user("And now?", Media(url=DATA))])
    assert urls(kimi) == sent
    assert [f"ms://{file_id}" for file_id in kimi.files] == sent  # checkpoints refer to it, so it stays
    messages = kimi.chats[-1]["messages"]
    assert messages[0]["content"] == kimi.chats[0]["messages"][0]["content"]  # the cached prefix


def test_a_picture_whose_upload_was_deleted_meanwhile_is_uploaded_again(kimi: Emulator, make: Make) -> None:
    chat = make(inline_media_bytes=10)
    message = user(SEE, Media(data=PNG, mime="image/png"))
    chat.ask([message])
    (old,) = kimi.files
    KimiClient(api_key=kimi.api_key, base_url=kimi.base_url).request("DELETE", f"/files/{old}")
    chat.ask([message])
    (new,) = kimi.files
    assert urls(kimi) == [f"ms://{new}"]
    (refusal,) = kimi.refusals
    assert old in str(refusal)  # the platform misses it


def test_results_of_tools_hold_them_too(kimi: Emulator, make: Make) -> None:
    picture = Media(data=PNG, mime="image/png")
    make().ask([user("Show me"), TURN, result("c1", "Here.", picture)], tools=[wire_tool("photo")])
    last = kimi.chats[0]["messages"][-1]
    assert last["role"] == "tool"
    assert [part["type"] for part in last["content"]] == ["text", "image_url"]
    assert urls(kimi) == [DATA]
    assert kimi.refusals == kimi.report == []


def test_a_type_that_lies_is_corrected(kimi: Emulator, make: Make) -> None:
    make().ask([user(SEE, Media(data=PNG, mime="image/jpeg"))])
    assert urls(kimi) == [DATA]


@pytest.mark.parametrize(
    ("media", "words"),
    [
        (Media(data=b"<svg xmlns='http://www.w3.org/2000/svg'/>", mime="image/svg+xml"), "SVG"),
        (Media(data=b"This is not a picture, whatever it is called.", mime="image/png"), "image"),
        (Media(data=MP4, mime="image/png"), "video"),
    ],
)
def test_what_the_platform_does_not_take_is_refused_before_sending(
    kimi: Emulator, make: Make, media: Media, words: str
) -> None:
    with pytest.raises(KimiInputError, match=words):
        make().ask([user(SEE, media)])
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize("kind", ["image", "video"])
@pytest.mark.parametrize("url", ["https://example.com/a.png", "http://example.com/a.mp4"])
def test_a_web_address_is_refused_with_what_to_do(kimi: Emulator, make: Make, kind: Any, url: str) -> None:
    with pytest.raises(KimiInputError, match=r"ms://.*fetch_media=True") as caught:
        make().ask([user(SEE, Media(kind, url=url))], tools=[wire_tool("photo")])
    assert url in str(caught.value)
    assert kimi.requests == []


def test_a_web_address_in_a_tool_result_is_a_note(kimi: Emulator, make: Make) -> None:
    url = "https://example.com/a"  # LlamaIndex would tell the type from an extension
    outcome = make().attempt([user(SEE), TURN, result("c1", "Here.", Media(url=url))], tools=[wire_tool("photo")])
    assert outcome.error is None
    text, note = kimi.chats[0]["messages"][-1]["content"]
    assert (text["text"], note) == ("Here.", {"type": "text", "text": f"[image: {url}; its content is not included]"})
    assert kimi.refusals == []


def test_a_line_of_a_batch_holds_no_web_address(kimi: Emulator, make: Make) -> None:
    for settings, words in (({}, "downloads nothing"), ({"fetch_media": True}, "only public addresses are fetched")):
        chat = make(model="kimi-k2.6", **settings)
        with pytest.raises(KimiInputError, match=words):
            chat.batch().submit({"a": chat.batch_input([user(SEE, Media(url="http://127.0.0.1/a.png"))])})
    assert kimi.requests == []


def test_media_of_a_batch_are_placed_as_those_of_a_call(kimi: Emulator, make: Make) -> None:
    chat = make(model="kimi-k2.6", inline_media_bytes=10)
    chat.batch().submit({"a": chat.batch_input([user(SEE, Media(data=PNG, mime="image/png"))])})
    picture, lines = kimi.files.values()
    assert f"ms://{picture.id}" in lines.path.read_text()


def test_counting_sends_no_web_address(kimi: Emulator, make: Make) -> None:
    question = f"What is it? {uuid4()}"  # what was counted before is not asked again
    assert make().estimate([user(question, Media(url="https://example.com/a.png"))]) > 0
    (request,) = kimi.requests
    assert "image_url" not in str(request.json)
    assert kimi.refusals == []


@pytest.mark.parametrize("settings", [{"dialect": "openai"}, {"dialect": "vllm"}, {"unsupported": "send"}])
def test_a_web_address_goes_out_where_the_host_may_fetch_it(
    kimi: Emulator, make: Make, settings: dict[str, Any]
) -> None:
    make(**settings).attempt([user(SEE, Media(url="https://example.com/a.png"))])
    assert urls(kimi) == ["https://example.com/a.png"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.png", "http://localhost/a.png", "http://[::1]/a.png"])
def test_only_public_addresses_are_fetched(kimi: Emulator, make: Make, url: str) -> None:
    with pytest.raises(KimiInputError, match="only public addresses are fetched"):
        make(fetch_media=True).ask([user(SEE, Media(url=url))])
    assert kimi.requests == []


NOT_OF_THE_WEB = ["file:///etc/passwd", "ftp://example.com/a.png"]


@pytest.mark.parametrize("settings", [{"dialect": "openai"}, {"unsupported": "send"}])
@pytest.mark.parametrize("url", NOT_OF_THE_WEB)
def test_an_address_that_is_none_of_the_web_goes_nowhere(
    kimi: Emulator, make: Make, settings: dict[str, Any], url: str
) -> None:
    with pytest.raises(KimiInputError, match=r"(?i)url"):
        make(**settings).ask([user(SEE, Media(url=url))])
    assert kimi.requests == []


@pytest.mark.parametrize("url", NOT_OF_THE_WEB)
def test_an_address_that_is_none_of_the_web_is_not_fetched(kimi: Emulator, make: Make, url: str) -> None:
    with pytest.raises(KimiInputError, match=r"(?i)url"):
        make(fetch_media=True).ask([user(SEE, Media(url=url))])
    assert kimi.requests == []


def test_a_scheme_may_be_written_in_capitals(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="A dot."))
    assert make().ask([user(SEE, Media(url=DATA.replace("data:", "DATA:")))]).text == "A dot."
    assert kimi.refusals == []
