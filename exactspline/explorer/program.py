"""The network as columns, so that a page can compute the affine map of a region from its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..rationals import as_float
from ..texts import plain

if TYPE_CHECKING:
    from ..cells.space import SearchSpace
    from ..compile.forms import Forms
    from ..compile.program import Program
    from .pack import Blocks

__all__ = ["MOST_COEFFICIENTS", "image_of", "program_columns", "unit_groups"]

MOST_COEFFICIENTS = 8_000_000  # of a network whose maps a page computes


def program_columns(program: Program, space: SearchSpace, blocks: Blocks) -> dict[str, Any]:
    """The program over the coordinates of a complex; or only how large it is, if too large."""
    levels = [space.inputs, *(layer.members for layer in program.layers), program.output]
    size = sum(len(forms.data) for forms in levels)
    if size > MOST_COEFFICIENTS:
        return {"coefficients": size, "limit": MOST_COEFFICIENTS, "layers": None}
    layers = []
    for layer in program.layers:
        units = layer.units
        layers.append(
            {
                "members": _forms(layer.members, blocks),
                "keep": blocks.add(layer.keep.astype(np.int32), differences=True),
                "lead": blocks.add(units.lead),
                "start": blocks.add(units.piece_start.astype(np.int32), differences=True),
                "member": blocks.add(units.piece_member.astype(np.int32), differences=True),
                "slope": blocks.floats(_near(units.piece_slope)),
                "offset": blocks.floats(_near(units.piece_offset)),
                "shift": blocks.floats(_near(units.piece_shift)),
            }
        )
    return {
        "coefficients": size,
        "limit": MOST_COEFFICIENTS,
        "inputs": _forms(space.inputs, blocks),
        "layers": layers,
        "output": _forms(program.output, blocks),
    }


def unit_groups(program: Program, blocks: Blocks) -> list[dict[str, Any]]:
    """What the units are called, in the order of codes: groups of one operator."""
    out = []
    for number, layer in enumerate(program.layers):
        for group in layer.names:
            entries = group.entries
            out.append(
                {
                    "layer": number,
                    "operator": plain(group.operator),
                    "shape": list(group.shape),
                    "count": len(group),
                    "entries": None
                    if entries is None
                    else blocks.add(np.asarray(entries, dtype=np.int32), differences=True),
                }
            )
    return out


def image_of(space: SearchSpace, points: np.ndarray, shape: tuple[int, int, int]) -> dict[str, Any]:
    """How an input is shown as an image: its shape, and which values are black and white.

    Parameters
    ----------
    space : SearchSpace
    points : float64 array, shape (n, 2)
        Some outermost points, over the space's coordinates.
    shape : tuple of int
        Channels, rows, columns.
    """
    forms = space.inputs
    dense = np.zeros((len(forms), 2))
    dense[np.repeat(np.arange(len(forms)), np.diff(forms.indptr)), forms.indices] = _near(
        forms.data
    )
    with np.errstate(all="ignore"):
        seen = points @ dense.T + _near(forms.const)
    seen = seen[np.isfinite(seen)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    if low >= -3 and high <= 4:  # pixels from 0 to 1, and beyond them where a slice leaves them
        low, high = 0.0, 1.0
    elif low >= -600 and 20 <= high <= 1000:
        low, high = 0.0, 255.0
    return {"shape": list(shape), "low": low, "high": high if high > low else low + 1}


def _forms(forms: Forms, blocks: Blocks) -> dict[str, Any]:
    return {
        "start": blocks.add(forms.indptr.astype(np.int32), differences=True),
        "index": blocks.add(forms.indices.astype(np.int32), differences=True),
        "value": blocks.floats(_near(forms.data)),
        "constant": blocks.floats(_near(forms.const)),
        "width": forms.width,
    }


def _near(array: np.ndarray) -> np.ndarray:
    values, _ = as_float(array)
    return np.asarray(values, dtype=np.float64)
