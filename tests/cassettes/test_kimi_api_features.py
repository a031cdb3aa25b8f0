"""The platform's other endpoints through kimi_api, against recorded answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import cassette_kit
import pytest

from kimi_api import ChatOptions, KimiBadRequestError, KimiClient, account, build_request, files, formulas, tokens
from kimi_api.chat import acomplete, astream, complete, settle
from kimi_api.reply import ReplyBuilder

Session = cassette_kit.Session


def client(cassette: Session) -> KimiClient:
    return KimiClient(**cassette.settings)


@pytest.mark.cassette("models")
def test_the_models_of_the_account(cassette: Session) -> None:
    models = account.models(client(cassette))
    (exchange,) = cassette.exchanges
    assert [each.id for each in models] == [entry["id"] for entry in exchange.answer["data"]]


@pytest.mark.cassette("balance")
def test_the_balance(cassette: Session) -> None:
    balance = account.balance(client(cassette))
    (exchange,) = cassette.exchanges
    assert float(balance.available) == exchange.answer["data"]["available_balance"]


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.cassette(f"estimate_{way}")) for way in ("sync", "async")]
)
def test_tokens_are_counted_by_the_platform(cassette: Session, way: str) -> None:
    tokens.forget_estimates()
    messages = [{"role": "user", "content": "How many tokens is this?"}]
    if way == "sync":
        count = tokens.estimate(client(cassette), "kimi-k3", messages)
    else:
        count = asyncio.run(tokens.aestimate(client(cassette), "kimi-k3", messages))
    (exchange,) = cassette.exchanges
    assert count == exchange.answer["data"]["total_tokens"]


@pytest.mark.cassette("files_list")
def test_a_file_is_stored_listed_and_deleted(cassette: Session) -> None:
    kimi = client(cassette)
    stored = files.upload(kimi, b"# Ferry\n", purpose="file-extract", name="ferry.md")
    all_files = files.list_files(kimi)
    files.delete(kimi, stored.id)
    posted, got, deletion = (exchange for exchange in cassette.exchanges if "content" not in exchange.path)
    assert stored.id == posted.answer["id"]
    assert [file.id for file in all_files] == [entry["id"] for entry in got.answer["data"]]
    assert deletion.answer["deleted"] is True


@pytest.mark.cassette("formulas")
def test_an_official_tool_is_listed_and_run(cassette: Session) -> None:
    kimi = client(cassette)
    (tool,) = formulas.list_tools(kimi, "convert")
    arguments = json.dumps({"value": 10, "from_unit": "km", "to_unit": "miles"})
    result = formulas.run_fiber(kimi, "convert", tool["function"]["name"], arguments).result
    listing, fiber = cassette.exchanges
    assert tool["function"]["name"] == listing.answer["tools"][0]["function"]["name"]
    assert result == fiber.answer["context"]["output"]


@pytest.mark.cassette("achat")
def test_the_asynchronous_way(cassette: Session) -> None:
    request = build_request(ChatOptions(model="kimi-k2.6"), [{"role": "user", "content": "Say hello in one word."}])
    reply = asyncio.run(acomplete(client(cassette), request))
    (exchange,) = cassette.exchanges
    message = exchange.message
    assert (reply.content, reply.reasoning) == (message["content"], message["reasoning_content"])


@pytest.mark.cassette("astream")
def test_the_asynchronous_stream(cassette: Session) -> None:
    messages = [{"role": "user", "content": "Say hello in one word."}]
    request = build_request(ChatOptions(), messages, stream=True)
    builder = ReplyBuilder()

    async def drain() -> list[Any]:
        return [delta async for delta in astream(client(cassette), request, builder)]

    deltas = asyncio.run(drain())
    reply = settle(builder, request)
    assert reply.content == "".join(delta.content for delta in deltas) != ""
    assert cassette.exchanges[0].sent["stream_options"] == {"include_usage": True}


@pytest.mark.cassette("error_tool_history")
def test_a_history_that_the_platform_refuses(cassette: Session) -> None:
    request = build_request(ChatOptions(model="kimi-k2.6"), [{"role": "user", "content": "Hello"}])
    request.body["messages"] = [{"role": "user", "content": "Hello"}, {"role": "tool", "content": "2 degrees"}]
    with pytest.raises(KimiBadRequestError) as caught:
        complete(client(cassette), request)
    (exchange,) = cassette.exchanges
    assert exchange.answer["error"]["message"] in str(caught.value)
