"""The two search examples run, and answer with what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from examples.langchain import web_search as langchain_search
from examples.llama_index import web_search as llama_index_search
from kimi_emulator import Emulator

RUNS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "langchain": langchain_search.main,
    "llama_index": lambda settings: asyncio.run(llama_index_search.main(settings)),
}


@pytest.mark.parametrize("framework", RUNS)
def test_both_ways_of_searching_answer_from_what_was_found(framework: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator() as kimi:
        answers = RUNS[framework]({"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key})
        assert kimi.report == []
        assert kimi.refusals == []
        assert [body["model"] for body in kimi.chats] == ["kimi-k3"] * 2 + ["kimi-k2.6"] * 2
        assert len([request for request in kimi.requests if request.path.endswith("/fibers")]) == 2
    for answer in answers:
        assert "21:40" in answer
        assert "25 minutes" in answer
    printed = capsys.readouterr().out
    assert printed.count("ENCRYPTED BEGIN") == 2
    assert printed.count('{"search_result": {"search_id": ') == 2
