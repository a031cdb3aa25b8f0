"""Kimi where LangChain wants a chat model: made by name, configured at run time, with retries, fallbacks, a cache."""

from __future__ import annotations

from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.exceptions import ModelNotFoundError, ModelRateLimitError
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField

import langchain_kimi
from examples.connection import connection
from examples.console import ANSWER, line
from kimi_emulator import Emulator
from langchain_kimi import ChatKimi

QUESTION = "Why is the sky blue?"


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Print and return what each part shows."""
    results: dict[str, Any] = {}

    def show(label: str, value: Any) -> None:
        results[label] = value
        line(label, str(value), ANSWER)

    langchain_kimi.register()  # nothing is registered by importing
    by_name = init_chat_model(f"kimi:{settings['model']}", **{k: v for k, v in settings.items() if k != "model"})
    prompt = ChatPromptTemplate.from_messages([("system", "Answer in {language}."), ("user", "{question}")])
    answer = (prompt | by_name).invoke({"language": "Finnish", "question": QUESTION})
    show("init_chat_model", answer.response_metadata["model_name"])

    llm = ChatKimi(**settings).configurable_fields(model=ConfigurableField("model"))
    answer = llm.invoke(QUESTION, config={"configurable": {"model": "kimi-k2.6"}})
    show("configurable_fields", answer.response_metadata["model_name"])

    gone = ChatKimi(**dict(settings, model="kimi-latest"))  # retired in January 2026
    answer = gone.with_fallbacks([ChatKimi(**settings)], exceptions_to_handle=(ModelNotFoundError,)).invoke(QUESTION)
    show("with_fallbacks", answer.response_metadata["model_name"])

    counter = UsageMetadataCallbackHandler()
    cached = ChatKimi(cache=InMemoryCache(), callbacks=[counter], **settings)
    same = cached.invoke(QUESTION).content_blocks == cached.invoke(QUESTION).content_blocks
    show("the cached answer is the same, thinking too", same)
    show("tokens, counted by a callback", sum(count["total_tokens"] for count in counter.usage_metadata.values()))

    answers = ChatKimi(**settings).batch(["One?", "Two?", "Three?"], config={"max_concurrency": 2})
    show("batch", len(answers))
    show("with_retry", count_requests())
    return results


def count_requests() -> int:
    """How many requests it took; on an emulator, since a platform that is busy cannot be ordered."""
    with Emulator() as busy:
        busy.fail("http.429_overloaded", "http.429_overloaded")
        llm = ChatKimi(base_url=busy.base_url, api_key=busy.api_key, max_retries=0)  # or leave the retries to ChatKimi
        patient = llm.with_retry(
            retry_if_exception_type=(ModelRateLimitError,),
            stop_after_attempt=3,
            exponential_jitter_params={"initial": 0.05, "jitter": 0.05},
        )
        patient.invoke(QUESTION)
        return len(busy.requests)


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
