"""Which files in messages are documents, what they are called, and how their text stands in a message. Pure.

The platform's chat has no part for documents: their text is what goes out. What is text already is read here; the rest
goes through file extraction when the request is sent (`kimi_api.media`): https://platform.kimi.ai/docs/api/files-upload
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from kimi_api._content.notes import DOCUMENT, Part, Refuse, clean, note, stand_in
from kimi_api._media_rules import HEAD, NotedAddress, data_url, decode, head_of, sniff, split_data_url, with_parts
from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from kimi_api.wire import WireMessage

FileKind = Literal["image", "video", "document"]

_SUFFIXES: Mapping[str, str] = {
    "application/pdf": ".pdf",
    "application/msword": ".doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/epub+zip": ".epub",
    "application/x-mobipocket-ebook": ".mobi",
    "application/json": ".json",
    "application/xml": ".xml",
    "application/yaml": ".yaml",
    "application/x-yaml": ".yaml",
    "application/xhtml+xml": ".html",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/yaml": ".yaml",
    "text/xml": ".xml",
}
"""A table of our own: what `mimetypes` knows differs from machine to machine, and a name must not."""
_TYPES: Mapping[str, str] = {suffix: mime for mime, suffix in reversed(_SUFFIXES.items())} | {
    ".htm": "text/html",
    ".yml": "application/yaml",
    ".log": "text/plain",
}
_MEDIA_TYPES: Mapping[str, str] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
}
_ARCHIVES = frozenset({"application/zip", "application/x-zip-compressed"})
_MUTE = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})
_NOT_PLAIN = frozenset({"text/html", "text/rtf"})
_BINARY = frozenset({".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".epub", ".mobi"})
_LONGEST_NAME = 120

NO_SOUND = ("no Kimi model listens to audio", "transcribe it and pass the text")
"""Rule and remedy."""
OFF = "extract_documents is False, so the text of documents in messages is not extracted"
OTHER_HOST = "only Moonshot's platform can extract the text of files, and a chat accepts only text, images and videos"
IN_A_BATCH = "a request in a batch cannot contain documents"
READ_YOURSELF = (
    "turn the file into text (KimiFileLoader, KimiFileReader or kimi_api.files.extract) and pass the text, or set "
    "extract_documents=True on Moonshot's platform"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A file in a message: one of its data, its address, its path, or the id that the platform knows it by.

    Attributes:
        name: the file's name, "" if it has none.
        mime: its type, "" if it is unknown.
        data: the bytes, or base64 text.
        url: an address.
        path: a file of this machine, as the program itself named it.
        file_id: of a file that was uploaded for extraction; fetched, never deleted.
    """

    name: str = ""
    mime: str = ""
    data: bytes | str | None = field(default=None, repr=False)
    url: str | None = None
    path: str | None = None
    file_id: str | None = None

    @property
    def label(self) -> str:
        """Its name, or what it is."""
        return self.name or DOCUMENT + _SUFFIXES.get(self.mime, "")

    def content(self) -> bytes:
        """The bytes of `data`. Raises `KimiInputError`: they are no base64."""
        data = self.data or b""
        return data if isinstance(data, bytes) else decode(data, True, f"the document {self.label}")

    def note(self) -> str:
        """What stands for it where it cannot go out."""
        return note(DOCUMENT, self.name, self.url or (f"file id {self.file_id}" if self.file_id else ""), self.mime)


def file_kind(
    *,
    name: str | None = None,
    mime: str | None = None,
    data: bytes | str | None = None,
    url: str | None = None,
    path: str | None = None,
    file_id: str | None = None,
) -> tuple[FileKind, Document]:
    """What a file block is, and the file.

    The declared type decides; then that of a data URL, what the content says, and the name's extension. An id whose
    type nothing tells counts as an image.

    Args:
        name: the file's name or title, if the block has one.
        mime: the declared type.
        data: bytes or base64 text; a data URL too.
        url: a data URL, `ms://<file id>`, or an address.
        path: of a file of this machine, from the program itself.
        file_id: of an uploaded file.

    Raises:
        KimiInputError: it has no content at all, or is sound.
    """
    declared = (mime or "").partition(";")[0].strip().lower()
    for content in (data, url):
        parts = split_data_url(content) if isinstance(content, str) else None
        if parts is not None:
            kind_of_url, text, is_base64 = parts
            declared = kind_of_url if declared in _MUTE else declared
            data, url = (text if is_base64 else decode(text, False, "a data URL")), None
            break
    if url is not None and url.startswith("ms://"):
        file_id, url = url, None
    if file_id:
        file_id, data, url, path = file_id.removeprefix("ms://"), None, None, None
    if not (data or url or path or file_id):
        raise KimiInputError(
            "file block",
            name or "a file without content",
            "it needs data, a url or a file_id",
            "pass the bytes (base64) with their mime_type",
        )
    names = [_last_piece(name), _last_piece(path), _last_piece(_path_of(url)) if url else ""]
    known = next(filter(None, names), "")
    suffix = next(filter(None, map(_suffix, names)), "")
    if declared in _MUTE or declared.startswith("text/"):
        declared = _sniff(data) or declared
    if declared in _MUTE or declared in _ARCHIVES:  # an Office file is an archive, too
        declared = _TYPES.get(suffix) or _MEDIA_TYPES.get(suffix) or declared
    if known and not _suffix(known):
        known += suffix or _SUFFIXES.get(declared, "")
    if declared in _MUTE:
        declared = ""
    file = Document(known, declared, data or None, url, path, file_id)
    group = declared.partition("/")[0]
    if group == "audio":
        raise KimiInputError(
            "file block", declared, "no Kimi model listens to audio", "transcribe it and pass the text"
        )
    if group == "image" or (file_id and not declared and not suffix):
        return "image", file
    return ("video" if group == "video" else "document"), file


def file_part(kind: FileKind, file: Document) -> Part:
    """The part for a file, its address unchecked."""
    if kind == DOCUMENT:
        return document_part(file)
    if file.file_id:
        url = f"ms://{file.file_id}"
    elif isinstance(file.data, str):
        url = f"data:{file.mime};base64,{file.data}"
    else:
        url = NotedAddress.of(file.url, file.name, file.mime) if file.url else data_url(file.mime, file.data or b"")
    return {"type": f"{kind}_url", f"{kind}_url": {"url": url}}


def document_part(file: Document) -> Part:
    """The part for a document: its text where it is text already, or what is resolved when the request is sent."""
    plain = plain_text(file)
    return {"type": DOCUMENT, DOCUMENT: file} if plain is None else text_part(file.label, plain)


def is_text(file: Document) -> bool:
    """Whether its type says that a file is text which needs no extraction."""
    return file.mime in _TEXTS or (file.mime.startswith("text/") and file.mime not in _NOT_PLAIN)


def plain_text(file: Document) -> str | None:
    """What a file says, if it is text that needs no extraction."""
    if file.data is None or not is_text(file):
        return None
    try:
        return file.content().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def text_part(name: str, text: str) -> Part:
    """A document's text, with its name, as it stands in a message. The same text gives the same bytes."""
    body = text.strip("\r\n") or "(no text)"
    return {"type": "text", "text": f"[{DOCUMENT} {name}]\n{body}\n[end of {name}]"}


def name_to_send(file: Document, suffixes: Collection[str]) -> str:
    """The name to send a document under: the platform goes by its extension.

    Raises:
        KimiInputError: a file type that is not extracted, or one that cannot be recognised.
    """
    name = file.label
    suffix = _suffix(name)
    own = _SUFFIXES.get(file.mime, "")
    if own and (suffix not in suffixes or (suffix != own and own in _BINARY)):
        name, suffix = name + own, own
    if suffix not in suffixes:
        raise KimiInputError(
            f"the document {file.label}",
            file.mime or suffix or "a file of unknown type",
            f"text is extracted from {', '.join(sorted(name.removeprefix('.') for name in suffixes))} files",
            "convert it, or pass its mime_type and a file name with an extension",
        )
    return name


def without_documents(messages: Sequence[Mapping[str, Any]], rule: str, refuse: Refuse) -> list[WireMessage]:
    """`messages` with notes in the place of documents, which are not extracted because of `rule`.

    Raises:
        KimiInputError: a document where that is an error (`kimi_api._content.notes.stand_in`).
    """
    notes: dict[tuple[int, int], Part] = {}
    for position, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if part.get("type") == DOCUMENT:
                error = KimiInputError("a document in messages", part[DOCUMENT].label, rule, READ_YOURSELF)
                notes[position, place] = stand_in(messages, position, DOCUMENT, part[DOCUMENT].note(), error, refuse)
    return with_parts(messages, notes)


def _last_piece(name: str | None) -> str:
    """The last piece of a path, in one line."""
    return clean((name or "").replace("\\", "/").rstrip("/").rpartition("/")[2], _LONGEST_NAME)


def _path_of(url: str) -> str:
    """The path of an address, which nobody has checked yet."""
    return unquote(re.split("[?#]", url)[0].partition("://")[2].partition("/")[2])


def _suffix(name: str) -> str:
    """The extension of a name, "" if it has none: in "No. 5 in numbers" the dot does not begin one."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""


def _sniff(data: bytes | str | None) -> str:
    if not data:
        return ""
    head = data[:HEAD] if isinstance(data, bytes) else head_of(data, True)
    return "application/pdf" if head.startswith(b"%PDF-") else sniff(head) or ""
