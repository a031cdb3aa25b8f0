"""What can be altered: mutmut's operators on the functions of a file, and three of our own."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

UNALTERED_CALLS = frozenset({"len", "isinstance", "cast"})  # other arguments fail at once, or nobody reads them
_SPACE = {cst.If: "whitespace_before_test", cst.While: "whitespace_after_while"}


@dataclass(frozen=True)
class Alteration:
    """One node of a function, and what stands there instead. `lines` are those of its statement, its own one first."""

    module: str
    path: Path
    function: str
    number: int
    lines: Sequence[int]
    tree: cst.Module
    node: cst.CSTNode
    instead: cst.CSTNode

    @property
    def name(self) -> str:
        """`kimi_api.reply._parts.text_of#3`: the third of that function."""
        return f"{self.module}.{self.function}#{self.number}"

    @property
    def family(self) -> str:
        """`chat` for kimi_api.chat._stream."""
        return self.module.split(".")[1].lstrip("_")

    @property
    def content(self) -> str:
        """What is altered and how, wherever it stands: the same while other lines, files and functions change."""
        before, after = (self.tree.code_for_node(node) for node in (self.node, self.instead))
        return f"{self.function}: {before} -> {after}"

    @cached_property
    def source(self) -> str:
        """The whole file with the alteration."""
        return cast("cst.Module", self.tree.deep_replace(self.node, self.instead)).code

    @cached_property
    def change(self) -> list[str]:
        """The lines that go, and those that come."""
        difference = difflib.unified_diff(self.tree.code.splitlines(), self.source.splitlines(), n=0, lineterm="")
        return [
            f"{line[0]} {line[1:].strip()}"
            for line in difference
            if line[0] in "+-" and not line.startswith(("+++", "---"))
        ]


def alterations_of(module: str, path: Path) -> list[Alteration]:
    """All alterations of a file, in the order of its lines."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    finder = _Finder(wrapper.resolve(PositionProvider))
    wrapper.module.visit(finder)
    numbers: dict[str, int] = {}
    alterations: list[Alteration] = []
    for function, lines, node, instead in finder.changes:
        numbers[function] = numbers.get(function, 0) + 1
        alterations.append(Alteration(module, path, function, numbers[function], lines, wrapper.module, node, instead))
    return alterations


class _Finder(cst.CSTVisitor):
    """Walks through a file with the names of the classes and functions around, and notes what operators offer."""

    def __init__(self, positions: Mapping[cst.CSTNode, Any]) -> None:
        super().__init__()
        self.changes: list[tuple[str, Sequence[int], cst.CSTNode, cst.CSTNode]] = []
        self._positions = positions
        self._classes: list[str] = []
        self._functions: list[str] = []
        self._statements: list[CodeRange] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _is_left_alone(node):
            return False
        if isinstance(node, cst.ClassDef) and not self._functions:
            self._classes.append(node.name.value)
        if isinstance(node, cst.FunctionDef):
            self._functions.append(node.name.value)
        if isinstance(node, cst.BaseStatement):
            self._statements.append(self._lines_that_run(node))
        if self._functions:
            function = ".".join([*self._classes, self._functions[0]])
            for instead in _offers(node):
                self.changes.append((function, self._lines(node), node, instead))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if _is_left_alone(original_node):
            return
        if isinstance(original_node, cst.ClassDef) and not self._functions:
            self._classes.pop()
        if isinstance(original_node, cst.FunctionDef):
            self._functions.pop()
        if isinstance(original_node, cst.BaseStatement):
            self._statements.pop()

    def _lines_that_run(self, statement: cst.BaseStatement) -> CodeRange:
        """A statement without those inside it; of a function, whose defaults are read by each call, what it begins."""
        place: CodeRange = self._positions[statement]
        body = getattr(statement, "body", None)
        if not isinstance(body, cst.BaseSuite):
            return place
        inside: CodeRange = self._positions[body]
        if isinstance(statement, cst.FunctionDef):
            first = [one for one in body.body if not _is_docstring(one)][:1] or body.body[:1]
            return self._positions[first[0]]
        return CodeRange(place.start, inside.start)

    def _lines(self, node: cst.CSTNode) -> Sequence[int]:
        around = self._statements[-1]
        place = self._positions.get(node)
        own = place.start.line if place else around.start.line
        return (own, *range(around.start.line, around.end.line + 1))


def _is_left_alone(node: cst.CSTNode) -> bool:
    """What is no code that a call runs, or would break the import."""
    if isinstance(node, cst.Annotation | cst.Decorator):
        return True
    if isinstance(node, cst.Param) and node.default is not None:
        return not isinstance(node.default, cst.Name | cst.BaseNumber | cst.BaseString)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name):
        return node.func.value in UNALTERED_CALLS
    return _is_docstring(node)


def _is_docstring(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.SimpleStatementLine):
        node = node.body[0]
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.BaseString)


def _offers(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from (instead for instead in operator(node) if not _is_wording(node, instead))
    if isinstance(node, cst.If | cst.While) and not _is_negation(node.test):  # a `not` is mutmut's own to take away
        inside = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        test = cst.UnaryOperation(cst.Not(), inside)
        yield node.with_changes(test=test, **{_SPACE[type(node)]: cst.SimpleWhitespace(" ")})
    elif isinstance(node, cst.Return) and node.value is not None and not _is_none(node.value):
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))
    elif isinstance(node, cst.Expr) and isinstance(node.value, cst.Call | cst.Await):
        yield cst.Pass()


def _is_negation(test: cst.BaseExpression) -> bool:
    return isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not)


def _is_none(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"


def _is_wording(node: cst.CSTNode, instead: cst.CSTNode) -> bool:
    """A sentence in other letters: its words are free."""
    if not (isinstance(node, cst.SimpleString) and isinstance(instead, cst.SimpleString)):
        return False
    return " " in node.value.strip("\"' ") and node.value.casefold() == instead.value.casefold()
