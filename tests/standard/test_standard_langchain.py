"""LangChain's own test suite for chat models, on every kind of Kimi model, against the emulator.

No test is overridden or expected to fail. Properties that stay off, and why:

* `supports_image_urls`: the platform takes bytes and its own files, and does not fetch addresses;
* `supports_audio_inputs`: a message has text, images and videos (https://platform.kimi.ai/docs/api/chat), and the text
  of documents by the platform's file extraction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from kimi_emulator import Emulator, Reply
from langchain_kimi import ChatKimi

# A test that records its cassette measures nothing, and pytest-benchmark says so.
pytestmark = pytest.mark.filterwarnings("ignore:Benchmark fixture was not used at all")


class _Standard:
    """The settings that the unit and the integration suite share."""

    model_id = "kimi-k3"

    @property
    def chat_model_class(self) -> type[ChatKimi]:
        return ChatKimi

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.model_id}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        # The suite's temperature=0 and max_tokens=100 do not suit models that think: they take one temperature only,
        # another with thinking off (ours would leave the 0 out and warn), and their budget covers the thinking too.
        standard = super().standard_chat_model_params  # type: ignore[misc]
        return {**standard, "temperature": None, "max_tokens": 16_000}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_video_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "kimi-k3.1-pro"

    @property
    def enable_vcr_tests(self) -> bool:
        return True


class TestUnitK3(_Standard, ChatModelUnitTests):
    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        # Key and address of the environment are read for each request, and stand in no field: so they are in no dump.
        environment = {"MOONSHOT_API_KEY": "sk-of-the-environment", "MOONSHOT_BASE_URL": "https://kimi.example/v1"}
        return environment, {"model": self.model_id}, {"api_key": None, "base_url": None, "model": self.model_id}

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.model_id, "api_key": "test"}


class TestUnitK26(TestUnitK3):
    model_id = "kimi-k2.6"


class TestUnitK27Code(TestUnitK3):
    model_id = "kimi-k2.7-code"


class TestIntegrationK3(_Standard, ChatModelIntegrationTests):
    @pytest.fixture(autouse=True)
    def _on_the_emulator(self, kimi: Emulator) -> None:
        self.kimi = kimi

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.model_id, "base_url": self.kimi.base_url, "api_key": self.kimi.api_key}

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        counted = ["reasoning_output", "cache_read_input", "cache_creation_input"]
        return {"invoke": counted, "stream": counted}

    @pytest.fixture(autouse=True)
    def _documents_are_read(self, request: pytest.FixtureRequest, _on_the_emulator: None) -> Iterator[None]:
        """The suite's PDF tests only ask; here the text must have reached the model, and nothing is left behind."""
        yield
        if "pdf" in request.node.name:
            assert "Dummy PDF file" in str(self.kimi.chats[-1]["messages"])
            assert self.kimi.files == {}
            assert self.kimi.refusals == []

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        message = self._ask("How many days has a leap year?", stream=stream)
        assert message.usage_metadata is not None
        assert message.usage_metadata["output_token_details"]["reasoning"] > 0
        return message

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        self._ask("The same question twice.", stream=False)
        message = self._ask("The same question twice.", stream=stream)
        assert message.usage_metadata is not None
        assert message.usage_metadata["input_token_details"]["cache_read"] > 0
        return message

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        # The emulator's cache counts no writing by itself; this is the documented form of a platform that does.
        details = {"cached_tokens": 0, "cache_write_tokens": 512}
        usage = {"prompt_tokens": 600, "completion_tokens": 5, "total_tokens": 605, "prompt_tokens_details": details}
        self.kimi.script(Reply(content="Written.", usage=usage))
        message = self._ask("A prefix to keep.", stream=stream)
        assert message.usage_metadata is not None
        assert message.usage_metadata["input_token_details"]["cache_creation"] == 512
        return message

    def _ask(self, text: str, *, stream: bool) -> AIMessage:
        model = ChatKimi(**{**self.standard_chat_model_params, **self.chat_model_params})
        if not stream:
            return model.invoke(text)
        whole: AIMessageChunk | None = None
        for chunk in model.stream(text):
            assert isinstance(chunk, AIMessageChunk)
            whole = chunk if whole is None else whole + chunk
        assert whole is not None
        return whole


class TestIntegrationK3FunctionCalling(TestIntegrationK3):
    """The second method of structured output. The third, JSON mode, has `test_json_mode`: it holds answers to no
    schema, so that tests whose prompt does not describe one cannot be meant for it."""

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "function_calling"}


@pytest.mark.filterwarnings("ignore:kimi-k2.6 cannot be made to call:langchain_kimi.KimiWarning")
class TestIntegrationK26(TestIntegrationK3):
    """Thinking that can be switched, one forced tool at the price of it, thinking demanded back on tool turns."""

    model_id = "kimi-k2.6"


# The model that the suite switches to for one call thinks always.
@pytest.mark.filterwarnings("ignore:kimi-k3.1-pro always thinks:langchain_kimi.KimiWarning")
class TestIntegrationK26WithoutThinking(TestIntegrationK3):
    model_id = "kimi-k2.6"

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "thinking": "disabled"}


@pytest.mark.filterwarnings("ignore:kimi-k2.7-code cannot be made to call:langchain_kimi.KimiWarning")
class TestIntegrationK27Code(TestIntegrationK3):
    """Thinking always on, and no forced tools at all."""

    model_id = "kimi-k2.7-code"
