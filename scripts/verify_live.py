"""Sends each rule's two requests to the platform once, and says whether it answers as the emulator's rule does.

Run `make verify-live`, or `python -m scripts.verify_live` with `MOONSHOT_API_KEY` set. Chats ask for one token of
output, so all of it costs a few cents; `--tier` keeps to the account's requests per minute (tier 0, the default, allows
three: an hour and a half). What came is saved after each rule in `.verify-live.json`, and a later run goes on from
there. Files and batches that are made on the way are deleted and cancelled. Some requests are not sent, each with its
reason: those that need another setting of the emulator, a scripted answer, or a batch that takes hours.

The exit code is 1 when a rule differs, 2 when the run had to stop. No key is printed or saved.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from kimi_emulator import TIERS
from kimi_emulator.record import PLATFORM
from kimi_emulator.record.masking import hide
from kimi_emulator.record.shape import differences, error_type, parse_body
from kimi_emulator.rules import RULES, Rule
from scripts.rules_table import examples

STATE = Path(__file__).resolve().parent.parent / ".verify-live.json"
CHAT = "/chat/completions"
SWITCHES = {"mfjs"}
"""Settings that say how much the platform is taken to refuse: such requests are sent, and are to pass by default."""
TRIES, PATIENCE = 6, 60.0
HALVES = ("accepts", "refuses")


class Stop(Exception):
    """The run cannot go on; its text says why."""


class Unanswered(Exception):
    """The platform did not get to this request; a later run asks again."""


@dataclass
class Pace(httpx.BaseTransport):
    """Sends no faster than ``rpm`` requests a minute, waits where the platform asks to, and notes what is made."""

    inner: httpx.BaseTransport
    rpm: float
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    files: list[str] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    _next: float = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, once the platform had time for the request. Raises ``Stop`` and ``Unanswered``."""
        request.read()
        for attempt in range(TRIES):
            if request.method == "POST":
                self._wait_for_turn()
            response = self.inner.handle_request(request)
            response.read()
            if response.status_code == 429:
                self._wait_after(response, attempt)
            elif response.status_code in (502, 503, 504):
                self.sleep(2.0**attempt)
            else:
                self._note(request, response)
                return response
        raise Unanswered(f"the platform answered {response.status_code} {TRIES} times")

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()

    def _wait_for_turn(self) -> None:
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 60 / self.rpm

    def _wait_after(self, response: httpx.Response, attempt: int) -> None:
        if error_type(parse_body(response.content)) == "exceeded_current_quota_error":
            raise Stop("the account has no money left (exceeded_current_quota_error)")
        retry_after = response.headers.get("retry-after", "")
        self.sleep(float(retry_after) if retry_after.isdecimal() else 5.0 * 2**attempt)

    def _note(self, request: httpx.Request, response: httpx.Response) -> None:
        place = {"/files": self.files, "/batches": self.batches}.get(request.url.path.removeprefix("/v1"))
        if request.method == "POST" and response.status_code == 200 and place is not None:
            place.append(str(response.json()["id"]))


# ------------------------------------------------------------------------------------------------- what is sent


def obstacle(rule: Rule, example: Any) -> str | None:
    """Why a request is not sent; None if it is."""
    needed = set(example.settings) - SWITCHES
    if needed:
        return f"needs Emulator({', '.join(sorted(needed))}=...)"
    if example.script:
        return "follows on an answer that only a script gives for certain"
    if hasattr(example, "lines") and rule.subject != "batch":
        return "is answered when a batch is done, hours later"
    if rule.id == "search.sealed":
        return "needs text that the platform has sealed"
    return None


def cheapest(example: Any) -> Any:
    """The same request with an output of one token, unless it says how much itself."""
    is_chat = example.path == CHAT and example.method == "POST" and example.content is None and example.files is None
    if not is_chat or hasattr(example, "lines") or {"max_tokens", "max_completion_tokens"} & example.fields.keys():
        return example
    return replace(example, fields={**example.fields, "max_completion_tokens": 1})


def expectation(rule: Rule, half: str, example: Any) -> tuple[int, str]:
    """The status and the type of error that the emulator gives, as it is by default."""
    passes = half == "accepts" or not rule.refuses or bool(set(example.settings) & SWITCHES)
    return (200, "") if passes else (rule.status, rule.type)


def send(client: httpx.Client, example: Any, sleep: Callable[[float], object]) -> httpx.Response:
    """The answer to an example, after what comes before it."""
    from batch_examples import make

    for earlier in example.before:
        answer = cheapest(earlier).send(client)
        if answer.status_code != 200:
            raise Unanswered(f"what comes before it was answered with {answer.status_code}")
        if earlier.files is not None:
            id = answer.json()["id"]
            _wait_until_parsed(client, id, sleep)
            fields = json.loads(json.dumps(example.fields).replace("FILE", id))
            example = replace(example, path=example.path.replace("FILE", id), fields=fields)
    if hasattr(example, "lines"):
        return make(client, example.lines, **example.fields)
    return cheapest(example).send(client)


def _wait_until_parsed(client: httpx.Client, id: str, sleep: Callable[[float], object]) -> None:
    end = time.monotonic() + PATIENCE
    while client.get(f"/files/{id}").json().get("status") not in ("ok", "ready", "error", "failed"):
        if time.monotonic() > end:
            raise Unanswered(f"a file was not parsed within {PATIENCE:g} s")
        sleep(1.0)


# ------------------------------------------------------------------------------------------------- what came


def compare(rule: Rule, half: str, example: Any, response: httpx.Response) -> dict[str, Any]:
    """What is saved of one answer: no more of it than its status, type and sentence."""
    status, type = expectation(rule, half, example)
    answer = parse_body(response.content)
    body = answer if isinstance(answer, dict) else {}
    entry: dict[str, Any] = {"status": response.status_code, "type": error_type(answer)}
    if isinstance(body.get("error"), dict):
        entry["message"] = hide(str(body["error"].get("message")))[:300]
    reasons: list[str] = []
    if response.status_code != status:
        reasons.append(f"the platform answers {response.status_code}, the emulator {status}")
    elif status != 200:
        if entry["type"] != type:
            reasons.append(f"the platform's type of error is {entry['type']!r}, the emulator's {type!r}")
        reasons += differences(answer, {"error": {"message": "", "type": ""}})
    return entry | {"differs": [hide(reason) for reason in reasons]}


def verify(client: httpx.Client, pace: Pace, rule: Rule, sleep: Callable[[float], object]) -> dict[str, Any]:
    """The entry of one rule: its two halves, and whether the platform agrees (None where nothing could be sent)."""
    entry: dict[str, Any] = {"day": str(datetime.now(UTC).date())}
    both = examples()[rule.id][:2]
    from rule_kit import as_ask  # beside the examples

    for half, example in zip(HALVES, map(as_ask, both), strict=True):
        reason = obstacle(rule, example)
        if reason is not None:
            entry[half] = {"not sent": reason}
            continue
        try:
            entry[half] = compare(rule, half, example, send(client, example, sleep))
        finally:
            _clean_up(client, pace)
    answers = [entry[half]["differs"] for half in HALVES if "differs" in entry[half]]
    return entry | {"agrees": not any(answers) if answers else None}


def _clean_up(client: httpx.Client, pace: Pace) -> None:
    while pace.batches:
        client.post(f"/batches/{pace.batches.pop()}/cancel")
    while pace.files:
        client.delete(f"/files/{pace.files.pop()}")


# ------------------------------------------------------------------------------------------------- the run


@dataclass
class Agreement:
    """The file that a run saves and a later one goes on with."""

    path: Path
    base_url: str
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)

    def load(self) -> None:
        """Read what an earlier run saved. Raises ``Stop`` if that was about another platform."""
        if not self.path.exists():
            return
        saved = json.loads(self.path.read_text("utf-8"))
        if saved["base_url"] != self.base_url:
            raise Stop(f"{self.path} is about {saved['base_url']}: name another file with --state, or delete it")
        self.rules = {id: entry for id, entry in saved["rules"].items() if id in RULES}

    def save(self) -> None:
        """Write all of it; a run that is interrupted leaves the old file or the new one."""
        text = json.dumps({"base_url": self.base_url, "rules": self.rules}, indent=1, ensure_ascii=False)
        draft = self.path.with_suffix(".new")
        draft.write_text(text + "\n", "utf-8")
        draft.replace(self.path)


def lines(id: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """What is printed of a rule."""
    word = {True: "agrees", False: "DIFFERS", None: "not sent"}[entry["agrees"]]
    yield f"{id:<36} {word}"
    for half in HALVES:
        for reason in entry[half].get("differs", ()):
            yield f"    what it {half}: {reason}{_quote(entry[half])}"
        if "not sent" in entry[half] and entry["agrees"] is not True:
            yield f"    what it {half} {entry[half]['not sent']}"


def _quote(half: Mapping[str, Any]) -> str:
    return f" ({half['message']})" if half.get("message") else ""


def run(
    agreement: Agreement, key: str, ids: Iterable[str], tier: int, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Ask about these rules, but not again about those that were answered. Raises ``Stop``."""
    pace = Pace(httpx.HTTPTransport(), TIERS[tier].rpm or 1, sleep)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(
        base_url=agreement.base_url, headers=headers, transport=pace, timeout=120, trust_env=False
    ) as client:
        try:
            status = client.get("/models").status_code
        except httpx.HTTPError as error:
            raise Stop(f"{agreement.base_url} cannot be reached: {error}") from error
        if status != 200:
            raise Stop(
                f"{agreement.base_url} answers {status} to GET /models: is MOONSHOT_API_KEY a key of this region?"
            )
        for id in ids:
            if agreement.rules.get(id, {}).get("agrees") is not None:
                continue
            try:
                agreement.rules[id] = verify(client, pace, RULES[id], sleep)
            except (Unanswered, httpx.HTTPError) as error:
                print(f"{id:<36} not answered: {hide(str(error), [key])}", flush=True)
                continue
            agreement.save()
            print("\n".join(lines(id, agreement.rules[id])), flush=True)


def main(arguments: Sequence[str] | None = None, sleep: Callable[[float], object] = time.sleep) -> int:
    """Print and save the agreement."""
    parser = argparse.ArgumentParser("verify_live", description=__doc__)
    parser.add_argument("ids", nargs="*", help="rules to ask about (default: all)")
    parser.add_argument("--tier", type=int, choices=range(len(TIERS)), default=0, help="of the account (default: 0)")
    parser.add_argument("--state", type=Path, default=STATE, help="the file to save in, and to go on from")
    parser.add_argument("--again", action="store_true", help="ask again about what was answered")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.ids) - set(RULES))
    if unknown:
        parser.error(f"there is no rule {', '.join(unknown)}")
    key = os.environ.get("MOONSHOT_API_KEY")
    if not key:
        parser.error("MOONSHOT_API_KEY is not set: the requests go to the platform, and are paid by you")
    ids = options.ids or list(RULES)
    agreement = Agreement(options.state, (os.environ.get("MOONSHOT_BASE_URL") or PLATFORM).rstrip("/"))
    try:
        agreement.load()
        if options.again:
            agreement.rules = {id: entry for id, entry in agreement.rules.items() if id not in ids}
        run(agreement, key, ids, options.tier, sleep)
    except (Stop, KeyboardInterrupt) as error:
        print(f"stopped: {hide(str(error), [key]) or 'interrupted'}; the next run goes on from here", file=sys.stderr)
        return 2
    entries = [agreement.rules[id] for id in ids if id in agreement.rules]
    counts = {word: sum(entry["agrees"] is value for entry in entries) for word, value in _WORDS}
    print(f"{len(ids)} rules: {', '.join(f'{count} {word}' for word, count in counts.items())}", end="")
    print(f", {len(ids) - len(entries)} not answered; saved in {options.state}")
    return 1 if counts["differ"] else 0


_WORDS = (("agree", True), ("differ", False), ("not sent", None))


if __name__ == "__main__":
    raise SystemExit(main())
