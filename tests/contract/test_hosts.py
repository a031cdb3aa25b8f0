"""Other hosts of the same weights: their own names of fields, ids, deltas and ends; and the two regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Call, Chat, assistant, result, user, wire_tool

from kimi_api import KimiAuthenticationError, KimiInputError, KimiPermissionError, KimiWarning
from kimi_api._transport.sdk.compat import transport
from kimi_api.credentials import CHINA, INTERNATIONAL
from kimi_emulator import DIALECTS, Emulator, Failure, Reply, ToolCall

Make = Callable[..., Chat]
WEATHER = wire_tool("get_weather")
LEAKED = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
    '{"city": "Oslo"}<|tool_call_end|><|tool_calls_section_end|>'
)


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


@pytest.mark.parametrize("dialect", ["platform", "openai", "vllm"])
@pytest.mark.parametrize("host", ["openrouter", "vllm", "sglang", "llama.cpp"])
def test_thinking_goes_back_under_the_name_it_came_with(make: Make, host: str, dialect: str) -> None:
    """Also where the user did not name the host's dialect; and SGLang does not read vLLM's name."""
    name = DIALECTS[host].reasoning_field
    with Emulator(dialect=host) as other:
        other.script(Reply(content="Hello.", reasoning="Greet."), Reply(content="Fine."))
        chat = make(base_url=other.base_url, api_key=other.api_key, dialect=dialect)
        chat.ask([user("Hi"), chat.ask("Hi"), user("How are you?")])
        assert other.chats[-1]["messages"][1][name] == "Greet."


@pytest.mark.parametrize("host", ["vllm", "sglang"])
@pytest.mark.ways("plain", "astreamed")
def test_a_tool_turn_with_thinking_gets_no_filler(make: Make, host: str) -> None:
    with Emulator(dialect=host) as other:
        other.script(
            Reply(reasoning="Look.", tool_calls=[ToolCall("get_weather", {"city": "Oslo"})]), Reply(content="7.")
        )
        chat = make(base_url=other.base_url, api_key=other.api_key, dialect="vllm", model="kimi-k2.6")
        chat.run_agent("Weather?", [get_weather])
        turn = next(message for message in other.chats[-1]["messages"] if message.get("tool_calls"))
        assert {turn.get("reasoning"), turn.get("reasoning_content")} <= {"Look.", None}


@pytest.mark.ways("plain", "astreamed")
def test_a_dialect_names_fields_and_ids_as_its_hosts_do(kimi: Emulator, make: Make) -> None:
    calls = [Call("get_weather", {"city": city}, f"c{n}") for n, city in enumerate(("Oslo", "Rome"))]
    history = [user("?"), assistant("", *calls, reasoning="Look."), *map(result, calls)]
    make(dialect="vllm", max_tokens=700).ask(history, tools=[WEATHER])
    body = kimi.chats[0]
    assert body["max_tokens"] == 700
    assert "max_completion_tokens" not in body
    turn, *results = body["messages"][1:]
    assert turn["reasoning"] == "Look."
    ids = ["functions.get_weather:0", "functions.get_weather:1"]
    assert [call["id"] for call in turn["tool_calls"]] == ids
    assert [message["tool_call_id"] for message in results] == ids


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"thinking": False}, {"thinking": False}),
        ({"thinking": "disabled"}, {"thinking": False}),
        ({"thinking": {"type": "enabled", "keep": "all"}}, {"thinking": True, "preserve_thinking": True}),
        ({"thinking_keep": "all"}, {"thinking": True, "preserve_thinking": True}),
        ({"extra_body": {"thinking": {"type": "disabled"}}}, {"thinking": False}),
        (
            {"thinking": False, "extra_body": {"chat_template_kwargs": {"add_note": 1}}},
            {"thinking": False, "add_note": 1},
        ),
    ],
)
@pytest.mark.ways("plain", "astreamed")
def test_thinking_is_switched_by_template_arguments_on_vllm(
    make: Make, settings: dict[str, Any], sent: dict[str, Any]
) -> None:
    """A `thinking` object is dropped there without a word."""
    with Emulator(dialect="vllm") as other:
        chat = make(base_url=other.base_url, api_key=other.api_key, dialect="vllm", model="kimi-k2.6", **settings)
        outcome = chat.ask("Hi")
        (body,) = other.chats
    assert body["chat_template_kwargs"] == sent
    assert "thinking" not in body
    assert bool(outcome.reasoning) is sent["thinking"]


@pytest.mark.ways("plain", "astreamed")
def test_other_hosts_get_a_forced_tool_as_it_was_asked_for(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("get_weather", {"city": "Oslo"})]))
    chat = make(dialect="openai", model="kimi-k3")
    chat.attempt("?", tools=[WEATHER, wire_tool("get_time")], tool_choice="required")
    assert kimi.chats[0]["tool_choice"] == "required"
    assert len(kimi.chats[0]["tools"]) == 2


@pytest.mark.parametrize("off", [False, "disabled", {"type": "disabled"}])
@pytest.mark.ways("plain", "astreamed")
def test_vllm_is_told_of_thinking_by_its_template(make: Make, off: Any) -> None:
    with Emulator(dialect="vllm") as other:
        chat = make(base_url=other.base_url, api_key=other.api_key, dialect="vllm", model="kimi-k2.6", thinking=off)
        assert not chat.ask("hi").reasoning
        assert other.chats[0]["chat_template_kwargs"] == {"thinking": False}
        assert "thinking" not in other.chats[0]


@pytest.mark.ways("plain", "astreamed")
def test_vllm_is_asked_by_its_template_to_keep_thinking(kimi: Emulator, make: Make) -> None:
    extra = {"chat_template_kwargs": {"own": 1}}
    make(dialect="vllm", model="kimi-k2.6", thinking_keep="all", extra_body=extra).attempt("hi")
    assert kimi.chats[0]["chat_template_kwargs"] == {"thinking": True, "preserve_thinking": True, "own": 1}
    assert "thinking" not in kimi.chats[0]


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
@pytest.mark.ways("plain", "astreamed")
def test_a_name_that_is_no_kimi_has_no_rules(kimi: Emulator, make: Make, dialect: str) -> None:
    kimi.script(Reply(content="Hello."))
    outcome = make(dialect=dialect, model="qwen3-32b", temperature=0.2, max_tokens=50).attempt("hi")
    assert [text for text in outcome.warnings if "catalogue" in text or "kimi-k3" in text] == []
    assert (kimi.requests[0].json["temperature"], kimi.requests[0].json["max_tokens"]) == (0.2, 50)


@pytest.mark.ways("plain", "astreamed")
def test_advice_names_the_host_that_answered(make: Make) -> None:
    with Emulator(dialect="vllm") as other:
        error = make(base_url=other.base_url, api_key="sk-test-wrong", dialect="vllm").attempt("hi").error
    assert isinstance(error, KimiAuthenticationError)
    assert f"one that {other.base_url} knows" in str(error)
    assert "moonshot" not in str(error)


def test_calls_that_a_host_leaks_as_text_are_not_silent(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content=LEAKED))
    with pytest.warns(KimiWarning, match="wrote its tool calls as text"):
        outcome = make(dialect="vllm").ask("?", tools=[WEATHER])
    assert (outcome.text, outcome.calls) == (LEAKED, [])


@pytest.mark.ways("plain", "astreamed")
def test_a_switch_of_another_vendor_for_thinking_is_not_swallowed(kimi: Emulator, make: Make) -> None:
    """`enable_thinking=False` is ignored by the platform: people believed that thinking was off."""
    with pytest.raises(KimiInputError, match="thinking"):
        make(model="kimi-k2.6", enable_thinking=False)
    with pytest.raises(KimiInputError, match="thinking"):
        make(model="kimi-k2.6").ask("hi", enable_thinking=False)
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- regions


@pytest.mark.ways("plain", "astreamed")
def test_a_key_that_another_server_of_this_machine_gave_is_told_from_which_server_it_must_be(make: Make) -> None:
    """Each of them has keys of its own; that a key belongs to a region is said of Moonshot's addresses (below)."""
    with Emulator(region="ai") as ai, Emulator(region="cn") as cn:
        error: Any = make(base_url=ai.base_url, api_key=cn.api_key).attempt("hi").error
        assert isinstance(error, KimiAuthenticationError)
        assert f"one that the server at {ai.base_url} knows" in str(error)
        assert cn.api_key not in str(error)
        assert make(base_url=cn.base_url, api_key=cn.api_key).ask("hi").text


@pytest.mark.parametrize(("own", "other"), [(INTERNATIONAL, CHINA), (CHINA, INTERNATIONAL)])
@pytest.mark.ways("plain", "astreamed")
def test_a_key_of_the_other_region_is_told_where_it_is_valid(make: Make, own: str, other: str) -> None:
    """In both directions: which console each address belongs to, and what to pass."""
    consoles = {INTERNATIONAL: "https://platform.kimi.ai/console", CHINA: "https://platform.kimi.com/console"}
    library = transport()
    with Emulator(region="cn" if own == CHINA else "ai") as there, library.Client(trust_env=False) as relay:

        def answer_as_that_region_does(request: Any) -> Any:
            answer = relay.post(
                f"{there.base_url}/chat/completions",
                content=request.content,
                headers={"Authorization": request.headers["Authorization"]},
            )
            return library.Response(answer.status_code, content=answer.content, headers=answer.headers)

        mock = library.MockTransport(answer_as_that_region_does)
        clients = {
            "http_client": library.Client(transport=mock),
            "async_http_client": library.AsyncClient(transport=mock),
        }
        error: Any = make(base_url=own, api_key="sk-test-of-the-other", **clients).attempt("hi").error
    assert isinstance(error, KimiAuthenticationError)
    assert f"takes keys of {consoles[own]} only" in str(error)
    assert f"if yours is from {consoles[other]}, pass base_url={other!r}" in str(error)
    assert "sk-test-of-the-other" not in str(error)


@pytest.mark.ways("plain", "astreamed")
def test_a_key_of_the_coding_plan_is_named_as_such(kimi: Emulator, make: Make) -> None:
    text = "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, etc."
    kimi.script(Failure(403, "access_terminated_error", text))
    error = make().attempt("hi").error
    assert isinstance(error, KimiPermissionError)
    assert "works only in Kimi Code" in str(error)
    assert len(kimi.requests) == 1
