"""Further symbolic values: exact constants, norms, what is inside of a network."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError
from ..mode import guarded
from ..network.network import Network
from ..rationals import to_fraction
from ..texts import no_network
from .affine import Affine
from .atoms import Applied, Code, Hidden
from .conditions import Condition
from .terms import Term, as_term, check_plain, maximum

__all__ = ["code", "hidden", "l1_norm", "logits", "max_norm", "rational", "unit_on"]


@guarded
def rational(value: Any) -> Term:
    """An exact constant: from a text such as "1/10" or "0.1", a Fraction, or a float as it is.

    Raises
    ------
    ParameterError
        For what is no number.

    Examples
    --------
    >>> import exactspline as es
    >>> box = es.Box(0, 1, dim=1)
    >>> es.prove(es.forall(box, lambda x: x[0] + es.rational("1/10") <= es.rational("1.1"))).holds
    True
    """
    return Term([Affine(to_fraction(value, "rational"))], ())


@guarded
def l1_norm(value: Any) -> Term:
    """The sum of the absolute values of all entries.

    Examples
    --------
    >>> import exactspline as es
    >>> box = es.Box(-1, 1, dim=2)
    >>> es.prove(es.forall(box, lambda x: es.l1_norm(x) <= 2)).holds
    True
    """
    return abs(as_term(value, "l1_norm")).sum()


@guarded
def max_norm(value: Any) -> Term:
    """The largest absolute value of all entries.

    Examples
    --------
    >>> import exactspline as es
    >>> box = es.Box(-1, 1, dim=2)
    >>> es.prove(es.forall(box, lambda x: es.max_norm(x) <= es.l1_norm(x))).holds
    True
    """
    return maximum(abs(as_term(value, "max_norm")))


def _applied(network: Any, x: Any) -> Applied:
    if not isinstance(network, Network):
        raise ParameterError(no_network(network))
    term = as_term(x, "the input of a network")
    if term.size != network.input_dim or term.shape not in (network.input_shape, (term.size,)):
        raise ShapeError(
            f"a value of shape {term.shape} does not fit the network's input shape "
            f"{network.input_shape}"
        )
    check_plain(term._entries, "the input of a network")
    return Applied(network, term._entries)


@guarded
def logits(network: Network, x: Any) -> Term:
    """The outputs before a softmax or sigmoid at the end; ``network(x)`` if there is none.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]]), es.Sigmoid()], (2,))
    >>> es.prove(es.forall(es.Box(0, 1, dim=2), lambda x: es.logits(net, x)[0] <= 2)).holds
    True
    """
    applied = _applied(network, x)
    return Term([Affine.entry(applied, i) for i in range(applied.size)], network.output_shape)


@guarded
def hidden(network: Network, x: Any, operator: str, *, before: bool = False) -> Term:
    """What an operator inside of a network gives at a point, or what it is given.

    Parameters
    ----------
    network : Network
    x : symbolic value
    operator : str
        Its label: see ``network.labels``.
    before : bool
        What the operator reads (the pre-activation of a ReLU), not what it gives.

    Raises
    ------
    ParameterError
        If there is no such operator, or it reads several values.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, -1]]), es.ReLU(name="bend"), es.Dense([[2]])], (2,))
    >>> box = es.Box(0, 1, dim=2)
    >>> es.prove(es.forall(box, lambda x: 2 * es.hidden(net, x, "bend") == net(x))).holds
    True
    """
    applied = _applied(network, x)
    labels = list(network.labels[: len(network.nodes)])
    if operator not in labels:
        raise ParameterError(f"hidden: no operator {operator!r}; there are {', '.join(labels)}")
    node = labels.index(operator)
    if before:
        reads = network.nodes[node].inputs
        if len(reads) != 1:
            raise ParameterError(f"hidden: {operator} reads {len(reads)} values; name one of them")
        node = reads[0]
    shape = network.nodes[node].shape if node >= 0 else network.input_shape
    size = int(np.prod(shape))
    atom = Hidden(applied, node, size)
    return Term([Affine.entry(atom, i) for i in range(size)], shape)


@guarded
def code(network: Network, x: Any) -> Term:
    """The code of a network at a point: which piece every unit has taken; inside of regions.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], [-3]), es.ReLU()], (2,))
    >>> box = es.Box(0, 1, dim=2)
    >>> es.prove(es.forall(box, lambda x: es.code(net, x) == [0])).holds
    True
    """
    atom = Code(_applied(network, x))
    return Term([Affine.entry(atom, i) for i in range(atom.size)], (atom.size,))


@guarded
def unit_on(network: Network, x: Any, unit: int) -> Condition:
    """Whether a unit is not on its first piece (a ReLU is on), inside of regions.

    Parameters
    ----------
    network : Network
    x : symbolic value
    unit : int
        Its position in the code.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], [1]), es.ReLU()], (2,))
    >>> es.prove(es.forall(es.Box(0, 1, dim=2), lambda x: es.unit_on(net, x, 0))).holds
    True
    """
    value = code(network, x)
    if not 0 <= unit < value.size:
        raise ParameterError(f"unit_on: unit {unit} is none of the {value.size:,} units")
    return value[unit] >= Fraction(1)
