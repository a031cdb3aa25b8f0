"""`KimiChat` and `KimiExtract` on plain dicts of columns, as Ray Data hands them over. Ray itself: tests/examples."""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kimi_api import (
    AccountLimits,
    ChatOptions,
    KimiAuthenticationError,
    KimiClient,
    KimiInputError,
    KimiLimitError,
    KimiWarning,
)
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger
from kimi_api.limits import MemoryStore, RedisStore
from kimi_api.ray import KimiChat, KimiExtract
from kimi_emulator import Emulator, Failure, Reply

FINE = {"error": "", "error_message": "", "retryable": False}


class Echo:
    """A brain that repeats the last message, the first ones slowest; counts how many answers are under way."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def answer(self, request: Mapping[str, Any], context: Any) -> Reply:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        text = request["messages"][-1]["content"]
        time.sleep(0.1 if text.endswith("0") else 0.01)
        with self._lock:
            self.now -= 1
        return Reply(content=f"You wrote: {text}", reasoning="Repeat.")


@pytest.fixture
def echo() -> Any:
    with Emulator(brain=Echo()) as kimi:
        yield kimi


def client_of(kimi: Emulator, **settings: Any) -> KimiClient:
    return KimiClient(base_url=kimi.base_url, api_key=kimi.api_key, **settings)


def rows_of(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


# ------------------------------------------------------------------------------------------------- chat


def test_rows_keep_their_order_and_their_columns(echo: Emulator) -> None:
    batch = {"id": list("abcdef"), "prompt": [f"prompt {n}" for n in range(6)]}
    columns = KimiChat(client=client_of(echo))(batch)
    assert columns["id"] == batch["id"]
    assert columns["prompt"] == batch["prompt"]
    assert columns["answer"] == [f"You wrote: prompt {n}" for n in range(6)]
    assert columns["reasoning"] == ["Repeat."] * 6
    assert columns["finish_reason"] == ["stop"] * 6
    assert all(tokens > 0 for name in ("prompt_tokens", "completion_tokens") for tokens in columns[name])
    assert [{name: row[name] for name in FINE} for row in rows_of(columns)] == [FINE] * 6


def test_arrays_come_out_as_arrays_with_texts_as_objects(echo: Emulator) -> None:
    columns = KimiChat(client=client_of(echo))({"prompt": np.array(["one", "two"]), "n": np.array([1, 2])})
    assert {name: column.dtype.kind for name, column in columns.items()} == {
        "prompt": "U",
        "n": "i",
        "answer": "O",
        "reasoning": "O",
        "finish_reason": "O",
        "prompt_tokens": "i",
        "cached_tokens": "i",
        "completion_tokens": "i",
        "error": "O",
        "error_message": "O",
        "retryable": "b",
    }
    assert list(columns["answer"]) == ["You wrote: one", "You wrote: two"]


def test_a_prompt_may_be_messages_as_arrow_gives_them(echo: Emulator) -> None:
    conversation = np.array(
        [
            {"role": "user", "content": "Hi", "name": None},
            {"role": "assistant", "content": "Hello.", "name": None},
            {"role": "user", "content": "And now?", "name": "Ada"},
        ],
        object,
    )
    prompts = np.empty(1, object)
    prompts[0] = conversation
    worker = KimiChat(client=client_of(echo), prompt="chat", system="Be brief.")
    assert list(worker({"chat": prompts})["answer"]) == ["You wrote: And now?"]
    sent = [{k: v for k, v in message.items() if k != "reasoning_content"} for message in echo.chats[0]["messages"]]
    assert sent == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And now?", "name": "Ada"},
    ]


def test_no_more_than_at_once_are_under_way(echo: Emulator) -> None:
    KimiChat(client=client_of(echo), at_once=3)({"prompt": [f"prompt {n}" for n in range(20)]})
    assert echo._service.brain.most == 3  # type: ignore[attr-defined]


def test_a_failure_is_a_row_beside_the_others(kimi: Emulator) -> None:
    kimi.script(Reply(content="Fine."), Failure(500, message="Internal error"), Reply(content="Fine too."))
    columns = KimiChat(client=client_of(kimi, max_retries=0), at_once=1)({"prompt": ["a", "b", "c"], "id": [1, 2, 3]})
    assert columns["answer"] == ["Fine.", "", "Fine too."]
    assert columns["error"] == ["", "KimiServerError", ""]
    assert "Internal error" in columns["error_message"][1]
    assert columns["retryable"] == [False, True, False]
    assert columns["id"] == [1, 2, 3]


def test_a_failed_row_keeps_what_had_come(kimi: Emulator) -> None:
    kimi.script(Reply(content="One, two, three, four.", reasoning="Count.", fault="cut.answer"))
    (row,) = rows_of(KimiChat(client=client_of(kimi, max_retries=0))({"prompt": ["Count."]}))
    assert row["answer"]
    assert "One, two, three, four.".startswith(row["answer"])
    assert row["reasoning"] == "Count."
    assert row["error"]
    assert row["retryable"] is False


def refuse_secrets(body: dict[str, Any]) -> None:
    if "SECRET" in str(body["messages"]):
        raise PermissionError("the account org-0123456789abcdef keeps it")


def refuse_continuations(body: dict[str, Any]) -> None:
    if body["messages"][-1].get("partial"):
        raise PermissionError("no more")


def test_what_before_send_refuses_is_a_row(kimi: Emulator) -> None:
    worker = KimiChat(client=client_of(kimi, before_send=refuse_secrets))
    columns = pickle.loads(pickle.dumps(worker))({"prompt": ["a", "a SECRET", "b"]})
    assert columns["error"] == ["", "PermissionError", ""]
    assert columns["error_message"][1] == "the account org-*** keeps it"
    assert columns["retryable"] == [False] * 3
    assert all(columns["answer"][::2])
    assert len(kimi.chats) == 2


def test_a_row_whose_continuation_is_refused_keeps_what_had_come(kimi: Emulator) -> None:
    kimi.script(Reply(content="One, ", finish_reason="length"))
    client = client_of(kimi, before_send=refuse_continuations)
    (row,) = rows_of(KimiChat(client=client, options=ChatOptions(auto_continue=1))({"prompt": ["Count."]}))
    assert (row["answer"], row["error"]) == ("One, ", "PermissionError")


def test_what_is_wrong_beside_the_guard_still_ends_the_run(
    kimi: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def put(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(FileCache, "put", put)
    with pytest.raises(OSError, match="the disk is full"):
        KimiChat(client=client_of(kimi, before_send=refuse_secrets), results=tmp_path)({"prompt": ["a"]})


@pytest.mark.parametrize("prompt", [None, 7, [], ["text"], {"role": "user"}])
def test_a_prompt_that_is_none_is_a_row_with_an_error(kimi: Emulator, prompt: object) -> None:
    columns = KimiChat(client=client_of(kimi))({"prompt": ["Hi", prompt, "Ho"]})
    assert columns["error"] == ["", "KimiInputError", ""]
    assert columns["retryable"] == [False] * 3
    assert len(kimi.chats) == 2


def test_what_every_row_would_meet_ends_the_run(kimi: Emulator) -> None:
    worker = KimiChat(client=KimiClient(base_url=kimi.base_url, api_key="sk-test-wrong"))
    with pytest.raises(KimiAuthenticationError):
        worker({"prompt": ["a", "b"]})


def test_a_day_that_is_used_up_ends_the_run_and_keeps_what_is_there(kimi: Emulator, tmp_path: Path) -> None:
    limits = AccountLimits(tpd=5_000, store=MemoryStore())
    worker = KimiChat(
        client=client_of(kimi, account_limits=limits),
        options=ChatOptions(max_tokens=2_000),
        at_once=1,
        results=tmp_path,
    )
    with pytest.raises(KimiLimitError):
        worker({"prompt": ["a", "b", "c"]})
    assert len(FileCache.on_disk(tmp_path)) == 2


def test_a_setting_that_no_row_can_do_with_is_said_at_once(kimi: Emulator) -> None:
    with pytest.raises(KimiInputError, match="max_tokens"):
        KimiChat(client=client_of(kimi), options=ChatOptions(max_tokens=0))
    with pytest.raises(KimiInputError, match="at_once"):
        KimiChat(client=client_of(kimi), at_once=0)


def test_a_batch_that_is_none_is_refused(kimi: Emulator) -> None:
    worker = KimiChat(client=client_of(kimi))
    with pytest.raises(KimiInputError, match="it needs the column 'prompt'"):
        worker({"text": ["Hi"]})
    with pytest.raises(KimiInputError, match="batch_format"):
        worker([{"prompt": "Hi"}])  # type: ignore[arg-type]


def test_answers_are_kept_and_not_asked_for_again(kimi: Emulator, tmp_path: Path) -> None:
    batch = {"prompt": ["a", "b", "c"]}
    first = KimiChat(client=client_of(kimi), results=tmp_path)(batch)
    assert KimiChat(client=client_of(kimi), results=tmp_path)(batch) == first
    assert len(kimi.chats) == 3
    KimiChat(client=client_of(kimi), results=tmp_path, options=ChatOptions(max_tokens=900))(batch)
    assert len(kimi.chats) == 6, "other settings may have other answers"


def test_failed_rows_are_asked_for_again(kimi: Emulator, tmp_path: Path) -> None:
    kimi.script(Failure(500), Reply(content="Fine."))
    worker = KimiChat(client=client_of(kimi, max_retries=0), results=tmp_path, at_once=1)
    once = worker({"prompt": ["a", "b"]})
    assert once["error"] == ["KimiServerError", ""]
    again = worker({"prompt": once["prompt"], **once})
    assert again["error"] == ["", ""]
    assert len(kimi.chats) == 3


def test_equal_prompts_of_different_rows_have_an_answer_each(kimi: Emulator, tmp_path: Path) -> None:
    worker = KimiChat(client=client_of(kimi), results=tmp_path, key="id", at_once=1)
    worker({"id": [1, 2], "prompt": ["Roll a die.", "Roll a die."]})
    assert len(kimi.chats) == 2
    KimiChat(client=client_of(kimi), results=tmp_path, at_once=1)({"prompt": ["Roll a die.", "Roll a die."]})
    assert len(kimi.chats) == 3, "without a key one answer is enough"


def test_half_a_surrogate_pair_is_replaced(raw: Any, raw_client: KimiClient) -> None:
    events = [raw.event(delta={"content": "雪 \ud83d!"}), raw.event(finish_reason="stop")]
    raw.say(raw.SSE_HEAD + raw.sse(*map(json.dumps, events)))
    assert KimiChat(client=raw_client)({"prompt": ["Hi"]})["answer"] == ["雪 \N{REPLACEMENT CHARACTER}!"]


def test_limits_that_workers_do_not_share_are_warned_of_once(kimi: Emulator) -> None:
    alone = client_of(kimi, account_limits=AccountLimits(rpm=10))
    with pytest.warns(KimiWarning, match="RedisStore"):
        KimiChat(client=alone)
    KimiExtract(client=alone)


def test_limits_that_workers_share_are_not_warned_of(kimi: Emulator) -> None:
    KimiChat(client=client_of(kimi, account_limits=AccountLimits(rpm=10, store=RedisStore("redis://h:1/0"))))


def test_workers_cross_processes(kimi: Emulator, tmp_path: Path) -> None:
    limits = AccountLimits(rpm=10, store=RedisStore("redis://127.0.0.1:1/0"))
    worker = KimiChat(client=client_of(kimi, account_limits=limits), results=tmp_path, key="id")
    again = pickle.loads(pickle.dumps(worker))
    assert (again.key, again.results.directory, again.client.account_limits) == ("id", tmp_path, limits)
    pickle.loads(pickle.dumps(KimiExtract(client=client_of(kimi), results=tmp_path, ledger=Ledger(tmp_path))))


# ------------------------------------------------------------------------------------------------- files


def documents(folder: Path, count: int = 5) -> list[str]:
    paths = [folder / f"letter-{number}.txt" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"Letter {number}")
    return [str(path) for path in paths]


@pytest.fixture
def settings(kimi: Emulator, tmp_path: Path) -> dict[str, Any]:
    return {"client": client_of(kimi, max_retries=0), "ledger": Ledger(tmp_path / "ledger"), "retries": 0}


def test_files_come_out_in_order_and_leave_nothing_behind(
    kimi: Emulator, tmp_path: Path, settings: dict[str, Any]
) -> None:
    columns = KimiExtract(**settings)({"path": np.array(documents(tmp_path)), "id": np.arange(5)})
    assert list(columns["text"]) == [f"Letter {number}" for number in range(5)]
    assert list(columns["id"]) == [0, 1, 2, 3, 4]
    assert list(columns["file_type"]) == ["text/plain"] * 5
    assert {len(digest) for digest in columns["sha256"]} == {64}
    assert not kimi.files


def test_bytes_are_named_by_their_path(kimi: Emulator, settings: dict[str, Any]) -> None:
    data = np.empty(2, object)
    data[:] = [b"Letter A", b"Letter B"]
    columns = KimiExtract(content="bytes", **settings)({"path": ["s3://bucket/a.txt", "/b/c.md"], "bytes": data})
    assert list(columns["text"]) == ["Letter A", "Letter B"]
    names = [request.form["filename"] for request in kimi.requests if request.form]
    assert sorted(name.partition("-")[0] for name in names) == ["a", "c"]


def test_files_that_fail_are_rows_beside_the_others(kimi: Emulator, tmp_path: Path, settings: dict[str, Any]) -> None:
    one, two, three = documents(tmp_path, 3)
    kimi.fail("http.500")
    paths = [one, None, str(tmp_path / "missing.txt"), "", two, three]
    columns = KimiExtract(at_once=1, **settings)({"path": paths})
    assert columns["error"] == ["KimiServerError", "KimiInputError", "KimiInputError", "KimiInputError", "", ""]
    assert columns["retryable"] == [True, False, False, False, False, False]
    assert columns["text"][4:] == ["Letter 1", "Letter 2"]
    assert columns["path"] == paths


def test_a_column_without_bytes_is_a_row_with_an_error(settings: dict[str, Any]) -> None:
    columns = KimiExtract(content="bytes", **settings)({"path": ["a.txt"], "bytes": [None]})
    assert columns["error"] == ["KimiInputError"]


def test_texts_are_kept_by_content(kimi: Emulator, tmp_path: Path, settings: dict[str, Any]) -> None:
    batch = {"path": documents(tmp_path)}
    first = KimiExtract(results=tmp_path / "results", **settings)(batch)
    sent = len(kimi.requests)
    assert KimiExtract(results=tmp_path / "results", **settings)(batch) == first
    assert len(kimi.requests) == sent
