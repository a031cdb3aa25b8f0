"""A RAG program over ten documents: engines, synthesizers, selectors, rerankers, extractors and an ingestion pipeline.

Each answer must come from the right document, with facts that no model knows beforehand; nothing may be sent that the
platform refuses or only tolerates.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex, get_response_synthesizer
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.base.response.schema import AsyncStreamingResponse, PydanticResponse, StreamingResponse
from llama_index.core.chat_engine import CondensePlusContextChatEngine, CondenseQuestionChatEngine, ContextChatEngine
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.extractors import KeywordExtractor, PydanticProgramExtractor, SummaryExtractor, TitleExtractor
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.postprocessor import LLMRerank, StructuredLLMRerank
from llama_index.core.program import FunctionCallingProgram, LLMTextCompletionProgram
from llama_index.core.query_engine import (
    CitationQueryEngine,
    RetrieverQueryEngine,
    RouterQueryEngine,
    SubQuestionQueryEngine,
)
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.schema import BaseNode, Document, MetadataMode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.selectors import (
    LLMMultiSelector,
    LLMSingleSelector,
    PydanticMultiSelector,
    PydanticSingleSelector,
)
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.tools import QueryEngineTool
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.retrievers.bm25 import BM25Retriever
from pydantic import BaseModel

from examples.documents.make import FILES
from kimi_emulator import Emulator
from llama_index_kimi import Kimi, KimiFileReader

Make = Callable[..., Kimi]

FACTS = {
    "chronicle.txt": ("What happened in 1987?", "lightning stroke"),
    "fire-drill.pptx": ("For how many seconds does the siren sound?", "40 seconds"),
    "handbook.pdf": ("How often must the shutter motor be greased?", "45 operating hours"),
    "kitchen.md": ("When is the night meal served?", "half past midnight"),
    "minutes.docx": ("How many nights were granted for near-Earth asteroids?", "24"),
    "parts.csv": ("What is the price in euros of a dome wheel?", "62.00"),
    "rota.xlsx": ("Who is the dome keeper in week 48?", "Ms Aho"),
    "visitors.html": ("What does a public evening cost?", "9 euros"),
    "weather-station.yaml": ("When was the barometer calibrated?", "17 June 2026"),
    "winter-notes.md": ("When does the cable sledge leave the valley station?", "16:10"),
}
"""A question about each document, and what its answer must hold."""

GREASE, NIGHTS, EVENING = (FACTS[name][0] for name in ("handbook.pdf", "minutes.docx", "visitors.html"))
TOPICS = {
    "building": ("The dome and its motor, mirror, road, snow, generator", ("handbook.pdf", "winter-notes.md")),
    "committee": ("Nights granted to programmes, decisions, budget", ("minutes.docx",)),
    "guests": ("Public evenings and visitors, prices of entry", ("visitors.html", "kitchen.md")),
    "stores": ("Spare parts, their price and supplier", ("parts.csv",)),
}
_NEVER_SENT = {"temperature", "top_p", "n", "presence_penalty", "frequency_penalty", "logprobs", "logit_bias"}


class WordHashes(BaseEmbedding):
    """Vectors of word counts, each word at a place given by its checksum. Deterministic, and of no model."""

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * 512
        for word in text.lower().split():
            vector[zlib.crc32(word.strip(".,;:?!|").encode()) % 512] += 1.0
        length = math.hypot(*vector) or 1.0
        return [each / length for each in vector]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vector(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vector(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._vector(query)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """All documents, read once."""
    with Emulator() as reading:
        loaded = KimiFileReader(base_url=reading.base_url, api_key=reading.api_key).load_data(FILES)
        assert list(reading.report) == []
        assert not reading.files, "the uploaded copies are removed"
    for document in loaded:  # where the checkout lies decides neither where texts are cut nor what a search finds
        document.metadata["file_path"] = f"/somewhere/examples/documents/{document.metadata['file_name']}"
    return loaded


@pytest.fixture(scope="module")
def nodes(documents: list[Document]) -> list[BaseNode]:
    return SentenceSplitter(chunk_size=128, chunk_overlap=16).get_nodes_from_documents(documents)


@pytest.fixture(autouse=True)
def _nothing_forbidden_is_sent(kimi: Emulator) -> Iterator[None]:
    yield
    assert list(kimi.report) == []
    assert list(kimi.refusals) == []
    for body in kimi.chats:
        assert not _NEVER_SENT & body.keys()


def retriever(nodes: list[BaseNode], names: tuple[str, ...] = (), most: int = 3) -> BM25Retriever:
    chosen = [node for node in nodes if not names or node.metadata["file_name"] in names]
    return BM25Retriever.from_defaults(nodes=chosen, similarity_top_k=min(most, len(chosen)))


def best_source(response: Any) -> str:
    return max(response.source_nodes, key=lambda source: source.score or 0.0).metadata["file_name"]


def system_texts(kimi: Emulator) -> str:
    return "\n".join(str(m["content"]) for body in kimi.chats for m in body["messages"] if m["role"] == "system")


# -- query engines --------------------------------------------------------------------------------------------------


def test_there_are_ten_documents_of_nine_kinds(documents: list[Document]) -> None:
    names = [document.metadata["file_name"] for document in documents]
    assert names == sorted(FACTS)
    assert len({name.rpartition(".")[2] for name in names}) == 9
    assert all(len(document.text) > 100 for document in documents)


@pytest.mark.parametrize("name", FACTS)
def test_a_query_engine_answers_from_each_document(name: str, llm: Kimi, nodes: list[BaseNode]) -> None:
    question, fact = FACTS[name]
    response = RetrieverQueryEngine.from_args(retriever(nodes), llm=llm).query(question)
    assert fact in str(response)
    assert best_source(response) == name


@pytest.mark.parametrize("name", ["parts.csv", "handbook.pdf", "chronicle.txt"])
async def test_a_citation_query_engine_cites_the_source_that_says_it(
    name: str, llm: Kimi, nodes: list[BaseNode]
) -> None:
    question, fact = FACTS[name]
    engine = CitationQueryEngine(retriever=retriever(nodes), llm=llm, citation_chunk_size=128)
    response = await engine.aquery(question)
    sentence, _, number = str(response).rstrip("]").rpartition(" [")
    assert fact in sentence
    cited = response.source_nodes[int(number) - 1].node
    assert cited.metadata["file_name"] == name
    assert fact in cited.get_content(MetadataMode.NONE).replace("\n", " ")


async def test_an_index_of_vectors_answers_in_all_four_ways(kimi: Emulator, llm: Kimi, nodes: list[BaseNode]) -> None:
    llm.wire = "plain"  # what is streamed then, the engine streams
    index = VectorStoreIndex(nodes, embed_model=WordHashes())
    plain, streamed = (index.as_query_engine(llm=llm, similarity_top_k=4, streaming=flag) for flag in (False, True))
    replies = [str(plain.query(GREASE)), str(await plain.aquery(GREASE))]
    response = streamed.query(GREASE)
    assert isinstance(response, StreamingResponse)
    replies.append("".join(str(piece) for piece in response.response_gen))
    aresponse = await streamed.aquery(GREASE)
    assert isinstance(aresponse, AsyncStreamingResponse)
    replies.append("".join([piece async for piece in aresponse.response_gen]))
    assert len(set(replies)) == 1
    assert "45 operating hours" in replies[0]
    assert [bool(body.get("stream")) for body in kimi.chats] == [False, False, True, True]


MODES = ["compact", "refine", "tree_summarize", "simple_summarize", "accumulate", "compact_accumulate"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_every_response_mode(
    mode: Any, asynchronous: bool, kimi: Emulator, llm: Kimi, nodes: list[BaseNode]
) -> None:
    synthesizer = get_response_synthesizer(llm=llm, response_mode=mode)
    engine = RetrieverQueryEngine(retriever=retriever(nodes), response_synthesizer=synthesizer)
    response = await engine.aquery(GREASE) if asynchronous else engine.query(GREASE)
    assert "45 operating hours" in str(response)
    assert best_source(response) == "handbook.pdf"
    assert len(kimi.chats) == (3 if mode in ("refine", "accumulate") else 1)


@pytest.mark.parametrize("mode", ["compact", "refine", "tree_summarize"])
def test_streamed_response_modes(mode: Any, llm: Kimi, nodes: list[BaseNode]) -> None:
    synthesizer = get_response_synthesizer(llm=llm, response_mode=mode, streaming=True)
    response = RetrieverQueryEngine(retriever=retriever(nodes), response_synthesizer=synthesizer).query(GREASE)
    assert isinstance(response, StreamingResponse)
    assert "45 operating hours" in "".join(str(piece) for piece in response.response_gen)


def test_a_long_context_is_refined_and_the_found_answer_kept(kimi: Emulator, llm: Kimi) -> None:
    texts = ["The lamp room was painted in 1931.", "The zorblat key hangs on hook 44.", "Rain fell for a week in May."]
    nodes = [NodeWithScore(node=TextNode(text=text), score=1.0) for text in texts]
    synthesizer = get_response_synthesizer(llm=llm, response_mode="refine")  # type: ignore[arg-type]
    assert "hook 44" in str(synthesizer.synthesize("Where does the zorblat key hang?", nodes=nodes))
    assert len(kimi.chats) == 3


class Grant(BaseModel):
    """Nights granted to one programme."""

    programme: str
    nights_granted: int
    responsible: str


class Grants(BaseModel):
    """All of them."""

    grants: list[Grant]


@pytest.mark.parametrize("mode", ["compact", "tree_summarize"])
async def test_an_answer_may_be_an_object(mode: Any, kimi: Emulator, llm: Kimi, nodes: list[BaseNode]) -> None:
    engine = RetrieverQueryEngine.from_args(retriever(nodes), llm=llm, output_cls=Grants, response_mode=mode)
    for response in (engine.query("List the programmes and the nights granted."), await engine.aquery("Nights?")):
        assert isinstance(response, PydanticResponse)
        assert isinstance(response.response, Grants)
    first = engine.query("List the programmes and the nights granted.").response  # type: ignore[union-attr]
    assert [(each.programme, each.nights_granted) for each in first.grants] == [  # type: ignore[union-attr]
        ("Variable stars of the Lyra field", 31),
        ("Near-Earth asteroids", 24),
        ("Student practice", 12),
    ]
    assert {body["response_format"]["type"] for body in kimi.chats} == {"json_schema"}
    assert not any("tools" in body for body in kimi.chats)


# -- chat engines ---------------------------------------------------------------------------------------------------

TALK = (
    ("When does the cable sledge leave the valley station?", "16:10"),
    ("And how many people does the sledge carry?", "6 people"),
    ("Where are the spare fuses kept?", "drawer 12"),
)
CHATS: dict[str, Callable[[Kimi, BM25Retriever], BaseChatEngine]] = {
    "condense plus context": lambda llm, retriever_of_nodes: CondensePlusContextChatEngine.from_defaults(
        retriever=retriever_of_nodes, llm=llm
    ),
    "context": lambda llm, retriever_of_nodes: ContextChatEngine.from_defaults(retriever=retriever_of_nodes, llm=llm),
    "condense question": lambda llm, retriever_of_nodes: CondenseQuestionChatEngine.from_defaults(
        query_engine=RetrieverQueryEngine.from_args(retriever_of_nodes, llm=llm), llm=llm
    ),
}


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("way", ["chat", "stream", "achat", "astream"])
async def test_a_chat_engine_holds_a_conversation(
    kind: str, way: str, kimi: Emulator, llm: Kimi, nodes: list[BaseNode]
) -> None:
    engine = CHATS[kind](llm, retriever(nodes))
    if kind == "condense question" and way in ("stream", "astream"):
        # This engine streams only what its query engine streams.
        query_engine = RetrieverQueryEngine.from_args(retriever(nodes), llm=llm, streaming=True)
        engine = CondenseQuestionChatEngine.from_defaults(query_engine=query_engine, llm=llm)
    for question, fact in TALK:
        if way == "chat":
            reply = str(engine.chat(question))
        elif way == "achat":
            reply = str(await engine.achat(question))
        elif way == "stream":
            reply = "".join(engine.stream_chat(question).response_gen)
        else:
            streamed = await engine.astream_chat(question)
            reply = "".join([piece async for piece in streamed.async_response_gen()])
        assert fact in reply
    roles = [message.role for message in engine.chat_history]
    assert roles == [MessageRole.USER, MessageRole.ASSISTANT] * 3
    assert "16:10" in str(engine.chat_history[1].content)
    if kind == "condense plus context":
        # Each further turn is two requests: rephrase, then answer with the found passages in front.
        assert len(kimi.chats) == 5
        assert "drawer 12" in system_texts(kimi)
    engine.reset()
    assert engine.chat_history == []


async def test_a_chat_engine_reads_what_was_said_before_it(llm: Kimi, nodes: list[BaseNode]) -> None:
    history = [
        ChatMessage("The password of the gate is Zorblat."),
        ChatMessage(role="assistant", content="Good evening."),
    ]
    engine = ContextChatEngine.from_defaults(retriever=retriever(nodes), llm=llm, chat_history=history)
    assert "Zorblat" in str(await engine.achat("What is the password of the gate?"))


# -- routers and sub-questions --------------------------------------------------------------------------------------


def tools(llm: Kimi, nodes: list[BaseNode]) -> list[QueryEngineTool]:
    return [
        QueryEngineTool.from_defaults(
            RetrieverQueryEngine.from_args(retriever(nodes, names), llm=llm), name=name, description=about
        )
        for name, (about, names) in TOPICS.items()
    ]


SELECTORS = [LLMSingleSelector, LLMMultiSelector, PydanticSingleSelector, PydanticMultiSelector]


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize(
    ("question", "topic", "fact"),
    [(GREASE + " (dome)", 0, "45 operating hours"), (NIGHTS, 1, "24"), (EVENING, 2, "9 euros")],
    ids=list(TOPICS)[:3],
)
async def test_a_router_takes_the_right_engine(
    selector: Any, question: str, topic: int, fact: str, kimi: Emulator, llm: Kimi, nodes: list[BaseNode]
) -> None:
    engine = RouterQueryEngine.from_defaults(
        tools(llm, nodes), llm=llm, selector=selector.from_defaults(llm=llm), select_multi=False
    )
    for response in (engine.query(question), await engine.aquery(question)):
        assert fact in str(response)
        assert response.metadata is not None
        assert [each.index for each in response.metadata["selector_result"].selections] == [topic]
    first = kimi.chats[0]
    if selector in (PydanticSingleSelector, PydanticMultiSelector):
        assert first["tool_choice"] == "required"
        assert first["tools"][0]["function"]["name"] in ("SingleSelection", "MultiSelection")
    else:
        assert "tools" not in first


@pytest.mark.parametrize("model", ["kimi-k2.6", "kimi-k2.7-code"])
def test_a_pydantic_selector_works_where_tools_cannot_be_forced(model: str, make: Make, nodes: list[BaseNode]) -> None:
    llm = make(model=model)
    selector = PydanticSingleSelector.from_defaults(llm=llm)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="cannot be made to call"):
        response = RouterQueryEngine(selector=selector, query_engine_tools=tools(llm, nodes), llm=llm).query(NIGHTS)
    assert "24" in str(response)


@pytest.mark.parametrize("use_async", [False, True], ids=["sync", "async"])
async def test_sub_questions_go_to_their_engines_and_the_answers_are_composed(
    use_async: bool, kimi: Emulator, llm: Kimi, nodes: list[BaseNode]
) -> None:
    engine = SubQuestionQueryEngine.from_defaults(
        query_engine_tools=tools(llm, nodes),
        llm=llm,
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        use_async=use_async,
        verbose=False,
    )
    question = "How many nights were granted for near-Earth asteroids, and who is the supplier of the shutter belt?"
    response = await engine.aquery(question) if use_async else engine.query(question)
    assert "24" in str(response)
    assert "Nygard Drives" in str(response)
    pairs = [node.node.get_content() for node in response.source_nodes if "Sub question" in node.node.get_content()]
    assert len(pairs) == 2
    assert len(kimi.chats) == 4  # the questions, one answer each, and their composition
    assert "file_name: minutes.docx" in str(kimi.chats[1:3])
    assert "file_name: parts.csv" in str(kimi.chats[1:3])


# -- reranking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reranker", [LLMRerank, StructuredLLMRerank])
async def test_a_reranker_puts_the_right_passage_first(
    reranker: Any, kimi: Emulator, llm: Kimi, nodes: list[BaseNode]
) -> None:
    question, fact = FACTS["rota.xlsx"]
    nodes_by_rank = retriever(nodes, most=6).retrieve(question)
    worst_first = [NodeWithScore(node=each.node, score=0.5) for each in reversed(nodes_by_rank)]
    rerank = reranker(llm=llm, top_n=2, choice_batch_size=10)
    for chosen in (
        rerank.postprocess_nodes(worst_first, QueryBundle(question)),
        await rerank.apostprocess_nodes(worst_first, QueryBundle(question)),
    ):
        assert 1 <= len(chosen) <= 2
        assert fact in chosen[0].node.get_content()
        assert chosen[0].score == 10
    used = {body.get("response_format", {}).get("type") for body in kimi.chats}
    assert used == ({"json_schema"} if reranker is StructuredLLMRerank else {None})


def test_a_query_engine_with_a_reranker(llm: Kimi, nodes: list[BaseNode]) -> None:
    question, fact = FACTS["parts.csv"]
    engine = RetrieverQueryEngine.from_args(
        retriever(nodes, most=6), llm=llm, node_postprocessors=[LLMRerank(llm=llm, top_n=1)]
    )
    response = engine.query(question)
    assert fact in str(response)
    assert [node.metadata["file_name"] for node in response.source_nodes] == ["parts.csv"]


# -- ingestion ------------------------------------------------------------------------------------------------------


class Card(BaseModel):
    """What a passage is about."""

    price_in_euros: float
    suppliers: list[str]


@pytest.mark.parametrize("program", [FunctionCallingProgram, LLMTextCompletionProgram])
async def test_metadata_extractors(program: Any, kimi: Emulator, llm: Kimi, nodes: list[BaseNode]) -> None:
    (chosen,) = [node for node in nodes if node.metadata["file_name"] == "kitchen.md"]
    titles = await TitleExtractor(llm=llm, show_progress=False).aextract([chosen])
    assert titles == [{"document_title": "Kitchen rules"}]
    (keywords,) = await KeywordExtractor(llm=llm, keywords=4, show_progress=False).aextract([chosen])
    assert len(keywords["excerpt_keywords"].split(", ")) == 4
    assert all(word in chosen.get_content() for word in keywords["excerpt_keywords"].split(", "))
    (summary,) = await SummaryExtractor(llm=llm, show_progress=False).aextract([chosen])
    assert "half past midnight" in summary["section_summary"]
    card = program.from_defaults(output_cls=Card, prompt_template_str="Fill in the card.\n{input}", llm=llm)
    extractor = PydanticProgramExtractor(program=card, input_key="input", show_progress=False)
    priced = TextNode(text="The price in euros is 12.50. Suppliers: Nygard Drives, Optika Umea")
    (metadata,) = await extractor.aextract([priced])
    assert metadata == {"price_in_euros": 12.5, "suppliers": ["Nygard Drives", "Optika Umea"]}
    assert kimi.chats[-1].get("tool_choice") == ("required" if program is FunctionCallingProgram else None)


async def test_a_second_ingestion_run_finds_nothing_new(
    kimi: Emulator, llm: Kimi, tmp_path: Any, nodes: list[BaseNode]
) -> None:
    reader = KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key)
    store = SimpleVectorStore()
    pipeline = IngestionPipeline(
        transformations=[
            SentenceSplitter(chunk_size=128, chunk_overlap=16),
            TitleExtractor(llm=llm, nodes=1, show_progress=False),
            WordHashes(),
        ],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS,
        vector_store=store,
        disable_cache=True,
    )
    page = tmp_path / "lift.md"
    page.write_text("# The lift\n\nThe lift holds six people.\n", "utf-8")
    files = [*FILES[:3], page]

    first = await pipeline.arun(documents=await reader.aload_data(files))
    assert {node.metadata["document_title"] for node in first} >= {"The lift", "Fire drill for new staff"}
    sent = len(kimi.requests)
    again = await pipeline.arun(documents=await reader.aload_data(files))
    assert list(again) == []
    assert len(kimi.requests) == sent, "no file is uploaded again, no title asked for again"

    page.write_text("# The lift\n\nThe lift holds seven people.\n", "utf-8")
    changed = await pipeline.arun(documents=await reader.aload_data(files))
    assert [node.metadata["file_name"] for node in changed] == ["lift.md"]
    uploads = [request for request in kimi.requests if request.path == "/v1/files" and request.method == "POST"]
    assert len(uploads) == len(files) + 1

    index = VectorStoreIndex.from_vector_store(_with_texts(store, [*first, *changed]), embed_model=WordHashes())
    assert index.vector_store is store


def _with_texts(store: SimpleVectorStore, nodes: list[BaseNode]) -> SimpleVectorStore:
    assert len(store.data.embedding_dict) == len({node.node_id for node in nodes}) - 1, "the old page is gone"
    store.stores_text = True
    return store
