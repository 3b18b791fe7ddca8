"""Counting rates of quantised, pruned, badly scaled and nearly degenerate networks.

    python benchmarks/corners.py [--only NAME ...] [--limit SECONDS] [--repeat N] [--seed N]
    python benchmarks/corners.py --rational [--repeat N]        decisions a second of the last tier

Every network (``tests/support/corner_networks.py``) is counted beside the plain one of the same
shape and domain, alternately, in this process, after a run that compiles or loads. Rates are
medians of N runs; where a count does not end within the limit (``>`` before its regions) it is
what was proved until then. They hold the set-up of a search.

With ``--rational``: small networks are searched by the rational engine, and the very decisions
that it makes are made again: as it made them, with the dictionary of the cell as it stood; each
anew from the inner point, by `decide`; by the simplex table in rationals (`lp.minimise`), as they
once were; and by a plain table in integers without fractions
(``tests/support/plain_decisions.py``), which is given its integers beforehand.
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import flint
import numpy as np

import exactspline as es

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "support")]

from corner_networks import FAMILIES, Corner, draw, max_pooled, plain  # noqa: E402
from count import cpu_name  # noqa: E402
from plain_decisions import PlainCell  # noqa: E402

from exactspline.cells.space import search_space  # noqa: E402
from exactspline.polyhedra.decide import by_descent, decide, points_around  # noqa: E402
from exactspline.polyhedra.decisions import CellDecider  # noqa: E402
from exactspline.polyhedra.lp import minimise  # noqa: E402
from exactspline.rationals import fractions  # noqa: E402
from exactspline.search.rational.engine import RationalSearch  # noqa: E402

POOL = "max pool"


@dataclasses.dataclass
class Work:
    """What is counted, what it is compared with, and what is to be reached."""

    title: str
    network: es.Network
    domain: es.Domain
    other: es.Network
    rate: int
    share: float

    @property
    def target(self) -> str:
        """The figures to reach as text."""
        parts = [f"{self.rate:,}/s"] if self.rate else []
        return ", ".join(parts + ([f"{self.share:g} of plain"] if self.share else []))


def work(name: str, networks: Path, seed: int) -> Work:
    """One row by its name."""
    if name == POOL:
        path = networks / "conv" / "Convnet_avgpool.onnx"
        images = [np.load(HERE.parent / "examples" / "slice" / f"{v}.npy") for v in "abc"]
        through = es.Slice.through(images, es.Box(0, 1, dim=2))
        title = "Convnet, max- for average pooling, slice"
        return Work(title, max_pooled(path), through, es.load(path), 8_000, 0.0)
    family = FAMILIES[name]
    shape = "-".join(map(str, family.widths))
    corner, other = draw(name, seed), plain(name, seed)
    return Work(f"{shape}, {family.title}", corner.network, corner.domain, other.network,
                family.rate, family.share)  # fmt: skip


def count(network: es.Network, domain: es.Domain, limit: float) -> es.RegionCount:
    """Regions within the limit."""
    return es.count_regions(network, domain, time_limit=limit)


def rate(counts: list[es.RegionCount]) -> float:
    """The median of regions a second."""
    return statistics.median(int(n) / n.seconds for n in counts)


def tiers(found: es.RegionCount) -> str:
    """What each tier proved, whatever tiers there are."""
    made = dataclasses.asdict(found.decisions)
    return " ".join(f"{made[name]:>{max(11, len(name))},}" for name in made)


def row(item: Work, limit: float, repeat: int) -> None:
    """Measure and print one row."""
    for network in (item.network, item.other):  # compiles or loads
        es.count_regions(network, item.domain, limit=10)
    counts: list[es.RegionCount] = []
    others: list[es.RegionCount] = []
    for _ in range(repeat):  # side by side: machines are noisy
        counts.append(count(item.network, item.domain, limit))
        others.append(count(item.other, item.domain, limit))
    complete = [n for n in counts if n.complete]
    if len(set(map(int, complete))) > 1:
        sys.exit(f"{item.title}: the counts {sorted(map(int, complete))} differ")
    found = complete[0] if complete else max(counts, key=int)
    regions = f"{'' if complete else '>'}{int(found):,}"
    own, plain_rate = rate(counts), rate(others)
    print(
        f"{item.title:<42}{regions:>12}{found.seconds:>10.3f} s{own:>11,.0f}/s"
        f"{plain_rate:>11,.0f}/s{own / plain_rate:>9.4f}   {item.target:<23}{tiers(found)}",
        flush=True,
    )


# --- The rational tier -----------------------------------------------------------------------

Made = tuple[CellDecider, list, list, list]  # the cell before it, rows, form, inner point


def in_rationals(rows: list, form: list, inside: list) -> str:
    """A verdict by the simplex table in rationals."""

    def descent(oriented: list) -> tuple | None:
        best = minimise(rows, oriented, inside, stop_below=oriented[0] * 0)
        return None if best.value is not None and best.value >= 0 else (best.point, best.ray)

    return by_descent(form, inside, lambda: points_around(rows, form, inside), descent).kind


def recorded(search: RationalSearch) -> list[Made]:
    """The decisions of a search, each with its cell as it was."""
    out: list[Made] = []
    own = CellDecider.decide

    def note(cell: CellDecider, form: list, bases: tuple = ()):  # type: ignore[no-untyped-def]
        rows = [[flint.fmpq(v) for v in row] for row in cell.rows]
        out.append((cell.copy(), rows, form, cell.inside))
        return own(cell, form, bases)

    CellDecider.decide = note  # type: ignore[method-assign]
    try:
        for _ in search.batches():
            pass
    finally:
        CellDecider.decide = own  # type: ignore[method-assign]
    return out


def seconds(work: Callable[[], object], repeat: int) -> float:
    """The median of CPU times: other work goes on beside it."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def rational_row(title: str, corner: Corner, repeat: int) -> None:
    """Measure and print the decisions of one network."""
    program = corner.network.program
    space = search_space(program, corner.domain.chart)

    def run() -> None:
        search = RationalSearch(program, space, keep=False)
        for _ in search.batches():
            pass

    made = recorded(RationalSearch(program, space))
    plain_cells = [
        (PlainCell([fractions(r) for r in rows], fractions(at)), fractions(form))
        for _, rows, form, at in made
    ]
    ways: list[Callable[[], list[str]]] = [
        lambda: [cell.copy().decide(form).kind for cell, _, form, _ in made],
        lambda: [decide(rows, form, at).kind for _, rows, form, at in made],
        lambda: [in_rationals(rows, form, at) for _, rows, form, at in made],
        lambda: [cell.kind(form) for cell, form in plain_cells],
    ]
    first, *others = [way() for way in ways]
    if any(kinds != first for kinds in others):
        sys.exit(f"{title}: the verdicts differ")
    taken = [seconds(way, repeat) for way in ways]
    rates = "".join(f"{len(made) / each:>12,.0f}/s" for each in taken)
    print(f"{title:<42}{len(made):>10,}{rates}{seconds(run, repeat):>12.3f} s", flush=True)


def rational_rows(repeat: int) -> None:
    """The rational tier on small networks of several families."""
    print(
        f"{'work':<42}{'decisions':>10}{'in the search':>14}{'one by one':>14}"
        f"{'rationals':>14}{'plain table':>14}{'search':>14}"
    )
    for widths in ((3, 8, 8), (5, 6, 6)):
        shape = "-".join(map(str, widths))
        rational_row(f"{shape}, box", plain("signs", 1, widths), repeat)
        for name in ("signs", "large integers", "magnitudes", "quantised"):
            rational_row(f"{shape}, {FAMILIES[name].title}", draw(name, 1, widths), repeat)
    rational_row("3-8-8, whole space", plain("without bias", 1, (3, 8, 8)), repeat)


def main() -> None:
    """Run all rows, or those that are named."""
    names = [*FAMILIES, POOL]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--networks", type=Path, default=HERE.parents[1] / "shared" / "networks",
        help="folder with conv/",
    )  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME",
                        help=", ".join(names))  # fmt: skip
    parser.add_argument("--limit", type=float, default=10.0, help="seconds a count")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rational", action="store_true", help="only the rational tier")
    args = parser.parse_args()
    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "python-flint"))
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {packages}")
    if args.rational:
        print(f"process   one; medians of {args.repeat} runs, CPU time\n")
        rational_rows(args.repeat)
        return
    print(f"process   one; median of {args.repeat} runs of {args.limit:g} s at most each\n")
    fields = dataclasses.fields(es.Decisions)
    print(
        f"{'work':<42}{'regions':>12}{'time':>12}{'rate':>13}{'plain':>13}{'ratio':>9}   "
        f"{'to reach':<23}" + " ".join(f"{f.name:>11}" for f in fields)
    )
    for name in args.only:
        row(work(name, args.networks, args.seed), args.limit, args.repeat)


if __name__ == "__main__":
    main()
