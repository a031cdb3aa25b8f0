"""What the `KimiBatch` of both frameworks have in common: a batch as an object. They differ in what goes in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Self, TypeVar, cast

from kimi_api import batches
from kimi_api._warn import former_name
from kimi_api.batches import FIRST_POLL, BatchJob, BatchObject, BatchResult
from kimi_api.client import KimiClient
from kimi_api.errors import KimiInputError
from kimi_api.reply import Reply
from kimi_api.request import ChatRequest

In = TypeVar("In")
Out = TypeVar("Out")


class BatchRun(ABC, Generic[In, Out]):
    """A batch of a framework's model: submitted once, then waited for and read, here or in another process.

    Not safe to share between threads while it is submitted.
    """

    def __init__(
        self,
        *,
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        show_progress: bool = False,
        max_requests: int | None = None,
    ) -> None:
        batches.check_window(completion_window)
        self._submitting: dict[str, Any] = {
            "completion_window": completion_window,
            "metadata": metadata,
            "max_lines": max_requests,
        }
        self._show_progress = show_progress
        self._job: BatchJob | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(ids={self._job.ids if self._job else ()!r})"

    # ------------------------------------------------------------------------- what the frameworks fill in

    @abstractmethod
    def _client(self) -> KimiClient:
        """The connection under the model."""

    @abstractmethod
    def _any_model(self) -> bool:
        """Whether to ignore what the catalogue says about which models batches serve."""

    @abstractmethod
    def _request(self, item: In) -> ChatRequest:
        """The request that a live call would send."""

    @abstractmethod
    def _output(self, reply: Reply, request: ChatRequest | None) -> Out:
        """What a live call would answer."""

    # ------------------------------------------------------------------------- the life of a batch

    @property
    def ids(self) -> tuple[str, ...]:
        """The platform's ids of its batches: more than one when the requests did not fit into one file.

        Raises:
            KimiInputError: nothing was submitted yet.
        """
        return self._require_job().ids

    def submit(self, inputs: Mapping[str, In] | Iterable[In]) -> Self:
        """Upload the requests and make a batch of them. When that fails half-way, nothing is left on the platform.

        Args:
            inputs: by ids of your own, or a list, whose members get the ids "request-1", "request-2", ...

        Raises:
            KimiInputError: something that a batch or the model does not take; nothing was sent.
            KimiAPIError: the platform refused the request, or cannot be reached.
        """
        self._job = batches.submit(self._client(), self._requests_of(inputs), **self._settings())
        return self

    async def asubmit(self, inputs: Mapping[str, In] | Iterable[In]) -> Self:
        """The asynchronous twin of `submit`."""
        self._job = await batches.asubmit(self._client(), self._requests_of(inputs), **self._settings())
        return self

    def poll_until_done(self, *, timeout: float | None = None, poll: float = FIRST_POLL) -> Self:
        """Wait until the platform is done with it, whatever became of it.

        Args:
            timeout: seconds; None waits as long as it takes.
            poll: seconds before asking again, growing to 60.

        Raises:
            KimiBatchError: not done in time. Nothing is lost: wait again.
        """
        batches.poll_until_done(
            self._client(), self._require_job(), timeout=timeout, poll=poll, show_progress=self._show_progress
        )
        return self

    wait = former_name("wait", poll_until_done)

    async def apoll_until_done(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - see `poll_until_done`
        poll: float = FIRST_POLL,
    ) -> Self:
        """The asynchronous twin of `poll_until_done`."""
        client, job = self._client(), self._require_job()
        await batches.apoll_until_done(client, job, timeout=timeout, poll=poll, show_progress=self._show_progress)
        return self

    await_done = former_name("await_done", apoll_until_done)

    def results(self, *, delete_after: bool = False) -> dict[str, Out | Exception]:
        """By id, in the order of the inputs: what a live call would have answered, or the error it would have raised.

        Requests without an answer, in an expired or cancelled batch, have a `KimiBatchError`.

        Args:
            delete_after: remove the input and result files from the platform once they are read.

        Raises:
            KimiBatchError: it is not done yet (call `poll_until_done`), or nothing of it is left.
        """
        return self._outputs(batches.results(self._client(), self._require_job(), delete_after=delete_after))

    async def aresults(self, *, delete_after: bool = False) -> dict[str, Out | Exception]:
        """The asynchronous twin of `results`."""
        return self._outputs(await batches.aresults(self._client(), self._require_job(), delete_after=delete_after))

    def status(self) -> list[BatchObject]:
        """The present state of each of its batches: `status`, counts, times."""
        return [batches.retrieve(self._client(), batch_id) for batch_id in self.ids]

    async def astatus(self) -> list[BatchObject]:
        """The asynchronous twin of `status`."""
        return [await batches.aretrieve(self._client(), batch_id) for batch_id in self.ids]

    def cancel(self) -> Self:
        """Stop it. What is answered by now can be read when it is done: `cancel().poll_until_done().results()`."""
        batches.cancel(self._client(), self._require_job())
        return self

    async def acancel(self) -> Self:
        """The asynchronous twin of `cancel`."""
        await batches.acancel(self._client(), self._require_job())
        return self

    # ------------------------------------------------------------------------- helpers

    def _require_job(self) -> BatchJob:
        if self._job is None:
            raise KimiInputError("batch", None, "nothing was submitted", "call submit, or resume with from_id")
        return self._job

    def _resume(self, ids: tuple[str, ...]) -> Self:
        self._job = BatchJob(ids)
        return self

    def _settings(self) -> dict[str, Any]:
        return {**self._submitting, "any_model": self._any_model()}

    def _requests_of(self, inputs: Mapping[str, In] | Iterable[In]) -> dict[str, ChatRequest]:
        if self._job is not None:
            raise KimiInputError("batch", self._job.ids, "it was submitted already", "create another KimiBatch")
        if isinstance(inputs, str):
            raise KimiInputError("inputs", inputs, "it is a list or a dict of inputs", "put a single one into a list")
        if isinstance(inputs, Mapping):
            by_id = cast("Mapping[str, In]", inputs)
            return {custom_id: self._request(item) for custom_id, item in by_id.items()}
        return {f"request-{number}": self._request(item) for number, item in enumerate(inputs, 1)}

    def _outputs(self, results: Iterable[BatchResult]) -> dict[str, Out | Exception]:
        outputs: dict[str, Out | Exception] = {}
        for result in results:
            if result.error is not None:
                outputs[result.custom_id] = result.error
            elif result.reply is not None:
                try:
                    outputs[result.custom_id] = self._output(result.reply, result.request)
                except Exception as error:
                    # A parser's complaint about one answer must not lose the others, which are paid.
                    outputs[result.custom_id] = error
        return outputs
