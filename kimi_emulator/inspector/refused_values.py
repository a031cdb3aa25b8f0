"""The values that a rule refused or noted: where they stand in the request, and what they are.

Rules answer with the platform's words, which name a field, a position or the value itself; the rest follows from the
rule's id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kimi_emulator.inspector.masking import mask_header
from kimi_emulator.platform.state import ReceivedRequest

__all__ = ["Value", "refused_values"]

Path = tuple[str | int, ...]

_SHOWN = 600
_POSITION = re.compile(r"\b(?:position|index|messages?(?: at)?) (\d+)\b")
_QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"|<([^<>]+)>")
_DOTTED = re.compile(r"\b[a-z_]+(?:\.[a-z_]+)+\b")
_SCHEMA_PLACE = re.compile(r"At path '([^']*)'")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")

_FIELDS: Mapping[str, Sequence[str]] = {
    "auth": (),
    "model": ("model",),
    "messages": ("messages",),
    "thinking": ("thinking.keep", "thinking.type", "thinking"),
    "effort": ("reasoning_effort", "thinking.effort"),
    "tool_choice": ("tool_choice",),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "context": ("max_tokens", "max_completion_tokens"),
    "stop": ("stop",),
    "stream": ("stream_options", "stream"),
    "prediction": ("prediction",),
    "cache": ("prompt_cache_options", "prompt_cache_key"),
    "safety_identifier": ("safety_identifier",),
    "response_format": ("response_format",),
    "file": ("filename",),
}
"""The members that a group of rules is about, the likeliest first; the group is the id up to its dot."""


_ADDRESSED = (
    "file.unknown",
    "file.not_parsed",
    "file.extract_failed",
    "formula.unknown",
    "batch.unknown",
    "batch.cancel",
)

_LISTS = ("tolerated.sampling", "tolerated.unknown_field")


@dataclass(frozen=True)
class Value:
    """``place`` such as ``messages[2].role``; ``text`` is its JSON, cut if it is long, "" where there is none."""

    place: str
    text: str


def refused_values(rule: str, message: str, received: ReceivedRequest) -> list[Value]:
    """The values that ``message`` of this rule is about, mostly one; none if it is about no value of the request."""
    if rule == "auth.bearer":
        return [Value("Authorization", mask_header("authorization", received.headers.get("authorization", "")))]
    if rule.startswith("endpoint.") or rule in _ADDRESSED:
        return [Value("the address", f"{received.method} {received.path}")]
    if rule == "body.json":
        return [Value("the body", received.body[:_SHOWN].decode("utf-8", "replace"))]
    if rule == "body.size":
        return [Value("the body", f"{len(received.body) or received.headers.get('content-length')} bytes")]
    tree = received.json if isinstance(received.json, dict) else received.form or received.query
    if rule in _LISTS:
        paths: list[Path] = [(word,) for word in _WORD.findall(message) if word in tree]
    else:
        path = _path(rule, message, tree)
        paths = [] if path is None else [path]
    return [Value(show_path(path), _show(_get(tree, path))) for path in paths]


def show_path(path: Path) -> str:
    """A path as a program writes it."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _path(rule: str, message: str, tree: Mapping[str, Any]) -> Path | None:
    group, _, what = rule.partition(".")
    if what in tree:
        return (what,)
    for find in (_in_schema, _by_name, _in_messages, _by_quotation, _by_position):
        path = find(group, what, message, tree)
        if path is not None:
            return path
    for field in _FIELDS.get(group, ()):
        path = _reach(tree, field.split("."))
        if path is not None:
            return path
    return _by_word(message, tree, least="_" if group == "batch" else "")  # other words of a batch are about its file


def _get(tree: Any, path: Path) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _has(tree: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(tree, list) and step < len(tree)
    return isinstance(tree, Mapping) and step in tree


def _reach(tree: Any, steps: Sequence[str | int]) -> Path | None:
    for step in steps:
        if not _has(tree, step):
            return None
        tree = tree[step]
    return tuple(steps)


def _walk(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, tree
    entries = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in entries:
        yield from _walk(value, (*path, step))


def _in_schema(group: str, what: str, message: str, tree: Mapping[str, Any]) -> Path | None:
    """The place that the check of a schema names, in the schema that has it."""
    if group != "mfjs":
        return None
    match = _SCHEMA_PLACE.search(message)
    steps = [] if match is None or match[1] == "root" else match[1].split(".")
    roots: list[Path] = [("response_format", "json_schema", "schema")]
    tools = tree.get("tools")
    roots += [("tools", at, "function", "parameters") for at in range(len(tools) if isinstance(tools, list) else 0)]
    in_format = message.removeprefix("Invalid request: ").startswith("response_format")
    for root in roots if in_format else roots[1:]:
        if _reach(tree, root) is None:
            continue
        whole = _reach(tree, [*root, *steps])
        if whole is not None:
            keyword = next((word for word in _WORD.findall(message) if _has(_get(tree, whole), word)), None)
            return whole if keyword is None or not steps else (*whole, keyword)
    return None


def _by_name(group: str, what: str, message: str, tree: Mapping[str, Any]) -> Path | None:
    """A member that the message names with dots: ``messages.name`` stands for the one of any message."""
    for name in _DOTTED.findall(message):
        steps = name.split(".")
        path = _reach(tree, steps)
        if path is not None:
            return path
        if steps[0] in ("messages", "tools") and isinstance(tree.get(steps[0]), list):
            paths = [_reach(tree, [steps[0], at, *steps[1:]]) for at in range(len(tree[steps[0]]))]
            odd = [path for path in paths if path is not None and _is_odd(_get(tree, path), message)]
            if odd:
                return odd[0]
    return None


_JSON_TYPES = {"bool": bool, "number": (int, float), "string": str, "array": list, "object": dict}


def _is_odd(value: Any, message: str) -> bool:
    """Whether a value is of the type that the message says is not acceptable, where it says one."""
    match = re.search(r"and (\w+) is not acceptable", message)
    kind = _JSON_TYPES.get(match[1]) if match is not None else None
    return kind is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool)))


_COUNTED = ("message", "history", "reasoning", "partial", "tolerated", "dynamic_tools", "search")


def _by_position(group: str, what: str, message: str, tree: Mapping[str, Any]) -> Path | None:
    """The message that is counted out."""
    match = _POSITION.search(message)
    if match is None or group not in _COUNTED:
        return None
    path = _reach(tree, ["messages", int(match[1])])
    if path is not None and what == "role":
        return _reach(tree, [*path, "role"]) or path
    return path


def _in_messages(group: str, what: str, message: str, tree: Mapping[str, Any]) -> Path | None:
    """The first message, or part of one, that is as the rule describes."""
    messages = tree.get("messages")
    if not isinstance(messages, list):
        return None
    tests: dict[str, Callable[[Path, Any], bool]] = {
        "history.call_shape": lambda path, value: len(path) == 3 and path[1] == "tool_calls" and not _is_call(value),
        "message.content_type": lambda path, value: path[-1:] == ("content",) and not isinstance(value, str),
        "message.part_type": lambda path, value: _is_part(path) and value.get("type") not in ("text", *_MEDIA),
        "message.empty_text_part": lambda path, value: _is_part(path) and value.get("text") == "",
        "cache.breakpoint": lambda path, _: path[-1:] == ("prompt_cache_breakpoint",),
        "partial.role": lambda path, value: path[-1:] == ("partial",) and value is True,
        "partial.not_last": lambda path, value: path[-1:] == ("partial",) and value is True,
        "dynamic_tools.model": lambda path, _: len(path) == 2 and path[-1] == "tools",
        "dynamic_tools.content": lambda path, _: len(path) == 2 and path[-1] == "tools",
        "dynamic_tools.role": lambda path, _: len(path) == 2 and path[-1] == "tools",
    }
    test = tests.get(f"{group}.{what}")
    if group == "media":
        test = _is_media(message)
    if test is None:
        return None
    return next((("messages", *path) for path, value in _walk(messages) if test(path, value)), None)


_MEDIA = ("image_url", "video_url")


def _is_call(value: Any) -> bool:
    function = value.get("function") if isinstance(value, Mapping) else None
    texts = (
        [value.get("id"), function.get("name"), function.get("arguments")] if isinstance(function, Mapping) else [None]
    )
    return all(isinstance(text, str) for text in texts)


def _is_part(path: Path) -> bool:
    return len(path) == 3 and path[1] == "content"


def _is_media(message: str) -> Callable[[Path, Any], bool]:
    """A test for the address that the message quotes, else for the first address of an image or video."""

    def test(path: Path, value: Any) -> bool:
        in_part = len(path) >= 4 and path[1] == "content" and path[3] in _MEDIA and isinstance(value, str)
        return in_part and (not quoted or value[:200] in message or value.removeprefix("ms://") in message)

    quoted = "unsupported image url" in message or "unsupported video url" in message or "not found" in message.lower()
    return test


def _by_quotation(group: str, what: str, message: str, tree: Mapping[str, Any]) -> Path | None:
    """The text that the message quotes or ends in: a name, an id, arguments."""
    if group == "tools" and what in ("shape", "type", "function_name"):
        return _of_tools(what, tree)
    scope = _SCOPES.get(f"{group}.{what}", _SCOPES.get(group, ""))
    if scope not in tree:
        return None
    words = [next(filter(None, groups)) for groups in _QUOTED.findall(message)]
    if group != "search":
        words += [word.strip("`.,:'\"") for word in reversed(message.split())]
    places = [(path, value) for path, value in _walk(tree[scope], (scope,)) if isinstance(value, str)]
    for word in words:
        # The last one: a duplicate is the later of two, an answer stands behind its call.
        path = next((path for path, value in reversed(places) if value == word), None)
        if path is not None:
            return path
    return None


_SCOPES = {
    "tools.unanswered_call": "messages",
    "tools.unknown_call_id": "messages",
    "tools.extra_result": "messages",
    "tools.repeated_call_id": "messages",
    "tolerated.arguments": "messages",
    "search": "messages",
    "tolerated.builtin_name": "tools",
    "tools": "tools",
    "history": "messages",
    "tool_choice": "tool_choice",
    "response_format": "response_format",
    "thinking": "thinking",
}
"""The member of the request that holds what a rule, or a group of rules, quotes."""


def _of_tools(what: str, tree: Mapping[str, Any]) -> Path | None:
    tools = tree.get("tools")
    if not isinstance(tools, list):
        return ("tools",) if "tools" in tree else None
    if what == "type":
        return next((("tools", at) for at, tool in enumerate(tools) if not _has(tool, "type")), None)
    if what == "function_name":
        names = [_reach(tree, ["tools", at, "function", "name"]) for at in range(len(tools))]
        odd = [path for path in names if path and not re.fullmatch(r"[A-Za-z][\w-]*", str(_get(tree, path)))]
        return odd[0] if odd else None
    return ("tools",)


def _by_word(message: str, tree: Mapping[str, Any], least: str = "") -> Path | None:
    """A member of the request that the message names, the last one: "x must be set if y is used" is about y."""
    members = [word for word in _WORD.findall(message) if word in tree and least in word]
    return (members[-1],) if members else None


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
