"""The five calls of ``/v1/files``."""

from __future__ import annotations

import asyncio
import hashlib

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import FileResponse, Response

from kimi_emulator.http.calls import Call, mark
from kimi_emulator.http.delivery import headers
from kimi_emulator.platform.checks import FileCheck, UploadCheck
from kimi_emulator.platform.files import StoredFile
from kimi_emulator.rules import enforce

__all__ = ["delete", "show", "show_all", "show_content", "upload"]


async def upload(call: Call) -> Response:
    """``POST /v1/files``. The form is parsed as a stream; parts beyond 1 MB go to a temporary file."""
    try:
        form = await call.request.form()
    except (MultiPartException, HTTPException, AssertionError):
        form = FormData()
    try:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        part, purpose = form.get("file"), fields.get("purpose")
        call.received.form = dict(fields)
        filename, size, digest = "", None, ""
        if isinstance(part, UploadFile):
            filename, size = part.filename or "", part.size or 0
            digest = await asyncio.to_thread(_sha256, part)
            call.received.form |= {"filename": filename, "size": size, "sha256": digest}
        enforce("upload", UploadCheck(call.state, purpose, filename, size))
        assert isinstance(part, UploadFile)  # noqa: S101  (the rule file.part has passed)
        assert purpose is not None  # noqa: S101
        fault = call.fault("upload")
        polls = call.state.settings.pending_polls
        file = await asyncio.to_thread(call.state.files.add, part.file, filename, purpose, digest, polls)
    finally:
        await form.close()
    if fault is not None:
        mark(file, fault.file)
    return call.answer(file.object(), fault)


async def show_all(call: Call) -> Response:
    """``GET /v1/files``."""
    return call.answer({"object": "list", "data": [file.object() for file in call.state.files]})


async def show(call: Call, file_id: str) -> Response:
    """``GET /v1/files/{id}``."""
    file = _file(call, file_id)
    call.state.files.poll(file_id)
    return call.answer(file.object())


async def delete(call: Call, file_id: str) -> Response:
    """``DELETE /v1/files/{id}``."""
    _file(call, file_id)
    call.state.files.remove(file_id)
    return call.answer({"id": file_id, "object": "file", "deleted": True})


async def show_content(call: Call, file_id: str) -> Response:
    """``GET /v1/files/{id}/content``: the extracted text, or for other purposes the bytes."""
    file = _file(call, file_id, wants_content=True)
    if file.purpose == "file-extract":
        return call.answer(file.content())
    return FileResponse(file.path, 200, headers(), media_type="application/octet-stream")


def _file(call: Call, file_id: str, *, wants_content: bool = False) -> StoredFile:
    file = call.state.files.get(file_id)
    enforce("file", FileCheck(file_id, file, wants_content))
    assert file is not None  # noqa: S101  (the rule file.unknown has passed)
    return file


def _sha256(upload: UploadFile) -> str:
    digest = hashlib.sha256()
    while piece := upload.file.read(1024 * 1024):
        digest.update(piece)
    upload.file.seek(0)
    return digest.hexdigest()
