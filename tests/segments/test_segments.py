"""Paths of segments against a twin in Fractions that knows no code, program or search."""

from __future__ import annotations

import copy
import random
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import exactspline as es
from exactspline import theory

F = Fraction


def breakpoints(net, a, b):
    """Where some unit of a chain of Dense, ReLU, Abs layers bends along a segment; by values alone.

    Each operator is applied to values at points between which all before it are affine.
    """
    ts = [F(0), F(1)]
    bends = set()
    steps = [q - p for p, q in zip(a, b, strict=True)]

    def at(operators, t):
        z = np.array([[p + t * d for p, d in zip(a, steps, strict=True)]], dtype=object)
        for op in operators:
            z = op.forward(z)
        return z.reshape(-1)

    for i, op in enumerate(net.operators):
        if isinstance(op, es.Dense):
            continue
        values = [at(net.operators[:i], t) for t in ts]
        new = set()
        for (s, t), (u, v) in zip(pairwise(ts), pairwise(values), strict=True):
            for p, q in zip(u, v, strict=True):
                if p * q < 0:
                    new.add(s + (t - s) * p / (p - q))
        # a sign may change at a point that is there already
        for k in range(1, len(ts) - 1):
            if any(
                p * q < 0 or (m == 0 and (p == 0) != (q == 0))
                for p, m, q in zip(values[k - 1], values[k], values[k + 1], strict=True)
            ):
                bends.add(ts[k])
        bends |= new
        ts = sorted(set(ts) | new)
    return sorted(bends)


def small_net(rng, integer):
    widths = [rng.choice((2, 3)), rng.randint(2, 5), rng.randint(2, 5), 2]
    number = (lambda: rng.randint(-2, 2)) if integer else (lambda: F(rng.randint(-40, 40), 7))
    ops = []
    for n_in, n_out in pairwise(widths):
        weight = [[number() for _ in range(n_in)] for _ in range(n_out)]
        ops += [es.Dense(weight, [number() for _ in range(n_out)]), rng.choice((es.ReLU, es.Abs))()]
    return es.Network(ops[:-1], (widths[0],))


@pytest.mark.parametrize("seed", range(30))
def test_events_are_where_units_bend(seed):
    rng = random.Random(f"segment {seed}")
    net = small_net(rng, integer=seed % 2 == 0)
    a, b = ([F(rng.randint(-30, 30), 5) for _ in range(net.input_dim)] for _ in range(2))
    if a == b:
        b[0] += 1
    path = es.segment_path(net, a, b)
    assert set(path.exact_t) == set(breakpoints(net, a, b))
    assert list(path.exact_t) == sorted(path.exact_t)
    assert theory.check_path(net, path=path).holds
    # a piece that is said to be in a wall is in several regions, and no other is
    for i in range(path.pieces):
        t = F(float(path.witnesses[i]))
        around = es.regions_at(net, path.point(t), limit=5000)
        assert [r.code.tolist() for r in around] == [c.tolist() for c in path.regions(i)]
        assert path.inside_wall[i] == (len(around) > 1)
    for event in path:
        count = len(es.regions_at(net, event.x, limit=5000))
        assert (event.kind == "facet") == (
            count == 2 and not path.inside_wall[event.index : event.index + 2].any()
        )


def test_ranks_and_maps_against_masks_in_numpy():
    rng = np.random.default_rng(5)
    W1, W2, W3 = rng.normal(size=(12, 4)), rng.normal(size=(10, 12)), rng.normal(size=(3, 10))
    b1, b2 = rng.normal(size=12), rng.normal(size=10)
    net = es.Network([es.Dense(W1, b1), es.ReLU(), es.Dense(W2, b2), es.ReLU(), es.Dense(W3)], (4,))
    path = es.segment_path(net, 4 * np.ones(4), -3 * np.ones(4))
    assert len(path) > 10
    slopes = []
    for t in path.witnesses:
        x = 4 - 7 * t * np.ones(4)
        one = W1 @ x + b1 > 0
        two = W2 @ ((W1 @ x + b1) * one) + b2 > 0
        slopes.append(W3 @ np.diag(two.astype(float)) @ W2 @ np.diag(one.astype(float)) @ W1)
    for i, A in enumerate(slopes):
        assert np.allclose(path.templates(i), A, atol=1e-9)
    changes = [np.linalg.matrix_rank(q - p, tol=1e-9) for p, q in pairwise(slopes)]
    assert path.ranks.tolist() == changes
    assert set(changes) <= {0, 1}


def test_a_unit_without_a_say_changes_nothing():
    last = es.Dense([[1, 0]])  # the second unit has no weight
    net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU(), last], (2,))
    path = es.segment_path(net, [-1, -2], [1, 1])
    assert path.ranks.tolist() == [1, 0]
    assert not path[1].change().any()


def test_a_corner_is_a_sum_and_a_wall_is_named():
    net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]]), es.ReLU()], (2,))
    corner = es.segment_path(net, [-1, -2], [1, 2])
    (event,) = corner
    assert (event.kind, event.rank, event.x) == ("lower face", 2, (0, 0))
    terms = event.terms()
    assert len(terms) == 3
    assert (sum(terms) == event.change(exact=True)).all()
    along = es.segment_path(net, [0, -1], [0, 1])
    assert along.inside_wall.all()
    assert along.kinds.tolist() == ["wall"]
    assert len(along.regions(0)) == 2
    tangent = es.Network([es.Dense([[1, 0], [-1, 0]]), es.ReLU(), es.Dense([[1, 1]], [0]),
                          es.ReLU()], (2,))  # fmt: skip
    assert not es.segment_path(tangent, [1, 0], [1, 5]).inside_wall.any()


@pytest.mark.parametrize("name", ["cnn_relu", "cnn_abs_norm", "resnet_relu_norm"])
def test_images_through_convolutions_and_norms(name):
    """Torch-free: the forward at points of every piece against A x + b, in the images' shape."""
    from sklearn.datasets import load_digits

    net = es.load(f"examples/figures/networks/{name}.onnx")
    images = load_digits().data[[0, 1]].reshape(2, 1, 8, 8) / 16
    images[1] = images[0] + (images[1] - images[0]) / 16
    path = es.segment_path(net, *images)
    assert path.templates(0).shape == (10, 1, 8, 8)
    assert len(path) > 5
    for i in range(path.pieces):
        x = images[0] + path.witnesses[i] * (images[1] - images[0])
        A, b = path.affine(i)
        assert np.allclose(A @ x.reshape(-1) + b, net.forward(x[None])[0], atol=1e-7)
    assert path.ranks.max() == 1


def test_many_facets():
    tent = [op for _ in range(11) for op in (es.Dense([[2]], [-1]), es.Abs())]
    path = es.segment_path(es.Network(tent, (1,)), [0], [1])
    assert path.exact_t == tuple(F(k, 2**11) for k in range(1, 2**11))
    assert (path.ranks == 1).all()
    assert set(path.kinds.tolist()) == {"facet"}


def tampered(path, **changes):
    out = copy.copy(path)
    out.__dict__.update(changes, _maps={})
    return out


def test_broken_paths_are_refused():
    net = es.Network([es.Dense([[1, 0], [1, 1]], [0, -1]), es.ReLU(), es.Dense([[1, 2]])], (2,))
    path = es.segment_path(net, [-1, 0], [2, 1])
    assert theory.check_path(net, path=path).holds
    t = path.exact_t
    for broken in (
        tampered(path, exact_t=(t[0] + F(1, 1000), t[1])),
        tampered(path, exact_t=t[::-1]),
        tampered(path, ranks=np.array([1, 0])),
        tampered(path, codes=path.codes[[0, 0, 2]]),
        tampered(path, codes=path.codes[:2], pieces=2, exact_t=t[:1]),
    ):
        report = theory.check_path(net, path=broken)
        assert report.verdict == "fails"
        assert report.counterexample


def test_what_is_refused():
    net = es.Network([es.ReLU()], (2,))
    with pytest.raises(es.ParameterError, match="same input"):
        es.segment_path(net, [1, 2], ["1", 2.0])
    with pytest.raises(es.ShapeError):
        es.segment_path(net, [1, 2, 3], [0, 0, 0])
    with pytest.raises(es.ParameterError):
        es.segment_path(net, [float("nan"), 0], [1, 1])
    with pytest.raises(es.ParameterError, match="Network"):
        es.segment_path("net", [0], [1])
    path = es.segment_path(net, [-1, 2], [1, 4])
    with pytest.raises(IndexError, match="event 3 of 1"):
        path[3]
    with pytest.raises(IndexError, match="piece 2 of 2"):
        path.templates(2)
    with pytest.raises(es.ParameterError):
        path.point("x")
    assert len(es.segment_path(net, [1, 1], [2, 2])) == 0
    assert [e.index for e in path] == [0]
