"""Many prompts on Ray Data: several workers share one account's limits through Redis, and one of them may die.

    python -m examples.ray_chat --rows 1000 --workers 2 --kill-one

Needs the extra `ray` and a redis-server; `make ray` has both. On the emulator an answer takes a second, twenty may be
under way at once, and the emulator refuses what is more; it is counted how many answers a second are reached.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from examples.console import say
from examples.ray_run import NotesItsProcess, check, cluster, entries, killing, options, redis_server, verdict
from kimi_api import AccountLimits, ChatOptions, KimiClient
from kimi_api.credentials import key_from_environment
from kimi_api.limits import RedisStore
from kimi_api.ray import KimiChat

CONCURRENCY, RPM, TPM = 20, 1_500, 500_000
SECONDS = 1.0
"""How long the emulator thinks about an answer."""

LEASE_SECONDS = 6.0
"""How long the permits of a worker that was killed stay taken. Longer is kinder to a slow network."""

SHARE = 0.85
"""Of the answers a second that the limits allow; for runs that are long enough to tell."""


class Worker(NotesItsProcess, KimiChat):
    """A worker that can be killed."""


class Clock:
    """The emulator's brain: repeats the prompt, and notes when it was asked."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def answer(self, request: Mapping[str, Any], context: Any) -> Any:
        """Repeat the prompt."""
        from kimi_emulator import Reply

        self.times.append(time.monotonic())
        return Reply(content=f"You wrote: {request['messages'][-1]['content']}")

    def rate(self, rows: int) -> float:
        """Rows a second, from the first question to the last answer."""
        return rows / (max(self.times) + SECONDS - min(self.times))


@contextmanager
def service() -> Iterator[tuple[Any, Clock | None, dict[str, Any]]]:
    """The emulator, its brain, and how to reach it; None and the settings of the environment where there is a key."""
    if key_from_environment():
        say("Running on the Kimi platform. Tokens cost money.", "bold")
        yield None, None, {}
        return
    from kimi_emulator import Emulator, Fault, RateLimits

    say("No MOONSHOT_API_KEY is set, so this runs on the local Kimi emulator.", "bold")
    clock = Clock()
    with Emulator(brain=clock, tier=RateLimits(CONCURRENCY, RPM, TPM), inspector=False) as kimi:
        kimi.fail_at_rate(1.0, Fault("example.slow", "An answer takes its time.", "made up", silence=SECONDS))
        yield kimi, clock, {"base_url": kimi.base_url, "api_key": kimi.api_key}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print what came out, and return 0 if all that must hold held."""
    run_options = options(__doc__, 1000, arguments)
    keys = [f"row-{number:05}" for number in range(run_options.rows)]
    prompts = [{"key": key, "prompt": f"What is said about {key}?"} for key in keys]
    with (
        tempfile.TemporaryDirectory() as place,
        service() as (kimi, clock, address),
        redis_server() as redis,
        cluster(run_options.workers) as data,
    ):
        processes, results = Path(place) / "processes", Path(place) / "results"
        processes.mkdir()
        store = RedisStore(redis, lease_seconds=LEASE_SECONDS)
        limits = AccountLimits(CONCURRENCY, RPM, TPM, name="ray-example", store=store)
        settings = {
            "processes": str(processes),
            "client": KimiClient(account_limits=limits, **address),
            "options": ChatOptions(max_tokens=300),
            "key": "key",
            "at_once": CONCURRENCY + 4,  # one worker alone can use all that is allowed
            "results": str(results),
        }
        began = time.monotonic()
        dataset = data.from_items(prompts, override_num_blocks=-(-run_options.rows // run_options.batch)).map_batches(
            Worker,
            fn_constructor_kwargs=settings,
            batch_size=run_options.batch,
            compute=data.ActorPoolStrategy(size=run_options.workers),
        )
        with killing(
            processes, lambda: entries(results), run_options.rows // 2, enabled=run_options.kill_one
        ) as killed:
            rows = dataset.take_all()
        seconds = time.monotonic() - began
    wrong = check(rows, keys)
    say(f"{len(rows)} rows in {seconds:.1f} s, {run_options.workers} workers, {len(killed)} of them killed")
    if run_options.kill_one and not killed:
        wrong.append("no worker was killed")
    if kimi is not None and clock is not None:
        wrong += [f"row {row['key']} has another's answer" for row in rows if row["prompt"] not in row["answer"]]
        reached, allowed = clock.rate(run_options.rows), CONCURRENCY / SECONDS
        asked_again = len(clock.times) - run_options.rows
        refused = len(kimi.refusals)
        say(f"{reached:.1f} answers a second of {allowed:.0f} allowed: {reached / allowed:.0%}")
        say(f"refused {refused}, asked again after the kill {asked_again}")
        if refused:
            wrong.append(f"{refused} requests were refused: {kimi.refusals[0].message}")
        if asked_again > len(killed) * (CONCURRENCY + 4):
            wrong.append(f"{asked_again} prompts were asked twice: more than were under way when the worker died")
        if run_options.rows >= 500 and reached < SHARE * allowed:
            wrong.append(f"less than {SHARE:.0%} of the allowed rate")
    return verdict(wrong)


if __name__ == "__main__":
    sys.exit(main())
