"""What the client packages remember for the whole process: each object at module level that changes, in one list.

Everything else belongs to a client, a model object or a call. Each entry says what is kept, how far it can grow, and
what a forked process does with it: a child must neither wait for a lock that a thread of its parent held, nor write to
its parent's connections. `tests/test_state.py` finds such objects and fails for one that is not listed.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import NamedTuple

NEW_LOCK = "a new lock"
CLEAR = "cleared"
KEEP = "kept: plain data that follows from its key"


class State(NamedTuple):
    """One object at module level. `after_fork` is `NEW_LOCK`, `CLEAR`, `KEEP`, or the module's own function."""

    module: str
    name: str
    holds: str
    bound: str
    after_fork: str = CLEAR


def _lock(module: str, name: str = "_lock", after_fork: str = NEW_LOCK) -> State:
    return State(module, name, "the lock of what stands beside it", "one", after_fork)


_WATCH, _POOL = "kimi_api._arguments.verbatim", "kimi_api._transport.sdk.pool"
_UPLOAD_LOCK, _QUEUE = "kimi_api.files._upload_lock", "kimi_api.limits._queue"
_DOCUMENTS, _FETCH = "kimi_api.media._documents", "kimi_api.media._fetch"

_TEXTS = "1,024 texts of 2,048 characters"

STATES: tuple[State, ...] = (
    State("kimi_api._arguments.text", "_spell_once", "arguments as they go back to the model", _TEXTS, KEEP),
    State("kimi_api._arguments.text", "_normalize_once", "arguments in one spelling, by their text", _TEXTS, KEEP),
    _lock(_WATCH),
    State(_WATCH, "_watched", "names of official tools, whose arguments are kept as text", "1,024 names", KEEP),
    State(
        _WATCH, "_texts", "arguments of official tools as the model wrote them", "256 texts of 20,000 characters", KEEP
    ),
    _lock(_POOL, after_fork="_after_fork"),
    State(_POOL, "_sync", "the SDK's blocking clients", "one per host", "_after_fork"),
    State(_POOL, "_by_loop", "the SDK's asynchronous clients", "one per open event loop and host", "_after_fork"),
    State(_POOL, "_of_parents", "a parent's clients, never to be touched", "one entry per fork", "_after_fork"),
    State("kimi_api._transport.sdk.compat", "_ssl_context", "the certificates", "one", KEEP),
    State("kimi_api._transport.sdk.compat", "transport", "the HTTP library under the SDK", "one", KEEP),
    State("kimi_api._transport.sdk.compat", "_takes_content", "whether the SDK takes bodies as bytes", "one", KEEP),
    State("kimi_api._transport.sdk.calls", "_as_stream", "arguments that make the SDK stream", "two", KEEP),
    State("kimi_api._json", "_fast_encoder", "the writer of JSON", "one", KEEP),
    State("kimi_api._json", "_fast_decoder", "the reader of JSON", "one", KEEP),
    State("kimi_api._transport.sdk.compat", "response_class", "its class of responses", "one", KEEP),
    State("kimi_api._transport.bodies", "_guard_class", "guarding classes, by the HTTP library's", "four", KEEP),
    State("kimi_api._transport.observer", "observer", "the observer of calls, set by `instrument`", "one", KEEP),
    _lock("kimi_api._warn"),
    State("kimi_api._warn", "_warned_keys", "the keys of warnings that were given", "4,096 keys", KEEP),
    State(
        "kimi_api._warn", "_keys_by_answer", "the keys of warnings about an answer", "as long as the answer lives", KEEP
    ),
    State("kimi_api.doctor._packages", "warn_of_stranger", "whether a stranger's package was looked for", "one", KEEP),
    State("kimi_api._media_rules", "sniff", "types of contents by their first bytes", "128", KEEP),
    State(
        "kimi_api.catalog",
        "_process_catalog",
        "specs that go before the table, by `set_process_catalog`",
        "one table",
        KEEP,
    ),
    State("kimi_api.catalog._host", "plain_id", "ids of models in their plain spelling", "256", KEEP),
    State("kimi_api.catalog", "_look_up", "specs of ids", "256", KEEP),
    State(
        "kimi_api.formulas",
        "_tool_lists",
        "lists of official tools by client and formula",
        "as long as the client lives",
    ),
    State("kimi_api.files._leftovers", "_active", "uploads that this process works on", "what is under way"),
    State(_UPLOAD_LOCK, "_under_way", "files that this process uploads to keep", "what is under way"),
    _lock(_UPLOAD_LOCK, "_under_way_lock"),
    State("kimi_api.errors._masks", "_patterns", "the compiled patterns of secrets", "one", KEEP),
    State("kimi_api.files.ledger", "_at", "the ledgers by directory", "one per state directory"),
    State("kimi_api.files.ledger", "_host", "the name of this machine", "one", KEEP),
    _lock(_QUEUE, after_fork="reset"),
    State(_QUEUE, "_default", "what was sent under limits, by account", "a day's requests", "reset"),
    State(_QUEUE, "_queues", "who waits for a permit, by store and account", "one queue per account", "reset"),
    State(_QUEUE, "_pool", "threads that talk to stores for event loops", "8 threads", "reset"),
    _lock(_DOCUMENTS, after_fork="forget_documents"),
    State(_DOCUMENTS, "_texts", "texts of documents in messages", "32 MiB", "forget_documents"),
    State(_DOCUMENTS, "_failures", "documents that the platform cannot read", "256 errors", "forget_documents"),
    State(_DOCUMENTS, "_logged", "whether the first upload was logged", "one", "forget_documents"),
    State(_FETCH, "_pages", "what was fetched from addresses, for an hour", "64 MiB, 4,096 pages"),
    _lock(_FETCH, "_pages_lock"),
    State("kimi_api.mfjs._document", "_convert_text", "schemas in Moonshot's dialect, by their text", "1,024", KEEP),
    State("kimi_api.request", "_schemas", "tools in Moonshot's dialect", "1,024 tools", KEEP),
    State("kimi_api.telemetry._otel", "server_of", "host and port of addresses", "64", KEEP),
    State("kimi_api.tokens", "_answers", "counts from the platform's endpoint", "1,024 counts"),
    _lock("kimi_api.tokens"),
    State("kimi_api.tokens._count", "_counts", "counts of texts", "8,192 counts"),
    _lock("kimi_api.tokens._count"),
    State("kimi_api.tokens._estimate", "_patterns", "the compiled tables", "one", KEEP),
    State("kimi_api.tokens.tokenizer", "_load", "vocabularies by file", "4", KEEP),
    State("llama_index_kimi._objects", "schema_of", "schemas of pydantic classes", "256", KEEP),
    State("llama_index_kimi._objects", "_flexible", "classes that partial objects are read with", "256", KEEP),
    State("llama_index_kimi._tool_calls", "_wire_tools", "definitions by tool", "as long as the tool lives", KEEP),
)


def reset_after_fork() -> None:
    """Do in a forked process what `STATES` says; modules that are not loaded have nothing to reset."""
    done: set[tuple[str, str]] = set()
    for state in STATES:
        module = sys.modules.get(state.module)
        if module is None or state.after_fork == KEEP:
            continue
        value = getattr(module, state.name)
        if state.after_fork == NEW_LOCK:
            setattr(module, state.name, threading.Lock())
        elif state.after_fork == CLEAR:
            (value.cache_clear if hasattr(value, "cache_clear") else value.clear)()
        elif (state.module, state.after_fork) not in done:
            done.add((state.module, state.after_fork))
            getattr(module, state.after_fork)()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=reset_after_fork)
