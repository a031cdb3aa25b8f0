"""docs/error-list.md: every public error class has its section, whose program ends in it and says what stands there."""

from __future__ import annotations

import pytest

from kimi_api import errors
from kimi_api.errors._base import name_of
from scripts.error_list import PAGE, TEXT, display, error_of, parts

BEGINNING, SECTIONS = parts(PAGE.read_text("utf-8"))
BASES = {"KimiError", "KimiAPIError"}  # of which an example can only be one below them


def test_every_public_error_has_its_section_and_nothing_else_has() -> None:
    assert sorted(SECTIONS) == sorted(errors.__all__)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_program_ends_in_its_error_and_the_page_shows_its_text(name: str) -> None:
    error = error_of(BEGINNING, SECTIONS[name])
    assert isinstance(error, getattr(errors, name))
    if name not in BASES:
        assert name_of(error) == name
    assert TEXT.findall(SECTIONS[name]) == [display(error)], "run python -m scripts.error_list"


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_says_why_and_what_to_do(name: str) -> None:
    _heading, cause, _program = SECTIONS[name].split("\n\n")[:3]
    assert cause
    assert not cause.startswith("```")
    assert "\n**What to do:** " in SECTIONS[name]


def test_a_program_without_an_error_is_a_fault_of_the_page() -> None:
    with pytest.raises(AssertionError, match="no error came of"):
        error_of(BEGINNING, "```python error\nllm\n```")


def test_what_differs_from_run_to_run_is_not_shown() -> None:
    text = "lost http://127.0.0.1:40123/v1 in 3 seconds (request id 93c39e68-eb59-11f1-8e9d-02fc00000001)"
    assert display(ValueError(text)) == (
        "ValueError: lost http://127.0.0.1:8080/v1 in 9 seconds (request id 93c39e68-...)\n"
    )
