"""`ask`, `media`, `formula ls | run`: one request at a time, and what stands behind it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from kimi_api.catalog import DEFAULT_MODEL
from kimi_api.cli._exits import exit_of_many
from kimi_api.cli._session import (
    AsJson,
    error_as_json,
    note,
    print_failures,
    print_json,
    print_json_line,
    print_line,
    print_table,
    report_errors,
    session_of,
)
from kimi_api.cli._text import input_json, input_text
from kimi_api.errors import KimiError, KimiInputError
from kimi_api.options import ChatOptions
from kimi_api.request import ChatRequest, build_request

app = typer.Typer(help="Official tools, which the platform runs itself.", no_args_is_help=True)

Formula = Annotated[str, typer.Argument(help="A name such as web-search, or a whole URI.")]


@report_errors
def ask(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A file with a question, or a request (--request); - reads stdin.")] = "-",
    text: Annotated[str | None, typer.Option(help="The question itself.")] = None,
    request: Annotated[
        bool, typer.Option("--request", help="The input is the JSON body of a chat request, tools and all.")
    ] = False,
    model: Annotated[str, typer.Option(help="The model, where the request names none.")] = DEFAULT_MODEL,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Budget for thinking and answer together.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, print what would be sent, and send nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask once. The rules of the model are applied to the request first; --dry-run shows what becomes of it."""
    from kimi_api.chat import complete

    session = session_of(context, as_json)
    built = _request(text if text is not None else path, text is not None, request, model, max_tokens)
    if dry_run:
        print_json(built.body)
        return
    reply = complete(session.client(), built)
    if session.json:
        answer: dict[str, Any] = {"model": reply.model, "content": reply.content, "finish_reason": reply.finish_reason}
        if reply.reasoning is not None:
            answer["reasoning_content"] = reply.reasoning
        if reply.tool_calls:
            answer["tool_calls"] = [call.as_dict() for call in reply.tool_calls]
        print_json({**answer, "usage": reply.usage.as_dict() if reply.usage else None, "request_id": reply.request_id})
        return
    for call in reply.tool_calls:
        note(f"calls {call.name} {call.arguments}")
    print_line(reply.content)


@report_errors
def media(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Images or videos.")],
    upload: Annotated[
        bool, typer.Option("--upload", help="Upload them, once for each content, and print ms:// addresses.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What images and videos are, by their content, and whether Kimi takes them. With --json one line for each."""
    from kimi_api import media as sending

    session = session_of(context, as_json)
    client = session.client() if upload else None
    failures: dict[str, BaseException] = {}
    for path in paths:
        row: dict[str, Any] = {"file": str(path)}
        try:
            info = sending.inspect_media(path)
            row |= {"kind": info.kind, "mime_type": info.mime_type, "bytes": info.size}
            row["goes"] = "uploaded" if info.size > sending.INLINE_BYTES else "inline"
            if client is not None:
                row["url"] = sending.upload_media(client, path).url
        except KimiError as error:
            complaint = _as_document(path, error)
            failures[str(path)] = complaint
            row["error"] = error_as_json(complaint)
        row["ok"] = "error" not in row
        if session.json:
            print_json_line(row)
        elif row["ok"]:
            print_line(f"{path}: {row.get('url') or row['mime_type']} ({row['bytes']:,} bytes)")
    print_failures(failures)
    raise typer.Exit(exit_of_many(list(failures.values()), len(paths) - len(failures)))


def _as_document(path: Path, error: KimiError) -> KimiError:
    """The error of a file that is neither image nor video; documents are sent to the command that takes them."""
    from kimi_api.files import SUPPORTED_SUFFIXES

    if not isinstance(error, KimiInputError) or not path.is_file() or path.suffix.lower() not in SUPPORTED_SUFFIXES:
        return error
    rule = "it is no image or video that Kimi takes, but its text can be extracted"
    return KimiInputError(str(path), error.value, rule, f"kimi-tools extract {shlex.quote(str(path))}")


@app.command("ls")
@report_errors
def formula_ls(context: typer.Context, name: Formula, as_json: AsJson = False) -> None:
    """The functions of a formula, as tools for a request."""
    from kimi_api.formulas import list_tools

    session = session_of(context, as_json)
    tools = list_tools(session.client(), name)
    if session.json:
        print_json(tools)
        return
    functions = [tool["function"] for tool in tools]
    rows = [
        [one["name"], ", ".join((one.get("parameters") or {}).get("properties", {})), one.get("description")]
        for one in functions
    ]
    print_table(["function", "arguments", "what it does"], rows)


@app.command("run")
@report_errors
def formula_run(
    context: typer.Context,
    name: Formula,
    function: Annotated[str, typer.Argument(help="One of its functions.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON object; - reads stdin.")] = "{}",
    as_json: AsJson = False,
) -> None:
    """Run a function of a formula. Sealed results, such as those of web-search, can be read by the platform only."""
    from kimi_api.formulas import run_fiber

    session = session_of(context, as_json)
    text = input_text(arguments) if arguments == "-" else arguments
    try:
        readable = isinstance(json.loads(text), dict)
    except ValueError:
        readable = False
    if not readable:
        raise KimiInputError("ARGUMENTS", text, "they are a JSON object", 'write e.g. \'{"query": "Turku"}\'')
    fiber = run_fiber(session.client(), name, function, text)
    if session.json:
        print_json({"id": fiber.id, "status": fiber.status, "sealed": fiber.sealed, "result": fiber.result})
        return
    if fiber.sealed:
        note("sealed: only the platform can read this, as the content of a tool message")
    print_line(fiber.result)


def _request(source: str, is_text: bool, is_request: bool, model: str, max_tokens: int | None) -> ChatRequest:
    """The request with the rules of its model applied.

    Raises:
        KimiInputError: the file cannot be read, holds no request, or one that the model would refuse.
    """
    if not is_request:
        content = source if is_text else input_text(source)
        body: Any = {"messages": [{"role": "user", "content": content}]}
    else:
        where = "--text" if is_text else source
        body = input_json(source if is_text else input_text(source), where)
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
            raise KimiInputError(
                where,
                body,
                "a request is a JSON object with messages",
                'write e.g. {"messages": [{"role": "user", "content": "Hello"}]}',
            )
    messages = body.pop("messages")
    body.pop("stream", None)
    body.setdefault("model", model)
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    return build_request(ChatOptions().with_changes(body), messages)
