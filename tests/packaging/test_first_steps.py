"""The first lines of README.md as a stranger types them: an empty environment, the wheel, the first snippet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging_kit import ROOT, Environment

from kimi_emulator import Emulator

README = (ROOT / "README.md").read_text("utf-8")
INSTALL = re.findall(r'^pip install "kimi-integrations\[([a-z,-]+)\]"', README, re.M)
SNIPPET = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)


@pytest.mark.slow
@pytest.mark.parametrize(("line", "snippet"), [(0, 0), (1, 1)], ids=["LangChain", "LlamaIndex"])
def test_an_install_line_of_the_readme_brings_what_its_snippet_needs(
    line: int, snippet: int, wheel: Path, tmp_path: Path, kimi: Emulator
) -> None:
    extras = INSTALL[line].split(",")
    environment = Environment(tmp_path / "venv", *extras)
    environment.install(f"{wheel}[{','.join(extras)}]")
    done = environment.run(SNIPPET[snippet], MOONSHOT_API_KEY=kimi.api_key, MOONSHOT_BASE_URL=kimi.base_url)
    assert "Turku: 2 degrees, snow" in done.stdout
    assert done.stderr == ""
    assert {request.headers["host"] for request in kimi.requests} == {kimi.base_url.split("/")[2]}
