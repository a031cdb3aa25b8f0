"""Sums of several steps for tools that do one step each: (2+3)*4 with `add` and `multiply`."""

from __future__ import annotations

import ast
import json
import operator
from collections.abc import Sequence

from kimi_emulator.brain.filling.chinese import write_signs
from kimi_emulator.brain.language import heads, pattern
from kimi_emulator.brain.naming import number_in
from kimi_emulator.brain.toolbox import Tool
from kimi_emulator.content import ToolResult
from kimi_emulator.script import ToolCall

__all__ = ["operands", "steps", "sums", "value_of"]

_OPERATIONS = {ast.Add: "add", ast.Mult: "multiply", ast.Sub: "subtract", ast.Div: "divide"}


def operands(tool: Tool) -> list[str]:
    """The two numbers that a tool takes, or the text of a sum; [] for a tool that does something else."""
    schemas = tool.properties.items()
    numeric = [name for name, each in schemas if isinstance(each, dict) and each.get("type") in ("integer", "number")]
    sums = [name for name in tool.properties if pattern("kinds.expression").search(name)]
    return numeric if len(numeric) == 2 else sums if list(tool.parameters.get("required", sums)) == sums else []


def steps(question: str, tools: Sequence[Tool], done: Sequence[ToolResult]) -> list[ToolCall] | None:
    """The calls that can be made next for a sum in signs, [] when it is worked out; None for any other question."""
    trees = sums(question)
    if not trees:
        return None
    by_operation: dict[str, tuple[Tool, list[str]]] = {}
    for tool in tools:
        names = operands(tool)
        if len(names) == 2:
            by_operation |= dict.fromkeys(heads("tools", tool.name.replace("_", " ")), (tool, names))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    if not {_OPERATIONS[type(node.op)] for node in nodes if isinstance(node, ast.BinOp)} <= {*by_operation}:
        return _in_one(trees[0], tools, done)
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

    for tree in trees:
        work(tree)
    return calls


def _in_one(tree: ast.expr, tools: Sequence[Tool], done: Sequence[ToolResult]) -> list[ToolCall] | None:
    """The call of a calculator, which takes the whole sum as text; None where there is none."""
    for tool in tools:
        names = operands(tool)
        if len(names) == 1 and all(each.name != tool.name for each in done):
            return [ToolCall(tool.name, {names[0]: ast.unparse(tree)})]
    return None


def sums(text: str) -> list[ast.expr]:
    """The sums in a text that have at least one sign."""
    trees: list[ast.expr] = []
    text = write_signs(pattern("values.date").sub(" ", text[:2000]))
    for match in pattern("arithmetic.sum").finditer(text):
        try:
            tree = ast.parse(match[0].strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
        signs = [node.op for node in nodes if isinstance(node, ast.BinOp)]
        known = all(isinstance(node, ast.BinOp | ast.Constant | ast.UnaryOp) for node in nodes)
        if known and signs and len(nodes) < 60 and all(type(sign) in _OPERATIONS for sign in signs):
            trees.append(tree)
    return trees


def _as_json(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def value_of(node: ast.expr) -> int | float:
    """What a sum comes to. ZeroDivisionError, OverflowError where it comes to nothing."""
    if isinstance(node, ast.BinOp):
        left, right = value_of(node.left), value_of(node.right)
        operations = {ast.Add: operator.add, ast.Mult: operator.mul, ast.Sub: operator.sub, ast.Div: operator.truediv}
        return operations[type(node.op)](left, right)
    return -value_of(node.operand) if isinstance(node, ast.UnaryOp) else ast.literal_eval(node)
