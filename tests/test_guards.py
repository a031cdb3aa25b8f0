"""The guards that the other tests rely on."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import pytest_socket


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1"])
def test_a_connection_that_leaves_the_machine_is_refused(address: str) -> None:
    with socket.socket() as sock, pytest.raises(pytest_socket.SocketConnectBlockedError):
        sock.connect((address, 80))


def test_a_name_that_is_not_this_machine_is_not_looked_up() -> None:
    with pytest.raises(pytest_socket.SocketConnectBlockedError):
        socket.getaddrinfo("api.moonshot.ai", 443)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_no_setting_of_the_developers_own_environment_is_seen() -> None:
    seen = {name for name in os.environ if name.startswith(("MOONSHOT_", "KIMI_", "OPENAI_"))}
    assert seen == {"KIMI_STATE_DIR", "KIMI_CACHE_DIR"}  # the tests' own places, in place of the developer's
    assert not Path(os.environ["KIMI_STATE_DIR"]).exists()
