"""What is installed beside us: versions, and a stranger's package that overwrites a file of ours.

PyPI's `langchain-kimi` 0.1.1 is not ours, and has only one file, `langchain_kimi/__init__.py`. Installed after ours it
empties our package, and when it is removed, pip deletes the file. Then none of our code runs in
`from langchain_kimi import ChatKimi`; it runs in whatever else imports `kimi_api`.
"""

from __future__ import annotations

import functools
import platform
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from importlib.util import find_spec

from kimi_api._warn import langchain_kimi_is_ours, warn_once
from kimi_api.doctor._finding import Finding

OURS = "kimi-integrations"
STRANGER = "langchain-kimi"

_REINSTALL = f"pip install --force-reinstall --no-deps {OURS}"
_SHOWN = (OURS, "openai", "pydantic", "langchain-core", "langchain", "llama-index-core")


def check_stranger() -> Finding:
    """Whether `langchain_kimi` is ours and stays so."""
    name, is_ours, installed = STRANGER, _is_ours(), _stranger()
    if installed is not None and not is_ours:
        detail = f"the package {STRANGER} {installed}, which is not ours, has overwritten langchain_kimi/__init__.py"
        return Finding(name, "error", detail, f"pip uninstall {STRANGER}, then {_REINSTALL}")
    if installed is not None:
        detail = f"the package {STRANGER} {installed} is not ours; an update or its removal destroys langchain_kimi"
        return Finding(name, "warning", detail, f"pip uninstall {STRANGER}, then {_REINSTALL}")
    if not is_ours:
        detail = f"langchain_kimi/__init__.py is not ours or gone, as when a stranger's {STRANGER} was removed"
        return Finding(name, "error", detail, _REINSTALL)
    return Finding(name, "ok", f"langchain_kimi is ours; no {STRANGER} of a stranger's is installed")


@functools.cache
def warn_of_stranger() -> None:
    """Name a stranger's package where there is one. Looked for once in a process, when it first makes a connection."""
    if _stranger() is not None:
        warn_of_damage()


def warn_of_damage() -> None:
    """Warn of what `check_stranger` finds."""
    finding = check_stranger()
    if finding.status != "ok":
        warn_once((STRANGER,), f"{finding.detail}. What to do: {finding.remedy}")


def check_versions() -> list[Finding]:
    """Python and the packages that count, against what this version of ours asks for."""
    python = Finding("python", "ok", f"{platform.python_implementation()} {platform.python_version()}")
    installed = {name: number for name in _SHOWN if (number := _version(name)) is not None}
    versions = ", ".join(f"{name} {number}" for name, number in installed.items())
    unfit = _unfit(installed)
    if not unfit:
        return [python, Finding("packages", "ok", versions)]
    requirements = " ".join(f"'{requirement}'" for requirement in unfit)
    return [
        python,
        Finding("packages", "error", f"{versions}; asked for is {', '.join(unfit)}", f"pip install {requirements}"),
    ]


def _unfit(installed: dict[str, str]) -> list[str]:
    """Our requirements that an installed package does not meet."""
    try:
        from packaging.requirements import Requirement
    except ModuleNotFoundError:  # part of the extra `cli`, and of LangChain's core
        return []
    unfit = []
    for line in requires(OURS) or []:
        requirement = Requirement(line)
        number = installed.get(requirement.name)
        if number is not None and not requirement.specifier.contains(number, prereleases=True):
            unfit.append(f"{requirement.name}{requirement.specifier}")
    return sorted(set(unfit))


def _stranger() -> str | None:
    """The version of a `langchain-kimi` that does not bring us, None where none is installed."""
    try:
        package = distribution(STRANGER)
    except PackageNotFoundError:
        return None
    return None if any(line.startswith(OURS) for line in package.requires or []) else package.version


def _is_ours() -> bool:
    """Whether `import langchain_kimi` reads our file."""
    loaded = sys.modules.get("langchain_kimi")
    spec = find_spec("langchain_kimi") if loaded is None else loaded.__spec__
    if spec is None or spec.origin is None:
        return False
    if not spec.origin.endswith(".py"):  # compiled: nothing to compare
        return True
    return langchain_kimi_is_ours(spec.origin)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
