"""Searches that are stopped everywhere and gone on with: every region once, in order.

    python benchmarks/parts.py [--nets N] [--first SEED] [--jobs N]
    python benchmarks/parts.py --seed SEED        one network: its source, and what is wrong

Networks with weights over 80 and 600 binary orders of magnitude, near-ties and slivers
(``tests/support/part_searches.py``). For each: a stop after 1, 2, 3, ... regions, and after 1, 2,
3, ... nodes again and again; what is left whole or split up, searched in any order; buffers that
begin tiny; with and without facets; kernel, HiGHS and rational engine; and, for one in ten,
workers in 1, 2 and 4 threads and in processes, into lists and into stores that are stopped and
resumed. Codes are those of one run and of a twin in integers. The status is 1 if anything was
wrong.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import platform
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.util import Finalize
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "support")]

from count import cpu_name  # noqa: E402

FIRST = 20_000_000  # tests draw from smaller seeds
MOST_BUDGET = 40  # nodes; 1 to 4 always, and two more up to it
EVERY_OTHER_ENGINE, EVERY_EXECUTOR = 12, 10


def kernel(seed: int, facets: bool, tally: Counter[str]) -> None:
    """All stops of the kernel on one network."""
    import part_searches as parts

    rng = random.Random(seed)
    case = parts.draw(seed)
    cut = parts.Cutter(
        case, facets=facets, arena=rng.choice((1, 8, 64, None)), chunk=rng.choice((1, 2, 4096))
    )
    same(cut, case)
    budgets = (1, 2, 3, 4, *rng.sample(range(5, MOST_BUDGET), 2))
    parts.check_everywhere(cut, rng, budgets, splits=2)
    for name in ("searches", "queries", "subtrees", "grown"):
        tally[name] += getattr(cut, name)


def other(seed: int, engine: str, facets: bool, tally: Counter[str]) -> None:
    """All stops of another engine."""
    import part_searches as parts

    case = parts.draw(seed, 10)
    cut = parts.Cutter(case, engine, facets=facets)
    same(cut, case)
    parts.check_everywhere(cut, random.Random(seed), (1, 2), splits=2)
    tally["searches"] += cut.searches


def same(cut, case) -> None:
    """One search that is not cut is right."""
    import part_searches as parts

    if [region.code for region in cut.whole] != case.codes:
        raise parts.WrongError(f"one run: {[r.code for r in cut.whole]}, not {case.codes}")


@functools.cache
def pools() -> tuple:
    """Processes are forked before there are threads."""
    from exactspline.tasks.workers import processes

    forked = processes(2)
    forked.submit(int).result()
    # a process that ends waits for its children first, and these wait for work
    Finalize(None, forked.shutdown, exitpriority=100)
    return (forked, *(ThreadPoolExecutor(n) for n in (1, 2, 4)))


def executors(seed: int, graph: bool, tally: Counter[str]) -> None:
    """Threads and processes, lists and stores."""
    import part_searches as parts

    rng = random.Random(seed)
    pool = pools()[rng.randrange(4)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            parts.checked(parts.draw(seed, 40), pool, Path(folder) / "a.sqlite", rng, graph)
        except AssertionError as error:
            who = f"{type(pool).__name__}({pool._max_workers})"
            raise parts.WrongError(f"{who}: {error}") from error
    tally["with executors"] += 1


def one(seed: int) -> tuple[int, Counter[str], list[str]]:
    """All of it for one network: how much was done, and what was wrong."""
    tally: Counter[str] = Counter()
    failures = []
    jobs = [functools.partial(kernel, seed, facets) for facets in (False, True)]
    if seed % EVERY_EXECUTOR == 0:
        jobs += [functools.partial(executors, seed, graph) for graph in (False, True)]
    if seed % EVERY_OTHER_ENGINE == 0:
        jobs += [functools.partial(other, seed, e, seed % 24 == 0) for e in ("highs", "rational")]
    for job in jobs:
        what = f"{job.func.__name__}{job.args[1:]}"
        try:
            job(tally)
        except AssertionError as error:
            failures.append(f"{what}: {error}")
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            failures.append(f"{what}: {type(error).__name__} at {place}: {error}")
    return seed, tally, failures


def main() -> int:
    """Run the benchmark; 1 if something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.seed is not None:
        import part_searches as parts

        print(parts.draw(args.seed).source)
        print(one(args.seed))
        return 0
    start = time.perf_counter()
    total: Counter[str] = Counter()
    wrong = 0
    seeds = range(args.first, args.first + args.nets)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, context) as pool:
        for seed, tally, failures in pool.map(one, seeds, chunksize=10):
            total += tally
            wrong += bool(failures)
            if (seed + 1 - args.first) % 500 == 0:
                print(f"{seed + 1 - args.first:,} networks", file=sys.stderr, flush=True)
            for text in failures:
                print(f"wrong --seed {seed}: {text[:300]}", file=sys.stderr, flush=True)
    print(f"machine   {platform.machine()}, {cpu_name()}, {args.jobs} at a time")
    print(f"seeds     {args.first} to {args.first + args.nets - 1}")
    print(f"{args.nets:,} networks, {wrong:,} wrong; {time.perf_counter() - start:.0f} s")
    print(", ".join(f"{name} {n:,}" for name, n in sorted(total.items())))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
