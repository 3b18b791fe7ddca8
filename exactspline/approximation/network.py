"""The whole network: ranges and errors carried from operator to operator, smooth ones replaced."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ..compile import compile_operator
from ..domain import Domain
from ..errors import ParameterError, ShapeError
from ..mode import guarded
from ..network.activations import ScalarSpline
from ..network.network import Network
from ..network.operator import Operator, brief
from ..rationals import exact_array, to_fraction
from ..texts import no_network
from .functions import curve_of
from .intervals import Bounds, input_bounds, through
from .proof import image, lipschitz, upwards
from .report import Approximation, Replaced
from .splines import Spline, fit

__all__ = ["approximate"]

_PRECISION = 128


@guarded
def approximate(network: Network, error: Any, domain: Domain | None = None) -> Approximation:
    """Replace smooth operators by affine splines; see `exactspline.approximate`."""
    if not isinstance(network, Network):
        raise ShapeError(no_network(network))
    requested = _positive(error)
    _check_domain(network, domain)
    _check_operators(network)
    if not any(node.operator.smooth for node in network.nodes):
        return Approximation(network, (), requested, (Fraction(0),) * network.output_dim)
    return _Rewriter(network, requested).run(input_bounds(domain, network.input_dim))


def _positive(error: Any) -> Fraction:
    value = to_fraction(error, "error")
    if value <= 0:
        raise ParameterError(f"error: {brief(value)} is not positive; give the error allowed")
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
        self.reports: list[Replaced] = []

    def run(self, inputs: Bounds) -> Approximation:
        net = self.network
        last_use = {i: at for at, node in enumerate(net.nodes) for i in node.inputs}
        known: dict[int, Bounds] = {-1: inputs}
        wired: list[tuple[Operator, tuple[int, ...]]] = []
        for at, node in enumerate(net.nodes):
            read = [known[i] for i in node.inputs]
            if node.operator.smooth:
                operator, known[at] = self._replace(node.operator, self.network.labels[at], read[0])
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
    columns = (exact_array(v) for v in (spline.breaks, spline.slopes, spline.offsets))
    return ScalarSpline(*columns, name=name)
