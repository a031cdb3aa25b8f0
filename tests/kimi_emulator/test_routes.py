"""The table of addresses: which exist, what each takes, and paths that only look like one."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from kimi_emulator import Emulator
from kimi_emulator.http.routes import ROUTES, find

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FORMULA = "/v1/formulas/moonshot/date:latest"
TAKEN = {
    "/v1/chat/completions": "POST",
    "/v1/tokenizers/estimate-token-count": "POST",
    "/v1/models": "GET",
    "/v1/users/me/balance": "GET",
    "/v1/files": "GET, POST",
    "/v1/files/f": "GET, DELETE",
    "/v1/files/f/content": "GET",
    "/v1/batches": "GET, POST",
    "/v1/batches/b": "GET",
    "/v1/batches/b/cancel": "POST",
    f"{FORMULA}/tools": "GET",
    f"{FORMULA}/fibers": "POST",
}


@pytest.fixture
def plain(kimi: Emulator) -> Iterator[httpx.Client]:
    """A client of the server's root, for paths in every form."""
    headers = {"Authorization": f"Bearer {kimi.api_key}"}
    with httpx.Client(base_url=kimi.base_url.removesuffix("/v1"), headers=headers) as client:
        yield client


def test_every_route_is_in_this_table():
    assert len(ROUTES) == sum(len(methods.split(", ")) for methods in TAKEN.values())


@pytest.mark.parametrize("end", ["", "/", "//"])
@pytest.mark.parametrize("path", TAKEN)
def test_an_address_takes_its_methods_and_tells_which(plain: httpx.Client, kimi: Emulator, path: str, end: str):
    for method in METHODS:
        answer = plain.request(method, path + end)
        if method in TAKEN[path].split(", "):
            assert "endpoint" not in {refusal.rule.partition(".")[0] for refusal in kimi.refusals}
        else:
            assert (answer.status_code, answer.headers["Allow"]) == (405, TAKEN[path])
            assert [refusal.rule for refusal in kimi.refusals] == ["endpoint.method"]
        kimi.reset()


@pytest.mark.parametrize(
    "path",
    [
        *("/v1", "/v2/models", "/v1/nothing", "/v1/models/kimi-k3", "/v1/completions/x", "/v1/users/me"),
        *("/v1/files//content", "/v1/files/f/content/x", "/v1/files/f/other", "/v1/batches//cancel"),
        *("/v1/batches/b/other", "/v1/formulas", "/v1/formulas/tools", "/v1/formulas//tools", FORMULA),
        *("/v1/models%0A", "/v1/files/f/content%0A", f"{FORMULA}/tools%0A", "/V1/models", "/v1/Models"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_any_other_path_is_unknown(plain: httpx.Client, kimi: Emulator, method: str, path: str):
    answer = plain.request(method, path)
    assert answer.status_code == 404
    assert "Allow" not in answer.headers
    assert [refusal.rule for refusal in kimi.refusals] == ["endpoint.unknown"]


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/v1/files/a b", {"file_id": "a b"}),
        ("/v1/files/a\nb", {"file_id": "a\nb"}),
        ("/v1/files/a\n", {"file_id": "a\n"}),
        ("/v1/files/名/content", {"file_id": "名"}),
        ("/v1/batches/b/cancel/", {"batch_id": "b"}),
        ("/v1/formulas/a/b/c:d/tools", {"uri": "a/b/c:d"}),
        ("/v1/formulas/a\nb/tools", {"uri": "a\nb"}),
        ("/v1/formulas/tools/tools", {"uri": "tools"}),
        ("/v1/models", {}),
    ],
)
def test_the_named_parts_of_a_path(path: str, parts: dict[str, str]):
    routes, values = find("GET", path)
    assert routes
    assert values == parts


def test_the_key_comes_before_the_address(kimi: Emulator):
    assert httpx.get(f"{kimi.base_url}/nothing").status_code == 401
    assert httpx.delete(f"{kimi.base_url}/models").status_code == 401
