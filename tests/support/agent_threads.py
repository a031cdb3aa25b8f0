"""Conversations as agents have them, for measuring a count of prompts: the same each time, and written for this."""

# ruff: noqa: E501 - prose, cut where it reads well

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any

from token_samples import FORMAL, PROSE

Thread = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""Wire messages, and the tools of the request."""

SYSTEM = {
    "english": "You are a helpful assistant of a harbour office. Use the tools for facts, and answer in one or two sentences.",
    "chinese": "你是港口办公室的助手。请用工具查询事实,并用一两句话回答。",
    "coding": "You are a coding agent working in a repository. Read before you edit, run the tests after each change, and keep changes small.",
}
QUESTIONS = {
    "english": (
        "When is high water in Sankt Peter on Friday?",
        "And on Saturday?",
        "Which ferry leaves first?",
        "What will the wind be like tomorrow afternoon?",
        "Book two seats for Anna and me, please.",
        "Thanks!",
        "Is there a berth for a 12-metre boat?",
        "How much is it per night?",
    ),
    "chinese": (
        "星期五圣彼得港什么时候高潮?",
        "星期六呢?",
        "哪班渡轮最早出发?",
        "明天下午风大吗?",
        "请帮我和安娜订两个座位。",
        "谢谢!",
        "有没有十二米船的泊位?",
        "一晚多少钱?",
    ),
    "coding": (
        "The test for leap years fails, please have a look.",
        "Why did you use a set here?",
        "Run the whole suite.",
        "Rename the helper to something clearer.",
        "Commit that.",
    ),
}
THOUGHTS = {
    "english": (
        "The user asks about the tide on a certain day. I should call the tool with the station and the date.",
        "I have the result; the time is given in local time, so I can answer directly.",
        "This is a follow-up: the same station, the next day.",
        "They want a booking. I need the number of seats and the departure, both are known from above.",
    ),
    "chinese": (
        "用户问的是某一天的潮汐,我需要用站点和日期调用工具。",
        "结果已经有了,时间是当地时间,可以直接回答。",
        "这是追问:同一个站点,第二天。",
        "用户想订票,人数和班次前面都已经知道了。",
    ),
    "coding": (
        "Let me look at the file first, then at the failing test, to see which of the two is wrong.",
        "The condition misses years divisible by 400. I'll change the expression and run the tests again.",
        "All tests pass now; I should summarise what I changed and why.",
    ),
}
ANSWERS = {
    "english": (
        "High water in Sankt Peter is at 06:42, with 1.53 m.",
        "On Saturday it is at 07:21.",
        "The Ottilie leaves at 08:15 from pier 3.",
        "Around five, gusts of seven from the north-west.",
        "Two seats on the 08:15 are booked for you and Anna.",
        "You're welcome.",
    ),
    "chinese": (
        "圣彼得港的高潮在 06:42,水位 1.53 米。",
        "星期六是 07:21。",
        "奥蒂莉号 08:15 从三号码头出发。",
        "大约五级,阵风七级,西北风。",
        "已为您和安娜订了 08:15 的两个座位。",
        "不客气。",
    ),
    "coding": (
        "The condition missed years that are divisible by 400. I changed it in `calendar.py`, and all 41 tests pass.",
        "A set answers `in` at once; the list was searched from its beginning every time.",
        "41 passed, 2 skipped in 3.1 s.",
    ),
}
TOOLS = {
    "get_tides": ("High and low waters at a station, in metres above chart datum.", {"station": "string", "date": "string"}),
    "next_ferries": ("The next departures from a pier.", {"pier": "integer", "limit": "integer"}),
    "book_seats": ("Book seats on a departure.", {"departure": "string", "seats": "integer", "names": "array"}),
    "read_file": ("Read a file of the repository.", {"path": "string", "offset": "integer"}),
    "edit_file": ("Replace a text in a file; it must occur once.", {"path": "string", "old": "string", "new": "string"}),
    "run": ("Run a command in the repository's root.", {"command": "string", "timeout": "integer"}),
}  # fmt: skip
CALLS = {
    "english": (
        ("get_tides", {"station": "Sankt Peter", "date": "2026-11-27"}),
        ("next_ferries", {"pier": 3, "limit": 2}),
        ("book_seats", {"departure": "OT-0815", "seats": 2, "names": ["Anna Lind", "Per Holm"]}),
    ),
    "chinese": (
        ("get_tides", {"station": "圣彼得港", "date": "2026-11-27"}),
        ("next_ferries", {"pier": 3, "limit": 2}),
        ("book_seats", {"departure": "OT-0815", "seats": 2, "names": ["安娜", "王小明"]}),
    ),
    "coding": (
        ("read_file", {"path": "src/almanac/calendar.py", "offset": 0}),
        ("edit_file", {"path": "src/almanac/calendar.py", "old": "return year % 4 == 0", "new": "return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)"}),
        ("run", {"command": "python -m pytest -q tests/test_calendar.py", "timeout": 120}),
    ),
}  # fmt: skip
SHORT = {
    "english": ('{"high": "06:42", "level": 1.53}', "No departures before 08:15.", '{"ok": true, "booking": "K7Q2"}'),
    "chinese": ('{"高潮": "06:42", "水位": 1.53}', "08:15 之前没有班次。", '{"ok": true, "booking": "K7Q2"}'),
    "coding": ("def is_leap(year):\n    return year % 4 == 0\n", "1 replacement", "1 failed, 40 passed in 2.87s"),
}
LONG = {
    "english": (FORMAL["json"] + FORMAL["markdown"], PROSE["english"] * 3, FORMAL["log"] * 2),
    "chinese": (PROSE["chinese"] * 4, FORMAL["json"] * 2, PROSE["chinese"] * 3 + FORMAL["markdown"]),
    "coding": (FORMAL["python"] * 2, FORMAL["javascript"] * 3, FORMAL["log"] * 2 + FORMAL["python"]),
}


def tools_of(names: Sequence[str]) -> list[dict[str, Any]]:
    """Tools as LangChain and LlamaIndex send them."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": TOOLS[name][0],
                "parameters": {
                    "type": "object",
                    "properties": {
                        key: {"type": kind, **({"items": {"type": "string"}} if kind == "array" else {})}
                        for key, kind in TOOLS[name][1].items()
                    },
                    "required": list(TOOLS[name][1]),
                },
            },
        }
        for name in names
    ]


def chat(kind: str, turns: int) -> Thread:
    """Questions and answers without tools."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM[kind]}]
    thoughts, answers = cycle(THOUGHTS[kind]), cycle(ANSWERS[kind])
    for question in islice(cycle(QUESTIONS[kind]), turns):
        messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": next(answers), "reasoning_content": next(thoughts)},
        ]
    return [*messages, {"role": "user", "content": QUESTIONS[kind][0]}], []


def agent(kind: str, turns: int, results: Sequence[str], *, parallel: int = 1, repeat: int = 1) -> Thread:
    """Each question takes one round of calls; results are `repeat` times as long as given."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM[kind]}]
    thoughts, answers, calls = cycle(THOUGHTS[kind]), cycle(ANSWERS[kind]), cycle(CALLS[kind])
    contents = cycle(results)
    for turn, question in enumerate(islice(cycle(QUESTIONS[kind]), turns)):
        messages.append({"role": "user", "content": question})
        chosen = [(f"call_{turn}_{index}", *next(calls)) for index in range(parallel)]
        messages.append(
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": next(thoughts),
                "tool_calls": [
                    {
                        "id": id,
                        "type": "function",
                        "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
                    }
                    for id, name, arguments in chosen
                ],
            }
        )
        messages += [{"role": "tool", "tool_call_id": id, "content": next(contents) * repeat} for id, _, _ in chosen]
        messages.append({"role": "assistant", "content": next(answers), "reasoning_content": next(thoughts)})
    names = list(dict.fromkeys(name for name, _ in CALLS[kind]))
    return messages, tools_of(names)


def threads() -> Iterator[tuple[str, Thread]]:
    """Fifteen threads: five shapes, each in English, in Chinese, and over code."""
    for kind in SYSTEM:
        yield f"tiny turns, {kind}", chat(kind, 12)
        yield f"short results, {kind}", agent(kind, 8, SHORT[kind])
        yield f"parallel calls, {kind}", agent(kind, 4, SHORT[kind], parallel=3)
        yield f"results of about 300 tokens, {kind}", agent(kind, 8, LONG[kind])
        yield f"long documents, {kind}", agent(kind, 4, LONG[kind], repeat=12)
