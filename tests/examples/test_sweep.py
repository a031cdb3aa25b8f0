"""Our own examples under every fault at every step: they are right, or say that they are not."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest

from examples.langchain import agent as langchain_agent
from examples.llama_index import agent as llama_index_agent
from examples.llama_index import rag
from kimi_api import KimiError, retry
from kimi_emulator import Emulator, Sweep, sweep
from kimi_emulator.faults import FAULTS

pytestmark = pytest.mark.slow
KNOWN = (KimiError, OSError)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits before retries take no time."""
    monkeypatch.setattr(retry, "wait_seconds", lambda *_, **__: 0.0)


def settings(kimi: Emulator, **more: Any) -> dict[str, Any]:
    return {"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key} | more


def answer_in(printed: str) -> list[str]:
    """The facts of the last answer that an agent printed, whichever tool was named first."""
    answer = printed.rpartition("Answer: ")[2]
    return [fact for fact in ("258,570.00 SEK", "2 degrees, snow") if fact in answer]


def ask_langchain(kimi: Emulator) -> list[str]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        langchain_agent.main(settings(kimi, max_retries=0))
    return answer_in(printed.getvalue())


async def ask_llama_index(kimi: Emulator) -> list[str]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        await llama_index_agent.main(settings(kimi, max_retries=0))
    return answer_in(printed.getvalue())


EXPLAINED = {
    "answer.truncated_json": "the model itself stops half-way, and says that it was done: plain text shows no end",
    "calls.arguments_empty": "a call without arguments is a lawful one: what the tool says of it goes to the model",
}


def assert_nothing_is_silent(swept: Sweep, least: int) -> None:
    assert swept.unexplained == [], str(swept)
    assert len(swept.rows) >= least
    assert not swept.of("not met"), str(swept)
    assert set(EXPLAINED) >= {row.fault for row in swept.of("silent")}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("ask", [ask_langchain, ask_llama_index])
def test_an_agent_under_every_fault_at_every_step(ask: Any) -> None:
    # Not the hundreds of megabytes of `body.bomb`: to unpack them takes longer than a run may, and
    # tests/contract/test_too_long.py has it.
    faults = [name for name in FAULTS if name != "body.bomb"]
    assert_nothing_is_silent(sweep(ask, faults=faults, known=KNOWN, explained=EXPLAINED), 100)


@pytest.mark.timeout(300)
def test_rag_under_faults_of_its_uploads_and_of_its_first_question() -> None:
    """Uploads and questions, one of each: the others are asked in the same way.

    Not `files.pending`: a file is waited for until a deadline of minutes by the client's own time.
    """

    def ask(kimi: Emulator) -> list[str]:
        with contextlib.redirect_stdout(io.StringIO()):
            return rag.main(settings(kimi, max_retries=1))

    faults = [
        *("http.503", "http.429_retry_after", "http.401_string_code", "http.200_html", "connect.reset"),
        *("close.before_headers", "close.mid_event", "cut.answer", "cut.before_done", "stall.mid_stream"),
        *("answer.empty", "usage.missing", "files.failed", "files.extraction_500", "files.deleted"),
    ]
    assert_nothing_is_silent(sweep(ask, faults=faults, steps=[1, 4], known=KNOWN, explained=EXPLAINED), 20)
