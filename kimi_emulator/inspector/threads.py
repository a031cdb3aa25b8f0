"""Which requests belong together: the turns of a conversation, the steps of an agent's run.

A request goes on from the exchange whose answer it brings back; if it brings none, from the newest one that it has the
longest beginning in common with. A common system message alone makes no conversation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kimi_emulator.content import compact, text_of

__all__ = ["Threads", "chat_messages"]

_SIZE = 16  # bytes of a digest
_TELLING = 40
"""An answer of so many characters is recognised by its text alone, whatever came before it."""
_TRIED = 3
"""So many assistant messages are looked at, from the last: the very last may be a beginning to go on from."""
_EDGE = 64


@dataclass
class _Member:
    thread: int
    chain: bytes
    keys: list[bytes]


def chat_messages(body: Any) -> list[dict[str, Any]]:
    """The messages of a request, if all are objects; else none."""
    messages = body.get("messages") if isinstance(body, Mapping) else None
    if isinstance(messages, list) and messages and all(isinstance(message, dict) for message in messages):
        return messages
    return []


class Threads:
    """An index of the exchanges that are kept, by their numbers. A thread has the number of its first exchange."""

    def __init__(self) -> None:
        self._members: dict[int, _Member] = {}
        self._starts: dict[bytes, int] = {}  # by a digest of the first messages: the newest that begins so
        self._whole: dict[bytes, int] = {}  # by a digest of all messages
        self._answers: dict[bytes, int] = {}
        self._heads: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    def thread(self, id: int) -> int | None:
        """The thread of an exchange; None if it is not kept."""
        member = self._members.get(id)
        return None if member is None else member.thread

    def place(self, id: int, body: Mapping[str, Any]) -> tuple[int, int | None]:
        """Take a request in: its thread, and the exchange to compare its prompt with (None for none).

        The first of a thread is compared with the newest one whose instructions or tools look alike.
        """
        messages = chat_messages(body)
        chain = _chain(messages)
        before = self._before(messages, chain)
        heads = _heads(body, messages)
        likeness = next((self._heads[key] for key in heads if key in self._heads), None)
        thread = id if before is None else self._members[before].thread
        member = self._members[id] = _Member(thread, b"".join(chain), heads)
        self._starts.update(dict.fromkeys(chain, id))
        self._whole[chain[-1]] = id
        self._heads.update(dict.fromkeys(heads, id))
        return member.thread, likeness if before is None else before

    def answer(self, id: int, body: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        """Remember an answer: a request that brings it back continues from here."""
        member, messages = self._members.get(id), chat_messages(body)
        if member is None or not (message.get("content") or message.get("tool_calls")):
            return
        keys = _answer_keys(messages[-1], message)
        member.keys = [*member.keys, *keys]
        self._answers.update(dict.fromkeys(keys, id))

    def remove(self, id: int) -> None:
        """An exchange is not kept any more."""
        member = self._members.pop(id, None)
        if member is None:
            return
        keys = [member.chain[at : at + _SIZE] for at in range(0, len(member.chain), _SIZE)]
        for index in (self._starts, self._whole, self._answers, self._heads):
            for key in (*keys, *member.keys):
                if index.get(key) == id:
                    del index[key]

    def _before(self, messages: Sequence[Mapping[str, Any]], chain: Sequence[bytes]) -> int | None:
        spoken = [at for at, message in enumerate(messages) if message.get("role") == "assistant" and at]
        for at in reversed(spoken[-_TRIED:]):
            for key in _answer_keys(messages[at - 1], messages[at]):
                if key in self._answers:
                    return self._answers[key]
        first = next((at for at, message in enumerate(messages) if message.get("role") != "system"), len(messages))
        for start in reversed(chain[first:]):
            if start in self._starts:
                return self._whole.get(start, self._starts[start])
        return None


def _digest(*texts: str) -> bytes:
    digest = hashlib.blake2b(digest_size=_SIZE)
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.digest()


def _chain(messages: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """A digest for each beginning of the messages: the first, the first two, and so on."""
    chain, running = [], hashlib.blake2b(digest_size=_SIZE)
    for message in messages:
        running.update(compact(message).encode("utf-8", "surrogatepass") + b"\0")
        chain.append(running.digest())
    return chain


def _answer_keys(before: Mapping[str, Any], message: Mapping[str, Any]) -> list[bytes]:
    """What an answer is known by: its text and calls, after the message that it answered, or alone if it is long.

    Thinking, ids and the spacing of arguments play no part: clients change them.
    """
    text = text_of(message.get("content"))
    calls = message.get("tool_calls")
    turn = compact([text.strip(), [_call(call) for call in calls] if isinstance(calls, list) else []])
    keys = [_digest("after", str(before.get("role")), text_of(before.get("content")), turn)]
    return [*keys, _digest("alone", turn)] if len(text) >= _TELLING else keys


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return None
    arguments = function.get("arguments")
    try:
        arguments = json.dumps(json.loads(arguments), sort_keys=True) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return [function.get("name"), arguments]
    return [function.get("name"), arguments]


def _heads(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """What the instructions of a request are known by, though a part of them changes: beginning, end, tools' names."""
    model, heads = str(body.get("model")), []
    text = text_of(messages[0].get("content")) if messages[0].get("role") == "system" else ""
    if len(text) >= _EDGE:
        heads += [_digest("begins", model, text[:_EDGE]), _digest("ends", model, text[-_EDGE:])]
    tools = body.get("tools")
    names = sorted(str(_call(tool)[0]) for tool in tools if _call(tool)) if isinstance(tools, list) else []
    return [*heads, _digest("tools", model, *names)] if names else heads
