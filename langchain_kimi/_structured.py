"""`with_structured_output`: what it takes, and what it answers. How is in `langchain_kimi._objects`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable

from langchain_kimi._call_arguments import Method
from langchain_kimi._connection import Connected
from langchain_kimi.errors import CORE_ERRORS

if TYPE_CHECKING:
    from langchain_kimi._setting_types import ObjectArguments
else:
    # Frameworks read the hints of methods while a program runs (`with_fallbacks` does). What they cannot know of
    # keywords stands for nothing there, since the classes cost 6 ms at import.
    ObjectArguments = dict[str, Any]

ObjectT = TypeVar("ObjectT")


class RawAndParsed(TypedDict, Generic[ObjectT]):
    """What `with_structured_output(..., include_raw=True)` answers."""

    raw: AIMessage
    parsed: ObjectT | None
    parsing_error: Exception | None


class StructuredOutput(Connected):
    """The part of `ChatKimi` that answers with objects."""

    @overload
    def with_structured_output(
        self,
        schema: type[ObjectT],
        *,
        include_raw: Literal[False] = False,
        method: Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Unpack[ObjectArguments],
    ) -> Runnable[LanguageModelInput, ObjectT]: ...
    @overload
    def with_structured_output(
        self,
        schema: type[ObjectT],
        *,
        include_raw: Literal[True],
        method: Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Unpack[ObjectArguments],
    ) -> Runnable[LanguageModelInput, RawAndParsed[ObjectT]]: ...
    @overload
    def with_structured_output(
        self,
        schema: Mapping[str, Any] | None = None,
        *,
        include_raw: Literal[True],
        method: Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Unpack[ObjectArguments],
    ) -> Runnable[LanguageModelInput, RawAndParsed[Any]]: ...
    @overload
    def with_structured_output(
        self,
        schema: Any = None,
        *,
        include_raw: bool = False,
        method: Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Unpack[ObjectArguments],
    ) -> Runnable[LanguageModelInput, Any]: ...
    @CORE_ERRORS
    def with_structured_output(
        self,
        schema: Any = None,
        *,
        include_raw: bool = False,
        method: Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Unpack[ObjectArguments],
    ) -> Runnable[LanguageModelInput, Any]:
        """The model, answering with objects.

        Args:
            schema: a pydantic class (answers are its instances), a TypedDict or a JSON schema (answers are dicts).
                May be None with "json_mode".
            include_raw: answer `{"raw": message, "parsed": object or None, "parsing_error": error or None}`.
            method: "json_schema" (default; the platform enforces the schema), "function_calling" (a tool whose call is
                demanded), or "json_mode" (some JSON object; describe it in the prompt).
            strict: whether the platform enforces the schema; None means yes.
            kwargs: any other per-call argument; `tools` too, except with "function_calling".

        An object that a partial message begins is read with its beginning.

        Raises:
            KimiInputError: an unknown method, or an argument that the method sets itself.
            KimiStructuredOutputError: at call time, an answer that was cut off, is empty, or does not fit. Says how to
                raise the budget where that was the reason.
            KimiToolChoiceError: at call time, "function_calling" and the tool was not called.
        """
        from langchain_kimi._objects import build_chain  # with core's parsers: 8 ms that few programs need

        return build_chain(self, schema, include_raw=include_raw, method=method, strict=strict, **kwargs)
