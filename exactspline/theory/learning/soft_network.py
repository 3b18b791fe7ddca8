"""A whole network with soft selections: values, gradients, and its distance to the hard one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DomainError, ParameterError, ShapeError
from ...mode import guarded
from ...rationals import to_fraction
from ..common.region_maps import network_of
from ..registry import exported
from .soft_units import (
    FORMS,
    SoftLayer,
    above,
    ball,
    dense_floats,
    exact_rows,
    gap_error,
    least_error,
    precise,
    soft_layers,
)

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network

__all__ = ["SoftNetwork"]

_GRID = 1 << 64  # ranges and errors are rounded outwards to multiples of 1 / _GRID

Range = tuple[Fraction, Fraction]


@exported
@guarded
class SoftNetwork:
    """A network in which every unit weighs its pieces by entropy in place of picking the largest.

    Parameters
    ----------
    network : Network
        Of convex and concave units: ReLU, leaky ReLU, absolute value, maxout, max-pooling, minima,
        MASOs. The output operator (softmax) is left out.
    beta : number
        In [0, 1]. 1 is the network itself, 1/2 has SiLU for ReLU, 0 is the mean of the pieces.
    form : {"mean", "log-sum-exp"}
        "mean": sum_r t_r z_r, the expected piece (swish, softmax-pooling). "log-sum-exp":
        (1 - beta) / beta log sum_r exp(beta z_r / (1 - beta)), the value of the problem itself
        divided by beta (softplus and its relatives); not at beta = 0.

    Raises
    ------
    ParameterError
        For another beta or form.
    UnsupportedOperatorError
        For units that are neither convex nor concave.

    Notes
    -----
    t = softmax(beta z / (1 - beta)) is the only maximum of beta <t, z> + (1 - beta) H(t) over the
    simplex. Pieces are those of the compiled units, each once. A minimum is minus the soft maximum
    of minus its pieces.

    References
    ----------
    Balestriero, Baraniuk, From Hard to Soft, ICLR 2019.

    Examples
    --------
    >>> from exactspline import Dense, Network, ReLU
    >>> soft = SoftNetwork(Network([ReLU(), Dense([[1]])], (1,)))
    >>> soft.values([[1.0]]).round(4).tolist(), soft.jacobian([[1.0]]).round(4).tolist()
    ([[0.7311]], [[[0.9277]]])
    """

    def __init__(self, network: Network, beta: Any = Fraction(1, 2), *, form: str = "mean") -> None:
        self.network = network_of(network, "SoftNetwork")
        self.beta: Fraction = to_fraction(beta, "SoftNetwork: beta")
        if not 0 <= self.beta <= 1:
            raise ParameterError(f"SoftNetwork: beta {beta}; give a number from 0 to 1")
        if form not in FORMS:
            raise ParameterError(f"SoftNetwork: form {form!r}; give one of {FORMS}")
        if form == "log-sum-exp" and self.beta == 0:
            raise ParameterError("SoftNetwork: log-sum-exp has no value at beta = 0")
        self.form = form
        self._layers: list[SoftLayer] = soft_layers(network.program)

    @property
    def sharpness(self) -> float:
        """beta / (1 - beta), what pieces are multiplied by; infinite at beta = 1.

        Examples
        --------
        >>> from exactspline import Network, ReLU
        >>> SoftNetwork(Network([ReLU()], (1,)), "3/4").sharpness
        3.0
        """
        return math.inf if self.beta == 1 else float(self.beta / (1 - self.beta))

    def values(self, x: Any) -> np.ndarray:
        """The soft network's values, in float64.

        Parameters
        ----------
        x : array_like, shape (batch, *input_shape)

        Returns
        -------
        numpy.ndarray, shape (batch, C)

        Raises
        ------
        ShapeError

        Examples
        --------
        >>> from exactspline import MaxPool, Network
        >>> pooled = SoftNetwork(Network([MaxPool((2,))], (1, 2)))
        >>> pooled.values([[[0.0, 1.0]]]).round(4).tolist()  # softmax-pooling
        [[0.7311]]
        """
        return self._run(x, slopes=False)[0]

    def jacobian(self, x: Any) -> np.ndarray:
        """The derivatives of the values, in float64, shape (batch, C, D).

        Parameters
        ----------
        x : array_like, shape (batch, *input_shape)

        Raises
        ------
        ShapeError

        Notes
        -----
        sum_r w_r grad z_r with w_r = t_r (1 + beta / (1 - beta) (z_r - sum t z)) for the mean (they
        add up to 1, and some may be negative), w = t for log-sum-exp. At beta = 1 the gradient
        of the first piece that is largest.

        Examples
        --------
        >>> from exactspline import Abs, Network
        >>> soft = SoftNetwork(Network([Abs()], (1,)), form="log-sum-exp")
        >>> soft.jacobian([[0.5]]).round(4).tolist()
        [[[0.4621]]]
        """
        return self._run(x, slopes=True)[1]

    def _run(self, x: Any, *, slopes: bool) -> tuple[np.ndarray, np.ndarray]:
        given = np.asarray(x, dtype=np.float64)
        if given.shape[1:] != self.network.input_shape:
            raise ShapeError(
                f"SoftNetwork: x has shape {given.shape}; give (batch, "
                f"{', '.join(map(str, self.network.input_shape))})"
            )
        state = given.reshape(len(given), -1)
        width = state.shape[1]
        drift = np.broadcast_to(np.eye(width), (len(state), width, width)) if slopes else None
        for layer in self._layers:
            matrix, const = layer.dense
            members = state @ matrix.T + const
            slope = layer.slope.astype(np.float64)
            z = members[:, layer.member] * slope + layer.offset.astype(np.float64)
            value, weights = self._selected(layer, z)
            state = np.concatenate([value, state[:, layer.keep]], axis=1)
            if drift is not None:
                moved = matrix @ drift
                steps = moved[:, layer.member] * (slope * weights)[:, :, None]
                summed = np.add.reduceat(steps, layer.start[:-1], axis=1)
                drift = np.concatenate([summed, drift[:, layer.keep]], axis=1)
        matrix, const = dense_floats(self.network.program.output)
        values = state @ matrix.T + const
        return values, (matrix @ drift if drift is not None else values)

    def _selected(self, layer: SoftLayer, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The units' values from those of their pieces, and the weights of their gradients."""
        unit = np.repeat(np.arange(len(layer.sign)), np.diff(layer.start))
        sign = layer.sign[unit]
        turned, first = z * sign, layer.start[:-1]
        top = np.maximum.reduceat(turned, first, axis=1)
        below = turned - top[:, unit]
        sharp = self.sharpness
        with np.errstate(under="ignore", over="ignore"):
            if math.isinf(sharp):
                before = np.cumsum(below == 0, axis=1) - (below == 0)
                rank = before - before[:, first][:, unit]
                powers = ((below == 0) & (rank == 0)).astype(np.float64)
            else:
                powers = np.exp(sharp * below)
        total = np.add.reduceat(powers, first, axis=1)
        t = powers / total[:, unit]
        if self.form == "log-sum-exp":
            extra = np.log(total) / sharp if not math.isinf(sharp) else 0.0
            return (top + extra) * layer.sign, t
        mean = np.add.reduceat(t * below, first, axis=1)
        if math.isinf(sharp):
            return top * layer.sign, t
        return (top + mean) * layer.sign, t * (1 + sharp * (below - mean[:, unit]))

    def balls(self, x: Sequence[Any]) -> list[Any]:
        """Proved enclosures of the values at a rational point: balls of flint, one an output.

        Parameters
        ----------
        x : sequence of numbers, length D

        Raises
        ------
        ShapeError
            If it has another length.
        ParameterError
            At beta = 1: that is the network itself, exactly.

        Examples
        --------
        >>> from exactspline import Network, ReLU
        >>> float(SoftNetwork(Network([ReLU()], (1,))).balls([1])[0])
        0.7310585786300049
        """
        if self.beta == 1:
            raise ParameterError("balls: at beta = 1 take network.forward(x, exact=True)")
        point = [to_fraction(v, "balls: x") for v in x]
        if len(point) != self.network.input_dim:
            raise ShapeError(
                f"balls: a point of {len(point)} numbers; the network has "
                f"{self.network.input_dim} inputs"
            )
        with precise():
            sharp = ball(self.beta / (1 - self.beta))
            state = [ball(v) for v in point]
            for layer in self._layers:
                members = [_at(row, state) for row in layer.rows]
                units = [
                    self._one(
                        [members[layer.member[r]] * ball(layer.slope[r]) + ball(layer.offset[r])
                         for r in layer.pieces(k)], int(layer.sign[k]), sharp,
                    )
                    for k in range(len(layer.sign))
                ]  # fmt: skip
                state = units + [state[j] for j in layer.keep.tolist()]
            return [_at(row, state) for row in exact_rows(self.network.program.output)]

    def _one(self, z: list[Any], sign: int, sharp: Any) -> Any:
        turned = [sign * v for v in z]
        top = max(turned, key=lambda v: float(v.mid()))
        powers = [(sharp * (v - top)).exp() for v in turned]
        total = sum(powers[1:], powers[0])
        if self.form == "log-sum-exp":
            return sign * (top + total.log() / sharp)
        weighted = [p * v for p, v in zip(powers, turned, strict=True)]
        return sign * (sum(weighted[1:], weighted[0]) / total)

    def error_bound(self, domain: Domain | None = None) -> tuple[Fraction, ...]:
        """How far the soft network is from the hard one, at most: proved, one number an output.

        Parameters
        ----------
        domain : Box, optional
            With finite sides; by default all of R^D.

        Returns
        -------
        tuple of Fraction
            Upper bounds of |f_beta - f| over the domain; 0 at beta = 1.

        Raises
        ------
        ParameterError
            At beta = 0, where there is no bound on all of R^D.
        DomainError
            If the domain is no box with finite sides.

        Notes
        -----
        A unit of R pieces is off by W((R - 1) / e) (1 - beta) / beta at most (log R for
        log-sum-exp), wherever its pieces are: for ReLU 0.27846 (1 - beta) / beta, attained at
        u = 1.27846 (1 - beta) / beta. What comes in wrong goes through a unit with its largest
        slope. So on all of R^D the bound is a number of the weights times (1 - beta) / beta. On a
        box, a unit with one largest piece on all of it, by intervals, is off by
        sum_r d_r exp(-beta d_r / (1 - beta)) at most, d_r its least distance to piece r.

        Examples
        --------
        >>> from exactspline import Box, Network, ReLU
        >>> soft = SoftNetwork(Network([ReLU()], (1,)), "9/10")
        >>> for domain in (None, Box([2], [3])):
        ...     print(f"{float(soft.error_bound(domain)[0]):.4g}")
        0.03094
        3.046e-08
        """
        if self.beta == 1:
            return (Fraction(0),) * self.network.output_dim
        if self.beta == 0:
            raise ParameterError(
                "error_bound: at beta = 0 the mean of the pieces is unboundedly far"
            )
        ranges = None if domain is None else _sides(domain, self.network.input_dim)
        with precise():
            sharp = ball(self.beta / (1 - self.beta))
            errors = [Fraction(0)] * self.network.input_dim
            for layer in self._layers:
                off = [sum((abs(v) * errors[j] for j, v in terms), Fraction(0))
                       for _, terms in layer.rows]  # fmt: skip
                spans = None if ranges is None else [_span(row, ranges) for row in layer.rows]
                units, images = [], []
                for k in range(len(layer.sign)):
                    error, image = self._unit_error(layer, k, off, spans, sharp)
                    units.append(_up(error))
                    images.append(image)
                keep = layer.keep.tolist()
                errors = units + [errors[j] for j in keep]
                if ranges is not None:
                    ranges = [v for v in images if v is not None] + [ranges[j] for j in keep]
            rows = exact_rows(self.network.program.output)
            return tuple(
                sum((abs(v) * errors[j] for j, v in terms), Fraction(0)) for _, terms in rows
            )

    def _unit_error(
        self, layer: SoftLayer, k: int, off: Sequence[Fraction], spans: Sequence[Range] | None,
        sharp: Any,
    ) -> tuple[Fraction, Range | None]:  # fmt: skip
        """A unit's error, of its selection and of what comes in, and the range of its value."""
        pieces, sign = layer.pieces(k), int(layer.sign[k])
        passed = max(abs(layer.slope[r]) * off[layer.member[r]] for r in pieces)
        own = above(least_error(len(pieces), self.form) / sharp)
        if spans is None:
            return own + passed, None
        hard, soft = [], []  # ranges of the pieces on the hard and on the soft state
        for r in pieces:
            a, b = spans[layer.member[r]]
            ends = sorted(sign * (layer.slope[r] * v + layer.offset[r]) for v in (a, b))
            hard.append((ends[0], ends[1]))
            wide = abs(layer.slope[r]) * off[layer.member[r]]
            soft.append((ends[0] - wide, ends[1] + wide))
        gaps = _gaps(layer, pieces, sign, off, spans, soft)
        if gaps is not None:
            own = min(own, above(gap_error(gaps, sharp, self.form)))
        low, high = max(a for a, _ in hard), max(b for _, b in hard)
        return own + passed, ((low, high) if sign > 0 else (-high, -low))


def _gaps(
    layer: SoftLayer, pieces: range, sign: int, off: Sequence[Fraction], spans: Sequence[Range],
    soft: Sequence[Range],
) -> list[Fraction] | None:  # fmt: skip
    """How far below a piece that is largest on the whole range the others are; None without one."""
    members = {int(layer.member[r]) for r in pieces}
    for p, best in enumerate(pieces):
        gaps = []
        for r, other in enumerate(pieces):
            if r == p:
                continue
            if len(members) == 1:  # affine functions of one number: least at an end
                slope = sign * (layer.slope[best] - layer.slope[other])
                const = sign * (layer.offset[best] - layer.offset[other])
                (m,) = members
                a, b = spans[m][0] - off[m], spans[m][1] + off[m]
                gap = min(slope * a, slope * b) + const
            else:
                gap = soft[p][0] - soft[r][1]
            gaps.append(gap)
        if all(gap >= 0 for gap in gaps):
            return gaps
    return None


def _at(row: tuple[Fraction, list[tuple[int, Fraction]]], state: Sequence[Any]) -> Any:
    total = ball(row[0])
    for j, v in row[1]:
        total = total + ball(v) * state[j]
    return total


def _span(row: tuple[Fraction, list[tuple[int, Fraction]]], ranges: Sequence[Range]) -> Range:
    """The range of an affine form by intervals, rounded outwards."""
    low = high = row[0]
    for j, v in row[1]:
        a, b = v * ranges[j][0], v * ranges[j][1]
        low, high = low + min(a, b), high + max(a, b)
    return -_up(-low), _up(high)


def _up(value: Fraction) -> Fraction:
    return Fraction(math.ceil(value * _GRID), _GRID)


def _sides(domain: Domain, dim: int) -> list[Range]:
    from ...domain import Box

    if not isinstance(domain, Box) or domain.dim != dim:
        raise DomainError(f"error_bound: give a Box of {dim} sides, not {domain!r}")
    out = []
    for i, (a, b) in enumerate(zip(domain.low, domain.high, strict=True)):
        if a is None or b is None:
            raise DomainError(f"error_bound: side {i} of the box is unbounded; give both ends")
        out.append((a, b))
    return out
