"""
An ACAS Xu property
===================

"If an intruder is straight ahead and comes towards us, the answer is not clear of conflict." You
learn how such a property is decided, what the verdicts for the real networks are, and how to look
at the plane in which it lies.
"""

import json
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es

sys.path.insert(0, "../acasxu")
from record import ADVISORIES

# %%
# Property 3 as VNN-LIB has it: the box, in normalised inputs, and what a counterexample satisfies.
# The advisory with the smallest score is given; 0 is "clear of conflict".

LOW = ("-0.303531156", "-0.009549297", "0.493380324", "0.3", "0.3")
HIGH = ("-0.298552812", "0.009549297", "0.5", "0.5", "0.5")
lines = [f"(declare-const {kind}_{i} Real)" for kind in "XY" for i in range(5)]
lines += [f"(assert (and (>= X_{i} {LOW[i]}) (<= X_{i} {HIGH[i]})))" for i in range(5)]
lines += [f"(assert (<= Y_0 Y_{i}))" for i in range(1, 5)]

# %%
# ``exactspline verify network.onnx property.vnnlib`` decides it. Here on two small networks with
# numbers that are drawn; the score of "clear" is made smaller or larger by a constant:

rng = np.random.default_rng(1)
W1, W2 = rng.normal(size=(12, 5)).round(2), rng.normal(size=(5, 12)).round(2)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "property.vnnlib"
    path.write_text("\n".join(lines))
    for clear in (-9, 9):
        net = es.Network([es.Dense(W1), es.ReLU(), es.Dense(W2, [clear, 0, 0, 0, 0])], (5,))
        answer = es.verify(net, path)
        x = [round(float(v), 3) for v in answer.input or ()]
        print(f"score of clear {clear:+}: {answer.verdict}", x or "")

# %%
# The networks of ACAS Xu are public, but no part of this project. Their verdicts were recorded by
# ``python examples/acasxu/record.py FOLDER``: "unsat", no input violates the property, is a proof.

recorded = json.loads(Path("../acasxu/recorded.json").read_text(encoding="utf-8"))
made = recorded["made"]
rows = [row for row in recorded["rows"] if "verdict" in row]
found = {(r["network"], r["property"]): f"{r['verdict']} {r['verdict_seconds']} s" for r in rows}
print(f"recorded on {made['date']}, {made['machine']}, beside other work")
print(f"{'network':<8}" + "".join(f"{f'property {n}':>14}" for n in range(1, 5)))
for name in sorted({row["network"] for row in rows}):
    print(f"{name:<8}" + "".join(f"{found.get((name, n), ''):>14}" for n in range(1, 5)))
for (name, number), verdict in found.items():
    if number > 4:
        print(f"network {name}, property {number}: {verdict}")

# %%
# A counterexample is a point in fractions. The first one that was recorded, rounded:
row = next(row for row in rows if "input" in row)
x = [round(float(Fraction(x)), 6) for x in row["input"]]
print(f"network {row['network']}, property {row['property']}:", x)

# %%
# The plane of distance and angle of an oncoming intruder in network 1_1, recorded as well: regions
# with the advisory at a point of each, and the exact borders. Property 3 lies near (-0.3, 0).

print(*ADVISORIES, sep=", ")
figure, ax = plt.subplots(figsize=(9, 5.8), layout="constrained")
ax.imshow(plt.imread("../acasxu/advisories.png"))
ax.axis("off")
plt.show()
