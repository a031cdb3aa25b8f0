"""Names that say nothing: `python -m scripts.plain_names [PATH...]` lists them, and how many each folder has.

Three kinds, all read from the syntax tree, so that prose and strings do not count:

* a parameter or variable called by a pronoun-like word (`found`, `made`, ...): it is called after the thing it holds
  (the name of a decorator is its library's: hypothesis has a `given`);
* a function called by a participle alone (`uploaded(...)` that uploads): it is called by a verb (`upload_file`). A
  property may be one (`batch.done`), and so may a function that a decorator registers under its name (a rule);
* a function or class with one of the names in `OBSCURE`, or an import under such a name.

`tests/test_plain_names.py` holds every folder at none.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
FOLDERS = (
    "kimi_api",
    "langchain_kimi",
    "llama_index_kimi",
    "kimi_emulator",
    "scripts",
    "benchmarks",
    "examples",
    "tests",
)
PRONOUNS = frozenset(
    {
        *("found", "made", "said", "told", "given", "wanted", "asked", "kept"),
        *("shown", "listed", "placed", "mended", "filled", "uploaded"),
    }
)
# Functions and classes were called so, and nobody understood it.
OBSCURE = frozenset(
    {
        *("demanding", "insist", "unmet_demand", "goes_on", "after", "following", "kept_once", "asked_ttl", "speech"),
        *("Going", "Whole", "Late", "Finally", "Asked"),
        *("_aside", "_stray", "_room", "_forgiving", "_how", "_misfit", "_unusable"),
    }
)
# Participles that are no infinitives as well, as "read" or "cut" are.
IRREGULAR = frozenset(
    [
        "begun",
        "bound",
        "bought",
        "brought",
        "built",
        "caught",
        "chosen",
        "done",
        "drawn",
        "drawn",
        "driven",
        "fallen",
        "felt",
        "forgotten",
        "found",
        "frozen",
        "given",
        "gone",
        "grown",
        "heard",
        "held",
        "hidden",
        "kept",
        "known",
        "laid",
        "led",
        "left",
        "lost",
        "made",
        "meant",
        "met",
        "paid",
        "said",
        "seen",
        "sent",
        "shown",
        "sold",
        "spent",
        "spoken",
        "stood",
        "taken",
        "thought",
        "thrown",
        "told",
        "torn",
        "understood",
        "woken",
        "worn",
        "written",
    ]
)
VERBS_IN_ED = frozenset({"embed", "feed", "need", "proceed", "seed", "speed"})
_PLAIN_DECORATORS = frozenset({"staticmethod", "classmethod", "cache", "lru_cache", "overload", "abstractmethod"})
PREDICATES = frozenset({"retired"})  # `spec.retired()` of the catalogue: public, and read as a question


class Fault(NamedTuple):
    """One name, and where it is defined or used."""

    path: Path
    line: int
    name: str
    kind: str


def faults_in(path: Path) -> Iterator[Fault]:
    """The names in one file."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    decorators = {
        id(each.func) for node in nodes for each in getattr(node, "decorator_list", ()) if isinstance(each, ast.Call)
    }
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in PRONOUNS and id(node) not in decorators:
            yield Fault(path, node.lineno, node.id, "local")
        elif isinstance(node, ast.arg) and node.arg in PRONOUNS:
            yield Fault(path, node.lineno, node.arg, "local")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_participle(node.name):
            names = {ast.unparse(each).partition("(")[0].rpartition(".")[2] for each in node.decorator_list}
            if names <= _PLAIN_DECORATORS and node.name not in PREDICATES:
                yield Fault(path, node.lineno, node.name, "function")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in OBSCURE:
            yield Fault(path, node.lineno, node.name, "function")
        elif isinstance(node, ast.alias) and node.asname in OBSCURE:
            yield Fault(path, node.lineno, node.asname, "function")


def is_participle(name: str) -> bool:
    """Whether a function's name is a participle alone; the `a` of an asynchronous twin aside."""
    word = name.strip("_")
    return any(
        each in IRREGULAR or (each.endswith("ed") and each not in VERBS_IN_ED)
        for each in ({word, word[1:]} if word.startswith("a") else {word})
        if "_" not in each
    )


def faults_under(paths: Iterable[Path]) -> list[Fault]:
    """The names in files and folders."""
    files = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return [fault for file in files for fault in faults_in(file)]


def main(arguments: list[str]) -> int:
    """Print them; with paths each one, without only the counts."""
    paths = [Path(argument).resolve() for argument in arguments] or [ROOT / folder for folder in FOLDERS]
    faults = faults_under(paths)
    if arguments:
        for fault in faults:
            print(f"{fault.path.relative_to(ROOT)}:{fault.line} {fault.kind} {fault.name}")
        return 1 if faults else 0
    for folder in FOLDERS:
        own = [fault for fault in faults if fault.path.relative_to(ROOT).parts[0] == folder]
        words = Counter(fault.name for fault in own if fault.kind == "local")
        functions = sum(fault.kind == "function" for fault in own)
        print(f"{folder}: {words.total()} locals {dict(sorted(words.items()))}, {functions} functions")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
