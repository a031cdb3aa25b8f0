"""The default brain: small rules that call fitting tools, quote documents and fill schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kimi_emulator.brain import documents, jsontext, protocols, samples
from kimi_emulator.brain.calls import Planner, sayable
from kimi_emulator.brain.contract import BrainContext
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.script import Reply
from kimi_emulator.words import clauses, shorten

__all__ = ["DefaultBrain"]

_LONG = 600
"""Characters of a tool result that are repeated whole; of longer ones the fitting sentences are quoted."""


class DefaultBrain:
    """Answers by rules. It knows nothing: whatever it says comes out of the request."""

    def answer(self, request: Mapping[str, Any], context: BrainContext) -> Reply:
        """Tool calls if some are due, else a text in the format that is asked for."""
        talk = Conversation(request["messages"])
        choice = request.get("tool_choice")
        if context.tools and choice != "none" and context.prefix is None:
            planner = Planner(context.tools, talk, search=not talk.documents)
            if choice not in (None, "auto"):
                calls = planner.force(choice["function"]["name"] if isinstance(choice, dict) else None)
            elif talk.demanded is not None:
                names = {tool.name for tool in planner.tools}
                calls = planner.force(talk.demanded if talk.demanded in names else None)
            else:
                calls = planner.calls()
            if calls:
                return Reply(tool_calls=calls)
        plain = context.prefix is None and "json" not in str((request.get("response_format") or {}).get("type"))
        spoken = protocols.read(talk.messages) if plain else None
        if spoken is not None:
            talk = Conversation(spoken.messages)
            calls = Planner(spoken.tools, talk, search=False).calls() if spoken.tools else []
            return Reply(content=spoken.format_answer(calls, "" if calls else self._plain_answer(talk)))
        return Reply(content=self._content(request, context, talk))

    def _content(self, request: Mapping[str, Any], context: BrainContext, talk: Conversation) -> str:
        response_format, prefix = request.get("response_format") or {}, context.prefix
        texts = [*(done.content for done in talk.done), talk.request, *talk.system, *talk.earlier]

        def in_words() -> dict[str, Any]:
            prompt = "\n".join([*talk.system, talk.request])
            return jsontext.from_words(prompt, texts, talk.question, self._plain_answer(talk))

        members: dict[str, Any] | None = None
        if response_format.get("type") == "json_schema":
            members = jsontext.from_schema(response_format["json_schema"]["schema"], texts, talk.question)
        elif response_format.get("type") == "json_object":
            members = in_words()
        if members is not None and not (prefix or "").strip():
            return json.dumps(members, ensure_ascii=False)
        if prefix is None:
            plain = self._plain_answer(talk)
            return (None if talk.done else samples.answer(talk, plain)) or plain
        if members is not None or prefix.rstrip().rsplit("\n", 1)[-1].lstrip("`jsonJSON \n").startswith(("{", "[")):
            rest = jsontext.continue_json(prefix, in_words() if members is None else members)
            if rest is not None:
                return rest
        plain = self._plain_answer(talk)
        if plain.startswith(prefix):
            return plain[len(prefix) :]
        return plain if prefix[-1:].isspace() or not prefix else f" {plain}"

    def _plain_answer(self, talk: Conversation) -> str:
        """The answer as text."""
        if talk.done:
            return self._from_results(talk)
        if talk.asks_rephrasing:
            return talk.question
        text = samples.refine(talk) or self._each_part(talk) or documents.best(talk.question, talk.documents)
        if text is None:
            text = documents.best(talk.question, [*talk.system, *talk.earlier])
        if text is not None:
            return text
        if talk.documents and talk.question:
            return f"I find nothing about that in the given texts: {shorten(talk.question, 300)}"
        question = shorten(talk.question or talk.request, 300)
        return f"This is the local Kimi emulator, which answers by rules and not by a model. You wrote: {question}"

    def _each_part(self, talk: Conversation) -> str | None:
        """The answers to the parts of a question, or None when it has one part or a part finds nothing."""
        questions = clauses(talk.question) if talk.documents else []
        answers = [documents.best(part, talk.documents, most=1) for part in questions]
        if len(answers) < 2 or None in answers or len(set(answers)) < 2:
            return None
        return " ".join(dict.fromkeys(text for text in answers if text))

    def _from_results(self, talk: Conversation) -> str:
        lines: list[str] = []
        for done in talk.done:
            text = sayable(done.content)
            if len(text) > _LONG:
                text = documents.best(talk.question, [done.content], most=3) or text[:_LONG] + " ..."
            lines.append(f"{done.name or 'The tool'}: {text}" if len(talk.done) > 1 else text)
        if len(lines) == 1:
            return f"The result is: {lines[0]}"
        return "The results are:\n" + "\n".join(lines)
