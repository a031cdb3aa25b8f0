"""`kimi-tools media | formula`: one thing at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_kit import Tools

from kimi_emulator import Emulator

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080200000090"
    "7753de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def write_request(folder: Path, body: Any) -> str:
    path = folder / "request.json"
    path.write_text(json.dumps(body), "utf-8")
    return str(path)


# ------------------------------------------------------------------------------------------ media


def test_media_are_told_by_their_content(kimi: Emulator, tools: Tools, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(PNG)
    code, out, _ = tools("media", str(path), "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["kind"], report["mime_type"], report["bytes"], report["goes"]) == (
        "image",
        "image/png",
        len(PNG),
        "inline",
    )
    assert kimi.requests == []


def test_uploaded_media_have_an_address_and_go_up_once(kimi: Emulator, tools: Tools, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    urls = [json.loads(tools("media", str(path), "--upload", "--json")[1])["url"] for _ in range(2)]
    assert urls[0] == urls[1]
    assert urls[0].startswith("ms://")
    assert len(kimi.files) == 1


def test_media_that_kimi_does_not_take_are_named_with_what_it_takes(tools: Tools, tmp_path: Path) -> None:
    good, bad = tmp_path / "picture.png", tmp_path / "drawing.svg"
    good.write_bytes(PNG)
    bad.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    code, out, err = tools("media", str(good), str(bad), "--json")
    assert code == 6
    assert [json.loads(line)["ok"] for line in out.splitlines()] == [True, False]
    assert "png" in err
    assert tools("media", str(bad))[0] == 2


# ------------------------------------------------------------------------------------------ formulas


def test_functions_of_a_formula_are_listed(tools: Tools) -> None:
    code, out, _ = tools("formula", "ls", "convert", "--json")
    assert code == 0
    assert json.loads(out)[0]["function"]["name"] == "convert"
    assert "convert" in tools("formula", "ls", "convert")[1]


def test_a_function_of_a_formula_is_run(tools: Tools) -> None:
    arguments = '{"value": 10, "from_unit": "km", "to_unit": "miles"}'
    code, out, _ = tools("formula", "run", "convert", "convert", arguments, "--json")
    outcome = json.loads(out)
    assert code == 0
    assert (outcome["status"], outcome["sealed"]) == ("succeeded", False)
    assert "6.2" in outcome["result"]


def test_a_sealed_result_is_passed_on_untouched(tools: Tools) -> None:
    code, out, err = tools("formula", "run", "web-search", "web_search", '{"query": "Kimi K3"}')
    assert code == 0
    assert "ENCRYPTED" in out
    assert "only the platform can read" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("run", "convert", "convert", "[1]"), 2, "JSON object"),
        (("run", "convert", "convert", '{"value": 1, "from_unit": "x", "to_unit": "y"}'), 1, "unknown unit"),
        (("ls", "no-such-formula"), 5, "404"),
        (("ls", "not a name"), 2, "web-search"),
    ],
)
def test_what_cannot_be_run_says_why(tools: Tools, arguments: tuple[str, ...], code: int, message: str) -> None:
    got, _, err = tools("formula", *arguments)
    assert got == code
    assert message in err
    assert "What to do" in err or code == 1
