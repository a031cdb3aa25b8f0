"""What the command line advises works there: options, not arguments of Python."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from cli_kit import Tools
from documents import pdf

from kimi_api import KimiInputError
from kimi_api.cli._session import shell_text
from kimi_emulator import Emulator

PDF = pdf("High tide at noon.")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("pass api_key=... or set X", "pass --api-key-file FILE or set X"),
        ("pass base_url='https://api.moonshot.cn/v1'", "pass --base-url https://api.moonshot.cn/v1"),
        ("pass e.g. timeout=900", "pass e.g. --timeout 900"),
        ("pass max_retries=5", "pass --max-retries 5"),
        ("max_tokens=5 is too low", "max_tokens=5 is too low"),
    ],
)
def test_arguments_are_said_as_options(words: str, option: str) -> None:
    assert shell_text(KimiInputError("x", 1, "y", words)).endswith(f"{option}.")


def test_a_document_is_sent_to_the_command_that_takes_it(tools: Tools, tmp_path: Path) -> None:
    paper = tmp_path / "a paper.pdf"
    paper.write_bytes(PDF)
    ran = tools("media", str(paper))
    assert ran.code != 0
    advice = re.search(r"What to do: kimi-tools (extract .*)\.$", ran.err, re.M)
    assert advice is not None
    assert "High tide" in tools(*shlex.split(advice[1])).out
    assert "kimi-tools extract" in tools("media", str(paper), "--json").lines[0]["error"]["message"]


def test_what_is_neither_is_not_sent_there(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3\x03\x00 sound")
    for path in (tmp_path / "a.mp3", tmp_path / "none.pdf"):
        assert "kimi-tools extract" not in tools("media", str(path)).err


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, kimi: Emulator) -> Emulator:
    """The emulator, as if it were no machine of ours."""
    monkeypatch.setattr("kimi_api.credentials.is_loopback", lambda host: False)
    return kimi


def test_the_environments_key_goes_to_no_other_host_and_the_advice_works(
    elsewhere: Emulator, tools: Tools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MOONSHOT_BASE_URL")
    ran = tools("--base-url", elsewhere.base_url, "--max-retries", "0", "balance")
    assert ran.code == 3
    assert all("authorization" not in {name.lower() for name in request.headers} for request in elsewhere.requests)
    assert elsewhere.requests
    assert "pass --api-key-file FILE" in ran.err
    assert "api_key=" not in ran.err
    (tmp_path / "key").write_text(elsewhere.api_key)
    assert tools("--base-url", elsewhere.base_url, "--api-key-file", str(tmp_path / "key"), "balance").code == 0
    assert elsewhere.requests[-1].headers["authorization"] == f"Bearer {elsewhere.api_key}"


def test_the_environments_key_goes_to_the_environments_address(elsewhere: Emulator, tools: Tools) -> None:
    assert tools("balance").code == 0
    assert elsewhere.requests[-1].headers["authorization"] == f"Bearer {elsewhere.api_key}"


def test_without_a_key_the_advice_names_variable_and_option(
    kimi: Emulator, tools: Tools, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MOONSHOT_API_KEY")
    ran = tools("balance")
    assert ran.code == 3
    assert "pass --api-key-file FILE or set MOONSHOT_API_KEY" in ran.err
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    assert tools("balance").code == 0
