"""What importing the package costs and offers."""

from __future__ import annotations

import ast
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import kimi_api
from kimi_api import errors

HEAVY = {
    "openai",
    "httpx",
    "httpx2",
    "pydantic",
    "tenacity",
    "langchain_core",
    "llama_index",
    "asyncio",
    "kimi_emulator",
}


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nimport json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_package_loads_neither_the_sdk_nor_a_framework() -> None:
    loaded = loaded_after("import kimi_api")
    assert not {"kimi_api.mfjs", "kimi_api.request", "kimi_api.reply", "kimi_api.tools"} & loaded
    assert not HEAVY & loaded
    assert not [name for name in loaded if name.startswith(("langchain", "llama_index", "openai"))]


def test_making_a_request_body_loads_neither() -> None:
    code = "import kimi_api as k\nk.build_request(k.ChatOptions(), [{'role': 'user', 'content': 'x'}])\n"
    code += "k.KimiClient(api_key='k')"
    assert not {"openai", "httpx", "httpx2", "tenacity"} & loaded_after(code)


def test_modules_that_came_with_the_package_once_are_still_its_attributes() -> None:
    code = "import kimi_api as k\nassert k.request.build_request is k.build_request and k.reply.Reply is k.Reply\n"
    loaded_after(code + "assert k.usage.Usage is k.Usage and k.tools.tool_name")


def test_the_sdk_comes_with_the_first_error_class_of_its_family() -> None:
    assert "openai" in loaded_after("from kimi_api import KimiRateLimitError")
    assert "openai" not in loaded_after("from kimi_api import KimiError, KimiInputError, KimiToolChoiceError")


def test_importing_is_cheap(tmp_path: Path) -> None:
    """Compiled, as an installed package is: a checkout may not be allowed to keep what Python compiles."""
    script = (
        "import time, importlib.metadata, dataclasses, datetime, difflib, asyncio, contextlib\n"
        "began = time.process_time()\nimport kimi_api\nprint(time.process_time() - began)"
    )
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    _, *runs = [
        float(
            subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
        )
        for _ in range(7)  # the first one compiles
    ]
    assert min(runs) < 0.025


def test_everything_that_is_offered_is_there() -> None:
    assert kimi_api.__all__ == sorted(kimi_api.__all__, key=lambda name: (not name.isupper(), name))
    for name in kimi_api.__all__:
        assert getattr(kimi_api, name) is not None
    for name in errors.__all__:
        assert getattr(errors, name) is getattr(kimi_api, name)


def test_every_public_error_is_offered_at_the_top() -> None:
    from kimi_api.errors import _sdk

    error_names = {name for module in (errors, _sdk) for name in vars(module) if name.startswith("Kimi")}
    assert error_names <= set(kimi_api.__all__)


@pytest.mark.parametrize("module", [kimi_api, errors])
def test_a_name_that_is_not_there_is_an_attribute_error(module: object) -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        module.Nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_tree_drawn_in_the_docstring_is_the_tree() -> None:
    drawn = [
        line.split("Kimi", 1)[1].split(" ")[0]
        for line in (errors.__doc__ or "").splitlines()
        if "Kimi" in line and "──" in line
    ]
    assert {f"Kimi{name}" for name in drawn} | {"KimiError"} == set(errors.__all__)


def test_every_error_class_can_be_pickled_by_name() -> None:
    for name in errors.__all__:
        cls = getattr(errors, name)
        assert pickle.loads(pickle.dumps(cls)) is cls


def test_no_module_of_the_package_imports_a_framework_or_the_emulator() -> None:
    for path in Path(kimi_api.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [
                n for n in names if n.split(".")[0] in ("langchain_core", "langchain", "llama_index", "kimi_emulator")
            ]
