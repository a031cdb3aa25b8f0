"""Pieces of tool calls under one index, from hosts that repeat names: which of them begin another call."""

from __future__ import annotations

import pytest

from kimi_api.reply._calls import Calls

Piece = tuple[str, str, str]
"""Id, name and arguments of a piece; all stand at index 0."""


def put_together(*pieces: Piece) -> list[str]:
    """The arguments of the calls that the pieces make, the order of the calls kept."""
    calls = Calls("reply-1", None, whole=True)
    for given_id, name, arguments in pieces:
        calls.add([{"index": 0, "id": given_id, "function": {"name": name, "arguments": arguments}}])
    return [call.arguments for call in calls.so_far()]


def test_a_piece_that_repeats_id_and_name_goes_on_with_its_call() -> None:
    assert put_together(("a", "look", '{"at":'), ("a", "look", ' "sea"}')) == ['{"at": "sea"}']
    assert put_together(("a", "look", "{}"), ("a", "look", " ")) == ["{} "]


def test_an_earlier_calls_id_does_not_begin_it_once_more() -> None:
    pieces = (("a", "look", '{"at": 1}'), ("b", "look", '{"at": '), ("a", "look", "2}"))
    assert put_together(*pieces) == ['{"at": 1}', '{"at": 2}']


def test_a_new_id_begins_another_call() -> None:
    assert put_together(("a", "look", '{"at":'), ("b", "look", "{}")) == ['{"at":', "{}"]


def test_an_id_that_comes_late_belongs_to_the_call_that_waits_for_it() -> None:
    assert put_together(("", "look", ""), ("a", "look", "{}")) == ["{}"]


def test_an_id_that_comes_after_arguments_without_one_begins_another_call() -> None:
    assert put_together(("", "look", "{}"), ("a", "look", '{"at": 1}')) == ["{}", '{"at": 1}']


def test_without_ids_a_complete_call_is_followed_by_another() -> None:
    assert put_together(("", "look", '{"at": 1} '), ("", "look", "{}")) == ['{"at": 1} ', "{}"]


def test_a_call_that_came_in_pieces_is_complete_by_all_of_them() -> None:
    pieces = (("", "look", '{"at": '), ("", "", "1}"), ("", "look", "{}"))
    assert put_together(*pieces) == ['{"at": 1}', "{}"]


@pytest.mark.parametrize(
    ("begun", "more"),
    [
        ('{"at": 1}', ""),  # a name said once more, and nothing else
        ('{"at": ', "1}"),
        ('{"at": {}', "}"),  # ends with a brace, and is not complete
        ("[1]", ", 2"),  # complete, and no arguments
    ],
)
def test_without_ids_a_repeated_name_goes_on_with_a_call_that_is_not_complete(begun: str, more: str) -> None:
    assert put_together(("", "look", begun), ("", "look", more)) == [begun + more]


def test_a_call_without_a_name_so_far_takes_it_from_the_next_piece() -> None:
    assert put_together(("a", "", ""), ("b", "look", "{}")) == ["{}"]
