"""Conditions on events as people write them, `energy > 20 and abs(eta) < 1.2`, compiled to NumPy; nothing is evaluated.

Python's own grammar is parsed, of which the following means something: numbers and `pi`; names of columns, with dots as
in `hits.ecal`, or between backticks where they are no words; `+ - * / // % **`; the functions below; comparisons, also
chained (`10 < energy < 20`); `in (11, -11)`; `and`, `or`, `not` (and `&`, `|`, `~` between brackets).
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from pidcam.errors import ConfigError, UnknownNameError

Columns = Mapping[str, np.ndarray]
Compute = Callable[[Columns], np.ndarray]

ONE = {name: getattr(np, name) for name in (
    "abs", "sqrt", "exp", "log", "log10", "log2", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh",
    "tanh", "floor", "ceil", "sign",
)}  # fmt: skip
TWO = {"min": np.minimum, "max": np.maximum, "hypot": np.hypot, "arctan2": np.arctan2}
TESTS = {"isnan": np.isnan, "isfinite": np.isfinite}
ARITHMETIC: dict[type[ast.operator], Callable[..., np.ndarray]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod, ast.Pow: np.power,
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], Callable[..., np.ndarray]] = {
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}  # fmt: skip
MASKS: dict[type[ast.operator], Callable[..., np.ndarray]] = {ast.BitAnd: np.logical_and, ast.BitOr: np.logical_or}
LONGEST = 10_000
EXAMPLE = "write for example: energy > 20 and abs(eta) < 1.2"


@dataclass(frozen=True)
class _Part:
    """A piece of an expression: whether it is a condition (else a number), and how it is computed."""

    condition: bool
    compute: Compute


@dataclass(frozen=True)
class Selection:
    """A condition on events; `names` are the columns it needs."""

    text: str
    names: tuple[str, ...]
    _compute: Compute

    def __call__(self, columns: Columns) -> np.ndarray:
        """(n,) bool from columns (n,) by name. A comparison with NaN, a value that is missing, is not met."""
        size = len(next(iter(columns.values())))
        with np.errstate(all="ignore"):
            return np.broadcast_to(self._compute(columns), (size,))


def parse_selection(text: str, known: Iterable[str], *, where: str = "--select") -> Selection:
    """The condition `text` says. Raises `UnknownNameError` for a column that is not `known`, `ConfigError` for anything
    that is no condition; both say where in the text."""
    parser = _Parser(text, tuple(known), where)
    part = parser.parse()
    return Selection(text, tuple(dict.fromkeys(parser.used)), part.compute)


class _Parser:
    def __init__(self, text: str, known: tuple[str, ...], where: str):
        self.text, self.known, self.where = text, known, where
        self.used: list[str] = []
        self.quoted: dict[str, str] = {}

    def parse(self) -> _Part:
        source = re.sub(r"`([^`]+)`", self._quote, self.text.strip())
        if not source:
            raise self.fault("is empty")
        if len(source) > LONGEST:
            raise self.fault(f"is longer than {LONGEST} characters")
        try:
            tree = ast.parse(source, mode="eval")
            return self.condition(tree.body)
        except SyntaxError as error:
            rest = source[max((error.offset or 1) - 1, 0) :].strip()
            fix = "write 'and', 'or', 'not'" if "&&" in source or "||" in source or rest.startswith("!") else EXAMPLE
            raise self.fault(f"cannot be read{f' at {rest[:30]!r}' if rest else ', it ends too early'}", fix) from None
        except (RecursionError, MemoryError):
            raise self.fault("is nested too deeply") from None
        except ValueError as error:  # a null byte, a number of too many digits
            raise self.fault(f"cannot be read ({error})") from None

    def fault(self, what: str, fix: str = EXAMPLE) -> ConfigError:
        short = self.text if len(self.text) <= 80 else f"{self.text[:77]}..."
        return ConfigError(f"'{short}' {what}", where=self.where, fix=fix)

    def _quote(self, match: re.Match[str]) -> str:
        name = f"_quoted{len(self.quoted)}_"
        self.quoted[name] = match[1]
        return name

    def condition(self, node: ast.expr) -> _Part:
        return self._of_kind(node, True)

    def number(self, node: ast.expr) -> _Part:
        return self._of_kind(node, False)

    def _of_kind(self, node: ast.expr, condition: bool) -> _Part:
        part = self.part(node)
        if part.condition != condition:
            raise self.fault(
                f"has a {'condition' if part.condition else 'number'} where a {'condition' if condition else 'number'} "
                f"belongs: {self.told(node)}",
                "put conditions that & or | join between brackets" if re.search("[&|~]", self.text) else EXAMPLE,
            )
        return part

    def told(self, node: ast.expr) -> str:
        return reduce(lambda text, name: text.replace(name, self.quoted[name]), self.quoted, ast.unparse(node))

    def part(self, node: ast.expr) -> _Part:
        match node:
            case ast.Constant(value=bool()):
                raise self.fault(f"has {node.value!r}, which is no number", "compare with 0 or 1")
            case ast.Constant(value=int() | float() as number):
                return self._constant(number)
            case ast.Name() | ast.Attribute():
                return self._column(node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                value = self.number(node.operand).compute
                return _Part(False, (lambda c: -value(c)) if isinstance(node.op, ast.USub) else value)
            case ast.UnaryOp(op=ast.Not() | ast.Invert()):
                mask = self.condition(node.operand).compute
                return _Part(True, lambda c: ~mask(c))
            case ast.BinOp() if type(node.op) in ARITHMETIC:
                return self._join(False, ARITHMETIC[type(node.op)], [self.number(node.left), self.number(node.right)])
            case ast.BinOp() if type(node.op) in MASKS:
                return self._join(True, MASKS[type(node.op)], [self.condition(node.left), self.condition(node.right)])
            case ast.BoolOp():
                both = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
                return self._join(True, both, [self.condition(value) for value in node.values])
            case ast.Compare():
                return self._compare(node)
            case ast.Call():
                return self._call(node)
        raise self.fault(f"uses something that is no part of a selection: {self.told(node)}")

    def _constant(self, value: float) -> _Part:
        try:
            number = np.asarray(float(value))
        except OverflowError:
            raise self.fault(f"has a number that is too large: {str(value)[:20]}...") from None
        return _Part(False, lambda c: number)

    def _column(self, node: ast.Name | ast.Attribute) -> _Part:
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise self.fault(f"uses something that is no part of a selection: {self.told(node)}")
        name = ".".join(self.quoted.get(p, p) for p in (inner.id, *reversed(parts)))
        if name == "pi" and name not in self.known:
            return self._constant(math.pi)
        if name not in self.known:
            raise UnknownNameError("column", name, self.known, where=self.where)
        self.used.append(name)
        return _Part(False, lambda c: c[name])

    @staticmethod
    def _join(condition: bool, function: Callable[..., np.ndarray], parts: list[_Part]) -> _Part:
        computes = [part.compute for part in parts]
        return _Part(condition, lambda c: reduce(function, (compute(c) for compute in computes)))

    def _compare(self, node: ast.Compare) -> _Part:
        sides = [node.left, *node.comparators]
        tests = []
        for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
            if isinstance(op, ast.In | ast.NotIn):
                tests.append(self._member(left, right, isinstance(op, ast.NotIn)))
            elif type(op) in COMPARISONS:
                tests.append(self._join(True, COMPARISONS[type(op)], [self.number(left), self.number(right)]))
            else:
                raise self.fault(f"uses something that is no part of a selection: {self.told(node)}", "write ==")
        return tests[0] if len(tests) == 1 else self._join(True, np.logical_and, tests)

    def _member(self, left: ast.expr, right: ast.expr, outside: bool) -> _Part:
        if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
            raise self.fault(f"needs numbers between brackets after in, not {self.told(right)}", "pdg in (11, -11)")
        value, members = self.number(left).compute, [self.number(e).compute for e in right.elts]

        def inside(columns: Columns) -> np.ndarray:
            found = value(columns)
            return reduce(np.logical_or, (found == member(columns) for member in members)) ^ outside

        return _Part(True, inside)

    def _call(self, node: ast.Call) -> _Part:
        name = node.func.id if isinstance(node.func, ast.Name) else self.told(node.func)
        known = {**ONE, **TWO, **TESTS}
        if name not in known:
            raise UnknownNameError("function", name, known, where=self.where)
        wanted = 2 if name in TWO else 1
        if len(node.args) != wanted or node.keywords:
            raise self.fault(f"gives {name} {len(node.args) + len(node.keywords)} values, it takes {wanted}")
        return self._join_call(name in TESTS, known[name], [self.number(a).compute for a in node.args])

    @staticmethod
    def _join_call(condition: bool, function: Callable[..., np.ndarray], arguments: list[Compute]) -> _Part:
        return _Part(condition, lambda c: function(*(a(c) for a in arguments)))
