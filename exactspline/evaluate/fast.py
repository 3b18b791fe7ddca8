"""The Numba passes: blocks of samples on all threads, one sample at once, affine maps."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ..mode import TELLING
from .kernel.layout import BYTES, HEADER, LANES, MORE, SPARE, UNITS, WORD
from .plan import Plan, aligned
from .threads import in_ranges

__all__ = ["FastPass", "OneSample", "all_finite"]

_CACHE = 1 << 15  # bytes of a state that stay in the nearest cache
_ROOM = 1 << 27  # bytes of a block's members
_MEMBERS = 1 << 21  # bytes of the members of a block that goes back
_BLOCK = 1 << 16  # bytes of the rows of a block of samples with active units
_RANGE = 1 << 27  # multiplications of a range of samples: some milliseconds
_TOGETHER = 4096  # samples whose codes are sorted together for their maps
_SORTED = 1 << 13  # the same where codes are bits; numbered by the free bits of `take_keys`
_BYTES = 2048  # and samples whose codes are bytes until they are bits
_STREAM = 1 << 23  # bytes of codes that go past the caches, sample by sample
_STEP = 2 * LANES  # kernels take so many columns at once


_NO_ERROR = np.zeros(1)
_TELLING = np.array(TELLING)


class _Packed:
    """A table of addresses for `pass_points`, and the arrays that it is of.

    A copy has arrays of its own, and a table of these.
    """

    def __init__(
        self, plan: Plan, errors: np.ndarray, stats: np.ndarray, samples: int, code: int = 0
    ) -> None:
        self._given = plan, errors, stats, samples, code
        errors = np.ascontiguousarray(errors, dtype=np.float64)
        work = aligned(3 * plan.room + SPARE, plan.F.dtype)
        work[:] = 0
        room = np.empty(code, np.uint8)
        self._arrays = plan.T, plan.F, plan.N, work, errors, stats, _TELLING, room
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
        X = _as_kernels_take(X)
        own = len(X) * max(1, self.plan.work) // self._parts
        rooms: list[Any] = []  # that no range uses now
        in_ranges(
            lambda i, j: self._pass(X, errors, i, j, values, codes, stats, rooms),
            len(X), 1 if self.plan.single else _padded(self.block(1)), self._parts,
            min(16, own // _RANGE + 1),
        )  # fmt: skip

    def _pass(
        self, X: np.ndarray, errors: np.ndarray, start: int, stop: int, values: np.ndarray,
        codes: np.ndarray, stats: np.ndarray, rooms: list[Any] | None = None, *,
        as_bits: bool = False,
    ) -> None:  # fmt: skip
        plan, rooms = self.plan, [] if rooms is None else rooms
        if plan.single:
            self._one_by_one(X, errors, start, stop, values, codes, stats)
            return
        from .kernel.batch import Results, pass_batch, pass_fused_batch

        try:
            scratch = rooms.pop()
        except IndexError:  # all are used by other threads
            scratch = self._scratch(_padded(min(self.block(1), stop - start)))
        results = Results(values, codes, stats, int(as_bits))
        run = pass_fused_batch if plan.fused else pass_batch
        run(plan.T, plan.F, plan.N, X, errors, start, stop, scratch, results)
        rooms.append(scratch)

    def _scratch(self, width: int) -> Any:
        """Room for a block of so many samples."""
        from .kernel.batch import Scratch

        plan = self.plan
        state, members = max(plan.state, self.dim), plan.members + 2
        room = aligned((2 * state + members) * width, self.dtype).reshape(-1, width)
        A, B, U = room[:state], room[state : 2 * state], room[2 * state :]
        P = np.empty(plan.units * width + WORD, np.uint8)[: plan.units * width]
        size, error = np.empty((2, width))
        return Scratch(A, B, U, P.reshape(-1, width), size, error)

    def _one_by_one(
        self, X: np.ndarray, errors: np.ndarray, start: int, stop: int, values: np.ndarray,
        codes: np.ndarray, stats: np.ndarray,
    ) -> None:  # fmt: skip
        errors = errors[start:stop] if len(errors) == len(X) else errors
        stats = stats[start:stop].reshape(-1)
        code = self.units if codes.nbytes > _STREAM else 0
        packed = _Packed(self.plan, errors, stats, stop - start, code)
        flat = (a[start:stop].reshape(-1) for a in (X, values, codes))
        if not _points(self.plan)(packed.table, *flat):
            raise AssertionError("samples that are safe, in the standard mode")

    def maps_of(self, X: np.ndarray, A: np.ndarray, b: np.ndarray, *, fresh: bool = False) -> bool:
        """Affine maps (n, C, D), (n, C) of samples, without their codes being kept.

        Returns whether all numbers are finite.
        """
        errors, stats = np.zeros(0), np.zeros((0, 3))
        finite: list[bool] = []
        X = _as_kernels_take(X)

        def work(start: int, stop: int) -> None:
            bits = _Bits(self, min(_SORTED, stop - start)) if self.plan.chain else None
            at_once = bits is not None and self.plan.fused  # bits, without bytes first
            most = _SORTED if at_once else _BYTES if self.plan.chain else _TOGETHER
            most = max(1, min(most, stop - start))
            values = np.empty((0 if at_once else most, self.outputs), self.dtype)
            codes = np.empty((0 if at_once else most, self.units), np.uint8)
            rooms: list[Any] = []
            for i in range(start, stop, most):
                j, first = min(i + most, stop), i
                if bits is not None and at_once:
                    own = bits.room(j - i)
                    self._pass(X[i:j], errors, 0, j - i, values, own, stats, rooms, as_bits=True)
                else:
                    self._pass(X[i:j], errors, 0, j - i, values, codes, stats, rooms)
                if bits is None:
                    self._backward(codes[: j - i], A[i:j], b[i:j], fresh=fresh)
                else:
                    bits.add(j - i if at_once else codes[: j - i])
                    if j < stop and bits.count + min(most, stop - j) <= len(bits.keys):
                        continue
                    first = j - bits.count
                    self._by_endings(bits, A[first:j], b[first:j])
                finite.append(all_finite(A[first:j], b[first:j]))

        # many are taken in ranges that are sorted together
        each = max(1, -(-len(X) // (self._parts * _SORTED)))
        in_ranges(work, len(X), _STEP, self._parts, each)
        return all(finite)

    def maps(self, codes: np.ndarray, A: np.ndarray, b: np.ndarray, *, fresh: bool = False) -> None:
        """Affine maps (n, C, D), (n, C) of the samples with these codes."""
        in_ranges(
            lambda i, j: self._backward(codes[i:j], A[i:j], b[i:j], fresh=fresh),
            len(codes), _STEP, self._parts,
        )  # fmt: skip

    def _backward(self, codes: np.ndarray, A: np.ndarray, b: np.ndarray, *, fresh: bool) -> None:
        if self.plan.chain:
            bits = _Bits(self, min(_SORTED, len(codes)))
            for i in range(0, len(codes), _SORTED):
                bits.add(codes[i : i + _SORTED])
                self._by_endings(bits, A[i : i + _SORTED], b[i : i + _SORTED])
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

        keys = np.empty(len(codes), dtype=np.uint64)
        suffix_keys(self.plan.T, self.plan.levels, codes, 0, len(codes), self.numbers, keys)
        return keys

    @cached_property
    def numbers(self) -> np.ndarray:
        """Random numbers for hashes."""
        return np.random.default_rng(0).integers(
            0, 2**64, self.units + self.plan.levels, dtype=np.uint64
        )

    @cached_property
    def words(self) -> int:
        """How many words a code takes as bits: every layer begins one."""
        layers = self.plan.T[: self.plan.levels * HEADER].reshape(-1, HEADER)[:-1]
        return int(np.sum(-(-layers[:, UNITS] // WORD)))

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

    def _by_endings(self, bits: _Bits, A: np.ndarray, b: np.ndarray) -> None:
        """Maps of all samples that were added to ``bits``, which are none then."""
        from .kernel.endings import Room, pass_back_active

        plan, n = self.plan, bits.count
        most = max(plan.units, self.dim) + MORE
        block = min(max(4, _BLOCK // (2 * most * LANES * self.dtype.itemsize)), n)
        room = Room(
            units=np.zeros((2 * block + 1) * most, np.uint16),
            rows=aligned(2 * block * most * LANES, self.dtype),
            counts=np.zeros(2 * block, np.int64), slots=np.zeros(2 * block, np.int64),
            depths=np.zeros(block, np.int64), starts=np.zeros(plan.levels, np.int64),
        )  # fmt: skip
        order = bits.order()
        pass_back_active(plan.T, plan.F, plan.levels, bits.words, order, room, A, b)
        bits.count = 0

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


def _points(plan: Plan) -> Any:
    from .kernel.point import pass_dense_points, pass_points

    return pass_dense_points if plan.dense else pass_points


def _entry(plan: Plan) -> Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], bool]:
    """The compiled code of `pass_points` for a plan and its type."""
    from numba import typeof

    points = _points(plan)
    packed = _Packed(plan, _NO_ERROR, np.zeros(0), 0)
    x, values = np.zeros((2, 0), plan.F.dtype)
    given = packed.table, x, values, np.zeros(0, np.uint8)
    points(*given)  # of no samples: compiled
    entry: Any = points.get_overload(tuple(map(typeof, given)))
    return entry


class _Bits:
    """Codes as bits, and the numbers that sort equal endings next to each other."""

    def __init__(self, of: FastPass, most: int) -> None:
        self.words = np.empty((most, of.words), np.uint64)
        self.keys = np.empty(most, np.uint64)
        self.count = 0
        self._plan, self._numbers = of.plan, of.numbers

    def room(self, n: int) -> np.ndarray:
        """Where bits of n more codes are to be written, as bytes."""
        return self.words[self.count : self.count + n].view(np.uint8)

    def add(self, codes: np.ndarray | int) -> None:
        """More codes, or so many as have been written to `room`."""
        from .kernel.endings import take_bits, take_keys

        n = codes if isinstance(codes, int) else len(codes)
        begin, self.count = self.count, self.count + n
        words, keys = self.words[begin : self.count], self.keys[begin : self.count]
        T, levels = self._plan.T, self._plan.levels
        if not isinstance(codes, int):
            take_bits(T, levels, codes, words)
        take_keys(T, levels, words, self._numbers, keys)

    def order(self) -> np.ndarray:
        """The samples by their keys, which hold their numbers then: quicker than `argsort`."""
        keys = self.keys[: self.count]
        keys |= np.arange(self.count, dtype=np.uint64)
        keys.sort()
        return (keys & np.uint64(_SORTED - 1)).astype(np.int64)


def all_finite(*arrays: np.ndarray) -> bool:
    """Whether no number is infinite or NaN."""
    return all(bool(np.isfinite(a).all()) for a in arrays)


def _as_kernels_take(X: np.ndarray) -> np.ndarray:
    """For kernels arrays that can only be read are another type, compiled for once more.

    Compiled code also loads numbers from where numbers may stand, and no NumPy routine moves
    an array for that alone.
    """
    return X if X.flags.carray else X.copy()


def _padded(n: int) -> int:
    """The next multiple of what kernels take at once."""
    return max(1, -(-n // _STEP)) * _STEP
