"""How one layer cuts: alike with ReLU, leaky ReLU and abs; and that abs reflects."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...mode import guarded
from ...rationals import compact
from ..common.region_maps import dense, dot, first_layers, partition_of
from ..registry import check
from ..report import GEOMETRY, Report, Statement
from .geometry import state_at

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


@check(number=12, name="reflection", needs_network=True)
@guarded
def check_reflection(network: Network | Partition, domain: Domain | None = None) -> Report:
    """Check that the absolute value reflects: |u| is symmetric in the hyperplane u = 0.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional

    Returns
    -------
    Report
        For every unit of the first layer whose slopes are -s and s: its exact values at points
        that span the side u > 0, and at their mirror images. Not applicable without such units.

    Notes
    -----
    The other units' outputs are not symmetric; what is reflected is this unit's own share, so
    that a deeper hyperplane's normal changes from rest - s w W to rest + s w W.
    """
    partition = partition_of(network, domain)
    says = Statement(
        "check_reflection",
        "An absolute value reflects: u = <W, x> + b, R the reflection in the "
        "hyperplane u = 0, then |u| composed with R is |u|, piece by piece.",
        f"{GEOMETRY}, on the cuts of a layer",
        (
            "the unit's exact values at points that span its positive side",
            "its values at their images under the reflection in the hyperplane",
        ),
        "units",
    )
    layers = partition.network.program.layers
    mirrors = [] if not layers else _mirrors(layers[0])
    bad, checked, points = None, 0, 0
    first = first_layers(partition.network.program, 1 if layers else 0)
    for k, normal, constant in mirrors:
        size = dot(normal, normal)
        if size == 0:
            continue
        checked += 1
        for x in _one_side(normal, constant):
            share = 2 * (dot(normal, x) + constant) / size
            image = [v - share * w for v, w in zip(x, normal, strict=True)]
            here, there = state_at(first, x)[k], state_at(first, image)[k]
            points += 1
            if here != there:
                bad = {"unit": k, "x": x, "mirror image": image, "value": here,
                       "value there": there}  # fmt: skip
                break
        if bad is not None:
            break
    if not checked:
        return says.not_applicable(
            "no unit of the first layer is an absolute value of a function that varies"
        )
    reason = "" if bad is None else f"unit {bad['unit']} has another value at a mirror image"
    return says.report(bad, reason, checked=checked, details={"points": points})


def _mirrors(layer: Layer) -> list[tuple[int, list[Fraction], Fraction]]:
    """Units with pieces -s u and s u: their number, and u as a vector and a constant."""
    if not _bends_at_zero(layer):
        return []
    units = layer.units
    matrix, const = dense(layer.members, "layer 1")
    out = []
    for k in range(len(units)):
        low, high = (int(units.piece_start[k]) + r for r in (0, 1))
        if Fraction(units.piece_slope[low]) == -Fraction(units.piece_slope[high]):
            member = int(units.piece_member[low])
            out.append((k, list(matrix[member]), const[member]))
    return out


def _one_side(normal: Sequence[Fraction], constant: Fraction) -> list[list[Fraction]]:
    """Affinely independent points, one more than there are inputs, at which u is positive."""
    lift = (1 - constant) / dot(normal, normal)
    start = [lift * w for w in normal]  # u = 1 there
    step = 1 / (2 * max(map(abs, normal)))
    return [[v + step * (i == j) for i, v in enumerate(start)] for j in range(-1, len(start))]
