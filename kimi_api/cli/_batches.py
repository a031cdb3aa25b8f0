"""`batch submit | status | results | cancel`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from kimi_api import batches
from kimi_api.catalog import DEFAULT_MODEL
from kimi_api.cli._exits import exit_of_many
from kimi_api.cli._session import (
    AsJson,
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
from kimi_api.errors import KimiInputError
from kimi_api.options import ChatOptions
from kimi_api.request import ChatRequest, build_request

app = typer.Typer(help="Many requests at a lower price, answered within hours or days.", no_args_is_help=True)

Ids = Annotated[list[str], typer.Argument(help="Ids of batches, as `batch submit` gave them.")]


@app.command("submit")
@report_errors
def submit(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A JSONL file, see below; - reads standard input.")],
    model: Annotated[str | None, typer.Option(help="Model for lines that name none.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Token budget for lines that set none.")] = None,
    window: Annotated[str, typer.Option(help="Time limit of the batch: 12h to 7d.")] = "24h",
    any_model: Annotated[
        bool,
        typer.Option("--any-model", help="Also send models that batches do not serve, according to the catalogue."),
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a file of requests, upload it and make a batch of it (or several, if it is large).

    Each line is the platform's own form, {"custom_id": ..., "method": "POST", "url": "/v1/chat/completions",
    "body": {...}}, or short, {"custom_id": ..., "messages": [...]}, or {"custom_id": ..., "prompt": "..."}.
    """
    session = session_of(context, as_json)
    requests = _requests(path, model, max_tokens)
    client = session.client()
    job = batches.submit(client, requests, completion_window=window, any_model=any_model)
    if not session.json:
        note(f"{len(requests)} requests in {len(job.ids)} {'batch' if len(job.ids) == 1 else 'batches'}")
        for batch_id in job.ids:
            print_line(batch_id)
    if wait:
        if session.json:
            note(f"waiting for {' '.join(job.ids)}")  # an interrupted run must not lose the ids
        batches.poll_until_done(client, job, show_progress=session.on_terminal)
    if session.json:
        print_json({"ids": list(job.ids), "requests": len(requests)})


@app.command("status")
@report_errors
def status(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of batches; without one, all of the account.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until they are done.")] = False,
    as_json: AsJson = False,
) -> None:
    """How far batches are."""
    session = session_of(context, as_json)
    client = session.client()
    if wait and ids:
        batches.poll_until_done(client, batches.BatchJob(tuple(ids)), show_progress=session.on_terminal)
    jobs = [batches.retrieve(client, each) for each in ids] if ids else batches.list_batches(client)
    _show(jobs, session.json)


@app.command("results")
@report_errors
def results(
    context: typer.Context,
    ids: Ids,
    out: Annotated[Path | None, typer.Option(help="Write JSON Lines into this file.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Remove the batch's files from the platform.")] = False,
    as_json: AsJson = False,
) -> None:
    """The answers, in the order of the requests. With --json (or --out) one line of JSON for each."""
    session = session_of(context, as_json)
    answers = batches.results(session.client(), batches.BatchJob(tuple(ids)), delete_after=delete)
    lines = [_result_as_json(result) for result in answers]
    if out is not None:
        out.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
        note(f"{len(lines)} lines in {out}")
    elif session.json:
        for line in lines:
            print_json_line(line)
    else:
        for result in answers:
            if result.reply is not None:
                print_line(f"==> {result.custom_id} <==\n{result.reply.content}")
    failures = {result.custom_id: result.error for result in answers if result.error is not None}
    print_failures(failures)
    raise typer.Exit(exit_of_many(list(failures.values()), len(answers) - len(failures)))


@app.command("cancel")
@report_errors
def cancel(context: typer.Context, ids: Ids, as_json: AsJson = False) -> None:
    """Stop batches that still run. Answers that exist already can be read when they are done."""
    session = session_of(context, as_json)
    _show(batches.cancel(session.client(), batches.BatchJob(tuple(ids))), session.json)


def _show(jobs: list[batches.BatchObject], as_json: bool) -> None:
    if as_json:
        print_json([asdict(each) for each in jobs])
        return
    columns = ["id", "status", "done", "failed", "of", "created (UTC)", "expires (UTC)", ""]
    rows = [
        [
            each.id,
            each.status,
            each.completed,
            each.failed,
            each.total,
            moment(each.created_at),
            moment(each.expires_at),
            each.complaint,
        ]
        for each in jobs
    ]
    print_table(columns, rows, right=["done", "failed", "of"])


def _result_as_json(result: batches.BatchResult) -> dict[str, Any]:
    row: dict[str, Any] = {"custom_id": result.custom_id, "batch_id": result.batch_id, "ok": result.error is None}
    if result.error is not None:
        row["error"] = error_as_json(result.error)
    reply = result.reply
    if reply is not None:
        row |= {"content": reply.content, "finish_reason": reply.finish_reason, "model": reply.model}
        if reply.reasoning is not None:
            row["reasoning_content"] = reply.reasoning
        if reply.tool_calls:
            row["tool_calls"] = [call.as_dict() for call in reply.tool_calls]
        row["usage"] = reply.usage.as_dict() if reply.usage else None
    return row


def _requests(path: str, model: str | None, max_tokens: int | None) -> list[tuple[str, ChatRequest]]:
    """The requests of a JSONL file, with the rules of their models applied."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KimiInputError(
            "PATH", path, f"it cannot be read: {error}", "check the name, and that the file is UTF-8 text"
        ) from None
    requests = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            requests.append(_request(line, f"{path} line {number}", model, max_tokens))
    return requests


def _request(line: str, where: str, model: str | None, max_tokens: int | None) -> tuple[str, ChatRequest]:
    remedy = "see kimi-tools batch submit --help"
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise KimiInputError(where, line, f"each line is a JSON object ({error})", remedy) from None
    if not isinstance(entry, Mapping) or not isinstance(entry.get("custom_id"), str):
        raise KimiInputError(where, line, "each line is a JSON object with a custom_id", remedy)
    body = dict(entry["body"]) if isinstance(entry.get("body"), Mapping) else {}
    body = body or {
        name: value for name, value in entry.items() if name not in ("custom_id", "method", "url", "prompt")
    }
    if "prompt" in entry:
        body["messages"] = [{"role": "user", "content": entry["prompt"]}]
    messages = body.pop("messages", None)
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        raise KimiInputError(where, line, "it has messages, or a prompt", remedy)
    body.setdefault("model", model or DEFAULT_MODEL)
    if max_tokens is not None and not {"max_tokens", "max_completion_tokens"} & body.keys():
        body["max_tokens"] = max_tokens
    return entry["custom_id"], build_request(ChatOptions().with_changes(body), messages)
