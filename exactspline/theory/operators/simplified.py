"""Check 9: the simplified MASO, one bias for all pieces: what it can express and what not."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UnsupportedOperatorError
from ...mode import guarded
from ...network.activations import Abs, LeakyReLU, MaxLeaky, ReLU
from ...network.maso import MASO, SimplifiedMASO
from ...rationals import as_fractions, fraction
from ..common.region_maps import fractions_of
from ..registry import check, exported
from ..report import MAD_MAX, Report, Statement
from .operators import network_behind

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network, NetworkLayer
    from ...partition.partition import Partition

__all__ = ["as_simplified_maso", "check_simplified", "check_symbolic_simplified"]

_STATEMENT = (
    "A layer of ReLU, leaky ReLU or abs units whose filters are linearly independent is a "
    "simplified MASO max_r <A_kr, x + beta>: beta solves W beta = b. Without independent filters "
    "it need not be one."
)
_SOURCE = f"{MAD_MAX}, on simplified MASOs"


@dataclass(frozen=True)
class _Shared:
    """A bias that all pieces share, or a proof that there is none."""

    beta: np.ndarray | None
    rows: list[tuple[int, int]]  # (output, piece) of every equation
    multipliers: list[Fraction] | None  # sum y <A_kr, .> = 0, but sum y B_kr = 1


def _needed(maso: MASO) -> list[tuple[int, int]]:
    """The pieces that are the strict maximum somewhere; the others say nothing of the bias."""
    out = []
    for k in range(maso.A.shape[0]):
        if maso.A.shape[1] == 1:
            out.append((k, 0))
            continue
        alone = MASO(maso.A[k : k + 1], maso.B[k : k + 1]).partition()
        codes = sorted({int(c) for code in alone.iter_codes() for c in code[:, :1].reshape(-1)})
        out += [(k, r) for r in codes] if codes else [(k, 0)]
    return out


def _shared_bias(maso: MASO) -> _Shared:
    """Solve <A_kr, beta> = B_kr for all pieces that are needed, exactly."""
    from ...polyhedra.linear import echelon, matrix_of

    A, B = as_fractions(maso.A), as_fractions(maso.B)
    rows = _needed(maso)
    d, n = maso.A.shape[2], len(rows)
    table = matrix_of(
        [*A[k, r], B[k, r], *(int(i == j) for j in range(n))] for i, (k, r) in enumerate(rows)
    )
    beta = np.full(d, Fraction(0), dtype=object)
    for row, lead in zip(*echelon(table), strict=True):
        if lead == d:
            return _Shared(None, rows, fractions_of(row[d + 1 :]))
        if lead < d:
            beta[lead] = fraction(row[d])
    return _Shared(beta, rows, None)


@exported
@guarded
def as_simplified_maso(maso: MASO) -> SimplifiedMASO:
    """The same operator with one bias for all pieces, if there is one.

    Parameters
    ----------
    maso : MASO

    Returns
    -------
    SimplifiedMASO
        Of equal value everywhere. Pieces that are nowhere the strict maximum are replaced by
        the first one that is.

    Raises
    ------
    UnsupportedOperatorError
        If there is none; the message names multipliers y of the pieces with
        sum y A_kr = 0 and sum y B_kr = 1, which prove it.

    Notes
    -----
    The pieces that are somewhere the strict maximum are the same in every max-affine form of an
    operator, so that solving <A_kr, beta> = B_kr for them decides.

    Examples
    --------
    >>> import exactspline as es
    >>> relu = es.ReLU().as_maso((2,)).after([[1, 1], [1, -1]], [1, 2])
    >>> [str(v) for v in as_simplified_maso(relu).beta]
    ['1.5', '-0.5']
    """
    found = _shared_bias(maso)
    if found.beta is None:
        raise UnsupportedOperatorError(
            f"{maso.label}: no bias is shared by all pieces: {_proof(found)}"
        )
    needed = {k: [r for m, r in found.rows if m == k] for k in range(maso.A.shape[0])}
    A = np.array(
        [
            [maso.A[k, r if r in needed[k] else needed[k][0]] for r in range(maso.A.shape[1])]
            for k in range(maso.A.shape[0])
        ]
    )
    return SimplifiedMASO(A, found.beta, name=maso.name)


def _proof(found: _Shared) -> str:
    assert found.multipliers is not None
    terms = [
        f"{y} A[{k}, {r}]" for y, (k, r) in zip(found.multipliers, found.rows, strict=True) if y
    ]
    return " + ".join(terms) + " = 0, but the same sum of B is 1"


def _filters(layer: NetworkLayer) -> tuple[np.ndarray, np.ndarray] | None:
    """W and b of a layer that the statement is about: ReLU, leaky ReLU or abs in a chain."""
    if not layer.in_order or layer.is_affine:
        return None
    if not isinstance(layer.nonlinear[0], (ReLU, Abs, LeakyReLU, MaxLeaky)):
        return None
    return layer.affine()


def _solved(W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """beta = W^T (W W^T)^-1 b for independent rows."""
    from ...polyhedra.linear import matrix_of

    M = matrix_of(W)
    beta = M.transpose() * (M * M.transpose()).solve(matrix_of(b[:, None]))
    return np.array(fractions_of(beta.entries()), dtype=object)


@check(number=9, name="simplified MASO", needs_network=True, regions=False)
@guarded
def check_simplified(network: Network | Partition, domain: Domain | None = None) -> Report:
    """Check which layers of a network are simplified MASOs.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Not used: layers are compared everywhere.

    Returns
    -------
    Report
        For every layer of ReLU, leaky ReLU or abs with linearly independent filters the
        simplified MASO is built and compared with the layer, piece by piece. ``details`` says of
        the other convex layers whether they are simplified MASOs, with a proof if not. "not
        applicable" if no layer has independent filters.

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

    Examples
    --------
    >>> import exactspline as es
    >>> independent = es.Network([es.Dense([[1, 2], [0, 1]], [1, 1]), es.ReLU()], (2,))
    >>> parallel = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> check_simplified(independent).verdict, check_simplified(parallel).verdict
    ('holds', 'not applicable')
    """
    from ...polyhedra.linear import rank_of

    checked, wrong = 0, None
    others: dict[str, str] = {}
    for layer in network_behind(network).layers:
        try:
            maso = layer.as_maso()
        except UnsupportedOperatorError as error:
            others[layer.label] = f"no MASO: {error}"
            continue
        found = _filters(layer)
        if found is None or rank_of(found[0]) < len(found[0]):
            shared = _shared_bias(maso)
            others[layer.label] = (
                "a simplified MASO all the same"
                if shared.beta is not None
                else f"no simplified MASO: {_proof(shared)}"
            )
            continue
        simple = SimplifiedMASO(maso.A, _solved(*found))
        checked += 1
        mine, theirs = as_fractions(simple.B), as_fractions(maso.B)
        for k, r in np.ndindex(*mine.shape):
            if mine[k, r] != theirs[k, r] and wrong is None:
                wrong = {
                    "layer": layer.label, "output": k, "piece": r, "beta": simple.beta,
                    "<A_kr, beta>": mine[k, r], "B_kr": theirs[k, r],
                }  # fmt: skip
    routes = (
        "the layer's MASO by the formula of the composition",
        "the simplified MASO with beta = W^T (W W^T)^-1 b",
    )
    says = Statement("check_simplified", _STATEMENT, _SOURCE, routes, "layers")
    details = {"other layers": others}
    if not checked:
        reason = "no layer of ReLU, leaky ReLU or abs units has linearly independent filters"
        return says.not_applicable(reason, details)
    reason = "" if wrong is None else f"{wrong['layer']}: its bias is not shared"
    return says.report(wrong, reason, checked=checked, details=details)


@check(number=9, name="symbolic simplified MASO", needs_network=False)
@guarded
def check_symbolic_simplified() -> Report:
    """Check for symbols that independent filters suffice, and show an operator beyond reach.

    Returns
    -------
    Report
        For W of shape (2, 2) with det W != 0 all pieces of max(eta u, u), u = W x + b, are
        <A_kr, x + beta> with W beta = b: eta = 0 is ReLU, eta = -1 abs. ``details`` has two
        parallel filters with different biases, which no simplified MASO expresses.

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

    Examples
    --------
    >>> report = check_symbolic_simplified()
    >>> report.verdict, report.symbolic
    ('holds', True)
    """
    import sympy

    from .symbolic import symbols_of

    W, b, z = symbols_of("w", 2, 2), symbols_of("b", 2), symbols_of("z", 2)
    eta = sympy.Symbol("eta", real=True)
    beta = symbolic_bias(W, b)
    checked, wrong = 0, None
    for k in range(2):
        u = sum(w * v for w, v in zip(W[k], z, strict=True)) + b[k]
        for slope in (eta, sympy.Integer(1)):
            simple = sum(slope * w * (v + c) for w, v, c in zip(W[k], z, beta, strict=True))
            checked += 1
            if sympy.simplify(slope * u - simple) != 0 and wrong is None:
                wrong = {"output": k, "slope": slope, "piece": slope * u, "simplified": simple}
    parallel = ReLU().as_maso((2,)).after([[1], [1]], [0, -1])
    impossible = _shared_bias(parallel)
    if impossible.beta is not None and wrong is None:
        wrong = {"relu(x), relu(x - 1)": "has a shared bias", "beta": impossible.beta}
    example = "" if impossible.beta is not None else _proof(impossible)
    routes = "the pieces slope * (W x + b)", "<A_kr, x + beta> with W beta = b"
    return Statement(
        "check_symbolic_simplified", _STATEMENT, _SOURCE, routes, "pieces", symbolic=True
    ).report(
        wrong, "a piece with the shared bias is not the operator's", checked=checked,
        details={"no simplified MASO: relu(x), relu(x - 1)": example},
    )  # fmt: skip


def symbolic_bias(W: np.ndarray, b: np.ndarray) -> list[Any]:
    """beta with W beta = b, in symbols."""
    import sympy

    return list(sympy.Matrix(W.tolist()).LUsolve(sympy.Matrix(b.tolist())))
