"""The names of this room that users see."""

from .family import ParameterSet, Parametric, parametric
from .steps import RegionSteps

__all__ = ["ParameterSet", "Parametric", "RegionSteps", "parametric"]
