"""Tool definitions and forced tools: what each model accepts, decided once for both frameworks. Pure."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from kimi_api._arguments.text import DEEPEST
from kimi_api.catalog import ModelSpec
from kimi_api.errors import KimiInputError
from kimi_api.messages import BUILTIN, tool_type
from kimi_api.options import RAISE_MAX_TOKENS

if TYPE_CHECKING:
    from kimi_api.wire import NamedTool
    from kimi_api.wire import Tool as WireTool
else:  # its class would cost every import of the package a part of a millisecond
    WireTool = dict[str, Any]

__all__ = ["ToolChoice", "WireTool", "check_tools", "resolve_tool_choice", "tool_name"]

# "function name is invalid, must start with a letter and can contain letters, numbers, underscores, and dashes".
# The documented pattern also allows a leading underscore, which the live text does not; 64 is the shortest documented
# limit that still stands for other hosts.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
_MODULES = re.compile(r"\b[A-Za-z_][\w<>]*\.")  # in "typing.Optional[__main__.Joke]"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """How a forced tool call is sent.

    Attributes:
        send: the value of `tool_choice`, None to leave the field out.
        narrow_to: name of the only tool to offer, None to offer all.
        think: False when thinking must be switched off for this call.
        required_call: the call that the reply must hold: "" none, "*" any, otherwise the name of the tool.
        notice: a sentence for the user when the wish could not be sent as it was, else "".
    """

    send: str | NamedTool | None = None
    narrow_to: str | None = None
    think: bool = True
    required_call: str = ""
    notice: str = ""

    @property
    def demand(self) -> str:
        """The former name of `required_call`."""
        warnings.warn("demand is now called required_call", DeprecationWarning, stacklevel=2)
        return self.required_call


def list_of_tools(tools: object) -> Iterable[Any]:
    """`tools` if it is a list or another iterable; () for None.

    Raises:
        KimiInputError: it is one thing: the name of a tool, one definition, one function.
    """
    if tools is None:
        return ()
    if isinstance(tools, str):
        raise KimiInputError(
            "tools",
            tools,
            "a list of tools is needed, and this is only a name",
            f"pass the function or definition itself in a list; tool_choice={tools!r} demands a tool of that name",
        )
    if isinstance(tools, Mapping) or not isinstance(tools, Collection | Iterator):
        raise KimiInputError(
            "tools", tools, "a list of tools is needed, and this is one tool", "put it into a list: [tool]"
        )
    return tools


def named_tool(name: str) -> KimiInputError:
    """The error for a name that stands in a list of tools."""
    return KimiInputError(
        "tools",
        name,
        "a name is not a tool",
        f"pass the function or definition of {name} itself; tool_choice={name!r} demands a tool of that name",
    )


def wrong_schema(what: str, schema: object, forms: str) -> KimiInputError:
    """The error for what is no schema of an object: `list[Joke]`, `str`, an object in place of its class.

    Args:
        what: the argument's name.
        schema: its value.
        forms: what it may be.
    """
    kind = type(schema)
    if hasattr(kind, "model_json_schema"):
        return KimiInputError(
            what, f"an object of the class {kind.__name__}", f"it is {forms}", f"pass {kind.__name__}"
        )
    if isinstance(schema, list) and len(schema) == 1 and isinstance(schema[0], type):
        schema = list[schema[0]]
    elif schema is None or isinstance(schema, str | bytes | int | float | Mapping | list):
        remedy = "pass the class itself, e.g. class Answer(BaseModel): text: str"
        return KimiInputError(what, schema, f"it is {forms}", remedy)
    name = schema.__name__ if isinstance(schema, type) and not get_args(schema) else _MODULES.sub("", repr(schema))
    field = "dict[str, str]" if schema is dict else name
    return KimiInputError(
        what,
        name,
        f"it is {forms}",
        f"wrap it in a model with one field: class Answer(BaseModel): value: {field}",
    )


def check_tools(
    tools: Sequence[Mapping[str, Any]], *, where: str = "tools", seen: set[str] | None = None
) -> list[WireTool]:
    """`tools` as the wire wants them: `$name` as `builtin_function`, every name legal and used once.

    Args:
        tools: the definitions.
        where: what to call the list in errors.
        seen: names that stand elsewhere in the request; those of `tools` are added.

    Raises:
        KimiInputError: names the tool and the rule it breaks.
    """
    checked: list[Any] = []
    seen = set() if seen is None else seen
    for position, tool in enumerate(tools):
        function: Any = tool.get("function")
        if function.__class__ is not dict and not isinstance(function, Mapping):
            raise KimiInputError(
                f"{where}[{position}]",
                dict(tool),
                'a tool is {"type": "function", "function": {"name": ..., "parameters": {...}}}',
                "wrap the definition in a function object with a type",
            )
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise KimiInputError(
                f"{where}[{position}].function.name",
                name,
                "every tool needs a name",
                "give the function or schema a name",
            )
        if name in seen:
            raise KimiInputError(
                f"{where}[{position}].function.name",
                name,
                "each tool name may be used once in a request",
                "rename or remove one of the two",
            )
        seen.add(name)
        if tool_type(name) == BUILTIN:
            # Built-in functions take no description and no parameters.
            checked.append({"type": BUILTIN, "function": {"name": name}})
            continue
        if not _NAME.match(name):
            raise KimiInputError(
                f"{where}[{position}].function.name",
                name,
                "a name starts with a letter and has up to 64 letters, digits, underscores and dashes",
                "rename the tool",
            )
        checked.append(tool if next(iter(tool)) == "type" else {"type": "function", **tool})
    return checked


def schema_name(name: object) -> str:
    """A name that the platform takes for a tool or a schema: `Page[int]` and titles of several words are none."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", str(name or "")).strip("_")[:64] or "answer"


def tool_name(tool: Mapping[str, Any]) -> str:
    """The name in a wire tool."""
    return tool["function"]["name"]


def resolve_tool_choice(
    choice: str | bool | Mapping[str, Any] | None,
    tools: Sequence[Mapping[str, Any]],
    spec: ModelSpec,
    *,
    thinking: bool,
    fresh: bool,
) -> ToolChoice:
    """Turn a framework's `tool_choice` into one that `spec` accepts, so that no call fails because of it.

    Args:
        choice: "auto", "none", "any", "required", a tool's name, a bool, or OpenAI's dict.
        tools: the checked wire tools, those of dynamic-tool messages included.
        thinking: whether the model would think in this call.
        fresh: whether the conversation has no assistant turn yet (nothing cached depends on the tool list).

    A forced tool and thinking exclude each other on all models but the K3 family, which takes "required" but no named
    tool: https://platform.kimi.ai/docs/guide/use-tool-choice. Live texts: "tool_choice 'required' is incompatible
    with thinking enabled", "tool_choice 'specified' is incompatible with thinking enabled".

    Raises:
        KimiInputError: a forced choice without tools, or of a tool that is not offered.
    """
    wish = _wish(choice)
    if wish in ("", "auto", "none"):
        return ToolChoice(send=wish or None) if tools else ToolChoice()
    names = [tool_name(tool) for tool in tools]
    if not names:
        rule = "there are no tools to choose from"
        raise KimiInputError("tool_choice", choice, rule, "pass tools with it, or use tool_choice='auto'")
    if wish != "*" and wish not in names:
        rule = f"it must name one of the tools offered: {', '.join(names)}"
        raise KimiInputError("tool_choice", choice, rule, "bind that tool, or use tool_choice='auto'")
    if wish == "*" and len(names) == 1:
        wish = names[0]
    if not thinking or spec.thinking == "none":
        by_name: NamedTool = {"type": "function", "function": {"name": wish}}
        return ToolChoice(send="required" if wish == "*" else by_name, required_call=wish)
    if "required" in spec.tool_choices:
        narrow = wish if wish != "*" and fresh and len(names) > 1 else None
        return ToolChoice(send="required", narrow_to=narrow, required_call=wish)
    if "disabled" in spec.thinking_field and wish != "*":
        return ToolChoice(
            send={"type": "function", "function": {"name": wish}},
            think=False,
            required_call=wish,
            notice=f"{spec.id} cannot be made to call {wish!r} while it thinks, so thinking is off for this call",
        )
    return ToolChoice(
        send="auto",
        required_call=wish,
        notice=f"{spec.id} cannot be made to call a tool while it thinks, so tool_choice goes out as 'auto'",
    )


def _wish(choice: str | bool | Mapping[str, Any] | None) -> str:
    """`""` for no wish, "auto", "none", "*" for any tool, otherwise a tool's name."""
    if choice is None or choice is False:
        return ""
    if choice is True or choice in ("any", "required"):
        return "*"
    if isinstance(choice, str):
        return choice
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
        if isinstance(name, str) and name:
            return name
        kind = choice.get("type")
        if kind in ("auto", "none"):
            return str(kind)
        if kind in ("any", "required"):
            return "*"
    raise KimiInputError(
        "tool_choice",
        choice,
        'a dict is {"type": "function", "function": {"name": ...}}',
        "pass 'auto', 'none', 'required' or a tool's name",
    )


def unreadable_arguments(name: str, finish_reason: str | None, outcome: str, *, too_deep: bool = False) -> str:
    """A sentence about a call whose arguments are no JSON object: what happened, what becomes of it, what to do."""
    if finish_reason == "length":
        cause = f"the token budget ended within them. {RAISE_MAX_TOKENS}"
    else:
        what = f"nested deeper than {DEEPEST} levels" if too_deep else "not JSON"
        cause = f"they are {what}: ask again, or describe the tool's parameters more closely"
    return f"the arguments of the call of {name!r} cannot be read, so {outcome}; {cause}"
