"""Activations that are no maxima of their pieces, and what selecting the largest piece gives.

    python examples/figures/no_masos.py    # writes no_masos.png

Black the activation, red the largest of its pieces, blue the smallest: a MASO is the red one. Dots
are the counterexamples, in rationals: theory.survival(activation) lists what survives.
"""

from __future__ import annotations

import numpy as np
from drawing import save, sheet
from matplotlib.figure import Figure

from exactspline.theory import nonconvex_activations, survival


def draw(small: bool) -> Figure:
    """One panel an activation."""
    u = np.linspace(-3, 3, 61 if small else 601)
    figure = sheet(10, 3.4)
    panels = figure.subplots(1, 3)
    for axes, (name, activation) in zip(panels, nonconvex_activations().items(), strict=True):
        values = activation.forward(u[:, None])[:, 0]
        aso = activation.as_aso((1,))
        A, B = (np.array(v, dtype=float) for v in (aso.A, aso.B))
        pieces = A[0, :, 0][:, None] * u + B[0][:, None]
        axes.plot(u, pieces.max(axis=0), color="#d62728", label="largest piece")
        axes.plot(u, pieces.min(axis=0), color="#1f77b4", label="smallest piece")
        axes.plot(u, values, color="black", linewidth=2, label="activation")
        for entry in survival(activation, networks=False)[:2]:
            found = entry.counterexample
            if found is not None:
                axes.plot(float(found["u"]), float(found["value"]), "o", color="black")
                other = float(next(v for k, v in found.items() if k.endswith("piece")))
                axes.plot(float(found["u"]), other, "o", color="grey")
        axes.set_title(name, fontsize=10)
        axes.set_ylim(-3.4, 3.4)
        axes.grid(alpha=0.25)
    panels[0].legend(fontsize=8, frameon=False, loc="upper left")
    return figure


if __name__ == "__main__":
    save(draw, "no_masos.png")
