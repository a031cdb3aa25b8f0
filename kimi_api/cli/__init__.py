"""`kimi-tools`: the account, files, tokens, schemas and batches from a shell. Needs the extra `cli` (typer, rich).

Exit codes are those of `kimi_api.cli._exits`. Also `python -m kimi_api.cli`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

__all__ = ["main"]

_NEEDED = ("typer", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: this process's own); its exit code."""
    try:
        from kimi_api.cli import _app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write(
            f"error: kimi-tools needs {error.name}, which is not installed. "
            "What to do: pip install 'kimi-integrations[cli]'.\n"
        )
        return 1
    with warnings.catch_warnings():
        warnings.showwarning = _say_warning  # type: ignore[assignment]
        try:
            _app.app(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="kimi-tools")
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except Exception as error:
            if os.environ.get("KIMI_TOOLS_DEBUG"):
                raise
            sys.stderr.write(
                f"error: {type(error).__name__}: {error}. This is a bug in kimi-tools. "
                "What to do: set KIMI_TOOLS_DEBUG=1 to see where, and report it.\n"
            )
            return 1
    return 0


def _say_warning(message: Warning | str, *_: object) -> None:
    sys.stderr.write(f"warning: {message}\n")
