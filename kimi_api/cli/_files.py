"""`files ls | rm | prune`, and `extract`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from kimi_api import bulk, files
from kimi_api.cli._exits import exit_of_many
from kimi_api.cli._session import (
    AsJson,
    Session,
    error_as_json,
    moment,
    note,
    print_failures,
    print_json,
    print_json_line,
    print_line,
    print_table,
    report_errors,
    session_of,
)
from kimi_api.errors import KimiError
from kimi_api.files.cache import FileCache

app = typer.Typer(help="The files that the account has on the platform.", no_args_is_help=True)


@app.command("ls")
@report_errors
def ls(
    context: typer.Context,
    purpose: Annotated[str | None, typer.Option(help="Only this purpose: file-extract, image, video, batch.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the account's files, and how much of its room they take."""
    session = session_of(context, as_json)
    all_files = files.list_files(session.client())
    matches = [file for file in all_files if purpose in (None, file.purpose)]
    usage = files.usage(all_files)
    if session.json:
        print_json({"files": [asdict(file) for file in matches], "usage": _usage(usage)})
        return
    rows = [
        [file.id, file.filename, file.purpose, decimal(file.bytes), file.status, moment(file.created_at)]
        for file in matches
    ]
    print_table(["id", "name", "purpose", "size", "status", "created (UTC)"], rows, right=["size"])
    note(f"{usage.count} of {usage.max_count} files, {decimal(usage.bytes)} of {decimal(usage.max_bytes)}")


@app.command("rm")
@report_errors
def rm(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(help="Ids, as `files ls` shows them.")],
    as_json: AsJson = False,
) -> None:
    """Delete files by id. Messages that refer to them (ms://) stop working."""
    session = session_of(context, as_json)
    client = session.client()
    done: list[str] = []
    failures: dict[str, KimiError] = {}
    for file_id in dict.fromkeys(ids):
        try:
            files.delete(client, file_id)
        except KimiError as error:
            if bulk.concerns_all(error):
                raise
            failures[file_id] = error
        else:
            done.append(file_id)
    if session.json:
        print_json({"deleted": done, "failed": {name: error_as_json(error) for name, error in failures.items()}})
    else:
        for file_id in done:
            print_line(f"deleted {file_id}")
    print_failures(failures)
    raise typer.Exit(exit_of_many(list(failures.values()), len(done)))


@app.command("prune")
@report_errors
def prune(
    context: typer.Context,
    older_than: Annotated[float, typer.Option(min=0, help="Age in seconds.")] = 3600.0,
    include_kept: Annotated[
        bool,
        typer.Option("--include-kept", help="Also files that were uploaded to be kept, such as images for messages."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what this machine uploaded and left behind. Files of others are never touched."""
    session = session_of(context, as_json)
    gone = files.prune(session.client(), older_than=older_than, include_kept=include_kept, dry_run=dry_run)
    if session.json:
        print_json({"dry_run": dry_run, "files": [asdict(file) for file in gone]})
        return
    for file in gone:
        print_line(f"{'would delete' if dry_run else 'deleted'} {file.id} {file.filename}")
    note(f"{len(gone)} files, {decimal(sum(file.bytes for file in gone))}")


@report_errors
def extract(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files, or directories to search.", exists=True)],
    out: Annotated[Path | None, typer.Option(help="Write each text into this directory, as NAME.txt.")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="How many files at a time.")] = 4,
    retries: Annotated[int, typer.Option(min=0, help="How often a file that failed is tried again.")] = 2,
    glob: Annotated[str, typer.Option(help="Which files of a directory.")] = "**/*",
    cache: Annotated[
        bool, typer.Option("--cache", help="Keep texts on disk (mode 0600), to continue after an interruption.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the uploaded copies on the platform.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds that the platform may take for one file.")] = 600.0,
    as_json: AsJson = False,
) -> None:
    """The text of documents, images and source files. With --json one line of JSON for each file."""
    session = session_of(context, as_json)
    sources = bulk.find_files(paths, glob=glob)
    names = _targets(sources, out) if out is not None else {}
    failures: dict[str, BaseException] = {}
    done = 0
    results = bulk.extract_many(
        session.client(),
        sources,
        at_once=at_once,
        retries=retries,
        cache=FileCache.on_disk() if cache else None,
        show_progress=session.on_terminal and len(sources) > 1,
        delete_after=not keep,
        timeout=wait,
    )
    for source, result in zip(sources, results, strict=True):
        if result.error is not None:
            failures[result.label] = result.error
        done += result.ok
        target = names.get(source)
        if target is not None and result.file is not None:
            target.write_text(result.file.text, "utf-8")
        _say(session, result, target, alone=len(sources) == 1)
    print_failures(failures)
    if len(sources) > 1:
        note(f"{done} extracted, {len(failures)} failed")
    raise typer.Exit(exit_of_many(list(failures.values()), done))


def _say(session: Session, result: bulk.FileResult, target: Path | None, *, alone: bool) -> None:
    file = result.file
    if session.json:
        row: dict[str, object] = {"file": result.label, "ok": result.ok}
        if result.error is not None:
            row["error"] = error_as_json(result.error)
        if file is not None:
            row |= {"sha256": file.sha256, "bytes": file.size, "characters": len(file.text), "cached": result.cached}
            row["out" if target is not None else "text"] = str(target) if target is not None else file.text
        print_json_line(row)
    elif file is not None and target is not None:
        print_line(f"{result.label} -> {target} ({len(file.text):,} characters)")
    elif file is not None:
        if not alone:
            print_line(f"==> {result.label} <==")
        print_line(file.text)


def _targets(sources: list[Path], out: Path) -> dict[Path, Path]:
    """Where each text goes; files of the same name in different directories get a number."""
    out.mkdir(parents=True, exist_ok=True)
    taken: set[Path] = set()
    targets: dict[Path, Path] = {}
    for source in sources:
        target, number = out / f"{source.name}.txt", 1
        while target in taken:
            number += 1
            target = out / f"{source.name}.{number}.txt"
        taken.add(target)
        targets[source] = target
    return targets


def _usage(usage: files.FileUsage) -> dict[str, object]:
    return {**asdict(usage), "by_purpose": dict(usage.by_purpose)}
