"""A real model behind the rules: what goes to its server, and what becomes of its answers, over all four paths."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from rule_kit import OBJECT, USER, call, result, schema_format, tool, turn_with
from scripted_openai import ScriptedOpenAI

from kimi_emulator import Emulator, Failure, Reply, model_server
from kimi_emulator.model_server import ThinkTags

TOOL = tool()


@contextmanager
def serving(*answers: Any, **settings: Any) -> Iterator[tuple[ScriptedOpenAI, Emulator, httpx.Client]]:
    with (
        ScriptedOpenAI(*answers) as server,
        Emulator(model_server=server.url, **settings) as kimi,
        httpx.Client(
            base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}, timeout=20, trust_env=False
        ) as client,
    ):
        yield server, kimi, client


def ask(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post("/chat/completions", json={"model": "kimi-k3", "messages": [USER]} | fields)


def message_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]


def chunks_of(text: str) -> list[dict[str, Any]]:
    lines = [line[5:] for line in text.splitlines() if line.startswith("data:") and "[DONE]" not in line]
    return [json.loads(line) for line in lines]


def join_texts(chunks: list[dict[str, Any]]) -> dict[str, str]:
    texts = {"content": "", "reasoning_content": ""}
    for chunk in chunks:
        for name in texts:
            texts[name] += chunk["choices"][0]["delta"].get(name) or ""
    return texts


# ------------------------------------------------------------------------------------------------- plain


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hello!", "reasoning_content": "A greeting."},
        {"content": "Hello!", "reasoning": "A greeting."},
        {"content": "<think>\nA greeting.\n</think>\n\nHello!"},
    ],
)
def test_an_answer_comes_in_kimis_shape_wherever_the_thinking_stood(message: dict[str, Any]) -> None:
    with serving(dict(message, role="assistant")) as (_, kimi, client):
        answer = ask(client)
        assert message_of(answer) == {"role": "assistant", "content": "Hello!", "reasoning_content": "A greeting."}
        usage = answer.json()["usage"]
        assert usage["prompt_tokens"] == 87  # our count, not the server's
        assert answer.json()["model"] == "kimi-k3"
        assert kimi.replies == [message_of(answer)]


def test_what_only_kimi_knows_is_taken_out() -> None:
    dynamic = {"role": "system", "tools": [tool("get_time")]}
    history = [dynamic, USER, turn_with(reasoning_content="r"), result(), USER | {"name": "Ada"}]
    partial = {"role": "assistant", "content": "It is", "partial": True}
    with serving({"content": " warm."}) as (server, _, client):
        answer = ask(
            client,
            messages=[*history, partial],
            tools=[TOOL, {"type": "builtin_function", "function": {"name": "$web_search"}}],
            prompt_cache_key="a",
            reasoning_effort="low",
            thinking={"effort": "low"},
            temperature=1,
            max_completion_tokens=50,
            stop=["END"],
        )
        assert message_of(answer)["content"] == " warm."
        [body] = server.bodies
        assert body == {
            "model": "local-model",
            "messages": [
                USER,
                {"role": "assistant", "content": "", "tool_calls": [call()]},
                result(),
                USER | {"name": "Ada"},
                {"role": "assistant", "content": "It is"},
            ],
            "tools": [TOOL, tool("get_time")],
            "max_tokens": 50,
            "stop": ["END"],
        }


def test_rules_come_first_and_scripts_before_the_model() -> None:
    with serving() as (server, kimi, client):
        assert ask(client, temperature=0.2).status_code == 400
        kimi.script(Reply("scripted"), Reply("streamed"), Failure(503))
        assert message_of(ask(client))["content"] == "scripted"
        assert join_texts(chunks_of(ask(client, stream=True).text)[:-1])["content"] == "streamed"
        assert ask(client).status_code == 503
        assert server.bodies == []


def test_model_and_key_are_those_given() -> None:
    settings = {"model_server_model": "qwen3:8b", "model_server_key": "sk-test-local"}
    with serving({"content": "a"}, **settings) as (server, _, client):
        ask(client)
        assert server.bodies[0]["model"] == "qwen3:8b"
        assert server.headers[0]["Authorization"] == "Bearer sk-test-local"


# ------------------------------------------------------------------------------------------------- streamed


@pytest.mark.parametrize(
    "deltas",
    [
        [{"reasoning_content": "Think "}, {"reasoning_content": "twice."}, {"content": "Hel"}, {"content": "lo"}],
        [{"reasoning": "Think twice."}, {"content": "Hello"}],
        [{"content": "<th"}, {"content": "ink>Think tw"}, {"content": "ice.</thi"}, {"content": "nk>\n\nHello"}],
    ],
)
def test_a_stream_comes_in_kimis_shape(deltas: list[dict[str, Any]]) -> None:
    with serving(deltas) as (server, kimi, client):
        answer = ask(client, stream=True, stream_options={"include_usage": True})
        *chunks, last = chunks_of(answer.text)
        assert answer.text.endswith("data: [DONE]\n\n")
        assert join_texts(chunks) == {"content": "Hello", "reasoning_content": "Think twice."}
        assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        assert last["usage"] == chunks[-1]["choices"][0]["usage"]
        assert last["usage"]["prompt_tokens"] == 87
        assert len({(chunk["id"], chunk["created"]) for chunk in [*chunks, last]}) == 1
        assert server.bodies[0]["stream"] is True
        assert kimi.replies[0]["content"] == "Hello"


def test_the_pieces_go_out_as_they_come() -> None:
    with serving([{"content": "first "}, 10, {"content": "second"}]) as (server, _, client):
        body = {"model": "kimi-k3", "messages": [USER], "stream": True}
        with client.stream("POST", "/chat/completions", json=body) as response:
            lines = response.iter_lines()
            assert any("first" in line for line in lines)
            assert not server.go_on.is_set()  # the server has not said the second piece yet
            server.go_on.set()
            assert any("second" in line for line in lines)


def test_a_stream_of_calls_and_their_next_turn() -> None:
    deltas = [
        {"tool_calls": [{"index": 0, "id": "x9", "function": {"name": "get_weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]},
        {"tool_calls": [{"index": 1, "id": "x10", "function": {"name": "get_weather", "arguments": "{}"}}]},
    ]
    with serving(deltas, {"content": "18 C"}) as (_, kimi, client):
        chunks = chunks_of(ask(client, stream=True, tools=[TOOL]).text)
        pieces = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
        assert [piece["id"] for piece in pieces if "id" in piece] == ["get_weather_0", "get_weather_1"]
        assert "".join(piece["function"]["arguments"] for piece in pieces if piece["index"] == 0) == '{"city":"Paris"}'
        assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
        [turn] = kimi.replies
        assert [each["id"] for each in turn["tool_calls"]] == ["get_weather_0", "get_weather_1"]
        results = [result("get_weather_0"), result("get_weather_1")]
        assert message_of(ask(client, messages=[USER, turn, *results]))["content"] == "18 C"
        assert kimi.report == []  # the thinking that went out is the one that came back


# ------------------------------------------------------------------------------------------------- tools, structured


CALLING = {
    "content": None,
    "tool_calls": [{"id": "x9", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "P"}'}}],
}


@pytest.mark.parametrize("stream", [False, True])
def test_a_demanded_call_is_asked_for_twice(stream: bool) -> None:
    with serving({"content": "no"}, dict(CALLING)) as (server, kimi, client):
        answer = ask(client, tools=[TOOL], tool_choice="required", stream=stream)
        assert answer.status_code == 200
        assert kimi.replies[0]["tool_calls"][0]["id"] == "get_weather_0"
        assert [body["tool_choice"] for body in server.bodies] == ["required", "required"]
        assert server.bodies[1]["messages"][-1] == {"role": "system", "content": "Call one of the tools now."}
    with serving({"content": "no"}, {"content": "never"}) as (_, _, client):
        answer = ask(client, tools=[TOOL], tool_choice="required", stream=stream)
        assert answer.status_code == 502
        assert "called no tool, though tool_choice demands it" in answer.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_none_means_no_call(stream: bool) -> None:
    with serving({**CALLING, "content": "no call"}) as (server, kimi, client):
        assert ask(client, tools=[TOOL], tool_choice="none", stream=stream).status_code == 200
        assert "tools" not in server.bodies[0]
        assert "tool_calls" not in kimi.replies[0]


def test_a_named_choice_keeps_its_call_only() -> None:
    other = {"id": "b", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    answer = {"content": "", "tool_calls": [other, *CALLING["tool_calls"]]}
    with serving(answer) as (server, kimi, client):
        choice = {"type": "function", "function": {"name": "get_weather"}}
        off = {"model": "kimi-k2.6", "thinking": {"type": "disabled"}}
        ask(client, **off, tools=[TOOL, tool("get_time")], tool_choice=choice)
        assert server.bodies[0]["tool_choice"] == choice
        assert [each["function"]["name"] for each in kimi.replies[0]["tool_calls"]] == ["get_weather"]
        assert kimi.replies[0]["reasoning_content"] == ""


@pytest.mark.parametrize("stream", [False, True])
def test_a_format_is_passed_on(stream: bool) -> None:
    fields = schema_format(OBJECT)
    with serving([{"content": '{"a": "b"}'}] if stream else {"content": '{"a": "b"}'}) as (server, kimi, client):
        ask(client, stream=stream, **fields)
        assert server.bodies[0]["response_format"] == fields["response_format"]
        assert json.loads(kimi.replies[0]["content"]) == {"a": "b"}


# ------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("answer", [(500, "out of memory"), (404, "no such model"), (200, "<html>not json</html>")])
def test_the_servers_errors_are_told_plainly(answer: tuple[int, str], stream: bool) -> None:
    with serving(answer) as (server, kimi, client):
        refusal = ask(client, stream=stream)
        if answer[0] == 200 and stream:
            message = "its stream ended without an end"
        else:
            message = f"the model server {server.url} answered {answer[0]}: {answer[1]}"
        assert refusal.status_code == 502
        assert message in refusal.json()["error"]["message"]
        assert refusal.json()["error"]["type"] == "model_server_error"
        assert kimi.replies == []


def test_a_stream_that_breaks_off_ends_with_the_reason() -> None:
    with serving([{"content": "half"}, None]) as (_, kimi, client):
        text = ask(client, stream=True).text
        assert "half" in text
        assert chunks_of(text)[-1]["error"]["type"] == "model_server_error"
        assert "[DONE]" not in text
        assert kimi.replies == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_is_not_there(stream: bool) -> None:
    with Emulator(model_server="http://127.0.0.1:9/v1") as kimi:
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        with httpx.Client(base_url=kimi.base_url, headers=headers, trust_env=False) as client:
            answer = ask(client, stream=stream)
        assert answer.status_code == 502
        assert "http://127.0.0.1:9/v1 cannot be reached" in answer.json()["error"]["message"]


def test_a_server_without_a_model() -> None:
    with ScriptedOpenAI(models=()) as server, Emulator(model_server=server.url) as kimi:
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        with httpx.Client(base_url=kimi.base_url, headers=headers, trust_env=False) as client:
            assert "lists no model: name one" in ask(client).json()["error"]["message"]


def test_the_program_says_whose_answers_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SERVER_KEY", "sk-test-local")
    with ScriptedOpenAI({"content": "from the model"}) as server:
        command = [sys.executable, "-m", "kimi_emulator", "--port", "0", "--model-server", server.url, "--model", "m"]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert program.stdout is not None
            assert f"answers are made by the model at {server.url}." in program.stdout.readline()
            address, key = (program.stdout.readline().split()[1] for _ in range(2))
            answer = httpx.post(
                f"{address}/chat/completions",
                json={"model": "kimi-k3", "messages": [USER]},
                headers={"Authorization": f"Bearer {key}"},
                trust_env=False,
            )
            assert message_of(answer)["content"] == "from the model"
            assert server.bodies[0]["model"] == "m"
            assert server.headers[0]["Authorization"] == "Bearer sk-test-local"
        finally:
            program.terminate()
            program.wait(10)
            program.stdout.close()


def test_the_demos_speak_with_a_model_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from examples.connection import connection
    from langchain_kimi import ChatKimi

    with ScriptedOpenAI([{"content": "from the model"}]) as server:
        monkeypatch.setenv("MODEL_SERVER", server.url)
        with connection() as settings:
            assert ChatKimi(**settings).invoke("hi").text == "from the model"
        assert f"its answers are those of the model at {server.url}" in " ".join(capsys.readouterr().out.split())


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"model_server is an address such as http.*, not 'localhost:11434'"):
        Emulator(model_server="localhost:11434")

    class Own:
        def answer(self, request: Any, context: Any) -> Reply:
            return Reply("a")

    with pytest.raises(ValueError, match="exclude each other"):
        Emulator(model_server="http://127.0.0.1:9/v1", brain=Own())


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize(
    ("text", "thought", "content"),
    [
        ("<think>a </thin b</think>\n\nc", "a </thin b", "c"),
        ("\n<think>\na", "a", ""),
        ("a <think>b</think>", "", "a <think>b</think>"),
        ("<thin air", "", "<thin air"),
        ("<th", "", "<th"),
    ],
)
def test_tags_are_found_in_pieces_of_any_size(text: str, thought: str, content: str, size: int) -> None:
    tags = ThinkTags()
    deltas = [d for at in range(0, len(text), size) for d in tags.feed(text[at : at + size])] + list(tags.rest())
    assert "".join(d.get("reasoning_content", "") for d in deltas) == thought
    assert "".join(d.get("content", "") for d in deltas) == content


@pytest.mark.parametrize("streamed", [False, True])
def test_a_server_that_says_nothing_is_told_with_504(streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_server, "_SECONDS", 0.2)
    with serving([20]) as (server, kimi, client):
        answer = ask(client, stream=streamed)
        server.go_on.set()
        assert answer.status_code == 504
        assert answer.json()["error"] == {
            "type": "model_server_error",
            "message": f"the model server {server.url} did not answer in 0.2 s",
        }
        assert kimi.replies == []


def test_a_server_that_falls_silent_in_a_stream_is_told_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_server, "_SECONDS", 0.2)
    with serving([{"content": "At "}, 20]) as (server, kimi, client):
        answer = ask(client, stream=True)
        server.go_on.set()
        *chunks, last = chunks_of(answer.text)
        assert join_texts(chunks)["content"] == "At "
        assert last["error"]["message"] == f"the model server {server.url} did not answer in 0.2 s"
        assert "[DONE]" not in answer.text
        assert kimi.replies == []
