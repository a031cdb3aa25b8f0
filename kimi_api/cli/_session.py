"""What every command shares: the connection that was asked for, where output goes, and how errors are printed."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kimi_api.cli._exits import Exit, exit_of
from kimi_api.client import KimiClient
from kimi_api.credentials import CHINA, INTERNATIONAL, REGIONS, check_key
from kimi_api.errors import KimiError, KimiKeyError

F = TypeVar("F", bound=Callable[..., Any])

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
"""Every command takes it behind its name too."""

_KEY_ARGUMENT = re.compile(r"\bapi_key=\.\.\.")
_ARGUMENT = re.compile(r"\b(base_url|timeout|max_retries)=['\"]?([^\s'\",;]+)['\"]?")
_PLAIN_WIDTH = 10_000  # a table that goes into a file or a pipe is not cut to a terminal's width


@dataclass(slots=True)
class Session:
    """One run of the program."""

    api_key: str | None = None
    base_url: str | None = None
    timeout: float | None = None
    max_retries: int = 2
    json: bool = False

    def client(self) -> KimiClient:
        """How to reach the platform, as the options and the environment say."""
        return KimiClient(
            api_key=self.api_key, base_url=self.base_url, timeout=self.timeout, max_retries=self.max_retries
        )

    @property
    def on_terminal(self) -> bool:
        """Whether a person watches: then there are progress bars."""
        return not self.json and sys.stderr.isatty()


def session_of(context: typer.Context, as_json: bool = False) -> Session:
    """The run that a command belongs to."""
    session: Session = context.find_object(Session) or Session()
    session.json = session.json or as_json
    return session


def chosen_url(region: str | None, base_url: str | None) -> str | None:
    """The address that `--region` or `--base-url` ask for."""
    if region and base_url:
        raise typer.BadParameter("give --region or --base-url, not both")
    return {**REGIONS, "ai": INTERNATIONAL, "cn": CHINA}[region] if region else base_url


def chosen_key(api_key: str | None, key_file: Path | None) -> str | None:
    """The key that `--api-key` or `--api-key-file` give.

    Raises:
        KimiKeyError: the file holds no key.
    """
    if api_key is not None and key_file is not None:
        raise typer.BadParameter("give --api-key or --api-key-file, not both")
    if key_file is None:
        return api_key
    try:
        text = sys.stdin.readline() if str(key_file) == "-" else key_file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise KimiKeyError(
            "--api-key-file", str(key_file), f"it cannot be read: {error}", "check its name and its permissions"
        ) from None
    return check_key(text.strip(), source=f"--api-key-file {key_file}")


# ------------------------------------------------------------------------------------------------- output


def print_json(value: object) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def print_json_line(value: object) -> None:
    """Print one line of JSON Lines, and flush it."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def print_table(
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    *,
    right: Iterable[str] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """A table: drawn on a terminal, plain columns elsewhere. Cells are text, whatever brackets they hold.

    The first column and those on the `right`, ids and numbers, are never broken. Where a terminal is too narrow for
    that, each row becomes a paragraph under its id. `styles` has the style of a cell by its text.
    """
    columns, numbers, styles = list(columns), set(right), styles or {}
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        whole = index == 0 or column in numbers
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold", no_wrap=whole)
    for row in cells:
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    if not console.is_terminal:
        with console.capture() as captured:
            console.print(table)
        sys.stdout.write("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")
    elif Measurement.get(console, console.options.update(max_width=_PLAIN_WIDTH), table).minimum <= console.width:
        console.print(table)
    else:
        for first, *others in cells:
            console.print(Text(first, style="bold"), soft_wrap=True)
            details = [f"{column} {cell}".strip() for column, cell in zip(columns[1:], others, strict=True) if cell]
            console.print(Padding(Text(", ".join(details)), (0, 0, 0, 2)))


def print_line(text: str) -> None:
    """A line of plain output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line for the person at the terminal, which no pipe gets."""
    sys.stderr.write(text + "\n")


def moment(seconds: float) -> str:
    """Unix seconds as a date and time in UTC; "" for none."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") if seconds else ""


# ------------------------------------------------------------------------------------------------- errors


def error_as_json(error: BaseException) -> dict[str, Any]:
    """An error for JSON."""
    fields: dict[str, Any] = {
        "type": type(error).__name__,
        "message": shell_text(error),
        "exit_code": int(exit_of(error)),
    }
    for name in ("status_code", "request_id", "retry_after"):
        value = getattr(error, name, None)
        if value is not None:
            fields[name] = value
    return fields


def complain(error: BaseException, session: Session) -> None:
    """Say what went wrong: one paragraph on stderr, and with `--json` an object on stdout too."""
    if session.json:
        print_json({"error": error_as_json(error)})
    note(f"error: {shell_text(error)}")


def shell_text(error: BaseException) -> str:
    """An error's words, with the options of the command line where the library's own errors name arguments."""
    return shell_words(str(error))


def shell_words(text: str) -> str:
    """A text with the options of the command line in place of arguments."""
    text = _KEY_ARGUMENT.sub("--api-key-file FILE", text)
    return _ARGUMENT.sub(lambda match: f"--{match[1].replace('_', '-')} {match[2]}", text)


def report_errors(command: F) -> F:
    """Turn what a command raises into a paragraph and an exit code."""

    @functools.wraps(command)
    def run(*args: object, **kwargs: object) -> object:
        context: Any = kwargs.get("context")
        session = session_of(context, bool(kwargs.get("as_json"))) if context is not None else Session()
        try:
            return command(*args, **kwargs)
        except KimiError as error:
            complain(error, session)
            raise typer.Exit(exit_of(error)) from None
        except KeyboardInterrupt:
            note("interrupted")
            raise typer.Exit(Exit.INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read has read enough (`| head`). The interpreter's own flush at exit must not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.OK) from None
        except OSError as error:
            complain(error, session)
            raise typer.Exit(Exit.FAILED) from None

    return run  # type: ignore[return-value]


def print_failures(failures: Mapping[str, BaseException]) -> None:
    """One line for each of several things that failed, on stderr."""
    for name, error in failures.items():
        text = shell_text(error)
        note(f"error: {text if text.startswith(name) else f'{name}: {text}'}")
