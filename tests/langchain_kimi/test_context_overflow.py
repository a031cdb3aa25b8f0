"""A conversation that no longer fits: what shortens it acts on the error, whichever host said so in whatever words."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage

from kimi_emulator import Emulator, Failure, Reply
from langchain_kimi import ChatKimi

PLATFORM = "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)"
LLAMA_CPP = "request (40962 tokens) exceeds the available context size (32768 tokens), try increasing it"
VLLM = (
    "This model's maximum context length is 32768 tokens. However, your request has 40962 input tokens. "
    "Please reduce the length of the input messages."
)
SGLANG = "The input (40962 tokens) is longer than the model's context length (32768 tokens)."
OPENAI = "Your input exceeds the context window of this model. Please adjust your input and try again."


def of_openai(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": 400, **more}}


HOSTS: dict[str, tuple[str, str | dict[str, Any]]] = {
    "platform": ("platform", of_openai(PLATFORM)),
    "llama.cpp": ("openai", of_openai(LLAMA_CPP, type="exceed_context_size_error", n_prompt_tokens=40962, n_ctx=32768)),
    "vLLM": ("vllm", of_openai(VLLM, type="BadRequestError")),
    "SGLang": ("vllm", {"object": "error", "message": SGLANG, "type": "BadRequestError", "param": None, "code": 400}),
    "OpenAI": ("openai", of_openai(OPENAI, code="context_length_exceeded")),
}
WORDS = "words " * 300
HISTORY = [cls(f"Turn {number}: {WORDS}") for number in range(12) for cls in (HumanMessage, AIMessage)]


def refusal(host: str) -> Failure:
    return Failure(400, body=HOSTS[host][1])


def model_at(kimi: Emulator, host: str) -> ChatKimi:
    return ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key, dialect=HOSTS[host][0], context_window=20_000)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_langchains_summaries_are_asked_for_again_with_less(
    kimi: Emulator, host: str, asynchronous: bool
) -> None:
    middleware = SummarizationMiddleware(
        model_at(kimi, host), trigger=("messages", 10), keep=("messages", 2), trim_tokens_to_summarize=None
    )
    if "_overflow_retry_prompt" not in vars(SummarizationMiddleware):
        pytest.skip("came with langchain 1.5")
    kimi.script(refusal(host), Reply(content="They talked of words."))
    state: Any = {"messages": [message.model_copy(update={"id": str(n)}) for n, message in enumerate(HISTORY)]}
    if asynchronous:
        update = await middleware.abefore_model(state, None)  # type: ignore[arg-type]
    else:
        update = middleware.before_model(state, None)  # type: ignore[arg-type]
    assert update is not None
    assert "They talked of words." in update["messages"][1].text
    refused, shortened = (len(body["messages"][0]["content"]) for body in kimi.chats)
    assert shortened < refused * 0.7


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_deep_agent_sums_its_thread_up_and_goes_on(kimi: Emulator, host: str, asynchronous: bool) -> None:
    deepagents = pytest.importorskip("deepagents")
    agent = deepagents.create_deep_agent(model=model_at(kimi, host))
    kimi.script(refusal(host), Reply(content="They talked of words."), Reply(content="Done."))
    question = {"messages": [*HISTORY, HumanMessage("And now?")]}
    state = await agent.ainvoke(question) if asynchronous else agent.invoke(question)
    assert state["messages"][-1].text == "Done."
    first, *_, last = kimi.chats
    assert len(last["messages"]) < len(first["messages"])
    assert "They talked of words." in str(last["messages"])


@pytest.mark.parametrize("host", HOSTS)
def test_where_nothing_shortens_it_the_error_is_cores(kimi: Emulator, host: str) -> None:
    kimi.script(refusal(host))
    with pytest.raises(ContextOverflowError):
        model_at(kimi, host).invoke(HISTORY)
