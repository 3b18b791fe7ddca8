"""The Numba passes: blocks of samples on all threads, one sample at once, affine maps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..mode import TELLING
from .kernel.layout import BYTES, LANES, SPARE
from .plan import Plan, aligned
from .threads import in_ranges

__all__ = ["FastPass", "OneSample"]

_CACHE = 1 << 15  # bytes of a state that stay in the nearest cache
_ROOM = 1 << 27  # bytes of a block's members
_MEMBERS = 1 << 21  # bytes of the members of a block that goes back
_RANGE = 1 << 27  # multiplications of a range of samples: some milliseconds
_TOGETHER = 4096  # samples whose codes are sorted together for their maps
_STEP = 2 * LANES  # kernels take so many columns at once


_NO_ERROR = np.zeros(1)
_TELLING = np.array(TELLING)


class _Packed:
    """A table of addresses for `pass_points`, and the arrays that it is of.

    A copy has arrays of its own, and a table of these.
    """

    def __init__(self, plan: Plan, errors: np.ndarray, stats: np.ndarray, samples: int) -> None:
        self._given = plan, errors, stats, samples
        errors = np.ascontiguousarray(errors, dtype=np.float64)
        work = aligned(3 * plan.room + SPARE, plan.F.dtype)
        work[:] = 0
        self._arrays = plan.T, plan.F, plan.N, work, errors, stats, _TELLING
        places = [number for a in self._arrays for number in (a.ctypes.data, len(a))]
        self.table = np.array([*places, samples], dtype=np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Packed, self._given


class OneSample:
    """Single samples of a plan: what a call needs, and nothing to be looked up or converted.

    Attributes
    ----------
    kernel : callable
        ``kernel(table, x, values, code)``: the compiled code itself, without Numba's dispatcher.
        It takes arrays of one axis, and believes the types: x and values of ``dtype``, a code of
        bytes. For the rest, see `pass_points`.
    table : array
    dtype : data type
    outputs, units : int
        Lengths of values and code.
    """

    __slots__ = ("_given", "_packed", "dtype", "kernel", "outputs", "table", "units")

    def __init__(self, plan: Plan, outputs: int, units: int) -> None:
        self._given = plan, outputs, units
        self._packed = _Packed(plan, _NO_ERROR, np.zeros(0), 1)
        # that of arrays, which are asked whether theirs is the same object
        self.table, self.dtype = self._packed.table, np.dtype(plan.F.dtype.type)
        self.outputs, self.units = outputs, units
        self.kernel = _entry(plan)

    def __reduce__(self) -> tuple[Any, ...]:
        return OneSample, self._given


class FastPass:
    """A plan ready for passes in Numba.

    Parameters
    ----------
    plan : Plan
    dim, outputs : int
        D and C.
    units : int
        Length of a code.
    threads : int
    """

    def __init__(self, plan: Plan, dim: int, outputs: int, units: int, threads: int) -> None:
        self.plan, self.dim, self.outputs, self.units = plan, dim, outputs, units
        self.dtype = plan.F.dtype
        self.safe = float(plan.N[0])
        self.threads = threads
        self._random: np.ndarray | None = None

    def block(self, columns: int) -> int:
        """How many samples go together when each takes so many columns."""
        plan = self.plan
        fits = _CACHE // (max(1, plan.state) * self.dtype.itemsize)
        width = min(max(64, 1 << int(math.log2(max(fits, 1)))), 256)
        if plan.wide:
            width = 512  # worth all threads
        room = _ROOM // (max(1, plan.members) * self.dtype.itemsize)
        return max(1, min(width, max(_STEP, room)) // columns)

    def load(self) -> None:
        """Have the kernels of batches ready: they are called for no samples."""
        none, codes = np.zeros((1, 3)), np.zeros((1, self.units), np.uint8)
        X, values = np.zeros((1, self.dim), self.dtype), np.zeros((1, self.outputs), self.dtype)
        if not self.plan.single:
            self._pass(X, _NO_ERROR, 0, 0, values, codes, none)

    @property
    def _parts(self) -> int:
        """In how many ranges samples are cut; BLAS takes all threads by itself."""
        return 1 if self.plan.wide else self.threads

    def one_sample(self) -> OneSample:
        """What takes single samples; the kernel is loaded, or compiled."""
        return OneSample(self.plan, self.outputs, self.units)

    def __call__(
        self, X: np.ndarray, errors: np.ndarray, values: np.ndarray, codes: np.ndarray | None,
        stats: np.ndarray | None,
    ) -> None:  # fmt: skip
        """As `PlainPass`; |X| must not be beyond ``safe``."""
        codes = np.zeros((0, self.units), np.uint8) if codes is None else codes
        stats = np.zeros((0, 3)) if stats is None else stats
        X = _writeable(X)
        own = len(X) * max(1, self.plan.work) // self._parts
        rooms: list[Any] = []  # that no range uses now
        in_ranges(
            lambda i, j: self._pass(X, errors, i, j, values, codes, stats, rooms),
            len(X), 1 if self.plan.single else _padded(self.block(1)), self._parts,
            min(16, own // _RANGE + 1),
        )  # fmt: skip

    def _pass(
        self, X: np.ndarray, errors: np.ndarray, start: int, stop: int, values: np.ndarray,
        codes: np.ndarray, stats: np.ndarray, rooms: list[Any] | None = None,
    ) -> None:  # fmt: skip
        plan, rooms = self.plan, [] if rooms is None else rooms
        if plan.single:
            self._one_by_one(X, errors, start, stop, values, codes, stats)
            return
        from .kernel.batch import Results, pass_batch

        try:
            scratch = rooms.pop()
        except IndexError:  # all are used by other threads
            scratch = self._scratch(_padded(min(self.block(1), stop - start)))
        results = Results(values, codes, stats)
        pass_batch(plan.T, plan.F, plan.N, X, errors, start, stop, scratch, results)
        rooms.append(scratch)

    def _scratch(self, width: int) -> Any:
        """Room for a block of so many samples."""
        from .kernel.batch import Scratch

        plan = self.plan
        state, members = max(plan.state, self.dim), plan.members + 2
        room = aligned((2 * state + members) * width, self.dtype).reshape(-1, width)
        A, B, U = room[:state], room[state : 2 * state], room[2 * state :]
        P = np.empty((plan.units, width), np.uint8)
        size, error = np.empty((2, width))
        return Scratch(A, B, U, P, size, error)

    def _one_by_one(
        self, X: np.ndarray, errors: np.ndarray, start: int, stop: int, values: np.ndarray,
        codes: np.ndarray, stats: np.ndarray,
    ) -> None:  # fmt: skip
        from .kernel.point import pass_points

        errors = errors[start:stop] if len(errors) == len(X) else errors
        stats = stats[start:stop].reshape(-1)
        packed = _Packed(self.plan, errors, stats, stop - start)
        flat = (a[start:stop].reshape(-1) for a in (X, values, codes))
        if not pass_points(packed.table, *flat):
            raise AssertionError("samples that are safe, in the standard mode")

    def maps_of(self, X: np.ndarray, A: np.ndarray, b: np.ndarray, *, fresh: bool = False) -> None:
        """Affine maps (n, C, D), (n, C) of samples, without their codes being kept."""
        errors, stats = np.zeros(0), np.zeros((0, 3))
        X = _writeable(X)

        def work(start: int, stop: int) -> None:
            for i in range(start, stop, _TOGETHER):
                j = min(i + _TOGETHER, stop)
                values = np.empty((j - i, self.outputs), self.dtype)
                codes = np.empty((j - i, self.units), np.uint8)
                self._pass(X[i:j], errors, 0, j - i, values, codes, stats)
                self._backward(codes, A[i:j], b[i:j], fresh=fresh)

        in_ranges(work, len(X), _STEP, self._parts)

    def maps(self, codes: np.ndarray, A: np.ndarray, b: np.ndarray, *, fresh: bool = False) -> None:
        """Affine maps (n, C, D), (n, C) of the samples with these codes."""
        in_ranges(
            lambda i, j: self._backward(codes[i:j], A[i:j], b[i:j], fresh=fresh),
            len(codes), _STEP, self._parts,
        )  # fmt: skip

    def _backward(self, codes: np.ndarray, A: np.ndarray, b: np.ndarray, *, fresh: bool) -> None:
        if self.plan.chain:
            self._by_endings(codes, A, b)
        elif self.plan.wide or self.plan.levels * self._rows_of_maps > _ROOM // self.dtype.itemsize:
            self._by_blocks(codes, A, b)
        else:
            self._transposed(codes, A, b, fresh=fresh)

    @property
    def _rows_of_maps(self) -> int:
        """Numbers of a block of `pass_transposed`."""
        lanes = BYTES // self.dtype.itemsize
        return (max(self.plan.state, self.dim) + 1) * -(-self.outputs // lanes) * lanes

    def _keys(self, codes: np.ndarray) -> np.ndarray:
        """Numbers that sort equal endings of codes next to each other."""
        from .kernel.backward import suffix_keys

        if self._random is None:
            self._random = np.random.default_rng(0).integers(
                0, 2**64, self.units + 1, dtype=np.uint64
            )
        keys = np.empty(len(codes), dtype=np.uint64)
        suffix_keys(self.plan.T, self.plan.levels, codes, 0, len(codes), self._random, keys)
        return keys

    def _transposed(
        self, codes: np.ndarray, A: np.ndarray, b: np.ndarray, *, fresh: bool = False
    ) -> None:
        from .kernel.transposed import pass_transposed

        plan = self.plan
        S = aligned(plan.levels * self._rows_of_maps, self.dtype).reshape(plan.levels, -1)
        # equal codes next to each other, after those that share the ending without the first
        # layer; else as they were given: neighbours in a data set often differ in few units
        keys = self._keys(codes)
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        kept = 16 * max(0, min(3, plan.levels - 2))
        ending = keys >> np.uint64(64 - kept) if kept else np.zeros(len(codes))
        order = np.lexsort((first[which.reshape(-1)], ending))
        work = np.zeros((2, plan.levels), np.int64)
        active = np.zeros(plan.units + 1, np.int64)
        pass_transposed(
            plan.T, plan.F, plan.levels, codes, order, 0, len(codes), S, work, active, fresh, A, b
        )

    def _by_endings(self, codes: np.ndarray, A: np.ndarray, b: np.ndarray) -> None:
        from .kernel.backward import Active, pass_back_sparse

        plan, n, keys = self.plan, len(codes), self._keys(codes)
        most = max(plan.units, self.dim) + LANES
        G = np.empty((plan.levels, LANES * most), self.dtype)
        active = np.zeros((plan.levels, most), dtype=np.int64)
        counts, bases = np.zeros((2, max(most, plan.levels)), dtype=np.int64)
        pass_back_sparse(
            plan.T, plan.F, plan.levels, codes, np.argsort(keys), 0, n, G,
            Active(active, counts, bases), A, b,
        )  # fmt: skip

    def _by_blocks(self, codes: np.ndarray, A: np.ndarray, b: np.ndarray) -> None:
        from .kernel.backward import pass_back

        plan = self.plan
        # rows of all members come and go: a block small enough for the cache
        most = max(_STEP, _MEMBERS // (max(1, plan.members) * self.dtype.itemsize))
        block = max(1, min(self.block(self.outputs), most // self.outputs))
        width = _padded(block * self.outputs)
        Z, Y = np.zeros((2, max(plan.state, self.dim), width), self.dtype)
        U = np.zeros((plan.members, width), self.dtype)
        total = np.empty(width, self.dtype)
        pass_back(plan.T, plan.F, plan.levels, codes, 0, len(codes), Z, Y, U, A, b, total)


def _entry(plan: Plan) -> Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], bool]:
    """The compiled code of `pass_points` for a plan's type."""
    from numba import typeof

    from .kernel.point import pass_points

    packed = _Packed(plan, _NO_ERROR, np.zeros(0), 0)
    x, values = np.zeros((2, 0), plan.F.dtype)
    given = packed.table, x, values, np.zeros(0, np.uint8)
    pass_points(*given)  # of no samples: compiled
    entry: Any = pass_points.get_overload(tuple(map(typeof, given)))
    return entry


def _writeable(X: np.ndarray) -> np.ndarray:
    """For kernels arrays that can only be read are another type, compiled for once more."""
    return X if X.flags.writeable else X.copy()


def _padded(n: int) -> int:
    """The next multiple of what kernels take at once."""
    return max(1, -(-n // _STEP)) * _STEP
