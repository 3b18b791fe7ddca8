"""Two ways to one count over many networks: prints a table by relation.

    python benchmarks/metamorphic.py [--nets N] [--first SEED] [--jobs N]
    python benchmarks/metamorphic.py --seed SEED     one network and all its relations

Engines, lists, streams, stores, threads and limits; the same set as box, polytope and slice;
halves of a domain; powers of two moved through layers, inputs and domains; units permuted,
doubled, dead or turned around; products; files (``tests/support/relations.py``). Each network goes
through some relations drawn from its seed. The status is 1 if two ways disagree.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import random
import sys
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "support")]

from count import cpu_name  # noqa: E402

FIRST = 30_000_000  # tests draw from smaller seeds
EACH = 5  # relations a network


def one(seed: int, each: int = EACH) -> tuple[int, list[tuple[str, str, str, str]]]:
    """Per relation of one network: kind, its name, what came of it, and a message."""
    import relations

    import exactspline as es

    out = []
    kind, plain, where, codes = relations.draw(seed)
    rng = random.Random(-seed)
    names = list(relations.RELATIONS)
    for name in rng.sample(names, min(each, len(names))):
        try:
            relations.check(name, rng, plain, where, codes)
            result = "ok", ""
        except relations.WrongError as error:
            result = "wrong", str(error)
        except (es.ParameterError, es.LimitError) as error:
            result = "refused", f"{type(error).__name__}: {error}"
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            result = "crash", f"{type(error).__name__} at {place}: {error}"
        out.append((kind, name, *result))
    return seed, out


def show(seed: int) -> int:
    """Print a network and what comes of all relations."""
    import relations

    _, plain, where, codes = relations.draw(seed)
    print(plain.source() + where.source() + f"# {len(codes)} regions")
    _, results = one(seed, 1000)
    for kind, name, outcome, message in results:
        print(f"{kind}; {name}: {outcome} {message}")
    return int(any(r[2] in ("wrong", "crash") for r in results))


def main() -> int:
    """Run the benchmark; 1 if two ways disagree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.seed is not None:
        return show(args.seed)
    start = time.perf_counter()
    table: Counter[tuple[str, str]] = Counter()
    seeds = range(args.first, args.first + args.nets)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, context) as pool:
        for seed, results in pool.map(one, seeds, chunksize=10):
            if (seed + 1 - args.first) % 500 == 0:
                print(f"{seed + 1 - args.first:,} networks", file=sys.stderr, flush=True)
            for kind, name, outcome, message in results:
                table[name, outcome] += 1
                if outcome != "ok":
                    text = f"{outcome} --seed {seed} ({kind}; {name}): {message[:300]}"
                    print(text, file=sys.stderr, flush=True)
    outcomes = ("ok", "refused", "wrong", "crash")
    print(f"machine   {platform.machine()}, {cpu_name()}, {args.jobs} at a time")
    print(f"seeds     {args.first} to {args.first + args.nets - 1}\n")
    print(f"{'relation':<18}" + "".join(f"{name:>9}" for name in outcomes))
    for relation in sorted({relation for relation, _ in table}):
        print(f"{relation:<18}" + "".join(f"{table[relation, o]:>9,}" for o in outcomes))
    total = {o: sum(n for (_, p), n in table.items() if p == o) for o in outcomes}
    print(f"{'together':<18}" + "".join(f"{total[o]:>9,}" for o in outcomes))
    print(f"\n{args.nets:,} networks, {time.perf_counter() - start:.0f} s")
    return int(total["wrong"] + total["crash"] > 0)


if __name__ == "__main__":
    sys.exit(main())
