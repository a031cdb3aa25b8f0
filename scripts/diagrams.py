"""The diagrams of docs/ as pictures: ``python -m scripts.diagrams MERMAID_JS`` (`make diagrams` fetches that file).

A diagram is a fence of Mermaid in a page, which the repository's own viewer draws. The site shows pictures of it
instead, one for light and one for dark, so that a reader's browser loads no script from another host. Needs Chromium
and its driver.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

__all__ = ["FENCE", "FOLDER", "THEMES", "Diagram", "diagrams", "is_current", "main"]

DOCS = Path(__file__).resolve().parent.parent / "docs"
FOLDER = DOCS / "diagrams"
FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)
THEMES = {"light": "default", "dark": "dark"}
GROUNDS = {"light": "#ffffff", "dark": "#1e2129"}
"""The ground of the site's pages. Mermaid's own ground of a label on an arrow lets the arrow through."""
_DRAW = """
const [source, theme, ground, done] = arguments;
mermaid.initialize({startOnLoad: false, theme, htmlLabels: false, flowchart: {htmlLabels: false},
                    themeCSS: `.edgeLabel rect { opacity: 1; fill: ${ground}; }`,
                    fontFamily: "sans-serif", deterministicIds: true});
mermaid.render("diagram", source).then(drawn => done(drawn.svg), error => done("error: " + error));
"""


class Diagram(NamedTuple):
    """A fence of Mermaid: the name of its pictures, its text, and what a reader hears who does not see it."""

    name: str
    source: str
    title: str

    def picture(self, scheme: str) -> str:
        """The file's name in `docs/diagrams`."""
        return f"{self.name}-{scheme}.svg"


def diagrams(page: str, text: str) -> list[Diagram]:
    """The diagrams of a page such as `thinking.md`, in their order.

    Raises:
        ValueError: one has no `accTitle`.
    """
    drawn = []
    for number, source in enumerate(FENCE.findall(text), 1):
        title = re.search(r"^\s*accTitle: (.+)$", source, re.M)
        if title is None:
            raise ValueError(f"{page}, diagram {number}: no accTitle. What to do: add a line 'accTitle: what it shows'")
        drawn.append(Diagram(f"{page.removesuffix('.md')}-{number}", source, title[1]))
    return drawn


def is_current(diagram: Diagram, picture: Path) -> bool:
    """Whether a picture was drawn from this text."""
    return picture.exists() and picture.read_text("utf-8").endswith(_mark(diagram))


def _mark(diagram: Diagram) -> str:
    return f"<!-- {hashlib.sha256(diagram.source.encode()).hexdigest()} -->\n"


def with_size(drawn: str) -> str:
    """The picture with a size of its own, in pixels: one of 100 % has none where it is shown as an image."""
    return re.sub(
        r'width="100%"(.*?viewBox="\S+ \S+ (\S+) (\S+)")',
        lambda parts: f'width="{round(float(parts[2]))}" height="{round(float(parts[3]))}"{parts[1]}',
        drawn,
        count=1,
    )


def main(script: Path) -> None:
    """Draw all diagrams, and remove the pictures of those that are gone."""
    from scripts.pictures import CHROMIUM, DRIVER, browser  # heavy, and nothing for whoever builds the site

    if CHROMIUM is None or DRIVER is None:
        sys.exit("diagrams: needs chromium and chromedriver. What to do: apt-get install chromium chromium-driver")
    FOLDER.mkdir(exist_ok=True)
    every = [each for page in sorted(DOCS.glob("*.md")) for each in diagrams(page.name, page.read_text("utf-8"))]
    with TemporaryDirectory() as folder, browser() as driver:
        page = Path(folder, "page.html")
        page.write_text(f'<!doctype html><body><script src="{script.resolve().as_uri()}"></script>')
        driver.get(page.as_uri())
        for diagram in every:
            for scheme, theme in THEMES.items():
                drawn = driver.execute_async_script(_DRAW, diagram.source, theme, GROUNDS[scheme])
                if drawn.startswith("error"):
                    sys.exit(f"diagrams: {diagram.name}: {drawn}")
                (FOLDER / diagram.picture(scheme)).write_text(f"{with_size(drawn)}\n{_mark(diagram)}", "utf-8")
    names = {each.picture(scheme) for each in every for scheme in THEMES}
    for path in FOLDER.iterdir():
        if path.name not in names:
            path.unlink()
    print(f"diagrams: {len(every)} in {len(THEMES)} schemes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
