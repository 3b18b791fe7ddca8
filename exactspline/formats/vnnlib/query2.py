"""VNN-LIB 2.0 queries, parsed by the `vnnlib` package, with every number taken from its text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any as Anything

from ...errors import FormatError, UnsupportedOperatorError
from ...mode import guarded
from ..files import PathLike
from ..limits import MAX_ENTRIES, Budget
from .declared import DeclaredNetwork, DeclaredTensor, Query
from .linear_formula import Variable, difference
from .query import All, Any, Compared, Formula
from .reader import text_of

__all__ = ["is_version_two", "load_query_two"]

MOST_DEEP = 1_000  # the parser recurses, and ends the process at some 60,000
_MOST_NETWORKS = 64
# comments and texts hold no parentheses of the query; runs of other characters are skipped
_PART = re.compile(r';[^\n]*+|"[^"\n]*+"?|[()]|[^;"()]++')
_VERSION = re.compile(r"(?:\s++|;[^\n]*+\n?)*+\(\s*+vnnlib-version\b")
# what is left as it is: comments, texts, indices, versions; a declaration; a number
_TYPED = re.compile(
    r";[^\n]*+|\"[^\"\n]*+\"?|\[[^\]]*+\]?|<[^=\s>]*+>"
    r"|(?P<begin>\(declare-(?:input|hidden|output)\s++)(?P<name>\w++)\s++(?P<type>\w++)"
    r"|(?<![\w.-])(?P<number>-?\d++)(?![\w.])|[\w.-]++"
)
# how the package calls element types, and how queries do
_TYPES = {
    "Real": "real", "F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16",
    "F8E4M3FN": "float8e4m3fn", "F8E5M2": "float8e5m2", "F8E4M3FNUZ": "float8e4m3fnuz",
    "F8E5M2FNUZ": "float8e5m2fnuz", "F4E2M1": "float4e2m1", "I8": "int8", "I16": "int16",
    "I32": "int32", "I64": "int64", "U8": "uint8", "U16": "uint16", "U32": "uint32",
    "U64": "uint64", "Bool": "bool",
}  # fmt: skip
_ORDER = {
    "LessEqual": (1, False), "LessThan": (1, True),
    "GreaterEqual": (-1, False), "GreaterThan": (-1, True),
}  # fmt: skip
Linear = tuple[dict[Variable, Fraction], Fraction]


def is_version_two(text: str) -> bool:
    """Whether a text begins as queries of version 2 do: with its version."""
    return _VERSION.match(text) is not None


@guarded
def load_query_two(path: PathLike) -> Query:
    """Read a VNN-LIB 2.0 query.

    Parameters
    ----------
    path : path-like
        At most 64 MiB, nested at most 1,000 deep: both are checked before it is parsed.

    Returns
    -------
    Query
        Its formula is linear, its numbers the decimals of the text.

    Raises
    ------
    FormatError
        If the file is unreadable, of another version, or no query; the message names the line.
    UnsupportedOperatorError
        If it multiplies variables, has tensors of complex numbers or texts, or the ``vnnlib``
        package is missing.

    Examples
    --------
    >>> import os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "query.vnnlib")
    >>> with open(name, "w") as stream:
    ...     _ = stream.write(
    ...         "(vnnlib-version <2.0>)"
    ...         "(declare-network f (declare-input A real [2]) (declare-output B real [1]))"
    ...         "(assert (<= B[0] (+ A[1] 0.1)))"
    ...     )
    >>> load_query_two(name).formula
    Compared(terms=((('X', 1), Fraction(-1, 1)), (('Y', 0), Fraction(1, 1))), \
constant=Fraction(-1, 10), strict=False)
    """
    text, where = text_of(path), str(path)
    if not is_version_two(text):
        raise FormatError(
            f"{where}: does not begin with (vnnlib-version <2.0>); a property of VNN-LIB 1.0 is "
            "decided by: exactspline verify NETWORK PROPERTY"
        )
    _check_depth(text, where)
    tree, types, note = _parsed(text, where)
    return _Reader(where, types).query(tree, note)


def _check_depth(text: str, where: str) -> None:
    depth, line = 0, 1
    for match in _PART.finditer(text):
        token = match.group()
        if token == "(":
            depth += 1
            if depth > MOST_DEEP:
                raise FormatError(f"{where}, line {line}: nested more than {MOST_DEEP:,} deep")
        elif token == ")":
            depth -= 1
        else:
            line += token.count("\n")


def _parsed(text: str, where: str) -> tuple[Anything, dict[str, str], tuple[str, ...]]:
    """The parser's tree, declared types that it was not told, and a note on them.

    Numbers are real here, so types that differ are no error: where the parser finds nothing else,
    it is given the same query of real numbers.
    """
    try:
        import vnnlib
    except ImportError:
        raise UnsupportedOperatorError(
            f"{where}: queries of VNN-LIB 2.0 need the vnnlib package, which has wheels for "
            "Linux, macOS and Windows on common processors: pip install vnnlib"
        ) from None
    try:
        return vnnlib.parse_query_string(text), {}, ()
    except Exception as error:  # its own, and what C++ raises where a number is too long for it
        said = str(error)
    long = said == "stoll"  # an integer that C++ cannot hold
    if long or all(e.get("errorCode") == "TypeMismatch" for e in _errors(said) or [{}]):
        of_reals, types = _of_reals(text)
        for name, kind in types.items():
            if kind not in _TYPES.values():
                raise UnsupportedOperatorError(
                    f"{where}: variable {name[:80]!r} has element type {kind[:80]}; real numbers "
                    "are decided"
                )
        try:
            tree = vnnlib.parse_query_string(of_reals)
        except Exception as error:
            said = str(error)
        else:
            note = f"{where}{_message(said)} All is decided for real numbers."
            return tree, types, () if long else (note,)
    raise FormatError(f"{where}{_message(said)}")


def _of_reals(text: str) -> tuple[str, dict[str, str]]:
    """The same query with all tensors real and all numbers decimals; the types that it had."""
    types: dict[str, str] = {}

    def changed(match: re.Match[str]) -> str:
        begin, name, declared, number = match.group("begin", "name", "type", "number")
        if number is not None:
            return f"{number}.0"
        if name is None:
            return match.group()
        types[name] = declared
        return f"{begin}{name} real"

    return _TYPED.sub(changed, text), types


def _errors(text: str) -> list[dict[str, Anything]]:
    """What the type checker has found; nothing if it was not reached."""
    try:
        found = json.loads(text)["errors"]
    except (ValueError, KeyError, TypeError):
        return []
    return [e for e in found if isinstance(e, dict)]


def _message(text: str) -> str:
    """One line of what the parser says: its first error, with the line."""
    found = re.match(r"Parse error: syntax error at line (\d+), column (\d+): '(.*)'", text)
    if found:
        near = f" before {found[3][:40]!r}" if found[3] else ""
        return f", line {found[1]}: is no VNN-LIB 2.0: syntax error{near}, column {found[2]}"
    for first in _errors(text)[:1]:
        symbol, hint = str(first.get("offendingSymbol", "")), str(first.get("hint", ""))
        return f", line {first.get('line')}: {first.get('message')} {symbol[:80]!r}. {hint[:200]}"
    return f": is no VNN-LIB 2.0 ({' '.join(text.split())[:200]})"


class _Reader:
    """Turns the parser's tree into declarations and a formula."""

    def __init__(self, where: str, types: dict[str, str]) -> None:
        self.where, self._types = where, types
        self._budget = Budget()
        self._places: dict[str, tuple[str, int, tuple[int, ...]]] = {}

    def query(self, tree: Anything, notes: tuple[str, ...]) -> Query:
        """The whole."""
        if len(tree.networks) > _MOST_NETWORKS:
            raise FormatError(f"{self.where}: declares more than {_MOST_NETWORKS} networks")
        networks = tuple(self._network(n) for n in tree.networks)
        self._check_relations(networks)
        at = {"X": 0, "Y": 0}
        for tensor in (t for n in networks for t in n.tensors):
            letter = "X" if tensor.kind == "input" else "Y"
            self._places[tensor.name] = letter, at[letter], tensor.shape
            at[letter] += tensor.size
            if at[letter] > MAX_ENTRIES:
                raise FormatError(
                    f"{self.where}: the declared tensors have over {MAX_ENTRIES:,} entries"
                )
        parts = tuple(self._formula(a.expr) for a in tree.assertions)
        return Query(networks, parts[0] if len(parts) == 1 else All(parts), notes)

    # --- declarations ---

    def _network(self, node: Anything) -> DeclaredNetwork:
        tensors = []
        for kind, given in (
            ("input", node.inputs), ("hidden", node.hidden), ("output", node.outputs)
        ):  # fmt: skip
            for t in given:
                name = t.dtype.name
                if name not in _TYPES:
                    raise UnsupportedOperatorError(
                        f"{self.where}: variable {t.name[:80]!r} has element type {name}; real "
                        "numbers are decided"
                    )
                shape = tuple(int(n) for n in t.shape)
                if any(n < 1 for n in shape) or math.prod(shape) > MAX_ENTRIES:
                    raise FormatError(f"{self.where}: variable {t.name[:80]!r} has shape {shape}")
                onnx = t.onnx_name.strip('"') if t.onnx_name else None
                declared = self._types.get(t.name, _TYPES[name])
                tensors.append(DeclaredTensor(t.name, kind, declared, shape, onnx))
        return DeclaredNetwork(
            node.name, node.equal_to or None, node.isometric_to or None, tuple(tensors)
        )

    def _check_relations(self, networks: Sequence[DeclaredNetwork]) -> None:
        before: dict[str, DeclaredNetwork] = {}
        for network in networks:
            other = network.equal_to or network.isomorphic_to
            if other is not None:
                if other not in before:
                    raise FormatError(
                        f"{self.where}: network {network.name[:80]!r} refers to "
                        f"{other[:80]!r}, which is not declared before it"
                    )
                shapes = [
                    [t.shape for t in n.of("input") + n.of("output")]
                    for n in (network, before[other])
                ]
                if shapes[0] != shapes[1]:
                    raise FormatError(
                        f"{self.where}: networks {network.name[:80]!r} and {other[:80]!r} are "
                        "declared to be of one form, but their inputs and outputs have other shapes"
                    )
            before[network.name] = network

    # --- formulas ---

    def _formula(self, root: Anything) -> Formula:
        """A formula; without recursion, as it may be nested deeply."""
        done: list[Formula] = []
        waiting: list[tuple[Anything, bool]] = [(root, False)]
        while waiting:
            node, ready = waiting.pop()
            kind = type(node).__name__
            if kind not in ("And", "Or"):
                done.append(self._compared(node))
                continue
            args = node.args
            if not ready:
                waiting.append((node, True))
                waiting += [(a, False) for a in reversed(args)]
                continue
            parts = done[len(done) - len(args) :]
            del done[len(done) - len(args) :]
            done.append(_joined(All if kind == "And" else Any, parts))
        return done[0]

    def _compared(self, node: Anything) -> Formula:
        kind = type(node).__name__
        a, b = self._linear(node.lhs), self._linear(node.rhs)
        if kind in _ORDER:
            sign, strict = _ORDER[kind]
            return _comparison(*((a, b) if sign > 0 else (b, a)), strict)
        if kind == "Equal":
            return All((_comparison(a, b, False), _comparison(b, a, False)))
        if kind == "NotEqual":
            return Any((_comparison(a, b, True), _comparison(b, a, True)))
        raise UnsupportedOperatorError(f"{self.where}: {kind} is not supported in a formula")

    def _linear(self, root: Anything) -> Linear:
        """A linear expression; without recursion."""
        done: list[Linear] = []
        waiting: list[tuple[Anything, bool]] = [(root, False)]
        while waiting:
            node, ready = waiting.pop()
            args = _arguments(node)
            if not args:
                done.append(self._leaf(node))
            elif not ready:
                waiting.append((node, True))
                waiting += [(a, False) for a in reversed(args)]
            else:
                values = done[len(done) - len(args) :]
                del done[len(done) - len(args) :]
                done.append(self._joined(type(node).__name__, values))
        return done[0]

    def _leaf(self, node: Anything) -> Linear:
        kind = type(node).__name__
        if kind == "Var":
            letter, start, shape = self._places[node.name]
            flat = 0
            indices = [int(i) for i in node.indices]
            inside = len(indices) == len(shape) and all(
                0 <= i < n for i, n in zip(indices, shape, strict=True)
            )
            if not inside:
                raise FormatError(
                    f"{self.where}, line {node.line}: {node.name[:80]}{indices} is no entry of a "
                    f"tensor of shape {list(shape)}"
                )
            for i, n in zip(indices, shape, strict=True):
                flat = flat * n + i
            return {(letter, start + flat): Fraction(1)}, Fraction(0)
        lexeme = getattr(node, "lexeme", None)
        if lexeme is None:
            raise UnsupportedOperatorError(f"{self.where}: {kind} is not supported in a term")
        return {}, self._budget.read(lexeme, f"{self.where}, line {getattr(node, 'line', '?')}")

    def _joined(self, kind: str, values: Sequence[Linear]) -> Linear:
        terms, constant = dict(values[0][0]), values[0][1]
        if kind == "Negate":
            return {v: -c for v, c in terms.items()}, -constant
        for more, value in values[1:]:
            if kind == "Multiply":
                if terms and more:
                    raise UnsupportedOperatorError(
                        f"{self.where}: a product of two variables is not linear; linear "
                        "arithmetic (LIN) is decided"
                    )
                factor, base, shift = (value, terms, constant) if terms else (constant, more, value)
                terms = {v: self._number(c * factor) for v, c in base.items()}
                constant = self._number(shift * factor)
                continue
            sign = -1 if kind == "Minus" else 1
            for v, c in more.items():
                terms[v] = self._number(terms.get(v, Fraction(0)) + sign * c)
            constant = self._number(constant + sign * value)
        return terms, constant

    def _number(self, value: Fraction) -> Fraction:
        return self._budget.number(value, self.where)


def _arguments(node: Anything) -> tuple[Anything, ...]:
    kind = type(node).__name__
    if kind == "Negate":
        return (node.expr,)
    if kind == "Minus":
        return (node.head, *node.rest)
    return tuple(node.args) if kind in ("Plus", "Multiply") else ()


def _comparison(a: Linear, b: Linear, strict: bool) -> Compared:
    found = difference(a, b, 0)
    return Compared(found.terms, found.constant, strict)


def _joined(kind: type[All] | type[Any], parts: Sequence[Formula]) -> Formula:
    """Parts as one formula; what is nested in its own kind is taken out."""
    out: list[Formula] = []
    for part in parts:
        out += part.parts if isinstance(part, kind) else (part,)
    return out[0] if len(out) == 1 else kind(tuple(out))
