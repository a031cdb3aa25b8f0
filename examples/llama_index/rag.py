"""Questions about documents: Kimi extracts the text, BM25 finds the passages, Kimi answers in a stream.

BM25 ranks by words, so nothing has to be embedded (Kimi offers no embeddings).
"""

from __future__ import annotations

from typing import Any

from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.retrievers.bm25 import BM25Retriever

from examples.connection import connection, reader_settings
from examples.console import ANSWER, flow, say
from examples.documents.make import FOLDER
from llama_index_kimi import Kimi, KimiFileReader

FILES = [FOLDER / name for name in ("handbook.pdf", "minutes.docx", "winter-notes.md")]
QUESTIONS = (
    "How often must the shutter motor be greased?",
    "How many nights were granted for near-Earth asteroids?",
    "When does the cable sledge leave the valley station?",
)


def main(settings: dict[str, Any]) -> list[str]:
    """Index the three documents, answer each question with its sources, and return the answers."""
    documents = KimiFileReader(**reader_settings(settings)).load_data(FILES)
    nodes = SentenceSplitter(chunk_size=128, chunk_overlap=16).get_nodes_from_documents(documents)
    say(f"{len(documents)} documents, {sum(len(d.text) for d in documents)} characters, {len(nodes)} passages")
    retriever = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=3)
    engine = RetrieverQueryEngine.from_args(retriever, llm=Kimi(**settings), streaming=True)
    answers = []
    for question in QUESTIONS:
        say(f"Question: {question}", "bold")
        response: Any = engine.query(question)
        answer = ""
        for piece in response.response_gen:
            answer += piece
            flow("Answer", piece, ANSWER)
        best: dict[str, float] = {}
        for node in sorted(response.source_nodes, key=lambda source: source.score or 0.0, reverse=True):
            best.setdefault(node.metadata["file_name"], node.score or 0.0)
        say("Sources: " + ", ".join(f"{name} ({score:.1f})" for name, score in best.items()), "dim")
        answers.append(answer)
    return answers


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
