"""`make mutation`: what is altered, which tests try it, and how it ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="make mutation installs it")
pytest.importorskip("mutmut", reason="make mutation installs it")

from scripts.mutation import ROOT, altered_files
from scripts.mutation.__main__ import draw, order, within
from scripts.mutation.alterations import Alteration, alterations_of
from scripts.mutation.reach import Reach
from scripts.mutation.trial import NOTICED, SURVIVED, TIMED_OUT, Trial, Trials

CODE = '''"""A module."""
import functools


class Box:
    """Docstrings stay."""

    size: int = 3

    @functools.cached_property
    def room(self) -> int:
        return self.size + 1

    def close(self, quietly: bool = False) -> None:
        if quietly:
            self.log(
                "It is closed now",
            )
'''


@pytest.fixture
def box(tmp_path: Path) -> list[Alteration]:
    path = tmp_path / "box.py"
    path.write_text(CODE)
    return alterations_of("kimi_api.chat.box", path)


def test_what_a_call_runs_is_altered_and_nothing_else(box: list[Alteration]) -> None:
    changes = [(one.function, *(line[2:] for line in one.change)) for one in box]
    call = ("self.log(", '"It is closed now",', ")")
    assert Counter(changes) == Counter(
        [
            ("Box.room", "return self.size + 1", "return self.size - 1"),
            ("Box.room", "return self.size + 1", "return self.size + 2"),
            ("Box.room", "return self.size + 1", "return None"),
            ("Box.close", *(f"def close(self, quietly: bool = {value}) -> None:" for value in (False, True))),
            ("Box.close", "if quietly:", "if not (quietly):"),
            ("Box.close", *call, "pass"),
            ("Box.close", call[1], "None,"),
            ("Box.close", call[1], '"XXIt is closed nowXX",'),
        ]
    )


def test_an_alteration_names_its_own_line_and_then_those_of_its_statement(box: list[Alteration]) -> None:
    assert {one.lines for one in box if "XX" in one.change[1]} == {(17, 16, 17, 18)}
    assert {one.lines for one in box if "def close" in one.change[0]} == {(14, 15, 16, 17, 18)}


def test_every_altered_file_can_be_altered() -> None:
    assert {module.split(".")[1] for module in altered_files()} == {
        "chat", "request", "reply", "messages", "limits", "_transport", "_settings"
    }  # fmt: skip


def test_a_seed_draws_the_same_evenly_over_families(box: list[Alteration]) -> None:
    other = [replace(one, module="kimi_api.reply") for one in box]
    drawn = draw([*box, *other], 6, seed=4)
    assert [one.name for one in drawn] == [one.name for one in draw([*box, *other], 6, seed=4)]
    assert Counter(one.family for one in drawn) == {"chat": 3, "reply": 3}
    assert len(draw(box, 100, seed=1)) == len(box)
    assert [one.name for one in draw(box, 100, seed=1)] != [one.name for one in draw(box, 100, seed=2)]


def test_other_functions_do_not_change_what_a_seed_draws(box: list[Alteration]) -> None:
    before = [one.content for one in draw(box, 100, seed=4)]
    moved = [replace(one, number=one.number + 7, lines=(99,)) for one in reversed(box)]
    other = [replace(one, function="Crate.pack") for one in box]
    after = [one.content for one in draw([*other, *moved], 100, seed=4) if one.function != "Crate.pack"]
    assert sorted(before) == sorted(after)
    distinct = [content for content in before if before.count(content) == 1]
    assert [content for content in after if content in distinct] == distinct


def test_tests_are_tried_quickest_first_and_one_case_of_each_before_the_others() -> None:
    seconds = {"a[1]": 0.3, "a[2]": 0.1, "b": 0.2, "c": 5.0}
    tests = order(list(seconds), seconds, "kimi_api.reply")
    assert tests == ["a[2]", "b", "c", "a[1]"]
    assert within(tests, seconds, 1.0) == ["a[2]", "b"]
    assert within(["c"], seconds, 1.0) == ["c"]


def test_tests_of_the_altered_module_are_tried_before_others() -> None:
    near = ["tests/kimi_api/test_reply.py::a[1]", "tests/kimi_api/test_reply.py::a[2]", "tests/reply/test_b.py::b"]
    seconds = {"tests/contract/test_c.py::c": 0.1, **dict.fromkeys(near, 1.0)}
    tests = order(list(seconds), seconds, "kimi_api.reply._builder")
    assert tests == [near[0], near[2], near[1], "tests/contract/test_c.py::c"]
    assert order(list(seconds), seconds, "kimi_api.chat")[0] == "tests/contract/test_c.py::c"


def test_a_line_that_no_test_runs_by_itself_has_the_tests_of_its_statement() -> None:
    reach = Reach({"a": 0.1, "b": 0.1}, [], {"kimi_api/request.py": {3: [0, 1], 4: [1]}})
    path = ROOT / "kimi_api" / "request.py"
    assert reach.tests_of(path, (4, 3, 4, 5)) == ["b"]
    assert reach.tests_of(path, (5, 3, 4, 5)) == ["a", "b"]
    assert reach.tests_of(path, (7, 7)) == []


@pytest.mark.slow
def test_an_alteration_is_noticed_survives_or_runs_out_of_time_and_is_gone_for_the_next() -> None:
    path = ROOT / "kimi_api" / "_transport" / "answers.py"
    source = path.read_text("utf-8")
    line = "return json.loads(content)"
    file = "tests/kimi_api/transport/test_answers.py"
    test = f"{file}::test_an_error_in_place_of_an_answer_is_of_the_frameworks_class[as JSON]"

    def trial(name: str, instead: str, limit: float = 60.0) -> Trial:
        return Trial(name, [test], limit, str(path), "_decode", source.replace(line, instead))

    trials = Trials([file], 1)
    batch = [
        trial("wrong", "return None"),
        trial("same", line),
        trial("endless", "while True: pass", limit=3.0),
        trial("leaves", "os._exit(0)"),
        Trial("unaltered", [test], 60.0),
    ]
    outcomes = trials.run(batch, lambda outcome: None)
    trials.close()
    assert {name: outcome.result for name, outcome in outcomes.items()} == {
        "wrong": NOTICED,
        "same": SURVIVED,
        "endless": TIMED_OUT,
        "leaves": NOTICED,
        "unaltered": SURVIVED,
    }
    assert outcomes["wrong"].test == test
