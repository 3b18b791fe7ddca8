"""Train the small networks of the figures on scikit-learn's digits: a minute, needs torch.

    python examples/figures/train_digits.py    # writes networks/*.onnx

CNN and ResNet, ReLU and absolute value, with batch normalisation and without; and a CNN whose last
layer's templates are made orthogonal by a penalty.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from drawing import HERE, digits
from torch import nn

import exactspline as es
from exactspline.theory import orthogonality_penalty

ACTIVATIONS = {"relu": torch.relu, "abs": torch.abs}


class Block(nn.Module):
    """activation(norm(conv(z))), plus conv(z) past it in a ResNet."""

    def __init__(self, n_in: int, n_out: int, activation: str, norm: bool, skip: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.norm = nn.BatchNorm2d(n_out) if norm else nn.Identity()
        self.skip = nn.Conv2d(n_in, n_out, 1) if skip else None
        self.activation = ACTIVATIONS[activation]

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        out = self.activation(self.norm(self.conv(z)))
        return out if self.skip is None else out + self.skip(z)


def fit(activation: str, norm: bool, skip: bool, penalty: float, epochs: int = 40) -> nn.Module:
    """A trained network; the first 1,000 digits are for training."""
    torch.manual_seed(0)
    options = (activation, norm, skip)
    net = nn.Sequential(
        Block(1, 4, *options), nn.MaxPool2d(2), Block(4, 8, *options), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    images, labels = (torch.tensor(v[:1000]) for v in digits())
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(50):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(images[batch].float()), labels[batch])
            (loss + penalty * orthogonality_penalty(net[-1].weight)).backward()
            optimizer.step()
    return net.eval()


def main() -> None:
    """Train all, tell their accuracy on the other digits, and save."""
    torch.set_num_threads(1)  # such small networks are slower with more
    images, labels = digits()
    cases = [(*case, 0.0) for case in product(ACTIVATIONS, (False, True), (False, True))]
    for activation, norm, skip, penalty in [*cases, ("relu", False, False, 1.0)]:
        network = es.from_torch(fit(activation, norm, skip, penalty), (1, 8, 8))
        right = network.forward(images[1000:]).argmax(axis=1) == labels[1000:]
        name = f"{'resnet' if skip else 'cnn'}_{activation}{'_norm' * norm}"
        name += "_orthogonal" if penalty else ""
        network.to_onnx(HERE / "networks" / f"{name}.onnx")
        print(f"{name}: {100 * np.mean(right):.1f}% of {len(right)} digits")


if __name__ == "__main__":
    main()
