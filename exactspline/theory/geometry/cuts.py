"""How one layer cuts: alike with ReLU, leaky ReLU and abs; and that abs reflects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...mode import guarded
from ...rationals import compact
from ..common.region_maps import dense, dot, partition_of
from ..common.samples import exact_forward
from ..operators.operators import network_behind
from ..operators.written import affine_nodes, scalar_pieces
from ..registry import check
from ..report import GEOMETRY, Report, Statement

if TYPE_CHECKING:
    from ...compile.program import Layer
    from ...domain import Domain
    from ...network.network import Network
    from ...network.operator import Operator
    from ...partition.partition import Partition

__all__ = ["check_cut_alike", "check_reflection"]


@check(number=12, name="equal cuts", needs_network=True)
@guarded
def check_cut_alike(
    network: Network | Partition,
    domain: Domain | None = None,
    *,
    activations: Sequence[Operator] | None = None,
) -> Report:
    """Check that ReLU, leaky ReLU and abs cut the inputs of one layer alike.

    Parameters
    ----------
    network : Network or Partition
        Its first layer's weights are taken, whatever follows.
    domain : Domain, optional
    activations : sequence of Operator, optional
        What to put in the layer's place: ReLU, leaky ReLU of slopes 1/100, -1/2 and 2, and abs
        by default.

    Returns
    -------
    Report
        Not applicable unless the first layer's units have two pieces that meet at zero. Else
        every activation's regions are compared with those of the layer itself: codes, and that
        each region's witness lies in the other partition's region of the same code.

    References
    ----------
    Balestriero et al., The Geometry of Deep Networks, NeurIPS 2019.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2], [2, -1]], [0, 1]), es.ReLU()], (2,))
    >>> es.theory.check_cut_alike(net).verdict
    'holds'
    """
    from ... import network as ops

    partition = partition_of(network, domain)
    says = Statement(
        "check_cut_alike",
        "With the same weights and biases one layer cuts its inputs into the same "
        "regions with ReLU, leaky ReLU (slope not 1) and the absolute value.",
        f"{GEOMETRY}, on the cuts of a layer",
        (
            "the network's own first layer, its regions",
            "the same weights with other activations, enumerated anew",
        ),
    )
    layers = partition.network.program.layers
    if not layers or not _bends_at_zero(layers[0]):
        return says.not_applicable(
            "the first layer's units do not all have two pieces that meet at zero"
        )
    if activations is None:
        leaky = [ops.LeakyReLU(s) for s in (Fraction(1, 100), Fraction(-1, 2), Fraction(2))]
        activations = [ops.ReLU(), *leaky, ops.Abs()]
    units = layers[0].units
    members = units.piece_member[units.piece_start[:-1]].astype(np.int64)
    matrix, const = dense(layers[0].members.take(members), "layer 1")
    own = partition.at_layer(1)
    codes = {tuple(code): i for i, code in enumerate(own.codes.tolist())}
    checked, bad, names = 0, None, []
    for activation in activations:
        names.append(activation.describe())
        other = partition_of(
            ops.Network(
                [ops.Dense(compact(matrix), compact(const)), activation],
                (partition.network.input_dim,),
            ),
            partition.domain,
        )
        bad = _other_cut(partition, own.representatives.tolist(), codes, other)
        checked += len(other)
        if bad is not None:
            bad["activation"] = names[-1]
            break
    return says.report(
        bad, "there is a region of one partition only", checked=checked,
        details={"activations": names, "regions of the layer": len(codes)},
    )  # fmt: skip


def _bends_at_zero(layer: Layer) -> bool:
    units = layer.units
    return bool(units.two_piece.all()) and not (units.compares or np.any(units.piece_shift != 0))


def _other_cut(
    partition: Partition, representatives: list[int], codes: dict[tuple[int, ...], int],
    other: Partition,
) -> dict[str, Any] | None:  # fmt: skip
    """A point that shows that two partitions differ; None if they are the same."""
    from ...cells.point import code_at

    found = {tuple(code): i for i, code in enumerate(other.codes.tolist())}
    for code, i in found.items():
        if code not in codes:
            return {"code": list(code), "point": list(other.witness(i))}
    for code, i in codes.items():
        witness = partition.witness(representatives[i])
        x = partition.domain.chart.lift(witness)
        if code not in found or tuple(code_at(other.network.program, x)[0].tolist()) != code:
            return {"code": list(code), "point": list(witness)}
    return None


class Mirror(NamedTuple):
    """A unit with pieces -s u and s u, u = <normal, x> + constant over the inputs."""

    node: int  # of the network
    entry: int  # of its value
    normal: list[Fraction]
    constant: Fraction


Reflection = Callable[[Sequence[Fraction], Sequence[Fraction], Fraction], list[Fraction]]


def householder(
    x: Sequence[Fraction], normal: Sequence[Fraction], constant: Fraction
) -> list[Fraction]:
    """The mirror image in <normal, x> + constant = 0: H x - 2 constant normal / |normal|^2.

    H = I - 2 normal normal^T / |normal|^2, written out as a matrix.
    """
    n = len(normal)
    size = sum((v * v for v in normal), Fraction(0))
    H = [[Fraction(int(i == j)) - 2 * normal[i] * normal[j] / size for j in range(n)]
         for i in range(n)]  # fmt: skip
    return [
        sum((H[i][j] * x[j] for j in range(n)), Fraction(0)) - 2 * constant * normal[i] / size
        for i in range(n)
    ]


@check(number=12, name="reflection", needs_network=True, regions=False)
@guarded
def check_reflection(
    network: Network | Partition, domain: Domain | None = None, *,
    reflection: Reflection = householder,
) -> Report:  # fmt: skip
    """Check that the absolute value reflects: |u| is symmetric in the hyperplane u = 0.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        Not used: units are compared everywhere.
    reflection : callable
        (x, normal, constant) to the image of a point, to test in place of the reflection.

    Returns
    -------
    Report
        For every unit that reads an affine function u of the inputs and whose slopes are -s and
        s: at points that span the side u > 0, that the image lies on the normal through the point
        and as far behind the hyperplane (u, written down from the operators' stored numbers,
        changes its sign there), and that the exact forward has equal values at both. Not
        applicable without such units.

    Notes
    -----
    The other units' outputs are not symmetric; what is reflected is this unit's own share, so
    that a deeper hyperplane's normal changes from rest - s w W to rest + s w W.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 2], [2, -1]], [0, 1]), es.Abs()], (2,))
    >>> es.theory.check_reflection(net).verdict
    'holds'
    """
    net = network_behind(network)
    says = Statement(
        "check_reflection",
        "An absolute value reflects: u = <W, x> + b, R the reflection in the "
        "hyperplane u = 0, then |u| composed with R is |u|, piece by piece.",
        f"{GEOMETRY}, on the cuts of a layer",
        (
            "the operators' exact forward at points that span the unit's positive side",
            "the same at their images under H x - 2 b W / |W|^2, H = I - 2 W W^T / |W|^2, W and b "
            "from the stored numbers",
        ),
        "units",
    )
    bad: dict[str, Any] | None = None
    checked, points = 0, 0
    for mirror in _mirrors(net):
        if not any(mirror.normal):
            continue
        checked += 1
        xs = _one_side(mirror.normal, mirror.constant)
        images = [list(reflection(x, mirror.normal, mirror.constant)) for x in xs]
        values = [v[mirror.entry] for v in _behind(net, mirror.node, [*xs, *images])]
        for i, (x, image) in enumerate(zip(xs, images, strict=True)):
            points += 1
            bad = _no_mirror(mirror, x, image, values[i], values[len(xs) + i])
            if bad is not None:
                bad = {"unit": f"{net.labels[mirror.node]}, {mirror.entry}", **bad}
                break
        if bad is not None:
            break
    if not checked:
        return says.not_applicable(
            "no unit is an absolute value of an affine function of the inputs that varies"
        )
    reason = "" if bad is None else f"unit {bad['unit']}: {bad.pop('what')}"
    return says.report(bad, reason, checked=checked, details={"points": points})


def _no_mirror(
    mirror: Mirror, x: list[Fraction], image: list[Fraction], value: Fraction, there: Fraction
) -> dict[str, Any] | None:
    """What is wrong with an image or the values at both points, if anything is."""
    u, v = (dot(mirror.normal, p) + mirror.constant for p in (x, image))
    step = [b - a for a, b in zip(x, image, strict=True)]
    lead = next(j for j, w in enumerate(mirror.normal) if w)
    factor = step[lead] / mirror.normal[lead]
    along = all(s == factor * w for s, w in zip(step, mirror.normal, strict=True))
    wrong = {"x": x, "image": image, "value": value, "value there": there}
    if v != -u or not along:
        return {**wrong, "u": u, "u there": v, "what": "the image is no mirror image in u = 0"}
    if value != there:
        return {**wrong, "what": "it has another value at a mirror image"}
    return None


def _mirrors(network: Network) -> Iterator[Mirror]:
    """Units with pieces -s u and s u, u affine in the inputs, from the stored numbers alone."""
    n = network.input_dim
    known = affine_nodes(network.nodes, network.input_shape)
    eye = np.array([[Fraction(int(i == j)) for j in range(n)] for i in range(n)], dtype=object)
    inputs = eye.reshape(n, n), np.full(n, Fraction(0), dtype=object)
    for position, node in enumerate(network.nodes):
        at = node.inputs[0]
        source = inputs if at < 0 else known[at]
        shape = network.input_shape if at < 0 else network.nodes[at].shape
        pieces = scalar_pieces(node.operator, shape)
        if source is None or pieces is None:
            continue
        for k, (breaks, (low, *high)) in enumerate(pieces):
            if breaks == [0] and low == (-high[0][0], 0) and high[0][1] == 0:
                yield Mirror(position, k, source[0][k].tolist(), source[1][k])


def _behind(network: Network, node: int, points: Sequence[Sequence[Fraction]]) -> list[list[Any]]:
    """The exact values of a node of a network at points, by the operators' forward."""
    nodes = [(n.operator, n.inputs) for n in network.nodes[: node + 1]]
    part = network.from_nodes(nodes, network.input_shape, output=node)
    return exact_forward(part, points)


def _one_side(normal: Sequence[Fraction], constant: Fraction) -> list[list[Fraction]]:
    """Affinely independent points, one more than there are inputs, at which u is positive."""
    lift = (1 - constant) / dot(normal, normal)
    start = [lift * w for w in normal]  # u = 1 there
    step = 1 / (2 * max(map(abs, normal)))
    return [[v + step * (i == j) for i, v in enumerate(start)] for j in range(-1, len(start))]
