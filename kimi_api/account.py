"""The account: its balance, its models (with a catalogue refreshed from the server's list), what calls cost, and whose.

`cost` and its parts stand in `kimi_api.costs`.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from kimi_api._transport.steps import Send, Steps, adrive, drive
from kimi_api._warn import former_name
from kimi_api.catalog import DEFAULT_MODEL, MODELS, Catalog, ModelSpec, process_catalog
from kimi_api.catalog._host import plain_id
from kimi_api.costs import Cost, cost
from kimi_api.credentials import CHINA, INTERNATIONAL
from kimi_api.errors import KimiInputError, KimiReplyError

if TYPE_CHECKING:
    from kimi_api.client import Answer, KimiClient

__all__ = [
    "Balance",
    "Cost",
    "ModelInfo",
    "abalance",
    "amodels",
    "arefresh",
    "balance",
    "cache_key",
    "cost",
    "merge_models",
    "models",
    "parse_balance",
    "parse_model",
    "refresh",
    "refreshed",
    "safety_identifier",
]

_SHORTEST_SALT = 16

_CURRENCIES: Mapping[str, str] = {INTERNATIONAL: "USD", CHINA: "CNY"}
_THINKING: Mapping[str, Literal["always", "switchable", "none"]] = {
    "only": "always",
    "both": "switchable",
    "no": "none",
}


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account may still spend, in `currency`. https://platform.kimi.ai/docs/api/balance."""

    available: float
    """Vouchers and cash together. At 0 or below every call fails (`KimiQuotaError`)."""
    voucher: float
    cash: float
    """Below 0 when the account owes money."""
    currency: str | None
    """"USD" on the international platform, "CNY" on the Chinese one, None on an address that is neither."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """An entry of `GET /v1/models`; a fact that the server did not state is None. https://platform.kimi.ai/docs/api/list-models."""

    id: str
    created: int | None = None
    """Unix seconds."""
    owned_by: str | None = None
    context_window: int | None = None
    """Tokens."""
    images: bool | None = None
    videos: bool | None = None
    reasoning: bool | None = None
    thinking: Literal["always", "switchable", "none"] | None = None
    efforts: tuple[str, ...] | None = None
    """Words for `reasoning_effort`, the default one last."""
    dynamic_tools: bool | None = None


def balance(client: KimiClient) -> Balance:
    """The account's balance.

    Raises:
        KimiAPIError: the platform refused the request, or cannot be reached.
        KimiReplyError: the answer holds no balance.
    """
    return drive(client, _balance(client.base_url))


async def abalance(client: KimiClient) -> Balance:
    """The asynchronous twin of `balance`."""
    return await adrive(client, _balance(client.base_url))


def models(client: KimiClient) -> list[ModelInfo]:
    """The models that this account may use, in the server's order. New accounts may see only some.

    Can take tens of seconds on the platform.

    Raises:
        KimiAPIError: the platform refused the request, or cannot be reached.
        KimiReplyError: the answer is no list of models.
    """
    return drive(client, _models())


async def amodels(client: KimiClient) -> list[ModelInfo]:
    """The asynchronous twin of `models`."""
    return await adrive(client, _models())


def refresh(client: KimiClient) -> Catalog:
    """Ask the client's host for its models, and let this client know them so from now on.

    It sets `client.catalog` and changes nothing else: other clients, which may be those of other hosts, keep theirs.
    `refresh(llm.client)` does it for a `ChatKimi` or `Kimi` and its copies. Give the result as `catalog=` to other
    clients and models of the same host; `kimi_api.catalog.set_process_catalog` sets it for the whole process.

    Errors are those of `models`; the client's catalogue is then as it was.
    """
    client.catalog = catalog = _host_catalog(models(client))
    return catalog


async def arefresh(client: KimiClient) -> Catalog:
    """The asynchronous twin of `refresh`."""
    client.catalog = catalog = _host_catalog(await amodels(client))
    return catalog


def _host_catalog(infos: Iterable[ModelInfo]) -> Catalog:
    return Catalog(merge_models(infos, {**MODELS, **process_catalog()}))


def merge_models(infos: Iterable[ModelInfo], base: Mapping[str, ModelSpec] = MODELS) -> dict[str, ModelSpec]:
    """`base` with the server's facts over its own, and a spec for each listed id that it does not have. Pure.

    Window, images and videos, thinking, efforts and dynamic tools come from the server where it states them; prices,
    sampling rules and output budgets, which it does not list, stay. A new id takes these from the row that is most
    like it: one that thinks always, can switch, or does not think. It has no price. A host's own spelling of an id
    ("moonshotai/Kimi-K2.6") gets the rules of that id, but no price and no dates: they are the platform's.
    """
    specs = dict(base)
    for info in infos:
        specs[info.id] = _with_server_facts(
            info, specs.get(info.id) or _other_spelling(info, base) or _likeness(info, base)
        )
    return specs


refreshed: Callable[..., dict[str, ModelSpec]] = former_name("refreshed", merge_models)


def safety_identifier(user_id: str | int, *, salt: str | bytes) -> str:
    """A stable, hashed name of one of your users, for `safety_identifier`: 64 hexadecimal digits.

    The platform uses it to tell your users apart when one of them breaks its rules, and asks for a hash so that nothing
    personal is sent (https://platform.kimi.ai/docs/api/chat). It is HMAC-SHA256 with `salt` as the key: without the
    salt nobody can find the user by trying out e-mail addresses, which a bare hash would allow. The same user and salt
    give the same text in every process and release.

    Args:
        user_id: your own id of the user: a number, a name, an address. Blanks around it and the way its accents are
            encoded make no difference; upper and lower case do.
        salt: a secret of your application, at least 16 bytes, kept for good: with another one, every user is new.

    Raises:
        KimiInputError: no user, or a salt that is too short. Shows neither.
    """
    text = unicodedata.normalize("NFC", str(user_id)).strip() if isinstance(user_id, str | int) else ""
    if not text or isinstance(user_id, bool):
        raise KimiInputError(
            "user_id",
            f"a {type(user_id).__name__}",
            "it is your own id of a user, and not empty",
            "pass text or a number",
        )
    key = salt.encode() if isinstance(salt, str) else salt
    if not isinstance(key, bytes) or len(key) < _SHORTEST_SALT:
        raise KimiInputError(
            "salt",
            f"{len(key)} bytes" if isinstance(key, bytes) else f"a {type(salt).__name__}",
            f"it is a secret of at least {_SHORTEST_SALT} bytes, or ids could be guessed from their hashes",
            "make one with python -c 'import secrets; print(secrets.token_hex(32))', and keep it as a secret",
        )
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def cache_key(session_id: str | int, *, salt: str | bytes = b"") -> str:
    """A `prompt_cache_key` made of your own id of a session: 64 hexadecimal digits, the same in every process.

    The id itself (which may be an e-mail address, or name a customer) stays with you. Without a salt whoever sees the
    key can still try out addresses; with a secret one nobody can.

    Args:
        session_id: what you resume the conversation by: a LangGraph `thread_id`, a LlamaIndex `session_id`.
        salt: a secret of your application, kept for good, or none.

    Raises:
        KimiInputError: no id.

    https://platform.kimi.ai/docs/guide/use-context-caching-feature-of-kimi-api
    """
    if not isinstance(session_id, str | int) or isinstance(session_id, bool) or not str(session_id).strip():
        raise KimiInputError(
            "session_id",
            f"a {type(session_id).__name__}",
            "it is your own id of a session, and not empty",
            "pass text or a number",
        )
    secret = salt.encode() if isinstance(salt, str) else salt
    return hmac.new(
        b"kimi prompt_cache_key " + secret, str(session_id).encode("utf-8", "surrogatepass"), hashlib.sha256
    ).hexdigest()


def _with_server_facts(info: ModelInfo, spec: ModelSpec) -> ModelSpec:
    window = info.context_window or spec.context_window
    changes: dict[str, Any] = {
        "context_window": window,
        "default_output": min(spec.default_output, window),
        # A published maximum stays; one that was only the window's stand-in follows the window.
        "max_output": window if spec.max_output == spec.context_window else min(spec.max_output, window),
    }
    for name in ("images", "videos", "efforts", "dynamic_tools"):
        if getattr(info, name) is not None:
            changes[name] = getattr(info, name)
    thinking = _stated_thinking(info)
    if thinking is not None and thinking != spec.thinking:
        changes["thinking"] = thinking
        changes["thinking_field"] = frozenset({"enabled", "disabled"} if thinking == "switchable" else ())
        changes["keep_field"] = False
    return replace(spec, **changes)


def _stated_thinking(info: ModelInfo) -> Literal["always", "switchable", "none"] | None:
    if info.thinking is not None:
        return info.thinking
    return "none" if info.reasoning is False else None


def _likeness(info: ModelInfo, base: Mapping[str, ModelSpec]) -> ModelSpec:
    """Rules for an id that `base` does not have, from its newest row of the same kind; `base` is in that order."""
    thinking = _stated_thinking(info) or "always"
    rows = [spec for spec in base.values() if spec.thinking == thinking]
    if info.efforts is not None or info.dynamic_tools is not None:
        kin = [s for s in rows if bool(s.efforts) == bool(info.efforts) and s.dynamic_tools == bool(info.dynamic_tools)]
        rows = kin or rows
    like = rows[0] if rows else base[DEFAULT_MODEL]
    return replace(like, id=info.id, price=None, released=None, retires=None, successor=None, batch=None, known=True)


def _other_spelling(info: ModelInfo, base: Mapping[str, ModelSpec]) -> ModelSpec | None:
    spec = base.get(plain_id(info.id))
    if spec is None:
        return None
    return replace(spec, id=info.id, price=None, released=None, retires=None, successor=None, batch=None)


def _balance(host: str) -> Steps[Balance]:
    answer: Answer = yield Send("GET", "/users/me/balance")
    balance = parse_balance(answer.body, _CURRENCIES.get(host))
    if balance is None:
        raise _answer_without("a balance", answer)
    return balance


def _models() -> Steps[list[ModelInfo]]:
    answer: Answer = yield Send("GET", "/models")
    entries = answer.body.get("data") if isinstance(answer.body, Mapping) else None
    if not isinstance(entries, list):
        raise _answer_without("a list of models", answer)
    return [parse_model(entry) for entry in entries if isinstance(entry, Mapping) and entry.get("id")]


def _answer_without(what: str, answer: Answer) -> KimiReplyError:
    return KimiReplyError(
        f"the platform answered without {what}: {str(answer.body)[:200]}",
        request_id=answer.headers.get("msh-request-id"),
    )


def parse_balance(body: object, currency: str | None = None) -> Balance | None:
    """The balance in `{"data": {"available_balance": ..., "voucher_balance": ..., "cash_balance": ...}}`, or None."""
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping):
        return None
    try:
        return Balance(
            available=float(data["available_balance"]),
            voucher=float(data.get("voucher_balance") or 0),
            cash=float(data.get("cash_balance") or 0),
            currency=currency,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def parse_model(entry: Mapping[str, Any]) -> ModelInfo:
    """A `ModelInfo` from its JSON; members that are missing or not understood become None."""
    effort = entry.get("think_efforts") or entry.get("reasoning_efforts")
    return ModelInfo(
        id=str(entry["id"]),
        created=_whole(entry.get("created")),
        owned_by=entry.get("owned_by") if isinstance(entry.get("owned_by"), str) else None,
        context_window=_whole(entry.get("context_length")) or None,
        images=_truth(entry.get("supports_image_in")),
        videos=_truth(entry.get("supports_video_in")),
        reasoning=_truth(entry.get("supports_reasoning")),
        thinking=_THINKING.get(str(entry.get("supports_thinking_type"))),
        efforts=_efforts(effort) if isinstance(effort, Mapping) else None,
        dynamic_tools=_truth(entry.get("supports_dynamic_tools")),
    )


def _efforts(effort: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The words of `{"support", "valid_efforts", "default_effort"}` with the default behind the others."""
    words = effort.get("valid_efforts")
    if effort.get("support") is False:
        return ()
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return None
    default = effort.get("default_effort")
    return tuple(sorted(words, key=lambda word: word == default))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
