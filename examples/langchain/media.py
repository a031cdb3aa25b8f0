"""Images and videos: inline, uploaded once and referred to as `ms://`, and as the result of a tool.

    python -m examples.langchain.media [film.mp4]

Kimi fetches nothing from the web: a picture comes as bytes or as an uploaded file (`ChatKimi(fetch_media=True)` fetches
public addresses for it, and large ones are uploaded by themselves).
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage

from examples.connection import connection
from examples.console import ANSWER, line, say
from kimi_api import KimiInputError, files
from langchain_kimi import ChatKimi

PNG = base64.b64decode(  # 16 by 16 points, orange
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mP4z8BAEmIY1TCqYfhqAABrmf8BDk0zRwAAAABJRU5ErkJggg=="
)
FILM = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00\x00\x00\x08mdat"
"""The first bytes of an MP4. The emulator looks no further; the platform wants a real film."""
TEXT = {"type": "text", "text": "What is on it? One word."}


def take_screenshot() -> list[dict[str, Any]]:
    """Take a screenshot."""
    return [picture()]


def main(settings: dict[str, Any], film: bytes | None = None) -> dict[str, AIMessage]:
    """Show Kimi a picture in three ways and a film, and return the answers."""
    llm = ChatKimi(**settings)
    answers: dict[str, AIMessage] = {}

    def ask(label: str, *blocks: dict[str, Any]) -> None:
        answers[label] = llm.invoke([HumanMessage([*blocks, TEXT])])
        usage = answers[label].usage_metadata
        line(label, f"{answers[label].text} ({usage and usage['input_tokens']} tokens in)", ANSWER)

    ask("an image block", picture())
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    ask("OpenAI's spelling", {"type": "image_url", "image_url": {"url": url}})

    image = files.upload(llm.client, PNG, "image", name="orange.png")
    try:
        ask(f"uploaded, {image.url}", {"type": "image", "file_id": image.id})
    finally:
        files.delete(llm.client, image.id)

    if film is not None:
        ask("a video block", {"type": "video", "base64": base64.b64encode(film).decode(), "mime_type": "video/mp4"})

    agent = create_agent(llm, tools=[take_screenshot])
    state = agent.invoke({"messages": [HumanMessage("Take a screenshot, and say what is on it.")]})
    answers["a tool's result"] = state["messages"][-1]
    line("a tool's result", state["messages"][-1].text, ANSWER)

    try:
        llm.invoke([HumanMessage([{"type": "image", "url": "https://example.com/cat.png"}, TEXT])])
    except KimiInputError as error:
        say(f"An address on the web is refused before anything is sent: {error}", "red")
    return answers


def picture() -> dict[str, Any]:
    """The picture as a content block of LangChain's."""
    return {"type": "image", "base64": base64.b64encode(PNG).decode(), "mime_type": "image/png"}


if __name__ == "__main__":
    with connection() as settings:
        film = Path(sys.argv[1]).read_bytes() if sys.argv[1:] else None
        main(settings, film or (FILM if "base_url" in settings else None))
