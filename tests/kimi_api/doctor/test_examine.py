"""`kimi_api.doctor.examine`: what is wrong with a set-up, and what to do about it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from kimi_api import AccountLimits, KimiClient
from kimi_api.doctor import Finding, _examine, _packages, examine
from kimi_emulator import Emulator, Failure

NAMES = ["python", "packages", "langchain-kimi", "key", "host", "models", "balance", "limits", "request"]
WRONG_KEY = Failure(401, "invalid_authentication_error", "Invalid Authentication")


@pytest.fixture(autouse=True)
def _far_from_any_retirement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_examine, "utc_today", lambda: datetime.date(2026, 9, 1))


def report(client: Callable[[], KimiClient] = KimiClient, **settings: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(client, **settings)}


def of(kimi: Emulator, **settings: Any) -> Callable[[], KimiClient]:
    return lambda: KimiClient(base_url=kimi.base_url, **{"api_key": kimi.api_key, "max_retries": 0, **settings})


def test_a_sound_set_up_is_all_ok(kimi: Emulator) -> None:
    findings = report(of(kimi))
    assert list(findings) == NAMES
    assert {finding.status for finding in findings.values()} == {"ok", "skipped"}
    assert findings["limits"].status == "skipped"  # the emulator is no host of the platform's
    assert "kimi-k3 answered in" in findings["request"].detail
    assert len(kimi.chats) == 1
    assert kimi.chats[0]["max_completion_tokens"] == 256


def test_no_request_is_sent_that_was_not_asked_for(kimi: Emulator) -> None:
    assert report(of(kimi), request=False)["request"].status == "skipped"
    assert kimi.chats == []


def test_no_key_is_named_and_what_needs_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOONSHOT_API_KEY", "KIMI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    findings = report()
    assert list(findings) == NAMES
    assert findings["key"].status == "error"
    assert "set MOONSHOT_API_KEY" in findings["key"].remedy
    assert {findings[name].status for name in NAMES[4:]} == {"skipped"}


def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-key")
    monkeypatch.setenv("MOONSHOT_BASE_URL", "api.moonshot.ai")
    findings = report()
    assert findings["host"].status == "error"
    assert "https://" in findings["host"].detail
    assert findings["models"].status == "skipped"


@pytest.mark.parametrize(
    ("keys", "status", "words"),
    [
        ({"MOONSHOT_API_KEY": "sk-test-a"}, "ok", "MOONSHOT_API_KEY"),
        ({"KIMI_API_KEY": "sk-test-a"}, "ok", "KIMI_API_KEY"),
        ({"MOONSHOT_API_KEY": "sk-test-a", "KIMI_API_KEY": "sk-test-a "}, "ok", "MOONSHOT_API_KEY"),
        ({"MOONSHOT_API_KEY": "sk-test-a", "KIMI_API_KEY": "sk-test-b"}, "warning", "KIMI_API_KEY holds another one"),
    ],
)
def test_where_the_key_comes_from(
    kimi: Emulator, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], status: str, words: str
) -> None:
    for name in ("MOONSHOT_API_KEY", "KIMI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    finding = report(of(kimi, api_key=None))["key"]
    assert (finding.status, words in finding.detail) == (status, True)
    assert "sk-test" not in finding.detail + finding.remedy


def test_a_key_of_the_environment_stays_with_moonshots_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-a")
    monkeypatch.delenv("KIMI_API_KEY", raising=False)
    findings = examine(lambda: KimiClient(base_url="https://gateway.test/v1"))
    finding = next(finding for finding in findings if finding.name == "key")  # nothing is connected to yet
    assert (finding.status, finding.detail) == ("warning", "none is sent: MOONSHOT_API_KEY belongs to Moonshot's hosts")


def test_a_wrong_key(kimi: Emulator) -> None:
    findings = report(of(kimi, api_key="sk-test-wrong"))
    assert findings["models"].status == "error"
    assert "check the key" in findings["models"].remedy
    assert findings["models"].error is not None
    assert [findings[name].status for name in ("balance", "limits", "request")] == ["skipped"] * 3


def test_a_key_of_the_other_region_is_recognised(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(api_key="sk-test-chinese") as other:
        monkeypatch.setattr(_examine, "other_region", lambda base_url: other.base_url)
        monkeypatch.setattr(_examine, "REGIONS", {"international": kimi.base_url, "china": other.base_url})
        remedy = report(of(kimi, api_key="sk-test-chinese"))["models"].remedy
        assert 'region="china" (kimi-tools --region china)' in remedy
        assert f"MOONSHOT_BASE_URL={other.base_url}" in remedy
        assert "the other region" not in report(of(kimi, api_key="sk-test-nobodys"))["models"].remedy


def test_a_model_that_the_account_does_not_have(kimi: Emulator) -> None:
    finding = report(of(kimi), model="kimi-k33", request=False)["models"]
    assert finding.status == "error"
    assert "kimi-k33 is not among them" in finding.detail
    assert "e.g. kimi-k3" in finding.remedy


def test_models_that_end_soon_are_named(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_examine, "utc_today", lambda: datetime.date(2026, 12, 1))
    finding = report(of(kimi), request=False)["models"]
    assert finding.status == "warning"
    assert "kimi-k2.6 (ends on 2027-01-01, successor kimi-k3)" in finding.remedy


def test_an_empty_account() -> None:
    with Emulator(balance=0.0) as kimi:
        findings = report(of(kimi))
    assert findings["balance"].status == "error"
    assert "every call fails" in findings["balance"].detail
    assert "recharge the account" in findings["balance"].remedy
    assert findings["request"].status == "error"


def test_a_host_without_a_balance(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(client: KimiClient) -> None:
        raise _examine.KimiError("no such page")

    monkeypatch.setattr(_examine.account, "balance", none)
    assert report(of(kimi))["balance"].status == "skipped"
    monkeypatch.setattr(_examine, "REGIONS", {"china": kimi.base_url})
    assert report(of(kimi))["balance"].status == "error"


def test_what_limits_mean_on_the_platform(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_examine, "REGIONS", {"international": kimi.base_url})
    finding = report(of(kimi), request=False)["limits"]
    assert (finding.status, "131,072 tokens" in finding.detail) == ("ok", True)
    assert "max_tokens" in finding.remedy
    limits = report(of(kimi, account_limits=AccountLimits.tier(1)), request=False)["limits"]
    assert "kept by this client" in limits.detail


def test_a_request_that_fails_is_reported_with_its_cure(kimi: Emulator) -> None:
    kimi.script(Failure(429, "rate_limit_reached_error", "max RPM: 3"))
    finding = report(of(kimi))["request"]
    assert (finding.status, bool(finding.remedy)) == ("error", True)


def test_an_answer_that_is_all_thinking_will_do(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_examine, "_TOKENS", 1)
    assert report(of(kimi))["request"].status == "ok"


def test_no_server_at_all() -> None:
    finding = report(lambda: KimiClient(api_key="sk-test-a", base_url="http://127.0.0.1:9/v1", max_retries=0))["models"]
    assert (finding.status, finding.detail.startswith("cannot reach http://127.0.0.1:9/v1")) == ("error", True)


# ------------------------------------------------------------------------------------------------- packages


def test_a_version_that_we_do_not_work_with_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _packages.version
    monkeypatch.setattr(_packages, "version", lambda name: {"openai": "1.99.0"}.get(name) or real(name))
    finding = report(lambda: KimiClient(api_key=""))["packages"]
    assert finding.status == "error"
    assert finding.remedy == "pip install 'openai<4,>=2.0'"


def test_our_own_file_begins_as_the_check_expects() -> None:
    assert _packages.check_stranger().status == "ok"


def test_a_client_for_another_address_keeps_key_and_settings(kimi: Emulator) -> None:
    client = of(kimi, max_retries=7)()
    twin = client.at("https://api.moonshot.cn/v1/")
    assert (twin.base_url, twin.max_retries, twin.has_own_key) == ("https://api.moonshot.cn/v1", 7, True)
    assert client.base_url == kimi.base_url
    assert not KimiClient(base_url="https://gateway.test/v1").has_own_key
