"""A store: what a run has found, what it still has to do, and what it is a run of."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..domain import Domain
from ..errors import ExactSplineError, LimitError, StoreError
from ..formats.files import PathLike
from ..formats.json.domain import domain_from_json, domain_to_json
from ..formats.json.network import network_from_json, network_to_json
from ..formats.limits import MAX_TEXT_BYTES
from ..mode import guarded
from ..network.network import Network
from ..search.decisions import Decisions
from ..search.part import WHOLE, Part
from ..tasks.chunk import Chunk, code_key
from ..tasks.malformed import inflated
from .database import CONDITIONED, REGIONS, connect, create, errors, is_empty
from .lock import Lock
from .order import Stretch, are_apart, are_within, of_part
from .rows import (
    Head,
    Reader,
    Totals,
    put_chunk,
    put_meta,
    put_task,
    put_totals,
    task_checksum,
)

__all__ = ["Contents", "Store", "open_run"]

_META = (
    "network", "domain", "network_sha256", "domain_sha256", "file_sha256", "facets", "engine",
    "release",
)  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """All rows of a store at one time, but the regions themselves.

    Attributes
    ----------
    totals : Totals
    tasks : list of (int, Part)
        What remains, in order, each with its key.
    heads : list of Head
        Of the chunks, in order.
    ready : list of Head
        Of those before everything that remains: no search will find regions before them.
    """

    totals: Totals
    tasks: list[tuple[int, Part]]
    heads: list[Head]
    ready: list[Head]

    @property
    def complete(self) -> bool:
        """Whether nothing remains to be searched."""
        return not self.tasks


@guarded
class Store:
    """A run in a file.

    Parameters
    ----------
    path : path-like
    write : bool
        Whether to go on with the run: nobody else can at the same time.
    conditioned : bool
        Whether it is one of a search under a condition.

    Attributes
    ----------
    network : Network
    domain : Domain
    facets : bool
        Whether regions come with their facets.
    engine : str
    condition : str
        A hash of what regions must satisfy, if not all are looked for.
    on_chunk : callable, optional
        Is given the head of every chunk that is written.

    Raises
    ------
    StoreError
        If it is no store, damaged, in use, or may not be written.
    """

    on_chunk: Callable[[Head], None] | None = None

    def __init__(self, path: PathLike, *, write: bool = False, conditioned: bool = False) -> None:
        self.path, self._kind = os.fsdecode(path), CONDITIONED if conditioned else REGIONS
        self._process = os.getpid()
        self._logged = False  # whether the file has a log beside it
        self._lock = Lock(self.path) if write else None
        try:
            self._database = connect(self.path, write=write, kind=self._kind)
        except BaseException:
            self._release()
            raise
        self._reader = Reader(self._database, self._damaged)
        try:
            self._read_meta()
            if write:
                self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """What a run goes on with; from here on nobody but this run changes it."""
        found = self.contents()
        self._totals, self._remaining = found.totals, dict(found.tasks)
        keys = [*self._remaining, *(head.key for head in found.heads)]
        self._key = max(keys, default=0)  # no key is used twice

    # ------------------------------------------------------------------------- making one
    @classmethod
    def create(
        cls, path: PathLike, network: Network, domain: Domain, *, engine: str = "auto",
        facets: bool = False, condition: str | None = None,
    ) -> Store:  # fmt: skip
        """Begin a store, to be written.

        Raises
        ------
        StoreError
            If there is something already, or the file cannot be written.
        UnsupportedOperatorError
            If an operator is none of exactspline's own.
        """
        from ..version import __version__

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
                meta = dict(zip(_META, values, strict=True))
                if condition is not None:
                    meta["condition"] = condition.encode()
                put_meta(database, meta)
                check = put_task(database, 1, WHOLE, network.program)
                put_totals(database, Totals(tasks=1, digest=check))

            create(name, fill, REGIONS if condition is None else CONDITIONED)
        finally:
            lock.release()
        return cls(path, write=True, conditioned=condition is not None)

    def _read_meta(self) -> None:
        keys = _META if self._kind is REGIONS else (*_META, "condition")
        with errors(self.path):
            found = self._reader.meta(keys)
        self.condition = found.get("condition", b"").decode("ascii", "replace")
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

    def matches(
        self, network: Network, domain: Domain, *, facets: bool, condition: str | None = None
    ) -> None:
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
        if self.condition != (condition or ""):
            raise StoreError(
                f"{self.path}: is the store of another condition; give another file, or the "
                "condition that it was begun with"
            )
        if facets and not self.facets:
            raise StoreError(
                f"{self.path}: was begun without facets; resume it without, or give another file"
            )

    # ------------------------------------------------------------------------ where it is
    def contents(self) -> Contents:
        """All rows at one time, each found to be as it was written, none missing or twice.

        Raises
        ------
        StoreError
            If a row is damaged, if rows are not those that the totals count, or if a code
            belongs to two chunks or parts.
        """
        program = self.network.program
        with self._at_once():
            totals, heads = self._reader.totals(), self._reader.heads()
            tasks, digest = self._reader.tasks(program)
        digest += sum(head.checksum() for head in heads)
        regions = sum(head.regions for head in heads)
        counted = totals.regions, totals.tasks, totals.chunks, totals.digest
        if counted != (regions, len(tasks), len(heads), digest):
            raise self._damaged("the list of what was found and what remains")
        stretches = [Stretch(head.first, head.last) for head in heads]
        ordered = all(s.begin <= s.end for s in stretches)
        stretches += [of_part(part, program) for part in tasks.values()]
        if not (ordered and are_apart(sorted(stretches))):
            raise self._damaged("the order of what was found and what remains")
        heads.sort(key=lambda head: head.first)
        pending = sorted(tasks.items(), key=lambda item: item[1].begin)
        ready = heads
        if pending:
            begin = code_key(pending[0][1].begin, program)
            ready = [head for head in heads if head.first < begin]
        return Contents(totals, pending, heads, ready)

    def check(self) -> None:
        """At the end of a run: the file says what the run has done, row by row.

        Raises
        ------
        StoreError
            If it does not.
        """
        found = self.contents()
        if found.totals != self._totals or dict(found.tasks) != self._remaining:
            raise self._changed()

    def totals(self) -> Totals:
        """Where the run stands.

        Raises
        ------
        StoreError
            If that is missing or damaged.
        """
        with errors(self.path):
            return self._reader.totals()

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
        if self._lock is None:
            return self.contents().tasks
        return sorted(self._remaining.items(), key=lambda item: item[1].begin)

    def _damaged(self, what: str) -> StoreError:
        return StoreError(
            f"{self.path}: {what} is damaged; take a copy of the store, or search again"
        )

    def _changed(self) -> StoreError:
        return StoreError(
            f"{self.path}: does not hold what the run has put there: it is damaged, or another "
            "program has changed it; take a copy of the store, or search again"
        )

    @contextlib.contextmanager
    def _at_once(self) -> Iterator[None]:
        """Several questions to one state of the file, whatever a run writes in the meantime."""
        with errors(self.path):
            self._database.execute("BEGIN")
            try:
                yield
            finally:
                with contextlib.suppress(sqlite3.Error):  # after an error there may be none
                    self._database.execute("ROLLBACK")

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
        self._check_result(key, chunks, remaining, regions)
        self._begin_log()
        task = self._remaining[key]
        first = code_key(task.begin, program)
        digest = self._totals.digest - task_checksum(key, first, task.depth, float(task.weight))
        keys = [self._key + 1 + i for i in range(len(remaining))]
        begin = self._key + 1 + len(remaining)
        heads: list[Head] = []
        with errors(self.path):
            database.execute("BEGIN IMMEDIATE")
            try:
                if self._reader.totals() != self._totals:
                    raise self._changed()
                if database.execute("DELETE FROM tasks WHERE id = ?", (key,)).rowcount != 1:
                    raise self._changed()
                for number, part in zip(keys, remaining, strict=True):
                    digest += put_task(database, number, part, program)
                heads += [put_chunk(database, begin + i, c) for i, c in enumerate(chunks)]
                digest += sum(head.checksum() for head in heads)
                after = replace(
                    self._totals, regions=self._totals.regions + regions,
                    tasks=self._totals.tasks + len(keys) - 1,
                    chunks=self._totals.chunks + len(heads), digest=digest,
                    decisions=self._totals.decisions + decisions,
                    seconds=self._totals.seconds + seconds,
                )  # fmt: skip
                put_totals(database, after)
                database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # it may have been rolled back already
                    database.execute("ROLLBACK")
                raise
        self._totals, self._key = after, begin + len(heads)
        del self._remaining[key]
        self._remaining.update(zip(keys, remaining, strict=True))
        if self.on_chunk is not None:
            for head in heads:
                self.on_chunk(head)
        return keys

    def _check_result(
        self, key: int, chunks: Sequence[Chunk], remaining: Sequence[Part], regions: int
    ) -> None:
        """Refuse a result that would put a region in two places, or nowhere."""
        program = self.network.program
        if key not in self._remaining:
            raise StoreError(f"{self.path}: a task that was done is not in the store")
        stretches = [Stretch(chunk.first, chunk.last) for chunk in chunks]
        stretches += [of_part(part, program) for part in remaining]
        inside = are_within(stretches, of_part(self._remaining[key], program))
        ordered = all(chunk.first <= chunk.last for chunk in chunks)
        if sum(chunk.regions for chunk in chunks) != regions:
            reason = "does not hand over the regions that it has counted"
        elif not (inside and ordered and are_apart(stretches)):
            reason = "hands over regions that are not those of its part, in order and once"
        else:
            return
        raise StoreError(
            f"{self.path}: a task {reason}; this is a defect of exactspline, please report it "
            "with the network"
        )

    def _begin_log(self) -> None:
        """Write ahead: a crash of the process loses nothing, a power cut the last transactions."""
        if not self._logged:
            with errors(self.path):
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = NORMAL")
            self._logged = True

    # ---------------------------------------------------------------------------- reading
    def chunk(self, key: int, check: int, *, facets: bool = False) -> Chunk:
        """One chunk, told by its head's key and checksum; facets only if they are asked for."""
        with errors(self.path):
            out = self._reader.chunk(key, check)
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
    path: PathLike, network: Network, domain: Domain, *, engine: str, facets: bool, resume: bool,
    condition: str | None = None,
) -> Store:  # fmt: skip
    """The store of a run, to be written: a new one, or with ``resume`` the one that is there.

    Raises
    ------
    StoreError
        If there is one and it is not to be resumed, or it is another run's.
    """
    name = os.fsdecode(path)
    if is_empty(name):
        return Store.create(
            name, network, domain, engine=engine, facets=facets, condition=condition
        )
    if not resume:
        raise StoreError(
            f"{name}: there is a file of this name; resume the run (resume=True, on the command "
            "line --resume), or give another name"
        )
    store = Store(name, write=True, conditioned=condition is not None)
    try:
        store.matches(network, domain, facets=facets, condition=condition)
    except BaseException:
        store.close()
        raise
    return store


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
