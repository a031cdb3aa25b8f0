"""The one place where all faults are named."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kimi_emulator.script import Fault, Kind

__all__ = ["BATCH", "FAULTS", "FIBER", "MODELS", "STREAM", "UPLOAD", "declare", "fault_named"]

STREAM: frozenset[Kind] = frozenset({"stream"})
UPLOAD: frozenset[Kind] = frozenset({"upload"})
MODELS: frozenset[Kind] = frozenset({"models"})
BATCH: frozenset[Kind] = frozenset({"batch"})
FIBER: frozenset[Kind] = frozenset({"fiber"})

_BY_ID: dict[str, Fault] = {}
FAULTS: Mapping[str, Fault] = MappingProxyType(_BY_ID)
"""Every fault by its stable id, in the order of the pages about them. Read-only: it is the whole process's."""


def declare(id: str, description: str, seen: str, **more: Any) -> None:
    """Add a fault to the registry."""
    if id in _BY_ID:
        raise ValueError(f"fault {id} is declared twice")
    _BY_ID[id] = Fault(id, description, seen, **more)


def fault_named(fault: Fault | str) -> Fault:
    """The fault of this id; a fault (a test may make its own) as it is."""
    if isinstance(fault, Fault):
        return fault
    if fault not in FAULTS:
        raise KeyError(f"no fault {fault!r}; there are {', '.join(FAULTS)}")
    return FAULTS[fault]
