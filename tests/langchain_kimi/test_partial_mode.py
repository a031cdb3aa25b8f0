"""Partial mode: an answer that continues what the user began."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from kimi_emulator import Emulator, Reply
from langchain_kimi import ChatKimi, partial_message

BEGINNINGS: list[Any] = [
    {"role": "assistant", "content": "{", "partial": True},
    AIMessage("{", additional_kwargs={"partial": True}),
    partial_message("{"),
]


@pytest.mark.parametrize("last", BEGINNINGS)
def test_a_beginning_is_one_in_every_form(kimi: Emulator, llm: ChatKimi, last: Any) -> None:
    kimi.script(Reply(content='"a": 1}'))
    assert llm.invoke([HumanMessage("JSON?"), last]).text == '"a": 1}'
    assert kimi.chats[-1]["messages"][-1] == {"role": "assistant", "content": "{", "partial": True}


def test_blocks_keep_their_order_when_joined(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    kimi.script(Reply(reasoning="R.", content="}"))
    chunks = list(make(join_prefix=True, output_version="v1").stream([HumanMessage("?"), partial_message("{")]))
    whole: Any = sum(chunks[1:], chunks[0])  # type: ignore[arg-type]
    assert [(b["type"], b.get("text") or b.get("reasoning")) for b in whole.content_blocks] == [
        ("reasoning", "R."),
        ("text", "{}"),
    ]
