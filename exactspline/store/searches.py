"""The store of a verification: searches for a point, what they have decided, and what remains.

A verification is one search or several, one after the other, each of a tree of its own. What is
kept of a search are the parts of its tree that remain, and at the end its verdict: that there is no
point, or the point. A part that is gone has no point; so whatever ends a run, the next one goes on
with the parts that are there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from fractions import Fraction

from ..compile.program import Program
from ..errors import ExactSplineError, StoreError
from ..formats.files import PathLike
from ..mode import guarded
from ..search.decisions import Decisions
from ..search.part import WHOLE, Part
from ..tasks.chunk import Chunk, code_key
from ..tasks.exact_texts import exact_text, exact_values
from .database import SEARCHES, connect, create, errors, is_empty
from .lock import Lock
from .order import Stretch, are_apart, are_within, of_part
from .rows import Reader, part_of_row, put_meta

__all__ = ["FOUND", "NONE", "OPEN", "Searches", "State", "StoredSearch"]

OPEN, NONE, FOUND = 0, 1, 2  # verdicts: nothing yet, there is no point, there is one
_META = ("key", "about", "release")
_STATE = (
    "id, key, verdict, tried, regions, by_float, by_integer, by_double_double, by_rational, "
    "seconds, point, code, checksum"
)
_MOST_SEARCHES = 1 << 20

Point = tuple[Fraction, ...]


@dataclass(frozen=True)
class State:
    """Where one search stands.

    Attributes
    ----------
    key : bytes
        What its tree is of; empty before there is one.
    verdict : int
        ``OPEN``, ``NONE`` or ``FOUND``.
    tried : int
        How many ways to try points that need no tree have been begun.
    regions : int
        Looked at so far.
    decisions : Decisions
    seconds : float
        Time of all tasks together.
    point : bytes
        The point that was found, and one inside of its region; of an open search the first one so
        far in the order of codes.
    code : bytes
        The code of its region; empty for one that was found without a tree.
    """

    key: bytes = b""
    verdict: int = OPEN
    tried: int = 0
    regions: int = 0
    decisions: Decisions = field(default_factory=Decisions)
    seconds: float = 0.0
    point: bytes = b""
    code: bytes = b""

    @property
    def found(self) -> tuple[Point, Point] | None:
        """The point, and one inside of its region.

        Raises
        ------
        StoreError
            If it cannot be read.
        """
        if not self.point:
            return None
        points = exact_values(self.point, 2)
        if set(points) != {0, 1}:
            raise StoreError("the point that was found is damaged; search again into a new file")
        return points[0], points[1]

    def checksum(self, number: int) -> int:
        """CRC-32 of the row of a search: its numbers, and the bytes it holds."""
        sizes = len(self.key), len(self.point), len(self.code)
        value = zlib.crc32(struct.pack(
            "<8qd3q", number, self.verdict, self.tried, self.regions, *astuple(self.decisions),
            self.seconds, *sizes,
        ))  # fmt: skip
        for part in (self.key, self.point, self.code):
            value = zlib.crc32(part, value)
        return value


@dataclass(frozen=True)
class _Row:
    """A part that remains, as its row has it."""

    search: int
    first: bytes
    depth: int
    weight: float

    def checksum(self, key: int) -> int:
        numbers = struct.pack(
            "<qqqdq", key, self.search, self.depth, self.weight, len(self.first)
        )  # fmt: skip
        return zlib.crc32(self.first, zlib.crc32(numbers))


@dataclass(frozen=True)
class _Contents:
    """All rows at one time."""

    states: dict[int, State]
    rows: dict[int, _Row]

    @property
    def totals(self) -> tuple[int, int, int]:
        """How many rows there are, and the sum of their checksums."""
        digest = sum(state.checksum(number) for number, state in self.states.items())
        digest += sum(row.checksum(key) for key, row in self.rows.items())
        return len(self.states), len(self.rows), digest


def _checksum(totals: tuple[int, int, int]) -> int:
    return zlib.crc32(struct.pack("<3q", *totals))


@guarded
class Searches:
    """A verification in a file.

    Parameters
    ----------
    path : path-like
    key : str
        What is verified, and how: a hash. A file of another one is refused.
    about : str
        For people.
    resume : bool
        Go on with what is there; else it is an error if anything is.

    Raises
    ------
    StoreError
        If the file is no such store, of another verification, damaged, in use, cannot be written,
        or is there and not to be resumed.
    """

    def __init__(self, path: PathLike, key: str, about: str, *, resume: bool) -> None:
        self.path = os.fsdecode(path)
        self._process, self._logged = os.getpid(), False
        self._lock: Lock | None = Lock(self.path)
        self._database: sqlite3.Connection | None = None
        try:
            if is_empty(self.path):
                _make(self.path, key, about)
            elif not resume:
                raise StoreError(
                    f"{self.path}: there is a file of this name; resume it (resume=True, on the "
                    "command line --resume), or give another name"
                )
            self._database = connect(self.path, write=True, kind=SEARCHES)
            self._reader = Reader(self._database, self._damaged)
            self._check_key(key)
            found = self._contents()
        except BaseException:
            self.close()
            raise
        self._states, self._rows, self._digest = found.states, found.rows, found.totals[2]
        self._number = max(self._rows, default=0)  # no key is used twice by one run

    def _check_key(self, key: str) -> None:
        with errors(self.path):
            meta = self._reader.meta(_META)
        if meta["key"] != key.encode():
            raise StoreError(
                f"{self.path}: is the store of another verification: the network, the property "
                "and the order must be those that it was begun with; give another file"
            )

    def search(self, number: int) -> StoredSearch:
        """One of the searches; they are numbered from 0."""
        return StoredSearch(self, number)

    # ------------------------------------------------------------------------- reading
    def _damaged(self, what: str) -> StoreError:
        return StoreError(
            f"{self.path}: {what} is damaged; verify again into a new file, or take a copy of it"
        )

    def _changed(self) -> StoreError:
        return StoreError(
            f"{self.path}: does not hold what the run has put there: it is damaged, or another "
            "program has changed it; verify again into a new file"
        )

    def _contents(self) -> _Contents:
        """All rows, each as it was written, none missing or twice."""
        database = self._opened
        with errors(self.path):
            database.execute("BEGIN")
            try:
                totals = self._totals()
                found = _Contents(self._read_states(), self._read_rows())
            finally:
                with contextlib.suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
        if found.totals != totals:
            raise self._damaged("the list of what was decided and what remains")
        for row in found.rows.values():
            state = found.states.get(row.search)
            if state is None or state.verdict != OPEN:
                raise self._damaged("the list of what remains")
        return found

    def _totals(self) -> tuple[int, int, int]:
        question = "SELECT searches, tasks, digest, checksum FROM totals LIMIT 2"
        rows = self._opened.execute(question).fetchall()
        if len(rows) != 1 or not all(isinstance(v, int) for v in rows[0]):
            raise self._damaged("its row of totals")
        *totals, check = rows[0]
        if check != _checksum((totals[0], totals[1], totals[2])):
            raise self._damaged("its row of totals")
        return totals[0], totals[1], totals[2]

    def _read_states(self) -> dict[int, State]:
        out: dict[int, State] = {}
        for number, key, *numbers, seconds, point, code, check in self._opened.execute(
            f"SELECT {_STATE} FROM searches"
        ):
            whole = all(isinstance(v, int) for v in (number, *numbers))
            whole = whole and all(isinstance(v, bytes) for v in (key, point, code))
            if not whole or not isinstance(seconds, float) or number in out:
                raise self._damaged("what was decided")
            verdict, tried, regions, *tiers = numbers
            state = State(key, verdict, tried, regions, Decisions(*tiers), seconds, point, code)
            if check != state.checksum(number) or verdict not in (OPEN, NONE, FOUND):
                raise self._damaged("what was decided")
            if verdict == FOUND and not point:
                raise self._damaged("what was decided")
            out[number] = state
        return out

    def _read_rows(self) -> dict[int, _Row]:
        out: dict[int, _Row] = {}
        for key, search, first, depth, weight, check in self._opened.execute(
            "SELECT id, search, first, depth, weight, checksum FROM tasks"
        ):
            whole = isinstance(first, bytes) and isinstance(weight, float) and key not in out
            if not whole or not all(isinstance(v, int) for v in (key, search, depth)):
                raise self._damaged("a part that remains")
            row = _Row(search, first, depth, weight)
            if check != row.checksum(key):
                raise self._damaged("a part that remains")
            out[key] = row
        return out

    def check(self) -> None:
        """The file says what this run has done, row by row.

        Raises
        ------
        StoreError
            If it does not.
        """
        found = self._contents()
        if found.states != self._states or found.rows != self._rows:
            raise self._changed()

    # ------------------------------------------------------------------------- writing
    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._opened
        with errors(self.path):
            if not self._logged:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                self._logged = True
            database.execute("BEGIN IMMEDIATE")
            try:
                if self._totals() != (len(self._states), len(self._rows), self._digest):
                    raise self._changed()
                yield database
                database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # it may have been rolled back already
                    database.execute("ROLLBACK")
                raise

    def _write(
        self, number: int, state: State, gone: Sequence[int], rows: Sequence[_Row]
    ) -> list[int]:
        """Put a state in the place of the one before, and rows in that of others; their keys."""
        if not 0 <= number < _MOST_SEARCHES:
            raise StoreError(f"{self.path}: has no place for search {number:,}")
        keys = [self._number + 1 + i for i in range(len(rows))]
        new = dict(zip(keys, rows, strict=True))
        before = self._states.get(number)
        digest = self._digest + state.checksum(number)
        digest -= 0 if before is None else before.checksum(number)
        digest += sum(row.checksum(key) for key, row in new.items())
        digest -= sum(self._rows[key].checksum(key) for key in gone)
        totals = (
            len(self._states) + (before is None), len(self._rows) + len(rows) - len(gone), digest,
        )  # fmt: skip
        with self._transaction() as database:
            for key in gone:
                if database.execute("DELETE FROM tasks WHERE id = ?", (key,)).rowcount != 1:
                    raise self._changed()
            database.executemany(
                "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?)",
                [(k, r.search, r.first, r.depth, r.weight, r.checksum(k))
                 for k, r in new.items()],
            )  # fmt: skip
            database.execute(
                "INSERT OR REPLACE INTO searches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, state.key, state.verdict, state.tried, state.regions,
                 *astuple(state.decisions), state.seconds, state.point, state.code,
                 state.checksum(number)),
            )  # fmt: skip
            database.execute(
                "INSERT OR REPLACE INTO totals VALUES (1, ?, ?, ?, ?)",
                (*totals, _checksum(totals)),
            )
        self._states[number], self._digest = state, digest
        for key in gone:
            del self._rows[key]
        self._rows.update(new)
        self._number += len(rows)
        return keys

    # ------------------------------------------------------------------------- the end
    @property
    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            raise StoreError(f"{self.path}: is closed")
        return self._database

    def close(self) -> None:
        """Close the file; one without open parts becomes a single file, with no log beside it."""
        if os.getpid() != self._process:  # a forked child: SQLite's connections are its parent's
            return
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error, ExactSplineError):
                if self._logged and not self._rows:
                    self._database.execute("PRAGMA busy_timeout = 100")
                    self._database.execute("PRAGMA journal_mode = DELETE")
            self._database.close()
            self._database = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Searches:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _make(path: str, key: str, about: str) -> None:
    from ..version import __version__

    def fill(database: sqlite3.Connection) -> None:
        values = key.encode(), about.encode("utf-8", "replace"), __version__.encode()
        put_meta(database, dict(zip(_META, values, strict=True)))
        totals = 0, 0, 0
        database.execute(
            "INSERT INTO totals VALUES (1, ?, ?, ?, ?)", (*totals, _checksum(totals))
        )  # fmt: skip

    create(path, fill, SEARCHES)


class StoredSearch:
    """One search of a verification.

    Parameters
    ----------
    file : Searches
    number : int
    """

    def __init__(self, file: Searches, number: int) -> None:
        self._file, self.number = file, number
        self._program: Program | None = None
        self._parts: dict[int, Part] = {}

    @property
    def path(self) -> str:
        """The file's name."""
        return self._file.path

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._file._states.get(self.number, State())

    def begin(self, key: bytes, program: Program) -> None:
        """Begin the tree, or go on with it.

        Raises
        ------
        StoreError
            If the tree that is there is another one, or damaged.
        """
        file, state = self._file, self.state
        if not state.key:
            whole = _Row(self.number, code_key(WHOLE.begin, program), WHOLE.depth, WHOLE.weight)
            file._write(self.number, replace(state, key=key), [], [whole])
        elif state.key != key:
            raise StoreError(
                f"{file.path}: what is searched is not what it was (another release of exactspline "
                "wrote it, or it is damaged); verify again into a new file"
            )
        self._program = program
        for number, row in file._rows.items():
            if row.search == self.number:
                part = part_of_row(row.first, row.depth, row.weight, program)
                if part is None:
                    raise file._damaged("a part that remains")
                self._parts[number] = part
        stretches = sorted(of_part(part, program) for part in self._parts.values())
        if not are_apart(stretches):
            raise file._damaged("the list of what remains")

    def pending(self) -> list[tuple[int, Part]]:
        """What remains, in order, each with its key."""
        return sorted(self._parts.items(), key=lambda item: item[1].begin)

    def part(self, key: int) -> Part:
        """The part of a key.

        Raises
        ------
        StoreError
            If it is none that remains.
        """
        if key not in self._parts:
            raise StoreError(f"{self._file.path}: a task that was done is not in the store")
        return self._parts[key]

    def check_result(
        self, key: int, chunks: Sequence[Chunk], remaining: Sequence[Part], regions: int
    ) -> None:
        """Refuse what a task hands over if it is not of its part, in order and once.

        Raises
        ------
        StoreError
        """
        program = self._program
        assert program is not None
        stretches = [Stretch(chunk.first, chunk.last) for chunk in chunks]
        stretches += [of_part(part, program) for part in remaining]
        self._check_within(key, stretches)
        counted = sum(chunk.regions for chunk in chunks)
        if counted != regions or any(chunk.first > chunk.last for chunk in chunks):
            raise self._defect("does not hand over the regions that it has counted, in order")

    def _check_within(self, key: int, stretches: Sequence[Stretch]) -> None:
        assert self._program is not None
        whole = of_part(self.part(key), self._program)
        if not (are_within(stretches, whole) and are_apart(stretches)):
            raise self._defect("hands over what is not of its part, in order and once")

    def _defect(self, what: str) -> StoreError:
        return StoreError(
            f"{self._file.path}: a task {what}; this is a defect of exactspline, please report it "
            "with the network and the property"
        )

    def commit(
        self, key: int, remaining: Sequence[Part], regions: int, decisions: Decisions,
        seconds: float, best: tuple[Point, Point, bytes] | None = None,
    ) -> list[int]:  # fmt: skip
        """Put what a task has left in its place, in one transaction; the keys of what remains.

        Parameters
        ----------
        key : int
        remaining : sequence of Part
        regions : int
            That were looked at.
        decisions : Decisions
        seconds : float
        best : (point, point inside of its region, code), optional
            What was found, if it comes before what was found so far.
        """
        program = self._program
        assert program is not None
        self._check_within(key, [of_part(part, program) for part in remaining])
        state = self.state
        after = replace(
            state, regions=state.regions + regions, decisions=state.decisions + decisions,
            seconds=state.seconds + seconds,
        )  # fmt: skip
        if best is not None:
            after = replace(after, point=exact_text({0: best[0], 1: best[1]}), code=best[2])
        rows = [
            _Row(self.number, code_key(p.begin, program), p.depth, float(p.weight))
            for p in remaining
        ]
        keys = self._file._write(self.number, after, [key], rows)
        del self._parts[key]
        self._parts.update(zip(keys, remaining, strict=True))
        return keys

    def has_tried(self, ways: int) -> None:
        """Say how many ways to try points have been begun."""
        self._file._write(self.number, replace(self.state, tried=ways), [], [])

    def conclude(
        self, point: Point | None = None, inside: Point | None = None, code: bytes = b""
    ) -> None:
        """Give the verdict: a point, or that there is none.

        Raises
        ------
        StoreError
            If there is none but something remains.
        """
        rows = [key for key, row in self._file._rows.items() if row.search == self.number]
        if point is None:
            if rows:
                raise StoreError(
                    f"{self._file.path}: a search is over though a part of it remains; this is a "
                    "defect of exactspline, please report it with the network and the property"
                )
            after = replace(self.state, verdict=NONE)
        else:
            text = exact_text({0: point, 1: point if inside is None else inside})
            after = replace(self.state, verdict=FOUND, point=text, code=code)
        self._file._write(self.number, after, rows, [])
        self._parts.clear()
