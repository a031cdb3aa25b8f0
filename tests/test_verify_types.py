"""`make lint` fails where a public name has no known type."""

from pathlib import Path

import pytest

from scripts.verify_types import LEAST, missing, verify


def test_a_public_name_without_a_type_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    package = tmp_path / "half_typed"
    package.mkdir()
    (package / "py.typed").touch()
    (package / "__init__.py").write_text("def typed(a: int) -> int:\n    return a\n\ndef untyped(a):\n    return a\n")

    completeness = verify("half_typed", root=tmp_path)

    assert completeness["completenessScore"] == 0.5
    assert missing(completeness)
    assert all(line.startswith(f"{package}/__init__.py:4: half_typed.untyped: ") for line in missing(completeness))


def test_every_package_of_the_wheel_has_a_bound() -> None:
    packages = {path.parent.name for path in Path(__file__).parents[1].glob("*/py.typed")}

    assert set(LEAST) == packages
