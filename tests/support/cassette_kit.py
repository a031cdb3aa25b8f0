"""Recording and playing HTTP exchanges so that they stay honest.

A cassette is a readable YAML file: JSON bodies are laid out, streams stand line by line, and `origin:` says where the
answers came from. Its addresses always say api.moonshot.ai, whichever server was recorded.
"""

from __future__ import annotations

import email.parser
import email.policy
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr
import yaml

from kimi_emulator.record.cassettes import lay_out, write_entries
from kimi_emulator.record.masking import hide

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "cassettes"
PLATFORM = "https://api.moonshot.ai/v1"
REPLAY_KEY = "sk-test-replay"
# Read when this module is imported, before the tests' clean environment is set up.
LIVE_KEY = os.environ.get("MOONSHOT_API_KEY")
RECORDING = bool(os.environ.get("KIMI_RECORD"))


@dataclass
class Exchange:
    """One request and its answer, bodies decoded."""

    method: str
    path: str
    sent: Any
    status: int
    answer: Any
    """The decoded JSON, the list of a stream's events, or text."""

    @property
    def message(self) -> dict[str, Any]:
        """The assistant's message in an answer, put together if it was streamed."""
        if isinstance(self.answer, dict):
            return self.answer["choices"][0]["message"]
        message: dict[str, Any] = {"content": "", "reasoning_content": ""}
        calls: dict[int, dict[str, Any]] = {}
        for choice in self._choices():
            delta = choice["delta"]
            for name in ("content", "reasoning_content"):
                message[name] += delta.get(name) or ""
            for call in delta.get("tool_calls") or ():
                call_parts = calls.setdefault(call["index"], {"function": {"name": "", "arguments": ""}})
                for name in ("name", "arguments"):
                    call_parts["function"][name] += call["function"].get(name) or ""
        return {**message, "tool_calls": list(calls.values())}

    @property
    def usage(self) -> dict[str, Any]:
        """The tokens of an answer."""
        if isinstance(self.answer, dict):
            return self.answer["usage"]
        return next(event["usage"] for event in reversed(self.answer) if event != "[DONE]" and event.get("usage"))

    @property
    def finish_reason(self) -> str:
        """Why an answer ended."""
        choices = self.answer["choices"] if isinstance(self.answer, dict) else self._choices()
        return next(choice["finish_reason"] for choice in choices if choice["finish_reason"])

    def _choices(self) -> list[dict[str, Any]]:
        return [choice for event in self.answer if event != "[DONE]" for choice in event["choices"]]


@dataclass
class Session:
    """What a test with a cassette works with."""

    base_url: str
    api_key: str
    _recorded: Callable[[], list[Exchange]]

    @property
    def exchanges(self) -> list[Exchange]:
        """What the cassette holds; while recording, what it holds so far."""
        return self._recorded()

    @property
    def settings(self) -> dict[str, Any]:
        """Constructor arguments for a client. Identity encoding keeps the bodies readable in the file."""
        return {
            "base_url": self.base_url,
            "api_key": self.api_key,
            "max_retries": 0,
            "default_headers": {"Accept-Encoding": "identity"},
        }


def read(path: Path) -> dict[str, Any]:
    """A cassette file as it stands."""
    return yaml.safe_load(path.read_text("utf-8"))


def exchanges(stored: Mapping[str, Any]) -> list[Exchange]:
    """The exchanges of a cassette, decoded."""
    return [
        Exchange(
            method=entry["request"]["method"],
            path=urlsplit(entry["request"]["uri"]).path,
            sent=decode_request(entry["request"]["body"], entry["request"]["headers"]),
            status=entry["response"]["status"]["code"],
            answer=decode_answer(entry["response"]["body"]["string"]),
        )
        for entry in stored["interactions"]
    ]


def decode_request(body: str | bytes | None, headers: Mapping[str, Any]) -> Any:
    """A request body to compare by: parsed JSON, or the parts of an upload with files as size and SHA-256."""
    if not body:
        return None
    # Stored requests are masked, so what is compared with them is too.
    raw = hide(body).encode() if isinstance(body, str) else _hide_bytes(bytes(body))
    kind = next((v if isinstance(v, str) else v[0] for k, v in headers.items() if k.lower() == "content-type"), "")
    if not kind.startswith("multipart/"):
        try:
            return json.loads(raw)
        except ValueError:  # sent to be refused
            return raw.decode("utf-8", "replace")
    # The boundary is random, so uploads are compared by their parts.
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw
    )
    parts: dict[str, Any] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = part.get_param("name", header="content-disposition")
        filename = part.get_filename()
        parts[str(name)] = (
            content.decode()
            if filename is None
            else {"filename": filename, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        )
    return parts


def _hide_bytes(body: bytes) -> bytes:
    return hide(body.decode("latin-1")).encode("latin-1")


def decode_answer(text: str | bytes) -> Any:
    """An answer's body: the events of a stream, parsed JSON, or the text."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if text.startswith("data:"):
        lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]
    try:
        return json.loads(text)
    except ValueError:
        return text


# ------------------------------------------------------------------------------------------------- storing


class ReadableSerializer:
    """vcrpy's YAML with an `origin`, laid-out JSON requests and literal blocks."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def serialize(self, cassette: dict[str, Any]) -> str:
        """The file's text."""
        entries = [lay_out(entry) for entry in cassette["interactions"]]
        return write_entries({"origin": self.origin, **cassette, "interactions": entries})

    def deserialize(self, text: str) -> dict[str, Any]:
        """The stored exchanges; the origin is for readers."""
        stored = yaml.safe_load(text)
        stored.pop("origin", None)
        return stored


def emulator_origin() -> str:
    """The emulator and the commit it is of."""
    commit = subprocess.run(
        ["git", "log", "-1", "--format=%h", "--", "kimi_emulator"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return f"emulator, commit {commit or 'unknown'}"


def live_origin() -> str:
    """The platform and the day."""
    return f"live, {datetime.now(UTC).date()}"


# ------------------------------------------------------------------------------------------------- playing


@contextmanager
def play(name: str, folder: Path = FOLDER) -> Iterator[Session]:
    """Play the cassette `name`, and hold what was asked against it; with KIMI_RECORD set, record it anew."""
    path = folder / f"{name}.yaml"
    if RECORDING and folder == FOLDER:
        yield from _record(path)
        return
    if not path.exists():
        raise FileNotFoundError(f"there is no cassette {path.name} yet: run the test once with KIMI_RECORD=1")
    stored = exchanges(read(path))
    session = Session(PLATFORM, REPLAY_KEY, lambda: stored)
    requests: list[tuple[str, str, Any]] = []
    with _recorder("").use_cassette(str(path), record_mode="none") as cassette:
        _watch(cassette, requests)
        yield session
    expected = [(exchange.method, exchange.path, exchange.sent) for exchange in stored]
    # vcrpy's own refusal surfaces as a connection error, which a test of errors might take for the one it expects.
    assert requests == expected, f"the requests differ from {path.name}; if that is meant, run make record"
    assert cassette.all_played, f"{path.name} was not played to its end"


def _record(path: Path) -> Iterator[Session]:
    path.unlink(missing_ok=True)
    if LIVE_KEY:
        with _recorder(live_origin()).use_cassette(path.name, record_mode="all") as cassette:
            yield Session(PLATFORM, LIVE_KEY, lambda: _so_far(cassette))
        return
    from kimi_emulator import Emulator

    with Emulator() as kimi, _recorder(emulator_origin()).use_cassette(path.name, record_mode="all") as cassette:
        yield Session(kimi.base_url, kimi.api_key, lambda: _so_far(cassette))


def _so_far(cassette: Any) -> list[Exchange]:
    interactions = [
        {
            "request": {"method": r.method, "uri": r.uri, "body": r.body, "headers": r.headers},
            "response": answer,
        }
        for r, answer in zip(cassette.requests, cassette.responses, strict=True)
    ]
    return exchanges({"interactions": interactions})


def _recorder(origin: str) -> vcr.VCR:
    recorder = vcr.VCR(
        cassette_library_dir=str(FOLDER),
        serializer="readable",
        match_on=["kimi"],
        before_record_request=_as_platform,
        decode_compressed_response=True,
    )
    recorder.register_serializer("readable", ReadableSerializer(origin))
    recorder.register_matcher("kimi", _same)
    return recorder


def _as_platform(request: Any) -> Any:
    parts = urlsplit(request.uri)
    request.uri = PLATFORM.removesuffix("/v1") + parts.path + (f"?{parts.query}" if parts.query else "")
    return request


def _comparable(request: Any) -> tuple[str, str, Any]:
    return request.method, urlsplit(request.uri).path, decode_request(request.body, request.headers)


def _same(request: Any, stored: Any) -> bool:
    return _comparable(request) == _comparable(stored)


def _watch(cassette: Any, requests: list[tuple[str, str, Any]]) -> None:
    """Note each request that reaches the cassette, matched or not; vcrpy has no public hook for the latter."""
    look_up = cassette.can_play_response_for

    def noting(request: Any) -> bool:
        requests.append(_comparable(request))
        return look_up(request)

    cassette.can_play_response_for = noting


# ------------------------------------------------------------------------------------------------- checking

SECRETS = re.compile(
    r"(?i)\bsk-(?!test-)[a-z0-9]{6,}|\b(?:org|ak|proj|cak)-(?!hidden)[a-z0-9]{6,}|bearer\s|set-cookie|\bauthorization\b"
)
_CHANGING = {"id", "created", "created_at", "system_fingerprint", "lambda_id", "project_id", "search_id"}
# Ids of the platform's own tools are random; those of other calls follow from the tool, and are compared.
_RANDOM_CALL = re.compile(r"t-web_search-\w+")
_SEALED = re.compile(r"----MOONSHOT ENCRYPTED BEGIN----.*?----MOONSHOT ENCRYPTED END----", re.DOTALL)


def normalise(answer: Any) -> Any:
    """An answer without what differs from run to run: ids of answers and files, times, fingerprints, sealed text."""
    if isinstance(answer, dict):
        # Tool calls also have an id, which the platform derives from the tool: that one is compared.
        return {
            key: normalise(value)
            for key, value in answer.items()
            if key not in _CHANGING or (key == "id" and "function" in answer and not _RANDOM_CALL.match(str(value)))
        }
    if isinstance(answer, list):
        return [normalise(item) for item in answer]
    if isinstance(answer, str):
        inner = _inner(answer)
        return normalise(inner) if inner is not None else _SEALED.sub("sealed", answer)
    return answer


def _inner(text: str) -> Any:
    """The object inside a JSON text, such as the arguments of a call; None for any other text."""
    if not text.startswith("{"):
        return None
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def ids_renamed(old: Any, new: Any) -> dict[str, str]:
    """Ids in a recorded answer and what stands in their place in a new one, for requests that speak of them."""
    names: dict[str, str] = {}
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            other = new.get(key)
            if key in _CHANGING and isinstance(value, str) and isinstance(other, str):
                names[value] = other
            else:
                names |= ids_renamed(value, other)
    elif isinstance(old, list) and isinstance(new, list):
        for one, other in zip(old, new, strict=False):
            names |= ids_renamed(one, other)
    elif isinstance(old, str) and isinstance(new, str) and _inner(old) is not None:
        names |= ids_renamed(_inner(old), _inner(new))
    return names
