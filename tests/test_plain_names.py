"""Names say what they stand for: no pronoun-like locals, no functions called by a participle."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.plain_names import FOLDERS, ROOT, faults_in, faults_under, is_participle


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_plain(folder: str) -> None:
    faults = faults_under([ROOT / folder])
    assert [f"{fault.path.relative_to(ROOT)}:{fault.line} {fault.name}" for fault in faults] == []


@pytest.mark.parametrize("name", ["uploaded", "_kept", "merged", "told", "aserved"])
def test_a_participle_is_told_from_a_verb(name: str) -> None:
    assert is_participle(name)


@pytest.mark.parametrize("name", ["upload", "read", "feed", "aread", "embed", "encoded_size", "apoll", "add"])
def test_verbs_and_nouns_are_no_participles(name: str) -> None:
    assert not is_participle(name)


def test_prose_strings_and_properties_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(
        '"""What was found."""\nfrom functools import cached_property\n\n\nclass A:\n    """Made."""\n\n'
        '    @property\n    def done(self):\n        return {"found": self.made}\n\n'
        "    def sent(self, given):\n        found = given\n        return found\n"
    )
    assert sorted((fault.line, fault.name) for fault in faults_in(file)) == [
        (12, "given"),
        (12, "sent"),
        (13, "found"),
        (13, "given"),
        (14, "found"),
    ]


def test_a_decorator_is_called_as_its_library_calls_it(tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text("@given(st.text())\ndef test_a(text):\n    given(text)\n")
    assert [(fault.line, fault.name) for fault in faults_in(file)] == [(3, "given")]


def test_a_name_that_nobody_understood_does_not_come_back(tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text("from a import b as Late\n\n\nclass Going:\n    def goes_on(self):\n        return Late\n")
    assert [(fault.line, fault.name) for fault in faults_in(file)] == [(4, "Going"), (1, "Late"), (5, "goes_on")]
