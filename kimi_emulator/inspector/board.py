"""The list as the page shows it: a row for each exchange that is kept, put into threads, with sums.

Nothing is read before a page asks, and each exchange only when it has changed. What a row says is decided in the
modules below; here it is remembered.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from kimi_emulator.inspector import prefix
from kimi_emulator.inspector.masking import Mask
from kimi_emulator.inspector.reading import read_answer
from kimi_emulator.inspector.summaries import CHAT, chat_title, tell_answer, tell_request
from kimi_emulator.inspector.threads import Threads, chat_messages
from kimi_emulator.inspector.traffic import Exchange, Traffic
from kimi_emulator.platform import tokens
from kimi_emulator.platform.state import ReceivedRequest, Report, State

__all__ = ["Board", "mask_of", "received_by", "sums", "tokens_of"]

AT_ONCE = 200
"""So many rows are made in one go; a page that has just been opened gets them portion by portion."""
_PROMPTS = 32  # prompts that are remembered for the next comparison


def received_by(exchange: Exchange, state: State) -> ReceivedRequest | None:
    """The request of an exchange; None if it never got so far."""
    place = exchange.place
    return state.requests[place] if place is not None and place < len(state.requests) else None


def mask_of(received: ReceivedRequest | None, state: State) -> Mask:
    """What hides the emulator's key, and the one that a request came with."""
    bearer = received.headers.get("authorization", "").rpartition(" ")[2] if received is not None else ""
    return Mask([state.settings.api_key, bearer])


def tokens_of(usage: Any) -> dict[str, int] | None:
    """Tokens by where they come from: read from the cache, other input, thinking, the rest of the output."""
    if not isinstance(usage, Mapping):
        return None

    def count(value: Any) -> int:
        return int(value) if isinstance(value, int | float) else 0

    details = usage.get("completion_tokens_details")
    thinking = count(details.get("reasoning_tokens")) if isinstance(details, Mapping) else 0
    cached, output = count(usage.get("cached_tokens")), count(usage.get("completion_tokens"))
    return {
        "cached": cached,
        "input": max(count(usage.get("prompt_tokens")) - cached, 0),
        "thinking": min(thinking, output),
        "answer": max(output - thinking, 0),
    }


def sums(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Requests, refused ones, tokens by kind and USD of these rows; ``lost`` are tokens that a prefix cost."""
    totals: dict[str, Any] = dict.fromkeys(("requests", "refused", "prompt", "cached", "output", "lost"), 0)
    totals |= {"cost": 0.0, "lost_cost": 0.0}
    for row in rows:
        totals["requests"] += 1
        totals["refused"] += row["status"] is not None and row["status"] >= 400
        totals["cost"] += row["cost"] or 0.0
        if row["tokens"]:
            totals["prompt"] += row["tokens"]["cached"] + row["tokens"]["input"]
            totals["cached"] += row["tokens"]["cached"]
            totals["output"] += row["tokens"]["thinking"] + row["tokens"]["answer"]
        if row["prefix"]:
            totals["lost"] += row["prefix"]["lost"]
            totals["lost_cost"] += row["prefix"]["cost"]
    return totals


class Board:
    """The rows of one emulator. Safe to ask from several threads; blocks while it reads, so not for an event loop."""

    def __init__(self, state: State, traffic: Traffic) -> None:
        self._state, self._traffic = state, traffic
        self._lock = threading.Lock()
        self._cleared = -1
        self._forget_all()

    def _forget_all(self) -> None:
        self._version = 0
        self._rows: dict[int, dict[str, Any]] = {}
        self._members: defaultdict[int, set[int]] = defaultdict(set)
        self._titles: dict[int, str] = {}
        self._compared: dict[int, int | None] = {}
        self._threads = Threads()
        self._prompts: OrderedDict[int, list[prefix.Part]] = OrderedDict()
        self._notes: defaultdict[int, list[tuple[Report, bool]]] = defaultdict(list)
        self._noted = [0, 0]

    def changes(self, seen: int) -> tuple[int, dict[str, Any]]:
        """What is new to a page that has seen the list up to a version: the version it has then, and the news.

        ``rows`` and ``threads`` that changed, ``sums`` of all, ``oldest`` (rows with lower numbers are gone), and
        whether ``more`` is to come at once.
        """
        with self._lock:
            self._read_some()
            fresh = [row for row in self._rows.values() if row["version"] > seen]
            more = len(fresh) > AT_ONCE or self._version < self._traffic.version
            fresh = sorted(fresh, key=lambda row: row["version"])[:AT_ONCE]
            touched = {row["thread"] for row in fresh}
            return fresh[-1]["version"] if fresh else seen, {
                "rows": fresh,
                "threads": [self._thread(thread) for thread in sorted(touched)],
                "sums": sums(self._rows.values()),
                "oldest": self._traffic.oldest,
                "more": more,
            }

    def search(self, words: Iterable[str]) -> list[int]:
        """The numbers of the exchanges that hold all words: in messages, answers, names of tools, models and rules."""
        lower_words = [word.lower() for word in words]
        with self._lock:
            self._read_all()
            rows = list(self._rows.values())
        hits = []
        for row in rows:
            exchange = self._traffic.get(row["id"])
            if exchange is not None and _holds(lower_words, row, received_by(exchange, self._state), exchange):
                hits.append(row["id"])
        return hits

    def comparison(self, id: int) -> tuple[int, prefix.Comparison] | None:
        """The exchange that this one's prompt is compared with, and how it goes on from there."""
        with self._lock:
            self._read_all()
            return self._compare(id)

    def thread_of(self, id: int) -> list[int]:
        """The numbers of the exchanges in the same thread as this one, the oldest first."""
        with self._lock:
            self._read_all()
            row = self._rows.get(id)
            return sorted(self._members[row["thread"]]) if row is not None else []

    def row(self, id: int) -> dict[str, Any] | None:
        """The row of one exchange."""
        with self._lock:
            self._read_all()
            return self._rows.get(id)

    def _read_all(self) -> None:
        while self._read_some():
            pass

    def _read_some(self) -> bool:
        """Bring some rows up to date; whether there were any. The caller holds the lock."""
        tokens.VOCABULARY.set(self._state.vocabulary)
        if self._traffic.cleared > self._cleared:
            self._cleared = self._traffic.cleared
            self._forget_all()
        changed = sorted(self._traffic.since(self._version), key=lambda exchange: exchange.version)
        if not changed:
            return False
        self._read_notes()
        for exchange in changed[:AT_ONCE]:
            self._version = exchange.version
            self._rows[exchange.id] = self._make(exchange)
        oldest = self._traffic.oldest
        for id in [each for each in self._rows if each < oldest]:
            self._remove(id)
        return True

    def _remove(self, id: int) -> None:
        thread = self._rows.pop(id)["thread"]
        self._threads.remove(id)
        self._compared.pop(id, None)
        self._prompts.pop(id, None)
        self._members[thread].discard(id)
        if not self._members[thread]:
            del self._members[thread]
            self._titles.pop(thread, None)

    def _read_notes(self) -> None:
        with self._state.lock:
            for place, (notes, refused) in enumerate(((self._state.refusals, True), (self._state.report, False))):
                for note in notes[self._noted[place] :]:
                    self._notes[note.request].append((note, refused))
                self._noted[place] = len(notes)

    def _make(self, exchange: Exchange) -> dict[str, Any]:
        received, reply = received_by(exchange, self._state), read_answer(exchange)
        body = received.json if received is not None and isinstance(received.json, dict) else {}
        form = received.form if received is not None else None
        notes = () if exchange.place is None else self._notes.get(exchange.place, ())
        done, method, path = exchange.ended is not None, exchange.method, exchange.path
        mask, usage, model = mask_of(received, self._state), reply.get("usage"), reply.get("model") or body.get("model")
        request, answer = (
            tell_request(method, path, body, form),
            tell_answer(method, path, exchange.status, reply, done=done),
        )
        row = {
            "id": exchange.id,
            "version": exchange.version,
            "thread": self._place(exchange, body),
            "at": exchange.at,
            "method": method,
            "path": path,
            "status": exchange.status,
            "model": body.get("model"),
            "streamed": bool(body.get("stream")),
            "done": done,
            "whole": exchange.whole,
            "seconds": None if exchange.ended is None else exchange.ended - exchange.began,
            "tokens": tokens_of(usage),
            "cost": prefix.cost(model, usage) if isinstance(usage, Mapping) else None,
            "rules": [{"id": note.rule, "refused": refused} for note, refused in notes],
            "asked": {"kind": request.kind, "text": mask.text(request.text)},
            "answer": {"kind": answer.kind, "text": mask.text(answer.text)},
            "prefix": None,
            "fault": exchange.fault,
        }
        if done and path == CHAT and isinstance(reply.get("message"), dict):
            self._threads.answer(exchange.id, body, reply["message"])
            if isinstance(usage, Mapping):
                row["prefix"] = self._prefix(exchange.id, model, usage)
        return row

    def _place(self, exchange: Exchange, body: Mapping[str, Any]) -> int:
        """The thread of an exchange. A request that is no chat has its own, shared with its repetitions."""
        id = exchange.id
        if exchange.path == CHAT and chat_messages(body):
            thread = self._threads.thread(id)
            if thread is None:
                thread, self._compared[id] = self._threads.place(id, body)
                self._titles.setdefault(thread, chat_title(body))
        else:
            before = self._rows.get(id - 1)
            same = before is not None and (before["method"], before["path"]) == (exchange.method, exchange.path)
            thread = before["thread"] if before is not None and same and exchange.path != CHAT else id
        if (old := self._rows.get(id)) is not None and old["thread"] != thread:
            self._members[old["thread"]].discard(id)
        self._members[thread].add(id)
        return thread

    def _prefix(self, id: int, model: Any, usage: Mapping[str, Any]) -> dict[str, Any] | None:
        pair = self._compare(id)
        if pair is None:
            return None
        other, comparison = pair
        lost = prefix.loss(comparison, model, usage)
        kind = "missed" if comparison.kind == "extends" and lost.tokens else comparison.kind
        return {"kind": kind, "with": other, "place": comparison.place, "lost": lost.tokens, "cost": lost.cost}

    def _compare(self, id: int) -> tuple[int, prefix.Comparison] | None:
        other = self._compared.get(id)
        earlier, later = None if other is None else self._parts(other), self._parts(id)
        if other is None or earlier is None or later is None:
            return None
        comparison = prefix.compare(earlier, later)
        alike = self._threads.thread(other) != self._threads.thread(id)
        return None if alike and comparison.kind != "breaks" else (other, comparison)

    def _parts(self, id: int) -> list[prefix.Part] | None:
        if id not in self._prompts:
            exchange = self._traffic.get(id)
            received = received_by(exchange, self._state) if exchange is not None else None
            if received is None or not chat_messages(received.json):
                return None
            self._prompts[id] = prefix.parts(received.json)
            if len(self._prompts) > _PROMPTS:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(id)
        return self._prompts[id]

    def _thread(self, id: int) -> dict[str, Any]:
        rows = [self._rows[each] for each in sorted(self._members[id])]
        title = self._titles.get(id) or (rows[0]["asked"]["text"] if rows else "")
        return {"id": id, "title": mask_of(None, self._state).text(title), "sums": sums(rows)}


def _holds(words: Iterable[str], row: Mapping[str, Any], received: ReceivedRequest | None, exchange: Exchange) -> bool:
    head = (
        f"#{row['id']} {row['method']} {row['path']} {row['model'] or ''} {row['status'] or ''} {row['asked']['text']} "
    )
    head = (head + " ".join(rule["id"] for rule in row["rules"])).lower()
    missing = [word for word in words if word not in head]
    if not missing:
        return True
    body = received.json if received is not None and isinstance(received.json, dict) else {}
    texts = [body.get("messages"), body.get("tools"), received.form if received is not None else None]
    whole = json.dumps([*texts, read_answer(exchange)], ensure_ascii=False, default=str).lower()
    return all(word in whole for word in missing)
