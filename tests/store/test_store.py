"""Stores: what a run keeps is what a search in memory finds; what is damaged is refused."""

from __future__ import annotations

import random
import sqlite3
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from marks import first_quick
from random_networks import known_operators
from results import same
from store_cases import BOX, MOONS, NET

import exactspline as es
from exactspline.search.decisions import Decisions
from exactspline.search.part import WHOLE, Part
from exactspline.search.run import Run
from exactspline.store import Store, StoredRun
from exactspline.tasks.chunk import encode_batch
from exactspline.tasks.merge import merged


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
