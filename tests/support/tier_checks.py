"""Networks for the tiers of a search, and what compares their verdicts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import corner_networks as corners
import random_networks as nets

from exactspline.cells.space import search_space
from exactspline.search.kernel import control as c
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.kernel.middle.arrays import make_middle
from exactspline.search.kernel.tiers import bring_in, call_tier


def searches(n: int, seed: int) -> Iterator[KernelSearch]:
    """Searches of networks of all kinds, the middle tier brought in."""
    rng = random.Random(seed)
    for number in range(n):
        if number % 2:
            corner = corners.draw(rng.choice(sorted(corners.FAMILIES)), number, (2, 5, 4, 3))
            program, chart = corner.network.program, corner.domain.chart
        else:
            dim = rng.randint(1, 3)
            style = rng.choice(nets.STYLES)
            spec = nets.random_spec(rng, dim, [4, 3, 3], style, kinds=nets.ALL_KINDS)
            program = nets.network(spec).program
            chart = nets.any_domain(rng, dim)[0].chart
        if program.layers and chart.dim and search_space(program, chart).dim:
            yield KernelSearch(program, search_space(program, chart))


def verdict_of_middle(search: KernelSearch) -> int:
    """What the middle tier says of the form that is asked; the search stands as it stood."""
    state = search.state
    if not len(state.middle.ctl):
        state.middle = make_middle(
            search.problem, *search.moderate, state.middle.entered, len(state.path.size)
        )
        bring_in(search.problem, state, c.MIDDLE_VERDICT)
    names = ("ctl", "point", "point_low", "plus_point", "plus_low", "minus_point", "minus_low")
    kept = {name: getattr(state, name).copy() for name in names}
    verdict = call_tier(c.MIDDLE_VERDICT, search.problem, state, c.NOBODY)
    for name, before in kept.items():
        getattr(state, name)[:] = before
    return verdict


class Compared:
    """Asks the middle tier what another tier has proved."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def __call__(self, search: KernelSearch) -> None:
        ctl = search.state.ctl
        if ctl[c.REASON] != c.SEEN_VERDICT:
            return
        other = verdict_of_middle(search)
        self.seen["open" if other == c.OPEN else "decided"] += 1
        assert other in (c.OPEN, ctl[c.ANSWER]), "two tiers contradict each other"
