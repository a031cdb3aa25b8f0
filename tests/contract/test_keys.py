"""Which key goes to which host: the environment's to Moonshot and this machine, a passed one where it is passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from contract_kit import Adapter

from kimi_api import KimiAuthenticationError, KimiClient, KimiKeyError, KimiWarning
from kimi_api._warn import forget_warnings
from kimi_api.credentials import environment_key_belongs_to, key_for
from kimi_emulator import Emulator, Failure

ENVIRONMENT = {"MOONSHOT_API_KEY": "sk-test-environment"}
OWN = [
    "https://api.moonshot.ai/v1",
    "https://api.moonshot.cn/v1/",
    "https://API.Moonshot.AI/v1",
    "https://eu.api.moonshot.ai./v1",
    "https://api.kimi.com/coding/v1",
    "http://127.0.0.1:8000/v1",
    "http://localhost:11434/v1",
    "http://[::1]:8000/v1",
    "http://gateway.localhost/v1",
]
FOREIGN = [
    "https://openrouter.ai/api/v1",
    "https://api.moonshot.ai.evil.test/v1",
    "https://evilmoonshot.ai/v1",
    "https://evil.test/api.moonshot.ai/v1",
    "https://api.moonshot.ai@evil.test/v1",
    "http://api.moonshot.ai/v1",  # anybody on the way could read it
    "http://10.0.0.5:8000/v1",
    "http://127.0.0.1.evil.test/v1",
]


@pytest.mark.parametrize("base_url", OWN)
def test_the_environments_key_goes_to_moonshot_and_to_this_machine(base_url: str) -> None:
    assert key_for(None, base_url, ENVIRONMENT) == "sk-test-environment"


@pytest.mark.parametrize("base_url", FOREIGN)
def test_the_environments_key_goes_nowhere_else(base_url: str) -> None:
    assert key_for(None, base_url, ENVIRONMENT) is None
    assert key_for("sk-test-passed", base_url, ENVIRONMENT) == "sk-test-passed"
    assert key_for(lambda: "sk-test-function", base_url, ENVIRONMENT) == "sk-test-function"


@pytest.mark.parametrize("variable", ["MOONSHOT_BASE_URL", "MOONSHOT_API_BASE"])
def test_the_environments_key_goes_to_the_address_that_the_environment_names(variable: str) -> None:
    environ = {**ENVIRONMENT, variable: "https://proxy.test/kimi/v1"}
    assert environment_key_belongs_to("https://proxy.test/kimi/v1/", environ)
    assert not environment_key_belongs_to("https://proxy.test/other/v1", environ)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, kimi: Emulator) -> Emulator:
    """The emulator, as if it were no machine of ours; the environment has its key."""
    monkeypatch.setattr("kimi_api.credentials.is_loopback", lambda host: False)
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    return kimi


@pytest.mark.ways("plain", "streamed", "aplain", "astreamed")
def test_another_host_gets_no_key_and_the_error_says_why(elsewhere: Emulator, adapter: Adapter, way: Any) -> None:
    native = adapter.model_class(base_url=elsewhere.base_url, max_retries=0)
    with pytest.raises(KimiAuthenticationError) as caught:
        adapter.chat(native, way).ask("hi")
    assert "authorization" not in {name.lower() for name in elsewhere.requests[-1].headers}
    assert "pass api_key=" in str(caught.value)
    assert elsewhere.base_url in str(caught.value)


@pytest.mark.ways("plain", "aplain")
def test_a_loader_sends_another_host_no_key_either(
    elsewhere: Emulator, adapter: Adapter, way: Any, tmp_path: Path
) -> None:
    (tmp_path / "tide.txt").write_text("Tide")
    with pytest.raises(KimiAuthenticationError, match="pass api_key="):
        adapter.loader(tmp_path, way, base_url=elsewhere.base_url, api_key=None).load()
    assert elsewhere.requests
    assert all("authorization" not in {name.lower() for name in r.headers} for r in elsewhere.requests)


@pytest.mark.ways("plain", "aplain")
@pytest.mark.parametrize("name", ["authorization", "Authorization"])
def test_a_header_is_no_way_around_the_key(elsewhere: Emulator, adapter: Adapter, way: Any, name: str) -> None:
    headers = {name: "Bearer sk-test-mine", "X-Team": "blue"}
    native = adapter.model_class(base_url=elsewhere.base_url, max_retries=0, default_headers=headers)
    for changes in ({}, {"headers": headers}):
        with pytest.raises(KimiAuthenticationError, match="pass api_key="):
            adapter.chat(native, way).ask("hi", **changes)
        sent = {name.lower(): value for name, value in elsewhere.requests[-1].headers.items()}
        assert (sent.get("authorization"), sent["x-team"]) == (None, "blue")


def test_another_host_gets_a_key_that_was_passed(elsewhere: Emulator, adapter: Adapter) -> None:
    native = adapter.model_class(base_url=elsewhere.base_url, api_key=elsewhere.api_key)
    assert adapter.chat(native).ask("hi").text
    assert elsewhere.requests[-1].headers["authorization"] == f"Bearer {elsewhere.api_key}"


def test_a_host_without_keys_needs_none(monkeypatch: pytest.MonkeyPatch, adapter: Adapter) -> None:
    for name in ("MOONSHOT_API_KEY", "KIMI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    native = adapter.model_class(base_url="https://vllm.test/v1", dialect="vllm", model="moonshotai/Kimi-K2.6")
    assert key_for(None, native.base_url) is None
    with pytest.raises(KimiKeyError, match="MOONSHOT_API_KEY"):
        adapter.chat(adapter.model_class(base_url="https://api.moonshot.ai/v1")).ask("hi")


def test_plain_http_beyond_this_machine_warns_once() -> None:
    forget_warnings()
    with pytest.warns(KimiWarning, match=r"plain http.*10\.0\.0\.5") as caught:
        KimiClient(api_key="sk-test-x", base_url="http://10.0.0.5:8000/v1")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    for host in ("10.0.0.5", "127.0.0.1", "localhost", "LOCALHOST", "kimi.Localhost", "[::1]"):
        KimiClient(api_key="sk-test-x", base_url=f"http://{host}:8000/v1")


def test_an_empty_account_elsewhere_is_recharged_there(elsewhere: Emulator, adapter: Adapter) -> None:
    elsewhere.script(Failure(429, "exceeded_current_quota_error", "insufficient balance"))
    native = adapter.model_class(base_url=elsewhere.base_url, api_key=elsewhere.api_key, max_retries=0)
    with pytest.raises(Exception, match=r"recharge the account at .*, or use another key") as caught:
        adapter.chat(native).ask("hi")
    assert "platform.kimi" not in str(caught.value)
