"""What is counted, in words: reports and files carry these sentences."""

from __future__ import annotations

__all__ = ["COUNT_DEFINITION", "LINEAR_DEFINITION", "PIECES_DEFINITION"]

COUNT_DEFINITION = (
    "activation regions: interiors, relative to the domain, of the sets of inputs with the same "
    "code (per unit the lowest active piece), where nonempty; called proper activation regions "
    "in Stargalla, Hertrich and Reichman 2025"
)
LINEAR_DEFINITION = (
    "connected linear regions: activation regions merged across every facet on both sides of "
    "which the network has the same affine map on the domain; a common corner does not connect"
)
PIECES_DEFINITION = (
    "distinct affine pieces: the different affine maps that the network has on its activation "
    "regions, as functions on the domain"
)
