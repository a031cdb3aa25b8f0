"""Moonshot Flavored JSON Schema: what can be wrong with a schema, as Moonshot's published checker says it.

https://github.com/MoonshotAI/walle. A problem has a topic, and the topic tells who minds: ``LIVE`` ones were seen
refused by the platform itself, ``STRICT`` ones are refused by the checker at the level that the API's documents
advise, ``ULTRA`` ones are keywords and combinations that the written dialect lacks although the platform takes them.
Keywords the checker does not know (``format``, ``oneOf``, ``$schema``, ...) hide what is below them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from kimi_emulator.platform.mfjs.keywords import check_keywords
from kimi_emulator.platform.mfjs.objects import check_object
from kimi_emulator.platform.mfjs.schema import Problem, nodes_of
from kimi_emulator.platform.mfjs.whole import check_whole

__all__ = ["Problem", "problems"]

LIVE = frozenset({"anyof_type", "items_array", "boolean_schema", "ref_target", "ref_type", "enum_type"})
STRICT = frozenset({"type", "enum", "any_of", "ref", "defs", "object", "annotation", "limits", "recursion"})
ULTRA = frozenset({"keyword"})
LEVELS = {"live": LIVE, "strict": LIVE | STRICT, "ultra": LIVE | STRICT | ULTRA}
"""The topics that each level of strictness minds."""


def problems(schema: Mapping[str, Any], level: str) -> Iterator[Problem]:
    """What a level minds in a schema, in a fixed order (the real checker reports one, and which one is random)."""
    minded = LEVELS[level]
    any_problem = False
    for path, node in nodes_of(schema):
        for problem in chain(check_object(path, node, schema), check_keywords(path, node, schema)):
            if problem.topic in minded:
                any_problem = True
                yield problem
    if not any_problem and "limits" in minded:
        yield from check_whole(schema)
