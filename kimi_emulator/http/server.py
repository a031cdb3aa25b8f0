"""The emulator as an object: a server in a thread of its own, and what it saw."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Literal, Self

from kimi_emulator.brain import Brain, DefaultBrain
from kimi_emulator.dialects import Dialect, dialect_named
from kimi_emulator.faults import FaultQueue
from kimi_emulator.http.app import build_app
from kimi_emulator.http.calls import Service
from kimi_emulator.http.serving import Served, Serving
from kimi_emulator.http.transport import connection_class
from kimi_emulator.inspector import Traffic, transcript
from kimi_emulator.model_server import ModelServer
from kimi_emulator.platform.batches import ENDPOINT, Batch
from kimi_emulator.platform.clock import Clock
from kimi_emulator.platform.files import StoredFile
from kimi_emulator.platform.state import ReceivedRequest, Report, State
from kimi_emulator.script import Failure, Fault, Kind, Reply
from kimi_emulator.settings import BATCH_MODELS, TIERS, Limits, RateLimits, Settings

__all__ = ["Emulator"]


class Emulator(Served):
    """A local Kimi server: not Moonshot's service, its answers are made by rules.

    Use it as a context manager, or call ``start`` and ``stop``::

        with Emulator() as kimi:
            client = Client(base_url=kimi.base_url, api_key=kimi.api_key)

    * ``api_key``: the only key that is let in; None is an obvious test key, one for each ``region``.
    * ``port``: 0 takes a free one. ``host`` is the loopback address unless you say otherwise.
    * ``brain``: makes up answers when no script is queued; None is the rule-made default.
    * ``model_server``: the address of a server with OpenAI's chat completions (Ollama, llama.cpp, vLLM, LM Studio)
      whose model answers in place of the rules, such as "http://127.0.0.1:11434/v1"; ``model_server_model`` names the
      model (None: the first that it lists), ``model_server_key`` a key if it wants one.
    * ``chunk_size``: characters per streamed piece; None streams word by word.
    * ``today``: the day that decides which models exist, a date or ``"2027-01-02"``; None is the real date.
    * ``k3_requires_reasoning``: refuse K3 tool-call messages without thinking, as K2.x does (unsettled live).
    * ``pending_polls``: how often a new file must be asked for before it is parsed.
    * ``tier``: 0 to 5 sets that tier's rate limits, a ``RateLimits`` its own; None has no limits.
    * ``balance``: USD on the account, used up by answers; None never runs out.
    * ``region``: "ai" or "cn" takes that region's key and refuses the other's.
    * ``retired``: let models answer that have been switched off; they answer 404 otherwise.
    * ``models``: the ids this account may see, all others answer 404; None sees all.
    * ``mfjs``: which schemas are refused: "live" those that the platform was seen to refuse, "strict" all that
      Moonshot's published checker refuses at that level, "ultra" also every keyword that the written dialect lacks.
    * ``k3_named_choice``: K3 answers a named ``tool_choice`` with 400 ("refuse") or overlooks it ("ignore"); it was
      reported both ways.
    * ``histories``: "strict" refuses earlier tool calls whose arguments are not a JSON object, as vLLM, SGLang and
      llama.cpp do; "lenient" notes them in ``report``.
    * ``batch_seconds``: how long a batch is in progress, by ``clock``; with 0 it moves on whenever it is asked for.
    * ``batch_models``: the ids that a batch may name; sources differ on K2.7-code.
    * ``inspector``: serve the page at ``/`` that shows the traffic.
    * ``origins``: web pages whose scripts may call this server, such as "https://app.example" ("*" for all); pages of
      this machine always may.
    * ``vocabulary``: the path of a ``tiktoken.model`` of Moonshot's open weights, to count texts exactly (extra
      ``tokenizer``); None estimates.
    * ``dialect``: the API's form at another host of the models, by its name in ``DIALECTS`` or as a ``Dialect``.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        brain: Brain | None = None,
        model_server: str | None = None,
        model_server_model: str | None = None,
        model_server_key: str | None = None,
        chunk_size: int | None = None,
        today: date | str | None = None,
        k3_requires_reasoning: bool = False,
        pending_polls: int = 0,
        limits: Limits | None = None,
        tier: int | RateLimits | None = None,
        balance: float | None = None,
        region: Literal["ai", "cn"] | None = None,
        dialect: Dialect | str = "platform",
        retired: bool = False,
        models: Iterable[str] | None = None,
        mfjs: Literal["live", "strict", "ultra"] = "live",
        k3_named_choice: Literal["refuse", "ignore"] = "refuse",
        histories: Literal["lenient", "strict"] = "lenient",
        batch_seconds: float = 0.0,
        batch_models: Iterable[str] = BATCH_MODELS,
        inspector: bool = True,
        origins: Iterable[str] = (),
        vocabulary: str | os.PathLike[str] | None = None,
    ) -> None:
        if not 0 <= port <= 65_535:
            raise ValueError(f"a port is a number from 0 to 65535, not {port}")
        if chunk_size is not None and chunk_size < 1:
            raise ValueError("chunk_size must be at least 1")
        if isinstance(tier, int) and not 0 <= tier < len(TIERS):
            raise ValueError(f"tier is a number from 0 to {len(TIERS) - 1}")
        for name, value, known in (
            ("mfjs", mfjs, ("live", "strict", "ultra")),
            ("k3_named_choice", k3_named_choice, ("refuse", "ignore")),
            ("histories", histories, ("lenient", "strict")),
            ("region", region, (None, "ai", "cn")),
        ):
            if value not in known:
                raise ValueError(f"{name} is one of {', '.join(map(repr, known))}, not {value!r}")
        if model_server is not None:
            if brain is not None:
                raise ValueError("brain and model_server exclude each other: both make up the answers")
            brain = ModelServer(model_server, model_server_model, model_server_key)
        settings = Settings(
            api_key=api_key or ("sk-test-emulator" if region is None else f"sk-test-emulator-{region}"),
            today=_day(today),
            k3_requires_reasoning=k3_requires_reasoning,
            pending_polls=pending_polls,
            chunk_size=chunk_size,
            limits=limits or Limits(),
            rates=TIERS[tier] if isinstance(tier, int) else tier or RateLimits(),
            balance=balance,
            dialect=dialect_named(dialect),
            retired=retired,
            models=None if models is None else frozenset(models),
            mfjs=mfjs,
            k3_named_choice=k3_named_choice,
            histories=histories,
            batch_seconds=batch_seconds,
            batch_models=frozenset(batch_models),
            inspector=inspector,
            origins=(origins,) if isinstance(origins, str) else tuple(origins),
        )
        self._state, self._faults, self._traffic = State(settings, vocabulary), FaultQueue(), Traffic()
        self._service = Service(self._state, brain or DefaultBrain(), self._faults, self._traffic)
        self._wanted = (host, port)
        self._serving = Serving(lambda: build_app(self._service), http=connection_class(self._faults))

    # -- running ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen and serve from a thread of its own; returns when requests are answered."""
        if self._serving.running:
            raise RuntimeError("the emulator is running already")
        self._serving.listen(*self._wanted)
        return self

    def stop(self) -> None:
        """Stop serving, also with connections still open, and delete uploaded files. Harmless when not running."""
        self._serving.close()
        self._state.files.clear()

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse connections for as long as a ``with`` block lasts, and cut those that are open.

        Nothing is forgotten, and the address stays the same: a client that tries again afterwards finds its answer.
        """
        if not self._serving.running:
            raise RuntimeError("the emulator is not running")
        self._serving.close()
        try:
            yield
        finally:
            self._serving.listen(*self._serving.address)

    # -- what a client needs ----------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """The address to give a client, with its ``/v1``."""
        host, port = self._serving.address
        return f"http://{host}:{port}/v1"

    @property
    def inspector_url(self) -> str:
        """The page that shows live traffic, for a browser on this machine."""
        return self.base_url.removesuffix("v1")

    @property
    def api_key(self) -> str:
        """The key that is let in; obviously not a real one."""
        return self._state.settings.api_key

    # -- what a test needs ------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Everything received, refused requests included, in order of arrival."""
        return self._state.requests

    @property
    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chat requests."""
        return [r.json for r in self.requests if r.path == ENDPOINT and isinstance(r.json, dict)]

    @property
    def replies(self) -> list[dict[str, Any]]:
        """The assistant messages given out, in order (failures are not among them)."""
        return self._state.replies

    @property
    def report(self) -> list[Report]:
        """What was let through though the documents forbid it."""
        return self._state.report

    @property
    def refusals(self) -> list[Report]:
        """What was refused, and by which rule (scripted failures are not among them)."""
        return self._state.refusals

    @property
    def transcript(self) -> str:
        """The exchanges as a text for people: what was asked, called and answered, and what rules said of it.

        The newest 500, from the oldest to the newest; "" with ``inspector=False``.
        """
        return transcript(self._traffic, self._state)

    @property
    def files(self) -> dict[str, StoredFile]:
        """Stored files by id."""
        return self._state.files.by_id()

    @property
    def batches(self) -> dict[str, Batch]:
        """Batches by id, the newest first."""
        return self._state.batches.by_id()

    @property
    def pending(self) -> list[Reply | Failure]:
        """Scripted answers that no request has used yet."""
        return self._state.pending()

    def script(self, *items: Reply | Failure) -> None:
        """Queue answers: each is used by one chat request that passes the checks; then the brain answers again."""
        self._state.script(*items)

    def fail(self, *faults: Fault | str, step: int | None = None) -> None:
        """Queue faults, by id in ``FAULTS``: each applies to one request of a kind that it can change.

        Faults that only change an answer use up a scripted reply; errors in its place leave it for the next request.
        With ``step`` 3 they meet the third request that faults can meet (see ``steps``), or none.
        """
        self._faults.add(*faults, step=step)

    def fail_at_rate(self, rate: float, *faults: Fault | str, seed: int = 0) -> None:
        """Let a share ``rate`` of all requests suffer one of ``faults``, the same ones each time for one ``seed``."""
        self._faults.at_rate(rate, *faults, seed=seed)

    @property
    def steps(self) -> list[Kind]:
        """The kinds of the requests that faults can meet, in order: "plain" and "stream" (chats), "upload", ..."""
        return self._faults.steps()

    @property
    def pending_faults(self) -> list[str]:
        """Ids of queued faults that no request has met yet."""
        return self._faults.waiting()

    @property
    def clock(self) -> Clock:
        """The emulator's time, which ``kimi.clock.advance(60)`` moves on: rate limits recover, silences end."""
        return self._state.clock

    @property
    def balance(self) -> float | None:
        """USD left on the account; None when money plays no part."""
        return self._state.account.balance

    def reset(self) -> None:
        """Forget requests, replies, reports, refusals, the script, faults, files, the cache and what was used up."""
        for part in (self._state, self._faults, self._traffic):
            part.clear()


def _day(value: date | str | None) -> date | None:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"today is a date, or one as YYYY-MM-DD, not {value!r}") from None
