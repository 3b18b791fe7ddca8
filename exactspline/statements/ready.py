"""Ready-made statements, each a few lines in the language."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..domain import Domain, WholeSpace
from ..errors import ParameterError, ShapeError
from ..mode import guarded
from ..network import Elementwise, Network
from ..rationals import exact_array, to_fraction
from ..texts import no_network
from .conditions import conjunction, implies
from .prove import find, prove
from .quantified import exists, forall
from .steepness import Steepness, steepest
from .terms import Term, argmax, as_term
from .values import code, l1_norm, logits, max_norm, unit_on
from .verdict import Verdict

__all__ = [
    "always_on", "at_most_apart", "bounded", "code_constant", "convex", "dead", "equal",
    "equivalent", "homeomorphism", "injective", "lipschitz", "monotone", "never_class",
    "redundant_unit", "robust", "symmetric",
]  # fmt: skip


def _flat(value: Any) -> Term:
    term = as_term(value, "value")
    return term.reshape(term.size)


@guarded
def equal(f: Network, g: Network, domain: Domain, **options: Any) -> Verdict:
    """Two networks are the same function on a domain.

    Parameters
    ----------
    f, g : Network
    domain : Domain
    **options
        ``limit``, ``time_limit``, ``progress``: as for `prove`.

    Examples
    --------
    Two ways to write the maximum of two numbers:

    >>> import exactspline as es
    >>> f = es.Network([es.ReduceMax([0], keepdims=True)], (2,))
    >>> g = es.Network(
    ...     [es.Dense([[1, -1], [0, 1], [0, -1]]), es.ReLU(), es.Dense([[1, 1, -1]])], (2,)
    ... )
    >>> es.equal(f, g, es.WholeSpace(2)).holds
    True
    """
    _same_shapes(f, g)
    return prove(forall(domain, lambda x: _flat(f(x)) == _flat(g(x))), **options)


@guarded
def equivalent(f: Network, g: Network, domain: Domain, **options: Any) -> Verdict:
    """Two classifiers choose the same class everywhere: the lowest index of the largest output.

    Examples
    --------
    >>> import exactspline as es
    >>> f = es.Network([es.Dense([[1, 0], [0, 1]])], (2,))
    >>> g = es.Network([es.Dense([[2, 0], [0, 2]])], (2,))
    >>> es.equivalent(f, g, es.WholeSpace(2)).holds
    True
    """
    _same_shapes(f, g)
    return prove(forall(domain, lambda x: argmax(_flat(f(x))) == argmax(_flat(g(x)))), **options)


@guarded
def at_most_apart(
    f: Network, g: Network, domain: Domain, epsilon: Any = None, **options: Any
) -> Verdict:
    """No output of two networks differs by more than epsilon; ``optimum`` is the largest one.

    Parameters
    ----------
    f, g, domain
    epsilon : number, optional
        Without it the largest difference alone is found: ``holds`` says that there is one.

    Examples
    --------
    >>> import exactspline as es
    >>> f = es.Network([es.ReLU()], (1,))
    >>> g = es.Network([es.Dense([["0.9"]]), es.ReLU()], (1,))
    >>> found = es.at_most_apart(f, g, es.Box([-1], [1]), "0.1")
    >>> found.holds, found.optimum
    (True, Fraction(1, 10))
    """
    _same_shapes(f, g)

    def apart(x: Any) -> Term:
        return max_norm(_flat(logits(f, x)) - _flat(logits(g, x)))

    everywhere = exists(domain, lambda x: True)
    found = find(everywhere, maximise=apart, **options)
    if epsilon is None or found.optimum is None:
        return found
    most = to_fraction(epsilon, "epsilon")
    statement = forall(domain, lambda x: apart(x) <= most)
    found.statement = statement
    if found.optimum > most:
        found.holds, found.counterexample, found.witness = False, found.witness, None
        if not found.attained:
            return prove(statement, **options)
    else:
        found.holds = None if found.stopped else True
        found.witness = None
    return found


@guarded
def symmetric(f: Network, domain: Domain, matrix: Any, **options: Any) -> Verdict:
    """f(M x) = f(x) for all x of a domain: under a permutation, a sign matrix, or any other one.

    Parameters
    ----------
    f : Network
    domain : Domain
    matrix : array_like, shape (D, D), or a sequence of int
        A matrix, or a permutation p: entry i of M x is x[p[i]].

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    >>> es.symmetric(net, es.Box(-1, 1, dim=2), [1, 0]).holds
    True
    """
    given = np.asarray(matrix, dtype=object)
    if given.ndim == 1:
        order = [int(i) for i in given]
        if sorted(order) != list(range(f.input_dim)):
            raise ParameterError(f"symmetric: {order} is no permutation of {f.input_dim} inputs")
        return prove(forall(domain, lambda x: _flat(f(x[order])) == _flat(f(x))), **options)
    exact = exact_array(matrix, "symmetric: matrix")
    if exact.shape != (f.input_dim, f.input_dim):
        raise ShapeError(
            f"symmetric: a matrix of shape {exact.shape}; the network has {f.input_dim} inputs"
        )
    return prove(forall(domain, lambda x: _flat(f(exact @ x)) == _flat(f(x))), **options)


@guarded
def monotone(
    f: Network, domain: Domain, feature: int, *, output: int = 0, increasing: bool = True,
    **options: Any,
) -> Verdict:  # fmt: skip
    """An output never falls (or rises) where one input grows and the others stay.

    Notes
    -----
    Over pairs of points that differ in that input alone. A counterexample is such a pair.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, -1]]), es.ReLU()], (2,))
    >>> box = es.Box(-1, 1, dim=2)
    >>> es.monotone(net, box, 0).holds, es.monotone(net, box, 1).holds
    (True, False)
    """
    _check_index(feature, f.input_dim, "feature", "inputs")
    _check_index(output, f.output_dim, "output", "outputs")
    sign = 1 if increasing else -1

    def rises(x: Any, y: Any) -> Any:
        same = [x[j] == y[j] for j in range(f.input_dim) if j != feature]
        return implies(
            conjunction([*same, x[feature] <= y[feature]]),
            sign * _flat(f(x))[output] <= sign * _flat(f(y))[output],
        )

    return prove(forall((domain, domain), rises), **options)


@guarded
def convex(f: Network, domain: Domain, *, output: int = 0, **options: Any) -> Verdict:
    """An output is a convex function: at the middle of two points it is at most the mean.

    Notes
    -----
    Over pairs of points, so in twice the dimensions; a continuous function with that property is
    convex. `theory.check_convexity` asks the same facet by facet.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, 2]])], (1,))
    >>> es.convex(net, es.Box([-1], [1])).holds
    True
    """
    _check_index(output, f.output_dim, "output", "outputs")
    half = Fraction(1, 2)

    def below(x: Any, y: Any) -> Any:
        return 2 * _flat(f(half * (x + y)))[output] <= _flat(f(x))[output] + _flat(f(y))[output]

    return prove(forall((domain, domain), below), **options)


@guarded
def bounded(
    f: Network, domain: Domain, low: Any = None, high: Any = None, **options: Any
) -> Verdict:
    """All outputs stay between two bounds.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    >>> es.bounded(net, es.Box(0, 1, dim=2), 0, 2).holds
    True
    """
    if low is None and high is None:
        raise ParameterError("bounded: give low=, high=, or both")

    def within(x: Any) -> Any:
        value = _flat(f(x))
        zero = 0 * value
        return conjunction([
            *([value >= to_fraction(low, "low") + zero] if low is not None else []),
            *([value <= to_fraction(high, "high") + zero] if high is not None else []),
        ])  # fmt: skip

    return prove(forall(domain, within), **options)


@guarded
def lipschitz(
    f: Network, domain: Domain, norm: str = "max", *, limit: int | None = None,
    time_limit: float | None = None, progress: Any = None,
) -> Steepness:  # fmt: skip
    """The exact Lipschitz constant of every output with respect to a norm of the inputs.

    Parameters
    ----------
    f : Network
    domain : Domain
        Convex, as all are: the constant is the largest dual norm of a gradient.
    norm : str
        Of the inputs: "max", "l1" or "l2".

    Returns
    -------
    Steepness
        ``constants`` (Fractions; of "l2" their squares, ``squared``), ``codes`` of regions that
        attain them, ``regions``.

    Notes
    -----
    Float64 maps with a proved bound choose the regions whose maps are then computed in rationals.
    Nothing is kept per region.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[3, -4]]), es.ReLU()], (2,))
    >>> [str(es.lipschitz(net, es.WholeSpace(2), n).constants[0]) for n in ("max", "l1", "l2")]
    ['7', '4', '25']
    """
    return steepest(f, domain, norm, limit, time_limit, progress)


@guarded
def injective(f: Network, domain: Domain, **options: Any) -> Verdict:
    """No two points of a domain have the same outputs.

    Notes
    -----
    Over pairs of points, by equality alone: some exact linear programs a pair of regions.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [-1]]), es.ReLU()], (1,))
    >>> es.injective(net, es.Box([-1], [1])).holds
    True
    """
    return prove(
        forall(
            (domain, domain),
            lambda x, y: implies(_flat(f(x)) == _flat(f(y)), _flat(x) == _flat(y)),
        ),
        **options,
    )


@guarded
def homeomorphism(f: Network, **options: Any) -> Verdict:
    """A network maps R^D onto R^D, one to one, and so does its inverse continuously.

    Notes
    -----
    A piecewise-affine map of R^D to itself that is one to one is a homeomorphism (Scholtes,
    Introduction to Piecewise Differentiable Equations, 2012, section 2.3): so this is `injective`.

    Raises
    ------
    ShapeError
        If there are not as many outputs as inputs.

    Examples
    --------
    >>> import exactspline as es
    >>> es.homeomorphism(es.Network([es.LeakyReLU("1/2")], (1,))).holds
    True
    """
    if f.input_dim != f.output_dim:
        raise ShapeError(
            f"homeomorphism: from {f.input_dim} inputs to {f.output_dim} outputs; there must be "
            "as many"
        )
    return injective(f, WholeSpace(f.input_dim), **options)


@guarded
def robust(f: Network, point: Any, domain: Domain, norm: str = "max", **options: Any) -> Verdict:
    """How far a point of a domain can be moved until another class is chosen.

    Parameters
    ----------
    f : Network
    point : array_like
    domain : Domain
        Where it may be moved to.
    norm : str
        "max", "l1" or "l2".

    Returns
    -------
    Verdict
        ``holds``: whether no point of the domain has another class. ``optimum`` is the largest
        radius (of "l2" its square): the distance to the closure of the other classes, ``witness``
        a nearest point, ``attained`` whether another class is chosen there or only as near to it
        as one likes (a tie).

    Notes
    -----
    The class is the lowest index of the largest output; of a network with one output (before a
    sigmoid) it is 1 where that is positive and 0 elsewhere.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1]])], (2,))
    >>> found = es.robust(net, [1, 0], es.Box(-2, 2, dim=2))
    >>> found.optimum, found.witness, found.attained
    (Fraction(1, 2), (Fraction(1, 2), Fraction(1, 2)), False)
    """
    exact = exact_array(point, "robust: point").reshape(-1)
    if exact.shape != (f.input_dim,):
        raise ShapeError(f"robust: a point of {exact.size} numbers; {f.input_dim} are needed")
    at = [Fraction(v) for v in exact.tolist()]
    values = [Fraction(v) for v in np.asarray(f.forward(np.array(at, dtype=object))).reshape(-1)]
    own = values.index(max(values)) if len(values) > 1 else int(values[0] > 0)

    def same(x: Term) -> Any:
        """Whether the class is the point's own."""
        if len(values) > 1:
            return argmax(_flat(f(x))) == own
        return _flat(logits(f, x))[0] > 0 if own else _flat(logits(f, x))[0] <= 0

    others = exists(domain, lambda x: ~same(x))
    if norm == "l2":
        from .optimum import nearest

        found = nearest(others, at, **options)
    elif norm in ("max", "l1"):
        size = max_norm if norm == "max" else l1_norm
        found = find(others, maximise=lambda x: -size(_flat(x) - at), **options)
        if isinstance(found.optimum, Fraction):
            found.optimum = -found.optimum
        found.witness = found.limit_point or found.witness
    else:
        raise ParameterError(f"robust: norm {norm!r}; give 'max', 'l1' or 'l2'")
    if found.holds is not None:
        found.holds = not found.holds
    found.statement = forall(domain, same)
    return found


@guarded
def never_class(f: Network, domain: Domain, k: int, **options: Any) -> Verdict:
    """A class is chosen nowhere in a domain.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [2], [0]])], (1,))
    >>> es.never_class(net, es.Box([1], [2]), 2).holds
    True
    """
    return prove(forall(domain, lambda x: argmax(_flat(f(x))) != k), **options)


@guarded
def dead(f: Network, domain: Domain, unit: int, **options: Any) -> Verdict:
    """A unit stays on its first piece in all regions of a domain: a ReLU that is never on.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], [-3]), es.ReLU()], (2,))
    >>> es.dead(net, es.Box(0, 1, dim=2), 0).holds
    True
    """
    return prove(forall(domain, lambda x: ~unit_on(f, x, unit)), **options)


@guarded
def always_on(f: Network, domain: Domain, unit: int, **options: Any) -> Verdict:
    """A unit is off its first piece in all regions of a domain: a ReLU that is always on.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], [1]), es.ReLU()], (2,))
    >>> es.always_on(net, es.Box(0, 1, dim=2), 0).holds
    True
    """
    return prove(forall(domain, lambda x: unit_on(f, x, unit)), **options)


@guarded
def redundant_unit(f: Network, domain: Domain, unit: int, **options: Any) -> Verdict:
    """A network does not change if the output of a unit is replaced by 0.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, 1]])], (1,))
    >>> es.redundant_unit(net, es.Box([0], [1]), 1).holds
    True
    """
    name = f.unit_name(unit)
    labels = list(f.labels[: len(f.nodes)])
    at = labels.index(name.operator)
    scale = np.ones(f.nodes[at].shape, dtype=object)
    scale[name.index] = 0
    nodes: list[tuple[Any, Sequence[int]]] = []
    for i, node in enumerate(f.nodes):
        nodes.append((node.operator, [j + (j >= at) if j != at else at + 1 for j in node.inputs]))
        if i == at:
            nodes.append((Elementwise(scale), [at]))
    last = len(f.nodes) - 1
    without = Network.from_nodes(nodes, f.input_shape, output=at + 1 if last == at else last + 1)
    return prove(forall(domain, lambda x: _flat(logits(f, x)) == _flat(without(x))), **options)


@guarded
def code_constant(f: Network, domain: Domain, **options: Any) -> Verdict:
    """All of a domain is one region.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.ReLU()], (2,))
    >>> es.code_constant(net, es.Box(1, 2, dim=2)).holds
    True
    """
    from ..cells.point import code_at

    chart = domain.chart
    own, _ = code_at(f.program, chart.lift(chart.interior))
    return prove(forall(domain, lambda x: code(f, x) == [int(v) for v in own]), **options)


def _same_shapes(f: Network, g: Network) -> None:
    for network in (f, g):
        if not isinstance(network, Network):
            raise ShapeError(no_network(network))
    if f.input_dim != g.input_dim or f.output_dim != g.output_dim:
        raise ShapeError(
            f"networks of {f.input_dim} and {g.input_dim} inputs, {f.output_dim} and "
            f"{g.output_dim} outputs cannot be compared"
        )


def _check_index(index: int, size: int, what: str, of: str) -> None:
    if not 0 <= index < size:
        raise ParameterError(f"{what} {index} of {size} {of} (0 to {size - 1})")
