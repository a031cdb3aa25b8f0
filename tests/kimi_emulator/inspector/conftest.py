from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from inspector_kit import KEY

from kimi_emulator import Emulator


@pytest.fixture
def watched() -> Iterator[Emulator]:
    with Emulator(api_key=KEY) as kimi:
        yield kimi


@pytest.fixture
def client(watched: Emulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=watched.base_url, headers=headers, trust_env=False, verify=False, timeout=10) as client:
        yield client
