"""Sixty first prompts, in English and Chinese, get sensible answers; the page shows them as they are."""

from __future__ import annotations

import pytest
from brain_prompts import CHINESE, ENGLISH, PROMPTS, Prompt

from scripts.brain_table import PAGE, page


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(1, len(PROMPTS) + 1))
def test_a_first_prompt_gets_a_sensible_answer(prompt: Prompt):
    answer = prompt.answer()
    if isinstance(answer, str):
        assert prompt.expected in answer
    else:
        assert answer == prompt.expected


def test_there_are_thirty_of_each_language():
    assert (len(ENGLISH), len(CHINESE)) == (30, 30)


def test_the_page_shows_todays_answers():
    assert PAGE.read_text(encoding="utf-8") == page()
