"""The HTTP side: routes, what is recorded of a request, and the headers of an answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kimi_emulator import inspector
from kimi_emulator.brain import thought
from kimi_emulator.errors import ApiError
from kimi_emulator.faults import Fault, fault_named
from kimi_emulator.http import delivery
from kimi_emulator.http.delivery import JSON as _JSON
from kimi_emulator.http.delivery import failure as _failure
from kimi_emulator.http.delivery import headers as _headers
from kimi_emulator.http.delivery import json_answer as _json
from kimi_emulator.inspector.traffic import PLACE
from kimi_emulator.platform import batches, formulas, tokens
from kimi_emulator.platform.answers import Brain, context_of, finish
from kimi_emulator.platform.checks import ChatCheck, FileCheck, HttpCheck, UploadCheck
from kimi_emulator.platform.models import available
from kimi_emulator.platform.state import ReceivedRequest, State
from kimi_emulator.rules import enforce
from kimi_emulator.rules.http import methods_of
from kimi_emulator.script import Failure, Reply

_log = logging.getLogger(__name__)


class Api:
    """The emulated endpoints over one ``State`` and one ``Brain``."""

    def __init__(self, state: State, brain: Brain) -> None:
        self.state = state
        self.brain = brain

    async def serve(self, request: Request) -> Response:
        """Record the request, apply the rules for all requests, and hand it to its endpoint."""
        tokens.VOCABULARY.set(self.state.settings.vocabulary)
        path = request.scope["path"]  # request.url leaves line breaks out
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = ReceivedRequest(request.method, path, headers, dict(request.query_params))
        place = request.scope[PLACE] = self.state.received(received)
        try:
            return await self._route(request, received, place)
        except ApiError as error:
            if error.rule is not None:
                self.state.refused(error.rule, error.message, place)
            allowed = {"Allow": ", ".join(methods_of(path))} if error.status == 405 else {}
            return _json(error.body, error.status, {**error.headers, **allowed})
        except Exception as error:
            # A fault of the emulator or of a test's own brain; the client sees what the platform would say.
            _log.exception("the emulator failed to answer %s %s", request.method, path)
            return _json(ApiError(500, "server_error", f"kimi_emulator: {error!r}").body, 500)

    async def _route(self, request: Request, received: ReceivedRequest, place: int) -> Response:
        method, path = received.method, received.path.rstrip("/")
        length = received.headers.get("content-length", "")
        check = HttpCheck(self.state, method, received.path, received.headers, int(length) if length.isdigit() else 0)
        enforce("http", check)
        if method == "GET" and path == "/v1/models":
            fault = self.state.faults.take("models")
            settings = self.state.settings
            seen = available(settings.day(), retired=settings.retired)
            listed = [m.entry() for m in seen if settings.models is None or m.id in settings.models]
            return self._faulty(_json({"object": "list", "data": listed}), fault)
        if method == "GET" and path == "/v1/users/me/balance":
            return _json({"code": 0, "data": self.state.account.statement(), "scode": "0x0", "status": True})
        if path == "/v1/files":
            return await self._upload(request, received) if method == "POST" else self._list_files()
        if path.startswith("/v1/files/"):
            file_id, _, tail = path.removeprefix("/v1/files/").partition("/")
            return self._file(method, file_id, wants_content=tail == "content")
        if path.startswith("/v1/formulas/"):
            fiber = await self._json_body(request, received, check) if method == "POST" else None
            return self._formula(path, fiber)
        if path == "/v1/batches":
            if method == "GET":
                return _json(batches.page(self.state, received.query))
            return self._create_batch(await self._json_body(request, received, check), place)
        if path.startswith("/v1/batches/"):
            batch_id, _, tail = path.removeprefix("/v1/batches/").partition("/")
            return await self._batch(batch_id, cancels=tail == "cancel")
        body = await self._json_body(request, received, check)
        chat = ChatCheck(self.state, self.state.settings.dialect.request(body))
        if path == "/v1/tokenizers/estimate-token-count":
            for rule, message in enforce("chat", chat, only=("model.", "messages.", "message.", "media.")):
                self.state.tolerated(rule.id, message, place)
            return _json({"data": {"total_tokens": chat.prompt_tokens}})
        for rule, message in enforce("chat", chat):
            self.state.tolerated(rule.id, message, place)
        self.state.account.admit(chat.prompt_tokens + (chat.max_tokens or chat.model.default_output))
        try:
            return delivery.Finally(await self._chat(chat), self.state.account.release)
        except BaseException:
            self.state.account.release()
            raise

    def _faulty(self, answer: Response, fault: Fault | None) -> Response:
        """A JSON answer, or what a fault makes of it or puts in its place."""
        if fault is not None and fault.failure is not None:
            answer = _failure(fault.failure)
        return delivery.late(delivery.broken(answer, fault), fault, self.state.clock)

    async def _json_body(self, request: Request, received: ReceivedRequest, check: HttpCheck) -> dict[str, Any]:
        read = bytearray()
        async for piece in request.stream():
            read += piece
            if len(read) > max(check.length, self.state.settings.limits.body_bytes):  # it did not say its length
                enforce("http", replace(check, length=len(read)))
        received.body = bytes(read)
        try:
            received.json = json.loads(received.body, parse_constant=_no_json)
        except (ValueError, RecursionError):
            received.json = None
        if not isinstance(received.json, dict):
            enforce("http", replace(check, length=len(received.body), broken_json=True))
        return received.json

    async def _chat(self, check: ChatCheck) -> Response:
        fault = self.state.faults.take("stream" if check.body.get("stream") else "plain")
        if fault is not None and fault.failure is not None:
            return delivery.late(_failure(fault.failure), fault, self.state.clock)
        reply, cached = await self._reply(check)
        if isinstance(reply, Failure):
            return _failure(reply)
        if reply.fault is not None:
            fault = fault_named(reply.fault)
            if fault.failure is not None:
                return delivery.late(_failure(fault.failure), fault, self.state.clock)
        answer = finish(check, reply, cached)
        self.state.account.charge(answer.model, answer.usage)
        settings = self.state.settings
        answer = settings.dialect.answer(delivery.befallen(answer, fault), check.messages)
        self.state.answered(check.body, answer.message)
        named = {"Msh-Context-Cache-Token-Saved": str(cached)} if cached else {}
        if not check.body.get("stream"):
            return delivery.late(delivery.plain(answer, named, settings.dialect, fault), fault, self.state.clock)
        include_usage = bool((check.body.get("stream_options") or {}).get("include_usage"))
        sent = delivery.streamed(
            answer, settings.chunk_size, named, settings.dialect, fault, include_usage=include_usage
        )
        return delivery.late(sent, fault, self.state.clock)

    async def _reply(self, check: ChatCheck) -> tuple[Reply | Failure, int]:
        """The scripted answer, or the brain's, and how many prompt tokens came from the cache."""
        reply = self.state.scripted()
        if isinstance(reply, Failure):
            return reply, 0
        context = context_of(check)
        if reply is None:
            reply = await asyncio.to_thread(self.brain.answer, check.read, context)
        if reply.reasoning is None and context.thinks:
            reply = thought.add(reply, check.read)
        reply = self.state.searches.issued(reply, context.tools, check.messages)
        return reply, self.state.cache.use(check.model, check.read, check.prompt_tokens)

    def _formula(self, path: str, fiber: dict[str, Any] | None) -> Response:
        answer = formulas.answer(self.state, path, fiber)
        fault = self.state.faults.take("fiber") if fiber is not None else None
        if fault is not None and fault.fiber is not None:
            answer = fault.fiber(answer)
        return self._faulty(_json(answer), fault)

    # -- batches ----------------------------------------------------------------------------------------------

    def _create_batch(self, body: dict[str, Any], place: int) -> Response:
        fault = self.state.faults.take("batch")
        if fault is not None and fault.failure is not None:
            return delivery.late(_failure(fault.failure), fault, self.state.clock)
        batch = batches.create(self.state, body, place)
        if fault is not None and fault.batch is not None:
            fault.batch(batch)
        return self._faulty(_json(batch.object()), fault)

    async def _batch(self, batch_id: str, *, cancels: bool) -> Response:
        batch = batches.found(self.state, batch_id)
        if cancels:
            await batches.cancel(self.state, batch)
        else:
            await batches.move_on(self.state, batch, self._line)
        return _json(batch.object())

    async def _line(self, body: dict[str, Any], place: int) -> tuple[int, dict[str, Any]]:
        """The answer to a line of a batch, by the rules of a chat request; the account's rate limits do not count."""
        dialect = self.state.settings.dialect
        try:
            self.state.account.check_balance()
            check = ChatCheck(self.state, dialect.request(body))
            for rule, message in enforce("chat", check):
                self.state.tolerated(rule.id, message, place)
            reply, cached = await self._reply(check)
        except ApiError as error:
            if error.rule is not None:
                self.state.refused(error.rule, error.message, place)
            return error.status, error.body
        fault = fault_named(reply.fault) if isinstance(reply, Reply) and reply.fault is not None else None
        failed = reply if isinstance(reply, Failure) else fault.failure if fault is not None else None
        if failed is not None:
            known = failed.body if isinstance(failed.body, Mapping) else None
            return failed.status, dict(known or ApiError(failed.status, failed.type, failed.message).body)
        assert isinstance(reply, Reply)  # noqa: S101
        answer = finish(check, reply, cached)
        self.state.account.charge(answer.model, answer.usage, batches.PRICE_SHARE)
        answer = dialect.answer(delivery.befallen(answer, fault), check.messages)
        self.state.answered(check.body, answer.message)
        return 200, dialect.body(answer.body())

    # -- files ------------------------------------------------------------------------------------------------

    async def _upload(self, request: Request, received: ReceivedRequest) -> Response:
        try:
            form = await request.form()  # parsed as a stream; parts beyond 1 MB go to a temporary file
        except (MultiPartException, HTTPException, AssertionError):
            form = FormData()
        try:
            part = form.get("file")
            upload = part if isinstance(part, UploadFile) else None
            purpose = form.get("purpose")
            purpose = purpose if isinstance(purpose, str) else None
            received.form = {name: value for name, value in form.items() if isinstance(value, str)}
            if upload is not None:
                digest = await asyncio.to_thread(_sha256, upload)
                received.form |= {"filename": upload.filename or "", "size": upload.size or 0, "sha256": digest}
            filename = (upload.filename or "") if upload is not None else ""
            enforce("upload", UploadCheck(self.state, purpose, filename, None if upload is None else upload.size or 0))
            assert upload is not None  # noqa: S101  (the rule file.part has passed)
            assert purpose is not None  # noqa: S101
            fault = self.state.faults.take("upload")
            if fault is not None and fault.failure is not None:
                return delivery.late(_failure(fault.failure), fault, self.state.clock)
            polls = self.state.settings.pending_polls
            stored = await asyncio.to_thread(
                self.state.files.add, upload.file, filename, purpose, received.form["sha256"], polls
            )
        finally:
            await form.close()
        if fault is not None and fault.file is not None:
            fault.file(stored)
        return self._faulty(_json(stored.object()), fault)

    def _list_files(self) -> Response:
        return _json({"object": "list", "data": [file.object() for file in self.state.files]})

    def _file(self, method: str, file_id: str, *, wants_content: bool) -> Response:
        file = self.state.files.get(file_id)
        enforce("file", FileCheck(self.state, file_id, file, wants_content))
        assert file is not None  # noqa: S101  (the rule file.unknown has passed)
        if method == "DELETE":
            self.state.files.remove(file_id)
            return _json({"id": file_id, "object": "file", "deleted": True})
        if not wants_content:
            self.state.files.poll(file_id)
            return _json(file.object())
        if file.purpose == "file-extract":
            text = tokens.compact(file.content())
            return Response(text, 200, _headers(), media_type=_JSON)
        return FileResponse(file.path, 200, _headers(), media_type="application/octet-stream")


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")  # Python reads NaN and Infinity, the server does not


def _sha256(upload: UploadFile) -> str:
    digest = hashlib.sha256()
    while piece := upload.file.read(1024 * 1024):
        digest.update(piece)
    upload.file.seek(0)
    return digest.hexdigest()


def build_app(state: State, brain: Brain) -> ASGIApp:
    """The application over a state and a brain: the platform's endpoints, and the inspector's page at ``/``."""
    api = Api(state, brain)

    async def endpoints(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await api.serve(Request(scope, receive, send))
        await answer(scope, receive, send)

    if not state.settings.inspector:
        return endpoints
    app = Starlette(routes=inspector.routes(state))
    app.router.redirect_slashes = False
    app.router.default = endpoints  # not a route: its pattern would miss addresses with a line break in them
    return inspector.watching(app, state.traffic)
