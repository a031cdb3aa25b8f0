"""`python -m kimi_api.mfjs schema.json`: what becomes of a schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from kimi_api.mfjs import changes, normalize_schema


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m kimi_api.mfjs schema.json` (or `-`): the result on stdout, what changed on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) != 1 or given[0] in ("-h", "--help"):
        sys.stderr.write("usage: python -m kimi_api.mfjs FILE    (a JSON Schema; - reads standard input)\n")
        return 0 if given in (["-h"], ["--help"]) else 1
    try:
        if given[0] == "-":
            schema = json.load(sys.stdin)
        else:
            with open(given[0], encoding="utf-8") as file:
                schema = json.load(file)
        result = normalize_schema(schema, where=given[0])
    except (OSError, ValueError) as error:  # KimiInputError and JSON's own error are ValueErrors
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
    for line in changes(schema, where=given[0]):
        sys.stderr.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
