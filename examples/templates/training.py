"""What the experiments with templates share: scikit-learn's digits, and a small network."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

Loss = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Half of the digits for training, half for testing; inputs of 64 numbers in [0, 1]."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images / 16, labels, test_size=0.5, random_state=0, stratify=labels)
    train, test, train_labels, test_labels = (torch.tensor(part) for part in split)
    return train.float(), train_labels, test.float(), test_labels


def network(seed: int, bias: bool = True, hidden: tuple[int, ...] = (64, 32)) -> nn.Sequential:
    """A fully connected ReLU network, 64 - 64 - 32 - 10."""
    torch.manual_seed(seed)
    widths = (64, *hidden)
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10, bias=bias))


def train(
    net: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int, loss: Loss,
    after: Callable[[int], None] = lambda epoch: None, rate: float = 3e-3,
) -> None:  # fmt: skip
    """Train by Adam, in batches of 64; ``after`` is called with the number of epochs done."""
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    after(0)
    for epoch in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            loss(net, images[batch], labels[batch]).backward()
            optimizer.step()
        after(epoch + 1)


def accuracy(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images whose largest output is their label."""
    with torch.no_grad():
        return float((net(images).argmax(1) == labels).double().mean())
