"""The theory of affine splines, made checkable: one function per statement, each a `Report`.

Every file registers what it offers (`registry`): a check by the decorator `registry.check`, another
public name by `registry.exported`. All files are loaded together when the first name is asked for.
``CHECKS`` holds the checks by name, as the command ``exactspline theorems`` runs them. The function
of a check takes ``(network, domain)`` if ``needs_network``, else nothing, and returns a `Report` or
a list of them. ``network`` may be a `Partition` (then without a domain), so that the regions are
enumerated once. `exactspline.check` puts a statement of a user's into the same table.
"""

from __future__ import annotations

from typing import Any

from .registry import Check

__all__ = ["CHECKS", "Check", "check_function", "load_checks", "run_checks"]


def check_function(name: str) -> Any:
    """The function of a registered check.

    Examples
    --------
    >>> check_function("convexity").__name__
    'check_convexity'
    """
    from .chapters import check_function as found

    return found(name)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    from .chapters import checks, exports

    if name == "run_checks":
        from .run import run_checks

        return run_checks
    if name == "load_checks":
        from .own import load_checks

        return load_checks
    if name == "CHECKS":
        return checks()
    if name not in exports():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return exports()[name]


def __dir__() -> list[str]:
    from .chapters import exports

    return sorted({*__all__, *exports(), *globals()})
