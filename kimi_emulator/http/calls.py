"""One request on its way: what the endpoints work on, and what each of them is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kimi_emulator.faults import FaultQueue
from kimi_emulator.http.delivery import DelayedResponse, break_body, failure, json_answer
from kimi_emulator.inspector import Traffic
from kimi_emulator.inspector.traffic import FAULT
from kimi_emulator.platform.checks import HttpCheck
from kimi_emulator.platform.state import ReceivedRequest, State
from kimi_emulator.rules import enforce
from kimi_emulator.script import Brain, Failure, Fault, Kind

__all__ = ["Call", "Failed", "Service", "mark"]


@dataclass(frozen=True)
class Service:
    """The parts of one emulator that its endpoints work on."""

    state: State
    brain: Brain
    faults: FaultQueue
    traffic: Traffic


class Failed(Exception):
    """The request is answered with a scripted ``failure``, after the silence of ``fault`` if it has one."""

    def __init__(self, failure: Failure, fault: Fault | None = None) -> None:
        super().__init__(failure, fault)
        self.failure = failure
        self.fault = fault


@dataclass(frozen=True)
class Call:
    """A request that an endpoint answers; ``position`` is its place in ``State.requests``."""

    service: Service
    request: Request
    received: ReceivedRequest
    position: int
    check: HttpCheck

    @property
    def state(self) -> State:
        """What the emulator remembers."""
        return self.service.state

    def fault(self, kind: Kind) -> Fault | None:
        """The fault for this request, taken out of the queue. Raises ``Failed`` if it is an error answer."""
        fault = self.service.faults.take(kind)
        if fault is not None and fault.failure is not None:
            raise Failed(fault.failure, fault)
        return fault

    async def json(self) -> dict[str, Any]:
        """The body, which is kept in ``received`` too. Raises ``ApiError`` if it is too long or no JSON object."""
        body = bytearray()
        async for piece in self.request.stream():
            body += piece
            if len(body) > max(self.check.length, self.state.settings.limits.body_bytes):  # it did not say its length
                enforce("http", replace(self.check, length=len(body)))
        self.received.body = bytes(body)
        try:
            self.received.json = json.loads(self.received.body, parse_constant=_refuse)
        except (ValueError, RecursionError):
            self.received.json = None
        if not isinstance(self.received.json, dict):
            enforce("http", replace(self.check, length=len(body), broken_json=True))
        return self.received.json

    def answer(self, body: Any, fault: Fault | None = None) -> Response:
        """A JSON answer, with what its fault does to its bytes and its time."""
        return self.late(break_body(json_answer(body), fault, self.state.clock), fault)

    def failure(self, failed: Failed) -> Response:
        """The answer to a request that failed as it was told to."""
        return self.late(failure(failed.failure), failed.fault)

    def late(self, answer: Response, fault: Fault | None) -> Response:
        """The answer after the silence of its fault, if it has one. The inspector shows which fault it is."""
        if fault is None:
            return answer
        self.request.scope[FAULT] = fault.id
        return DelayedResponse(answer, fault.silence, self.state.clock) if fault.silence else answer


def mark(stored: Any, members: Mapping[str, Any] | None) -> None:
    """Give a stored file or batch the members that its fault wants it to have."""
    for name, value in (members or {}).items():
        setattr(stored, name, value)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")  # Python reads NaN and Infinity, the server does not
