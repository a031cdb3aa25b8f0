"""`tokens`, `schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kimi_api.catalog import DEFAULT_MODEL
from kimi_api.cli._session import AsJson, note, print_json, print_line, report_errors, session_of
from kimi_api.errors import KimiInputError


@report_errors
def tokens(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A text file; - reads standard input.")] = "-",
    text: Annotated[str | None, typer.Option(help="Count this text instead of a file.")] = None,
    messages: Annotated[
        bool, typer.Option("--messages", help="The input is a JSON array of chat messages, or a whole request.")
    ] = False,
    model: Annotated[str, typer.Option(help="The model whose prompt it is.")] = DEFAULT_MODEL,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Kimi's tiktoken.model, to count exactly (extra `tokenizer`).")
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Let the platform count (one request). A text is counted as one message.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count tokens: an estimate offline, exactly with a vocabulary, or by the platform."""
    from kimi_api import tokens as counting

    session = session_of(context, as_json)
    content = text if text is not None else input_text(path)
    wire, tools = _messages(content, path) if messages else ([{"role": "user", "content": content}], [])
    if ask:
        total, method = counting.estimate(session.client(), model, wire), "platform"
        if tools:
            note("warning: the platform's count does not include tools")
    else:
        counter = counting.as_tokenizer(tokenizer) if tokenizer is not None else None
        if messages:
            total = counting.count_messages(wire, tools, model=model, tokenizer=counter)
        else:
            total = counting.count_text(content, counter)
        method = "estimate" if counter is None else "exact"
    if session.json:
        print_json({"tokens": total, "method": method, "model": model, "characters": len(content)})
    else:
        print_line(f"{total} tokens ({method})")


@report_errors
def schema(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A file with a JSON Schema; - reads standard input.")],
    as_json: AsJson = False,
) -> None:
    """Bring a JSON Schema into Moonshot's dialect: the schema on stdout, what changed on stderr."""
    from kimi_api.mfjs import changes, normalize_schema

    session = session_of(context, as_json)
    original = input_json(input_text(path), path)
    converted, changed = normalize_schema(original, where=path), changes(original, where=path)
    if session.json:
        print_json({"schema": converted, "changes": changed})
        return
    print_json(converted)
    for line in changed:
        note(line)


def input_text(path: str) -> str:
    """The text of a file, or of standard input for "-"."""
    if path == "-" and sys.stdin.isatty():
        note("reading from the terminal; Ctrl-D ends the text")
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise KimiInputError(
            "PATH", path, f"it is read as UTF-8 text ({error})", "use kimi-tools extract for documents"
        ) from None
    except OSError as error:
        raise KimiInputError("PATH", path, f"it cannot be read: {error.strerror}", "check the name") from None


def input_json(text: str, path: str) -> object:
    """The JSON in a text; `path` is for the error."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise KimiInputError("PATH", path, f"it holds JSON ({error})", "check the file with a JSON validator") from None


def _messages(text: str, path: str) -> tuple[list[dict[str, Any]], list[Any]]:
    """Messages and tools, from an array or from the body of a request."""
    messages = input_json(text, path)
    tools: list[Any] = []
    if isinstance(messages, dict):
        tools, messages = messages.get("tools") or [], messages.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise KimiInputError(
            "PATH",
            path,
            "it holds an array of chat messages, or a request with messages",
            'write e.g. [{"role": "user", "content": "Hello"}]',
        )
    return messages, tools
