"""The object in an answer, whole or as far as it has come: in its text, or in the arguments of its tool call."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from typing import Any, Generic, TypeVar

from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.output_parsers.utils import extract_json_str
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from pydantic import BaseModel

from kimi_api._arguments.text import TOO_DEEP, is_json, is_too_deep, strict_text
from kimi_api.errors import KimiRefusalError, KimiStructuredOutputError
from kimi_api.errors._base import WITHHELD
from kimi_api.options import RAISE_MAX_TOKENS
from llama_index_kimi._from_reply import finish_reason, to_reply
from llama_index_kimi._streaming import read_growing
from llama_index_kimi._tool_calls import no_call_error

ModelT = TypeVar("ModelT", bound=BaseModel)


def parse_call(output_cls: type[ModelT], response: ChatResponse | None, model: str) -> ModelT:
    """The object in the tool call of a finished answer. Raises what `parse_answer` raises."""
    text = _call_text(response)
    if response is not None and not text and finish_reason(response) != "length":
        raise no_call_error(response, model)
    return parse_answer(output_cls, response, text)


def _call_text(response: ChatResponse | None) -> str:
    """The arguments of the first call as far as they have come."""
    calls = response.message.additional_kwargs.get("tool_calls") if response is not None else None
    return calls[0]["function"]["arguments"] if calls else ""


def parse_answer(
    output_cls: type[ModelT], response: ChatResponse | None, text: str | None = None, *, in_prose: bool = False
) -> ModelT:
    """The object in a finished answer, or in `text` of it; `in_prose`: words may stand around it.

    The reason for the end is looked at before the text: half a JSON document would only give a puzzling parser error.

    Raises:
        KimiRefusalError: the answer was withheld, wholly or in part.
        KimiStructuredOutputError: the answer was cut off or empty, or is no `output_cls`.
    """
    if in_prose and response is not None:
        text = response.message.content or ""
        if not is_json(text):
            with suppress(ValueError):  # there is no object in it, which is said of the whole text below
                text = extract_json_str(text)
    try:
        return _read(output_cls, response, text)
    except KimiStructuredOutputError as error:
        error.partial = to_reply(response)
        raise


def _read(output_cls: type[ModelT], response: ChatResponse | None, text: str | None) -> ModelT:
    name = output_cls.__name__
    if text is None:
        text = (response.message.content or "") if response is not None else ""
    reason = finish_reason(response) if response is not None else None
    request_id = response.raw.get("request_id") if response is not None and isinstance(response.raw, dict) else None
    if reason == "content_filter":
        raise KimiRefusalError(f"there is no {name}: {WITHHELD}", llm_output=text, request_id=request_id)
    if reason == "length":
        used = (response.additional_kwargs if response is not None else {}).get("completion_tokens")
        spent = f"all of its {used} tokens" if used else "its token budget"
        raise KimiStructuredOutputError(
            f"the answer ended after {spent}, before the {name} was complete. {RAISE_MAX_TOKENS}: "
            'in Kimi(max_tokens=...), or here with llm_kwargs={"max_tokens": ...}',
            llm_output=text,
            request_id=request_id,
        )
    if not text.strip():
        raise KimiStructuredOutputError(
            f"the answer is empty (finish_reason {reason!r}), so there is no {name} in it. Ask again, or ask for JSON "
            "in the prompt",
            llm_output=text,
            request_id=request_id,
        )
    try:
        if is_too_deep(text):
            raise ValueError(TOO_DEEP)
        strict = strict_text(text)
        value = json.loads(strict)
        bare = _unwrap(output_cls, value)
        return output_cls.model_validate_json(strict if bare is value else json.dumps(bare))
    except Exception as error:  # the user's validator may raise anything
        why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise KimiStructuredOutputError(
            f"the answer is no {name}: {why}. It began with {text[:200]!r}", llm_output=text, request_id=request_id
        ) from error


class PartialReader(Generic[ModelT]):
    """The object as far as it has come, again and again while the answer grows.

    Each reading costs as much as there is text, so a reading after every piece would cost the square of the length.
    A new one is made when the text has grown by a 256th: after every piece at first, and every 32 characters at 8,000,
    which is still many times a second.
    """

    def __init__(self, output_cls: type[ModelT], *, in_prose: bool = False) -> None:
        self._output_cls = output_cls
        self._in_prose = in_prose
        self._length = 0
        self._next = 0

    def read(self, response: ChatResponse) -> ModelT | FlexibleModel | None:
        """The object in `response`, or None when it is not time yet, or what has come is no object yet."""
        if not response.delta or not self._is_due(len(response.delta)):
            return None
        text = response.message.content or ""
        if self._in_prose and not text.lstrip().startswith(("{", "[")):
            text = text[max(text.find("{"), 0) :]
        return self._object(text)

    def read_call(self, response: ChatResponse) -> ModelT | FlexibleModel | None:
        """The same of the arguments of its tool call."""
        text = _call_text(response)
        more = len(text) - self._length
        return self._object(text) if more > 0 and self._is_due(more) else None

    def _is_due(self, more: int) -> bool:
        self._length += more
        if self._length < self._next:
            return False
        self._next = self._length + (self._length >> 8)
        return True

    def _object(self, text: str) -> ModelT | FlexibleModel | None:
        try:
            value = read_growing(text)
        except ValueError:
            return None
        value = _unwrap(self._output_cls, value)
        try:
            return self._output_cls.model_validate(value)
        except Exception:  # the user's validator may raise anything on half an object; on a whole one it is an error
            return _flexible(self._output_cls).model_validate(value) if isinstance(value, dict) else None


@lru_cache(maxsize=256)
def schema_of(output_cls: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of `output_cls` as pydantic writes it; kimi_api brings it into Moonshot's dialect."""
    return output_cls.model_json_schema()


def _unwrap(output_cls: type[BaseModel], value: object) -> object:
    """`value`, taken out of the object around it: a list of names, say, needs one on the wire."""
    from kimi_api.mfjs import unwrap  # here, because few programs need it and it takes milliseconds to load

    return unwrap(schema_of(output_cls), value)


@lru_cache(maxsize=256)
def _flexible(output_cls: type[BaseModel]) -> type[FlexibleModel]:
    """`output_cls` with every field optional. Core makes this class again for each chunk, at 155 us each."""
    return create_flexible_model(output_cls)
