"""Chat: a request is examined, gets a reply and becomes an answer; also for each line of a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from kimi_emulator.brain import BrainContext, thought
from kimi_emulator.content import text_of
from kimi_emulator.dialects import PLATFORM
from kimi_emulator.errors import ApiError, Facts
from kimi_emulator.faults import fault_named
from kimi_emulator.http import delivery
from kimi_emulator.http.calls import Call, Failed, Service
from kimi_emulator.http.relay import relay
from kimi_emulator.http.transport import times_of
from kimi_emulator.model_server import ModelServer, ModelServerError, demands_call
from kimi_emulator.platform.answers import finish
from kimi_emulator.platform.cache import Connection, Entry
from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.platform.state import State
from kimi_emulator.rules import PLATFORM_ONLY, enforce
from kimi_emulator.script import Answer, Failure, Fault

__all__ = ["answer_line", "complete", "estimate"]

PRICE_OF_A_LINE = 0.6
"""What a line of a batch costs, as a share of the price of the same request."""


async def complete(call: Call) -> Response:
    """``POST /v1/chat/completions``."""
    check = _examine(call.state, await call.json(), call.position)
    account = call.state.account
    try:
        account.admit(check.prompt_tokens + (check.max_tokens or check.model.default_output))
    except ApiError as error:
        error.facts = Facts(model=str(check.body["model"]))
        raise
    try:
        return delivery.ResponseThenCleanup(await _deliver(call, check), account.release)
    except BaseException:
        account.release()
        raise


async def _deliver(call: Call, check: ChatCheck) -> Response:
    is_stream = bool(check.body.get("stream"))
    entry = _look_up(check, Connection(*times_of(call.request.scope)))
    try:
        fault = call.fault("stream" if is_stream else "plain")
        server = call.service.brain
        if isinstance(server, ModelServer) and is_stream and fault is None and _can_relay(check):
            return await _relay(server, check, entry)
        answer, fault = await _answer(call.service, check, entry, fault)
    except Failed as failed:
        return call.failure(failed)
    settings = call.state.settings
    headers = _cache_header(entry)
    if not is_stream:
        return call.late(delivery.plain(answer, headers, settings.dialect, fault, call.state.clock), fault)
    include_usage = bool((check.body.get("stream_options") or {}).get("include_usage"))
    return call.late(
        delivery.stream_answer(answer, headers, settings, fault, call.state.clock, include_usage=include_usage), fault
    )


async def estimate(call: Call) -> Response:
    """``POST /v1/tokenizers/estimate-token-count``."""
    rules = ("model.", "messages.", "message.", "media.")
    check = _examine(call.state, await call.json(), call.position, rules)
    return call.answer({"data": {"total_tokens": check.prompt_tokens}})


async def answer_line(service: Service, body: dict[str, Any], position: int) -> tuple[int, dict[str, Any]]:
    """The status and the body that answer a line of a batch, by the rules of a chat request; rate limits play no part.

    ``position`` is the place in ``State.requests`` of the call that made the batch.
    """
    state = service.state
    try:
        state.account.check_balance()
        check = _examine(state, body, position)
        answer, _ = await _answer(service, check, _look_up(check), share=PRICE_OF_A_LINE)
    except ApiError as error:
        state.record_refusal(error, position)
        return error.status, error.body
    except Failed as failed:
        return failed.failure.status, failed.failure.json()
    return 200, state.settings.dialect.body(answer.body())


def _examine(state: State, body: dict[str, Any], position: int, only: Iterable[str] = ()) -> ChatCheck:
    """The request, if the rules let it pass; what they tolerate is noted."""
    dialect = state.settings.dialect
    check = ChatCheck(state, body)
    try:
        check.body = dialect.request(body)
        without = PLATFORM_ONLY if dialect.own_weights else ()
        for rule, message in enforce("chat", check, only, without):
            state.record_tolerated(rule.id, message, position)
    except ApiError as error:
        error.facts = _facts(check, error)
        raise
    return check


def _facts(check: ChatCheck, error: ApiError) -> Facts:
    """What the host's words for an error need to know."""
    facts = Facts(model=str(check.body.get("model") or ""))
    if error.rule == "context.window":
        return replace(facts, prompt=check.prompt_tokens, output=check.max_tokens or 0, window=check.model.context)
    if error.rule == "history.arguments":
        return replace(facts, arguments=check.unreadable_arguments[0][1])
    return facts


async def _answer(
    service: Service,
    check: ChatCheck,
    entry: Entry,
    fault: Fault | None = None,
    share: float = 1.0,
) -> tuple[Answer, Fault | None]:
    """The answer to an examined request, and its fault (a scripted reply may bring one).

    Its prompt is cached from then on. ``share`` is the part of the price that is charged. Raises ``Failed`` when an
    error stands in the script.
    """
    state = service.state
    reply = state.next_scripted()
    if isinstance(reply, Failure):
        raise Failed(reply)
    context = _context(check)
    if reply is None:
        try:
            reply = await asyncio.to_thread(service.brain.answer, check.read, context)
        except ModelServerError as error:
            raise Failed(error.failure) from error
    if reply.reasoning is None and context.thinks:
        reply = thought.add(reply, check.read)
    reply = state.searches.issue(reply, context.tools, check.messages)
    state.cache.write(entry, alone=state.account.running < 2)
    if reply.fault is not None:
        fault = fault_named(reply.fault)
        if fault.failure is not None:
            raise Failed(fault.failure, fault)
    answer = finish(check, reply, entry.cached)
    state.account.charge(answer.model, answer.usage, share)
    if fault is not None and fault.answer is not None:
        answer = fault.answer(answer)
    if state.settings.dialect != PLATFORM:
        answer = state.settings.dialect.answer(answer, check.body)
    state.record_answer(check.body, answer.message)
    return answer, fault


def _can_relay(check: ChatCheck) -> bool:
    """Whether a model server's pieces may go out as they come: nothing is scripted, and nothing can be taken back.

    A demanded call may have to be asked for twice, a stop string may span pieces, and other hosts' habits are put on
    whole answers.
    """
    state, body = check.state, check.body
    plain = not demands_call(body) and body.get("tool_choice") != "none" and not body.get("stop")
    return plain and state.settings.dialect == PLATFORM and not state.pending()


async def _relay(server: ModelServer, check: ChatCheck, entry: Entry) -> Response:
    state = check.state

    def finish(answer: Answer) -> None:
        state.cache.write(entry, alone=state.account.running < 2)
        state.account.charge(answer.model, answer.usage, 1.0)
        state.record_answer(check.body, answer.message)

    return await relay(server, check, _context(check), _cache_header(entry), entry.cached, finish)


def _look_up(check: ChatCheck, connection: Connection | None = None) -> Entry:
    return check.state.cache.look_up(check.model, check.read, check.prompt_tokens, connection)


def _cache_header(entry: Entry) -> dict[str, str]:
    return {"Msh-Context-Cache-Token-Saved": str(entry.cached)} if entry.cached else {}


def _context(check: ChatCheck) -> BrainContext:
    """The brain's view of an examined request."""
    last = check.messages[-1]
    prefix = str(last.get("name") or "") + text_of(last.get("content")) if last.get("partial") else None
    return BrainContext(check.model.id, check.thinks, [entry.tool for entry in check.tools], prefix)
