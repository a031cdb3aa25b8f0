"""Questions about documents with LangChain: Kimi extracts the text, BM25 finds passages, `KimiLLM` answers in a chain.

Kimi offers no embeddings, so passages are ranked by words here; any vector store takes the same documents.
"""

from __future__ import annotations

from typing import Any

import bm25s
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough

from examples.connection import connection, reader_settings
from examples.console import ANSWER, line, say
from examples.documents.make import FOLDER
from langchain_kimi import KimiBlobParser, KimiFileLoader, KimiLLM

QUESTIONS = (
    "How often must the shutter motor be greased?",
    "When does the cable sledge leave the valley station?",
    "Who keeps the key of the boat house?",
)
NOTE = b"# Boat house\n\nThe key of the boat house is kept by Mirjam Falk.\n"
PROMPT = PromptTemplate.from_template("{context}\n\nAnswer from the text above: {question}")


class WordRetriever(BaseRetriever):
    """Finds passages by BM25."""

    passages: list[Document]
    k: int = 3

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        index = bm25s.BM25()
        index.index(bm25s.tokenize([p.page_content for p in self.passages], show_progress=False), show_progress=False)
        words = bm25s.tokenize(query, show_progress=False)
        places, _ = index.retrieve(words, k=self.k, show_progress=False)
        return [self.passages[place] for place in places[0]]


def main(settings: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Read files and bytes, ask, and return each answer with its sources."""
    reading = reader_settings(settings)
    documents = KimiFileLoader([FOLDER / "handbook.pdf", FOLDER / "winter-notes.md"], **reading).load()
    blob = Blob.from_data(NOTE, mime_type="text/markdown", path="boat-house.md", metadata={"shelf": "harbour"})
    documents += KimiBlobParser(**reading).parse(blob)  # also the parser of any GenericLoader
    for document in documents:
        facts, length = document.metadata, len(document.page_content)
        say(f"{facts['file_name']}: {length} characters, {facts['file_type']}, {facts['size']} bytes")

    retriever = WordRetriever(passages=[piece for document in documents for piece in split(document)])
    join = lambda pieces: "\n\n".join(piece.page_content for piece in pieces)  # noqa: E731
    chain = (
        {"context": retriever | join, "question": RunnablePassthrough()}
        | PROMPT
        | KimiLLM(**settings)
        | StrOutputParser()
    )
    answered = []
    for question in QUESTIONS:
        say(f"Question: {question}", "bold")
        answer = "".join(chain.stream(question))
        sources = list(dict.fromkeys(piece.metadata["file_name"] for piece in retriever.invoke(question)))
        line("Answer", answer, ANSWER)
        say(f"Sources: {', '.join(sources)}", "dim")
        answered.append((answer, sources))
    return answered


def split(document: Document) -> list[Document]:
    """A document's paragraphs, each with the document's metadata."""
    pieces = [piece.strip() for piece in document.page_content.split("\n\n")]
    return [Document(page_content=piece, metadata=document.metadata) for piece in pieces if piece]


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
