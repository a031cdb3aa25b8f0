"""A catalogue that a host was asked for belongs to the client that asked, and to nobody else in the process."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from contract_kit import COPIES, Adapter, Chat
from llama_index.core.llms import LLM

from kimi_api import MODELS, AccountLimits, ChatOptions, KimiClient, KimiInputError, Price, build_request
from kimi_api.account import arefresh, refresh
from kimi_api.catalog import Catalog, get_model_spec, set_process_catalog
from kimi_api.costs import cost
from kimi_api.limits import MemoryStore
from kimi_api.tokens import count_messages

NEAR = [
    {"id": "kimi-k3", "context_length": 64_000, "think_efforts": {"support": True, "valid_efforts": ["low", "mid"]}},
    {"id": "near-model", "context_length": 9_000, "supports_thinking_type": "both"},
]
FAR = [{"id": "kimi-k3", "context_length": 500_000}, {"id": "moonshotai/Kimi-K2.6", "context_length": 12_000}]
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000},
}


class Host:
    """A host with a list of models of its own; `bodies` are the chat requests that it was sent."""

    def __init__(self, name: str, models: list[dict[str, Any]]) -> None:
        self.models = models
        self.bodies: list[dict[str, Any]] = []
        transport = httpx.MockTransport(self._answer)
        self.settings: dict[str, Any] = {
            "base_url": f"https://{name}.test/v1",
            "api_key": f"sk-test-{name}",
            "http_client": httpx.Client(transport=transport),
            "async_http_client": httpx.AsyncClient(transport=transport),
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": self.models})
        self.bodies.append(json.loads(request.content))
        return httpx.Response(200, json={**ANSWER, "model": self.bodies[-1]["model"]})

    def chat(self, adapter: Adapter, **settings: Any) -> Chat:
        return adapter.make(**self.settings, wire="plain", **settings)


@pytest.fixture
def near() -> Host:
    return Host("near", NEAR)


@pytest.fixture
def far() -> Host:
    return Host("far", FAR)


@pytest.fixture(autouse=True)
def _nothing_installed() -> Iterator[None]:
    set_process_catalog({})
    yield
    set_process_catalog({})


@pytest.fixture(params=["refresh", "arefresh"])
def ask_host(request: pytest.FixtureRequest) -> Any:
    """`refresh`, or its asynchronous twin."""
    return refresh if request.param == "refresh" else lambda client: asyncio.run(arefresh(client))


def test_two_hosts_have_a_catalogue_each_and_the_process_keeps_its_own(
    adapter: Adapter, near: Host, far: Host, ask_host: Any
) -> None:
    here, there, third = near.chat(adapter), far.chat(adapter), far.chat(adapter)
    ask_host(here.native.client)
    ask_host(there.native.client)
    assert here.native.client.catalog["kimi-k3"].context_window == 64_000
    assert there.native.client.catalog["kimi-k3"].context_window == 500_000
    assert third.native.client.catalog is None
    assert get_model_spec("kimi-k3") == MODELS["kimi-k3"]


def test_each_model_follows_the_rules_of_its_own_host(adapter: Adapter, near: Host, far: Host, ask_host: Any) -> None:
    here, there = near.chat(adapter), far.chat(adapter)
    ask_host(here.native.client)
    ask_host(there.native.client)
    assert here.attempt("hi", reasoning_effort="mid").warnings == []
    assert "mid" in there.attempt("hi", reasoning_effort="mid").warnings[0]  # only the near host has that word
    assert near.bodies[0]["reasoning_effort"] == "mid"
    assert "reasoning_effort" not in far.bodies[0]


def test_a_model_that_only_one_host_lists_is_unknown_to_others(adapter: Adapter, near: Host, far: Host) -> None:
    here = near.chat(adapter)
    refresh(here.native.client)
    assert here.attempt("hi", model="near-model", thinking="disabled").warnings == []
    assert near.bodies[0]["thinking"] == {"type": "disabled"}
    assert "not in the catalogue" in far.chat(adapter).attempt("hi", model="near-model").warnings[0]


def test_the_window_is_that_of_the_host(adapter: Adapter, near: Host, far: Host) -> None:
    windows = []
    for host in (near, far):
        catalog = refresh(KimiClient(**host.settings))
        windows.append(adapter.window(host.chat(adapter, catalog=catalog).native))
    assert windows == [64_000, 500_000]
    assert adapter.window(near.chat(adapter).native) == MODELS["kimi-k3"].context_window


def test_costs_count_by_the_prices_of_each_models_own_catalogue(adapter: Adapter, near: Host, far: Host) -> None:
    if adapter.name == "llama_index" and not hasattr(LLM, "to_payload"):
        pytest.skip("what this core shows its handlers of a call is the model's fields")
    dear = {"kimi-k3": dataclasses.replace(MODELS["kimi-k3"], price=Price(1.0, 100.0, 1.0))}
    free = {"kimi-k3": dataclasses.replace(MODELS["kimi-k3"], price=None)}
    with adapter.costs() as costs:
        near.chat(adapter, catalog=dear).ask("hi")
        assert costs.total_cost == pytest.approx(100.0)
        far.chat(adapter).ask("hi")
        assert costs.total_cost == pytest.approx(100.0 + 3.0)
    with adapter.costs() as costs:
        near.chat(adapter, catalog=free).ask("hi")
    assert costs.tally.unpriced == ["kimi-k3"]
    with adapter.costs(prices={"kimi-k3": Price(0.0, 7.0, 0.0)}) as costs:  # the user's own word beats all
        near.chat(adapter, catalog=dear).ask("hi")
    assert costs.total_cost == pytest.approx(7.0)


def test_limits_count_the_output_that_the_host_gives_by_default(adapter: Adapter, near: Host, far: Host) -> None:
    limits = AccountLimits(tpm=100_000, store=MemoryStore())  # the platform's own default of 131,072 would never fit
    here, there = near.chat(adapter, account_limits=limits), far.chat(adapter, account_limits=limits)
    refresh(here.native.client)
    refresh(there.native.client)
    assert here.ask("hi").text == "Hello"
    with pytest.raises(KimiInputError, match="131,072"):
        there.ask("hi")
    with pytest.raises(KimiInputError, match="131,072"):
        KimiClient(**far.settings, account_limits=limits).request(
            "POST", "/chat/completions", body={"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}]}
        )


def test_limits_count_an_alias_by_the_model_that_it_stands_for(adapter: Adapter, near: Host) -> None:
    alias = {"model": "prod-assistant", "catalog_model": "kimi-k2.6"}
    chat = near.chat(adapter, **alias, account_limits=AccountLimits(tpm=100_000, store=MemoryStore()))
    assert chat.attempt("hi").warnings == []  # 32,768 of output; an unknown id would count 131,072, and warn
    assert len(near.bodies) == 1


def test_tokens_are_counted_by_the_template_of_the_hosts_model(adapter: Adapter, near: Host) -> None:
    renamed = {"near-model": dataclasses.replace(MODELS["kimi-k2.6"], id="near-model")}
    messages = [{"role": "user", "content": "hi"}]
    assert count_messages(messages, model="near-model", catalog=renamed) == count_messages(messages, model="kimi-k2.6")
    chat = near.chat(adapter, model="near-model", catalog=renamed)
    assert chat.count("hi") == near.chat(adapter, model="kimi-k2.6").count("hi")


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("by_setting", [True, False], ids=["given", "asked for"])
def test_copies_know_what_the_original_knew(adapter: Adapter, near: Host, how: str, by_setting: bool) -> None:
    plain = {name: value for name, value in near.settings.items() if "http" not in name}
    native = adapter.model_class(**plain, catalog=refresh(KimiClient(**near.settings)) if by_setting else None)
    if not by_setting:
        native.client.catalog = Catalog({"kimi-k3": dataclasses.replace(MODELS["kimi-k3"], context_window=64_000)})
    twin = COPIES[how](native)
    assert twin.client.catalog == native.client.catalog
    assert twin.client.catalog["kimi-k3"].context_window == 64_000


def test_other_settings_do_not_forget_it_and_another_host_does(adapter: Adapter, near: Host, far: Host) -> None:
    native = near.chat(adapter).native
    catalog = refresh(native.client)
    native.timeout, native.max_retries = 5.0, 7
    assert native.client.catalog is catalog
    native.base_url = far.settings["base_url"]
    assert native.client.catalog is None
    copied = near.chat(adapter).native
    refresh(copied.client)
    assert copied.model_copy(update={"base_url": far.settings["base_url"]}).client.catalog is None


def test_it_is_refreshed_over_one_that_was_given(adapter: Adapter, near: Host) -> None:
    chat = near.chat(adapter, catalog={"kimi-k3": MODELS["kimi-k3"]})
    refresh(chat.native.client)
    assert chat.attempt("hi", reasoning_effort="mid").warnings == []
    chat.native.catalog = Catalog()  # assigned later, it counts from the next call
    assert "mid" in chat.attempt("hi", reasoning_effort="mid").warnings[0]


def test_the_process_changes_only_when_it_is_asked_to(adapter: Adapter, near: Host, far: Host) -> None:
    set_process_catalog(refresh(KimiClient(**near.settings)))
    assert get_model_spec("kimi-k3").context_window == 64_000
    there = far.chat(adapter)
    assert there.attempt("hi", reasoning_effort="mid").warnings == []  # has none of its own
    catalog = refresh(there.native.client)
    assert catalog["kimi-k3"].context_window == 500_000  # its host says so
    assert catalog["near-model"].context_window == 9_000  # the program says so
    assert get_model_spec("kimi-k3").context_window == 64_000


def test_a_hosts_own_spelling_is_a_row_of_its_own_without_the_platforms_price(far: Host) -> None:
    catalog = refresh(KimiClient(**far.settings))
    spelled, plain = catalog["moonshotai/Kimi-K2.6"], catalog["kimi-k2.6"]
    assert (spelled.context_window, spelled.price, spelled.retires) == (12_000, None, None)
    assert spelled.thinking_field == plain.thinking_field
    assert plain == MODELS["kimi-k2.6"]
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    assert cost(usage, "moonshotai/Kimi-K2.6", catalog=catalog) is None
    assert cost(usage, "kimi-k2.6", catalog=catalog) == cost(usage, "kimi-k2.6")


def test_it_belongs_to_the_model_not_to_a_call(adapter: Adapter, near: Host) -> None:
    with pytest.raises(KimiInputError, match="a setting of the model, not of one call"):
        near.chat(adapter).ask("hi", catalog={})
    assert near.bodies == []


@pytest.mark.parametrize("wrong", ["kimi-k3", {"kimi-k3": {"context_window": 5}}, [1], {5: MODELS["kimi-k3"]}])
def test_what_is_no_catalogue_is_refused_wherever_it_is_given(adapter: Adapter, near: Host, wrong: Any) -> None:
    native = near.chat(adapter).native

    def assign() -> None:
        native.catalog = wrong
        adapter.chat(native).ask("hi")

    for act in (
        lambda: near.chat(adapter, catalog=wrong),
        assign,
        lambda: KimiClient(**near.settings, catalog=wrong),
        lambda: build_request(ChatOptions(catalog=wrong), [{"role": "user", "content": "hi"}]),
        lambda: set_process_catalog(wrong),
        lambda: get_model_spec("kimi-k3", catalog=wrong),
    ):
        with pytest.raises(KimiInputError, match="catalog"):
            act()


def test_it_is_part_of_no_dump_and_no_trace(adapter: Adapter, near: Host) -> None:
    chat = near.chat(adapter)
    refresh(chat.native.client)
    chat.native.catalog = chat.native.client.catalog
    assert "near-model" not in "".join(adapter.dumps(chat.native))
