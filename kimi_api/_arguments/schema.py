"""Arguments of a tool call that were encoded once too often: found in a text, or while it comes, and decoded. Pure.

Two ways are seen. The whole arguments are a JSON text inside a JSON text (hosts that encode twice). Or one member is:
`{"todos": "[{...}]"}`, a string where the tool's schema wants an array or an object. That one is decoded by the schema
alone, one level deep: a string that happens to hold JSON is a string where the schema allows one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kimi_api._arguments.text import read, strict_text, value_of

Members = Mapping[str, frozenset[str]]
"""Names of members of a tool's arguments -> "array", "object" or both: all that the schema allows, beside null."""

_DECODED = {"array": list, "object": dict}
_ANY = frozenset({"any"})
_STRING = r'"(?:[^"\\]++|\\.)*+"'
_PART = re.compile(_STRING + r"|[{}\[\],]", re.DOTALL)
_SUSPECT = re.compile(r'"(?:\s|\\[nrt])*[\[{]')  # a string that begins as an array or an object does
_WITHIN = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NEXT = re.compile(r'["{}\[\],]')


def structured_members(request_body: Mapping[str, Any] | None, name: str) -> Members:
    """The members of the tool `name` that are arrays or objects, by the tools that a request offers."""
    for tool in _offered_tools(request_body or {}):
        function = tool.get("function")
        if isinstance(function, Mapping) and function.get("name") == name:
            schema = function.get("parameters")
            members: dict[str, frozenset[str]] = {}
            if isinstance(schema, Mapping):
                _gather(schema, schema, members, ())
            return {member: kinds for member, kinds in members.items() if kinds and kinds <= _DECODED.keys()}
    return {}


def correct(text: str, members: Callable[[], Members]) -> tuple[str, str]:
    """`text` decoded, and the text that goes back to the model: `text` out of the JSON text that it may stand in.

    Args:
        text: the arguments as they came.
        members: gives the members that are arrays or objects; asked only where it matters.
    """
    text = _unwrap(text)
    if not _SUSPECT.search(text) or read(text) is None:
        return text, text
    structured = members()
    pieces: list[str] = []
    done = 0
    for name, start, end in _strings(text) if structured else ():
        inner: Any = value_of(text[start:end])
        value = value_of(inner) if name in structured and isinstance(inner, str) else None
        if any(isinstance(value, _DECODED[kind]) for kind in structured.get(name, ())):
            pieces += text[done:start], strict_text(inner)
            done = end
    return "".join(pieces) + text[done:], text


class Watch:
    """Looks at the text of one call while it comes: what can be shown, and what is held until all of it is there.

    Held are a text that begins with a quote, and the rest of a text from where a string opens for a member that is an
    array or an object. Costs per piece do not grow with the length of the text; `idle` says that no more need be seen.

    Args:
        members: the members that are arrays or objects; None while the tool is not known, which holds every string.
    """

    __slots__ = ("_begun", "_blank", "_depth", "_escaped", "_key", "_key_text", "_members", "_within", "held", "idle")

    def __init__(self, members: Members | None) -> None:
        self._members = members
        self.held: list[str] | None = None
        self.idle = False
        self._begun = False
        self._blank = ""  # white space before it
        self._depth = 0
        self._within = False  # a string
        self._escaped = False  # the last character was the first half of an escape
        self._key: str | None = None  # of the member whose value is to come; None where a key is
        self._key_text: list[str] | None = None  # of a key that is being read

    def show(self, piece: str) -> str:
        """The part of `piece` that can be shown; the rest is in `held`."""
        if self.held is not None:
            self.held.append(piece)
            return ""
        if not self._begun:
            piece = self._blank + piece
            start = piece.lstrip()[:1]
            if not start:
                self._blank = piece  # if nothing follows, these are no arguments
                return ""
            self._begun = True
            if start != '"' and (start != "{" or self._members == {}):
                self.idle = True
                return piece
            at = 0 if start == '"' else self._find(piece)
        elif self._within and not self._escaped and self._key_text is None and '"' not in piece and "\\" not in piece:
            return piece
        else:
            at = self._find(piece)
        if at < 0:
            return piece
        self.held = [piece[at:]]
        return piece[:at]

    def _find(self, piece: str) -> int:
        """Where in `piece` a string opens that must be held; -1 for nowhere."""
        position = 0
        while position < len(piece):
            if self._within:
                end = _WITHIN.match(piece, position + self._escaped).end()  # type: ignore[union-attr] - matches ""
                self._escaped = piece[end : end + 1] == "\\"
                if self._key_text is not None:
                    self._key_text.append(piece[position : end + self._escaped])
                if piece[end : end + 1] != '"':
                    return -1
                self._within = False
                if self._key_text is not None:
                    key: Any = value_of(f'"{"".join(self._key_text)}"')
                    self._key, self._key_text = key or "", None
                position = end + 1
                continue
            match = _NEXT.search(piece, position)
            if match is None:
                return -1
            char, position = match.group(), match.end()
            if char == '"':
                if self._depth == 1:
                    if self._key is None:
                        self._key_text = []
                    elif self._members is None or self._key in self._members:
                        return match.start()
                self._within = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
            elif self._depth == 1:
                self._key = None
        return -1


def _unwrap(text: str) -> str:
    """Arguments out of the JSON text around them; `text` itself if there is none."""
    inner: Any = text
    while isinstance(inner, str) and inner.lstrip().startswith('"'):
        inner = value_of(inner)
    return inner if isinstance(inner, str) and inner is not text and read(inner) is not None else text


def _strings(text: str) -> Iterator[tuple[str, int, int]]:
    """The members of the JSON object `text` whose values are strings: the name, start and end of the string."""
    depth = 0
    key: Any = None
    for match in _PART.finditer(text):
        part = match.group()
        if part in "{[":
            depth += 1
        elif part in "}]":
            depth -= 1
        elif depth != 1:
            continue
        elif part == ",":
            key = None
        elif key is None:
            key = value_of(part) or ""
        else:
            yield key, match.start(), match.end()


def _offered_tools(request_body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The tools of a request, those that its messages bring included."""
    yield from request_body.get("tools") or ()
    for message in request_body.get("messages") or ():
        yield from message.get("tools") or ()


def _gather(
    schema: Mapping[str, Any], root: Mapping[str, Any], members: dict[str, frozenset[str]], seen: tuple[str, ...]
) -> None:
    """Put the members of an object schema into `members`; of a union, what any of its branches allows."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        _gather(_target(reference, root), root, members, (*seen, reference))
    properties = schema.get("properties")
    for name, member in properties.items() if isinstance(properties, Mapping) else ():
        members[name] = members.get(name, frozenset()) | _kinds(member, root, ())
    for branch in (*_branches(schema, "anyOf"), *_branches(schema, "oneOf"), *_branches(schema, "allOf")):
        _gather(branch, root, members, seen)


def _kinds(schema: object, root: Mapping[str, Any], seen: tuple[str, ...]) -> frozenset[str]:
    """The types that a schema allows, without null; `_ANY` where it does not say."""
    if not isinstance(schema, Mapping):
        return _ANY
    kind = schema.get("type")
    if isinstance(kind, str):
        return frozenset({kind}) - {"null"}
    if isinstance(kind, Iterable):
        return frozenset(map(str, kind)) - {"null"}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _ANY if reference in seen else _kinds(_target(reference, root), root, (*seen, reference))
    for word in ("anyOf", "oneOf"):
        if branches := _branches(schema, word):
            return frozenset().union(*(_kinds(branch, root, seen) for branch in branches))
    stated = [kinds for branch in _branches(schema, "allOf") if (kinds := _kinds(branch, root, seen)) != _ANY]
    if stated:
        return frozenset.intersection(*stated)
    if "properties" in schema:
        return frozenset({"object"})
    return frozenset({"array"}) if "items" in schema else _ANY


def _branches(schema: Mapping[str, Any], word: str) -> list[Mapping[str, Any]]:
    branches = schema.get(word)
    return [branch for branch in branches if isinstance(branch, Mapping)] if isinstance(branches, list) else []


def _target(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a `$ref` of the same document means; {} where it leads nowhere."""
    value: Any = root if reference.startswith("#") else {}
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            value = value.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
