"""constraints.txt pins every package that pyproject.toml asks for, in a version that it asks for.

Without a pin pip answers a conflict by taking an old version, and says nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = {
    canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
    for pin in [Requirement(line)]
}


def of_extra(name: str) -> Iterator[Requirement]:
    for line in PROJECT["project"]["optional-dependencies"][name]:
        requirement = Requirement(line)
        if requirement.name != PROJECT["project"]["name"]:
            yield requirement
        else:
            for extra in sorted(requirement.extras):  # a set: workers of xdist must see one order
                yield from of_extra(extra)


def of_group(name: str) -> Iterator[Requirement]:
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, dict):
            yield from of_group(entry["include-group"])
        else:
            yield Requirement(entry)


INSTALLED = [
    *map(Requirement, PROJECT["project"]["dependencies"]),
    *of_extra("all"),
    *of_extra("ray"),  # by `make ray`
    *of_group("dev"),
    *of_group("release"),  # by `make check-dist`
    *of_group("mutation"),
]


@pytest.mark.parametrize("requirement", INSTALLED, ids=str)
def test_what_is_installed_for_development_is_pinned_within_its_range(requirement: Requirement) -> None:
    assert PINS[canonicalize_name(requirement.name)] in requirement.specifier
