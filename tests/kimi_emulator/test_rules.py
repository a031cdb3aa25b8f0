"""Every rule has one request that it lets pass and one that it refuses (or reports); a rule without both fails here."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import httpx
import pytest
from rule_examples import EXAMPLES, expected_refusal
from rule_kit import (
    K26,
    OFF,
    TODAY,
    USER,
    Ask,
    as_ask,
    ask,
    assert_accepted,
    assert_refused,
    result,
    schema_format,
    sent,
    tool,
    turn_with,
    upload,
)

from kimi_emulator import Emulator, Limits, Reply, ToolCall
from kimi_emulator.rules import RULES, altered
from scripts import rules_mutation, rules_table

Run = Callable[[Ask | dict[str, Any]], tuple[httpx.Response, Emulator]]


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator(today=TODAY) as kimi:
        yield kimi


@pytest.fixture
def run(shared: Emulator) -> Iterator[Run]:
    """Send an example; what it needed is there until the test ends."""
    with ExitStack() as stack:
        yield lambda example: stack.enter_context(sent(example, shared))


def test_every_rule_has_an_accepting_and_a_refusing_example():
    assert set(EXAMPLES) == set(RULES)


@pytest.mark.parametrize("rule_id", RULES)
def test_rule_accepts(rule_id: str, shared: Emulator):
    assert_accepted(RULES[rule_id], EXAMPLES[rule_id][0], shared)


@pytest.mark.parametrize("rule_id", RULES)
def test_rule_refuses_or_reports(rule_id: str, shared: Emulator):
    _, refused, pattern = EXAMPLES[rule_id]
    assert_refused(RULES[rule_id], refused, pattern, expected_refusal(rule_id), shared)


@pytest.mark.parametrize("rule_id", RULES)
def test_rule_is_described(rule_id: str):
    rule = RULES[rule_id]
    assert rule.description
    assert rule.source
    assert rule.id == rule_id
    assert re.fullmatch(r"\d(\.\d)?", rule.section)
    assert re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", rule_id)


def test_the_table_of_rules_lacks_nothing():
    assert rules_table.missing() == []
    assert set(rules_table.by_section()) == set(rules_table.SECTIONS)
    lines = [line for line in rules_table.table() if line.startswith("| `")]
    assert len(lines) == len(RULES)


def test_rules_stay_in_their_order_and_only_altered_changes_one(monkeypatch: pytest.MonkeyPatch):
    before = list(RULES.items())
    with pytest.raises(TypeError):
        monkeypatch.delitem(RULES, "model.unknown")
    with altered("model.unknown", status=418):
        assert RULES["model.unknown"].status == 418
        assert list(RULES) == [id for id, _ in before]
    assert list(RULES.items()) == before


def test_a_rule_that_is_switched_off_is_missed(monkeypatch: pytest.MonkeyPatch):
    """The mutation run (`make rules-mutation`) on two rules; one that is not spoilt at all is a survivor."""
    some = ["sampling.n", "tolerated.unknown_field"]
    assert [rules_mutation.survivors(kind, some) for kind in ("off", "status")] == [(2, []), (1, [])]
    reported = ["tolerated.unknown_field"]  # has neither a status nor a type that could be spoilt
    assert [rules_mutation.survivors(kind, reported) for kind in ("status", "type")] == [(0, []), (0, [])]
    monkeypatch.setitem(rules_mutation.MUTANTS, "not", lambda rule: {"source": "changes nothing"})
    assert rules_mutation.survivors("not", some) == (2, some)


@pytest.mark.parametrize("value", [1, 1.0])
def test_exact_fixed_value_is_taken_as_integer_or_float(value: float, run: Run):
    answer, kimi = run(ask(temperature=value))
    assert answer.status_code == 200
    assert [report.rule for report in kimi.report] == ["tolerated.sampling"]


def test_k3_reasoning_is_not_demanded_unless_asked_for(run: Run):
    example = {"messages": [USER, turn_with(), result()]}
    assert run(Ask(example))[0].status_code == 200
    answer, _ = run(Ask(example, settings={"k3_requires_reasoning": True}))
    assert answer.status_code == 400
    assert "missing in assistant tool call message at index 1" in answer.json()["error"]["message"]


def test_k26_with_thinking_off_needs_no_reasoning(run: Run):
    assert run(Ask(K26 | OFF | {"messages": [USER, turn_with(), result()]}))[0].status_code == 200


def test_reasoning_of_another_turn_is_reported():
    """A client that copies one turn's thinking into another is found out although calls and ids repeat."""
    kimi = Emulator(today=TODAY)
    with kimi, httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as client:
        again = ToolCall("get_weather", {"city": "Paris"})
        kimi.script(Reply(reasoning="first", tool_calls=[again]), Reply(reasoning="second", tool_calls=[again]))
        messages: list[Any] = [USER]
        for _ in range(2):
            ask(messages=messages, tools=[tool()]).send(client)
            messages = [*messages, kimi.replies[-1], result()]
        ask(messages=messages, tools=[tool()]).send(client)
        assert kimi.report == []
        messages[3] = messages[3] | {"reasoning_content": "first"}
        ask(messages=messages, tools=[tool()]).send(client)
        assert [report.rule for report in kimi.report] == ["reasoning.altered"]


def test_retirement_follows_the_date(run: Run):
    for day, status in ((date(2026, 12, 31), 200), (date(2027, 1, 1), 404)):
        assert run(Ask(K26, settings={"today": day}))[0].status_code == status
    assert run(Ask({"model": "kimi-k3.1-pro"}, settings={"today": date(2026, 10, 22)}))[0].status_code == 404


def test_strict_false_lifts_the_schema_rules_but_the_root_one(run: Run):
    bad = {"type": "object", "properties": {"a": True}}
    assert run(Ask(schema_format(bad, strict=False)))[0].status_code == 200
    assert run(Ask(schema_format({"type": "array"}, strict=False)))[0].status_code == 400


@pytest.mark.parametrize("level", ["live", "strict", "ultra"])
def test_how_much_of_mfjs_is_enforced_is_a_switch(level: str, run: Run):
    """Sources disagree on how much of its dialect the platform enforces."""
    refused_from = {
        "live": tool(properties={"a": {"type": "array", "items": [{"type": "string"}]}}),
        "strict": tool(required=["town"]),
        "ultra": tool(properties={"a": {"type": "string", "format": "date"}}),
    }
    order = list(refused_from)
    for name, declared in refused_from.items():
        answer, _ = run(Ask({"tools": [declared]}, settings={"mfjs": level}))
        assert answer.status_code == (400 if order.index(name) <= order.index(level) else 200)


@pytest.mark.parametrize("habit", ["refuse", "ignore"])
def test_a_named_choice_on_k3_is_refused_or_overlooked(habit: str, run: Run):
    """Live probes got 400; Moonshot's own verifier says that K3 silently ignores it."""
    example = {"tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}}
    answer, _ = run(Ask(example | {"messages": [USER]}, settings={"k3_named_choice": habit}))
    assert answer.status_code == (400 if habit == "refuse" else 200)
    if habit == "ignore":
        assert "tool_calls" not in answer.json()["choices"][0]["message"]  # nothing in "say hi" asks for the weather
    answer, _ = run(Ask(K26 | example, settings={"k3_named_choice": habit}))
    assert answer.status_code == 400, "K2.6 refuses it while it thinks, whatever K3 does"


def test_retired_models_answer_when_asked_to(run: Run):
    for model in ("kimi-k2.5", "moonshot-v1-8k", "kimi-latest", "kimi-k2-thinking"):
        assert run(ask(model=model))[0].status_code == 404
        answer, kimi = run(Ask({"model": model}, settings={"retired": True}))
        assert answer.status_code == 200
        with httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as client:
            assert model in {entry["id"] for entry in client.get("/models").json()["data"]}


def test_an_account_that_sees_fewer_models_lists_fewer(run: Run):
    _, kimi = run(Ask(settings={"models": ["kimi-k3"]}))
    with httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as client:
        assert [entry["id"] for entry in client.get("/models").json()["data"]] == ["kimi-k3"]


@pytest.mark.parametrize("setting", ["mfjs", "k3_named_choice", "region"])
def test_settings_are_checked(setting: str):
    with pytest.raises(ValueError, match=f"{setting} is one of .*, not 'other'"):
        Emulator(**{setting: "other"})


def test_a_body_that_does_not_say_its_length_is_measured(run: Run):
    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 100

    _, kimi = run(Ask(settings={"limits": Limits(body_bytes=2000)}))
    with httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as client:
        answer = client.post("/chat/completions", content=pieces())
    assert (answer.status_code, kimi.refusals[-1].rule) == (413, "body.size")


@pytest.mark.parametrize("text", [b'{"a":' * 5000, b'{"model":"kimi-k3","top_k":NaN}', b"\xff"])
def test_what_is_no_json_to_the_server_is_refused(text: bytes, run: Run):
    answer, kimi = run(Ask(content=text))
    assert (answer.status_code, kimi.refusals[-1].rule) == (400, "body.json")


def test_another_method_is_told_which_ones_there_are(run: Run):
    answer, _ = run(Ask(method="OPTIONS", path="/files"))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


K3_THINKING = ({}, {"keep": "all"}, {"effort": "low"}, {"type": None}, {"type": "enabled"})


@pytest.mark.parametrize("thinking", K3_THINKING)
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k3.1-pro", "kimi-k3.1-pro-highspeed"])
def test_thinking_without_a_type_means_enabled_on_the_k3_family(model: str, thinking: dict[str, Any], run: Run):
    answer, _ = run(ask(model=model, thinking=thinking))
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["reasoning_content"]


@pytest.mark.parametrize("thinking", [{}, {"keep": "all"}, {"effort": "low"}, {"type": None}])
@pytest.mark.parametrize("model", ["kimi-k2.6", "kimi-k2.7-code"])
def test_thinking_without_a_type_is_refused_on_k2(model: str, thinking: dict[str, Any], run: Run):
    answer, kimi = run(ask(model=model, thinking=thinking))
    assert (answer.status_code, kimi.refusals[-1].rule) == (400, "thinking.type")
    assert answer.json()["error"]["message"] == "invalid value for thinking type: "


def test_the_effort_of_thinking_is_heard_before_the_other(run: Run):
    def cost(**fields: Any) -> int:
        return run(ask(**fields))[0].json()["usage"]["prompt_tokens"]

    low, most = cost(reasoning_effort="low"), cost()
    assert low == most + 1
    assert cost(thinking={"effort": "low"}) == low
    assert cost(thinking={"effort": "max"}, reasoning_effort="low") == most
    assert cost(thinking={"effort": None}, reasoning_effort="low") == low
    answer, kimi = run(ask(thinking={"effort": "medium"}, reasoning_effort="low"))
    assert [report.rule for report in kimi.report] == ["tolerated.thinking_on_k3", "tolerated.effort_word"]
    answer, kimi = run(ask(thinking={"effort": 3}))
    assert (answer.status_code, kimi.refusals[-1].rule) == (400, "effort.type")


@pytest.mark.parametrize("message", [USER, {"role": "assistant", "content": "hi"}, {"role": "system", "content": "a"}])
@pytest.mark.parametrize("name", ["name", "partial", "tools", "tool_calls", "reasoning_content"])
def test_null_for_an_optional_member_counts_as_absent(message: dict[str, Any], name: str, run: Run):
    for model in ("kimi-k3", "kimi-k2.6"):
        answer, kimi = run(ask(model=model, messages=[message | {name: None}, USER]))
        assert answer.status_code == 200, answer.text
        assert kimi.report == []


def test_a_system_message_with_null_for_its_tools_still_needs_content(run: Run):
    answer, kimi = run(ask(messages=[{"role": "system", "tools": None}, USER]))
    assert (answer.status_code, kimi.refusals[-1].rule) == (400, "message.user_content")


def _alter(value: Any, odd: Any, chosen: random.Random) -> Any:
    """The same value with something in it, or itself, replaced."""
    if isinstance(value, dict) and value and chosen.random() < 0.9:
        name = chosen.choice(list(value))
        return {**value, name: _alter(value[name], odd, chosen)}
    if isinstance(value, list) and value and chosen.random() < 0.9:
        place = chosen.randrange(len(value))
        return [*value[:place], _alter(value[place], odd, chosen), *value[place + 1 :]]
    return odd


def _plain_bodies() -> list[dict[str, Any]]:
    """The chat requests among the examples that need nothing beside themselves."""
    examples = [as_ask(example) for accepted, broken, _ in EXAMPLES.values() for example in (accepted, broken)]
    return [
        {"model": "kimi-k3", "messages": [USER]} | example.fields
        for example in examples
        if type(example) is Ask
        and example.path == "/chat/completions"
        and not (example.settings or example.before or example.content)
    ]


@pytest.mark.parametrize("odd", [None, True, {"a": None}, [False]])
def test_no_refusal_speaks_python(odd: Any, shared: Emulator):
    """Nor does one fail for lack of a check: the requests of all examples, each with one value replaced."""
    shared.reset()
    chosen = random.Random(repr(odd))
    headers = {"Authorization": f"Bearer {shared.api_key}"}
    with httpx.Client(base_url=shared.base_url, headers=headers, timeout=20) as client:
        for body in _plain_bodies():
            name = chosen.choice(list(body))
            altered = body | {name: _alter(body[name], odd, chosen)}
            answer = client.post("/chat/completions", json=altered)
            assert answer.status_code < 500, (altered, answer.text)
    sentences = [each.message for each in (*shared.report, *shared.refusals)]
    assert len(sentences) > 50
    assert [text for text in sentences if re.search(r"\b(None|True|False)\b|[{\[]'", text)] == []


@pytest.mark.parametrize("odd", [None, True, {"a": None}, "x"])
def test_lines_of_a_batch_with_odd_values_are_refused_in_json(odd: Any, run: Run):
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [USER]}}
    lines = [line | {"body": line["body"] | {"model": odd}}, line | {"custom_id": "b", "body": K26 | line["body"]}]
    for some in (lines, lines[:1]):
        data = "".join(json.dumps(each) + "\n" for each in some).encode()
        create = {"input_file_id": "FILE", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        answer, kimi = run(Ask(create, path="/batches", before=[upload("in.jsonl", data, "batch")]))
        assert answer.status_code < 500
        for refusal in kimi.refusals:
            assert not re.search(r"\b(None|True|False)\b", refusal.message)


ORIGINS = ("http://localhost:5173", "http://127.0.0.1", "https://[::1]:8443", "http://127.1.2.3:80")


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_this_machine_may_call(origin: str, run: Run):
    """A browser's question before the call has no key; it is answered, and is no request of the account."""
    wish = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    ahead = Ask(method="OPTIONS", headers={"Origin": origin, "Authorization": "", **wish})
    answer, kimi = run(ahead)
    assert answer.status_code == 200
    assert kimi.requests == kimi.refusals == []
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
    for fields, status in (({}, 200), ({"stream": True}, 200), ({"temperature": 0.2}, 400)):
        answer, _ = run(Ask(fields, headers={"Origin": origin}))
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, origin)
        assert answer.headers["Access-Control-Expose-Headers"] == "*"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.nip.io"])
def test_other_pages_may_call_by_option_only(origin: str, run: Run):
    headers = {"Origin": origin}
    answer, _ = run(Ask(headers=headers))
    assert "Access-Control-Allow-Origin" not in answer.headers
    for origins, allowed in (([origin], origin), (origin, origin), (["*"], "*")):
        answer, kimi = run(Ask(headers=headers, settings={"origins": origins}))
        assert answer.headers["Access-Control-Allow-Origin"] == allowed
        page = httpx.get(kimi.inspector_url, headers=headers, trust_env=False)
        assert page.status_code == 200
        assert "Access-Control-Allow-Origin" not in page.headers  # the traffic is no other page's business


@pytest.mark.parametrize("path", ["/files/%0A", "/files/a%0Ab/content", "/batches/%0A"])
def test_a_line_break_in_an_address_is_part_of_it(path: str, run: Run):
    answer, kimi = run(Ask(method="GET", path=path))
    assert answer.status_code == 404
    assert kimi.refusals[-1].rule in ("file.unknown", "batch.unknown")
