"""The checks in their order. What a later one needs and an earlier one did not find is skipped, not guessed."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator

from kimi_api import account
from kimi_api.catalog import DEFAULT_MODEL, MODELS, closest_model, find_model, utc_today
from kimi_api.chat import complete
from kimi_api.client import KimiClient
from kimi_api.credentials import (
    BASE_URL_VARIABLES,
    KEY_VARIABLES,
    REGIONS,
    console_of,
    environment_key_belongs_to,
    is_moonshot,
    other_region,
)
from kimi_api.doctor._finding import Finding, of_error
from kimi_api.doctor._packages import check_stranger, check_versions
from kimi_api.errors import KimiError, KimiKeyError
from kimi_api.options import ChatOptions
from kimi_api.request import build_request

_TOKENS = 256
"""Budget of the tiny request, thinking included: enough for a model to answer, too little to matter."""
_SOON_DAYS = 60


def examine(
    connect: Callable[[], KimiClient] = KimiClient, *, model: str = DEFAULT_MODEL, request: bool = True
) -> Iterator[Finding]:
    """Check the set-up, one finding at a time.

    Args:
        connect: makes the client to look at; the default one takes key and host from the environment.
        model: the model that should be there, and that is asked.
        request: whether to ask it something, which costs a few hundred tokens at most.

    Sends three or four requests; a wrong key is also tried at the platform's other region.
    """
    yield from check_versions()
    yield check_stranger()
    try:
        client = connect()
    except KimiKeyError as error:
        yield of_error("key", error)
        yield from _skip("it needs a key", "host", "models", "balance", "limits", "request")
        return
    except KimiError as error:
        yield of_error("host", error)
        yield from _skip("it needs a host", "models", "balance", "limits", "request")
        return
    yield _key(client)
    yield _host(client)
    models = _models(client, model)
    yield models
    if models.error is not None:
        yield from _skip("the host did not list its models", "balance", "limits", "request")
        return
    yield _balance(client)
    yield _limits(client, model)
    yield _request(client, model) if request else Finding("request", "skipped", "not asked for")


def _skip(reason: str, *names: str) -> Iterator[Finding]:
    for name in names:
        yield Finding(name, "skipped", reason)


def _key(client: KimiClient) -> Finding:
    if client.has_own_key:
        return Finding("key", "ok", "the one that was passed")
    keys = {name: value.strip() for name in KEY_VARIABLES if (value := os.environ.get(name)) and value.strip()}
    if not environment_key_belongs_to(client.base_url):
        sent = f"none is sent: {' and '.join(keys) or 'a key of the environment'} belongs to Moonshot's hosts"
        remedy = "pass the host's own key, if it wants one"
        return Finding("key", "warning" if keys else "ok", sent, remedy if keys else "")
    first, *others = keys
    if any(keys[name] != keys[first] for name in others):
        return Finding(
            "key", "warning", f"{first}; {', '.join(others)} holds another one", "unset the one you do not use"
        )
    return Finding("key", "ok", first)


def _host(client: KimiClient) -> Finding:
    name = next((name for name in BASE_URL_VARIABLES if (os.environ.get(name) or "").strip()), None)
    source = f" (from {name})" if name and (os.environ[name].strip().rstrip("/") == client.base_url) else ""
    region = _region(client)
    what = f"the platform, region {region}" if region else "not one of Moonshot's hosts"
    if region is None and is_moonshot(client.base_url):
        what = "one of Moonshot's hosts"
    return Finding("host", "ok", f"{client.base_url}{source}: {what}")


def _region(client: KimiClient) -> str | None:
    return next((region for region, address in REGIONS.items() if address == client.base_url), None)


def _models(client: KimiClient, model: str) -> Finding:
    from kimi_api.errors import KimiAuthenticationError  # loads the SDK, as the request does

    try:
        ids = [info.id for info in account.models(client)]
    except KimiAuthenticationError as error:
        finding = of_error("models", error)
        other = other_region(client.base_url)
        if other is not None and _lets_in(client, other):
            region = next(name for name, address in REGIONS.items() if address == other)
            remedy = (
                f'the key is of the other region: pass region="{region}" (kimi-tools --region {region}), '
                f"or set MOONSHOT_BASE_URL={other}"
            )
            return Finding("models", "error", finding.detail, remedy, error)
        return finding
    except KimiError as error:
        return of_error("models", error)
    ids_text = f"{len(ids)}: {', '.join(ids)}"
    if model not in ids:
        near = closest_model(model)
        remedy = f"ask for one of these{f', e.g. {near}' if near in ids else ''}"
        return Finding("models", "error", f"{ids_text}; {model} is not among them", remedy)
    ending: dict[str, list[str]] = {}
    for spec in map(find_model, ids):
        if spec is not None and spec.retires is not None and (spec.retires - utc_today()).days <= _SOON_DAYS:
            ending.setdefault(f"on {spec.retires}, successor {spec.successor}", []).append(spec.id)
    if ending:
        ends = "; ".join(f"{', '.join(names)} (ends {end})" for end, names in ending.items())
        return Finding("models", "warning", ids_text, f"move in time from {ends}")
    return Finding("models", "ok", ids_text)


def _lets_in(client: KimiClient, base_url: str) -> bool:
    """Whether the platform at another of its addresses takes the client's key."""
    try:
        account.models(client.at(base_url))
    except KimiError:
        return False
    return True


def _balance(client: KimiClient) -> Finding:
    try:
        state = account.balance(client)
    except KimiError as error:
        if _region(client) is None:
            return Finding("balance", "skipped", "this host has none, or does not tell it")
        return of_error("balance", error)
    left = f"{state.available:,.2f} {state.currency or ''}".rstrip()
    if state.available <= 0:
        remedy = f"recharge the account at {console_of(client.base_url)}"
        return Finding("balance", "error", f"{left}: every call fails", remedy)
    return Finding("balance", "ok", left)


def _limits(client: KimiClient, model: str) -> Finding:
    if client.account_limits is not None:
        return Finding("limits", "ok", f"kept by this client: {client.account_limits}")
    if _region(client) is None:
        return Finding("limits", "skipped", "those of the platform's accounts do not count here")
    spec = MODELS.get(model)
    output = f"; a call without max_tokens counts as {spec.default_output:,} tokens" if spec else ""
    detail = f"the platform does not tell them, its console does{output}"
    return Finding("limits", "ok", detail, "set max_tokens, and account_limits=AccountLimits.tier(...) to wait in time")


def _request(client: KimiClient, model: str) -> Finding:
    options = ChatOptions(model, max_tokens=_TOKENS, empty_answers="warn", unsupported="warn")
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that all of the budget went into thinking
            reply = complete(client, build_request(options, [{"role": "user", "content": "Say hello."}]))
    except KimiError as error:
        return of_error("request", error)
    usage = f", {reply.usage.total_tokens} tokens" if reply.usage else ""
    return Finding("request", "ok", f"{reply.model or model} answered in {time.monotonic() - began:.1f} s{usage}")
