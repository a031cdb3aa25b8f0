"""What an account may do, what a request counts for, and what a store of counts must offer. See `kimi_api.limits`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from kimi_api.errors import KimiInputError, KimiLimitError
from kimi_api.options import budget_of

if TYPE_CHECKING:
    from kimi_api.catalog import ModelSpec

WINDOW_SECONDS = 61.0
"""A minute, and a second: requests that leave a minute apart can arrive closer together."""

ABANDONED_SECONDS = 1.0
"""How long an answer that was broken off still counts as under way: the server learns of it later than we do."""

DAY_SECONDS = 86_400

FIRST_PAUSE_SECONDS = 1.0
"""How long an account rests after a rate limit (429) that names no `Retry-After`."""

LONGEST_PAUSE_SECONDS = 120.0
"""A platform that asks for more is not waited for: its refusals go to the callers."""

TIERS_DATE = "2026-08-13"
_TIERS: tuple[tuple[int, int, int, int | None], ...] = (  # concurrency, RPM, TPM, TPD
    (1, 3, 500_000, 1_500_000),
    (50, 200, 2_000_000, None),
    (100, 500, 3_000_000, None),
    (200, 5_000, 3_000_000, None),
    (400, 5_000, 4_000_000, None),
    (1_000, 10_000, 5_000_000, None),
)


class Wait(NamedTuple):
    """Why a request cannot begin yet.

    Attributes:
        limit: "concurrency", "rpm", "tpm", "tpd", "pause" (the platform asked to wait), or "turn" (others are
            before it).
        seconds: when to ask again; `math.inf`: when an answer ends.
        used: how much of the limit is used up.
    """

    limit: str
    seconds: float
    used: int = 0


class LimitStore(Protocol):
    """Where the counts are kept. One in this process is the default; `RedisStore` counts for many processes.

    Its methods are called from any thread. A store must be hashable: two that are equal count together.
    """

    blocking: bool
    """Whether its methods wait for a network: an event loop then calls them in a thread."""
    poll_seconds: float
    """The longest time between two questions of the request that is next."""

    def take(self, account: str, ticket: str, limits: AccountLimits, tokens: int) -> Wait | None:
        """Let the request `ticket` begin and count it, at once and as a whole (None), or say why not yet."""
        ...

    def give_back(self, account: str, ticket: str, after: float = 0.0) -> None:
        """The answer to `ticket` has ended; it counts as under way for `after` more seconds. Never raises."""
        ...

    def withdraw(self, account: str, ticket: str) -> None:
        """`ticket` was asked for and is not wanted any more. Never raises."""
        ...


@runtime_checkable
class SharedStore(LimitStore, Protocol):
    """A store through which the processes of an account also tell each other things. Both of ours are such stores."""

    def pause(self, account: str, seconds: float) -> None:
        """Let no request of the account begin for `seconds`: the platform asked one of them to wait. Never raises."""
        ...

    def subscribe(self, account: str, ticket: str, wake: Callable[[], None]) -> None:
        """Call `wake`, from any thread, when `ticket` may be next. An extra call does no harm. Never raises."""
        ...

    def unsubscribe(self, account: str, ticket: str) -> None:
        """Undo `subscribe`. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What the account may do. None is without limit. Immutable, and picklable if its store is.

    All clients of one key and host count together, in all threads and event loops of the process, first come first
    served. Every try is counted, as the gateway counts it: a retry waits for its turn again.

    Args:
        concurrency: answers under way at once.
        rpm: requests within a minute.
        tpm, tpd: tokens within a minute, and within a day (UTC). A request counts its prompt (estimated, a tenth added)
            and the output it asks for, whatever the answer's length.
        name: clients with the same name count together whatever their keys, since the platform's limits are those of an
            organisation. None: calls with the same key and host.
        store: where the counts are kept; None: in this process. See `RedisStore`.

    Raises:
        KimiInputError: a limit that is not a whole number above 0; when a request is made, one that can never fit.
        KimiLimitError: when a request is made, and the day's tokens are used up or the store is out of reach.
    """

    concurrency: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    tpd: int | None = None
    name: str | None = None
    store: LimitStore | None = None

    def __post_init__(self) -> None:
        for limit in ("concurrency", "rpm", "tpm", "tpd"):
            value = getattr(self, limit)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise KimiInputError(
                    limit, value, "it is a whole number above 0", "leave it out where there is no such limit"
                )

    @classmethod
    def tier(cls, number: int, *, name: str | None = None, store: LimitStore | None = None) -> AccountLimits:
        """The limits of tier 0 (1 USD recharged) to 5 (3,000 USD) as published on 2026-08-13.

        The table changes; other figures were reported since (tier 1: 15 at once, 100 a minute). The console of your
        account shows the ones that count: give those as `AccountLimits(concurrency=..., rpm=...)`.
        """
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(_TIERS):
            raise KimiInputError(
                "tier",
                number,
                f"the table of {TIERS_DATE} has tiers 0 to {len(_TIERS) - 1}",
                "use AccountLimits(concurrency=..., rpm=..., tpm=..., tpd=...) for limits of your own",
            )
        return cls(*_TIERS[number], name=name, store=store)

    @classmethod
    def of(cls, value: AccountLimits | Mapping[str, Any] | None) -> AccountLimits | None:
        """Limits, or the dict of `as_dict`, as limits.

        Raises:
            KimiInputError: something else, or a dict with an unknown name.
        """
        if value is None or isinstance(value, cls):
            return value
        known = {field.name for field in fields(cls)}
        if not isinstance(value, Mapping) or not value.keys() <= known:
            raise KimiInputError(
                "account_limits",
                value,
                f"it is an AccountLimits, or a dict with {', '.join(sorted(known))}",
                "pass e.g. AccountLimits.tier(1)",
            )
        return cls(**value)

    def as_dict(self) -> dict[str, Any]:
        """The limits as plain data. The store is not part of it: its address may hold a password."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "store"}
        return {name: value for name, value in values.items() if value is not None}


def count_tokens(limits: AccountLimits, body: Mapping[str, Any], spec: ModelSpec | None = None) -> int:
    """What the gateway counts for a chat request, as far as these limits look at tokens (0: they do not).

    `spec` are the rules of its model; None: those of the catalogue for its id.

    Raises:
        KimiInputError: it is more than a whole minute or day allows, so that no wait would help.
    """
    if limits.tpm is None and limits.tpd is None:
        return 0
    from kimi_api.catalog import get_model_spec, prompt_template
    from kimi_api.tokens._prompt import count_prompt

    model = str(body.get("model"))
    if spec is not None and not spec.known:
        spec = None
    prompt = count_prompt(
        prompt_template(model) if spec is None else spec.template,
        body.get("messages") or (),
        body.get("tools") or (),
        response_format=body.get("response_format"),
        reasoning_effort=body.get("reasoning_effort"),
        tool_choice=body.get("tool_choice"),
    )
    budget = budget_of(body)
    output = budget or (spec or get_model_spec(model)).default_output
    most = min(limit for limit in (limits.tpm, limits.tpd) if limit is not None)
    if prompt + output > most:
        which = "tpm" if most == limits.tpm else "tpd"
        raise KimiInputError(
            "max_tokens",
            budget if budget else f"nothing, so {model}'s default of {output:,} counts",
            f"the account allows {which}={most:,} tokens, and before the model starts, the gateway counts the prompt "
            f"(about {prompt:,}) plus the output asked for: {prompt + output:,} in all",
            f"set max_tokens to {most - prompt} or less"
            if prompt < most
            else "shorten the prompt, or raise the account's tier",
        )
    return min(ceil(prompt * 1.1) + output, most)


def day_used_up(limits: AccountLimits, wait: Wait, tokens: int) -> KimiLimitError:
    """The error for a day whose tokens are gone."""
    hours, minutes = divmod(ceil(wait.seconds / 60), 60)
    return KimiLimitError(
        f"{wait.used:,} of the tpd={limits.tpd:,} tokens of this day (UTC) are used, and this request counts "
        f"{tokens:,} (its prompt and the output it asks for). Send it again in {hours} h {minutes} min, set a smaller "
        "max_tokens if that makes it fit, or raise the account's tier and the limit given here",
        limit="tpd",
        retry_after=wait.seconds,
    )
