"""Answers without an answer: no text and no tool call, or tool calls that were announced and did not come.

An agent takes such an answer for its last one and ends with an empty message. Moonshot's own client asks again.
"""

from __future__ import annotations

from kimi_api import retry
from kimi_api.chat._settle import ABSENT_CALLS, CALL_MARK, UNPARSED_CALLS
from kimi_api.client import KimiClient
from kimi_api.errors import KimiEmptyReplyError
from kimi_api.reply import ReplyBuilder
from kimi_api.request import ChatRequest
from kimi_api.retry import Retries

_CUT = ("length", "content_filter")


def wait_to_ask_again(
    client: KimiClient, request: ChatRequest, builder: ReplyBuilder, retries: Retries, *, may_restart: bool
) -> float | None:
    """What follows an answer that has come to its end.

    Args:
        client: raises its own subclass of the error.
        request: what was asked.
        builder: holds the answer; starts again where it is asked for again.
        retries: how often that may still be.
        may_restart: whether nothing of the answer was shown to the consumer, who could not take it back.

    Returns:
        None where the answer stands; the seconds to wait before it is asked for again.

    Raises:
        KimiEmptyReplyError: it is empty, and is not asked for again.
    """
    if request.empty_answers == "warn":
        return None
    lack = _lack(builder, request)
    if not lack:
        return None
    if may_restart and retries.take():
        builder.restart()
        seconds = retry.wait_seconds(retries.used)
        retry.note_retry("KimiEmptyReplyError", retries.used, seconds)
        return seconds
    if request.parsed or request.choice.required_call:  # an absent object or call is an error elsewhere
        return None
    reply = builder.assemble()
    times = retries.used + 1
    error = client.error_class(KimiEmptyReplyError)(
        f"{request.body['model']} {lack}"
        + (f" (asked {times} times)" if times > 1 else "")
        + ("" if may_restart else ". A part of it was already shown, so the request was not repeated")
        + ". What to do: send the request again, or raise max_retries; empty_answers='warn' returns such answers",
        request_id=reply.request_id,
    )
    error.partial = reply
    raise error


def _lack(builder: ReplyBuilder, request: ChatRequest) -> str:
    """What an empty answer lacks; "" where the answer is not empty.

    A continuation may have nothing to add, a cut answer is as long as it was allowed to be, and one with `stop` may
    have begun with a stop word.
    """
    if not builder.complete or builder.has_tool_call or request.prefix is not None:
        return ""
    end = builder.reply.finish_reason
    if end in _CUT or request.body.get("stop"):
        return ""
    if end == "tool_calls":
        return UNPARSED_CALLS if CALL_MARK in builder.text else ABSENT_CALLS
    if builder.has_text:
        return ""
    kind = "thought, and then gave" if builder.has_begun else "gave"
    return f"{kind} neither an answer nor a tool call (finish_reason {end!r})"
