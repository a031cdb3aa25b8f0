"""The page that shows live traffic: what it is told, and what it never shows."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

import httpx
import pytest
from inspector_kit import KEY, PNG, TOOLS, chat, detail, events, page, wait_for_end

from kimi_emulator import FAULTS, Emulator, Failure, Reply, ToolCall
from kimi_emulator.inspector import traffic


def test_the_page_stands_at_the_root_and_needs_no_key(watched):
    answer = page(watched)
    assert answer.status_code == 200
    assert "Kimi emulator" in answer.text
    for name in ("inspector.css", "inspector.js", "list.js", "detail.js", "elements.js"):
        assert page(watched, f"_inspector/{name}").status_code == 200
    assert page(watched, "_inspector/other.js").status_code == 404
    assert watched.requests == []


def test_an_exchange_shows_request_answer_tokens_and_cost(watched, client):
    watched.script(Reply(reasoning="Greet back.", content="Good day."))
    chat(client, tools=TOOLS)
    detail = wait_for_end(watched, 1)
    assert detail["request"]["json"]["messages"] == [{"role": "user", "content": "Hello there"}]
    assert detail["request"]["json"]["tools"] == TOOLS
    assert detail["reply"]["message"]["content"] == "Good day."
    assert detail["reply"]["message"]["reasoning_content"] == "Greet back."
    assert detail["tokens"]["thinking"] > 0
    assert detail["tokens"]["answer"] > 0
    assert detail["cost"] > 0
    assert detail["status"] == 200
    assert detail["whole"]


def test_a_stream_is_put_together_and_timed(watched, client):
    watched.script(Reply(reasoning="Look it up.", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]))
    chat(client, tools=TOOLS, stream=True, stream_options={"include_usage": True})
    detail = wait_for_end(watched, 1)
    assert detail["streamed"]
    message = detail["reply"]["message"]
    assert message["reasoning_content"] == "Look it up."
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Turku"}
    assert detail["reply"]["finish_reason"] == "tool_calls"
    assert detail["reply"]["usage"]["total_tokens"] > 0
    timing = detail["timing"]
    assert timing["pieces"] > 3
    assert 0 < timing["first"] <= timing["last"]
    assert timing["points"] == sorted(timing["points"])


def test_cached_tokens_have_a_part_of_their_own(watched, client):
    long = "words and more words " * 400
    chat(client, long)
    chat(client, long)
    detail = wait_for_end(watched, 2)
    assert detail["tokens"]["cached"] >= 256
    assert detail["tokens"]["cached"] + detail["tokens"]["input"] == detail["reply"]["usage"]["prompt_tokens"]


def test_a_refused_request_names_the_rule_and_explains_it(watched, client):
    assert chat(client, temperature=0.3).status_code == 400
    (rule,) = wait_for_end(watched, 1)["rules"]
    assert rule["refused"]
    assert rule["sentence"]
    assert rule["message"] in detail(watched, 1)["reply"]["error"]["message"]
    assert rule["values"] == [{"place": "temperature", "text": "0.3"}]


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
    seen += json.dumps(events(watched, 1)) + page(watched, "_inspector/settings").text
    assert KEY not in seen


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
    detail = wait_for_end(watched, 1)
    assert detail["request"]["form"]["filename"] == "notes.txt"
    assert "secret harvest" not in json.dumps(detail)
    assert "-F file=@notes.txt" in detail["curl"]


def test_a_broken_answer_is_shown_as_far_as_it_came(watched, client):
    watched.fail("cut.answer")
    watched.script(Reply(reasoning="", content="A long answer that will not come to its end, for sure."))
    with pytest.raises(httpx.HTTPError):
        chat(client, stream=True)
    detail = wait_for_end(watched, 1)
    assert not detail["whole"]
    assert detail["reply"]["message"]["content"].startswith("A long")


def test_a_fault_is_named_and_copied_with_its_answer(watched, client):
    """Who looks at 2 a.m. must not take what a test asked for for a bug of the program."""
    watched.fail("cut.answer")
    watched.script(Reply(reasoning="", content="A long answer that will not come to its end, for sure."))
    with pytest.raises(httpx.HTTPError):
        chat(client, stream=True)
    detail = wait_for_end(watched, 1)
    assert (detail["fault"], detail["fault_sentence"]) == ("cut.answer", FAULTS["cut.answer"].description)
    assert "fault='cut.answer'" in detail["script"]
    assert "fault      cut.answer" in watched.transcript


def test_a_fault_of_a_scripted_reply_and_an_error_answer_are_named_too(watched, client):
    watched.script(Reply("Hello.", fault="http.429_overloaded"))
    assert chat(client).status_code == 429
    assert client.get("/models").status_code == 200
    watched.fail("http.500")
    assert chat(client).status_code == 500
    assert [wait_for_end(watched, number)["fault"] for number in (1, 2, 3)] == ["http.429_overloaded", "", "http.500"]
    assert "Failure(500" in detail(watched, 3)["script"]  # what came says it all


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
    monkeypatch.setattr(traffic, "TIMES", 1)
    log = traffic.Traffic()
    for _ in range(5):
        exchange = log.begin("POST", "/v1/chat/completions")
        log.add(exchange, b"x" * 50)
        log.add(exchange, b"y" * 50)
    assert [each.id for each in log] == [4, 5]
    assert (exchange.size, exchange.bytes_held, exchange.pieces, len(exchange.times)) == (100, 50, 2, 1)
    assert log.oldest == 4
    assert [log.get(id) is not None for id in range(7)] == [False, False, False, False, True, True, False]


def test_an_answer_that_comes_after_its_exchange_was_dropped_takes_no_room(monkeypatch):
    monkeypatch.setattr(traffic, "KEPT", 1)
    log = traffic.Traffic()
    slow = log.begin("POST", "/v1/chat/completions")
    log.add(slow, b"x" * 50)
    log.begin("GET", "/v1/models")
    log.add(slow, b"y" * 50)
    assert (slow.bytes_held, slow.size) == (50, 100)
    log.clear()
    assert log.oldest == 3


def test_what_is_dropped_leaves_the_list_and_its_threads(monkeypatch, watched, client):
    monkeypatch.setattr(traffic, "KEPT", 2)
    for text in ("one", "two", "two", "three"):
        chat(client, text)
    wait_for_end(watched, 4)
    news = events(watched, 2)
    assert (news["oldest"], [row["id"] for row in news["rows"]]) == (3, [3, 4])
    assert news["sums"]["requests"] == 2
    assert [thread["sums"]["requests"] for thread in news["threads"]] == [1, 1]


def test_a_foreign_page_cannot_read_it_under_its_own_name(watched):
    httpx.get(f"{watched.base_url}/models", trust_env=False)
    of_one = ("exchanges/1", "exchanges/1/script", "images/x")
    for path in ("", *(f"_inspector/{name}" for name in ("events", "settings", "search?words=x", *of_one))):
        assert page(watched, path, headers={"Host": "evil.example"}).status_code == 403


def rows(kimi: Emulator, number: int) -> list[dict[str, Any]]:
    wait_for_end(kimi, number)
    return sorted(events(kimi, number)["rows"], key=lambda row: row["id"])


def test_rows_say_what_happened(watched, client):
    watched.script(Reply(tool_calls=[ToolCall("get_weather", {"city": "Turku"})]), Reply(content="It is\ncloudy."))
    message = chat(client, "Weather in Turku?", tools=TOOLS).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": "get_weather_0", "content": "cloudy"}
    messages = [{"role": "user", "content": "Weather in Turku?"}, message, result]
    client.post("/chat/completions", json={"model": "kimi-k2.6", "messages": messages, "tools": TOOLS})
    client.get("/models")
    first, second, third = rows(watched, 3)
    assert (first["asked"]["text"], first["answer"]["text"]) == ("Weather in Turku?", 'get_weather(city="Turku")')
    assert (second["asked"]["text"], second["answer"]["text"]) == ("get_weather → cloudy", "It is cloudy.")
    assert third["asked"]["text"] == "List the models"
    assert [row["thread"] for row in (first, second, third)] == [1, 1, 3]
    assert second["prefix"]["kind"] == "extends"


def test_a_conversation_has_a_title_and_sums(watched, client):
    for _ in range(2):
        chat(client, "Why is it so? " * 200)
    wait_for_end(watched, 2)
    (thread,) = events(watched, 2)["threads"]
    assert thread["title"].startswith("Why is it so?")
    assert (thread["sums"]["requests"], thread["sums"]["refused"]) == (2, 0)
    assert thread["sums"]["cached"] == thread["sums"]["prompt"] / 2
    assert thread["sums"]["cost"] == pytest.approx(sum(detail(watched, number)["cost"] for number in (1, 2)))


def test_a_broken_prefix_is_told_with_its_place_and_price(watched, client):
    for minute in ("12:01", "12:02"):
        instructions = {
            "role": "system",
            "content": f"It is {minute}. " + "Answer with care and name your sources. " * 60,
        }
        messages = [instructions, {"role": "user", "content": "Why?"}]
        client.post("/chat/completions", json={"model": "kimi-k3", "messages": messages})
    row, prefix = rows(watched, 2)[1], wait_for_end(watched, 2)["prefix"]
    assert row["prefix"]["kind"] == prefix["kind"] == "breaks"
    assert (prefix["with"], prefix["place"], prefix["character"]) == (1, "messages[0] (system)", 10)
    assert prefix["before"].startswith("It is 12:01.")
    assert prefix["after"].startswith("It is 12:02.")
    assert prefix["lost"] == row["prefix"]["lost"] == 512
    assert prefix["cost"] == pytest.approx(512 * 2.7 / 1_000_000)
    assert events(watched, 2)["sums"]["lost"] == 512


def test_the_same_call_again_and_again_is_one_entry(watched, client):
    for path in ("/models", "/models", "/files", "/models"):
        client.get(path)
    assert [row["thread"] for row in rows(watched, 4)] == [1, 1, 3, 4]


def test_the_script_of_a_run_gives_the_same_answers_again(watched, client):
    watched.script(
        Reply(reasoning="Look.", tool_calls=[ToolCall("get_weather", {"city": "Turku"}, id="call_1")]),
        Reply(reasoning="", content='It is "cloudy".\n'),
        Failure(429, "engine_overloaded_error", "busy"),
    )
    answers = [chat(client, tools=TOOLS), chat(client, tools=TOOLS), chat(client, tools=TOOLS)]
    wait_for_end(watched, 3)
    text = page(watched, "_inspector/exchanges/2/script").text
    exec(text, {"kimi": watched})
    again = [chat(client, tools=TOOLS), chat(client, tools=TOOLS), chat(client, tools=TOOLS)]
    for one, other in zip(answers, again, strict=True):
        assert one.status_code == other.status_code
        assert one.json().get("error") == other.json().get("error")
        assert one.json().get("choices") == other.json().get("choices")
    one = wait_for_end(watched, 2)["script"].partition("kimi.script(\n")[2].removesuffix(")")
    assert one in text


def test_search_looks_through_questions_answers_tools_and_rules(watched, client):
    watched.script(Reply(content="It is Größer than thought."))
    chat(client, "How big?")
    chat(client, "And you?", tools=TOOLS)
    chat(client, "No", temperature=0.3)
    wait_for_end(watched, 3)

    def numbers(words: str) -> list[int]:
        return page(watched, "_inspector/search", params={"words": words}).json()

    assert numbers("größer") == [1]
    assert numbers("GET_WEATHER you") == [2]
    assert numbers("sampling.temperature") == [3]
    assert numbers("400") == [3]
    assert numbers("kimi-k2.6") == [1, 2, 3]
    assert numbers("nothing holds this") == []


def test_a_stored_image_is_given_out_and_other_files_are_not(watched, client):
    image = client.post("/files", data={"purpose": "image"}, files={"file": ("a.png", PNG)}).json()["id"]
    text = client.post("/files", data={"purpose": "file-extract"}, files={"file": ("a.txt", b"text")}).json()["id"]
    odd = client.post("/files", data={"purpose": "image"}, files={"file": ("b.png", b"<svg onload=alert(1)>")}).json()
    answer = page(watched, f"_inspector/images/{image}")
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    for id in (text, odd.get("id"), "none"):
        assert page(watched, f"_inspector/images/{id}").status_code == 404


def test_the_page_knows_the_address_and_a_key_that_is_no_secret(watched):
    settings = page(watched, "_inspector/settings").json()
    assert settings == {"base_url": watched.base_url, "api_key": "sk-...abcd", "whole_key": False}
    with Emulator(region="cn") as kimi:
        settings = page(kimi, "_inspector/settings").json()
        assert settings == {"base_url": kimi.base_url, "api_key": kimi.api_key, "whole_key": True}


def test_a_key_in_a_message_is_hidden_too(watched, client):
    chat(client, f"My key is {KEY}, and sk-other-1234567890abcdefgh is another")
    text = (
        json.dumps([wait_for_end(watched, 1), events(watched, 1)]) + page(watched, "_inspector/exchanges/1/script").text
    )
    assert KEY not in text
    assert "sk-other-1234567890abcdefgh" not in text
    assert "My key is sk-...abcd" in text


def test_nothing_is_loaded_from_elsewhere(watched):
    policy = page(watched).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    for name in (
        "",
        "_inspector/inspector.css",
        *(f"_inspector/{n}.js" for n in ("inspector", "list", "detail", "elements")),
    ):
        text = page(watched, name).text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text


@pytest.mark.parametrize(
    "body", [b"[1]", b"7", b"{", b'{"messages": ["a"]}', b'{"messages": [{"role": 1}], "tools": 7}', b""]
)
def test_a_request_of_any_shape_is_shown(watched, client, body):
    client.post("/chat/completions", content=body, headers={"content-type": "application/json"})
    assert wait_for_end(watched, 1)["status"] == 400
    assert len(events(watched, 1)["rows"]) == 1


def test_it_can_be_left_out():
    with Emulator(inspector=False) as kimi:
        assert page(kimi).status_code in (401, 404)


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
