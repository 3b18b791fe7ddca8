"""Degenerate networks against an independent twin in integers: prints a table by kind.

    python benchmarks/hostile.py [--cases N] [--first SEED] [--jobs N]
    python benchmarks/hostile.py --seed SEED        one case: its source, and what is wrong

Every case (``tests/support/hostile_networks.py``) goes through one way drawn from its seed:
an engine; a count, a list, a stream, a store that is stopped and resumed, or parts; in this
thread, in threads or in processes; with kernels that return after a few nodes. Codes, witnesses,
facets, the regions around points and the codes of points are compared with double description in
integers (``tests/support/naive.py``). Seeds are not the tests'. The status is 1 if anything was
wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "support")]

from count import cpu_name  # noqa: E402

FIRST = 10_000_000  # tests draw from smaller seeds
BLOCK = 100  # cases of one process
PATIENCE = 60.0  # seconds for one case
WORKERS = ("none", "none", "none", "2 threads", "4 threads", "2 processes")
OUTCOMES = ("ok", "refused", "wrong", "crash", "hang")


def one(seed: int, executors: dict[str, Executor]) -> tuple[str, str, str, str]:
    """Kind, way, outcome and message of one case."""
    import hostile_checks
    import hostile_networks

    import exactspline as es

    case = hostile_networks.draw_case(seed)
    rng = random.Random(-seed)
    way = hostile_checks.draw_way(rng, case, WORKERS)
    with tempfile.TemporaryDirectory() as folder:
        try:
            hostile_checks.check(case, way, rng, Path(folder), executors)
        except hostile_checks.WrongError as error:
            return case.kind, str(way), "wrong", str(error)
        except (es.ParameterError, es.LimitError) as error:
            return case.kind, str(way), "refused", f"{type(error).__name__}: {error}"
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            return case.kind, str(way), "crash", f"{type(error).__name__} at {place}: {error}"
    return case.kind, str(way), "ok", ""


def pools() -> dict[str, Executor]:
    """The executors of one process; processes are forked before there are threads."""
    from exactspline.tasks.workers import processes

    forked = processes(2)
    forked.submit(int).result()
    two, four = ThreadPoolExecutor(2), ThreadPoolExecutor(4)
    return {"2 processes": forked, "2 threads": two, "4 threads": four}


def block(first: int, last: int) -> None:
    """Run cases and print a line of JSON when one begins and when it has ended."""
    warnings.simplefilter("ignore")
    executors = pools()
    for seed in range(first, last):
        print(json.dumps([seed]), flush=True)
        start = time.perf_counter()
        result = one(seed, executors)
        print(json.dumps([seed, *result, time.perf_counter() - start]), flush=True)
    from exactspline.tasks.workers import end

    end(executors["2 processes"])  # type: ignore[arg-type]


@dataclass
class Block:
    """A process that runs a block of cases."""

    process: subprocess.Popen[bytes]
    last: int
    seed: int
    since: float
    text: bytes = b""  # of a line that is not complete


class Bench:
    """Runs blocks in processes, and survives what they die of."""

    def __init__(self, first: int, cases: int, jobs: int) -> None:
        self.todo = [
            (at, min(at + BLOCK, first + cases)) for at in range(first, first + cases, BLOCK)
        ][::-1]
        self.first, self.jobs = first, jobs
        self.table: Counter[tuple[str, str]] = Counter()
        self.failures: list[tuple[int, str, str, str, str]] = []
        self.seconds = 0.0

    def _start(self, first: int, last: int, selector: selectors.BaseSelector) -> None:
        command = [sys.executable, __file__, "--block", str(first), str(last)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        state = Block(process, last, first, time.monotonic())
        selector.register(process.stdout, selectors.EVENT_READ, state)

    def run(self) -> None:
        """Run all blocks."""
        selector = selectors.DefaultSelector()
        while self.todo or selector.get_map():
            while self.todo and len(selector.get_map()) < self.jobs:
                self._start(*self.todo.pop(), selector)
            for key, _ in selector.select(1.0):
                read = os.read(key.fd, 1 << 16)
                if not read:
                    selector.unregister(key.fileobj)
                    self._ended(key.data)
                    continue
                *lines, key.data.text = (key.data.text + read).split(b"\n")
                for line in lines:
                    if line.startswith(b"["):  # else a library's
                        self._take(key.data, json.loads(line))
            for key in list(selector.get_map().values()):
                if time.monotonic() - key.data.since > PATIENCE:
                    key.data.process.kill()
                    key.data.since = float("inf")

    def _take(self, state: Block, line: list) -> None:
        state.seed, state.since = line[0], time.monotonic()
        if len(line) > 1:
            seed, kind, way, outcome, message, seconds = line
            state.seed += 1
            if (state.seed - self.first) % 500 == 0:
                print(f"{state.seed - self.first:,} cases", file=sys.stderr, flush=True)
            self._count(seed, kind, way, outcome, message)
            self.seconds += seconds

    def _count(self, seed: int, kind: str, way: str, outcome: str, message: str) -> None:
        self.table[kind, outcome] += 1
        if outcome != "ok":
            self.failures.append((seed, kind, way, outcome, message))
            print(f"{outcome} {seed} ({kind}; {way}): {message[:300]}", file=sys.stderr, flush=True)

    def _ended(self, state: Block) -> None:
        """Go on behind the case that a process died of."""
        status = state.process.wait()
        if state.seed < state.last:
            hang = state.since == float("inf")
            outcome, message = ("hang", f"over {PATIENCE:.0f} s") if hang else (
                "crash", f"the process ended with status {status}"
            )  # fmt: skip
            self._count(state.seed, "?", "?", outcome, message)
            self.todo.append((state.seed + 1, state.last))


def show(seed: int) -> int:
    """Print a case and what comes of it."""
    import hostile_networks

    print(hostile_networks.draw_case(seed).source)
    kind, way, outcome, message = one(seed, pools())
    print(f"{kind}; {way}\n{outcome} {message}")
    return outcome not in ("ok", "refused")


def main() -> int:
    """Run the benchmark; 1 if something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--block", type=int, nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.block:
        block(*args.block)
        return 0
    if args.seed is not None:
        return show(args.seed)
    start = time.perf_counter()
    bench = Bench(args.first, args.cases, args.jobs)
    bench.run()
    names = ("numpy", "numba", "python-flint", "highspy")
    print(f"machine   {platform.machine()}, {cpu_name()}, {args.jobs} at a time")
    print("versions  " + ", ".join(f"{name} {version(name)}" for name in names))
    print(f"seeds     {args.first} to {args.first + args.cases - 1}\n")
    print(f"{'kind':<18}" + "".join(f"{name:>9}" for name in OUTCOMES))
    for kind in sorted({kind for kind, _ in bench.table}):
        print(f"{kind:<18}" + "".join(f"{bench.table[kind, name]:>9,}" for name in OUTCOMES))
    total = Counter({o: sum(n for (_, p), n in bench.table.items() if p == o) for o in OUTCOMES})
    print(f"{'together':<18}" + "".join(f"{total[name]:>9,}" for name in OUTCOMES))
    print(f"\n{time.perf_counter() - start:.0f} s, of which {bench.seconds:.0f} s in cases")
    for seed, kind, way, outcome, message in bench.failures:
        if outcome != "refused":
            print(f"{outcome}: --seed {seed} ({kind}; {way}): {message[:200]}")
    return int(any(total[name] for name in ("wrong", "crash", "hang")))


if __name__ == "__main__":
    sys.exit(main())
