"""Sums in signs, worked out: 2+2; in several steps for tools that do one step each: (2+3)*4 with `add`, `multiply`."""

import ast
import operator
import re
from collections.abc import Callable, Sequence

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.filling.chinese import write_signs
from kimi_emulator.brain.language import heads, pattern
from kimi_emulator.brain.naming import members, number_in
from kimi_emulator.brain.toolbox import Tool
from kimi_emulator.content import ToolResult
from kimi_emulator.script import ToolCall

_OPERATIONS = {
    ast.Add: ("add", operator.add),
    ast.Mult: ("multiply", operator.mul),
    ast.Sub: ("subtract", operator.sub),
    ast.Div: ("divide", operator.truediv),
    ast.Pow: ("power", operator.pow),
}


def say(talk: Conversation) -> str | None:
    """Each sum of a short question that is about nothing else, with what it comes to."""
    question = talk.question
    has_sum = pattern("arithmetic.asked").search(question + write_signs(question))
    if len(question) >= 100 or talk.documents or not has_sum:
        return None
    trees = sums(question)
    try:
        values = [_work(tree, lambda sign, left, right: _OPERATIONS[sign][1](left, right)) for tree in trees]
    except ArithmeticError:
        return None
    lines = [f"{ast.unparse(tree)} = {value:.12g}" for tree, value in zip(trees, values, strict=True)]
    return "\n".join(lines) or None


def operands(tool: Tool) -> list[str]:
    """The two numbers that a tool takes, or the text of a sum; [] for a tool that does something else."""
    numeric = [name for name, each in members(tool.parameters).items() if each.get("type") in ("integer", "number")]
    texts = [name for name in members(tool.parameters) if pattern("kinds.expression").search(name)]
    return numeric if len(numeric) == 2 else texts if list(tool.parameters.get("required", texts)) == texts else []


def steps(question: str, tools: Sequence[Tool], done: Sequence[ToolResult]) -> list[ToolCall] | None:
    """The calls that can be made next for a sum in signs, [] when it is worked out; None for any other question."""
    trees = sums(question)
    by_operation: dict[str, tuple[Tool, list[str]]] = {}
    in_one: list[ToolCall] | None = None
    for tool in tools if trees else ():
        names = operands(tool)
        if len(names) == 2:
            by_operation |= dict.fromkeys(heads("tools", tool.name.replace("_", " ")), (tool, names))
        elif names and not in_one and all(each.name != tool.name for each in done):
            # A calculator, which takes the whole sum as text.
            in_one = [ToolCall(tool.name, {names[0]: ast.unparse(trees[0])})]
    needed = {_OPERATIONS[type(each.op)][0] for tree in trees for each in ast.walk(tree) if isinstance(each, ast.BinOp)}
    if not trees or not needed <= {*by_operation}:
        return in_one
    results = list(done)
    calls: list[ToolCall] = []

    def call(sign: type, left: float, right: float) -> float | None:
        tool, names = by_operation[_OPERATIONS[sign][0]]
        due = ToolCall(tool.name, dict(zip(names, (left, right), strict=True)))
        for result in results:
            if result.name == due.name and result.arguments.replace(" ", "") == due.arguments_text:
                results.remove(result)
                return number_in(result.content, whole=False)
        calls.append(due)
        return None

    for tree in trees:
        _work(tree, call)
    return calls


def _work(node: ast.expr, operate: Callable[[type, float, float], float | None]) -> float | None:
    """What a sum comes to; None while a part of it is not known. ArithmeticError where it comes to nothing."""
    if isinstance(node, ast.BinOp):
        left, right = _work(node.left, operate), _work(node.right, operate)
        return None if left is None or right is None else operate(type(node.op), left, right)
    if isinstance(node, ast.UnaryOp):
        value = _work(node.operand, operate)
        return None if value is None else -value
    return ast.literal_eval(node)


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
        signs = {type(node.op) for node in nodes if isinstance(node, ast.BinOp)}
        powers = [ast.unparse(n.right) for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow)]
        if len(powers) > 1 or not all(re.fullmatch(r"[\d.]{1,4}", each) for each in powers):
            continue  # powers of powers have no end
        known = all(isinstance(node, ast.BinOp | ast.Constant | ast.UnaryOp) for node in nodes)
        if known and signs and len(nodes) < 60 and signs <= _OPERATIONS.keys():
            trees.append(tree)
    return trees
