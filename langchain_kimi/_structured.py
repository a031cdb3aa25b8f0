"""`with_structured_output`: a schema in, objects out, and errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import (
    Runnable,
    RunnableConfig,
    RunnableLambda,
    RunnableMap,
    RunnablePassthrough,
    RunnableSerializable,
)
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass

from kimi_api import KimiInputError
from langchain_kimi._tools import named_schema, response_format, tools_to_wire
from langchain_kimi.errors import KimiStructuredOutputError

if TYPE_CHECKING:
    from langchain_kimi.chat_models import ChatKimi

Method = Literal["json_schema", "function_calling", "json_mode"]

_BUDGET = "Raise max_tokens: it covers thinking and answer together, and 16,000 or more is advised for thinking models"


def structured_output(
    llm: ChatKimi, schema: Any, *, include_raw: bool, method: Method, strict: bool | None, **kwargs: Any
) -> Runnable[Any, Any]:
    """The chain behind `ChatKimi.with_structured_output`, which describes the arguments."""
    if method not in ("json_schema", "function_calling", "json_mode"):
        raise KimiInputError(
            "method", method, "it is json_schema, function_calling or json_mode", "leave it out for json_schema"
        )
    if schema is None and method != "json_mode":
        raise KimiInputError("schema", None, f"method {method!r} needs one", "pass a pydantic class or a JSON schema")
    if kwargs.get("tools"):
        kwargs["tools"] = tools_to_wire(kwargs["tools"])
    if schema is not None and _traceable(schema):
        kwargs["ls_structured_output_format"] = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    name, original = ("", None) if schema is None else named_schema(schema)
    cls = schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
    parser: Any
    if method == "function_calling":
        tool = {"type": "function", "function": {"name": name, "parameters": original}}
        description = (original or {}).get("description")
        if description:
            tool["function"]["description"] = description
        bound = llm.bind(tools=tools_to_wire([tool], strict=strict), tool_choice=name, **kwargs)
        parser = _FromCall(key_name=name, first_tool_only=True, original=original, cls=cls)
    elif method == "json_mode":
        bound = llm.bind(response_format={"type": "json_object"}, **kwargs)
        parser = _FromText(cls=cls)
    else:
        bound = llm.bind(response_format=response_format(schema, strict=strict), **kwargs)
        parser = _FromText(original=original, cls=cls)
    if not include_raw:
        return bound | parser
    raw = itemgetter("raw")
    return RunnableMap(raw=bound) | RunnablePassthrough.assign(
        parsed=raw | _OrNone(parser=parser), parsing_error=raw | RunnableLambda(_error_of(parser))
    )


def _traceable(schema: Any) -> bool:
    """Whether core can put `schema` into traces: it does so in every call, and lets its converter's TypeError through.

    That is raised for NotRequired in a TypedDict and for a property called "$ref".
    """
    try:
        convert_to_json_schema(schema)
    except TypeError:
        return False
    except ValueError:  # core takes care of this one
        return True
    return True


class _OrNone(RunnableSerializable[Any, Any]):
    """A parser that gives None where it would raise: `include_raw` keeps the error beside the answer.

    Not core's `with_fallbacks`, as in other vendors' classes: in a stream it steps in before the first piece only, so
    that an answer that turns out to be unusable at its end would raise after all.
    """

    parser: Any

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        try:
            return self.parser.invoke(input, config, **kwargs)
        except Exception:  # of a validator, say; `_error_of` meets it again
            return None

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        try:
            return await self.parser.ainvoke(input, config, **kwargs)
        except Exception:
            return None

    def transform(self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from self.parser.transform(input, config, **kwargs)
        except KimiStructuredOutputError:  # others may be the model's own, which must not be lost
            yield None

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        try:
            async for piece in self.parser.atransform(input, config, **kwargs):
                yield piece
        except KimiStructuredOutputError:
            yield None


def _error_of(parser: Any) -> Callable[[AIMessage], Exception | None]:
    """What `parser` says against a whole answer."""

    def parsing_error(message: AIMessage) -> Exception | None:
        try:
            parser.parse_result([ChatGeneration(message=message)])
        except Exception as error:
            return error
        return None

    return parsing_error


class _FromText(JsonOutputParser):
    """Objects that come as the answer's text. Looks at how the answer ended before anything is parsed."""

    original: Any = None
    """The schema as the user gave it; None if the answer was held to none."""
    cls: Any = None
    """The pydantic class to make; None for plain values."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        message, ended = _ending(result)
        text = result[0].text
        partial = partial and ended is None  # core's parsers are silent about a stream that brought nothing usable
        if ended is not None:
            if not text.strip():
                called = ", ".join(call["name"] for call in message.tool_calls)
                what = f"a call of {called}" if called else "no text"
                raise _unusable(f"an object was asked for, and the answer has {what}", ended, text, message)
            if ended == "length" and not _is_json(text):
                raise _unusable("the answer was cut off before its object was complete", ended, text, message)
            if text.lstrip().startswith(("{", "[")) and not _is_json(text):
                # Core's parser, made for streams, would close the brackets and give back half an object.
                raise _misfit("its JSON is broken or ends early", text, message)
        try:
            value = super().parse_result(result, partial=partial)
        except ValueError as error:
            raise _misfit(error, text, message) from error
        return _made(value, self, text, message, partial=partial)


class _FromCall(JsonOutputKeyToolsParser):
    """The same for objects that come as the arguments of a tool call."""

    original: Any = None
    cls: Any = None

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        message, ended = _ending(result)
        text = result[0].text
        partial = partial and ended is None
        if ended == "length":
            pieces = message.tool_call_chunks if isinstance(message, AIMessageChunk) else []
            if not message.tool_calls or not all(_is_json(piece["args"] or "{}") for piece in pieces):
                raise _unusable("the answer was cut off before the call was complete", ended, text, message)
        try:
            value = super().parse_result(result, partial=partial)
        except ValueError as error:
            raise _misfit(error, text, message) from error
        if value is None and ended is not None:
            raise _misfit("the call's arguments are not a JSON object", text, message)
        return _made(value, self, text, message, partial=partial)


def _made(value: Any, parser: _FromText | _FromCall, text: str, message: AIMessage, *, partial: bool) -> Any:
    """What the user asked for, out of what the model sent; None while a stream has not brought enough."""
    if value is None:
        return None
    if parser.original is not None:
        from kimi_api.mfjs import unwrap

        value = unwrap(parser.original, value)
    if parser.cls is None:
        return value
    try:
        # Classes of pydantic.v1 have parse_obj in place of model_validate.
        validate = getattr(parser.cls, "model_validate", None) or parser.cls.parse_obj
        return validate(value)
    except ValueError as error:
        if partial:
            return None
        raise _misfit(error, text, message) from error


def _ending(result: list[Generation]) -> tuple[AIMessage, str | None]:
    """The message, and its finish_reason; None while a stream still runs."""
    message = getattr(result[0], "message", None)
    if not isinstance(message, AIMessage):
        return AIMessage(content=result[0].text), None
    return message, message.response_metadata.get("finish_reason")


def _misfit(why: object, text: str, message: AIMessage) -> KimiStructuredOutputError:
    return KimiStructuredOutputError(
        f"the answer does not fit the schema: {why}",
        llm_output=text,
        request_id=message.response_metadata.get("request_id"),
    )


def _unusable(what: str, ended: str, text: str, message: AIMessage) -> KimiStructuredOutputError:
    usage = message.usage_metadata
    spent = f" after {usage['output_tokens']} tokens" if usage else ""
    advice = {
        "length": _BUDGET,
        "content_filter": "The platform withheld the answer; change the wording",
        "tool_calls": "Run the tools first, or ask for the object without tools",
    }.get(ended, "Ask again, or describe the object in the prompt")
    return KimiStructuredOutputError(
        f"{what} (finish_reason {ended!r}{spent}). {advice}",
        llm_output=text,
        request_id=message.response_metadata.get("request_id"),
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
