"""The names of this room that users see."""

from .family import Parametric, parametric
from .parameters import ParameterSet
from .steps import RegionSteps

__all__ = ["ParameterSet", "Parametric", "RegionSteps", "parametric"]
