"""The classes of what comes out: for annotations, and to look up what they offer.

They are made by functions and methods, never by hand. They are loaded when one is asked for.
"""

from .approximation.report import Approximation, Replaced
from .explorer.explorer import Explorer
from .partition.complex.complex import Complex
from .partition.complex.corners import ComplexCorners, IdealCorners
from .partition.complex.edges import ComplexEdges, HalfEdges
from .partition.complex.faces import ComplexFace, ComplexFaces
from .partition.complex.line import LineComplex, LineCorners, LineEdges
from .partition.complex.subdivision import Subdivision, SubdivisionEdges
from .partition.faces.boundary import DecisionBoundary
from .partition.faces.euler import EulerReport
from .partition.faces.faces import Face, Faces
from .partition.graph.edges import Borders, Edges
from .partition.graph.linear import RegionGroups
from .partition.partition import Partition
from .partition.pieces.layers import LayerPartition, StableUnits
from .partition.pieces.symbolic import SymbolicNetwork
from .partition.points.locate import Locations
from .partition.regions.facet import RegionFacet
from .partition.regions.inequalities import Inequality
from .partition.regions.polygon import Polygon
from .partition.regions.region import SymbolicRegion
from .partition.regions.settled import SettledFacets
from .search.decisions import Decisions, Stop
from .solid.mesh import Mesh
from .symbolic.mixed_integer import MixedInteger

__all__ = [
    "Approximation",
    "Borders",
    "Complex",
    "ComplexCorners",
    "ComplexEdges",
    "ComplexFace",
    "ComplexFaces",
    "DecisionBoundary",
    "Decisions",
    "Edges",
    "EulerReport",
    "Explorer",
    "Face",
    "Faces",
    "HalfEdges",
    "IdealCorners",
    "Inequality",
    "LayerPartition",
    "LineComplex",
    "LineCorners",
    "LineEdges",
    "Locations",
    "Mesh",
    "MixedInteger",
    "Partition",
    "Polygon",
    "RegionFacet",
    "RegionGroups",
    "Replaced",
    "SettledFacets",
    "StableUnits",
    "Stop",
    "Subdivision",
    "SubdivisionEdges",
    "SymbolicNetwork",
    "SymbolicRegion",
]
