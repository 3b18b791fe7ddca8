"""The pieces of the decision boundary against a naive twin."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from operator import mul

import naive
import pytest
import random_networks as nets
from boundary_checks import BLOCKS, Classes, draw, outputs_at, winners_at
from graph_checks import sides_of
from marks import first_quick
from naive_graph import GraphCheck, Twin, _rank

import exactspline as es
from exactspline.partition.faces.boundary import DecisionBoundary
from exactspline.partition.partition import Partition


class PieceTwin(GraphCheck):
    """Every piece from a region's cone, told apart by the regions around it and who ties."""

    def __init__(self, spec: nets.Spec, omega: Partition, twin: Twin) -> None:
        super().__init__(omega, twin, sides_of(omega))
        self.spec = spec

    def input_of(self, y: Sequence) -> list[Fraction]:
        scaled = [Fraction(v) / y[0] for v in y]
        return [sum(map(mul, row, scaled), Fraction(0)) for row in self.twin.x_rows]

    def forms(self, cell) -> list[list[Fraction]]:
        """The outputs on a cell as forms over y, from their values at k + 1 points inside."""
        k = self.twin.k
        middle = self.middle(cell.cone)
        points = [middle]
        for j in range(1, k + 1):
            step = Fraction(1)
            while True:
                moved = list(middle)
                moved[j] += step
                if all(sum(map(mul, form, moved)) > 0 for form in cell.bounds):
                    break
                step /= 2
            points.append(moved)
        values = [outputs_at(self.spec, self.input_of(y)) for y in points]
        out = []
        for c in range(len(values[0])):
            slopes = [
                (values[j][c] - values[0][c]) / (points[j][j] - middle[j]) for j in range(1, k + 1)
            ]
            out.append([values[0][c] - sum(map(mul, slopes, middle[1:])), *slopes])
        return out

    @staticmethod
    def middle(cone) -> list[Fraction]:
        """A relative interior point, with y0 = 1."""
        y = [Fraction(sum(column)) for column in zip(*cone.rays, strict=True)]
        return [v / y[0] for v in y]

    def pieces(self) -> dict[tuple, tuple[int, bool]]:
        """(regions around, domain's sides, classes): dimension, and whether it is in a facet."""
        k, out = self.twin.k, {}
        full: dict[int, set[Classes]] = {}
        for number, cell in enumerate(self.twin.cells):
            full[number] = set()
            forms = self.forms(cell)
            for i, j in itertools.combinations(range(len(forms)), 2):
                cone = cell.cone
                own = [a - b for a, b in zip(forms[i], forms[j], strict=True)]
                conditions = [own, [-v for v in own]]
                for other in forms:
                    conditions.append([a - b for a, b in zip(forms[i], other, strict=True)])
                for row in conditions:
                    whole = naive._integral([row])[1][0]
                    if any(whole):
                        cone = naive._restrict(cone, whole)
                if not any(ray[0] for ray in cone.rays):
                    continue
                dim = _rank([*cone.rays, *cone.lines]) - 1
                if dim < k - 1:
                    continue
                y = self.middle(cone)
                tied = winners_at(self.spec, self.input_of(y))
                assert {i, j} <= set(tied)
                if dim == k:
                    full[number].add(tied)
                out[(*self.around(y), tied)] = dim
        return {
            key: dim for key, dim in out.items()
            if dim == k or not any(key[2] in full[number] for number in key[0])
        }  # fmt: skip

    def around(self, y: Sequence) -> tuple[tuple[int, ...], frozenset]:
        star = tuple(
            i for i, cell in enumerate(self.twin.cells)
            if all(sum(map(mul, form, y)) >= 0 for form in cell.bounds)
        )  # fmt: skip
        return star, frozenset(s for s in self.twin.sides if not sum(map(mul, s, y)))


@pytest.mark.parametrize("block", first_quick(range(BLOCKS)))
def test_same_pieces_as_the_twin(block):
    rng = random.Random(72_000 + block)
    seen = Counter()
    while seen["nets"] < 40:
        spec, pair = draw(rng)
        twin = Twin(nets.twin(spec), pair[1])
        if len(twin.cells) > 40:
            continue
        omega = es.enumerate_regions(nets.network(spec), pair[0])
        boundary = omega.decision_boundary()
        check = PieceTwin(spec, omega, twin)
        message = nets.describe(spec, pair[1])
        found = {}
        for n in range(len(boundary)):
            y = check.lifted(boundary.witness(n))
            star, sides = check.around(y)
            regions = [r for r in (int(boundary.region[n]), int(boundary.other[n])) if r >= 0]
            assert list(star) == regions, message
            assert bool(sides) == (boundary.side[n] >= 0), message
            if sides:
                side = check.sides[int(boundary.side[n])]
                assert side[0] + sum(map(mul, side[1:], boundary.witness(n))) == 0, message
            tied = winners_at(spec, check.input_of(y))
            assert tied == boundary.classes(n), message
            found[star, sides, tied] = int(boundary.dim[n])
            row = boundary.row(n)
            assert row[0] + sum(map(mul, row[1:], boundary.witness(n))) == 0, message
            assert any(row) == (boundary.dim[n] < twin.k), message
            for inequality in boundary.inequalities(n):
                assert inequality.value(boundary.witness(n)) >= 0, message
            if boundary.dim[n] < twin.k:
                check_sides(spec, omega, boundary, n, message)
            seen["facets"] += len(star) == 2
            seen["border"] += bool(sides)
            seen["full"] += found[star, sides, tied] == twin.k
            seen["wide"] += len(tied) > 2
            seen["touched"] += len(star) == 2 and not boundary.changes[n]
        assert found == check.pieces(), message
        assert len(found) == len(boundary), message
        seen["nets"] += len(boundary) > 0
        seen["pieces"] += len(found)
    assert seen["pieces"] >= 60, seen
    assert min(seen[kind] for kind in ("facets", "full", "wide")) >= 5, seen
    assert min(seen["border"], seen["touched"]) >= 1, seen


def check_sides(
    spec: nets.Spec, omega: Partition, boundary: DecisionBoundary, n: int, message: str
) -> None:
    """Who wins a little way off a piece, and f_i - f_j there.

    On the region's side for a piece in a facet, else on both.
    """
    row, t = boundary.row(n), boundary.witness(n)
    i, j = int(boundary.i[n]), int(boundary.j[n])
    region = omega[int(boundary.region[n])]
    inward = [w - v for v, w in zip(t, region.witness, strict=True)]
    into = sum(map(mul, row[1:], inward)) > 0
    inside = boundary.other[n] < 0 and boundary.side[n] < 0
    near, far = boundary.winners(n)
    for sign in (1, -1) if inside else (1 if into else -1,):
        step = Fraction(sign)
        while True:
            moved = [v + step * g for v, g in zip(t, row[1:], strict=True)]
            x = omega.domain.chart.lift(moved)
            # no class wins that does not tie on the piece, and the winners stay the same
            if region.contains(x) and set(winners_at(spec, x)) <= set(boundary.classes(n)):
                break
            step /= 4
        z, difference = outputs_at(spec, x), row[0] + sum(map(mul, row[1:], moved))
        assert z[i] - z[j] == difference, message
        expected = near if not inside or (i in near) == (sign > 0) else far
        assert winners_at(spec, x) == expected, message
