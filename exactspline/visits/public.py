"""The names of this room that users see."""

from .functions import census
from .result import Census, CensusComparison, CensusLayer

__all__ = ["Census", "CensusComparison", "CensusLayer", "census"]
