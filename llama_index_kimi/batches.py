"""`KimiBatch`: LlamaIndex chats answered as a batch, at 60 % of the price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.llms.structured_llm import StructuredLLM

from kimi_api import KimiClient, KimiInputError, Reply
from kimi_api.batches import BatchObject, BatchResult
from kimi_api.batches._run import BatchRun
from kimi_api.request import ChatRequest
from llama_index_kimi._from_reply import to_response
from llama_index_kimi._structured import call_arguments, parse_answer
from llama_index_kimi.llm import Kimi

__all__ = ["BatchObject", "BatchResult", "KimiBatch"]

Chat = str | ChatMessage | Sequence[ChatMessage]
"""A text or a message from the user, or a whole conversation."""


class KimiBatch(BatchRun[Chat, ChatResponse]):
    """A `Kimi`, answering many chats as a batch within hours.

        from llama_index_kimi import Kimi, KimiBatch

        batch = KimiBatch(Kimi("kimi-k2.6")).submit({"a": "Name a tide.", "b": "Name a moon."})
        print(batch.ids)                    # in another process: KimiBatch.from_id(llm, *ids)
        answers = batch.poll_until_done().results()
        print(answers["a"].message.content)

    The results are a dict in the order of the inputs: the `ChatResponse` that `chat` would have given, or the exception
    it would have raised. `llm.as_structured_llm(Model)` gives responses whose `raw` is a `Model`; tools go as an
    argument (`tools=[...]`), and `llm.get_tool_calls_from_response` finds the calls. Callbacks and events of the model
    do not see a batch; usage is in each response.

    Args:
        llm: the model, or what `as_structured_llm` made of it.
        completion_window: "12h" to "7d"; what is not answered by then is not answered at all.
        metadata: up to 16 pairs of texts that the platform keeps with the batch.
        show_progress: a bar while waiting.
        max_requests: make several batches when there are more; a file of more than 100 MB is split in any case.
        arguments: what `llm.chat` takes per call, for every request: `tools`, `tool_choice`, `max_tokens`, ...

    Raises:
        KimiInputError: another kind of model, or an unknown argument.
    """

    def __init__(
        self,
        llm: Kimi | StructuredLLM,
        *,
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        show_progress: bool = False,
        max_requests: int | None = None,
        **arguments: Any,  # noqa: ANN401 - of each call; `metadata` is the batch's own here
    ) -> None:
        super().__init__(
            completion_window=completion_window,
            metadata=metadata,
            show_progress=show_progress,
            max_requests=max_requests,
        )
        self._output_cls = llm.output_cls if isinstance(llm, StructuredLLM) else None
        inner = llm.llm if isinstance(llm, StructuredLLM) else llm
        if not isinstance(inner, Kimi):
            raise KimiInputError("llm", type(inner).__name__, "it is a Kimi", "pass Kimi(...), or a structured one")
        self._llm = inner
        self._arguments = arguments if self._output_cls is None else call_arguments(self._output_cls, arguments)

    @classmethod
    def from_id(
        cls,
        llm: Kimi | StructuredLLM,
        *ids: str,
        show_progress: bool = False,
        **arguments: Any,  # noqa: ANN401 - as above
    ) -> Self:
        """A batch that was submitted earlier, in this process or another, by the `ids` it had."""
        return cls(llm, show_progress=show_progress, **arguments)._resume(ids)

    def _client(self) -> KimiClient:
        return self._llm._connect()

    def _any_model(self) -> bool:
        return self._llm.unsupported == "send" or self._llm.dialect != "platform"

    def _request(self, item: Chat) -> ChatRequest:
        if isinstance(item, str):
            item = ChatMessage(role=MessageRole.USER, content=item)
        messages = [item] if isinstance(item, ChatMessage) else list(item)
        return self._llm._prepare(messages, self._arguments)[0]

    def _output(self, reply: Reply, request: ChatRequest | None) -> ChatResponse:
        response = to_response(reply, tool_names=request.tool_names if request is not None else None)
        if self._output_cls is None:
            return response
        # As core's StructuredLLM has it: the object in `raw`, and its JSON as the message.
        parsed = parse_answer(self._output_cls, response)
        message = ChatMessage(role=MessageRole.ASSISTANT, content=parsed.model_dump_json())
        return ChatResponse(message=message, raw=parsed, additional_kwargs=response.additional_kwargs)
