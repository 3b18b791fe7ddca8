"""What ``exactspline`` offers of this room, loaded when one is asked for."""

from .parts import HalfSpace, Part
from .preimages import Preimage, PreimageVolume, preimage
from .regions import RegionsWhere, RegionWhere
from .verify import Answer, OutputRange, output_range, verify

__all__ = [
    "Answer", "HalfSpace", "OutputRange", "Part", "Preimage", "PreimageVolume", "RegionWhere",
    "RegionsWhere", "output_range", "preimage", "verify",
]  # fmt: skip
