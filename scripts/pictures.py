"""The pictures of README.md and docs/: an agent in a terminal, and the same agent in the emulator's inspector.

Both come from one real run on the emulator. Needs Chromium and its driver.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from examples import console
from examples.langchain import agent
from kimi_emulator import Emulator, Reply
from langchain_kimi import ChatKimi

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["CHROMIUM", "DRIVER", "browser", "main"]

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
MODEL = "kimi-k3"
WIDTH, HEIGHT = 1280, 800
COLOURS = 256  # of a palette: enough for text on plain grounds, and a third of the bytes
COLUMNS = 96
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def _run(kimi: Emulator) -> str:
    """An agent's run, as SVG, and beside it what the inspector is for: a refusal, a file, a prefix that breaks."""
    terminal = Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", soft_wrap=True, highlight=False
    )
    settings = {"model": MODEL, "base_url": kimi.base_url, "api_key": kimi.api_key}
    headers = {"Authorization": f"Bearer {kimi.api_key}"}
    with httpx.Client(base_url=kimi.base_url, headers=headers, trust_env=False) as client:
        with console.printing_to(terminal):
            agent.main(settings)
        question = {"role": "user", "content": "A haiku about the harbour, please"}
        client.post("/chat/completions", json={"model": MODEL, "messages": [question], "temperature": 0.3})
        file = ("harbour.txt", b"The harbour was built in 1840.\n" * 90)
        client.post("/files", data={"purpose": "file-extract"}, files={"file": file})
    kimi.script(
        Reply(content="At eight in the evening, and at four on Saturdays (library.example)."),
        Reply(content="On Sundays it is open from noon to four (library.example)."),
    )
    _ask_about_the_library(ChatKimi(**settings))
    return _draw(terminal.file.getvalue())  # type: ignore[attr-defined]


def _draw(printed: str) -> str:
    """What a terminal got as SVG. Its lines are wrapped, and its font is the reader's own: nothing is loaded."""
    recorder = Console(record=True, width=COLUMNS, file=io.StringIO())
    recorder.print(Text.from_ansi(printed.rstrip()))
    return _FONTS.sub("", recorder.export_svg(title="python -m examples.langchain.agent", theme=MONOKAI))


def _ask_about_the_library(model: ChatKimi) -> None:
    """Two turns; the time in the instructions breaks the prefix of the second."""
    rules = "You answer visitors of Turku. Be brief, name your source, and never guess opening hours. " * 24
    first = ("user", "When does the main library close?")
    answer = model.invoke([("system", f"Time: 2026-11-28 13:45:07. {rules}"), first])
    model.invoke([("system", f"Time: 2026-11-28 13:45:21. {rules}"), first, answer, ("user", "And on Sundays?")])


@contextmanager
def browser() -> Iterator[Chrome]:
    """Chromium without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def _take(driver: Chrome, address: str, scheme: str, path: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    size: dict[str, Any] = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get("about:blank")
    driver.get(address)
    WebDriverWait(driver, 20).until(lambda page: page.execute_script("return !!document.querySelector('#detail h2')"))
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main(folder: Path = FOLDER) -> None:
    """Write ``agent.svg``, ``inspector-light.png`` and ``inspector-dark.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    with Emulator() as kimi, browser() as driver:
        (folder / "agent.svg").write_text(_run(kimi))
        for scheme in ("light", "dark"):
            address = f"{kimi.inspector_url}#/r/{len(kimi.requests)}"
            _take(driver, address, scheme, folder / f"inspector-{scheme}.png")
    for path in sorted(folder.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    if CHROMIUM is None or DRIVER is None:
        sys.exit("pictures: needs chromium and chromedriver. What to do: apt-get install chromium chromium-driver")
    main(arguments.parse_args().folder)
