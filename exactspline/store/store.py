"""A store: what a run has found, what it still has to do, and what it is a run of."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sqlite3
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

import numpy as np

from ..domain import Domain
from ..errors import ExactSplineError, LimitError, StoreError
from ..formats.domain_json import domain_from_json, domain_to_json
from ..formats.files import PathLike
from ..formats.json import network_from_json, network_to_json
from ..formats.limits import MAX_TEXT_BYTES
from ..mode import guarded
from ..network.network import Network
from ..search.decisions import Decisions
from ..search.packing import code_type
from ..search.part import WHOLE, Part
from ..tasks.chunk import MAX_REGIONS, Chunk, code_key
from ..tasks.damage import inflated
from .database import connect, create, errors, is_empty
from .lock import Lock
from .rows import Totals, checksum, put_chunk, put_task, put_totals, task_checksum

__all__ = ["Store", "checksum", "open_run"]

_META = (
    "network", "domain", "network_sha256", "domain_sha256", "file_sha256", "facets", "engine",
    "release",
)  # fmt: skip


@guarded
class Store:
    """A run in a file.

    Parameters
    ----------
    path : path-like
    write : bool
        Whether to go on with the run: nobody else can at the same time.

    Attributes
    ----------
    network : Network
    domain : Domain
    facets : bool
        Whether regions come with their facets.
    engine : str

    Raises
    ------
    StoreError
        If it is no store, damaged, in use, or may not be written.
    """

    def __init__(self, path: PathLike, *, write: bool = False) -> None:
        self.path = os.fsdecode(path)
        self._process = os.getpid()
        self._logged = False  # whether the file has a log beside it
        self._lock = Lock(self.path) if write else None
        try:
            self._database = connect(self.path, write=write)
        except BaseException:
            self._release()
            raise
        try:
            self._read_meta()
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------------------- making one
    @classmethod
    def create(
        cls, path: PathLike, network: Network, domain: Domain, *, engine: str = "auto",
        facets: bool = False,
    ) -> Store:  # fmt: skip
        """Begin a store, to be written.

        Raises
        ------
        StoreError
            If there is something already, or the file cannot be written.
        UnsupportedOperatorError
            If an operator is none of exactspline's own.
        """
        from .. import __version__

        name = os.fsdecode(path)
        texts = [_text(network_to_json(network)), _text(domain_to_json(domain))]
        _check_readable(name, texts)
        program = network.program.sha256().encode()
        lock = Lock(name)
        try:
            if not is_empty(name):
                raise StoreError(f"{name}: there is a file of this name; resume it or remove it")

            def fill(database: sqlite3.Connection) -> None:
                values = [
                    zlib.compress(texts[0], 6), zlib.compress(texts[1], 6),
                    program, _sha256(texts[1]), (network.sha256 or "").encode(),
                    b"1" if facets else b"0", engine.encode(), __version__.encode(),
                ]  # fmt: skip
                rows = list(zip(_META, values, strict=True))
                database.executemany("INSERT INTO meta VALUES (?, ?)", rows)
                put_totals(database, Totals(tasks=1))
                put_task(database, WHOLE, network.program)

            create(name, fill)
        finally:
            lock.release()
        return cls(path, write=True)

    def _read_meta(self) -> None:
        with errors(self.path):
            found = dict(self._database.execute("SELECT key, value FROM meta LIMIT 20"))
        if set(found) != set(_META) or not all(isinstance(v, bytes) for v in found.values()):
            raise StoreError(f"{self.path}: what it says of its run is not complete")
        texts = [inflated(found[key], MAX_TEXT_BYTES) for key in ("network", "domain")]
        self.network = network_from_json(texts[0], f"{self.path}: network")
        self.domain = domain_from_json(texts[1], f"{self.path}: domain")
        hashes = self.network.program.sha256().encode(), _sha256(texts[1])
        for key, value in zip(("network", "domain"), hashes, strict=True):
            if found[f"{key}_sha256"] != value:
                raise StoreError(f"{self.path}: its {key} is not what it was; search again")
        if found["file_sha256"]:  # of the file that the network came from
            self.network.sha256 = found["file_sha256"].decode("ascii", "replace")
        if self.domain.dim != self.network.input_dim:
            raise StoreError(f"{self.path}: its domain does not fit its network")
        self.facets = found["facets"] == b"1"
        self.engine = found["engine"].decode("ascii", "replace")

    def matches(self, network: Network, domain: Domain, *, facets: bool) -> None:
        """Refuse to go on with another run.

        Raises
        ------
        StoreError
            It says whether the network, the domain, or the lack of facets is the reason.
        """
        texts = [_text(domain_to_json(d)) for d in (self.domain, domain)]
        same_domain = texts[0] == _text(domain_to_json(domain_from_json(texts[1], "domain")))
        same_network = self.network.program.sha256() == network.program.sha256()
        for same, what in ((same_network, "network"), (same_domain, "domain")):
            if not same:
                raise StoreError(
                    f"{self.path}: is the store of another {what}; give another file, or the "
                    f"{what} that it was begun with"
                )
        if facets and not self.facets:
            raise StoreError(
                f"{self.path}: was begun without facets; resume it without, or give another file"
            )

    # ------------------------------------------------------------------------ where it is
    def totals(self) -> Totals:
        """Where the run stands.

        Raises
        ------
        StoreError
            If that is missing or damaged.
        """
        with errors(self.path):
            rows = self._database.execute(
                "SELECT regions, tasks, by_float, by_integer, by_rational, seconds, checksum "
                "FROM totals"
            ).fetchall()
        if len(rows) != 1:
            raise StoreError(f"{self.path}: its totals are missing")
        *numbers, seconds, check = rows[0]
        if not all(isinstance(v, int) for v in numbers) or not isinstance(seconds, float):
            raise _damaged(self.path, "its totals")
        regions, tasks, *tiers = numbers
        out = Totals(regions, tasks, Decisions(*tiers), seconds)
        if check != out.checksum():
            raise _damaged(self.path, "its totals")
        return out

    @property
    def regions(self) -> int:
        """Regions found so far, whatever their part."""
        return self.totals().regions

    @property
    def decisions(self) -> Decisions:
        """Proved decisions so far."""
        return self.totals().decisions

    @property
    def seconds(self) -> float:
        """Time that tasks took so far, of all workers together."""
        return self.totals().seconds

    @property
    def complete(self) -> bool:
        """Whether nothing remains to be searched."""
        return self.totals().tasks == 0

    def pending(self) -> list[tuple[int, Part]]:
        """What remains to be searched, in order, each with its key."""
        with self._at_once():
            return self._pending()

    def _pending(self) -> list[tuple[int, Part]]:
        rows = self._database.execute(
            "SELECT id, first, depth, weight, checksum FROM tasks NOT INDEXED"
        ).fetchall()
        if len(rows) != self.totals().tasks:
            raise _damaged(self.path, "its list of tasks")
        out = [(int(row[0]), self._part(*row[1:])) for row in rows]
        return sorted(out, key=lambda task: task[1].begin)

    def _part(self, first: Any, depth: Any, weight: Any, check: Any) -> Part:
        pieces = self.network.program.pieces
        dtype = code_type(pieces).newbyteorder(">")
        bad = _damaged(self.path, "a task")
        if not isinstance(first, bytes) or len(first) % dtype.itemsize:
            raise bad
        begin = np.frombuffer(first, dtype).astype(np.int64)
        if len(begin) > len(pieces) or np.any(begin >= pieces[: len(begin)]):
            raise bad
        if not isinstance(depth, int) or not 0 <= depth <= len(begin):
            raise bad
        if not isinstance(weight, float) or not math.isfinite(weight):
            raise bad
        if check != task_checksum(first, depth, weight):
            raise bad
        return Part(tuple(begin.tolist()), depth, weight)

    @contextlib.contextmanager
    def _at_once(self) -> Iterator[None]:
        """Several questions to one state of the file, whatever a run writes in the meantime."""
        with errors(self.path):
            self._database.execute("BEGIN")
            try:
                yield
            finally:
                with contextlib.suppress(sqlite3.Error):  # after an error there may be none
                    self._database.execute("COMMIT")

    # ---------------------------------------------------------------------------- writing
    def commit(
        self, key: int, chunks: Sequence[Chunk], remaining: Sequence[Part], regions: int,
        decisions: Decisions, seconds: float,
    ) -> list[int]:  # fmt: skip
        """Put what a task has found and left in the place of the task, in one transaction.

        Returns
        -------
        list of int
            The keys of ``remaining``.

        Raises
        ------
        StoreError
            If that is not possible; then nothing has been changed.
        """
        program, database = self.network.program, self._database
        if sum(chunk.regions for chunk in chunks) != regions:
            raise StoreError(
                f"{self.path}: a task does not hand over the regions that it has counted; this "
                "is a defect of exactspline, please report it with the network"
            )
        self._begin_log()
        with errors(self.path):
            database.execute("BEGIN IMMEDIATE")
            try:
                before = self.totals()
                # what remains comes first, so that no key is used again at once
                keys = [put_task(database, part, program) for part in remaining]
                if database.execute("DELETE FROM tasks WHERE id = ?", (key,)).rowcount != 1:
                    raise StoreError(f"{self.path}: a task that was done is not in the store")
                for chunk in chunks:
                    put_chunk(database, chunk)
                after = Totals(
                    before.regions + regions, before.tasks + len(keys) - 1,
                    before.decisions + decisions, before.seconds + seconds,
                )  # fmt: skip
                put_totals(database, after)
                database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # it may have been rolled back already
                    database.execute("ROLLBACK")
                raise
        return keys

    def _begin_log(self) -> None:
        """Write ahead: a crash of the process loses nothing, a power cut the last transactions."""
        if not self._logged:
            with errors(self.path):
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = NORMAL")
            self._logged = True

    # ---------------------------------------------------------------------------- reading
    def index(self, after: bytes | None = None) -> list[tuple[int, bytes, int]]:
        """Key, first code and number of regions of the chunks in order: those that stay first.

        Chunks behind a part that remains are left out: a search may yet find regions before.
        Without ``after`` the whole list is checked, too.
        """
        if after is None:
            return self._checked_index()
        with errors(self.path):
            return self._database.execute(
                "WITH next AS (SELECT min(first) AS begin FROM tasks) SELECT id, first, regions "
                "FROM chunks, next WHERE first > ? AND (begin IS NULL OR first < begin) "
                "ORDER BY first",
                (after,),
            ).fetchall()

    def _checked_index(self) -> list[tuple[int, bytes, int]]:
        """The index from the rows themselves, which must be as many as the totals say."""
        with self._at_once():
            rows = self._database.execute(
                "SELECT id, first, regions FROM chunks NOT INDEXED"
            ).fetchall()
            tasks, totals = self._pending(), self.totals()
        for _, first, regions in rows:
            if not isinstance(first, bytes) or not isinstance(regions, int):
                raise _damaged(self.path, "its list of regions")
            if not 1 <= regions <= MAX_REGIONS:
                raise _damaged(self.path, "its list of regions")
        rows.sort(key=itemgetter(1))
        twice = any(a[1] == b[1] for a, b in pairwise(rows))
        if twice or sum(regions for _, _, regions in rows) != totals.regions:
            raise _damaged(self.path, "its list of regions")
        if tasks:
            begin = code_key(tasks[0][1].begin, self.network.program)
            rows = rows[: bisect_left(rows, begin, key=itemgetter(1))]
        return rows

    def with_exact(self) -> list[int]:
        """The keys of the chunks that hold rational witnesses."""
        with errors(self.path):
            rows = self._database.execute("SELECT id FROM chunks WHERE length(exact) > 0")
            return [key for (key,) in rows]

    def chunk(self, key: int, *, facets: bool = False) -> Chunk:
        """One chunk, checked against its checksum; its facets only if they are asked for."""
        with errors(self.path):
            row = self._database.execute(
                "SELECT regions, first, codes, points, exact, facets, checksum FROM chunks "
                "WHERE id = ?",
                (key,),
            ).fetchone()
        if row is None or not all(isinstance(v, bytes) for v in row[1:5]):
            raise StoreError(f"{self.path}: stored regions are missing; search again")
        out = Chunk(*row[:6])
        if not isinstance(out.facets, bytes | None) or checksum(out) != row[6]:
            raise StoreError(
                f"{self.path}: stored regions are damaged (their checksum is another one); take "
                "a copy of the store, or search again"
            )
        if not facets:
            out.facets = None
        return out

    # ---------------------------------------------------------------------------- the end
    def close(self) -> None:
        """Close the file; a complete one becomes a single file, which needs no log beside it."""
        if os.getpid() != self._process:  # a forked child: SQLite's connections are its parent's
            return
        with contextlib.suppress(sqlite3.Error, ExactSplineError):
            if self._logged and self.complete:
                self._database.execute("PRAGMA busy_timeout = 100")  # somebody may be reading
                self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def open_run(
    path: PathLike, network: Network, domain: Domain, *, engine: str, facets: bool, resume: bool
) -> Store:
    """The store of a run, to be written: a new one, or with ``resume`` the one that is there.

    Raises
    ------
    StoreError
        If there is one and it is not to be resumed, or it is another run's.
    """
    name = os.fsdecode(path)
    if is_empty(name):
        return Store.create(name, network, domain, engine=engine, facets=facets)
    if not resume:
        raise StoreError(
            f"{name}: there is a file of this name; resume the run (resume=True, on the command "
            "line --resume), or give another name"
        )
    store = Store(name, write=True)
    try:
        store.matches(network, domain, facets=facets)
    except BaseException:
        store.close()
        raise
    return store


def _damaged(path: str, what: str) -> StoreError:
    return StoreError(f"{path}: {what} is damaged; take a copy of the store, or search again")


def _check_readable(path: str, texts: Sequence[bytes]) -> None:
    """Refuse what could not be read back, before there is a file."""
    for text, what in zip(texts, ("network", "domain"), strict=True):
        if len(text) > MAX_TEXT_BYTES:
            raise LimitError(
                f"{path}: the {what} takes {len(text):,} bytes as JSON, stores hold up to "
                f"{MAX_TEXT_BYTES:,}; enumerate without a store"
            )
    network_from_json(texts[0], f"{path}: network")
    domain_from_json(texts[1], f"{path}: domain")


def _text(value: Any) -> bytes:
    """The canonical text of a JSON value."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _sha256(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()
