"""Stores that are damaged at random, and what is read from them against a search in memory.

`Original` makes a store as a run leaves it; `spoiled` damages a copy of its files; `judged` reads
and resumes it. Only an error of the tree or the right regions and facets will do.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

import exactspline as es
from exactspline.search.run import Run
from exactspline.store import Store
from exactspline.tasks import chunk
from exactspline.tasks.task import work_on

__all__ = ["DAMAGE", "KINDS", "Original", "WrongError", "judged", "spoiled", "ways"]

KINDS = [
    (finished, facets, log) for finished in (False, True) for facets in (False, True)
    for log in (False, True)
]  # fmt: skip
DAMAGE = {
    "bit": "one bit anywhere",
    "header": "one bit in the beginning of a page, where it says what it holds",
    "bytes": "2 to 64 random bytes",
    "sector": "512 bytes of zeros, ones or random ones",
    "pages": "two pages, or frames of the log, in each other's place",
    "stale": "1 to 3 pages as they were earlier: writes that were lost",
    "cut": "a file cut off",
    "no log": "the file alone, without its log",
}
_FILES = "o.sqlite", "o.sqlite-wal", "o.sqlite-shm"
_PAGE = 4096
_COLUMNS = "source", "target", "unit", "piece", "sign", "layer", "form"


class WrongError(AssertionError):
    """What was read is neither an error nor right."""


def network() -> tuple[es.Network, es.Domain]:
    """With ties, a sliver whose witness is rational, and units of several pieces."""
    third, tiny = Fraction(1, 3), Fraction(1, 10**30)
    first = es.Dense(
        [[1, 0], [1, 0], [0, 1], [1, 1], [1, -2], [2, 1], [1, 3], [-3, 1]],
        [-third, -third - tiny, "1/7", "-1/2", "1/5", "-2/3", "5/4", "1/2"],
    )
    rng = np.random.default_rng(4)
    second = es.Dense(rng.integers(-3, 4, (8, 8)), rng.integers(-2, 3, 8))
    return es.Network([first, es.ReLU(), second, es.Maxout(2)], (2,)), es.Box([-2, -3], [3, 2])


@dataclass
class Original:
    """A store of a run that was stopped or is finished, with or without facets and a log.

    Its files are copied while the run holds them, as after ``kill -9``; a part of the log has
    come into the file itself by then.
    """

    folder: Path
    finished: bool
    facets: bool
    log: bool
    chunk_regions: int = 8
    files: dict[str, bytes] = field(init=False)
    whole: es.Partition = field(init=False)
    found: int = field(init=False)
    earlier: list[bytes] = field(init=False, default_factory=list)
    _edges: dict[int, tuple[np.ndarray, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        net, domain = network()
        self.whole = es.enumerate_regions(net, domain, graph=self.facets)
        assert self.whole.exact_witnesses
        work = self.folder / "made"
        work.mkdir(parents=True)
        before, chunk.MAX_REGIONS = chunk.MAX_REGIONS, self.chunk_regions
        try:
            self._fill(work / _FILES[0], net, domain)
        finally:
            chunk.MAX_REGIONS = before
        self.files = {path.name: path.read_bytes() for path in sorted(work.glob("o.sqlite*"))}
        self.files.pop("o.sqlite-lock", None)
        assert ("o.sqlite-wal" in self.files) == self.log
        shutil.rmtree(work)
        name = self.folder / _FILES[0]
        self.write(name, self.files)
        omega = es.open_partition(name)
        self.found, self.decisions = len(omega), omega.certificates
        self.pending = len(omega._chunks.store.pending())
        assert omega.complete == self.finished
        assert self.finished or (self.pending > 2 and 2 * self.chunk_regions < self.found)
        assert judged(self, name) == "right"  # what is not damaged

    def _fill(self, name: Path, net: es.Network, domain: es.Domain) -> None:
        store = Store.create(name, net, domain, facets=self.facets)
        steps = 0
        while store.pending() and (self.finished or steps < 5):
            key, part = store.pending()[1 if steps in (2, 3) else 0]
            run = Run(net.program, domain, facets=self.facets, part=part, max_regions=14)
            result = work_on(run, 100.0, 4)
            store.commit(
                key, result.chunks, result.remaining, result.regions, result.decisions,
                result.seconds,
            )  # fmt: skip
            steps += 1
            if steps == 3 or not self.log:
                with sqlite3.connect(name) as database:
                    database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                database.close()
                self.earlier.append(name.read_bytes())
        store.check()
        if self.log:
            copies = {path: path.read_bytes() for path in name.parent.glob("o.sqlite*")}
            store.close()
            for path, data in copies.items():
                path.write_bytes(data)
        else:
            store.close()
            with sqlite3.connect(name) as database:  # nobody reads: a single file
                database.execute("PRAGMA journal_mode = DELETE").fetchall()
            database.close()

    def right_edges(self, n: int) -> tuple[np.ndarray, ...]:
        """The facets of the first n regions, from the search in memory."""
        if n not in self._edges:
            self._edges[n] = _edges(self.whole, n)
        return self._edges[n]

    def write(self, name: Path, files: dict[str, bytes]) -> None:
        """Put files in the place of those of the last time."""
        for path in name.parent.glob(name.name + "*"):
            path.unlink()
        for key, data in files.items():
            name.with_name(key).write_bytes(data)


def ways(original: Original) -> list[str]:
    """The kinds of damage that change something: pages in the log hide those of the file."""
    return [how for how in DAMAGE if how != ("stale" if original.log else "no log")]


def spoiled(original: Original, how: str, rng: random.Random) -> dict[str, bytes]:
    """The files of a store after an accident."""
    files = {key: bytearray(data) for key, data in original.files.items()}
    names = list(files)
    name = rng.choices(names, [len(files[key]) for key in names])[0]
    if name.endswith("-shm") and rng.random() < 0.9:  # it is made anew: little to learn
        name = names[0]
    data = files[name]
    if how == "bit":
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif how == "bytes":
        at, size = rng.randrange(len(data)), rng.randint(2, 64)
        data[at : at + size] = rng.randbytes(len(data[at : at + size]))
    elif how == "sector":
        at = 512 * rng.randrange(len(data) // 512)
        data[at : at + 512] = rng.choice([bytes(512), rng.randbytes(512), b"\xff" * 512])
    elif how == "header":
        head, step = (32, 24 + _PAGE) if name.endswith("-wal") else (0, _PAGE)
        at = head + step * rng.randrange((len(data) - head) // step)
        data[at + rng.randrange(100 if at == head else 40)] ^= 1 << rng.randrange(8)
    elif how == "stale":
        data, before = files[names[0]], rng.choice(original.earlier)
        for _ in range(rng.randint(1, 3)):
            at = _PAGE * rng.randrange(min(len(data), len(before)) // _PAGE)
            data[at : at + _PAGE] = before[at : at + _PAGE]
    elif how == "pages":  # of one file, or of the log's frames, in each other's place
        head, step = (32, 24 + _PAGE) if name.endswith("-wal") else (0, _PAGE)
        count = (len(data) - head) // step
        a, b = (head + step * rng.randrange(count) for _ in range(2))
        data[a : a + step], data[b : b + step] = data[b : b + step], data[a : a + step]
    elif how == "cut":
        del data[rng.choice([rng.randrange(len(data)), 512 * rng.randrange(len(data) // 512)]) :]
    else:
        files.pop("o.sqlite-wal", None)
        files.pop("o.sqlite-shm", None)
    return {key: bytes(data) for key, data in files.items()}


def _edges(omega: es.Partition, n: int) -> tuple[np.ndarray, ...]:
    """The facets between the first n regions, and those in the domain's border."""
    edges = omega.edges
    inside = edges.target < n
    points = [edges.witness(int(e)) for e in np.flatnonzero(inside)[:3]]
    borders = omega.borders.region < n
    return (
        *(getattr(edges, name)[inside] for name in _COLUMNS),
        np.array([str(v) for v in points]),
        omega.borders.region[borders], omega.borders.side[borders],
    )  # fmt: skip


def _compare(original: Original, omega: es.Partition) -> None:
    """Everything that is read is what a search in memory finds first."""
    whole, n = original.whole, len(omega)
    if n > len(whole) or (omega.complete and n != len(whole)):
        raise WrongError(f"{n} regions, complete: {omega.complete}; right are {len(whole)}")
    if not np.array_equal(omega.codes, whole.codes[:n]):
        raise WrongError("codes")
    if not np.array_equal(omega.witnesses.view(np.int64), whole.witnesses[:n].view(np.int64)):
        raise WrongError("witnesses")
    exact = {i: point for i, point in whole.exact_witnesses.items() if i < n}
    if omega.exact_witnesses != exact:
        raise WrongError("rational witnesses")
    if original.facets:
        found, right = _edges(omega, n), original.right_edges(n)
        if not all(np.array_equal(a, b) for a, b in zip(found, right, strict=True)):
            raise WrongError("facets")


def judged(original: Original, name: Path) -> str:
    """What becomes of a store: it is read, resumed, and read once more.

    Returns
    -------
    str
        "refused", "late" (what could be read was right, going on was refused), "right", or
        "earlier" (right, from an earlier state of the run, or from its beginning).

    Raises
    ------
    WrongError
        And whatever is no error of the tree.
    """
    before: int | None = None
    try:
        omega = es.open_partition(name)
        _compare(original, omega)
        before = len(omega)
        if before == original.found and omega.decisions != original.decisions:
            raise WrongError("decisions")
    except es.ExactSplineError:
        pass
    try:
        omega = es.enumerate_regions(
            original.whole.network, original.whole.domain, store=name, resume=True,
            graph=original.facets,
        )  # fmt: skip
        if not omega.complete:
            raise WrongError("a run that ends without a reason is not complete")
        _compare(original, omega)  # it has been opened anew
    except es.ExactSplineError:
        return "refused" if before is None else "late"
    return "right" if before == original.found else "earlier"
