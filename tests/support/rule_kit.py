"""Requests for the rules' examples, and how to send them to an emulator."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import httpx

from kimi_emulator import Emulator, Reply, ToolCall
from kimi_emulator.rules import Rule

TODAY = date(2026, 11, 22)
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
SVG = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()
USER = {"role": "user", "content": "say hi"}


def tool(name: str = "get_weather", **parameters: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}} | parameters
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def call(id: str = "get_weather_0", name: str = "get_weather", arguments: str = '{"city":"Paris"}') -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def turn_with(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(calls or [call()])} | more


def result(id: str = "get_weather_0") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": "18 C"}


def schema_format(schema: Any, **more: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema} | more}}


def part(**content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, content]}]}


def image(url: str) -> dict[str, Any]:
    return part(type="image_url", image_url={"url": url})


@dataclass
class Ask:
    """A request: fields laid over a plain chat request, or another call altogether."""

    fields: dict[str, Any] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/chat/completions"
    content: bytes | None = None
    files: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    before: list[Ask] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    script: list[Any] = field(default_factory=list)

    def send(self, client: httpx.Client) -> httpx.Response:
        if self.files is not None:
            return client.request(self.method, self.path, data=self.fields, files=self.files, headers=self.headers)
        if self.content is not None or self.method != "POST":
            return client.request(self.method, self.path, content=self.content, headers=self.headers)
        body = {"model": "kimi-k3", "messages": [USER]} | self.fields
        return client.post(self.path, json=body, headers=self.headers)


def ask(**fields: Any) -> Ask:
    return Ask(fields)


def upload(name: str = "a.txt", data: bytes = b"text", purpose: str = "file-extract", **more: Any) -> Ask:
    return Ask({"purpose": purpose}, path="/files", files={"file": (name, data)}, **more)


def on_file(path: str, before: Ask, **settings: Any) -> Ask:
    """A call about the file uploaded before; FILE stands for its id."""
    return Ask(method="GET", path=path, before=[before], settings=settings)


K26, K27 = {"model": "kimi-k2.6"}, {"model": "kimi-k2.7-code"}
OFF = {"thinking": {"type": "disabled"}}
LOOP = [USER, turn_with(reasoning_content="r"), result()]
NAMED = {"type": "function", "function": {"name": "get_weather"}}
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
TURN = [Reply(reasoning="my own thought", tool_calls=[ToolCall("get_weather", {"city": "Paris"})])]


def replay(**more: Any) -> Ask:
    first = ask(tools=[tool()])
    return Ask({"messages": [USER, turn_with(**more), result()], "tools": [tool()]}, before=[first], script=TURN)


BUILTIN = {"type": "builtin_function", "function": {"name": "$web_search"}}
SEARCH = '{"search_result": {"search_id": "e4b4"}, "usage": {"total_tokens": 12}}'


def search_turn(arguments: str = SEARCH, content: str | None = None) -> Ask:
    """A search that was given with SEARCH and comes back with these arguments and this tool message."""
    turn = turn_with(call("s", "$web_search", arguments), reasoning_content="r")
    answer = result("s") | {"content": arguments if content is None else content}
    return Ask(
        K26 | {"messages": [USER, turn, answer], "tools": [BUILTIN]},
        before=[ask(**K26, tools=[BUILTIN])],
        script=[Reply(tool_calls=[ToolCall("$web_search", SEARCH)], reasoning="r")],
    )


def fiber(name: str, arguments: Any = "{}") -> Ask:
    return Ask({"name": name, "arguments": arguments}, path="/formulas/moonshot/date:latest/fibers")


def as_ask(example: Ask | dict[str, Any]) -> Ask:
    return example if isinstance(example, Ask) else Ask(example)


def _fill_file_id(example: Ask, client: httpx.Client) -> Ask:
    """Send what comes before, and put the uploaded file's id where FILE stands."""
    for earlier in example.before:
        answer = earlier.send(client)
        assert answer.status_code == 200, answer.text
        if earlier.files is not None:
            file_id = answer.json()["id"]
            fields = json.loads(json.dumps(example.fields).replace("FILE", file_id))
            example = replace(example, path=example.path.replace("FILE", file_id), fields=fields)
    return example


@contextmanager
def sent(example: Ask | dict[str, Any], shared: Emulator) -> Iterator[tuple[httpx.Response, Emulator]]:
    """The answer to an example: of the shared emulator, or of one of its own where it wants other settings."""
    example = as_ask(example)
    with ExitStack() as stack:
        kimi = shared
        if example.settings:
            kimi = stack.enter_context(Emulator(**({"today": TODAY} | example.settings)))
        else:
            kimi.reset()
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        client = stack.enter_context(httpx.Client(base_url=kimi.base_url, headers=headers, timeout=20))
        kimi.script(*example.script)
        yield _fill_file_id(example, client).send(client), kimi


def assert_accepted(rule: Rule, example: Ask | dict[str, Any], shared: Emulator) -> None:
    with sent(example, shared) as (answer, kimi):
        assert answer.status_code == 200, answer.text
        assert rule.id not in {report.rule for report in kimi.report}


def assert_refused(
    rule: Rule, example: Ask | dict[str, Any], pattern: str, expected: tuple[int, str], shared: Emulator
) -> None:
    """Refused (or reported) by this very rule, not by one that happens to say something alike."""
    with sent(example, shared) as (answer, kimi):
        if not rule.refuses:
            assert answer.status_code == 200, answer.text
            [report] = [report for report in kimi.report if report.rule == rule.id]
            assert re.search(pattern, report.message), report.message
            assert kimi.requests[report.request].path == "/v1/chat/completions"
            return
        error = answer.json()["error"]
        assert set(answer.json()) == {"error"}
        assert set(error) == {"message", "type"}
        assert (answer.status_code, error["type"]) == expected
        assert re.search(pattern, error["message"]), error["message"]
        assert [refusal.rule for refusal in kimi.refusals] == [rule.id]
