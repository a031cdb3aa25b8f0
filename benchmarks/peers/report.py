"""The figures as a page: tables with the floor of each row, and a plot for light and one for dark screens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

Results = Mapping[str, Mapping[str, Any]]

GROUPS: dict[str, tuple[str, Sequence[str]]] = {
    "Without a framework": (
        "httpx + json",
        ("httpx2 + json", "openai SDK, post", "openai SDK", "openai SDK 2", "LiteLLM"),
    ),
    "LangChain": (
        "LangChain's floor",
        (
            *("LangChain over post", "ChatKimi", "ChatOpenAI", "ChatDeepSeek", "langchain-moonshot"),
            "MoonshotChat (community)",
        ),
    ),
    "LlamaIndex": ("LlamaIndex's floor", ("LlamaIndex over post", "Kimi", "OpenAILike", "DeepSeek")),
}
"""The floor of each group, and who stands on it."""

OURS = frozenset({"ChatKimi", "Kimi"})
FLOORS = Path(__file__).parents[1] / "floors.json"

CASES = (
    "text chunk, us",
    "tool chunk, us",
    "first token, ms",
    "1 messages, ms",
    "200 messages, ms",
    "2000 messages, ms",
    "0 tools, ms",
    "20 tools, ms",
    "100 tools, ms",
    "200 messages + 20 tools, ms",
    "agent of 20 turns: a turn, ms",
    "1 streams: a chunk, us",
    "100 streams: a chunk, us",
    "1000 streams: a chunk, us",
    "an open stream, kB",
    "import, ms",
)

PANELS = (
    "text chunk, us",
    "tool chunk, us",
    "1000 streams: a chunk, us",
    "200 messages + 20 tools, ms",
    "agent of 20 turns: a turn, ms",
    "an open stream, kB",
)

LOOKS = {
    "light": {"ground": "#ffffff", "text": "#1f2328", "dim": "#59636e", "bar": "#b6c2cf", "ours": "#0969da"},
    "dark": {"ground": "#0d1117", "text": "#f0f6fc", "dim": "#9198a1", "bar": "#3d444d", "ours": "#4493f8"},
}
FLOOR = {"light": "#59636e", "dark": "#d1d7e0"}

TEXT = """# Speed, beside others

What the client costs: CPU time of its process for the same answers from one server, which answers from memory in a
process of its own. Every peer runs in a process and an environment of its own, as `make bench-peers` makes them. Only
the delay of the first token is real time.

Each group has its **floor**: httpx and `json` and nothing else, under the smallest class that the framework takes. What
is above it is the adapter's own work, and all that is left to win. Bold is ours; the number behind a figure is how many
times the floor it is.

<picture>
  <source media="(prefers-color-scheme: dark)" srcset="speed-dark.svg">
  <img alt="What a chunk, a call, an agent's turn and an open stream cost, ours beside others" src="speed-light.svg">
</picture>
"""

FLOORS_TEXT = """\
The tables above compare processes that ran minutes apart. Here one process measures a floor and ours in turn, and
the least of all rounds counts for both.
"""

NOTES = """
## How to read it

* *A floor of a framework* is httpx, not the SDK that ours and most peers send through, for its errors and settings.
  "Over post" is that floor with the SDK's `post` of plain dicts in the place of httpx. Ours send through it too, but
  write JSON by `orjson`.
* *No figure*: MoonshotChat of langchain-community binds no tools, and its `stream` is one plain request whose answer
  comes as one chunk.
* *Chunk*: a stream of 2,000 events in one burst, half thinking and half text, four characters each; or one tool call
  whose argument comes in 2,000 pieces.
* *Messages, tools*: one call that is not shown as it comes. Ours are streamed on the wire all the same (so that nothing
  that came is lost), the peers get one body. Histories have thinking and tool calls; a tool is about 0.4 kB.
* *Agent*: `create_agent` and `FunctionAgent`, 19 calls of a tool and an answer; the framework's own work is in the
  floor.
* *Streams*: so many on one event loop, each of 20 chunks, opening the connections included, which is most of it. The
  floors use httpx, openai 3 and so ours httpx2 ("httpx2 + json"): others may be below a floor. Both look at every
  connection that is open or idle whenever a stream begins and ends, so a stream costs more, the more there are: 1,000
  take httpx2 alone about half of what `AsyncOpenAI` takes, which is the least that anything over it can come to. An
  HTTP client of your own that keeps fewer idle connections (`max_keepalive_connections=20` in place of 100) costs a
  quarter less here, and pays where idle connections are asked for again: with a handshake each.
* *An open stream*: what memory grows by when 200 are open, divided by 200.
* *Import*: in a fresh process, everything that it brings included.
* Each figure is the least of several runs. A machine that is shared is slow for minutes at a time, by a half and more:
  floors and ours were measured twice, minutes apart, and the lower figure stays. Where tenths matter, see the table in
  turn.

"""


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(results: Results, peer: str, case: str, floor: str) -> str:
    """A figure, and how many times its floor it is."""
    value = results.get(peer, {}).get("figures", {}).get(case)
    if not isinstance(value, (int, float)):
        return "-"
    ground = results.get(floor, {}).get("figures", {}).get(case)
    ratio = f" ({value / ground:.1f})" if peer != floor and isinstance(ground, (int, float)) and ground > 0 else ""
    return f"**{number(value)}**{ratio}" if peer in OURS else number(value) + ratio


def table(results: Results, floor: str, peers: Sequence[str]) -> str:
    """One group."""
    columns = [peer for peer in (floor, *peers) if peer in results]
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for case in CASES:
        cells = [cell(results, peer, case, floor) for peer in columns]
        if any(text != "-" for text in cells):
            lines.append(f"| {case.replace(', us', ', µs')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def failures(results: Results) -> list[str]:
    """What a peer could not do, in its own words."""
    return [
        f"* {peer}, {case}: `{words}`"
        for peer, result in results.items()
        for case, words in result["figures"].items()
        if isinstance(words, str)
    ]


def page(results: Results) -> str:
    """`docs/speed.md`."""
    parts = [TEXT]
    for name, (floor, peers) in GROUPS.items():
        parts.append(f"\n## {name}\n\n{table(results, floor, peers)}\n")
    parts.append(beside_floors())
    parts.append(NOTES)
    if failed := failures(results):
        parts.append("What did not work:\n\n" + "\n".join(failed) + "\n\n")
    parts.append("## Versions and machine\n\n| | versions | measured | load average |\n|---|---|---|---|\n")
    for peer, result in results.items():
        versions = ", ".join(f"{package} {version}" for package, version in result["versions"].items())
        parts.append(f"| {peer} | {versions} | {result['date']}, {result['repeat']} runs | {result['load']} |\n")
    machines = sorted({f"{result['processor']}; {result['system']}" for result in results.values()})
    parts.append("\n" + "\n".join(f"* {machine}" for machine in machines) + "\n")
    return "".join(parts)


def beside_floors(path: Path = FLOORS) -> str:
    """Ours beside their floors, as `benchmarks.floors` has measured them; "" where it has not."""
    if not path.exists():
        return ""
    record = json.loads(path.read_text("utf-8"))
    lines = ["| | ours, µs | times its floor | floor | goal |", "|---|---|---|---|---|"]
    for row in record["rows"]:
        goal = "" if row["goal"] is None else f"{row['goal']:g}"
        ratio = row["took"] / row["least"]
        lines.append(
            f"| {row['case']}, {row['ours']} | {number(row['took'])} | {ratio:.2f} | {row['floor']} | {goal} |"
        )
    return (
        f"\n## Ours beside their floors, in turn\n\n{FLOORS_TEXT}\n" + "\n".join(lines) + f"\n\n{record['measured']}\n"
    )


def plot(results: Results, look: str) -> str:
    """The plot: a panel for each of the most telling cases, a bar for each peer, a line where its floor is."""
    colours, floor_colour = LOOKS[look], FLOOR[look]
    width, row, label = 400, 17, 170
    peers = [(peer, floor) for floor, members in GROUPS.values() for peer in members if peer in results]
    height = 40 + row * len(peers) + 14
    parts: list[str] = []
    for place, case in enumerate(PANELS):
        left, top = (place % 2) * width, (place // 2) * height
        figures = {peer: results[peer]["figures"].get(case) for peer, _ in peers}
        most = max((value for value in figures.values() if isinstance(value, (int, float))), default=1.0)
        title = escape(case.replace(", us", ", µs"))
        parts.append(f'<text x="{left + 10}" y="{top + 24}" class="title">{title}</text>')
        for line, (peer, floor) in enumerate(peers):
            y, value = top + 36 + line * row, figures[peer]
            kind = "ours" if peer in OURS else "bar"
            parts.append(f'<text x="{left + label}" y="{y + 11}" class="name {kind}">{escape(peer)}</text>')
            if not isinstance(value, (int, float)):
                parts.append(f'<text x="{left + label + 8}" y="{y + 11}" class="value">-</text>')
                continue
            room = width - label - 70
            length = max(value / most * room, 1)
            fill = colours["ours" if peer in OURS else "bar"]
            parts.append(f'<rect x="{left + label + 8}" y="{y + 1}" width="{length:.1f}" height="12" fill="{fill}"/>')
            end = left + label + 14 + length
            ground = results.get(floor, {}).get("figures", {}).get(case)
            if isinstance(ground, (int, float)):
                x = left + label + 8 + min(ground / most, 1.0) * room
                parts.append(f'<path d="M{x:.1f} {y - 1}v16" stroke="{floor_colour}" stroke-width="2"/>')
                if end - 8 < x < end + 40:  # the line would run through the figure
                    end = x + 6
            parts.append(f'<text x="{end:.1f}" y="{y + 11}" class="value">{number(value)}</text>')
    total = height * ((len(PANELS) + 1) // 2) + 24
    note = "Less is better. The upright line is the floor: httpx, json and the framework alone."
    parts.append(f'<text x="10" y="{total - 8}" class="value">{note}</text>')
    style = (
        f"text{{font:11px sans-serif;fill:{colours['text']}}}.title{{font-weight:bold;font-size:12px}}"
        f".name{{text-anchor:end}}.name.ours{{font-weight:bold}}.value{{fill:{colours['dim']}}}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * width}" height="{total}" role="img">'
    ground = f'<rect width="100%" height="100%" fill="{colours["ground"]}"/>'
    return "\n".join([head, f"<style>{style}</style>", ground, *parts, "</svg>", ""])


def write(results: Results, docs: Path) -> None:
    """The page and its plots."""
    (docs / "speed.md").write_text(page(results), "utf-8")
    for look in LOOKS:
        (docs / f"speed-{look}.svg").write_text(plot(results, look), "utf-8")
