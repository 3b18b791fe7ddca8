"""The running error bound in kernels: `bounds`, compiled."""

from __future__ import annotations

from . import bounds
from .jit import kernel

__all__ = ["of_members", "of_units"]

of_members = kernel(bounds.of_members)
of_units = kernel(bounds.of_units)
