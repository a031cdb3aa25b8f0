"""Schemas in, objects out: the chains behind `with_structured_output`, and errors that say what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from operator import itemgetter
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import (
    Runnable,
    RunnableAssign,
    RunnableConfig,
    RunnableLambda,
    RunnableMap,
    RunnableSerializable,
)
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass

from kimi_api import KimiInputError
from kimi_api._arguments.text import TOO_DEEP, encode, is_json, is_too_deep
from kimi_api.errors._base import WITHHELD
from kimi_api.options import RAISE_MAX_TOKENS
from langchain_kimi._call_arguments import PARSED, Method
from langchain_kimi._from_reply import message_to_reply
from langchain_kimi._tools import name_and_schema, response_format, tools_to_wire
from langchain_kimi.errors import KimiRefusalError, KimiStructuredOutputError

_AGAIN = "Ask again, or describe the object in the prompt"
_SHOWN = 80  # characters of an answer that an error shows
_PROBLEMS = 5  # problems that an error lists


def build_chain(
    llm: BaseChatModel, schema: Any, *, include_raw: bool, method: Method, strict: bool | None, **kwargs: Any
) -> Runnable[Any, Any]:
    """The chain behind `ChatKimi.with_structured_output`, which describes the arguments."""
    if method not in ("json_schema", "function_calling", "json_mode"):
        raise KimiInputError(
            "method", method, "it is json_schema, function_calling or json_mode", "leave it out for json_schema"
        )
    if schema is None and method != "json_mode":
        raise KimiInputError("schema", None, f"method {method!r} needs one", "pass a pydantic class or a JSON schema")
    taken = ("tools", "tool_choice") if method == "function_calling" else ("response_format",)
    for argument in taken:
        if argument in kwargs:
            raise KimiInputError(
                argument, kwargs[argument], f"method {method!r} sets it from the schema", "leave it out"
            )
    if kwargs.get("tools"):
        kwargs["tools"] = tools_to_wire(kwargs["tools"])
    name, original = ("", None) if schema is None else name_and_schema(schema)
    if schema is not None and _traceable(schema):
        kwargs["ls_structured_output_format"] = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
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
        bound = llm.bind(response_format={"type": "json_object"}, **{PARSED: True, **kwargs})
        parser = _FromText(cls=cls)
    else:
        # The continuation of a partial message is no JSON without its beginning.
        kwargs = {"join_prefix": True, PARSED: True, **kwargs}
        bound = llm.bind(response_format=response_format(schema, strict=strict), **kwargs)
        parser = _FromText(original=original, cls=cls)
    if not include_raw:
        return bound | parser
    raw, lenient = itemgetter("raw"), _OrNone(parser=parser)
    # RunnablePassthrough.assign does not do: it makes a class that pickle cannot find.
    return RunnableMap(raw=bound) | RunnableAssign(
        RunnableMap(parsed=raw | lenient, parsing_error=raw | RunnableLambda(lenient.parsing_error))
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
        except Exception:  # of a validator, say; `parsing_error` meets it again
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

    def parsing_error(self, message: AIMessage) -> Exception | None:
        """What the parser says against a whole answer."""
        try:
            self.parser.parse_result([ChatGeneration(message=message)])
        except Exception as error:
            return error
        return None


class _FromText(JsonOutputParser):
    """Objects that come as the answer's text. Looks at how the answer ended before anything is parsed."""

    original: Any = None
    """The schema as the user gave it; None if no schema was asked for."""
    cls: Any = None
    """The pydantic class to make; None for plain values."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        message, ended = _ending(result)
        text = result[0].text
        partial = partial and ended is None  # core's parsers are silent about a stream that brought nothing usable
        if ended is not None:
            _raise_if_withheld(ended, text, message)
            if not text.strip():
                called = ", ".join(call["name"] for call in message.tool_calls)
                what = f"a call of {called}" if called else "no text"
                raise _no_object_error(f"an object was asked for, and the answer has {what}", ended, text, message)
            if ended == "length" and not is_json(text):
                raise _no_object_error("the answer was cut off before its object was complete", ended, text, message)
            if is_too_deep(text):
                raise _schema_error(TOO_DEEP, text, message)
            if text.lstrip().startswith(("{", "[")) and not is_json(text):
                # Core's parser, made for streams, would close the brackets and give back half an object.
                raise _schema_error("its JSON is broken or ends early", text, message)
        try:
            value = super().parse_result(result, partial=partial)
        except (ValueError, RecursionError) as error:
            raise _schema_error(TOO_DEEP if is_too_deep(text) else "it is not JSON", text, message) from error
        return _to_object(value, self, text, message, partial=partial)


class _FromCall(JsonOutputKeyToolsParser):
    """The same for objects that come as the arguments of a tool call."""

    original: Any = None
    cls: Any = None

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        message, ended = _ending(result)
        text = result[0].text or _arguments(message)
        partial = partial and ended is None
        _raise_if_withheld(ended, text, message)
        if ended == "length":
            pieces = message.tool_call_chunks if isinstance(message, AIMessageChunk) else []
            if not message.tool_calls or not all(is_json(piece["args"] or "{}") for piece in pieces):
                raise _no_object_error("the answer was cut off before the call was complete", ended, text, message)
        try:
            value = super().parse_result(result, partial=partial)
        except ValueError as error:
            raise _schema_error("the call's arguments are not JSON", text, message) from error
        if value is None and not partial:
            why = TOO_DEEP if is_too_deep(text) else "the call's arguments are not a JSON object"
            raise _schema_error(why, text, message)
        return _to_object(value, self, text, message, partial=partial)


def _arguments(message: AIMessage) -> str:
    """The arguments of the first call, as text."""
    for call in (*message.tool_calls, *message.invalid_tool_calls):
        args = call["args"]
        return encode(args) if isinstance(args, Mapping) else args or ""
    return ""


def _to_object(value: Any, parser: _FromText | _FromCall, text: str, message: AIMessage, *, partial: bool) -> Any:
    """What the user asked for, out of what the model sent; None while a stream has not brought enough."""
    if value is None:
        if partial:
            return None
        raise _schema_error("there is no JSON object in it", text, message)
    if parser.original is not None:
        from kimi_api.mfjs import unwrap

        value = unwrap(parser.original, value)
    if parser.cls is None:
        if isinstance(value, Mapping) or not _is_object(parser.original):
            return value
        if partial:
            return None
        raise _schema_error(f"it is of the type {type(value).__name__}, not an object", text, message)
    try:
        # Classes of pydantic.v1 have parse_obj in place of model_validate.
        validate = getattr(parser.cls, "model_validate", None) or parser.cls.parse_obj
        return validate(value)
    except Exception as error:  # the user's validator may raise anything, above all on half an object
        if partial:
            return None
        raise _schema_error(_describe(error), text, message) from error


def _describe(error: Exception) -> str:
    """What a validation error of pydantic (1 or 2) says, in one line and without links; or a validator's own error."""
    errors: Any = getattr(error, "errors", None)
    problems: Any = errors() if isinstance(error, ValueError) and callable(errors) else None
    if not problems:
        return str(error) if isinstance(error, ValueError) else f"a validator raised {type(error).__name__}: {error}"
    lines = [f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in problems[:_PROBLEMS]]
    more = len(problems) - len(lines)
    return "; ".join([*lines, f"and {more} more"] if more else lines)


def _is_object(schema: Any) -> bool:
    """Whether `schema` allows only objects. Without a schema it is True: JSON mode promises an object."""
    return schema is None or schema.get("type") == "object" or "properties" in schema


def _ending(result: list[Generation]) -> tuple[AIMessage, str | None]:
    """The message, and its finish_reason; None while a stream still runs."""
    message = getattr(result[0], "message", None)
    if not isinstance(message, AIMessage):
        return AIMessage(content=result[0].text), None
    return message, message.response_metadata.get("finish_reason")


def _schema_error(why: str, text: str, message: AIMessage) -> KimiStructuredOutputError:
    begins = f" The answer begins with {text[:_SHOWN]!r}; all of it is in `llm_output`." if text else ""
    return _error(f"the answer does not fit the schema: {why}.{begins} {_AGAIN}", text, message)


def _raise_if_withheld(ended: str | None, text: str, message: AIMessage) -> None:
    """Raise for an answer that the platform withheld: before core's parsers do, whose error says less."""
    if ended == "content_filter":
        error = _error(f"there is no object: {WITHHELD}", text, message, KimiRefusalError)
        error.raw_message = message  # type: ignore[attr-defined]
        raise error


def _no_object_error(what: str, ended: str, text: str, message: AIMessage) -> KimiStructuredOutputError:
    usage = message.usage_metadata
    spent = f" after {usage['output_tokens']} tokens" if usage else ""
    advice = {
        "length": RAISE_MAX_TOKENS,
        "tool_calls": "Run the tools first, or ask for the object without tools",
    }.get(ended, _AGAIN)
    return _error(f"{what} (finish_reason {ended!r}{spent}). {advice}", text, message)


def _error(
    what: str, text: str, message: AIMessage, cls: type[KimiStructuredOutputError] = KimiStructuredOutputError
) -> KimiStructuredOutputError:
    error = cls(what, llm_output=text, request_id=message.response_metadata.get("request_id"))
    error.partial = message_to_reply(message)
    return error
