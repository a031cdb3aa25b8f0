"""Which key and which host."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from kimi_api import KimiClient, KimiInputError, KimiKeyError
from kimi_api.credentials import CHINA, INTERNATIONAL, other_region, read_key, resolve_base_url

KEY = "sk-abcdefghijklmnop"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"MOONSHOT_API_KEY": "sk-m", "KIMI_API_KEY": "sk-k"}, "sk-m"),
        ({"KIMI_API_KEY": "sk-k"}, "sk-k"),
        ({"MOONSHOT_API_KEY": "  ", "KIMI_API_KEY": "sk-k"}, "sk-k"),
        ({"MOONSHOT_API_KEY": " sk-m\n"}, "sk-m"),
    ],
)
def test_moonshots_variable_comes_before_kimis_and_blank_ones_count_as_unset(
    environ: dict[str, str], expected: str
) -> None:
    assert read_key(None, environ) == expected


def test_the_sdks_own_variable_is_never_a_kimi_key() -> None:
    with pytest.raises(KimiKeyError, match="MOONSHOT_API_KEY"):
        read_key(None, {"OPENAI_API_KEY": "sk-openai"})


def test_a_key_may_be_wrapped_or_come_from_a_function() -> None:
    assert read_key(SecretStr(KEY)) == KEY
    assert read_key(lambda: KEY) == KEY
    assert read_key(lambda: SecretStr(KEY)) == KEY


def test_a_key_that_was_passed_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-environment")
    assert read_key(KEY) == KEY


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nX-Evil: 1", f"{KEY}–", f"{KEY} ", f"钥匙{KEY}", f"{KEY}\x00"])
@pytest.mark.parametrize("wrap", [lambda key: key, SecretStr, lambda key: lambda: key], ids=["str", "secret", "call"])
def test_a_key_that_cannot_stand_in_a_header_is_described_and_not_shown(key: str, wrap: object) -> None:
    with pytest.raises(KimiKeyError) as caught:
        read_key(wrap(key))  # type: ignore[operator]
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)
    assert KEY not in str(caught.value.value)
    assert caught.value.rule
    assert caught.value.remedy


@pytest.mark.parametrize("key", ["", "   ", 5, b"sk-bytes", ["sk-list"]])
def test_a_key_is_text(key: object) -> None:
    with pytest.raises(KimiKeyError):
        read_key(lambda: key)  # type: ignore[arg-type, return-value]


def test_a_client_without_a_key_says_so_when_it_is_made() -> None:
    with pytest.raises(KimiKeyError, match="api_key"):
        KimiClient()


def test_a_function_is_first_asked_when_a_request_is_made() -> None:
    def ask() -> str:
        raise AssertionError("asked too early")

    KimiClient(api_key=ask)


@pytest.mark.parametrize(
    ("argument", "environ", "expected"),
    [
        (None, {}, INTERNATIONAL),
        (None, {"MOONSHOT_API_BASE": CHINA}, CHINA),
        (None, {"MOONSHOT_BASE_URL": "http://one/v1", "MOONSHOT_API_BASE": "http://two/v1"}, "http://one/v1"),
        (None, {"MOONSHOT_BASE_URL": " ", "MOONSHOT_API_BASE": "http://two/v1/"}, "http://two/v1"),
        ("http://given/v1/", {"MOONSHOT_BASE_URL": "http://one/v1"}, "http://given/v1"),
        (None, {"OPENAI_BASE_URL": "http://openai/v1", "KIMI_BASE_URL": "http://code/v1"}, INTERNATIONAL),
    ],
)
def test_the_address_comes_from_the_argument_then_two_variables_then_the_international_platform(
    argument: str | None, environ: dict[str, str], expected: str
) -> None:
    assert resolve_base_url(argument, environ) == expected


def test_an_address_has_a_scheme() -> None:
    with pytest.raises(KimiInputError) as caught:
        resolve_base_url("api.moonshot.ai/v1", {})
    assert caught.value.value == "api.moonshot.ai/v1"
    assert INTERNATIONAL in caught.value.remedy


@pytest.mark.parametrize(
    ("address", "use"),
    [
        ("https://api.moonshot.ai", INTERNATIONAL),
        ("https://api.moonshot.ai/", INTERNATIONAL),
        ("https://api.moonshot.ai/anthropic", INTERNATIONAL),
        ("https://api.moonshot.ai/v1/files", INTERNATIONAL),
        ("https://api.moonshot.ai/v1?model=kimi-k3", INTERNATIONAL),
        ("https://API.Moonshot.CN/v1/chat/completions", CHINA),
        ("https://platform.kimi.ai", INTERNATIONAL),
        ("https://platform.kimi.ai/console/api-keys", INTERNATIONAL),
        ("https://platform.moonshot.ai/v1", INTERNATIONAL),
        ("https://platform.moonshot.cn", CHINA),
        ("https://platform.kimi.com/v1", CHINA),
        ("https://www.kimi.com", CHINA),
        ("https://kimi.moonshot.cn/v1", CHINA),
        ("https://moonshot.cn", CHINA),
        ("https://gateway.test/v1/chat/completions", "https://gateway.test/v1"),
        ("http://gateway.test/chat/completions/", "http://gateway.test"),
    ],
)
def test_an_address_where_the_api_is_not_is_refused_with_the_one_to_use(address: str, use: str) -> None:
    for argument, environ in ((address, {}), (None, {"MOONSHOT_BASE_URL": address})):
        with pytest.raises(KimiInputError) as caught:
            resolve_base_url(argument, environ)
        assert caught.value.remedy == f"use {use}"
        assert str(caught.value.value) in (address, address.rstrip("/"))


@pytest.mark.parametrize(
    "address",
    [
        "https://api.moonshot.ai:443/v1",
        "https://eu.api.moonshot.ai/v1",
        "https://api.kimi.com/coding/v1",
        "https://gateway.test",
        "https://gateway.test/openai/deployments/kimi",
        "https://gateway.test/v1?api-version=2",
        "https://moonshot.ai.gateway.test",
        "http://platform.test",
        "http://localhost:11434/v1/files",
    ],
)
def test_where_another_host_has_its_api_is_its_own_business(address: str) -> None:
    assert resolve_base_url(address, {}) == address


@pytest.mark.parametrize("around", [" {}", "{}\n", "\r\n\t{} \n", "\u00a0{}"])
def test_blanks_around_an_address_are_taken_off(around: str) -> None:
    assert resolve_base_url(around.format(CHINA), {}) == CHINA
    assert resolve_base_url(around.format("http://one/v1/"), {}) == "http://one/v1"
    assert resolve_base_url(around.format(""), {}, region="china") == CHINA
    with pytest.raises(KimiInputError, match="belongs to the other region"):
        resolve_base_url(around.format(CHINA), {}, region="international")


def test_an_address_has_no_blank_in_it() -> None:
    with pytest.raises(KimiInputError, match="no blanks or line breaks in it"):
        resolve_base_url("https://one.test/v1 # the gateway", {})


@pytest.mark.parametrize("key", [" sk-test-key", "sk-test-key\t", "  sk-test-key  "])
def test_a_blank_around_a_key_is_named(key: str) -> None:
    with pytest.raises(KimiKeyError, match=f"a key of {len(key)} characters with a blank before or behind it"):
        read_key(key)
    assert read_key(None, {"MOONSHOT_API_KEY": key}) == "sk-test-key"


def test_each_region_knows_the_other() -> None:
    assert other_region(INTERNATIONAL + "/") == CHINA
    assert other_region(CHINA) == INTERNATIONAL
    assert other_region("http://localhost/v1") is None
