"""Draw the moons network: its regions, its outputs along a line, and how training made them.

    python examples/plot_moons.py [folder]

writes partition.png, line.png and training.gif into docs/, or a folder of your choice. Needs
matplotlib (pip install 'exactspline[plot]'); half a minute, most of it for the film. All that is
drawn is computed exactly first: polygons, breakpoints, the decision boundary.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
from train_moons import SEED, moons, train

import exactspline as es

matplotlib.use("Agg")

HERE = Path(__file__).resolve().parent
WINDOW = es.Box([-2, "-1.5"], [3, 2])
SHOWN = (0, 20, 50, 100, 200, 400, 800, 1600, 4000)  # steps of training


def network(parameters: list[np.ndarray]) -> es.Network:
    """A network with these weights and biases."""
    operators: list[es.Operator] = []
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        operators += [es.Dense(weight.astype(np.float32), bias.astype(np.float32)), es.ReLU()]
    return es.Network(operators[:-1], (2,))


def checkpoints() -> list[es.Network]:
    """The network after some of the steps of its training."""
    found: list[es.Network] = []

    def watch(step: int, parameters: list[np.ndarray]) -> None:
        if step in SHOWN:
            found.append(network(parameters))

    train(*moons(200, 0.1, SEED), watch)
    return found


def main(folder: Path) -> None:
    net = es.load(HERE / "moons.onnx")
    points, classes = moons(60, 0.1, SEED)

    picture = es.enumerate_regions(net, WINDOW).plot(
        color="slope", boundary=True, points=(points, classes.astype(int))
    )
    picture.save(folder / "partition.png", dpi=110)
    print(picture)

    line = es.Slice.through([-2, 0], [3, 1], domain=es.Box([0], [1]))
    picture = es.enumerate_regions(net, line).plot(boundary=True)
    picture.save(folder / "line.png", dpi=80)
    print(picture)

    film = es.plot.film(checkpoints(), WINDOW, epochs=SHOWN, boundary=True)
    film.save(folder / "training.gif", fps=1.5, dpi=60)
    print(film, film.counts.tolist())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs")
