"""Check 2 with numbers: every convex operator of a network equals its MASO."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import LimitError, ParameterError, UnsupportedOperatorError
from ...mode import guarded
from ...network.maso import MASO
from ...network.network import Network
from ...network.operator import Operator, Shape
from ...rationals import as_fractions
from ..common.samples import simplices
from ..registry import check
from ..report import SPLINE_THEORY, Report, Statement
from .matrices import theory_pieces

if TYPE_CHECKING:
    from ...domain import Domain
    from ...partition.partition import Partition

__all__ = ["STATEMENT", "check_operator", "check_operators", "network_behind"]

_MOST_POINTS = 50_000  # at which one operator is evaluated in rationals

STATEMENT = (
    "Dense, convolution and average pooling (R = 1), ReLU, leaky ReLU and abs (R = 2) and "
    "max-pooling (R = the window) equal max-affine spline operators with the theory's A and B."
)
SOURCE = f"{SPLINE_THEORY}, on operators as MASOs"


def network_behind(network: Network | Partition) -> Network:
    """The network that a check is about, given itself or by its partition."""
    from ...partition.partition import Partition

    if isinstance(network, Partition):
        return network.network
    if not isinstance(network, Network):
        raise ParameterError(
            f"a check is about a Network or a Partition, not a {type(network).__name__}"
        )
    return network


def _points(maso: MASO) -> np.ndarray:
    """Points that span every region of every output alone, each in all inputs.

    An output's regions lie in the inputs that it reads; the others get arbitrary numbers.
    """
    d = maso.A.shape[2]
    known: dict[tuple[Any, ...], list[list[Fraction]]] = {}
    out: list[list[Fraction]] = []
    A, B = as_fractions(maso.A), as_fractions(maso.B)
    for k in range(len(A)):
        reads = [j for j in range(d) if any(A[k, :, j])]
        key = (len(reads), *A[k][:, reads].reshape(-1).tolist(), *B[k].tolist())
        if key not in known:
            known[key] = _spanning(A[k][:, reads], B[k])
        if (len(out) + len(known[key])) * d > _MOST_POINTS * 20:
            raise LimitError(
                f"{maso.label}: its regions need more than {_MOST_POINTS:,} exact evaluations; "
                "take a toy operator"
            )
        for i, point in enumerate(known[key]):
            full = [Fraction((7 * j + 3 * i + k) % 11 - 5, 2) for j in range(d)]
            for j, value in zip(reads, point, strict=True):
                full[j] = value
            out.append(full)
    points = np.empty((len(out), d), dtype=object)
    for i, point in enumerate(out):
        points[i] = point
    return points


def _spanning(A: np.ndarray, B: np.ndarray) -> list[list[Fraction]]:
    """Points that span every region of one output over the inputs that it reads."""
    n = A.shape[1]
    if n == 0:
        return [[]]
    if len(A) == 1:
        return [[Fraction(int(i == j)) for i in range(n)] for j in range(-1, n)]
    partition = MASO(A[None], B[None]).partition()
    return [x for simplex in simplices(partition) for x in simplex.x]


def _as_maso(operator: Operator, shapes: Sequence[Shape]) -> MASO:
    return operator.as_maso(*shapes)


def _values(operator: Operator, shapes: Sequence[Shape], points: np.ndarray) -> np.ndarray:
    """The operator's exact forward over its flattened inputs, one after the other."""
    inputs, at = [], 0
    for shape in shapes:
        size = math.prod(shape)
        inputs.append(points[:, at : at + size].reshape(len(points), *shape))
        at += size
    return np.asarray(operator.forward(*inputs)).reshape(len(points), -1)


def _compared(
    operator: Operator, shapes: Sequence[Shape], maso: MASO
) -> tuple[int, bool, dict[str, Any] | None]:
    """Points compared, whether the theory's matrices were too, and a counterexample."""
    stated = theory_pieces(operator, tuple(shapes[0])) if len(shapes) == 1 else None
    if stated is not None:
        A, B = as_fractions(maso.A), as_fractions(maso.B)
        if A.shape != stated[0].shape or A.tolist() != stated[0].tolist():
            return 0, True, {"operator": operator.label, "A": A, "the theory's A": stated[0]}
        if B.tolist() != stated[1].tolist():
            return 0, True, {"operator": operator.label, "B": B, "the theory's B": stated[1]}
    points = _points(maso)
    forward, spline = _values(operator, shapes, points), maso.forward(points)
    for x, values, others in zip(points, forward.tolist(), spline.tolist(), strict=True):
        for k, (value, other) in enumerate(zip(values, others, strict=True)):
            if value != other:
                return len(points), stated is not None, {
                    "operator": operator.label, "output": k, "z": x, "value": value, "MASO": other,
                }  # fmt: skip
    return len(points), stated is not None, None


def check_operator(operator: Operator, *shapes: Sequence[int]) -> Report:
    """Check that one operator equals its MASO.

    Parameters
    ----------
    operator : Operator
    *shapes : sequences of int
        The shape of each input.

    Returns
    -------
    Report
        "not applicable" if the operator is not convex or not piecewise affine: it has no MASO.

    Examples
    --------
    >>> import exactspline as es
    >>> check_operator(es.MaxPool((2,)), (1, 4)).verdict
    'holds'
    >>> check_operator(es.Minimum(), (2,), (2,)).verdict
    'not applicable'
    """
    return _report([(operator.label, operator, [tuple(shape) for shape in shapes])])


@check(number=2, name="operators", needs_network=True, regions=False)
@guarded
def check_operators(network: Network | Partition, domain: Domain | None = None) -> Report:
    """Check that every convex operator of a network equals its MASO; the others have none.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Not used: operators are compared everywhere.

    Returns
    -------
    Report
        ``details`` names the operators that are not convex: there the statement does not apply.

    Raises
    ------
    LimitError
        If an operator is too large for dense rational matrices.

    Notes
    -----
    Per output: the MASO's regions in the inputs that it reads are enumerated, and both sides are
    evaluated in rationals at points that span each. Basic operators' A and B are compared with
    the theory's, entry by entry.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, -2]]), es.ReLU(), es.Clip(0, 6)], (2,))
    >>> report = es.theory.check_operators(net)  # the clip is not convex, and named
    >>> report.verdict
    'holds'
    """
    net = network_behind(network)
    found = []
    for label, node in zip(net.labels, net.nodes, strict=False):
        shapes = [net.input_shape if i < 0 else net.nodes[i].shape for i in node.inputs]
        found.append((label, node.operator, shapes))
    return _report(found)


def _report(operators: Sequence[tuple[str, Operator, Sequence[Shape]]]) -> Report:
    points, checked, stated = 0, 0, 0
    others: dict[str, str] = {}
    wrong = None
    for label, operator, shapes in operators:
        try:
            maso = _as_maso(operator, shapes)
        except UnsupportedOperatorError as error:
            others[label] = str(error)
            continue
        more, by_theory, wrong = _compared(operator, shapes, maso)
        points, checked, stated = points + more, checked + 1, stated + by_theory
        if wrong is not None:
            break
    routes = (
        "the operator's exact forward at points that span every region of every output, and "
        "the theory's matrices",
        "the maximum over the pieces of as_maso, which are read off the operator's lowering",
    )
    says = Statement("check_operators", STATEMENT, SOURCE, routes, "operators")
    details = {
        "points": points, "operators whose A and B are the theory's": stated,
        "not applicable": others,
    }  # fmt: skip
    if not checked:
        reason = "no operator is convex" if operators else "the network has no operators"
        return says.not_applicable(reason, details)
    reason = "" if wrong is None else f"{wrong['operator']} is not its MASO"
    return says.report(wrong, reason, checked=checked, details=details)
