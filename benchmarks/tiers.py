"""What the tiers of a search say of the same decisions, and corner networks against their twin.

    python benchmarks/tiers.py [--decisions N] [--nets N] [--first SEED]

Every verdict of random networks and of networks in corners of float64 is asked of the
double-double tier again: it may leave it open, and never contradict it. Then small corner
networks (``tests/support/corner_networks.py``) are counted, and their codes compared with double
description in integers. No decision is left to rationals before the double-double tier. The
status is 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "support")]

from count import cpu_name  # noqa: E402


def compared(decisions: int, first: int) -> bool:
    """Ask both tiers; False if they contradict each other."""
    from tier_checks import Compared, searches

    from exactspline.search.kernel import control as c

    check, began = Compared(), time.perf_counter()
    for seed in count(first):
        for search in searches(20, seed):
            search.audit = check
            search.state.ctl[c.AUDIT] = 1
            try:
                for _ in search.batches():
                    pass
            except AssertionError as error:
                print(f"seed {seed}: {error}")
                return False
        if check.seen.total() >= decisions:
            break
    seconds = time.perf_counter() - began
    print(
        f"{check.seen.total():,} verdicts asked again: {check.seen['decided']:,} the same, "
        f"{check.seen['open']:,} left open, 0 contradicted; {seconds:.0f} s"
    )
    return True


def counted(nets: int, first: int) -> bool:
    """Compare codes with the twin's; False if any differ."""
    import corner_networks as corners

    import exactspline as es

    wrong, tiers, began = 0, Counter(), time.perf_counter()
    for number in range(nets):
        rng = random.Random(first + number)
        name = sorted(corners.FAMILIES)[number % len(corners.FAMILIES)]
        widths = (rng.randint(2, 3), rng.randint(3, 6), rng.randint(2, 4))
        corner = corners.draw(name, first + number, widths)
        omega = es.enumerate_regions(corner.network, corner.domain)
        tiers.update(vars(omega.decisions))
        if [tuple(code) for code in omega.codes.tolist()] != corner.codes:
            wrong += 1
            print(f"wrong: {name}, seed {first + number}, widths {widths}")
    seconds = time.perf_counter() - began
    print(f"{nets:,} corner networks against their twin: {wrong} wrong; {seconds:.0f} s")
    print("decisions  " + ", ".join(f"{name} {n:,}" for name, n in tiers.items()))
    return wrong == 0


def main() -> int:
    """Both, with the machine."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--nets", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=50_000_000)
    arguments = parser.parse_args()
    from exactspline.search.kernel import engine

    engine.FEW = 0
    print(f"machine   {cpu_name()}")
    good = compared(arguments.decisions, arguments.first)
    return 0 if counted(arguments.nets, arguments.first) and good else 1


if __name__ == "__main__":
    sys.exit(main())
