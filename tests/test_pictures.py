"""The pictures of README.md are there, small, load nothing, and can be made anew."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from scripts import pictures

NAMES = ["agent.svg", "inspector-dark.png", "inspector-light.png"]
README = Path(__file__).parents[1] / "README.md"


def check(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    assert all(path.stat().st_size < 100_000 for path in folder.iterdir())
    drawn = (folder / "agent.svg").read_text()
    assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert not re.search(r"""url\(['"]?http|@font-face|@import""", drawn)
    for words in ("Question:", "Thinking:", "get_weather", "snow", "Answer:", "at&#160;list&#160;price"):
        assert words in drawn
    for name in NAMES[1:]:
        with Image.open(folder / name) as image:
            assert image.size == (pictures.WIDTH, pictures.HEIGHT)


def test_the_pictures_are_there_and_shown():
    check(pictures.FOLDER)
    text = README.read_text()
    assert [name for name in NAMES if f"docs/pictures/{name}" not in text] == []


@pytest.mark.slow
@pytest.mark.skipif(
    pictures.CHROMIUM is None or pictures.DRIVER is None,
    reason="needs chromium and chromedriver: apt-get install chromium chromium-driver",
)
def test_they_can_be_made_anew(tmp_path: Path):
    pictures.main(tmp_path)
    check(tmp_path)
