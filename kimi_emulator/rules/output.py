"""Rules on what the answer may be: its length, its format, where it stops, how it is sent."""

from __future__ import annotations

from typing import Any

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.wording import show, wrong_type


@rule("max_tokens.value", source="wording ours")
def max_tokens(check: ChatCheck) -> str | None:
    """``max_completion_tokens`` and ``max_tokens`` are whole numbers from 1."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = check.body.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            return f"Invalid request: {name} must be an integer of at least 1"
    return None


@rule("context.window", source="recorded 400: `262144 (requested: 269030)`")
def window(check: ChatCheck) -> str | None:
    """Prompt and asked-for output fit into the model's window."""
    requested = check.prompt_tokens + (check.max_tokens or 0)
    if requested > check.model.context:
        return (
            f"Invalid request: Your request exceeded model token limit: {check.model.context} (requested: {requested})"
        )
    return None


def _format(check: ChatCheck) -> dict[str, Any]:
    value = check.body.get("response_format")
    return value if isinstance(value, dict) else {}


def _json_schema(check: ChatCheck) -> dict[str, Any] | None:
    """The ``json_schema`` object of the response format, or None if another format is asked for."""
    value = _format(check)
    if value.get("type") != "json_schema":
        return None
    described = value.get("json_schema")
    return described if isinstance(described, dict) else {}


def _wrong_member(check: ChatCheck, name: str, kind: type, expected: str) -> str | None:
    value = (_json_schema(check) or {}).get(name)
    return wrong_type(f"`response_format.json_schema.{name}`", value, kind, expected, prefix="Invalid request: ")


@rule("response_format.type", source="Moonshot's verifier expects 400; wording ours")
def format_type(check: ChatCheck) -> str | None:
    """The format is text, json_object or json_schema."""
    if check.body.get("response_format") is None or _format(check).get("type") in (
        "text",
        "json_object",
        "json_schema",
    ):
        return None
    return f"Invalid request: unknown response_format type: {show(_format(check).get('type'))}"


@rule("response_format.name", source="users' report of the live text")
def format_name(check: ChatCheck) -> str | None:
    """``json_schema`` has a name."""
    described = _json_schema(check)
    if described is None or (isinstance(described.get("name"), str) and described["name"]):
        return None
    return "missing required parameter: response_format.json_schema.name"


@rule("response_format.schema", source="Moonshot's verifier expects 400; wording after the one for the name")
def format_schema(check: ChatCheck) -> str | None:
    """``json_schema`` has a schema."""
    described = _json_schema(check)
    if described is None or described.get("schema") is not None:
        return None
    return "missing required parameter: response_format.json_schema.schema"


@rule("response_format.schema_type", source="response format page, for a schema given as a text")
def format_schema_type(check: ChatCheck) -> str | None:
    """The schema is an object, not its text."""
    return _wrong_member(check, "schema", dict, "dict[string,interface]")


@rule("response_format.strict_type", source="chat page; wording after the server's texts for other fields")
def format_strict(check: ChatCheck) -> str | None:
    """``json_schema.strict`` is a boolean."""
    return _wrong_member(check, "strict", bool, "bool")


def _stops(check: ChatCheck) -> list[Any]:
    stop = check.body.get("stop")
    if stop is None:
        return []
    return stop if isinstance(stop, list) else [stop]


@rule("stop.type", source="wording ours")
def stop_type(check: ChatCheck) -> str | None:
    """``stop`` is a text or an array of texts."""
    if all(isinstance(stop, str) for stop in _stops(check)):
        return None
    return "Invalid request: stop must be a string or an array of strings"


@rule("stop.count", source="chat page: at most 5; wording ours")
def stop_count(check: ChatCheck) -> str | None:
    """There are at most 5 stop strings."""
    return None if len(_stops(check)) <= 5 else "Invalid request: stop can have at most 5 strings"


@rule("stop.length", source="chat page: at most 32 bytes each; wording ours")
def stop_length(check: ChatCheck) -> str | None:
    """A stop string has at most 32 bytes in UTF-8."""
    if all(len(stop.encode("utf-8", "surrogatepass")) <= 32 for stop in _stops(check)):
        return None
    return "Invalid request: a stop string can have at most 32 bytes"


@rule("stream.type", source="wording after the server's text for thinking")
def stream_type(check: ChatCheck) -> str | None:
    """``stream`` is a boolean."""
    return wrong_type("stream", check.body.get("stream"), bool, "bool")


@rule("stream.options", source="wording ours; options without a stream are tolerated (recorded)")
def stream_options(check: ChatCheck) -> str | None:
    """``stream_options`` is an object whose ``include_usage`` is a boolean."""
    options = check.body.get("stream_options")
    if options is None:
        return None
    if isinstance(options, dict) and isinstance(options.get("include_usage", False), bool):
        return None
    return "Invalid request: stream_options must be an object with a boolean include_usage"


@rule("cache.options", source="caching pages as quoted: mode implicit, ttl 5m or 1h; wording ours")
def cache_options(check: ChatCheck) -> str | None:
    """``prompt_cache_options`` has the mode implicit and a ttl of 5m or 1h."""
    options = check.body.get("prompt_cache_options")
    if options is None:
        return None
    if (
        isinstance(options, dict)
        and options.get("mode", "implicit") == "implicit"
        and options.get("ttl", "5m") in ("5m", "1h")
    ):
        return None
    return "Invalid request: prompt_cache_options must have mode implicit and ttl 5m or 1h"


@rule("prediction.shape", source="chat page: type content, and a text or text parts; wording ours")
def prediction(check: ChatCheck) -> str | None:
    """``prediction`` is ``{"type": "content", "content": ...}`` with a text or an array of text parts."""
    sent = check.body.get("prediction")
    if sent is None:
        return None
    content = sent.get("content") if isinstance(sent, dict) and sent.get("type") == "content" else None
    if isinstance(content, str):
        return None
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str) for part in content
    ):
        return None
    return "Invalid request: prediction must have type content and a content of text"


@rule("cache.key", source="chat page: a string or null; wording after the server's text for thinking")
def cache_key(check: ChatCheck) -> str | None:
    """``prompt_cache_key`` is a text."""
    return wrong_type("prompt_cache_key", check.body.get("prompt_cache_key"), str, "string")


@rule("safety_identifier.type", source="chat page: a string; wording after the server's text for thinking")
def safety_identifier(check: ChatCheck) -> str | None:
    """``safety_identifier`` is a text."""
    return wrong_type("safety_identifier", check.body.get("safety_identifier"), str, "string")
