"""A Redis server on the loopback address, and counts that begin with nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from limits_kit import RedisServer

from kimi_api.limits import RedisStore
from kimi_api.limits import _queue as queue


@pytest.fixture(autouse=True)
def _begin_anew() -> Iterator[None]:
    queue.reset()
    yield
    queue.reset()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that this test may freeze or end."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def shared(redis_url: str, request: pytest.FixtureRequest) -> Callable[..., RedisStore]:
    """Make a store of this test's own on that server."""

    def make_store(**settings: object) -> RedisStore:
        return RedisStore(redis_url, **{"prefix": request.node.name, "poll_seconds": 0.02, **settings})  # type: ignore[arg-type]

    return make_store
