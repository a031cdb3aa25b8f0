"""How `Kimi` fits into LlamaIndex: `Settings`, callbacks, storing, and what only Kimi has.

Those are Partial Mode (go on from a beginning), a key that keeps the prefix cache together, and tools that join in the
middle of a conversation. Memories are in `tokens.py`.
"""

from __future__ import annotations

import json
from typing import Any

from llama_index.core import Settings
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool

from examples.connection import connection
from examples.console import ANSWER, line, say
from examples.tools import convert_currency
from llama_index_kimi import Kimi, dynamic_tools_message, partial_message

RULES = ChatMessage(role="system", content="You are the clerk of a mountain hut. Be brief and friendly. " * 60)


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Print and return what each feature gave."""
    gave: dict[str, Any] = {}

    # One model for everything that names none, and its way of counting for everything that cuts texts.
    counter = TokenCountingHandler()
    llm = Kimi(**settings, prompt_cache_key="hut-1", callback_manager=CallbackManager([counter]))
    Settings.llm = llm
    Settings.tokenizer = llm.tokenizer

    # The same beginning under the same key is read from the cache the second time.
    answers = [llm.chat([RULES, ChatMessage(question)]) for question in ("Are there beds?", "Is there soup?")]
    gave["told"] = sum(answer.additional_kwargs["prompt_tokens"] for answer in answers)
    gave["cached"] = answers[-1].additional_kwargs["cached_tokens"]
    gave["counted"] = counter.prompt_llm_token_count
    say(f"{gave['counted']} tokens in, {gave['cached']} of the last question's from the cache")

    # Partial Mode: the answer goes on from a beginning, and comes back joined to it.
    order = ChatMessage('Beds: 4. Night: Friday. Give me an object with the keys "beds" and "night".')
    gave["joined"] = json.loads(llm.chat([order, partial_message("{")], join_prefix=True).message.content or "")
    line("joined", str(gave["joined"]), ANSWER)

    # A tool that joins in: what was said before stays as it was, and so does its cache.
    joins = dynamic_tools_message([FunctionTool.from_defaults(convert_currency)])
    answer = llm.chat([RULES, joins, ChatMessage("How much is 90 EUR in SEK?")])
    gave["called"] = llm.get_tool_calls_from_response(answer)[0].tool_kwargs
    line("the new tool", str(gave["called"]), ANSWER)

    # Stored and made again: all but the key, which is read from the environment or given anew.
    stored = llm.to_dict()
    gave["stored"] = stored
    gave["again"] = Kimi.from_dict({**stored, **settings})
    say(f"{len(json.dumps(stored))} characters to store; the key is not among them.")
    return gave


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
