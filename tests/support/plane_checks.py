"""The plane's search stopped at every region, its corners compared with exact ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import inf, lcm

import naive
import numpy as np

from exactspline.cells.forms import ExactForms
from exactspline.cells.space import SearchSpace
from exactspline.compile.program import Program
from exactspline.search.kernel.block import given
from exactspline.search.plane import control as c
from exactspline.search.plane.engine import PlaneSearch
from exactspline.search.plane.questions import exact_corner
from exactspline.search.plane.state import grow

Corner = tuple[Fraction, Fraction, Fraction]


class WrongError(AssertionError):
    """The search says something that is refuted."""


def at_regions(search: PlaneSearch) -> Iterator[None]:
    """Stop at every region, with its cell as the current one; ``keep`` must be False."""
    from exactspline.search.plane.dfs import advance
    from exactspline.search.plane.rare import bring_in

    bring_in(search.problem, search.state)
    ctl = search.ctl
    ctl[c.MAX_REGIONS] = 0
    while True:
        status = int(advance(given(search.problem), given(search.state)))
        if status == c.GROW:
            grow(search.state)
        elif status == c.QUERY:
            search._answer()
        elif status == c.LIMIT:
            yield
            ctl[c.MAX_REGIONS] += 1
        elif status == c.DONE:
            return
        else:
            assert status == c.PAUSE
            ctl[c.BUDGET] = 1000


def corners_of_cell(search: PlaneSearch) -> list[tuple[Corner, np.ndarray, bool]]:
    """Exact corners of the current cell with what floats say; and whether it is one of its corners.

    Those inside an edge, and between two ideal ones, are no corners.
    """
    state, at, k = search.state, int(search.ctl[c.AT]), int(search.ctl[c.K])
    if search.ctl[c.WHOLE]:
        return []
    edges = state.corners.lines[at : at + k, c.EDGE]
    return [
        (exact_corner(search, at + i), state.corners.at[at + i].copy(), edges[i - 1] != edges[i])
        for i in range(k)
    ]


def check_bound(corner: Corner, near: np.ndarray) -> bool:
    """Whether a corner has a bound, which holds for its exact place."""
    p, bound = [Fraction(v) for v in near[:3].tolist()], float(near[c.E])
    if bound == inf:  # wherever it is, it is a number
        return False
    most = max(range(3), key=lambda n: abs(p[n]))
    places = [n for n in range(3) if abs(p[n]) == 1] or [most]
    for m in places:  # one of them is where the bound is told from
        if corner[m] * p[m] <= 0:
            continue
        scale = p[m] / corner[m]
        if all(abs(corner[n] * scale - p[n]) <= Fraction(bound) for n in range(3)):
            return True
    raise WrongError(f"corner {corner} is not within {bound} of {p}")


def ray_of(corner: Corner, exponents: np.ndarray) -> tuple[int, ...]:
    """A corner as the twin's primitive generator (w, x, y), in coordinates as they were."""
    x, y, w = corner
    row = [w, *(v * Fraction(2) ** int(e) for v, e in zip((x, y), exponents, strict=True))]
    scale = lcm(*(v.denominator for v in row))
    return naive._primitive([int(v * scale) for v in row])


def check_cells(
    program: Program,
    space: SearchSpace,
    cones: list[tuple[naive.Code, naive.Cone]],
    plain: bool,
    faults: tuple[float, int] | None = None,
) -> Counter[str]:
    """All cells of a search, compared with the twin's; what was seen."""
    search = PlaneSearch(program, space, keep=False, faults=faults)
    seen: Counter[str] = Counter()
    for number, _ in enumerate(at_regions(search)):
        if number == len(cones):
            raise WrongError("too many regions")
        code, cone = cones[number]
        if tuple(search.state.codes.tolist()) != code:
            raise WrongError(f"region {number}: {search.state.codes.tolist()}, not {code}")
        corners = corners_of_cell(search)
        seen["regions"] += 1
        for corner, near, _ in corners:
            bounded = check_bound(corner, near)
            seen["bounded"] += bounded
            seen["wide"] += bounded and bool(near[c.E] > 1e-9)
            seen["unbounded"] += not bounded
        if plain and not cone.lines:
            own = sorted(ray_of(p, search.coordinates.exponents) for p, _, real in corners if real)
            if own != sorted(cone.rays):
                raise WrongError(f"region {number}: corners {own}, not {sorted(cone.rays)}")
            seen["polygons"] += 1
            seen["ideal"] += any(not ray[0] for ray in own)
        seen["lines"] += bool(cone.lines)
    if search.regions != len(cones):
        raise WrongError(f"{search.regions} regions, not {len(cones)}")
    seen["asked"] += search.decisions.double_double + search.decisions.rational
    return seen


def check_batches(
    program: Program,
    space: SearchSpace,
    codes: list[naive.Code],
    faults: tuple[float, int] | None = None,
) -> PlaneSearch:
    """Codes in order, and witnesses strictly inside, of a search of the engine."""
    search = PlaneSearch(program, space, faults=faults)
    forms = ExactForms(program, space)
    found = []
    for batch in search.batches():
        for i, code in enumerate(batch.codes):
            found.append(tuple(code.tolist()))
            point = batch.exact.get(i) or [Fraction(v) for v in batch.points[i].tolist()]
            if not forms.contains(list(point)[: space.dim], code):
                raise WrongError(f"witness {point} is not inside {found[-1]}")
    if found != codes:
        raise WrongError(f"codes {found}, not {codes}")
    if not search.finished or search.regions != len(codes) or search.remaining():
        raise WrongError("it is not finished")
    return search
