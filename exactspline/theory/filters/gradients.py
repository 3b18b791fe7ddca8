"""Check 7: the rows of A[x] are the gradients of the outputs; the general form of templates."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UnsupportedOperatorError
from ...mode import guarded
from ...network.network import Network
from ...rationals import as_fractions
from ..common.region_maps import partition_of
from ..common.samples import Simplex, exact_forward, maps_of, simplices
from ..registry import check
from ..report import MAD_MAX, Report, Statement
from .autograd import Rounding, double_module, module_jacobian, torch_twin

if TYPE_CHECKING:
    from ...domain import Domain
    from ...partition.partition import Partition

__all__ = ["check_templates"]

_MOST_AUTOGRAD = 300  # regions in which torch is asked


def _quotients(simplex: Simplex, values: list[list[Any]]) -> np.ndarray:
    """(f(w + s e_j) - f(w)) / s along the domain's axes; shape (outputs, k)."""
    k = len(simplex.t) - 2
    out = np.empty((len(values[0]), k), dtype=object)
    for j in range(k):
        step = simplex.t[j + 1][j] - simplex.t[0][j]
        out[:, j] = [(a - b) / step for a, b in zip(values[j + 1], values[0], strict=True)]
    return out


def _hidden(network: Network) -> tuple[Network, np.ndarray, np.ndarray] | None:
    """The network before its last affine layer, and that layer's W and b."""
    layers = network.layers
    if len(layers) < 2 or not layers[-1].is_affine:
        return None
    try:
        maso = layers[-1].as_maso()
    except UnsupportedOperatorError:
        return None
    count = len(network.nodes) - len(layers[-1].network.nodes)
    nodes = [(node.operator, node.inputs) for node in network.nodes[:count]]
    W, b = as_fractions(maso.A[:, 0]), as_fractions(maso.B[:, 0])
    return Network.from_nodes(nodes, network.input_shape), W, b


def _by_torch(
    partition: Partition, A: np.ndarray, module: Any
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Torch's autograd against A, with proved bounds; what was found, and a counterexample."""
    net = partition.network
    try:
        import torch  # noqa: F401
    except (ImportError, OSError):  # OSError: a library of torch's that does not load
        return {"torch's autograd": "not compared: torch is not installed"}, None
    forward = torch_twin(net) if module is None else double_module(module)
    if forward is None:
        return {"torch's autograd": "not compared: an operator has no twin of torch's here"}, None
    rounding = Rounding(net)
    compared = exact = left_out = 0
    for region in range(min(len(partition), _MOST_AUTOGRAD)):
        x = partition.domain.chart.lift(partition.witness(region))
        near = [float(v) for v in x]
        if any(Fraction(a) != b for a, b in zip(near, x, strict=True)):
            left_out += 1
            continue
        bounds = rounding.at(x)
        if not bounds.decided:
            left_out += 1
            continue
        found = module_jacobian(forward, near, net.input_shape)
        compared += 1
        same = True
        for c, j in np.ndindex(*found.shape):
            off = abs(Fraction(float(found[c, j])) - A[region, c, j])
            same = same and off == 0
            if off > bounds.jacobian[c, j]:
                return {}, {
                    "region": region, "output": c, "x": x, "A[x]": A[region, c],
                    "torch's gradient": found[c].tolist(),
                }  # fmt: skip
        exact += same
    return {
        "torch's autograd": f"equal in {compared} regions, in {exact} of them to the last bit, "
        "in the others within the proved rounding",
        "regions beyond the first 300, or where float64 decides nothing": left_out
        + max(0, len(partition) - _MOST_AUTOGRAD),
    }, None


@check(number=7, name="templates", needs_network=True)
@guarded
def check_templates(
    network: Network | Partition, domain: Domain | None = None, *, module: Any = None
) -> Report:
    """Check that the rows of A[x] are the gradients of the outputs, on every region.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.
    module : torch.nn.Module, optional
        What `exactspline.from_torch` took the network from; its autograd is asked. By default a
        twin of torch's own functions is, where every operator has one.

    Returns
    -------
    Report
        The gradient is the difference quotient of the exact forward inside the region, along
        the domain's axes; with a last affine layer W, b the general form W A[x], W B[x] + b
        too. Torch computes in float64: it counts as equal within a proved bound on its rounding,
        and only where it is proved to take the region's pieces.

    References
    ----------
    Balestriero, Baraniuk, "Mad Max: Affine Spline Insights into Deep Learning", 2018, on
    templates and saliency maps.

    Examples
    --------
    >>> import exactspline as es
    >>> check_templates(es.Network([es.Dense([[1, 2]]), es.ReLU()], (2,))).verdict
    'holds'
    """
    partition = partition_of(network, domain)
    net = partition.network
    maps = maps_of(partition)
    last = _hidden(net)
    wrong, reason, checked = None, "", 0
    for simplex in simplices(partition):
        checked += 1
        values = exact_forward(net, simplex.x)
        gradient = _quotients(simplex, values)
        if gradient.tolist() != maps.over_t[simplex.region].tolist():
            reason = "the gradient is not A[x]"
            wrong = {
                "region": simplex.region, "x": simplex.x[0], "gradient": gradient,
                "A[x]": maps.over_t[simplex.region],
            }  # fmt: skip
            break
        if last is None:
            continue
        hidden, W, b = last
        inner = exact_forward(hidden, simplex.x)
        slopes = W @ _quotients(simplex, inner) if gradient.size else gradient
        value = (W @ np.array(inner[0], dtype=object) + b).tolist()
        if slopes.tolist() != gradient.tolist() or value != values[0]:
            reason = "W A[x], W B[x] + b is not the network's template"
            wrong = {"region": simplex.region, "x": simplex.x[0], "W A[x]": slopes,
                     "gradient": gradient, "W z + b": value, "f(x)": values[0]}  # fmt: skip
            break
    details: dict[str, Any] = {"the form W A[x], W B[x] + b": last is not None}
    if wrong is None:
        found, wrong = _by_torch(partition, maps.A, module)
        details.update(found)
        reason = "" if wrong is None else "torch's gradient is not A[x]"
    return Statement(
        "check_templates",
        "The template of output c, row c of A[x], is the gradient of the output in x; "
        "with W and b of the last layer it is W A[x], and the bias is W B[x] + b.",
        f"{MAD_MAX}, on templates",
        (
            "difference quotients of the exact forward inside every region; torch's autograd",
            "A[x], composed from the pieces of the region's code",
        ),
    ).report(wrong, reason, checked=checked, details=details)
