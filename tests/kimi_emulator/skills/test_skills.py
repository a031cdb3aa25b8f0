"""Each skill of the brain with a table of prompts: what it says, and that it leaves other prompts to others."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from brain_asking import S, ask, calls, function, obj, text, under
from llama_index.core.evaluation import (
    answer_relevancy,
    context_relevancy,
    correctness,
    faithfulness,
    pairwise,
    relevancy,
)
from llama_index.core.llms import MockLLM
from llama_index.core.memory.memory_blocks import fact
from llama_index.core.prompts import default_prompts

import kimi_emulator.brain
from kimi_emulator import BrainContext
from kimi_emulator.brain import language
from kimi_emulator.brain.conversation import Conversation, Task
from kimi_emulator.brain.skills import (
    choose,
    evaluate,
    fields,
    graph,
    greet,
    otherwise,
    prefix,
    protocols,
    quote,
    rephrase,
    results,
    speech,
    structured,
    tools,
)

MILL = "The mill stands by the river Orva. It was founded by Zorba Klem in 1911. It employs 34 people and makes paper."
FIRM = "公司成立于2015年，总部在杭州。创始人是王小明。公司有三百名员工，主要产品是智能手表。"
ADD, MULTIPLY = (
    function(name, f"{name} two numbers", a={"type": "number"}, b={"type": "number"}) for name in ("add", "multiply")
)
WEATHER = function("get_weather", "获取指定城市的天气", city={"type": "string", "description": "城市名"})


def talk(prompt: str | list[dict[str, Any]]) -> Conversation:
    return Conversation([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt)


def wire(module: Any, /, **values: Any) -> list[dict[str, Any]]:
    """The messages of a LlamaIndex evaluator's own template."""
    messages = module.DEFAULT_EVAL_TEMPLATE.format_messages(**values)
    return [{"role": message.role.value, "content": message.content} for message in messages]


# -- greet ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "beginning"),
    [
        ("Hello!", "Hello! I am"),
        ("hi", "Hi! I am"),
        ("Good morning, Kimi!", "Good morning! I am"),
        ("Hey there, how are you?", "Hey! I am"),
        ("How are you today?", "Hello! I am"),
        ("who are you", "I am the local"),
        ("What can you do?", "I am the local"),
        ("Thanks a lot!", "You are welcome."),
        ("bye", "Goodbye!"),
        ("你好！", "你好！我是"),
        ("您好，你是谁？", "我是本地的"),
        ("早上好", "早上好！我是"),
        ("介绍一下你自己", "我是本地的"),
        ("谢谢", "不客气。"),
        ("再见", "再见！"),
        ("Hola!", "Hola! I am"),
    ],
)
def test_greetings_are_greeted(prompt: str, beginning: str):
    assert text(prompt).startswith(beginning)
    assert text(under("You are a helpful assistant. Always be polite.", prompt)).startswith(beginning)


@pytest.mark.parametrize(
    "prompt", ["Hello world in Python", "hi-fi shops near me", "你好吗这个词怎么写", "Thanks to whom did it end?"]
)
def test_what_only_begins_like_a_greeting_is_none(prompt: str):
    assert greet.say(talk(prompt)) is None


# -- quote ----------------------------------------------------------------------------------------------------------

RAG = {
    "LangChain hub": "You are an assistant for question-answering tasks. Use the following pieces "
    "of retrieved context to answer the "
    "question. If you don't know the answer, just say that you don't know.\nQuestion: {q} \nContext: {c} \nAnswer:",
    "LangChain stuff": "Use the following pieces of context to answer the question at the end. If "
    "you don't know the answer, just say "
    "that you don't know, don't try to make up an answer.\n\n{c}\n\nQuestion: {q}\nHelpful Answer:",
    "LangChain based only": "Answer the question based only on the following context:\n{c}\n\nQuestion: {q}\n",
    "LlamaIndex": default_prompts.DEFAULT_TEXT_QA_PROMPT_TMPL.replace("{context_str}", "{c}").replace(
        "{query_str}", "{q}"
    ),
    "LlamaIndex tree": default_prompts.DEFAULT_TREE_SUMMARIZE_TMPL.replace("{context_str}", "{c}").replace(
        "{query_str}", "{q}"
    ),
    "tags": "Answer from the context.\n<context>\n{c}\n</context>\n\n<question>\n{q}\n</question>",
    "tags, question first": "<question>{q}</question>\n<documents>\n<document>{c}</document>\n</documents>",
    "tagged context": "<context>{c}</context>\n\n{q}",
    "question first": "{q}\n\nContext:\n{c}",
    "headings": "## Context\n{c}\n\n## Question\n{q}\n",
    "bare": "{c}\n\n{q}",
    "资料": "根据以下资料回答问题。\n\n资料：\n{c}\n\n问题：{q}",
    "资料在后": "问题：{q}\n\n参考资料：\n{c}",
    "已知信息": "已知信息：\n{c}\n\n根据上述已知信息，简洁和专业的来回答用户的问题。问题是：{q}",
    "括号": "【资料】\n{c}\n【问题】\n{q}",
    "标签": "<资料>\n{c}\n</资料>\n\n{q}",
    "问答": "请根据下面的内容回答问题。\n内容：{c}\n问：{q}\n答：",
}


@pytest.mark.parametrize("form", RAG)
@pytest.mark.parametrize(
    ("context", "question", "answer"),
    [
        (MILL, "Who founded the mill?", "Zorba Klem"),
        (MILL, "How many people does it employ?", "34"),
        (FIRM, "创始人是谁？", "王小明"),
        (FIRM, "公司是哪一年成立的？", "2015"),
    ],
)
def test_a_prompt_with_a_text_is_answered_from_it(form: str, context: str, question: str, answer: str):
    reply = text(RAG[form].format(c=context, q=question))
    assert answer in reply
    assert "模拟器" not in reply
    assert "emulator" not in reply


@pytest.mark.parametrize(("question", "answer"), [("创始人是谁？", "王小明"), ("公司是哪一年成立的？", "2015")])
def test_a_text_and_a_question_on_one_line(question: str, answer: str):
    assert answer in text(f"根据以下资料回答问题：{FIRM}{question}")


@pytest.mark.parametrize(
    ("system", "question"),
    [
        ("You are a helpful assistant that answers questions about rivers. Always be brief.", "Which river is brief?"),
        ("You are a pirate. Always answer in rhymes.\nNever break character.", "What is a good answer in rhymes?"),
        ("你是一个专业的翻译助手。请把用户的话翻译成英文。\n不要解释。", "翻译助手是什么？"),
    ],
)
def test_instructions_are_no_documents(system: str, question: str):
    assert text(under(system, question)) == otherwise.say(talk(question))


def test_what_stands_beside_instructions_is_a_document():
    assert "9 to 5" in text(
        under(
            "You are the desk of a shop. Always be brief. The shop is open from 9 to 5, every day.",
            "When is the shop open?",
        )
    )


@pytest.mark.parametrize(
    ("question", "beginning"), [("How far is the moon?", "I find nothing"), ("月球有多远？", "给定的资料中没有")]
)
def test_what_no_text_tells_is_said(question: str, beginning: str):
    assert (quote.say(talk(RAG["LlamaIndex"].format(c=MILL + FIRM, q=question))) or "").startswith(beginning)


def test_refining_prefers_the_better_text():
    prompt = default_prompts.DEFAULT_REFINE_PROMPT.format(
        query_str="Who founded the mill?", existing_answer="Nobody knows.", context_msg=MILL
    )
    assert "Zorba Klem" in text(prompt)


@pytest.mark.parametrize(
    ("context", "question", "expected"),
    [
        (MILL, "Does the text mention the river Orva?", "Yes, the river Orva is mentioned: The mill stands by the"),
        (MILL, "Does this document talk about Zorba Klem?", "Yes, Zorba Klem is mentioned: It was founded by Zorba"),
        (MILL, "Does the text mention cheese?", "No, the given texts do not mention cheese."),
        (MILL, 'Is the word "bread" mentioned in the passage?', "No, the given texts do not mention"),
        (MILL, "Is paper mentioned?", "Yes, paper is mentioned: It employs 34 people"),
        (FIRM, "文中提到杭州了吗？", "是的，提到了杭州：公司成立于2015年，总部在杭州。"),
        (FIRM, "资料里有没有提到上海？", "没有，给定的资料没有提到上海。"),
    ],
)
def test_whether_a_text_mentions_something_is_answered_with_yes_or_no(context: str, question: str, expected: str):
    assert text(f"{context}\n\n{question}").startswith(expected)
    assert text(f"Context: {context}\nQuestion: {question}\nAnswer:").startswith(expected)


def test_a_text_told_earlier_is_asked_about_too():
    earlier = [{"role": "user", "content": MILL}, {"role": "assistant", "content": "Noted."}]
    question = {"role": "user", "content": "Does the text mention the river Orva?"}
    assert text([*earlier, question]).startswith("Yes, the river Orva is mentioned")


@pytest.mark.parametrize(
    "prompt",
    [
        "Tell me a joke",
        "Can you tell us a short story about a mill?",
        "Write a poem about the mill.",
        "Please write me a haiku",
        "Translate 'the mill' to French",
        "讲个关于磨坊的笑话",
        "写一首关于公司的诗",
        "把“公司”翻译成英语",
    ],
)
def test_what_only_a_model_could_write_is_said_to_be_none_of_the_emulators(prompt: str):
    said_before = [{"role": "user", "content": f"I like jokes and poems. {MILL} {FIRM}"}]
    before = [*said_before, {"role": "assistant", "content": "Noted."}]
    search = function("search", "Search the web", query=S)
    for messages in ([], before, under(MILL + FIRM, "Hi")[:1]):
        reply = ask([*messages, {"role": "user", "content": prompt}], [search])
        assert not reply.tool_calls
        assert reply.content in (
            f"This is the local Kimi emulator, which answers by rules and not by a model. You wrote: {prompt}",
            f"这是本地的 Kimi 模拟器，按规则回答，背后没有模型。你说的是：{prompt}",
        )


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Does the mill employ 34 people?", "It employs 34 people"),
        ("Does the mill stand by the river Orva?", "The mill stands by the river Orva."),
    ],
)
def test_a_sentence_that_says_just_what_is_asked_confirms_it(question: str, answer: str):
    context = MILL.replace(" and makes paper", "")
    assert text(f"Context: {context}\nQuestion: {question}\nAnswer:").startswith(answer)
    assert text(f"Context:\nThe mill\n{context}\n\nQuestion: {question}\nAnswer:").startswith(answer)


def test_an_empty_text_is_no_fault():
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": obj(title=S, note=S)}}
    assert set(json.loads(ask("", response_format=form).content or "")) == {"title", "note"}
    assert calls("", function("save", "Saves it", title=S)) == []


# -- tools ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "city"),
    [
        ("What's the weather like in Beijing?", "Beijing"),
        ("上海的天气如何？", "上海"),
        ("明天成都会下雨吗", "成都"),
        ("告诉我广州现在的天气", "广州"),
        ("is it raining in oslo?", "oslo"),
        ("What's the temperature in Oslo?", "Oslo"),
        ("Wie wird das Wetter in Hamburg?", "Hamburg"),
        ("Quelle est la météo à Lyon ?", "Lyon"),
        ("¿Cuál es el clima en Buenos Aires?", "Buenos Aires"),
        ("Che tempo fa a Roma?", "Roma"),
        ("Como está o clima em Lisboa?", "Lisboa"),
        ("Какая погода в Москве?", "Москве"),
        ("東京の天気は？", "東京"),
        ("서울 날씨 어때?", "서울"),
    ],
)
def test_a_tool_is_found_by_meaning_in_other_languages(prompt: str, city: str):
    english = function("get_weather", "Get the current weather in a city", city=S)
    others = [function("send_email", "Send an email", to=S), function("get_time", "Get the local time", zone=S)]
    assert calls(prompt, english, *others) == [("get_weather", {"city": city})]
    assert calls(prompt, WEATHER) == [("get_weather", {"city": city})]


@pytest.mark.parametrize("question", ["What is (2+3)*4?", "(2+3)*4", "(2+3)乘以4等于多少？"])
def test_a_sum_of_two_tools_is_worked_out_in_order(question: str):
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    turns = []
    for result in ("5", "20"):
        reply = ask(messages, [ADD, MULTIPLY])
        (call,) = reply.tool_calls
        turns.append((call.name, json.loads(call.arguments_text)))
        call_made = {
            "id": call.name,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments_text},
        }
        messages += [
            {"role": "assistant", "content": "", "tool_calls": [call_made]},
            {"role": "tool", "tool_call_id": call.name, "content": result},
        ]
    assert turns == [("add", {"a": 2, "b": 3}), ("multiply", {"a": 5, "b": 4})]
    assert "20" in text_after(messages)


@pytest.mark.parametrize(
    ("question", "expression", "value"),
    [
        ("What is the square root of 144?", "144 ** 0.5", "12"),
        ("144的平方根是多少？", "144 ** 0.5", "12"),
        ("What is sqrt(16) + 2?", "16 ** 0.5 + 2", "6"),
        ("Calculate the square root of 9 plus 3 =", "9 ** 0.5 + 3", "6"),
        ("What is 15% of 80?", "15 / 100 * 80", "12"),
        ("80的百分之15是多少？", "80 * 15 / 100", "12"),
        ("What is 2 to the power of 10?", "2 ** 10", "1024"),
        ("2的10次方等于多少？", "2 ** 10", "1024"),
        ("What is 7 squared?", "7 ** 2", "49"),
    ],
)
def test_roots_powers_and_percentages_are_sums(question: str, expression: str, value: str):
    calculator = function("calculator", "Evaluate a mathematical expression", expression=S)
    assert calls(question, calculator) == [("calculator", {"expression": expression})]
    assert text(question) == f"{expression} = {value}"


def test_powers_without_end_are_not_worked_out():
    for sum_ in ("9**9**9", "(9**99)**99", "9**99999"):
        assert text(f"What is {sum_}?").startswith("This is the local Kimi emulator")


@pytest.mark.parametrize(
    ("prompt", "cities"),
    [
        ("weather in paris and london", ["paris", "london"]),
        ("weather in paris, london and new york", ["paris", "london", "new york"]),
        ("how is the weather in berlin and munich today?", ["berlin", "munich"]),
        ("weather for oslo or rome please", ["oslo", "rome"]),
        ("compare the weather in paris vs london", ["paris", "london"]),
        ("what's the weather like in tokyo & osaka", ["tokyo", "osaka"]),
        ("weather in paris please", ["paris"]),
        ("weather in paris and tell me a joke", ["paris"]),
        ("what's the weather in paris and what time is it?", ["paris"]),
        ("Weather in Paris and London?", ["Paris", "London"]),
    ],
)
def test_each_city_of_a_list_gets_its_call_also_in_small_letters(prompt: str, cities: list[str]):
    weather = function("get_weather", "Get the current weather in a city", city=S)
    assert calls(prompt, weather) == [("get_weather", {"city": city}) for city in cities]


def text_after(messages: list[dict[str, Any]]) -> str:
    reply = ask(messages, [ADD, MULTIPLY])
    assert not reply.tool_calls
    return reply.content or ""


def test_tools_leave_what_asks_for_none():
    for prompt in ("Hello!", "Tell me a joke", "写一首关于春天的诗"):
        task = Task({"messages": [{"role": "user", "content": prompt}]}, BrainContext("kimi-k3", True, [WEATHER]))
        assert tools.answer(task) is None


def test_results_are_said_in_the_language_of_the_question():
    call = {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "北京"}'}}
    done = [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": '{"weather": "晴"}'},
    ]
    assert results.say(talk([{"role": "user", "content": "北京天气怎么样？"}, *done])) == "结果是：weather: 晴"
    assert results.say(talk([{"role": "user", "content": "Weather?"}, *done])) == "The result is: weather: 晴"
    assert results.say(talk("Weather?")) is None


# -- structured -----------------------------------------------------------------------------------------------------

PERSON = {**obj(name=S, height_in_meters={"type": "number"}), "title": "Person"}
SHOWN = {
    "LangChain": "Answer the user query.\nThe output should be formatted as a JSON instance that "
    "conforms to the JSON schema below.\n\n"
    'As an example, for the schema {{"properties": {{"foo": {{"type": "array", "items": {{"type": '
    '"string"}}}}}}, "required": '
    '["foo"]}} the '
    'object {{"foo": ["bar", "baz"]}} is a well-formatted instance of the schema.\n\nHere is the output schema:\n'
    "```\n{schema}\n```\n{query}\n",
    "LlamaIndex": "{query}\n\n\n\nHere's a JSON schema to follow:\n{schema}\n\nOutput a valid JSON "
    "object but do not repeat the schema.\n",
    "中文": "请从文本中提取信息，并按照下面的 JSON schema 以 JSON 格式返回：\n{schema}\n\n文本：{query}",
}
SYSTEM = {
    "instructor": "As a genius expert, your task is to understand the content and provide\nthe "
    "parsed objects in json that match the "
    "following json_schema:\n\n{schema}\n\nMake sure to return an instance of the JSON, not the schema itself\n",
    "pydantic-ai": "Always respond with a JSON object that's compatible with this "
    "schema:\n\n{schema}\n\nDon't include any text or Markdown "
    "fencing before or after.",
}


@pytest.mark.parametrize("form", [*SHOWN, *SYSTEM])
def test_a_schema_in_the_prompt_is_a_schema(form: str):
    schema, query = json.dumps(PERSON), "Anna is 6 feet tall."
    prompt = (
        SHOWN[form].format(schema=schema, query=query)
        if form in SHOWN
        else under(SYSTEM[form].format(schema=schema), query)
    )
    assert json.loads(text(prompt)) == {"name": "Anna", "height_in_meters": 1.83}


def test_a_code_block_is_given_where_one_is_demanded():
    demand = (
        "Jason is 1.9 meters tall\n\nReturn the correct JSON response within a ```json codeblock. not the JSON_SCHEMA"
    )
    block = text(under(SYSTEM["instructor"].format(schema=json.dumps(PERSON)), demand))
    assert block.startswith("```json\n")
    assert json.loads(block.strip("`\n").removeprefix("json")) == {"name": "Jason", "height_in_meters": 1.9}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Return JSON with keys name and age. Ada is 36 years old.", {"name": "Ada", "age": 36}),
        ("请提取姓名和年龄，以JSON格式返回，字段为name和age。张三今年28岁。", {"name": "张三", "age": 28}),
    ],
)
def test_json_mode_follows_the_named_keys(prompt: str, expected: dict[str, Any]):
    assert json.loads(ask(prompt, response_format={"type": "json_object"}).content or "") == expected


def test_structured_leaves_plain_prompts():
    task = Task({"messages": [{"role": "user", "content": "What is JSON?"}]}, BrainContext("kimi-k3", True))
    assert structured.answer(task) is None
    assert prefix.answer(task) is None
    assert protocols.answer(task) is None


def test_prefix_gives_only_the_rest():
    messages = [
        {"role": "user", "content": f"{MILL}\n\nWho founded the mill?"},
        {"role": "assistant", "content": "It was ", "partial": True},
    ]
    reply = prefix.answer(Task({"messages": messages}, BrainContext("kimi-k3", True, prefix="It was ")))
    assert reply is not None
    assert reply.content == "founded by Zorba Klem in 1911."


# -- LlamaIndex -----------------------------------------------------------------------------------------------------

GOOD, BAD = "The mill was founded in 1911 by Zorba Klem.", "The mill was founded in 1850 by Anna."


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (wire(faithfulness, query_str=GOOD, context_str=MILL), "YES"),
        (wire(faithfulness, query_str=BAD, context_str=MILL), "NO"),
        (
            wire(relevancy, query_str=f"Question: Who founded the mill?\nResponse: {GOOD}", context_str=MILL),
            "YES",
        ),
        (wire(relevancy, query_str="Question: How tall is it?\nResponse: 300 m.", context_str=FIRM), "NO"),
    ],
)
def test_evaluators_get_yes_or_no(messages: list[dict[str, Any]], expected: str):
    assert text(messages) == expected


def test_evaluators_get_scores_that_they_can_read():
    def score_by(module: Any, **values: Any) -> float | None:
        (kind,) = (
            each for name, each in vars(module).items() if name.endswith("Evaluator") and name != "BaseEvaluator"
        )
        score = kind(MockLLM()).parser_function(text(wire(module, **values)))[0]
        return None if score is None else float(score)

    question = "Who founded the mill?"
    assert score_by(correctness, query=question, reference_answer=GOOD, generated_answer=GOOD) == 5
    assert (score_by(correctness, query=question, reference_answer=GOOD, generated_answer="I like cheese.") or 9) < 3
    assert score_by(answer_relevancy, query=question, response=GOOD) == 2
    assert score_by(answer_relevancy, query=question, response="Cheese is good.") == 0
    assert score_by(context_relevancy, query_str=question, context_str=MILL) == 4


@pytest.mark.parametrize(
    ("first", "second", "verdict"), [(GOOD, "Cheese.", "[[A]]"), ("Cheese.", GOOD, "[[B]]"), (GOOD, GOOD, "[[C]]")]
)
def test_the_better_of_two_answers_is_named(first: str, second: str, verdict: str):
    messages = wire(pairwise, query="Who founded the mill?", reference=GOOD, answer_1=first, answer_2=second)
    assert verdict in text(messages)


def test_evaluate_leaves_other_prompts():
    assert evaluate.say(talk("Answer the question: who founded the mill?")) is None


def test_triplets_in_the_prompts_own_form():
    prompt = default_prompts.DEFAULT_KG_TRIPLET_EXTRACT_PROMPT.format(max_knowledge_triplets=5, text=MILL)
    assert text(prompt).splitlines() == [
        "(mill, stands by, river Orva)",
        "(mill, was founded by, Zorba Klem)",
        "(mill, founded in, 1911)",
        "(mill, employs, 34 people)",
        "(mill, makes, paper)",
    ]
    typed = default_prompts.DEFAULT_DYNAMIC_EXTRACT_PROMPT.format(
        max_knowledge_triplets=2, allowed_entity_types="[]", allowed_relation_types="[]", text=MILL
    )
    assert [set(each) for each in json.loads(text(typed))] == [
        {"head", "head_type", "relation", "tail", "tail_type"}
    ] * 2
    chinese = "从下面的文本中提取三元组。\n文本：王小明创办了未来公司。公司位于杭州。\n三元组："
    assert text(chinese) == "(王小明, 创办了, 未来公司)\n(公司, 位于, 杭州)"
    assert graph.say(talk("What is a graph?")) is None


REACT = """Use tools:
> Tool Name: get_weather
Tool Description: Get the current weather in a city
Tool Args: {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

Thought: ...
Action: tool name
Action Input: the input as JSON"""
CODE = """Write code between <execute> tags.
def add(a: int, b: int) -> int:
    \"\"\"
    Add two numbers.
    \"\"\"
"""


@pytest.mark.parametrize(
    ("explained", "question", "call", "result", "answer", "second"),
    [
        (
            REACT,
            "What is the weather in Oslo?",
            'Action: get_weather\nAction Input: {"city":"Oslo"}',
            "Observation: sleet",
            "Answer: The result is: sleet",
            ("What is the weather in Rome?", 'Action: get_weather\nAction Input: {"city":"Rome"}'),
        ),
        (
            CODE,
            "What is 2 + 3?",
            "<execute>\nprint(add(a=2, b=3))\n</execute>",
            "Here is the result of the code:\n\n5",
            "The result is: 5",
            ("What is 4 + 5?", "<execute>\nprint(add(a=4, b=5))\n</execute>"),
        ),
    ],
    ids=["action", "code"],
)
def test_steps_in_words_are_made_one_by_one_and_anew_for_the_next_question(
    explained: str, question: str, call: str, result: str, answer: str, second: tuple[str, str]
):
    messages = under(explained, question)
    for expected, reply in ((call, result), (answer, second[0]), (second[1], "")):
        step = text(messages)
        assert step.endswith(expected)
        messages += [{"role": "assistant", "content": step}, {"role": "user", "content": reply}]


def test_an_input_that_is_shown_as_python_is_that_of_the_call_that_was_made():
    """LlamaIndex writes the steps of a ReActAgent back so. A call that was not known again was made without end."""
    tool = json.dumps({"type": "object", "properties": {each: {"type": "integer"} for each in "ab"}})
    explained = f"> Tool Name: multiply\nTool Description: Multiply two numbers\nTool Args: {tool}\n\n{REACT}"
    messages = under(explained, "What is 3 * 12?")
    assert text(messages).endswith('Action: multiply\nAction Input: {"a":3,"b":12}')
    step = "Thought: I need a tool.\nAction: multiply\nAction Input: {'a': 3, 'b': 12}"
    messages += [{"role": "assistant", "content": step}, {"role": "user", "content": "Observation: 36"}]
    assert text(messages).endswith("Answer: The result is: 36")


@pytest.mark.parametrize("value", ["[" * 9000, "{[]: 1}", "{1, 2}", "{'a': 1j}", "{'a': b}"], ids=lambda each: each[:9])
def test_an_input_that_is_no_value_is_no_fault(value: str):
    call = {"role": "assistant", "content": f"Thought: x\nAction: get_weather\nAction Input: {value}"}
    result = {"role": "user", "content": "Observation: bad input"}
    assert text([*under(REACT, "What is the weather in Oslo?"), call, result]).endswith("The result is: bad input")


def test_an_input_that_is_no_json_is_no_fault():
    call = {"role": "assistant", "content": 'Thought: x\nAction: get_weather\nAction Input: {"city": Oslo'}
    result = {"role": "user", "content": "Observation: bad input"}
    assert text([*under(REACT, "What is the weather in Oslo?"), call, result]).endswith("The result is: bad input")


def test_facts_of_a_conversation():
    messages = [
        {"role": "user", "content": "I live in Oslo and I love skiing. What is the time?"},
        {"role": "assistant", "content": "Noon."},
        {"role": "user", "content": fact.DEFAULT_FACT_EXTRACT_PROMPT.format(existing_facts="")},
    ]
    assert text(messages) == "<facts>\n  <fact>I live in Oslo and I love skiing.</fact>\n</facts>"
    known = "<fact>The user skis.</fact>"
    condense = fact.DEFAULT_FACT_CONDENSE_PROMPT.format(existing_facts=known, max_facts=5)
    assert text(condense) == f"<facts>\n  {known}\n</facts>"


def test_choices_and_ranks():
    documents = "Document 1:\nAbout cheese.\n\nDocument 2:\nAbout the mill."
    prompt = default_prompts.DEFAULT_CHOICE_SELECT_PROMPT.format(
        context_str=documents, query_str="Who founded the mill?"
    )
    assert text(prompt) == "Doc: 2, Relevance: 10"
    passages = [
        {"role": "user", "content": f"[{n}] {each}"} for n, each in enumerate(("Cheese.", "Bread.", "The mill."), 1)
    ]
    last = default_prompts.RANKGPT_RERANK_PROMPT_TMPL.format(query="Who founded the mill?", num=3)
    assert text([*passages, {"role": "user", "content": last}]) == "[3] > [1] > [2]"
    assert choose.say(talk("(1) tea\n(2) coffee\nWhich do you like?")) is None


def test_fields_of_a_text():
    assert "Zorba" in text(default_prompts.DEFAULT_KEYWORD_EXTRACT_TEMPLATE.format(max_keywords=5, text=MILL))
    assert text(f"请总结以下内容：\n{FIRM}产品销往三十个国家。去年营收增长两成。").startswith("公司")
    questions = text(
        f"Here is the context:\n{MILL}\n\nGiven the contextual information, generate 2 questions this "
        f"context can answer."
    )
    assert [line[:2] for line in questions.splitlines()] == ["1.", "2."]
    assert fields.say(talk("What is a summary?")) is None


def test_rephrasing_and_more_queries():
    prompt = (
        "You are a helpful assistant that generates multiple search queries based on a single input "
        "query. Generate 3 search queries, "
        "one on each line, related to the following input query:\nQuery: Who founded the mill?\nQueries:\n"
    )
    lines = text(prompt).splitlines()
    assert lines[0] == "Who founded the mill?"
    assert len(set(lines)) == 3
    assert rephrase.say(talk("Rephrase it.")) is None


def test_otherwise_says_what_it_is_in_the_language_of_the_request():
    assert text("Write a poem.").startswith("This is the local Kimi emulator")
    assert text("写一首诗").startswith("这是本地的 Kimi 模拟器")


# -- the whole ------------------------------------------------------------------------------------------------------


def test_every_skill_is_in_the_order_and_small():
    folder = Path(kimi_emulator.brain.__path__[0])
    names = {path.stem for path in (folder / "skills").glob("*.py")} - {"__init__"}
    order = [*kimi_emulator.brain.skills.SKILLS, *speech.SPEAKING]
    assert {skill.__module__.rpartition(".")[2] for skill in order} == names
    assert len(order) == len(names)
    lengths = {path.name: len(path.read_text().splitlines()) for path in folder.rglob("*.py")}
    assert [name for name, length in lengths.items() if length > 300] == []
    assert sum(len(path.read_text().splitlines()) for path in folder.rglob("*.py")) <= 2600


def test_every_pattern_is_used_and_every_used_one_is_there():
    folder = Path(kimi_emulator.brain.__path__[0])
    source = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    # `greet.{kind}` and the like are put together.
    calls = re.findall(r"(?:pattern|capture|forms)\(\s*f?\"([^\"]+)\"(?: if .+ else \"([^\"]+)\")?", source)
    used = {re.sub(r"\{[^}]*\}", "*", name) for names in calls for name in names if name}
    sections = language.load("patterns")
    entries = {f"{section}.{name}": each for section, members in sections.items() for name, each in members.items()}
    used |= {name for each in entries.values() for name in re.findall(r"\{\{(.+?)\}\}", str(each))}
    used |= {f"values.{kind}" for kind in re.findall(r"find\(\"(\w+)\"\)", source)}
    assert {name for name in entries if not any(fnmatchcase(name, each) for each in used)} == set()
    assert {name for name in used if not any(fnmatchcase(each, name) for each in entries)} == set()
    for name, entry in entries.items():
        # A list of forms with a word to be filled in, or one pattern.
        sources = language.forms(name, "x") if isinstance(entry, list) else [language.pattern(name).pattern]
        for source in sources:
            assert re.compile(source).pattern


def test_every_phrase_is_there_in_both_languages():
    for texts in language.load("words")["phrases"].values():
        assert set(texts) == {"en", "zh"}
