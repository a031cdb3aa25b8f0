"""Values as people say them: days, times of the day, numbers in Chinese, currencies, lists, what is not so."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from brain_asking import S, calls, function, text
from llama_index.core.evaluation import faithfulness

TODAY = date.today()


def book(prompt: str, **members: Any) -> dict[str, Any]:
    """What the arguments of the one tool come to."""
    ((_, arguments),) = calls(prompt, function("book_table", "Book a table, 预订餐桌", **members))
    return arguments


@pytest.mark.parametrize(
    ("prompt", "day"),
    [
        ("Book a table for 3 May 2027.", "2027-05-03"),
        ("Book a table for May 3rd, 2027.", "2027-05-03"),
        ("Book a table for 2027/5/3.", "2027-05-03"),
        ("预订餐桌，2027年5月3日", "2027-05-03"),
        ("预订餐桌，5月3日", f"{TODAY.year}-05-03"),
        ("Book a table for tomorrow.", str(TODAY + timedelta(1))),
        ("预订后天的餐桌", str(TODAY + timedelta(2))),
    ],
)
def test_a_day_is_told_in_the_form_of_its_schema(prompt: str, day: str):
    assert book(prompt, day={"type": "string", "format": "date"}) == {"day": day}


@pytest.mark.parametrize(("prompt", "weekday"), [("Book a table for Friday.", 4), ("预订周日的餐桌", 6)])
def test_a_day_of_the_week_is_the_next_one(prompt: str, weekday: int):
    day = date.fromisoformat(book(prompt, day={"type": "string", "format": "date"})["day"])
    assert day.weekday() == weekday
    assert timedelta(0) < day - TODAY <= timedelta(7)


@pytest.mark.parametrize(
    ("prompt", "time"),
    [
        ("Book a table at 3 pm.", "15:00:00Z"),
        ("Book a table at 12:30 am.", "00:30:00Z"),
        ("Book a table at 19:45.", "19:45:00Z"),
        ("预订下午三点半的餐桌", "15:30:00Z"),
        ("预订晚上8点15分的餐桌", "20:15:00Z"),
    ],
)
def test_a_time_of_the_day_is_told_in_the_form_of_its_schema(prompt: str, time: str):
    assert book(prompt, time={"type": "string", "format": "time"}) == {"time": time}


@pytest.mark.parametrize(
    ("prompt", "moment"),
    [
        ("Book a table on 3 May 2027 at 7:30 pm.", "2027-05-03T19:30:00Z"),
        ("Book a table for 2027-05-03.", "2027-05-03T09:00:00Z"),
    ],
)
def test_a_day_with_a_time_is_one_moment(prompt: str, moment: str):
    assert book(prompt, when={"type": "string", "format": "date-time"}) == {"when": moment}


@pytest.mark.parametrize(
    ("prompt", "guests"), [("预订餐桌，十二位", 12), ("预订餐桌，两个人", 2), ("预订餐桌，一百零五人", 105)]
)
def test_numbers_in_chinese_characters(prompt: str, guests: int):
    assert book(prompt, guests={"type": "integer"}) == {"guests": guests}


@pytest.mark.parametrize(
    "prompt", ["Convert 100 USD to euros.", "Convert 100 dollars to EUR.", "Convert 100 USD to EUR."]
)
def test_currencies_as_codes_and_in_words(prompt: str):
    members = {"amount": {"type": "number"}, "from_currency": S, "to_currency": S}
    tool = function("convert_currency", "Convert an amount between currencies", **members)
    ((_, arguments),) = calls(prompt, tool)
    assert arguments == {"amount": 100, "from_currency": "USD", "to_currency": "EUR"}


@pytest.mark.parametrize(
    ("message", "verdict"), [("It was founded by Zorba Klem in 1911.", "YES"), ("It sells cheese.", "NO")]
)
def test_a_verdict_of_no_is_refined_by_new_context(message: str, verdict: str):
    template = faithfulness.DEFAULT_REFINE_TEMPLATE
    claim = "Zorba Klem founded it in 1911."
    assert text(template.format(query_str=claim, existing_answer="NO", context_msg=message)) == verdict
    assert text(template.format(query_str=claim, existing_answer="YES", context_msg=message)) == "YES"
