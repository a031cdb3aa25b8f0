"""What mkdocs does beside reading docs/: made pages, diagrams, links that lead out of docs/, weights of the search.

mkdocs calls the functions by their names (`hooks:` in mkdocs.yml). The pages in docs/ are written to be read in the
repository too, so their links to examples and tests become addresses of the repository here, and nothing else changes.
"""

from __future__ import annotations

import ast
import posixpath
import re
import tomllib
from pathlib import Path
from typing import Any

from scripts.diagrams import FENCE, THEMES, Diagram, diagrams

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("langchain_kimi", "llama_index_kimi", "kimi_api", "kimi_emulator")
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["metadata"]["hooks"][
    "custom"
]["repository"]
FROM_THE_ROOT = {"changelog.md": "CHANGELOG.md", "zh.md": "README.zh.md"}
"""Pages of the site that stand at the root of the repository."""
ON_THE_SITE = {source: page for page, source in FROM_THE_ROOT.items()}
SEARCH_WORDS: dict[str, list[str]] = tomllib.loads((ROOT / "scripts" / "search_words.toml").read_text("utf-8"))
REFERENCE_WEIGHT = 0.05
"""Of a page of the reference in the search: who types `timeout` wants the guide, and finds the page by a full name."""
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img (?=[^>]*alt="(?P<alt>[^"]+)")(?=[^>]*src="(?P<light>[^"]+)")[^>]*>\s*</picture>'
)
"""A picture in two schemes, as the repository's viewer takes it. The site has a switch of its own for the scheme."""


def public_modules(package: str) -> dict[str, list[str]]:
    """The public modules of a package that have an `__all__`, each with its names; read, not imported."""
    modules = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        inside = package == "kimi_emulator" and len(parts) > 2  # its floors are its own affair
        if not inside and not any(part.startswith("_") for part in parts):
            names = names_of(path)
            if names:
                modules[".".join(parts)] = names
    return modules


def names_of(path: Path) -> list[str]:
    """A module's `__all__`; empty where it has none."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return []


def reference_pages() -> dict[str, str]:
    """Page and text. A name that stands in several modules is described in the outermost one."""
    pages, seen = {}, set()
    for package in PACKAGES:
        for module, names in sorted(public_modules(package).items(), key=lambda item: item[0].count(".")):
            own = [name for name in names if (package, name) not in seen]
            seen.update((package, name) for name in names)
            text = [f"# `{module}`\n", f"::: {module}\n    options:\n      members: []\n"]
            text += [f"## `{name}`\n\n::: {module}.{name}\n    options:\n      heading_level: 3\n" for name in own]
            also = [f"`{name}`" for name in names if name not in own]
            if also:
                text.append(f"Also here: {', '.join(also)}; see [`{package}`]({package}.md).\n")
            pages[f"reference/{module}.md"] = "\n".join(text)
    return pages


def on_config(config: Any) -> Any:
    """The reference's part of the navigation, and the repository's address."""
    config.repo_url, config.repo_name = REPOSITORY, REPOSITORY.rsplit("/", 1)[-1]
    tree: dict[str, list[Any]] = {package: [] for package in PACKAGES}
    for page in reference_pages():
        module = page.removeprefix("reference/").removesuffix(".md")
        package, _, rest = module.partition(".")
        tree[package].append({rest or package: page})
    for section in config.nav:
        if "Reference" in section:
            section["Reference"] = [{package: pages} for package, pages in tree.items()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Pages that are made: the reference, and those that stand at the root of the repository."""
    from mkdocs.structure.files import File

    for page, text in reference_pages().items():
        files.append(File.generated(config, page, content=text))
    for page, source in FROM_THE_ROOT.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    return files


def show(diagram: Diagram) -> str:
    """A diagram's two pictures, of which the theme shows one."""
    return "\n".join(
        f"![{diagram.title}](diagrams/{diagram.picture(scheme)}#only-{scheme}){{ .diagram }}" for scheme in THEMES
    )


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """For the search: the words that people look for a page by, and less weight to the reference than to the guides."""
    if words := SEARCH_WORDS.get(page.file.src_uri):
        page.meta["tags"] = words
    if page.file.src_uri.startswith("reference/"):
        page.meta["search"] = {"boost": REFERENCE_WEIGHT}
    return html


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Marks of the tests leave, pictures stand for diagrams, links that lead out of docs/ lead to the repository."""
    here = posixpath.dirname(page.file.src_uri)
    markdown = re.sub(r"^```python before$", '```python title="before"', markdown, flags=re.M)
    markdown = re.sub(r"^```python (test|error)$", "```python", markdown, flags=re.M)
    show_both = r"![\g<alt>](\g<light>#only-light){ .diagram }\n![\g<alt>](\g<dark>#only-dark){ .diagram }"
    markdown = PICTURE.sub(show_both, markdown)
    pictures = iter(diagrams(page.file.src_uri, markdown))
    markdown = FENCE.sub(lambda _: show(next(pictures)), markdown)

    folder = "" if page.file.src_uri in FROM_THE_ROOT else posixpath.join("docs", here)

    def lead(match: re.Match[str]) -> str:
        target, place = posixpath.normpath(posixpath.join(folder, match[1])), match[2] or ""
        if target in ON_THE_SITE:
            target = posixpath.join("docs", ON_THE_SITE[target])
        if target.startswith("docs/") and not target.startswith("docs/upstream/"):  # `exclude_docs`
            return f"]({posixpath.relpath(target, posixpath.join('docs', here))}{place})"
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"]({REPOSITORY}/{kind}/main/{target}{place})"

    return re.sub(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)]*)?\)", lead, markdown)
