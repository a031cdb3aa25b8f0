"""What parts of llama-index-core demand of a model: kinds of errors, room for output, the text in the first block."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import Document, DocumentSummaryIndex, PropertyGraphIndex, SummaryIndex, TreeIndex
from llama_index.core.base.llms.types import ChatMessage, TextBlock
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.extractors import DocumentContextExtractor
from llama_index.core.indices.property_graph import SchemaLLMPathExtractor
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from scripted_kimi import NEW_CORE

from kimi_api import KimiIncompleteReplyError, KimiStructuredOutputError, KimiToolChoiceError
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi

CUT = Reply(content='{"triplets": [{"subject": {"type": "PERS', finish_reason="length")


@pytest.fixture
def llm(kimi: Emulator) -> Kimi:
    return Kimi(base_url=kimi.base_url, api_key=kimi.api_key)


def test_an_answer_that_is_not_the_object_is_a_value_error_and_a_cut_connection_is_none() -> None:
    assert issubclass(KimiStructuredOutputError, ValueError)
    assert issubclass(KimiToolChoiceError, ValueError)
    assert not issubclass(KimiIncompleteReplyError, ValueError)


@pytest.mark.parametrize(
    "answer",
    [
        CUT,
        Reply(content="I would rather not."),
        Reply(content='{"triplets": "none"}'),
        Reply(content="[1, 2"),
    ],
    ids=["cut", "prose", "other shape", "broken"],
)
def test_one_unusable_answer_does_not_end_a_property_graph(kimi: Emulator, llm: Kimi, answer: Reply) -> None:
    kimi.script(answer, answer)
    index = PropertyGraphIndex.from_documents(
        [Document(text="Ada lives in Turku."), Document(text="Bo lives in Vaasa.")],
        llm=llm,
        embed_model=MockEmbedding(8),
        kg_extractors=[SchemaLLMPathExtractor(llm=llm, num_workers=1)],
    )
    assert len(kimi.requests) == 2
    assert index.property_graph_store.get_triplets() == []


@pytest.mark.skipif(not NEW_CORE, reason="this core's refine query ends at an answer without a call")
def test_a_refine_query_that_filters_answers_goes_on_after_an_unusable_one(kimi: Emulator, llm: Kimi) -> None:
    second = ToolCall("StructuredRefineResponse", {"answer": "It is Turku.", "query_satisfied": True})
    kimi.script(Reply(content="{", finish_reason="length"), Reply(tool_calls=[second]))
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in ("Snow.", "It is Turku.")]
    synthesizer = get_response_synthesizer(llm=llm, response_mode="refine", structured_answer_filtering=True)
    assert str(synthesizer.synthesize("Which town?", nodes)) == "It is Turku."


# Any window that a self-hosted server has, and budgets below, at and above it.
WINDOWS = (4_096, 8_192, 32_000, 131_072, 1_048_576)
BUDGETS = (None, 512, 4_096, 131_072)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("budget", BUDGETS)
def test_there_is_room_for_passages_whatever_the_window(window: int, budget: int | None) -> None:
    metadata = Kimi(api_key="sk-test-window", context_window=window, max_tokens=budget).metadata
    assert metadata.context_window == window
    if budget is not None and budget < window:
        assert metadata.num_output == budget
    else:
        assert metadata.num_output == min(131_072, window // 4)


@pytest.mark.parametrize("engine", [SummaryIndex, TreeIndex, DocumentSummaryIndex])
@pytest.mark.parametrize("mode", ["compact", "tree_summarize", "refine"])
@pytest.mark.parametrize(("window", "budget"), [(4_096, None), (32_000, None), (32_000, 131_072), (8_192, 1_024)])
def test_every_query_engine_works_with_a_small_window(
    kimi: Emulator, engine: Any, mode: str, window: int, budget: int | None
) -> None:
    llm = Kimi(base_url=kimi.base_url, api_key=kimi.api_key, context_window=window, max_tokens=budget)
    documents = [Document(text="The sledge leaves at 16:10. " * 40), Document(text="The dome is white. " * 40)]
    synthesizer = get_response_synthesizer(llm=llm, response_mode="tree_summarize")
    extra = {"response_synthesizer": synthesizer} if engine is DocumentSummaryIndex else {}
    index = engine.from_documents(documents, llm=llm, embed_model=MockEmbedding(8), **extra)
    assert str(index.as_query_engine(llm=llm, response_mode=mode).query("When does the sledge leave?"))


@pytest.mark.parametrize("streamed", [False, True])
def test_the_answer_stands_in_the_first_block_when_thinking_has_no_words(kimi: Emulator, streamed: bool) -> None:
    llm = Kimi(model="kimi-k2.6", thinking=False, base_url=kimi.base_url, api_key=kimi.api_key)
    kimi.script(Reply(content="Turku.", reasoning=""))
    messages = [ChatMessage("Which town?")]
    responses = list(llm.stream_chat(messages)) if streamed else [llm.chat(messages)]
    blocks = responses[-1].message.blocks
    assert isinstance(blocks[0], TextBlock)
    assert blocks[0].text == "Turku."
    assert all(isinstance(each.message.blocks[0], TextBlock) for each in responses if each.message.content)


async def test_the_document_context_extractor_stores_its_context(kimi: Emulator) -> None:
    llm = Kimi(model="kimi-k2.6", thinking=False, base_url=kimi.base_url, api_key=kimi.api_key)
    kimi.script(Reply(content="About a sledge.", reasoning=""))
    store = SimpleDocumentStore()
    document = Document(text="The sledge leaves at 16:10.", id_="d")
    store.add_documents([document])
    extractor = DocumentContextExtractor(docstore=store, llm=llm, max_context_length=10_000, num_workers=1)
    node = TextNode(text="16:10")
    node.relationships = {"1": document.as_related_node_info()}  # type: ignore[dict-item]
    assert await extractor.aextract([node]) == [{"context": "About a sledge."}]
