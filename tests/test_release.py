"""What a release needs: the check of its tag, and a workflow that keeps no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.matrix import interpreter
from scripts.release_check import ROOT, missing

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))
CHANGES = "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2027-01-15)\n\n* Something.\n\n## 0.1.0 (2026-11-22)\n"


def project(folder: Path, *, changes: str = CHANGES, owner: str = "kimi-people") -> Path:
    (folder / "CHANGELOG.md").write_text(changes)
    (folder / "pyproject.toml").write_text(
        f'[project]\nversion = "0.2.0"\n[tool.hatch.metadata.hooks.custom]\nrepository = "https://host/{owner}/x"\n'
    )
    return folder


def test_a_tag_that_can_be_released(tmp_path: Path) -> None:
    assert missing("v0.2.0", project(tmp_path)) == []
    assert missing("v0.2.0", project(tmp_path, changes=CHANGES.replace("## Unreleased\n\n", ""))) == []


@pytest.mark.parametrize(
    ("tag", "changes", "owner", "words"),
    [
        ("v0.3.0", CHANGES, "kimi-people", "the tag is v0.3.0, but pyproject.toml says version 0.2.0"),
        ("0.2.0", CHANGES, "kimi-people", "the tag is 0.2.0"),
        ("v0.2.0", CHANGES.replace(" (2027-01-15)", ""), "kimi-people", "no section '## 0.2.0 (YYYY-MM-DD)'"),
        ("v0.2.0", CHANGES.replace("## Unreleased\n", "## Unreleased\n\n* New."), "kimi-people", "under 'Unreleased'"),
        ("v0.2.0", CHANGES, "OWNER", "still says OWNER"),
    ],
)
def test_what_keeps_a_tag_from_being_released(tmp_path: Path, tag: str, changes: str, owner: str, words: str) -> None:
    [sentence] = missing(tag, project(tmp_path, changes=changes, owner=owner))
    assert words in sentence


def test_the_workflow_publishes_what_it_built_and_checked_and_keeps_no_secret() -> None:
    build, publish = WORKFLOW["jobs"]["build"], WORKFLOW["jobs"]["publish"]
    commands = [step.get("run", "") for step in build["steps"]]
    assert "make check-dist" in commands
    assert any("release_check" in command for command in commands)
    assert publish["needs"] == "build"
    assert (WORKFLOW["permissions"], publish["permissions"]) == ({}, {"id-token": "write"})
    assert "id-token" not in build["permissions"]
    assert "secrets." not in json.dumps(WORKFLOW)


def test_what_the_hooks_of_pre_commit_call_is_there() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    targets = (ROOT / "Makefile").read_text("utf-8")
    for hook in hooks:
        program, *arguments = hook["entry"].split()
        assert program == "make" or program.startswith(".venv/bin/")
        if program == "make":
            assert f"\n{arguments[0]}:" in targets
        assert [path for path in arguments if path.endswith(".py") and not (ROOT / path).is_file()] == []


def test_a_python_that_is_not_installed_is_left_out_of_the_matrix() -> None:
    assert interpreter("") is not None
    assert interpreter("3.99") is None
