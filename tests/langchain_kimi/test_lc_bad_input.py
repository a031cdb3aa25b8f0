"""Mistakes: each error names the value, the rule and what to do, before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import ValidationError

from kimi_api import KimiInputError, KimiKeyError, KimiWarning
from kimi_emulator import Emulator
from langchain_kimi import ChatKimi, partial_message

USER = HumanMessage("hello")
NAMELESS = {"type": "function", "function": {"description": "no name", "parameters": {"type": "object"}}}
CALL = {"name": "f", "args": {}, "id": "c1"}


def complete(error: KimiInputError, value: str) -> None:
    text = str(error)
    assert value in text
    assert value in repr(error.value)
    assert error.rule
    assert error.rule in text
    assert error.remedy
    assert error.remedy in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, "None"),
        ("", "''"),
        ("   ", "'   '"),
        ("sk-secret-one\nsk-secret-two", "line break"),
        ("sk secret", "blank"),
        ("sk-sécret", "unprintable"),
    ],
)
def test_unusable_keys(kimi: Emulator, key: str | None, value: str) -> None:
    with pytest.raises(KimiKeyError) as caught:
        ChatKimi(base_url=kimi.base_url, api_key=key)
    complete(caught.value, value)
    assert "secret" not in str(caught.value)
    assert kimi.requests == []


def test_key_function_that_gives_no_key(kimi: Emulator) -> None:
    llm = ChatKimi(base_url=kimi.base_url, api_key=lambda: "")
    with pytest.raises(KimiKeyError):
        llm.invoke("hello")
    assert kimi.requests == []


CASES: list[Any] = [
    pytest.param({"model": "kimi-k9", "unsupported": "error"}, [USER], {}, "kimi-k9", id="unknown model"),
    pytest.param({"model": "kimi k3"}, [USER], {}, "kimi k3", id="model with a blank"),
    pytest.param({}, [partial_message("{"), USER], {}, "partial", id="partial message not last"),
    pytest.param({}, [USER], {"tools": [NAMELESS]}, "None", id="tool without a name"),
    pytest.param({}, [USER], {"tools": [{"type": "function", "function": {"name": "2x"}}]}, "2x", id="tool name"),
    pytest.param({}, [], {}, "[]", id="no messages"),
    pytest.param({}, [USER, AIMessage("", tool_calls=[CALL]), USER], {}, "f (c1)", id="unanswered call"),
    pytest.param({"reasoning_effort": "huge"}, [USER], {}, "huge", id="unknown effort"),
    pytest.param({"max_tokens": 0}, [USER], {}, "0", id="no budget"),
    pytest.param({"dialect": "klingon"}, [USER], {}, "klingon", id="unknown dialect"),
    pytest.param({}, [USER], {"temprature": 1}, "temprature", id="misspelt argument of a call"),
    pytest.param({}, [USER], {"stop": list("abcdef")}, "'f'", id="too many stops"),
    pytest.param({}, [USER], {"stop": 3}, "3", id="stop that is no text"),
    pytest.param({}, [USER], {"extra_body": 3}, "3", id="extra_body that is no dict"),
    pytest.param({}, [USER], {"repair": "all"}, "all", id="unknown repair in a call"),
    pytest.param({}, [USER], {"unsupported": "ignore"}, "ignore", id="unknown habit in a call"),
    pytest.param({}, [USER], {"base_url": "https://x.org/v1"}, "base_url", id="another host for one call"),
    pytest.param(
        {}, [HumanMessage([{"type": "image", "url": "https://x.org/a.png"}])], {}, "https://x.org", id="web image"
    ),
    pytest.param(
        {},
        [partial_message("{")],
        {"response_format": {"type": "json_object"}},
        "json_object",
        id="partial and JSON mode",
    ),
    pytest.param({}, [USER], {"tool_choice": "f"}, "'f'", id="forced tool that is not there"),
]


@pytest.mark.parametrize(("fields", "messages", "call", "value"), CASES)
@pytest.mark.parametrize("path", ["invoke", "stream", "ainvoke", "astream"])
def test_mistakes(
    kimi: Emulator,
    make: Callable[..., ChatKimi],
    fields: dict[str, Any],
    messages: list[Any],
    call: dict[str, Any],
    value: str,
    path: str,
    recwarn: pytest.WarningsRecorder,
) -> None:
    import warnings

    warnings.simplefilter("ignore", KimiWarning)  # the unknown model also warns when the profile is looked up
    llm = make(**fields)

    async def astream() -> None:
        async for _ in llm.astream(messages, **call):
            pass

    paths: dict[str, Callable[[], Any]] = {
        "invoke": lambda: llm.invoke(messages, **call),
        "stream": lambda: list(llm.stream(messages, **call)),
        "ainvoke": lambda: asyncio.run(llm.ainvoke(messages, **call)),
        "astream": lambda: asyncio.run(astream()),
    }
    with pytest.raises(KimiInputError) as caught:
        paths[path]()
    complete(caught.value, value)
    assert kimi.requests == []


def test_unknown_model_warns_and_the_servers_refusal_says_what_to_do(
    kimi: Emulator, make: Callable[..., ChatKimi]
) -> None:
    from langchain_core.exceptions import ModelNotFoundError

    with pytest.warns(KimiWarning, match=r"'kimi-k9' is not in the catalogue"):
        llm = make(model="kimi-k9")
    with pytest.raises(ModelNotFoundError, match=r"404.*kimi-k9.*What to do: .*kimi-k3"):
        llm.invoke("hello")
    assert len(kimi.requests) == 1


@pytest.mark.parametrize(
    ("name", "near"),
    [("temprature", "temperature"), ("max_token", "max_tokens"), ("modle", "model"), ("thinkng", "thinking")],
)
def test_misspelt_constructor_name_suggests_the_nearest(name: str, near: str) -> None:
    with pytest.raises(KimiInputError, match=f"did you mean '{near}'"):
        ChatKimi(api_key="sk-test", **{name: 1})


def test_unknown_constructor_name_points_to_extra_body() -> None:
    with pytest.raises(KimiInputError, match="extra_body") as caught:
        ChatKimi(api_key="sk-test", zzz=1)
    assert caught.value.value == "zzz"


def test_wrong_types_do_not_print_the_input() -> None:
    with pytest.raises(ValidationError) as caught:
        ChatKimi(api_key=["sk-secret"], temperature="hot", timeout="soon")
    assert "secret" not in str(caught.value)


def test_a_key_for_one_call_is_refused_without_showing_it(kimi: Emulator, llm: ChatKimi) -> None:
    with pytest.raises(KimiInputError, match="it belongs to the model, not to one call") as caught:
        llm.invoke("hello", api_key="sk-test-another")
    assert "sk-test-another" not in str(caught.value)
    assert "extra_body" not in str(caught.value)  # the place where a key would be sent to the model
    assert kimi.requests == []


@pytest.mark.parametrize(
    ("method", "given"),
    [("function_calling", "tool_choice"), ("function_calling", "tools"), ("json_schema", "response_format")],
)
def test_what_a_schema_decides_cannot_be_given_beside_it(llm: ChatKimi, method: Any, given: str) -> None:
    with pytest.raises(KimiInputError, match=f"^{given}: .*method '{method}' sets it from the schema"):
        llm.with_structured_output({"title": "T", "type": "object"}, method=method, **{given: "auto"})


def test_tools_that_no_schema_can_be_made_of() -> None:
    with pytest.raises(KimiInputError) as caught:
        ChatKimi(api_key="sk-test").bind_tools([{"description": "?"}])
    assert caught.value.what == "tools"


def test_nothing_fails_at_bind_time_for_a_models_rules() -> None:
    def f(x: int) -> int:
        """Do it."""
        return x

    for model in ("kimi-k3", "kimi-k2.7-code", "kimi-k2.6"):
        llm = ChatKimi(api_key="sk-test", model=model, unsupported="error")
        choices: list[Any] = ["auto", "none", "any", "required", "f", True, False, None]
        for choice in [*choices, {"type": "function", "function": {"name": "f"}}]:
            bound: Any = llm.bind_tools([f], tool_choice=choice)
            assert bound.kwargs.get("tool_choice") == choice
