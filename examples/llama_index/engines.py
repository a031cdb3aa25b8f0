"""Ten documents of nine kinds behind four engines: citations, a chat, sub-questions and a router.

BM25 finds the passages, so nothing is embedded.
"""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.chat_engine import CondensePlusContextChatEngine
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import (
    CitationQueryEngine,
    RetrieverQueryEngine,
    RouterQueryEngine,
    SubQuestionQueryEngine,
)
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.schema import BaseNode
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool
from llama_index.retrievers.bm25 import BM25Retriever

from examples.connection import connection, reader_settings
from examples.console import ANSWER, flow, line, say
from examples.documents.make import FILES
from llama_index_kimi import Kimi, KimiFileReader

TOPICS = {
    "building": ("The dome and its motor, mirror, road, snow, generator", ("handbook.pdf", "winter-notes.md")),
    "committee": ("Nights granted to programmes, decisions, budget", ("minutes.docx",)),
    "guests": ("Public evenings and visitors, prices of entry", ("visitors.html", "kitchen.md")),
    "stores": ("Spare parts, their price and supplier", ("parts.csv",)),
}
CHAT = (
    "When does the cable sledge leave the valley station?",
    "And how many people does the sledge carry?",
    "Where are the spare fuses kept?",
)


def load(settings: dict[str, Any]) -> list[BaseNode]:
    """Passages of all documents."""
    documents = KimiFileReader(**reader_settings(settings)).load_data(FILES)
    say(f"{len(documents)} documents: " + ", ".join(document.metadata["file_name"] for document in documents))
    return SentenceSplitter(chunk_size=128, chunk_overlap=16).get_nodes_from_documents(documents)


def retriever(nodes: list[BaseNode], names: tuple[str, ...] = ()) -> BM25Retriever:
    """The best passages, of all files or of those named."""
    chosen = [node for node in nodes if not names or node.metadata["file_name"] in names]
    return BM25Retriever.from_defaults(nodes=chosen, similarity_top_k=min(3, len(chosen)))


def topic_tools(llm: Kimi, nodes: list[BaseNode]) -> list[QueryEngineTool]:
    """A query engine for each of the `TOPICS`."""
    return [
        QueryEngineTool.from_defaults(
            RetrieverQueryEngine.from_args(retriever(nodes, names), llm=llm), name=name, description=about
        )
        for name, (about, names) in TOPICS.items()
    ]


async def main(settings: dict[str, Any]) -> dict[str, list[str]]:
    """Ask each engine, and return its answers."""
    llm = Kimi(**settings)
    nodes = load(settings)

    cited: Any = CitationQueryEngine(retriever=retriever(nodes), llm=llm, citation_chunk_size=128)
    answers = {"cited": [await ask(cited, "What is the price in euros of a dome wheel?")]}

    chat = CondensePlusContextChatEngine.from_defaults(retriever=retriever(nodes), llm=llm)
    answers["chat"] = []
    for question in CHAT:
        say(f"Question: {question}", "bold")
        response = await chat.astream_chat(question)
        async for piece in response.async_response_gen():
            flow("Answer", piece, ANSWER)
        answers["chat"].append(response.response)

    tools = topic_tools(llm, nodes)
    questions = SubQuestionQueryEngine.from_defaults(
        query_engine_tools=tools,
        llm=llm,
        # Without this core looks for a generator of OpenAI's first.
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        verbose=False,
    )
    both = "How many nights were granted for near-Earth asteroids, and who is the supplier of the shutter belt?"
    answers["sub-questions"] = [await ask(questions, both)]

    router = RouterQueryEngine.from_defaults(tools, llm=llm, selector=LLMSingleSelector.from_defaults(llm=llm))
    answers["router"] = [
        await ask(router, "What does a public evening cost visitors?"),
        await ask(router, "How often must the shutter motor of the dome be greased?"),
    ]
    return answers


async def ask(engine: BaseQueryEngine, question: str) -> str:
    """The engine's answer, printed with where it came from."""
    say(f"Question: {question}", "bold")
    response = await engine.aquery(question)
    line("Answer", str(response), ANSWER)
    names = [node.metadata["file_name"] for node in response.source_nodes if "file_name" in node.metadata]
    say("Sources: " + ", ".join(dict.fromkeys(names)), "dim")
    return str(response)


if __name__ == "__main__":
    with connection() as settings:
        asyncio.run(main(settings))
