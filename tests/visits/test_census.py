"""The census of a data set, against numpy.unique on codes and brute force in Fractions."""

from __future__ import annotations

import io
import math
from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest

import exactspline as es
from exactspline.visits import facet_distance
from exactspline.visits import table as tables

F = Fraction


def chain(widths, seed, *, activation=es.ReLU, scale=1.0):
    """A network of dense layers with small rational weights."""
    rng = np.random.default_rng(seed)
    operators = []
    for n, m in pairwise(widths):
        weight = rng.integers(-8, 9, (m, n)) / 4 * scale
        operators += [es.Dense(weight, rng.integers(-8, 9, m) / 8), activation()]
    return es.Network([*operators, es.Dense(np.ones((1, widths[-1])))], (widths[0],))


def mixed():
    """Units of two, three and four pieces."""
    lines = [[1, 1, 0, 2], [1, 0, 1, -1], [0, 1, 0, 1], [-1, 0, 1, 0], [2, 0, 0, 1], [0, 1, 1, 0]]
    return es.Network(
        [es.Dense([[1, 2], [-1, "1/3"], [2, -1], [1, 1]], [0, 1, "-1/2", 0]), es.Clip(-1, 1),
         es.Dense(lines), es.Reshape((1, 6)), es.MaxPool((3,)), es.Flatten(), es.ReLU()], (2,),
    )  # fmt: skip


NETWORKS = {
    "relu": chain((2, 5, 4), 0),
    "abs": chain((3, 4, 4), 1, activation=es.Abs),
    "wide": chain((2, 70, 3), 2),
    "mixed": mixed(),
    "no units": es.Network([es.Dense([[1, 2]])], (2,)),
}


def samples(net, n, seed=0):
    """Floats of few bits, so that many samples share a region and some lie on boundaries."""
    return np.random.default_rng(seed).integers(-16, 17, (n, net.input_dim)) / 8


def expected(net, X):
    """Codes, counts and first samples by numpy.unique."""
    codes = es.codes(net, X, exact=True)
    return np.unique(codes, axis=0, return_counts=True, return_index=True)


def assert_same(found, net, X):
    codes, first, counts = expected(net, X)
    assert np.array_equal(found.codes(), codes)
    assert np.array_equal(found.counts, counts)
    assert np.array_equal(found.first, first)
    assert found.samples == counts.sum() == len(X)


@pytest.mark.parametrize("name", NETWORKS)
def test_distinct_codes_and_counts(name):
    net = NETWORKS[name]
    X = samples(net, 700)
    found = es.census(net, X)
    assert_same(found, net, X)
    codes, _, counts = expected(net, X)
    assert found.alone == (counts == 1).sum()
    assert found.alone_share == found.alone / 700
    boundary = es.forward_core(net, X, exact=True, affine=False).on_boundary
    assert np.array_equal(found.boundary_samples, np.flatnonzero(boundary))
    if name != "no units":
        assert boundary.any()
        assert len(codes) > 20
    assert f"{len(codes):,} regions" in str(found)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers(name):
    net = NETWORKS[name]
    X = samples(net, 60)
    found = es.census(net, X)
    codes = es.codes(net, X, exact=True).astype(int)
    starts = net.program.unit_start
    assert len(found.layers) == len(starts) - 1
    for i, layer in enumerate(found.layers):
        own = codes[:, starts[i] : starts[i + 1]]
        assert layer.units == own.shape[1]
        assert layer.regions == len(np.unique(codes[:, : starts[i + 1]], axis=0))
        assert layer.changing == sum(len(set(column)) > 1 for column in own.T)
        pairs = [int((a != b).sum()) for a, b in combinations(own, 2)]
        assert layer.distance == F(sum(pairs), len(pairs))
        assert layer.changes == int((own[1:] != own[:-1]).sum())


@pytest.mark.parametrize("name", ["relu", "mixed"])
def test_distances_between_classes(name):
    net = NETWORKS[name]
    X, labels = samples(net, 50), np.random.default_rng(3).choice([-2, 5, 7], 50)
    labels[0], labels[labels == 7] = 9, 5  # a class of one sample
    found = es.census(net, X, labels)
    assert found.classes.tolist() == sorted(set(labels.tolist()))
    assert found.class_samples.tolist() == [int((labels == c).sum()) for c in found.classes]
    vq = es.vq_distance(net, X, exact=True)
    for i, a in enumerate(found.classes):
        for j, b in enumerate(found.classes):
            pairs = [
                vq[p, q] for p in np.flatnonzero(labels == a) for q in np.flatnonzero(labels == b)
                if p != q
            ]  # fmt: skip
            if not pairs:
                assert math.isnan(found.class_distances[i, j])
            else:
                assert found.class_distances[i, j] == pytest.approx(np.mean(pairs), abs=1e-12)
    assert found.to_json()["class_distances"][-1][-1] is None


def test_all_kinds_of_data_are_the_same(tmp_path):
    torch = pytest.importorskip("torch")
    net = NETWORKS["relu"]
    X, y = samples(net, 301), np.arange(301) % 3
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", y.astype(np.uint8))
    given = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    plain = es.census(net, X, y, distances=True)
    assert_same(plain, net, X)
    others = [
        es.census(net, tmp_path / "x.npy", str(tmp_path / "y.npy"), distances=True),
        es.census(net, torch.from_numpy(X), torch.from_numpy(y), distances=True),
        es.census(net, (X[i : i + 40] for i in range(0, 301, 40)), y, distances=True),
        es.census(net, ((X[i : i + 7], y[i : i + 7]) for i in range(0, 301, 7)), distances=True),
        es.census(net, torch.utils.data.DataLoader(given, batch_size=32), distances=True),
        es.census(es.prepare(net, engine="numpy"), X.tolist(), y.tolist(), distances=True),
    ]
    for other in others:
        assert other.to_json() == plain.to_json()
        assert np.array_equal(other.codes(), plain.codes())
        assert np.array_equal(other.first, plain.first)
        assert np.array_equal(other.distances, plain.distances)


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", ">f8", "int8", "uint64", "bool", "object", "U"]
)
def test_numbers_of_all_types(dtype):
    """They are taken as the exact numbers that they are."""
    net = NETWORKS["relu"]
    X = np.abs(np.trunc(samples(net, 100)))
    given = X.astype("U4").tolist() if dtype == "U" else X.astype(dtype)
    if dtype == "bool":
        X = X.astype(bool).astype(float)
    found = es.census(net, given, distances=True)
    assert_same(found, net, X)
    assert np.array_equal(found.distances, es.census(net, X, distances=True).distances)
    assert_same(es.census(net, np.asfortranarray(X)[::-1], dtype="float32"), net, X[::-1])


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal(monkeypatch):
    from exactspline.driver import progress as bars

    net = NETWORKS["relu"]
    X = samples(net, 100)
    monkeypatch.setattr(bars, "_EVERY", 0.0)
    for given, told in ((X, "of the samples"), (iter([X, X]), "200 samples")):
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        es.census(net, given, progress=True)
        assert told in terminal.getvalue()
        assert terminal.getvalue().endswith(" \r")
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    es.census(net, X, progress=True)
    assert not pipe.getvalue()
    with pytest.raises(es.ParameterError, match="progress"):
        es.census(net, X, progress=1)


def test_small_batches_change_nothing(monkeypatch):
    from exactspline.visits import functions

    net = NETWORKS["mixed"]
    X = samples(net, 200)
    plain = es.census(net, X, distances=True)
    monkeypatch.setattr(functions, "_MOST_WITH_DISTANCES", 7)
    monkeypatch.setattr(functions, "_BLOCK", 5)
    seen = []
    found = es.census(net, X, distances=True, progress=lambda *told: seen.append(told))
    assert found.to_json() == plain.to_json()
    assert_same(found, net, X)
    assert seen[0] == (7, 200)
    assert seen[-1] == (200, 200)


@pytest.mark.parametrize("name", ["relu", "wide", "mixed"])
def test_what_memory_does_not_hold_goes_to_files(name, monkeypatch):
    from exactspline.visits import functions

    net = NETWORKS[name]
    X = np.random.default_rng(5).normal(size=(3000, net.input_dim)) * 3
    plain = es.census(net, X, exact=False)
    assert not plain.spilled
    monkeypatch.setattr(functions, "_LEAST_MEMORY", 1)
    monkeypatch.setattr(functions, "_MOST_SAMPLES", 50)
    monkeypatch.setattr(tables, "_BLOCK", 1000)
    found = es.census(net, X, exact=False, memory=2000)
    assert found.spilled
    for column in ("counts", "first"):
        assert np.array_equal(getattr(found, column), getattr(plain, column))
    assert np.array_equal(found.codes(), plain.codes())
    assert found.to_json() == plain.to_json()
    assert found.compare(plain).distance == 0
    folder = found._table._folder.path
    assert folder.is_dir()
    del found
    assert not folder.exists()


def test_a_folder_that_takes_no_files(monkeypatch, tmp_path):
    from exactspline.visits import functions

    monkeypatch.setattr(functions, "_LEAST_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(es.LimitError, match="TMPDIR"):
        es.census(NETWORKS["wide"], samples(NETWORKS["wide"], 500), memory=1)


def facet_distance_squared(net, x):
    """The least squared distance to a hyperplane of the sample's code, from weights alone."""
    state, rows = (
        [F(v) for v in x],
        [[F(int(i == j)) for i in range(len(x))] for j in range(len(x))],
    )
    best = None
    for operator in net.operators:
        if operator.kind == "Dense":
            W = [[F(v) for v in row] for row in operator.fields["weight"]]
            b = operator.fields["bias"]
            b = [F(0)] * len(W) if b is None else [F(v) for v in b]
            rows = [
                [sum(w * r[j] for w, r in zip(line, rows, strict=True)) for j in range(len(x))]
                for line in W
            ]
            state = [
                sum(w * v for w, v in zip(line, state, strict=True)) + c
                for line, c in zip(W, b, strict=True)
            ]
            continue
        for i, (value, row) in enumerate(zip(state, rows, strict=True)):
            if any(row):
                here = value * value / sum(v * v for v in row)
                best = here if best is None else min(best, here)
            low = -1 if operator.kind == "Abs" else 0
            if value <= 0:
                state[i], rows[i] = low * value, [low * v for v in row]
    return best


@pytest.mark.parametrize("name", ["relu", "abs"])
def test_distances_against_fractions(name):
    net = NETWORKS[name]
    X = np.random.default_rng(1).normal(size=(40, net.input_dim))
    found = es.census(net, X, distances=True)
    for i, x in enumerate(X.tolist()):
        truth = facet_distance_squared(net, x)
        d, e = F(float(found.distances[i])), F(float(found.distance_errors[i]))
        assert max(d - e, 0) ** 2 <= truth <= (d + e) ** 2
        assert e <= F(1, 10**10)


def test_distances_of_extreme_numbers():
    """Weights that float64 hardly holds, and texts that it does not hold."""
    tiny = es.Network([es.Dense([["1e-300", "1e-300"]], ["-1e-300"]), es.ReLU()], (2,))
    found = es.census(tiny, [[0.0, 0.0], [3.0, 1.0]], distances=True)
    assert found.distances == pytest.approx([math.sqrt(0.5), 3 * math.sqrt(0.5)])
    assert (found.distance_errors < 1e-10).all()
    third = es.census(
        es.Network([es.Dense([[1]], ["-1/3"]), es.ReLU()], (1,)), [["1/3"], ["4/3"]],
        distances=True,
    )  # fmt: skip
    assert third.boundary_samples.tolist() == [0]
    for d, e, truth in zip(third.distances, third.distance_errors, (0, 1), strict=True):
        assert abs(F(float(d)) - truth) <= F(float(e))
    huge = es.census(
        es.Network([es.Dense([[1]], ["1e200"]), es.ReLU()], (1,)), [[1e200]], distances=True
    )
    assert huge.distances[0] == pytest.approx(2e200)
    none = es.census(NETWORKS["no units"], [[1.0, 2.0]], distances=True)
    assert none.distances.tolist() == [math.inf]
    assert none.to_json()["distances"]["without_facets"] == 1


def test_few_regions_rows_are_held(monkeypatch):
    net = NETWORKS["relu"]
    X = samples(net, 60)
    plain = es.census(net, X, distances=True)
    monkeypatch.setattr(facet_distance, "_HELD", 1)
    assert np.array_equal(es.census(net, X, distances=True).distances, plain.distances)


def test_comparisons():
    net = NETWORKS["relu"]
    X, Y = samples(net, 300), samples(net, 200, seed=9) * 2
    a, b = es.census(net, X), es.census(net, Y)
    ours = {tuple(c): int(n) for c, n in zip(a.codes().tolist(), a.counts, strict=True)}
    theirs = {tuple(c): int(n) for c, n in zip(b.codes().tolist(), b.counts, strict=True)}
    both = set(ours) & set(theirs)
    found = a.compare(b)
    assert 0 < len(both) < len(ours)
    assert found.common == len(both)
    assert found.only_first == len(set(ours) - both)
    assert found.only_second == len(set(theirs) - both)
    assert found.first_in_common == sum(ours[c] for c in both)
    assert found.second_in_common == sum(theirs[c] for c in both)
    shares = [abs(F(ours.get(c, 0), 300) - F(theirs.get(c, 0), 200)) for c in {*ours, *theirs}]
    assert found.distance == sum(shares) / 2
    assert a.compare(a).distance == 0
    with pytest.raises(es.ShapeError, match="layers"):
        a.compare(es.census(NETWORKS["abs"], samples(NETWORKS["abs"], 3)))
    with pytest.raises(es.ParameterError, match="Census"):
        a.compare(3)


def test_nothing_is_a_census_too():
    net = NETWORKS["relu"]
    for empty in (np.zeros((0, 2)), iter([])):
        found = es.census(net, empty, distances=True)
        assert (len(found), found.samples, found.alone_share) == (0, 0, 0.0)
        assert [layer.regions for layer in found.layers] == [0, 0]
        assert found.layers[0].distance is None
        assert found.compare(found).distance is None
        assert "0 samples in 0 regions" in str(found)


class Evil:
    def __reduce__(self):
        raise AssertionError("a pickle was read")


def test_bad_input(tmp_path):
    net = NETWORKS["relu"]
    X = samples(net, 6)
    files = {
        "objects.npy": lambda p: np.save(p, np.array([{}, 1], dtype=object), allow_pickle=True),
        "text.npy": lambda p: p.write_text("no array"),
        "empty.npy": lambda p: p.write_bytes(b""),
        "words.npy": lambda p: np.save(p, np.array([["a", "b"]])),
        "complex.npy": lambda p: np.save(p, np.ones((2, 2), complex)),
    }
    for name, write in files.items():
        write(tmp_path / name)
        with pytest.raises(es.FormatError, match=name.split(".")[0]):
            es.census(net, tmp_path / name)
    np.save(tmp_path / "cut.npy", np.ones((100, 2)))
    whole = (tmp_path / "cut.npy").read_bytes()
    for cut in (5, 60, 127, 140, len(whole) - 1):
        (tmp_path / "cut.npy").write_bytes(whole[:cut])
        with pytest.raises(es.FormatError):
            es.census(net, tmp_path / "cut.npy")
    np.savez(tmp_path / "two.npz", X)
    with pytest.raises(es.FormatError, match="archive"):
        es.census(net, tmp_path / "two.npz")
    with pytest.raises(es.FormatError, match="No such file"):
        es.census(net, tmp_path / "missing.npy")
    wrong = [
        (es.ShapeError, r"shape \(6, 3\)", (np.ones((6, 3)),)),
        (es.ShapeError, r"shape \(\)", (np.float64(3),)),
        (es.ShapeError, "5 labels", (X, np.arange(5))),
        (es.ShapeError, r"different shapes.*iter\(batches\)", ([(X, np.arange(6))],)),
        (es.ShapeError, "labels", (iter([X, X]), np.arange(7))),
        (es.ShapeError, "labels", (iter([X]), np.arange(7))),
        (es.ShapeError, "2 labels", (iter([(X, np.arange(2))]),)),
        (es.ParameterError, "whole numbers", (X, np.ones(6))),
        (es.ParameterError, "some batches", (iter([X, (X, np.arange(6))]),)),
        (es.ParameterError, "no data", (3,)),
        (es.ParameterError, "number 6", (iter([X, X * np.nan]),)),
        (es.ParameterError, "batch of 3", (iter([(X, X, X)]),)),
        (es.LimitError, "classes", (np.zeros((1001, 2)), np.arange(1001))),
    ]
    for kind, match, given in wrong:
        with pytest.raises(kind, match=match):
            es.census(net, *given)
    with pytest.raises(es.ParameterError, match="memory"):
        es.census(net, X, memory=3)
