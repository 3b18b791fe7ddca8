"""The whole network: ranges and errors carried from operator to operator, smooth ones replaced."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np

from ..compile import compile_operator
from ..domain import Domain
from ..errors import ParameterError, ShapeError
from ..network.activations import ScalarSpline
from ..network.network import Network
from ..network.operator import Operator
from ..rationals import compact, to_fraction
from .functions import curve_of
from .intervals import Bounds, input_bounds, through
from .proof import image, lipschitz, upwards
from .report import Approximation, Replaced
from .splines import Spline, fit

__all__ = ["approximate"]

_PRECISION = 128


def approximate(network: Network, error: Any, domain: Domain | None = None) -> Approximation:
    """Replace every smooth scalar operator of a network by an affine spline.

    Parameters
    ----------
    network : Network
        With `Sigmoid`, `Tanh`, `Softplus`, `SiLU`, `GELU` or `ELU` operators inside.
    error : number or text
        The largest error of each spline on the interval its units can reach: a sup-norm bound
        a unit, positive.
    domain : Domain, optional
        Where the network is to be approximated; all of R^D by default.

    Returns
    -------
    Approximation
        ``network`` is piecewise affine, ``units`` reports each operator, and ``error`` bounds
        the difference of the outputs.

    Raises
    ------
    UnsupportedOperatorError
        If something that is no scalar function (softmax, say) stands inside the network.
    ParameterError
        If the error is not a positive number.
    LimitError
        If an operator would need more than 10,000 pieces.
    ShapeError, DomainError
        If the domain does not fit the network, or is empty.

    Notes
    -----
    Guarantee: all bounds hold in real arithmetic. Those of the splines are proved in ball
    arithmetic; ranges and errors are carried through the operators in float64 rounded
    outwards. The network's bound grows with the operators' weights, so it can be far above
    the true difference in a deep net.

    All units of an operator share one spline, on the hull of their ranges. Convex operators
    (softplus; ELU with alpha from 0 to 1) become maxima of affine functions (MASOs), the
    others continuous splines (ASOs). With n pieces the error is about
    (integral of sqrt|f''|)^2 / (16 n^2), half of what chords without a shift give. On an
    unbounded range the outer pieces run along the asymptotes.

    An operator g at the output (softmax, log-softmax, sigmoid) stays and is not approximated.

    Cost: some 50 milliseconds a spline at an error of 1e-3, a second at 1e-6, about a
    millisecond a piece beyond; besides, about that of compiling the network.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: convex operators are
    approximated arbitrarily closely by max-affine spline operators.

    de Boor, "A Practical Guide to Splines", 1978, chapter III: the error of a chord,
    h^2 max|f''| / 8, and the best breakpoints.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [2]]), es.Tanh(), es.Dense([[1, -1]])], (1,))
    >>> found = es.approximate(net, error="0.1", domain=es.Box([-1], [1]))
    >>> found.units[0].pieces, bool(found.error <= Fraction(1, 5))
    (3, True)
    >>> es.count_regions(found.network, es.Box([-1], [1]))
    5
    """
    if not isinstance(network, Network):
        raise ShapeError(f"a Network is needed, not a {type(network).__name__}")
    requested = _positive(error)
    _check_domain(network, domain)
    _check_operators(network)
    if not any(node.operator.smooth for node in network.nodes):
        return Approximation(network, (), requested, (Fraction(0),) * network.output_dim)
    return _Rewriter(network, requested).run(input_bounds(domain, network.input_dim))


def _positive(error: Any) -> Fraction:
    value = to_fraction(error, "error")
    if value <= 0:
        raise ParameterError(f"error: {float(value):g} is not positive; give the error allowed")
    return value


def _check_domain(network: Network, domain: Domain | None) -> None:
    if domain is None:
        return
    if not isinstance(domain, Domain):
        raise ShapeError(
            f"a domain is needed (Box, Polytope, Slice, WholeSpace), not a {type(domain).__name__}"
        )
    if domain.dim != network.input_dim:
        raise ShapeError(
            f"the domain lies in R^{domain.dim}, but the network has {network.input_dim} inputs "
            f"(shape {network.input_shape})"
        )


def _check_operators(network: Network) -> None:
    """Refuse at once what only an output may be."""
    for node in network.nodes:
        if node.operator.smooth:
            curve_of(node.operator, 8)


class _Rewriter:
    """Walks through a network once; every node gets its bounds and its replacement."""

    def __init__(self, network: Network, requested: Fraction) -> None:
        self.network, self.requested = network, requested
        labels = [node.operator.label for node in network.nodes]
        times = Counter(labels)
        self.names = [
            label if times[label] == 1 else f"{label}.{i}" for i, label in enumerate(labels)
        ]
        self.reports: list[Replaced] = []

    def run(self, inputs: Bounds) -> Approximation:
        net = self.network
        last_use = {i: at for at, node in enumerate(net.nodes) for i in node.inputs}
        known: dict[int, Bounds] = {-1: inputs}
        wired: list[tuple[Operator, tuple[int, ...]]] = []
        for at, node in enumerate(net.nodes):
            read = [known[i] for i in node.inputs]
            if node.operator.smooth:
                operator, known[at] = self._replace(node.operator, self.names[at], read[0])
            else:
                operator = node.operator
                shapes = [net.input_shape if i < 0 else net.nodes[i].shape for i in node.inputs]
                known[at] = through(compile_operator(operator, shapes), Bounds.join(read))
            wired.append((operator, node.inputs))
            for i in node.inputs:
                if last_use[i] == at:
                    known.pop(i, None)
        wired += [(node.operator, node.inputs) for node in net.output_nodes]
        bounds = known[len(net.nodes) - 1].error.tolist()
        errors = tuple(Fraction(e) if math.isfinite(e) else None for e in bounds)
        reason = ""
        if None in errors:
            reason = (
                "the weights make the errors grow beyond float64; give a bounded domain, or "
                "rescale the network"
            )
        return Approximation(
            Network.from_nodes(wired, net.input_shape),
            tuple(self.reports),
            self.requested,
            errors,
            reason,
        )

    def _replace(self, operator: Operator, name: str, x: Bounds) -> tuple[Operator, Bounds]:
        least, most = float(x.low.min()), float(x.high.max())
        low = Fraction(least) if math.isfinite(least) else None
        high = Fraction(most) if math.isfinite(most) else None
        spline = fit(operator, low, high, self.requested)
        curve = curve_of(operator, _PRECISION)
        steepest = lipschitz(curve, low, high, _PRECISION)
        self.reports.append(
            Replaced(
                name, operator.kind, len(x.low), low, high, len(spline.slopes), spline.bound,
                steepest, spline.convex,
            )
        )  # fmt: skip
        values = image(curve, x.low, x.high)
        return _operator(spline, operator.label), _bounds(x, values, spline, steepest)


def _bounds(
    x: Bounds, values: tuple[np.ndarray, np.ndarray], spline: Spline, steepest: Fraction
) -> Bounds:
    """|f(u) - s(v)| <= |f(u) - f(v)| + |f(v) - s(v)|, and s is within its bound of f."""
    off, slope = upwards(spline.bound), upwards(steepest)
    with np.errstate(all="ignore"):
        error = np.where(x.error > 0, x.error * slope, 0.0)
        error = np.nextafter(np.nextafter(error, math.inf) + off, math.inf)
        low = np.nextafter(values[0] - off, -math.inf)
        high = np.nextafter(values[1] + off, math.inf)
    if off == 0 and not np.any(x.error):
        error, (low, high) = np.zeros_like(error), values
    return Bounds(low, high, np.where(np.isnan(error), math.inf, error)).capped()


def _operator(spline: Spline, name: str) -> ScalarSpline:
    columns = (_exact(v) for v in (spline.breaks, spline.slopes, spline.offsets))
    return ScalarSpline(*columns, name=name)


def _exact(values: tuple[Fraction, ...]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return compact(out)
