"""The pytest plugin: fixtures, marker and reports; the recipes of docs/testing.md; and a run without the extra."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "testing.md").read_text("utf-8")
RECIPES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python test\n(.*?)^```", GUIDE, re.M | re.S))
PLUGINS = {entry.value for entry in importlib.metadata.entry_points(group="pytest11")}
INSTALLED = "kimi_emulator.pytest_plugin" in PLUGINS
# Plugins of our own environment that take over a second to load, and that no recipe needs.
SLOW_PLUGINS = ("langsmith_plugin", "schemathesis", "benchmark", "codspeed", "recording")


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in a folder of its own, as a user's project would run it."""
    plugin = () if INSTALLED else ("-p", "kimi_emulator.pytest_plugin")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    without = [part for name in ("cacheprovider", *SLOW_PLUGINS) for part in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "pytest", *without, *plugin, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=110
    )


def write(folder: Path, **files: str) -> Path:
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code, "utf-8")
    return folder


# ------------------------------------------------------------------------------------------------- the recipes


def test_there_are_seven_recipes() -> None:
    assert len(RECIPES) == 6
    assert GUIDE.count("\n## ") == 7


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints of all recipes, a file each, in one run: to start pytest takes longer than a recipe."""
    folder = tmp_path_factory.mktemp("recipes")
    write(folder, **{module_of(title): code for title, code in RECIPES.items()})
    [with_snapshot] = (module_of(title) for title, code in RECIPES.items() if "snapshot" in code)
    first = run_pytest(folder, "-q", "--snapshot-update", f"{with_snapshot}.py")
    assert "1 snapshot generated" in first.stdout
    return run_pytest(folder, "-v", "--strict-markers").stdout


def module_of(title: str) -> str:
    return "test_" + re.sub(r"\W+", "_", title).lower()


@pytest.mark.parametrize("title", RECIPES)
def test_the_recipe_runs_as_it_stands(title: str, outcomes: str) -> None:
    lines = re.findall(rf"^{module_of(title)}\.py::\S+ (\w+)", outcomes, re.M)
    assert lines, outcomes
    assert set(lines) == {"PASSED"}, outcomes


@pytest.mark.slow
def test_the_workflow_installs_what_there_is_and_runs_the_recipes(tmp_path: Path) -> None:
    [code] = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.M | re.S)
    steps = yaml.safe_load(code)["jobs"]["tests"]["steps"]
    install, test = (shlex.split(step["run"]) for step in steps if "run" in step)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    extras_installed = re.search(r"kimi-integrations\[(.*)\]", " ".join(install))
    assert extras_installed is not None
    assert set(extras_installed[1].split(",")) <= set(extras)
    assert test[:3] == ["python", "-m", "pytest"]
    write(tmp_path, **{f"test_recipe_{at}": code for at, code in enumerate(RECIPES.values())})
    run_pytest(tmp_path, "-q", "--snapshot-update", "-k", "always_sent")
    done = run_pytest(tmp_path, *test[3:])
    assert done.returncode == 0, done.stdout
    assert "7 passed" in done.stdout


# ------------------------------------------------------------------------------------------------- fixtures and marker


HEAD = """
import os
import httpx
import pytest
from kimi_emulator import Failure, Limits, RateLimits, Reply, ToolCall

def ask(kimi, text="hi", **more):
    body = {"model": "kimi-k3", "messages": [{"role": "user", "content": text}], **more}
    headers = {"Authorization": f"Bearer {kimi.api_key}"}
    return httpx.post(f"{kimi.base_url}/chat/completions", json=body, headers=headers, trust_env=False)
"""

WORKING = (
    HEAD
    + """
pytestmark = pytest.mark.kimi(balance=5.0, script="of the module")

def said(answer):
    return answer.json()["choices"][0]["message"].get("content")

def test_the_module_has_a_marker(kimi):
    assert said(ask(kimi)) == "of the module"
    assert kimi.balance < 5.0

@pytest.mark.kimi(script="of the class", balance=7.0)
class TestClass:
    def test_the_class_has_another(self, kimi):
        assert said(ask(kimi)) == "of the class"
        assert kimi.balance > 6.0

    @pytest.mark.kimi(script=["one", Reply("two"), Failure(500)])
    def test_the_nearest_wins_for_each_keyword(self, kimi):
        assert [said(ask(kimi)), said(ask(kimi))] == ["one", "two"]
        assert ask(kimi).status_code == 500
        assert kimi.balance > 6.0

@pytest.mark.kimi(faults="http.503")
def test_one_fault(kimi):
    assert [ask(kimi).status_code, ask(kimi).status_code] == [503, 200]

@pytest.mark.kimi(model="kimi-k2.6")
def test_one_model(kimi):
    assert ask(kimi).status_code == 404
    assert ask(kimi, model="kimi-k2.6").status_code == 200

@pytest.mark.kimi(limits=RateLimits(rpm=1))
def test_rates(kimi):
    assert [ask(kimi).status_code, ask(kimi).status_code] == [200, 429]

@pytest.mark.kimi(limits=0)
def test_a_tier(kimi):
    assert [ask(kimi, max_completion_tokens=9).status_code for _ in range(4)] == [200, 200, 200, 429]

@pytest.mark.kimi(limits=Limits(body_bytes=300))
def test_sizes(kimi):
    assert ask(kimi, "x" * 400).status_code == 413

def test_the_environment(kimi_env, kimi):
    assert kimi_env is kimi
    assert os.environ["MOONSHOT_BASE_URL"] == kimi.base_url
    assert os.environ["MOONSHOT_API_KEY"] == kimi.api_key
    assert "KIMI_API_KEY" not in os.environ

def test_each_test_has_a_fresh_one(kimi):
    assert kimi.requests == [] and "MOONSHOT_BASE_URL" not in os.environ
"""
)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_fixtures_and_marker(workers: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIMI_API_KEY", "sk-test-of-somebody")
    done = run_pytest(write(tmp_path, test_working=WORKING), "-q", "--strict-markers", *workers)
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


FAILING = (
    HEAD
    + """
@pytest.mark.kimi(script=["Hello.", Reply(tool_calls=[ToolCall("get_tides", {"place": "Turku"})])], faults="http.503")
def test_that_fails(kimi):
    for _ in range(3):
        ask(kimi, "When is high water?")
    ask(kimi, temperature=0.3)
    assert 0

def test_without_a_request(kimi):
    assert 0

def test_that_passes(kimi):
    ask(kimi, "nobody needs to see this")

def test_without_the_fixture():
    assert 0
"""
)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_failing_test_shows_the_exchanges_and_the_broken_rules(workers: tuple[str, ...], tmp_path: Path) -> None:
    output = run_pytest(write(tmp_path, test_failing=FAILING), "-q", *workers).stdout
    assert "3 failed, 1 passed" in output
    assert output.count("Kimi emulator ---") == 2
    assert "#1 POST /v1/chat/completions  kimi-k3 -> 503" in output
    assert 'answers    "Hello."' in output
    assert 'calls      get_tides({"place":"Turku"})' in output
    assert "#4 POST /v1/chat/completions  kimi-k3 -> 400" in output
    assert "refused by sampling.temperature: invalid temperature: only 1 is allowed for this model" in output
    assert "no request came" in output
    assert "nobody needs to see this" not in output
    assert "sk-test-emulator" not in output


WRONG_MARKERS = {
    "'a text'": "takes keywords only, such as script=..., not 'a text'",
    "colour=3": "colour",
    "faults='no.such'": "no fault 'no.such'; there are",
    "script=[3]": "script() takes Reply and Failure objects, not int",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What pytest prints of a test with each of the wrong markers."""
    tests = (
        f"@pytest.mark.kimi({marker})\ndef test_{at}(kimi):\n    pass\n" for at, marker in enumerate(WRONG_MARKERS)
    )
    folder = write(tmp_path_factory.mktemp("wrong"), test_wrong="import pytest\n\n" + "\n".join(tests))
    done = run_pytest(folder, "-q")
    assert done.returncode == 1
    assert f"{len(WRONG_MARKERS)} errors" in done.stdout
    return re.split(r"^_+ ERROR at setup of test_\d _+$", done.stdout, flags=re.M)[1:]


@pytest.mark.parametrize("marker", WRONG_MARKERS)
def test_a_wrong_marker_is_told(marker: str, refusals: list[str]) -> None:
    assert WRONG_MARKERS[marker] in refusals[list(WRONG_MARKERS).index(marker)]


# ------------------------------------------------------------------------------------------------- kimi_sweep


SWEPT = (
    HEAD
    + """
import asyncio

CALLS = Reply(tool_calls=[ToolCall("get_tides", {})])

@pytest.mark.kimi(script=["At 06:42."])
@pytest.mark.kimi_sweep(faults=["http.503", "usage.missing"], known=(httpx.HTTPError,))
@pytest.mark.parametrize("word", ["06:42"])
def test_told(kimi_env, word, tmp_path):
    assert tmp_path.exists()
    answer = ask(kimi_env).raise_for_status().json()
    assert word in answer["choices"][0]["message"]["content"]

@pytest.mark.kimi(script="At 06:42.")
@pytest.mark.kimi_sweep(faults=["http.503"], steps=[2])
async def test_async(kimi):
    await asyncio.sleep(0)
    await asyncio.to_thread(ask, kimi)
    assert (await asyncio.to_thread(ask, kimi)).raise_for_status()

@pytest.mark.kimi(script="At 06:42.")
@pytest.mark.kimi_sweep(faults=["answer.empty", "http.503", "usage.missing"], explained={"http.503": "meant"})
def test_that_is_silent(kimi):
    answer = ask(kimi)
    return answer.json()["choices"][0]["message"]["content"] if answer.status_code == 200 else "busy"

@pytest.mark.kimi_sweep(faults=["files.failed"])
def test_that_uploads_nothing(kimi):
    ask(kimi)

@pytest.mark.kimi_sweep()
def test_that_fails_without_a_fault(kimi):
    assert ask(kimi).status_code == 418

@pytest.mark.kimi_sweep()
def test_without_the_fixture():
    pass

@pytest.mark.kimi(faults="http.503")
@pytest.mark.kimi_sweep()
def test_with_faults_twice(kimi):
    pass
"""
)


def test_a_test_is_swept(tmp_path: Path) -> None:
    output = run_pytest(write(tmp_path, test_swept=SWEPT), "-q", "--strict-markers").stdout
    assert "4 failed, 2 passed, 1 error" in output
    assert "1 of 3 runs under a fault went wrong:\nanswer.empty at step 1: silent '' in place of 'At 06:42.'" in output
    assert "Captured Kimi sweep call ---" in output
    assert "http.503       step 1  silent" in output
    assert "(meant: meant)" in output
    assert "no fault applies to what this test sends" in output
    assert "assert 200 == 418" in output
    assert "kimi_sweep sweeps what goes to the fixture kimi or kimi_env, which this test lacks" in output
    assert "kimi_sweep brings the faults itself" in output


# ------------------------------------------------------------------------------------------------- without the extra


BARE = """
import sys
sys.path[:0] = {paths!r}
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
NEEDED_BY_PYTEST = ("pytest", "_pytest", "py.py", "pluggy", "iniconfig", "packaging", "pygments")


def test_the_wheel_without_the_extra_leaves_pytest_alone(tmp_path: Path) -> None:
    """The entry point is loaded in every run of pytest: one that imported the server would end them all."""
    pytest.importorskip("hatchling", reason="the wheel is built with it")
    wheels, installed, site, project = (tmp_path / name for name in ("wheels", "installed", "site", "project"))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=110)
    [wheel] = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    site.mkdir()
    packages = Path(pytest.__file__).parent.parent
    for name in NEEDED_BY_PYTEST:
        (site / name).symlink_to(packages / name)
    project.mkdir()

    def bare(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = BARE.format(paths=[str(installed), str(site)])
        command = [sys.executable, "-I", "-S", "-c", program, "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=110)

    empty = bare("-q")
    assert (empty.returncode, empty.stderr) == (5, ""), empty.stdout  # no tests were collected
    assert "@pytest.mark.kimi(script=..., faults=..., model=..., limits=..., **settings)" in bare("--markers").stdout
    write(project, test_own="def test_own():\n    pass\n\ndef test_with_it(kimi):\n    pass\n")
    done = bare("-q")
    assert "1 passed, 1 error" in done.stdout
    assert "What to do: pip install 'kimi-integrations[emulator]'" in done.stdout
