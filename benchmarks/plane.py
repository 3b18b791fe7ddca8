"""Two dimensions: counts, complexes and graphs, side by side with regioncam where it can answer.

    python benchmarks/plane.py [--only ROW ...] [--engine NAME ...] [--repeat N] [--limit SECONDS]

Whole calls in one process, after one that compiles or loads: every engine that is named and
regioncam take turns, and medians are printed. A ratio is regioncam's time over ours, the median of
the turns'. regioncam works in float32 and on boxes only; nothing is installed here: where it is
missing, its columns are empty.

Compile time is CPU time of commands that find no compiled kernel, less that of the same commands
with a warm cache, in multiples of compiling one small kernel that stands for
../shared/studies/plane.py (see first_run.py); with --study FILE that file's own kernel is taken.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import itertools
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from conv import EXAMPLES, images
from count import HERE, cpu_name
from first_run import FACTOR, MOONS, STUDY, YARDSTICK, cpu, yardstick

import exactspline as es
from exactspline.search.choice import engine_names
from exactspline.search.decisions import Batch, Decisions
from exactspline.search.engine import engine

try:
    import regioncam
except ImportError:
    regioncam = None

BOX = es.Box([-1, -1], [1, 1])
PEER = "regioncam"
Weights = list[tuple[np.ndarray, np.ndarray]]


# ------------------------------------------------------------------------------------ networks
def he_normal(rng: np.random.Generator, widths: list[int]) -> Weights:
    """Normal weights of variance 2 / fan-in, biases of deviation 0.3."""
    return [
        (rng.normal(size=(n, m)) * np.sqrt(2 / m), rng.normal(size=n) * 0.3)
        for m, n in itertools.pairwise(widths)
    ]


SHAPES = {
    "2-16-16": [2, 16, 16], "2-32-32-32": [2, 32, 32, 32], "2-64-64-64": [2, 64, 64, 64],
}  # fmt: skip


@cache
def drawn() -> dict[str, Weights]:
    """One stream of seed 0 for all, as the study draws them (2-3 is its warm-up)."""
    rng = np.random.default_rng(0)
    he_normal(rng, [2, 3])
    return {name: he_normal(rng, widths) for name, widths in SHAPES.items()}


def network(weights: Weights, *, affine_end: bool = False) -> es.Network:
    """ReLU after every layer; after all but the last one with ``affine_end``."""
    operators: list[es.Operator] = []
    for w, b in weights:
        operators += [es.Dense(w, b), es.ReLU()]
    return es.Network(operators[: -1 if affine_end else None], (2,))


def peers(weights: Weights) -> Any:
    """The regions of the same network in regioncam, which starts with the box [-1, 1]^2."""
    out = regioncam.Regioncam(size=1)
    for w, b in weights:
        out.linear(np.ascontiguousarray(w.T.astype(np.float32)), b.astype(np.float32))
        out.relu()
    return out


# --------------------------------------------------------------------------------- measurements
Work = Callable[[], int]  # does the work, and says how many regions there are


@dataclasses.dataclass
class Runs:
    """Seconds of every turn and the regions found, by who did it."""

    seconds: dict[str, list[float]]
    regions: dict[str, int]

    def median(self, who: str) -> float:
        """Of the seconds."""
        return statistics.median(self.seconds[who])

    def ratio(self, slow: str, fast: str) -> float:
        """How many times longer the one takes, turn by turn."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return statistics.median(a / b for a, b in pairs)


def taken_in_turns(works: dict[str, Work], repeat: int, limit: float, many: int = 1) -> Runs:
    """Do all works, one after the other, again and again; each ``many`` times a turn.

    No turn is begun after ``limit`` seconds. Rubbish is collected between works, not in them.
    """
    runs = Runs({name: [] for name in works}, {})
    began = time.perf_counter()
    for turn in range(repeat):
        if turn and time.perf_counter() - began > limit:
            break
        for name, work in works.items():
            gc.collect()
            gc.disable()
            start = time.perf_counter()
            for _ in range(many):
                runs.regions[name] = work()
            runs.seconds[name].append((time.perf_counter() - start) / many)
            gc.enable()
    return runs


def times(seconds: float) -> str:
    """Seconds in a column."""
    return f"{seconds * 1e3:,.3f} ms" if seconds < 0.1 else f"{seconds:,.3f} s"


HEAD = (
    f"{'work':<44}{'engine':<10}{'regions':>10}{'time':>12}{'rate':>14}{PEER:>12}{'ratio':>9}"
    "   to reach"
)


def say(title: str, who: str, runs: Runs, reach: str, *, ratio: str = "", more: str = "") -> None:
    """Print one row."""
    seconds, regions = runs.median(who), runs.regions[who]
    peer = times(runs.median(PEER)) if PEER in runs.seconds else ""
    if not ratio and peer:
        ratio = f"{runs.ratio(PEER, who):.2f}x"
    print(
        f"{title:<44}{who:<10}{regions:>10,}{times(seconds):>12}{regions / seconds:>12,.0f}/s"
        f"{peer:>12}{ratio:>9}   {reach}{more}",
        flush=True,
    )


# calls a turn: what takes less than a millisecond is not timed alone
CALLS = {"2-16-16": 20, "2-32-32-32": 5, "2-64-64-64": 1}


class Nothing:
    """An engine that finds one region at once: what is left is the call around it."""

    regions, share, spent = 1, 1.0, False

    def __init__(self, program: Any, space: Any, *, part: Any, **options: Any) -> None:
        self.part, self.finished, self.decisions = part, False, Decisions(1)
        self.units = program.n_units

    def batches(self, deadline: Any = None) -> Iterator[Batch]:
        """One batch, without its region."""
        self.finished = True
        yield Batch(np.zeros((0, self.units), np.uint8), np.zeros((0, 2)), {}, 1)

    def remaining(self, split: int = 1) -> list[Any]:
        """No parts."""
        return []


# ----------------------------------------------------------------------------------------- rows
@dataclasses.dataclass
class Options:
    """What the command line says."""

    engines: list[str]
    repeat: int
    limit: float
    networks: Path
    study: Path | None

    def turns(self, works: dict[str, Work], many: int = 1) -> Runs:
        """Take turns, after a first one that compiles or loads."""
        for work in works.values():
            work()
        return taken_in_turns(works, self.repeat, self.limit, many)


def counting(net: es.Network, domain: es.Domain, name: str) -> Work:
    """A count call."""
    return lambda: es.count_regions(net, domain, engine=name)


def fixed(options: Options) -> None:
    """The fixed cost of a call, by the smallest of networks."""
    weights = he_normal(np.random.default_rng(0), [2, 4])
    net = network(weights)
    works = {name: counting(net, BOX, name) for name in options.engines}
    if "nothing" not in engine_names():
        engine("nothing", says="no search")(Nothing)
    works["nothing"] = counting(net, BOX, "nothing")
    works["equal box"] = lambda: es.count_regions(net, es.Box([-1, -1], [1, 1]), engine="nothing")
    runs = options.turns(works, 50)
    for name in options.engines:
        say("a count call, 2-4", name, runs, "0.3 ms")
    say("  of it, all but the search", "nothing", runs, "")
    say("  the same with a new box every time", "nothing", Runs(
        {"nothing": runs.seconds["equal box"]}, {"nothing": 1}), "")  # fmt: skip


def counts(options: Options) -> None:
    """Counts in the box, against regioncam."""
    for (name, weights), reach in zip(drawn().items(), ("1.2x", "3x", "4x"), strict=True):
        net = network(weights)
        works = {who: counting(net, BOX, who) for who in options.engines}
        if regioncam is not None:
            works[PEER] = lambda weights=weights: peers(weights).num_faces
        runs = options.turns(works, CALLS[name])
        agree(name, runs)
        for who in options.engines:
            say(f"count {name}, box", who, runs, f"{reach} regioncam", more=other_number(runs))


def complexes(options: Options) -> None:
    """Whole complexes in the box, against regioncam with the arrays that it has."""
    for (name, weights), reach in zip(drawn().items(), ("0.7x", "2x", "2x"), strict=True):
        net = network(weights)
        works = {who: complex_of(net, BOX, who) for who in options.engines}
        if regioncam is not None:
            works[PEER] = lambda weights=weights: peers_arrays(weights)
        runs = options.turns(works, CALLS[name])
        agree(name, runs)
        for who in options.engines:
            say(f"complex of {name}, box", who, runs, f"{reach} regioncam", more=other_number(runs))


def complex_of(net: es.Network, domain: es.Domain, name: str) -> Work:
    """Enumerate, and make the complex with all its columns."""

    def work() -> int:
        made = es.enumerate_regions(net, domain, engine=name, polygons=True).complex()
        assert len(made.edges) >= len(made.interior_edges)
        if domain is BOX:
            assert len(made.corners) - len(made.edges) + len(made.faces) == made.euler() == 1
        return len(made.faces)

    return work


def peers_arrays(weights: Weights) -> int:
    """Build it, and read the corners and how many edges there are."""
    made = peers(weights)
    assert len(made.vertex_inputs) == made.num_vertices <= made.num_edges
    return int(made.num_faces)


def plane(options: Options) -> None:
    """Counts and complexes of the whole plane, by the rates in the box."""
    for title, work in (("count", counting), ("complex of", complex_of)):
        if title != "count" and not hasattr(es.Partition, "complex"):
            continue
        for name, weights in drawn().items():
            net = network(weights)
            works = {who: work(net, es.WholeSpace(2), who) for who in options.engines}
            works |= {f"{who} in the box": work(net, BOX, who) for who in options.engines}
            runs = options.turns(works)
            for who in options.engines:
                box = f"{who} in the box"
                more = runs.regions[who] / runs.regions[box]
                ratio = f"{runs.ratio(who, box) / more:.2f}x"
                say(f"{title} {name}, R^2", who, runs, "1.5x the box's time a region", ratio=ratio)


def graphs(options: Options) -> None:
    """Regions with their facets and the edges between them."""
    for widths in ([2, 100, 100, 1], [2, 32, 32, 32, 32, 1]):
        net = network(he_normal(np.random.default_rng(0), widths), affine_end=True)
        name = "-".join(map(str, widths))
        works = {who: graph_of(net, who) for who in options.engines}
        runs = options.turns(works)
        agree(name, runs)
        for who in options.engines:
            say(f"graph of {name}, box", who, runs, "250,000/s")


def graph_of(net: es.Network, name: str) -> Work:
    """An enumeration with its edges."""

    def work() -> int:
        omega = es.enumerate_regions(net, BOX, engine=name, graph=True)
        assert len(omega.edges) >= len(omega) - 1
        return len(omega)

    return work


def slices(options: Options) -> None:
    """Slices of wide networks, and a lattice of maxima and minima full of ties."""
    folder, square = options.networks, es.Box(0, 1, dim=2)
    lattice = folder / "tll" / "tllBench_n=2_N=M=16_m=1_instance_1_0.onnx"
    points = [image.reshape(-1) for image in images("digits")]
    for title, path, domain, known, reach in (
        ("Convnet_avgpool, slice through 3 images", folder / "conv" / "Convnet_avgpool.onnx",
         es.Slice.through(images("slice"), square), 867_441, "250,000/s"),
        ("digits, slice through 3 images", EXAMPLES / "digits" / "digits.onnx",
         es.Slice.through(points, square), 44_944, "60,000/s"),
        ("tll N = M = 16, [-2, 2]^2", lattice, es.Box(-2, 2, dim=2), 3_984, "100,000/s"),
    ):  # fmt: skip
        if not path.exists():
            print(f"{title:<44}there is no {path}")
            continue
        net = es.load(path)
        for who in options.engines:
            es.count_regions(net, domain, engine=who, limit=10)
        works = {who: counting(net, domain, who) for who in options.engines}
        runs = taken_in_turns(works, options.repeat, options.limit)
        for who in options.engines:
            if runs.regions[who] != known:
                sys.exit(
                    f"{title}: {runs.regions[who]:,} regions by {who}, but {known:,} are known"
                )
            say(title, who, runs, reach)


def compiling(options: Options) -> None:
    """Compile time on an empty cache: of the first count, and of the first graph after it."""
    for who in options.engines:
        seconds, multiples = [], []
        for _ in range(min(options.repeat, 3)):
            before = one_unit(options.study)
            with tempfile.TemporaryDirectory() as folder:
                cold = commands(who, Path(folder))
                warm = commands(who, Path(folder))
            unit = (before + one_unit(options.study)) / 2  # before and after: machines are shared
            seconds.append(cold - warm)
            multiples.append((cold - warm) / unit)
        print(
            f"{'compiling for a count and a graph':<44}{who:<10}"
            f"{statistics.median(seconds):>20.1f} s{'':>14}{'':>12}"
            f"{statistics.median(multiples):>8.2f}x   2.5x the study's kernel",
            flush=True,
        )


def one_unit(study: Path | None) -> float:
    """CPU seconds of compiling the study's kernel."""
    if study is None:
        return FACTOR * yardstick(YARDSTICK)
    return yardstick(STUDY.format(folder=str(study.resolve().parent), name=study.stem))


def commands(who: str, folder: Path) -> float:
    """CPU seconds of a count and a graph, each in a process of its own, with this cache."""
    run = [sys.executable, "-m", "exactspline"]
    where = [MOONS, "--box", "-2,-1.5", "3,2", "--engine", who]
    seconds, said = cpu([*run, "count", *where], str(folder))
    if "281" not in said:
        sys.exit(f"the count is wrong: {said}")
    return (
        seconds + cpu([*run, "graph", *where, "--out", str(folder / "g.graphml")], str(folder))[0]
    )


def agree(name: str, runs: Runs) -> None:
    """All engines of ours find one number."""
    ours = {n for who, n in runs.regions.items() if who != PEER}
    if len(ours) != 1:
        sys.exit(f"{name}: engines find {runs.regions}: one is wrong")


def other_number(runs: Runs) -> str:
    """What regioncam finds where it is another number: it rounds."""
    found, ours = runs.regions.get(PEER), next(iter(runs.regions.values()))
    return "" if found in (None, ours) else f" ({found:,} there)"


ROWS: dict[str, Callable[[Options], None]] = {
    "fixed": fixed, "count": counts, "complex": complexes, "plane": plane, "graph": graphs,
    "slice": slices, "compile": compiling,
}  # fmt: skip


def main() -> None:
    """Print the rows, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[*ROWS], default=[*ROWS], metavar="ROW",
                        help=", ".join(ROWS))  # fmt: skip
    parser.add_argument("--engine", nargs="+", choices=["auto", *engine_names()],
                        default=["auto"], metavar="NAME", help="take turns")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=15, help="turns; medians are printed")
    parser.add_argument("--limit", type=float, default=30.0,
                        help="seconds a row, after which no turn is begun")  # fmt: skip
    parser.add_argument(
        "--networks", type=Path, default=HERE.parents[1] / "shared" / "networks",
        help="folder with conv/ and tll/",
    )  # fmt: skip
    parser.add_argument("--study", type=Path, help="a planar search whose kernel is the unit")
    args = parser.parse_args()
    names = ["numpy", "numba", "llvmlite", *(["regioncam"] if regioncam is not None else [])]
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"machine   {platform.processor() or platform.machine()}, {cpu_name()}")
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, {packages}")
    print(f"process   one; medians of {args.repeat} turns, after one that compiles or loads")
    if regioncam is None:
        print("peer      regioncam is not installed (pip install regioncam): its columns are empty")
    print(f"\n{HEAD}")
    options = Options(args.engine, args.repeat, args.limit, args.networks, args.study)
    for row in args.only:
        if row == "complex" and not hasattr(es.Partition, "complex"):
            print(f"{'complex':<44}partitions have no complex() here")
            continue
        ROWS[row](options)


if __name__ == "__main__":
    main()
