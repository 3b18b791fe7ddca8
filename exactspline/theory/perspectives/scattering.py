"""Wavelets: a scattering network of filters, absolute values and averages, as a MASO network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ParameterError
from ...mode import guarded
from ...rationals import to_fraction
from ..common.samples import exact_forward, times
from ..operators.operators import check_operators
from ..registry import check, exported
from ..report import Report, Statement

if TYPE_CHECKING:
    from ...network.network import Network
    from ...network.operator import Operator

__all__ = ["check_scattering", "scattering_network", "wavelet_filters"]

ROOT_3 = Fraction(18817, 10864)  # a convergent of sqrt(3)

Vector = list[Fraction]


@exported
@guarded
def wavelet_filters(kind: str = "haar", *, root: Any = ROOT_3) -> tuple[Vector, Vector]:
    """A low-pass and a high-pass filter with rational taps.

    Parameters
    ----------
    kind : {"haar", "daubechies"}
        Haar: (1, 1) / 2 and (1, -1) / 2. Daubechies with four taps, s = sqrt(3):
        (1 + s, 3 + s, 3 - s, 1 - s) / 8 and (1 - s, s - 3, 3 + s, -1 - s) / 8.
    root : number
        The rational that stands for sqrt(3). With any of them the low-pass taps add up to 1, and
        the high-pass ones have two vanishing moments, exactly; shifts by two are orthogonal up to
        (6 - 2 s^2) / 64.

    Returns
    -------
    low, high : lists of Fraction

    Raises
    ------
    ParameterError
        For another kind.

    Examples
    --------
    >>> low, high = wavelet_filters("daubechies")
    >>> sum(low), sum(high), sum(n * v for n, v in enumerate(high))
    (Fraction(1, 1), Fraction(0, 1), Fraction(0, 1))
    """
    half = Fraction(1, 2)
    if kind == "haar":
        return [half, half], [half, -half]
    if kind != "daubechies":
        raise ParameterError(f"wavelet_filters: {kind!r}; give 'haar' or 'daubechies'")
    s = to_fraction(root, "wavelet_filters: root")
    low = [(1 + s) / 8, (3 + s) / 8, (3 - s) / 8, (1 - s) / 8]
    high = [(1 - s) / 8, (s - 3) / 8, (3 + s) / 8, (-1 - s) / 8]
    return low, high


def kernels(low: Sequence[Fraction], high: Sequence[Fraction], scales: int) -> list[Vector]:
    """The wavelets of all scales: high-pass with holes behind j low-pass filters with holes.

    Examples
    --------
    >>> [[str(v) for v in k] for k in kernels(*wavelet_filters("haar"), 2)]
    [['1/2', '-1/2'], ['1/4', '1/4', '-1/4', '-1/4']]
    """
    out, smooth = [], [Fraction(1)]
    for j in range(scales):
        out.append(_convolved(smooth, _holes(high, 2**j)))
        smooth = _convolved(smooth, _holes(low, 2**j))
    return out


def _holes(taps: Sequence[Fraction], step: int) -> Vector:
    out = [Fraction(0)] * ((len(taps) - 1) * step + 1)
    out[::step] = taps
    return out


def _convolved(a: Sequence[Fraction], b: Sequence[Fraction]) -> Vector:
    out = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, v in enumerate(a):
        for j, w in enumerate(b):
            out[i + j] += v * w
    return out


@exported
@guarded
def scattering_network(
    kind: str = "haar", *, length: int = 8, scales: int = 2, window: int = 4, root: Any = ROOT_3
) -> Network:
    """A scattering network of two layers: averages of x, |x * w_j| and ||x * w_i| * w_j|, j > i.

    Parameters
    ----------
    kind : {"haar", "daubechies"}
    length : int
        Of the signal, which is periodic; the longest wavelet must fit.
    scales : int
        J: wavelets w_0, ..., w_(J - 1), each twice as wide as the one before.
    window : int
        Averages are over windows of this length, side by side; it divides ``length``.
    root : number
        For Daubechies, as for `wavelet_filters`.

    Returns
    -------
    Network
        Of shape (1, length) to 1 + J + J (J - 1) / 2 paths of length / window averages. Circular
        convolutions, absolute values and average pooling: every layer is a MASO, exactly.

    Raises
    ------
    ParameterError
        If sizes do not fit.

    Examples
    --------
    >>> net = scattering_network("haar")
    >>> net.input_shape, net.output_shape, net.units
    ((1, 8), (8,), 24)
    """
    from ...network import Abs, AveragePool, Concat, Conv, Flatten, Network, Pad
    from ...network.operator import one_integer

    length, window = one_integer(length, "length"), one_integer(window, "window")
    scales = one_integer(scales, "scales")
    if not 1 <= scales <= 8 or window < 1 or length < 1 or length % window:
        raise ParameterError(
            f"scattering_network: length {length}, window {window}, scales {scales}; the window "
            "must divide the length, and there are 1 to 8 scales"
        )
    waves = kernels(*wavelet_filters(kind, root=root), scales)
    wide = len(waves[-1])
    if wide > length:
        raise ParameterError(
            f"scattering_network: the widest wavelet has {wide} taps, the signal {length}; take "
            "fewer scales or a longer signal"
        )
    first = np.full((scales, 1, wide), Fraction(0), dtype=object)
    for j, taps in enumerate(waves):
        first[j, 0] = _reversed(taps, wide)
    pairs = [(i, j) for i in range(scales) for j in range(i + 1, scales)]
    second = np.full((len(pairs), scales, wide), Fraction(0), dtype=object)
    for p, (i, j) in enumerate(pairs):
        second[p, i] = _reversed(waves[j], wide)
    nodes: list[tuple[Operator, list[int]]] = []

    def add(operator: Operator, *inputs: int) -> int:
        nodes.append((operator, list(inputs)))
        return len(nodes) - 1

    def averages(at: int) -> int:
        return add(Flatten(), add(AveragePool((window,), stride=window), at))

    def wavelets(weight: np.ndarray, at: int, name: str) -> int:
        # y[n] = sum_k w[k] x[n - k]: the last taps come first, and so does what is before n
        padded = add(Pad((wide - 1, 0), mode="wrap"), at)
        return add(Abs(name=f"{name} modulus"), add(Conv(weight, name=name), padded))

    paths = [averages(-1)]
    one = wavelets(first, -1, "first")
    paths.append(averages(one))
    if pairs:
        paths.append(averages(wavelets(second, one, "second")))
    add(Concat(), *paths)
    return Network.from_nodes(nodes, (1, length))


def _reversed(taps: Sequence[Fraction], wide: int) -> Vector:
    """Taps for a convolution that does not turn them around, with zeros in front."""
    return [Fraction(0)] * (wide - len(taps)) + list(taps)[::-1]


Modulus = Callable[[Fraction], Fraction]


def written(
    x: Sequence[Fraction], waves: Sequence[Vector], window: int, modulus: Modulus = abs
) -> tuple[Vector, list[Vector]]:
    """Scattering coefficients by sums over a periodic signal, and all values under a modulus."""
    n = len(x)

    def filtered(signal: Sequence[Fraction], taps: Sequence[Fraction]) -> Vector:
        return [sum((t * signal[(i - k) % n] for k, t in enumerate(taps)), Fraction(0))
                for i in range(n)]  # fmt: skip

    def averages(signal: Sequence[Fraction]) -> Vector:
        return [sum(signal[i : i + window], Fraction(0)) / window for i in range(0, n, window)]

    out, bare = averages(x), [filtered(x, taps) for taps in waves]
    first = [[modulus(v) for v in signal] for signal in bare]
    for signal in first:
        out += averages(signal)
    for i in range(len(waves)):
        for j in range(i + 1, len(waves)):
            bare.append(filtered(first[i], waves[j]))
            out += averages([modulus(v) for v in bare[-1]])
    return out, bare


@check(number=18, name="scattering", needs_network=False)
@guarded
def check_scattering(*, modulus: Modulus = abs, shift: int = 1) -> Report:
    """Check scattering networks: filter banks, absolute values and averages are MASO networks.

    Parameters
    ----------
    modulus : callable
        What stands in the sums that are written out, to test in place of the absolute value.
    shift : int
        By how much a signal is moved, where averages over all of it must not change.

    Returns
    -------
    Report
        For Haar and Daubechies: the network's exact forward with sums over the periodic signal;
        every operator with its MASO; templates at signals with the product of averages, signs
        and circulant matrices; that averages over the whole signal do not change when it moves.

    References
    ----------
    S. Mallat, Group invariant scattering, 2012; J. Bruna, S. Mallat, Invariant scattering
    convolution networks, 2013; Balestriero, Baraniuk, ICML 2018.

    Examples
    --------
    >>> check_scattering().verdict
    'holds'
    """
    says = Statement(
        "check_scattering",
        "A scattering network of two layers is a MASO network: its coefficients are averages of "
        "|x * w_j| and ||x * w_i| * w_j|, and its templates at x products of averages, signs and "
        "filters.",
        "Mallat 2012; Bruna, Mallat 2013; as MASOs: Balestriero, Baraniuk, ICML 2018",
        ("the network of convolutions, its forward and its maps", "sums over the periodic signal"),
        "signals",
    )
    bad, checked = None, 0
    details: dict[str, Any] = {}
    for kind in ("haar", "daubechies"):
        scales = 2 if kind == "haar" else 1
        for window in (4, 12):
            net = scattering_network(kind, length=12, scales=2, window=window)
            waves = kernels(*wavelet_filters(kind), 2)
            for x in _signals(12):
                checked += 1
                found = exact_forward(net, [x])[0]
                if bad is None and found != written(x, waves, window, modulus)[0]:
                    bad = {"kind": kind, "signal": x, "what": "the coefficients differ"}
                if bad is None and _template(net, x) != _signed(x, waves, window):
                    bad = {"kind": kind, "signal": x, "what": "the templates differ"}
                if window == 12 and bad is None:
                    moved = [*x[shift:], *x[:shift]]
                    if exact_forward(net, [moved])[0] != found:
                        bad = {"kind": kind, "signal": x, "what": "a shift changes averages"}
        operators = check_operators(scattering_network(kind, length=4 * scales, scales=1))
        details[f"{kind}: operators and their MASOs"] = operators.verdict
        if bad is None and not operators.holds:
            bad = {"kind": kind, "what": "an operator is not its MASO"}
    low, _ = wavelet_filters("daubechies")
    details["Daubechies: inner product of shifts by two"] = low[0] * low[2] + low[1] * low[3]
    why = "" if bad is None else str(bad["what"])
    return says.report(bad, why, checked=checked, details=details)


def _signals(length: int) -> list[Vector]:
    """A step, a ramp, a spike, and two with no pattern; values under no modulus vanish."""
    step = [Fraction(int(i >= length // 3)) + Fraction(i * i % 7, 50) for i in range(length)]
    ramp = [Fraction(i, 3) + Fraction((i * 5) % 11, 40) for i in range(length)]
    spike = [Fraction(int(i == 4)) + Fraction((i * 3) % 13, 60) for i in range(length)]
    odd = [Fraction((i * i * 7 + 3 * i) % 23 - 11, 5) for i in range(length)]
    return [step, ramp, spike, odd, [Fraction((i * 29) % 31 - 15, 4) for i in range(length)]]


def _template(net: Network, x: Vector) -> list[Vector]:
    from ...cells.point import code_at
    from ...partition.regions.maps import program_map
    from ..common.region_maps import dense

    code, _ = code_at(net.program, x)
    A, _ = dense(program_map(net.program, np.asarray(code)), "scattering")
    return [list(row) for row in A]


def _signed(x: Vector, waves: Sequence[Vector], window: int) -> list[Vector]:
    """Averages times signs times circulant matrices, path by path."""
    n = len(x)
    average = np.array([[Fraction(int(i // window == r), window) for i in range(n)]
                        for r in range(n // window)], dtype=object)  # fmt: skip
    circulant = []
    for taps in waves:
        C = np.full((n, n), Fraction(0), dtype=object)
        for i in range(n):
            for k, t in enumerate(taps):
                C[i, (i - k) % n] += t
        circulant.append(C)
    bare = written(x, waves, window)[1]
    signs = [np.array([[Fraction(1 if v > 0 else -1)] for v in values]) for values in bare]
    rows = average.tolist()
    first = [s * C for s, C in zip(signs, circulant, strict=False)]
    for U in first:
        rows += times(average, U).tolist()
    at = len(waves)
    for i in range(len(waves)):
        for j in range(i + 1, len(waves)):
            rows += times(average, signs[at] * times(circulant[j], first[i])).tolist()
            at += 1
    return [list(row) for row in rows]
