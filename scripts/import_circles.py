"""Lists the import circles of the packages: modules that lead back to themselves by what they import.

Run `python -m scripts.import_circles`, or with the names of packages to look at some only. Every import counts, also
one inside a function and one for the type checker alone: a circle that only a late import holds open is still two
modules that cannot be understood apart. The exit code is 1 when there is a circle.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import grimp

PACKAGES = ("kimi_api", "langchain_kimi", "llama_index_kimi", "kimi_emulator")


def circles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Each circle as the sorted names of its modules. Modules that share one stand together, so no module is in two."""
    every: list[list[str]] = []
    left = set(graph.modules)
    while left:
        module = min(left)
        circle = graph.find_upstream_modules(module) & graph.find_downstream_modules(module)
        if circle:
            every.append(sorted(circle | {module}))
        left -= circle | {module}
    return every


def imports(graph: grimp.ImportGraph, circle: Sequence[str]) -> Iterator[str]:
    """The imports that hold a circle together, one line each."""
    for importer in circle:
        for imported in sorted(graph.find_modules_directly_imported_by(importer) & set(circle)):
            for detail in graph.get_import_details(importer=importer, imported=imported):
                yield f"{importer}:{detail['line_number']}: {detail['line_contents']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the circles; 1 when there is one."""
    parser = argparse.ArgumentParser("import_circles", description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES, help=f"default: {', '.join(PACKAGES)}")
    graph = grimp.build_graph(*parser.parse_args(arguments).packages, cache_dir=None)
    every = circles(graph)
    for circle in every:
        print(f"a circle of {len(circle)} modules:", *(f"  {line}" for line in imports(graph, circle)), sep="\n")
    print(f"{len(graph.modules)} modules, {len(every)} import circles")
    return 1 if every else 0


if __name__ == "__main__":
    raise SystemExit(main())
