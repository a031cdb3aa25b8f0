"""The page that shows live traffic: what it is told, what it never shows, and what a browser makes of it."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kimi_emulator import Emulator, Reply, ToolCall
from kimi_emulator.inspector import traffic, view

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
KEY = "sk-test-inspector-1234567890abcd"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tell the weather.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


@pytest.fixture
def watched() -> Iterator[Emulator]:
    with Emulator(api_key=KEY) as kimi:
        yield kimi


@pytest.fixture
def client(watched: Emulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=watched.base_url, headers=headers, trust_env=False, timeout=10) as http_client:
        yield http_client


def chat(client: httpx.Client, text: str = "Hello there", **more: Any) -> httpx.Response:
    body = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": text}], **more}
    return client.post("/chat/completions", json=body)


def page(kimi: Emulator, path: str = "", **more: Any) -> httpx.Response:
    return httpx.get(f"{kimi.inspector_url}{path}", trust_env=False, timeout=10, **more)


def detail(kimi: Emulator, number: int) -> dict[str, Any]:
    return page(kimi, f"_inspector/exchanges/{number}").json()


def wait_for_end(kimi: Emulator, number: int) -> dict[str, Any]:
    """The detail once the answer's end was noted: a client may have its last byte a moment before."""
    for _ in range(100):
        shown = detail(kimi, number)
        if shown["done"]:
            return shown
        time.sleep(0.02)
    raise AssertionError(f"exchange {number} never ended")


def test_the_page_stands_at_the_root_and_needs_no_key(watched):
    answer = page(watched)
    assert answer.status_code == 200
    assert "Kimi emulator" in answer.text
    for name in ("inspector.css", "inspector.js"):
        assert page(watched, f"_inspector/{name}").status_code == 200
    assert page(watched, "_inspector/other.js").status_code == 404
    assert watched.requests == []


def test_an_exchange_shows_request_answer_tokens_and_cost(watched, client):
    watched.script(Reply(reasoning="Greet back.", content="Good day."))
    chat(client, tools=TOOLS)
    shown = wait_for_end(watched, 1)
    assert shown["request"]["json"]["messages"] == [{"role": "user", "content": "Hello there"}]
    assert shown["request"]["json"]["tools"] == TOOLS
    assert shown["reply"]["message"]["content"] == "Good day."
    assert shown["reply"]["message"]["reasoning_content"] == "Greet back."
    assert shown["tokens"]["thinking"] > 0
    assert shown["tokens"]["answer"] > 0
    assert shown["cost"] > 0
    assert shown["status"] == 200
    assert shown["whole"]


def test_a_stream_is_put_together_and_timed(watched, client):
    watched.script(Reply(reasoning="Look it up.", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]))
    chat(client, tools=TOOLS, stream=True, stream_options={"include_usage": True})
    shown = wait_for_end(watched, 1)
    assert shown["streamed"]
    message = shown["reply"]["message"]
    assert message["reasoning_content"] == "Look it up."
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Turku"}
    assert shown["reply"]["finish_reason"] == "tool_calls"
    assert shown["reply"]["usage"]["total_tokens"] > 0
    timing = shown["timing"]
    assert timing["pieces"] > 3
    assert 0 < timing["first"] <= timing["last"]
    assert timing["points"] == sorted(timing["points"])


def test_cached_tokens_have_a_part_of_their_own(watched, client):
    long = "words and more words " * 400
    chat(client, long)
    chat(client, long)
    shown = wait_for_end(watched, 2)
    assert shown["tokens"]["cached"] >= 256
    assert shown["tokens"]["cached"] + shown["tokens"]["input"] == shown["reply"]["usage"]["prompt_tokens"]


def test_a_refused_request_names_the_rule_and_explains_it(watched, client):
    assert chat(client, temperature=0.3).status_code == 400
    (rule,) = wait_for_end(watched, 1)["rules"]
    assert rule["refused"]
    assert rule["sentence"]
    assert rule["message"] in detail(watched, 1)["reply"]["error"]["message"]


def test_what_is_let_through_but_forbidden_is_marked(watched, client):
    assert chat(client, no_such_field=1).status_code == 200
    (rule,) = wait_for_end(watched, 1)["rules"]
    assert not rule["refused"]
    assert "no_such_field" in rule["message"]


def test_keys_are_shown_by_their_last_four_characters_only(watched, client):
    chat(client)
    wait_for_end(watched, 1)
    assert "sk-...abcd" in page(watched, "_inspector/exchanges/1").text
    seen = page(watched, "_inspector/exchanges/1").text
    with httpx.stream("GET", f"{watched.inspector_url}_inspector/events", trust_env=False) as events:
        for line in events.iter_lines():
            seen += line
            if '"id": 1' in line:
                break
    assert KEY not in seen


def test_a_short_key_is_hidden_whole():
    assert view.mask_key("Bearer sk-1") == "Bearer sk-..."


def test_the_curl_command_asks_the_same_again_with_the_key_from_the_environment(watched, client):
    chat(client, 'It\'s "quoted" & $dear,\nin two lines: größer')
    command = wait_for_end(watched, 1)["curl"]
    assert KEY not in command
    assert '"Authorization: Bearer $MOONSHOT_API_KEY"' in command
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "curl"
    assert f"{watched.base_url}/chat/completions" in words
    assert json.loads(words[words.index("-d") + 1]) == watched.chats[0]


def test_an_upload_is_shown_without_its_bytes(watched, client):
    client.post("/files", data={"purpose": "file-extract"}, files={"file": ("notes.txt", b"secret harvest")})
    shown = wait_for_end(watched, 1)
    assert shown["request"]["form"]["filename"] == "notes.txt"
    assert "secret harvest" not in json.dumps(shown)
    assert "-F file=@notes.txt" in shown["curl"]


def test_a_broken_answer_is_shown_as_far_as_it_came(watched, client):
    watched.fail("cut.answer")
    watched.script(Reply(reasoning="", content="A long answer that will not come to its end, for sure."))
    with pytest.raises(httpx.HTTPError):
        chat(client, stream=True)
    shown = wait_for_end(watched, 1)
    assert not shown["whole"]
    assert shown["reply"]["message"]["content"].startswith("A long")


def test_the_list_can_be_cleared_and_goes_with_a_reset(watched, client):
    chat(client)
    httpx.delete(f"{watched.inspector_url}_inspector/exchanges", trust_env=False)
    assert page(watched, "_inspector/exchanges/1").status_code == 404
    chat(client)
    wait_for_end(watched, 2)
    watched.reset()
    assert page(watched, "_inspector/exchanges/2").status_code == 404


def test_only_so_much_is_kept(monkeypatch):
    monkeypatch.setattr(traffic, "KEPT", 3)
    monkeypatch.setattr(traffic, "KEPT_BYTES", 99)
    monkeypatch.setattr(traffic, "ANSWER_BYTES", 60)
    log = traffic.Traffic()
    for _ in range(5):
        exchange = log.begin("POST", "/v1/chat/completions")
        log.add(exchange, b"x" * 50)
        log.add(exchange, b"y" * 50)
    assert [each.id for each in log] == [4, 5]
    assert (exchange.size, exchange.bytes_held) == (100, 50)


def test_a_foreign_page_cannot_read_it_under_its_own_name(watched):
    for path in ("", "_inspector/events", "_inspector/exchanges/1"):
        if path.endswith("1"):
            httpx.get(f"{watched.base_url}/models", trust_env=False)
        assert page(watched, path, headers={"Host": "evil.example"}).status_code == 403


def test_it_can_be_left_out():
    with Emulator(inspector=False) as kimi:
        assert page(kimi).status_code in (401, 404)


# ------------------------------------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def until(browser: Any, what: str, script: str) -> Any:
    """The value of a script, once it is true."""
    for _ in range(150):
        value = browser.execute_script(f"return {script}")
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"the page never showed {what}: {browser.execute_script('return document.body.innerText')}")


def text_of(browser: Any, id: str) -> str:
    return browser.execute_script(f"return document.getElementById('{id}').innerText")


def entries(browser: Any) -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll('#list button')].map((b) => b.innerText)")


def choose(browser: Any, place: int) -> None:
    browser.execute_script(f"document.querySelectorAll('#list button')[{place}].click()")
    until(browser, "the detail", "document.querySelector('#detail h2')")


def test_a_browser_shows_traffic_as_it_comes_and_finds_it_again(watched, client, browser):
    browser.get(watched.inspector_url)
    until(browser, "that it is live", "document.getElementById('state').innerText === 'live'")
    assert watched.base_url in text_of(browser, "empty")
    watched.script(
        Reply(reasoning="The user greets me.", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]),
        Reply(content="<img src=x onerror=alert(1)> & more"),
    )
    chat(client, tools=TOOLS, stream=True)
    chat(client, "Second question")
    chat(client, temperature=0.3)
    until(browser, "three exchanges", "document.querySelectorAll('#list button').length === 3")
    until(browser, "the refusal", "document.querySelector('#list .refused')")

    choose(browser, 2)
    until(browser, "the thinking", "document.querySelector('#detail .thought')")
    shown = text_of(browser, "detail")
    for expected in ("The user greets me.", "calls get_weather", "Turku", "Tools (1)", "Timing of the stream".upper()):
        assert expected.lower() in shown.lower()
    assert "sk-...abcd" in shown
    assert KEY not in browser.page_source
    assert browser.execute_script("return document.querySelectorAll('#detail svg rect').length") > 3
    widths = browser.execute_script(
        "return [...document.querySelectorAll('#detail .bar span')].map((s) => s.getBoundingClientRect().width)"
    )
    assert sum(widths) > 300

    choose(browser, 0)
    until(browser, "why it was refused", "document.querySelector('#detail .explain')")
    assert "Refused by" in text_of(browser, "detail")

    choose(browser, 1)
    until(browser, "the answer", "document.getElementById('detail').innerText.includes('onerror')")
    assert browser.execute_script("return document.querySelectorAll('#detail img').length") == 0

    browser.execute_script(
        "const s = document.getElementById('search'); s.value = 'second question'; s.dispatchEvent(new Event('input'))"
    )
    until(browser, "what was searched for", "document.querySelectorAll('#list button').length === 1")
    browser.execute_script(
        "const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input'));"
        "document.getElementById('only-rules').click()"
    )
    until(browser, "the refused one", "document.querySelectorAll('#list .refused').length === 1")
    assert len(entries(browser)) == 1
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []


def test_a_browser_copies_a_request_as_curl(watched, client, browser):
    chat(client, "Copy me")
    browser.get(watched.inspector_url)
    browser.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": watched.inspector_url.rstrip("/")},
    )
    until(browser, "the exchange", "document.querySelectorAll('#list button').length === 1")
    choose(browser, 0)
    browser.find_element("id", "copy-curl").click()
    until(browser, "that it was copied", "document.getElementById('copy-curl').innerText === 'Copied'")
    copied = browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied == wait_for_end(watched, 1)["curl"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_in_the_users_colours(watched, client, browser, scheme):
    chat(client)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get(watched.inspector_url)
    until(browser, "the exchange", "document.querySelectorAll('#list button').length === 1")
    ground, text = browser.execute_script(
        "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
    )
    brightness = [sum(int(part) for part in colour[4:-1].split(",")) for colour in (ground, text)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")


def test_the_transcript_tells_streams_uploads_and_what_has_no_answer() -> None:
    with Emulator() as kimi:
        assert kimi.transcript == ""
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        with httpx.Client(base_url=kimi.base_url, headers=headers, trust_env=False) as client:
            client.post("/files", data={"purpose": "file-extract"}, files={"file": ("a.txt", b"text")})
            body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "a long\nquestion " * 40}]}
            client.post("/chat/completions", json={**body, "stream": True})
            kimi.fail("close.before_headers")
            with pytest.raises(httpx.RemoteProtocolError):
                client.post("/chat/completions", json=body)
        ends = time.monotonic() + 10
        while "kimi-k3 -> no answer" not in kimi.transcript and time.monotonic() < ends:
            time.sleep(0.01)  # the client saw the connection close before the server's thread had noted the request
        upload, stream, lost = kimi.transcript.split("\n#")
        assert upload.startswith("#1 POST /v1/files")
        assert "a.txt, 4 bytes" in upload
        assert stream.startswith("2 POST /v1/chat/completions  kimi-k3 streamed -> 200\n")
        assert 'user       "a long question a long' in stream.replace("\\n", " ")
        assert "ends       stop; " in stream
        assert lost.startswith("3 POST /v1/chat/completions  kimi-k3 -> no answer\n")
        assert max(map(len, kimi.transcript.splitlines())) < 250
        kimi.reset()
        assert kimi.transcript == ""
