"""The knobs of a chat call under one name each, for both frameworks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

from kimi_api._media_rules import INLINE_BYTES
from kimi_api._settings.names import ALIASES, PASSED_ON, unknown_name
from kimi_api._settings.wrong import wrong_setting
from kimi_api._warn import former_name
from kimi_api.catalog import DEFAULT_MODEL, ModelSpec
from kimi_api.errors import KimiInputError
from kimi_api.messages import Repair

if TYPE_CHECKING:
    from types import ModuleType

    from kimi_api.wire import ResponseFormat, Tool

__all__ = ["ChatOptions", "EmptyAnswers", "Thinking", "Unsupported", "Wire"]

RAISE_MAX_TOKENS = "Raise max_tokens: thinking counts too, so 16,000 or more is advised for thinking models"
"""What to do where a budget ended too early."""

Thinking = Literal["enabled", "disabled"] | bool | Mapping[str, Any] | None
Unsupported = Literal["warn", "error", "send"]
Wire = Literal["stream", "plain"]
EmptyAnswers = Literal["retry", "warn"]


class Dialect(NamedTuple):
    """How a host deviates from the platform. Chosen by the user, never guessed from an address."""

    name: str
    platform_rules: bool
    """Whether the platform's per-model refusals apply; other hosts get what the user set."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"]
    reasoning_field: str
    """The message field that thinking goes back in, unless it came under another name."""
    numbers_calls: bool = False
    """Whether tool-call ids must read `functions.<name>:<n>` (see `kimi_api.messages.number_calls`)."""
    thinks_by_template: bool = False
    """Whether the thinking switch goes out as `chat_template_kwargs`: such hosts drop a `thinking` object silently."""


DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("platform", True, "max_completion_tokens", "reasoning_content"),
        Dialect("openai", False, "max_tokens", "reasoning_content", True),
        # Its request side knows only `reasoning` (vllm#38488).
        Dialect("vllm", False, "max_tokens", "reasoning", True, True),
    )
}
"""The Open Platform; hosts with OpenAI's own habits; vLLM and SGLang."""


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """Everything of a chat call but its messages. Immutable; `with_changes` gives a changed copy.

    Attributes:
        model: model id.
        catalog_model: the model of `kimi_api.MODELS` that `model` stands for, where it is an alias of yours: its rules
            and its window count. A call that names another model is free of it.
        catalog: what the host says of its models, before `kimi_api.MODELS`: `client.catalog`, or `ModelSpec`s by id.
        thinking: "enabled", "disabled", a bool, or the API's dict (K2.x only; K3 always thinks).
        thinking_keep: "all" to have K2.6 use the thinking of earlier turns.
        reasoning_effort: "low", "high" or "max" (K3 family).
        max_tokens: budget for thinking and answer together, in tokens.
        temperature, top_p, n, presence_penalty, frequency_penalty: sampling; the kimi-* models accept one value each.
        stop: up to 5 strings of up to 32 bytes.
        response_format: {"type": "text" | "json_object" | "json_schema", ...}.
        tools: wire tools; tool_choice: see `kimi_api.tools.resolve_tool_choice`.
        parallel_tool_calls: False keeps only the first call of an answer (the server ignores the field).
        prompt_cache_key: session id that keeps the prefix cache together; cache_ttl: "5m" or "1h".
        safety_identifier: a stable, hashed id of your user.
        extra_body: merged into the body last.
        unsupported: what to do with a value the model refuses: "warn" and leave it out, "error", or "send".
        dialect: name of a row of `DIALECTS`.
        repair: see `kimi_api.messages.prepare_messages`.
        fetch_media: fetch images and videos at http(s) addresses, which the platform does not. Only public addresses.
        inline_media_bytes: images and videos larger than this are uploaded and referred to as `ms://<file id>`.
        extract_documents: send documents in messages through file extraction, so that the model gets their text. False
            makes them an error (in the last message; elsewhere a short text stands for them).
        document_cache: a `kimi_api.files.FileCache` that keeps those texts; None is one in the process's memory.
        join_prefix: put the text of a partial message in front of the answer that continues it.
        auto_continue: how often an answer that used up `max_tokens` in its text is continued, each time with a budget
            of `max_tokens` again, by one more request that is paid for with its whole prompt. True is 1.
        resume_streams: how often a broken stream is continued from where it broke, likewise. True is 1.
        wire: how an answer travels that is waited for as a whole: "stream" puts it together from events, so that
            nothing that came is lost; "plain" is one body. None: "stream" on the platform, "plain" elsewhere.
        empty_answers: what becomes of an answer without text and tool call: "retry" sends the request again within
            `max_retries` and then raises `KimiEmptyReplyError`; "warn" gives it back with a warning.
    """

    model: str = DEFAULT_MODEL
    thinking: Thinking = None
    thinking_keep: Literal["all"] | None = None
    reasoning_effort: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: str | Sequence[str] | None = None
    response_format: ResponseFormat | Mapping[str, Any] | None = None
    tools: Sequence[Tool | Mapping[str, Any]] = ()
    tool_choice: str | bool | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    prompt_cache_key: str | None = None
    cache_ttl: Literal["5m", "1h"] | None = None
    safety_identifier: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    unsupported: Unsupported = "warn"
    dialect: str = "platform"
    repair: Repair = "safe"
    fetch_media: bool = False
    inline_media_bytes: int = INLINE_BYTES
    extract_documents: bool = True
    document_cache: Any = None
    join_prefix: bool = False
    auto_continue: int = 0
    resume_streams: int = 0
    wire: Wire | None = None
    empty_answers: EmptyAnswers = "retry"
    catalog_model: str | None = None
    catalog: Mapping[str, ModelSpec] | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any], *changes: Mapping[str, Any]) -> ChatOptions:
        """`ChatOptions(**settings)` with each of `changes` in turn, as `with_changes` makes them, in one step."""
        for these in changes:
            if these:
                settings = {**settings, **_known_changes(settings, these)}
        return cls(**settings)

    def with_changes(self, changes: Mapping[str, Any]) -> ChatOptions:
        """A copy with `changes` over the present values: a call's arguments beat fields, `extra_body` dicts merge.

        Names that are no option but a known request field (`logprobs`, `seed`, ...) go into `extra_body`. Settings of
        other vendors' classes that mean nothing here are left out with one warning.

        Raises:
            KimiInputError: a name that is none of these, with the nearest one; a value that such an option cannot have.
        """
        if not changes:
            return self
        settings = {name: getattr(self, name) for name in ("model", "extra_body", "dialect", "unsupported")}
        return replace(self, **_known_changes(settings, changes))

    updated: ClassVar[Callable[..., ChatOptions]] = former_name("updated", with_changes)

    @property
    def host_rules(self) -> Dialect:
        """The row of `DIALECTS` that `dialect` names."""
        return host_rules(self.dialect)


def host_rules(dialect: str) -> Dialect:
    """The row of `DIALECTS` of this name.

    Raises:
        KimiInputError: there is none.
    """
    rules = DIALECTS.get(dialect)
    if rules is None:
        raise KimiInputError(
            "dialect", dialect, f"it is one of {', '.join(DIALECTS)}", "use 'platform' for Moonshot's own hosts"
        )
    return rules


def _known_changes(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The options that `changes` change, by their own names; see `ChatOptions.with_changes`.

    Args:
        settings: options of a call; of them `model`, `extra_body`, `dialect` and `unsupported` are looked at.
        changes: those of one call.
    """
    dialect, unsupported = settings.get("dialect", "platform"), settings.get("unsupported", "warn")
    known: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in spread(changes).items():
        canonical = ALIASES.get(name, name)
        if canonical == "extra_body":
            if value and not isinstance(value, Mapping):
                raise wrong_setting(name, value)
            extra = merge(extra, value or {})
        elif canonical in OPTION_NAMES:
            words = _WORDS.get(canonical)
            if words and value not in words:
                raise KimiInputError(
                    name, value, f"it is one of {', '.join(map(str, words))}", "use one of these words"
                )
            known[canonical] = value
        elif canonical in PASSED_ON:
            if changes.get("dialect", dialect) == "platform":
                _foreign().note_ignored(name, value, changes.get("unsupported", unsupported))
            extra = merge(extra, {canonical: value})
        elif canonical == "reasoning":
            known.update(_foreign().from_reasoning(value))
        elif canonical in _foreign().FOREIGN:
            _foreign().leave_out(name, value, changes.get("unsupported", unsupported))
        else:
            raise unknown_name(name, (*OPTION_NAMES, *ALIASES, *PASSED_ON))
    model = settings.get("model", DEFAULT_MODEL)
    if known.get("model", model) != model:
        known.setdefault("catalog_model", None)
    if extra:
        known["extra_body"] = merge(settings.get("extra_body", {}), extra)
    return known


def _foreign() -> ModuleType:
    """`kimi_api._settings.foreign`: 1 ms, which an import of the package need not pay."""
    from kimi_api._settings import foreign

    return foreign


OPTION_NAMES = frozenset(f.name for f in fields(ChatOptions))
_WORDS: Mapping[str, tuple[str | None, ...]] = {
    "unsupported": get_args(Unsupported),
    "repair": get_args(Repair),
    "wire": (None, *get_args(Wire)),
    "empty_answers": get_args(EmptyAnswers),
}

_NUMBERS = ("temperature", "top_p", "n", "presence_penalty", "frequency_penalty")
_MAPPINGS = ("response_format", "extra_body")
_SWITCHES = ("fetch_media", "extract_documents", "join_prefix")


def check_options(options: ChatOptions) -> None:
    """Refuse values that no request can be built of. They may have been assigned after construction.

    Raises:
        KimiInputError: the first of them.
    """
    for name in _NUMBERS:
        value = getattr(options, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise wrong_setting(name, value)
    for name in _MAPPINGS:
        value = getattr(options, name)
        if value is not None and not isinstance(value, Mapping):
            raise wrong_setting(name, value)
    for name in _SWITCHES:
        value = getattr(options, name)
        if value is not True and value is not False:
            raise wrong_setting(name, value)
    for name, allowed in _WORDS.items():
        if getattr(options, name) not in allowed:
            raise wrong_setting(name, getattr(options, name))
    if options.thinking_keep not in (None, "all"):
        raise wrong_setting("thinking_keep", options.thinking_keep)
    size = options.inline_media_bytes
    if not isinstance(size, int) or isinstance(size, bool):
        raise wrong_setting("inline_media_bytes", size)


def spread(settings: Mapping[str, Any], fields: Collection[str] = ()) -> Mapping[str, Any]:
    """`settings` with the members of `additional_kwargs` (or `model_kwargs`) beside them, where what stands there wins.

    Members that are no settings are members of the JSON body, and go below those of `extra_body`. `fields` are those of
    a class: it has no other options, and its fields may mean something else than the request's fields of the same name.
    """
    holders = [name for name in ("additional_kwargs", "model_kwargs") if name in settings]
    if not holders:
        return settings
    known = {*ALIASES, *PASSED_ON.difference(fields), *(OPTION_NAMES.intersection(fields) if fields else OPTION_NAMES)}
    beside = {name: value for name, value in settings.items() if name not in holders}
    body: dict[str, Any] = {}
    for holder in holders:
        more = settings[holder]
        if more is not None and not isinstance(more, Mapping):
            raise wrong_setting(holder, more)
        for name, value in (more or {}).items():
            if name == "extra_body":
                body = merge(body, value or {})
            elif name in known:
                beside.setdefault(name, value)
            else:
                body[name] = value
    if body:
        beside["extra_body"] = merge(body, beside.get("extra_body") or {})
    return beside


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, dicts in both merged likewise; neither is changed."""
    for value in (base, over):
        if not isinstance(value, Mapping):
            raise wrong_setting("extra_body", value)
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[name] = merge(below, value) if both else value  # type: ignore[arg-type]
    return result


def budget_of(body: Mapping[str, Any]) -> int | None:
    """The token budget in the body of a request, under either of its names; None leaves it to the model's default."""
    return body.get("max_completion_tokens") or body.get("max_tokens")


def thinking_object(wish: Thinking) -> dict[str, Any]:
    """The API's `thinking` object for the option; {} where it says nothing."""
    if wish is None:
        return {}
    if isinstance(wish, Mapping):
        return dict(wish)
    if isinstance(wish, bool):
        return {"type": "enabled" if wish else "disabled"}
    return {"type": wish}


def switches_thinking_off(wish: Thinking) -> bool:
    """Whether the option `thinking` asks for no thinking. Models that always think do not follow it."""
    return thinking_object(wish).get("type") == "disabled"
