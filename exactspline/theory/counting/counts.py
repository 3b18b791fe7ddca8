"""Counts of regions against the bounds of the literature, and Zaslavsky's theorem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...bounds import (
    hinz2019,
    maxout2021,
    montufar2014_lower,
    montufar2017,
    raghu2017,
    rank_of_inputs,
    serra2018,
    serra2018_lower,
    upper_bounds,
)
from ...errors import LimitError, ParameterError, ShapeError
from ...mode import guarded
from ..common.region_maps import dense, partition_of
from ..registry import check, exported
from ..report import Report, Statement
from .arrangement import zaslavsky

if TYPE_CHECKING:
    from ...compile.program import Layer
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition

__all__ = ["Bound", "Bounds", "bounds", "check_counts"]

_WIDEST = 400  # layers of the product of matrices
_MOST_BITS = 1_000_000  # of a bound that is printed


@dataclass(frozen=True)
class Bound:
    """One bound of the literature for an architecture.

    Attributes
    ----------
    name : str
    kind : {"upper", "lower"}
        A lower bound is about the best weights: it says nothing about a given network.
    value : int or None
        None where it does not apply or was not computed.
    note : str
        What it rests on, or why there is no value.
    source : str
    """

    name: str
    kind: str
    value: int | None
    note: str
    source: str


@guarded
@dataclass(frozen=True)
class Bounds:
    """All bounds for an architecture; prints as a table."""

    architecture: str
    entries: tuple[Bound, ...]

    def __iter__(self) -> Iterator[Bound]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, name: str) -> Bound:
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise ParameterError(f"bounds: {name!r} is none of {[e.name for e in self.entries]}")

    @property
    def upper(self) -> int:
        """The least upper bound that applies."""
        return min(e.value for e in self.entries if e.kind == "upper" and e.value is not None)

    @property
    def lower(self) -> int | None:
        """The greatest lower bound on what the best weights reach; None if none applies."""
        found = [e.value for e in self.entries if e.kind == "lower" and e.value is not None]
        return max(found, default=None)

    def to_json(self) -> dict[str, Any]:
        """A dict of what JSON knows; values are texts, since they may be very long."""
        rows = [
            {**asdict(e), "value": None if e.value is None else _digits(e.value)}
            for e in self.entries
        ]
        return {"architecture": self.architecture, "bounds": rows}

    def __str__(self) -> str:
        lines = [self.architecture]
        for e in self.entries:
            value = "-" if e.value is None else _short(e.value)
            lines.append(f"  {e.kind}  {e.name:<32} {value:>22}  {e.note}")
        return "\n".join(lines)


def _short(value: int) -> str:
    if value < 10**15:
        return f"{value:,}"
    return f"about 10^{int((value.bit_length() - 1) * 0.30103)}"


def _digits(value: int) -> str:
    from ...rationals import format_rational

    return format_rational(Fraction(value))


@exported
@guarded
def bounds(architecture: Network | Sequence[int], domain: Domain | None = None) -> Bounds:
    """All bounds on the number of activation regions for an architecture.

    Parameters
    ----------
    architecture : Network or sequence of int
        A network, or the widths of a chain of ReLU layers with the number of inputs in front:
        ``[2, 8, 8]``.
    domain : Domain, optional
        For a network: its dimension counts. All of R^D by default.

    Returns
    -------
    Bounds
        Prints as a table; ``["Montufar 2017"].value`` is one of them, ``upper`` the least upper
        bound that applies.

    Raises
    ------
    ParameterError
        If the widths are no positive whole numbers.

    References
    ----------
    Zaslavsky 1975; Montufar, Pascanu, Cho, Bengio 2014; Montufar 2017; Raghu et al. 2017;
    Serra, Tjandraatmadja, Ramalingam 2018; Hinz, van de Geer 2019; Montufar, Ren, Zhang 2021.

    Examples
    --------
    >>> found = bounds([2, 8, 8])
    >>> found["Montufar 2014"].value, found["Serra et al. 2018, lower"].value, found.upper
    (592, 925, 1369)
    """
    from ...domain import WholeSpace
    from ...network.network import Network

    if isinstance(architecture, Network):
        where = domain or WholeSpace(architecture.input_dim)
        if where.dim != architecture.input_dim:
            raise ShapeError(
                f"bounds: the domain lies in R^{where.dim}, but the network has "
                f"{architecture.input_dim} inputs"
            )
        return _of_network(architecture, where)
    if domain is not None:
        raise ParameterError("bounds: a domain goes with a network; widths begin with n0")
    if isinstance(architecture, str):
        raise ParameterError(f"bounds: {architecture!r} is no list of widths; give [2, 8, 8]")
    try:
        sizes = list(architecture)
        whole = [int(w) for w in sizes]
        good = len(sizes) >= 1 and all(
            w >= 1 and w == v and not isinstance(v, bool) for w, v in zip(whole, sizes, strict=True)
        )
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise ParameterError(
            f"bounds: {architecture!r} is no list of positive whole numbers; give the number of "
            "inputs and then the widths, such as [2, 8, 8]"
        )
    n0, widths = whole[0], whole[1:]
    what = f"ReLU chain, {n0} inputs, widths {widths}"
    _check_size(widths, n0)
    return Bounds(what, tuple(_relu_chain(widths, n0)))


def _check_size(widths: Sequence[int], n0: int) -> None:
    """Refuse numbers whose digits alone would fill the memory."""
    if sum(widths) > _MOST_BITS or n0 > _MOST_BITS:
        raise LimitError(
            f"bounds: {sum(widths):,} units and {n0:,} inputs give numbers of over a million "
            "bits; take fewer"
        )


_SOURCES = {
    "choices of pieces": "counting codes",
    "Raghu et al. 2017": "Raghu et al. 2017, theorem 1; maxout: Montufar, Ren, Zhang 2021",
    "Zaslavsky": "Zaslavsky 1975",
    "Montufar 2014": "Montufar, Pascanu, Cho, Bengio 2014",
    "Montufar 2017": "Montufar 2017, proposition 3",
    "Serra et al. 2018": "Serra, Tjandraatmadja, Ramalingam 2018, theorem 1",
    "Serra et al. 2018, lower": "Serra, Tjandraatmadja, Ramalingam 2018",
    "Hinz, van de Geer 2019": "Hinz, van de Geer 2019",
}


def _bound(name: str, kind: str, value: int | None, note: str) -> Bound:
    return Bound(name, kind, value, note, _SOURCES[name])


def _relu_chain(widths: list[int], n0: int) -> list[Bound]:
    chain = f"chain of ReLU layers, n0 = {n0}"
    out = [
        _bound("choices of pieces", "upper", 2 ** sum(widths), "two for every unit"),
        _bound("Raghu et al. 2017", "upper", raghu2017(widths, n0), f"n0 = {n0}"),
    ]
    if len(widths) == 1:
        note = "one layer; attained in general position"
        out.append(_bound("Zaslavsky", "upper", raghu2017(widths, n0), note))
    out.append(_bound("Montufar 2017", "upper", montufar2017(widths, n0), chain))
    wide = len(widths) * n0 * n0 > 4_000_000
    value = None if wide else serra2018(widths, n0)
    out.append(_bound("Serra et al. 2018", "upper", value, chain if value else "not computed"))
    out.append(_hinz(widths, n0, chain))
    return out + _lower(widths, n0)


def _hinz(widths: list[int], n0: int, note: str) -> Bound:
    if max([n0, *widths]) > _WIDEST:
        note = f"not computed: layers wider than {_WIDEST}; it equals Serra et al.'s"
        return _bound("Hinz, van de Geer 2019", "upper", None, note)
    return _bound("Hinz, van de Geer 2019", "upper", hinz2019(widths, n0), note)


def _lower(widths: list[int], n0: int) -> list[Bound]:
    best = "about the best weights of these widths, not about a given network"
    out = []
    for name, formula, need in (
        ("Montufar 2014", montufar2014_lower, "n0"),
        ("Serra et al. 2018, lower", serra2018_lower, "3 n0"),
    ):
        value = formula(widths, n0) if widths and n0 else None
        out.append(
            _bound(name, "lower", value, best if value else f"needs widths of at least {need}")
        )
    return out


def _of_network(network: Network, domain: Domain) -> Bounds:
    program, chart = network.program, domain.chart
    widths = [len(layer.units) for layer in program.layers]
    _check_size(widths, chart.dim)
    rank = rank_of_inputs(program, chart)
    known = {b.name: b for b in upper_bounds(program, rank)}
    choices = known["choices of pieces"]
    out = [_bound("choices of pieces", "upper", choices.value, choices.note)]
    if widths:
        value = 1
        for layer in program.layers:
            value *= _layer_bound(layer, rank)
        out.append(_bound("Raghu et al. 2017", "upper", value, f"any network, n0 = {rank}"))
        two = bool(program.layers[0].units.two_piece.all())
        if len(widths) == 1 and two:
            note = f"one layer, n0 = {rank}; attained in general position"
            out.append(_bound("Zaslavsky", "upper", raghu2017(widths, rank), note))
        for name in ("Montufar 2017", "Serra et al. 2018"):
            out.append(_bound(name, "upper", known[name].value, known[name].note))
        serra = known["Serra et al. 2018"]
        if serra.value is None:
            out.append(_bound("Hinz, van de Geer 2019", "upper", None, serra.note))
        else:
            out.append(_hinz(widths, rank, serra.note))
        out += _lower(widths, chart.dim)
    what = f"{widths} units on {domain.describe()}, dimension {chart.dim}, rank {rank}"
    return Bounds(what, tuple(out))


def _layer_bound(layer: Layer, n0: int) -> int:
    """Regions into which one layer can cut a set of dimension n0, whatever its weights."""
    units = layer.units
    pieces = units.pieces
    value = maxout2021(len(units), int(pieces.max()), n0)
    first = units.piece_member[units.piece_start[:-1]]
    if np.array_equal(np.repeat(first, pieces), units.piece_member):  # parallel hyperplanes
        value = min(value, raghu2017([max(1, int((pieces - 1).sum()))], n0))
    return value


# --- The check ----------------------------------------------------------------------------------


@check(number=13, name="counts", needs_network=True)
@guarded
def check_counts(
    network: Network | Partition,
    domain: Domain | None = None,
    *,
    against: Sequence[Bound] | None = None,
) -> Report:
    """Check the enumerated number of regions against the upper bounds that apply.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
    against : sequence of Bound, optional
        Bounds to test in place of those that `bounds` finds to apply.

    Returns
    -------
    Report
        ``details`` lists all bounds, the lower ones as well; these are about the best weights
        and fail no network. On all of R^D the regions of a first layer of two-piece units are
        compared with Zaslavsky's theorem, which gives their exact number.

    References
    ----------
    As for `bounds`.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]], [0, 0, -1]), es.ReLU()], (2,))
    >>> es.theory.check_counts(net).verdict  # seven regions, as Zaslavsky says
    'holds'
    """
    from ...domain import WholeSpace

    partition = partition_of(network, domain)
    found = bounds(partition.network, partition.domain) if against is None else None
    entries = list(found) if found is not None else list(against or ())
    says = Statement(
        "check_counts",
        "The number of activation regions is at most every upper bound that "
        "applies to the network; a first layer on R^D has the number of Zaslavsky's theorem.",
        "Zaslavsky 1975; Montufar 2017; Raghu et al. 2017; Serra et al. 2018; "
        "Hinz, van de Geer 2019; Montufar, Ren, Zhang 2021",
        ("the regions that the search enumerated", "the bounds' formulas from the widths"),
        "bounds",
    )
    count, bad, checked = len(partition), None, 0
    details: dict[str, Any] = {"regions": count}
    for entry in entries:
        what = f"{entry.kind} bound, {entry.name}"
        details[what] = entry.note if entry.value is None else _short(entry.value)
        if entry.kind != "upper" or entry.value is None:
            continue
        checked += 1
        if bad is None and count > entry.value:
            bad = {"regions": count, "bound": entry.name, "its value": entry.value}
    layers = partition.network.program.layers
    if layers and isinstance(partition.domain, WholeSpace) and layers[0].units.two_piece.all():
        exact = _first_layer(layers[0])
        if exact is not None:
            first = partition.at_layer(1).count
            details["first layer, by Zaslavsky's theorem"] = exact
            checked += 1
            if bad is None and first != exact:
                bad = {"regions of the first layer": first, "Zaslavsky's theorem": exact}
    if not checked:
        return says.not_applicable("no upper bound applies", details)
    why = "there are more regions than the bound allows, or others"
    return says.report(bad, why, checked=checked, details=details)


def _first_layer(layer: Layer) -> int | None:
    """The number of regions of a layer's arrangement; None where it would take too long."""
    matrix, const = dense(layer.members, "layer 1")
    units = layer.units
    W, b = [], []
    for k in range(len(units)):
        plus, minus, shift = units.form(int(units.first_form[k]))
        row = [Fraction(0)] * matrix.shape[1]
        for member, sign in ((plus, 1), (minus, -1)):
            if member >= 0:
                row = [a + sign * v for a, v in zip(row, matrix[member], strict=True)]
                shift += sign * const[member]
        W.append(row)
        b.append(shift)
    try:
        return zaslavsky(np.array(W, dtype=object), np.array(b, dtype=object))[0]
    except LimitError:
        return None
