"""What docs/production.md claims: what is written to disk, when keys are read anew, and who ends a stream."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from documents import pdf
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from kimi_emulator import Emulator, Reply
from langchain_kimi import ChatKimi
from llama_index_kimi import Kimi

ROOT = Path(__file__).resolve().parents[1]
NOWHERE = "/proc/nowhere"  # not even root can make a directory there

WATCHED = """
import json, logging, os, sys, warnings
from kimi_api import KimiWarning
logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s", level="WARNING")
base_url, api_key, path = sys.argv[1:]
written = []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[2], int):
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and arguments[0] != os.devnull:
            written.append(str(arguments[0]))
    elif event in ("os.mkdir", "os.rename", "os.remove"):
        written.append(str(arguments[0]))

{imports}
sys.addaudithook(watch)
with warnings.catch_warnings(record=True) as recorded:
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", KimiWarning)
    {program}
print(json.dumps([text, written, [str(warning.message) for warning in recorded]]))
"""
CHATS = {
    "langchain": (
        "from langchain_kimi import ChatKimi",
        "text = ''.join(c.text for c in ChatKimi(base_url=base_url, api_key=api_key).stream('hi'))",
    ),
    "llama_index": (
        "from llama_index_kimi import Kimi",
        "text = ''.join(r.delta for r in Kimi(base_url=base_url, api_key=api_key).stream_complete('hi'))",
    ),
}
FILES = {
    "langchain": (
        "from langchain_kimi import KimiFileLoader",
        "text = KimiFileLoader(path, base_url=base_url, api_key=api_key).load()[0].page_content",
    ),
    "llama_index": (
        "from llama_index_kimi import KimiFileReader",
        "text = KimiFileReader(base_url=base_url, api_key=api_key).load_data(path)[0].text",
    ),
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def run(kimi: Emulator, lines: tuple[str, str], place: Path, path: str = "") -> tuple[str, list[str], list[str]]:
    """What a program got as text, which files it wrote, and its warnings. It logs nothing above INFO."""
    imports, program = lines
    nowhere = {"HOME": NOWHERE, "KIMI_STATE_DIR": f"{NOWHERE}/state", "KIMI_CACHE_DIR": f"{NOWHERE}/cache"}
    quiet = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED.format(imports=imports, program=program), kimi.base_url, kimi.api_key, path],
        cwd=place,
        env=os.environ | nowhere | quiet,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return tuple(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("framework", CHATS)
def test_a_chat_writes_nothing_to_disk(kimi: Emulator, tmp_path: Path, framework: str) -> None:
    kimi.script(Reply("Hello."))
    assert run(kimi, CHATS[framework], tmp_path) == ("Hello.", [], [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("framework", FILES)
def test_files_are_read_where_nothing_can_be_written_with_one_warning(
    kimi: Emulator, tmp_path: Path, framework: str
) -> None:
    (tmp_path / "tides.pdf").write_bytes(pdf("High tide at noon."))
    text, written, (warning,) = run(kimi, FILES[framework], tmp_path, "tides.pdf")
    assert text == "High tide at noon."
    assert [path for path in written if not f"{path}/".startswith(f"{NOWHERE}/") and path != "/proc"] == []
    assert warning.startswith(f"uploads are noted in memory only, because {NOWHERE}/state/ledger cannot be written")
    assert list(kimi.files) == []


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_a_mounted_key_that_is_exchanged_counts_from_the_next_request_on(
    kimi: Emulator, tmp_path: Path, framework: str
) -> None:
    secret = tmp_path / "moonshot-api-key"
    settings: dict[str, Any] = {"base_url": kimi.base_url, "api_key": lambda: secret.read_text().strip()}
    secret.write_text("sk-test-of-yesterday\n")
    ask = ChatKimi(**settings).invoke if framework == "langchain" else Kimi(**settings).complete
    with pytest.raises(Exception, match="check the key"):
        ask("hi")
    secret.write_text(f"{kimi.api_key}\n")
    ask("hi")
    assert len(kimi.requests) == 2


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
async def test_a_client_that_leaves_a_streaming_response_ends_the_call(kimi: Emulator, framework: str) -> None:
    kimi.script(Reply("word " * 50_000))
    client = httpx.AsyncClient()
    settings: dict[str, Any] = {"base_url": kimi.base_url, "api_key": kimi.api_key, "async_http_client": client}

    async def pieces() -> Any:
        if framework == "langchain":
            async for chunk in ChatKimi(**settings).astream("?"):
                yield chunk.text
        else:
            async for response in await Kimi(**settings).astream_complete("?"):
                yield response.delta or ""

    async def answer(request: Any) -> StreamingResponse:
        return StreamingResponse(pieces())

    bodies: list[bytes] = []
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        bodies.append(message.get("body", b""))
        if len(bodies) == 5:
            left.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    await asyncio.wait_for(Starlette(routes=[Route("/", answer)])(scope, receive, send), 20)  # type: ignore[arg-type]
    pool: Any = client._transport
    for _ in range(200):  # LlamaIndex's core leaves the closing to the event loop
        if all(connection.is_closed() for connection in pool._pool.connections):
            break
        await asyncio.sleep(0.01)
    assert all(connection.is_closed() for connection in pool._pool.connections)
    assert len(b"".join(bodies)) < 100_000  # of 250,000
    await client.aclose()
