"""`ExtractedFile` -> LangChain's `Document`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document

from kimi_api.files import ExtractedFile


def to_document(extracted: ExtractedFile, *, source: str, metadata: Mapping[Any, Any] | None = None) -> Document:
    """A document whose metadata are the same each time the same file is read: no file id, no time.

    Args:
        extracted: what the platform made of the file.
        source: where the file came from; retrievers and citations show it.
        metadata: the caller's own, which beat ours.
    """
    return Document(
        page_content=extracted.text,
        metadata={
            "source": source,
            "file_name": extracted.name,
            "file_type": extracted.file_type,
            "title": extracted.title,
            "size": extracted.size,
            "sha256": extracted.sha256,
            **(metadata or {}),
        },
    )
