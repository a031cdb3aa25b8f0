"""What `make build` makes: names, contents, and what the package index would show."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging_kit import ROOT, Environment

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
VERSION: str = PROJECT["project"]["version"]
REPOSITORY: str = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
THIN = {"llama-index-llms-kimi": "llama_index.llms.kimi", "llama-index-readers-kimi": "llama_index.readers.kimi"}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def urls(wheel: Path) -> dict[str, str]:
    pairs = [str(line).partition(", ") for line in metadata(wheel).get_all("Project-URL") or []]
    return {label: address for label, _, address in pairs}


def thin_wheel(built: Path, name: str) -> Path:
    return built / f"{name.replace('-', '_')}-{VERSION}-py3-none-any.whl"


def test_each_distribution_is_built_as_wheel_and_sdist(built: Path) -> None:
    names = ["kimi_integrations", *(name.replace("-", "_") for name in THIN)]
    assert sorted(path.name for path in built.iterdir() if path.suffix in (".whl", ".gz")) == sorted(
        file for name in names for file in (f"{name}-{VERSION}-py3-none-any.whl", f"{name}-{VERSION}.tar.gz")
    )


def test_the_wheel_has_our_packages_and_two_modules_in_the_namespace_of_llamaindex(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in files} == {
        "kimi_api", "langchain_kimi", "llama_index_kimi", "llama_index", "kimi_emulator",
    }  # fmt: skip
    assert sorted(name for name in files if name.startswith("llama_index/")) == [
        "llama_index/llms/kimi/__init__.py",
        "llama_index/llms/kimi/py.typed",
        "llama_index/readers/kimi/__init__.py",
        "llama_index/readers/kimi/py.typed",
    ]
    brain = (ROOT / "kimi_emulator" / "brain").glob("*.toml")
    assert {"patterns.toml", "words.toml", "meanings.toml"} <= {Path(name).name for name in files}
    assert {path.relative_to(ROOT).as_posix() for path in brain} <= set(files)


def test_a_source_distribution_has_documents_and_examples_and_gives_the_same_wheel(
    built: Path, wheel: Path, tmp_path: Path
) -> None:
    with tarfile.open(built / f"kimi_integrations-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / f"kimi_integrations-{VERSION}"
    for page in ("README.md", "CHANGELOG.md", "LICENSE", "docs/errors.md", "examples/demo/__main__.py"):
        assert (source / page).is_file(), page
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_addresses_come_from_the_one_variable(built: Path, wheel: Path) -> None:
    assert {"Homepage", "Repository", "Documentation", "Changelog", "Issues"} < set(urls(wheel))
    assert urls(wheel)["Repository"] == REPOSITORY
    assert urls(wheel)["Changelog"] == f"{REPOSITORY}/blob/v{VERSION}/CHANGELOG.md"
    for name in THIN:
        assert urls(thin_wheel(built, name)) == urls(wheel)


def test_links_of_the_readme_work_on_the_page_of_an_index(wheel: Path) -> None:
    page = str(metadata(wheel).get_payload())
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"\]\((?!https?:)[^)]+\)|\bsrc(?:set)?=\"(?!https:)[^\"]+", page) == []
    expected = [
        f"{REPOSITORY}/{'tree' if (ROOT / target).is_dir() else 'blob'}/v{VERSION}/{target}"
        for target in re.findall(r"(?<!!)\[[^\]]*\]\((?!https?:)([^)]+)\)", readme)
    ]
    assert len(expected) > 15
    assert [address for address in expected if f"]({address})" not in page] == []


def test_code_in_the_readme_stays_as_it_is(wheel: Path) -> None:
    blocks = re.findall(r"^```.*?^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    page = str(metadata(wheel).get_payload())
    assert [block for block in blocks if block not in page] == []


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("[a](docs/a.md)", "[a](https://host/r/blob/v1/docs/a.md)"),
        ("[a](docs/a.md#part)", "[a](https://host/r/blob/v1/docs/a.md#part)"),
        ("[a](examples)", "[a](https://host/r/tree/v1/examples)"),
        ("![a](docs/a.svg)", "![a](https://host/r/raw/v1/docs/a.svg)"),
        (
            "[![a](docs/a.svg)](docs/a.md)",
            "[![a](https://host/r/raw/v1/docs/a.svg)](https://host/r/blob/v1/docs/a.md)",
        ),
        ('<img src="docs/a.png" width="9">', '<img src="https://host/r/raw/v1/docs/a.png" width="9">'),
        ('<source srcset="docs/a.png">', '<source srcset="https://host/r/raw/v1/docs/a.png">'),
        ('<img src="https://b.c/a.png">', '<img src="https://b.c/a.png">'),
        ('```\n<img src="docs/a.png">\n```', '```\n<img src="docs/a.png">\n```'),
        ("[a](https://b.c)", "[a](https://b.c)"),
        ("[a](#part)", "[a](#part)"),
        ("[a](mailto:b@c.d)", "[a](mailto:b@c.d)"),
        ("```\n[a](docs/a.md)\n```", "```\n[a](docs/a.md)\n```"),
        ("x\n```md\n[a](b)\n```\n[a](b.md)", "x\n```md\n[a](b)\n```\n[a](https://host/r/blob/v1/b.md)"),
    ],
)
def test_a_relative_link_becomes_the_address_at_the_release(
    markdown: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "packaging")
    from metadata import absolute_links

    assert absolute_links(markdown, ROOT, "https://host/r", "1") == expected


@pytest.mark.parametrize("name", THIN)
def test_a_thin_distribution_depends_on_ours_and_has_no_code(built: Path, name: str) -> None:
    wheel = thin_wheel(built, name)
    with zipfile.ZipFile(wheel) as archive:
        assert [file for file in archive.namelist() if ".dist-info/" not in file] == []
    assert metadata(wheel).get_all("Requires-Dist") == [f"kimi-integrations[llama-index]>={VERSION}"]


@pytest.mark.slow
def test_the_customary_names_and_paths_of_llamaindex_work_from_the_built_files(built: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv", "llama-index")
    environment.install("--find-links", built, *THIN)  # which brings ours
    output = environment.run(
        "from importlib.metadata import version\n"
        "import llama_index_kimi, llama_index.core\n"
        "from llama_index.llms.kimi import Kimi\n"
        "from llama_index.readers.kimi import KimiFileReader\n"
        "assert Kimi is llama_index_kimi.Kimi and KimiFileReader is llama_index_kimi.KimiFileReader\n"
        "print(version('llama-index-llms-kimi'), version('llama-index-readers-kimi'), llama_index_kimi.__file__)"
    ).stdout
    assert output.split() == [VERSION, VERSION, str(environment.packages / "llama_index_kimi" / "__init__.py")]


@pytest.mark.slow
def test_an_editable_install_has_the_customary_paths_too(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv", "llama-index")
    build = "import sys, hatchling.build; print(hatchling.build.build_editable(sys.argv[1]))"  # what pip does
    command = [sys.executable, "-c", build, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    environment.install(tmp_path / done.stdout.split()[-1])
    output = environment.run("import llama_index.llms.kimi as a, llama_index.readers.kimi as b; print(a.__file__)")
    assert output.stdout.strip() == str(ROOT / "llama_index" / "llms" / "kimi" / "__init__.py")


def test_the_customary_paths_lead_to_the_same_classes() -> None:
    import llama_index_kimi
    from llama_index.llms.kimi import Kimi
    from llama_index.readers.kimi import KimiFileReader

    assert Kimi is llama_index_kimi.Kimi
    assert KimiFileReader is llama_index_kimi.KimiFileReader
