"""Files into documents: one, several, a directory, bytes; in `SimpleDirectoryReader`; in a pipeline that remembers."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core import SimpleDirectoryReader
from llama_index.core.extractors import TitleExtractor
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore

from examples.connection import connection, reader_settings
from examples.console import say
from examples.documents.make import FOLDER
from llama_index_kimi import Kimi, KimiFileReader

ONE, OTHER = FOLDER / "handbook.pdf", FOLDER / "rota.xlsx"


async def main(settings: dict[str, Any]) -> dict[str, list[Any]]:
    """Read files in each way, print and return what came."""
    reader = KimiFileReader(**reader_settings(settings), num_workers=3)
    read: dict[str, list[Any]] = {
        "a file": reader.load_data(ONE),
        "a list": await reader.aload_data([ONE, OTHER]),
        "a directory": await reader.aload_data(FOLDER),
        "bytes": reader.load_data(OTHER.read_bytes(), extra_info={"file_name": "rota.xlsx"}),
        "among other readers": await SimpleDirectoryReader(
            FOLDER, required_exts=[".pdf", ".pptx"], file_extractor=reader.file_extractor()
        ).aload_data(),
    }

    # The reader keeps the text of each file by its content, and ids and hashes stay the same from run to run: a second
    # run sends nothing, neither files nor questions.
    pipeline = IngestionPipeline(
        transformations=[
            SentenceSplitter(chunk_size=256, chunk_overlap=16),
            TitleExtractor(llm=Kimi(**settings), nodes=1, show_progress=False),
        ],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
        disable_cache=True,
    )
    for run in ("first run", "second run"):
        read[run] = list(await pipeline.arun(documents=await reader.aload_data([ONE, OTHER])))
    for title, documents in read.items():
        say(f"{title}: {len(documents)} " + ", ".join(sorted({each.metadata["file_name"] for each in documents})))
    for node in read["first run"]:
        say(f"{node.metadata['file_name']}: {node.metadata['document_title']}")
    return read


if __name__ == "__main__":
    with connection() as found_settings:
        asyncio.run(main(found_settings))
