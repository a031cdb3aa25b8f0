"""Examples of the rules on batches: a file is uploaded, a batch made of it, and asked for until it is done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from rule_kit import USER, Ask

DONE = ("completed", "failed", "expired", "cancelled")
ENDPOINT = "/v1/chat/completions"


def line(custom_id: Any = "a", model: Any = "kimi-k2.6", *, body: dict[str, Any] | None = None, **more: Any) -> bytes:
    """A line of an input file; `more` is laid over its members, None takes one away."""
    request = {"model": model, "messages": [USER]} | (body or {})
    entry = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": request} | more
    return json.dumps({name: value for name, value in entry.items() if value is not None}).encode()


def make(client: httpx.Client, lines: list[bytes], **fields: Any) -> httpx.Response:
    """Upload a file of these lines, and make a batch of it; `fields` are laid over those of the call."""
    purpose, name = fields.pop("purpose", "batch"), fields.pop("filename", "in.jsonl")
    response = client.post("/files", files={"file": (name, b"\n".join(lines) + b"\n")}, data={"purpose": purpose})
    assert response.status_code == 200, response.text
    body = {"input_file_id": response.json()["id"], "endpoint": ENDPOINT, "completion_window": "24h"} | fields
    return client.post("/batches", json={name: value for name, value in body.items() if value is not None})


def until_done(client: httpx.Client, batch_id: str) -> httpx.Response:
    for _ in range(10):
        answer = client.get(f"/batches/{batch_id}")
        if answer.json()["status"] in DONE:
            return answer
    raise AssertionError(f"the batch is still {answer.json()['status']}")


@dataclass
class BatchAsk(Ask):
    """A batch from beginning to end. What stands in the error file of a refused file is given back as an answer."""

    lines: list[bytes] = field(default_factory=lambda: [line()])
    cancels: bool | str = False

    def send(self, client: httpx.Client) -> httpx.Response:
        answer_to_submit = make(client, self.lines, **self.fields)
        if answer_to_submit.status_code != 200:
            return answer_to_submit
        path = f"/batches/{answer_to_submit.json()['id']}"
        if self.cancels == "at once":
            return client.post(f"{path}/cancel")
        answer = until_done(client, answer_to_submit.json()["id"])
        if self.cancels == "too late":
            return client.post(f"{path}/cancel")
        batch = answer.json()
        if batch["status"] != "failed":
            return answer
        [error_line] = client.get(f"/files/{batch['error_file_id']}/content").text.splitlines()
        response = json.loads(error_line)["response"]
        return httpx.Response(response["status_code"], json=response["body"])


def batch(*lines: bytes, **fields: Any) -> BatchAsk:
    return BatchAsk(fields, lines=list(lines) or [line()])


BATCH_EXAMPLES: dict[str, tuple[Ask, Ask, str]] = {
    "batch.input_file": (batch(), batch(input_file_id="nothing"), "'nothing' is not a file"),
    "batch.purpose": (batch(), batch(purpose="file-extract"), "must have purpose batch, not file-extract"),
    "batch.jsonl": (batch(filename="IN.JSONL"), batch(filename="in.json"), "must be .jsonl, not in.json"),
    "batch.endpoint": (batch(), batch(endpoint="/v1/responses"), "endpoint must be /v1/chat/completions"),
    "batch.window": (batch(completion_window="7d"), batch(completion_window="11h"), "between 12h and 7d"),
    "batch.metadata": (
        batch(metadata={str(n): "x" * 512 for n in range(16)}),
        batch(metadata={str(n): "x" for n in range(17)}),
        "at most 16 pairs",
    ),
    "batch.limit": (
        Ask(method="GET", path="/batches?limit=0"),
        Ask(method="GET", path="/batches?limit=many"),
        "limit must be an integer",
    ),
    "batch.unknown": (batch(), Ask(method="GET", path="/batches/nothing"), r"^Not found the batch nothing$"),
    "batch.cancel": (BatchAsk(cancels="at once"), BatchAsk(cancels="too late"), "is completed and cannot be cancelled"),
    "batch.line": (batch(line(), b" ", line("b")), batch(line(), b"{"), "line 2 is not a JSON object"),
    "batch.custom_id": (
        batch(line("a"), line("b")),
        batch(line("a"), line("b"), line("a")),
        "line 3 repeats .* line 1",
    ),
    "batch.method": (batch(), batch(line(method="GET")), "line 1 has a method other than POST"),
    "batch.url": (batch(), batch(line(), line("b", url="/v1/responses")), "line 2 has a url other than"),
    "batch.one_model": (
        batch(line(), line("b")),
        batch(line(), line("b", "kimi-k2.7-code")),
        "line 2 asks for kimi-k2.7-code, line 1 for kimi-k2.6: one model per file",
    ),
    "batch.model": (batch(line(model="kimi-k2.7-code")), batch(line(model="kimi-k3")), "kimi-k3 is not supported"),
    "batch.stream": (
        batch(line(body={"stream": False})),
        batch(line(body={"stream": True})),
        "line 1 asks for a stream",
    ),
}
