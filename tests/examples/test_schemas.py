"""The examples about schemas: awkward types go out in the platform's dialect and come back as themselves."""

from __future__ import annotations

from typing import Any

import pytest

from examples.schemas import Berth, Cargo
from kimi_emulator import Emulator


@pytest.fixture
def settings(kimi: Emulator) -> dict[str, Any]:
    return {"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key}


def test_langchain_takes_awkward_types(
    kimi: Emulator, settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    from examples.langchain import schemas

    check(kimi, schemas.main(settings), capsys.readouterr().out)
    assert kimi.chats[0]["tools"][0]["function"]["parameters"]["properties"]["berth"]


def test_llama_index_takes_awkward_types(
    kimi: Emulator, settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    from examples.llama_index import schemas

    check(kimi, schemas.main(settings), capsys.readouterr().out)
    parameters = kimi.chats[0]["tools"][0]["function"]["parameters"]
    assert set(parameters["properties"]) == set(Berth.model_fields)


def check(kimi: Emulator, cargo: Cargo, printed: str) -> None:
    assert cargo.what
    sent = kimi.chats[-1]["response_format"]["json_schema"]["schema"]
    assert "$ref" in str(sent["properties"]["inside"])  # the recursion reached the platform
    for words in ("pattern", "oneOf", "What to do: copy the remote schema"):
        assert words in printed
    assert kimi.report == []
    assert kimi.refusals == []
