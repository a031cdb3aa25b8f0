"""Text of documents: PDF, DOCX, XLSX, PPTX, HTML and everything that is plain text.

The readers are imported when a file of their kind arrives. A file that cannot be read raises.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = ["mime_type", "text_of_file"]

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


def mime_type(filename: str) -> str:
    """The MIME type that goes with a file name's extension."""
    suffix = PurePosixPath(filename).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(filename)[0] or "text/plain"


def text_of_file(path: Path, filename: str) -> str:
    """The text of a file. Raises on a broken file and on kinds the emulator cannot read (pictures, old Office)."""
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix in _NOT_TEXT:
        raise ValueError(f"the emulator cannot read {suffix} files")
    return _READERS.get(suffix, _plain)(path)


def _plain(path: Path) -> str:
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _pdf(path: Path) -> str:
    from pypdf import PdfReader

    with path.open("rb") as file:
        return "\n".join(page.extract_text() for page in PdfReader(file).pages).strip()


def _row(cells: Iterator[str]) -> str:
    return " | ".join(cell.strip().replace("\n", " ") for cell in cells)


def _docx(path: Path) -> str:
    import docx
    from docx.table import Table

    lines: list[str] = []
    with path.open("rb") as file:
        for block in docx.Document(file).iter_inner_content():  # paragraphs and tables in reading order
            if isinstance(block, Table):
                lines += [_row(cell.text for cell in row.cells) for row in block.rows]
            else:
                lines.append(block.text)
    return "\n".join(lines).strip()


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _xlsx(path: Path) -> str:
    import openpyxl

    lines: list[str] = []
    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            for sheet in book.worksheets:
                lines.append(sheet.title)
                for row in sheet.iter_rows(values_only=True):
                    if any(value is not None for value in row):
                        lines.append(_row(_cell(value) for value in row))
        finally:
            book.close()
    return "\n".join(lines).strip()


def _shape_lines(shape: Any) -> Iterator[str]:
    if shape.has_text_frame:
        yield shape.text_frame.text
    elif getattr(shape, "has_table", False):
        for row in shape.table.rows:
            yield _row(cell.text for cell in row.cells)
    else:
        for inner in getattr(shape, "shapes", ()):
            yield from _shape_lines(inner)


def _pptx(path: Path) -> str:
    import pptx

    lines: list[str] = []
    with path.open("rb") as file:
        for slide in pptx.Presentation(file).slides:
            for shape in slide.shapes:
                lines += _shape_lines(shape)
            if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
                lines.append(slide.notes_slide.notes_text_frame.text)
    return "\n".join(line for line in lines if line).strip()


def _html(path: Path) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(_plain(path), "html.parser")
    for element in soup(["script", "style", "template"]):
        element.decompose()
    for row in soup("tr"):
        row.replace_with(_row(cell.get_text(" ") for cell in row(["td", "th"])) + "\n")
    lines = (line.strip() for line in soup.get_text("\n").splitlines())
    return "\n".join(line for line in lines if line)


_READERS: dict[str, Callable[[Path], str]] = {
    ".pdf": _pdf,
    ".docx": _docx,
    ".xlsx": _xlsx,
    ".pptx": _pptx,
    ".html": _html,
    ".htm": _html,
}
