"""Names and values of settings are checked. Each `pyright: ignore` is an error that must be there."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from kimi_api import AccountLimits
from langchain_kimi import ChatKimi, KimiLLM
from llama_index_kimi import Kimi, KimiFileReader

settings: dict[str, Any] = {}

ChatKimi()
ChatKimi(model="kimi-k3", api_key="sk-test-1", temperature=1, stop=["a"], timeout=5, tags=["a"], max_retries=0)
ChatKimi(model_name="kimi-k3", api_base="http://localhost/v1", max_completion_tokens=5, model_kwargs={"seed": 1})
ChatKimi(api_key=SecretStr("sk-test-1"), account_limits=AccountLimits(rpm=3), thinking={"type": "enabled"})
ChatKimi(api_key=lambda: "sk-test-1", thinking="disabled", **settings)
ChatKimi(modle="kimi-k3")  # pyright: ignore[reportCallIssue]
ChatKimi(temperature="hot")  # pyright: ignore[reportArgumentType]
ChatKimi(thinking="on")  # pyright: ignore[reportArgumentType]
ChatKimi(wire="fast", repair="all")  # pyright: ignore[reportArgumentType]
ChatKimi("kimi-k3")  # pyright: ignore[reportArgumentType]

Kimi()
Kimi("kimi-k3", api_key="sk-test-1", temperature=1, stop=["a"], timeout=5, system_prompt="a", max_retries=0)
Kimi(model="kimi-k3", additional_kwargs={"seed": 1})
Kimi(model_name="kimi-k3", api_base="http://localhost/v1", max_completion_tokens=5, model_kwargs={"seed": 1})
Kimi(api_key=SecretStr("sk-test-1"), account_limits=AccountLimits(rpm=3), thinking={"type": "enabled"})
Kimi(api_key=lambda: "sk-test-1", thinking="disabled", **settings)
Kimi(modle="kimi-k3")  # pyright: ignore[reportCallIssue]
Kimi(temperature="hot")  # pyright: ignore[reportArgumentType]
Kimi(thinking="on")  # pyright: ignore[reportArgumentType]
Kimi(wire="fast", repair="all")  # pyright: ignore[reportArgumentType]
Kimi(3)  # pyright: ignore[reportArgumentType]

KimiLLM(model="kimi-k3", max_tokens=5)
KimiLLM(chat=ChatKimi())
KimiLLM(modle="kimi-k3")  # pyright: ignore[reportCallIssue]
KimiLLM(chat="kimi-k3")  # pyright: ignore[reportArgumentType]
KimiLLM(temperature="hot")  # pyright: ignore[reportArgumentType]

KimiFileReader(api_key="sk-test-1", num_workers=2, show_progress=True, parse_timeout=5)
KimiFileReader(num_worker=2)  # pyright: ignore[reportCallIssue]
KimiFileReader(num_workers="two")  # pyright: ignore[reportArgumentType]
KimiFileReader(temperature=1)  # pyright: ignore[reportCallIssue]


class Own(ChatKimi):
    """A subclass has its own fields, and those of its parent."""

    shop: str = "north"


Own(shop="south", model="kimi-k3")
Own(shop=3)  # pyright: ignore[reportArgumentType]
Own(modle="kimi-k3")  # pyright: ignore[reportCallIssue]


class OwnKimi(Kimi):
    """The same in LlamaIndex."""

    shop: str = "north"


OwnKimi(shop="south", model="kimi-k3")
OwnKimi(shop=3)  # pyright: ignore[reportArgumentType]
OwnKimi(modle="kimi-k3")  # pyright: ignore[reportCallIssue]
