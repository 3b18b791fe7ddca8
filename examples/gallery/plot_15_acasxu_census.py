"""
A census of ACAS Xu
===================

Networks that advise a plane to avoid a collision: 5 inputs, 6 layers of 50 units with ReLU. You
learn how to take a network apart in more than two dimensions: regions, pieces, edges, and how many
neighbours a region has.
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exactspline as es

sys.path.insert(0, "../acasxu")
from record import taken_apart

# %%
# The script ``examples/acasxu/record.py`` has a function for the census of one box. Here it runs on
# a small network of the same kind, with numbers that are drawn, and in fractions alone:

rng = np.random.default_rng(0)
one, two, out = (rng.normal(size=shape).round(2) for shape in ((5, 5), (4, 5), (5, 4)))
net = es.Network([es.Dense(one), es.ReLU(), es.Dense(two), es.ReLU(), es.Dense(out)], (5,))
small = taken_apart(net, es.Box("-1/4", "1/2", dim=5), 1_000, engine="rational")
print({key: small[key] for key in ("regions", "edges", "linear", "pieces", "neighbours")})

# %%
# The ACAS Xu networks themselves are public, but no part of this project. What follows was recorded
# by ``python examples/acasxu/record.py FOLDER`` in a folder that holds them:

recorded = json.loads(Path("../acasxu/recorded.json").read_text(encoding="utf-8"))
made, rows = recorded["made"], recorded["rows"]
print(f"recorded on {made['date']}, {made['machine']}, exactspline {made['exactspline']},")
print(f"{made['seconds']} s in all, beside other work (load {made['load']} when it began)")

# %%
# Every network in the boxes of the properties that its benchmark asks for. Neighbours: the least,
# the mean, the most. Boxes with more regions than the recording's limit are only known to have
# more. Properties 1 and 2 share a box; 6 has two. Where there are fewer pieces than regions, units
# switch and nothing comes of it: in the box of property 10 network 4_5 is one constant.

head = ("network", "property", "dimension", "regions", "edges", "pieces", "neighbours", "seconds")
print("".join(f"{word:>11}" for word in head))
for row in rows:
    cells = [row["network"], row["property"], row.get("dimension", "")]
    if row["complete"]:
        degrees = sorted(map(int, row["neighbours"]))
        mean = 2 * row["edges"] / row["regions"]
        cells += [f"{row[key]:,}" for key in ("regions", "edges", "pieces")]
        cells += [f"{degrees[0]}-{mean:.1f}-{degrees[-1]}", row["seconds"]]
    else:
        cells += [f">{row['regions']:,}"]
    print("".join(f"{cell!s:>11}" for cell in cells))

# %%
# Left, regions in the boxes of properties 3 and 4, network by network. Right, the share of regions
# with so many neighbours: in property 4 one input is fixed, so there are four dimensions, not five.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for number, colour in ((3, "#0072b2"), (4, "#d55e00")):
    own = [row for row in rows if row["property"] == number and row["complete"]]
    left.semilogy([r["network"] for r in own], [r["regions"] for r in own], "o", color=colour,
                  label=f"property {number}")  # fmt: skip
    for k, row in enumerate(r for r in own if r["regions"] > 5_000):
        degrees, regions = zip(*((int(d), n) for d, n in row["neighbours"].items()), strict=True)
        right.plot(degrees, np.array(regions) / row["regions"], ".-", color=colour, lw=0.8,
                   label=f"property {number}" if k == 0 else None)  # fmt: skip
left.set(xlabel="network", ylabel="regions")
right.set(xlabel="neighbours of a region", ylabel="share of regions", title="over 5,000 regions")
left.legend()
right.legend()
plt.show()
