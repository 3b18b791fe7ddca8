"""What every operator can do: shapes, an exact forward, its lowering, and its stored fields.

Shapes never hold a batch axis. ``forward`` takes arrays with one leading batch axis, either
float64 or object arrays of Fractions, and computes in that arithmetic.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..compile.builder import Builder, Tensor, compile_operator
from ..errors import ParameterError, ShapeError
from ..later import in_later_room
from ..mode import guarded
from ..rationals import as_float, as_fractions, exact_array, format_rational
from .spline import ASO, program_as_aso

Shape = tuple[int, ...]
Fields = dict[str, str]
Kind = TypeVar("Kind", bound="type[Operator]")

__all__ = [
    "Fields",
    "Operator",
    "Shape",
    "any_integers",
    "brief",
    "decimal",
    "integers",
    "is_affine",
    "numeric",
    "one_integer",
    "operator",
    "operators",
    "rounded_once",
]


@guarded
class Operator(ABC):
    """One operator of a network.

    A subclass states its stored fields in ``FIELDS``; every field is an attribute and a keyword
    of the constructor, so that files and copies need no code of their own for it.

    Attributes
    ----------
    name : str
        The name used in messages and unit names; given by the owner or by the file.
    arity : int or None
        How many inputs it takes; None is any number from one on.
    smooth : bool
        True for an operator that is not piecewise affine: it can be evaluated in float64, and
        approximated, but not lowered.
    output_operator : bool
        True if it may stand at the output as g, outside of the partition.
    entrywise : bool
        True if it only moves, scales or shifts single entries: what may follow g.
    computes : bool
        True if it computes with its numbers when it is made: files are then refused whose
        fractions would take hours.
    FIELDS : dict
        Name to kind: "array" (exact numbers), "optional array", "number", "optional number",
        "integer", "integers", "flag" or "text".
    DEFAULTS : dict
        What the documentation says of fields whose default says nothing (None), in words.

    Notes
    -----
    `operator` puts a subclass into every list of operators.

    Examples
    --------
    >>> import exactspline as es
    >>> op = es.LeakyReLU("1/10", name="first")
    >>> isinstance(op, Operator), op.kind, op.name, op.arity
    (True, 'LeakyReLU', 'first', 1)
    >>> op.forward(np.array([[-20.0, 3.0]])).tolist()
    [[-2.0, 3.0]]
    """

    name: str = ""
    arity: ClassVar[int | None] = 1
    smooth: ClassVar[bool] = False
    output_operator: ClassVar[bool] = False
    entrywise: ClassVar[bool] = False
    computes: ClassVar[bool] = False
    FIELDS: ClassVar[Fields] = {}
    DEFAULTS: ClassVar[dict[str, str]] = {}

    def __init__(self, *, name: str = "") -> None:
        self.name = name

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guarded(cls)

    @property
    def kind(self) -> str:
        """The operator's type, as people write it.

        Examples
        --------
        >>> import exactspline as es
        >>> es.ReLU(name="first").kind
        'ReLU'
        """
        return type(self).__name__

    @property
    def label(self) -> str:
        """The name if there is one, else the kind: for messages.

        Examples
        --------
        >>> import exactspline as es
        >>> es.ReLU(name="first").label, es.ReLU().label
        ('first', 'ReLU')
        """
        return self.name or self.kind

    @property
    def fields(self) -> dict[str, Any]:
        """The stored fields: ``type(op)(**op.fields)`` is the same operator.

        Examples
        --------
        >>> import exactspline as es
        >>> op = es.Clip(0, 6)
        >>> op.fields == es.Clip(**op.fields).fields, sorted(op.fields)
        (True, ['high', 'low'])
        """
        return {key: getattr(self, key) for key in self.FIELDS}

    @property
    def parameters(self) -> int:
        """How many stored numbers the operator has: the entries of its arrays.

        Examples
        --------
        >>> import exactspline as es
        >>> es.Dense([[1, 2, 3]], [4]).parameters, es.ReLU().parameters
        (4, 0)
        """
        arrays = [getattr(self, field) for field, what in self.FIELDS.items() if what == "array"]
        return sum(int(array.size) for array in arrays)

    @property
    def rounded(self) -> int:
        """How many of its numbers were rounded by definition (scales of batch normalisation).

        Examples
        --------
        >>> import exactspline as es
        >>> es.BatchNorm([0, 0], [1, 3], epsilon=1).rounded  # 1 / sqrt(2) is, 1 / 2 is not
        1
        """
        return 0

    def describe(self) -> str:
        """One short phrase for ``exactspline info``.

        Examples
        --------
        >>> import exactspline as es
        >>> es.Dense([[1, 2, 3]]).describe(), es.Clip(0, 6).describe()
        ('Dense 3 -> 1', 'Clip to [0, 6]')
        """
        return self.kind

    @abstractmethod
    def output_shape(self, *shapes: Any) -> Shape:
        """Shape of the output; raises ``ShapeError`` if the input shapes do not fit.

        Examples
        --------
        >>> import exactspline as es
        >>> es.Conv(np.ones((8, 3, 3, 3)), padding=1).output_shape((3, 32, 32))
        (8, 32, 32)
        >>> es.Concat().output_shape((2,), (3,))
        (5,)
        """

    def entries_read(self, shapes: Sequence[Shape], shape: Shape) -> int:
        """How many entries its windows or maxima read together, for inputs and an output.

        A few bytes of a file describe a window of any size, which takes memory once it is used.

        Examples
        --------
        >>> import exactspline as es
        >>> es.ReLU().entries_read([(4, 4)], (4, 4))
        0
        >>> es.MaxPool((3, 3)).entries_read([(1, 9, 9)], (1, 3, 3))
        81
        """
        return 0

    @abstractmethod
    def forward(self, *inputs: Any) -> np.ndarray:
        """Evaluate on a batch (leading axis), in float64 or in Fractions as the input is.

        Examples
        --------
        >>> import exactspline as es
        >>> es.Maxout(2).forward(np.array([[1.0, 3.0], [5.0, 4.0]])).tolist()
        [[3.0], [5.0]]
        >>> es.LeakyReLU("1/3").forward(np.array([[Fraction(-1)]])).tolist()
        [[Fraction(-1, 3)]]
        """

    @abstractmethod
    def lower(self, builder: Builder, *inputs: Any) -> Tensor:
        """Write this operator into the program.

        Examples
        --------
        >>> import exactspline as es
        >>> from exactspline.compile import compile_operator
        >>> program = compile_operator(es.Abs(), [(2,)])
        >>> program.n_units
        2
        """

    def as_maso(self, *shapes: Sequence[int]) -> Any:
        """The operator as a max-affine spline operator over its flattened inputs.

        Parameters
        ----------
        *shapes : sequences of int
            The shape of each input.

        Returns
        -------
        MASO
            With A of shape (K, R, D) and B of shape (K, R): the theory's matrices. Units with
            fewer than R pieces repeat their last one.

        Raises
        ------
        UnsupportedOperatorError
            If an output is not convex in the input; `as_aso` gives its spline.

        Notes
        -----
        Dense: K * R * D exact numbers.

        References
        ----------
        Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018, section 3.

        Examples
        --------
        >>> from exactspline import Abs
        >>> Abs().as_maso((1,)).A.tolist()
        [[[-1.0], [1.0]]]
        """
        return in_later_room("Operator.as_maso", self, shapes)  # by `MASO`, itself an operator

    def as_aso(self, *shapes: Sequence[int]) -> ASO:
        """The operator as an affine spline operator: its pieces and where each one holds.

        Parameters
        ----------
        *shapes : sequences of int
            The shape of each input.

        Returns
        -------
        ASO

        Raises
        ------
        UnsupportedOperatorError
            If it is not piecewise affine.

        Examples
        --------
        >>> from exactspline import LeakyReLU
        >>> LeakyReLU(2).as_aso((1,)).A.tolist()
        [[[2.0], [1.0]]]
        """
        self.output_shape(*[tuple(shape) for shape in shapes])
        return program_as_aso(compile_operator(self, shapes), self.label)

    def __repr__(self) -> str:
        return f"<{self.describe()}>"


_KINDS = frozenset({
    "array", "optional array", "number", "optional number", "integer", "integers", "flag", "text",
})  # fmt: skip
_OPERATORS: dict[str, type[Operator]] = {}


def operator(kind: Kind) -> Kind:
    """Put a class into every list of operators: the one line that an operator is registered by.

    The lists are ``exactspline.network.OPERATORS``, the names of ``exactspline.network`` and
    ``exactspline``, JSON (by ``FIELDS``), the table in docs/formats.md, and the tests that go
    through all operators.

    Raises
    ------
    ParameterError
        If another class has its name, methods are missing, or ``FIELDS`` is not what its
        constructor takes.

    Examples
    --------
    >>> operators()["ReLU"]
    <class 'exactspline.network.activations.ReLU'>
    """
    name = kind.__name__
    if name in _OPERATORS:
        raise ParameterError(
            f"operator {name}: {_OPERATORS[name].__module__} has one of that name; take another"
        )
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise ParameterError(f"operator {name}: lacks {missing}; see docs/contributing.md")
    takes = set(inspect.signature(kind).parameters)
    for field, what in kind.FIELDS.items():
        if field not in takes or what not in _KINDS:
            raise ParameterError(
                f"operator {name}: field {field!r} of kind {what!r} does not fit; its constructor "
                f"takes {', '.join(sorted(takes))}, and kinds are {', '.join(sorted(_KINDS))}"
            )
    if "name" not in takes:
        raise ParameterError(f"operator {name}: its constructor needs a keyword 'name'")
    _OPERATORS[name] = kind
    return kind


def operators() -> dict[str, type[Operator]]:
    """All operators so far by their names, in the order of the alphabet."""
    return dict(sorted(_OPERATORS.items()))


def is_affine(operator: Operator, shapes: Sequence[Shape]) -> bool:
    """Whether an operator makes no units: it is affine."""
    return not operator.smooth and not compile_operator(operator, shapes).layers


def numeric(parameter: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A parameter in the arithmetic of ``like``: Fractions for object arrays, else float64.

    Raises
    ------
    ParameterError
        If it is beyond the range of float64, where only the exact arithmetic can go.
    """
    if like.dtype == object:
        return as_fractions(parameter)
    values, errors = as_float(parameter)
    if errors is not None and not np.all(np.isfinite(errors)):
        at = np.argwhere(~np.isfinite(errors))[0]
        raise ParameterError(
            f"the parameter {brief(parameter[tuple(at)])} is beyond the range of float64; "
            "evaluate with exact=True"
        )
    return values


def rounded_once(value: Fraction, like: np.ndarray) -> Any:
    """One number in the arithmetic of ``like``, as `numeric`."""
    return value if like.dtype == object else numeric(exact_array(value), like)[()]


def brief(value: Fraction) -> str:
    """A number for a message: exact if that is short."""
    # no digits are made of a number with thousands of them
    if max(value.numerator.bit_length(), value.denominator.bit_length()) <= 128:
        text = format_rational(value)
        if len(text) <= 40:
            return text
    return f"about {decimal(value)}"


def decimal(value: Fraction) -> str:
    """The first digits of a number, for a message or a description."""
    power = value.numerator.bit_length() - value.denominator.bit_length()
    if value and abs(power) > 1000:
        return f"{'-' if value < 0 else ''}2^{power}"
    return f"{float(value):g}"


def one_integer(value: Any, what: str, least: int | None = None) -> int:
    """An integer, at least ``least``."""
    try:
        out = int(value)
        exact = out == value
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or isinstance(value, bool):
        raise ParameterError(f"{what}: {value!r} is not an integer")
    if least is not None and out < least:
        raise ParameterError(f"{what}: {out} is too small; give at least {least}")
    return out


def any_integers(value: Any, what: str, least: int | None = None) -> tuple[int, ...]:
    """A tuple of integers, as many as are given."""
    try:
        if isinstance(value, str):
            raise TypeError
        entries = tuple(value)
    except TypeError:
        raise ParameterError(f"{what}: {value!r} is not a sequence of integers") from None
    return tuple(one_integer(v, what, least) for v in entries)


def integers(value: Any, n: int, what: str, least: int | None = None) -> tuple[int, ...]:
    """A tuple of n integers; one integer stands for n equal ones."""
    if isinstance(value, int | np.integer):
        value = (value,) * n
    out = any_integers(value, what, least)
    if len(out) != n:
        raise ShapeError(f"{what}: {out} has {len(out)} entries; give {n}, or one for all axes")
    return out
