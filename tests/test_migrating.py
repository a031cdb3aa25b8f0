"""docs/migrating.md: each pair does the same, in five lines; the earlier half runs where its package is installed."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from kimi_emulator import Emulator

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "migrating.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
PAIRS = {title: text for title, text in SECTIONS.items() if "```" in text}


def blocks(title: str) -> tuple[str, str]:
    """The block before and the block after."""
    [before] = re.findall(r"^```python before\n(.*?)^```", PAIRS[title], re.M | re.S)
    [after] = re.findall(r"^```python\n(.*?)^```", PAIRS[title], re.M | re.S)
    return before, after


def test_the_page_has_a_pair_for_every_class_that_people_come_from() -> None:
    titles = " ".join(PAIRS)
    for name in ("ChatOpenAI", "ChatDeepSeek", "ChatMoonshot", "MoonshotChat", "OpenAI", "OpenAILike"):
        assert name in titles


@pytest.mark.parametrize("title", PAIRS)
def test_a_pair_is_short_and_ends_with_the_same_call(title: str) -> None:
    before, after = (code.splitlines() for code in blocks(title))
    assert len([line for line in before if line]) <= 5
    assert len([line for line in after if line]) <= 5
    assert re.sub(r"\.(content|text)\)$", "", before[-1]) == re.sub(r"\.(content|text)\)$", "", after[-1])


@pytest.mark.parametrize("title", PAIRS)
def test_the_earlier_half_runs_as_it_stands(
    title: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the emulator in place of the platform: only address and key are other ones."""
    code, _ = blocks(title)
    [module] = re.findall(r"^from ([\w.]+) import", code, re.M)
    try:
        installed = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        installed = False
    if not installed:
        compile(code, title, "exec")
        pytest.skip(f"{module} is not installed")
    with Emulator() as kimi:
        monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
        code = code.replace("https://api.moonshot.ai/v1", kimi.base_url).replace("sk-...", kimi.api_key)
        exec(compile(code, title, "exec", dont_inherit=True), {"__name__": "__main__"})
        assert len(kimi.requests) == 1
    assert capsys.readouterr().out.strip()
