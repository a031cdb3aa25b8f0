"""A large picture on disk is streamed to the platform once, and every turn of the conversation refers to it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock

from examples.connection import connection, reader_settings
from examples.console import say
from examples.langchain.media_upload import QUESTIONS, striped_png
from kimi_api import KimiClient
from kimi_api.media import upload_media
from llama_index_kimi import Kimi


def main(settings: dict[str, Any]) -> list[str]:
    """Ask about one picture twice, and return the answers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stripes.png"
        path.write_bytes(striped_png())
        llm = Kimi(**settings, inline_media_bytes=100_000)  # 4 MiB unless one says otherwise
        history = [ChatMessage(role="user", blocks=[TextBlock(text=QUESTIONS[0]), ImageBlock(path=path)])]
        answers = []
        for question in QUESTIONS:
            if question != QUESTIONS[0]:
                history.append(ChatMessage(role="user", content=question))
            say(f"Question: {question}", "bold")
            message = llm.chat(history).message
            history.append(message)
            answers.append(message.content or "")
            say(f"Answer: {message.content}")
        # The same content by hand: it is there already, so this sends nothing.
        known = upload_media(KimiClient(**reader_settings(settings)), path)
        say(f"{path.stat().st_size:,} bytes went up once, as {known.url}", "dim")
    return answers


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
