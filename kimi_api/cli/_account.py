"""`models`, `balance`, `cost`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from kimi_api import account
from kimi_api.catalog import MODELS, ModelSpec, closest_model
from kimi_api.cli._exits import Exit, Missing, exit_of
from kimi_api.cli._session import AsJson, complain, note, print_json, print_line, print_table, report_errors, session_of
from kimi_api.errors import KimiInputError
from kimi_api.reply import Usage


@report_errors
def models(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(help="Id of one model, to see everything about it.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Only what this package knows; no key needed.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Show retired models too.")] = False,
    as_json: AsJson = False,
) -> None:
    """The models that the account may use: window, modalities, thinking, prices (USD per million tokens)."""
    session = session_of(context, as_json)
    specs = dict(MODELS)
    if not offline:
        infos = account.models(session.client())
        known = account.merge_models(infos)
        specs = {info.id: known[info.id] for info in infos}
        if everything or model:
            specs = {**specs, **{name: spec for name, spec in MODELS.items() if name not in specs}}
    if model is not None:
        if model not in specs:
            near = closest_model(model)
            suggestion = f"did you mean {near}? " if near else ""
            missing = Missing(f"there is no model {model!r}. What to do: {suggestion}kimi-tools models lists yours.")
            complain(missing, session)
            raise typer.Exit(exit_of(missing))
        specs = {model: specs[model]}
    elif not everything:
        specs = {name: spec for name, spec in specs.items() if not spec.retired()}
    rows_as_json = [_spec_as_json(spec) for spec in specs.values()]
    if session.json:
        print_json(rows_as_json[0] if model else rows_as_json)
    elif model:
        for name, value in rows_as_json[0].items():
            print_line(f"{name:16} {', '.join(map(str, value)) if isinstance(value, list) else value}")
    else:
        _table(specs.values())


def _spec_as_json(spec: ModelSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "context_window": spec.context_window,
        "default_output": spec.default_output,
        "max_output": spec.max_output,
        "modalities": ["text", *(["image"] if spec.images else []), *(["video"] if spec.videos else [])],
        "thinking": spec.thinking,
        "efforts": list(spec.efforts),
        "dynamic_tools": spec.dynamic_tools,
        "batch": spec.batch,
        "price": asdict(spec.price) if spec.price else None,
        "currency": "USD" if spec.price else None,
        "released": spec.released.isoformat() if spec.released else None,
        "retires": spec.retires.isoformat() if spec.retires else None,
        "retired": spec.retired(),
        "successor": spec.successor,
    }


def _table(specs: Iterable[ModelSpec]) -> None:
    rows = []
    for spec in specs:
        price = spec.price
        money = [f"{value:.2f}" for value in (price.cached, price.input, price.output)] if price else ["", "", ""]
        media = " ".join(name for name, has in (("image", spec.images), ("video", spec.videos)) if has)
        end = f"until {spec.retires}" if spec.retires and not spec.retired() else "retired" if spec.retires else ""
        thinks = spec.thinking + (f" ({'/'.join(spec.efforts)})" if spec.efforts else "")
        rows.append([spec.id, f"{spec.context_window:,}", media, thinks, *money, end])
    columns = ["model", "window", "media", "thinking", "cached", "input", "output", ""]
    print_table(columns, rows, right=["window", "cached", "input", "output"])


@report_errors
def balance(
    context: typer.Context,
    at_least: Annotated[
        float | None, typer.Option(help="Exit with code 7 when less than this is left, for monitoring.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What the account may still spend."""
    session = session_of(context, as_json)
    client = session.client()
    state = account.balance(client)
    if session.json:
        print_json({**asdict(state), "base_url": client.base_url})
    else:
        unit = state.currency or ""
        print_line(f"available {state.available:,.5f} {unit}".rstrip())
        print_line(f"voucher   {state.voucher:,.5f} {unit}".rstrip())
        print_line(f"cash      {state.cash:,.5f} {unit}".rstrip())
        if state.available <= 0:
            note("warning: every call fails until the account is recharged")
    if at_least is not None and state.available < at_least:
        note(f"error: {state.available:g} is less than {at_least:g}. What to do: recharge the account.")
        raise typer.Exit(Exit.QUOTA)


@report_errors
def cost(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Model id.")],
    input_tokens: Annotated[int, typer.Option("--input", min=0, help="Prompt tokens, cached ones included.")],
    output_tokens: Annotated[int, typer.Option("--output", min=0, help="Tokens of thinking and answer.")] = 0,
    cached: Annotated[int, typer.Option(min=0, help="How many input tokens were read from the cache.")] = 0,
    written: Annotated[int, typer.Option(min=0, help="How many input tokens were written to the cache.")] = 0,
    ttl: Annotated[str, typer.Option(help="How long they are kept: 5m or 1h.")] = "5m",
    batch: Annotated[bool, typer.Option("--batch", help="The request is part of a batch: 60 % of the price.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a call costs at list price, in USD. Nothing is sent."""
    session = session_of(context, as_json)
    if cached + written > input_tokens:
        raise KimiInputError(
            "--cached and --written",
            cached + written,
            f"they are part of --input, which is {input_tokens}",
            "count all tokens of the prompt in --input",
        )
    usage = Usage(input_tokens, output_tokens, input_tokens + output_tokens, cached, written)
    price = account.cost(usage, model, cache_ttl=ttl, batch=batch)  # type: ignore[arg-type] - checked there
    if price is None:
        priced = ", ".join(name for name, spec in MODELS.items() if spec.price and not spec.retired())
        raise KimiInputError("MODEL", model, "it has no list price", f"use one of {priced}")
    if session.json:
        print_json({"model": model, **price.as_dict()})
        return
    rows = [[part, f"{value:.6f}"] for part, value in price.as_dict().items() if part != "currency"]
    print_table(["part", price.currency], rows, right=[price.currency])
