"""What ``exactspline`` offers of this room, loaded when one is asked for."""

from .parts import HalfSpace, Part
from .preimages import Preimage, PreimageVolume, preimage
from .queries import QueryAnswer, verify_query
from .radius import Radius, robust_radius
from .ranges import OutputRange, output_range
from .regions import RegionsWhere, RegionWhere
from .verify import Answer, verify
from .violation import Violation, max_violation

__all__ = [
    "Answer", "HalfSpace", "OutputRange", "Part", "Preimage", "PreimageVolume", "QueryAnswer",
    "Radius", "RegionWhere", "RegionsWhere", "Violation", "max_violation", "output_range",
    "preimage", "robust_radius", "verify", "verify_query",
]  # fmt: skip
