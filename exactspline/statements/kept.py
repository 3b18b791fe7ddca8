"""A search for a point that is kept in a file: what it has decided, and what remains of it.

The tree is searched in tasks. The regions that a task leaves are looked at before the file forgets
the task: so a part that is gone from the file has been found to hold no point, whatever ends the
run.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..clock import OutOfTime
from ..errors import StoreError
from ..formats.json.domain import domain_to_json
from ..search.decisions import Decisions
from ..search.part import Part, following
from ..store.searches import FOUND, NONE, StoredSearch
from ..tasks.chunk import Chunk, code_key, decode_chunk
from ..tasks.merge import part_of
from .affine import Affine
from .atoms import Applied, Bend, Code, Hidden, PointAtom, Slope, atoms_of
from .conditions import And, Condition, Constant, Literal, literals_of
from .watch import Found, Watch

if TYPE_CHECKING:
    from ..compile.program import Program
    from ..search.decisions import Batch
    from .quantified import Statement

__all__ = ["Kept", "key_of"]

_QUICK = 0.1  # seconds to look at some regions at once
_EVERY = 1.0  # seconds after which what was looked at is written

Point = tuple[Fraction, ...]


def key_of(statement: Statement, *options: str) -> str:
    """A hash of what a statement says, and of options: equal for what is searched alike."""
    forms = [part.form for part in literals_of(statement.condition)]
    atoms = {atom: number for number, atom in enumerate(atoms_of(forms))}

    def form(value: Affine) -> list[object]:
        terms = sorted((atoms[atom], i, str(c)) for (atom, i), c in value.terms)
        return [str(value.const), *terms]

    def atom(one: object) -> list[object]:
        if isinstance(one, PointAtom):
            return ["point", statement.points.index(one)]
        if isinstance(one, Applied):
            program = one.network.program.sha256()
            return ["network", program, one.operator, *map(form, one.reads)]
        if isinstance(one, Hidden):
            return ["hidden", atoms[one.applied], one.node, one.size]
        if isinstance(one, Bend):
            return [one.kind, *map(form, one.reads)]
        assert isinstance(one, Slope | Code)
        return [type(one).__name__, atoms[one.applied]]

    def said_by(whole: Condition) -> Iterator[object]:
        """In order, with the number of parts of each: conditions may be deep."""
        open_ = [whole]
        while open_:
            part = open_.pop()
            if isinstance(part, Constant):
                yield part.value
            elif isinstance(part, Literal):
                yield [part.relation, form(part.form)]
            else:
                yield ["and" if isinstance(part, And) else "or", len(part.parts)]
                open_ += reversed(part.parts)

    said = [
        statement.universal, [domain_to_json(p.domain) for p in statement.points],
        [atom(one) for one in atoms], list(said_by(statement.condition)), options,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class Kept:
    """One search in a file, as the search for a point uses it.

    Parameters
    ----------
    file : StoredSearch
    """

    def __init__(self, file: StoredSearch) -> None:
        self.file = file
        self._watch: Watch | None = None
        self._program: Program | None = None
        self._dim = 0

    @property
    def path(self) -> str:
        """The file's name."""
        return self.file.path

    # --- what is known ------------------------------------------------------------------------
    @property
    def is_none(self) -> bool:
        """Whether it is known that there is no point."""
        return self.file.state.verdict == NONE

    @property
    def is_found(self) -> bool:
        """Whether a point is known."""
        return self.file.state.verdict == FOUND

    @property
    def tried(self) -> int:
        """How many ways to try points that need no tree have been begun."""
        return self.file.state.tried

    def known(self) -> tuple[Point, np.ndarray | None, Point]:
        """The point that the file has: where, the code of its region, a point inside of that."""
        state = self.file.state
        points = state.found
        assert points is not None
        code = None
        if state.code and self._program is not None:
            code = _code_of(state.code, self._program)
        return points[0], code, points[1]

    def conclude(self, found: Found | None) -> None:
        """Write the verdict."""
        if found is None:
            self.file.conclude()
            return
        code = b""
        if found.code is not None and self._program is not None:
            code = code_key(found.code, self._program)
        self.file.conclude(found.at, found.inside, code)

    # --- the tree -----------------------------------------------------------------------------
    def begin(self, program: Program, watch: Watch, dim: int) -> None:
        """Begin to search a tree, or go on.

        Parameters
        ----------
        program : Program
        watch : Watch
            Looks at regions.
        dim : int
            Of the domain.
        """
        self.file.begin(bytes.fromhex(program.sha256()), program)
        self._program, self._watch, self._dim = program, watch, dim

    @property
    def regions(self) -> int:
        """Regions looked at so far."""
        return self.file.state.regions

    @property
    def decisions(self) -> Decisions:
        """Proved decisions so far."""
        return self.file.state.decisions

    def pending(self) -> list[tuple[int, Part]]:
        """What remains, in order, each with its key."""
        return self.file.pending()

    @property
    def is_over(self) -> bool:
        """Whether a point was found, and nothing that remains comes before its region."""
        state, program = self.file.state, self._program
        if not state.point or program is None:
            return False
        pending = self.file.pending()
        return not pending or code_key(pending[0][1].begin, program) > state.code

    def commit(
        self, key: int, chunks: Sequence[Chunk], remaining: Sequence[Part], regions: int,
        decisions: Decisions, seconds: float,
    ) -> list[int]:  # fmt: skip
        """Look at the regions of a task, and write what it has left in its place.

        Raises
        ------
        StoreError
        OutOfTime
            After what has been looked at by then is written.
        """
        assert self._program is not None
        self.file.check_result(key, chunks, remaining, regions)
        whole, since = self.file.part(key), time.monotonic()
        seen, last, best = 0, None, None
        try:
            for batch in self._pieces(chunks):
                best = self._look(batch)
                seen, last = seen + len(batch.codes), batch.codes[-1]
                if best is not None:
                    break
                if time.monotonic() - since > _EVERY:
                    key, seen, since = self._so_far(key, whole, seen, last), 0, time.monotonic()
        except OutOfTime:
            if seen and last is not None:
                self._so_far(key, whole, seen, last)
            raise
        return self.file.commit(key, remaining, seen, decisions, seconds, self._first(best))

    def _so_far(self, key: int, whole: Part, seen: int, last: np.ndarray) -> int:
        """Write that regions have been looked at; all that comes after them is left to be done."""
        assert self._program is not None
        pieces = self._program.pieces.tolist()
        rest = following(whole.begin, last, pieces, whole.depth, whole.weight)
        if not rest:
            return key
        return self.file.commit(key, rest, seen, Decisions(), 0.0)[0]

    def _first(self, best: Found | None) -> tuple[Point, Point, bytes] | None:
        """A point for the file, if it comes before the one that is there."""
        if best is None or best.code is None or self._program is None:
            return None
        code, state = code_key(best.code, self._program), self.file.state
        return (best.at, best.inside, code) if not state.point or code < state.code else None

    def _pieces(self, chunks: Sequence[Chunk]) -> Iterator[Batch]:
        """Few regions at once where each takes long, so that something is done in any time."""
        assert self._program is not None
        size = 1
        for chunk in chunks:
            batch, at = decode_chunk(chunk, self._program, (self._dim, 0)), 0
            while at < len(batch.codes):
                start = time.monotonic()
                yield part_of(batch, at, min(at + size, len(batch.codes)), 0)
                at += size
                quick = time.monotonic() - start < _QUICK
                size = 2 * size if quick else max(1, size // 2)

    def _look(self, batch: Batch) -> Found | None:
        assert self._watch is not None
        return next(self._watch.of_batch(batch), None)


def _code_of(key: bytes, program: Program) -> np.ndarray:
    """A code from its bytes.

    Raises
    ------
    StoreError
        If it is none of the program's.
    """
    from ..search.packing import code_type

    dtype = code_type(program.pieces)
    if len(key) != len(program.pieces) * dtype.itemsize:
        raise StoreError("the code of the point that was found is damaged; search again")
    return np.frombuffer(key, dtype.newbyteorder(">")).astype(dtype)
