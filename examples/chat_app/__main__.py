"""Starts the chat app: on the platform when there is a key, else on the local emulator.

python -m examples.chat_app [--port 8000] [--no-browser]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from examples.connection import connection

FOLDER = Path(__file__).parent


def main(port: int, *, browser: bool) -> None:
    """Serve the page on this machine alone, until Ctrl-C."""
    # Chainlit reads these, and the folder of its configuration, when it is imported.
    os.environ.update(CHAINLIT_APP_ROOT=str(FOLDER), CHAINLIT_HOST="127.0.0.1", CHAINLIT_PORT=str(port))
    try:
        from chainlit.cli import run_chainlit  # pyright: ignore[reportMissingImports]
        from chainlit.config import config  # pyright: ignore[reportMissingImports]
    except ImportError:
        sys.exit("The chat app needs Chainlit, in an environment of its own. What to do: make chat-app")
    with connection() as settings:
        os.environ.update(environment(settings))
        config.run.headless = not browser
        # Who opens this page spends the key's money: no other site may reach it through a reader's browser.
        config.project.allow_origins = [f"http://{name}:{port}" for name in ("localhost", "127.0.0.1")]
        run_chainlit(str(FOLDER / "app.py"))


def environment(settings: dict[str, Any]) -> dict[str, str]:
    """Where the app's models lead, as the variables that they read; nothing where the caller's lead to the platform."""
    if "base_url" not in settings:
        return {}
    return {
        "MOONSHOT_BASE_URL": settings["base_url"],
        "MOONSHOT_API_KEY": settings["api_key"],
        "KIMI_CHAT_APP_NOTE": "No key is set: the local emulator answers, by simple rules.",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.chat_app")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    arguments = parser.parse_args()
    main(arguments.port, browser=not arguments.no_browser)
