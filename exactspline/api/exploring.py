"""The explorer: one network, or several checkpoints of one, on a domain of two dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..domain import Domain
from ..errors import ParameterError
from ..mode import guarded
from ..network.network import Network
from .searching import enumerate_regions

if TYPE_CHECKING:
    from ..explorer import Explorer
    from ..partition.partition import Partition

__all__ = ["explore"]


@guarded
def explore(
    networks: Network | Partition | Sequence[Network | Partition],
    domain: Domain | None = None,
    *,
    labels: Sequence[str] | None = None,
    title: str | None = None,
    image_shape: Sequence[int] | None = None,
    boundary: bool | None = None,
    values: Mapping[str, Any] | None = None,
) -> Explorer:
    """A page to walk through the regions of networks, in a browser; a slider goes over them.

    Parameters
    ----------
    networks : Network, Partition, or sequence of them
        Checkpoints of a training, say, in order.
    domain : Domain, optional
        Of two dimensions; all of R^D by default. Partitions have their own.
    labels : sequence of str, optional
        One a network, for the slider.
    title, image_shape, boundary, values
        As for `Partition.explore`.

    Returns
    -------
    Explorer
        Shows itself in a notebook; ``save("omega.html")`` writes one file.

    Raises
    ------
    DomainError
        If the domain is not two-dimensional: take a slice.
    ParameterError
        If there is no network, or a partition whose search was stopped.

    Examples
    --------
    >>> import exactspline as es
    >>> nets = [es.Network([es.Dense([[1, w], [w, 1]]), es.ReLU()], (2,)) for w in (0, 2)]
    >>> es.explore(nets, es.Box(-1, 1, dim=2), labels=["before", "after"])
    <Explorer of 4, 4 regions>
    """
    from ..explorer import check_domain, explorer_of
    from ..partition.partition import Partition

    given = [networks] if isinstance(networks, Network | Partition) else list(networks)
    for i, item in enumerate(given):
        if not isinstance(item, Network | Partition):
            raise ParameterError(
                f"explore: network {i} is a {type(item).__name__}; give a Network or a Partition"
            )
        if isinstance(item, Network) and domain is not None:
            if domain.dim == item.input_dim:  # else the search says what is wrong
                check_domain(item, domain)
        elif isinstance(item, Network):
            from ..domain import WholeSpace

            check_domain(item, WholeSpace(item.input_dim))
    partitions = [
        enumerate_regions(item, domain, polygons=True) if isinstance(item, Network) else item
        for item in given
    ]
    return explorer_of(
        partitions, labels=labels, title=title, image_shape=image_shape, boundary=boundary,
        values=values,
    )  # fmt: skip
