"""`doctor`: what is wrong with this set-up, and what to do about it."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Annotated

import typer
from rich.console import Console

from kimi_api.catalog import DEFAULT_MODEL
from kimi_api.cli._exits import Exit, exit_of
from kimi_api.cli._session import AsJson, print_json, print_line, print_table, report_errors, session_of, shell_words
from kimi_api.doctor import examine

_CODES = {"balance": Exit.QUOTA, "models": Exit.NOT_FOUND}
"""Of errors that were found without an exception: an empty account, a model that is not there."""
_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red", "skipped": "dim"}


@report_errors
def doctor(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", "-m", help="The model that should be there, and is asked.")] = (
        DEFAULT_MODEL
    ),
    request: Annotated[
        bool, typer.Option("--request/--no-request", help="Ask the model something, for a few hundred tokens.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Look at packages, key, host, models, balance and limits, and send one tiny request: what is wrong, and the cure.

    The exit code is that of the first error, 0 when there is none.
    """
    session = session_of(context, as_json)
    with Console(stderr=True).status("Looking ...") if session.on_terminal else nullcontext():
        findings = list(examine(session.client, model=model, request=request))
    errors = [finding for finding in findings if finding.status == "error"]
    if session.json:
        checks = [{name: shell_words(text) for name, text in finding.as_dict().items()} for finding in findings]
        print_json({"ok": not errors, "checks": checks})
    else:
        rows = [[one.name, one.status, shell_words(one.detail), shell_words(one.remedy)] for one in findings]
        if sys.stdout.isatty():
            print_table(["check", "status", "detail", "what to do"], rows, styles=_STYLES)
        else:
            for name, status, detail, remedy in rows:
                print_line(f"{status:8} {name:15} {detail}{f'. What to do: {remedy}' if remedy else ''}")
    if errors:
        codes = (_CODES.get(one.name) if one.error is None else exit_of(one.error) for one in errors)
        raise typer.Exit(next(filter(None, codes), Exit.FAILED))
