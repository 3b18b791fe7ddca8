"""What a VNN-LIB 2.0 query declares: networks with their tensors, and a formula over them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import FormatError
from .query import Formula

__all__ = ["DeclaredNetwork", "DeclaredTensor", "Query"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class DeclaredTensor:
    """One declared variable.

    Attributes
    ----------
    name : str
        In the query.
    kind : str
        "input", "hidden" or "output".
    type : str
        As the standard writes it: "real", "float32", ...
    shape : tuple of int
    onnx_name : str or None
        Its name in the model, where the query states it.
    """

    name: str
    kind: str
    type: str
    shape: Shape
    onnx_name: str | None = None

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class DeclaredNetwork:
    """One declared network.

    Attributes
    ----------
    name : str
    equal_to, isomorphic_to : str or None
        The network that has the same model, or one of the same form.
    tensors : tuple of DeclaredTensor
        In the order of the file.
    """

    name: str
    equal_to: str | None
    isomorphic_to: str | None
    tensors: tuple[DeclaredTensor, ...]

    def of(self, *kinds: str) -> tuple[DeclaredTensor, ...]:
        """The tensors of some kinds, in the order of the file."""
        return tuple(t for t in self.tensors if t.kind in kinds)


@dataclass(frozen=True)
class Query:
    """A whole query.

    Attributes
    ----------
    networks : tuple of DeclaredNetwork
    formula : Formula
        Over variables ("X", i), the entries of all inputs one after the other, and ("Y", j), those
        of all hidden and output tensors, network by network in the order of the file.
    notes : tuple of str
        What is to be told beside the verdict: that types differ.
    """

    networks: tuple[DeclaredNetwork, ...]
    formula: Formula
    notes: tuple[str, ...] = ()

    @property
    def inputs(self) -> int:
        """How many entries all inputs have."""
        return sum(t.size for n in self.networks for t in n.of("input"))

    def files(self, given: dict[str, str]) -> dict[str, str]:
        """The file of every network, of those that are named for some.

        Raises
        ------
        FormatError
            If one is missing, or one is named that the query does not ask for.
        """
        wanted = [n.name for n in self.networks if n.equal_to is None]
        for name in given:
            if name not in wanted:
                why = (
                    "is equal-to another network and takes no file"
                    if any(n.name == name for n in self.networks)
                    else "is not declared by the query"
                )
                raise FormatError(
                    f"network {name[:80]!r} {why}; the query asks for {', '.join(wanted)}"
                )
        for name in wanted:
            if name not in given:
                raise FormatError(
                    f"the query declares network {name[:80]!r}, but no file is given for it: "
                    f"--network {name[:80]}=FILE.onnx"
                )
        out = dict(given)
        for network in self.networks:
            if network.equal_to is not None:
                out[network.name] = out[network.equal_to]
        return out
