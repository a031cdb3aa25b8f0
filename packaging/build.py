"""Build what is published, each as wheel and sdist: our distribution, and the thin ones with LlamaIndex's names.

python packaging/build.py [FOLDER]        # default: dist/, which is emptied of earlier builds
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Any

from metadata import project_urls

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Thin:
    """A distribution that only depends on ours. Its README.md stands in the folder of its name."""

    name: str
    description: str
    module: str
    classname: str


THIN = (
    Thin("llama-index-llms-kimi", "llama-index llms kimi integration", "llama_index.llms.kimi", "Kimi"),
    Thin(
        "llama-index-readers-kimi", "llama-index readers kimi integration", "llama_index.readers.kimi", "KimiFileReader"
    ),
)


def thin_project(thin: Thin, project: dict[str, Any]) -> str:
    """The pyproject.toml of a thin distribution, with version, Python and addresses of `project`, our own."""
    table = project["project"]
    repository = project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
    urls = project_urls(repository, table["version"])
    return Template((HERE / "thin.toml").read_text("utf-8")).substitute(
        name=thin.name,
        version=table["version"],
        python=table["requires-python"],
        description=thin.description,
        module=thin.module,
        classname=thin.classname,
        urls="\n".join(f'"{label}" = "{address}"' for label, address in urls.items()),
    )


def build(folder: Path) -> list[Path]:
    """Build everything into `folder`; the files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    _hatchling(ROOT, folder)
    for thin in THIN:
        with TemporaryDirectory() as work:
            (Path(work) / "pyproject.toml").write_text(thin_project(thin, project), "utf-8")
            for file in (HERE / thin.name / "README.md", ROOT / "LICENSE"):
                shutil.copy(file, work)
            _hatchling(Path(work), folder)
    return sorted(folder.iterdir())


def _hatchling(source: Path, folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=source, check=True)  # noqa: S603


def main() -> int:
    """Build into the folder that the command line names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()
    for old in [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]:
        old.unlink()
    build(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
