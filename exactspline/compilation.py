"""How far a compilation of kernels has come: heard from Numba, told on in a file.

Compiling lasts long only once on a machine, so nothing is known about how long it will take here.
What is known is how large the functions are: the time that is left is told from their shares.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Step", "listening", "read_step", "write_step"]

_EARLY = 0.05  # of the work: before that nothing is said of the time that is left


@dataclass(frozen=True)
class Step:
    """How far a compilation is.

    Attributes
    ----------
    done, total : int
        Functions that are compiled, and how many there are, about.
    share : float
        Of the work: by the functions' sizes.
    seconds : float
        Since it began.
    """

    done: int
    total: int
    share: float
    seconds: float

    @property
    def left(self) -> float | None:
        """Seconds that are left, as far as can be told."""
        if not _EARLY < self.share < 1.0:
            return None
        return self.seconds * (1.0 / self.share - 1.0)

    def __str__(self) -> str:
        text = f"function {min(self.done + 1, self.total)} of {self.total}"
        return text if self.left is None else f"{text}, about {self.left:.0f} s left"


@contextlib.contextmanager
def listening(kernels: Iterable[Any], tell: Callable[[Step], None]) -> Iterator[None]:
    """Tell of every function that is compiled in the block.

    Parameters
    ----------
    kernels : iterable of dispatchers
        What there is to compile.
    tell : callable
        Is given a `Step` after every function.

    Notes
    -----
    Listens to Numba's events; where these are others than known here, nothing is told.
    """
    sizes = {kernel.py_func: _size(kernel) for kernel in kernels}
    whole, start = max(1, sum(sizes.values())), time.monotonic()
    seen: set[Any] = set()
    try:
        from numba.core import event

        class Ears(event.Listener):
            def on_start(self, event: Any) -> None:
                pass

            def on_end(self, event: Any) -> None:
                function = getattr(event.data.get("dispatcher"), "py_func", None)
                if function in sizes and function not in seen:
                    seen.add(function)
                    share = sum(sizes[f] for f in seen) / whole
                    tell(Step(len(seen), len(sizes), share, time.monotonic() - start))

        block: Any = event.install_listener("numba:compile", Ears())
    except (ImportError, AttributeError, TypeError):
        block = contextlib.nullcontext()
    tell(Step(0, len(sizes), 0.0, 0.0))
    with block:
        yield


def _size(kernel: Any) -> int:
    return len(kernel.py_func.__code__.co_code)


def write_step(name: str, step: Step) -> None:
    """Put a step where other processes read it; a file that cannot be written is let be."""
    own = f"{name}.{os.getpid()}"
    with contextlib.suppress(OSError):
        with open(own, "w", encoding="ascii") as stream:
            stream.write(f"{step.done} {step.total} {step.share!r} {step.seconds!r}")
        os.replace(own, name)


def read_step(name: str) -> Step | None:
    """The step that another process has written last; None if there is none."""
    try:
        with open(name, encoding="ascii") as stream:
            done, total, share, seconds = stream.read(200).split()
        return Step(int(done), int(total), float(share), float(seconds))
    except (OSError, ValueError):
        return None
