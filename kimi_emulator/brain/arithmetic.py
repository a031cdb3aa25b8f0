"""Sums of several steps for tools that do one step each: (2+3)*4 with `add` and `multiply`."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

from kimi_emulator.brain.filling.chinese import write_signs
from kimi_emulator.brain.language import pattern
from kimi_emulator.brain.meanings import heads
from kimi_emulator.brain.naming import number_in
from kimi_emulator.brain.toolbox import Tool
from kimi_emulator.content import ToolResult
from kimi_emulator.script import ToolCall

__all__ = ["steps"]

_SUM = re.compile(r"[-(\s]*\d[\d.\s()]*(?:[-+*/][-+*/().\d\s]*\d[)\s]*)")
_OPERATIONS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Mult: "multiply",
    ast.Sub: "subtract",
    ast.Div: "divide",
}


def steps(question: str, tools: Sequence[Tool], done: Sequence[ToolResult]) -> list[ToolCall] | None:
    """The calls that can be made next for a sum in signs, [] when it is worked out; None for any other question."""
    tree = _tree(write_signs(pattern("values.date").sub(" ", question[:2000])))
    if tree is None:
        return None
    by_operation: dict[str, Tool] = {}
    for tool in tools:
        if len(_numeric(tool)) == 2:
            by_operation |= dict.fromkeys(heads("tools", tool.name.replace("_", " ")), tool)
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
        tool = by_operation[_OPERATIONS[type(node.op)]]
        call = ToolCall(tool.name, _arguments(tool, left, right))
        for place, result in enumerate(results):
            if result.name == call.name and _same(result.arguments, call.arguments_text):
                return number_in(results.pop(place).content, whole=False)
        calls.append(call)
        return None

    work(tree)
    return calls


def _in_one(tree: ast.expr, tools: Sequence[Tool], done: Sequence[ToolResult]) -> list[ToolCall] | None:
    """The call of a calculator, which takes the whole sum as text; None where there is none."""
    for tool in tools:
        names = [name for name in tool.properties if re.search(r"expr|formula|equation|calculation|表达式|算式", name)]
        if (
            names
            and tool.name not in {each.name for each in done}
            and list(tool.parameters.get("required", names)) == names
        ):
            return [ToolCall(tool.name, {names[0]: ast.unparse(tree)})]
    return None


def _numeric(tool: Tool) -> list[str]:
    schemas = tool.properties.items()
    return [name for name, each in schemas if isinstance(each, dict) and each.get("type") in ("integer", "number")]


def _tree(text: str) -> ast.expr | None:
    """The sum in a text, if it has at least one sign."""
    for match in _SUM.finditer(text):
        try:
            tree = ast.parse(match.group(0).strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
        known = all(isinstance(node, ast.BinOp | ast.Constant | ast.UnaryOp) for node in nodes)
        signs = [node.op for node in nodes if isinstance(node, ast.BinOp)]
        if known and signs and len(nodes) < 60 and all(type(sign) in _OPERATIONS for sign in signs):
            return tree
    return None


def _arguments(tool: Tool, left: float, right: float) -> dict[str, Any]:
    return dict(zip(_numeric(tool), (left, right), strict=True))


def _same(one: str, other: str) -> bool:
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False
