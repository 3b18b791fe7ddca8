"""Stores that were damaged, made up, cut off or are none."""

from __future__ import annotations

import gc
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from results import same
from store_cases import BOX, MOONS, NET

import exactspline as es
from exactspline.search.decisions import Decisions
from exactspline.search.kernel import engine as kernel_engine
from exactspline.search.part import Part
from exactspline.store import Store
from exactspline.store.database import is_empty
from exactspline.store.rows import Head, content_checksum, put_totals
from exactspline.tasks import chunk
from exactspline.tasks.chunk import Chunk

# -------------------------------------------------------------------------------- damage
HALF = es.Box([-5, -np.inf], [np.inf, np.inf])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished store with facets and rational witnesses."""
    name = tmp_path_factory.mktemp("store") / "finished.sqlite"
    tiny = Fraction(1, 10**30)
    third = Fraction(-1, 3)
    biases = [third, third - tiny, third]
    net = es.Network([es.Dense([[1, 0], [1, 0], [0, 1]], biases), es.ReLU()], (2,))
    assert es.enumerate_regions(net, HALF, store=name, graph=True).exact_witnesses
    return name


def read_all(name: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Whatever is in a store."""
    omega = es.open_partition(name)
    _ = omega.exact_witnesses
    return omega.codes, omega.witnesses, len(omega.edges)


TAMPERED = [
    ("UPDATE chunks SET codes = x'00'", "checksum"),
    ("UPDATE chunks SET codes = zeroblob(100000)", "checksum"),
    ("UPDATE chunks SET points = substr(points, 9)", "checksum"),
    (
        "UPDATE chunks SET codes = CAST(codes || substr(points, 1, 8) AS BLOB), "
        "points = substr(points, 9)",
        "checksum",
    ),
    ("UPDATE chunks SET exact = x'7b'", "checksum"),
    ("UPDATE chunks SET exact = x''", "checksum"),
    ("UPDATE chunks SET facets = NULL", "checksum"),
    ("UPDATE chunks SET facets = x''", "checksum"),
    ("UPDATE chunks SET facets = 5", "stretch of its regions"),
    ("UPDATE chunks SET codes = 'x'", "stretch of its regions"),
    ("UPDATE chunks SET content = content + 1", "list of regions"),
    ("UPDATE chunks SET rational = 0", "list of regions"),
    ("UPDATE chunks SET regions = regions + 1", "list of regions"),
    ("UPDATE chunks SET regions = 'x'", "list of regions"),
    ("UPDATE chunks SET regions = 1000000000", "list of regions"),
    ("UPDATE chunks SET first = x'ff' || first", "list of regions"),
    ("UPDATE chunks SET last = 'x'", "list of regions"),
    ("UPDATE chunks SET id = id + 1", "list of regions"),
    ("UPDATE meta SET value = x'00' WHERE key = 'network'", "network is damaged"),
    ("UPDATE meta SET value = 'text' WHERE key = 'network'", "says of its run"),
    ("UPDATE meta SET value = zeroblob(64) WHERE key = 'network_sha256'", "network_sha256"),
    ("UPDATE meta SET value = x'30' WHERE key = 'facets'", "facets is damaged"),
    ("UPDATE meta SET value = x'30' WHERE key = 'engine'", "engine is damaged"),
    ("UPDATE meta SET value = x'30' WHERE key = 'file_sha256'", "file_sha256 is damaged"),
    ("UPDATE meta SET key = 'more' WHERE key = 'facets'", "says of its run"),
    ("DELETE FROM meta WHERE key = 'facets'", "says of its run"),
    ("INSERT INTO meta SELECT * FROM meta", "says of its run"),
    ("DELETE FROM totals", "totals"),
    ("UPDATE totals SET regions = 'x'", "totals"),
    ("UPDATE totals SET regions = regions + 1", "totals"),
    ("UPDATE totals SET by_float = x'00'", "totals"),
    ("UPDATE totals SET seconds = 'x'", "totals"),
    ("UPDATE totals SET seconds = 9e999", "totals"),
    ("UPDATE totals SET tasks = 1", "totals"),
    ("UPDATE totals SET digest = digest + 1", "totals"),
    ("DELETE FROM chunks", "what was found"),
    (
        "INSERT INTO chunks SELECT id + 1, regions, rational, content, checksum, first, last, "
        "codes, points, exact, facets FROM chunks",
        "list of regions",
    ),
    ("INSERT INTO tasks VALUES (5, x'00', 0, 1.0, 0)", "part that remains"),
    ("CREATE TABLE more (x)", "tables"),
    ("CREATE INDEX more ON chunks (regions)", "tables"),
    ("CREATE VIEW v AS SELECT 1", "tables"),
    ("CREATE TRIGGER t AFTER INSERT ON chunks BEGIN DELETE FROM chunks; END", "tables"),
    ("PRAGMA application_id = 7", "no store"),
    ("PRAGMA user_version = 1", "version 1 .*search again"),
    ("PRAGMA user_version = 9", "version 9"),
]


@pytest.mark.parametrize(("statement", "words"), TAMPERED)
def test_tampered_stores(finished, tmp_path, statement, words):
    name = tmp_path / "o.sqlite"
    shutil.copy(finished, name)
    with sqlite3.connect(name) as database:
        database.execute(statement)
    database.close()
    with pytest.raises(es.StoreError, match=words):
        read_all(name)


_COLUMNS = "id", "regions", "first", "last", "rational", "codes", "points", "exact", "facets"


def _rewritten(name: Path, **changes) -> None:
    """Change a chunk, and give it and the totals the checksums that fit."""
    totals = Store(name).totals()
    with sqlite3.connect(name) as database:
        key, *row = database.execute(f"SELECT {', '.join(_COLUMNS)} FROM chunks").fetchone()
        chunk = Chunk(*row)
        for column, change in changes.items():
            setattr(chunk, column, change(getattr(chunk, column)))
        head = Head(
            key, chunk.regions, chunk.rational, content_checksum(chunk), chunk.first, chunk.last
        )
        values = [getattr(chunk, column) for column in _COLUMNS[1:]]
        names = ", ".join(f"{column} = ?" for column in (*_COLUMNS[1:], "content", "checksum"))
        database.execute(f"UPDATE chunks SET {names}", (*values, head.content, head.checksum()))
        put_totals(database, replace(totals, regions=head.regions, digest=head.checksum()))
    database.close()


def _twice(codes: bytes) -> bytes:
    """The second region once more, in the place of the third."""
    return codes[:5] + codes[4:5] + codes[6:]


def _nan(points: bytes) -> bytes:
    return np.full(len(points) // 8, np.nan).tobytes()


def _facets(change):
    """A change of the facets' header and what follows it."""

    def changed(data: bytes) -> bytes:
        raw = bytearray(zlib.decompress(data))
        edges, _flips, borders, dim, text = struct.unpack_from("<5I", raw)
        points = len(raw) - text - 8 * edges * dim
        change(raw, edges, dim, borders, points)
        return zlib.compress(bytes(raw))

    return changed


def _other_dimension(raw, edges, dim, borders, points) -> None:
    del raw[points : points + 8 * edges * (dim - 1)]
    struct.pack_into("<I", raw, 12, 1)


def _no_number(raw, edges, dim, borders, points) -> None:
    struct.pack_into("<d", raw, points, float("inf"))


def _other_side(raw, edges, dim, borders, points) -> None:
    assert borders
    struct.pack_into("<I", raw, points - 4 * borders, 1)  # the half plane has one side


def _short_point(raw, edges, dim, borders, points) -> None:
    text = b'{"0": ["1"]}'
    del raw[points + 8 * edges * dim :]
    raw += text
    struct.pack_into("<I", raw, 16, len(text))


def _changed(at: int, value: int):
    def change(data: bytes) -> bytes:
        raw = bytearray(zlib.decompress(data))
        raw[at] = value
        return zlib.compress(bytes(raw))

    return change


@pytest.mark.parametrize(
    "changes",
    [
        {"codes": lambda v: zlib.compress(zlib.decompress(v) + b"x")},
        {"codes": lambda v: zlib.compress(bytes(1 << 24))},  # a bomb
        {"codes": lambda v: v + b"x"},
        {"codes": _changed(0, 2)},  # a piece that the unit has not
        {"points": _nan},
        {"exact": lambda v: b'{"99": ["1", "2"]}'},
        {"exact": lambda v: b'{"0": ["1"]}'},
        {"exact": lambda v: b'{"0": ["1/0", "2"]}'},
        {"exact": lambda v: b"[" * 100_000},
        {"facets": lambda v: zlib.compress(bytes(1 << 20))},
        {"facets": lambda v: b""},
        {"facets": _changed(0, 255)},  # more edges than there are bytes
        {"codes": lambda v: zlib.compress(_twice(zlib.decompress(v)))},
        {"first": lambda v: b"\x01" + v[1:]},
        {"first": lambda v: v[:-1]},
        {"last": lambda v: v[:-1] + b"\x00"},
        {"rational": lambda v: v + 1},
        {"regions": lambda v: v - 1},
        {"facets": lambda v: None},
        {"facets": _facets(_other_dimension)},
        {"facets": _facets(_no_number)},
        {"facets": _facets(_other_side)},
        {"facets": _facets(_short_point)},
    ],
)
def test_made_up_chunks(finished, tmp_path, changes):
    name = tmp_path / "o.sqlite"
    shutil.copy(finished, name)
    _rewritten(name, **changes)
    with pytest.raises(es.StoreError):
        read_all(name)


@pytest.mark.slow
def test_every_byte_of_facets(finished, tmp_path):
    """Numbers out of range are refused; others lead to a refusal or to facets in range."""
    with sqlite3.connect(finished) as database:
        (facets,) = database.execute("SELECT facets FROM chunks").fetchone()
    database.close()
    codes, _, _ = read_all(finished)
    read = refused = 0
    for at in range(len(zlib.decompress(facets))):
        name = tmp_path / f"{at}.sqlite"
        shutil.copy(finished, name)
        _rewritten(name, facets=_changed(at, 0xAB))
        try:
            omega = es.open_partition(name)
            ends = np.concatenate([omega.edges.source, omega.edges.target, omega.borders.region])
        except es.ExactSplineError:
            refused += 1
        else:
            read += 1
            assert np.array_equal(omega.codes, codes)
            assert np.all((ends >= 0) & (ends < len(codes)))
        name.unlink()
    assert read
    assert refused


def test_cut_off_files(finished, tmp_path):
    data = finished.read_bytes()
    codes, points, edges = read_all(finished)
    refused = 0
    for size in [*range(0, len(data), 2048), len(data) // 2, len(data) - 1]:
        name = tmp_path / f"cut{size}.sqlite"
        name.write_bytes(data[:size])
        with pytest.raises(es.StoreError):
            read_all(name)
        refused += 1
    assert refused > 10
    assert len(codes) == 6
    assert edges
    assert len(points) == 6


@pytest.mark.slow
def test_flipped_bytes(finished, tmp_path):
    """Never another code or witness without a word."""
    rng = random.Random(3)
    data = finished.read_bytes()
    codes, points, _ = read_all(finished)
    name = tmp_path / "o.sqlite"
    refused = 0
    for _ in range(300):
        raw = bytearray(data)
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        name.write_bytes(raw)
        try:
            found = read_all(name)
        except es.ExactSplineError:
            refused += 1
            continue
        assert np.array_equal(found[0], codes)
        assert np.array_equal(found[1], points)
    assert refused > 20


@pytest.fixture
def unfinished(tmp_path, monkeypatch):
    """A single file with several tasks and many chunks; what remains, and what all of it is."""
    monkeypatch.setattr(chunk, "MAX_REGIONS", 16)
    monkeypatch.setattr(kernel_engine, "BUDGET", 40)
    name = tmp_path / "unfinished.sqlite"
    with ThreadPoolExecutor(2) as executor:
        es.stream_regions(MOONS, BOX, store=name, limit=200, executor=executor)
    gc.collect()
    with ThreadPoolExecutor(2) as executor:
        es.enumerate_regions(MOONS, BOX, store=name, resume=True, limit=200, executor=executor)
    gc.collect()
    with sqlite3.connect(name) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    database.close()
    assert len(Store(name).pending()) > 1
    return name


@pytest.mark.slow
def test_flipped_bytes_of_an_unfinished_run(unfinished, tmp_path):
    """A resumed run ends with all regions, each once and in order, or with an error."""
    whole = es.enumerate_regions(MOONS, BOX)
    data = unfinished.read_bytes()
    rng = random.Random(5)
    name = tmp_path / "o.sqlite"
    refused = right = 0
    for _ in range(250):
        for path in tmp_path.glob("o.sqlite*"):
            path.unlink()
        raw = bytearray(data)
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        name.write_bytes(raw)
        try:
            before = es.open_partition(name)
            assert np.array_equal(before.codes, whole.codes[: len(before)])
            found = es.enumerate_regions(MOONS, BOX, store=name, resume=True)
            same(found, whole)
            right += 1
        except es.ExactSplineError:
            refused += 1
    assert refused > 50
    assert right > 5


@pytest.mark.slow
def test_tampered_tasks(unfinished, tmp_path):
    """A part that is lost, doubled or another one would lose or double regions."""
    name = tmp_path / "o.sqlite"
    for statement in (
        "DELETE FROM tasks WHERE id = (SELECT max(id) FROM tasks)",
        "DELETE FROM tasks",
        "INSERT INTO tasks (first, depth, weight, checksum) SELECT first, depth, weight, checksum "
        "FROM tasks LIMIT 1",
        "UPDATE tasks SET depth = depth + 1 WHERE id = (SELECT max(id) FROM tasks)",
        "UPDATE tasks SET first = first || x'00' WHERE id = (SELECT max(id) FROM tasks)",
        "UPDATE tasks SET first = x'09' WHERE id = (SELECT max(id) FROM tasks)",
        "UPDATE tasks SET weight = 9e999",
        "UPDATE tasks SET weight = 'x'",
        "DELETE FROM chunks WHERE id = (SELECT max(id) FROM chunks)",
        "UPDATE chunks SET first = first || x'00' WHERE id = (SELECT max(id) FROM chunks)",
        "UPDATE tasks SET id = id + 1 WHERE id = (SELECT max(id) FROM tasks)",
    ):
        shutil.copy(unfinished, name)
        with sqlite3.connect(name) as database:
            assert database.execute(statement).rowcount > 0
        database.close()
        with pytest.raises(es.StoreError, match="damaged"):
            read_all(name)
        if "chunks" not in statement:
            with pytest.raises(es.StoreError, match="damaged"):
                es.enumerate_regions(MOONS, BOX, store=name, resume=True)


def test_what_is_no_store(tmp_path):
    archive = tmp_path / "a.npz"
    np.savez(archive, x=np.arange(10000))
    text = tmp_path / "b.txt"
    text.write_text("hello" * 1000)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    other = tmp_path / "c.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE t (x)")
    database.close()
    for path in (archive, text, fifo, other, tmp_path, Path("/dev/null"), tmp_path / "missing",
                 tmp_path / "no/folder.sqlite", tmp_path / "a\0b"):  # fmt: skip
        with pytest.raises(es.FormatError if path == archive else es.StoreError):
            es.open_partition(path)
        if path.name == "missing":
            continue
        with pytest.raises(es.StoreError):
            es.enumerate_regions(NET, BOX, store=path, resume=True)
    assert text.read_text() == "hello" * 1000


def test_odd_names(tmp_path):
    for name in ("a?b.sqlite", "a#b", "a%20b", "a b", "ü.sqlite", "x" * 200, ":memory:",
                 os.fsdecode(b"\xff.sqlite")):  # fmt: skip
        omega = es.enumerate_regions(NET, BOX, store=tmp_path / name)
        assert (tmp_path / name).exists()
        assert len(omega) == 19
    omega = es.enumerate_regions(NET, BOX, store=os.fsencode(tmp_path / "bytes"))
    assert (tmp_path / "bytes").exists()
    assert len(omega) == 19


def test_links(tmp_path):
    """A link to a store whose log is not empty: the log stands beside the file itself."""
    name, link = tmp_path / "o.sqlite", tmp_path / "elsewhere" / "link.sqlite"
    link.parent.mkdir()
    link.symlink_to(name)
    store = Store.create(name, NET, BOX)
    rest = [Part(begin, 6, 0.0) for begin in product((0, 1), repeat=6)]
    store.commit(1, [], rest, 0, Decisions(), 0.5)
    assert (tmp_path / "o.sqlite-wal").stat().st_size > 0
    assert [part for _, part in Store(link).pending()] == rest
    with pytest.raises(es.StoreError, match="another run"):
        Store(link, write=True)
    store.close()
    shutil.rmtree(link.parent)
    assert name.exists()


def test_an_interrupted_beginning_is_no_store(tmp_path):
    name = tmp_path / "o.sqlite"
    name.touch()
    assert len(es.enumerate_regions(NET, BOX, store=name)) == 19
    other = tmp_path / "p.sqlite"
    with sqlite3.connect(other) as database:  # killed before the first transaction
        database.execute("PRAGMA journal_mode = WAL")
    database.close()
    assert len(es.enumerate_regions(NET, BOX, store=other)) == 19


def test_killed_while_a_store_is_begun_or_finished(finished, tmp_path):
    """SQLite has written half of it in place, and a journal says how to undo that."""
    program = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("PRAGMA cache_spill = 1")
database.execute("BEGIN IMMEDIATE")
if sys.argv[2] == "begun":
    database.execute("CREATE TABLE more (x)")
    database.execute("INSERT INTO more VALUES (zeroblob(100000))")
else:
    database.execute("UPDATE chunks SET points = zeroblob(length(points)), codes = codes || codes")
    database.execute("UPDATE totals SET regions = 7")
    database.execute("CREATE TABLE more (x)")
    database.execute("INSERT INTO more VALUES (zeroblob(100000))")
os.kill(os.getpid(), 9)
"""
    for what in ("begun", "finished"):
        name = tmp_path / f"{what}.sqlite"
        if what == "finished":
            shutil.copy(finished, name)
        subprocess.run([sys.executable, "-c", program, str(name), what], check=False)
        assert (tmp_path / f"{what}.sqlite-journal").stat().st_size > 0
        if what == "finished":
            assert read_all(name)[2] == read_all(finished)[2]
        else:
            assert is_empty(str(name))
            assert len(es.enumerate_regions(NET, BOX, store=name)) == 19


def test_read_only(finished, tmp_path):
    """As a user who may not write: the file is read, and not written."""
    folder = Path(tempfile.mkdtemp())  # tmp_path is closed to others
    shutil.copy(finished, folder / "o.sqlite")
    (folder / "o.sqlite").chmod(0o444)
    folder.chmod(0o555)
    program = """
import os, sys
import exactspline as es
import exactspline.store
if os.getuid() == 0:
    os.setuid(65534)
name = sys.argv[1]
omega = es.open_partition(name)
assert len(omega) == 6
try:
    es.enumerate_regions(omega.network, omega.domain, store=name, resume=True)
except es.StoreError as error:
    print("refused:", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / "o.sqlite")], capture_output=True, text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}, check=False,
    )  # fmt: skip
    folder.chmod(0o755)
    shutil.rmtree(folder)
    assert done.stdout.startswith("refused:"), done.stderr
