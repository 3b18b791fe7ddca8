"""Check 2 with symbols: the basic operators and their MASOs, for all weights at once.

Affine operators run their own forward on symbols, weights and inputs alike. Where a maximum or
a sign decides, the inputs are written so that it is known: u = p or u = -p for positive p, and
for pooling one chain of inequalities after the other. Together the cases cover every input.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ...errors import UndecidedError
from ...mode import guarded
from ...network.activations import Abs, ReLU
from ...network.affine import Dense
from ...network.convolution import Conv
from ...network.pooling import AveragePool, MaxPool
from ..registry import check
from ..report import Report, Statement
from .matrices import Pieces, activation_pieces, convolution_matrix, theory_pieces
from .operators import SOURCE

__all__ = ["check_symbolic_operators", "symbols_of"]


class Case(NamedTuple):
    """Inputs for which all signs are known: the operator's values, and the pieces' A, B, z."""

    values: np.ndarray
    pieces: Pieces
    z: np.ndarray


def symbols_of(name: str, *shape: int, positive: bool = False) -> np.ndarray:
    """An object array of real sympy symbols."""
    import sympy

    out = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        label = name + "".join(map(str, index))
        options = {"positive": True} if positive else {"real": True}
        out[index] = sympy.Symbol(label, **options)
    return out


def largest(values: list[Any]) -> Any:
    """The largest of some expressions, by signs that sympy proves.

    Raises
    ------
    UndecidedError
        If none is proved to be at least all others.
    """
    import sympy

    for v in values:
        if all(sympy.expand(v - w).is_nonnegative for w in values):
            return v
    raise UndecidedError(f"the largest of {values} is not known for these symbols")


def _dense() -> Iterator[Case]:
    op = Dense(np.ones((2, 3)), np.ones(2), name="dense")
    op.weight, op.bias, z = symbols_of("w", 2, 3), symbols_of("b", 2), symbols_of("z", 3)
    yield Case(op.forward(z[None])[0], (op.weight[:, None], op.bias[:, None]), z)


def _conv(circular: bool) -> Iterator[Case]:
    op = Conv(
        np.ones((2, 1, 2, 2)), np.ones(2), padding=1 if circular else 0,
        padding_mode="circular" if circular else "zeros", stride=1 if circular else (1, 2),
    )  # fmt: skip
    op.weight, op.bias, z = symbols_of("w", 2, 1, 2, 2), symbols_of("b", 2), symbols_of("z", 9)
    image = (1, 3, 3)
    outputs = op.output_shape(image)[1:]
    C = convolution_matrix(
        op.weight, image, stride=op.stride, before=op.padding[:2], dilation=op.dilation,
        outputs=outputs, circular=circular,
    )  # fmt: skip
    bias = np.repeat(op.bias, outputs[0] * outputs[1])
    yield Case(op.forward(z.reshape(1, *image))[0].reshape(-1), (C[:, None], bias[:, None]), z)


def _average() -> Iterator[Case]:
    op, z = AveragePool((2, 2), stride=1), symbols_of("z", 6)
    pieces = theory_pieces(op, (1, 2, 3))
    assert pieces is not None
    yield Case(op.forward(z.reshape(1, 1, 2, 3))[0].reshape(-1), pieces, z)


def _signs(n: int) -> Iterator[np.ndarray]:
    """Every pattern of signs of n inputs."""
    p = symbols_of("p", n, positive=True)
    for signs in itertools.product((-1, 1), repeat=n):
        yield np.array(signs, dtype=object) * p


def _scalar(operator: ReLU | Abs, low: int) -> Iterator[Case]:
    for z in _signs(2):
        yield Case(operator.forward(z[None])[0], activation_pieces(low, 1, 2), z)


def _leaky(above: bool) -> Iterator[Case]:
    """max(eta u, u) by its two cases, for every eta up to 1 or from 1 on."""
    q = symbols_of("q", 1, positive=True)[0]
    eta = 1 + q if above else 1 - q
    low, high = (1, eta) if above else (eta, 1)
    for z in _signs(2):
        values = np.array([(high if u.is_positive else low) * u for u in z], dtype=object)
        yield Case(values, activation_pieces(eta, 1, 2), z)


def _max_pool() -> Iterator[Case]:
    """Overlapping windows of a line of four, for every order of the entries."""
    op = MaxPool((2,), stride=1)
    start, steps = symbols_of("t", 1)[0], symbols_of("p", 3, positive=True)
    line = np.array([start, *(start + sum(steps[: i + 1]) for i in range(3))], dtype=object)
    pieces = theory_pieces(op, (1, 4))
    assert pieces is not None
    for order in itertools.permutations(range(4)):
        z = line[list(order)]
        yield Case(op.forward(z.reshape(1, 1, 4))[0].reshape(-1), pieces, z)


CASES: dict[str, Callable[[], Iterator[Case]]] = {
    "dense": _dense,
    "convolution, circular": lambda: _conv(True),
    "convolution, strided": lambda: _conv(False),
    "average pooling": _average,
    "ReLU": lambda: _scalar(ReLU(), 0),
    "abs": lambda: _scalar(Abs(), -1),
    "leaky ReLU, eta < 1": lambda: _leaky(False),
    "leaky ReLU, eta > 1": lambda: _leaky(True),
    "max-pooling": _max_pool,
}


def _compare(kind: str) -> tuple[int, dict[str, Any] | None]:
    """How many outputs were compared, and where the two sides differ."""
    import sympy

    checked = 0
    for case in CASES[kind]():
        A, B = case.pieces
        for k, value in enumerate(case.values):
            checked += 1
            spline = largest(list(A[k] @ case.z + B[k]))
            if sympy.expand(value - spline) != 0:
                return checked, {
                    "operator": kind, "output": k, "z": case.z, "value": value, "MASO": spline,
                }  # fmt: skip
    return checked, None


@check(number=2, name="symbolic operators", needs_network=False)
@guarded
def check_symbolic_operators() -> Report:
    """Check that the basic operators equal their MASOs for all weights and inputs.

    Returns
    -------
    Report
        Symbolic: weights, slopes and inputs are sympy symbols; small sizes stand for all, since
        an output's formula does not change with their number.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018.

    Examples
    --------
    >>> check_symbolic_operators().verdict
    'holds'
    """
    checked, wrong = 0, None
    for kind in CASES:
        more, wrong = _compare(kind)
        checked += more
        if wrong is not None:
            break
    return Statement(
        "check_symbolic_operators",
        "Dense, convolution (C block circulant) and average pooling are MASOs with "
        "R = 1; ReLU {0, e_k}, max(eta u, u) {eta e_k, e_k}, abs {-e_k, e_k} and max-pooling "
        "{e_i, i in the window} are MASOs with B = 0.",
        SOURCE,
        (
            "the operators' forward on symbols, case by case in the order of the inputs",
            "the largest piece of the theory's A z + B",
        ),
        "outputs",
        symbolic=True,
    ).report(
        wrong, f"{(wrong or {}).get('operator')} is not its MASO", checked=checked,
        details={"operators": list(CASES)},
    )  # fmt: skip
