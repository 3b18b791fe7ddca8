"""Train the small network of this folder: two half moons, 2-16-16-1, ReLU, float32.

    python examples/train_moons.py

writes examples/moons.onnx. Only NumPy and onnx are needed; it takes a few seconds. Another
version of NumPy or another processor may round differently and give other weights, and with
them another number of regions: the committed file is the one that the documentation speaks of.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTHS = (2, 16, 16, 1)
STEPS = 4000
RATE = 0.01
DECAY = 2e-4
SEED = 7


def moons(n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles: points (2 n, 2) and classes 0 or 1."""
    rng = np.random.default_rng(seed)
    angle = np.pi * np.linspace(0, 1, n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.concatenate([upper, lower]) + noise * rng.standard_normal((2 * n, 2))
    return points, np.repeat([0.0, 1.0], n)


def train(
    points: np.ndarray,
    classes: np.ndarray,
    watch: Callable[[int, list[np.ndarray]], None] | None = None,
) -> list[np.ndarray]:
    """Weights and biases by Adam on the logistic loss, with weight decay.

    ``watch`` is called with the number of steps and the parameters, before the first step too.
    """
    rng = np.random.default_rng(SEED)
    parameters: list[np.ndarray] = []
    for n_in, n_out in pairwise(WIDTHS):
        parameters.append(rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in))
        parameters.append(0.5 * rng.standard_normal(n_out))
    mean = [np.zeros_like(p) for p in parameters]
    square = [np.zeros_like(p) for p in parameters]
    for step in range(1, STEPS + 1):
        if watch is not None:
            watch(step - 1, parameters)
        gradients = backward(parameters, points, classes)
        rate = RATE * (1 - step / (STEPS + 1))
        for i, gradient in enumerate(gradients):
            gradient += DECAY * parameters[i]
            mean[i] += 0.1 * (gradient - mean[i])
            square[i] += 0.001 * (gradient**2 - square[i])
            size = np.sqrt(square[i] / (1 - 0.999**step)) + 1e-8
            parameters[i] -= rate * mean[i] / (1 - 0.9**step) / size
    if watch is not None:
        watch(STEPS, parameters)
    return parameters


def backward(
    parameters: list[np.ndarray], points: np.ndarray, classes: np.ndarray
) -> list[np.ndarray]:
    """Gradients of the mean logistic loss."""
    outputs = [points]
    last = len(parameters) // 2 - 1
    for layer in range(last + 1):
        weight, bias = parameters[2 * layer : 2 * layer + 2]
        value = outputs[-1] @ weight.T + bias
        outputs.append(value if layer == last else np.maximum(value, 0))
    delta = (1 / (1 + np.exp(-outputs[-1][:, 0])) - classes)[:, None] / len(points)
    gradients: list[np.ndarray] = []
    for layer in range(last, -1, -1):
        gradients = [delta.T @ outputs[layer], delta.sum(axis=0), *gradients]
        if layer:
            delta = (delta @ parameters[2 * layer]) * (outputs[layer] > 0)
    return gradients


def save(parameters: list[np.ndarray], path: Path) -> None:
    """Write an ONNX file: Gemm and Relu, float32."""
    nodes, stored, value = [], [], "x"
    last = len(parameters) // 2 - 1
    for layer in range(last + 1):
        names = [f"{letter}{layer}" for letter in "Wb"]
        for name, array in zip(names, parameters[2 * layer : 2 * layer + 2], strict=True):
            stored.append(numpy_helper.from_array(array.astype(np.float32), name))
        out = "y" if layer == last else f"u{layer}"
        nodes.append(helper.make_node("Gemm", [value, *names], [out], f"dense{layer}", transB=1))
        value = out
        if layer != last:
            value = f"h{layer}"
            nodes.append(helper.make_node("Relu", [out], [value], f"relu{layer}"))
    graph = helper.make_graph(
        nodes,
        "moons",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", WIDTHS[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", WIDTHS[-1]])],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def main() -> None:
    points, classes = moons(200, 0.1, SEED)
    parameters = train(points, classes)
    hidden = points
    for layer in range(len(WIDTHS) - 2):
        hidden = np.maximum(hidden @ parameters[2 * layer].T + parameters[2 * layer + 1], 0)
    logit = hidden @ parameters[-2].T + parameters[-1]
    print(f"{np.mean((logit[:, 0] > 0) == classes):.1%} of the training points are right")
    save(parameters, Path(__file__).with_name("moons.onnx"))


if __name__ == "__main__":
    main()
