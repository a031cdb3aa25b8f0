"""Sums of several steps for tools that do one step each: (2+3)*4 with `add` and `multiply`."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

from kimi_emulator.brain.filling.chinese import write_signs
from kimi_emulator.brain.language import heads, pattern
from kimi_emulator.brain.naming import number_in
from kimi_emulator.brain.toolbox import Tool
from kimi_emulator.content import ToolResult
from kimi_emulator.script import ToolCall

__all__ = ["steps"]

_OPERATIONS = {ast.Add: "add", ast.Mult: "multiply", ast.Sub: "subtract", ast.Div: "divide"}


def steps(question: str, tools: Sequence[Tool], done: Sequence[ToolResult]) -> list[ToolCall] | None:
    """The calls that can be made next for a sum in signs, [] when it is worked out; None for any other question."""
    tree = _tree(write_signs(pattern("values.date").sub(" ", question[:2000])))
    if tree is None:
        return None
    by_operation: dict[str, tuple[Tool, list[str]]] = {}
    for tool in tools:
        schemas = tool.properties.items()
        numeric = [
            name for name, each in schemas if isinstance(each, dict) and each.get("type") in ("integer", "number")
        ]
        if len(numeric) == 2:
            by_operation |= dict.fromkeys(heads("tools", tool.name.replace("_", " ")), (tool, numeric))
    if not {_OPERATIONS[type(node.op)] for node in ast.walk(tree) if isinstance(node, ast.BinOp)} <= {*by_operation}:
        return _in_one(tree, tools, done)
    results = list(done)
    calls: list[ToolCall] = []

    def work(node: ast.expr) -> int | float | None:
        if isinstance(node, ast.Constant):
            return node.value  # type: ignore[return-value]
        if isinstance(node, ast.UnaryOp):
            value = work(node.operand)
            return None if value is None else -value
        assert isinstance(node, ast.BinOp)  # noqa: S101 - _tree lets nothing else pass
        left, right = work(node.left), work(node.right)
        if left is None or right is None:
            return None
        tool, names = by_operation[_OPERATIONS[type(node.op)]]
        call = ToolCall(tool.name, dict(zip(names, (left, right), strict=True)))
        for result in results:
            if result.name == call.name and _as_json(result.arguments) == _as_json(call.arguments_text):
                results.remove(result)
                return number_in(result.content, whole=False)
        calls.append(call)
        return None

    work(tree)
    return calls


def _in_one(tree: ast.expr, tools: Sequence[Tool], done: Sequence[ToolResult]) -> list[ToolCall] | None:
    """The call of a calculator, which takes the whole sum as text; None where there is none."""
    for tool in tools:
        names = [name for name in tool.properties if pattern("kinds.expression").search(name)]
        called = any(each.name == tool.name for each in done)
        if names and not called and list(tool.parameters.get("required", names)) == names:
            return [ToolCall(tool.name, {names[0]: ast.unparse(tree)})]
    return None


def _tree(text: str) -> ast.expr | None:
    """The sum in a text, if it has at least one sign."""
    for match in pattern("arithmetic.sum").finditer(text):
        try:
            tree = ast.parse(match[0].strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
        signs = [node.op for node in nodes if isinstance(node, ast.BinOp)]
        known = all(isinstance(node, ast.BinOp | ast.Constant | ast.UnaryOp) for node in nodes)
        if known and signs and len(nodes) < 60 and all(type(sign) in _OPERATIONS for sign in signs):
            return tree
    return None


def _as_json(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
