"""`verify_query`: VNN-LIB 2.0 queries over several networks, inputs and hidden values, exactly."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..domain import WholeSpace
from ..errors import LimitError, UndecidedError
from ..formats.files import PathLike
from ..formats.onnx.declared import load_declared
from ..formats.onnx.ranges import Ranges
from ..formats.vnnlib.declared import DeclaredNetwork, Query
from ..formats.vnnlib.query import All
from ..formats.vnnlib.query2 import load_query_two
from ..mode import guarded
from ..network.network import Network
from ..statements.affine import Affine
from ..statements.exact import holds_at
from ..statements.kept import Kept
from ..statements.prove import check_options, opened
from ..statements.quantified import Statement, exists
from ..statements.terms import Term
from ..statements.verdict import Verdict
from .branches import Branch, branches, condition_of, said_by
from .patience import INTERRUPTS, proved
from .reduction import Ends, Reduced, reduced
from .shown import in_float32, margin_of, note_of
from .typed import typed_point

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..store.searches import Searches

__all__ = ["QueryAnswer", "verify_query"]

_MOST_FREE = 60  # coordinates that are searched at once
_DEEP = 20_000  # formulas of 1,000 levels go through functions that call themselves

How: TypeAlias = Callable[..., Verdict]


@guarded
@dataclass
class QueryAnswer:
    """What came out.

    Attributes
    ----------
    verdict : str
        "sat", "unsat", "timeout" or "unknown".
    values : dict of str to tuple of Fraction
        Of "sat": the entries of every declared variable, exactly, in the order of the query.
    typed : bool
        Whether the inputs are numbers of their declared types.
    notes : tuple of str
        What else is to be known: types that differ, why a verdict is unknown.
    regions, decisions, pruned, closed : int
        As in `Answer`.
    seconds : float
    stopped : str
        Of "timeout" and "unknown" of a search: why, such as "interrupt".
    margin : Fraction or None
        As in `Answer`.

    Examples
    --------
    >>> from exactspline.verification.queries import QueryAnswer
    >>> QueryAnswer("unsat").verdict
    'unsat'
    """

    verdict: str
    values: dict[str, tuple[Fraction, ...]] = field(default_factory=dict)
    typed: bool = True
    notes: tuple[str, ...] = ()
    regions: int = 0
    decisions: int = 0
    pruned: int = 0
    closed: int = 0
    seconds: float = 0.0
    stopped: str = ""
    margin: Fraction | None = None


@guarded
def verify_query(
    query: PathLike | Query, networks: Mapping[str, PathLike], *,
    time_limit: float | None = None, limit: int | None = None, progress: Any = None,
    order: str = "auto", executor: Executor | None = None, store: PathLike | None = None,
    resume: bool = False,
) -> QueryAnswer:  # fmt: skip
    """Decide a VNN-LIB 2.0 query: values of all inputs that satisfy it, or a proof of none.

    Parameters
    ----------
    query : path-like
    networks : mapping of str to path-like
        The ONNX file of every declared network that is not ``equal-to`` another one.
    time_limit : float, optional
        Seconds in all, reading included; 0 ends in "timeout".
    limit : int, optional
        Regions a set of inputs.
    progress : callable or bool, optional
        As in `prove`.
    order : str
        As in `prove`.
    executor : concurrent.futures.Executor, optional
        Has its workers search, as in `count_regions`.
    store, resume
        As in `verify`.

    Returns
    -------
    QueryAnswer

    Raises
    ------
    FormatError
        If a file is no query or no model, a network has no file, or shapes do not fit.
    UnsupportedOperatorError
        For products of variables, and models that are not piecewise affine on the inputs asked
        for.
    StoreError
        As in `verify`.

    Notes
    -----
    Guarantee: exact, for the real function of the stored parameters and the query's decimals,
    whatever element types are declared. Conditions in a model (Equal, Where, Cast) that bounds
    prove constant on the query's inputs are constants there. Cost: that of `prove`.

    Examples
    --------
    >>> import os, tempfile
    >>> import exactspline as es
    >>> folder = tempfile.mkdtemp()
    >>> model, name = os.path.join(folder, "f.onnx"), os.path.join(folder, "q.vnnlib")
    >>> es.Network([es.Dense([[2]]), es.ReLU()], (1,)).to_onnx(model)
    >>> with open(name, "w") as stream:
    ...     _ = stream.write(
    ...         "(vnnlib-version <2.0>)"
    ...         "(declare-network f (declare-input A real [1,1]) (declare-output B real [1,1]))"
    ...         "(assert (and (>= A[0,0] 0.0) (<= A[0,0] 1.0) (>= B[0,0] 2.0)))"
    ...     )
    >>> answer = es.verify_query(name, {"f": model})
    >>> answer.verdict, answer.values["A"]
    ('sat', (Fraction(1, 1),))
    """
    start = time.monotonic()
    stated = query if isinstance(query, Query) else load_query_two(query)
    files = stated.files({name: str(path) for name, path in networks.items()})
    check_options(limit, order, executor)

    def left() -> float | None:
        return None if time_limit is None else time_limit - (time.monotonic() - start)

    how = partial(proved, limit=limit, progress=progress, order=order, executor=executor)
    with _deep_recursion():
        out = _decided(stated, files, left, how, partial(opened, store, resume), order)
    out.seconds = time.monotonic() - start
    return out


@contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@dataclass
class _Part:
    """One declared network and where its entries stand."""

    declared: DeclaredNetwork
    at: int  # among all inputs
    size: int
    network: Network | None = None

    @property
    def place(self) -> slice:
        return slice(self.at, self.at + self.size)

    def outputs(self, point: Sequence[Fraction]) -> list[Fraction]:
        """The declared values at a point of all inputs; behind a softmax they are float64."""
        assert self.network is not None
        x = np.empty(self.size, dtype=object)
        x[:] = list(point[self.place])
        x = x.reshape(self.network.input_shape)
        if self.network.output_nodes:
            y = self.network.forward(x.astype(np.float64), output_operator=True)
        else:
            y = self.network.forward(x, exact=True)
        return [Fraction(v) for v in np.asarray(y, dtype=object).reshape(-1).tolist()]


def _decided(
    query: Query, files: Mapping[str, str], left: Callable[[], float | None], how: How,
    kept_in: Callable[..., AbstractContextManager[Searches | None]], order: str,
) -> QueryAnswer:  # fmt: skip
    out = QueryAnswer("unsat", notes=query.notes)
    try:
        cases = branches(query.formula)
    except LimitError as error:
        out.verdict, out.notes = "unknown", (*query.notes, str(error))
        return out
    found = [(b, r) for b in cases if (r := reduced(b.inputs, query.inputs)) is not None]
    parts = _parts(query)
    out.notes += _load(parts, files, [r.box() for _, r in found], query.inputs)
    free = max((r.varying for _, r in found), default=0)
    if free > _MOST_FREE:
        out.verdict = "unknown"
        out.notes += (f"{free} inputs vary at once; up to {_MOST_FREE} are searched",)
        return out

    def key() -> str:
        programs = [p.network.program.sha256() for p in parts if p.network is not None]
        said = "query", programs, said_by(query.formula), query.inputs, order
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    with kept_in(key, f"a query of {len(parts)} networks") as file:
        for number, (branch, form) in enumerate(found):
            rest = left()
            if rest is not None and rest <= 0:
                out.verdict = "timeout"
                break
            whole = _statement(parts, branch, None)
            point, near = form.only, None
            if point is None:
                kept = None if file is None else Kept(file.search(number))
                search = partial(how, time_limit=rest, kept=kept)
                try:
                    point, near = _searched(parts, branch, form, search, out)
                except UndecidedError as error:
                    out.verdict = "unknown"
                    out.notes += (str(error),)
                if out.stopped in INTERRUPTS:
                    break
            elif not _good(whole, point):
                continue
            if point is not None:
                out.verdict = "sat"
                _describe(out, query, parts, whole, form.box(), point, near or point)
                break
        if file is not None:
            file.check()
    return out


def _parts(query: Query) -> list[_Part]:
    out, at = [], 0
    for declared in query.networks:
        size = sum(t.size for t in declared.of("input"))
        out.append(_Part(declared, at, size))
        at += size
    return out


# --- models ----------------------------------------------------------------------------------


def _load(
    parts: Sequence[_Part], files: Mapping[str, str], boxes: Sequence[tuple[Ends, Ends]], dim: int
) -> tuple[str, ...]:
    """Read all models, each for the inputs that the query asks for; notes."""
    low, high = _hull([a for a, _ in boxes], dim, min), _hull([b for _, b in boxes], dim, max)
    notes: list[str] = []
    known: dict[Any, Network] = {}
    for part in parts:
        file = files[part.declared.name]
        key = (
            file,
            tuple(
                (t.kind, t.shape, t.onnx_name or (t.name if t.kind == "hidden" else None))
                for t in part.declared.tensors
            ),
        )
        if key not in known:
            ranges = Ranges(low[part.place], high[part.place])
            loaded = load_declared(file, part.declared, ranges)
            notes += [n for n in loaded.notes if n not in notes]
            if not loaded.local:
                known[key] = loaded.network
            part.network = loaded.network
        else:
            part.network = known[key]
    return tuple(notes)


def _hull(ends: Sequence[Ends], dim: int, outer: Any) -> Ends:
    if not ends:
        return [None] * dim
    out: Ends = []
    for column in zip(*ends, strict=True):
        known = [v for v in column if v is not None]
        out.append(outer(known) if len(known) == len(column) else None)
    return out


# --- the search ------------------------------------------------------------------------------


def _statement(parts: Sequence[_Part], branch: Branch, form: Reduced | None) -> Statement:
    """That a point of an alternative exists: of all inputs, or of what is free in them."""

    def condition(t: Any) -> Any:
        x = t if form is None else _lifted(form, t)
        entries: list[Affine] = []
        for part in parts:
            entries += part.network(x[part.place])._entries  # type: ignore[misc]
        y = Term(entries, (len(entries),))
        return condition_of(All((*branch.inputs, branch.rest)), x, y)

    dim = sum(part.size for part in parts) if form is None else form.free
    return exists(WholeSpace(dim), condition)


def _lifted(form: Reduced, t: Any) -> Term:
    """All inputs as values of free coordinates."""
    entries = []
    for const, terms in form.rows:
        total = Affine(const)
        for j, c in terms.items():
            total = total.plus(t._entries[j], c)
        entries.append(total)
    return Term(entries, (len(entries),))


def _good(statement: Statement, point: Sequence[Fraction]) -> bool:
    """Whether a point satisfies a statement, by exact forward passes."""
    return holds_at(statement.condition, {statement.points[0]: tuple(point)})


def _searched(
    parts: Sequence[_Part], branch: Branch, form: Reduced, search: How, out: QueryAnswer
) -> tuple[tuple[Fraction, ...] | None, tuple[Fraction, ...] | None]:
    """A point and one near it of float64 coordinates, or None; the answer is told what was done."""
    found = search(_statement(parts, branch, form))
    out.regions += found.regions
    out.decisions += found.decisions
    out.pruned += found.pruned
    out.closed += found.closed
    if found.holds is None:
        out.verdict = "timeout" if found.stopped == "time limit" else "unknown"
        out.stopped = found.stopped
        if out.verdict == "unknown":
            out.notes += (f"the search stopped: {found.stopped}",)
    if not found.holds:
        return None, None
    near = found.float_point
    floats = None if near is None else form.lift([Fraction(v) for v in near])
    return form.lift(found.witness), floats  # type: ignore[arg-type]


def _values(parts: Sequence[_Part], point: Sequence[Fraction]) -> list[Fraction]:
    return [v for part in parts for v in part.outputs(point)]


def _describe(
    out: QueryAnswer, query: Query, parts: Sequence[_Part], statement: Statement,
    box: tuple[Ends, Ends], point: Sequence[Fraction], near: Sequence[Fraction],
) -> None:  # fmt: skip
    """Fill in the values of all variables, at a point of the declared types if one is near."""
    types = [t.type for n in query.networks for t in n.of("input") for _ in range(t.size)]
    found = typed_point(point, near, types, box, lambda x: _good(statement, x))
    out.typed = found is not None
    if found is not None:
        point = found
    values, x, y = {}, list(point), _values(parts, point)
    _judge(out, query, parts, x, y)
    for network in query.networks:
        for tensor in network.tensors:
            source = x if tensor.kind == "input" else y
            values[tensor.name] = tuple(source[: tensor.size])
            del source[: tensor.size]
    out.values = values


def _judge(
    out: QueryAnswer, query: Query, parts: Sequence[_Part], x: Sequence[Fraction],
    y: Sequence[Fraction],
) -> None:  # fmt: skip
    """By how much the formula holds, and whether float32 shows it."""
    rounded: list[Fraction] | None = []
    for part in parts:
        assert part.network is not None
        own = in_float32(part.network, x[part.place])
        rounded = None if rounded is None or own is None else [*rounded, *own]
    if not any(part.network.output_nodes for part in parts if part.network is not None):
        out.margin = margin_of(query.formula, x, y)
    note = note_of(query.formula, x, rounded, out.margin)
    out.notes += (note,) if note else ()
