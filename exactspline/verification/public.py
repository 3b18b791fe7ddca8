"""What ``exactspline`` offers of this room, loaded when one is asked for."""

from .parts import HalfSpace, Part
from .regions import RegionsWhere, RegionWhere
from .verify import Answer, OutputRange, output_range, verify

__all__ = [
    "Answer", "HalfSpace", "OutputRange", "Part", "RegionWhere", "RegionsWhere", "output_range",
    "verify",
]  # fmt: skip
