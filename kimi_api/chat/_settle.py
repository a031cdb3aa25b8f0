"""What is looked at in every whole answer, streamed or not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kimi_api._warn import warn
from kimi_api.chat._demand import lacks_demanded_call, require_demanded_call
from kimi_api.errors import KimiError, KimiReplyError
from kimi_api.errors._base import WITHHELD
from kimi_api.options import RAISE_MAX_TOKENS, budget_of
from kimi_api.reply import Reply, ReplyBuilder
from kimi_api.request import ChatRequest

if TYPE_CHECKING:
    from types import TracebackType

CALL_MARK = "<|tool_call"
UNPARSED_CALLS = f"wrote its tool calls as text ({CALL_MARK}...|>): the host failed to parse them"
ABSENT_CALLS = "announced tool calls (finish_reason 'tool_calls'), but none came"


def settle(builder: ReplyBuilder, request: ChatRequest) -> Reply:
    """The whole answer of a finished stream.

    Raises:
        KimiIncompleteReplyError: the stream ended early. What came is in its `partial`.
        KimiToolChoiceError: a demanded tool was not called.
    """
    with PartialKeeper(builder.partial_reply):
        return accept(builder.finish(), request)


def accept(reply: Reply, request: ChatRequest) -> Reply:
    """A whole answer, held against what was asked.

    Raises:
        KimiReplyError: a tool call has no name.
        KimiToolChoiceError: a demanded tool was not called.
    """
    try:
        reply = check_reply(reply, request)
        require_demanded_call(reply, request)
    except KimiReplyError as error:
        error.partial = reply
        raise
    return reply


def coming_error(builder: ReplyBuilder, request: ChatRequest) -> str:
    """The class of the error that `settle` is going to raise, mostly ""; for observers of the stream."""
    if not builder.complete:
        return "KimiIncompleteReplyError"
    reply = builder.assemble()
    if _has_nameless_call(reply):
        return "KimiReplyError"
    return "KimiToolChoiceError" if lacks_demanded_call(reply, request) else ""


def _has_nameless_call(reply: Reply) -> bool:
    return not all(call.name for call in reply.tool_calls)


class PartialKeeper:
    """A block whose errors carry the part of the answer that had come, as `partial`: the user has paid for it.

    Also errors that are not ours: what `before_send` raises to refuse a second request, a warning that
    is turned into an error, Ctrl-C, and a cancelled task (`asyncio.timeout` has it as the cause of its TimeoutError).
    """

    __slots__ = ("_partial",)

    def __init__(self, partial: Callable[[], Reply | None]) -> None:
        self._partial = partial

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, GeneratorExit):
            return
        if isinstance(error, KimiError):
            if error.partial is None:
                error.partial = self._partial()
            return
        foreign: Any = error
        with suppress(Exception):  # an error with slots; an event that Ctrl-C left half read
            if isinstance(getattr(foreign, "partial", None), Reply | None):
                foreign.partial = self._partial()


def check_reply(reply: Reply, request: ChatRequest) -> Reply:
    """Say what the caller would otherwise have to guess, keep one call where only one was allowed, and join the prefix.

    Raises:
        KimiReplyError: a tool call has no name.
    """
    if reply.out_of_budget:
        if not request.parsed:
            warn(budget_text(reply, request))
    elif oddity := _oddity(reply, request):
        warn(oddity)
    if _has_nameless_call(reply):
        # Seen where the first piece of a call was lost. An agent that went on would send the nameless call back, and
        # every further request would be refused: "function name is invalid, must start with a letter ...".
        raise KimiReplyError(
            f"{request.body['model']} called a tool without saying which. Send the request again; on another host than "
            "Moonshot's, check its tool-call parser",
            request_id=reply.request_id,
        )
    if request.one_call and len(reply.tool_calls) > 1:
        dropped = ", ".join(call.name for call in reply.tool_calls[1:])
        warn(
            f"parallel_tool_calls=False: kept the call of {reply.tool_calls[0].name}, dropped {dropped} "
            "(the platform itself always allows several)",
        )
        reply = replace(reply, tool_calls=reply.tool_calls[:1])
    return replace(reply, content=request.joined + reply.content) if request.joined else reply


def _oddity(reply: Reply, request: ChatRequest) -> str:
    """What is wrong with an answer that looks like one, and what to do; "" as a rule."""
    model, end = request.body["model"], reply.finish_reason
    if end == "content_filter":
        # For an object, or for one tool, the caller's parser raises.
        heard = request.parsed or "response_format" in request.body or request.choice.required_call not in ("", "*")
        return "" if heard else f"{model}: {WITHHELD}"
    if not reply.tool_calls:
        if CALL_MARK in reply.content:
            return f"{model} {UNPARSED_CALLS}. Ask again, or use a host whose tool-call parser fits the model"
        if end == "tool_calls":
            return f"{model} {ABSENT_CALLS}. Ask again"
        # A continuation may be empty; and for JSON the caller's parser raises.
        if not reply.content and request.prefix is None and "response_format" not in request.body:
            return f"{model} gave neither an answer nor a tool call (finish_reason {end!r}). Ask again"
    if reply.content.startswith(("<think>", "</think>")):
        return (
            f"{model} left tags of its thinking ({reply.content[:8]}...) in the text: the host failed to remove "
            f"them. Use only the text after </think>, or use a host whose reasoning parser fits the model"
        )
    return ""


def budget_text(reply: Reply, request: ChatRequest) -> str:
    """What happened to an answer that ended before it began, and what to do."""
    budget = budget_of(request.body) or request.spec.default_output or "(the host's default)"
    used = f"{reply.usage.completion_tokens} tokens" if reply.usage else "the budget"
    return (
        f"{request.body['model']} used up {used} of max_tokens={budget} by thinking and gave no answer "
        f"(finish_reason 'length', empty content). {RAISE_MAX_TOKENS}"
    )
