"""Official tools: listed once, run with the model's own text, read whatever the platform says; and search echoes."""

from __future__ import annotations

import gc
import json
import pickle
import weakref
from typing import Any

import pytest

import kimi_api
from kimi_api import KimiClient, KimiFormulaError, KimiInputError, KimiReplyError, KimiWarning, errors, formulas
from kimi_api._arguments import verbatim
from kimi_api.catalog import get_model_spec
from kimi_api.messages import CANCELLED, prepare_messages
from kimi_emulator import Emulator
from kimi_emulator.platform.search.sealed import unseal

RawServer = Ways = Any  # the fixtures `raw` and `ways` of conftest.py
FIBER = {"id": "fiber-1", "object": "fiber", "status": "succeeded", "context": {"input": "{}", "output": "7"}}


def list_tools(ways: Ways, client: KimiClient, formula: str, **more: Any) -> list[dict[str, Any]]:
    return ways.call(formulas.list_tools, formulas.alist_tools, client, formula, **more)


def run(ways: Ways, client: KimiClient, formula: str, name: str, arguments: Any) -> formulas.Fiber:
    return ways.call(formulas.run_fiber, formulas.arun_fiber, client, formula, name, arguments)


# ---------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("web-search", "moonshot/web-search:latest"),
        ("moonshot/date:latest", "moonshot/date:latest"),
        ("moonshot/date", "moonshot/date"),
        ("my_team/tool.v2:1.0", "my_team/tool.v2:1.0"),
    ],
)
def test_names_of_formulas(name: str, uri: str) -> None:
    assert formulas.formula_uri(name) == uri


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b/c", "../files", "a/..", "a/b?x=1", "a/b#c", "a/b:latest/tools", "a/b\n", 7, None, ["date"]]
)
def test_what_is_no_name_is_refused_before_sending(ways: Ways, kimi: Emulator, client: KimiClient, name: Any) -> None:
    with pytest.raises(KimiInputError, match=r"formula: got .*web-search") as caught:
        list_tools(ways, client, name)
    assert caught.value.value == name
    with pytest.raises(KimiInputError):
        run(ways, client, name, "date", "{}")
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- listing


def test_tools_are_listed_once_per_client_and_formula(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    tools = list_tools(ways, client, "base64")
    assert [tool["function"]["name"] for tool in tools] == ["base64_encode", "base64_decode"]
    again = list_tools(ways, client, "moonshot/base64:latest")
    assert all(one is other for one, other in zip(again, tools, strict=True))  # schemas are known by identity
    tools.clear()
    assert len(list_tools(ways, client, "base64")) == 2
    assert [request.path for request in kimi.requests] == ["/v1/formulas/moonshot/base64:latest/tools"]
    list_tools(ways, client, "base64", refresh=True)
    list_tools(ways, client, "date")
    list_tools(ways, KimiClient(api_key=kimi.api_key, base_url=kimi.base_url), "date")
    assert len(kimi.requests) == 4


def test_the_list_goes_with_its_client(kimi: Emulator) -> None:
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url)
    formulas.list_tools(client, "date")
    seen = weakref.ref(client)
    del client
    gc.collect()
    assert seen() is None


def test_an_unknown_formula(ways: Ways, client: KimiClient) -> None:
    with pytest.raises(errors.KimiNotFoundError, match="moonshot/dates:latest") as caught:
        list_tools(ways, client, "dates")
    assert "check the id" in str(caught.value)
    with pytest.raises(errors.KimiNotFoundError):
        run(ways, client, "dates", "date", "{}")


@pytest.mark.parametrize(
    "body", [{}, [], {"tools": None}, {"tools": [{"type": "function"}]}, {"tools": [{"function": {"name": ""}}]}]
)
def test_a_list_that_is_none(ways: Ways, raw: RawServer, raw_client: KimiClient, body: Any) -> None:
    raw.say(raw.http(200, body, headers={"Msh-Request-Id": "req-9"}))
    with pytest.raises(KimiReplyError, match=r"moonshot/date:latest are not a list.*req-9"):
        list_tools(ways, raw_client, "date")
    raw.say(raw.http(200, {"tools": [{"type": "function", "function": {"name": "date"}}]}))
    assert len(list_tools(ways, raw_client, "date")) == 1, "a failure is not kept"


# ---------------------------------------------------------------------------------------------------- running


@pytest.mark.parametrize("arguments", ['{"days":1}', '{ "days" : 1,\n"days": 0 }', "{}", '{"timezone":"\\u0055TC"}'])
def test_arguments_go_out_as_the_model_wrote_them(
    ways: Ways, kimi: Emulator, client: KimiClient, arguments: str
) -> None:
    run(ways, client, "date", "date", arguments)
    sent = kimi.requests[-1].json
    assert sent == {"name": "date", "arguments": arguments}
    assert kimi.requests[-1].path == "/v1/formulas/moonshot/date:latest/fibers"


def test_plain_output(ways: Ways, client: KimiClient) -> None:
    fiber = run(ways, client, "convert", "convert", '{"value": 10, "from_unit": "km", "to_unit": "mile"}')
    assert fiber.result == "10 km = 6.213711922 mile"
    assert fiber.status == "succeeded"
    assert fiber.id.startswith("fiber-")
    assert not fiber.sealed


def test_sealed_output_is_passed_on_untouched(ways: Ways, client: KimiClient) -> None:
    fiber = run(ways, client, "web-search", "web_search", '{"query": "sky blue"}')
    assert fiber.sealed
    assert fiber.result.startswith("----MOONSHOT ENCRYPTED BEGIN----")
    assert fiber.result.endswith("----MOONSHOT ENCRYPTED END----")
    assert "135, 206, 235" in unseal(fiber.result)


def test_a_failed_function_says_why(ways: Ways, client: KimiClient) -> None:
    with pytest.raises(KimiFormulaError) as caught:
        run(ways, client, "convert", "convert", '{"value": 1, "from_unit": "km", "to_unit": "kg"}')
    error = caught.value
    assert (error.formula, error.name, error.status) == ("moonshot/convert:latest", "convert", "failed")
    assert error.reason == "cannot convert length (km) to mass (kg)"
    assert error.fiber_id
    assert error.request_id
    for part in ("convert of moonshot/convert:latest failed", error.reason, error.fiber_id, error.request_id, "Check"):
        assert part in str(error)
    assert isinstance(error, KimiReplyError)
    copied = pickle.loads(pickle.dumps(error))
    assert str(copied) == str(error)
    assert copied.__dict__ == error.__dict__


def test_a_run_that_the_platform_fails_is_an_error_with_its_reason(
    ways: Ways, kimi: Emulator, client: KimiClient
) -> None:
    kimi.fail("fibers.failed")
    with pytest.raises(KimiFormulaError, match="the tool could not be run, please try again later") as caught:
        run(ways, client, "date", "date", "{}")
    assert caught.value.status == "failed"
    assert run(ways, client, "date", "date", "{}").result


@pytest.mark.parametrize("arguments", [{"days": 1}, None, b"{}"])
def test_arguments_that_are_no_text(ways: Ways, kimi: Emulator, client: KimiClient, arguments: Any) -> None:
    with pytest.raises(KimiInputError, match=r"arguments: .*json\.dumps"):
        run(ways, client, "date", "date", arguments)
    assert kimi.requests == []


def test_a_function_that_is_not_there(ways: Ways, client: KimiClient) -> None:
    with pytest.raises(errors.KimiBadRequestError, match="function clock is not found in formula"):
        run(ways, client, "date", "clock", "{}")


@pytest.mark.parametrize(
    ("change", "result", "sealed"),
    [
        ({}, "7", False),
        ({"context": {"output": ""}}, "", False),
        ({"context": {"output": "", "encrypted_output": "x"}}, "", False),
        ({"context": {"output": None, "encrypted_output": " x\n"}}, " x\n", True),
        ({"context": {"output": {"a": "北"}}}, '{"a": "北"}', False),
        ({"context": {}}, "", False),
        ({"context": None}, "", False),
        ({"context": {"output": "7", "error": ""}}, "7", False),
        ({"more": 1, "id": None}, "7", False),
    ],
)
def test_what_counts_as_a_result(
    ways: Ways, raw: RawServer, raw_client: KimiClient, change: dict[str, Any], result: str, sealed: bool
) -> None:
    raw.say(raw.http(200, {**FIBER, **change}))
    fiber = run(ways, raw_client, "date", "date", "{}")
    assert (fiber.result, fiber.sealed) == (result, sealed)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({**FIBER, "status": "failed", "context": {"error": "out of luck."}}, "failed", "out of luck"),
        ({**FIBER, "status": "failed", "context": {"error": {"message": "no"}}}, "failed", "no"),
        ({**FIBER, "status": "failed", "context": {"error": {"code": 7}}}, "failed", '{"code": 7}'),
        ({**FIBER, "status": "failed", "context": {"output": "half"}}, "failed", "the platform gave no reason"),
        ({**FIBER, "context": {"error": "no"}}, "succeeded", "no"),
        ({"id": "fiber-1", "status": "timeout"}, "timeout", "the platform gave no reason"),
        ({}, "unknown", "the platform gave no reason"),
        ([], "unknown", "the platform gave no reason"),
    ],
)
def test_what_counts_as_a_failure(
    ways: Ways, raw: RawServer, raw_client: KimiClient, body: Any, status: str, reason: str
) -> None:
    raw.say(raw.http(200, body))
    with pytest.raises(KimiFormulaError) as caught:
        run(ways, raw_client, "date", "date", "{}")
    assert (caught.value.status, caught.value.reason) == (status, reason)


def test_an_overloaded_formula_is_tried_again(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float]
) -> None:
    busy = {"error": {"type": "engine_overloaded_error", "message": "busy"}}
    raw.say(raw.http(429, busy), raw.http(200, FIBER))
    assert run(ways, raw_client, "date", "date", "{}").result == "7"
    assert len(raw.requests) == 2
    assert len(waits) == 1


def test_the_error_is_exported() -> None:
    assert kimi_api.KimiFormulaError is KimiFormulaError
    assert "KimiFormulaError" in kimi_api.__all__
    assert "KimiFormulaError" in errors.__all__
    assert "KimiFormulaError" in str(errors.__doc__)


# ---------------------------------------------------------------------------------------------------- the model's text


@pytest.fixture
def _nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbatim, "_watched", set())
    monkeypatch.setattr(verbatim, "_texts", type(verbatim._texts)())


@pytest.mark.usefixtures("_nothing_noted")
def test_the_models_own_text_is_found_again() -> None:
    verbatim.watch(["web_search"])
    text = '{ "query":"\\u5317",  "n":1}'
    verbatim.note("web_search", text, json.loads(text))
    assert verbatim.text_of("web_search", {"query": "北", "n": 1}) == text
    assert verbatim.text_of("web_search", {"query": "北", "n": 1.0}) == '{"query": "北", "n": 1.0}'
    assert verbatim.text_of("web_search", {"query": "北", "n": True}) == '{"query": "北", "n": true}'
    verbatim.note("web_search", "", {})
    assert verbatim.text_of("web_search", {}) == "{}"
    assert verbatim.text_of("other", {"query": "北", "n": 1}) == '{"query": "北", "n": 1}'


@pytest.mark.usefixtures("_nothing_noted")
def test_only_official_tools_are_noted_and_not_without_end() -> None:
    verbatim.note("mine", '{"a":1}', {"a": 1})
    verbatim.watch(["web_search"])
    verbatim.note("web_search", '{"a":"' + "x" * 20_000 + '"}', {"a": "x" * 20_000})
    assert not verbatim._texts
    for number in range(300):
        verbatim.note("web_search", f'{{"a":{number}}}', {"a": number})
    assert len(verbatim._texts) == 256
    assert verbatim.text_of("web_search", {"a": 299}) == '{"a":299}'
    assert verbatim.text_of("web_search", {"a": 0}) == '{"a": 0}'


# ---------------------------------------------------------------------------------------------------- $web_search

ECHO = '{ "search_result":{"search_id":"e4b4"},"usage":{"total_tokens":7946}}'


def turn(*calls: tuple[str, str, str], reasoning: str = "r") -> dict[str, Any]:
    wire = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
    return {"role": "assistant", "content": "", "reasoning_content": reasoning, "tool_calls": wire}


def tool(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def prepare(*messages: dict[str, Any], repair: Any = "safe") -> list[dict[str, Any]]:
    history = [{"role": "user", "content": "?"}, *messages]
    return prepare_messages(history, get_model_spec("kimi-k2.6"), thinking=True, repair=repair)


@pytest.mark.parametrize("repair", ["safe", "cancel", "none"])
@pytest.mark.parametrize("content", ["", '{"search_result": {}}', [{"type": "text", "text": "x"}], None, "an error"])
def test_the_result_of_a_built_in_function_is_its_arguments(content: Any, repair: Any) -> None:
    result = tool("a", content)
    messages = prepare(turn(("a", "$web_search", ECHO)), result, repair=repair)
    assert messages[2] == tool("a", ECHO)
    assert result == tool("a", content), "the caller's message is only read"


def test_each_search_gets_its_own_echo_and_functions_keep_their_results() -> None:
    other = ECHO.replace("e4b4", "f5")
    messages = prepare(
        turn(("a", "$web_search", ECHO), ("b", "get_weather", "{}"), ("c", "$web_search", other)),
        tool("c", "x"),
        tool("b", "18 C"),
        tool("a", "y"),
        turn(("a", "get_weather", "{}")),  # the same id in a later turn, where it is no search
        tool("a", "19 C"),
    )
    assert [m["content"] for m in messages if m["role"] == "tool"] == [other, "18 C", ECHO, "19 C"]


def test_an_interrupted_search_is_answered_by_its_echo() -> None:
    with pytest.warns(KimiWarning, match="cancelled"):
        messages = prepare(turn(("a", "$web_search", ECHO), ("b", "get_weather", "{}")), repair="full")
    assert [m["content"] for m in messages if m["role"] == "tool"] == [ECHO, CANCELLED]


def test_a_search_call_without_arguments_is_refused() -> None:
    broken = turn(("a", "$web_search", ECHO))
    del broken["tool_calls"][0]["function"]["arguments"]
    with pytest.raises(KimiInputError, match="send the calls back as they came"):
        prepare(broken, tool("a", "x"))
