"""Files to documents: order, errors that name their file, copies that are deleted, texts that are kept."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from contract_kit import Adapter, Loader, Way

from kimi_api import (
    KimiAuthenticationError,
    KimiClient,
    KimiConnectionError,
    KimiFileError,
    KimiInputError,
    KimiKeyError,
    KimiPermissionError,
    KimiQuotaError,
)
from kimi_api.cache import FileCache
from kimi_emulator import Emulator, Failure, Fault

Load = Callable[..., Loader]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    (root / "sub").mkdir(parents=True)
    for number in range(6):
        (root / f"{number}.txt").write_text(f"Text number {number}. 月", "utf-8")
    (root / "sub" / "deep.md").write_text("# Deep", "utf-8")
    (root / ".hidden.txt").write_text("no", "utf-8")
    (root / "clip.mp3").write_bytes(b"no text")
    return root


@pytest.fixture
def load(adapter: Adapter, way: Way) -> Load:
    """Make a loader of a framework, used in a way."""

    def make_loader(source: Any, **settings: Any) -> Loader:
        return adapter.loader(source, way, **settings)

    return make_loader


@pytest.fixture
def other() -> Iterator[Emulator]:
    with Emulator(api_key="sk-test-other") as running:
        yield running


def uploads(kimi: Emulator) -> list[str]:
    return [request.form["filename"] for request in kimi.requests if request.form]


# ---------------------------------------------------------------------------------------------------- what comes


def test_a_file_is_one_document_and_the_platforms_copy_is_deleted(kimi: Emulator, load: Load, folder: Path) -> None:
    (document,) = load(folder / "1.txt").load().documents
    assert document.text == "Text number 1. 月"
    assert (document.name, document.path) == ("1.txt", str(folder / "1.txt"))
    assert kimi.files == {}


def test_the_same_file_gives_the_same_metadata_every_time(adapter: Adapter, folder: Path) -> None:
    one, two = (adapter.loader(folder / "1.txt").load().documents[0] for _ in range(2))
    assert one.metadata == two.metadata


@pytest.mark.parametrize(
    "encoding", ["big5", "shift_jis", "euc_kr", "gb18030", "utf-16", "utf-16-le", "cp1251", "cp1252"]
)
@pytest.mark.parametrize("name", ["note.txt", "note.html"])
def test_a_file_in_an_older_encoding_keeps_its_text(load: Load, tmp_path: Path, encoding: str, name: str) -> None:
    text = {
        "big5": "圖書館每天早上九點開門，星期日休息。",
        "shift_jis": "図書館は毎日午前九時に開館します。",
        "euc_kr": "도서관은 매일 오전 아홉 시에 문을 엽니다.",
        "cp1251": "Библиотека открывается каждый день в девять утра.",
        "cp1252": "Die Bücherei öffnet täglich um neun Uhr.",
    }.get(encoding, "图书馆每天早上九点开门。\nIt opens at nine.")
    page = f"<html><body><p>{text}</p></body></html>" if name.endswith(".html") else text
    (tmp_path / name).write_bytes(page.encode(encoding))
    (document,) = load(tmp_path / name).load().documents
    assert document.text == text


def test_documents_come_in_the_order_of_the_files(kimi: Emulator, load: Load, folder: Path) -> None:
    paths = [folder / f"{number}.txt" for number in (3, 0, 5, 1, 4, 2)]
    assert load(paths, at_once=3).load().names == [path.name for path in paths]
    assert kimi.files == {}


def test_a_directory_without_its_hidden_files_and_those_that_cannot_be_read(load: Load, folder: Path) -> None:
    assert load(folder).load().names == [*(f"{number}.txt" for number in range(6)), "deep.md"]


def test_a_directory_with_nothing_to_read_is_an_error_that_names_it(kimi: Emulator, load: Load, tmp_path: Path) -> None:
    with pytest.raises(KimiInputError, match="file that can be extracted") as caught:
        load(tmp_path).load()
    assert str(tmp_path) in str(caught.value)
    assert kimi.requests == []


def test_a_copy_can_be_kept(kimi: Emulator, load: Load, folder: Path) -> None:
    load(folder / "1.txt", delete_after=False).load()
    assert len(kimi.files) == 1


def test_no_more_files_than_allowed_are_under_way(
    kimi: Emulator, load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = most = 0
    lock = threading.Lock()
    request, arequest = KimiClient.request, KimiClient.arequest

    def note(method: str, upload: object) -> None:
        nonlocal under_way, most
        with lock:
            under_way += (upload is not None) - (method == "DELETE")
            most = max(most, under_way)

    def note_request(self: KimiClient, method: str, path: str, **more: Any) -> Any:
        note(method, more.get("upload"))
        return request(self, method, path, **more)

    async def anote_request(self: KimiClient, method: str, path: str, **more: Any) -> Any:
        note(method, more.get("upload"))
        return await arequest(self, method, path, **more)

    monkeypatch.setattr(KimiClient, "request", note_request)
    monkeypatch.setattr(KimiClient, "arequest", anote_request)
    assert len(load(folder, at_once=2).load().documents) == 7
    assert 1 <= most <= 2


def test_a_bar_is_shown_when_asked(load: Load, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(folder, show_progress=True).load()
    assert "7/7" in capsys.readouterr().err
    load(folder).load()
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------------------------------------------- one file's fault


@pytest.mark.parametrize(
    ("name", "words"),
    [("gone.txt", "cannot be read"), ("plain", "extension"), ("empty.txt", "0 bytes"), ("big.pdf", "100 MB")],
)
def test_a_file_that_cannot_be_sent_is_named_before_anything_is_sent(
    kimi: Emulator, load: Load, tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "plain").write_text("x")
    (tmp_path / "empty.txt").touch()
    with (tmp_path / "big.pdf").open("wb") as sparse:
        sparse.truncate(100 * 1024 * 1024 + 1)
    with pytest.raises(KimiInputError, match=words) as caught:
        load(tmp_path / name).load()
    assert name in str(caught.value)
    assert kimi.requests == []


@pytest.mark.parametrize(
    ("fault", "remedy"), [("files.failed", "check that the file can be opened"), ("files.deleted", "Send it again")]
)
def test_a_file_that_cannot_be_extracted_is_named(
    kimi: Emulator, load: Load, folder: Path, fault: str, remedy: str
) -> None:
    kimi.fail(*[fault] * 3)
    with pytest.raises(KimiFileError, match=rf"1\.txt.*{remedy}"):
        load(folder / "1.txt").load()


def test_a_text_that_comes_late_is_waited_for(kimi: Emulator, load: Load, folder: Path) -> None:
    kimi.fail("files.content_404")
    assert load(folder / "1.txt").load().texts == ["Text number 1. 月"]


def test_one_failure_need_not_lose_the_others(load: Load, folder: Path) -> None:
    (folder / "3.txt").write_text("")
    loaded = load(folder, forgiving=True).load()
    assert loaded.names == ["0.txt", "1.txt", "2.txt", "4.txt", "5.txt", "deep.md"]
    (complaint,) = loaded.complaints
    assert str(folder / "3.txt") in complaint


def test_one_failure_stops_where_nothing_may_be_lost(load: Load, folder: Path) -> None:
    (folder / "3.txt").write_text("")
    with pytest.raises(KimiInputError, match=r"3\.txt"):
        load(folder).load()


ONE_FILES = ["http.500", "http.504_html", "http.529", "http.408_text", "http.413", "http.empty_type"]
RATE_LIMITS = ["http.429_retry_after", "http.429_overloaded"]


def check_one_files_fault(kimi: Emulator, load: Load, folder: Path, fault: str, **settings: Any) -> None:
    """Every file is tried, and each is named: what the platform says of one need not be said of the next."""
    paths = [folder / "1.txt", folder / "2.txt"]
    kimi.fail_at_rate(1.0, fault)
    loaded = load(paths, forgiving=True, **settings).load()
    assert loaded.documents == []
    assert len(loaded.complaints) == 2
    assert all(any(str(path) in complaint for complaint in loaded.complaints) for path in paths)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("fault", ONE_FILES)
def test_what_the_platform_says_of_one_request_is_one_files_fault(
    kimi: Emulator, load: Load, folder: Path, fault: str
) -> None:
    check_one_files_fault(kimi, load, folder, fault)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("fault", RATE_LIMITS)
def test_a_rate_limit_is_one_files_fault_after_its_retries(
    kimi: Emulator, load: Load, folder: Path, fault: str
) -> None:
    check_one_files_fault(kimi, load, folder, fault)


@pytest.mark.usefixtures("waits")
def test_a_time_out_is_one_files_fault(load: Load, folder: Path) -> None:
    """Of a host that takes connections and never answers, so that no copy can have arrived either."""
    paths = [folder / "1.txt", folder / "2.txt"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        loaded = load(paths, forgiving=True, timeout=0.1, base_url=address).load()
    assert loaded.documents == []
    assert len(loaded.complaints) == 2
    assert all(any(str(path) in complaint for complaint in loaded.complaints) for path in paths)


@pytest.mark.usefixtures("waits")
def test_a_copy_that_arrived_in_a_time_out_is_used(kimi: Emulator, load: Load, folder: Path) -> None:
    kimi.fail("stall.before_headers")
    assert load(folder / "1.txt", timeout=1).load().texts == ["Text number 1. 月"]
    assert len(uploads(kimi)) == 1


# ---------------------------------------------------------------------------------------------------- all files' fault

FORBIDDEN = Fault(
    "test.403", "403.", "", on=frozenset({"upload"}), failure=Failure(403, "permission_denied_error", "not yours")
)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("http.401_string_code", KimiAuthenticationError),
        (FORBIDDEN, KimiPermissionError),
        ("http.429_quota", KimiQuotaError),
        ("http.403_quota_2025", KimiQuotaError),
        ("http.gateway_raw", KimiQuotaError),
    ],
)
def test_what_concerns_all_files_is_raised_by_the_first(
    kimi: Emulator, load: Load, folder: Path, fault: Any, error: type[Exception]
) -> None:
    """An index of nothing would be the worst of all answers."""
    kimi.fail_at_rate(1.0, fault)
    with pytest.raises(error):
        load(folder, forgiving=True, at_once=1).load()
    assert len(uploads(kimi)) == 1


def test_a_wrong_key_concerns_all_files(kimi: Emulator, load: Load, folder: Path) -> None:
    with pytest.raises(KimiAuthenticationError):
        load(folder, forgiving=True, at_once=1, api_key="sk-test-wrong").load()
    assert len(kimi.requests) == 1


@pytest.mark.parametrize("key", ["", "  ", "two words"])
def test_a_key_function_that_gives_no_key_concerns_all_files(
    kimi: Emulator, load: Load, folder: Path, key: str
) -> None:
    with pytest.raises(KimiKeyError):
        load(folder, forgiving=True, api_key=lambda: key).load()
    assert kimi.requests == []


def test_a_key_that_has_left_the_environment_concerns_all_files(
    kimi: Emulator, load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    loader = load(folder, forgiving=True, api_key=None)
    monkeypatch.delenv("MOONSHOT_API_KEY")
    with pytest.raises(KimiKeyError):
        loader.load()


@pytest.mark.usefixtures("waits")
def test_no_connection_at_all_concerns_all_files(load: Load, folder: Path) -> None:
    with pytest.raises(KimiConnectionError):
        load(folder, forgiving=True, base_url="http://127.0.0.1:9/v1").load()


def check_note(load: Load, folder: Path, **settings: Any) -> None:
    with pytest.raises(KimiAuthenticationError) as caught:
        load(folder, at_once=1, api_key="sk-test-wrong", **settings).load()
    assert str(folder / "0.txt") in "".join(caught.value.__notes__)


def test_an_error_of_the_platform_notes_which_file_met_it(load: Load, folder: Path) -> None:
    check_note(load, folder)


def test_an_error_that_concerns_all_files_notes_which_one_met_it(load: Load, folder: Path) -> None:
    check_note(load, folder, forgiving=True)


# ---------------------------------------------------------------------------------------------------- once is enough


def test_what_stands_in_a_cache_on_disk_is_not_sent_again(
    kimi: Emulator, load: Load, folder: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        cache = FileCache.on_disk(tmp_path / "cache")
        assert len(load(folder, cache=cache).load().documents) == 7
    assert len(uploads(kimi)) == 7
    (folder / "3.txt").write_text("Another text.")
    assert "Another text." in load(folder, cache=cache).load().texts
    assert len(uploads(kimi)) == 8


def test_a_loader_remembers_its_own_files(kimi: Emulator, load: Load, folder: Path) -> None:
    loader = load(folder)
    assert loader.load().texts == loader.load().texts
    assert len(uploads(kimi)) == 7


def test_equal_contents_are_sent_once(kimi: Emulator, load: Load, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("the same")
    loaded = load(tmp_path, at_once=1).load()
    assert (loaded.names, loaded.texts) == (["a.txt", "b.txt"], ["the same"] * 2)
    assert len(uploads(kimi)) == 1


@pytest.mark.usefixtures("waits")
def test_a_run_that_failed_is_simply_started_again(kimi: Emulator, load: Load, folder: Path, tmp_path: Path) -> None:
    (folder / "2.txt").write_text("")
    with pytest.raises(KimiInputError, match=r"2\.txt"):
        load(folder, at_once=1, cache=FileCache.on_disk(tmp_path / "cache")).load()
    assert len(uploads(kimi)) == 2
    (folder / "2.txt").write_text("Now there is one.")
    assert len(load(folder, at_once=1, cache=FileCache.on_disk(tmp_path / "cache")).load().documents) == 7
    assert len(uploads(kimi)) == 7


@pytest.mark.usefixtures("waits")
def test_a_copy_that_arrived_without_an_answer_is_used(kimi: Emulator, load: Load, folder: Path) -> None:
    kimi.fail("close.before_headers")
    assert load(folder / "1.txt").load().texts == ["Text number 1. 月"]
    assert len(uploads(kimi)) == 1
    assert kimi.files == {}


@pytest.mark.usefixtures("waits")
def test_a_copy_that_somebody_else_deleted_is_sent_again(kimi: Emulator, load: Load, folder: Path) -> None:
    kimi.fail("files.deleted")
    assert load(folder / "1.txt").load().texts == ["Text number 1. 月"]
    assert len(uploads(kimi)) == 2


def asked_for(kimi: Emulator) -> set[str]:
    """The files whose state somebody wanted to know."""
    return {request.path for request in kimi.requests if request.method == "GET" and "/files/" in request.path}


KILLED = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from {module} import {name} as Adapter
Adapter({host!r}).loader(Path({folder!r}), at_once=2).load()
"""


def test_a_run_that_was_killed_is_simply_started_again(adapter: Adapter, tmp_path: Path) -> None:
    """What was sent but not read yet is read now."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.txt").write_text(f"Text number {number}.")
    with Emulator(pending_polls=10**9) as kimi:
        host = {"base_url": kimi.base_url, "api_key": kimi.api_key}
        code = KILLED.format(
            paths=[path for path in sys.path if path],
            module=type(adapter).__module__,
            name=type(adapter).__name__,
            host=host,
            folder=str(folder),
        )
        with subprocess.Popen([sys.executable, "-W", "ignore", "-c", code]) as process:
            deadline = time.monotonic() + 60
            while len(asked_for(kimi)) < 2 and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)  # until the answers of both uploads have arrived, and been noted
            process.kill()
        assert len(kimi.files) == 2
        for file in kimi.files.values():
            file.polls_left = 0
        again = type(adapter)(host).loader(folder).load()
        assert again.texts == ["Text number 0.", "Text number 1."]
        assert len(uploads(kimi)) == 2
        assert kimi.files == {}


# ---------------------------------------------------------------------------------------------------- changes


def test_a_changed_address_and_key_count_from_the_next_file(
    kimi: Emulator, other: Emulator, load: Load, folder: Path
) -> None:
    loader = load(folder / "1.txt")
    loader.load()
    loader.native.base_url, loader.native.api_key = other.base_url, other.api_key
    (folder / "1.txt").write_text("Another text.")
    assert loader.load().texts == ["Another text."]
    assert (len(uploads(kimi)), len(uploads(other))) == (1, 1)
    assert {r.headers["authorization"] for r in other.requests} == {f"Bearer {other.api_key}"}


def test_a_key_function_is_asked_for_each_request(kimi: Emulator, load: Load, folder: Path) -> None:
    keys: list[str] = []

    def key() -> str:
        keys.append(kimi.api_key)
        return kimi.api_key

    load([folder / "1.txt", folder / "2.txt"], api_key=key).load()
    assert len(keys) >= len(kimi.requests) > 2


def test_a_loader_has_its_key_and_address_from_the_environment(
    kimi: Emulator, load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
    loader = load(folder / "1.txt", api_key=None, base_url=None)
    assert loader.load().texts == ["Text number 1. 月"]
    assert kimi.api_key not in repr(loader.native)


@pytest.mark.parametrize("bad", [{"at_once": 0}])
def test_an_impossible_number_of_workers_is_refused(load: Load, folder: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max_concurrency|num_workers"):
        load(folder, **bad)


# ----------------------------------------------------------------------------------------------- progress bars


def sources(folder: Path) -> list[Path]:
    return [folder / "1.txt", folder / "2.txt"]


def test_the_bar_is_tqdm_autos_which_is_a_widget_in_a_notebook(
    load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bar(contextlib.nullcontext["Bar"]):
        """What `tqdm.auto` offers, where it may be the bar of a notebook."""

        bars: ClassVar[list[Bar]] = []

        def __init__(self, *, total: int, desc: str, unit: str) -> None:
            super().__init__(self)
            self.total, self.unit, self.count = total, unit, 0
            self.bars.append(self)

        def update(self, number: int = 1) -> None:
            self.count += number

    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Bar))
    load(sources(folder), show_progress=True).load()
    (bar,) = Bar.bars
    assert (bar.total, bar.count, bar.unit) == (2, 2, "file")
