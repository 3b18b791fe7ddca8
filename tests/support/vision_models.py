"""Small networks of the shapes that people train on images, in PyTorch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class LeNet(nn.Module):
    """Convolutions and pooling, then dense layers."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5),
            nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Linear(400, 120), nn.ReLU(), nn.Dropout(), nn.Linear(120, 84), nn.ReLU(),
            nn.Linear(84, 10),
        )  # fmt: skip

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class Block(nn.Module):
    """A residual block with batch normalisation."""

    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.skip = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.skip = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + self.skip(x))


class ResNet(nn.Module):
    """Residual blocks, global pooling, and a dense layer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        self.blocks = nn.Sequential(Block(8, 8), Block(8, 16, 2))
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        return self.fc(torch.flatten(self.pool(self.blocks(self.stem(x))), 1))


class Mixer(nn.Module):
    """Patches, and dense layers across them and across channels, with ReLU."""

    def __init__(self, patches=16, width=12):
        super().__init__()
        self.embed = nn.Conv2d(3, width, 4, 4)
        self.tokens = nn.Sequential(nn.Linear(patches, 20), nn.ReLU(), nn.Linear(20, patches))
        self.channels = nn.Sequential(nn.Linear(width, 24), nn.ReLU(), nn.Linear(24, width))
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(x.transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(x)
        return self.head(x.mean(dim=1))


class UNet(nn.Module):
    """Down and up again, once by interpolation and once by a transposed convolution."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.up2 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.up1 = nn.ConvTranspose2d(8, 4, 2, 2)
        self.join2, self.join1 = nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        a = functional.relu(self.down1(x))
        b = functional.relu(self.down2(functional.max_pool2d(a, 2)))
        c = functional.relu(self.middle(functional.avg_pool2d(b, 2)))
        b = functional.relu(self.join2(torch.cat([self.up2(c), b], dim=1)))
        a = functional.leaky_relu(self.join1(torch.cat([self.up1(b), a], dim=1)), 0.1)
        return self.out(a)


class DenseBlock(nn.Module):
    """Every layer reads all layers before it."""

    def __init__(self, n_in=3, growth=4, layers=3):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(n_in + growth * i), nn.ReLU(),
                nn.Conv2d(n_in + growth * i, growth, 3, padding=1, bias=False),
            )
            for i in range(layers)
        )  # fmt: skip
        self.head = nn.Linear(n_in + growth * layers, 5)

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        joined = functional.adaptive_avg_pool2d(torch.cat(features, 1), 1)
        return self.head(joined.flatten(1))


MODELS = {
    "lenet": (LeNet, (1, 28, 28)), "resnet": (ResNet, (3, 16, 16)), "mixer": (Mixer, (3, 16, 16)),
    "unet": (UNet, (1, 16, 16)), "densenet": (DenseBlock, (3, 8, 8)),
}  # fmt: skip


def trained(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """A model with numbers that are nobody's default, in eval mode, and its input shape."""
    kind, shape = MODELS[name]
    torch.manual_seed(3)
    module = kind()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.2)
            nn.init.normal_(part.running_mean, 0, 0.2)
            nn.init.uniform_(part.running_var, 0.5, 2)
    return module.eval(), shape
