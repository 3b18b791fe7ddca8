"""Toy networks with rational weights, for which every statement can be checked in a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..mode import guarded
from .registry import exported

if TYPE_CHECKING:
    from ..network.network import Network
    from ..network.operator import Operator

__all__ = ["toy_networks"]

Activation = Callable[[], "Operator"]


def _dense(activation: Activation) -> Network:
    from ..network import Dense, Network

    first = Dense([[1, "-1/2"], ["1/3", 1], [-1, -1]], ["1/2", -1, "1/3"])
    second = Dense([[1, -2, "1/2"], ["-1/3", 1, 1]], [0, "1/4"])
    return Network(
        [first, activation(), second, activation(), Dense([[1, "-2/3"], ["1/2", 1]], [0, 1])],
        (2,),
    )


def _conv(activation: Activation) -> Network:
    from ..network import Conv, Dense, Flatten, Network

    return Network(
        [
            Conv([[[1, "-1/2"]], [["1/3", 1]]], [0, "-1/2"]),
            activation(),
            Conv([[[1, -1], ["1/2", 1]], [[0, 1], [-1, "1/3"]]], ["1/3", 0]),
            activation(),
            Flatten(),
            Dense([[1, "-1/3"]], ["1/5"]),
        ],
        (1, 3),
    )


def _pooled(activation: Activation) -> Network:
    from ..network import Conv, Dense, Flatten, MaxPool, Network

    return Network(
        [
            Conv([[[1, "-1/2"]], [["1/3", 1]]], [0, "1/2"]),
            activation(),
            MaxPool((2,)),
            Flatten(),
            Dense([[1, -1], ["1/2", "2/3"]], [0, "-1/4"]),
        ],
        (1, 3),
    )


def _residual(activation: Activation) -> Network:
    from ..network import Dense, Network, Residual

    return Network(
        [
            Residual([Dense([[1, "1/2"], [-1, "1/3"]], ["1/2", 0]), activation()]),
            Residual(
                [Dense([["1/3", -1], [1, 1]], [0, "-1/2"]), activation()],
                [Dense([[1, 0], ["1/2", 1]])],
            ),
            Dense([[1, -1]], ["1/7"]),
        ],
        (2,),
    )


@exported
@guarded
def toy_networks() -> dict[str, Network]:
    """The built-in gallery: name to network.

    Returns
    -------
    dict of str to Network
        Dense, convolutional, pooled and residual ones, each with ReLU, leaky ReLU and abs, a
        convex network of nondecreasing layers, and one unit whose partition is a Voronoi diagram.

    Examples
    --------
    >>> list(toy_networks())[:3]
    ['dense ReLU', 'dense leaky ReLU', 'dense abs']
    """
    from ..network import MASO, Abs, Dense, LeakyReLU, Network, ReLU

    activations: dict[str, Activation] = {
        "ReLU": ReLU, "leaky ReLU": lambda: LeakyReLU("1/10"), "abs": Abs,
    }  # fmt: skip
    kinds = {"dense": _dense, "conv": _conv, "pooled": _pooled, "residual": _residual}
    out = {
        f"{kind} {name}": make(activation)
        for kind, make in kinds.items()
        for name, activation in activations.items()
    }
    out["convex ReLU"] = Network(
        [
            Dense([[1, "-1/2"], ["1/3", 1], [-1, -1]], ["1/2", -1, "1/3"]),
            ReLU(),
            Dense([[1, 2, "1/2"], ["1/3", 1, 1]], [-1, "-3/4"]),
            ReLU(),
            Dense([[1, "2/3"]], [1]),
        ],
        (2,),
    )
    # B_r = -|A_r|^2 / 2: nearest centroid, as in K-means
    centroids = [[0, 0], [2, 1], [-1, 3]]
    out["K-means"] = Network([MASO([centroids], [[0, "-5/2", "-5"]])], (2,))
    return out
