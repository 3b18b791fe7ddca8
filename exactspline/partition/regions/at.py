"""The regions whose closure holds an input, without a partition."""

from __future__ import annotations

from typing import Any

from ...domain import Domain
from ...errors import DomainError, LimitError, ParameterError
from ...network.network import Network
from ...polyhedra.lp import q
from .coordinates import Coordinates, exact_point
from .fan import regions_around
from .maps import exact_forms
from .region import Region

__all__ = ["regions_at"]


def regions_at(network: Network, x: Any, domain: Domain, limit: int) -> list[Region]:
    """The regions whose closure holds an input; see `exactspline.regions_at`."""
    if isinstance(limit, bool) or int(limit) != limit or limit < 1:
        raise ParameterError(f"limit {limit!r}: give a whole number of at least 1")
    given = exact_point(x, network)
    t = Coordinates(domain.chart).of(given)
    forms = exact_forms(network, domain)
    out: list[Region] = []
    for around in () if t is None else regions_around(forms, domain.chart, t):
        if len(out) == limit:
            raise LimitError(
                f"more than {limit:,} regions meet at the point; raise the limit, or move the "
                "point off the boundaries"
            )
        assert t is not None
        witness = tuple(t) if around.inside else None
        segment = None if around.inside else ([q(v) for v in t], around.towards)
        out.append(
            Region._known(network, domain, around.code, witness, forms=forms, segment=segment)
        )
    if not out:
        raise DomainError(
            f"the point is not in the domain ({domain.describe()}); give a point of it, or "
            "another domain"
        )
    return out
