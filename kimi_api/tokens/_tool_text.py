"""Tools as the prompt of K2.5 and later declares them: TypeScript, which costs fewer tokens than the JSON. Pure.

Follows the tool declarations of the open weights (`tool_declaration_ts.py` beside Kimi-K2.5 on the hub). Only the
number of tokens matters here, so what that encoder refuses is written as `any`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_STEP = "  "
_SCALARS: Mapping[str, str] = {"integer": "number"}
_UNIONS: Mapping[str, str] = {"integer": "number", "object": "{}", "array": "Array<any>"}
_LIMITS: Mapping[str, tuple[str, ...]] = {
    "string": ("maxLength", "minLength", "pattern"),
    "number": ("maximum", "minimum"),
    "integer": ("maximum", "minimum"),
    "array": ("maxItems", "minItems"),
}


def functions_of(tools: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The definitions of the functions among `tools`; built-in tools take no room in the prompt."""
    return [
        tool["function"]
        for tool in tools
        if tool.get("type", "function") == "function" and isinstance(tool.get("function"), Mapping)
    ]


def as_json(tools: Iterable[Mapping[str, Any]]) -> str:
    """Tools as K2's template writes them: the JSON array without blanks."""
    declared = [{"type": "function", "function": function} for function in functions_of(tools)]
    return json.dumps(declared, ensure_ascii=False, separators=(",", ":"), default=str) if declared else ""


def as_typescript(tools: Iterable[Mapping[str, Any]]) -> str:
    """Tools as a namespace of function types; "" when there are none."""
    functions = [_function(function) for function in functions_of(tools)]
    if not functions:
        return ""
    return "# Tools\n\n## functions\nnamespace functions {\n" + "\n".join(functions) + "\n}\n"


def _function(function: Mapping[str, Any]) -> str:
    parameters = function.get("parameters")
    parameters = parameters if isinstance(parameters, Mapping) else {}
    lines = []
    for name, schema in (parameters.get("$defs") or {}).items():
        lines.append(f"{_comment(schema, '', limits=False)}interface {name} {_type(schema, '')}")
    argument = _type({**parameters, "type": "object"}, "")
    if '"$ref": "#"' in json.dumps(parameters, default=str):  # a schema that contains itself gets a name
        lines.append(f"interface parameters {argument}")
        argument = "parameters"
    if function.get("description"):
        lines.append(_comment(function, "", limits=False).rstrip("\n"))
    lines.append(f"type {function.get('name')} = (_: {argument}) => any;")
    return "\n".join(lines)


def _comment(schema: object, indent: str, *, limits: bool = True) -> str:
    """Description, limits and default of a value, each on lines of their own, with a line break behind."""
    if not isinstance(schema, Mapping):
        return ""
    lines = [f"{indent}// {line}" if line else "" for line in str(schema.get("description") or "").split("\n")]
    lines = lines if schema.get("description") else []
    kind = schema.get("type")
    if limits and isinstance(kind, str) and "enum" not in schema:
        bounds = [f"{name}: {schema[name]}" for name in _LIMITS.get(kind, ()) if name in schema]
        if bounds:
            lines.append(f"{indent}// {', '.join(bounds)}")
    return "".join(line + "\n" for line in lines)


def _type(schema: object, indent: str) -> str:
    if not isinstance(schema, Mapping):
        return "null" if schema is False else "any"
    if "$ref" in schema:
        return "parameters" if schema["$ref"] == "#" else str(schema["$ref"]).rsplit("/", 1)[-1]
    if isinstance(schema.get("anyOf"), list):
        return " | ".join(_type(option, indent) for option in schema["anyOf"])
    if isinstance(schema.get("enum"), list):
        return " | ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in schema["enum"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_UNIONS.get(name, name) for name in kind)
    if kind == "object":
        return _object(schema, indent)
    if kind == "array":
        return _array(schema, indent)
    return _SCALARS.get(kind, kind) if isinstance(kind, str) else "any"


def _object(schema: Mapping[str, Any], indent: str) -> str:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required = set(schema.get("required") or ())
    inner = indent + _STEP
    fields = []
    for name in sorted(properties, key=lambda name: (name not in required, name)):
        value = properties[name]
        default = value.get("default") if isinstance(value, Mapping) else None
        note = "" if default is None else f"{inner}// Default: {json.dumps(default, ensure_ascii=False, default=str)}\n"
        mark = "" if name in required else "?"
        fields.append(f"{_comment(value, inner)}{note}{inner}{name}{mark}: {_type(value, inner)}")
    more = schema.get("additionalProperties")
    if more is not None:
        fields.append(f"{inner}[k: string]: {'never' if more is False else _type(more, inner)}")
    return "{\n" + ",\n".join(fields) + f"\n{indent}}}" if fields else "{}"


def _array(schema: Mapping[str, Any], indent: str) -> str:
    item = schema.get("items") or True
    comment = _comment(item, indent + _STEP)
    if comment:
        return f"Array<\n{comment}{indent}{_STEP}{_type(item, indent + _STEP)}\n{indent}>"
    return f"Array<{_type(item, indent)}>"
