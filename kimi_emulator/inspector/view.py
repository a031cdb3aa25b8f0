"""One exchange as the page shows it: what was asked and answered, tokens, money, timing, rules, prefix, exports."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from kimi_emulator.faults import FAULTS
from kimi_emulator.inspector import exports, prefix
from kimi_emulator.inspector.board import Board, mask_of, received_by
from kimi_emulator.inspector.reading import read_answer
from kimi_emulator.inspector.refused_values import refused_values
from kimi_emulator.inspector.summaries import CHAT
from kimi_emulator.inspector.traffic import Exchange, Traffic
from kimi_emulator.platform.state import State
from kimi_emulator.rules import RULES

__all__ = ["detail", "rules_about", "thread_script", "timing"]

_POINTS = 400  # of a stream's timing


def detail(exchange: Exchange, state: State, board: Board, base_url: str) -> dict[str, Any]:
    """All of it: what the row says, and what is behind it. No key is in it."""
    received, reply = received_by(exchange, state), read_answer(exchange)
    mask = mask_of(received, state)
    detail = {
        "request": {
            "headers": mask.headers(received.headers) if received is not None else {},
            "json": received.json if received is not None else None,
            "form": received.form if received is not None else None,
            "query": received.query if received is not None else {},
        },
        "reply": reply,
        "answer_headers": mask.headers(exchange.headers),
        "raw": exchange.answer().decode("utf-8", "replace"),
        "size": exchange.size,
        "cut": exchange.size - exchange.bytes_held,
        "timing": timing(exchange),
        "rules": rules_about(exchange, state),
        "prefix": _prefix(exchange, reply, board),
        "curl": exports.curl(received, base_url) if received is not None else "",
        "script": exports.script([_script_item(exchange)]) if exchange.path == CHAT else "",
        "fault_sentence": FAULTS[exchange.fault].description if exchange.fault in FAULTS else "",
        "steps": board.thread_of(exchange.id),
    }
    return {**(board.row(exchange.id) or {}), **mask.value(detail)}


def thread_script(id: int, state: State, board: Board, traffic: Traffic) -> str:
    """The answers of the whole thread of an exchange as one ``kimi.script(...)``."""
    steps = [exchange for each in board.thread_of(id) if (exchange := traffic.get(each)) and exchange.path == CHAT]
    return mask_of(None, state).text(exports.script(map(_script_item, steps)))


def _script_item(exchange: Exchange) -> exports.ScriptedAnswer:
    """An answer for a script. A fault that cannot be seen in what came (a cut, a silence) is given to it again."""
    fault = FAULTS.get(exchange.fault)
    hidden = fault is not None and (fault.wire or fault.chunks or fault.silence) and fault.failure is None
    return exchange.status, exchange.headers, read_answer(exchange), exchange.fault if hidden else ""


def _prefix(exchange: Exchange, reply: Mapping[str, Any], board: Board) -> dict[str, Any] | None:
    pair, row = board.comparison(exchange.id), board.row(exchange.id)
    if pair is None or row is None:
        return None
    other, comparison = pair
    usage = reply.get("usage")
    lost = prefix.loss(comparison, reply.get("model") or row["model"], usage) if isinstance(usage, Mapping) else None
    return {
        "with": other,
        "kind": "missed" if comparison.kind == "extends" and lost is not None and lost.tokens else comparison.kind,
        "messages": comparison.messages,
        "equal": comparison.equal,
        "place": comparison.place,
        "character": comparison.character,
        "before": comparison.before,
        "after": comparison.after,
        "lost": None if lost is None else lost.tokens,
        "cost": None if lost is None else lost.cost,
    }


def timing(exchange: Exchange) -> dict[str, Any]:
    """Milliseconds after the request came: the first byte, the end, and each piece (some of them, if many)."""
    offsets = [round((moment - exchange.began) * 1000, 3) for moment in exchange.times]
    step = max(1, -(-len(offsets) // _POINTS))
    return {
        "pieces": exchange.pieces,
        "first": offsets[0] if offsets else None,
        "last": offsets[-1] if offsets else None,
        "longest_gap": max((b - a for a, b in pairwise(offsets)), default=0.0),
        "points": offsets[::step],
    }


def rules_about(exchange: Exchange, state: State) -> list[dict[str, Any]]:
    """The rules that refused or reported the request: what each said, the sentence that explains it, and the value."""
    received = received_by(exchange, state)
    if received is None:
        return []
    with state.lock:
        notes = [(note, True) for note in state.refusals] + [(note, False) for note in state.report]
    entries = []
    for note, refused in notes:
        if note.request == exchange.place:
            values = refused_values(note.rule, note.message, received)
            entries.append(
                {
                    "id": note.rule,
                    "refused": refused,
                    "message": note.message,
                    "sentence": RULES[note.rule].description.replace("``", "`") if note.rule in RULES else "",
                    "values": [{"place": value.place, "text": value.text} for value in values],
                }
            )
    return entries
