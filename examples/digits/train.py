"""Train the small residual convolutional network of this folder on scikit-learn's digits.

    python examples/digits/train.py    # writes digits.pt, digits.onnx and three images

Needs torch and scikit-learn. About twenty seconds; the same seed gives the same network on the
same machine and version of torch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

HERE = Path(__file__).parent


class Residual(nn.Module):
    """relu(conv(z)) + skip(z): the residual layer of the theory."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        same = channels_in == channels_out
        self.skip = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv(z)) + self.skip(z)


class Digits(nn.Module):
    """Images 1 x 8 x 8 in [0, 1] to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3, padding=1)
        self.one = Residual(6, 6)
        self.two = Residual(6, 12)
        self.pool = nn.MaxPool2d(2)
        self.last = nn.Linear(48, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.pool(self.one(torch.relu(self.first(x))))
        z = self.pool(self.two(z))
        return self.last(torch.flatten(z, 1))


def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training images, test images, and their labels."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images / 16, labels, test_size=0.25, random_state=0, stratify=labels)
    train, test, train_labels, test_labels = (torch.tensor(a) for a in split)
    shape = (-1, 1, 8, 8)
    return train.float().reshape(shape), test.float().reshape(shape), train_labels, test_labels


def fit(epochs: int, seed: int = 0) -> tuple[Digits, float]:
    """A trained network in evaluation mode, and its accuracy on the test images."""
    torch.manual_seed(seed)
    train, test, train_labels, test_labels = data()
    net = Digits()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(train)).split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(train[batch]), train_labels[batch])
            loss.backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        accuracy = float((net(test).argmax(1) == test_labels).float().mean())
    return net, accuracy


def main() -> None:
    """Train, and write the weights and the ONNX model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    arguments = parser.parse_args()
    net, accuracy = fit(arguments.epochs)
    torch.save(net.state_dict(), arguments.out / "digits.pt")
    for name, image in zip("abc", data()[1].numpy(), strict=False):  # the first test images
        np.save(arguments.out / f"{name}.npy", image)
    torch.onnx.export(
        net,
        (torch.zeros(1, 1, 8, 8),),
        str(arguments.out / "digits.onnx"),
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        dynamo=False,
    )
    print(f"test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
