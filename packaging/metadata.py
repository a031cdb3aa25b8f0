"""What the package index shows, worked out when a wheel or an sdist is built: the project's addresses, and README.md.

A hook of hatchling. Its setting `repository` in pyproject.toml is the one place that names the repository. README.md
links its neighbours by relative paths, which lead nowhere on an index's page; here they become addresses of the files
as they were at the release.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_FENCE = re.compile(r"^```.*?^```", re.M | re.S)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\((?![a-z]+:|#)([^)\s]+)\)")
_SHOWN = re.compile(r'\b(src|srcset)="(?![a-z]+:)([^"\s]+)"')


def project_urls(repository: str, version: str) -> dict[str, str]:
    """The addresses beside the description, by their label."""
    return {
        "Homepage": repository,
        "Repository": repository,
        "Documentation": f"{repository}/tree/v{version}/docs",
        "Changelog": f"{repository}/blob/v{version}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
        "Kimi Open Platform": "https://platform.kimi.ai/docs",
    }


def absolute_links(markdown: str, root: Path, repository: str, version: str) -> str:
    """A page at the top of the repository with addresses in place of relative links, those of HTML pictures too.

    Code blocks stay as they are.
    """

    def address(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        path = target.partition("#")[0]
        view = "raw" if image else "tree" if (root / path).is_dir() else "blob"
        return f"{image}[{_LINK.sub(address, text)}]({repository}/{view}/v{version}/{target})"

    def lead(text: str) -> str:
        return _SHOWN.sub(rf'\1="{repository}/raw/v{version}/\2"', _LINK.sub(address, text))

    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [lead(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, lead(markdown[end:])])


class CustomMetadataHook(MetadataHookInterface):
    """Fills in `urls` and `readme`, which pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both to the table `[project]`."""
        root, version = Path(self.root), metadata["version"]
        repository = self.config["repository"].rstrip("/")
        metadata["urls"] = project_urls(repository, version)
        readme = (root / "README.md").read_text("utf-8")
        text = absolute_links(readme, root, repository, version)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
