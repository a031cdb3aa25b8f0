"""Rules on what comes back of searches. The platform refuses none of this: its model then makes up an answer."""

from __future__ import annotations

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule


@rule("search.echo", refuses=False, source="web search page; users' report of invented answers when it is not kept")
def echo(check: ChatCheck) -> str | None:
    """The tool message of ``$web_search`` is the arguments of its call, byte for byte."""
    for result in check.search_results():
        if result.content != result.arguments:
            return (
                f"the tool message at {result.position} is not the arguments of its $web_search call: "
                f"{result.content[:80]!r} in place of {result.arguments[:120]!r}"
            )
    return None


@rule("search.altered_call", refuses=False, source="web search page: send the arguments back as they came")
def altered_call(check: ChatCheck) -> str | None:
    """A ``$web_search`` call comes back with the arguments it was given with, byte for byte."""
    for result in check.search_results():
        if not check.state.searches.was_given(result.arguments):
            return f"no $web_search call was given with these arguments: {result.arguments[:120]!r}"
    return None


@rule("search.sealed", refuses=False, source="official tools page: pass encrypted_output on as it is")
def sealed(check: ChatCheck) -> str | None:
    """Encrypted output of a formula stands in the tool message unchanged."""
    position = check.state.searches.broken_seal(check.messages)
    return None if position is None else f"the encrypted output in the tool message at {position} cannot be read"
