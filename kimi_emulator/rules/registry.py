"""A rule of the platform: declared once, by decorating the function that checks it.

The function's docstring is the rule's description. It returns the message to refuse (or report) with, or None.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from kimi_emulator.errors import INVALID_REQUEST, ApiError

__all__ = ["PLATFORM_ONLY", "RULES", "Rule", "altered", "enforce", "rule"]

Subject = Literal["http", "chat", "upload", "file", "formula", "batch", "batch_call", "batch_file", "batch_list"]
Check = Callable[[Any], str | None]

_GROUPS = {
    "1.2": "endpoint",
    "1.3": "auth",
    "2.2": "model",
    "2.3": "tool_choice",
    "2.4": "sampling",
    "2.5": "effort",
    "2.6": "thinking",
    "3.1": "body cache max_tokens messages prediction safety_identifier stop stream",
    "3.2": "message media",
    "3.3": "partial",
    "3.4": "response_format",
    "3.7": "reasoning",
    "3.8": "context",
    "4.1": "tools",
    "4.2": "history",
    "4.3": "mfjs",
    "4.4": "fiber formula search",
    "4.5": "dynamic_tools",
    "5": "file",
    "6.5": "batch batches",
}
_SECTIONS = {group: section for section, groups in _GROUPS.items() for group in groups.split()}
"""Where the facts behind a group of rules stand: the group is the id up to its dot."""


@dataclass(frozen=True)
class Rule:
    """One rule. ``refuses`` False means the platform lets it pass and the emulator only reports it."""

    id: str
    description: str
    source: str
    subject: Subject
    check: Check
    status: int = 400
    type: str = INVALID_REQUEST
    refuses: bool = True
    section: str = ""
    """The section of the API fact sheet (kimi-api.md) that the rule follows, such as "3.2"."""

    def error(self, message: str) -> ApiError:
        """The answer to a request that breaks this rule."""
        return ApiError(self.status, self.type, message, rule=self.id)


PLATFORM_ONLY = (
    *("sampling.temperature", "sampling.top_p", "sampling.n", "sampling.presence_penalty"),
    *("sampling.frequency_penalty", "thinking.k2_7_disabled", "thinking.keep", "effort.", "dynamic_tools.model"),
    *("tool_choice.required_thinking", "tool_choice.specified_thinking", "mfjs.", "reasoning.missing", "stop.count"),
    *(
        "stop.length",
        "message.unknown_member",
        "tolerated.thinking",
        "tolerated.sampling",
        "tolerated.effort",
        "tolerated.unknown_field",
    ),
)
"""What the platform asks for and others that run the weights do not: how the ids of these rules begin."""

_BY_ID: dict[str, Rule] = {}
RULES: Mapping[str, Rule] = MappingProxyType(_BY_ID)
"""Every rule by its stable id, in the order in which they are checked. Read-only; `altered` changes one for a while."""


def rule(
    id: str,
    *,
    source: str,
    subject: Subject = "chat",
    status: int = 400,
    type: str = INVALID_REQUEST,
    refuses: bool = True,
    section: str | None = None,
) -> Callable[[Check], Check]:
    """Declare a rule.

    ``source`` says where its text comes from; "wording ours" marks a text nobody published. ``section`` is where its
    fact stands; None takes the section of the rule's group, the part of the id before the dot.
    """

    def declare(check: Check) -> Check:
        if id in _BY_ID:
            raise ValueError(f"rule {id} is declared twice")
        resolved_section = _SECTIONS.get(id.partition(".")[0], "") if section is None else section
        _BY_ID[id] = Rule(
            id, inspect.getdoc(check) or "", source, subject, check, status, type, refuses, resolved_section
        )
        return check

    return declare


@contextmanager
def altered(id: str, **members: Any) -> Iterator[None]:
    """Change a rule for a while, in every emulator of this process, to see whether a test notices.

    ``altered("auth.bearer", check=lambda _: None)`` switches one off.
    """
    before = _BY_ID[id]
    _BY_ID[id] = replace(before, **members)
    try:
        yield
    finally:
        _BY_ID[id] = before


def enforce(
    subject: Subject, target: Any, only: Iterable[str] = (), without: tuple[str, ...] = ()
) -> list[tuple[Rule, str]]:
    """Check ``target`` against all rules of a subject, or those whose id begins with one of ``only``.

    Rules whose id begins with one of ``without`` are left out.

    Raises the first refusal; returns what was tolerated.
    """
    prefixes = tuple(only)
    tolerated: list[tuple[Rule, str]] = []
    for each in RULES.values():
        if each.subject != subject or (prefixes and not each.id.startswith(prefixes)) or each.id.startswith(without):
            continue
        message = each.check(target)
        if message is None:
            continue
        if each.refuses:
            raise each.error(message)
        tolerated.append((each, message))
    return tolerated
