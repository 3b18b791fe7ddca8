"""PyTorch modules, read by tracing them."""
