"""
Where floats go wrong: what others answer
=========================================

Three other packages were asked how many regions some awkward networks have: lines that coincide,
units that are 0 everywhere, slivers, no biases. You learn which of them are right, which say that
they cannot tell, and which give another number. The counts of this package are proved again here.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es

# %%
# The answers were recorded by ``benchmarks/peers.py``, each package in an environment of its own:
# regioncam on the square [-1, 1]^2, the others on all of R^D, where they are at home. The file is
# in ``benchmarks/`` of the repository.

recorded = json.loads(Path("../../benchmarks/peers.json").read_text())
record = recorded["degenerate"]
print("recorded", record["date"])
for name, about in record["peers"].items():
    print(f"{name} {about['version']}, which computes in {about['precision']}")

# %%
# Our counts, proved now, must be those of the record:

floats = np.vectorize(float.fromhex)
for row in record["rows"]:
    operators = [op for w, b in row["layers"] for op in (es.Dense(floats(w), floats(b)), es.ReLU())]
    net = es.Network(operators, (row["dim"],))
    assert es.count_regions(net, es.Box(-1, 1, dim=row["dim"])) == row["box"]
    assert es.count_regions(net) == row["space"]

# %%
# Green: the proved number of the network as the package holds it (in float32 if it says so).
# Yellow: it refuses, with an error. Red: another number. affinitree's trees also keep points and
# lines; in brackets are the cells with an interior, as its own linear program finds them, and light
# green says that their number is right. :doc:`/peers` says what lies behind each answer.


def told(row, name):
    answer = row["peers"].get(name)
    if answer is None:
        return "", "white"
    if "error" in answer:
        return "refused", "#f6e7b0"
    found, true = answer["regions"], answer["ours"]
    inside = answer.get("with_interior", found)
    if inside != found:
        return f"{found:,} ({inside:,})", "#e4edc4" if inside == true else "#f2c4bd"
    text = f"{found:,}" if true in (row["box"], row["space"]) else f"float32: {found:,}"
    return text, "#cfe8cf" if found == true else "#f2c4bd"


names = list(record["peers"])
cells = [[told(row, name) for name in names] for row in record["rows"]]
texts = [[row["name"], f"{row['box']:,}", f"{row['space']:,}", *(text for text, _ in line)]
         for row, line in zip(record["rows"], cells, strict=True)]  # fmt: skip
colours = [["white"] * 3 + [colour for _, colour in line] for line in cells]
figure, axes = plt.subplots(figsize=(8.2, 5.2), layout="constrained")
axes.axis("off")
table = axes.table(texts, colours, cellLoc="right", bbox=[0, 0, 1, 1],
                   colLabels=["network", "[-1, 1]$^D$", "R$^D$", *names],
                   colWidths=[3, 1.1, 1.1, 1.5, 1.5, 1.5])  # fmt: skip
table.auto_set_font_size(False)
for (_, column), cell in table.get_celld().items():
    cell.set_fontsize(10)
    cell.set_edgecolor("#bbbbbb")
    if column == 0:
        cell.set_text_props(ha="left")
plt.show()
