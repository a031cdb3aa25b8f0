"""Whether the emulator would have answered as the platform did: same status, same type of error, same shape."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from kimi_emulator.http.server import Emulator
from kimi_emulator.record.cassettes import Exchange
from kimi_emulator.record.shape import chat_message, differences, error_type, parse_body
from kimi_emulator.script import BrainContext, Reply, ToolCall

__all__ = ["Judge", "Verdict"]

_NOBODY = "sk-test-of-nobody"
_CHAT = "/v1/chat/completions"
_STORED = re.compile(r"/v1/(?:files|batches)/([^/?]+)")
_REFERRED = re.compile(r'ms://([\w-]+)|"(?:input_file_id|file_id)"\s*:\s*"([^"]+)"')
_ID = re.compile(r"(?:^|_)id$")
_SEALED = b"MOONSHOT ENCRYPTED"


@dataclass(frozen=True)
class Verdict:
    """The result of one comparison.

    * ``place``: the number of the exchange, from 1; ``status`` and ``type`` (of an error): the platform's.
    * ``outcome``: "same", "differs", or "not compared" where the emulator cannot know what the platform knew.
    * ``reasons``: sentences; none where all is the same.
    """

    place: int
    method: str
    path: str
    status: int
    type: str
    outcome: Literal["same", "differs", "not compared"]
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"#{self.place} {self.method} {self.path} -> {self.status}{' ' + self.type if self.type else ''}"
        return "\n    ".join((f"{head}: {_WORDS[self.outcome]}", *self.reasons))


_WORDS = {"same": "the emulator too", "differs": "THE EMULATOR DIFFERS", "not compared": "not compared"}


class Judge:
    """An emulator of its own, which is asked what the platform was asked, and told what its model said.

    Files and batches that were made through it are known under both their ids. ``settings`` are the emulator's.
    """

    def __init__(self, **settings: Any) -> None:
        self._replies: deque[Reply] = deque(maxlen=1)
        self._kimi = Emulator(brain=_Echo(self._replies), inspector=False, **settings)
        self._ids: dict[str, str] = {}  # of the platform -> of the emulator

    def __enter__(self) -> Judge:
        self._kimi.start()
        self._client = httpx.Client(base_url=self._kimi.base_url.removesuffix("/v1"), timeout=60, trust_env=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._kimi.stop()

    def compare(self, exchange: Exchange) -> Verdict:
        """The verdict on one exchange; they are to come in the order in which they ended."""
        theirs = parse_body(exchange.body)
        head = (exchange.place, exchange.method, exchange.path, exchange.status, error_type(theirs))
        try:
            obstacle = self._obstacle(exchange, theirs)
            reasons = self._compare(exchange, theirs) if obstacle is None else (obstacle,)
        except Exception as error:  # an answer that nobody foresaw must not end the recording of the others
            return Verdict(*head, "not compared", (f"comparing it failed: {error!r}",))
        return Verdict(*head, "not compared" if obstacle else "differs" if reasons else "same", reasons)

    def _compare(self, exchange: Exchange, theirs: Any) -> tuple[str, ...]:
        self._replies.clear()
        if exchange.status == 200 and urlsplit(exchange.path).path == _CHAT:
            self._replies.append(_reply(theirs))
        answer = self._ask(exchange)
        ours = parse_body(answer.content)
        if exchange.status == answer.status_code == 200:
            self._ids |= dict(_pair_ids(theirs, ours))
        return tuple(_reasons(exchange.status, theirs, answer.status_code, ours))

    def _obstacle(self, exchange: Exchange, theirs: Any) -> str | None:
        """Why the emulator cannot be expected to say the same."""
        if exchange.status == 429 or exchange.status >= 500:
            return "the platform was busy, or the account's limits were reached"
        if exchange.status == 200 and urlsplit(exchange.path).path == _CHAT and chat_message(theirs) is None:
            return "the answer has no end"
        if _SEALED in exchange.request_body:
            return "it brings sealed text, which the platform alone can read"
        if exchange.status < 400:
            unknown = [id for id in _ids_of(exchange) if id not in self._ids]
            if unknown:
                return f"{unknown[0]} was not made through this proxy"
        return None

    def _ask(self, exchange: Exchange) -> httpx.Response:
        path, body = exchange.path, exchange.request_body
        for theirs, ours in self._ids.items():
            path, body = path.replace(theirs, ours), body.replace(theirs.encode(), ours.encode())
        headers = {
            name: value
            for name, value in exchange.request_headers.items()
            if name not in ("authorization", "content-length", "host", "transfer-encoding", "accept-encoding")
        }
        if "authorization" in exchange.request_headers:
            # Which keys are good, the platform knows alone.
            key = _NOBODY if exchange.status == 401 else self._kimi.api_key
            scheme = exchange.request_headers["authorization"].partition(" ")[0]
            headers["authorization"] = f"{scheme} {key}"
        return self._client.request(exchange.method, path, content=body or None, headers=headers)


class _Echo:
    """The brain that says what the platform's model said."""

    def __init__(self, replies: deque[Reply]) -> None:
        self._replies = replies

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        """That reply; a short one where the platform gave none (it refused, say, and the emulator does not)."""
        return self._replies.popleft() if self._replies else Reply(content="ok", reasoning="")


def _reply(answer: Any) -> Reply:
    whole = chat_message(answer)
    assert whole is not None  # noqa: S101 - looked at before
    message, reason = whole
    calls = [call for call in message.get("tool_calls") or () if isinstance(call, dict)]
    functions = [(call.get("function") or {}, call.get("id")) for call in calls]
    return Reply(
        content=str(message.get("content") or ""),
        reasoning=str(message.get("reasoning_content") or ""),
        tool_calls=[
            ToolCall(str(function.get("name")), str(function.get("arguments") or ""), id) for function, id in functions
        ],
        finish_reason=reason,
    )


def _reasons(status: int, theirs: Any, our_status: int, ours: Any) -> Iterator[str]:
    if status != our_status:
        platform = _error_text(theirs) or " nothing"
        yield f"the emulator answers {our_status}{_error_text(ours)}; the platform said{platform}"
        return
    if error_type(theirs) != error_type(ours):
        yield f"the emulator's type of error is {error_type(ours)!r}"
    yield from differences(theirs, ours)


def _error_text(answer: Any) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return f" {error_type(answer)}: {message}" if message else ""


def _ids_of(exchange: Exchange) -> list[str]:
    """Ids of files and batches that a request names."""
    if exchange.request_headers.get("content-type", "").startswith("multipart/"):
        return []
    text = exchange.request_body.decode("utf-8", "replace")
    referred = [one or other for one, other in _REFERRED.findall(text)]
    return _STORED.findall(exchange.path) + referred


def _pair_ids(theirs: Any, ours: Any) -> Iterator[tuple[str, str]]:
    """Ids of the platform's answer, each with its counterpart in ours."""
    if not isinstance(theirs, dict) or not isinstance(ours, dict) or "choices" in theirs:
        return
    for name, value in theirs.items():
        other = ours.get(name)
        if _ID.search(name) and isinstance(value, str) and isinstance(other, str) and value and other:
            yield value, other
        else:
            yield from _pair_ids(value, other)
