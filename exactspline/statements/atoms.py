"""What symbolic values are made of: points, networks at them, and their bends.

Atoms are equal if they are the same function of the same points, so that what is written twice
is computed, and searched, once. Networks are told apart as objects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from .affine import Affine, Atom

if TYPE_CHECKING:
    from ..domain import Domain
    from ..network.network import Network

__all__ = ["Applied", "Bend", "Code", "Hidden", "PointAtom", "Slope", "atoms_of", "points_of"]

_numbers = count()


class _Hashed(ABC):
    """Hashes are kept: expressions are deep."""

    @property
    @abstractmethod
    def _key(self) -> tuple[object, ...]: ...

    @cached_property
    def _hash(self) -> int:
        return hash((type(self), self._key))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or hash(self) != hash(other):
            return False
        return self._key == other._key


@dataclass(frozen=True, eq=False)
class PointAtom:
    """A quantified point.

    Attributes
    ----------
    name : str
        As the statement calls it.
    domain : Domain
    """

    name: str
    domain: Domain
    number: int = field(default_factory=lambda: next(_numbers))
    constant = False

    @property
    def size(self) -> int:
        """Its coordinates."""
        return self.domain.dim


@dataclass(frozen=True, eq=False)
class Applied(_Hashed):
    """The affine spline of a network at a point.

    Attributes
    ----------
    network : Network
    reads : tuple of Affine
        Its inputs, flat.
    operator : bool
        Whether the network's output operator (a softmax, say) stands behind it: values then may
        be compared only where these operators keep the order.
    """

    network: Network
    reads: tuple[Affine, ...]
    operator: bool = False
    constant = False

    @property
    def _key(self) -> tuple[object, ...]:
        return id(self.network), self.reads, self.operator

    @property
    def size(self) -> int:
        """The network's outputs."""
        return self.network.output_dim

    @property
    def spline(self) -> Applied:
        """The same without an output operator."""
        return Applied(self.network, self.reads) if self.operator else self


@dataclass(frozen=True, eq=False)
class Hidden(_Hashed):
    """A value inside a network.

    Attributes
    ----------
    applied : Applied
    node : int
        Whose value it is; -1 is the network's input.
    size : int
    """

    applied: Applied
    node: int
    size: int
    constant = False

    @property
    def _key(self) -> tuple[object, ...]:
        return self.applied, self.node


@dataclass(frozen=True, eq=False)
class Bend(_Hashed):
    """The maximum of some values, or the absolute value or the positive part of one.

    Attributes
    ----------
    kind : str
        "max", "abs" or "relu".
    reads : tuple of Affine
    """

    kind: str
    reads: tuple[Affine, ...]
    size = 1
    constant = False

    @property
    def _key(self) -> tuple[object, ...]:
        return self.kind, frozenset(self.reads)


@dataclass(frozen=True, eq=False)
class Slope(_Hashed):
    """The slopes of a network's outputs in its inputs, row by row: constant inside regions."""

    applied: Applied
    constant = True

    @property
    def _key(self) -> tuple[object, ...]:
        return (self.applied,)

    @property
    def size(self) -> int:
        """Outputs times inputs."""
        return self.applied.network.output_dim * self.applied.network.input_dim


@dataclass(frozen=True, eq=False)
class Code(_Hashed):
    """The code of a network: constant inside regions."""

    applied: Applied
    constant = True

    @property
    def _key(self) -> tuple[object, ...]:
        return (self.applied,)

    @property
    def size(self) -> int:
        """The network's units."""
        return self.applied.network.units


def atoms_of(values: list[Affine]) -> list[Atom]:
    """All atoms that values depend on, each once."""
    seen: dict[Atom, None] = {}
    open_ = [atom for value in reversed(values) for atom in reversed(value.atoms)]
    while open_:
        atom = open_.pop()
        if atom in seen:
            continue
        seen[atom] = None
        if isinstance(atom, Applied | Bend):
            open_ += [inner for value in reversed(atom.reads) for inner in value.atoms]
        elif isinstance(atom, Hidden | Slope | Code):
            open_.append(atom.applied)
    return list(seen)


def points_of(values: list[Affine]) -> list[PointAtom]:
    """All points that values depend on, in the order in which they were made."""
    found = [atom for atom in atoms_of(values) if isinstance(atom, PointAtom)]
    return sorted(found, key=lambda atom: atom.number)
