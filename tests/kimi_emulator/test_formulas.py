"""Official tools, as a client sees them on the wire."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from kimi_emulator import Emulator

Chat = Callable[..., httpx.Response]
RECORDED = {"moonshot/date", "moonshot/base64", "moonshot/convert", "moonshot/random-choice", "moonshot/web-search"}


def run(client: httpx.Client, formula: str, name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    answer = client.post(f"/formulas/moonshot/{formula}:latest/fibers", json={"name": name, "arguments": text})
    assert answer.status_code == 200, answer.text
    return answer.json()


def output(client: httpx.Client, formula: str, name: str, arguments: Any) -> str:
    fiber = run(client, formula, name, arguments)
    assert fiber["status"] == "succeeded"
    assert set(fiber["context"]) == {"input", "output"}
    return fiber["context"]["output"]


# ---------------------------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize("formula", sorted(RECORDED))
def test_each_formula_lists_tools_that_a_chat_takes(client: httpx.Client, chat: Chat, kimi: Emulator, formula: str):
    tools = client.get(f"/formulas/{formula}:latest/tools").json()
    assert tools["object"] == "list"
    assert tools["tools"]
    answer = chat(tools=tools["tools"])
    assert answer.status_code == 200, answer.text
    assert kimi.report == []


def test_the_search_tool_is_declared_as_documented(client: httpx.Client):
    assert client.get("/formulas/moonshot/web-search:latest/tools").json()["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "web_search",
                "description": "Search the web for information",
                "parameters": {
                    "type": "object",
                    "properties": {"query": {"description": "What to search for", "type": "string"}},
                    "required": ["query"],
                },
            },
        }
    ]


def test_a_uri_may_be_percent_encoded(client: httpx.Client):
    uri = quote("moonshot/date:latest", safe="")
    assert client.get(f"/formulas/{uri}/tools").json()["tools"][0]["function"]["name"] == "date"


def test_a_fiber_has_the_documented_shape(client: httpx.Client):
    arguments = '{"query": "What is the RGB value of sky blue?" }'
    fiber = run(client, "web-search", "web_search", arguments)
    assert list(fiber) == [
        *("id", "object", "created_at", "lambda_id", "status", "context", "formula", "organization_id", "project_id"),
    ]
    assert re.fullmatch(r"fiber-[a-z0-9]{20}", fiber["id"])
    assert re.fullmatch(r"lambda-[a-z0-9]{20}", fiber["lambda_id"])
    assert re.fullmatch(r"proj-[0-9a-f]{32}", fiber["project_id"])
    assert fiber["object"] == "fiber"
    assert isinstance(fiber["created_at"], int)
    assert fiber["status"] == "succeeded"
    assert fiber["formula"] == "moonshot/web-search:latest"
    assert list(fiber["context"]) == ["input", "encrypted_output"]
    assert json.loads(fiber["context"]["input"]) == {"name": "web_search", "arguments": arguments}


def test_date_follows_the_clock_and_the_emulators_own_day(client: httpx.Client):
    now = json.loads(output(client, "date", "date", {}))
    assert now["timezone"] == "UTC"
    moment = datetime.fromisoformat(f"{now['date']}T{now['time']}+00:00")
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 120
    with Emulator(today=date(2027, 2, 27)) as kimi, httpx.Client(base_url=kimi.base_url) as own:
        own.headers["Authorization"] = f"Bearer {kimi.api_key}"
        assert json.loads(output(own, "date", "date", {"days": 2}))["date"] == "2027-03-01"
        assert json.loads(output(own, "date", "date", {}))["weekday"] == "Saturday"


@pytest.mark.parametrize("text", ["a", "Zürich 北京 🐈", "{}\n\t"])
def test_base64_both_ways(client: httpx.Client, text: str):
    encoded = output(client, "base64", "base64_encode", {"text": text})
    assert encoded == base64.b64encode(text.encode()).decode()
    assert output(client, "base64", "base64_decode", {"encoded": encoded}) == text


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (10, "km", "miles", 6.213711922),
        (1, "hour", "s", 3600),
        (2.5, "kg", "lb", 5.511556555),
        (100, "°C", "fahrenheit", 212),
        (0, "K", "Celsius", -273.15),
        (-40, "F", "C", -40),
        (36, "km/h", "m/s", 10),
        (1, "ha", "m²", 10000),
        (12, "inches", "feet", 1),
    ],
)
def test_convert(client: httpx.Client, value: float, source: str, target: str, expected: float):
    text = output(client, "convert", "convert", {"value": value, "from_unit": source, "to_unit": target})
    assert float(text.split(" = ")[1].split()[0]) == pytest.approx(expected)
    assert text.endswith(target)


def test_random_choice_takes_different_members(client: httpx.Client):
    members = ["北", "b", "c", "d"]
    assert sorted(
        json.loads(output(client, "random-choice", "random_choice", {"candidates": members, "count": 4}))
    ) == (sorted(members))
    singles = {output(client, "random-choice", "random_choice", {"candidates": members}) for _ in range(60)}
    assert {json.loads(single)[0] for single in singles} == set(members)


@pytest.mark.parametrize(
    ("formula", "name", "arguments", "reason"),
    [
        ("date", "date", {"timezone": "Mars/Base"}, "unknown timezone 'Mars/Base'"),
        ("date", "date", {"timezone": 7}, "unknown timezone 7"),
        ("date", "date", {"days": 10**9}, "no date is 1000000000 days away"),
        ("base64", "base64_decode", {"encoded": "%%%"}, "not the base64 of a text: '%%%'"),
        ("base64", "base64_decode", {"encoded": "//79"}, "not the base64 of a text: '//79'"),
        ("base64", "base64_encode", {}, "text is required and must be a text"),
        (
            "convert",
            "convert",
            {"value": 1, "from_unit": "km", "to_unit": "kg"},
            "cannot convert length (km) to mass (kg)",
        ),
        (
            "convert",
            "convert",
            {"value": 1, "from_unit": "km", "to_unit": "C"},
            "cannot convert length (km) to temperature (c)",
        ),
        (
            "convert",
            "convert",
            {"value": 10**400, "from_unit": "km", "to_unit": "m"},
            "int too large to convert to float",
        ),
        ("convert", "convert", {"value": 1, "from_unit": "ell", "to_unit": "m"}, "unknown unit 'ell'"),
        (
            "convert",
            "convert",
            {"value": "1", "from_unit": "m", "to_unit": "m"},
            "value is required and must be a number",
        ),
        (
            "random-choice",
            "random_choice",
            {"candidates": []},
            "candidates is required and must be a list with members",
        ),
        ("random-choice", "random_choice", {"candidates": ["a"], "count": 2}, "count must be between 1 and 1"),
        ("web-search", "web_search", {"query": ""}, "query is required and must be a text"),
        ("web-search", "web_search", "[1]", "the arguments are not a JSON object"),
    ],
)
def test_a_function_that_fails_is_a_failed_fiber(
    client: httpx.Client, formula: str, name: str, arguments: Any, reason: str
):
    fiber = run(client, formula, name, arguments)
    assert fiber["status"] == "failed"
    assert set(fiber["context"]) == {"input", "error"}
    assert fiber["context"]["error"] == reason


@pytest.mark.parametrize("name", [None, "", "nope", 3, [], {}])
def test_a_name_of_any_type_is_refused(client: httpx.Client, name: Any):
    answer = client.post("/formulas/moonshot/date:latest/fibers", json={"name": name, "arguments": "{}"})
    assert answer.status_code == 400
    assert "is not found in formula moonshot/date:latest" in answer.json()["error"]["message"]


@pytest.mark.parametrize("arguments", ['{"days": ', "", "[" * 100_000])
def test_arguments_that_are_not_json_fail_in_the_fiber(client: httpx.Client, arguments: str):
    fiber = run(client, "date", "date", arguments)
    assert fiber["status"] == "failed"
    assert fiber["context"]["error"].startswith("the arguments are not JSON: ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "fibers", 405), ("POST", "tools", 405), ("DELETE", "tools", 405), ("GET", "other", 404)],
)
def test_other_calls_on_formulas_do_not_exist(
    client: httpx.Client, kimi: Emulator, method: str, path: str, status: int
):
    assert client.request(method, f"/formulas/moonshot/date:latest/{path}", json={}).status_code == status
    assert [refusal.rule for refusal in kimi.refusals] == ["endpoint.unknown" if status == 404 else "endpoint.method"]


def test_formulas_need_the_key(kimi: Emulator):
    assert httpx.get(f"{kimi.base_url}/formulas/moonshot/date:latest/tools").status_code == 401
