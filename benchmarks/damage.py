"""Stores with damaged files: what is read from them and what a resumed run finds.

    python benchmarks/damage.py [--trials N] [--seed S]

Small stores of stopped and finished runs, with and without facets, as one file and with SQLite's
log beside it (copied from a run that holds them, as after kill -9), are damaged at random; then
they are read, resumed, and read once more. An error of the tree is right, and so are the codes,
witnesses and facets of a search in memory: all of them, or the first ones, not called complete.
The exit code is 1 if a single trial was neither. One process.
"""

from __future__ import annotations

import argparse
import platform
import random
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from count import cpu_name

HERE = Path(__file__).resolve().parent
# the tests do a few hundred of the same trials
sys.path.insert(0, str(HERE.parent / "tests" / "support"))

OUTCOMES = ("refused", "late", "right", "earlier", "WRONG", "RAW")
MEANING = {
    "refused": "an error when it is opened, and when it is resumed",
    "late": "right as far as it was read, an error when it was resumed",
    "right": "all that was there, and after resuming all there is",
    "earlier": "right, from an earlier state of the run, and after resuming all there is",
    "WRONG": "another code, witness, facet or count, or complete when it is not",
    "RAW": "an error that is none of exactspline's",
}


def head(title: str) -> None:
    """Print the names of columns."""
    print(f"\n{title:<42}" + "".join(f"{name:>9}" for name in ("trials", *OUTCOMES)))


def line(name: str, found: Counter[str]) -> None:
    """Print how often each outcome was."""
    values = [found.total(), *(found[key] for key in OUTCOMES)]
    print(f"{name:<42}" + "".join(f"{value:>9,}" for value in values), flush=True)


def main() -> int:
    """Run the trials; the exit code."""
    import store_damage as damage

    import exactspline as es

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"machine   {platform.machine()}, {cpu_name()}")
    print(f"versions  exactspline {es.__version__}, Python {platform.python_version()}, "
          f"numpy {version('numpy')}, SQLite {sqlite3.sqlite_version}")  # fmt: skip
    whole: Counter[str] = Counter()
    by_damage: dict[str, Counter[str]] = {name: Counter() for name in damage.DAMAGE}
    start = time.process_time()
    head("store")
    with tempfile.TemporaryDirectory() as folder:
        for number, kind in enumerate(damage.KINDS):
            original = damage.Original(Path(folder) / str(number), *kind)
            size = sum(map(len, original.files.values()))
            label = ("finished" if kind[0] else "stopped") + (", facets" if kind[1] else "")
            label += (", log" if kind[2] else "") + f" ({size:,} bytes)"
            outcomes: Counter[str] = Counter()
            share = arguments.trials * (number + 1) // 8 - arguments.trials * number // 8
            methods = damage.ways(original)
            for trial in range(share):
                rng = random.Random(f"{arguments.seed} {number} {trial}")
                how, name = methods[trial % len(methods)], original.folder / "o.sqlite"
                original.write(name, damage.spoiled(original, how, rng))
                try:
                    outcome = damage.judged(original, name)
                except Exception as error:
                    outcome = "WRONG" if isinstance(error, damage.WrongError) else "RAW"
                    print(f"{label}, {how}, trial {trial}: {outcome}")
                    traceback.print_exc(limit=-2)
                outcomes[outcome] += 1
                by_damage[how][outcome] += 1
            line(label, outcomes)
            whole += outcomes
    line("together", whole)
    head("damage")
    for key, found in by_damage.items():
        line(damage.DAMAGE[key][:41], found)
    print()
    for key in OUTCOMES:
        print(f"{key:<10}{MEANING[key]}")
    print(f"{time.process_time() - start:.0f} s of one processor")
    return 1 if whole["WRONG"] + whole["RAW"] else 0


if __name__ == "__main__":
    sys.exit(main())
