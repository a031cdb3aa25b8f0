"""Tools and schemas, in any of the forms LangChain knows -> what stands in a request. Done once, at bind time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import EnumType
from typing import TYPE_CHECKING, Any, TypeGuard, get_origin

from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool
from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict

from kimi_api import KimiInputError
from kimi_api.messages import BUILTIN, tool_type
from kimi_api.tools import list_of_tools, named_tool, schema_name, wrong_schema

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_FORMS = "a pydantic class, a TypedDict or a JSON schema"
_PLAIN = (str, bytes, int, float, bool, dict, list, tuple, set, object, Any)


def tools_to_wire(tools: Sequence[Any], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Wire tools for pydantic classes, TypedDicts, functions, `BaseTool`s and dicts.

    A dict that is a wire tool already (`{"type": "builtin_function", ...}` too) keeps its form. Names are checked, and
    schemas brought into Moonshot's dialect, when the request is made.

    Args:
        tools: the tools.
        strict: set on every function; None leaves the platform's default (true).

    Raises:
        KimiInputError: something no schema can be made of.
    """
    return [_tool(tool, strict) for tool in list_of_tools(tools)]


def _tool(tool: Any, strict: bool | None) -> dict[str, Any]:  # noqa: ANN401 - what core's converter takes
    if isinstance(tool, str):
        raise named_tool(tool)
    if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping):
        wire = {"type": "function", **tool, "function": dict(tool["function"])}
    elif _is_base_tool(tool) and tool_type(tool.name) == BUILTIN:  # the platform's own
        wire = {"type": BUILTIN, "function": {"name": tool.name}}
    else:
        own = _own_schema(tool)
        try:
            wire = convert_to_openai_tool(tool)
        except (ValueError, TypeError) as error:
            own = own or _typed_dict_schema(tool)
            if own is None:
                raise KimiInputError(
                    "tools",
                    tool,
                    "a tool is a function, a pydantic class, a TypedDict, a BaseTool or a dict with a name and "
                    "parameters",
                    f"give it one of these forms ({str(error).splitlines()[0]})",
                ) from error
            # A property called "$ref", or NotRequired in a TypedDict: good schemas that core's converter fails on.
            name = tool.name if _is_base_tool(tool) else schema_name(getattr(tool, "__name__", ""))
            description = tool.description if _is_base_tool(tool) else own.pop("description", "")
            wire = {"type": "function", "function": {"name": name, "description": description, "parameters": own}}
        if own is not None and ("$defs" in own or "definitions" in own):
            wire["function"]["parameters"] = own
    if strict is not None and wire["type"] == "function":
        # Not through convert_to_openai_tool(strict=...): that also rewrites `required` to OpenAI's taste.
        wire["function"]["strict"] = strict
    return wire


def response_format(schema: object, *, strict: bool | None = None) -> dict[str, Any]:
    """`response_format` for a pydantic class, a TypedDict, a JSON schema, or a `response_format` dict itself."""
    if isinstance(schema, Mapping) and schema.get("type") in ("json_schema", "json_object", "text"):
        return dict(schema)
    name, body = name_and_schema(schema)
    wire: dict[str, Any] = {"name": name, "schema": body}
    if strict is not None:
        wire["strict"] = strict
    return {"type": "json_schema", "json_schema": wire}


def name_and_schema(schema: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - what core's converter takes
    """A name and a JSON schema for anything that describes a value.

    Raises:
        KimiInputError: nothing of the kind.
    """
    if isinstance(schema, Mapping):
        if isinstance(schema.get("json_schema"), Mapping):  # a whole response_format
            schema = schema["json_schema"]
        if isinstance(schema.get("schema"), Mapping):  # {"name", "schema", "strict"}
            return schema_name(schema.get("name")), dict(schema["schema"])
        if not isinstance(schema.get("function"), Mapping) and "parameters" not in schema:
            return schema_name(schema.get("title")), dict(schema)
        schema = schema.get("function", schema)
    own = _own_schema(schema)
    if own is not None:
        return schema_name(schema.__name__), own
    origin = get_origin(schema)  # of list[Joke], Optional[Joke], ...; of a generic TypedDict it is that
    alias = origin is not None and not is_typeddict(origin)
    if alias or isinstance(schema, EnumType) or any(schema is plain for plain in _PLAIN):
        raise wrong_schema("schema", schema, _FORMS)  # core takes some of them for functions
    try:
        function = convert_to_openai_function(schema)
    except (ValueError, TypeError) as error:
        body = _typed_dict_schema(schema)
        if body is not None:
            return schema_name(schema.__name__), body
        raise wrong_schema("schema", schema, _FORMS) from error
    body = dict(function.get("parameters") or {"type": "object", "properties": {}})
    if function.get("description") and "description" not in body:
        body["description"] = function["description"]
    return schema_name(function["name"]), body


def _is_base_tool(source: object) -> TypeGuard[BaseTool]:
    from langchain_core.tools import BaseTool  # 3 ms at import, which programs without tools need not pay

    return isinstance(source, BaseTool)


def _own_schema(source: object) -> dict[str, Any] | None:
    """The schema of a pydantic class as pydantic gives it, or of a tool that has only the schema (an MCP server's).

    LangChain's converter writes references out, and a recursive one as "anything".
    """
    if _is_base_tool(source):
        schema = source.args_schema
        source = dict(schema) if isinstance(schema, Mapping) else source.tool_call_schema
        if isinstance(source, dict):
            return source
    if isinstance(source, type) and issubclass(source, BaseModel):
        return source.model_json_schema()
    return None


def _typed_dict_schema(source: object) -> dict[str, Any] | None:
    """The schema of a TypedDict as pydantic gives it, for one with NotRequired, which core's converter cannot read."""
    form: Any = source
    return TypeAdapter(form).json_schema() if is_typeddict(source) else None
