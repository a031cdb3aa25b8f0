"""Every rule has one request that it lets pass and one that it refuses (or reports); a rule without both fails here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import httpx
import pytest
from rule_examples import EXAMPLES, expected
from rule_kit import (
    K26,
    OFF,
    TODAY,
    USER,
    Ask,
    ask,
    assert_accepted,
    assert_refused,
    called,
    result,
    schema_format,
    sent,
    tool,
)

from kimi_emulator import Emulator, Limits, Reply, ToolCall
from kimi_emulator.rules import RULES
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
    assert_refused(RULES[rule_id], refused, pattern, expected(rule_id), shared)


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
    listed = [line for line in rules_table.table() if line.startswith("| `")]
    assert len(listed) == len(RULES)


def test_a_rule_that_is_switched_off_is_missed(monkeypatch: pytest.MonkeyPatch):
    """The mutation run (`make rules-mutation`) on two rules; one that is not spoilt at all is a survivor."""
    some = ["sampling.n", "tolerated.unknown_field"]
    assert [rules_mutation.survivors(kind, some) for kind in ("off", "status")] == [(2, []), (1, [])]
    monkeypatch.setitem(rules_mutation.MUTANTS, "not", lambda rule: {"source": "changes nothing"})
    assert rules_mutation.survivors("not", some) == (2, some)


@pytest.mark.parametrize("value", [1, 1.0])
def test_exact_fixed_value_is_taken_as_integer_or_float(value: float, run: Run):
    answer, kimi = run(ask(temperature=value))
    assert answer.status_code == 200
    assert [report.rule for report in kimi.report] == ["tolerated.sampling"]


def test_k3_reasoning_is_not_demanded_unless_asked_for(run: Run):
    example = {"messages": [USER, called(), result()]}
    assert run(Ask(example))[0].status_code == 200
    answer, _ = run(Ask(example, settings={"k3_requires_reasoning": True}))
    assert answer.status_code == 400
    assert "missing in assistant tool call message at index 1" in answer.json()["error"]["message"]


def test_k26_with_thinking_off_needs_no_reasoning(run: Run):
    assert run(Ask(K26 | OFF | {"messages": [USER, called(), result()]}))[0].status_code == 200


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


@pytest.mark.parametrize("path", ["/files/%0A", "/files/a%0Ab/content", "/batches/%0A"])
def test_a_line_break_in_an_address_is_part_of_it(path: str, run: Run):
    answer, kimi = run(Ask(method="GET", path=path))
    assert answer.status_code == 404
    assert kimi.refusals[-1].rule in ("file.unknown", "batch.unknown")
