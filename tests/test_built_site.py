"""The site as `make site` builds it: no dead link, nothing from another host, search and pages as Chromium has them."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from scripts import pictures

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["index", "langgraph", "thinking", "models", "speed", "errors", "error-list", "reference/langchain_kimi"]
TAGS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "srcset"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("mkdocstrings") is None,
        reason="needs the group `site`: pip install --group site",
    ),
]
in_a_browser = pytest.mark.skipif(
    pictures.CHROMIUM is None or pictures.DRIVER is None,
    reason="needs chromium and chromedriver: apt-get install chromium chromium-driver",
)


class Page(HTMLParser):
    """What a page leads to, what it loads, and the places in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.places: set[str] = {"", "__comments"}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.places |= {str(values[name]) for name in ("id", "name") if values.get(name)}
        address = values.get(TAGS.get(tag, ""))
        if address and values.get("rel") != "canonical":
            (self.links if tag == "a" else self.loads).add(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    build = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stdout + build.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}


def outside(address: str) -> bool:
    return urlsplit(address).scheme in ("http", "https", "mailto")


def test_no_link_is_dead(site: Path, pages: dict[Path, Page]) -> None:
    """Pages, files and places in pages. What leads to another host is not asked for: a test needs no network."""
    dead, count = [], 0
    for path, page in pages.items():
        for address in sorted(page.links | page.loads):
            if outside(address) or address.startswith(("data:", "javascript:")):
                continue
            count += 1
            target, _, place = address.partition("#")
            there = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            there = there / "index.html" if there.is_dir() else there
            if not there.exists() or not there.is_relative_to(site):
                dead.append(f"{path.name}: {address}")
            elif there in pages and not place.startswith("only-") and unquote(place) not in pages[there].places:
                dead.append(f"{path.name}: no such place: {address}")
    assert dead == []
    assert count > 5_000


def test_nothing_is_loaded_from_another_host(pages: dict[Path, Page]) -> None:
    assert {path.name: foreign for path, page in pages.items() if (foreign := [*filter(outside, page.loads)])} == {}


def test_links_to_other_hosts_are_addresses(pages: dict[Path, Page]) -> None:
    """`pytest -rP` shows the list."""
    others = sorted({address for page in pages.values() for address in page.links if outside(address)})
    print("\n".join(others))
    assert others
    assert [address for address in others if not urlsplit(address).hostname and "@" not in address] == []


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site, served on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with pictures.browser() as driver:
        yield driver


def until(browser: Any, script: str) -> Any:
    """The value of a script, once it is true."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        if value := browser.execute_script(f"return {script}"):
            return value
        time.sleep(0.05)
    raise AssertionError(f"never true: {script}")


@in_a_browser
def test_search_finds_a_word_and_leads_to_a_page_that_has_it(browser: Any, address: str) -> None:
    browser.get(f"{address}/index.html")
    until(browser, "document.readyState === 'complete'")
    browser.execute_script("document.querySelector('#__search').click()")
    box = browser.find_element("css selector", "[data-md-component=search-query]")
    box.send_keys("reasoning_content")
    first = until(browser, "document.querySelector('a.md-search-result__link')")
    browser.get(first.get_attribute("href"))
    until(browser, "document.readyState === 'complete' && location.pathname !== '/index.html'")
    assert "reasoning_content" in browser.execute_script("return document.querySelector('article').innerText")


_SEARCH = """
const [queries, done] = arguments;
const worker = new Worker(JSON.parse(document.querySelector("#__config").textContent).search);
const answers = [];
const ask = () => answers.length < queries.length
    ? worker.postMessage({type: 2, data: queries[answers.length]}) : done(answers);
worker.onerror = error => done(error.message);
worker.onmessage = ({data}) => {
    if (data.type === 1) ask();  // it is ready
    if (data.type === 3) {
        answers.push(data.data.items.map(sections => sections[0].location));
        ask();
    }
};
fetch("search/search_index.json").then(answer => answer.json()).then(
    index => worker.postMessage({type: 0, data: {...index, options: {suggest: false}}}));
"""


@in_a_browser
def test_what_people_type_leads_to_the_page_that_answers_it(browser: Any, address: str) -> None:
    """Asked of the worker that the site's search box asks. `pytest -rP` shows the first three pages of each query."""
    queries = tomllib.loads((ROOT / "tests" / "site_queries.toml").read_text("utf-8"))["first"]
    browser.get(f"{address}/index.html")
    browser.set_script_timeout(60)
    answers = browser.execute_async_script(_SEARCH, list(queries))
    assert isinstance(answers, list), answers
    missed = {}
    for (query, pages), locations in zip(queries.items(), answers, strict=True):
        ranking = [location.partition(".html")[0] for location in locations]
        print(query, ranking[:3])
        if not ranking or ranking[0] not in pages.split():
            missed[query] = ranking[:3]
    assert missed == {}
    assert len(queries) > 80


@in_a_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_pages_fit_the_screen_and_show_the_pictures_of_their_scheme(
    browser: Any, address: str, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(f"{address}/index.html")
    browser.execute_script("localStorage.clear()")  # which remembers the scheme of a former visit
    for page in PAGES:
        browser.get(f"{address}/{page}.html")
        root = "document.documentElement"
        wide, screen = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
        assert wide <= screen, page
        pictures_here = "[...document.querySelectorAll('img.diagram')].filter(each => each.offsetParent)"
        sources = browser.execute_script(f"return {pictures_here}.map(each => each.src)")
        assert all(source.endswith(f"#only-{scheme}") for source in sources), page
        assert page not in ("thinking", "speed") or len(sources) == 1, page
