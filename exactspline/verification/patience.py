"""Proofs that wait for no compiler as long as they are short."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..driver.watching import watched
from ..search.choice import REFERENCE, small_without_compiler
from ..statements.kept import Kept
from ..statements.prove import proof_of
from ..statements.quantified import Statement
from ..statements.verdict import Verdict

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["INTERRUPTS", "proved"]

INTERRUPTS = ("interrupt", "terminated")  # reasons to stop that are for all that is to be done

_PATIENCE = 8.0  # seconds of a search in rationals; compiling takes some 15


class _SlowError(Exception):
    """A search in rationals takes longer than it may."""


def proved(
    statement: Statement, *, time_limit: float | None, limit: int | None, progress: Any,
    order: str = "auto", executor: Executor | None = None, kept: Kept | None = None,
) -> Verdict:  # fmt: skip
    """As `prove`; without compiled kernels a small search begins in rationals.

    Where that takes long, it is worth waiting for the compiler.
    """
    start = time.monotonic()
    show, clear = watched(progress)

    def watch(run: Any) -> None:
        if run.engine_name == REFERENCE and time.monotonic() - start > _PATIENCE:
            raise _SlowError
        show(run)

    try:
        with small_without_compiler():
            return proof_of(
                statement, time_limit=time_limit, limit=limit,
                progress=watch, order=order, executor=executor, kept=kept,
            )  # fmt: skip
    except _SlowError:
        clear()
        left = None if time_limit is None else time_limit - (time.monotonic() - start)
        return proof_of(
            statement, time_limit=None if left is None else max(left, 0.0), limit=limit,
            progress=progress, order=order, executor=executor, kept=kept,
        )  # fmt: skip
    finally:
        clear()
