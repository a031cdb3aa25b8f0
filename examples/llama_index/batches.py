"""A batch with LlamaIndex: the chunks of a text summarised within hours at 60 % of the price."""

from __future__ import annotations

import os
from typing import Any

from llama_index.core import Document
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.node_parser import SentenceSplitter

from examples.connection import connection
from examples.console import say
from llama_index_kimi import Kimi, KimiBatch

MODEL = os.environ.get("KIMI_BATCH_MODEL", "kimi-k2.6")  # batches do not serve the K3 family
LOG = "The harbour of Turku froze in {year}, and the ferries waited for the icebreaker until the {day}th of March. "


def main(settings: dict[str, Any]) -> dict[str, ChatResponse | Exception]:
    """Ask for a summary of every chunk, and return the answers by chunk."""
    llm = Kimi(**dict(settings, model=MODEL))
    text = "".join(LOG.format(year=year, day=year % 28 + 1) for year in range(1960, 1990))
    nodes = SentenceSplitter(chunk_size=256, chunk_overlap=0).get_nodes_from_documents([Document(text=text)])
    instruction = ChatMessage("Summarise the text in one sentence.", role="system")
    chats = {f"chunk-{n}": [instruction, ChatMessage(node.get_content())] for n, node in enumerate(nodes, 1)}
    batch = KimiBatch(llm, max_tokens=4_000, show_progress=True).submit(chats)
    say(f"{len(chats)} chunks, submitted as {', '.join(batch.ids)}")
    batch.poll_until_done(poll=0.05 if "127.0.0.1" in (llm.base_url or "") else 30)
    results = batch.results(delete_after=True)
    tokens = 0
    for name, result in results.items():
        if isinstance(result, Exception):
            say(f"{name}: failed: {result}", "red")
        else:
            tokens += result.additional_kwargs["total_tokens"]
            say(f"{name}: {(result.message.content or '')[:70]}")
    say(f"{tokens:,} tokens in all")
    return results


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
