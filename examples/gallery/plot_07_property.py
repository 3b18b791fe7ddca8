"""
A property of a small advisory network
======================================

The best known properties of networks are those of ACAS Xu: for some box of situations a given
advisory must be chosen. You learn how to write such a property in VNN-LIB and decide it. The
network here is a small one of the same kind, trained in seconds: distance, angle and speed of an
intruder in, three scores out.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPClassifier

import exactspline as es

# %%
# A rule to learn: far or slow is "clear" (0), else turn away from the side the intruder is on (1
# left, 2 right).

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (2000, 3))
danger = X[:, 0] - X[:, 2] / 2 < -0.2
y = np.where(~danger, 0, np.where(X[:, 1] > 0, 1, 2))
model = MLPClassifier((12, 12), max_iter=400, random_state=0).fit(X, y)
net = es.from_sklearn(model)
print(net, f"accuracy {model.score(X, y):.3f}", sep="\n")

# %%
# "If the distance is over 0.4, the answer is clear." A property in VNN-LIB is what a
# counterexample satisfies: some other score is at least that of output 0.

PROPERTY = """
(declare-const X_0 Real) (declare-const X_1 Real) (declare-const X_2 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real) (declare-const Y_2 Real)
(assert (>= X_0 {distance})) (assert (<= X_0 1))
(assert (>= X_1 -1)) (assert (<= X_1 1))
(assert (>= X_2 -1)) (assert (<= X_2 1))
(assert (or (and (>= Y_1 Y_0)) (and (>= Y_2 Y_0))))
"""
print(f"{'distance over':>13} {'answer':>7}  counterexample")
with tempfile.TemporaryDirectory() as folder:
    for distance in ("0.2", "0.3", "0.4", "0.6"):
        path = Path(folder) / "clear.vnnlib"
        path.write_text(PROPERTY.format(distance=distance))
        answer = es.verify(net, path)
        x = [round(float(t), 4) for t in answer.input or ()]
        print(f"{distance:>13} {answer.verdict:>7}  {x or 'none'}")

# %%
# "unsat" is a proof: there is no such input, in real arithmetic and without a tolerance. On the
# command line it is ``exactspline verify net.onnx clear.vnnlib``.

# %%
# The plane of speed 0, exactly: which advisory wins where, and the borders between them.

plane = es.Slice.through([0, 0, 0], [1, 0, 0], [0, 1, 0], domain=es.Box(-1, 1, dim=2))
omega = es.enumerate_regions(net, plane)
figure, ax = plt.subplots(figsize=(6, 4.6), layout="constrained")
omega.plot(ax, color="slope", boundary=True)
ax.set(xticks=[-1, -0.5, 0, 0.5, 1])
ax.set(xlabel="distance", ylabel="angle", title=f"{len(omega)} regions, decision boundary bold")
plt.show()
