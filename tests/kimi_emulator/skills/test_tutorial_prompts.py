"""Prompts of the frameworks' tutorials, in English and Chinese, each with what the emulator answers."""

from __future__ import annotations

from typing import Any

import pytest
from brain_asking import S, function, obj, under
from brain_prompts import FIRM, Prompt

MILL = "The mill stands by the river Orva. It was founded by Zorba Klem in 1911. It employs 34 people and makes paper."

INTEGER, NUMBER = {"type": "integer"}, {"type": "number"}
ADD = function("add", "Add two numbers", a=NUMBER, b=NUMBER)
MULTIPLY = function("multiply", "Multiply two numbers", a=NUMBER, b=NUMBER)
CALCULATOR = function("calculator", "Evaluate a mathematical expression", expression=S)
WEB_SEARCH = function("web_search", "Search the web for current information", query=S)
GET_WEATHER = function("get_weather", "Get the current weather in a city", city=S)
SEND_EMAIL = function("send_email", "Send an email", to=S, subject=S, body=S)
BOOK_FLIGHT = function("book_flight", "Book a flight", origin=S, destination=S, date=S)
CONVERT_CURRENCY = function(
    "convert_currency",
    "Convert money",
    amount=NUMBER,
    from_currency={"type": "string", "description": "currency code"},
    to_currency={"type": "string", "description": "currency code"},
)
CREATE_REMINDER = function("create_reminder", "Create a reminder", text=S, time=S)
GET_CURRENT_TIME = function("get_current_time", "Get the current time")
TRANSLATE = function("translate", "Translate text", text=S, target_language=S)
GET_ORDER = function("get_order", "查询订单状态", order_id={"type": "string", "description": "订单号"})

OTHERWISE = "This is the local Kimi emulator, which answers by rules and not by a model. You wrote: "


def talk(*texts: str) -> list[dict[str, Any]]:
    """What user and assistant said in turn."""
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


EMPLOYEES = """CREATE TABLE "Employee" (
\t"EmployeeId" INTEGER NOT NULL,
\t"LastName" NVARCHAR(20) NOT NULL,
\t"City" NVARCHAR(40),
\tPRIMARY KEY ("EmployeeId")
)

CREATE TABLE "Album" (
\t"AlbumId" INTEGER NOT NULL,
\t"Title" NVARCHAR(160) NOT NULL
)
"""
SQL = (
    "Given an input question, create a syntactically correct sqlite query to run to help find the answer. Unless the "
    "user specifies in his question a specific number of examples they wish to obtain, always limit your query to at "
    f"most 10 results.\n\nOnly use the following tables:\n{EMPLOYEES}\nQuestion: "
)
REACT = (
    "Answer the following questions as best you can. You have access to the following tools:\n"
    "\nsearch(query: str) - Search the web for current information\n"
    "calculator(expression: str) - Evaluate a mathematical expression\n\n"
    "Use the following format:\n\nQuestion: the input question you must answer\n"
    "Thought: you should always think about what to do\n"
    "Action: the action to take, should be one of [search, calculator]\n"
    "Action Input: the input to the action\nObservation: the result of the action\n"
    "... (this Thought/Action/Action Input/Observation can repeat N times)\n"
    "Thought: I now know the final answer\n"
    "Final Answer: the final answer to the original input question\n\n"
)
ROUTER = (
    "You are an expert at routing a user question to a vectorstore or web search. The vectorstore contains documents "
    "related to agents, prompt engineering, and adversarial attacks. Use the vectorstore for questions on these "
    "topics. Otherwise, use web-search."
)
DATASOURCE = obj(
    datasource={
        "type": "string",
        "enum": ["vectorstore", "web_search"],
        "description": "Given a user question choose to route it to web search or a vectorstore.",
    }
)

ENGLISH = [
    Prompt(f"{SQL}How many employees are there?", "SELECT COUNT(*) FROM Employee"),
    Prompt(f"{SQL}Which titles do the albums have?", "SELECT Title FROM Album LIMIT 10"),
    Prompt(
        (
            "You are an assistant for question-answering tasks. Use the following pieces of retrieved "
            "context to answer the question. If you don't know the answer, just say that you don't know. "
            "Use three sentences maximum and keep the answer concise.\n\nContext: "
        )
        + MILL
        + "\n\nQuestion: What does the mill make?\n\nAnswer:",
        "The mill stands by the river Orva. It employs 34 people and makes paper.",
    ),
    Prompt(
        "Use only the context below.\n\nContext:\n" + MILL + "\n\nQuestion: Who is the president of France?\nAnswer:",
        "I find nothing about that in the given texts: Who is the president of France?",
    ),
    Prompt(
        under(
            "You are a helpful assistant. Use the following context in your response:\n\n" + MILL,
            "when was it founded?",
        ),
        "It was founded by Zorba Klem in 1911.",
    ),
    Prompt(
        under(
            (
                "You are an expert Q&A system that is trusted around the world.\n"
                "Always answer the query using the provided context information, and not prior knowledge.\n"
                "Some rules to follow:\n1. Never directly reference the given context in your answer.\n"
                "2. Avoid statements like 'Based on the context, ...' or 'The context information ...' or "
                "anything along those lines."
            ),
            "Context information is below.\n---------------------\nfile_path: mill.txt\n\n"
            + MILL
            + (
                "\n---------------------\n"
                "Given the context information and not prior knowledge, answer the query.\n"
                "Query: How many people work at the mill?\nAnswer: "
            ),
        ),
        "It employs 34 people and makes paper.",
    ),
    Prompt(
        (REACT + "Begin!\n\nQuestion: What is 25 times 4?\nThought:"),
        "I need a tool.\nAction: calculator\nAction Input: 25 * 4",
    ),
    Prompt(
        (REACT + "Begin!\n\nQuestion: Who won the 2022 World Cup?\nThought:"),
        "I need a tool.\nAction: search\nAction Input: Who won the 2022 World Cup?",
    ),
    Prompt(
        (
            REACT + "Begin!\n\nQuestion: What is 25 times 4?\nThought: I need to multiply.\nAction: calculator\n"
            "Action Input: 25*4\nObservation: 100\nThought:"
        ),
        "I now know the final answer\nFinal Answer: The result is: 100",
    ),
    Prompt(
        (
            "Given the following user question, corresponding SQL query, and SQL result, answer the user "
            "question.\n\nQuestion: How many employees are there?\n"
            "SQL Query: SELECT COUNT(EmployeeId) FROM Employee\nSQL Result: [(8,)]\nAnswer: "
        ),
        "The result is: [(8,)]",
    ),
    Prompt("Write a concise summary of the following:\n\n" + MILL + "\n\nCONCISE SUMMARY:", MILL),
    Prompt(
        "The following is a set of documents:\n"
        + MILL
        + "\nBased on this list of docs, please identify the main themes \nHelpful Answer:",
        MILL,
    ),
    Prompt(
        "Context information from multiple sources is below.\n---------------------\n"
        + MILL
        + (
            "\n---------------------\n"
            "Given the information from multiple sources and not prior knowledge, answer the query.\n"
            "Query: What is this text about?\nAnswer: "
        ),
        MILL,
    ),
    Prompt(
        (
            "Produce a final summary.\n\nExisting summary up to this point:\nThe mill makes paper.\n\n"
            "New context:\n------------\n"
        )
        + MILL
        + "\n------------\n\nGiven the new context, refine the original summary.",
        "The mill makes paper. " + MILL,
    ),
    Prompt(
        under(
            ROUTER,
            "Who will the Bears draft first in the NFL draft?",
        ),
        {"datasource": "web_search"},
        schema=DATASOURCE,
    ),
    Prompt(
        under(
            ROUTER,
            "What are the types of agent memory?",
        ),
        {"datasource": "vectorstore"},
        schema=DATASOURCE,
    ),
    Prompt(
        under(
            (
                "You are a grader assessing whether an LLM generation is grounded in / supported by a set of "
                "retrieved facts. \n"
                " Give a binary score 'yes' or 'no'. 'Yes' means that the answer is grounded in / supported by "
                "the set of facts."
            ),
            "Set of facts: \n\n " + MILL + " \n\n LLM generation: The mill was founded by Zorba Klem.",
        ),
        {"binary_score": "yes"},
        schema=obj(binary_score={"type": "string", "description": "Answer is grounded in the facts, 'yes' or 'no'"}),
    ),
    Prompt(
        under(
            (
                "You a question re-writer that converts an input question to a better version that is optimized "
                "\n"
                " for vectorstore retrieval. Look at the input and try to reason about the underlying semantic "
                "intent / meaning."
            ),
            "Here is the initial question: \n\n agent memory \n Formulate an improved question.",
        ),
        "agent memory",
    ),
    Prompt(
        under(
            (
                "Given a chat history and the latest user question which might reference context in the chat "
                "history, formulate a standalone question which can be understood without the chat history. Do "
                "NOT answer the question, just reformulate it if needed and otherwise return it as is."
            ),
            "What are common ways of doing it?",
        ),
        "What are common ways of doing it?",
    ),
    Prompt(
        "What is 3 * 12? Also, what is 11 + 49?",
        [{"multiply": {"a": 3, "b": 12}}, {"add": {"a": 11, "b": 49}}],
        tools=[ADD, MULTIPLY],
    ),
    Prompt(
        "What is the square root of 144?",
        [{"calculator": {"expression": "144 ** 0.5"}}],
        tools=[CALCULATOR, WEB_SEARCH],
    ),
    Prompt("what is the weather in sf", [{"get_weather": {"city": "sf"}}], tools=[GET_WEATHER]),
    Prompt("Che tempo fa a Roma oggi?", [{"get_weather": {"city": "Roma"}}], tools=[GET_WEATHER]),
    Prompt("Wie ist das Wetter in München?", [{"get_weather": {"city": "München"}}], tools=[GET_WEATHER]),
    Prompt("Jason is 25 years old", {"name": "Jason", "age": 25}, schema=obj(name=S, age=INTEGER)),
    Prompt(
        under(
            (
                "You are a helpful assistant that generates multiple sub-questions related to an input "
                "question. \n"
                "The goal is to break down the input into a set of sub-problems / sub-questions that can be "
                "answers in isolation."
            ),
            (
                "Generate multiple search queries related to: What are the main components of an LLM-powered "
                "autonomous agent system?\nOutput (3 queries):"
            ),
        ),
        (
            "What are the main components of an LLM-powered autonomous agent system?\n"
            "main components LLM powered autonomous agent system\n"
            "main components LLM powered autonomous agent system explained"
        ),
    ),
    Prompt("What is 2+2?", "2 + 2 = 4"),
    Prompt("7 minus 4", "7 - 4 = 3"),
    Prompt("12 - 1", "12 - 1 = 11"),
    # no sums: a result, a telephone number, a fraction, a date
    *(Prompt(text, f"{OTHERWISE}{text}") for text in ("3-1", "call 555-1234", "1/2", "3/4/2024")),
    Prompt(talk("Hi! I'm Bob", "Hello Bob!", "What's my name?"), "Your name is Bob."),
    Prompt(
        (
            "Classify the sentiment of the following text as positive, negative or neutral.\n\n"
            "Text: I absolutely love this phone!\nSentiment:"
        ),
        "positive",
    ),
    Prompt(
        under(
            REACT,
            "Who won the 2022 World Cup?",
        ),
        "I need a tool.\nAction: search\nAction Input: Who won the 2022 World Cup?",
    ),
    Prompt(
        ("Categorize this ticket into one of: billing, technical, sales.\n\nTicket: My invoice is wrong."), "billing"
    ),
    Prompt("¿Qué tiempo hace en Madrid?", [{"get_weather": {"city": "Madrid"}}], tools=[GET_WEATHER]),
    Prompt("Quel temps fait-il à Lyon ?", [{"get_weather": {"city": "Lyon"}}], tools=[GET_WEATHER]),
    Prompt("서울 날씨 어때?", [{"get_weather": {"city": "서울"}}], tools=[GET_WEATHER]),
    Prompt(
        "What is the weather in Oslo, and what is 3 plus 4?",
        [{"get_weather": {"city": "Oslo"}}, {"add": {"a": 3, "b": 4}}],
        tools=[GET_WEATHER, ADD],
    ),
    Prompt(
        "Extract the name and age as JSON with keys name and age: John is 30 years old.", '{"name": "John", "age": 30}'
    ),
    Prompt(
        under("Respond only with JSON with the keys city and country.", "I live in Lyon, France."),
        '{"city": "Lyon", "country": "France"}',
    ),
    Prompt("List three key points of the following text:\n" + MILL, MILL),
    Prompt(talk("My favorite color is blue.", "Noted.", "What is my favorite color?"), "My favorite color is blue."),
    Prompt(
        (
            "Rank the following passages by relevance to the query.\nQuery: mill founder\n"
            "[1] The river Orva is long.\n[2] Zorba Klem was the founder of the mill.\n"
            "Return the ranking like [1] > [2]."
        ),
        "[2] > [1]",
    ),
]
CHINESE = [
    Prompt(
        "根据下面的表结构，写一条SQL查询每个城市的员工人数。\n"
        "CREATE TABLE employees (id INT, name VARCHAR(50), city VARCHAR(50));",
        "SELECT city, COUNT(*) FROM employees GROUP BY city",
    ),
    Prompt(
        "你是一个问答助手。请使用以下检索到的上下文来回答问题。如果你不知道答案，就说不知道。最多三句话。\n问题：公司总部在哪里？\n上下文："
        + FIRM
        + "\n回答：",
        "公司成立于2015年，总部在杭州。",
    ),
    Prompt("请根据参考内容回答用户问题。\n参考内容：" + FIRM + "\n用户问题：创始人是谁？", "创始人是王小明。"),
    Prompt("已知内容：\n" + FIRM + "\n\n问题：法国总统是谁？", "给定的资料中没有相关内容：法国总统是谁？"),
    Prompt(
        under("你是客服助手，请只根据以下资料回答：\n" + FIRM, "公司有多少员工？"),
        "公司有三百名员工，主要产品是智能手表。",
    ),
    Prompt("请总结下面这段话：\n" + FIRM, FIRM),
    Prompt("用一句话概括：" + FIRM, "公司有三百名员工，主要产品是智能手表。"),
    Prompt("请从下面的文本中提取关键词：\n" + FIRM, "成立于、总部、杭州、创始人、王小明、三百名员工、智能手表"),
    Prompt("北京今天天气怎么样？", [{"get_weather": {"city": "北京"}}], tools=[GET_WEATHER]),
    Prompt(
        "帮我查一下上海和深圳的天气",
        [{"get_weather": {"city": "上海"}}, {"get_weather": {"city": "深圳"}}],
        tools=[GET_WEATHER],
    ),
    Prompt("明天广州会下雨吗", [{"get_weather": {"city": "广州"}}], tools=[GET_WEATHER]),
    Prompt("请计算 12 乘以 8 再加 5", [{"multiply": {"a": 12, "b": 8}}], tools=[ADD, MULTIPLY]),
    Prompt("123 加 456 等于多少？", [{"calculator": {"expression": "123 + 456"}}], tools=[CALCULATOR, WEB_SEARCH]),
    Prompt(
        "张三，男，今年28岁，住在北京市海淀区，电话13812345678。",
        {"姓名": "张三", "年龄": 28, "地址": "北京市海淀区", "电话": "13812345678"},
        schema=obj(姓名=S, 年龄=INTEGER, 地址=S, 电话=S),
    ),
    Prompt(
        "张三，男，今年28岁，住在北京市海淀区，电话13812345678。",
        {"name": "张三", "gender": "男", "age": 28, "phone": "13812345678"},
        schema=obj(name=S, gender={"type": "string", "enum": ["男", "女"]}, age=INTEGER, phone=S),
    ),
    Prompt(
        "这家餐厅的服务太差了，再也不会来了。",
        {"sentiment": "负面"},
        schema=obj(sentiment={"type": "string", "enum": ["正面", "负面", "中性"]}),
    ),
    Prompt("判断下面评论的情感（正面/负面/中性）：\n这家餐厅的菜非常好吃，服务也很热情。", "正面"),
    Prompt("请将下面的新闻分类为体育、科技或财经：\n苹果公司发布了新款手机，搭载最新芯片。", "科技"),
    Prompt(
        "请从下面的句子中提取人名和地点，以JSON格式返回，字段为 name 和 location。\n句子：李雷昨天去了上海。",
        '{"name": "李雷", "location": "上海"}',
    ),
    Prompt(
        "给 li@example.com 发一封邮件，主题是项目进展，内容是下周一开会。",
        [{"send_email": {"to": "li@example.com", "subject": "项目进展", "body": "下周一开会。"}}],
        tools=[SEND_EMAIL],
    ),
    Prompt(
        "帮我订一张明天从北京到上海的机票",
        [{"book_flight": {"origin": "北京", "destination": "上海", "date": "明天"}}],
        tools=[BOOK_FLIGHT],
    ),
    Prompt(
        "100美元等于多少人民币？",
        [{"convert_currency": {"amount": 100, "from_currency": "USD", "to_currency": "CNY"}}],
        tools=[CONVERT_CURRENCY],
    ),
    Prompt("提醒我晚上八点吃药", [{"create_reminder": {"text": "吃药", "time": "晚上八点"}}], tools=[CREATE_REMINDER]),
    Prompt("现在几点了？", [{"get_current_time": {}}], tools=[GET_CURRENT_TIME]),
    Prompt(
        "根据对话历史，把用户的最后一个问题改写成一个独立的问题。\n对话历史：\n用户：公司总部在哪里？\n助手：在杭州。\n用户问题：它有多少员工？\n独立问题：",
        "它有多少员工？",
    ),
    Prompt(
        "你是评分员。判断下面的回答是否有资料支持，只回答“是”或“否”。\n资料：" + FIRM + "\n回答：公司总部在北京。", "否"
    ),
    Prompt(
        "请根据以下内容生成3个问题：\n" + FIRM,
        "1. 关于“公司成立于2015年，总”，资料说了什么？\n2. 关于“公司有三百名员工，主要产”，资料说了什么？",
    ),
    Prompt(talk("你好，我叫小明", "你好，小明！", "我叫什么名字？"), "你叫小明。"),
    Prompt("東京の天気は？", [{"get_weather": {"city": "東京"}}], tools=[GET_WEATHER]),
    Prompt(
        under("你是小助手", "你好"),
        "你好！我是本地的 Kimi 模拟器，按规则回答，背后没有模型。"
        "可以给我一段资料和问题、一些工具，或者一个 JSON Schema。",
    ),
    Prompt("把用户的问题归类为：账单、技术、销售。\n用户问题：我的发票金额不对。", "账单"),
    Prompt("请判断以下文档是否与问题相关，只回答“是”或“否”。\n问题：公司总部在哪里？\n文档：" + FIRM, "是"),
    Prompt("把“你好”翻译成英文", [{"translate": {"text": "你好", "target_language": "英文"}}], tools=[TRANSLATE]),
    Prompt(
        "帮我搜索一下最新的人工智能新闻",
        [{"web_search": {"query": "最新的人工智能新闻"}}],
        tools=[WEB_SEARCH, CALCULATOR],
    ),
    Prompt("我的订单 A12345 到哪了？", [{"get_order": {"order_id": "A12345"}}], tools=[GET_ORDER]),
    Prompt(talk("我住在成都", "好的", "我住在哪里？"), "我住在成都"),
    Prompt(
        under("请使用以下检索到的内容回答问题：\n\n" + FIRM, "公司是哪一年成立的？"), "公司成立于2015年，总部在杭州。"
    ),
]


@pytest.mark.parametrize("prompt", ENGLISH, ids=range(1, len(ENGLISH) + 1))
def test_an_english_prompt_gets_a_sensible_answer(prompt: Prompt):
    assert prompt.answer() == prompt.expected


@pytest.mark.parametrize("prompt", CHINESE, ids=range(1, len(CHINESE) + 1))
def test_a_chinese_prompt_gets_a_sensible_answer(prompt: Prompt):
    assert prompt.answer() == prompt.expected
