"""Counting tokens: by asking the platform, exactly offline with Kimi's vocabulary, or by an estimate.

* `estimate`, `aestimate`: what the platform itself counts. A request each time that it is not in the cache, and the
  lowest tier allows three requests a minute: never in a loop.
* `KimiTokenizer`: Kimi's own vocabulary, from a file or the hub. Text exactly, and prompts as the models' open
  templates count them.
* `estimate_text`, `count_text`, `count_messages`: offline, at once, without anything to install.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from kimi_api._transport.steps import Client, Send, Steps, adrive, drive
from kimi_api.errors import KimiInputError, KimiReplyError
from kimi_api.tokens._count import EstimatedTokens, Tokenizer, count_text
from kimi_api.tokens._estimate import estimate_text
from kimi_api.tokens._prompt import count_messages
from kimi_api.tokens.tokenizer import KimiTokenizer, as_tokenizer

__all__ = [
    "EstimatedTokens",
    "KimiTokenizer",
    "Tokenizer",
    "aestimate",
    "as_tokenizer",
    "count_messages",
    "count_text",
    "estimate",
    "estimate_text",
    "forget_estimates",
]

_PATH = "/tokenizers/estimate-token-count"
_KEPT = 1_024
_answers: dict[bytes, int] = {}
_lock = threading.Lock()


def estimate(client: Client, model: str, messages: Sequence[Mapping[str, Any]]) -> int:
    """Prompt tokens of wire `messages` as the platform counts them: https://platform.kimi.ai/docs/api/estimate.

    The endpoint is not documented to count tools; `count_messages((), tools, model=model)` estimates the tokens of
    tools. Equal questions are asked once per process: the last 1,024 answers are kept, by host and content.

    Raises:
        KimiInputError: no messages.
        KimiAPIError: the platform refused the request, or cannot be reached.
        KimiReplyError: an answer without a count.
    """
    return drive(client, _estimate(client.base_url, model, messages))


async def aestimate(client: Client, model: str, messages: Sequence[Mapping[str, Any]]) -> int:
    """The asynchronous twin of `estimate`."""
    return await adrive(client, _estimate(client.base_url, model, messages))


def forget_estimates() -> None:
    """Empty the cache of `estimate` and `aestimate`."""
    with _lock:
        _answers.clear()


def _estimate(host: str, model: str, messages: Sequence[Mapping[str, Any]]) -> Steps[int]:
    if not messages:
        raise KimiInputError("messages", messages, "at least one message is needed", "an empty list has 0 tokens")
    body = {"model": model, "messages": list(messages)}
    key = hashlib.sha256(json.dumps([host, body], default=str).encode("utf-8", "surrogatepass")).digest()
    known = _answers.get(key)
    if known is not None:
        return known
    answer = yield Send("POST", _PATH, body)
    total = read_estimate(answer.body)
    if total is None:
        raise KimiReplyError(
            f"the platform answered without a count of tokens: {str(answer.body)[:200]}",
            request_id=answer.headers.get("msh-request-id"),
        )
    with _lock:
        while len(_answers) >= _KEPT:
            del _answers[next(iter(_answers))]
        _answers[key] = total
    return total


def read_estimate(body: object) -> int | None:
    """The count in `{"data": {"total_tokens": n}}`, or None."""
    data = body.get("data") if isinstance(body, Mapping) else None
    total = data.get("total_tokens") if isinstance(data, Mapping) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else None
