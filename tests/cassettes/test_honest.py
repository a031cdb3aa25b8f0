"""What keeps the cassettes honest: they hold no secrets, say where they are from, and today's emulator agrees."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cassette_kit
import httpx
import pytest

from kimi_emulator import Emulator

CASSETTES = sorted(cassette_kit.FOLDER.glob("*.yaml"))
every_cassette = pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)


def test_there_is_one_for_each_behaviour_that_users_rely_on() -> None:
    assert len(CASSETTES) >= 60


def test_every_cassette_is_played_by_a_test_and_every_test_has_its_cassette() -> None:
    tracked = subprocess.run(
        [sys.executable, "-m", "scripts.cassettes"], cwd=cassette_kit.ROOT, capture_output=True, text=True, check=False
    )
    assert tracked.returncode == 0, tracked.stderr
    assert tracked.stdout.splitlines()[-1].startswith(f"{len(CASSETTES)} cassettes")


@every_cassette
def test_says_where_it_is_from(path: Path) -> None:
    assert re.match(r"emulator, commit \w+$|live, \d{4}-\d\d-\d\d$", cassette_kit.read(path)["origin"])


@every_cassette
def test_holds_no_secret(path: Path) -> None:
    stored = cassette_kit.read(path)
    for entry in stored["interactions"]:
        for part in (entry["request"], entry["response"]):
            secrets = cassette_kit.SECRETS.findall(json.dumps(part, ensure_ascii=False))
            assert secrets == []


@every_cassette
def test_is_readable(path: Path) -> None:
    for entry in cassette_kit.read(path)["interactions"]:
        assert isinstance(entry["request"]["body"], str | None)
        assert isinstance(entry["response"]["body"]["string"], str)


@every_cassette
def test_todays_emulator_gives_the_same_answers(path: Path) -> None:
    stored = cassette_kit.read(path)
    if not stored["origin"].startswith("emulator"):
        pytest.skip("recorded from the platform: its words are its own")
    renamed: dict[str, str] = {}  # ids of the recording (files, searches, batches) -> of this run
    with Emulator() as kimi, httpx.Client(trust_env=False) as http:
        for entry, exchange in zip(stored["interactions"], cassette_kit.exchanges(stored), strict=True):
            url, body = kimi.base_url.removesuffix("/v1") + exchange.path, entry["request"]["body"]
            for old, new in renamed.items():
                url = url.replace(old, new)
                body = body and body.replace(old, new)
            key = kimi.api_key if exchange.status != 401 else "sk-test-of-nobody"
            answer = http.request(
                exchange.method,
                url,
                content=None if body is None else body.encode(),
                headers={
                    "Authorization": f"Bearer {key}",
                    **{name: values[0] for name, values in entry["request"]["headers"].items()},
                },
            )
            assert answer.status_code == exchange.status
            now = cassette_kit.decode_answer(answer.text)
            renamed |= cassette_kit.ids_renamed(exchange.answer, now)
            recorded = json.dumps(exchange.answer)
            for old, new in renamed.items():
                recorded = recorded.replace(old, new)
            assert cassette_kit.normalise(now) == cassette_kit.normalise(json.loads(recorded))
        assert list(kimi.report) == []


def test_a_cassette_that_is_not_there_yet_says_how_it_is_recorded(tmp_path: Path) -> None:
    refusal = pytest.raises(FileNotFoundError, match=r"no cassette new\.yaml yet: run the test once with KIMI_RECORD=1")
    with refusal, cassette_kit.play("new", tmp_path):
        pass
