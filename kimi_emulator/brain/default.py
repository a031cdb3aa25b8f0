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
from kimi_emulator.words import clauses, shortened

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
                calls = planner.forced(choice["function"]["name"] if isinstance(choice, dict) else None)
            elif talk.demanded is not None:
                names = {tool.name for tool in planner.tools}
                calls = planner.forced(talk.demanded if talk.demanded in names else None)
            else:
                calls = planner.calls()
            if calls:
                return Reply(tool_calls=calls)
        plain = context.prefix is None and "json" not in str((request.get("response_format") or {}).get("type"))
        spoken = protocols.read(talk.messages) if plain else None
        if spoken is not None:
            talk = Conversation(spoken.messages)
            calls = Planner(spoken.tools, talk, search=False).calls() if spoken.tools else []
            return Reply(content=spoken.said(calls, "" if calls else self._said(talk)))
        return Reply(content=self._content(request, context, talk))

    def _content(self, request: Mapping[str, Any], context: BrainContext, talk: Conversation) -> str:
        response_format, prefix = request.get("response_format") or {}, context.prefix
        texts = [*(done.content for done in talk.done), talk.request, *talk.system, *talk.earlier]

        def in_words() -> dict[str, Any]:
            asked = "\n".join([*talk.system, talk.request])
            return jsontext.from_words(asked, texts, talk.question, self._said(talk))

        wanted: dict[str, Any] | None = None
        if response_format.get("type") == "json_schema":
            wanted = jsontext.from_schema(response_format["json_schema"]["schema"], texts, talk.question)
        elif response_format.get("type") == "json_object":
            wanted = in_words()
        if wanted is not None and not (prefix or "").strip():
            return json.dumps(wanted, ensure_ascii=False)
        if prefix is None:
            said = self._said(talk)
            return (None if talk.done else samples.answer(talk, said)) or said
        if wanted is not None or prefix.rstrip().rsplit("\n", 1)[-1].lstrip("`jsonJSON \n").startswith(("{", "[")):
            rest = jsontext.continued(prefix, in_words() if wanted is None else wanted)
            if rest is not None:
                return rest
        said = self._said(talk)
        if said.startswith(prefix):
            return said[len(prefix) :]
        return said if prefix[-1:].isspace() or not prefix else f" {said}"

    def _said(self, talk: Conversation) -> str:
        """The answer as text."""
        if talk.done:
            return self._from_results(talk)
        if talk.asks_rephrasing:
            return talk.question
        found = samples.refined(talk) or self._each_part(talk) or documents.best(talk.question, talk.documents)
        if found is None:
            found = documents.best(talk.question, [*talk.system, *talk.earlier])
        if found is not None:
            return found
        if talk.documents and talk.question:
            return f"I find nothing about that in the given texts: {shortened(talk.question, 300)}"
        asked = shortened(talk.question or talk.request, 300)
        return f"This is the local Kimi emulator, which answers by rules and not by a model. You wrote: {asked}"

    def _each_part(self, talk: Conversation) -> str | None:
        """The answers to the parts of a question, or None when it has one part or a part finds nothing."""
        asked = clauses(talk.question) if talk.documents else []
        found = [documents.best(part, talk.documents, most=1) for part in asked]
        if len(found) < 2 or None in found or len(set(found)) < 2:
            return None
        return " ".join(dict.fromkeys(text for text in found if text))

    def _from_results(self, talk: Conversation) -> str:
        said: list[str] = []
        for done in talk.done:
            text = sayable(done.content)
            if len(text) > _LONG:
                text = documents.best(talk.question, [done.content], most=3) or text[:_LONG] + " ..."
            said.append(f"{done.name or 'The tool'}: {text}" if len(talk.done) > 1 else text)
        if len(said) == 1:
            return f"The result is: {said[0]}"
        return "The results are:\n" + "\n".join(said)
