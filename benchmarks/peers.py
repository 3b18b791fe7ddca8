"""Other packages that find regions, side by side with this one: rates, and degenerate networks.

    python benchmarks/peers.py NAME=PYTHON ... [--only rates degenerate] [--record FILE]

NAME is regioncam, affinitree or relucent, and PYTHON the interpreter of an environment in which
that package is installed (``python -m venv E && E/bin/pip install NAME``); it needs nothing else.
Every package works in a process of its own (peer_side.py) and is asked by turns with us, for the
same network on the same domain, after one call that loads or compiles. Seconds are of processor
time, so that other work on the machine counts little; each of them works on one core. Who takes
longer than ``--limit`` seconds (by the clock) for one call is ended, and asked no more for larger
networks of the kind.

A package that rounds its parameters to float32 is compared with our proved count of the rounded
network: what is told is what it makes of the network that it holds. With ``--record`` all answers
go into a JSON file; benchmarks/peers.json is what docs/peers.md and the gallery show.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import itertools
import json
import os
import platform
import queue
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from count import cpu_name, random_net
from degenerate import Weights, cases
from plane import drawn as drawn_in_the_plane

import exactspline as es

SIDE = Path(__file__).with_name("peer_side.py")
PEERS = {  # in which precision it works, and on which domain it is at home
    "regioncam": (np.float32, "box"),
    "affinitree": (np.float64, "space"),
    "relucent": (np.float64, "space"),
}
PARTS = ["rates", "degenerate", "samples"]
Answer = dict[str, Any]


class Peer:
    """A package in its own interpreter; it is started again after it has been ended."""

    def __init__(self, name: str, python: str, limit: float) -> None:
        self.name, self.python, self.limit = name, python, limit
        self.precision, self.home = PEERS[name]
        self.process: subprocess.Popen[str] | None = None
        self.about = self.ask({"hello": True})
        if "error" in self.about:
            sys.exit(f"{name}: {python} does not answer: {self.about['error']}")

    def count(self, layers: Weights, *, box: bool, times: int = 1, look: bool = False) -> Answer:
        """The regions that it finds and the seconds of a call, or the error.

        ``look``: also how many of them have an interior, where it keeps those that have none.
        """
        text = [[_hex(w), _hex(b)] for w, b in layers]
        return self.ask({"layers": text, "box": box, "times": times, "look": look})

    def ask(self, request: dict[str, Any]) -> Answer:
        """Send a request; an error if there is no answer in time, or the process ends."""
        if self.process is None:
            try:
                self.process = subprocess.Popen(
                    [self.python, str(SIDE), self.name], text=True, stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
                )  # fmt: skip
            except OSError as error:
                return {"error": str(error)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        lines: queue.Queue[str] = queue.Queue()
        stdout = self.process.stdout
        threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = lines.get(timeout=max(self.limit, 60.0) if "hello" in request else self.limit)
        except queue.Empty:
            spent = _spent(self.process.pid)
            self.end()
            return {"error": f"no answer after {spent:.0f} s of its own", "late": True}
        except OSError:
            line = ""
        if not line:
            code = self.process.wait()
            self.end()
            return {"error": f"its process ended (exit {code})"}
        return json.loads(line)

    def end(self) -> None:
        """End its process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def rounded(self, layers: Weights) -> Weights:
        """The network that it holds."""
        return [tuple(a.astype(self.precision).astype(float) for a in pair) for pair in layers]


def _spent(process: int) -> float:
    """Processor time of a process and of those that it has started, where Linux tells."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if process in (int(path.parent.name), int(fields[1])):
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _hex(values: np.ndarray) -> list[Any]:
    return [_hex(row) if row.ndim else float(row).hex() for row in values]


def network(layers: Weights) -> es.Network:
    """ReLU after every layer."""
    operators: list[es.Operator] = []
    for w, b in layers:
        operators += [es.Dense(w, b), es.ReLU()]
    return es.Network(operators, (layers[0][0].shape[1],))


def ours(layers: Weights, *, box: bool) -> int:
    """The proved count."""
    dim = layers[0][0].shape[1]
    return int(es.count_regions(network(layers), es.Box(-1, 1, dim=dim) if box else None))


# ----------------------------------------------------------------------------------------- rates
def weights_of(net: es.Network) -> Weights:
    """Of a network that was made of float64."""
    dense = [op for op in net.operators if isinstance(op, es.Dense)]
    return [(np.array(op.weight, dtype=float), np.array(op.bias, dtype=float)) for op in dense]


def rates(peers: list[Peer], repeat: int) -> list[dict[str, Any]]:
    """Counts by turns; medians."""
    networks = [(name, weights, True) for name, weights in drawn_in_the_plane().items()]
    for widths in ([3, 8, 8], [5, 8, 8]):
        name = "-".join(map(str, widths))
        networks.append((f"{name} on R^{widths[0]}", weights_of(random_net(widths)), False))
    out: list[dict[str, Any]] = []
    late: set[tuple[str, bool]] = set()
    small = [(np.eye(2), np.ones(2) / 4)]
    print(
        f"\n{'network':<22}{'by':<12}{'regions':>9}{'time':>12}{'rate':>14}{'time over ours':>16}"
    )
    for name, layers, box in networks:
        title = f"{name}, [-1, 1]^2" if box else name
        net, domain = network(layers), es.Box(-1, 1, dim=layers[0][0].shape[1]) if box else None
        mine, regions = [], int(es.count_regions(net, domain))
        asked = [p for p in peers if (p.name, box) not in late and (box or p.home != "box")]
        answers: dict[str, list[Answer]] = {}
        for peer in list(asked):  # who is late is not asked again
            peer.count(small, box=True)  # loads what it loads, also after it was ended
            first = peer.count(layers, box=box)
            slow = "error" in first or first["seconds"] > 1  # one call is enough of that
            answers[peer.name] = [first] if slow else []
            if slow:
                asked.remove(peer)
            if "late" in first:
                late.add((peer.name, box))
        many = 20 if regions < 1000 else 1
        for _ in range(repeat):
            began = time.process_time()
            for _ in range(many):
                es.count_regions(net, domain)
            mine.append((time.process_time() - began) / many)
            for peer in asked:
                found = answers[peer.name]
                quick = many if found and found[0]["seconds"] < 0.01 else 1
                found.append(peer.count(layers, box=box, times=quick))
        own = statistics.median(mine)
        row = {"network": title, "regions": regions, "seconds": own, "peers": {}}
        print(
            f"{title:<22}{'exactspline':<12}{regions:>9,}{_shown(own):>12}{regions / own:>12,.0f}/s"
        )
        for peer in peers:
            found = answers.get(peer.name, [])
            if not found:
                continue
            if "error" in found[0]:
                row["peers"][peer.name] = found[0]
                print(f"{title:<22}{peer.name:<12}  {found[0]['error'][:60]}")
                continue
            seconds = statistics.median(a["seconds"] for a in found)
            number = found[0]["regions"]
            row["peers"][peer.name] = {"regions": number, "seconds": seconds,
                                       "ours": ours(peer.rounded(layers), box=box)}  # fmt: skip
            print(f"{title:<22}{peer.name:<12}{number:>9,}{_shown(seconds):>12}"
                  f"{number / seconds:>12,.0f}/s{seconds / own:>15,.2f}x", flush=True)  # fmt: skip
        out.append(row)
    return out


def _shown(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f} ms" if seconds < 0.1 else f"{seconds:,.2f} s"


# ------------------------------------------------------------------------------------ degenerate
def degenerate(peers: list[Peer]) -> list[dict[str, Any]]:
    """What everybody answers; domains are where a peer is at home."""
    out: list[dict[str, Any]] = []
    print(f"\n{'network':<26}{'square':>8}{'R^D':>8}", *(f"{p.name:>14}" for p in peers))
    for case in cases():
        row: dict[str, Any] = {
            "name": case.name, "about": case.about, "dim": case.dim,
            "layers": [[_hex(w), _hex(b)] for w, b in case.layers],
            "box": ours(case.layers, box=True), "space": ours(case.layers, box=False),
            "peers": {},
        }  # fmt: skip
        for peer in peers:
            box = peer.home == "box"
            if box and case.dim > 2:
                continue
            answer = peer.count(case.layers, box=box, look=True)
            answer.pop("seconds", None)
            row["peers"][peer.name] = answer | {"ours": ours(peer.rounded(case.layers), box=box)}
        out.append(row)
        print(f"{case.name:<26}{row['box']:>8}{row['space']:>8}",
              *(f"{told(row['peers'].get(p.name)):>14}" for p in peers), flush=True)  # fmt: skip
    for row in out:
        for name, answer in row["peers"].items():
            if "error" in answer:
                print(f"{row['name']}, {name}: {answer['error'][:300]}")
    return out


# --------------------------------------------------------------------------------------- samples
KINDS = {
    "normal": "weights and biases normal, rounded to float32",
    "quarters": "weights and biases k/4, k from -4 to 4",
    "ternary": "weights -1, 0, 1, biases -1/2, 0, 1/2",
    "decimals": "weights and biases k/10, k from -9 to 9, rounded to float32",
}


def sample(kind: str, widths: list[int], seed: int) -> Weights:
    """A network of the kind; its numbers are float32."""
    rng = np.random.default_rng(seed)
    out = []
    for m, n in itertools.pairwise(widths):
        if kind == "normal":
            w, b = rng.normal(size=(n, m)), rng.normal(size=n)
        elif kind == "ternary":
            w, b = rng.integers(-1, 2, (n, m)), rng.integers(-1, 2, n) / 2
        else:
            k, by = (4, 4) if kind == "quarters" else (9, 10)
            w, b = rng.integers(-k, k + 1, (n, m)) / by, rng.integers(-k, k + 1, n) / by
        out.append((w.astype(np.float32).astype(float), b.astype(np.float32).astype(float)))
    return out


def samples(peers: list[Peer], many: int) -> list[dict[str, Any]]:
    """How many of some networks of each kind everybody counts right, counts otherwise, refuses."""
    widths, out = [2, 8, 8], []
    print(f"\n{many} networks 2-8-8 of each kind: right, another number, refused")
    for kind, about in KINDS.items():
        row: dict[str, Any] = {"kind": kind, "about": about, "networks": many, "peers": {}}
        for peer in peers:
            box, results = peer.home == "box", [0, 0, 0]
            for seed in range(many):
                layers = sample(kind, widths, seed)
                answer = peer.count(layers, box=box, look=True)
                if "error" in answer:
                    results[2] += 1
                    continue
                found = answer.get("with_interior", answer["regions"])
                results[found != ours(layers, box=box)] += 1
            row["peers"][peer.name] = results
            print(f"{kind:<14}{peer.name:<14}", *(f"{n:>4}" for n in results), flush=True)
        out.append(row)
    return out


def told(answer: Answer | None) -> str:
    """Its number, with ours where that is another one; or that it refused."""
    if answer is None:
        return ""
    if "error" in answer:
        return "late" if "late" in answer else answer["error"].partition(":")[0][:13]
    found, true = answer["regions"], answer["ours"]
    inside = answer.get("with_interior", found)
    shown = f"{found:,}" if inside == found else f"{found:,} ({inside:,})"
    return shown if true in (found, inside) else f"{shown} not {true:,}"


def main() -> None:
    """Ask, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", nargs="+", metavar="NAME=PYTHON", help=", ".join(PEERS))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--repeat", type=int, default=5, help="turns; medians are printed")
    parser.add_argument("--samples", type=int, default=10, help="networks of each kind")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a call")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write all answers as JSON")
    args = parser.parse_args()
    peers = []
    for text in args.peers:
        name, _, python = text.partition("=")
        if name not in PEERS or not python:
            parser.error(f"{text}: give NAME=PYTHON with NAME of {', '.join(PEERS)}")
        peers.append(Peer(name, python, args.limit))
    about = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.processor() or platform.machine()}, {cpu_name()}",
        "exactspline": es.__version__, "python": platform.python_version(),
        "peers": {p.name: p.about | {"precision": np.dtype(p.precision).name, "home": p.home}
                  for p in peers},
    }  # fmt: skip
    print(f"machine   {about['machine']}")
    print(
        f"versions  exactspline {es.__version__} (Python {platform.python_version()}), "
        + ", ".join(f"{p.name} {p.about['version']} (Python {p.about['python']})" for p in peers)
    )
    print(f"load      {os.getloadavg()[0]:.1f}; one process each, medians of {args.repeat} turns")
    works = {
        "rates": lambda: rates(peers, args.repeat),
        "degenerate": lambda: degenerate(peers),
        "samples": lambda: samples(peers, args.samples),
    }
    for part in args.only:
        found = {**about, "load": round(os.getloadavg()[0], 1), "rows": works[part]()}
        if args.record:
            text = args.record.read_text() if args.record.exists() else "{}"
            whole = json.loads(text) | {part: found}
            args.record.write_text(json.dumps(whole, indent=1) + "\n")
    for peer in peers:
        peer.end()


if __name__ == "__main__":
    main()
