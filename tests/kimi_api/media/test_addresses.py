"""Which addresses of images and videos go out, and what stands for the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kimi_api import ChatOptions, KimiInputError, KimiWarning
from kimi_api._content.addresses import with_addresses
from kimi_api._media_rules import LocalMedia
from kimi_api.request import build_request

WEB = "https://example.com/a.png"


def messages(*urls: Any, role: str = "user", kind: str = "image_url") -> list[dict[str, Any]]:
    return [{"role": role, "content": [{"type": kind, kind: {"url": url, "detail": "low"}} for url in urls]}]


def addresses(wire: Any) -> list[Any]:
    return [part[part["type"]]["url"] for part in wire[-1]["content"]]


@pytest.mark.parametrize("kind", ["image_url", "video_url"])
@pytest.mark.parametrize("url", ["data:image/png;base64,AAAA", "ms://file-1"])
@pytest.mark.parametrize("web", [False, True])
def test_data_and_uploaded_files_go_out_as_they_are(kind: str, url: str, web: bool) -> None:
    wire = messages(url, kind=kind)
    assert with_addresses(wire, web=web) is wire


def test_web_addresses_go_out_where_somebody_fetches_them() -> None:
    wire = messages(WEB, "http://example.com")
    assert with_addresses(wire, web=True) is wire
    with pytest.raises(KimiInputError, match=r"messages\[0\].*fetch_media=True"):
        with_addresses(wire, web=False)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/a.png", "/tmp/a.png", "a.png", "", None, 7])
@pytest.mark.parametrize("web", [False, True])
def test_other_addresses_go_nowhere(url: Any, web: bool) -> None:
    with pytest.raises(KimiInputError, match="ms://<file id>"):
        with_addresses(messages(url), web=web)
    with pytest.raises(KimiInputError, match="ms://<file id>"):
        with_addresses([{"role": "user", "content": [{"type": "image_url", "image_url": url}]}], web=web)


@pytest.mark.parametrize(
    ("url", "sent"), [("DATA:image/PNG;base64,AAaa", "data:image/PNG;base64,AAaa"), ("Ms://File-1", "ms://File-1")]
)
def test_a_scheme_goes_out_in_lower_case(url: str, sent: str) -> None:
    wire = messages(url)
    rewritten = with_addresses(wire, web=False)
    assert rewritten[0]["content"] == [{"type": "image_url", "image_url": {"url": sent, "detail": "low"}}]
    assert addresses(wire) == [url]


def test_files_of_this_machine_that_the_program_named_are_read_later() -> None:
    local = LocalMedia.of(Path(__file__))
    assert addresses(with_addresses(messages(local), web=False)) == [local]
    (part,) = with_addresses(messages(local), web=False, local=False, refuse="never")[0]["content"]
    assert part["type"] == "text"


@pytest.mark.parametrize("role", ["tool", "user"])
def test_what_nobody_can_mend_is_a_note(role: str) -> None:
    wire = [*messages(WEB, "ms://f", role=role), {"role": "user", "content": "And now?"}]
    with pytest.warns(KimiWarning, match="downloads nothing"):
        rewritten = with_addresses(wire, web=False)
    note, image = rewritten[0]["content"]
    assert note == {"type": "text", "text": f"[image: {WEB}; its content is not included]"}
    assert image["image_url"]["url"] == "ms://f"
    assert rewritten[1] is wire[1] or rewritten[1] == wire[1]
    with pytest.raises(KimiInputError):
        with_addresses(wire, web=False, refuse="always")


@pytest.mark.parametrize("settings", [{"dialect": "openai"}, {"unsupported": "send"}, {"fetch_media": True}])
def test_a_request_decides_by_its_options(settings: dict[str, Any]) -> None:
    with pytest.raises(KimiInputError, match="downloads nothing"):
        build_request(ChatOptions(), messages(WEB))
    assert addresses(build_request(ChatOptions(**settings), messages(WEB)).body["messages"]) == [WEB]
