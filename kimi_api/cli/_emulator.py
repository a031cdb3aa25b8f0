"""`emulator`: the local Kimi server, which is a package of its own (`python -m kimi_emulator`)."""

from __future__ import annotations

import runpy
import sys

import typer

from kimi_api.cli._exits import Exit
from kimi_api.cli._session import note, report_errors

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@report_errors
def emulator(context: typer.Context) -> None:
    """A local Kimi server for tests and offline work. Its options: kimi-tools emulator --help."""
    # Run as a program of its own: client and emulator know each other from the wire alone.
    before, sys.argv = sys.argv, ["kimi-tools emulator", *context.args]
    try:
        runpy.run_module("kimi_emulator", run_name="__main__")
    except ModuleNotFoundError as error:
        note(f"error: {error}.")  # kimi_emulator's own sentence says what to install
        raise typer.Exit(Exit.FAILED) from None
    except SystemExit as end:
        raise typer.Exit(end.code if isinstance(end.code, int) else 0) from None
    finally:
        sys.argv = before
