"""What would be published, built once, and a fresh environment to install it in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from packaging_kit import ROOT


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make build` fills."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, str(ROOT / "packaging" / "build.py"), str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """Our own wheel."""
    [path] = built.glob("kimi_integrations-*.whl")
    return path
