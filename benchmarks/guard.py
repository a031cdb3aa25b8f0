"""Whether a hot case has become dearer: its CPU against the openai SDK's in the same run, beside a stored ratio.

`python -m benchmarks.guard` prints the ratios; `--write` stores them as the new reference, for changes meant to
cost. `tests/test_speed_guard.py` runs it. A machine under load slows both sides, and now and then only one of them: so
both are measured in turn, in CPU time, and the least of several rounds counts. A case that is within its bound after
three rounds is done; one that is not gets up to `MOST_ROUNDS`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.run import KEY, block_message, drain, history, wire_tools
from benchmarks.server import running

REFERENCE = Path(__file__).with_name("guard.json")
ALLOWED = 1.3
"""How many times its stored ratio a case may take."""
CHUNKS = 1500
CALLS = 8
FEWEST_ROUNDS, MOST_ROUNDS = 3, 15

Work = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """Something hot, and what the SDK does for the same bytes."""

    name: str
    work: Work
    sdk: Work


def this_set() -> str:
    """What ratios depend on beside our code: the SDK's major and the Python version."""
    import openai

    return f"openai {openai.__version__.partition('.')[0]}, Python {sys.version_info[0]}.{sys.version_info[1]}"


def cases(url: str) -> list[Case]:
    """The hot cases: a chunk of text and of a tool call, blocking and not, and a call with a long history."""
    import openai
    from langchain_core.messages import convert_to_messages
    from llama_index.core.base.llms.types import ChatMessage

    from kimi_api import ChatOptions, KimiClient, build_request
    from kimi_api.chat import stream
    from kimi_api.reply import ReplyBuilder
    from langchain_kimi import ChatKimi
    from llama_index_kimi import Kimi

    sdk, client = openai.OpenAI(base_url=url, api_key=KEY), KimiClient(base_url=url, api_key=KEY)
    hello, question = [{"role": "user", "content": "x"}], [ChatMessage("x")]
    hot: list[Case] = []

    def create(**arguments: Any) -> Any:
        return sdk.chat.completions.create(model="kimi-k3", **arguments)

    for kind in ("text", "tool"):
        wish = f"{kind}:{CHUNKS}"
        settings: dict[str, Any] = {"base_url": url, "api_key": KEY, "extra_body": {"user": wish}}
        chat, llm = ChatKimi(**settings), Kimi(**settings)
        request = build_request(ChatOptions(extra_body={"user": wish}), hello, stream=True)

        def base(wish: str = wish) -> None:
            drain(create(messages=hello, stream=True, user=wish))

        async def abase(wish: str = wish) -> None:
            async with openai.AsyncOpenAI(base_url=url, api_key=KEY) as asdk:
                events = await asdk.chat.completions.create(
                    model="kimi-k3",
                    messages=hello,  # type: ignore[arg-type]
                    stream=True,
                    user=wish,
                )
                async for _ in events:
                    pass

        async def achat(chat: ChatKimi = chat) -> None:
            async for _ in chat.astream("x"):
                pass

        async def allm(llm: Kimi = llm) -> None:
            async for _ in await llm.astream_chat(question):
                pass

        hot += [
            Case(f"{kind} chunk: kimi_api", lambda r=request: drain(stream(client, r, ReplyBuilder())), base),
            Case(f"{kind} chunk: ChatKimi.stream", lambda chat=chat: drain(chat.stream("x")), base),
            Case(f"{kind} chunk: Kimi.stream_chat", lambda llm=llm: drain(llm.stream_chat(question)), base),
            Case(f"{kind} chunk: ChatKimi.astream", lambda a=achat: asyncio.run(a()), lambda b=abase: asyncio.run(b())),
            Case(f"{kind} chunk: Kimi.astream_chat", lambda a=allm: asyncio.run(a()), lambda b=abase: asyncio.run(b())),
        ]

    messages, tools = history(200), wire_tools(20)
    chat, llm = ChatKimi(base_url=url, api_key=KEY, wire="plain"), Kimi(base_url=url, api_key=KEY, wire="plain")
    bound, turns, past = chat.bind_tools(tools), convert_to_messages(messages), [*map(block_message, messages)]

    def times(work: Work) -> Work:
        return lambda: [work() for _ in range(CALLS)]

    whole = times(lambda: create(messages=messages, tools=tools))
    return [
        *hot,
        Case("200 messages, 20 tools: ChatKimi.invoke", times(lambda: bound.invoke(turns)), whole),
        Case("200 messages, 20 tools: Kimi.chat", times(lambda: llm.chat(past, tools=tools)), whole),
    ]


def ratio(case: Case, bound: float, most: int = MOST_ROUNDS) -> float:
    """The CPU of a case over the SDK's, each the least of several rounds.

    Args:
        case: what is measured.
        bound: a ratio at which no more rounds are needed.
        most: how many rounds at most.
    """
    ours, theirs = [], []
    for number in range(most + 1):
        for work, seconds in ((case.sdk, theirs), (case.work, ours)):
            before = time.process_time()
            work()
            seconds.append(time.process_time() - before)
        if number == 0:  # loads modules, fills caches
            gc.collect()
            gc.freeze()
            ours.clear()
            theirs.clear()
        elif number >= FEWEST_ROUNDS and min(ours) <= min(theirs) * bound:
            break
    return min(ours) / min(theirs)


def too_dear(ratios: Mapping[str, float], reference: Mapping[str, float]) -> dict[str, str]:
    """The cases that pass their bound, each with a sentence."""
    return {
        name: f"{name}: {taken:.3f} of the SDK, where it was {reference[name]:.3f}: {taken / reference[name]:.2f} times"
        for name, taken in ratios.items()
        if taken > reference[name] * ALLOWED
    }


def measure(reference: Mapping[str, float]) -> dict[str, float]:
    """The ratio of every case."""
    with running() as url:
        return {each.name: ratio(each, reference.get(each.name, 0.0) * ALLOWED) for each in cases(url)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ratios as JSON on stdout; 1 where one is too high."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the ratios of this run as the reference")
    options = parser.parse_args(arguments)
    stored = json.loads(REFERENCE.read_text("utf-8")) if REFERENCE.exists() else {}
    reference = {} if options.write else stored.get(this_set(), {}).get("ratios", {})
    ratios = {name: round(value, 4) for name, value in measure(reference).items()}
    print(json.dumps(ratios, indent=1))
    if options.write:
        stored[this_set()] = {
            "measured": f"{date.today()}, python -m benchmarks.guard --write, least of {MOST_ROUNDS} rounds",
            "ratios": ratios,
        }
        REFERENCE.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
        return 0
    problems = too_dear(ratios, reference) if reference else {}
    print(*problems.values(), sep="\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
