"""The other end of peers.py: counts with another package, in that package's own environment.

Run by peers.py with a peer's interpreter; nothing of exactspline is imported here. Reads requests
as lines of JSON and answers each by a line: networks are lists of weights and biases, of layers
followed by ReLU each, as float64 in hexadecimal, so that none is rounded on the way.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np

Weights = list[tuple[np.ndarray, np.ndarray]]


def regioncam(layers: Weights, box: bool) -> int:
    """Faces of the half-edge structure; it starts with the square [-1, 1]^2."""
    import regioncam as package

    if not box:
        raise NotImplementedError("boxes alone")
    made = package.Regioncam(size=1)
    for w, b in layers:
        made.linear(np.ascontiguousarray(w.T.astype(np.float32)), b.astype(np.float32))
        made.relu()
    return int(made.num_faces)


def affinitree(layers: Weights, box: bool) -> dict[str, int]:
    """Terminal nodes of the decision tree, after infeasible paths are left out."""
    from affinitree import AffFunc, AffTree, Architecture, Polytope, builder

    dim = layers[0][0].shape[1]
    network = Architecture(dim)
    for w, b in layers:
        network.linear(AffFunc.from_mats(np.ascontiguousarray(w), np.ascontiguousarray(b)))
        network.relu()
    inside = AffFunc.identity(dim)
    square = Polytope.hyperrectangle(dim, [(-1.0, 1.0)] * dim)
    before = [AffTree.from_poly(square, inside)] if box else []
    tree = builder.from_layers(network, *before)
    return {"regions": int(tree.num_terminals()), "tree": tree}


def with_interior(tree: Any, dim: int) -> int:
    """How many of affinitree's terminals hold a ball of radius 1e-9, by its own linear program."""
    from affinitree import Polytope

    window = Polytope.hyperrectangle(dim, [(-1000.0, 1000.0)] * dim)  # so that it is bounded
    return sum(
        _radius(polytope.intersection(window), _radius(polytope, 1.0)) > 1e-9
        for _, node, polytope in tree.polyhedra()
        if node.is_terminal()
    )


def _radius(polytope: Any, otherwise: float) -> float:
    """Of the largest ball inside; ``otherwise`` if there is no largest one, or none at all."""
    program, cost = polytope.chebyshev_center()
    try:
        return float(program.solve(cost)[-1])
    except ValueError:  # unbounded, or outside of the window
        return otherwise


def relucent(layers: Weights, box: bool) -> int:
    """Cells that a breadth-first search finds and that it certifies at its end."""
    import relucent as package
    from relucent.model.model import LinearLayer, ReLULayer, ReLUNetwork

    package.config.update_settings(VERBOSE=0)
    parts: list[Any] = []
    for w, b in layers:
        parts += [LinearLayer(w, b), ReLULayer()]
    made = package.Complex(ReLUNetwork(parts))
    dim = layers[0][0].shape[1]
    start = np.random.default_rng(7).uniform(-1, 1, (1, dim))  # not on a hyperplane, unlike 0
    cube: dict[str, Any] = {"cube_radius": 1.0, "cube_mode": "intersect"} if box else {}
    made.bfs(start, nworkers=1, verbose=0, **cube)
    if not made.complete:
        raise RuntimeError(f"{len(made)} cells, not complete")
    return len(made)


PEERS = {"regioncam": regioncam, "affinitree": affinitree, "relucent": relucent}


def cpu() -> float:
    """Seconds of processor time of this process and of the workers that it has ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def array(rows: Any) -> np.ndarray:
    """From texts as float.hex writes them."""
    return np.array([array(r) if isinstance(r, list) else float.fromhex(r) for r in rows])


def answer(count: Any, request: dict[str, Any]) -> dict[str, Any]:
    """The regions and the seconds of a call, or the error."""
    layers = [(array(w), array(b)) for w, b in request["layers"]]
    began = cpu()
    try:
        found: Any = 0
        for _ in range(request["times"]):
            found = count(layers, request["box"])
    except BaseException as error:  # a panic of compiled code is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"}
    seconds = (cpu() - began) / request["times"]
    if not isinstance(found, dict):
        return {"regions": found, "seconds": seconds}
    more = (
        {"with_interior": with_interior(found["tree"], layers[0][0].shape[1])}
        if request["look"]
        else {}
    )
    return {"regions": found["regions"], "seconds": seconds, **more}


def main() -> None:
    """Serve the peer that is named."""
    name = sys.argv[1]
    out = os.fdopen(os.dup(1), "w")  # what the peer itself prints goes elsewhere
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("hello"):
            said = {"version": version(name), "python": sys.version.split()[0],
                    "numpy": np.__version__}  # fmt: skip
        else:
            said = answer(PEERS[name], request)
        out.write(json.dumps(said) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
