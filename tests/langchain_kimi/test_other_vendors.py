"""Other vendors' models beside ours: retries, fallbacks, and histories that cross from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    FunctionMessage,
    HumanMessage,
    ToolMessage,
    convert_to_openai_messages,
)

from kimi_api import KimiWarning
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from langchain_kimi import ChatKimi
from langchain_kimi._to_wire import to_wire
from langchain_kimi.errors import ChatKimiRateLimitError

Make = Callable[..., ChatKimi]

TOOL = {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}}
BUSY = Failure(429, "rate_limit_reached_error", "too many", headers={"retry-after": "0"})


class _Other(GenericFakeChatModel):
    """Another vendor's model, which notes what it is given."""

    prompts: list[list[BaseMessage]] = []  # noqa: RUF012 - a field of pydantic

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        self.prompts.append(messages)
        return super()._generate(messages, *args, **kwargs)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools)


def other(*answers: AIMessage) -> _Other:
    return _Other(messages=iter(answers), prompts=[])


# ------------------------------------------------------------------------------------------------- retries


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_with_retry_on_langchains_own_error_class(kimi: Emulator, make: Make, asynchronous: bool) -> None:
    kimi.script(BUSY, BUSY, Reply(content="Here."))
    llm = make(max_retries=0).with_retry(
        retry_if_exception_type=(ModelRateLimitError,), stop_after_attempt=3, wait_exponential_jitter=False
    )
    answer = await llm.ainvoke("Hello") if asynchronous else llm.invoke("Hello")
    assert answer.text == "Here."
    assert len(kimi.chats) == 3


def test_with_retry_leaves_other_errors_alone(kimi: Emulator, make: Make) -> None:
    llm = make(max_retries=0, api_key="sk-wrong").with_retry(retry_if_exception_type=(ModelRateLimitError,))
    with pytest.raises(Exception, match="401"):
        llm.invoke("Hello")
    assert len(kimi.requests) == 1


# ------------------------------------------------------------------------------------------------- fallbacks


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"])
async def test_another_model_steps_in(kimi: Emulator, make: Make, how: str) -> None:
    kimi.script(BUSY)
    chain = make(max_retries=0).with_fallbacks(
        [other(AIMessage("The other speaks."))], exceptions_to_handle=(ModelRateLimitError,)
    )
    match how:
        case "invoke":
            text = chain.invoke("Hello").text
        case "ainvoke":
            text = (await chain.ainvoke("Hello")).text
        case "stream":
            text = "".join(piece.text for piece in chain.stream("Hello"))
        case "astream":
            text = "".join([piece.text async for piece in chain.astream("Hello")])
        case "batch":
            text = chain.batch(["Hello"])[0].text
        case _:
            text = (await chain.abatch(["Hello"]))[0].text
    assert text == "The other speaks."


def test_one_kimi_model_steps_in_for_another(kimi: Emulator, make: Make) -> None:
    kimi.script(BUSY, Reply(content="From K2.6."))
    chain = make(max_retries=0).with_fallbacks([make(model="kimi-k2.6")])
    assert chain.invoke("Hello").text == "From K2.6."
    assert [chat["model"] for chat in kimi.chats] == ["kimi-k3", "kimi-k2.6"]


def test_bound_tools_go_along(kimi: Emulator, make: Make) -> None:
    kimi.script(BUSY)
    call = {"name": "look", "args": {}, "id": "other_1", "type": "tool_call"}
    chain: Any = make(max_retries=0).with_fallbacks([other(AIMessage("", tool_calls=[call]))])
    answer = chain.bind_tools([TOOL], tool_choice="any").invoke("Hello")
    assert answer.tool_calls[0]["id"] == "other_1"
    assert kimi.chats[0]["tool_choice"] == "required"


def test_when_all_fail_the_first_error_is_raised(kimi: Emulator, make: Make) -> None:
    kimi.script(BUSY, BUSY)
    with pytest.raises(ChatKimiRateLimitError):
        make(max_retries=0).with_fallbacks([make(max_retries=0)]).invoke("Hello")


# ------------------------------------------------------------------------------------------------- their turns to us

ANTHROPIC = AIMessage(
    [
        {"type": "thinking", "thinking": "Signed thoughts.", "signature": "EqQBCgIYAhIM"},
        {"type": "redacted_thinking", "data": "EmwKAhgB"},
        {"type": "text", "text": "I will look."},
        {"type": "tool_use", "id": "toolu_01A", "name": "look", "input": {"at": "the sea"}},
    ],
    tool_calls=[{"name": "look", "args": {"at": "the sea"}, "id": "toolu_01A", "type": "tool_call"}],
    response_metadata={"model_provider": "anthropic", "model_name": "claude"},
    id="msg_01",
)
OPENAI_RESPONSES = AIMessage(
    [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Summed thoughts."}]},
        {"type": "text", "text": "I will look.", "annotations": [], "id": "msg_2"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": '{"at":"the sea"}'},
    ],
    tool_calls=[{"name": "look", "args": {"at": "the sea"}, "id": "call_1", "type": "tool_call"}],
    response_metadata={"model_provider": "openai", "model_name": "gpt"},
)
OPENAI_CHAT = AIMessage(
    "I will look.",
    additional_kwargs={
        "refusal": None,
        "tool_calls": [
            {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": '{"at": "the sea"}'}}
        ],
    },
    tool_calls=[{"name": "look", "args": {"at": "the sea"}, "id": "call_2", "type": "tool_call"}],
    response_metadata={"model_provider": "openai"},
)
DEEPSEEK = AIMessage(
    "I will look.",
    additional_kwargs={"reasoning_content": "Deep thoughts."},
    tool_calls=[{"name": "look", "args": {"at": "the sea"}, "id": "call_00_x", "type": "tool_call"}],
    response_metadata={"model_provider": "deepseek"},
)
STANDARD = AIMessage(
    [
        {"type": "reasoning", "reasoning": "Gemini's thoughts.", "extras": {"signature": "CuUBAdHtim9"}},
        {"type": "text", "text": "I will look."},
        {"type": "tool_call", "id": "g1", "name": "look", "args": {"at": "the sea"}},
    ],
    tool_calls=[{"name": "look", "args": {"at": "the sea"}, "id": "g1", "type": "tool_call"}],
    response_metadata={"model_provider": "google_genai", "output_version": "v1"},
)
FOREIGN = {
    "anthropic": ANTHROPIC,
    "openai-responses": OPENAI_RESPONSES,
    "openai-chat": OPENAI_CHAT,
    "deepseek": DEEPSEEK,
    "v1-blocks": STANDARD,
}


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
@pytest.mark.parametrize("name", FOREIGN)
def test_turns_of_other_vendors_can_be_continued(kimi: Emulator, make: Make, model: str, name: str) -> None:
    turn = FOREIGN[name]
    result = ToolMessage("Waves.", tool_call_id=turn.tool_calls[0]["id"] or "")
    answer = make(model=model).bind_tools([TOOL]).invoke([HumanMessage("Look."), turn, result])
    assert answer.text or answer.tool_calls
    sent = kimi.chats[-1]["messages"][1]
    assert sent["content"] == "I will look."
    (call,) = sent["tool_calls"]
    assert call["id"] == turn.tool_calls[0]["id"] == kimi.chats[-1]["messages"][2]["tool_call_id"]
    assert call["function"]["name"] == "look"
    assert call["type"] == "function"
    assert "the sea" in call["function"]["arguments"]
    # Thoughts of others are not ours to send. On K3 the field is there all the same; on K2.x it must not be empty.
    assert sent["reasoning_content"] == ("" if model == "kimi-k3" else " ")
    assert kimi.refusals == []
    assert turn is FOREIGN[name]


# ------------------------------------------------------------------------------------------------- our turns to them


@pytest.mark.parametrize("streamed", [False, True])
def test_our_turns_mean_the_same_to_others(kimi: Emulator, llm: ChatKimi, streamed: bool) -> None:
    calls = [ToolCall("look", '{ "at":"the sea" }'), ToolCall("look", {"at": "the sky"})]
    kimi.script(Reply(content="I will look.", reasoning="Both, then.", tool_calls=calls))
    bound = llm.bind_tools([TOOL])
    turn: AIMessage = bound.invoke("Look.")
    if streamed:
        kimi.script(Reply(content="I will look.", reasoning="Both, then.", tool_calls=calls))
        pieces: list[Any] = list(bound.stream("Look."))
        turn = pieces[0]
        for piece in pieces[1:]:
            turn = turn + piece  # type: ignore[assignment]
        assert isinstance(turn, AIMessageChunk)
    blocks = turn.content_blocks
    assert [block["type"] for block in blocks] == ["reasoning", "text", "tool_call", "tool_call"]
    (theirs,) = convert_to_openai_messages([turn])  # what classes of the OpenAI kind send
    assert theirs["content"] == "I will look."
    ids = [call["id"] for call in theirs["tool_calls"]]
    assert len(set(ids)) == 2
    assert [call["function"]["name"] for call in theirs["tool_calls"]] == ["look", "look"]


def test_a_history_goes_to_another_model_and_back(kimi: Emulator, make: Make) -> None:
    """Kimi calls a tool, fails on the next turn; another answers; Kimi goes on with the whole history."""
    kimi.script(Reply(reasoning="I need eyes.", tool_calls=[ToolCall("look", {"at": "the sea"})]), BUSY)
    llm = make(max_retries=0)
    stand_in = other(AIMessage("Waves, says the other.", response_metadata={"model_provider": "openai"}))
    chain: Any = llm.with_fallbacks([stand_in]).bind_tools([TOOL])
    history: list[BaseMessage] = [HumanMessage("Look.")]
    history.append(chain.invoke(history))
    history.append(ToolMessage("waves", tool_call_id=history[-1].tool_calls[0]["id"]))  # type: ignore[attr-defined]
    history.append(chain.invoke(history))
    assert history[-1].text == "Waves, says the other."
    assert stand_in.prompts == [history[:3]]
    history.append(HumanMessage("And now?"))
    assert chain.invoke(history).text
    first, second = (m for m in kimi.chats[-1]["messages"] if m["role"] == "assistant")
    assert first["reasoning_content"] == "I need eyes."
    assert second["content"] == "Waves, says the other."
    assert kimi.refusals == []


@pytest.mark.filterwarnings("error")
def test_nothing_is_warned_of_on_the_way(kimi: Emulator, make: Make, recwarn: pytest.WarningsRecorder) -> None:
    make(model="kimi-k2.6").bind_tools([TOOL]).invoke(
        [HumanMessage("Look."), DEEPSEEK, ToolMessage("Waves.", tool_call_id="call_00_x")]
    )
    assert not [warning for warning in recwarn if issubclass(warning.category, KimiWarning)]


# ------------------------------------------------------------------------------------------------- whose turn it is


def turn_of(provider: str | None, model: str | None, **members: Any) -> AIMessage:
    metadata = {"model_provider": provider, "model_name": model}
    return AIMessage(response_metadata={name: value for name, value in metadata.items() if value}, **members)


THOUGHT = [
    {"content": "7", "additional_kwargs": {"reasoning_content": "why"}},
    {"content": "7", "additional_kwargs": {"reasoning": "why"}},
    {"content": [{"type": "reasoning", "reasoning": "why"}, {"type": "text", "text": "7"}]},
    {"content": [{"type": "reasoning", "reasoning": "why", "extras": {"index": 0}}, {"type": "text", "text": "7"}]},
]


@pytest.mark.parametrize("members", THOUGHT, ids=["reasoning_content", "reasoning", "block", "block with extras"])
@pytest.mark.parametrize("provider", ["deepseek", "moonshot", "openai", "openrouter", None])
@pytest.mark.parametrize("model", ["kimi-k3", "moonshotai/kimi-k2.6", "unsloth/Kimi-K2.6-GGUF", "kimi-k9"])
def test_kimis_own_thinking_goes_back_whichever_class_received_it(
    provider: str | None, model: str, members: dict[str, Any]
) -> None:
    (sent,) = to_wire([turn_of(provider, model, **members)])
    assert (sent["content"], sent["reasoning_content"]) == ("7", "why")


@pytest.mark.parametrize(
    ("provider", "model"),
    [("deepseek", "deepseek-reasoner"), ("openai", "gpt-5"), ("anthropic", None), ("openrouter", "x/hakimi-2")],
)
@pytest.mark.parametrize("members", THOUGHT)
def test_another_vendors_thinking_is_not_sent(provider: str, model: str | None, members: dict[str, Any]) -> None:
    (sent,) = to_wire([turn_of(provider, model, **members)])
    assert "reasoning_content" not in sent


@pytest.mark.parametrize("signed", [{"signature": "s"}, {"extras": {"signature": "s"}}, {"extras": {"encrypted": "s"}}])
def test_signed_thinking_is_not_sent_whatever_the_models_name(signed: dict[str, Any]) -> None:
    block = {"type": "reasoning", "reasoning": "why", **signed}
    (sent,) = to_wire([turn_of("openrouter", "moonshotai/kimi-k3", content=[block, {"type": "text", "text": "7"}])])
    assert "reasoning_content" not in sent


def test_a_call_that_a_guard_took_out_stays_out(kimi: Emulator, make: Make) -> None:
    """With v1 output the call stands in a content block as well."""
    kimi.script(Reply(content="Let me look.", tool_calls=[ToolCall("look", {})]))
    llm = make(output_version="v1")
    turn = llm.bind_tools([TOOL]).invoke("?")
    assert any(block["type"] == "tool_call" for block in turn.content_blocks)
    for guarded in (
        turn.model_copy(update={"tool_calls": []}),
        AIMessage(content=turn.content, tool_calls=[], id=turn.id),
    ):
        llm.invoke([HumanMessage("?"), guarded, HumanMessage("Go on.")])
        sent = kimi.chats[-1]["messages"][1]
        assert "tool_calls" not in sent
        assert sent["content"] == "Let me look."
    assert kimi.refusals == []


def test_arguments_and_texts_that_a_guard_changed_go_out_as_it_left_them(kimi: Emulator, make: Make) -> None:
    kimi.script(
        Reply(content="Secret.", tool_calls=[ToolCall("look", {"at": "secret"}), ToolCall("look", {"at": "sea"})])
    )
    llm = make(output_version="v1")
    turn = llm.bind_tools([TOOL]).invoke("?")
    first, second = turn.tool_calls
    blocks = [{**b, "text": ""} if b["type"] == "text" else b for b in turn.content if isinstance(b, dict)]
    edited = turn.model_copy(update={"content": blocks, "tool_calls": [{**second, "args": {"at": "sky"}}]})
    llm.invoke([HumanMessage("?"), edited, ToolMessage("blue", tool_call_id=second["id"])])
    sent = kimi.chats[-1]["messages"][1]
    assert sent["content"] == ""
    assert [call["function"]["arguments"] for call in sent["tool_calls"]] == ['{"at": "sky"}']
    without = turn.model_copy(update={"content": [b for b in blocks if b["type"] != "text"], "tool_calls": [first]})
    llm.invoke([HumanMessage("?"), without, ToolMessage("none", tool_call_id=first["id"])])
    assert kimi.chats[-1]["messages"][1]["content"] == ""
    assert kimi.refusals == []


def test_calls_that_stand_only_in_blocks_of_a_foreign_turn_are_read(kimi: Emulator, make: Make) -> None:
    blocks = [{"type": "tool_call", "id": "x1", "name": "look", "args": {"at": "sea"}}]
    foreign = turn_of("anthropic", "claude", content=blocks)
    make().invoke([HumanMessage("?"), foreign, ToolMessage("blue", tool_call_id="x1")])
    (call,) = kimi.chats[-1]["messages"][1]["tool_calls"]
    assert (call["id"], call["function"]["name"]) == ("x1", "look")
    assert kimi.refusals == []


def test_a_bare_function_call_and_its_function_message_are_read(kimi: Emulator, make: Make) -> None:
    call_turn = AIMessage("", additional_kwargs={"function_call": {"name": "look", "arguments": '{"at": "sea"}'}})
    make().invoke([HumanMessage("?"), call_turn, FunctionMessage(name="look", content="blue"), HumanMessage("So?")])
    turn, answer = kimi.chats[-1]["messages"][1:3]
    assert turn["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at": "sea"}'}
    assert (answer["role"], answer["tool_call_id"]) == ("tool", turn["tool_calls"][0]["id"])
    assert kimi.refusals == []
