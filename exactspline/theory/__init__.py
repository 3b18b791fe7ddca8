"""The theory of affine splines, made checkable: one function per statement, each a `Report`.

Every public name is loaded when it is asked for. ``CHECKS`` names the checks that the command
``exactspline theorems`` runs: the name of a check, and where its function stands. A function
listed there takes ``(network, domain)`` if ``needs_network``, else nothing, and returns a
`Report` or a list of them. ``network`` may be a `Partition` (then without a domain), so that the
regions are enumerated once.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from ..mode import guarded

__all__ = ["CHECKS", "Check", "check_function"]


class Check(NamedTuple):
    """A line of the registry: where the function is, what it needs, the statement's number.

    Examples
    --------
    >>> len(CHECKS) >= 17, CHECKS["convexity"].needs_network
    (True, True)
    """

    module: str
    function: str
    needs_network: bool
    number: int


# name -> module of this package that holds it
_EXPORTS: dict[str, str] = {
    "Report": "report",
    # the objects
    "AffineSpline": "structure.spline",
    "max_affine_form": "structure.convexity",
    "as_simplified_maso": "operators.simplified",
    "toy_networks": "gallery",
    # the checks 1 to 10
    "check_approximation": "learning.approximation",
    "check_cnn_formula": "structure.formulas",
    "check_composition": "operators.composition",
    "check_convexity": "structure.convexity",
    "check_hierarchy": "filters.hierarchy",
    "check_nondecreasing": "structure.nondecreasing",
    "check_operators": "operators.operators",
    "check_piecewise_affine": "structure.structure",
    "check_resnet_formula": "structure.formulas",
    "check_simplified": "operators.simplified",
    "check_symbolic_operators": "operators.symbolic",
    "check_templates": "filters.gradients",
    # the checks 11 to 17
    "check_bending": "geometry.geometry",
    "check_collinear": "filters.collinear",
    "check_counts": "counting.counts",
    "check_cut_alike": "geometry.cuts",
    "check_hard_to_soft": "learning.soft",
    "check_layers_together": "geometry.whole",
    "check_lipschitz": "constants.constants",
    "check_power_diagram": "geometry.power",
    "check_reflection": "geometry.cuts",
    "check_voronoi": "geometry.voronoi",
    "check_vq": "learning.vq",
    "check_whole_partition": "geometry.whole",
    # geometry, bounds, templates, codes and learning
    "PowerDiagram": "geometry.power",
    "bends": "geometry.geometry",
    "bounds": "counting.counts",
    "cells_power_diagram": "geometry.coherent",
    "collinear_templates": "filters.collinear",
    "fit_max_affine": "learning.learning",
    "layer_power_diagram": "geometry.power",
    "lipschitz": "constants.constants",
    "nearest_in_code_space": "learning.vq",
    "orthogonality_penalty": "filters.matched",
    "product_bound": "constants.product",
    "soft_maso": "learning.soft",
    "templates": "filters.matched",
    "vq_codes": "learning.vq",
    "vq_distances": "learning.vq",
    "whole_power_diagram": "geometry.whole",
    "zaslavsky": "counting.arrangement",
}

CHECKS: dict[str, Check] = {
    "convexity": Check("structure.convexity", "check_convexity", True, 1),
    "operators": Check("operators.operators", "check_operators", True, 2),
    "symbolic operators": Check("operators.symbolic", "check_symbolic_operators", False, 2),
    "composition": Check("operators.composition", "check_composition", True, 3),
    "symbolic composition": Check("operators.composition", "check_symbolic_composition", False, 3),
    "piecewise affine": Check("structure.structure", "check_piecewise_affine", True, 4),
    "nondecreasing": Check("structure.nondecreasing", "check_nondecreasing", True, 5),
    "CNN formula": Check("structure.formulas", "check_cnn_formula", True, 6),
    "ResNet formula": Check("structure.formulas", "check_resnet_formula", True, 6),
    "templates": Check("filters.gradients", "check_templates", True, 7),
    "hierarchy": Check("filters.hierarchy", "check_hierarchy", True, 8),
    "simplified MASO": Check("operators.simplified", "check_simplified", True, 9),
    "symbolic simplified MASO": Check(
        "operators.simplified", "check_symbolic_simplified", False, 9
    ),
    "approximation": Check("learning.approximation", "check_approximation", False, 10),
    "power diagram": Check("geometry.power", "check_power_diagram", True, 11),
    "Voronoi": Check("geometry.voronoi", "check_voronoi", True, 11),
    "whole partition": Check("geometry.whole", "check_whole_partition", True, 11),
    "layers together": Check("geometry.whole", "check_layers_together", False, 11),
    "equal cuts": Check("geometry.cuts", "check_cut_alike", True, 12),
    "reflection": Check("geometry.cuts", "check_reflection", True, 12),
    "bending": Check("geometry.geometry", "check_bending", True, 12),
    "counts": Check("counting.counts", "check_counts", True, 13),
    "Lipschitz": Check("constants.constants", "check_lipschitz", True, 14),
    "collinear templates": Check("filters.collinear", "check_collinear", False, 15),
    "hard to soft": Check("learning.soft", "check_hard_to_soft", False, 16),
    "VQ": Check("learning.vq", "check_vq", True, 17),
}


def check_function(name: str) -> Any:
    """The function of a registered check.

    Examples
    --------
    >>> check_function("convexity").__name__
    'check_convexity'
    """
    check = CHECKS[name]
    return getattr(_module(check.module), check.function)


def _module(name: str) -> Any:
    """A module of this package; its constants are computed in standard mode, too."""
    return guarded(import_module)(f"{__name__}.{name}")


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_EXPORTS, *globals()})
