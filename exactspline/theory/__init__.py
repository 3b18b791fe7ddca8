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
    """A line of the registry: where the function is, what it needs, the statement's number."""

    module: str
    function: str
    needs_network: bool
    number: int


# name -> module of this package that holds it
_EXPORTS: dict[str, str] = {
    "Report": "report",
    # the objects
    "AffineSpline": "spline",
    "max_affine_form": "convexity",
    "as_simplified_maso": "simplified",
    "toy_networks": "gallery",
    # the checks 1 to 10
    "check_approximation": "approximation",
    "check_cnn_formula": "formulas",
    "check_composition": "composition",
    "check_convexity": "convexity",
    "check_hierarchy": "hierarchy",
    "check_nondecreasing": "nondecreasing",
    "check_operators": "operators",
    "check_piecewise_affine": "structure",
    "check_resnet_formula": "formulas",
    "check_simplified": "simplified",
    "check_symbolic_operators": "symbolic",
    "check_templates": "gradients",
    # the checks 11 to 17
    "check_bending": "geometry",
    "check_collinear": "collinear",
    "check_counts": "counts",
    "check_cut_alike": "cuts",
    "check_hard_to_soft": "soft",
    "check_layers_together": "whole",
    "check_lipschitz": "constants",
    "check_power_diagram": "power",
    "check_reflection": "cuts",
    "check_voronoi": "voronoi",
    "check_vq": "vq",
    "check_whole_partition": "whole",
    # geometry, bounds, templates, codes and learning
    "PowerDiagram": "power",
    "bends": "geometry",
    "bounds": "counts",
    "cells_power_diagram": "coherent",
    "collinear_templates": "collinear",
    "fit_max_affine": "learning",
    "layer_power_diagram": "power",
    "lipschitz": "constants",
    "nearest_in_code_space": "vq",
    "orthogonality_penalty": "matched",
    "product_bound": "product",
    "soft_maso": "soft",
    "templates": "matched",
    "vq_codes": "vq",
    "vq_distances": "vq",
    "whole_power_diagram": "whole",
    "zaslavsky": "arrangement",
}

CHECKS: dict[str, Check] = {
    "convexity": Check("convexity", "check_convexity", True, 1),
    "operators": Check("operators", "check_operators", True, 2),
    "symbolic operators": Check("symbolic", "check_symbolic_operators", False, 2),
    "composition": Check("composition", "check_composition", True, 3),
    "symbolic composition": Check("composition", "check_symbolic_composition", False, 3),
    "piecewise affine": Check("structure", "check_piecewise_affine", True, 4),
    "nondecreasing": Check("nondecreasing", "check_nondecreasing", True, 5),
    "CNN formula": Check("formulas", "check_cnn_formula", True, 6),
    "ResNet formula": Check("formulas", "check_resnet_formula", True, 6),
    "templates": Check("gradients", "check_templates", True, 7),
    "hierarchy": Check("hierarchy", "check_hierarchy", True, 8),
    "simplified MASO": Check("simplified", "check_simplified", True, 9),
    "symbolic simplified MASO": Check("simplified", "check_symbolic_simplified", False, 9),
    "approximation": Check("approximation", "check_approximation", False, 10),
    "power diagram": Check("power", "check_power_diagram", True, 11),
    "Voronoi": Check("voronoi", "check_voronoi", True, 11),
    "whole partition": Check("whole", "check_whole_partition", True, 11),
    "layers together": Check("whole", "check_layers_together", False, 11),
    "equal cuts": Check("cuts", "check_cut_alike", True, 12),
    "reflection": Check("cuts", "check_reflection", True, 12),
    "bending": Check("geometry", "check_bending", True, 12),
    "counts": Check("counts", "check_counts", True, 13),
    "Lipschitz": Check("constants", "check_lipschitz", True, 14),
    "collinear templates": Check("collinear", "check_collinear", False, 15),
    "hard to soft": Check("soft", "check_hard_to_soft", False, 16),
    "VQ": Check("vq", "check_vq", True, 17),
}


def check_function(name: str) -> Any:
    """The function of a registered check."""
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
