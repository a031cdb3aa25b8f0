"""Options, messages and tools -> the JSON body of `POST /chat/completions`. Pure, except for warnings.

All rules that differ between models are applied here, from the data in `kimi_api.catalog`, for both frameworks.
https://platform.kimi.ai/docs/api/chat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from kimi_api._arguments.text import strict_arguments
from kimi_api._content.addresses import with_addresses
from kimi_api._content.notes import DOCUMENT, refusal_of
from kimi_api._media_rules import MediaPolicy, part_types
from kimi_api._settings.wrong import wrong_setting
from kimi_api._warn import warn_once
from kimi_api.catalog import Catalog, ModelSpec, closest_model, current_models, get_model_spec
from kimi_api.errors import KimiInputError
from kimi_api.messages import WireMessage, check_messages, number_calls, partial_prefix, prepare_messages
from kimi_api.options import ChatOptions, EmptyAnswers, Wire, check_options, merge, thinking_object
from kimi_api.tools import ToolChoice, WireTool, check_tools, resolve_tool_choice, tool_name

if TYPE_CHECKING:
    from kimi_api.mfjs import NormalizedCache
    from kimi_api.wire import ChatBody, Message

__all__ = ["CHAT_PATH", "ChatRequest", "build_request"]

CHAT_PATH = "/chat/completions"
_SAMPLING = ("temperature", "top_p", "n", "presence_penalty", "frequency_penalty")
_MAX_STOPS, _MAX_STOP_BYTES = 5, 32
_TTLS = ("5m", "1h")
_IN_THE_ANSWER = frozenset({"logprobs", "top_logprobs"})
"""Fields that ask for something in the answer: without it a program that reads it would fail later."""
_PLACED = frozenset({"image_url", "video_url", DOCUMENT})
"""Types of parts that are looked at before sending."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request ready to send, with what its answer must be held against.

    Attributes:
        body: the JSON body.
        spec: the rules that were applied.
        thinking: whether the model thinks in this call.
        choice: how a forced tool went out; `choice.required_call` is to be checked in the answer.
        one_call: whether only the first tool call of the answer counts (`parallel_tool_calls=False`).
        prefix: the text that the answer continues, None when the last message is not partial.
        joined: that text, where it is to be put in front of the answer (`join_prefix`).
        media: what to do with images, videos and documents before sending (`kimi_api.media`); None: nothing.
        original: the request as it was before that was done.
        auto_continue, resume_streams, empty_answers: as in `ChatOptions`.
        wire: how the answer travels where the caller waits for the whole; `body` says only what the caller asked for.
        think_tags: whether the host may leave its thinking in the text (`<think>...</think>`), to be taken out.
        tool_names: names of tools on the wire -> those the caller gave them, where they differ.
        parsed: whether the caller makes an object of the answer, and raises its own error where there is no object.
    """

    body: ChatBody
    spec: ModelSpec
    thinking: bool
    choice: ToolChoice = field(default_factory=ToolChoice)
    one_call: bool = False
    prefix: str | None = None
    joined: str = ""
    media: MediaPolicy | None = None
    original: ChatRequest | None = None
    auto_continue: int = 0
    resume_streams: int = 0
    parsed: bool = False
    wire: Wire = "plain"
    empty_answers: EmptyAnswers = "retry"
    think_tags: bool = False
    tool_names: Mapping[str, str] = field(default_factory=dict)


def build_request(
    options: ChatOptions, messages: Sequence[Message | WireMessage | Mapping[str, Any]], *, stream: bool = False
) -> ChatRequest:
    """The request for `messages` under `options`.

    Args:
        options: see `ChatOptions`. Values that the model refuses are left out with one warning per model and field
            (or raise, or are sent, by `options.unsupported`).
        messages: wire messages; not changed.
        stream: ask for events; the usage event is then always asked for too.

    Raises:
        KimiInputError: something that no model takes; says what, and what to do.
    """
    check_options(options)
    check_messages(messages)
    dialect = options.host_rules
    catalog = Catalog.of(options.catalog)
    spec = get_model_spec(
        options.model, platform=dialect.platform_rules, catalog_model=options.catalog_model, catalog=catalog
    )
    if not spec.known and options.unsupported == "error" and dialect.platform_rules:
        near = closest_model(options.model, catalog=catalog)
        raise KimiInputError(
            "model",
            options.model,
            "with unsupported='error' the id must be in the catalogue",
            (f"did you mean {near!r}? " if near else "") + f"Known today: {', '.join(current_models(catalog=catalog))}",
        )
    if "thinking" in options.extra_body:
        options = _lift_thinking(options)
    rules = dialect.platform_rules and options.unsupported != "send"
    if rules and spec.efforts and isinstance(options.thinking, Mapping) and "effort" in options.thinking:
        options = _with_effort(options, spec)
    thinking, wire = _thinking(options, spec, rules)
    tools = check_tools(_schemas().tools(options.tools) if rules else options.tools) if options.tools else []
    messages = _with_loaded_tools(cast("Sequence[WireMessage]", messages), tools, rules)
    choice = ToolChoice()
    if options.tool_choice is not None:
        loaded, fresh = [], False
        if options.tool_choice not in ("auto", "none"):
            loaded = [tool for message in messages for tool in message.get("tools") or ()]
            fresh = not loaded and not any(message.get("role") == "assistant" for message in messages)
        # Other hosts get the choice as it was made: with thinking=False none of the platform's refusals is applied.
        choice = resolve_tool_choice(
            options.tool_choice, [*tools, *loaded], spec, thinking=thinking and rules, fresh=fresh
        )
        if choice.notice:
            _report_unsupported(options, "tool_choice", options.tool_choice, choice.notice)
        if not choice.think:
            thinking, wire = False, {"type": "disabled"}
        if choice.narrow_to:
            tools = [tool for tool in tools if tool_name(tool) == choice.narrow_to]

    ours = dialect.platform_rules
    prepared = prepare_messages(messages, spec, thinking=thinking and ours, repair=options.repair, rules=ours)
    if not ours:
        prepared = strict_arguments(prepared)
    if dialect.numbers_calls:
        prepared = number_calls(prepared)
    body: ChatBody = {"model": options.model, "messages": prepared}
    if wire and dialect.thinks_by_template:
        body["chat_template_kwargs"] = _template_switch(wire)
    elif wire:
        body["thinking"] = wire
    if options.reasoning_effort is not None:
        _effort(body, options, spec, rules)
    if options.max_tokens is not None:
        body[dialect.max_tokens_field] = _max_tokens(options.max_tokens, spec)
    _sampling(body, options, spec, thinking, rules)
    if options.stop:
        body["stop"] = _stop(options.stop)
    if tools:
        body["tools"] = tools
    if choice.send is not None:
        body["tool_choice"] = choice.send
    if options.response_format is not None:
        body["response_format"] = _response_format(options.response_format, rules)
    for name in ("prompt_cache_key", "safety_identifier"):
        value = getattr(options, name)
        if value is not None:
            body[name] = _identifier(name, value)
    if options.cache_ttl is not None:
        if options.cache_ttl not in _TTLS:
            raise wrong_setting("cache_ttl", options.cache_ttl)
        body["prompt_cache_options"] = {"mode": "implicit", "ttl": options.cache_ttl}
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if options.extra_body:
        merged: Any = merge(body, _extra(options, spec, rules))
        body = merged
    prefix = partial_prefix(messages)
    if prefix is not None and (body.get("response_format") or {}).get("type") == "json_object":
        raise KimiInputError(
            "response_format",
            "json_object together with a partial message",
            "Partial Mode and JSON mode cannot be combined",
            "drop response_format; a prefix of '{' already leads to JSON",
        )
    media = None
    types = part_types(body["messages"])
    if not types.isdisjoint(_PLACED):
        media = _media(options, rules, body, documents=DOCUMENT in types)
    request = ChatRequest(
        body,
        spec,
        thinking,
        choice,
        options.parallel_tool_calls is False,
        prefix,
        (prefix or "") if options.join_prefix else "",
        media,
        wire=_wire(options, body),
        empty_answers=options.empty_answers,
        think_tags=not ours,
    )
    if options.auto_continue or options.resume_streams:
        return replace(request, **{name: _rounds(name, options) for name in ("auto_continue", "resume_streams")})
    return request


def _wire(options: ChatOptions, body: ChatBody) -> Wire:
    """How an answer travels that is waited for as a whole. Several answers to one request come in one body only."""
    if options.wire is not None:
        return options.wire
    return "stream" if options.host_rules.platform_rules and body.get("n") in (None, 1) else "plain"


def _rounds(name: str, options: ChatOptions) -> int:
    value = getattr(options, name)
    if not isinstance(value, int) or value < 0:
        raise KimiInputError(name, value, "it is a number of times, 0 or more", "leave it out for never")
    if value and not options.host_rules.platform_rules:
        raise KimiInputError(
            name,
            value,
            f"it needs Partial Mode, which only Moonshot's platform has, and dialect is {options.dialect!r}",
            "leave it out for other hosts",
        )
    return int(value)


def _media(options: ChatOptions, rules: bool, body: ChatBody, *, documents: bool) -> MediaPolicy:
    """What to do with media and documents. What may not go out, or not be extracted, is taken out of `body`."""
    limit = options.inline_media_bytes
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise KimiInputError(
            "inline_media_bytes", limit, "it is a number of bytes, 0 or more", "leave it out for 4 MiB; 0 uploads all"
        )
    refuse = refusal_of(options.unsupported)
    if documents:
        ours = options.host_rules.platform_rules
        if not ours or not options.extract_documents:
            # 3 ms, which an import of the package need not pay
            from kimi_api._content.documents import OFF, OTHER_HOST, without_documents

            body["messages"] = without_documents(body["messages"], OFF if ours else OTHER_HOST, refuse)
            documents = False
        cache = options.document_cache
        if cache is not None and not (hasattr(cache, "get") and hasattr(cache, "put")):
            raise KimiInputError(
                "document_cache", cache, "it is a kimi_api.files.FileCache", "pass FileCache.on_disk(), or leave it out"
            )
    body["messages"] = with_addresses(body["messages"], web=not rules or options.fetch_media, refuse=refuse)
    return MediaPolicy(limit, options.fetch_media, rules, documents, options.document_cache, refuse)


def _with_loaded_tools(
    messages: Sequence[WireMessage], tools: Sequence[WireTool], rules: bool
) -> Sequence[WireMessage]:
    """`messages` with the tools that some of them bring checked as those of the request are.

    The same definition gives the same bytes each time, so that a prefix that holds it stays cached. A name may stand
    only once, in the request or in a message: "function name get_weather is duplicated".
    """
    if not any(message.get("tools") for message in messages):
        return messages
    seen = {tool_name(tool) for tool in tools}
    checked: list[WireMessage] = []
    for position, message in enumerate(messages):
        if brought := message.get("tools"):
            if message.get("content"):
                # "tools in a system message cannot be used with content"
                raise KimiInputError(
                    f"messages[{position}].content",
                    message.get("content"),
                    "a message that brings tools has no content",
                    "put the text into a message of its own",
                )
            loaded = _schemas().tools(brought) if rules else brought
            checked.append({**message, "tools": check_tools(loaded, where=f"messages[{position}].tools", seen=seen)})
        else:
            checked.append(message)
    return checked


def _lift_thinking(options: ChatOptions) -> ChatOptions:
    """`thinking` out of `extra_body`, where the SDK's users have to put it, as the option that other rules look at."""
    extra = dict(options.extra_body)
    wish = extra.pop("thinking")
    return replace(options, extra_body=extra, thinking=options.thinking if wish is None else wish)


def _with_effort(options: ChatOptions, spec: ModelSpec) -> ChatOptions:
    """`thinking.effort`, as other vendors write it, as the `reasoning_effort` that the K3 family takes."""
    thinking = dict(options.thinking) if isinstance(options.thinking, Mapping) else {}
    effort = thinking.pop("effort")
    if effort is None:
        effort = options.reasoning_effort
    elif options.reasoning_effort not in (None, effort):
        raise KimiInputError(
            "thinking",
            options.thinking,
            f"its effort is sent as reasoning_effort to {spec.id}, and reasoning_effort is "
            f"{options.reasoning_effort!r} already",
            "pass one of the two",
        )
    return replace(options, thinking=thinking or None, reasoning_effort=effort)


def _thinking(options: ChatOptions, spec: ModelSpec, rules: bool) -> tuple[bool, Mapping[str, Any]]:
    """Whether the model will think, and the `thinking` object to send ({} for none)."""
    wish = options.thinking
    wire = thinking_object(wish)
    kind = wire.get("type", "enabled")
    if kind not in ("enabled", "disabled"):
        # "invalid value for thinking type"
        raise KimiInputError("thinking", wish, "it is 'enabled' or 'disabled'", "use one of the two, or leave it out")
    if options.thinking_keep is not None:
        wire = {**wire, "keep": options.thinking_keep}
    if wire:
        wire = {"type": kind, **wire}
    if not rules:
        return kind == "enabled" and spec.thinking != "none", wire
    if spec.thinking == "none":
        if wire and kind == "enabled":
            _report_unsupported(options, "thinking", wish, f"{spec.id} does not think, so thinking is not sent")
        return False, {}
    if kind == "disabled" and "disabled" not in spec.thinking_field:
        # "invalid thinking: only type=enabled is allowed for this model"
        effort = " Use reasoning_effort='low' to shorten it." if spec.efforts else ""
        _report_unsupported(
            options, "thinking", wish, f"{spec.id} always thinks, so thinking='disabled' is not sent.{effort}"
        )
        return True, {}
    if wire.get("keep") is not None and not spec.keep_field:
        if not spec.keeps_thinking:
            # 'thinking.keep is not supported by model "kimi-k2.5"'
            _report_unsupported(
                options, "thinking_keep", wire["keep"], f"{spec.id} has no thinking.keep, so it is not sent"
            )
        wire = {name: value for name, value in wire.items() if name != "keep"}
    if not spec.thinking_field:  # it always thinks and keeps its thinking, so nothing changes
        return True, {}
    return kind == "enabled", wire


def _template_switch(wire: Mapping[str, Any]) -> dict[str, Any]:
    """The `thinking` object as arguments of Kimi's chat template, which vLLM and SGLang render.

    `thinking` switches it, `preserve_thinking` keeps that of earlier turns:
    https://huggingface.co/moonshotai/Kimi-K2.6 ("Model usage").
    """
    switch: dict[str, Any] = {"thinking": wire["type"] == "enabled"}
    if wire.get("keep") is not None:
        switch["preserve_thinking"] = wire["keep"] == "all"
    return switch | {name: value for name, value in wire.items() if name not in ("type", "keep")}


def _effort(body: ChatBody, options: ChatOptions, spec: ModelSpec, rules: bool) -> None:
    effort = options.reasoning_effort
    if not isinstance(effort, str):
        raise wrong_setting("reasoning_effort", effort)
    if not rules:
        body["reasoning_effort"] = effort
    elif not spec.efforts:
        _report_unsupported(
            options, "reasoning_effort", effort, f"{spec.id} has no reasoning_effort, so it is not sent"
        )
    elif effort not in spec.efforts:
        # The server takes any word without a complaint, and nobody knows which effort it then uses.
        text = (
            f"{spec.id} knows only {', '.join(spec.efforts)} for reasoning_effort, so {effort!r} is not sent. "
            f"The platform then uses {spec.efforts[-1]}, which costs the most"
        )
        _report_unsupported(options, "reasoning_effort", effort, text, remedy="use one of these words")
    else:
        body["reasoning_effort"] = effort


def _max_tokens(value: int, spec: ModelSpec) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise KimiInputError(
            "max_tokens", value, "it is a whole number of tokens above 0", "leave it out for the default"
        )
    if spec.known and value > spec.max_output:
        raise KimiInputError(
            "max_tokens", value, f"{spec.id} gives at most {spec.max_output} tokens", "ask for no more than that"
        )
    return value


def _sampling(body: ChatBody, options: ChatOptions, spec: ModelSpec, thinking: bool, rules: bool) -> None:
    fixed = spec.fixed_sampling if thinking else spec.fixed_sampling_plain
    for name in _SAMPLING:
        value = getattr(options, name)
        if value is None:
            continue
        only = fixed.get(name) if rules else None
        if name == "n" and value != 1 and options.unsupported != "send":
            from kimi_api._settings.foreign import leave_out  # which a good request never needs

            leave_out(name, value, options.unsupported)
        if only is None:
            body[name] = value
        elif value != only:
            # "invalid temperature: only 1 is allowed for this model"
            state = (
                ""
                if spec.fixed_sampling == spec.fixed_sampling_plain
                else (" while it thinks" if thinking else " while thinking is off")
            )
            _report_unsupported(
                options, name, value, f"{spec.id} takes only {name}={only:g}{state}, so {value!r} is not sent"
            )


def _identifier(name: str, value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    meant = {
        "prompt_cache_key": "it is the id of a session as text, the same in all its requests",
        "safety_identifier": "it is the hashed id of a user as text (see kimi_api.account.safety_identifier)",
    }
    raise KimiInputError(name, value, meant[name], "pass a text that is not empty, or leave it out")


def _extra(options: ChatOptions, spec: ModelSpec, rules: bool) -> dict[str, Any]:
    """`extra_body` without what the model refuses outright. Its other members are the user's own business."""
    extra = dict(options.extra_body)
    for name in spec.refused & extra.keys() if rules else ():
        value = extra.pop(name)
        if value in (None, False, {}):
            continue
        if name in _IN_THE_ANSWER:
            remedy = "leave it out; other hosts that serve Kimi may give probabilities (see dialect)"
            raise KimiInputError(name, value, f"{spec.id} does not return token probabilities", remedy)
        _report_unsupported(options, name, value, f"{spec.id} does not accept {name}, so it is not sent")
    return extra


def _stop(stop: str | Sequence[str]) -> str | list[str]:
    words = [stop] if isinstance(stop, str) or not isinstance(stop, Sequence) else list(stop)
    if len(words) > _MAX_STOPS:
        raise KimiInputError("stop", words, f"at most {_MAX_STOPS} strings are allowed", "pass fewer")
    for word in words:
        if not isinstance(word, str):
            raise KimiInputError("stop", word, "a stop sequence is text", "pass a string or a list of strings")
        if len(word.encode()) > _MAX_STOP_BYTES:
            raise KimiInputError("stop", word, f"a string has at most {_MAX_STOP_BYTES} bytes", "shorten it")
    return stop if isinstance(stop, str) else words


def _response_format(wish: Mapping[str, Any], rules: bool) -> dict[str, Any]:
    """`response_format` with an explicit `strict` (the documents disagree on its default), its schema in MFJS."""
    kind = wish.get("type")
    if kind not in ("text", "json_object", "json_schema"):
        raise KimiInputError(
            "response_format", dict(wish), "its type is text, json_object or json_schema", "set the type"
        )
    if kind != "json_schema":
        return dict(wish)
    inner = wish.get("json_schema")
    if not isinstance(inner, Mapping) or not inner.get("name") or not isinstance(inner.get("schema"), Mapping):
        raise KimiInputError(
            "response_format",
            dict(wish),
            'json_schema is {"name": ..., "schema": {...}, "strict": ...}',
            "give the schema a name, and pass it as a dict rather than as text",
        )
    schema = inner["schema"]
    if rules:
        from kimi_api.mfjs import normalize_schema

        schema = normalize_schema(schema, where=f"response_format {inner['name']!r}")
    return {
        "type": "json_schema",
        "json_schema": {**inner, "schema": schema, "strict": inner.get("strict") is not False},
    }


@cache
def _schemas() -> NormalizedCache:
    """The process's memory of tools in Moonshot's dialect; loaded with the first tool, for it takes milliseconds."""
    from kimi_api.mfjs import NormalizedCache

    return NormalizedCache()


def _report_unsupported(options: ChatOptions, name: str, value: object, text: str, *, remedy: str = "") -> None:
    """Report a value that is not sent as the user wrote it: an error or one warning, as `unsupported` says."""
    if options.unsupported == "error":
        raise KimiInputError(name, value, text, remedy or f"remove {name}, or choose another model")
    if options.unsupported == "warn":
        warn_once((options.model, name), text)
