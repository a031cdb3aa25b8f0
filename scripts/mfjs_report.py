"""What becomes of schemas as people and frameworks write them: a JSON report on the corpus of the tests.

    python -m scripts.mfjs_report [--instances 20] [--out report.json]

For each schema: whether a checker that shares no code with the normaliser finds anything in the result, at both levels
of the published dialect, in the gateway's rules and in the prompt encoder's; and how many random instances of the
original were valid under the result, as the jsonschema library sees it. Then the time for 100
tools of 0.4 kB. Exit code 1 when a result has a problem, an instance was lost, or a refusal was not expected.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import statistics
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

import mfjs_checker as checker  # noqa: E402
from jsonschema import Draft202012Validator, SchemaError  # noqa: E402
from mfjs_corpus import Case, corpus  # noqa: E402
from mfjs_instances import candidate  # noqa: E402
from referencing.exceptions import Unresolvable  # noqa: E402

from kimi_api import KimiInputError  # noqa: E402
from kimi_api.mfjs import NormalizedCache, changes, normalize_schema, normalize_tool  # noqa: E402


def judge(case: Case, instances: int) -> dict[str, Any]:
    """One line of the report."""
    line: dict[str, Any] = {"source": case.source, "name": case.name}
    before = copy.deepcopy(case.schema)
    try:
        result = normalize_schema(case.schema)
    except KimiInputError as error:
        return {**line, "refused": str(error), "expected": bool(case.refusal) and case.refusal in str(error)}
    line["problems"] = checker.all_filters(result)
    if case.refusal:
        line["problems"].append(f"should have been refused: {case.refusal}")
    if case.schema != before:
        line["problems"].append("the schema given was changed")
    if json.dumps(normalize_schema(result)) != json.dumps(result):
        line["problems"].append("a second pass changes the result")
    line["changes"] = len(changes(case.schema))
    if instances:
        line["instances"], lost = meaning(case.schema, result, instances)
        if case.narrowed:
            line["narrowed"] = f"{len(lost)} of {line['instances']} instances, on purpose: {case.narrowed}"
        else:
            line["lost"] = lost
    return line


def meaning(original: Any, result: dict[str, Any], count: int) -> tuple[int, list[Any]]:
    """How many objects that satisfy `original` were tried, up to `wanted`, and those that no longer do."""
    if not isinstance(original, dict):
        return 0, []
    before, after = Draft202012Validator(original), Draft202012Validator(result)
    rng = random.Random(len(json.dumps(original, default=str)))  # noqa: S311 - to repeat itself, not to keep secrets
    instances: dict[str, Any] = {}
    for _ in range(8 * count):
        value = candidate(original, original, rng)
        if not isinstance(value, dict):
            continue
        try:
            if before.is_valid(value):
                instances[json.dumps(value, sort_keys=True)] = value
        except (TypeError, AttributeError, SchemaError, Unresolvable):
            return 0, []  # the original is no JSON Schema, as some of those made by hand: nothing can satisfy it
        if len(instances) == count:
            break
    return len(instances), [value for value in instances.values() if not after.is_valid(value)]


def timing(repeat: int = 9) -> dict[str, float]:
    """Milliseconds of CPU for 100 different tools of about 0.4 kB."""
    from benchmarks.run import wire_tools

    def one(work: Any) -> float:
        times = []
        for _ in range(repeat):
            began = time.process_time()
            work()
            times.append((time.process_time() - began) * 1000)
        return statistics.median(times)

    serial = 0

    def cold() -> None:
        nonlocal serial
        serial += 1
        for tool in wire_tools(100):  # a new word in each schema, so that nothing is remembered
            tool["function"]["parameters"]["properties"]["a"]["description"] = f"{serial} {tool['function']['name']}"
            normalize_tool(tool)

    tools, cache = wire_tools(100), NormalizedCache()
    cache.tools(tools)
    return {
        "bytes_of_a_tool": len(json.dumps(tools[0])),
        "cold_ms_per_100": round(one(cold), 2),
        "cached_ms_per_100": round(one(lambda: cache.tools(tools)), 3),
    }


def report(instances: int) -> dict[str, Any]:
    """All of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the makers of the schemas warn of their own oddities
        lines = [judge(case, instances) for case in corpus()]
    refused = [line for line in lines if "refused" in line]
    return {
        "schemas": len(lines),
        "sources": dict(Counter(line["source"] for line in lines)),
        "accepted": len(lines) - len(refused),
        "changed": sum(bool(line.get("changes")) for line in lines),
        "refused": refused,
        "with_problems": [line for line in lines if line.get("problems")],
        "instances": sum(line.get("instances", 0) for line in lines),
        "schemas_with_instances": sum(bool(line.get("instances")) for line in lines),
        "narrowed": [line for line in lines if "narrowed" in line],
        "with_lost_instances": [line for line in lines if line.get("lost")],
        "lines": lines,
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=20, help="random instances for each schema")
    parser.add_argument("--out", type=Path, help="write the whole report here; stdout then gets its totals")
    options = parser.parse_args(arguments)
    results = {**report(options.instances), "time": timing()}
    if options.out:
        options.out.write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")
        del results["lines"]
    print(json.dumps(results, indent=1, default=str))
    unexpected = [line for line in results["refused"] if not line["expected"]]
    return int(bool(results["with_problems"] or results["with_lost_instances"] or unexpected))


if __name__ == "__main__":
    raise SystemExit(main())
