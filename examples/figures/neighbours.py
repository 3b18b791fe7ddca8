"""The region of a digit, and what changes in the winner's template across its nearest facets.

    python examples/figures/neighbours.py    # writes neighbours.png

Across a facet with normal n the map changes by a matrix of rank one, v n^T: whatever the class,
its template changes by a multiple of the same image, and not at all if the unit has no say in it.
"""

from __future__ import annotations

import numpy as np
from drawing import HERE, digits, hide_axes, save, sheet
from matplotlib.figure import Figure

import exactspline as es


def draw(small: bool) -> Figure:
    """The digit and its template, and per facet the change of the template."""
    network = es.load(HERE / "networks" / "cnn_relu.onnx")
    noise = np.random.default_rng(0).uniform(-0.02, 0.02, (1, 8, 8))
    x = digits()[0][1005] + noise  # off the boundaries, where black pixels tie in max-pooling
    (region,) = es.regions_at(network, x)
    winner = int(network.forward(x).argmax())
    walls = region.inequalities(irredundant=False)
    rows = np.array([[float(v) for v in wall.coefficients] for wall in walls])
    lengths = np.linalg.norm(rows, axis=1)
    distance = (rows @ x.reshape(-1) + [float(wall.constant) for wall in walls]) / lengths
    here = region.templates()[winner]
    shown: list[tuple[int, int, np.ndarray]] = []  # rank, inequality, change of the template
    rank = 0
    for i in np.argsort(distance, kind="stable").tolist():
        foot = x.reshape(-1) - distance[i] * rows[i] / lengths[i]
        step = 1e-7 * rows[i] / lengths[i]
        before, after = es.codes(network, [foot + step, foot - step], exact=True)
        if (before != region.code).any():
            continue  # behind another facet
        rank += 1
        change = es.affine_maps(network, [foot - step])[0][0, winner] - here
        if (after != region.code).any() and np.abs(change).max() > 1e-6:
            shown.append((rank, i, change))
        if len(shown) == (2 if small else 6):
            break
    figure = sheet(1.55 * (len(shown) + 2), 2.3)
    panels = figure.subplots(1, len(shown) + 2)
    panels[0].imshow(x[0], cmap="gray_r")
    panels[0].set_title("input", fontsize=8)
    largest = max(np.abs(here).max(), 1e-9)
    panels[1].imshow(here.reshape(8, 8), cmap="RdBu_r", vmin=-largest, vmax=largest)
    panels[1].set_title(f"template of class {winner}", fontsize=8)
    most = max(np.abs(change).max() for _, _, change in shown)
    kinds = dict(zip(network.labels, network.operators, strict=False))
    for axes, (rank, i, change) in zip(panels[2:], shown, strict=True):
        name = network.unit_name(walls[i].unit)
        axes.imshow(change.reshape(8, 8), cmap="PuOr_r", vmin=-most, vmax=most)
        axes.set_title(f"facet {rank}: {kinds[name.operator].kind}{list(name.index)}", fontsize=8)
        axes.set_xlabel(f"at distance {distance[i]:.4f}", fontsize=8)
    for axes in panels:
        hide_axes(axes)
    figure.suptitle("how the template changes across the nearest facets that change it; "
                    "the unit that bends there", fontsize=9, x=0.62)  # fmt: skip
    return figure


if __name__ == "__main__":
    save(draw, "neighbours.png")
