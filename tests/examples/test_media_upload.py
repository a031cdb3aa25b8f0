"""The examples of media upload: one upload for a whole conversation, in both frameworks."""

from __future__ import annotations

import pytest

from kimi_emulator import Emulator


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_the_picture_goes_up_once(framework: str, capsys: pytest.CaptureFixture[str]) -> None:
    if framework == "langchain":
        from examples.langchain import media_upload
    else:
        from examples.llama_index import media_upload  # type: ignore[no-redef]
    with Emulator() as kimi:
        answers = media_upload.main({"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key})
        ((file_id, stored),) = kimi.files.items()
        urls = [body["messages"][0]["content"][1]["image_url"]["url"] for body in kimi.chats]
        assert list(kimi.report) == []
        assert sum(request.path == "/v1/files" and request.method == "POST" for request in kimi.requests) == 1
    assert stored.bytes > 300_000
    assert len(answers) == 2
    assert urls == [f"ms://{file_id}"] * 2
    assert f"went up once, as ms://{file_id}" in capsys.readouterr().out
