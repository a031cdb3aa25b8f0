"""`media`, `formula ls | run`: one thing at a time."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

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
from kimi_api.cli._text import input_text
from kimi_api.errors import KimiError, KimiInputError

app = typer.Typer(help="Official tools, which the platform runs itself.", no_args_is_help=True)

Formula = Annotated[str, typer.Argument(help="A name such as web-search, or a whole URI.")]


@report_errors
def media(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Images or videos.")],
    upload: Annotated[
        bool, typer.Option("--upload", help="Upload them (equal content only once), and print ms:// addresses.")
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
        note("sealed: send this back as the content of a tool message; only the platform can read it")
    print_line(fiber.result)
