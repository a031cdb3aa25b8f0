"""Sixty prompts that newcomers try first, half of them Chinese, each with what the emulator's answer must hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from brain_asking import S, ask, function, obj, under

__all__ = ["PROMPTS", "Prompt", "table"]

I, N = {"type": "integer"}, {"type": "number"}  # noqa: E741
DAY, CODE = {"type": "string", "format": "date"}, {"type": "string", "description": "currency code"}
NULLABLE = {"anyOf": [S, {"type": "null"}]}
WEATHER = function("get_weather", "Get the current weather in a city", city=S)
TIME = function("get_time", "Get the local time of a city", city=S)
EMAIL = function("send_email", "Send an email", to=S, subject=S, body=S)
ADD = function("add", "Add two numbers.", a=N, b=N)
MULTIPLY = function("multiply", "Multiply two numbers.", a=N, b=N)
SEARCH = function("search", "Search the web", query=S)
FLIGHT = function("book_flight", "Book a flight", origin=S, destination=S, date=S)
CONVERT = function("convert_currency", "Convert money", amount=N, from_currency=CODE, to_currency=CODE)
REMIND = function("create_reminder", "Create a reminder", text=S, time=S)
ORDER = function("get_order", "查询订单状态", order_id={"type": "string", "description": "订单号"})
LIGHT = function("set_light", "Turn a lamp on or off", room=S, state={"type": "string", "enum": ["on", "off"]})
FEELING = {"type": "string", "enum": ["positive", "negative", "neutral"]}
MILL = "The mill stands by the river Orva. It was founded by Zorba Klem in 1911. It employs 34 people."
FIRM = "公司成立于2015年，总部在杭州。创始人是王小明。公司有三百名员工，主要产品是智能手表。"
GRADER = (
    "You are a grader assessing relevance of a retrieved document to a user question.\nHere is the "
    "retrieved document:\n\n{}\n\n"
    "Here is the user question: When was the mill founded?\nIf the document contains keyword(s) "
    "related to the user question, "
    "grade it as relevant.\nGive a binary score 'yes' or 'no'."
)
VERDICT = obj(binary_score={"type": "string", "description": "Relevance score: 'yes' or 'no'"})
PERSON = obj(name=NULLABLE, hair_color=NULLABLE, height_in_meters=NULLABLE)
PEOPLE = obj(people={"type": "array", "items": obj(name=S, age=I)})


class Prompt(NamedTuple):
    """What is asked, with which tools or schema, and what must be in the answer (or must be the answer, if no text)."""

    ask: str | list[dict[str, Any]]
    expected: Any
    tools: Sequence[dict[str, Any]] = ()
    schema: dict[str, Any] | None = None

    def answer(self) -> Any:
        """The emulator's answer: its calls, its JSON, or its text."""
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": self.schema}}
        reply = ask(self.ask, self.tools, **({"response_format": form} if self.schema else {}))
        if reply.tool_calls:
            return [{call.name: json.loads(call.arguments_text)} for call in reply.tool_calls]
        return json.loads(reply.content or "") if self.schema else reply.content or ""


ENGLISH = [
    Prompt("Hello!", "Hello! I am the local Kimi emulator"),
    Prompt(under("You are a helpful assistant. Always answer politely and never use emojis.", "Hi there!"), "emulator"),
    Prompt("Who are you?", "by rules, not by a model"),
    Prompt("Thank you very much!", "You are welcome."),
    Prompt(
        "You are an assistant for question-answering tasks. Use the following pieces of retrieved "
        "context to answer the question. "
        "If you don't know the answer, just say that you don't know. Use three sentences maximum and "
        "keep the answer concise.\n"
        f"Question: Who founded the mill? \nContext: {MILL} \nAnswer:",
        "Zorba Klem",
    ),
    Prompt(
        "Use the following pieces of context to answer the question at the end. If you don't know the "
        "answer, just say that you "
        f"don't know.\n\n{MILL}\n\nQuestion: How many people does the mill employ?\nHelpful Answer:",
        "34 people",
    ),
    Prompt(
        f"Context information is below.\n---------------------\n{MILL}\n---------------------\nGiven the "
        f"context information and "
        "not prior knowledge, answer the query.\nQuery: Where does the mill stand?\nAnswer: ",
        "by the river Orva",
    ),
    Prompt(f"<context>\n{MILL}\n</context>\n\n<question>Who founded the mill?</question>", "Zorba Klem"),
    Prompt(f"Based on the following text, who founded the mill? {MILL}", "Zorba Klem"),
    Prompt(
        f"Answer the question based only on the following context:\n{MILL}\n\nQuestion: What is the "
        f"capital of France?\n",
        "I find nothing about that",
    ),
    Prompt(
        under("You are a pirate. Always answer in rhymes.\nNever break character.", "What rhymes with sea?"), "emulator"
    ),
    Prompt("What's the weather in San Francisco?", [{"get_weather": {"city": "San Francisco"}}], [WEATHER]),
    Prompt(
        "What's the weather in Paris and what time is it in Tokyo?",
        [{"get_weather": {"city": "Paris"}}, {"get_time": {"city": "Tokyo"}}],
        [WEATHER, TIME],
    ),
    Prompt("Hello!", "Hello!", [WEATHER, SEARCH]),
    Prompt("Wie ist das Wetter in Berlin?", [{"get_weather": {"city": "Berlin"}}], [WEATHER, TIME]),
    Prompt("Quel temps fait-il à Paris ?", [{"get_weather": {"city": "Paris"}}], [WEATHER, TIME]),
    Prompt("¿Qué tiempo hace en Madrid?", [{"get_weather": {"city": "Madrid"}}], [WEATHER, TIME]),
    Prompt(
        "send an email to bob@example.com about lunch",
        [{"send_email": {"to": "bob@example.com", "subject": "lunch", "body": "Hello, this is about lunch."}}],
        [EMAIL, WEATHER],
    ),
    Prompt("What is (2+3)*4?", [{"add": {"a": 2, "b": 3}}], [ADD, MULTIPLY]),
    Prompt("Who won the world cup in 2022?", [{"search": {"query": "Who won the world cup in 2022?"}}], [SEARCH]),
    Prompt(
        "Alice and Bob are going to a science fair on Friday.",
        {"name": "science fair", "date": "Friday", "participants": ["Alice", "Bob"]},
        schema=obj(name=S, date=S, participants={"type": "array", "items": S}),
    ),
    Prompt(
        "Alan Smith is 6 feet tall and has blond hair.",
        {"name": "Alan Smith", "hair_color": "blond", "height_in_meters": "1.83"},
        schema=PERSON,
    ),
    Prompt(
        "My name is Jeff, my hair is black and i am 6 feet tall. Anna has the same color hair as me.",
        {
            "people": [
                {"name": "Jeff", "hair_color": "black", "height_in_meters": "1.83"},
                {"name": "Anna", "hair_color": None, "height_in_meters": None},
            ]
        },
        schema=obj(people={"type": "array", "items": PERSON}),
    ),
    Prompt(
        "Extract: Jason is 25 years old and Sarah is 30 years old.",
        {"people": [{"name": "Jason", "age": 25}, {"name": "Sarah", "age": 30}]},
        schema=PEOPLE,
    ),
    Prompt(
        "I absolutely loved this movie, it was wonderful!", {"sentiment": "positive"}, schema=obj(sentiment=FEELING)
    ),
    Prompt("The food was terrible and the staff rude.", {"sentiment": "negative"}, schema=obj(sentiment=FEELING)),
    Prompt(GRADER.format("The mill was founded in 1911."), {"binary_score": "yes"}, schema=VERDICT),
    Prompt(GRADER.format("Cheese is made of milk."), {"binary_score": "no"}, schema=VERDICT),
    Prompt(
        "Inception is a movie directed by Christopher Nolan in 2010, rating 8.8",
        {"title": "Inception", "year": 2010, "director": "Christopher Nolan", "rating": 8.8},
        schema=obj(title=S, year=I, director=S, rating=N),
    ),
    Prompt(
        "Invoice #123 from Acme Corp dated 2026-03-05, total $1,250.50",
        {"invoice_number": "123", "vendor": "Acme Corp", "date": "2026-03-05", "total": 1250.5},
        schema=obj(invoice_number=S, vendor=S, date=DAY, total=N),
    ),
]

CHINESE = [
    Prompt("你好", "你好！我是本地的 Kimi 模拟器"),
    Prompt(under("你是一个乐于助人的助手。请用中文回答。不要使用表情符号。", "您好！"), "您好！"),
    Prompt("你是谁？", "按规则回答，背后没有模型"),
    Prompt("谢谢你！", "不客气。"),
    Prompt(f"根据以下资料回答问题。\n\n资料：\n{FIRM}\n\n问题：公司的创始人是谁？", "王小明"),
    Prompt(f"请根据下面的内容回答问题。\n内容：{FIRM}\n问：有多少员工？\n答：", "三百名员工"),
    Prompt(f"问题：主要产品是什么？\n\n参考资料：\n{FIRM}", "智能手表"),
    Prompt(f"<资料>\n{FIRM}\n</资料>\n\n公司是哪一年成立的？", "2015年"),
    Prompt(f"【资料】\n{FIRM}\n【问题】\n总部在哪里？", "杭州"),
    Prompt(f"已知信息：\n{FIRM}\n\n根据上述已知信息，简洁和专业的来回答用户的问题。问题是：公司总部在哪里？", "杭州"),
    Prompt(f"根据以下资料回答问题：{FIRM}创始人是谁？", "王小明"),
    Prompt(
        under(f"你是一个客服助手。请用中文回答。不要编造答案。\n\n以下是参考资料：\n{FIRM}", "创始人是谁？"), "王小明"
    ),
    Prompt(f"根据以下资料回答问题。\n资料：{FIRM}\n问题：月球有多远？", "给定的资料中没有相关内容"),
    Prompt(under("你是一个海盗，总是用押韵的方式回答。不要打破角色。", "什么和大海押韵？"), "模拟器"),
    Prompt("北京今天天气怎么样？", [{"get_weather": {"city": "北京"}}], [WEATHER, TIME]),
    Prompt(
        "北京和上海的天气怎么样？", [{"get_weather": {"city": "北京"}}, {"get_weather": {"city": "上海"}}], [WEATHER]
    ),
    Prompt("请帮我查一下深圳明天的天气", [{"get_weather": {"city": "深圳"}}], [WEATHER, SEARCH, EMAIL]),
    Prompt("纽约现在几点了？", [{"get_time": {"city": "纽约"}}], [WEATHER, TIME]),
    Prompt("帮我搜索一下量子计算的最新进展", [{"search": {"query": "量子计算的最新进展"}}], [WEATHER, SEARCH]),
    Prompt(
        "帮我订一张明天从上海到北京的机票",
        [{"book_flight": {"origin": "上海", "destination": "北京", "date": "明天"}}],
        [FLIGHT, WEATHER],
    ),
    Prompt(
        "100美元可以换多少人民币？",
        [{"convert_currency": {"amount": 100, "from_currency": "USD", "to_currency": "CNY"}}],
        [CONVERT, WEATHER],
    ),
    Prompt("(2+3)乘以4等于多少？", [{"add": {"a": 2, "b": 3}}], [ADD, MULTIPLY]),
    Prompt(
        "给zhang@example.com发一封邮件，主题是会议改期，内容是会议改到周五下午三点",
        [{"send_email": {"to": "zhang@example.com", "subject": "会议改期", "body": "会议改到周五下午三点"}}],
        [EMAIL],
    ),
    Prompt("提醒我明天上午九点开会", [{"create_reminder": {"text": "开会", "time": "明天上午九点"}}], [REMIND]),
    Prompt("查询订单A12345的状态", [{"get_order": {"order_id": "A12345"}}], [ORDER, WEATHER]),
    Prompt("打开客厅的灯", [{"set_light": {"room": "客厅", "state": "on"}}], [LIGHT, WEATHER]),
    Prompt(
        "张三，28岁，身高175厘米，住在上海，是一名软件工程师。",
        {"name": "张三", "age": 28, "height_cm": 175, "city": "上海"},
        schema=obj(name=S, age=I, height_cm=N, city=S),
    ),
    Prompt(
        "张三28岁，李四30岁，王五25岁。",
        {"people": [{"name": "张三", "age": 28}, {"name": "李四", "age": 30}, {"name": "王五", "age": 25}]},
        schema=PEOPLE,
    ),
    Prompt("这家餐厅太难吃了，服务也很差！", {"sentiment": "negative"}, schema=obj(sentiment=FEELING)),
    Prompt(
        "李四今年30岁，邮箱是li@example.com。",
        {"姓名": "李四", "年龄": 30, "邮箱": "li@example.com"},
        schema=obj(姓名=S, 年龄=I, 邮箱=S),
    ),
]

PROMPTS = ENGLISH + CHINESE


def table() -> str:
    """Prompts, tools or schemas, and the emulator's answers as a table in Markdown."""

    def cell(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")

    rows = ["| # | prompt | tools or schema | answer |", "|---|---|---|---|"]
    for number, prompt in enumerate(PROMPTS, 1):
        question = (
            prompt.ask
            if isinstance(prompt.ask, str)
            else " / ".join(f"{m['role']}: {m['content']}" for m in prompt.ask)
        )
        beside = ", ".join(f"`{tool['function']['name']}`" for tool in prompt.tools)
        beside = beside or ", ".join(f"`{name}`" for name in (prompt.schema or {}).get("properties", ()))
        answer = prompt.answer()
        answer_text = cell(answer) if isinstance(answer, str) else f"`{cell(answer)}`"
        rows.append(f"| {number} | {cell(question)} | {beside} | {answer_text} |")
    return "\n".join(rows) + "\n"
