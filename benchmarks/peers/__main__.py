"""Ours beside its peers: `make bench-peers`, or `python -m benchmarks.peers [--peer NAME] [--repeat 5] [--quick]`.

Each peer is measured in a process of its own, in an environment that may have it: some need openai 2, and none is
needed for anything else here. The environments are made under `.bench/` and kept. All ask one server, which answers
from memory in a process of its own. What comes out is kept in `benchmarks/peers/results.json`, and shown in
`docs/speed.md` and its two plots; `--report` only draws those again, and `--again` is a further pass.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

from benchmarks.peers import report
from benchmarks.peers.models import PEERS
from benchmarks.server import running

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".bench"
RESULTS = Path(__file__).with_name("results.json")

ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "langchain": ("-e", ".[agents]", "langchain-deepseek", "langchain-moonshot", "langchain-community"),
    "llama-index": ("-e", ".[llama-index]", "llama-index-llms-openai-like", "llama-index-llms-deepseek"),
    "litellm": ("-e", ".", "litellm"),
}
"""What is installed in each, beside psutil. What is not in one of them is measured in this environment."""

PLACES = {
    "ChatDeepSeek": "langchain",
    "langchain-moonshot": "langchain",
    "MoonshotChat (community)": "langchain",
    "openai SDK 2": "llama-index",
    "OpenAILike": "llama-index",
    "DeepSeek": "llama-index",
    "LiteLLM": "litellm",
}


def python_for(peer: str) -> str:
    """The interpreter of the environment that has the peer; made if it is not there."""
    if peer not in PLACES:
        return sys.executable
    name = PLACES[peer]
    home, python = HOME / name, HOME / name / "bin" / "python"
    if not (home / ".ready").exists():
        print(f"setting up {home} ...", file=sys.stderr)
        venv.create(home, with_pip=True)
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, "psutil", *ENVIRONMENTS[name]], cwd=ROOT, check=True)
        (home / ".ready").touch()
    return str(python)


def measure(peer: str, url: str, repeat: int, quick: bool) -> dict[str, Any]:
    """The figures of one peer, or why there are none."""
    own = ["--repeat", str(repeat), *(["--quick"] if quick else [])]
    try:
        command = [python_for(peer), "-m", "benchmarks.peers.measure", peer, url, *own]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(run.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        words = (error.stderr or str(error)).strip().splitlines()[-1]
        return {"peer": peer, "versions": {}, "figures": {"all": words[:200]}}


def machine() -> dict[str, str]:
    """Where this was measured."""
    model = "unknown processor"
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return {
        "processor": f"{os.cpu_count()} x {model}",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}",
    }


def lower(before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Of two passes over the same versions the lower figures: a shared machine is slow for minutes at a time."""
    if before["versions"] != new["versions"]:
        return new
    known = {name: figure for name, figure in before["figures"].items() if not isinstance(figure, str)}
    figures = {
        name: min(figure, known.get(name, figure)) if not isinstance(figure, str) else known.get(name, figure)
        for name, figure in new["figures"].items()
    }
    return {
        **new,
        "figures": figures,
        "repeat": before["repeat"] + new["repeat"],
        "load": max(before["load"], new["load"]),
    }


def main() -> int:
    """Measure, keep the figures, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this one; the others keep their figures")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--again", action="store_true", help="a further pass: of each figure the lower one is kept")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see whether all works; nothing is kept")
    parser.add_argument("--report", action="store_true", help="write the page from the figures that are kept")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"peers": {}}
    if not options.report:
        with running() as url:
            for peer in options.peer or PEERS:
                began, load = time.monotonic(), os.getloadavg()[0]
                result = measure(peer, url, options.repeat, options.quick)
                result |= {"load": round(load, 1), "date": time.strftime("%Y-%m-%d", time.gmtime()), **machine()}
                result["repeat"] = options.repeat
                if options.again and peer in results["peers"]:
                    result = lower(results["peers"][peer], result)
                print(f"{peer}: {time.monotonic() - began:.0f} s, load average {load:.1f}", flush=True)
                for name, figure in result["figures"].items():
                    print(f"    {name:<34} {figure if isinstance(figure, str) else f'{figure:10.2f}'}", flush=True)
                results["peers"][peer] = result
                if not options.quick:
                    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    if not options.quick:
        report.write(results["peers"], ROOT / "docs")
    failed = [peer for peer in options.peer or PEERS if "all" in results["peers"].get(peer, {}).get("figures", {})]
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
