"""Keeps the shapes of recorded answers, without their texts, in tests/support/shapes.json.

Run `python -m scripts.wire_shapes FOLDER` with a folder of recordings. A shape has the keys and the types of a JSON
value; a list is told by its first member, and a stream by its events, where equal ones in a row count once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SHAPES = Path(__file__).resolve().parent.parent / "tests" / "support" / "shapes.json"
_WORDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): None}
_OWN_HEADERS = ("msh-", "x-msh", "retry-after", "x-retry-after")


def shape(value: Any) -> Any:
    """Keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: shape(child) for key, child in sorted(value.items())}
    if isinstance(value, list):
        return [shape(child) for child in value[:1]]
    return _WORDS[type(value)]


def runs(shapes: Iterable[Any]) -> list[Any]:
    """Shapes in their order, equal ones in a row once."""
    distinct: list[Any] = []
    for each in shapes:
        if not distinct or distinct[-1] != each:
            distinct.append(each)
    return distinct


def events(lines: Iterable[str]) -> list[Any]:
    """The shapes of the `data:` lines of a stream; `[DONE]` stands for itself."""
    texts = (line.removeprefix("data: ") for line in lines if line.startswith("data: "))
    return runs("[DONE]" if text == "[DONE]" else shape(json.loads(text)) for text in texts)


def own_headers(headers: Iterable[str]) -> list[str]:
    """The platform's own headers among these, in lower case."""
    return sorted(name.lower() for name in headers if name.lower().startswith(_OWN_HEADERS))


def of_recording(recording: dict[str, Any]) -> dict[str, Any]:
    """The shape of one recording."""
    parts: dict[str, Any] = {"status": recording["response_status"]}
    if "sse_lines" in recording:
        return parts | {"events": events(recording["sse_lines"])}
    headers = recording.get("response_headers")
    if headers and any(name.lower() == "msh-request-id" for name in headers):
        parts["headers"] = own_headers(headers)
    return parts | {"body": shape(recording["response_body"])}


def of_folder(folder: Path) -> dict[str, Any]:
    """The shapes of all recordings in a folder, by name."""
    return {path.stem: of_recording(json.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("*.json"))}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser("wire_shapes", description=__doc__)
    parser.add_argument("folder", type=Path)
    SHAPES.write_text(json.dumps(of_folder(parser.parse_args().folder), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
