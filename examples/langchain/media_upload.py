"""A large picture is uploaded once, and every turn of the conversation refers to it.

Sent inside, it would go over the wire again with each question. The messages keep what the program put into them, so
stored conversations do not depend on the upload: if somebody deletes it, the next call sends it anew.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from examples.connection import connection
from examples.console import say
from kimi_api.files import list_files
from langchain_kimi import ChatKimi

QUESTIONS = ("What does the picture show?", "Which colour is most of it?")


def striped_png(width: int = 400, height: int = 300) -> bytes:
    """A picture of blue and white stripes, made by hand so that the example needs no library."""
    row = {True: b"\x00" + b"\x20\x40\xc0" * width, False: b"\x00" + b"\xff\xff\xff" * width}
    pixels = b"".join(row[line // 30 % 2 == 0] for line in range(height))

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels, 0)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def main(settings: dict[str, Any]) -> list[str]:
    """Ask about one picture twice, and return the answers."""
    picture = striped_png()
    # 4 MiB unless one says otherwise; this picture is smaller.
    llm = ChatKimi(**settings, inline_media_bytes=100_000)
    image = {"type": "image", "base64": base64.b64encode(picture).decode(), "mime_type": "image/png"}
    history: list[BaseMessage] = [HumanMessage([{"type": "text", "text": QUESTIONS[0]}, image])]
    answers = []
    for question in QUESTIONS:
        if question != QUESTIONS[0]:
            history.append(HumanMessage(question))
        say(f"Question: {question}", "bold")
        answer = llm.invoke(history)
        history.append(answer)
        answers.append(answer.text)
        say(f"Answer: {answer.text}")
    images = [file for file in list_files(llm.client) if file.purpose == "image"]
    say(f"{len(picture):,} bytes went up once, as {', '.join(file.url for file in images)}", "dim")
    return answers


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
