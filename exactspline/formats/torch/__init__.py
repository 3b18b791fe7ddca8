"""PyTorch modules and programs, read by way of torch.export."""

from ..registry import hint

__all__: list[str] = []

hint(
    ".pt", ".pth",
    reading="a state dict needs its module: from_torch(module, input_shape, weights=...)",
)  # fmt: skip
