"""Symbolic values: arrays of affine combinations, with arithmetic and comparisons."""

from __future__ import annotations

import operator as op
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from ..errors import ParameterError, ShapeError
from ..mode import guarded
from ..rationals import as_given, to_fraction
from .affine import Affine
from .atoms import Applied, Bend, Slope, points_of
from .conditions import Condition, Literal, conjunction, disjunction

__all__ = ["Term", "argmax", "as_term", "maximum", "minimum", "relu"]

_MOST = 1 << 22  # entries of one value


@guarded
class Term:
    """A symbolic value: a point of a statement, and what is computed from points.

    Sums, differences, rational multiples, ``abs``, indexing and ``A @ x`` give further ones;
    comparisons give conditions, which have no truth value of their own.

    Attributes
    ----------
    shape : tuple of int
        ``()`` of a number.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,))
    >>> es.forall(es.Box(0, 1, dim=2), lambda x: net(x)[0] + x[1] >= x[0])
    <forall x in [0, 1]^2: ...>
    """

    __array_ufunc__ = None  # arrays leave their operators to symbolic values
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, entries: Sequence[Affine], shape: tuple[int, ...]) -> None:
        self._entries, self.shape = tuple(entries), shape
        if len(self._entries) > _MOST:
            raise ShapeError(
                f"a symbolic value of {len(self._entries):,} entries; at most {_MOST:,}"
            )

    # --- what it is --------------------------------------------------------------------------
    def __repr__(self) -> str:
        names = ", ".join(dict.fromkeys(p.name for p in points_of(list(self._entries))))
        what = f"shape {self.shape}" if self.shape else "a number"
        return f"<symbolic value: {what}{f', of {names}' if names else ''}>"

    def __bool__(self) -> NoReturn:
        raise ParameterError(
            "a symbolic value has no truth value: it stands for all points at once; write "
            "es.maximum, es.relu or es.implies in place of if, min and max"
        )

    def __float__(self) -> NoReturn:
        raise ParameterError("a symbolic value is no number: it stands for all points at once")

    __int__ = __float__
    __index__ = __float__

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("a symbolic number has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Term]:
        return (self[i] for i in range(len(self)))

    @property
    def size(self) -> int:
        """How many numbers it consists of.

        Examples
        --------
        >>> import exactspline as es
        >>> sizes = []
        >>> _ = es.forall(es.Box(0, 1, dim=2), lambda x: (sizes.append(x.size), x[0] >= 0)[1])
        >>> sizes
        [2]
        """
        return len(self._entries)

    @property
    def ndim(self) -> int:
        """How many axes it has.

        Examples
        --------
        >>> import exactspline as es
        >>> found = []
        >>> _ = es.forall(es.Box(0, 1, dim=2), lambda x: (found.append(x.ndim), x[0] >= 0)[1])
        >>> found
        [1]
        """
        return len(self.shape)

    def __getitem__(self, index: Any) -> Term:
        """Entries, rows, slices and permutations, as of an array."""
        places = np.arange(self.size).reshape(self.shape)
        try:
            chosen = places[index]
        except (IndexError, TypeError, ValueError) as error:
            raise ShapeError(f"index {index!r} of a value of shape {self.shape}: {error}") from None
        chosen = np.asarray(chosen)
        return Term([self._entries[i] for i in chosen.reshape(-1).tolist()], chosen.shape)

    def reshape(self, *shape: Any) -> Term:
        """The same entries in another shape.

        Raises
        ------
        ShapeError
            If they do not fit.

        Examples
        --------
        >>> import exactspline as es
        >>> es.prove(es.forall(es.Box(0, 1, dim=4), lambda x: x.reshape(2, 2)[1, 0] == x[2])).holds
        True
        """
        sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        try:
            places = np.arange(self.size).reshape(sizes)
        except (ValueError, TypeError):
            raise ShapeError(f"a value of shape {self.shape} has no shape {sizes}") from None
        return Term(self._entries, places.shape)

    def sum(self) -> Term:
        """The sum of all entries.

        Examples
        --------
        >>> import exactspline as es
        >>> es.prove(es.forall(es.Box(0, 1, dim=3), lambda x: x.sum() <= 3)).holds
        True
        """
        total = Affine(Fraction(0))
        for entry in self._entries:
            total = total.plus(entry)
        return Term([total], ())

    # --- arithmetic --------------------------------------------------------------------------
    def _with(self, other: Any, factor: int, reverse: bool = False) -> Term:
        given = as_term(other, "operand")
        one, two = (given, self) if reverse else (self, given)
        shape = _broadcast(one.shape, two.shape)
        a, b = one._spread(shape), two._spread(shape)
        return Term([x.plus(y, Fraction(factor)) for x, y in zip(a, b, strict=True)], shape)

    def _spread(self, shape: tuple[int, ...]) -> list[Affine]:
        places = np.broadcast_to(np.arange(self.size).reshape(self.shape), shape)
        return [self._entries[i] for i in places.reshape(-1).tolist()]

    def __add__(self, other: Any) -> Term:
        return self._with(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Term:
        return self._with(other, -1)

    def __rsub__(self, other: Any) -> Term:
        return self._with(other, -1, reverse=True)

    def __neg__(self) -> Term:
        return Term([entry.times(Fraction(-1)) for entry in self._entries], self.shape)

    def __pos__(self) -> Term:
        return self

    def __mul__(self, other: Any) -> Term:
        given = as_term(other, "factor")
        one, two = (given, self) if given.is_constant else (self, given)
        if not one.is_constant:
            raise ParameterError(
                "a product of two symbolic values is not piecewise affine, so it cannot be "
                "decided by linear inequalities; factors are numbers"
            )
        shape = _broadcast(one.shape, two.shape)
        pairs = zip(one._spread(shape), two._spread(shape), strict=True)
        return Term([b.times(a.const) for a, b in pairs], shape)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Term:
        divisor = as_term(other, "divisor")
        if not divisor.is_constant:
            raise ParameterError("a quotient of symbolic values is not piecewise affine")
        if any(entry.const == 0 for entry in divisor._entries):
            raise ParameterError("division by zero")
        inverse = [Affine(1 / entry.const) for entry in divisor._entries]
        return self * Term(inverse, divisor.shape)

    def __rtruediv__(self, other: Any) -> NoReturn:
        raise ParameterError("a quotient by a symbolic value is not piecewise affine")

    def __pow__(self, other: Any) -> NoReturn:
        raise ParameterError("a power of a symbolic value is not piecewise affine")

    def __matmul__(self, other: Any) -> Term:
        return _product(self, as_term(other, "matrix"))

    def __rmatmul__(self, other: Any) -> Term:
        return _product(as_term(other, "matrix"), self)

    def __abs__(self) -> Term:
        return _bent("abs", self)

    @property
    def is_constant(self) -> bool:
        """Whether it is a number, or an array of numbers.

        Examples
        --------
        >>> import exactspline as es
        >>> es.rational("1/3").is_constant
        True
        """
        return not any(entry.terms for entry in self._entries)

    # --- comparisons -------------------------------------------------------------------------
    def _compared(self, other: Any, make: Callable[[Affine], Condition], sign: int) -> Condition:
        if isinstance(other, Argmax):
            return NotImplemented
        given = as_term(other, "compared value")
        if bool(self.shape) != bool(given.shape) and not (self.size == given.size == 1):
            raise ShapeError(
                f"a value of shape {self.shape or given.shape} is compared with a number; "
                "vectors are compared with vectors, entry by entry (es.maximum(v) <= c says that "
                "all entries are at most c)"
            )
        if self.shape != given.shape and self.size != given.size:
            raise ShapeError(f"shapes {self.shape} and {given.shape} cannot be compared")
        pairs = zip(self._entries, given._entries, strict=True)
        return conjunction([make(a.plus(b, Fraction(-1)).times(Fraction(sign))) for a, b in pairs])

    def __le__(self, other: Any) -> Condition:
        return self._compared(other, lambda form: literal(form, "<="), 1)

    def __lt__(self, other: Any) -> Condition:
        return self._compared(other, lambda form: literal(form, "<"), 1)

    def __ge__(self, other: Any) -> Condition:
        return self._compared(other, lambda form: literal(form, "<="), -1)

    def __gt__(self, other: Any) -> Condition:
        return self._compared(other, lambda form: literal(form, "<"), -1)

    def __eq__(self, other: Any) -> Condition:  # type: ignore[override]
        return self._compared(other, lambda form: literal(form, "=="), 1)

    def __ne__(self, other: Any) -> Condition:  # type: ignore[override]
        return ~self._compared(other, lambda form: literal(form, "=="), 1)

    # --- networks ----------------------------------------------------------------------------
    def _applied(self, network: Any) -> Term:
        """What ``network(x)`` gives."""
        found = _application(network, self, operator=bool(network.output_nodes))
        shape = network.output_shape
        return Term([Affine.entry(found, i) for i in range(found.size)], shape)

    def _slope(self, network: Any) -> Term:
        """What ``network.slope(x)`` gives."""
        atom = Slope(_application(network, self, operator=False))
        shape = (network.output_dim, network.input_dim)
        return Term([Affine.entry(atom, i) for i in range(atom.size)], shape)


def _application(network: Any, x: Term, *, operator: bool) -> Applied:
    if x.size != network.input_dim or x.shape not in (network.input_shape, (x.size,)):
        raise ShapeError(
            f"a value of shape {x.shape} does not fit the network's input shape "
            f"{network.input_shape}"
        )
    check_plain(x._entries, "the input of a network")
    return Applied(network, x._entries, operator)


def check_plain(entries: Sequence[Affine], where: str) -> None:
    """Refuse what jumps, and what stands behind a softmax, where values are bent.

    Raises
    ------
    ParameterError
    """
    for entry in entries:
        for atom in entry.atoms:
            if atom.constant:
                raise ParameterError(
                    f"{where}: slopes and codes jump between regions; compare them with numbers "
                    "or with each other"
                )
            if isinstance(atom, Applied) and atom.operator:
                raise ParameterError(
                    f"{where}: the network ends in "
                    f"{atom.network.output_operator}, whose values are not rational; "
                    "es.logits(f, x) is what stands before it"
                )


def literal(form: Affine, relation: str) -> Condition:
    """A comparison with 0, where it can be decided.

    Raises
    ------
    ParameterError
        For what mixes values with slopes, or compares what a softmax does not keep in order.
    """
    kinds = {atom.constant for atom in form.atoms}
    if len(kinds) == 2:
        raise ParameterError(
            "slopes and codes are constant inside regions, points and values are not: compare "
            "slopes with numbers or slopes, codes with numbers or codes"
        )
    return Literal.of(_before_operators(form), relation)


def _before_operators(form: Affine) -> Affine:
    """The same comparison before softmax and sigmoid, which keep the order of values."""
    behind = [
        entry for entry, _ in form.terms if isinstance(entry[0], Applied) and entry[0].operator
    ]
    if not behind:
        return form
    applied = behind[0][0]
    assert isinstance(applied, Applied)
    kinds = {node.operator.kind for node in applied.network.output_nodes}
    coefficients = [c for _, c in form.terms]
    alone = len(behind) == len(form.terms)
    plain = kinds <= {"Softmax", "LogSoftmax", "Sigmoid"} and len(applied.network.output_nodes) == 1
    two = len(behind) == 2 and sum(coefficients) == 0 and form.const == 0
    same = len({entry[0] for entry in behind}) == 1
    if alone and plain and two and (same or kinds == {"Sigmoid"}):
        return Affine(form.const, tuple(((_spline(e[0]), e[1]), c) for e, c in form.terms))
    half = len(behind) == 1 and form.const == -coefficients[0] / 2
    if alone and plain and half and kinds == {"Sigmoid"}:  # sigmoid(z) against 1/2: z against 0
        return Affine(Fraction(0), tuple(((_spline(e[0]), e[1]), c) for e, c in form.terms))
    raise ParameterError(
        f"values behind {applied.network.output_operator} are not rational: two outputs can be "
        "compared with each other (they are in the order of what stands before), a sigmoid with "
        "1/2; es.logits(f, x) is what stands before it"
    )


def _spline(atom: Any) -> Applied:
    assert isinstance(atom, Applied)
    return atom.spline


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise ShapeError(f"shapes {a} and {b} do not fit") from None


def _product(a: Term, b: Term) -> Term:
    """A matrix product, one side of which is constant."""
    if not (a.is_constant or b.is_constant):
        raise ParameterError("a product of two symbolic values is not piecewise affine")
    if not (1 <= a.ndim <= 2 and 1 <= b.ndim <= 2) or a.shape[-1] != b.shape[0]:
        raise ShapeError(f"shapes {a.shape} and {b.shape} have no matrix product")
    left = a.reshape(-1, a.shape[-1])
    right = b.reshape(b.shape[0], -1)
    rows, inner, columns = left.shape[0], left.shape[1], right.shape[1]
    out = []
    for i in range(rows):
        for j in range(columns):
            total = Affine(Fraction(0))
            for k in range(inner):
                x, y = left._entries[i * inner + k], right._entries[k * columns + j]
                total = total.plus(y, x.const) if a.is_constant else total.plus(x, y.const)
            out.append(total)
    return Term(out, (*a.shape[:-1], *b.shape[1:]))


def _bent(kind: str, value: Term) -> Term:
    check_plain(value._entries, kind)
    out = []
    for entry in value._entries:
        if not entry.terms:
            out.append(Affine(abs(entry.const) if kind == "abs" else max(entry.const, Fraction(0))))
        else:
            out.append(Affine.entry(Bend(kind, (entry,)), 0))
    return Term(out, value.shape)


def as_term(value: Any, where: str) -> Term:
    """A symbolic value from one, or from numbers.

    Raises
    ------
    ParameterError, ShapeError
    """
    if isinstance(value, Term):
        return value
    if isinstance(value, Condition):
        raise ParameterError(
            f"{where}: a condition is no value; chained comparisons (a <= b <= c) are written as "
            "(a <= b) & (b <= c)"
        )
    if isinstance(value, Argmax):
        raise ParameterError(f"{where}: es.argmax(v) is compared with a class by == or != alone")
    if isinstance(value, list | tuple) and any(isinstance(v, Term) for v in value):
        parts = [as_term(v, where) for v in value]
        if len({part.shape for part in parts}) > 1:
            raise ShapeError(f"{where}: parts of shapes {[part.shape for part in parts]}")
        entries = [entry for part in parts for entry in part._entries]
        return Term(entries, (len(parts), *parts[0].shape))
    try:
        array = as_given(value)
    except (ValueError, TypeError) as error:
        raise ParameterError(f"{where}: {value!r} is no number and no array ({error})") from None
    if array.dtype.kind == "b":
        raise ParameterError(f"{where}: {value!r} is no number")
    flat = [Affine(to_fraction(v, where)) for v in array.reshape(-1).tolist()]
    return Term(flat, array.shape)


@guarded
def maximum(*values: Any) -> Term:
    """The maximum: of several values entry by entry, or of the entries of one.

    Examples
    --------
    >>> import exactspline as es
    >>> es.prove(es.forall(es.Box(-1, 1, dim=2), lambda x: es.maximum(x) >= x[0])).holds
    True
    """
    if not values:
        raise ParameterError("maximum: give at least one value")
    terms = [as_term(v, "maximum") for v in values]
    for term in terms:
        check_plain(term._entries, "maximum")
    if len(terms) == 1:
        if not terms[0].size:
            raise ShapeError("maximum: of nothing")
        return Term([_max_of(terms[0]._entries)], ())
    shape = terms[0].shape
    for term in terms[1:]:
        shape = _broadcast(shape, term.shape)
    spread = [term._spread(shape) for term in terms]
    return Term([_max_of(own) for own in zip(*spread, strict=True)], shape)


def _max_of(entries: Sequence[Affine]) -> Affine:
    distinct = list(dict.fromkeys(entries))
    numbers = [entry.const for entry in distinct if not entry.terms]
    symbolic = [entry for entry in distinct if entry.terms]
    if not symbolic:
        return Affine(max(numbers))
    reads = [*symbolic, *([Affine(max(numbers))] if numbers else [])]
    return reads[0] if len(reads) == 1 else Affine.entry(Bend("max", tuple(reads)), 0)


@guarded
def minimum(*values: Any) -> Term:
    """The minimum, likewise.

    Examples
    --------
    >>> import exactspline as es
    >>> es.prove(es.forall(es.Box(-1, 1, dim=2), lambda x: es.minimum(x, 0) <= 0 * x)).holds
    True
    """
    return -maximum(*(-as_term(v, "minimum") for v in values))


@guarded
def relu(value: Any) -> Term:
    """The positive part of every entry.

    Examples
    --------
    >>> import exactspline as es
    >>> box = es.Box(-1, 1, dim=1)
    >>> es.prove(es.forall(box, lambda x: abs(x) == es.relu(x) + es.relu(-x))).holds
    True
    """
    return _bent("relu", as_term(value, "relu"))


class Argmax:
    """The lowest index of the largest entry; compared by == and !=."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Term) -> None:
        self._value = value

    def _is(self, k: int) -> Condition:
        v = self._value
        own = [v[k] > v[j] for j in range(k)]
        return conjunction([*own, *(v[k] >= v[j] for j in range(k + 1, v.size))])

    def __eq__(self, other: Any) -> Condition:  # type: ignore[override]
        if isinstance(other, Argmax):
            if other._value.size != self._value.size:
                raise ShapeError(
                    f"argmax: of {self._value.size} and of {other._value.size} entries"
                )
            n = self._value.size
            return disjunction([conjunction([self._is(k), other._is(k)]) for k in range(n)])
        try:
            k = op.index(other)
        except TypeError:
            raise ParameterError(f"argmax: is compared with a class, not with {other!r}") from None
        if not 0 <= k < self._value.size:
            raise ParameterError(
                f"argmax: class {k} of {self._value.size} (0 to {self._value.size - 1})"
            )
        return self._is(k)

    def __ne__(self, other: Any) -> Condition:  # type: ignore[override]
        return ~(self == other)

    def _refuse(self, other: Any) -> NoReturn:
        raise ParameterError("argmax: is compared by == and != alone: classes have no order")

    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __sub__ = __mul__ = _refuse

    def __bool__(self) -> NoReturn:
        raise ParameterError("argmax: a symbolic value has no truth value")


@guarded
def argmax(value: Any) -> Argmax:
    """The lowest index of the largest entry of a vector, to be compared by ``==`` and ``!=``.

    ``argmax(v) == k`` means v[k] > v[j] for j < k and v[k] >= v[j] for j > k.

    Examples
    --------
    >>> import exactspline as es
    >>> box = es.Box(0, 1, dim=2)
    >>> es.find(es.exists(box, lambda x: es.argmax(x) == 1)).holds
    True
    """
    term = as_term(value, "argmax")
    if term.ndim != 1 or not term.size:
        raise ShapeError(f"argmax: of a value of shape {term.shape}; give a vector")
    return Argmax(term)
