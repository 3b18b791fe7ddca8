"""The exact error of a product: by a fused multiply-add, or in halves where there is none."""

from __future__ import annotations

from typing import Any

from ..block import BY_POINTER
from ..jit import kernel

__all__ = ["FUSED", "product_error"]

SPLIT = 134217729.0  # 2^27 + 1


def _has_fused() -> bool:
    """Whether Numba's inside is known and the processor multiplies and adds in one rounding."""
    if not BY_POINTER:
        return False
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    return bool(features.get("fma") or features.get("neon") or features.get("fp-armv8"))


FUSED = _has_fused()

if FUSED:
    from numba.core import types
    from numba.extending import intrinsic

    def _fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
        """a b + c with one rounding."""
        number = types.float64

        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.fma(*values)

        return number(number, number, number), code

    fused: Any = intrinsic(_fused)

    @kernel
    def product_error(a, b, p):
        """a b - p for p the rounded product, exactly (unless it underflows)."""
        return fused(a, b, -p)

else:

    @kernel
    def product_error(a, b, p):
        """The same by Veltkamp's splitting and Dekker's sum: five products more."""
        t = SPLIT * a
        a1 = t - (t - a)
        a2 = a - a1
        t = SPLIT * b
        b1 = t - (t - b)
        b2 = b - b1
        return ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2
