"""The rule-made brain: it finds facts that were made up a moment ago, calls tools and fills schemas."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from kimi_emulator import BrainContext, Reply
from kimi_emulator.brain import DefaultBrain

S, INT, N = {"type": "string"}, {"type": "integer"}, {"type": "number"}
SEEDS = range(5)


def fn(name: str, description: str = "", _required: list[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    required = list(properties) if _required is None else _required
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def made_up(rng: random.Random) -> str:
    """A word that is in no dictionary."""
    return "".join(rng.choice("bdfgklmprtvz") + rng.choice("aeiou") for _ in range(4)).capitalize()


def ask(messages: Any, tools: Any = (), **fields: Any) -> Reply:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    last = messages[-1]
    prefix = last["content"] if last.get("partial") else None
    request = {"model": "kimi-k3", "messages": messages, "tools": list(tools)} | fields
    return DefaultBrain().answer(request, BrainContext("kimi-k3", True, list(tools), prefix))


def calls(reply: Reply) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments_text)) for call in reply.tool_calls]


def loop(text: str, tools: list[dict[str, Any]], run: dict[str, Callable[..., str]]) -> tuple[list[Any], str]:
    """Run a tool loop as a framework does; the calls of each turn, and the final text."""
    messages: list[Any] = [{"role": "user", "content": text}]
    turns = []
    for _ in range(8):
        reply = ask(messages, tools)
        names_and_arguments = calls(reply)
        if not names_and_arguments:
            return turns, reply.content or ""
        turns.append(names_and_arguments)
        ids = [f"{name}_{i}" for i, (name, _) in enumerate(names_and_arguments)]
        wire = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for id, (name, arguments) in zip(ids, names_and_arguments, strict=True)
        ]
        messages.append({"role": "assistant", "content": "", "tool_calls": wire})
        for id, (name, arguments) in zip(ids, names_and_arguments, strict=True):
            messages.append({"role": "tool", "tool_call_id": id, "content": run[name](**arguments)})
    raise AssertionError(f"no end: {turns}")


# -- documents ----------------------------------------------------------------------------------------------------


def handbook(rng: random.Random) -> tuple[str, dict[str, str]]:
    """A text with made-up facts, and questions with what their answers must hold."""
    place, person, part = made_up(rng), made_up(rng), made_up(rng)
    months, price = str(rng.randint(11, 99)), f"{rng.randint(100, 999)}.50"
    text = f"""# The {place} plant

The plant in {place} opened in 1987 and has four halls. Its chief engineer is {person}, who came from the north.
Visitors report to the gate. The canteen opens at noon.

## Warranty
It lasts {months} months from delivery.

| Part | Price | Stock |
|---|---|---|
| Washer | 1.25 | 4 |
| {part} | {price} | 17 |
"""
    questions = {
        "Who is the chief engineer?": person,
        "How many months does the warranty last?": months,
        f"What is the price of the {part}?": price,
    }
    return text, questions


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_from_a_document_in_a_system_message(seed: int):
    text, questions = handbook(random.Random(seed))
    extracted = json.dumps(
        {"content": text, "file_type": "text/markdown", "filename": "a.md", "title": "", "type": "file"}
    )
    for document in (text, extracted):
        for question, fact in questions.items():
            reply = ask([{"role": "system", "content": document}, {"role": "user", "content": question}])
            assert fact in (reply.content or ""), question


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_from_rag_prompts(seed: int):
    text, questions = handbook(random.Random(seed))
    for question, fact in questions.items():
        for prompt in (
            f"Context information is below.\n-----\n{text}\n-----\nGiven the context information and not prior "
            f"knowledge, answer the query.\nQuery: {question}\nAnswer: ",
            f"Answer the question based only on the following context:\n{text}\n\nQuestion: {question}\n",
            f"{text}\n\n{question}",
        ):
            assert fact in (ask(prompt).content or ""), prompt


def test_quotes_verbatim_and_says_when_nothing_fits():
    text, questions = handbook(random.Random(1))
    reply = ask([{"role": "system", "content": text}, {"role": "user", "content": next(iter(questions))}])
    assert (reply.content or "") in text
    reply = ask([{"role": "system", "content": text}, {"role": "user", "content": "What colour is the moon cheese?"}])
    assert "nothing about that" in (reply.content or "")


def test_finds_a_fact_in_a_very_long_text_quickly():
    rng = random.Random(3)
    word = made_up(rng)
    lines = [f"Line {i} is about thing {rng.random()}." for i in range(40_000)]
    lines[23_456] = f"The secret code of {word} is 8841."
    messages = [{"role": "system", "content": "\n".join(lines)}, {"role": "user", "content": f"What is {word}'s code?"}]
    begin = time.perf_counter()
    assert "8841" in (ask(messages).content or "")
    assert time.perf_counter() - begin < 2


def test_remembers_what_the_user_said():
    messages = [
        {"role": "user", "content": "Hi! My name is Zorblat."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "What's my name?"},
    ]
    assert "Zorblat" in (ask(messages).content or "")


def test_chinese_documents():
    text = "公司成立于一九八七年。\n总工程师是欧阳测试。\n食堂中午开门。" * 1
    reply = ask([{"role": "system", "content": text}, {"role": "user", "content": "总工程师是谁？"}])
    assert "欧阳测试" in (reply.content or "")


def test_rephrasing_prompt_gives_the_follow_up_question():
    prompt = (
        "Given a conversation and a follow up message, rewrite the message to be a standalone question.\n"
        "<Chat History>\nuser: hello\n\n<Follow Up Message>\n"
        "Follow Up Input: Where is the gate?\n\nStandalone question:"
    )
    assert ask(prompt).content == "Where is the gate?"
    tagged = "Rewrite it.\n\n<Chat History>\nuser: hi\n\n<Follow Up Message>\nWhere is it?\n\n<Standalone question>\n"
    assert ask(tagged).content == "Where is it?"


# -- tools --------------------------------------------------------------------------------------------------------

WEATHER = fn("get_weather", "Get the current weather in a city", city=S)
TIME = fn("get_time", "Get the local time of a city", city=S)
ADD = fn("add", "Add two numbers.", a=INT, b=INT)
MULTIPLY = fn("multiply", "Multiply two numbers.", a=INT, b=INT)

CASES: list[tuple[str, list[dict[str, Any]], list[tuple[str, Any]]]] = [
    ("weather in Paris?", [WEATHER], [("get_weather", {"city": "Paris"})]),
    ("What is the weather in San Francisco, CA?", [WEATHER], [("get_weather", {"city": "San Francisco, CA"})]),
    ("say hi", [WEATHER], []),
    ("What's the weather in Paris and in Rome?", [WEATHER], [("get_weather", {"city": c}) for c in ("Paris", "Rome")]),
    (
        "What's the weather in Paris and what time is it in Tokyo?",
        [WEATHER, TIME],
        [("get_weather", {"city": "Paris"}), ("get_time", {"city": "Tokyo"})],
    ),
    (
        "What is the value of magic_function(3)? Use the tool.",
        [fn("magic_function", "Applies a magic function to an input.", input=INT)],
        [("magic_function", {"input": 3})],
    ),
    (
        "What is the value of magic_function_no_args()? Use the tool.",
        [fn("magic_function_no_args", "Calculates a magic function.")],
        [("magic_function_no_args", {})],
    ),
    ("What is 3 plus 4?", [ADD, MULTIPLY], [("add", {"a": 3, "b": 4})]),
    ("What is 12 times 7?", [ADD, MULTIPLY], [("multiply", {"a": 12, "b": 7})]),
    (
        "Create a customer with name '你好啊集团'",
        [fn("create_customer", "Creates a customer", customer_name=S)],
        [("create_customer", {"customer_name": "你好啊集团"})],
    ),
    (
        "Convert 100 USD to EUR",
        [
            fn(
                "convert",
                "Convert money between currencies",
                amount=N,
                from_currency={"type": "string", "description": "currency code"},
                to_currency={"type": "string", "description": "currency code"},
            )
        ],
        [("convert", {"amount": 100, "from_currency": "USD", "to_currency": "EUR"})],
    ),
    (
        "Book a flight from Berlin to Madrid on 3 May 2027 for two passengers in Business",
        [
            fn(
                "book_flight",
                "Book a flight",
                ["origin", "destination", "date"],
                origin=S,
                destination=S,
                date={"type": "string", "format": "date"},
                passengers=INT,
                cabin={"type": "string", "enum": ["economy", "business"], "default": "economy"},
                seat=S,
            )
        ],
        [
            (
                "book_flight",
                {
                    "origin": "Berlin",
                    "destination": "Madrid",
                    "date": "2027-05-03",
                    "passengers": 2,
                    "cabin": "business",
                },
            )
        ],
    ),
    (
        "What did the report say about zorblat output?",
        [fn("search_documents", "Search the company knowledge base", query=S)],
        [("search_documents", {"query": "What did the report say about zorblat output?"})],
    ),
]


@pytest.mark.parametrize(("text", "tools", "expected"), CASES, ids=[case[0][:40] for case in CASES])
def test_tool_calls(text: str, tools: list[dict[str, Any]], expected: list[tuple[str, Any]]):
    assert calls(ask(text, tools)) == expected
    assert calls(ask(text, tools, tool_choice="none")) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_finds_the_tool_by_a_made_up_description(seed: int):
    rng = random.Random(seed)
    kinds = [made_up(rng) for _ in range(6)]
    tools = [fn(f"tool_{i}", f"Reads the {kind.lower()} meter of a station", station=S) for i, kind in enumerate(kinds)]
    number, station = rng.randrange(6), made_up(rng)
    called = calls(ask(f"Read the {kinds[number].lower()} meter at {station}.", tools))
    assert called == [(f"tool_{number}", {"station": station})]


@pytest.mark.parametrize("seed", SEEDS)
def test_loop_chains_tools_through_their_results(seed: int):
    rng = random.Random(seed)
    name, number, thing = made_up(rng), f"C-{rng.randint(1000, 9999)}", made_up(rng)
    turns, final = loop(
        f"Find the customer {name} and list the orders.",
        [
            fn("list_orders", "List the orders of a customer", customer_id=S),
            fn("find_customer", "Find a customer by name", name=S),
        ],
        {
            "find_customer": lambda name: json.dumps({"name": name, "customer_id": number}),
            "list_orders": lambda customer_id: f"{customer_id} ordered one {thing}",
        },
    )
    assert turns == [[("find_customer", {"name": name})], [("list_orders", {"customer_id": number})]]
    assert f"{number} ordered one {thing}" in final


def test_loop_uses_a_number_of_a_result():
    turns, final = loop(
        "Multiply 6 by 7 and then add 5",
        [ADD, MULTIPLY],
        {"add": lambda a, b: str(a + b), "multiply": lambda a, b: str(a * b)},
    )
    assert [turn[0][0] for turn in turns] == ["multiply", "add"]
    assert sorted(turns[1][0][1].values()) == [5, 42]
    assert "47" in final


def test_parallel_results_are_all_stated():
    rain = {"Paris": "rain 11", "Rome": "sun 29"}
    turns, final = loop("Weather in Paris and Rome?", [WEATHER], {"get_weather": lambda city: rain[city]})
    assert len(turns) == 1
    assert all(text in final for text in rain.values())


def test_a_new_request_calls_again():
    messages = [
        {"role": "user", "content": "weather in Paris?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "x", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "x", "content": "rain"},
        {"role": "assistant", "content": "rain"},
        {"role": "user", "content": "And the weather in Rome?"},
    ]
    assert calls(ask(messages, [WEATHER])) == [("get_weather", {"city": "Rome"})]


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "ping"}}], ids=["required", "named"]
)
def test_a_forced_call_is_always_made(choice: Any):
    ping = fn("ping", "Return pong")
    assert calls(ask("say hi", [ping], tool_choice=choice)) == [("ping", {})]


def test_a_form_for_the_answer_is_filled_last():
    """Agents demand a call in every turn when the answer itself is a tool, named after a class."""
    form = fn("WeatherReport", "A weather report", city=S, temperature=N)
    first = ask("What is the weather in Oslo?", [WEATHER, form], tool_choice="required")
    assert calls(first) == [("get_weather", {"city": "Oslo"})]
    messages = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "x", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "x", "content": '{"city": "Oslo", "temperature": -7.5}'},
    ]
    second = ask(messages, [WEATHER, form], tool_choice="required")
    assert calls(second) == [("WeatherReport", {"city": "Oslo", "temperature": -7.5})]


# -- JSON ---------------------------------------------------------------------------------------------------------


def ask_in_schema(text: str, schema: dict[str, Any], prefix: str | None = None) -> Any:
    messages = [{"role": "user", "content": text}]
    if prefix is not None:
        messages.append({"role": "assistant", "content": prefix, "partial": True})  # type: ignore[dict-item]
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return json.loads((prefix or "") + (ask(messages, response_format=response_format).content or ""))


PERSON = {
    "type": "object",
    "properties": {
        "name": S,
        "age": {"type": "integer", "minimum": 0},
        "email": {"anyOf": [S, {"type": "null"}]},
        "role": {"enum": ["admin", "guest"], "type": "string"},
        "tags": {"type": "array", "items": S},
    },
    "required": ["name", "age", "email", "role", "tags"],
}


@pytest.mark.parametrize("seed", SEEDS)
def test_schema_is_filled_from_the_text(seed: int):
    rng = random.Random(seed)
    name, age = f"{made_up(rng)} {made_up(rng)}", rng.randint(18, 90)
    text = f"{name} is {age} years old, a Guest, and writes from box{age}@example.org."
    assert ask_in_schema(text, PERSON) == {
        "name": name,
        "age": age,
        "email": f"box{age}@example.org",
        "role": "guest",
        "tags": [],
    }
    assert ask_in_schema("Nothing is known.", PERSON)["email"] is None


def test_schema_with_references_and_rows():
    item = {"type": "object", "properties": {"part": S, "price": N, "stock": INT}, "required": ["part", "price"]}
    schema = {
        "$defs": {"Item": item, "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}, "minItems": 2},
            "root": {"$ref": "#/$defs/Node"},
            "best": {"$ref": "#/$defs/Item"},
            "flags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1},
        },
        "required": ["items", "root", "best", "flags"],
    }
    text, _ = handbook(random.Random(2))
    answer = ask_in_schema(f"List the parts.\n{text}", schema)
    assert [set(row) for row in answer["items"]] == [{"part", "price", "stock"}] * 2
    assert answer["items"][0] == {"part": "Washer", "price": 1.25, "stock": 4}
    assert set(answer["best"]) >= {"part", "price"}
    assert answer["root"] == {}
    assert isinstance(answer["flags"][0], bool)


@pytest.mark.parametrize(
    "prefix", ["{", '{"na', '{"name": "', '{"name": "Ada", ', '{"name": "Ada", "age": ', '{"tags": ["a']
)
def test_a_begun_json_text_is_ended(prefix: str):
    whole = ask_in_schema("Ada Lee is 27 years old, a guest.", PERSON, prefix)
    assert set(PERSON["required"]) <= set(whole)
    assert whole["role"] == "guest"


def test_json_object_mode_has_the_named_keys():
    text = "Tell me a joke about cats. Return the result as JSON with 'setup' and 'punchline' keys."
    answer = ask(text, response_format={"type": "json_object"})
    assert set(json.loads(answer.content or "")) == {"setup", "punchline"}
    assert isinstance(json.loads(ask("Hello", response_format={"type": "json_object"}).content or ""), dict)


def test_partial_answers_hold_only_the_continuation():
    system = {"role": "system", "content": "The plant opened in 1987.\nIts chief engineer is Zorblat."}
    user = {"role": "user", "content": "Who is the chief engineer?"}
    whole = ask([system, user]).content or ""
    rest = ask([system, user, {"role": "assistant", "content": whole[:9], "partial": True}]).content
    assert whole[:9] + (rest or "") == whole
    assert (ask([user, {"role": "assistant", "content": "Dear friend,", "partial": True}]).content or "").startswith(
        " "
    )


def test_otherwise_says_what_it_is():
    text = ask("hello zorblat").content or ""
    assert "emulator" in text
    assert "hello zorblat" in text


def test_small_requests_take_milliseconds():
    tools = [WEATHER, TIME, ADD, MULTIPLY] * 5
    begin = time.perf_counter()
    for _ in range(20):
        ask("What's the weather in Paris and what time is it in Tokyo?", tools)
    assert (time.perf_counter() - begin) / 20 < 0.05


@pytest.mark.parametrize(
    "text",
    [
        *("{" * 20_000, "1," * 20_000, "a " * 50_000, "(((1+" * 9_000, '"' * 20_000, "A" * 60_000),
        *("JSON example format: " * 3_000, "JSON {a: [" * 3_000, "answer with a call " * 3_000, "<question " * 5_000),
        *("(1) a\n" * 5_000, "cite number " * 5_000, "Action Input: Tool Name: x\n" * 2_000, "<execute>def f(" * 3_000),
        *("question: '" * 5_000, "a\nTitle:" * 3_000, "Source 1: Document 1: " * 3_000, "x: {'a': " * 5_000),
    ],
)
def test_no_text_makes_it_slow(text: str):
    begin = time.process_time()
    ask(f"Search for {text}", [fn("search", "Search for things", query=S, date=S, expression=S, limit=INT, order_id=S)])
    ask_in_schema(text, PERSON)
    ask(text)
    ask(text, [fn("hand_over", text, to_desk=S)])
    assert time.process_time() - begin < 3


def test_no_word_of_a_question_is_in_the_source():
    """The brain may hold no answers: no capitalised names but those it is made of."""
    from pathlib import Path

    import kimi_emulator.brain

    source = "\n".join(p.read_text() for p in Path(kimi_emulator.brain.__path__[0]).glob("*.py"))
    assert not re.search(r"\b(?:Paris|London|Tokyo|weather|warranty|Berlin)\b", source)


# -- formats that a prompt asks for in words ------------------------------------------------------------------------


def made_up_topics(seed: int) -> tuple[random.Random, list[str]]:
    rng = random.Random(seed)
    return rng, [made_up(rng) for _ in range(4)]


def list_topics(topics: list[str]) -> str:
    return "\n\n".join(f"({n}) Everything on {topic} and its trade" for n, topic in enumerate(topics, 1))


PICK = "Return the choice that is most relevant to the question: 'Who sells {topic}?'\n"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_choice_follows_the_sample_of_json_in_the_prompt(seed: int):
    rng, topics = made_up_topics(seed)
    number = rng.randrange(4)
    prompt = f"Some choices:\n---\n{list_topics(topics)}\n---\n" + PICK.format(topic=topics[number])
    reply = ask(
        prompt + '\nOutput ONLY JSON. Here is an example:\n[\n  {\n    choice: 1,\n    why: "<why>"\n  },\n  ...\n]'
    )
    (chosen,) = json.loads(reply.content or "")
    assert chosen["choice"] == number + 1
    assert topics[number] in chosen["why"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_choice_follows_a_forced_tool(seed: int):
    rng, topics = made_up_topics(seed)
    number = rng.randrange(4)
    pick = fn("Pick", "A pick.", index=INT, reason=S)
    picks = fn("Picks", "Several.", picks={"type": "array", "items": pick["function"]["parameters"]})
    prompt = f"Some choices:\n---\n{list_topics(topics)}\n---\n" + PICK.format(topic=topics[number])
    ((_, one),) = calls(ask(prompt, [pick], tool_choice="required"))
    ((_, several),) = calls(ask(prompt, [picks], tool_choice="required"))
    assert one["index"] == number + 1
    assert [each["index"] for each in several["picks"]] == [number + 1]


@pytest.mark.parametrize("seed", SEEDS)
def test_documents_are_rated_in_lines_like_the_sample(seed: int):
    rng, topics = made_up_topics(seed)
    number = rng.randrange(4)
    documents = "\n\n".join(f"Document {n}:\nAbout {topic}, in detail." for n, topic in enumerate(topics, 1))
    prompt = (
        "Rate them.\nExample format:\n\nDocument 1:\n<text>\n\nDocument 2:\n<text>\n\nQuestion: <question>\nAnswer:\n"
        f"Doc: 2, Relevance: 7\nDoc: 1, Relevance: 3\n\nNow you:\n\n{documents}\n\n"
        f"Question: What is {topics[number]}?\nAnswer:\n"
    )
    assert ask(prompt).content == f"Doc: {number + 1}, Relevance: 10"


def test_a_quoted_form_is_filled():
    _, topics = made_up_topics(1)
    prompt = (
        f"{list_topics(topics)}\n---\n"
        + PICK.format(topic=topics[2])
        + "Use the form 'ANSWER: <number>' and say why.\n"
    )
    assert ask(prompt).content == "ANSWER: 3"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_question_is_split_among_described_names_as_the_sample_shows(seed: int):
    rng, topics = made_up_topics(seed)
    first, second = rng.sample(range(4), 2)
    tools = {f"store_{n}": f"Facts about {topic}" for n, topic in enumerate(topics)}
    prompt = (
        'Give sub-questions in json markdown.\n# Example 1\n<Tools>\n```json\n{"north": "Northern trade", '
        '"south": "Southern trade"}\n```\n\n<User Question>\nCompare them\n\n<Output>\n```json\n'
        '{"items": [{"part": "How is the north?", "store": "north"}, {"part": "How is the south?", "store": "south"}]}'
        f"\n```\n\n# Example 2\n<Tools>\n```json\n{json.dumps(tools)}\n```\n\n<User Question>\n"
        f"How big is {topics[first]}, and who owns {topics[second]}?\n\n<Output>\n"
    )
    assert json.loads(ask(prompt).content or "") == {
        "items": [
            {"part": f"How big is {topics[first]}?", "store": f"store_{first}"},
            {"part": f"Who owns {topics[second]}?", "store": f"store_{second}"},
        ]
    }


@pytest.mark.parametrize("doubled", [False, True])
def test_a_schema_in_the_prompt_is_followed(doubled: bool):
    schema = json.dumps(PERSON)
    if doubled:  # templates may leave their escapes in
        schema = schema.replace("{", "{{").replace("}", "}}")
    text = f"Ada Lee is 27 years old, a guest.\n\nHere's a JSON schema to follow:\n{schema}\n\nOutput a JSON object."
    person = json.loads(ask(text).content or "")
    assert (person["name"], person["age"], person["role"]) == ("Ada Lee", 27, "guest")


@pytest.mark.parametrize("seed", SEEDS)
def test_sources_are_cited_by_their_numbers(seed: int):
    rng, topics = made_up_topics(seed)
    number = rng.randrange(4)
    sources = "\n\n".join(f"Source {n}:\nThe price of {topic} is {n}00.\n" for n, topic in enumerate(topics, 1))
    prompt = (
        "Answer from the sources and cite them by their numbers. For example:\nSource 1:\nGrass is green.\n"
        f"Query: What is grass?\nAnswer: Green [1].\nNow you:\n------\n{sources}\n------\n"
        f"Query: What is the price of {topics[number]}?\nAnswer: "
    )
    assert ask(prompt).content == f"The price of {topics[number]} is {number + 1}00. [{number + 1}]"


def test_titles_keywords_and_summaries():
    text, _ = handbook(random.Random(1))
    head = text.splitlines()[0].lstrip("# ")
    assert ask(f"Context: {text}. Give a title that sums it up. Title: ").content == head
    words = (ask(f"{text}. Give 3 unique keywords for this text. Keywords: ").content or "").split(", ")
    assert len(words) == 3
    assert all(word in text for word in words)
    summary = ask(f"Here is the section:\n{text}\n\nSummarize its key topics. \n\nSummary: ").content or ""
    assert 20 < len(summary) < len(text)
    assert "Summarize" not in summary


@pytest.mark.parametrize("better", [True, False])
def test_an_answer_is_refined_only_by_better_text(better: bool):
    text, questions = handbook(random.Random(2))
    question, fact = next(iter(questions.items()))
    context = text if better else "The moon is far away, and it is cold there all year round, they say."
    old = "Nobody knows that." if better else f"The chief engineer is {fact}."
    prompt = f"Rewrite or repeat.\nNew Context: {context}\nQuery: {question}\nOriginal Answer: {old}\nNew Answer: "
    assert fact in (ask(prompt).content or "")


def test_two_questions_in_one_get_two_answers():
    text, questions = handbook(random.Random(4))
    (first, one), (_, two), *_ = questions.items()
    reply = ask([{"role": "system", "content": text}, {"role": "user", "content": f"{first[:-1]}, and how many months "
                "does the warranty last?"}]).content or ""  # fmt: skip
    assert one in reply
    assert two in reply


def test_rows_of_comma_separated_values_and_broken_lines():
    rng = random.Random(5)
    name, other = made_up(rng), made_up(rng)
    rows = f"part,price,stock\n{other},7.25,4\n{name},19.75,6\n"
    reply = ask([{"role": "system", "content": rows}, {"role": "user", "content": f"price of {name}?"}])
    assert "19.75" in (reply.content or "")
    broken = f"On ordinary days the people of the valley go up by the {name} lift, which\nleaves at 16:35 and is full."
    question = f"When does the {name} lift leave?"
    reply = ask([{"role": "system", "content": broken}, {"role": "user", "content": question}])
    assert name in (reply.content or "")
    assert "16:35" in (reply.content or "")


@pytest.mark.parametrize("name", ["the tool ping", "one of the tools"])
def test_a_demand_in_words_is_obeyed(name: str):
    """Clients ask so where a model cannot be forced."""
    demand = {"role": "user", "content": f"Answer with a call of {name}, not with text."}
    tools = [fn("pong", "Return ping"), fn("ping", "Return pong")] if "ping" in name else [fn("ping", "Return pong")]
    assert calls(ask([{"role": "user", "content": "Hello!"}, demand], tools)) == [("ping", {})]
    weather = ask([{"role": "user", "content": "weather in Oslo?"}, demand], [WEATHER])
    assert calls(weather) == [("get_weather", {"city": "Oslo"})]


def test_names_listed_in_a_description_limit_a_parameter():
    about = "Hand off to another desk.\n\nAvailable desks:\n{'billing': 'Knows invoices', 'travel': 'Knows trains'}"
    hand = fn("handoff", about, to_desk=S, reason=S)
    ((_, arguments),) = calls(ask("Please hand off: I need trains to Oslo", [hand]))
    assert arguments["to_desk"] == "travel"


# -- tools declared in words ----------------------------------------------------------------------------------------


def test_action_lines_are_written_and_their_observations_read():
    schema = json.dumps(WEATHER["function"]["parameters"])
    system = (
        "Use tools:\n> Tool Name: get_weather\nTool Description: Get the current weather in a city\n"
        f"Tool Args: {schema}\n\nFormat:\nThought: ...\nAction: tool name\nAction Input: the input as JSON"
    )
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "What is the weather in Oslo?"}]
    text = ask(messages).content or ""
    assert re.fullmatch(r'Thought: .*\nAction: get_weather\nAction Input: \{"city":"Oslo"\}', text)
    messages += [{"role": "assistant", "content": text}, {"role": "user", "content": "Observation: sleet, 1 degree"}]
    assert re.fullmatch(r"Thought: .*\nAnswer: .*sleet, 1 degree", ask(messages).content or "")


def test_code_is_written_between_tags_and_its_result_read():
    system = (
        "Write code as\n<execute>\nprint(area(2))\n</execute>\nYou can use these functions:\n"
        'def get_weather(city: str) -> str:\n  """\nGet the current weather in a city\n  """\n\n  ...\n\n\n'
        'def add(a: \'int\', b: \'int\') -> int:\n  """\nAdd two numbers.\n  """\n\n  ...\n\n'
        "Reminder: code goes between <execute>...</execute> tags."
    )
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": "What is the weather in Oslo, and what is 3 plus 4?"},
    ]
    text = ask(messages).content or ""
    assert text == "<execute>\nprint(get_weather(city='Oslo'))\nprint(add(a=3, b=4))\n</execute>"
    result = {"role": "user", "content": "Result of executing the code:\n\nsleet\n7\n"}
    final = ask([*messages, {"role": "assistant", "content": text}, result]).content or ""
    assert "<execute>" not in final
    assert "sleet" in final
    assert "7" in final
