"""What the package has of this room."""

from __future__ import annotations

from .queries import QueryAnswer, verify_query
from .verify import Answer, OutputRange, output_range, verify

__all__ = ["Answer", "OutputRange", "QueryAnswer", "output_range", "verify", "verify_query"]
