"""What goes into a message and comes out of one: thinking, images, videos, an uploaded file by its `ms://` address."""

from __future__ import annotations

import base64
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ContentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    VideoBlock,
)

from examples.connection import connection, reader_settings
from examples.console import ANSWER, THINKING, line, say
from kimi_api import KimiClient, files
from llama_index_kimi import Kimi

PNG = base64.b64decode(  # 16 by 16 points, orange
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mP4z8BAEmIY1TCqYfhqAABrmf8BDk0zRwAAAABJRU5ErkJggg=="
)
FILM = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00\x00\x00\x08mdat"
"""The first bytes of an MP4. The emulator looks no further; the platform wants a real film."""


def main(settings: dict[str, Any], film: bytes | None = None) -> list[ChatResponse]:
    """Ask about a picture in two ways and about a film, go on with the conversation, and return the answers."""
    llm = Kimi(**settings)
    answers: list[ChatResponse] = []

    def ask(label: str, messages: list[ChatMessage]) -> ChatMessage:
        answers.append(llm.chat(messages))
        reply = answers[-1].message
        for block in reply.blocks:
            if isinstance(block, ThinkingBlock):
                line("Thinking", block.content or "", THINKING)
        line(label, reply.content or "", ANSWER)
        return reply

    def show(block: ContentBlock) -> ChatMessage:
        return ChatMessage(role="user", blocks=[block, TextBlock(text="What is on it? One word.")])

    image_message = show(ImageBlock(image=PNG))
    answer = ask("Inline", [image_message])
    # The answer goes back as it came: its thinking is part of it.
    ask("And then", [image_message, answer, ChatMessage("Which question did I ask before?")])

    client = KimiClient(**reader_settings(settings))
    uploads = [(PNG, "image", "orange.png"), *([(film, "video", "film.mp4")] if film else [])]
    for data, purpose, name in uploads:
        file = files.upload(client, data, purpose, name=name)  # type: ignore[arg-type]
        say(f"{name} is {file.url}")
        block = ImageBlock(url=file.url) if purpose == "image" else VideoBlock(url=file.url)
        try:
            ask("Uploaded", [show(block)])
        finally:
            files.delete(client, file.id)
    return answers


if __name__ == "__main__":
    with connection() as settings:
        main(settings, FILM if "base_url" in settings else None)
