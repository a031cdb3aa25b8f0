"""How far `kimi_api.tokens.estimate_text` is off: `python -m scripts.token_error tiktoken.model`.

Compares it with a real vocabulary on the paragraphs of `tests/support/token_samples.py`, on this repository's own
files and on what the environment's packages hold of Python, Markdown and JSON; then whole prompts of K3, on the threads
of `tests/support/agent_threads.py`.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import mean, quantiles

from kimi_api.tokens import KimiTokenizer, count_messages, estimate_text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

import agent_threads  # noqa: E402 - needs the path
import token_samples  # noqa: E402

PIECE = 4_000
"""Characters: longer files are cut into pieces of this length, the size of a chunk or a message."""


def samples() -> dict[str, list[str]]:
    """Texts by kind."""
    kinds = {name: [text] for name, text in {**token_samples.PROSE, **token_samples.FORMAL}.items()}
    kinds["this repository, Python"] = list(pieces(sorted(ROOT.glob("*/*.py"))))
    kinds["this repository, Markdown"] = list(pieces(sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])))
    packages = Path(sysconfig.get_paths()["purelib"])
    for suffix, kind in ((".py", "Python"), (".md", "Markdown"), (".json", "JSON")):
        kinds[f"200 files of packages, {kind}"] = list(pieces(sorted(packages.rglob(f"*{suffix}"))[::7][:200]))
    return kinds


def pieces(paths: Iterable[Path]) -> Iterator[str]:
    """The first pieces of text files."""
    for path in paths:
        text = path.read_text("utf-8", errors="replace")[: 5 * PIECE]
        yield from (text[at : at + PIECE] for at in range(0, len(text), PIECE) if len(text) - at > 200)


def main(vocabulary: str) -> None:
    """Print a line per kind: pieces, mean error with its sign, mean size of the error, size that 95 % stay within."""
    tokenizer = KimiTokenizer.from_file(vocabulary)
    print(f"{'':32}{'pieces':>7}{'bias':>8}{'error':>8}{'95 %':>8}{'chars/4':>9}")
    for kind, texts in samples().items():
        exact = [tokenizer.count(text) for text in texts]
        errors = [estimate_text(text) / count - 1 for text, count in zip(texts, exact, strict=True)]
        naive = mean(abs(len(text) / 4 / count - 1) for text, count in zip(texts, exact, strict=True))
        sizes = sorted(map(abs, errors))
        most = quantiles(sizes, n=20)[-1] if len(sizes) > 20 else sizes[-1]
        print(f"{kind:32}{len(texts):7}{mean(errors):+8.0%}{mean(sizes):8.0%}{most:8.0%}{naive:9.0%}")
    print(f"{'prompts of K3':40}{'exact':>8}{'estimate':>10}{'error':>8}")
    errors = []
    for name, (messages, tools) in agent_threads.threads():
        counted, estimated = count_messages(messages, tools, tokenizer=tokenizer), count_messages(messages, tools)
        errors.append(estimated / counted - 1)
        print(f"{name:40}{counted:8}{estimated:10}{errors[-1]:+8.1%}")
    print(f"mean error {mean(map(abs, errors)):.1%}, at most {max(map(abs, errors)):.1%}")
    text = (ROOT / "README.md").read_text("utf-8") * 20
    for name, count in (("estimate_text", estimate_text), ("KimiTokenizer", tokenizer.encode)):
        start = time.process_time()
        for _ in range(3):
            count(text)
        per = (time.process_time() - start) / 3 / len(text) * 1e6
        print(f"{name}: {per:.2f} us of CPU per character of README.md")


if __name__ == "__main__":
    main(sys.argv[1])
