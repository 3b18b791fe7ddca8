"""Whether Numba has the kernels in its cache already, and a run that brings them in.

The first search on a machine compiles for about a minute; a person should be told so.
"""

from __future__ import annotations

__all__ = ["is_compiled", "warm_up", "warn_if_lost"]


def is_compiled(*, facets: bool = False) -> bool:
    """Whether the kernels need no compilation, as far as can be seen without compiling.

    Parameters
    ----------
    facets : bool
        Ask for the kernels that find facets, too.

    Returns
    -------
    bool
        False only if the cache is readable and holds no fresh entry of a kernel for this
        processor. In doubt True: better no message than a wrong one.

    Notes
    -----
    Reads a few small index files. It looks into Numba's cache objects, which are no public
    interface; whatever is not found there as expected counts as doubt.
    """
    try:
        from .dfs import advance
        from .enter import enter_layer
        from .simplex import refactor

        kernels = [advance, enter_layer, refactor]
        if facets:
            from .facets import explore

            kernels.append(explore)
        return all(map(_in_cache, kernels))
    except Exception:  # Numba's inside may be another one tomorrow
        return True


def _in_cache(kernel: object) -> bool:
    if kernel.signatures:  # type: ignore[attr-defined]  # loaded in this process
        return True
    codegen = kernel.targetctx.codegen()  # type: ignore[attr-defined]
    return kernel._cache.holds(codegen.magic_tuple())  # type: ignore[attr-defined]


def warn_if_lost(*, facets: bool = False) -> None:
    """Warn if every process will compile the kernels again, as no cache can be written."""
    if is_compiled(facets=facets):
        return
    from ..kernels import warn_if_lost as warn
    from .dfs import advance

    warn(advance)


def warm_up(*, facets: bool = False) -> None:
    """Compile the kernels, or load them from the cache, by a search of one unit.

    Parameters
    ----------
    facets : bool
        Those that find facets, too.
    """
    from ..domain import WholeSpace
    from ..network import Dense, Network, ReLU
    from .run import Run

    network = Network([Dense([[1]]), ReLU()], (1,))
    for _ in Run(
        network.program, WholeSpace(1), store=facets, engine="kernel", facets=facets
    ).batches():
        pass
