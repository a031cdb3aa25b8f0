"""``python -m kimi_emulator``: the emulator as a program."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

try:
    from kimi_emulator import DIALECTS, TIERS, Emulator
except ModuleNotFoundError as _missing:  # without the extra; a traceback would hide what to do
    if __name__ != "__main__":
        raise
    raise SystemExit(str(_missing)) from None


def _say(text: object) -> None:
    print(text, flush=True)  # noqa: T201


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser("kimi_emulator", description="A local emulator of the Kimi API; not Moonshot's.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=8080, help="0 takes a free port (default: 8080)")
    parser.add_argument("--api-key", help="the key to let in (default: an obvious test key)")
    parser.add_argument(
        "--model-server",
        metavar="URL",
        help="let the model of this server answer, e.g. http://127.0.0.1:11434/v1 (its key: MODEL_SERVER_KEY)",
    )
    parser.add_argument("--model", dest="model_server_model", help="its model (default: the first that it lists)")
    parser.add_argument("--chunk-size", type=int, help="characters per streamed piece (default: words)")
    parser.add_argument("--today", type=date.fromisoformat, help="the day to emulate, YYYY-MM-DD (default: today)")
    parser.add_argument("--pending-polls", type=int, default=0, help="polls before a new file is parsed (default: 0)")
    parser.add_argument("--tier", type=int, choices=range(len(TIERS)), help="rate limits of this tier (default: none)")
    parser.add_argument("--balance", type=float, help="USD on the account (default: without end)")
    parser.add_argument(
        "--dialect", choices=DIALECTS, default="platform", help="the API's form at another host of the models"
    )
    parser.add_argument("--region", choices=["ai", "cn"], help="the region whose key is let in (default: neither)")
    parser.add_argument("--retired", action="store_true", help="let models answer that have been switched off")
    parser.add_argument(
        "--mfjs",
        choices=["live", "strict", "ultra"],
        default="live",
        help="refuse the schemas that the platform was seen to refuse, or all that the published dialect forbids",
    )
    parser.add_argument(
        "--k3-requires-reasoning", action="store_true", help="refuse K3 tool calls that come back without thinking"
    )
    parser.add_argument(
        "--k3-named-choice", choices=["refuse", "ignore"], default="refuse", help="a named tool_choice sent to K3"
    )
    parser.add_argument(
        "--histories",
        choices=["lenient", "strict"],
        default="lenient",
        help="earlier tool calls whose arguments are no JSON object: note them, or refuse them as vLLM and others do",
    )
    parser.add_argument("--batch-seconds", type=float, default=0.0, help="how long a batch is in progress (default: 0)")
    parser.add_argument("--vocabulary", help="a tiktoken.model of Moonshot's open weights, to count tokens exactly")
    parser.add_argument(
        "--origin", action="append", dest="origins", default=[], help="a web page whose scripts may call (repeatable)"
    )
    parser.add_argument(
        "--record",
        metavar="DIR",
        help="no emulator, but a proxy: pass everything to the platform with your own key, keep it masked in DIR, "
        "and say where the emulator would have answered otherwise (requests with --api-key get MOONSHOT_API_KEY)",
    )
    parser.add_argument("--upstream", metavar="URL", help="with --record: the platform (https://api.moonshot.ai/v1)")
    parser.add_argument("--no-inspector", dest="inspector", action="store_false", help="no page that shows the traffic")
    options = parser.parse_args(arguments)
    settings = vars(options)
    folder, upstream = settings.pop("record"), settings.pop("upstream")
    if folder is not None:
        return _record(parser, folder, upstream, settings)
    if upstream is not None:
        parser.error("--upstream belongs to --record DIR; an emulator asks nobody")
    emulator = Emulator(**settings, model_server_key=os.environ.get("MODEL_SERVER_KEY"))
    try:
        emulator.start()
    except OSError as error:
        return _cannot_listen(options, error)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as ending:
        ending.callback(emulator.stop)
        who = f"the model at {options.model_server}" if options.model_server else "rules"
        _say(f"Kimi emulator: a local stand-in for tests. This is not Moonshot's service; answers are made by {who}.")
        _say(f"base_url: {emulator.base_url}")
        _say(f"api_key:  {emulator.api_key}")
        if options.inspector:
            _say(f"watch:    {emulator.inspector_url}")
        emulator.wait()
    return 0


def _record(parser: argparse.ArgumentParser, folder: str, upstream: str | None, settings: dict[str, Any]) -> int:
    """Serve as a recording proxy until interrupted."""
    from kimi_emulator.record import PLATFORM, Recorder

    if settings["model_server"] is not None:
        parser.error("--record and --model-server exclude each other: the platform's model answers, or that one")
    server = {"host": settings.pop("host"), "port": settings.pop("port")}
    test_key = settings.pop("api_key") or "sk-test-emulator"
    for name in ("inspector", "origins", "model_server", "model_server_model"):
        settings.pop(name)
    upstream, key = upstream or PLATFORM, os.environ.get("MOONSHOT_API_KEY")
    try:
        recorder = Recorder(folder, upstream, **server, test_key=test_key, key=key, say=_say, **settings)
    except ValueError as error:
        parser.error(str(error))
    try:
        recorder.start()
    except OSError as error:
        if error.filename is not None:
            parser.error(f"the folder {folder} cannot be made: {error.strerror}")
        return _cannot_listen(argparse.Namespace(**server), error)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as ending:
        ending.callback(lambda: _say(recorder.summary()))
        ending.callback(recorder.stop)
        _say(f"Recording proxy: requests go to {upstream}, and cost what they cost there; copies go to {folder}.")
        _say(f"base_url: {recorder.base_url}  (or {recorder.base_url.removesuffix('v1')}NAME/v1 for NAME.yaml)")
        _say(f"api_key:  your own{f', or {test_key} for the one in MOONSHOT_API_KEY' if key else ''}")
        recorder.wait()
    return 0


def _cannot_listen(options: argparse.Namespace, error: OSError) -> int:
    print(  # noqa: T201
        f"kimi_emulator cannot listen on {options.host}:{options.port}: {error.strerror}. "
        "What to do: stop what listens there, or pass another --port (--port 0 takes a free one)",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
