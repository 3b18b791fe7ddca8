"""What float64 proves about one region, against rationals: nothing more than is true."""

from fractions import Fraction

import flint
import numpy as np
import pytest
from marks import first_quick

import exactspline as es
from exactspline.cells.facets import conditions
from exactspline.cli import main
from exactspline.partition.regions import conditions as by_layers
from exactspline.partition.regions import irredundant
from exactspline.polyhedra import rank
from exactspline.polyhedra.enclosure import Enclosure
from exactspline.polyhedra.guessed_lp import Guide
from exactspline.polyhedra.lp import q, value_at

F = Fraction


def cones(rng, kind: int):
    """Rows around the origin, many of them close to being implied, or exactly at the edge."""
    d = int(rng.integers(4, 7))
    basis = rng.integers(-4, 5, (d, d)).astype(float)
    rows = [[F(1 + int(rng.integers(0, 3))), *map(F, row.tolist())] for row in basis]
    for _ in range(6):
        z = [F(int(v), 3) for v in rng.integers(0 if kind else 1, 4, d)]
        row = [sum((z[k] * rows[k][c] for k in range(d)), F(0)) for c in range(d + 1)]
        off = F(1, 2 ** int(rng.integers(1, 70))) * int(rng.integers(-1, 2))
        row[0] += off if kind < 2 else F(0)
        if kind == 3:
            row[1] += off
        if row[0] > 0 and any(row[1:]):
            rows.append(row)
    return [[q(v) for v in row] for row in rows if any(row[1:])], d


def combines(rows, i, basis):
    """Whether row i is a nonnegative combination of a basis and a constant, in rationals."""
    matrix = flint.fmpq_mat([[rows[k][c + 1] for k in basis] for c in range(len(basis))])
    try:
        z = matrix.solve(flint.fmpq_mat([[v] for v in rows[i][1:]]))
    except ZeroDivisionError:
        return False
    rest = rows[i][0] - sum((z[j, 0] * rows[k][0] for j, k in enumerate(basis)), flint.fmpq(0))
    return rest >= 0 and all(z[j, 0] >= 0 for j in range(len(basis)))


@pytest.mark.slow
def test_nothing_is_proved_that_does_not_hold():
    rng = np.random.default_rng(0)
    seen = {"implied": 0, "true": 0, "hits": 0, "one": 0, "sure": 0}
    for case in range(400):
        rows, d = cones(rng, case % 4)
        inside = [q(0)] * d
        enclosure = Enclosure(Guide(rows, inside).table)
        for i in range(d, len(rows)):
            holds = combines(rows, i, range(d))
            proved = enclosure.is_implied(i, list(range(d)))
            assert holds or not proved
            seen["implied"] += proved
            seen["true"] += holds
        way = [q(F(int(v), 7)) for v in rng.integers(-3, 4, d)]
        if not any(way):
            continue
        slopes = [sum((a * b for a, b in zip(row[1:], way, strict=True)), q(0)) for row in rows]
        steps = {k: rows[k][0] / -s for k, s in enumerate(slopes) if s < 0}
        first = {k for k, s in steps.items() if s == min(steps.values())}
        found = enclosure.first_hits(way)
        assert first <= set(found)
        seen["hits"] += 1
        seen["one"] += set(found) == first
        unit = q(Guide(rows, inside).unit)
        point = [v * min(steps.values(), default=q(1)) for v in way]
        unsure = enclosure.unsure([v / unit for v in point], range(len(rows)))
        assert all(k in unsure or value_at(rows[k], point) > 0 for k in range(len(rows)))
        seen["sure"] += len(unsure) < len(rows)
    assert seen["true"] > seen["implied"] > 100
    assert seen["one"] > 0.8 * seen["hits"] > 200
    assert seen["sure"] > 200


def test_far_numbers_prove_nothing():
    table = np.array([[1e300, 0.0, 1.0], [0.0, 1e-300, 1.0], [1e200, -1e200, 1.0]])
    enclosure = Enclosure(table)
    assert not enclosure.is_implied(2, [0, 1])
    assert enclosure.unsure([q(0), q(0)], range(3)) == [0, 1, 2]
    assert enclosure.first_hits([q(1), q(1)]) == [0, 1, 2]


@pytest.mark.parametrize("few", first_quick([0, 10**9]))
def test_facets_by_both_ways(monkeypatch, few):
    """Clarkson's algorithm with floats against one exact program a condition."""
    from exactspline.cells.facets import facets_of_region

    monkeypatch.setattr(by_layers, "_FEW", few)
    rng = np.random.default_rng(1)
    for case in range(24):
        d = 4 + case % 2
        W = rng.integers(-3, 4, (9, d)) / (1 if case % 3 else 3.0)
        W[4] = W[3] if case % 4 == 0 else W[4]  # two units on one hyperplane
        second = rng.integers(-2, 3, (6, 9)).astype(float)
        second[2] = 0 if case % 5 else second[2]
        b = rng.integers(-1, 2, 9)
        if case % 4 == 0:
            b[4] = b[3]
        net = es.Network([es.Dense(W, b), es.ReLU(), es.Dense(second), es.ReLU()], (d,))
        domain = es.Box(-np.ones(d), np.ones(d)) if case % 2 else None
        for region in es.regions_at(net, rng.integers(-4, 5, d) / 16.0, domain)[:2]:
            assert region._conditions == conditions(region._forms, region.code)
            expected = facets_of_region(region._forms, region.code, region._inside)
            found = irredundant.irredundant_facets(
                region._forms, region.code, region._inside, region._conditions
            )
            assert [f.condition for f in found] == [f.condition for f in expected]
            assert [f.flips for f in found] == [f.flips for f in expected]


def test_independent_columns(monkeypatch):
    rng, before = np.random.default_rng(2), rank._before
    for _ in range(60):
        n, width, k = (int(v) for v in rng.integers(1, 9, 3))
        matrix = rng.integers(-3, 4, (n, k)) @ rng.integers(-3, 4, (k, width))
        rows = [{c: q(F(int(v), 3)) for c, v in enumerate(row) if v} for row in matrix]
        rows = [row for row in rows if row]
        exact = rank.independent_columns(rows, width)
        assert len(exact) == np.linalg.matrix_rank(matrix)
        with monkeypatch.context() as patch:
            patch.setattr(rank, "_SMALL", 0)
            assert rank.independent_columns(rows, width) == exact
            patch.setattr(rank, "_PRIME", 3)  # everything vanishes modulo the first prime
            patch.setattr(rank, "_before", lambda prime: 2**31 - 1 if prime == 3 else before(prime))
            assert len(rank.independent_columns(rows, width)) == len(exact)


# ---------------------------------------------------------------- exactspline region, stopped
@pytest.fixture
def stopped(monkeypatch, tmp_path):
    """A network on disk, and an interrupt while its inequalities are found."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(irredundant, "irredundant_facets", interrupt)
    rng = np.random.default_rng(3)
    net = es.Network([es.Dense(rng.normal(size=(5, 2))), es.ReLU(), es.Dense([[1.0] * 5])], (2,))
    net.save(tmp_path / "net.json")
    return net, str(tmp_path / "net.json")


def test_an_interrupt_keeps_what_was_printed(stopped, capsys):
    _, path = stopped
    assert main(["region", path, "--at", "1,2"]) == 130
    out = capsys.readouterr().out
    for label in ("region", "value", "map", "witness"):
        assert f"\n{label} " in out
    assert "inequalities" not in out
    assert "INTERRUPTED" in out


def test_an_interrupt_keeps_what_is_known_in_json(stopped, capsys):
    import json

    net, path = stopped
    assert main(["region", path, "--at", "1,2", "--json"]) == 130
    value = json.loads(capsys.readouterr().out)
    (region,) = value["regions"]
    assert value["complete"] is False
    assert sorted(region) == ["A", "b", "code", "value"]
    assert [F(v) for v in region["value"]] == list(net.forward([F(1), F(2)]))


def test_a_whole_answer_says_so(tmp_path, capsys):
    import json

    net = es.Network([es.Dense([[1, 2], [3, 4]]), es.ReLU()], (2,))
    net.save(tmp_path / "net.json")
    assert main(["region", str(tmp_path / "net.json"), "--at", "1,2", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["complete"] is True
    assert value["regions"][0]["value"] == ["5", "11"]
