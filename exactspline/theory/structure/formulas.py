"""Check 6: the CNN and the ResNet formula, as explicit products on every region."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...errors import ExactSplineError, UnsupportedOperatorError
from ...mode import guarded
from ...network.affine import Add
from ...network.graph import Node
from ...network.network import Network
from ...network.operator import Operator, Shape, is_affine
from ...network.pooling import AveragePool
from ..common.region_maps import dense, partition_of
from ..common.samples import maps_of, times
from ..common.watch import watched
from ..operators.written import Affine, affine_nodes, is_scalar, selected
from ..registry import check
from ..report import SPLINE_THEORY, Report, Statement

if TYPE_CHECKING:
    from ...domain import Domain
    from ...partition.partition import Partition

__all__ = ["check_cnn_formula", "check_resnet_formula"]

Matrix = np.ndarray


class Nonlinear(NamedTuple):
    """A nonlinear operator and the shape that it reads."""

    operator: Operator
    shape: Shape


@dataclass(frozen=True)
class Level:
    """One index l of a formula: C z + b, an activation, a pooling, and C_skip z + b_skip."""

    affine: Affine
    activation: Nonlinear | None
    pooling: Nonlinear | None
    skip: Affine | None = None


@dataclass(frozen=True)
class Form:
    """A network in the form of a formula: its levels, and W and b_W behind them."""

    levels: tuple[Level, ...]
    last: Affine


Formula = Callable[[Sequence[Matrix], Sequence[Matrix], Matrix, Matrix], Affine]


class _OtherFormError(ExactSplineError):
    """The network cannot be written in the form; the message says why."""


def _matrix(nodes: Sequence[tuple[Operator, Sequence[int]]], shape: Shape) -> Affine:
    """The matrix and vector of affine operators, written down from their stored numbers."""
    net = Network.from_nodes(nodes, shape)
    if not net.nodes:
        n = net.input_dim
        eye = [[Fraction(int(i == j)) for j in range(n)] for i in range(n)]
        return np.array(eye, dtype=object).reshape(n, n), np.full(n, Fraction(0), dtype=object)
    found = affine_nodes(net.nodes, net.input_shape)[-1]
    assert found is not None
    return found


def _selected(part: Nonlinear | None, z: np.ndarray) -> tuple[Affine | None, np.ndarray]:
    """A[z] and B[z] of an operator at a point by its definition, and its value there."""
    if part is None:
        return None, z
    A, B = selected(part.operator, [part.shape], z)
    return (A, B), times(A, z) + B


def _cnn_form(network: Network) -> Form:
    """A chain as levels of affine operators, activation and pooling."""
    nodes = network.nodes
    if any(node.inputs != (i - 1,) for i, node in enumerate(nodes)):
        raise _OtherFormError("the network has branches; the CNN formula is about a chain")
    levels: list[Level] = []
    pending: list[tuple[Operator, tuple[int, ...]]] = []
    start = shape = network.input_shape
    position = 0
    while position < len(nodes):
        operator = nodes[position].operator
        if is_affine(operator, [shape]):
            pending.append((operator, (len(pending) - 1,)))
            shape = nodes[position].shape
            position += 1
            continue
        affine = _matrix(pending, start)
        activation = pooling = None
        if is_scalar(operator):
            activation = Nonlinear(operator, shape)
            shape = nodes[position].shape
            position += 1
        if position < len(nodes) and _pools(nodes[position].operator, shape):
            pooling = Nonlinear(nodes[position].operator, shape)
            shape = nodes[position].shape
            position += 1
        levels.append(Level(affine, activation, pooling))
        pending, start = [], shape
    return Form(tuple(levels), _matrix(pending, start))


def _pools(operator: Operator, shape: Shape) -> bool:
    """Whether an operator pools: maxima of several entries, or average pooling."""
    if is_scalar(operator):
        return False
    return isinstance(operator, AveragePool) or not is_affine(operator, [shape])


def _resnet_form(network: Network) -> Form:
    """Blocks sigma(C z + b) + C_skip z + b_skip, and plain layers sigma(C z + b)."""
    from ...network.graph import blocks

    levels: list[Level] = []
    pending: list[tuple[Operator, tuple[int, ...]]] = []
    start = shape = network.input_shape
    skips = 0
    for block in blocks(network.nodes):
        if len(block) == 1 and is_affine(block[0].operator, [shape] * len(block[0].inputs)):
            inputs = tuple(len(pending) - 1 for _ in block[0].inputs)
            pending.append((block[0].operator, inputs))
        elif len(block) == 1:
            operator = block[0].operator
            if not is_scalar(operator):
                raise _OtherFormError(f"{operator.label} is no activation; the form has no pooling")
            levels.append(Level(_matrix(pending, start), Nonlinear(operator, shape), None))
            pending, start = [], block[0].shape
        else:
            level = _residual(block, shape, pending, start)
            skips += 1
            levels.append(level)
            pending, start = [], block[-1].shape
        shape = block[-1].shape
    if not skips:
        raise _OtherFormError("no block has the form sigma(C z + b) + C_skip z + b_skip")
    return Form(tuple(levels), _matrix(pending, start))


def _residual(
    block: Sequence[Node], shape: Shape, before: list[tuple[Operator, tuple[int, ...]]],
    start: Shape,
) -> Level:  # fmt: skip
    """A block as sigma(C z + b) + C_skip z + b_skip, behind affine operators."""
    join = block[-1].operator
    if not isinstance(join, Add) or len(block[-1].inputs) != 2:
        raise _OtherFormError(f"{join.label} does not add a body and a skip connection")
    if block[-1].operator.coefficients is not None:  # type: ignore[attr-defined]
        raise _OtherFormError(f"{join.label} has coefficients; the form is a plain sum")
    chains = [_branch(block, end) for end in block[-1].inputs]
    shapes = [shape if end < 0 else block[end].shape for end in block[-1].inputs]
    if shapes[0] != shapes[1]:
        raise _OtherFormError(f"{join.label} adds values of different shapes")
    bends = [[not _affine_node(block, i, shape) for i in chain] for chain in chains]
    body = [c for c, bent in enumerate(bends) if any(bent)]
    if len(body) != 1:
        count = "both branches hold" if body else "no branch holds"
        raise _OtherFormError(f"{count} an activation in the block that ends in {join.label}")
    chain, bent = chains[body[0]], bends[body[0]]
    last = block[chain[-1]]
    if sum(bent) > 1 or not bent[-1] or not is_scalar(last.operator):
        raise _OtherFormError(
            f"the body of the block that ends in {join.label} is not sigma(C z + b): it must be "
            "affine operators and then one activation"
        )

    def affine(positions: Sequence[int]) -> Affine:
        inner = [(block[i].operator, (n + len(before) - 1,)) for n, i in enumerate(positions)]
        return _matrix([*before, *inner], start)

    input_shape = shape if len(chain) == 1 else block[chain[-2]].shape
    return Level(
        affine(chain[:-1]), Nonlinear(last.operator, input_shape), None,
        affine(chains[1 - body[0]]),
    )  # fmt: skip


def _affine_node(block: Sequence[Node], position: int, shape: Shape) -> bool:
    node = block[position]
    return is_affine(node.operator, [shape if i < 0 else block[i].shape for i in node.inputs])


def _branch(block: Sequence[Node], end: int) -> list[int]:
    """The nodes of a branch in order: a chain that begins at the block's input."""
    out: list[int] = []
    while end >= 0:
        out.append(end)
        if len(block[end].inputs) != 1:
            raise _OtherFormError(f"{block[end].operator.label} stands inside of a branch")
        (end,) = block[end].inputs
    return out[::-1]


def products(factors: Sequence[Matrix], terms: Sequence[Matrix], W: Matrix, last: Matrix) -> Affine:
    """W (prod_l D_l) and W sum_l (prod_{j>l} D_j) d_l + b_W, for x -> D_l x + d_l, l = 1, 2, ..."""
    slopes, offset = W, last
    for D, d in zip(reversed(factors), reversed(terms), strict=True):
        offset = offset + times(slopes, d)  # W times the product of the later levels
        slopes = times(slopes, D)
    return slopes, offset


def cnn_products(form: Form, x: np.ndarray, formula: Formula = products) -> Affine:
    """W (prod A_rho A_sigma C) and W sum_l (prod_{j>l} ...) (A_rho (A_sigma b + B_sigma) + B_rho).

    With C_skip and b_skip: W (prod (A_sigma C + C_skip)), and b_skip added to every term.
    """
    factors, terms, z = [], [], x
    for level in form.levels:
        C, b = level.affine
        before = z
        sigma, z = _selected(level.activation, times(C, z) + b)
        rho, z = _selected(level.pooling, z)
        for picked in (sigma, rho):
            if picked is not None:
                C, b = times(picked[0], C), times(picked[0], b) + picked[1]
        if level.skip is not None:
            C, b = C + level.skip[0], b + level.skip[1]
            z = z + times(level.skip[0], before) + level.skip[1]
        factors.append(C)
        terms.append(b)
    return formula(factors, terms, *form.last)


def _check(
    network: Network | Partition, domain: Domain | None, says: Statement,
    form_of: Callable[[Network], Form], formula: Formula,
) -> Report:  # fmt: skip
    partition = partition_of(network, domain)
    try:
        form = form_of(partition.network)
    except _OtherFormError as why:
        return says.not_applicable(str(why))
    if not form.levels:
        return says.not_applicable("the network has no units")
    maps, chart = maps_of(partition), partition.domain.chart
    P, p = dense(chart.point, "the domain's chart")
    wrong, checked = None, 0
    for region in watched(range(len(partition)), len(partition), "regions"):
        checked += 1
        x = np.array(chart.lift(partition.witness(region)), dtype=object)
        try:
            A, b = cnn_products(form, x, formula)
        except UnsupportedOperatorError as why:
            return says.not_applicable(str(why))
        slopes, offset = times(A, P).tolist(), (times(A, p) + b).tolist()
        if slopes != maps.over_t[region].tolist() or offset != maps.shift[region].tolist():
            wrong = {
                "region": region, "x": x, "A by the formula": A, "b by the formula": b,
                "A of the region": maps.A[region], "b of the region": maps.b[region],
            }  # fmt: skip
            break
    return says.report(
        wrong, "the products are not the region's affine map", checked=checked,
        details={
            "levels": len(form.levels),
            "with pooling": sum(level.pooling is not None for level in form.levels),
            "with skip connections": sum(level.skip is not None for level in form.levels),
        },
    )  # fmt: skip


_ROUTES = (
    "the products of A_rho[x], A_sigma[x] and C at the region's witness, all of them matrices "
    "written down from the operators' stored numbers",
    "the affine map of the region, composed from the compiled program's pieces",
)


@check(number=6, name="CNN formula", needs_network=True)
@guarded
def check_cnn_formula(
    network: Network | Partition, domain: Domain | None = None, *, formula: Formula = products
) -> Report:
    """Check the formula of a CNN on every region.

    Parameters
    ----------
    network : Network or Partition
        A chain; convolution (or what is affine), activation and pooling count as one index.
    domain : Domain, optional
        All of R^D by default.
    formula : callable
        (D, d, W, b_W) to a matrix and a vector, D and d lists of A_rho[x] A_sigma[x] C and of
        A_rho[x] (A_sigma[x] b + B_sigma[x]) + B_rho[x], the first index first: to test in place of
        the theory's products.

    Returns
    -------
    Report
        "not applicable" for networks with branches, affine ones, and operators whose pieces are
        not written down here (sorting).

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Conv([[[1, -1]]]), es.ReLU(), es.MaxPool((2,)), es.Flatten()], (1, 3))
    >>> check_cnn_formula(net).verdict
    'holds'
    """
    says = Statement(
        "check_cnn_formula",
        "z(x) = W (prod_l A_rho^l[x] A_sigma^l[x] C^l) x + W sum_l (prod_{j>l} "
        "A_rho^j[x] A_sigma^j[x] C^j) (A_rho^l[x] (A_sigma^l[x] b^l + B_sigma^l[x]) + "
        "B_rho^l[x]) + b_W on every region.",
        f"{SPLINE_THEORY}, on CNNs; with the biases B of the nonlinear operators",
        _ROUTES,
    )
    return _check(network, domain, says, _cnn_form, formula)


@check(number=6, name="ResNet formula", needs_network=True)
@guarded
def check_resnet_formula(
    network: Network | Partition, domain: Domain | None = None, *, formula: Formula = products
) -> Report:
    """Check the formula of a ResNet on every region.

    Parameters
    ----------
    network : Network or Partition
        Blocks z' = sigma(C z + b) + C_skip z + b_skip, plain layers, and affine operators.
    domain : Domain, optional
        All of R^D by default.
    formula : callable
        As for `check_cnn_formula`, with D = A_sigma[x] C + C_skip and d = A_sigma[x] b +
        B_sigma[x] + b_skip.

    Returns
    -------
    Report
        "not applicable" if no block has that form, or one has another: relu(conv + skip), as
        torchvision's residual networks have it, is not of this form.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Residual([es.Dense([[2]], [1]), es.ReLU()])], (1,))
    >>> check_resnet_formula(net).verdict
    'holds'
    """
    says = Statement(
        "check_resnet_formula",
        "For blocks z' = sigma(C z + b) + C_skip z + b_skip: z(x) = W (prod_l "
        "(A_sigma^l[x] C^l + C_skip^l)) x + W sum_l (prod_{j>l} (A_sigma^j[x] C^j + C_skip^j)) "
        "(A_sigma^l[x] b^l + B_sigma^l[x] + b_skip^l) + b_W on every region.",
        f"{SPLINE_THEORY}, on ResNets; with the biases B of the nonlinear operators",
        _ROUTES,
    )
    return _check(network, domain, says, _resnet_form, formula)
