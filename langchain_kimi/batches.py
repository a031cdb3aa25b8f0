"""`KimiBatch`: LangChain inputs answered as a batch, at 60 % of the price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence

from kimi_api import KimiClient, KimiInputError, Reply
from kimi_api.batches import BatchObject, BatchResult
from kimi_api.batches._run import BatchRun
from kimi_api.request import ChatRequest
from langchain_kimi._from_reply import chat_result
from langchain_kimi.chat_models import ChatKimi

__all__ = ["BatchObject", "BatchResult", "KimiBatch"]


class KimiBatch(BatchRun[Any, Any]):
    """A `ChatKimi`, or a chain around one, answering many inputs as a batch within hours.

    ```python
    from langchain_kimi import ChatKimi, KimiBatch

    batch = KimiBatch(ChatKimi(model="kimi-k2.6")).submit({"a": "Name a tide.", "b": "Name a moon."})
    print(batch.ids)  # in another process: KimiBatch.from_id(llm, *ids)
    answers = batch.poll_until_done().results()
    answers["a"].content
    ```

    The results are a dict in the order of the inputs: what `invoke` would have answered, or, as with
    `batch(return_exceptions=True)`, the exception it would have raised. Bound tools and other arguments, structured
    output, prompts in front and parsers behind the model do their part: `prompt | llm.bind_tools(...)`,
    `llm.with_structured_output(Schema)`. Prompts run when it is submitted, parsers when the results are read, both in
    this process. Callbacks and caches of the model do not see a batch; usage is in each message.

    Args:
        chain: the model, a binding of it, or a sequence with one model in it. A sequence needs the same chain again to
            be resumed.
        completion_window: "12h" to "7d"; what is not answered by then is not answered at all.
        metadata: up to 16 pairs of texts that the platform keeps with the batch.
        show_progress: a bar while waiting.
        max_requests: make several batches when there are more; a file of more than 100 MB is split in any case.

    Raises:
        KimiInputError: no model, several, or one inside something that a batch cannot run (fallbacks, branches).
    """

    def __init__(
        self,
        chain: Runnable[Any, Any],
        *,
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        show_progress: bool = False,
        max_requests: int | None = None,
    ) -> None:
        super().__init__(
            completion_window=completion_window,
            metadata=metadata,
            show_progress=show_progress,
            max_requests=max_requests,
        )
        self._steps_before, self._llm, self._arguments, self._steps_after = _split_chain(chain)

    @classmethod
    def from_id(cls, chain: Runnable[Any, Any], *ids: str, show_progress: bool = False) -> Self:
        """A batch that was submitted earlier, in this process or another, by the `ids` it had."""
        return cls(chain, show_progress=show_progress)._resume(ids)

    def _client(self) -> KimiClient:
        return self._llm.client

    def _any_model(self) -> bool:
        return self._llm.unsupported == "send" or self._llm.dialect != "platform"

    def _request(self, item: Any) -> ChatRequest:  # noqa: ANN401 - the input of a chain
        for step in self._steps_before:
            item = step.invoke(item)
        arguments = dict(self._arguments)
        return self._llm._request(_messages(item), arguments.pop("stop", None), arguments, stream=False)[0]

    def _output(self, reply: Reply, request: ChatRequest | None) -> object:
        answer: Any = chat_result(reply, model=reply.model or self._llm.model).generations[0].message
        if self._llm.output_version == "v1":  # as core does behind `_generate`
            metadata = {**answer.response_metadata, "output_version": "v1"}
            answer = answer.model_copy(update={"content": answer.content_blocks, "response_metadata": metadata})
        for step in self._steps_after:
            answer = step.invoke(answer)
        return answer


Parts = tuple[Sequence[Runnable[Any, Any]], ChatKimi, dict[str, Any], Sequence[Runnable[Any, Any]]]


def _split_chain(chain: Runnable[Any, Any]) -> Parts:
    """What comes before the model, the model, the arguments bound to it, and what comes behind it."""
    steps = chain.steps if isinstance(chain, RunnableSequence) else [chain]
    models = [(place, *bound) for place, step in enumerate(steps) if (bound := _bound_model(step)) is not None]
    if len(models) == 1:
        place, llm, arguments = models[0]
        return steps[:place], llm, arguments, steps[place + 1 :]
    raise KimiInputError(
        "chain",
        type(chain).__name__,
        "it is a ChatKimi, a binding of one (bind_tools, bind), or a sequence with exactly one of them in it "
        "(prompt | llm | parser, with_structured_output without include_raw)",
        "pass the model itself, and run the rest of the chain on the results",
    )


def _bound_model(step: Runnable[Any, Any]) -> tuple[ChatKimi, dict[str, Any]] | None:
    """The model in a binding of a binding, with all arguments; the outer ones win."""
    arguments: dict[str, Any] = {}
    while isinstance(step, RunnableBinding):
        arguments = {**step.kwargs, **arguments}
        step = step.bound
    return (step, arguments) if isinstance(step, ChatKimi) else None


def _messages(inputs: LanguageModelInput) -> list[BaseMessage]:
    """The messages of what `invoke` takes: a prompt's value, a text, or messages in any of LangChain's forms."""
    if isinstance(inputs, PromptValue):
        return inputs.to_messages()
    if isinstance(inputs, str):
        return [HumanMessage(inputs)]
    if isinstance(inputs, Sequence):
        return convert_to_messages(inputs)
    raise KimiInputError(
        "input", inputs, "it is a text, a list of messages or a prompt value", "pass what llm.invoke takes"
    )
