"""What a real browser makes of the page: Chromium, driven by selenium."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from inspector_kit import KEY, PNG, TOOLS, chat, page, wait_for_end

from kimi_emulator import Emulator, Reply, ToolCall

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
WIDE, NARROW = (1280, 860), (390, 844)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="needs chromium and chromedriver: apt-get install chromium chromium-driver",
    ),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """Wide and light; a test fails if its page logged an error."""
    look(chromium)
    chromium.get("about:blank")
    chromium.get_log("browser")
    yield chromium
    # A closed emulator is no error of the page.
    errors = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
    assert [error for error in errors if "ERR_CONNECTION_REFUSED" not in error] == []


def look(browser: Any, size: tuple[int, int] = WIDE, scheme: str = "light") -> None:
    width, height = size
    mobile = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", mobile)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def until(browser: Any, script: str, *arguments: Any) -> Any:
    """The value of a script, once it is true."""
    ends = time.monotonic() + 15
    while time.monotonic() < ends:
        value = browser.execute_script(f"return {script}", *arguments)
        if value:
            return value
        time.sleep(0.03)
    raise AssertionError(f"never true: {script}\n{browser.execute_script('return document.body.innerText')}")


def visit(browser: Any, kimi: Emulator, rows: int, address: str = "") -> None:
    browser.get("about:blank")  # an address that differs behind its # alone would load nothing
    browser.get(kimi.inspector_url + address)
    until(browser, "document.getElementById('state').innerText === 'live'")
    until(browser, "document.querySelectorAll('.row').length === arguments[0]", rows)


def text(browser: Any, selector: str) -> str:
    return browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)


def texts(browser: Any, selector: str) -> list[str]:
    """What elements in sight say, without the words that are for those who listen."""
    script = (
        "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
        ".map((e) => e.innerText.replace(/^answered:\\s*/, ''))"
    )
    return browser.execute_script(script, selector)


def wait_for_choice(browser: Any, id: int) -> None:
    """Wait until this request is chosen, and shown."""
    until(browser, "document.querySelector('.row[aria-current]')?.dataset.id === arguments[0]", str(id))
    until(browser, "document.getElementById('detail').dataset.id === arguments[0]", str(id))


def press(browser: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def search(browser: Any, words: str) -> None:
    script = "const s = document.getElementById('search'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    browser.execute_script(script, words)


def run_agent(watched: Emulator, client: httpx.Client) -> None:
    """Two requests of one run, and a third that is refused."""
    watched.script(
        Reply(reasoning="I look it up.", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]),
        Reply(content="<img src=x onerror=alert(1)> & cloudy"),
    )
    ask = {"role": "user", "content": "Weather in Turku?"}
    message = chat(client, "Weather in Turku?", tools=TOOLS).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": "get_weather_0", "content": "cloudy"}
    body = {"model": "kimi-k2.6", "messages": [ask, message, result], "tools": TOOLS, "stream": True}
    client.post("/chat/completions", json=body)
    chat(client, "A limerick, please", temperature=0.3)
    wait_for_end(watched, 3)


def test_without_requests_the_page_says_how_to_send_one(watched, browser):
    visit(browser, watched, 0)
    assert f"export MOONSHOT_BASE_URL={watched.base_url}" in text(browser, "#empty")
    assert (text(browser, "#address"), text(browser, "#key")) == (watched.base_url, "sk-...abcd")


def test_rows_come_as_they_happen_and_the_first_is_chosen(watched, client, browser):
    visit(browser, watched, 0)
    run_agent(watched, client)
    until(browser, "document.querySelectorAll('.row').length === 3")
    until(browser, "document.querySelector('.mark.refused')")
    assert texts(browser, ".asked") == ["A limerick, please", "get_weather → cloudy"]
    assert texts(browser, ".answered")[1:] == ['get_weather(city="Turku")', "<img src=x onerror=alert(1)> & cloudy"]
    assert texts(browser, ".head .title") == ["Weather in Turku?"]
    assert "POST" not in text(browser, "#list")
    assert "2 requests" in text(browser, ".head")
    assert text(browser, "#sums").split()[:2] == ["requests", "3"]
    visit(browser, watched, 3)
    wait_for_choice(browser, 3)


def test_a_request_shows_thinking_calls_tools_stream_and_no_key(watched, client, browser):
    run_agent(watched, client)
    visit(browser, watched, 3, "#/r/2")
    wait_for_choice(browser, 2)
    detail = text(browser, "#detail")
    for expected in (
        "Goes on from #1",
        "I look it up.",
        "calls get_weather",
        '"city": "Turku"',
        "1 tool",
        "Stream",
        "onerror",
    ):
        assert expected in detail
    assert browser.execute_script("return document.querySelectorAll('#detail img').length") == 0
    assert browser.execute_script("return document.querySelectorAll('#detail svg rect').length") > 3
    assert KEY not in browser.page_source
    widths = "return [...document.querySelectorAll('.bar span')].map((s) => s.getBoundingClientRect().width)"
    assert sum(browser.execute_script(widths)) > 300


def test_a_refused_value_stands_in_the_red_box(watched, client, browser):
    run_agent(watched, client)
    visit(browser, watched, 3)
    wait_for_choice(browser, 3)
    assert text(browser, ".box.refused h3") == "Refused sampling.temperature"
    assert text(browser, ".box.refused .value") == "temperature: 0.3"
    assert "only 0.6 is allowed" in text(browser, ".box.refused") or "only 1 is allowed" in text(
        browser, ".box.refused"
    )


def test_a_broken_prefix_shows_its_place_and_its_price(watched, client, browser):
    for minute in ("12:01", "12:02"):
        instructions = {"role": "system", "content": f"It is {minute}. " + "Answer with care and name sources. " * 80}
        messages = [instructions, {"role": "user", "content": "Why?"}]
        client.post("/chat/completions", json={"model": "kimi-k3", "messages": messages})
    wait_for_end(watched, 2)
    visit(browser, watched, 2, "#/r/2")
    wait_for_choice(browser, 2)
    assert text(browser, ".box.noted h3") == "The prefix breaks at messages[0] (system)"
    assert texts(browser, ".differing mark") == ["1", "2"]
    assert "tokens read anew, $0.00" in text(browser, ".loss")
    assert [mark for mark in texts(browser, ".mark") if "prefix breaks at messages[0] (system), " in mark]
    assert "lost" in text(browser, "#sums")


def test_arrow_keys_walk_through_the_list_and_the_address_follows(watched, client, browser):
    from selenium.webdriver.common.keys import Keys

    run_agent(watched, client)
    visit(browser, watched, 3)
    wait_for_choice(browser, 3)
    for key, id in (
        (Keys.ARROW_DOWN, 1),
        ("j", 2),
        (Keys.ARROW_DOWN, 2),
        (Keys.ARROW_UP, 1),
        (Keys.HOME, 3),
        (Keys.END, 2),
    ):
        press(browser, key)
        wait_for_choice(browser, id)
        assert browser.current_url.endswith(f"#/r/{id}")
    active = "return document.activeElement.dataset.id"
    assert browser.execute_script(active) == "2"
    tabbable = "return [...document.querySelectorAll('.row')].filter((row) => row.tabIndex === 0).length"
    assert browser.execute_script(tabbable) == 1


def test_addresses_can_be_kept_and_the_way_back_leads_back(watched, client, browser):
    run_agent(watched, client)
    visit(browser, watched, 3, "#/r/1")
    wait_for_choice(browser, 1)
    browser.execute_script("document.querySelector('.row[data-id=\"3\"]').click()")
    wait_for_choice(browser, 3)
    browser.back()
    wait_for_choice(browser, 1)
    visit(browser, watched, 3, "#/r/77")
    until(browser, "document.getElementById('detail').innerText.includes('not kept any more')")
    log = [entry["message"] for entry in browser.get_log("browser")]  # the browser's own note of that 404
    assert all("404" in message for message in log)


def test_an_empty_search_is_said_and_can_be_undone(watched, client, browser):
    from selenium.webdriver.common.keys import Keys

    run_agent(watched, client)
    visit(browser, watched, 3)
    search(browser, "ONERROR cloudy")
    until(browser, "document.querySelectorAll('.entry:not([hidden])').length === 1")
    assert text(browser, "#hits") == "1 request shown"
    search(browser, "zebra")
    until(browser, "!document.getElementById('nothing').hidden")
    assert "No request holds “zebra”." in text(browser, "#nothing")
    browser.find_element("id", "show-all").click()
    until(browser, "document.querySelectorAll('.entry:not([hidden])').length === 3")
    browser.find_element("id", "only-problems").click()
    until(browser, "document.querySelectorAll('.entry:not([hidden])').length === 1")
    browser.find_element("id", "only-problems").click()
    press(browser, Keys.ESCAPE)
    browser.execute_script("document.activeElement.blur()")
    press(browser, "/")
    press(browser, "limerick")
    until(browser, "document.querySelectorAll('.entry:not([hidden])').length === 1")
    press(browser, Keys.ESCAPE)
    until(browser, "document.querySelectorAll('.entry:not([hidden])').length === 3")


def test_images_are_shown_from_data_urls_and_from_stored_files(watched, client, browser):
    id = client.post("/files", data={"purpose": "image"}, files={"file": ("a.png", PNG)}).json()["id"]
    urls = [f"data:image/png;base64,{base64.b64encode(PNG).decode()}", f"ms://{id}"]
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}]
    assert client.post("/chat/completions", json={"model": "kimi-k3", "messages": messages}).status_code == 200
    wait_for_end(watched, 2)
    visit(browser, watched, 2, "#/r/2")
    wait_for_choice(browser, 2)
    loaded = (
        "[...document.querySelectorAll('#detail img')].filter((i) => i.complete && i.naturalWidth === 2).length === 2"
    )
    until(browser, loaded)


def test_requests_and_answers_are_copied_as_curl_and_as_scripts(watched, client, browser):
    run_agent(watched, client)
    visit(browser, watched, 3, "#/r/2")
    wait_for_choice(browser, 2)
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    origin = watched.inspector_url.rstrip("/")
    browser.execute_cdp_cmd("Browser.grantPermissions", {"permissions": permissions, "origin": origin})
    detail = wait_for_end(watched, 2)
    run = page(watched, "_inspector/exchanges/2/script").text
    assert run.count("Reply(") == 2
    for id, expected in (("copy-curl", detail["curl"]), ("copy-script", detail["script"]), ("copy-run", run)):
        browser.find_element("id", id).click()
        until(browser, "document.getElementById(arguments[0]).innerText === 'Copied'", id)
        assert browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])") == expected


def test_an_answer_that_is_still_coming_grows(watched, client, browser):
    watched.fail("stall.mid_stream")
    watched.script(Reply(reasoning="", content="A long answer that stops in its middle and never goes on from there."))
    with client.stream("POST", "/chat/completions", json={
        "model": "kimi-k3", "stream": True, "messages": [{"role": "user", "content": "Go on"}]
    }):  # fmt: skip
        visit(browser, watched, 1)
        until(browser, "document.getElementById('detail').innerText.includes('A long answer')")
        assert "answering" in text(browser, "#list")


def test_a_fault_and_an_empty_answer_are_problems_and_say_so(watched, client, browser):
    watched.script(Reply("", reasoning="Hm."), Reply("Fine."))
    chat(client, "One")
    chat(client, "Two")
    watched.fail("http.503")
    chat(client, "Three")
    visit(browser, watched, 3, "#/r/3")
    wait_for_choice(browser, 3)
    assert "A fault that was asked for http.503" in text(browser, "#detail .box")
    assert texts(browser, ".mark") == ["fault: http.503", "neither text nor a call"]
    browser.find_element("id", "only-problems").click()
    until(browser, "document.querySelectorAll('.entry:not([hidden])').length === 2")
    assert "Thought, but no answer" in texts(browser, ".answered")
    browser.execute_script("location.hash = '#/r/1'")
    wait_for_choice(browser, 1)
    assert text(browser, "#detail .box").startswith("An empty answer")


CONTRAST = """
const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b; };
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const ground = (node) => { for (; node; node = node.parentElement) {
  const colour = parse(getComputedStyle(node).backgroundColor);
  if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3); } return [255, 255, 255]; };
const poor = [];
for (const node of document.querySelectorAll('body *')) {
  if (![...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim()) || !node.checkVisibility()) continue;
  const [a, b] = [light(parse(getComputedStyle(node).color).slice(0, 3)), light(ground(node))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) poor.push(`${node.className || node.tagName} ${ratio.toFixed(2)} ${node.textContent.slice(0, 40)}`);
}
return poor;
"""
OVERFLOW = """
const wide = document.documentElement.clientWidth;
const outside = (box) => box.right > wide + 1 || box.left < -1;
return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility())
  .filter((e) => !e.closest('.unseen, .skip, pre, svg') && outside(e.getBoundingClientRect()))
  .map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`);
"""
NAMELESS = """
return [...document.querySelectorAll('button, a, input, img, svg')].filter((e) => e.checkVisibility())
  .filter((e) => !(e.innerText || e.getAttribute('aria-label') || e.alt || (e.labels && e.labels.length)))
  .map((e) => e.outerHTML.slice(0, 80));
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_all_text_can_be_read_and_nothing_is_cut_off(watched, client, browser, size, scheme):
    run_agent(watched, client)
    chat(client, "unbroken" * 60, no_such_field=1)
    wait_for_end(watched, 4)
    look(browser, size, scheme)
    for address in ("", "#/r/2", "#/r/3", "#/r/4"):
        visit(browser, watched, 4, address)
        if address:
            wait_for_choice(browser, int(address[-1]))
        for check in (CONTRAST, OVERFLOW, NAMELESS):
            assert browser.execute_script(check) == [], (address, check)
    dark = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in dark[4:-1].split(",")) < 380) == (scheme == "dark")


def test_a_narrow_page_shows_the_list_or_one_request_and_always_address_and_key(watched, client, browser):
    run_agent(watched, client)
    look(browser, NARROW)
    visit(browser, watched, 3)
    assert texts(browser, "#detail") == []
    browser.execute_script("document.querySelector('.row[data-id=\"2\"]').click()")
    wait_for_choice(browser, 2)
    assert texts(browser, "#list-pane") == []
    browser.execute_script("document.getElementById('detail').scrollTop = 9999")
    in_sight = (
        "return [...document.querySelectorAll('#address, #key')].every((e) => e.getBoundingClientRect().bottom < 120)"
    )
    assert browser.execute_script(in_sight)
    browser.execute_script("document.querySelector('.back').click()")
    until(browser, "document.getElementById('list-pane').checkVisibility()")


def test_cleared_means_cleared(watched, client, browser):
    run_agent(watched, client)
    visit(browser, watched, 3, "#/r/2")
    browser.find_element("id", "clear").click()
    until(browser, "document.querySelectorAll('.row').length === 0")
    until(browser, "!document.getElementById('empty').hidden")
    chat(client, "Anew")
    until(browser, "document.querySelectorAll('.row').length === 1")
    assert texts(browser, ".asked") == ["Anew"]


ROWS = 2_000


def test_two_thousand_rows_are_quick(browser):
    with Emulator() as kimi:
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        with httpx.Client(base_url=kimi.base_url, headers=headers, trust_env=False, timeout=20) as client:
            for number in range(ROWS):
                chat(client, f"Question {number // 4} of many. " + "Some more words. " * 20)
            newest = ROWS - 3  # the first request of the newest conversation
            wait_for_end(kimi, ROWS)
            began = time.monotonic()
            browser.get(kimi.inspector_url)
            until(browser, "document.querySelectorAll('.row').length === arguments[0]", ROWS)
            list_seconds = time.monotonic() - began
            wait_for_choice(browser, newest)
            began = time.monotonic()
            search(browser, "1234.5")
            until(browser, "!document.getElementById('nothing').hidden")
            searched = time.monotonic() - began
            search(browser, "")
            until(browser, "document.querySelectorAll('.entry:not([hidden])').length === arguments[0]", ROWS)
            began = time.monotonic()
            press(browser, *"jjjjjjjjjj")
            wait_for_choice(browser, newest - 8 + 2)  # four rows of each conversation
            walked = time.monotonic() - began
            began = time.monotonic()
            chat(client, "The newest of all")
            until(browser, "document.querySelector('.asked')?.textContent === 'The newest of all'")
            came = time.monotonic() - began
            browser.get("about:blank")
    print(
        f"{ROWS} rows: list {list_seconds:.2f} s, search {searched:.2f} s, ten keys {walked:.2f} s, "
        f"a new row {came:.2f} s"
    )
    # Generous: a machine that builds and tests at once is several times slower than one that does not.
    assert list_seconds < 20
    assert searched < 10
    assert walked < 10
    assert came < 5
