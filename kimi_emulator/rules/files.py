"""Rules on uploads and on stored files."""

from __future__ import annotations

from pathlib import PurePosixPath

from kimi_emulator.errors import NOT_FOUND
from kimi_emulator.platform.checks import FileCheck, UploadCheck
from kimi_emulator.rules.registry import rule

PURPOSES = ("file-extract", "image", "video", "batch")


@rule("file.part", subject="upload", source="wording ours")
def part(check: UploadCheck) -> str | None:
    """The form has a part named ``file`` with a file name."""
    return None if check.size is not None else "Invalid request: file is required"


@rule("file.purpose", subject="upload", source="errors page; its text is older than the other purposes")
def purpose(check: UploadCheck) -> str | None:
    """The purpose is file-extract, image, video or batch."""
    return None if check.purpose in PURPOSES else "Invalid purpose: only 'file-extract' accepted"


@rule("file.extension", subject="upload", source="another client's notes: refused without one; wording ours")
def extension(check: UploadCheck) -> str | None:
    """The file name has an extension: the type is taken from it, not from the MIME type."""
    if len(PurePosixPath(check.filename).suffix) > 1:
        return None
    return "Invalid request: the file name needs an extension"


@rule("file.empty", subject="upload", source="errors page")
def empty(check: UploadCheck) -> str | None:
    """The file has bytes."""
    return "File size is zero, please confirm and re-upload the file" if check.size == 0 else None


@rule("file.too_large", subject="upload", source="errors page")
def too_large(check: UploadCheck) -> str | None:
    """The file has at most 100 MB."""
    if (check.size or 0) > check.state.settings.limits.file_bytes:
        return "File size is too large, max file size is 100MB, please confirm and re-upload the file"
    return None


@rule("file.too_many", subject="upload", source="errors page; 1,000 files per account")
def too_many(check: UploadCheck) -> str | None:
    """The account has room for one more file."""
    return "Too many uploaded files" if len(check.state.files) >= check.state.settings.limits.files else None


@rule("file.too_much", subject="upload", source="upload page: 10 GB per account; wording ours")
def too_much(check: UploadCheck) -> str | None:
    """The account has room for so many bytes more."""
    if check.state.files.total_bytes + (check.size or 0) > check.state.settings.limits.total_bytes:
        return "The total size of uploaded files exceeds 10GB, please delete previous uploaded files"
    return None


@rule("file.unknown", subject="file", status=404, type=NOT_FOUND, source="wording ours")
def unknown(check: FileCheck) -> str | None:
    """The file exists."""
    return None if check.file is not None else f"Not found the file {check.id}"


@rule("file.not_parsed", subject="file", status=404, type=NOT_FOUND, source="another client's notes; wording ours")
def not_parsed(check: FileCheck) -> str | None:
    """Content is there only once the file is parsed."""
    file = check.file
    if check.wants_content and file is not None and (file.status == "created" or file.content_404s > 0):
        file.content_404s = max(file.content_404s - 1, 0)  # a fault on demand: so many answers are 404
        return f"Not found the content of file {check.id}: it is still being parsed"
    return None


@rule("file.extract_failed", subject="file", status=500, type="", source="recorded 500, with an empty type")
def extract_failed(check: FileCheck) -> str | None:
    """A file that could not be parsed has no content."""
    file = check.file
    if check.wants_content and file is not None and (file.status in ("failed", "error") or file.content_error):
        return "extract task failed: failed"
    return None
