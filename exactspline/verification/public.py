"""What the package has of this room."""

from __future__ import annotations

from .queries import verify_query
from .verify import OutputRange, output_range, verify

__all__ = ["OutputRange", "output_range", "verify", "verify_query"]
