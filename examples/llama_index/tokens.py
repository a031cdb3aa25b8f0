"""Counting tokens with LlamaIndex: chunks, a memory's budget with thinking in it, and what calls really cost."""

from __future__ import annotations

from typing import Any

from llama_index.core import Document
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.node_parser import SentenceSplitter

from examples.connection import connection
from examples.console import say
from llama_index_kimi import Kimi, KimiChatMemoryBuffer

BUDGET = 2_000
THOUGHT = "The Moon pulls at the sea, and the Earth turns below it. " * 20


def main(settings: dict[str, Any]) -> tuple[int, int, int]:
    """Print and return: chunks of a text, tokens that a memory gives to a budget, prompt tokens of a call."""
    handler = TokenCountingHandler(tokenizer=Kimi(**settings).tokenizer)
    llm = Kimi(**settings, callback_manager=CallbackManager([handler]))
    splitter = SentenceSplitter(chunk_size=200, chunk_overlap=0, tokenizer=llm.tokenizer)
    chunks = splitter.get_nodes_from_documents([Document(text=THOUGHT)])
    say(f"{len(THOUGHT):,} characters, {len(llm.tokenizer(THOUGHT))} tokens, {len(chunks)} chunks of at most 200.")

    memory = KimiChatMemoryBuffer.from_defaults(token_limit=BUDGET, tokenizer_fn=llm.tokenizer)
    for number in range(20):
        memory.put(ChatMessage(role="user", content=f"Question {number}: when is high water?"))
        thinking = ThinkingBlock(content=THOUGHT)
        memory.put(ChatMessage(role="assistant", blocks=[thinking, TextBlock(text=f"At {number}:42.")]))
    memory.put(ChatMessage(role="user", content="And tomorrow?"))
    remembered = memory.get()
    prompt_tokens = llm.count_tokens(remembered)
    say(f"Of {len(memory.get_all())} messages the memory gives {len(remembered)}: {prompt_tokens:,} tokens of prompt.")

    llm.chat(remembered)
    say(f"The call cost {handler.prompt_llm_token_count:,} tokens in and {handler.completion_llm_token_count:,} out.")
    return len(chunks), prompt_tokens, handler.prompt_llm_token_count


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
