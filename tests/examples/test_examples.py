"""The examples run, and do what they say."""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from examples.connection import connection
from kimi_emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]


def settings(kimi: Emulator) -> dict[str, Any]:
    return {"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key}


def test_rag_answers_from_the_documents_and_names_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    from examples.llama_index import rag

    with Emulator() as kimi:
        answers = rag.main(settings(kimi))
        assert not kimi.files, "the uploaded copies are removed"
        assert list(kimi.report) == []
    assert "45 operating hours" in answers[0]
    assert "24" in answers[1]
    assert "16:10" in answers[2]
    printed = capsys.readouterr().out
    sources = re.findall(r"^Sources: (.*)$", printed, re.M)
    assert len(sources) == 3
    assert [source.split()[0] for source in sources] == ["handbook.pdf", "minutes.docx", "winter-notes.md"]


def test_rag_finds_a_fact_that_was_planted_a_moment_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from examples.llama_index import rag

    turns, name = random.randint(300, 999), "".join(random.choices("bdfgklmnprstv", k=7))
    page = tmp_path / "planted.md"
    page.write_text(f"# Lift\n\nThe {name} winch holds {turns} metres of rope.\n", "utf-8")
    monkeypatch.setattr(rag, "FILES", [*rag.FILES, page])
    monkeypatch.setattr(rag, "QUESTIONS", (f"How many metres of rope does the {name} winch hold?",))
    with Emulator() as kimi:
        (answer,) = rag.main(settings(kimi))
    assert str(turns) in answer


def test_both_agents_call_both_tools_and_answer_with_their_results(capsys: pytest.CaptureFixture[str]) -> None:
    from examples.langchain import agent as langchain_agent
    from examples.llama_index import agent as llama_index_agent

    for run in (langchain_agent.main, lambda each: asyncio.run(llama_index_agent.main(each))):
        with Emulator() as kimi:
            usages = run(settings(kimi))
            assert list(kimi.report) == []
            called = [c["function"]["name"] for reply in kimi.replies for c in reply.get("tool_calls") or []]
            final = kimi.replies[-1]["content"]
            counted = len(kimi.replies)
        assert sorted(called) == ["convert_currency", "get_weather"]
        assert "2 degrees, snow" in final
        assert "258,570.00 SEK" in final
        assert len(usages) == counted
        printed = capsys.readouterr().out
        assert "Thinking: " in printed
        assert "at list price" in printed


def test_without_a_key_the_first_line_says_that_the_emulator_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with connection() as settings:
        assert settings["base_url"].startswith("http://127.0.0.1:")
    assert "emulator" in capsys.readouterr().out.splitlines()[0]


def test_with_a_key_the_same_code_runs_on_the_platform(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Emulator() as kimi:  # stands in for the platform
        monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
        from examples.langchain import agent

        with connection() as settings:
            assert "base_url" not in settings
            agent.main(settings)
        assert kimi.replies
    assert kimi.base_url in capsys.readouterr().out.splitlines()[0]


def test_the_demo_runs_from_a_shell() -> None:
    # llama-index-core 0.14.5 warns under today's pydantic; anything else on stderr is ours.
    quiet = {"PYTHONWARNINGS": "ignore:The 'validate_default' attribute"}
    clean = quiet | {
        name: value for name, value in os.environ.items() if not name.startswith(("MOONSHOT", "KIMI", "OPENAI"))
    }
    ran = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "emulator" in ran.stdout.splitlines()[0]
    assert re.search(r"Done in [\d.]+ s", ran.stdout)
