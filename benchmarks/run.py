"""CPU of a streamed chunk, of a call, of construction and of import, beside the openai SDK in the same run.

Ratios are to the SDK's typed `chat.completions.create` on the same bytes; CPU time is this process's own, the least of
`--repeat` runs. Goals are those of the project's design; a figure over its goal is marked, and nothing fails: machines
differ, and the ratio of one run is what can be compared.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from operator import methodcaller
from typing import Any

from benchmarks.server import running, text_stream

KEY = "sk-test-benchmark"


def cpu(work: Callable[[], Any], repeat: int) -> float:
    """The least CPU seconds of several runs of `work`, after one to warm up: load only ever adds.

    What the process holds by then (both frameworks and the SDK) is frozen out of the garbage collector, for all that is
    measured alike: each full collection would otherwise charge some of it to whoever allocates.
    """
    work()
    gc.collect()
    gc.freeze()
    times = []
    for _ in range(repeat):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


def drain(items: Any) -> None:
    """Look at each item once and keep none."""
    for _ in items:
        pass


def history(turns: int) -> list[dict[str, Any]]:
    """An agent's history in wire form: question, call with thinking, result, answer, over and over."""
    messages: list[dict[str, Any]] = []
    for n in range(turns // 4):
        call = {"id": f"look_{n}", "type": "function", "function": {"name": "tool_1", "arguments": '{"a": "x"}'}}
        messages += [
            {"role": "user", "content": f"Question {n}: " + "words " * 20},
            {"role": "assistant", "content": "", "reasoning_content": "thought " * 10, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"look_{n}", "content": "result " * 20},
            {"role": "assistant", "content": "answer " * 20, "reasoning_content": "thought " * 10},
        ]
    return [*messages, {"role": "user", "content": "And now?"}]


def block_message(message: dict[str, Any]) -> Any:
    """A wire message as LlamaIndex's blocks."""
    from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock

    blocks: list[Any] = []
    if "reasoning_content" in message:
        blocks.append(ThinkingBlock(content=message["reasoning_content"]))
    if message["content"]:
        blocks.append(TextBlock(text=message["content"]))
    for call in message.get("tool_calls", ()):
        function = call["function"]
        blocks.append(
            ToolCallBlock(tool_call_id=call["id"], tool_name=function["name"], tool_kwargs=function["arguments"])
        )
    extra = {"tool_call_id": message["tool_call_id"]} if message["role"] == "tool" else {}
    return ChatMessage(role=message["role"], blocks=blocks, additional_kwargs=extra)


def wire_tools(count: int) -> list[dict[str, Any]]:
    """Tools of about 0.4 kB each."""
    properties = {name: {"type": "string", "description": "what it is for " * 3} for name in "abcd"}
    return [
        {
            "type": "function",
            "function": {
                "name": f"tool_{n}",
                "description": "Does something useful",
                "parameters": {"type": "object", "properties": properties, "required": ["a"]},
            },
        }
        for n in range(count)
    ]


def row(what: str, value: float, unit: str, ratio: float | None, goal: str, met: bool) -> None:
    """One line of the table."""
    ratio_text = "" if ratio is None else f"{ratio:6.2f}x"
    print(f"{what:<58} {value:10.2f} {unit:<4} {ratio_text:>8}  goal {goal:<12} {'' if met else '<-- over'}")


def streams(url: str, repeat: int, chunks: int) -> None:
    """Per chunk, in a burst."""
    import openai
    from llama_index.core.base.llms.types import ChatMessage

    from kimi_api import ChatOptions, KimiClient, build_request
    from kimi_api.chat import stream
    from kimi_api.reply import ReplyBuilder
    from langchain_kimi import ChatKimi
    from llama_index_kimi import Kimi

    sdk = openai.OpenAI(base_url=url, api_key=KEY)
    client = KimiClient(base_url=url, api_key=KEY)
    for kind, goals in (("text", ("0.33", "0.30")), ("tool", ("0.85", "-"))):
        wish = f"{kind}:{chunks}"
        langchain = ChatKimi(base_url=url, api_key=KEY, extra_body={"user": wish})
        llama = Kimi(base_url=url, api_key=KEY, extra_body={"user": wish})
        request = build_request(ChatOptions(extra_body={"user": wish}), [{"role": "user", "content": "x"}], stream=True)
        question = [ChatMessage("x")]

        def call_typed(wish: str = wish) -> None:
            drain(
                sdk.chat.completions.create(
                    model="kimi-k3", messages=[{"role": "user", "content": "x"}], stream=True, user=wish
                )
            )

        base = cpu(call_typed, repeat) / chunks
        row(f"streamed {kind} chunk: openai SDK, typed", base * 1e6, "us", 1.0, "-", True)
        for name, work, goal in (
            ("kimi_api", lambda request=request: drain(stream(client, request, ReplyBuilder())), "-"),
            ("ChatKimi.stream", lambda model=langchain: drain(model.stream("x")), goals[0]),
            ("Kimi.stream_chat", lambda model=llama, q=question: drain(model.stream_chat(q)), goals[1]),
        ):
            each = cpu(work, repeat) / chunks
            ratio = each / base
            met = goal == "-" or ratio <= float(goal)
            row(f"streamed {kind} chunk: {name}", each * 1e6, "us", ratio, f"<= {goal}x" if goal != "-" else "-", met)


def per_call(work: Callable[[], Any], repeat: int, times: int = 10) -> float:
    """CPU seconds of one `work` that is too short to be timed alone."""
    return cpu(lambda: [work() for _ in range(times)], repeat) / times


def calls(url: str, repeat: int) -> None:
    """One call with 200 messages and 20 tools. The goal was set as 1.7 ms where the SDK took 25.5 ms."""
    import openai
    from langchain_core.messages import convert_to_messages
    from llama_index.core.tools import FunctionTool

    from langchain_kimi import ChatKimi
    from llama_index_kimi import Kimi

    messages, tools = history(200), wire_tools(20)

    def show(ours: str, took: float) -> None:
        row(f"200 messages + 20 tools: {ours}", took * 1e3, "ms", took / base, "<= 0.067x", took / base <= 0.067)

    sdk = openai.OpenAI(base_url=url, api_key=KEY)
    base = per_call(lambda: sdk.chat.completions.create(model="kimi-k3", messages=messages, tools=tools), repeat)  # type: ignore[arg-type]
    row("200 messages + 20 tools: openai SDK", base * 1e3, "ms", 1.0, "-", True)

    body = {"model": "kimi-k3", "messages": messages, "tools": tools}
    least = per_call(lambda: sdk.post("/chat/completions", cast_to=object, body=body), repeat)
    row("200 messages + 20 tools: openai SDK, `post` of the body", least * 1e3, "ms", least / base, "-", True)

    bound = ChatKimi(base_url=url, api_key=KEY).bind_tools(tools)
    turns = convert_to_messages(messages)
    took = per_call(lambda: bound.invoke(turns), repeat)
    show("ChatKimi.invoke", took)

    def look(a: str, b: str = "", c: str = "", d: str = "") -> str:
        """Do something useful."""
        return a

    functions = [FunctionTool.from_defaults(look, name=f"tool_{n}") for n in range(20)]
    llm = Kimi(base_url=url, api_key=KEY)
    past = [block_message(message) for message in messages]
    took = per_call(lambda: llm.chat_with_tools(functions, chat_history=past), repeat)
    show("Kimi.chat_with_tools", took)


def whole_answers(url: str, repeat: int, chunks: int) -> None:
    """Answers that are waited for as a whole: streamed on the wire and put together, beside one body."""
    import asyncio

    from langchain_kimi import ChatKimi
    from llama_index_kimi import Kimi

    def run(call: Callable[[Any], Any], model: Any) -> None:
        asyncio.run(call(model))

    for cls, name in ((ChatKimi, "invoke"), (Kimi, "complete")):
        ask, aask = methodcaller(name, "x"), methodcaller(f"a{name}", "x")
        what = f"{cls.__name__}.{name}"
        wish = {"user": "text:20"}
        base = per_call(partial(ask, cls(base_url=url, api_key=KEY, wire="plain", extra_body=wish)), repeat, 50)
        row(f"short answer: {what}, one body", base * 1e3, "ms", 1.0, "-", True)
        took = per_call(partial(ask, cls(base_url=url, api_key=KEY, wire="stream", extra_body=wish)), repeat, 50)
        row(f"short answer: {what}, 20 chunks", took * 1e3, "ms", took / base, "<= 1.3x", took <= base * 1.3)
        llm = cls(base_url=url, api_key=KEY, wire="stream", extra_body={"user": f"text:{chunks}"})
        for way, work, goal in (("", partial(ask, llm), 10), (", async", partial(run, aask, llm), 15)):
            each = cpu(work, repeat) / chunks * 1e6
            row(f"whole answer, {chunks} chunks: {what}{way}", each, "us", None, f"<= {goal} us", each <= goal)


def agent(url: str, repeat: int) -> None:
    """An agent whose model streams one call with 32 KB of arguments; the tool's result ends the run."""
    import asyncio

    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.tools import FunctionTool

    from llama_index_kimi import Kimi

    def write(text: str) -> str:
        """Write a text."""
        return str(len(text))

    tool = FunctionTool.from_defaults(write, return_direct=True)
    each = {}
    for chunks in (500, 8000):
        llm = Kimi(base_url=url, api_key=KEY, extra_body={"user": f"tool:{chunks}"})

        async def work(llm: Kimi = llm) -> None:
            await FunctionAgent(tools=[tool], llm=llm).run("write")

        each[chunks] = cpu(lambda work=work: asyncio.run(work()), repeat) / chunks
    for chunks, took in each.items():
        what = f"tool call in a FunctionAgent, {chunks} chunks: each"
        goal = "<= 85 us" if chunks == 8000 else "-"  # the agent's own run weighs more on a short call
        row(what, took * 1e6, "us", took / each[500], goal, goal == "-" or took <= 85e-6)


def construction(url: str) -> None:
    """Making the objects."""
    from langchain_kimi import ChatKimi
    from llama_index_kimi import Kimi

    for cls in (ChatKimi, Kimi):
        took = cpu(lambda cls=cls: [cls(base_url=url, api_key=KEY) for _ in range(100)], 5) / 100
        row(f"construction: {cls.__name__}", took * 1e3, "ms", None, "<= 0.1 ms", took <= 1e-4)


def pieces(repeat: int) -> None:
    """Parts of a call that are done here in another way than the libraries do them, beside those."""
    import json

    from tenacity import Retrying

    from kimi_api import retry
    from kimi_api._json import decode_json, encode_json
    from kimi_api._transport.bodies import guard
    from kimi_api._transport.sdk.compat import transport

    body = {"model": "kimi-k3", "messages": history(200), "tools": wire_tools(20)}
    event = text_stream(1).split(b"\n\n")[1].removeprefix(b"data: ").decode()
    http = transport().Client()
    request = {
        "method": "POST",
        "url": "http://127.0.0.1:1/v1/chat/completions",
        "headers": [(f"X-Name-{n}", "value") for n in range(7)],
        "content": b"{}",
        "timeout": transport().Timeout(30),
    }
    for what, theirs, ours in (
        (
            "write a body of 200 messages + 20 tools",
            lambda: json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(),
            lambda: encode_json(body),
        ),
        ("read an event", lambda: json.loads(event), lambda: decode_json(event)),
        (
            "make a request object",
            partial(http.build_request, **request),
            partial(guard(http, bare=True).build_request, **request),  # type: ignore[attr-defined]
        ),
        (
            "retries of a call that needs none",
            lambda: Retrying(**retry._policy(retry.Retries(2)))(str),
            lambda: retry.run(str, retry.Retries(2)),
        ),
    ):
        for whose, work in (("the library's", theirs), ("ours", ours)):
            row(f"{what}: {whose}", per_call(work, repeat, 200) * 1e6, "us", None, "-", True)
    http.close()


def floors(url: str, repeat: int) -> None:
    """Chunks and calls beside what nobody can save; see `benchmarks.floors`."""
    from benchmarks.floors import measure  # which is made of parts of this module

    print("\nbeside their floors, in turn:", *measure(url, 3 * repeat), "", sep="\n")


def imports(repeat: int) -> None:
    """What our packages add to their frameworks' own cores, compiled, in fresh processes."""
    pairs = (
        ("langchain_kimi", "langchain_core.language_models.chat_models, langchain_core.document_loaders"),
        ("llama_index_kimi", "llama_index.core"),
    )
    compiled = tempfile.TemporaryDirectory()  # installed packages are; a checkout may not be allowed to
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled.name}
    for ours, core in pairs:
        code = (
            f"from time import process_time as t; a = t(); import {core}; b = t(); import {ours}; c = t(); "
            "print(b - a, c - b)"
        )
        runs = [
            subprocess.run(
                [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
            ).stdout.split()
            for _ in range(repeat + 1)  # the first one compiles
        ]
        alone, added = (statistics.median(float(run[place]) for run in runs[1:]) for place in (0, 1))
        what = f"import {ours}, over its core ({alone * 1e3:.0f} ms)"
        row(what, added * 1e3, "ms", None, "<= 30 ms", added <= 0.03)
    compiled.cleanup()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--chunks", type=int, default=5000)
    options = parser.parse_args(arguments)
    import openai

    print(f"openai {openai.__version__}, Python {sys.version.split()[0]}, least of {options.repeat} runs, CPU time")
    with running() as url:
        streams(url, options.repeat, options.chunks)
        calls(url, options.repeat)
        whole_answers(url, options.repeat, options.chunks)
        agent(url, options.repeat)
        construction(url)
        pieces(options.repeat)
        floors(url, options.repeat)
    imports(options.repeat)


if __name__ == "__main__":
    main()
