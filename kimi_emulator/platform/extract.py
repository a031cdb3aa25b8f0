"""Text of documents: PDF, DOCX, XLSX, PPTX, HTML and everything that is plain text.

The readers are imported when a file of their kind arrives. A file that cannot be read raises; one that would cost too
much (a packed bomb, a sheet of a million columns) raises ``TooMuch`` before it does.
"""

from __future__ import annotations

import mimetypes
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from kimi_emulator.platform.encodings import decode, decode_html

__all__ = ["TooMuch", "mime_type", "text_of_file"]

UNPACKED_XML, UNPACKED = 32 * 1024 * 1024, 256 * 1024 * 1024
"""Bytes: what an Office file may unpack to, its XML (which becomes objects of ten times its size), and all of it."""
CELLS = 2_000_000
CHARACTERS = 20_000_000
HTML = 16 * 1024 * 1024
"""Bytes of an HTML page."""
SECONDS = 20.0
"""Of one file; looked at between pages, rows, paragraphs and shapes."""

_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".yaml": "text/yaml",
    ".yml": "text/yaml",
}
_NOT_TEXT = frozenset(
    {".doc", ".xls", ".ppt", ".epub", ".mobi", ".jpeg", ".jpg", ".png", ".bmp", ".gif", ".webp", ".ico", ".tif"}
    | {".tiff", ".avif", ".mp3", ".mp4", ".zip", ".exe"}
)


class TooMuch(ValueError):
    """Reading the file would cost more than a file may; the text says what of it is too much."""


class _Budget:
    """What is left for one file."""

    def __init__(self) -> None:
        self._end = time.monotonic() + SECONDS
        self._cells, self._characters = CELLS, CHARACTERS

    def spend(self, text: str, cells: int = 1) -> str:
        """The text, if there is room for it and for so many cells."""
        self._cells -= cells
        self._characters -= len(text)
        if self._cells < 0:
            raise TooMuch(f"more than {CELLS:,} cells or lines")
        if self._characters < 0:
            raise TooMuch(f"more than {CHARACTERS:,} characters")
        if time.monotonic() > self._end:
            raise TooMuch(f"reading took more than {SECONDS:g} s")
        return text

    def join(self, lines: Iterable[str]) -> str:
        """The lines, as they come, as one text."""
        return "\n".join(self.spend(line) for line in lines)


def _check_packing(path: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        sizes = [(info.filename.lower(), info.file_size) for info in packed.infolist()]
    if sum(size for name, size in sizes if name.endswith((".xml", ".rels"))) > UNPACKED_XML:
        raise TooMuch(f"more than {UNPACKED_XML:,} bytes of XML when unpacked")
    if sum(size for _, size in sizes) > UNPACKED:
        raise TooMuch(f"more than {UNPACKED:,} bytes when unpacked")


def mime_type(filename: str) -> str:
    """The MIME type that goes with a file name's extension."""
    suffix = PurePosixPath(filename).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(filename)[0] or "text/plain"


def text_of_file(path: Path, filename: str) -> str:
    """The text of a file. Raises on a broken file and on kinds the emulator cannot read (images, old Office).

    Raises ``TooMuch`` for one that would keep it busy too long, or fill its memory.
    """
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix in _NOT_TEXT:
        raise ValueError(f"the emulator cannot read {suffix} files")
    reader = _READERS.get(suffix)
    if reader is None:
        return _plain(path)
    if suffix in _PACKED:
        _check_packing(path)
    elif suffix != ".pdf" and path.stat().st_size > HTML:
        raise TooMuch(f"more than {HTML:,} bytes of HTML")
    return _Budget().join(reader(path)).strip()


def _plain(path: Path) -> str:
    return decode(path.read_bytes())


def _pdf(path: Path) -> Iterator[str]:
    from pypdf import PdfReader

    with path.open("rb") as file:
        yield from (page.extract_text() for page in PdfReader(file).pages)


def _row(cells: Iterator[str]) -> str:
    return " | ".join(cell.strip().replace("\n", " ") for cell in cells)


def _docx(path: Path) -> Iterator[str]:
    import docx
    from docx.table import Table

    with path.open("rb") as file:
        for block in docx.Document(file).iter_inner_content():  # paragraphs and tables in reading order
            if isinstance(block, Table):
                yield from (_row(cell.text for cell in row.cells) for row in block.rows)
            else:
                yield block.text


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _xlsx(path: Path) -> Iterator[str]:
    import openpyxl

    budget = _Budget()
    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            for sheet in book.worksheets:
                yield sheet.title
                # The size that a sheet gives is a claim: with one cell at XFD1048576, 17 thousand million cells.
                sheet.reset_dimensions()
                for row in sheet.iter_rows(values_only=True):
                    budget.spend("", len(row) or 1)
                    if any(value is not None for value in row):
                        yield _row(_cell(value) for value in row)
        finally:
            book.close()


def _shape_lines(shape: Any) -> Iterator[str]:
    if shape.has_text_frame:
        yield shape.text_frame.text
    elif getattr(shape, "has_table", False):
        for row in shape.table.rows:
            yield _row(cell.text for cell in row.cells)
    else:
        for inner in getattr(shape, "shapes", ()):
            yield from _shape_lines(inner)


def _pptx(path: Path) -> Iterator[str]:
    import pptx

    with path.open("rb") as file:
        for slide in pptx.Presentation(file).slides:
            for shape in slide.shapes:
                yield from filter(None, _shape_lines(shape))
            if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
                yield from filter(None, [slide.notes_slide.notes_text_frame.text])


def _html(path: Path) -> Iterator[str]:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(decode_html(path.read_bytes()), "html.parser")
    for element in soup(["script", "style", "template"]):
        element.decompose()
    for row in soup("tr"):
        row.replace_with(_row(cell.get_text(" ") for cell in row(["td", "th"])) + "\n")
    lines = (line.strip() for line in soup.get_text("\n").splitlines())
    yield from filter(None, lines)


_PACKED = frozenset({".docx", ".xlsx", ".pptx"})
_READERS: dict[str, Callable[[Path], Iterator[str]]] = {
    ".pdf": _pdf,
    ".docx": _docx,
    ".xlsx": _xlsx,
    ".pptx": _pptx,
    ".html": _html,
    ".htm": _html,
}
