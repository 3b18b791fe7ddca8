"""The explorer: time to make the page, time to its first picture, frames a second while it moves.

    python benchmarks/explore.py [--regions 100000 1000000] [--out figures.json]

In headless Chromium with software rendering (Debian's ``chromium`` and ``chromium-driver``, and
selenium); a graphics card is faster. Networks are random ones, 2-n-n-n-3 with biases, on a box that
is sized so that about as many regions lie in it as are asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import exactspline as es

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from browser import chromium, wait_until_ready

SECONDS = 6.0
MOVE = """
const [seconds, zoom, done] = arguments, app = window.exactspline, view = app.view;
view.fit(app.data.geometry.bounds);
view.zoomAt(view.width / 2, view.height / 2, zoom);
app.level();
const shifted = () => Number(app.plot.dataset.shifted ?? 0), before = shifted();
const begin = performance.now(), times = [];
let k = 0;
const step = (now) => {
  times.push(now);
  if (now - begin > 1000 * seconds) {
    const gaps = times.slice(2).map((t, i) => t - times[i + 1]).sort((a, b) => a - b);
    done({fps: 1000 * gaps.length / (times.at(-1) - times[1]),
      worst: gaps.at(-1),
      drawn: 1000 * (gaps.length - shifted() + before) / (times.at(-1) - times[1])});
    return;
  }
  k += 1;
  view.moveBy(6 * Math.cos(k / 9), 6 * Math.sin(k / 9));
  if (zoom > 1) view.zoomAt(view.width / 2, view.height / 2, k % 40 < 20 ? 1.02 : 1 / 1.02);
  app.moved();
  app.drawing.gl.finish();
  requestAnimationFrame(step);
};
requestAnimationFrame(step);
"""
LOOK = """
const app = window.exactspline, view = app.view;
view.fit(app.data.geometry.bounds);
const begin = performance.now();
app.regionAt(view.width / 2, view.height / 2);
const first = performance.now() - begin;
for (let i = 0; i < 1000; i++) app.regionAt((i * 37) % view.width, (i * 91) % view.height);
return {first: first, next: (performance.now() - begin - first) / 1000};
"""


def random_network(width: int, seed: int = 0) -> es.Network:
    """2-n-n-n-3, weights as at the start of a training."""
    rng = np.random.default_rng(seed)
    sizes, operators = [2, width, width, width, 3], []
    for a, b in pairwise(sizes):
        weight = rng.standard_normal((b, a)) * np.sqrt(2 / a)
        operators += [es.Dense(weight, rng.standard_normal(b) * 0.3), es.ReLU()]
    return es.Network(operators[:-1], (2,))


def partition_of(regions: int) -> es.Partition:
    """One with about so many regions: the box is widened until it has them."""
    width = 64 if regions < 50_000 else 160 if regions < 400_000 else 640
    network, half = random_network(width), 1.0 if width < 640 else 1.3
    found = es.count_regions(network, es.Box(-half, half, dim=2))
    for _ in range(10):
        if regions <= found <= 1.4 * regions:
            break
        half *= min(4.0, max(0.25, (1.1 * regions / found) ** 0.8))
        found = es.count_regions(network, es.Box(-half, half, dim=2))
    return es.enumerate_regions(network, es.Box(-half, half, dim=2), polygons=True)


def measure(regions: int, folder: str) -> dict[str, Any]:
    """All figures for one number of regions."""
    omega = partition_of(regions)
    begin = time.perf_counter()
    explorer = omega.explore(title=f"{len(omega):,} regions")
    made = time.perf_counter() - begin
    path = os.path.join(folder, f"{regions}.html")
    explorer.save(path)
    out: dict[str, Any] = {
        "regions": len(omega),
        "units": omega.network.units,
        "explore_s": round(made, 2),
        "save_s": round(time.perf_counter() - begin - made, 2),
        "MB": round(os.path.getsize(path) / 1e6, 1),
    }
    driver = chromium(size=(1360, 860))
    try:
        driver.set_script_timeout(300)
        driver.get(f"file://{path}")
        wait_until_ready(driver, 300)
        first = driver.execute_script("return document.getElementById('plot').dataset.firstPicture")
        out["first_picture_s"] = round(int(first) / 1000, 2)
        for name, zoom in (("all", 1), ("zoom 6", 6), ("zoom 60", 60)):
            found = driver.execute_async_script(MOVE, SECONDS, zoom)
            out[f"fps, {name}"] = round(found["fps"], 1)
            out[f"fps drawn anew, {name}"] = round(max(0.0, found["drawn"]), 1)
            out[f"worst frame, {name}, ms"] = round(found["worst"], 1)
        found = driver.execute_script(LOOK)
        out["first hover, ms"], out["next hovers, ms"] = (
            round(found["first"], 1), round(found["next"], 4),
        )  # fmt: skip
    finally:
        driver.quit()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--regions", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--out", help="a .json file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(regions, folder) for regions in arguments.regions]
    for result in results:
        for name, value in result.items():
            print(f"{name:<26}{value:>14,}")
        print()
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
