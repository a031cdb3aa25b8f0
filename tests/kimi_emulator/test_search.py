"""The emulator's web: its pages, sealed text, and the two ways of searching as a client sees them on the wire."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from kimi_emulator import Emulator, Reply, ToolCall
from kimi_emulator.platform.search import look_up, seal
from kimi_emulator.platform.search.index import pages
from kimi_emulator.platform.search.sealed import BEGIN, END, unseal

Chat = Callable[..., httpx.Response]
BUILTIN = {"type": "builtin_function", "function": {"name": "$web_search"}}
SKY = "What is the RGB value of sky blue?"
BOTH = 'Search the web for "Lake Velda ferry" and "Tamsil marathon".'


# ---------------------------------------------------------------------------------------------------- pages and frames


def test_every_page_is_whole_and_found_by_its_title():
    assert len(pages()) == 14
    for page in pages():
        assert page.title
        assert re.fullmatch(r"https://[a-z]+\.example/[a-z0-9-]+", page.url)
        assert date.fromisoformat(page.date)
        assert page.text.endswith(".")
        assert look_up(page.title)[0] == page
    source = Path(look_up.__code__.co_filename).with_name("pages.md").read_text("utf-8")
    assert source.count("\n# ") == len(pages())


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("RGB value of sky blue", "https://colours.example/sky-blue"),
        ("when was Quillon released", "https://code.example/quillon-3-2"),
        ("price of a bed on the night train to Valmere", "https://rail.example/orrinsund-night-train"),
        ("who built the lighthouse", "https://coast.example/orrinsund-lighthouse"),
        ("what does the harbour tunnel cost", "https://coast.example/harbour-tunnel"),
    ],
)
def test_a_search_finds_the_page_that_tells(query: str, url: str):
    assert look_up(query)[0].url == url


def test_a_search_may_find_nothing():
    assert look_up("zymurgy") == []
    assert look_up("") == []


@pytest.mark.parametrize("text", ["", "plain", "北京 🐈\n" * 500])
def test_a_sealed_text_opens_and_does_not_show(text: str):
    sealed = seal(text)
    assert sealed.startswith(BEGIN)
    assert sealed.endswith(END)
    assert seal(text) == sealed
    assert unseal(f"so: {sealed}, and {sealed}") == f"so: {text}, and {text}"
    body = sealed[len(BEGIN) : -len(END)]
    assert text[:20].encode() not in base64.b64decode(body) or not text


@pytest.mark.parametrize("spoil", [lambda s: s[:-5], lambda s: s[5:], lambda s: s.replace("-", "", 1)])
def test_a_frame_that_was_cut_does_not_open(spoil: Callable[[str], str]):
    sealed = spoil(seal("text"))
    with pytest.raises(ValueError, match="frame"):
        unseal(sealed)


def test_no_changed_byte_goes_unnoticed():
    sealed = seal("The ferry crosses every 25 minutes.")
    for place in range(len(BEGIN), len(sealed) - len(END)):
        other = "A" if sealed[place] != "A" else "B"
        changed = sealed[:place] + other + sealed[place + 1 :]
        try:
            opened = unseal(changed)
        except ValueError:
            continue
        # The last characters of base64 may carry bits that no byte uses.
        assert opened == "The ferry crosses every 25 minutes."
        assert place >= len(sealed) - len(END) - 4


def test_the_model_reads_sealed_text_and_pays_for_it(client: httpx.Client, chat: Chat, kimi: Emulator):
    tools = client.get("/formulas/moonshot/web-search:latest/tools").json()["tools"]
    messages: list[Any] = [{"role": "user", "content": SKY}]
    first = chat(messages, tools=tools).json()
    message = first["choices"][0]["message"]
    [call] = message["tool_calls"]
    assert call["type"] == "function"
    fiber = client.post("/formulas/moonshot/web-search:latest/fibers", json=call["function"]).json()
    sealed = fiber["context"]["encrypted_output"]
    messages += [message, {"role": "tool", "tool_call_id": call["id"], "content": sealed}]
    second = chat(messages, tools=tools).json()
    assert "135, 206, 235" in second["choices"][0]["message"]["content"]
    assert kimi.report == []
    # Counted as the text that the model reads, not as the frame.
    plain = chat([*messages[:2], messages[2] | {"content": unseal(sealed)}], tools=tools).json()
    assert second["usage"]["prompt_tokens"] == plain["usage"]["prompt_tokens"]
    estimate = client.post(
        "/tokenizers/estimate-token-count", json={"model": "kimi-k3", "messages": messages, "tools": tools}
    ).json()
    assert estimate["data"]["total_tokens"] == second["usage"]["prompt_tokens"]


def test_a_changed_frame_is_reported_and_the_answer_made_up(chat: Chat, kimi: Emulator):
    call = {"id": "c", "type": "function", "function": {"name": "web_search", "arguments": "{}"}}
    turn = {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": [call]}
    content = seal("The ferry crosses every 25 minutes.").replace("BEGIN----", "BEGIN----AAAA")
    answer = chat(
        [{"role": "user", "content": "How often?"}, turn, {"role": "tool", "tool_call_id": "c", "content": content}]
    )
    assert [report.rule for report in kimi.report] == ["search.sealed"]
    assert "25" not in answer.json()["choices"][0]["message"]["content"]


# ---------------------------------------------------------------------------------------------------- $web_search


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.text.split("\n"):
        if line.startswith("data: {"):
            yield json.loads(line[6:])


def assemble(answer: httpx.Response) -> dict[str, Any]:
    """The message of an answer, streamed or not."""
    if "event-stream" not in answer.headers["content-type"]:
        return answer.json()["choices"][0]["message"]
    message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_content": ""}
    calls: dict[int, dict[str, Any]] = {}
    for event in events(answer):
        for choice in event["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            message["reasoning_content"] += delta.get("reasoning_content") or ""
            for piece in delta.get("tool_calls") or ():
                call = calls.setdefault(piece["index"], piece | {"function": {"name": "", "arguments": ""}})
                for name, text in piece["function"].items():
                    call["function"][name] += text
    if calls:
        message["tool_calls"] = list(calls.values())
    return message


def echo(call: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    text = call["function"]["arguments"] if content is None else content
    return {"role": "tool", "tool_call_id": call["id"], "name": "$web_search", "content": text}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
def test_two_searches_in_one_turn(chat: Chat, kimi: Emulator, stream: bool, thinking: str):
    fields = {"model": "kimi-k2.6", "tools": [BUILTIN], "stream": stream, "thinking": {"type": thinking}}
    messages: list[Any] = [{"role": "user", "content": BOTH}]
    message = assemble(chat(messages, **fields))
    calls = message["tool_calls"]
    assert len(calls) == 2
    for call in calls:
        assert call["type"] == "builtin_function"
        assert call["function"]["name"] == "$web_search"
        assert re.fullmatch(r"t-web_search-[0-9a-f]{12}", call["id"])
        arguments = json.loads(call["function"]["arguments"])
        assert list(arguments) == ["search_result", "usage"]
        assert list(arguments["search_result"]) == ["search_id"]
        assert re.fullmatch(r"[0-9a-f]{32}", arguments["search_result"]["search_id"])
        assert list(arguments["usage"]) == ["total_tokens"]
        assert arguments["usage"]["total_tokens"] > 20
        assert " " not in call["function"]["arguments"]
    assert calls[0]["function"]["arguments"] != calls[1]["function"]["arguments"]
    answer = chat([*messages, message, *map(echo, calls)], **fields)
    final = assemble(answer)
    assert not final.get("tool_calls")
    assert "25 minutes" in final["content"]
    assert "Jonna Pihl" in final["content"]
    assert bool(final["reasoning_content"]) == (thinking == "enabled")
    assert kimi.report == []


def test_the_text_of_a_search_counts_as_prompt_tokens(chat: Chat):
    fields = {"model": "kimi-k2.6", "tools": [BUILTIN]}
    messages: list[Any] = [{"role": "user", "content": SKY}]
    message = chat(messages, **fields).json()["choices"][0]["message"]
    [call] = message["tool_calls"]
    size = json.loads(call["function"]["arguments"])["usage"]["total_tokens"]
    whole = chat([*messages, message, echo(call)], **fields).json()["usage"]["prompt_tokens"]
    bare = chat([*messages, message, echo(call, "")], **fields).json()["usage"]["prompt_tokens"]
    made_up = chat([*messages, message, echo(call, "other")], **fields).json()["usage"]["prompt_tokens"]
    assert bare == made_up
    assert size - 30 < whole - bare < size  # in place of the few tokens of what the model makes up


@pytest.mark.parametrize(
    "content",
    ["Sky blue is 1, 2, 3.", "", '{"search_result": {"search_id": "ID"}, "usage": {"total_tokens": TOKENS}}'],
    ids=["a result of its own", "nothing", "other spaces"],
)
def test_anything_but_the_echo_makes_the_model_invent(chat: Chat, kimi: Emulator, content: str):
    fields = {"model": "kimi-k2.6", "tools": [BUILTIN]}
    messages: list[Any] = [{"role": "user", "content": SKY}]
    message = chat(messages, **fields).json()["choices"][0]["message"]
    [call] = message["tool_calls"]
    arguments = json.loads(call["function"]["arguments"])
    content = content.replace("ID", arguments["search_result"]["search_id"])
    content = content.replace("TOKENS", str(arguments["usage"]["total_tokens"]))
    answer = chat([*messages, message, echo(call, content)], **fields)
    assert answer.status_code == 200
    assert [report.rule for report in kimi.report] == ["search.echo"]
    text = answer.json()["choices"][0]["message"]["content"]
    assert "135, 206, 235" not in text
    assert "1, 2, 3" not in text


def test_an_id_that_was_never_given_finds_nothing(chat: Chat, kimi: Emulator):
    call = {
        "id": "t-web_search-1",
        "type": "builtin_function",
        "function": {"name": "$web_search", "arguments": '{"search_result":{"search_id":"0"}}'},
    }
    turn = {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": [call]}
    answer = chat([{"role": "user", "content": SKY}, turn, echo(call)], model="kimi-k2.6", tools=[BUILTIN])
    assert [report.rule for report in kimi.report] == ["search.altered_call"]
    assert "135" not in answer.json()["choices"][0]["message"]["content"]


def test_a_scripted_search_keeps_its_text_and_works(chat: Chat, kimi: Emulator):
    text = '{ "search_result":{"search_id":"e4b4"} ,"usage":{"total_tokens":7946.0}}'
    kimi.script(Reply(tool_calls=[ToolCall("$web_search", text)]))
    fields = {"model": "kimi-k2.6", "tools": [BUILTIN]}
    messages: list[Any] = [{"role": "user", "content": SKY}]
    message = chat(messages, **fields).json()["choices"][0]["message"]
    [call] = message["tool_calls"]
    assert call["function"]["arguments"] == text
    content = chat([*messages, message, echo(call)], **fields).json()["choices"][0]["message"]["content"]
    assert "135, 206, 235" in content
    assert kimi.report == []


def test_a_scripted_query_is_searched_for(chat: Chat, kimi: Emulator):
    kimi.script(Reply(tool_calls=[ToolCall("$web_search", {"query": "Helion-4"})]))
    fields = {"model": "kimi-k2.6", "tools": [BUILTIN]}
    messages: list[Any] = [{"role": "user", "content": "Anything new about kites?"}]
    message = chat(messages, **fields).json()["choices"][0]["message"]
    final = chat([*messages, message, echo(message["tool_calls"][0])], **fields).json()["choices"][0]["message"]
    assert "71 days" in final["content"]


def test_a_function_of_ones_own_is_left_alone(chat: Chat, kimi: Emulator):
    own = {"name": "web_search", "parameters": {"type": "object", "properties": {"query": {"type": "string"}}}}
    kimi.script(Reply(tool_calls=[ToolCall("web_search", {"query": "Helion-4"})]))
    message = chat(SKY, tools=[{"type": "function", "function": own}]).json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["arguments"] == '{"query":"Helion-4"}'


def test_reset_forgets_searches(chat: Chat, kimi: Emulator):
    fields = {"model": "kimi-k2.6", "tools": [BUILTIN]}
    messages: list[Any] = [{"role": "user", "content": SKY}]
    message = chat(messages, **fields).json()["choices"][0]["message"]
    kimi.reset()
    chat([*messages, message, echo(message["tool_calls"][0])], **fields)
    assert [report.rule for report in kimi.report] == ["search.altered_call"]


def test_a_search_beside_a_function_of_ones_own(chat: Chat, kimi: Emulator):
    weather = {
        "name": "get_weather",
        "description": "Current weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    fields = {"model": "kimi-k2.6", "tools": [{"type": "function", "function": weather}, BUILTIN]}
    kimi.script(
        Reply(
            tool_calls=[
                ToolCall("$web_search", {"query": "Tamsil marathon"}),
                ToolCall("get_weather", {"city": "Tamsil"}),
            ]
        )
    )
    messages: list[Any] = [{"role": "user", "content": "Who won the Tamsil marathon, and what is the weather there?"}]
    message = chat(messages, **fields).json()["choices"][0]["message"]
    search, own = message["tool_calls"]
    assert (search["type"], own["type"]) == ("builtin_function", "function")
    results = [{"role": "tool", "tool_call_id": own["id"], "content": "Tamsil: 9 degrees"}, echo(search)]
    content = chat([*messages, message, *results], **fields).json()["choices"][0]["message"]["content"]
    assert "Jonna Pihl" in content
    assert "9 degrees" in content
    assert kimi.report == []
