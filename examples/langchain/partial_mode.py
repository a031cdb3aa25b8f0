"""Partial mode: Kimi goes on from the beginning of an answer instead of starting one of its own."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from examples.connection import connection
from examples.console import ANSWER, line
from langchain_kimi import ChatKimi, partial_message

ORDER = 'Weight: 12 kg. City: Turku. Give me this as an object with the keys "weight" and "city".'


def main(settings: dict[str, Any]) -> dict[str, str]:
    """Print and return each continuation."""
    llm = ChatKimi(**settings)
    messages: list[BaseMessage] = [HumanMessage(ORDER)]
    answers: dict[str, str] = {}

    rest = llm.invoke([*messages, partial_message("{")]).text
    line("the rest of {", rest, ANSWER)
    answers["object"] = "{" + rest
    line("as an object", str(json.loads(answers["object"])), ANSWER)

    as_dict: Any = {"role": "assistant", "content": "Dear customer, ", "partial": True}
    answers["joined"] = llm.invoke([*messages, as_dict], join_prefix=True).text
    line("joined", answers["joined"], ANSWER)

    # A name is part of the prefix: the answer is in that voice.
    captain = ChatKimi(join_prefix=True, **settings)
    begin = partial_message("Ahoy! ", name="Captain")
    answers["voice"] = "".join(piece.text for piece in captain.stream([*messages, begin]))
    line("Captain", answers["voice"], ANSWER)
    return answers


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
