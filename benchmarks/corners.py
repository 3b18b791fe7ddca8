"""Counting rates of quantised, pruned, badly scaled and nearly degenerate networks.

    python benchmarks/corners.py [--only NAME ...] [--limit SECONDS] [--repeat N] [--seed N]

Every network (``tests/support/corner_networks.py``) is counted beside the plain one of the same
shape and domain, alternately, in this process, after a run that compiles or loads. Rates are
medians of N runs; where a count does not end within the limit (``>`` before its regions) it is
what was proved until then. They hold the set-up of a search.
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
import statistics
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

import exactspline as es

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "support")]

from corner_networks import FAMILIES, draw, max_pooled, plain  # noqa: E402
from count import cpu_name  # noqa: E402

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
    args = parser.parse_args()
    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "python-flint"))
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {packages}")
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
