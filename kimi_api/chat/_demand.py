"""A tool that must be called: whether an answer calls it, and how it is asked for once more.

Models that cannot be made to call a tool are only offered it (`kimi_api.tools.resolve_tool_choice`). Where no call
comes, one more request asks for it in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kimi_api.errors import KimiToolChoiceError
from kimi_api.reply import Reply, ReplyBuilder, ReplyDelta, ToolCall
from kimi_api.request import ChatRequest

# An answer that ended for one of these is no refusal to call, and asking again would pay a second time for the same.
_CUT_SHORT = frozenset({"length", "content_filter"})

_DEMAND = "Answer with a call of the tool {name}, not with text."
_DEMAND_ANY = "Answer with a call of one of the tools, not with text."


def is_only_offered(request: ChatRequest) -> bool:
    """Whether a forced tool goes out as a mere offer, so that the answer may have to be asked for twice."""
    return bool(request.choice.required_call) and request.choice.send == "auto"


def lacks_demanded_call(reply: Reply, request: ChatRequest) -> bool:
    """Whether a demanded tool is missing from the answer. One that was cut short before the call is no refusal."""
    return (
        bool(request.choice.required_call)
        and reply.finish_reason not in _CUT_SHORT
        and not _has_demanded_call(reply.tool_calls, request)
    )


def demand_in_words(request: ChatRequest) -> ChatRequest:
    """The same request with the demand put into words, in one more message at the end of the cached prefix."""
    demand = request.choice.required_call
    text = _DEMAND_ANY if demand == "*" else _DEMAND.format(name=demand)
    messages = [*request.body["messages"], {"role": "user", "content": text}]
    return replace(request, body={**request.body, "messages": messages})


def require_demanded_call(reply: Reply, request: ChatRequest) -> None:
    """Raise `KimiToolChoiceError` when a demanded tool was not called."""
    if lacks_demanded_call(reply, request):
        demand = request.choice.required_call
        what = "a tool call" if demand == "*" else f"a call of {demand!r}"
        came = ", ".join(call.name for call in reply.tool_calls) or f"text: {reply.content[:120]!r}"
        raise KimiToolChoiceError(
            f"{what} was demanded, and {request.body['model']} answered with {came}. Ask for the call in "
            "the prompt, or use response_format (json_schema) for structured output"
            + ("; a K3 model can be made to call a tool" if request.choice.send == "auto" else ""),
            request_id=reply.request_id,
        )


class HeldStream:
    """A streamed answer that is shown from the moment on in which the demanded call begins.

    What was shown cannot be taken back, so an answer without the call must not be shown: it is asked for again.
    `request` is the one to stream next; `take` gives what the consumer is to see for each delta, `release_rest` what is
    left when a stream has ended, and `ask_again` tells whether another stream follows.
    """

    def __init__(self, request: ChatRequest, builder: ReplyBuilder) -> None:
        self.request = request
        self._original = request
        self._builder = builder
        self._held: list[ReplyDelta] | None = []  # None: the call has begun

    def take(self, delta: ReplyDelta) -> Sequence[ReplyDelta]:
        """The deltas to show now."""
        if self._held is None:
            return (delta,)
        self._held.append(delta)
        if delta.tool_calls and _has_demanded_call(self._builder.tool_calls, self._original):
            return self._release()
        return ()

    def release_rest(self) -> Sequence[ReplyDelta]:
        """What is shown of a stream that ended without the call: all of it where that is no refusal to call."""
        return () if self._held is None or self._is_refusal() else self._release()

    def ask_again(self) -> bool:
        """Whether the call is to be asked for in words, which happens once. The builder then starts again."""
        if self._held is None or self.request is not self._original or not self._is_refusal():
            return False
        self._held.clear()
        self._builder.restart()
        self.request = demand_in_words(self._original)
        return True

    def _is_refusal(self) -> bool:
        return self._builder.complete and self._builder.reply.finish_reason not in _CUT_SHORT

    def _release(self) -> Sequence[ReplyDelta]:
        deltas, self._held = self._held or (), None
        return deltas


def _has_demanded_call(calls: Sequence[ToolCall], request: ChatRequest) -> bool:
    counted = calls[:1] if request.one_call else calls
    return any(request.choice.required_call in ("*", call.name) for call in counted)
