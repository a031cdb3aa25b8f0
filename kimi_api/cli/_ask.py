"""`ask`: a question or a whole request, with the answer streamed to the terminal, or as JSON."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from kimi_api.catalog import DEFAULT_MODEL, find_model
from kimi_api.cli._session import AsJson, note, print_json, report_errors, session_of
from kimi_api.cli._text import input_json, input_text
from kimi_api.client import KimiClient
from kimi_api.errors import KimiInputError
from kimi_api.options import ChatOptions
from kimi_api.reply import Reply, ReplyBuilder
from kimi_api.request import ChatRequest, build_request

_CONTROLS = {code: None for code in [*range(32), *range(127, 160)] if chr(code) not in "\n\t"}
"""Characters that could steer a terminal; an answer has no business with them."""


@report_errors
def ask(
    context: typer.Context,
    question: Annotated[
        str | None,
        typer.Argument(help="The question. What is piped in follows it; - or nothing takes the question from there."),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="A text file that follows the question, or holds it.")
    ] = None,
    request: Annotated[
        str | None,
        typer.Option(help="A file with the JSON body of a chat request, tools and all; - reads it from a pipe."),
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="The model, where a request names none.")] = DEFAULT_MODEL,
    thinking: Annotated[
        bool,
        typer.Option(
            "--thinking/--no-thinking", help="Show how it thinks, dimmed; without, it does not think if it can."
        ),
    ] = True,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Budget for thinking and answer together.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, print what would be sent, and send nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask, and see the answer come. The rules of the model are applied first; --dry-run shows what becomes of it.

    The answer goes to stdout; thinking is shown on a terminal only, on stderr, so that a pipe gets the answer alone.
    """
    from kimi_api.chat import complete

    session = session_of(context, as_json)
    body = _request_body(request, question, file) if request is not None else _question_body(question, file)
    built = _build(body, model, max_tokens, thinking, stream=not (session.json or dry_run))
    if dry_run:
        print_json(built.body)
    elif session.json:
        print_json(_as_json(complete(session.client(), built)))
    else:
        _show(session.client(), built, thinking)


def _show(client: KimiClient, request: ChatRequest, thinking: bool) -> None:
    """Write an answer while it comes."""
    from kimi_api.chat import settle, stream

    builder = ReplyBuilder()
    terminal = Console(stderr=True)
    shows_thinking = thinking and terminal.is_terminal
    for_person = sys.stdout.isatty()
    open_line = thought = False
    try:
        with closing(stream(client, request, builder)) as deltas:
            for delta in deltas:
                if delta.reasoning and shows_thinking:
                    terminal.print(Text(delta.reasoning.translate(_CONTROLS), style="dim"), end="", soft_wrap=True)
                    thought = True
                if delta.content:
                    if thought:
                        note("\n")
                        thought = False
                    sys.stdout.write(delta.content.translate(_CONTROLS) if for_person else delta.content)
                    sys.stdout.flush()
                    open_line = not delta.content.endswith("\n")
        reply = settle(builder, request)
    finally:
        if thought:
            note("")
        if open_line:
            sys.stdout.write("\n")
            sys.stdout.flush()
    for call in reply.tool_calls:
        note(f"calls {call.name} {call.arguments}")


def _as_json(reply: Reply) -> dict[str, Any]:
    answer: dict[str, Any] = {"model": reply.model, "content": reply.content, "finish_reason": reply.finish_reason}
    if reply.reasoning is not None:
        answer["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        answer["tool_calls"] = [call.as_dict() for call in reply.tool_calls]
    return {**answer, "usage": reply.usage.as_dict() if reply.usage else None, "request_id": reply.request_id}


def _question_body(question: str | None, file: str | None) -> dict[str, Any]:
    """A request with one message: the question, then what a file or a pipe holds.

    Raises:
        KimiInputError: there is no question, or the file cannot be read.
    """
    texts = [] if question in (None, "-") else [question or ""]
    if file is not None:
        texts.append(input_text(file))
    if file != "-" and (not texts or _is_piped()):
        texts.append(input_text("-"))
    texts = [text for text in texts if text.strip()]
    if not texts:
        remedy = 'write e.g. kimi-tools ask "Why is the sky blue?"'
        raise KimiInputError("QUESTION", question or "", "there is nothing to ask", remedy)
    if question and texts == [question] and _is_file(question):
        note(f"warning: {question} is taken as the question itself; --file {question} sends what is in it")
    return {"messages": [{"role": "user", "content": "\n\n".join(texts)}]}


def _request_body(path: str, question: str | None, file: str | None) -> dict[str, Any]:
    """The JSON body of a chat request.

    Raises:
        KimiInputError: the file cannot be read, or holds no request.
    """
    if question is not None or file is not None:
        raise KimiInputError("--request", path, "a request has its own messages", "leave out QUESTION and --file")
    body = input_json(input_text(path), path)
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise KimiInputError(
            path,
            body,
            "a request is a JSON object with messages",
            'write e.g. {"messages": [{"role": "user", "content": "Hello"}]}',
        )
    return body


def _build(body: dict[str, Any], model: str, max_tokens: int | None, thinking: bool, *, stream: bool) -> ChatRequest:
    """The request with the rules of its model applied."""
    messages = body.pop("messages")
    body.pop("stream", None)
    body.setdefault("model", model)
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    spec = find_model(str(body["model"]))
    if not thinking and spec is not None and spec.thinking == "switchable":
        body["thinking"] = "disabled"
    return build_request(ChatOptions().with_changes(body), messages, stream=stream)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _is_piped() -> bool:
    """Whether standard input is a pipe or a file. Anything else (a terminal, a service's socket) may not end."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # none, closed, or a stand-in without a file behind it
        return sys.stdin is not None and not sys.stdin.closed and not sys.stdin.isatty()
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
