"""Training with penalties on templates: what they do to templates, and what that costs.

    python examples/figures/penalties.py    # writes penalties.png

Drawn from the table of `python examples/templates/penalties.py`, which trains five networks with
every penalty. Left the mean cosine between templates of two classes, right the size of the
templates; above each the test accuracy: the mean, and the least and the largest of five seeds.
"""

from __future__ import annotations

from pathlib import Path

from drawing import save, sheet
from matplotlib.figure import Figure

TABLE = Path(__file__).resolve().parents[1] / "templates" / "results" / "penalties.md"
KINDS = {  # how the table's rows begin: name, colour, marker
    "none": ("no penalty", "black", "*"),
    "<W_c": ("orthogonal W (last layer)", "#56b4e9", "h"),
    "<A_c": ("orthogonal A[x]", "#0072b2", "s"),
    "sum_c": ("sum |A|² above 100", "#009e73", "^"),
    "A_c across x, shares": ("A across x, as shares", "#d55e00", "v"),
    "A_c across x": ("A across x", "#e69f00", "o"),
    "distance": ("collinear optimum", "#cc79a7", "P"),
}
LOWEST = 90.8  # what is below is named in words


def rows() -> list[tuple[str, list[str]]]:
    """The kind of every row, and its cells."""
    lines = [x for x in TABLE.read_text(encoding="utf-8").splitlines() if x.startswith("|")][2:]
    cells = [[c.strip() for c in x.replace("\\|", "!").strip("|").split("|")] for x in lines]
    plain = [(row[0].replace("!", "|"), row) for row in cells]
    return [(next(k for k in KINDS if name.startswith(k)), row) for name, row in plain]


def draw(small: bool) -> Figure:
    """Accuracy over what the penalty changes."""
    figure = sheet(10, 3.8)
    left, right = figure.subplots(1, 2, sharey=True)
    named = set()
    for kind, row in rows():
        label, colour, marker = KINDS[kind]
        mean, low, high = float(row[2]), float(row[4]), float(row[5])
        if mean < LOWEST:
            said = f"{label}, λ = {row[1]}: {mean:.1f} ({low:.0f} to {high:.0f}), not drawn"
            figure.suptitle(said, fontsize=8.5, color=colour, x=0.41)
            continue
        for axes, x in ((left, float(row[7])), (right, float(row[8]))):
            axes.errorbar(
                x, mean, [[mean - low], [high - mean]], color=colour, marker=marker, capsize=2,
                markersize={"*": 9, "o": 9, "P": 5}.get(marker, 6), linewidth=1, linestyle="none",
                label=label if axes is right and label not in named else None,
            )  # fmt: skip
        named.add(label)
    left.set_xlabel("mean |cosine| of two classes' templates")
    right.set_xlabel("mean sum over classes of |A_c|²")
    left.set_ylabel("test accuracy in percent")
    left.set_ylim(LOWEST - 0.1, 96.7)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    for axes in (left, right):
        axes.grid(alpha=0.25)
    return figure


if __name__ == "__main__":
    save(draw, "penalties.png")
