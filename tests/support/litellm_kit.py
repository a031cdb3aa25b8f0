"""A real LiteLLM proxy in front of an emulator. It has an environment of its own, which `make litellm` makes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".litellm" / "bin" / "litellm"
KEY = "sk-test-litellm"
PATIENCE = 180.0
"""Seconds until the proxy answers: 30 on a free machine, most of them for imports."""


def entry(name: str, model: str, base_url: str, api_key: str, **more: Any) -> dict[str, Any]:
    """A model of the proxy's configuration: `name` for clients, `model` with LiteLLM's prefix for what is behind it."""
    return {"model_name": name, "litellm_params": {"model": model, "api_base": base_url, "api_key": api_key} | more}


class Proxy:
    """The proxy as a process, within a `with` block; its output is in `folder`/proxy.log."""

    def __init__(self, folder: Path, models: list[dict[str, Any]]) -> None:
        config = {
            "model_list": models,
            "general_settings": {"master_key": KEY},
            "litellm_settings": {"num_retries": 0, "telemetry": False},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        }
        self._config = folder / "config.yaml"
        self._config.write_text(json.dumps(config), "utf-8")  # JSON is YAML
        self._log = folder / "proxy.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Proxy:
        # Without the first variable it asks GitHub for prices before it starts.
        variables = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
        command = [str(PROGRAM), "--config", str(self._config), "--port", str(self._port), "--host", "127.0.0.1"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=os.environ | variables, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _wait(self) -> None:
        address = self.base_url.removesuffix("/v1") + "/health/liveliness"
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(address, trust_env=False, timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise RuntimeError(f"the proxy did not start: {self._log.read_text('utf-8', 'replace')[-2000:]}")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
