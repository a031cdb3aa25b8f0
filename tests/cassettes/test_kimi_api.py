"""kimi_api against recorded answers: what is compared is what the cassette holds."""

from __future__ import annotations

import cassette_kit
import pytest

from kimi_api import ChatOptions, KimiClient, KimiNotFoundError, build_request, files, partial_message
from kimi_api.chat import complete, settle, stream
from kimi_api.reply import ReplyBuilder


@pytest.mark.cassette("files_extract")
def test_extracts_a_file_and_removes_the_remote_copy(cassette: cassette_kit.Session) -> None:
    client = KimiClient(**cassette.settings)
    text = "# Ferry\n\nThe ferry Ottilie crosses the sound in 34 minutes.\n"
    extracted = files.extract(client, text.encode(), name="ferry.md")
    upload, *_, fetched, deletion = cassette.exchanges
    assert extracted.text == fetched.answer["content"]
    assert upload.sent["purpose"] == "file-extract"
    assert deletion.method == "DELETE"
    assert deletion.path.endswith(upload.answer["id"])


@pytest.mark.cassette("error_unknown_model")
def test_an_unknown_model_is_a_404_that_names_what_is_served(cassette: cassette_kit.Session) -> None:
    client = KimiClient(**cassette.settings)
    with (
        pytest.warns(UserWarning, match="kimi-k0-test"),
        pytest.raises(KimiNotFoundError) as caught,
    ):
        complete(client, build_request(ChatOptions(model="kimi-k0-test"), [{"role": "user", "content": "Hello"}]))
    assert caught.value.status_code == 404
    assert "kimi-k3" in str(caught.value)


@pytest.mark.cassette("partial")
def test_continues_a_partial_message(cassette: cassette_kit.Session) -> None:
    client = KimiClient(**cassette.settings)
    messages = [
        {"role": "user", "content": "Give me the city and the year as JSON: the flood of 1953 hit Vlissingen."},
        partial_message('{"city": "'),
    ]
    reply = complete(client, build_request(ChatOptions(), messages))
    (exchange,) = cassette.exchanges
    assert exchange.sent["messages"][-1] == {"role": "assistant", "content": '{"city": "', "partial": True}
    assert reply.content == exchange.message["content"] != ""


@pytest.mark.cassette("stream_without_thinking")
def test_streams_k26_with_thinking_off(cassette: cassette_kit.Session) -> None:
    client = KimiClient(**cassette.settings)
    request = build_request(
        ChatOptions(model="kimi-k2.6", thinking="disabled"),
        [{"role": "user", "content": "Say hello in one word."}],
        stream=True,
    )
    builder = ReplyBuilder()
    pieces = [delta.content for delta in stream(client, request, builder)]
    reply = settle(builder, request)
    (exchange,) = cassette.exchanges
    *events, done = exchange.answer
    assert done == "[DONE]"
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    assert [piece for piece in pieces if piece] == [delta["content"] for delta in deltas if delta.get("content")]
    assert reply.content == "".join(pieces)
    assert not reply.reasoning
    assert reply.usage is not None
    assert reply.usage.total_tokens == events[-1]["usage"]["total_tokens"]
