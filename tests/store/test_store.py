"""Stores: what a run keeps is what a search in memory finds; what is damaged is refused."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
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

import folders
import numpy as np
import pytest
import random_networks as nets
from marks import first_quick
from random_networks import known_operators
from results import same

import exactspline as es
from exactspline.search.decisions import Decisions
from exactspline.search.kernel import engine as kernel_engine
from exactspline.search.part import WHOLE, Part
from exactspline.search.run import Run
from exactspline.store import Store, StoredRun, columns
from exactspline.store.database import is_empty
from exactspline.store.lock import Lock
from exactspline.store.rows import Head, content_checksum, put_totals
from exactspline.tasks import chunk
from exactspline.tasks.chunk import Chunk, encode_batch
from exactspline.tasks.merge import merged

NET = es.Network(
    [es.Dense([[1, 0], [0, 1], [1, 1], [1, -1]], [0, 0, "1/3", 1]), es.ReLU(),
     es.Dense([[1, 1, -1, 0], [0, 1, 1, -2]], [0, -1]), es.Abs()], (2,)
)  # fmt: skip
BOX = es.Box([-2, -2], [2, 2])
MOONS = es.load(folders.MOONS)


def many_pieces() -> es.Network:
    """A unit of 300 pieces: its codes take two bytes."""
    rows = [[k, 1] for k in range(-150, 150)]
    return es.Network([es.Dense(rows, [-k * k for k in range(-150, 150)]), es.Maxout(300)], (2,))


def cases(rng: random.Random) -> tuple[es.Network, es.Domain]:
    net = known_operators(rng)
    return net, nets.any_domain(rng, net.input_dim)[0]


# ----------------------------------------------------------------------------- round trips
@pytest.mark.parametrize("graph", first_quick([False, True]))
def test_random_networks(tmp_path, short_tasks, graph):
    rational = 0
    for seed in range(30):
        net, domain = cases(random.Random(1000 + seed))
        whole = es.enumerate_regions(net, domain, graph=graph)
        name = tmp_path / f"{seed}.sqlite"
        stored = es.enumerate_regions(net, domain, graph=graph, store=name)
        same(stored, whole, graph=graph)
        same(es.open_partition(name), whole, graph=graph)
        assert stored.decisions.total > 0
        rational += len(whole.exact_witnesses)
    assert not list(tmp_path.glob("*-lock"))
    assert not list(tmp_path.glob("*-wal"))


@pytest.mark.parametrize(
    ("net", "domain"),
    [
        (NET, es.WholeSpace(2)),
        (NET, es.Box([0, -2], [0, 2])),
        (NET, es.Box([1, 1], [1, 1])),
        (NET, es.Slice([0, "1/3"], [["1/3", 1]], es.Box([-3], [3]))),
        (es.Network([es.Dense([[1, 2]])], (2,)), BOX),
    ],
)
def test_special_shapes(tmp_path, net, domain):
    whole = es.enumerate_regions(net, domain, graph=True)
    stored = es.enumerate_regions(net, domain, graph=True, store=tmp_path / "o.sqlite")
    same(stored, whole, graph=True)


@pytest.mark.slow
def test_codes_of_two_bytes(tmp_path):
    """In rationals: kernels for such codes would be compiled for minutes."""
    net, box = many_pieces(), es.Box([-3, -3], [3, 3])
    whole = es.enumerate_regions(net, box, graph=True, engine="rational")
    assert whole.codes.dtype == np.uint16
    name = tmp_path / "o.sqlite"
    stored = es.enumerate_regions(net, box, graph=True, engine="rational", store=name)
    same(stored, whole)
    for column in ("source", "target", "unit", "piece", "sign"):
        a, b = getattr(stored.edges, column), getattr(whole.edges, column)
        assert np.array_equal(a, b)


def test_rational_witnesses(tmp_path):
    """Slivers that hold no float64 point."""
    tiny = Fraction(1, 10**30)
    net = es.Network([es.Dense([[1], [1]], [Fraction(-1, 3), Fraction(-1, 3) - tiny]), es.ReLU()],
                     (1,))  # fmt: skip
    whole = es.enumerate_regions(net, graph=True)
    assert whole.exact_witnesses
    stored = es.enumerate_regions(net, graph=True, store=tmp_path / "o.sqlite")
    same(stored, whole, graph=True)
    assert [stored.witness(i) for i in range(3)] == [whole.witness(i) for i in range(3)]


def test_everything_a_partition_does(tmp_path):
    net = MOONS
    box = es.Box([-2, -2], [3, 2])
    whole = es.enumerate_regions(net, box, graph=True)
    stored = es.enumerate_regions(net, box, graph=True, store=tmp_path / "o.sqlite")
    assert repr(stored) == repr(whole)
    assert [r.code.tolist() for r in stored] == whole.codes.tolist()
    assert stored[-1].witness == whole[-1].witness
    points = np.random.default_rng(0).uniform(-2, 2, (200, 2))
    assert np.array_equal(stored.locate(points).region, whole.locate(points).region)
    assert stored.linear_regions().count == whole.linear_regions().count
    assert np.array_equal(stored.stable_units().unit, whole.stable_units().unit)
    assert stored.at_layer(1).count == whole.at_layer(1).count
    assert np.array_equal(stored.points(), whole.points())
    parts = list(stored.iter_witnesses(7))
    assert np.array_equal(np.concatenate(parts), whole.witnesses)
    rows = np.array([5, 0, 5, -1])
    assert np.array_equal(stored._points[rows], whole.witnesses[rows])
    assert np.array_equal(stored._points[::-3], whole.witnesses[::-3])
    with pytest.raises(IndexError):
        stored._points[[len(whole)]]
    with pytest.raises(IndexError):
        stored[len(whole)]
    for suffix in (".npz", ".json", ".parquet"):
        for omega, name in ((stored, "a"), (whole, "b")):
            omega.seconds = 0.0
            omega.save(tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    stored.save_graph(tmp_path / "a.graphml")
    whole.save_graph(tmp_path / "b.graphml")
    assert (tmp_path / "a.graphml").read_bytes() == (tmp_path / "b.graphml").read_bytes()


def test_facets_are_searched_for_where_none_are_stored(tmp_path):
    whole = es.enumerate_regions(NET, BOX, graph=True)
    stored = es.enumerate_regions(NET, BOX, store=tmp_path / "o.sqlite")
    same(stored, whole, graph=True)


# --------------------------------------------------------------------------------- resuming
@pytest.mark.slow
def test_resumed_in_many_steps(tmp_path, short_tasks):
    net, box = MOONS, es.Box([0, 0], [1, 1])
    whole = es.enumerate_regions(net, box, graph=True)
    name = tmp_path / "o.sqlite"
    lengths, shares = [], []

    def look(run) -> None:
        shares.append(run.share)

    steps = 0
    for _ in range(500):
        steps += 1
        stored = es.enumerate_regions(
            net, box, graph=True, store=name, resume=True, time_limit=0.0, progress=look
        )
        if stored.complete:
            break
        lengths.append(len(stored))
        n = len(stored)
        assert np.array_equal(stored.codes, whole.codes[:n])  # the first ones, in order
        inside = [e for e in range(len(whole.edges)) if whole.edges.target[e] < n]
        assert len(stored.edges) == len(inside)
    assert stored.complete
    assert steps > 3
    assert lengths == sorted(lengths)
    assert shares == sorted(shares)
    same(stored, whole, graph=True)
    again = es.enumerate_regions(net, box, graph=True, store=name, resume=True)
    same(again, whole, graph=True)


def test_limits_and_streams(tmp_path):
    whole = es.enumerate_regions(NET, BOX)
    name = tmp_path / "o.sqlite"
    first = es.enumerate_regions(NET, BOX, store=name, limit=5)
    assert len(first) == 5
    assert not first.complete
    stream = es.stream_regions(NET, BOX, store=name, resume=True)
    for _ in range(2):  # a stream may be gone through again
        assert [r.code.tolist() for r in stream] == whole.codes.tolist()
        assert stream.complete
    short = es.stream_regions(NET, BOX, store=tmp_path / "p.sqlite", limit=4)
    assert [r.code.tolist() for r in short] == whole.codes[:4].tolist()


def test_other_runs_are_refused(tmp_path):
    name = tmp_path / "o.sqlite"
    es.enumerate_regions(NET, BOX, store=name)
    before = name.read_bytes()
    other = es.Network([es.Dense([[1, 2]]), es.ReLU()], (2,))
    for net, domain, options, words in (
        (NET, BOX, {}, "there is a file"),
        (other, BOX, {"resume": True}, "another network"),
        (NET, es.Box([-2, -2], [2, 3]), {"resume": True}, "another domain"),
        (NET, BOX, {"resume": True, "graph": True}, "without facets"),
    ):
        with pytest.raises(es.StoreError, match=words):
            es.enumerate_regions(net, domain, store=name, **options)
    with pytest.raises(es.ParameterError, match="resume"):
        es.enumerate_regions(NET, BOX, resume=True)
    assert name.read_bytes() == before
    same_box = es.Box(["-2", Fraction(-2)], [2.0, 2])
    assert len(es.enumerate_regions(NET, same_box, store=name, resume=True)) == 19


def test_operators_of_others_have_no_store(tmp_path):
    net = es.Network([nets.ScalarUnits([nets.HAT])], (1,))
    with pytest.raises(es.UnsupportedOperatorError):
        es.enumerate_regions(net, store=tmp_path / "o.sqlite")
    assert not (tmp_path / "o.sqlite").exists()
    assert not (tmp_path / "o.sqlite-lock").exists()


# ------------------------------------------------------------------------ one run at a time
def _hold(path: str, ready, done) -> None:
    with_lock = Lock(path)
    ready.set()
    done.wait(30)
    with_lock.release()


def test_two_runs_on_one_store(tmp_path):
    name = tmp_path / "o.sqlite"
    es.enumerate_regions(NET, BOX, store=name, limit=5)
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(str(name), ready, done))
    child.start()
    assert ready.wait(30)
    with pytest.raises(es.StoreError, match="another run"):
        es.enumerate_regions(NET, BOX, store=name, resume=True)
    assert len(es.open_partition(name)) >= 5  # reading is possible
    child.kill()  # the lock goes with its process, the file stays
    child.join()
    assert (tmp_path / "o.sqlite-lock").exists()
    assert es.enumerate_regions(NET, BOX, store=name, resume=True).complete
    assert not (tmp_path / "o.sqlite-lock").exists()
    lock = Lock(str(name))
    with pytest.raises(es.StoreError, match="another run"):
        Lock(str(name))  # in the same process
    lock.release()


def test_reading_while_a_run_writes(tmp_path, short_tasks):
    name = tmp_path / "o.sqlite"
    whole = es.enumerate_regions(MOONS, BOX)
    seen = []

    def look(run) -> None:
        omega = es.open_partition(name)
        seen.append(len(omega))
        assert np.array_equal(omega.codes, whole.codes[: len(omega)])

    es.enumerate_regions(MOONS, BOX, store=name, progress=look)
    assert len(set(seen)) > 2


def test_reading_in_threads_and_forks(tmp_path, monkeypatch):
    monkeypatch.setattr(chunk, "MAX_REGIONS", 16)
    monkeypatch.setattr(columns, "_CACHE", 2000)
    name = tmp_path / "o.sqlite"
    omega = es.enumerate_regions(MOONS, BOX, store=name)
    expected = es.enumerate_regions(MOONS, BOX).codes
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(omega.code, range(len(omega))))
    sys.setswitchinterval(before)
    assert np.array_equal(rows, expected)
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as processes:
        rows = processes.map(omega.code, range(len(omega)))
    assert np.array_equal(rows, expected)
    assert np.array_equal(pickle.loads(pickle.dumps(omega)).codes, expected)
    assert np.array_equal(copy.deepcopy(omega).codes, expected)


def test_a_fork_has_no_part_in_the_run(tmp_path):
    """A child that ends in an orderly way neither closes its parent's store nor unlocks it."""
    name = tmp_path / "o.sqlite"
    store = Store.create(name, NET, BOX)
    child = os.fork()
    if child == 0:
        store.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "o.sqlite-lock").exists()
    child = os.fork()
    if child == 0:
        try:
            Lock(str(name))
        except es.StoreError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    store.close()
    assert not (tmp_path / "o.sqlite-lock").exists()


def test_a_run_that_ends_while_it_is_opened(tmp_path, monkeypatch):
    """What was read before the end is not called complete."""
    name = tmp_path / "o.sqlite"
    es.enumerate_regions(NET, BOX, store=name, limit=3)
    real = Store.contents

    def contents(self):
        out = real(self)
        monkeypatch.setattr(Store, "contents", real)
        es.enumerate_regions(NET, BOX, store=name, resume=True)
        return out

    monkeypatch.setattr(Store, "contents", contents)
    omega = es.open_partition(name)
    assert len(omega) == 3
    assert not omega.complete


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


# ---------------------------------------------------------------------------------- by hand
def test_commits_by_hand(tmp_path):
    """A transaction is all or nothing, and keys are those of tasks that are there."""
    whole = es.enumerate_regions(NET, BOX)
    store = Store.create(tmp_path / "o.sqlite", NET, BOX)
    assert store.pending() == [(1, WHOLE)]
    assert not store.complete
    run = Run(NET.program, BOX)
    batch = merged(list(run.batches()), NET.program, 2)
    chunks = encode_batch(batch, NET.program)
    rest = [Part((0,), 1, 0.25), Part((1, 0), 2, 0.25), Part((1, 1), 0, 0.5)]
    keys = store.commit(1, [], rest, 0, Decisions(1, 2, 3), 0.5)
    assert [key for key, _ in store.pending()] == keys
    assert [part for _, part in store.pending()] == rest
    with pytest.raises(es.StoreError, match="not in the store"):
        store.commit(1, [], [], 0, Decisions(), 0.5)
    with pytest.raises(es.StoreError, match="counted"):
        store.commit(keys[0], [], [], 1, Decisions(), 0.5)
    with pytest.raises(es.StoreError, match="in order and once"):  # those of all parts
        store.commit(keys[0], chunks, [], 19, Decisions(), 0.5)
    assert store.regions == 0
    assert store.decisions == Decisions(1, 2, 3)
    for key, part in zip(keys, rest, strict=True):
        run = Run(NET.program, BOX, part=part)
        batch = merged(list(run.batches()), NET.program, 2)
        chunks = encode_batch(batch, NET.program)
        count = len(batch.codes)
        first = Part(tuple(batch.codes[0].tolist()), 6)
        with pytest.raises(es.StoreError, match="in order and once"):  # a region remains, too
            store.commit(key, chunks, [first], count, Decisions(), 0.5)
        with pytest.raises(es.StoreError, match="in order and once"):
            store.commit(key, [*chunks, *chunks], [], 2 * count, Decisions(), 0.5)
        store.commit(key, chunks, [], count, Decisions(4), 0.5)
    store.check()
    assert store.regions == 19
    assert store.complete
    assert store.seconds == 2.0
    assert store.decisions == Decisions(13, 2, 3)
    store.close()
    assert np.array_equal(es.open_partition(tmp_path / "o.sqlite").codes, whole.codes)


@pytest.mark.parametrize(
    "rest",
    [
        [Part((1,), 1), Part((0,), 1)],  # not in order
        [Part((0,), 1), Part((0,), 1)],
        [Part((0,), 1), Part((0, 1), 2)],
        [Part((0, 1), 1), Part((0, 1, 0), 2)],
        [Part((0,), 0), Part((1,), 1)],
        [Part((), 0), Part((1,), 1)],
    ],
)
def test_parts_that_overlap(tmp_path, rest):
    store = Store.create(tmp_path / "o.sqlite", NET, BOX)
    with pytest.raises(es.StoreError, match="in order and once"):
        store.commit(1, [], rest, 0, Decisions(), 0.5)
    store.commit(1, [], [Part((0, 1), 1), Part((1,), 1)], 0, Decisions(), 0.5)
    with pytest.raises(es.StoreError, match="in order and once"):  # before the part
        store.commit(2, [], [Part((0, 0), 1)], 0, Decisions(), 0.5)
    with pytest.raises(es.StoreError, match="in order and once"):  # more than the part
        store.commit(2, [], [Part((0, 1), 0)], 0, Decisions(), 0.5)
    store.close()


def test_a_run_ends_with_a_look_at_its_file(tmp_path, monkeypatch):
    """What was written must be there at the end: a page that is lost, or another program."""
    for number, statement in enumerate((
        "DELETE FROM chunks WHERE id = (SELECT min(id) FROM chunks)",
        "UPDATE chunks SET regions = regions + 1",
        "UPDATE totals SET seconds = seconds + 1",
    )):  # fmt: skip
        name = tmp_path / f"{number}.sqlite"
        real = Store.check

        def check(self):
            with sqlite3.connect(name) as database:  # noqa: B023
                assert database.execute(statement).rowcount > 0  # noqa: B023
            database.close()
            real(self)  # noqa: B023

        monkeypatch.setattr(Store, "check", check)
        with pytest.raises(es.StoreError, match="damaged"):
            es.enumerate_regions(NET, BOX, store=name)
        monkeypatch.setattr(Store, "check", real)


def test_a_failed_commit_leaves_its_part(tmp_path, monkeypatch):
    name = tmp_path / "o.sqlite"

    def commit(self, *values):
        raise es.StoreError("the disk is full")

    run = StoredRun(NET, Run(NET.program, BOX), None, name, resume=False)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", commit)
        with pytest.raises(es.StoreError, match="full"):
            list(run.batches())
    assert not run.complete
    assert run.regions == 0
    assert es.enumerate_regions(NET, BOX, store=name, resume=True).complete
