"""K3's prompts: the frames of its template, against the platform's counts and the emulator's own reading."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import httpx
import pytest
import small_vocabulary
from agent_threads import threads

from kimi_api import KimiTokenizer
from kimi_api.tokens import count_messages
from kimi_emulator import Emulator, Reply
from kimi_emulator.platform import prompt, tokens
from kimi_emulator.platform.models import MODELS

USER = {"role": "user", "content": "hello world"}
PING = {
    "type": "function",
    "function": {"name": "ping", "description": "Return pong", "parameters": {"type": "object", "properties": {}}},
}
needs_real = pytest.mark.skipif(not small_vocabulary.REAL.exists(), reason="the real vocabulary is not on this machine")


def words(text: str) -> list[str]:
    """One token per word; the frames then stand out."""
    return text.split()


def added_tokens(messages: list[dict[str, Any]], *more: Any, **options: Any) -> int:
    """Tokens beyond those of USER alone."""
    return count_messages(messages, *more, tokenizer=words, **options) - count_messages([USER], tokenizer=words)


def calling(*arguments: str, **members: Any) -> dict[str, Any]:
    calls = [
        {"id": f"c{place}", "type": "function", "function": {"name": "get tides", "arguments": text}}
        for place, text in enumerate(arguments)
    ]
    return {"role": "assistant", "content": "", "tool_calls": calls, **members}


# ------------------------------------------------------------------------------------------------- each frame


def test_a_message_is_eleven_and_its_text() -> None:
    assert count_messages([USER], tokenizer=words) == 7 + 67 + 11 + 2
    assert added_tokens([{"role": "system", "content": "Be brief."}, USER]) == 11 + 2
    assert added_tokens([{"role": "user", "name": "Ada", "content": "hello world"}]) == 3 + 1


def test_an_assistant_turn_has_a_part_for_thinking_though_it_be_empty() -> None:
    turn = {"role": "assistant", "content": "a b c"}
    assert added_tokens([USER, turn]) == 23 + 3
    assert added_tokens([USER, {**turn, "reasoning_content": "d e"}]) == 23 + 3 + 2
    assert added_tokens([USER, {**turn, "reasoning": "d e"}]) == 23 + 3 + 2  # vLLM's name for it
    assert added_tokens([USER, {**turn, "reasoning_content": " \n"}]) == 23 + 3  # white space alone is left out


def test_each_call_and_each_argument_is_an_element() -> None:
    assert added_tokens([USER, calling("{}")]) == 23 + 6 + (13 + 2)
    one = '{"day": "next Friday", "step size": {"a": 1}}'
    assert added_tokens([USER, calling(one)]) == 23 + 6 + (13 + 2) + (13 + 1 + 2) + (13 + 2 + 2)
    assert added_tokens([USER, calling("{}", one, "{}")]) == added_tokens([USER, calling(one)]) + 2 * (13 + 2)


@pytest.mark.parametrize(
    "text", ["", "not json at all", "[1, 2]", '"a b"', "{" * 100_000, '{"a": ' + "[" * 950 + "]" * 950 + "}"]
)
def test_arguments_that_are_no_object_go_in_whole(text: str) -> None:
    assert added_tokens([USER, calling(text)]) == 23 + 6 + (13 + 2) + 10 + len(text.split())


def test_an_argument_is_named_in_quotes() -> None:
    spaced = re.compile(r'&amp;|&quot;|[^&"]').findall
    plain, quoted = (
        count_messages([USER, calling(json.dumps({key: ""}))], tokenizer=spaced) for key in ("ab", 'a"b&c')
    )
    assert quoted == plain + 3  # an attribute holds them as &quot; and &amp;


def test_a_result_stands_under_its_tools_name() -> None:
    thread = [USER, calling("{}", id="x")]
    result = {"role": "tool", "tool_call_id": "c0", "content": "06:42 1.53"}
    assert added_tokens([*thread, result]) == added_tokens(thread) + 18 + 2 + 2
    assert added_tokens([USER, {**result, "name": "a b c"}]) == 18 + 3 + 2  # a part of a history, without the call
    assert added_tokens([USER, result]) == 18 + 1 + 2


def test_the_tools_are_one_text_in_order() -> None:
    tool = {"type": "function", "function": {"name": "b", "description": "ä b"}}
    seen: list[str] = []

    def recording(text: str) -> list[str]:
        seen.append(text)
        return text.split()

    assert count_messages((), [tool, PING], tokenizer=recording) == 7 + 67 + 35 + 3
    assert seen == [
        '[{"function":{"description":"ä b","name":"b"},"type":"function"},'
        '{"function":{"description":"Return pong","name":"ping","parameters":{"properties":{},"type":"object"}},'
        '"type":"function"}]\n'
    ]
    assert added_tokens([USER], [PING]) == 35 + 2
    assert added_tokens([{"role": "system", "tools": [PING]}, USER]) == added_tokens(
        [USER, {"role": "system", "tools": [PING]}]
    )
    assert added_tokens([{"role": "system", "tools": [PING]}, USER]) == 56 + 2
    assert added_tokens([USER], [{"type": "builtin_function", "function": {"name": "$web_search"}}]) == 0


def test_efforts_formats_and_demands() -> None:
    for effort, tokens_of_it in ((None, 0), ("max", 0), ("low", 1), ("medium", 1), ("high", 1), ("unheard of", 0)):
        assert added_tokens([USER], reasoning_effort=effort) == tokens_of_it
    choices = (None, 0), ("auto", 0), ("required", 36), ("none", 38), ({"type": "function"}, 0)
    for choice, tokens_of_it in choices:
        assert added_tokens([USER], tool_choice=choice) == tokens_of_it
    schema = {"type": "json_schema", "json_schema": {"name": "much ado", "schema": {"title": "a b", "$id": "c"}}}
    formats: tuple[tuple[dict[str, Any] | None, int], ...] = (
        (None, 0),
        ({"type": "text"}, 0),
        ({"type": "json_object"}, 47),
        (schema, 60 + 2),
    )
    for response_format, tokens_of_it in formats:
        assert added_tokens([USER], response_format=response_format) == tokens_of_it


def test_a_partial_message_is_left_open() -> None:
    partial = {"role": "assistant", "content": "a b", "partial": True}
    assert count_messages([USER, partial], tokenizer=words) == 67 + (11 + 2) + (23 - 7 + 2)


# ------------------------------------------------------------------------------------------------- the platform


RECORDED: tuple[tuple[int, dict[str, Any]], ...] = (
    (87, {"messages": [{"role": "user", "content": "say hi"}]}),
    (93, {"messages": [{"role": "user", "content": "Reply with exactly one word: hello."}]}),
    (
        94,
        {"messages": [{"role": "user", "content": "Reply with exactly one word: hello."}], "reasoning_effort": "low"},
    ),
    (
        140,
        {
            "messages": [{"role": "user", "content": "Reply with exactly one word: hello."}],
            "response_format": {"type": "json_object"},
        },
    ),
    (
        189,
        {
            "messages": [{"role": "user", "content": "Call the ping tool."}],
            "tools": [PING],
            "tool_choice": "required",
        },
    ),
    (99, {"messages": [{"role": "assistant", "content": "你好"}], "reasoning_effort": "high"}),
)
"""Requests whose prompt tokens the platform told."""


@pytest.fixture(scope="module")
def real() -> KimiTokenizer:
    return KimiTokenizer.from_file(small_vocabulary.REAL)


@pytest.fixture(scope="module")
def exact() -> Iterator[Emulator]:
    with Emulator(vocabulary=small_vocabulary.REAL) as kimi:
        yield kimi


@needs_real
@pytest.mark.parametrize(("expected", "body"), RECORDED)
def test_the_client_counts_what_the_platform_told(real: KimiTokenizer, expected: int, body: dict[str, Any]) -> None:
    assert client_count(body, real) == expected


@needs_real
@pytest.mark.parametrize(("expected", "body"), RECORDED)
def test_the_emulator_answers_what_the_platform_told(exact: Emulator, expected: int, body: dict[str, Any]) -> None:
    exact.script(Reply(content="pong"))
    with client_of(exact) as client:
        assert served_count(client, body) == expected


def client_count(body: dict[str, Any], tokenizer: Any = None, model: str = "kimi-k3") -> int:
    names = ("response_format", "reasoning_effort", "tool_choice")
    options = {name: body[name] for name in names if name in body}
    return count_messages(body["messages"], body.get("tools", ()), model=model, tokenizer=tokenizer, **options)


def client_of(kimi: Emulator) -> httpx.Client:
    headers = {"Authorization": f"Bearer {kimi.api_key}"}
    return httpx.Client(base_url=kimi.base_url, headers=headers, trust_env=False, timeout=10)


def served_count(client: httpx.Client, body: dict[str, Any]) -> int:
    answer = client.post("/chat/completions", json={"model": "kimi-k3", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["usage"]["prompt_tokens"]


# ------------------------------------------------------------------------------------------------- both readings


PIECES = (
    "tide",
    "harbour at",
    " seven\n",
    "月亮",
    "港口的潮水",
    "，",
    "{}",
    '"quoted"',
    "a&b",
    "<|open|>",
    "🌊",
    "1,024",
    "é",
)
NAMES = ("get_tides", "book-seats", "f", "run2")


class Maker:
    """Random requests that the platform would take, of everything that costs tokens."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, most: int = 12) -> str:
        return "".join(self.random.choices(PIECES, k=self.random.randrange(1, most)))

    def maybe(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    def value(self, depth: int = 2) -> Any:
        simple = (self.text(4), self.random.randrange(-9, 10**6), self.random.random(), True, None)
        if depth and self.maybe(0.3):
            return [self.value(depth - 1) for _ in range(self.random.randrange(3))]
        if depth and self.maybe(0.3):
            return {self.text(3): self.value(depth - 1) for _ in range(self.random.randrange(3))}
        return self.random.choice(simple)

    def tool(self, name: str) -> dict[str, Any]:
        properties = {self.text(2): {"type": "string", "description": self.text()} for _ in range(3)}
        parameters = {"type": "object", "properties": properties, "required": sorted(properties)[:1]}
        return {
            "type": "function",
            "function": {"name": name, "description": self.text(), "parameters": parameters, "strict": False},
        }

    def content(self) -> Any:
        if self.maybe(0.8):
            return self.text()
        return [{"type": "text", "text": self.text()} for _ in range(self.random.randrange(1, 4))]

    def arguments(self) -> str:
        if self.maybe(0.1):
            return self.random.choice(("", "not json", "[1]", '{"a": '))
        values = {self.text(3): self.value() for _ in range(self.random.randrange(4))}
        return json.dumps(values, ensure_ascii=self.maybe())

    def turn(self, number: int) -> Iterator[dict[str, Any]]:
        yield {"role": "user", "content": self.content(), **({"name": "Ada"} if self.maybe(0.1) else {})}
        thought = {} if self.maybe(0.2) else {"reasoning_content": self.random.choice((" ", "", self.text(40)))}
        if self.maybe(0.6):
            calls = [
                {
                    "id": f"{number}_{place}",
                    "type": "function",
                    "function": {"name": self.random.choice(NAMES), "arguments": self.arguments()},
                }
                for place in range(self.random.choice((1, 1, 2, 3, 12)))
            ]
            yield {
                "role": "assistant",
                "content": self.random.choice(("", self.text())),
                "tool_calls": calls,
                **thought,
            }
            results = [{"role": "tool", "tool_call_id": call["id"], "content": self.content()} for call in calls]
            self.random.shuffle(results)
            yield from results
        yield {"role": "assistant", "content": self.text(30), **thought}

    def request(self) -> dict[str, Any]:
        messages = [{"role": "system", "content": self.content()}] if self.maybe() else []
        own, brought = NAMES[:2], NAMES[2:]
        for number in range(self.random.randrange(4)):
            messages += self.turn(number)
        if self.maybe(0.3):
            place = self.random.choice([0, len(messages)])
            messages.insert(place, {"role": "system", "tools": [self.tool(name) for name in brought]})
        messages.append({"role": "user", "content": self.content()})
        body: dict[str, Any] = {"messages": messages}
        if self.maybe(0.1):
            messages.append({"role": "assistant", "content": self.text(), "partial": True})
        if self.maybe():
            body["tools"] = [self.tool(name) for name in own]
            if self.maybe(0.6):
                body["tool_choice"] = self.random.choice(("auto", "none", "required"))
        if self.maybe(0.6):
            body["reasoning_effort"] = self.random.choice(("low", "high", "max"))
        if self.maybe(0.4):
            schema = {"type": "object", "properties": {self.text(2): {"type": "string"}, "b": {"type": "integer"}}}
            described = {"name": "answer", "strict": False, "schema": schema}
            body["response_format"] = self.random.choice(
                ({"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": described})
            )
        return body


class Stub:
    """Stands for a vocabulary in both: the characters of a text, and one more."""

    def count(self, text: str) -> int:
        return len(text) + 1 if text else 0

    def __call__(self, text: str) -> list[int]:
        return [0] * self.count(text)


def emulators_count(body: dict[str, Any], vocabulary: Any, model: str = "kimi-k3") -> int:
    token = tokens.VOCABULARY.set(vocabulary)
    try:
        return prompt.prompt_tokens(MODELS[model], body)
    finally:
        tokens.VOCABULARY.reset(token)


def check_both(requests: int, vocabulary: Any, model: str = "kimi-k3") -> set[str]:
    """Both counts of so many random requests are equal. Returns what was in them."""
    seen: set[str] = set()
    for seed in range(requests):
        body = Maker(seed).request()
        assert client_count(body, vocabulary, model) == emulators_count(body, vocabulary, model), f"seed {seed}"
        seen |= body.keys() | {name for message in body["messages"] for name in message}
    return seen


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k3.1-pro"])
def test_client_and_emulator_read_the_frames_alike(model: str) -> None:
    members = check_both(500, Stub(), model)
    assert members >= {
        *("tools", "tool_calls", "tool_call_id", "reasoning_content", "name", "partial"),
        *("reasoning_effort", "response_format", "tool_choice"),
    }


@needs_real
def test_client_and_emulator_count_alike_with_the_real_vocabulary(real: KimiTokenizer) -> None:
    check_both(500, real)


@pytest.mark.slow
def test_usage_is_what_the_client_counts(tmp_path: Path) -> None:
    path = small_vocabulary.REAL if small_vocabulary.REAL.exists() else small_vocabulary.write(tmp_path / "v")
    tokenizer = KimiTokenizer.from_file(path)
    with Emulator(vocabulary=path) as kimi, client_of(kimi) as client:
        kimi.script(*[Reply(content="{}")] * 500)
        for seed in range(500):
            body = Maker(seed).request()
            assert served_count(client, body) == client_count(body, tokenizer), f"seed {seed}"


# ------------------------------------------------------------------------------------------------- the estimate


# Counted with the model's vocabulary on 2026-11-28.
THREADS = {
    "tiny turns, english": 1_007,
    "short results, english": 2_028,
    "parallel calls, english": 1_931,
    "results of about 300 tokens, english": 4_049,
    "long documents, english": 13_515,
    "tiny turns, chinese": 850,
    "short results, chinese": 1_838,
    "parallel calls, chinese": 1_821,
    "results of about 300 tokens, chinese": 4_020,
    "long documents, chinese": 14_870,
    "tiny turns, coding": 1_089,
    "short results, coding": 2_127,
    "parallel calls, coding": 1_996,
    "results of about 300 tokens, coding": 4_606,
    "long documents, coding": 16_548,
}  # fmt: skip


def test_the_estimate_of_agent_threads_is_within_eight_percent_in_the_mean() -> None:
    errors = {name: count_messages(messages, tools) / THREADS[name] - 1 for name, (messages, tools) in threads()}
    assert errors.keys() == THREADS.keys()
    assert mean(map(abs, errors.values())) < 0.08
    assert max(map(abs, errors.values())) < 0.15


@needs_real
def test_the_threads_have_so_many_tokens(real: KimiTokenizer) -> None:
    counted = {name: count_messages(messages, tools, tokenizer=real) for name, (messages, tools) in threads()}
    assert counted == THREADS
