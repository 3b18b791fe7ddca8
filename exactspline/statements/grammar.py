"""Statements as text, for the command line.

::

    statement  = ("forall" | "exists") points ":" condition
    points     = point {"," point}
    point      = NAME "in" set {"x" set} | NAME
    set        = "[" number "," number "]" ["^" INTEGER] | "R" ["^" INTEGER]
    condition  = a Python expression of comparisons (also chained ones), "and", "or", "not",
                 "&", "|", "~", implies(a, b)
    value      = numbers (decimals are exact), points, x[i], x[i:j], + - * /, f(value),
                 f.slope(value), abs, min, max, relu, l1, norm (the largest absolute value),
                 argmax, sum, and lists [a, b]

The expression is parsed by Python's parser into a tree, of which only these nodes are known:
nothing is evaluated as code. A point without a set takes the domain that is given apart.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ..domain import Box, Domain, WholeSpace
from ..errors import ParameterError
from ..rationals import parse_rational
from .conditions import Condition, as_condition, conjunction, disjunction, implies
from .quantified import Statement, exists, forall
from .terms import argmax, as_term, maximum, minimum, relu
from .values import l1_norm, max_norm

__all__ = ["parse_condition", "parse_statement"]

_MOST = 10_000  # characters
_HEAD = re.compile(r"\s*(forall|exists)\b(.*?):(.*)", re.DOTALL)
_POINT = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\bin\b(.*))?", re.DOTALL)
_SIDE = re.compile(
    r"\s*(?:\[\s*([^\[\],]+?)\s*,\s*([^\[\],]+?)\s*\]|(R))\s*(?:\^\s*(\d+))?\s*", re.DOTALL
)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": lambda v: abs(as_term(v, "abs")),
    "argmax": argmax,
    "implies": implies,
    "l1": l1_norm,
    "max": maximum,
    "min": minimum,
    "norm": max_norm,
    "relu": relu,
    "sum": lambda v: as_term(v, "sum").sum(),
}
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.LtE: lambda a, b: a <= b,
    ast.Lt: lambda a, b: a < b,
    ast.GtE: lambda a, b: a >= b,
    ast.Gt: lambda a, b: a > b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: as_term(a, "+") + b,
    ast.Sub: lambda a, b: as_term(a, "-") - b,
    ast.Mult: lambda a, b: as_term(a, "*") * b,
    ast.Div: lambda a, b: as_term(a, "/") / b,
    ast.MatMult: lambda a, b: as_term(a, "@") @ b,
}


def parse_statement(
    text: str, networks: Mapping[str, Any], domain: Domain | None = None
) -> Statement:
    """A statement from text; see the module for the grammar.

    Parameters
    ----------
    text : str
    networks : mapping of str to Network
        By the names that the text calls them.
    domain : Domain, optional
        Of points that are named without a set.

    Raises
    ------
    ParameterError
        For what is not in the grammar, with the place.

    Examples
    --------
    >>> from exactspline import Dense, Network, ReLU, prove
    >>> net = Network([Dense([[1, 1]]), ReLU()], (2,))
    >>> prove(parse_statement("forall x in [0, 0.1]^2: 0 <= f(x)[0] <= 1/5", {"f": net})).holds
    True
    """
    if len(text) > _MOST:
        raise ParameterError(f"statement: {len(text):,} characters; at most {_MOST:,}")
    head = _HEAD.fullmatch(text)
    if head is None:
        raise ParameterError(
            "statement: write 'forall x in [0,1]^2: condition' or 'exists x in R^3: condition'"
        )
    word, points, body = head.groups()
    names, domains = _points(points, domain)
    clash = [n for n in names if n in networks or n in _FUNCTIONS]
    if clash:
        raise ParameterError(f"statement: {clash[0]} is a network or a function; rename the point")
    condition = parse_condition(body, networks, names)
    return (forall if word == "forall" else exists)(domains, condition)


def parse_condition(
    text: str, networks: Mapping[str, Any], names: Sequence[str] = ("x",)
) -> Callable[..., Condition]:
    """A condition from text, as a function of its points.

    Parameters
    ----------
    text : str
    networks : mapping of str to Network
    names : sequence of str
        What the text calls the points.

    Raises
    ------
    ParameterError
        For what is not in the grammar; of names that are not known, when it is called.

    Examples
    --------
    >>> from exactspline import Box, exists, find
    >>> find(exists(Box(0, 1, dim=2), parse_condition("x[0] + x[1] > 1.5", {}))).holds
    True
    """
    body = text.strip()
    if len(body) > _MOST:
        raise ParameterError(f"statement: {len(body):,} characters; at most {_MOST:,}")
    try:
        tree = ast.parse(body, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise ParameterError(f"statement: the condition {body[:60]!r}: {reason}") from None

    def condition(*given: Any) -> Condition:
        reader = _Reader(body, networks, dict(zip(names, given, strict=True)))
        try:
            return as_condition(reader.of(tree.body))
        except RecursionError:
            raise ParameterError("statement: the condition is nested too deeply") from None

    condition.__signature__ = _signature(names)  # type: ignore[attr-defined]
    return condition


def _signature(names: Sequence[str]) -> Any:
    from inspect import Parameter, Signature

    return Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in names])


def _points(text: str, domain: Domain | None) -> tuple[list[str], list[Domain]]:
    """The points' names and domains."""
    names, domains = [], []
    for part in _split(text):
        match = _POINT.fullmatch(part)
        if match is None:
            raise ParameterError(f"statement: {part.strip()[:60]!r} is no point 'x in [0,1]^2'")
        name, place = match.groups()
        if name in names:
            raise ParameterError(f"statement: two points are called {name}")
        names.append(name)
        if place is None:
            if domain is None:
                raise ParameterError(
                    f"statement: where {name} is from: '{name} in [0,1]^2', or give a domain"
                )
            domains.append(domain)
        else:
            domains.append(_domain(place))
    return names, domains


def _split(text: str) -> list[str]:
    """At commas outside of brackets."""
    out, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c == "[") - (c == "]")
        if c == "," and depth == 0:
            out.append(text[start:i])
            start = i + 1
    return [*out, text[start:]]


def _domain(text: str) -> Domain:
    low: list[Any] = []
    high: list[Any] = []
    at = 0
    while True:
        match = _SIDE.match(text, at)
        if match is None:
            raise ParameterError(
                f"statement: {text.strip()[:60]!r} is no domain; write [0,1]^2, [0,1]x[-1,1/2], R^3"
            )
        a, b, whole, power = match.groups()
        times = int(power) if power else 1
        if not 1 <= times <= 1 << 20:
            raise ParameterError(f"statement: dimension {times}")
        low += [-math.inf if whole else parse_rational(a, "statement: bound")] * times
        high += [math.inf if whole else parse_rational(b, "statement: bound")] * times
        at = match.end()
        if at == len(text):
            break
        if text[at] not in "x×*":
            raise ParameterError(f"statement: {text[at:].strip()[:40]!r} after a domain")
        at += 1
    if all(v == -math.inf for v in low):
        return WholeSpace(len(low))
    return Box(low, high)


class _Reader:
    """Makes a condition of a parsed expression."""

    def __init__(self, text: str, networks: Mapping[str, Any], points: Mapping[str, Any]) -> None:
        self._text, self._networks, self._points = text, networks, points

    def of(self, node: ast.AST) -> Any:
        """The value, or the condition, of a node."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            self._refuse(node)
        return method(node)

    def _refuse(self, node: ast.AST) -> NoReturn:
        what = ast.get_source_segment(self._text, node) or type(node).__name__
        raise ParameterError(f"statement: {what[:60]!r} is not part of the language")

    def _constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, bool):
            return node.value
        if not isinstance(node.value, int | float):
            self._refuse(node)
        text = ast.get_source_segment(self._text, node) or str(node.value)
        return as_term(parse_rational(text.replace("_", ""), "statement"), "statement")

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._points:
            return self._points[node.id]
        known = ", ".join([*self._points, *self._networks, *sorted(_FUNCTIONS)])
        raise ParameterError(f"statement: {node.id!r} is not known; there are {known}")

    def _boolop(self, node: ast.BoolOp) -> Condition:
        parts = [as_condition(self.of(value)) for value in node.values]
        return conjunction(parts) if isinstance(node.op, ast.And) else disjunction(parts)

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.of(node.operand)
        if isinstance(node.op, ast.Not | ast.Invert):
            return ~as_condition(value)
        return as_term(value, "sign") if isinstance(node.op, ast.UAdd) else -as_term(value, "sign")

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(node.op, ast.BitAnd):
            return as_condition(left) & as_condition(right)
        if isinstance(node.op, ast.BitOr):
            return as_condition(left) | as_condition(right)
        function = _ARITHMETIC.get(type(node.op))
        if function is None:
            self._refuse(node)
        assert function is not None
        return function(left, right)

    def _compare(self, node: ast.Compare) -> Condition:
        values = [self.of(part) for part in (node.left, *node.comparators)]
        parts = []
        for a, operation, b in zip(values, node.ops, values[1:], strict=False):
            function = _ORDER.get(type(operation))
            if function is None:
                self._refuse(node)
            assert function is not None
            parts.append(as_condition(function(_number(a), _number(b))))
        return conjunction(parts)

    def _subscript(self, node: ast.Subscript) -> Any:
        return as_term(self.of(node.value), "indexed value")[self._index(node.slice)]

    def _index(self, node: ast.AST | None) -> Any:
        if node is None:
            return None
        if isinstance(node, ast.Tuple):
            return tuple(self._index(part) for part in node.elts)
        if isinstance(node, ast.List):
            return [self._index(part) for part in node.elts]
        if isinstance(node, ast.Slice):
            return slice(*(self._index(part) for part in (node.lower, node.upper, node.step)))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._index(node.operand)
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        self._refuse(node)
        return None

    def _list(self, node: ast.List) -> Any:
        return as_term([self.of(part) for part in node.elts], "list")

    def _call(self, node: ast.Call) -> Any:
        if node.keywords:
            self._refuse(node)
        values = [self.of(part) for part in node.args]
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "slope":
            if isinstance(function.value, ast.Name) and function.value.id in self._networks:
                return self._networks[function.value.id].slope(*values)
        elif isinstance(function, ast.Name):
            if function.id in self._networks:
                return self._networks[function.id](*values)
            if function.id in _FUNCTIONS:
                try:
                    return _FUNCTIONS[function.id](*values)
                except TypeError as error:
                    raise ParameterError(f"statement: {function.id}: {error}") from None
            return self._name(function)
        self._refuse(node)
        return None


def _number(value: Any) -> Any:
    """A constant beside argmax is a class: a plain number."""
    if getattr(value, "is_constant", False) and value.shape == ():
        number = value._entries[0].const
        return int(number) if number.denominator == 1 else number
    return value
