"""The texts of many files on Ray Data, and a worker that dies in the middle.

    python -m examples.ray_extract --rows 200 --workers 2 --kill-one

Needs the extra `ray`; `make ray` has it. The files are made up; each comes out once, with its own text, and nothing
stays on the platform.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from examples.bulk_extract import uploads, write_documents
from examples.console import say
from examples.ray_run import NotesItsProcess, check, cluster, entries, killing, options, verdict
from kimi_api import KimiClient
from kimi_api.credentials import key_from_environment
from kimi_api.files import list_files
from kimi_api.files.ledger import Ledger
from kimi_api.ray import KimiExtract

AT_ONCE = 4


class Worker(NotesItsProcess, KimiExtract):
    """A worker that can be killed."""


@contextmanager
def service() -> Iterator[tuple[Any, dict[str, Any]]]:
    """The emulator and how to reach it; None and the settings of the environment where there is a key."""
    if key_from_environment():
        say("Running on the Kimi platform.", "bold")
        yield None, {}
        return
    from kimi_emulator import Emulator

    say("No MOONSHOT_API_KEY is set, so this runs on the local Kimi emulator.", "bold")
    with Emulator(pending_polls=2, inspector=False) as kimi:
        yield kimi, {"base_url": kimi.base_url, "api_key": kimi.api_key}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print what came out, and return 0 if all that must hold held."""
    run_options = options(__doc__, 200, arguments)
    with (
        tempfile.TemporaryDirectory() as place,
        service() as (kimi, address),
        cluster(run_options.workers) as data,
    ):
        documents, processes, results = (Path(place) / name for name in ("documents", "processes", "results"))
        documents.mkdir()
        processes.mkdir()
        texts = write_documents(documents, run_options.rows, 0)
        ledger = Ledger(Path(place) / "ledger")
        client = KimiClient(**address)
        settings = {
            "processes": str(processes),
            "client": client,
            "at_once": AT_ONCE,
            "results": str(results),
            "ledger": ledger,
        }
        items = [{"key": name, "path": str(documents / name)} for name in texts]
        began = time.monotonic()
        dataset = data.from_items(items, override_num_blocks=-(-run_options.rows // run_options.batch)).map_batches(
            Worker,
            fn_constructor_kwargs=settings,
            batch_size=run_options.batch,
            compute=data.ActorPoolStrategy(size=run_options.workers),
        )
        with killing(
            processes, lambda: entries(results), run_options.rows // 2, enabled=run_options.kill_one
        ) as killed:
            rows = dataset.take_all()
        seconds = time.monotonic() - began
        left = list_files(client) if kimi is not None else ledger.entries()
        sent = len(uploads(kimi)) if kimi is not None else 0
    wrong = check(rows, list(texts))
    wrong += [f"row {row['key']} has another's text" for row in rows if row["text"] != texts[row["key"]]]
    say(f"{len(rows)} files in {seconds:.1f} s, {run_options.workers} workers, {len(killed)} of them killed")
    say(f"left on the platform {len(left)}")
    if left:
        wrong.append(f"{len(left)} files are left on the platform")
    if run_options.kill_one and not killed:
        wrong.append("no worker was killed")
    if kimi is not None:
        say(f"uploads {sent}, {sent - run_options.rows} of them again after the kill")
        if sent - run_options.rows > len(killed) * AT_ONCE:
            wrong.append(
                f"{sent - run_options.rows} files were sent twice: more than were under way when the worker died"
            )
    return verdict(wrong)


if __name__ == "__main__":
    sys.exit(main())
