"""The decision boundary against known examples, lines through the domain, and a naive twin.

On a line everything is one-dimensional: the naive twin says exactly where outputs tie. The
other twin builds every piece from a region's cone, by double description in integers.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from fractions import Fraction
from operator import mul

import numpy as np
import pytest
import random_networks as nets
from boundary_checks import Line, segment, winners_at
from folders import EXAMPLES

import exactspline as es
from exactspline.partition.faces.boundary import DecisionBoundary
from exactspline.partition.partition import Partition
from exactspline.polyhedra.envelope import envelope
from exactspline.search.decisions import Batch

INF = float("inf")


HALF = Fraction(1, 2)


def relu_net(W, V, c=None, b=None) -> es.Network:
    """V relu(W x + b) + c."""
    layers = [es.Dense(W, b), es.ReLU(), es.Dense(V, c)]
    return es.Network(layers, (len(W[0]),))


def boundary_of(network: es.Network, domain: es.Domain | None = None) -> DecisionBoundary:
    return es.enumerate_regions(network, domain).decision_boundary()


def rows_of(boundary: DecisionBoundary) -> list[tuple]:
    """Regions, side, classes, winners, dimension and change of every piece."""
    columns = (boundary.region, boundary.other, boundary.side, boundary.dim, boundary.changes)
    return [
        (region, other, side, boundary.classes(n), *boundary.winners(n), dim, changes)
        for n, (region, other, side, dim, changes) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        )
    ]


ABS = [[1], [-1]]


def test_zero_set_in_a_facet_is_reported_once():
    """f = |x| is zero where the two regions meet, and positive on both sides."""
    boundary = boundary_of(relu_net(ABS, [[1, 1]]))
    assert rows_of(boundary) == [(0, 1, -1, (0, 1), (1,), (1,), 0, False)]
    assert boundary.witness(0) == (0,)
    assert boundary.row(0) == (0, 1)  # f_0 - f_1 = -|x| = x on the left
    assert boundary.vertices(0).tolist() == [[0]]


def test_zero_set_through_a_facet_changes_the_class():
    """f = relu(x) - relu(-x) = x."""
    boundary = boundary_of(relu_net(ABS, [[1, -1]]))
    assert rows_of(boundary) == [(0, 1, -1, (0, 1), (0,), (1,), 0, True)]


def test_zero_set_inside_regions():
    boundary = boundary_of(relu_net(ABS, [[1, 1]], [-1]))
    assert rows_of(boundary) == [
        (0, -1, -1, (0, 1), (0,), (1,), 0, True),
        (1, -1, -1, (0, 1), (0,), (1,), 0, True),
    ]
    assert [boundary.witness(n) for n in range(2)] == [(-1,), (1,)]
    assert [boundary.row(n) for n in range(2)] == [(1, 1), (1, -1)]


def test_a_full_dimensional_tie():
    """f = (relu(x), 0): equal on x <= 0; its end is its own face, no further piece."""
    boundary = boundary_of(relu_net([[1]], [[1], [0]]))
    assert rows_of(boundary) == [(0, -1, -1, (0, 1), (0, 1), (0, 1), 1, False)]
    assert boundary.row(0) == (0, 0)
    assert boundary.witness(0)[0] < 0
    assert boundary.vertices(0).tolist() == [[0]]
    assert boundary.rays(0).tolist() == [[-1]]
    # a single output that is zero on half of the line
    single = boundary_of(relu_net([[1]], [[1]]))
    assert rows_of(single) == [(0, -1, -1, (0, 1), (0, 1), (0, 1), 1, False)]


def test_a_tie_on_a_part_of_a_region_with_another_class_beyond():
    """(0, 0, x - 1): two classes tie left of 1, and all three at 1."""
    boundary = boundary_of(es.Network([es.Dense([[0], [0], [1]], [0, 0, -1])], (1,)))
    assert rows_of(boundary) == [
        (0, -1, -1, (0, 1), (0, 1), (0, 1), 1, False),
        (0, -1, -1, (0, 1, 2), (0, 1), (2,), 0, True),
    ]
    assert boundary.witness(1) == (1,)
    assert (boundary.i.tolist(), boundary.j.tolist()) == ([0, 0], [1, 2])
    assert boundary.vertices(0).tolist() == [[1]]


def test_three_classes_in_one_hyperplane_are_one_piece():
    """(x, 0, -x): the middle one is never alone."""
    boundary = boundary_of(es.Network([es.Dense([[1], [0], [-1]])], (1,)))
    assert rows_of(boundary) == [(0, -1, -1, (0, 1, 2), (0,), (2,), 0, True)]
    assert (boundary.i[0], boundary.j[0]) == (0, 2)
    # and in a facet, where |x|, |x| / 2 and 0 meet from above
    touched = boundary_of(relu_net(ABS, [[1, 1], [HALF, HALF], [0, 0]]))
    assert rows_of(touched) == [(0, 1, -1, (0, 1, 2), (0,), (0,), 0, False)]


def test_three_classes_that_meet_in_a_corner():
    boundary = boundary_of(es.Network([es.Dense([[1, 0], [0, 1], [-1, -1]])], (2,)))
    assert [row[3:6] for row in rows_of(boundary)] == [
        ((0, 1), (0,), (1,)), ((0, 2), (0,), (2,)), ((1, 2), (1,), (2,)),
    ]  # fmt: skip
    for n in range(3):
        assert boundary.vertices(n).tolist() == [[0, 0]]
    assert [boundary.rays(n).tolist() for n in range(3)] == [[[1, 1]], [[1, -2]], [[-2, 1]]]


def test_a_class_that_only_meets_a_corner_has_no_piece():
    """0 is below max(x, y, -x-y) but for the origin, where all four tie."""
    network = es.Network([es.Dense([[1, 0], [0, 1], [-1, -1], [0, 0]])], (2,))
    assert [row[3] for row in rows_of(boundary_of(network))] == [(0, 1), (0, 2), (1, 2)]


def test_a_tie_in_the_domains_border():
    """f = x on [0, 1] is zero in the border only."""
    network = es.Network([es.Dense([[1]])], (1,))
    boundary = boundary_of(network, es.Box([0], [1]))
    assert rows_of(boundary) == [(0, -1, 0, (0, 1), (1,), (), 0, False)]
    assert boundary.witness(0) == (0,)
    assert len(boundary_of(network, es.Box([HALF], [1]))) == 0
    inside = boundary_of(network, es.Box([-1], [1]))
    assert rows_of(inside) == [(0, -1, -1, (0, 1), (0,), (1,), 0, True)]


def test_a_facet_with_full_ties_on_one_side_and_a_wider_tie_on_it():
    """(0, 0, -relu(x) + relu(-x)): on x = 0 all three tie; classes 0 and 1 tie on the right."""
    boundary = boundary_of(relu_net(ABS, [[0, 0], [0, 0], [-1, 1]]))
    assert rows_of(boundary) == [
        (0, 1, -1, (0, 1, 2), (2,), (0, 1), 0, True),
        (1, -1, -1, (0, 1), (0, 1), (0, 1), 1, False),
    ]


def test_a_part_of_a_facet():
    """f = |x| - relu(y): zero on x = 0 for y <= 0, and on |x| = y."""
    network = relu_net([[1, 0], [-1, 0], [0, 1]], [[1, 1, -1]])
    boundary = boundary_of(network, es.Box([-2, -1], [2, 1]))
    facets = [n for n in range(len(boundary)) if boundary.other[n] >= 0]
    assert len(boundary) == 3
    (facet,) = facets
    assert boundary.vertices(facet).tolist() == [[0, -1], [0, 0]]
    assert not boundary.changes[facet]
    others = [boundary.vertices(n).tolist() for n in range(3) if n != facet]
    assert sorted(others) == [[[-1, 1], [0, 0]], [[0, 0], [1, 1]]]


def test_lower_dimensional_domains():
    network = es.Network([es.Dense([[1, 0], [0, 1]])], (2,))
    point = boundary_of(network, es.Box([1, 1], [1, 1]))
    assert rows_of(point) == [(0, -1, -1, (0, 1), (0, 1), (0, 1), 0, False)]
    assert point.witness(0) == ()
    assert len(boundary_of(network, es.Box([1, 2], [1, 2]))) == 0
    line = boundary_of(network, es.Slice([0, 1], [[1, "1/3"]]))
    assert rows_of(line) == [(0, -1, -1, (0, 1), (0,), (1,), 0, True)]
    assert line.witness(0) == (Fraction(3, 2),)
    diagonal = boundary_of(network, es.Slice([0, 0], [[1, 1]]))
    assert rows_of(diagonal) == [(0, -1, -1, (0, 1), (0, 1), (0, 1), 1, False)]


def test_the_output_operator_moves_nothing():
    layers = [es.Dense([[1, 2], [3, -1]], [1, 0]), es.ReLU(), es.Dense([[1, -1], [2, 1]], [0, -1])]
    plain, soft = es.Network(layers, (2,)), es.Network([*layers, es.Softmax()], (2,))
    assert boundary_of(plain).to_dict()["pieces"] == boundary_of(soft).to_dict()["pieces"]
    layers[2] = es.Dense([[1, -1]])
    plain, soft = es.Network(layers, (2,)), es.Network([*layers, es.Sigmoid()], (2,))
    found = boundary_of(soft)
    assert boundary_of(plain).to_dict()["pieces"] == found.to_dict()["pieces"]
    assert len(found) > 0


def test_no_tie_at_all():
    boundary = boundary_of(es.Network([es.Dense([[1, 1], [1, 1]], [0, 1])], (2,)))
    assert len(boundary) == 0
    assert boundary.to_arrays()["witnesses"].shape == (0, 2)
    assert boundary.to_dict()["pieces"] == []


def test_envelopes_against_values_at_random_points():
    """Every cell's point is where its form is the greatest alone; ties where exactly these tie."""
    import flint

    rng = random.Random(4)
    seen = Counter()
    for _ in range(60):
        k, m = rng.choice((1, 2, 3, 4, 5)), rng.randint(2, 6)

        def row(k=k):
            return [flint.fmpq(rng.randint(-3, 3)) for _ in range(k + 1)]

        box = []
        for j in range(k):
            for sign in (1, -1):
                box.append([flint.fmpq(3)] + [flint.fmpq(sign * (i == j)) for i in range(k)])
        drawn = [row() for _ in range(m)]
        if rng.random() < 0.4:  # several that tie on one hyperplane
            base, other = drawn[:2]
            drawn[1:] = [[v + c * w for v, w in zip(base, other, strict=True)] for c in range(1, m)]
            drawn.append(row())
        forms = [list(form) for form in {tuple(form): None for form in drawn}]

        def values(point, forms=forms):
            return [form[0] + sum(map(mul, form[1:], point)) for form in forms]

        found = envelope(box, forms, [flint.fmpq(0)] * k)
        for g, point in found.cells.items():
            at = values(point)
            assert [h for h, v in enumerate(at) if v == max(at)] == [g]
            assert all(abs(v) < 3 for v in point)
        for tie in found.ties:
            at = values(tie.point)
            assert tuple(h for h, v in enumerate(at) if v == max(at)) == tie.forms
            assert {tie.near, tie.far} <= set(tie.forms) & set(found.cells)
            assert all(abs(v) < 3 for v in tie.point)
        assert len({tie.forms for tie in found.ties}) == len(found.ties)
        for _ in range(40):
            at = values([flint.fmpq(rng.randint(-2999, 2999), 1000) for _ in range(k)])
            best = [h for h, v in enumerate(at) if v == max(at)]
            assert len(best) > 1 or best[0] in found.cells
            seen[k, "cut"] += len(found.cells) > 1
        seen["wide"] += any(len(tie.forms) > 2 for tie in found.ties)
    assert seen["wide"] >= 2, seen
    assert all(seen[k, "cut"] for k in range(1, 6)), seen


def random_net(rng: np.random.Generator, *widths: int) -> es.Network:
    layers: list[es.Operator] = []
    for n, m in itertools.pairwise(widths):
        layers += [es.Dense(rng.normal(size=(m, n)) / n**0.5, rng.normal(size=m) / 2), es.ReLU()]
    return es.Network(layers[:-1], (widths[0],))


def test_moons_boundary_is_a_set_of_curves():
    """In the plane the ends of pieces inside the window are shared by exactly two of them."""
    window = es.Box([-2, -2], [3, 3])
    omega = es.enumerate_regions(es.load(EXAMPLES / "moons.onnx"), window)
    boundary = omega.decision_boundary()
    assert len(boundary) > 10
    assert np.all(boundary.changes)
    ends = Counter(tuple(v) for n in range(len(boundary)) for v in boundary.vertices(n).tolist())
    for end, count in ends.items():
        on_border = any(v in (-2, 3) for v in end)
        assert count == (1 if on_border else 2)


@pytest.mark.slow
@pytest.mark.parametrize("widths", [(4, 6, 5, 4), (5, 6, 4, 3)])
def test_more_than_three_dimensions(widths):
    """Where HiGHS guesses and rationals decide."""
    network = random_net(np.random.default_rng(0), *widths)
    omega = es.enumerate_regions(network, es.Box(-1, 1, dim=widths[0]))
    boundary = omega.decision_boundary()
    draw_ = random.Random(2)
    spec = spec_of(network)
    crossings = 0
    for _ in range(12):
        line = Line(spec, omega, segment(draw_, omega, boundary))
        points, _ = line.truth()
        assert sorted(line.found(boundary)[0]) == sorted(points)
        crossings += len(points)
    assert crossings >= 5
    for n in range(0, len(boundary), 7):
        x = omega.domain.chart.lift(boundary.witness(n))
        assert winners_at(spec, x) == boundary.classes(n)
        assert omega.locate([x]).all(0) == (int(boundary.region[n]),)


def spec_of(network: es.Network) -> nets.Spec:
    """A chain of Dense and ReLU as a description."""
    steps: list[tuple] = []
    for operator in network.operators:
        if isinstance(operator, es.Dense):
            weight = [[Fraction(v) for v in row] for row in operator.weight.tolist()]
            steps.append(("dense", weight, [Fraction(v) for v in operator.bias.tolist()]))
        else:
            steps.append(("relu",))
    return nets.Spec(network.input_dim, steps)


def test_after_a_stopped_search_the_regions_that_were_found_have_their_pieces():
    rng = random.Random(9)
    compared = 0
    for _ in range(12):
        spec = nets.random_spec(rng, 2, [4, 3], "integer")
        outputs = len(nets.network(spec).program.output)
        spec.steps.append(nets.dense(rng, 3, outputs, "integer"))
        omega = es.enumerate_regions(nets.network(spec), es.Box([-3, -3], [3, 3]))
        kept = [i for i in range(len(omega)) if i % 3]
        if not kept:
            continue
        part = Partition(omega.network, omega.domain)
        part._append(Batch(omega.codes[kept], omega.witnesses[kept], count=len(kept)))
        part._finish()
        found, full = part.decision_boundary(), omega.decision_boundary()
        assert not found.complete
        assert "stopped" in repr(found)

        def key(boundary, n, ids):
            regions = (boundary.region[n], boundary.other[n])
            known = tuple(ids[r] for r in regions if r >= 0 and r in ids)
            change = bool(boundary.changes[n]), int(boundary.dim[n]), int(boundary.side[n])
            return known, boundary.classes(n), change

        ours = Counter(key(found, n, dict(enumerate(kept))) for n in range(len(found)))
        same = {i: i for i in kept}
        theirs = [key(full, n, same) for n in range(len(full))]
        assert ours == Counter(k for k in theirs if k[0])
        compared += len(found)
    assert compared > 30


def test_files(tmp_path):
    network = relu_net([[1, 0], [-1, 0], [0, 1]], [[1, 1, -1], [0, 0, 0], ["1/3", 0, 0]])
    omega = es.enumerate_regions(network, es.Box([-2, "-1/3"], [2, 1]))
    boundary = omega.decision_boundary()
    boundary.save(tmp_path / "b.json")
    value = json.loads((tmp_path / "b.json").read_text())
    assert value == json.loads(json.dumps(boundary.to_dict()))
    assert value["format"] == "exactspline-decision-boundary"
    assert (value["count"], value["regions"]) == (len(boundary), len(omega))
    for n, piece in enumerate(value["pieces"]):
        assert tuple(map(Fraction, piece["row"])) == boundary.row(n)
        assert tuple(map(Fraction, piece["witness"])) == boundary.witness(n)
        assert (tuple(piece["near"]), tuple(piece["far"])) == boundary.winners(n)
        assert tuple(piece["classes"]) == boundary.classes(n)
        assert piece["region"] == boundary.region[n]
        assert (-1 if piece["other"] is None else piece["other"]) == boundary.other[n]
        assert (-1 if piece["side"] is None else piece["side"]) == boundary.side[n]
        assert (piece["i"], piece["j"]) == (boundary.i[n], boundary.j[n])
        assert (piece["dim"], piece["changes"]) == (boundary.dim[n], boundary.changes[n])
    boundary.save(tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as data:
        arrays = boundary.to_arrays()
        assert set(data.files) == {"header", *arrays}
        for name, array in arrays.items():
            assert np.array_equal(data[name], array)
        assert json.loads(data["header"].tobytes())["count"] == len(boundary)
        starts = data["class_start"]
        for n in range(len(boundary)):
            tied = data["class"][starts[n] : starts[n + 1]]
            assert tuple(tied.tolist()) == boundary.classes(n)
            assert np.allclose(data["rows"][n], [float(v) for v in boundary.row(n)], rtol=1e-15)
    for name in ("b.json", "b.npz"):  # again, byte for byte
        before = (tmp_path / name).read_bytes()
        es.enumerate_regions(network, omega.domain).decision_boundary().save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(es.FormatError, match="a decision boundary is written as"):
        boundary.save(tmp_path / "b.csv")


def test_pieces_with_lines_have_no_vertices():
    boundary = boundary_of(es.Network([es.Dense([[1, 1]])], (2,)))
    with pytest.raises(es.DomainError, match="holds lines"):
        boundary.vertices(0)
    bounded = boundary_of(boundary.partition.network, es.Box([-1, -1], [1, 1]))
    assert bounded.vertices(0).tolist() == [[-1, 1], [1, -1]]
    sources = [inequality.source for inequality in bounded.inequalities(0)]
    assert all(text.startswith("side ") for text in sources)


def test_too_many_dimensions():
    network = es.Network([es.Dense(np.ones((2, 61)), [0, 1])], (61,))
    with pytest.raises(es.LimitError, match="61 dimensions"):
        boundary_of(network, es.Box(0, 1, dim=61))
