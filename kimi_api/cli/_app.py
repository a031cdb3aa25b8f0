"""The program: its options, and its commands from the modules beside this one."""

from __future__ import annotations

from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from kimi_api.cli import _account, _ask, _batches, _doctor, _emulator, _files, _platform, _text
from kimi_api.cli._session import Session, chosen_key, chosen_url, report_errors

app = typer.Typer(
    name="kimi-tools",
    help="The Kimi Open Platform (Moonshot AI) from a shell: questions, account, files, tokens, schemas, batches.\n\n"
    "Write options of the connection before the command, as in: kimi-tools --region china balance --json. "
    "Without them, the environment variables MOONSHOT_API_KEY (or KIMI_API_KEY) and MOONSHOT_BASE_URL (or "
    "MOONSHOT_API_BASE) are used.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Region(StrEnum):
    """The platform's two hosts, each with its own accounts and keys: by the constructors' words, or by domain."""

    INTERNATIONAL = "international"
    CHINA = "china"
    AI = "ai"
    CN = "cn"


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"kimi-tools {version('kimi-integrations')}")
        raise typer.Exit


@app.callback()
@report_errors
def root(
    context: typer.Context,
    region: Annotated[
        Region | None, typer.Option(help="international or ai: api.moonshot.ai; china or cn: api.moonshot.cn.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Another address, including /v1.")] = None,
    api_key: Annotated[
        str | None, typer.Option(help="The key. Others on this machine can see it; prefer MOONSHOT_API_KEY or a file.")
    ] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="A file with the key in its only line; - reads standard input.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds without a byte before giving up.")] = None,
    max_retries: Annotated[int, typer.Option(help="How often a request is repeated after a temporary failure.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep what was asked for; nothing is connected to yet."""
    context.obj = Session(
        api_key=chosen_key(api_key, api_key_file),
        base_url=chosen_url(region, base_url),
        timeout=timeout,
        max_retries=max_retries,
        json=as_json,
    )


app.command("doctor")(_doctor.doctor)
app.command("models")(_account.models)
app.command("balance")(_account.balance)
app.command("cost")(_account.cost)
app.command("ask")(_ask.ask)
app.command("media")(_platform.media)
app.command("extract")(_files.extract)
app.command("tokens")(_text.tokens)
app.command("schema")(_text.schema)
app.add_typer(_files.app, name="files")
app.add_typer(_batches.app, name="batch")
app.add_typer(_platform.app, name="formula")
app.command("emulator", context_settings=_emulator.PASSED_ON, add_help_option=False)(_emulator.emulator)
