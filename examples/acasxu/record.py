"""Takes the ACAS Xu networks apart and keeps what was found, with date and machine.

    python examples/acasxu/record.py FOLDER [--out FILE] [--limit N] [--time-limit S]

FOLDER holds networks and properties of the verification competition's benchmark "acasxu"
(``ACASXU_run2a_1_1_batch_2000.onnx``, ``prop_1.vnnlib``, ...). They are not part of this project.
For every pair of the benchmark that is there: regions in the property's box, if they are at most N,
with the facets between them, connected linear regions, distinct affine pieces, and how many regions
have how many neighbours; and the property's verdict within S seconds.

``recorded.json`` is what the gallery shows; it is written anew by this script alone, about
ten minutes on two cores. ``advisories.png`` is drawn from network 1_1 on the way.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import exactspline as es
from exactspline.formats.vnnlib.reader import load_vnnlib

HERE = Path(__file__).resolve().parent
# the benchmark has properties 1 to 4 for all networks, and the others for one network each
OWN = {5: "1_1", 6: "1_1", 7: "1_9", 8: "2_9", 9: "3_3", 10: "4_5"}
ADVISORIES = ("clear of conflict", "weak left", "weak right", "strong left", "strong right")


def taken_apart(
    net: es.Network, domain: es.Domain, limit: int, engine: str = "auto"
) -> dict[str, Any]:
    """The census of one domain; of more than ``limit`` regions only that they are more."""
    start = time.perf_counter()
    count = es.count_regions(net, domain, limit=limit + 1, engine=engine)
    if count > limit:
        return {"regions": limit, "complete": False}
    omega = es.enumerate_regions(net, domain, graph=True, engine=engine)
    edges = omega.edges
    ends = np.concatenate([np.asarray(edges.source), np.asarray(edges.target)])
    degrees, regions = np.unique(np.bincount(ends, minlength=len(omega)), return_counts=True)
    return {
        "regions": len(omega),
        "complete": True,
        "dimension": omega.witnesses.shape[1],  # property 4 fixes an input
        "edges": len(edges),
        "linear": len(omega.linear_regions()),
        "pieces": len(omega.distinct_pieces()),
        "neighbours": dict(zip(map(str, degrees.tolist()), regions.tolist(), strict=True)),
        "seconds": round(time.perf_counter() - start, 2),
    }


def pairs(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Networks and properties of the benchmark that are there, by the network's name."""
    for path in sorted(folder.glob("ACASXU_run2a_*_batch_2000.onnx")):
        name = re.findall(r"_(\d_\d)_", path.name)[0]
        for number in range(1, 11):
            prop = folder / f"prop_{number}.vnnlib"
            if OWN.get(number, name) == name and prop.exists():
                yield name, path, prop


def record(folder: Path, limit: int, time_limit: float) -> list[dict[str, Any]]:
    """One row a network and property, in the benchmark's order."""
    rows = []
    for name, path, prop in pairs(folder):
        net = es.load(path)
        for domain in load_vnnlib(prop, net.input_dim):  # property 6 has two boxes
            row = {"network": name, "property": int(prop.stem[5:])}
            rows.append(row | taken_apart(net, domain, limit))
        answer = es.verify(net, prop, time_limit=time_limit)
        rows[-1] |= {"verdict": answer.verdict, "verdict_seconds": round(answer.seconds, 2)}
        if answer.input is not None:
            rows[-1]["input"] = [str(x) for x in answer.input]
        print(*(f"{key} {rows[-1].get(key)}" for key in ("network", "property", "regions",
              "edges", "pieces", "verdict")), file=sys.stderr, flush=True)  # fmt: skip
    return rows


def plane(path: Path) -> tuple[es.Partition, es.Network]:
    """Distance and angle of an oncoming intruder, all else fixed; the best score is the largest."""
    net = es.load(path)
    best = es.Network([*net.operators, es.Dense(-np.eye(5, dtype=int))], net.input_shape)
    origin = ["0", "0", "0.4966", "0.4", "0.4"]
    near = es.Box(["-0.328", "-0.25"], ["-0.16", "0.25"])
    along = es.Slice(origin, [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]], near)
    return es.enumerate_regions(best, along), best


def draw(path: Path, out: Path) -> None:
    """The plane's regions by the advisory that wins at their middle, with the exact borders."""
    import matplotlib.pyplot as plt
    from PIL import Image

    omega, best = plane(path)
    wins = best.forward(omega.points()).reshape(len(omega), -1).argmax(axis=1)
    figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    names = [ADVISORIES[i] for i in wins]
    omega.plot(ax, color=names, edges="plain", boundary=True)
    ax.set(xlabel="distance (normalised)", ylabel="angle (normalised)")
    ax.set_title(f"ACAS Xu 1_1, oncoming intruder: {len(omega):,} regions")
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    plt.close(figure)
    # pixels of thin lines do not pack well: 64 colours
    picture = Image.open(drawn).convert("RGB").quantize(64, kmeans=2, dither=Image.Dither.NONE)
    picture.save(out, optimize=True)


def machine() -> str:
    """Processor and cores, as far as the system says."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        model = re.findall(r"model name\s*: (.*)", text)[0]
    except (OSError, IndexError):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"


def main(argv: list[str] | None = None) -> None:
    """Record everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "recorded.json")
    parser.add_argument("--limit", type=int, default=100_000, help="regions of a census")
    parser.add_argument("--time-limit", type=float, default=120, help="seconds of a verdict")
    args = parser.parse_args(argv)
    if not any(pairs(args.folder)):
        sys.exit(f"{args.folder}: there is no network and property of the benchmark acasxu")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    start = time.perf_counter()
    rows = record(args.folder, args.limit, args.time_limit)
    made = {
        "command": f"python examples/acasxu/record.py FOLDER --limit {args.limit} "
        f"--time-limit {args.time_limit:g}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "load": round(load, 1),  # of others, when it began
        "exactspline": es.__version__,
        "python": platform.python_version(),
        "seconds": round(time.perf_counter() - start),
    }
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    args.out.write_text(
        f'{{"made": {json.dumps(made)},\n "rows": [\n{lines}\n]}}\n', encoding="utf-8"
    )
    first = args.folder / "ACASXU_run2a_1_1_batch_2000.onnx"
    if first.exists():
        draw(first, args.out.with_name("advisories.png"))


if __name__ == "__main__":
    main()
