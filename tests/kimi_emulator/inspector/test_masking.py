"""Keys are never shown."""

from __future__ import annotations

import pytest

from kimi_emulator.inspector.masking import Mask, mask_header

KEY = "sk-test-1234567890abcdefghij"


@pytest.mark.parametrize(
    ("name", "value", "masked_value"),
    [
        ("authorization", f"Bearer {KEY}", "Bearer sk-...ghij"),
        ("Authorization", KEY, "sk-...ghij"),
        ("authorization", "Bearer sk-1", "Bearer sk-..."),
        ("proxy-authorization", "Basic dXNlcjpwYXNz", "Basic sk-...YXNz"),
        ("x-api-key", "abcdefghijkl", "sk-...ijkl"),
        ("api-key", "short", "sk-..."),
        ("cookie", "session=abc; other=def", "(hidden)"),
        ("set-cookie", "a=b", "(hidden)"),
        ("x-auth-token", "abc", "(hidden)"),
        ("msh-context-cache-token-saved", "256", "256"),
        ("content-type", "application/json", "application/json"),
    ],
)
def test_headers_that_carry_secrets_lose_them(name: str, value: str, masked_value: str):
    assert mask_header(name, value) == masked_value


@pytest.mark.parametrize(
    ("text", "masked_text"),
    [
        (f"my key is {KEY}, keep it", "my key is sk-...ghij, keep it"),
        (f'{{"api_key": "{KEY}"}}', '{"api_key": "sk-...ghij"}'),
        ("curl -H 'Authorization: Bearer abcdefghijklmnop'", "curl -H 'Authorization: Bearer sk-...mnop'"),
        ("Bearer $MOONSHOT_API_KEY", "Bearer $MOONSHOT_API_KEY"),
        ("sk-test-emulator", "sk-test-emulator"),
        ("Bearer sk-test-emulator", "Bearer sk-test-emulator"),
        ("a task-oriented desk-top", "a task-oriented desk-top"),
        ("the bearer of bad news", "the bearer of bad news"),
        ("", ""),
    ],
)
def test_what_looks_like_a_key_is_hidden_wherever_it_stands(text: str, masked_text: str):
    assert Mask().text(text) == masked_text


def test_known_secrets_are_hidden_whatever_they_look_like():
    mask = Mask(["correct horse battery", "a.b(c)d*e+"])
    assert mask.text("say correct horse battery, a.b(c)d*e+!") == "say sk-...tery, sk-...d*e+!"


def test_the_emulators_own_test_keys_are_no_secrets_and_short_words_are_no_keys():
    assert Mask(["sk-test-emulator", "a", ""]).text("a sk-test-emulator") == "a sk-test-emulator"


def test_values_are_masked_to_the_last_text():
    value = {"a": [KEY, {KEY: (KEY, 1, None)}], "picture": f"data:image/png;base64,{KEY}"}
    copy = Mask().value(value)
    assert copy == {
        "a": ["sk-...ghij", {"sk-...ghij": ["sk-...ghij", 1, None]}],
        "picture": f"data:image/png;base64,{KEY}",
    }


def test_all_headers_at_once():
    headers = Mask([KEY]).headers({"authorization": f"Bearer {KEY}", "x-note": f"with {KEY}"})
    assert headers == {"authorization": "Bearer sk-...ghij", "x-note": "with sk-...ghij"}
