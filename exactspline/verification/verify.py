"""`verify`: whether a property's formula has a solution, exactly."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from ..domain import WholeSpace
from ..errors import ParameterError
from ..formats.files import PathLike
from ..formats.vnnlib.query import All, Formula, load_query
from ..mode import guarded
from ..network.network import Network
from ..rationals import nearest_float
from ..statements.kept import Kept
from ..statements.prove import check_options, opened
from ..statements.quantified import exists
from ..statements.verdict import Verdict
from ..texts import no_network
from .branches import Branch, branches, condition_of, said_by
from .patience import INTERRUPTS, proved
from .shown import in_float32, margin_of, note_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..store.searches import Searches

__all__ = ["Answer", "verify"]


@guarded
@dataclass
class Answer:
    """What came out.

    Attributes
    ----------
    verdict : str
        "sat": some input satisfies the formula, which is a counterexample to the property;
        "unsat": none does; "timeout": the time ran out; "unknown": another limit came first.
    input, output : tuple of Fraction, or None
        Of "sat": exact, and checked by the network's exact forward pass.
    float_input : list of float or None
        A float64 input near it that satisfies the formula as well, exactly evaluated; None where
        none was found (the formula may hold by equality alone).
    regions, decisions, pruned, closed : int
        Regions of the network and of all comparisons that were looked at, proved decisions, boxes
        of inputs and cells of the search that bounds have decided.
    seconds : float
    stopped : str
        Of "timeout" and "unknown": why, such as "interrupt".
    margin : Fraction or None
        Of "sat": by how much the comparisons of outputs hold; 0 by equality alone, None where
        none has to.
    notes : tuple of str
        Of "sat": that evaluation in float32 does not show it.

    Examples
    --------
    >>> import os, tempfile
    >>> import exactspline as es
    >>> name = os.path.join(tempfile.mkdtemp(), "property.vnnlib")
    >>> with open(name, "w") as stream:
    ...     _ = stream.write(
    ...         "(declare-const X_0 Real) (declare-const Y_0 Real)"
    ...         "(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (>= Y_0 2))"
    ...     )
    >>> net = es.Network([es.Dense([[2]]), es.ReLU()], (1,))
    >>> answer = es.verify(net, name)
    >>> answer.verdict, answer.input, answer.output
    ('sat', (Fraction(1, 1),), (Fraction(2, 1),))
    """

    verdict: str
    input: tuple[Fraction, ...] | None = None
    output: tuple[Fraction, ...] | None = None
    float_input: list[float] | None = None
    regions: int = 0
    decisions: int = 0
    pruned: int = 0
    closed: int = 0
    seconds: float = 0.0
    stopped: str = ""
    margin: Fraction | None = None
    notes: tuple[str, ...] = ()

    def assignment(self) -> str:
        """Inputs and outputs as the competition writes them; empty unless "sat".

        Of a float64 input the digits are its own; others are rounded, ``input`` is exact.

        Examples
        --------
        >>> from exactspline.verification.verify import Answer
        >>> print(Answer("sat", (Fraction(1, 2),), (Fraction(1, 3),)).assignment())
        ((X_0 0.5)
         (Y_0 0.3333333333333333))
        """
        if self.input is None or self.output is None:
            return ""
        inputs = self.float_input or [nearest_float(v) for v in self.input]
        lines = [f"(X_{i} {v!r})" for i, v in enumerate(inputs)]
        lines += [f"(Y_{i} {nearest_float(v)!r})" for i, v in enumerate(self.output)]
        return "(" + "\n ".join(lines) + ")"


@guarded
def verify(
    network: Network, property: PathLike | Formula, *, time_limit: float | None = None,
    limit: int | None = None, progress: Any = None, order: str = "auto",
    executor: Executor | None = None, store: PathLike | None = None, resume: bool = False,
) -> Answer:  # fmt: skip
    """Decide a VNN-LIB 1.0 property: an input that satisfies its formula, or a proof of none.

    Parameters
    ----------
    network : Network
    property : path-like
        A .vnnlib file: see `exactspline.formats.vnnlib.query.load_query` for what is read.
    time_limit : float, optional
        Seconds in all.
    limit : int, optional
        Regions a set of inputs.
    progress : callable or bool, optional
        As in `prove`.
    order : str
        As in `prove`: "canonical" for the counterexample of the first region that has one.
    executor : concurrent.futures.Executor, optional
        Has its workers search, as in `count_regions`.
    store : path-like, optional
        Keep what has been decided in this file: alternatives, parts of the search that hold no
        counterexample, one that was found.
    resume : bool
        Go on with what is in ``store``, if there is anything.

    Returns
    -------
    Answer

    Raises
    ------
    FormatError, UnsupportedOperatorError, DomainError, ParameterError
    StoreError
        If the store is that of another network, property or order, damaged, in use, or there and
        not to be resumed.

    Notes
    -----
    Guarantee: exact, for the real function of the stored parameters and the file's decimals;
    strict comparisons are strict. A solution has been checked by the exact forward pass. Cost: that
    of `prove`, for each set of inputs that the formula's alternatives make.

    Examples
    --------
    >>> import os, tempfile
    >>> import exactspline as es
    >>> name = os.path.join(tempfile.mkdtemp(), "property.vnnlib")
    >>> with open(name, "w") as stream:
    ...     _ = stream.write(
    ...         "(declare-const X_0 Real) (declare-const Y_0 Real)"
    ...         "(assert (and (>= X_0 0) (<= X_0 1))) (assert (< Y_0 X_0))"
    ...     )
    >>> net = es.Network([es.ReLU()], (1,))
    >>> es.verify(net, name).verdict
    'unsat'
    """
    if not isinstance(network, Network):
        raise ParameterError(f"verify: {no_network(network)}")
    start = time.monotonic()
    formula = (
        property if isinstance(property, Formula)
        else load_query(property, network.input_dim, network.output_dim)
    )  # fmt: skip
    check_options(limit, order, executor)

    def key() -> str:
        said = "verify", network.program.sha256(), said_by(formula), order
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def left() -> float | None:
        return None if time_limit is None else time_limit - (time.monotonic() - start)

    about = f"a network of {network.input_dim} inputs and a VNN-LIB 1.0 property"
    with opened(store, resume, key, about) as file:
        search = partial(
            _solve, network, limit=limit, progress=progress, order=order, executor=executor
        )  # fmt: skip
        out = _alternatives(network, formula, search, left, file)
        if file is not None:
            file.check()
    out.seconds = time.monotonic() - start
    return out


def _alternatives(
    network: Network, formula: Formula, search: Callable[..., Verdict],
    left: Callable[[], float | None], file: Searches | None,
) -> Answer:  # fmt: skip
    """One alternative after the other, until one has a solution."""
    out = Answer("unsat")
    for number, branch in enumerate(branches(formula)):
        rest = left()
        if rest is not None and rest <= 0:
            out.verdict = "timeout"
            break
        kept = None if file is None else Kept(file.search(number))
        found = search(branch, time_limit=rest, kept=kept)
        out.regions += found.regions
        out.decisions += found.decisions
        out.pruned += found.pruned
        out.closed += found.closed
        if found.holds:
            out.verdict, out.input = "sat", found.witness  # type: ignore[assignment]
            out.output = _output(network, found.witness)
            out.float_input = found.float_point
            _describe(out, network, formula)
            break
        if found.holds is None:
            out.verdict = "timeout" if found.stopped == "time limit" else "unknown"
            out.stopped = found.stopped
            if found.stopped in INTERRUPTS:
                break
    return out


def _solve(
    network: Network, branch: Branch, *, time_limit: float | None, limit: int | None,
    progress: Any, order: str, executor: Executor | None, kept: Kept | None,
) -> Verdict:  # fmt: skip
    """One alternative as a statement."""

    def condition(x: Any) -> Any:
        y = network(x).reshape(network.output_dim)
        return condition_of(All((*branch.inputs, branch.rest)), x, y)

    statement = exists(WholeSpace(network.input_dim), condition)
    return proved(
        statement, time_limit=time_limit, limit=limit, progress=progress, order=order,
        executor=executor, kept=kept,
    )  # fmt: skip


def _describe(out: Answer, network: Network, formula: Formula) -> None:
    """By how much the formula holds, and whether float32 shows it."""
    assert out.input is not None
    assert out.output is not None
    if not network.output_nodes:  # else values are no rationals
        out.margin = margin_of(formula, out.input, out.output)
    note = note_of(formula, out.input, in_float32(network, out.input), out.margin)
    out.notes = (note,) if note else ()


def _output(network: Network, point: Any) -> tuple[Fraction, ...]:
    import numpy as np

    x = np.empty(network.input_dim, dtype=object)
    x[:] = list(point)
    if network.output_nodes:  # a softmax, whose values are not rational
        y = network.forward(x.astype(np.float64), output_operator=True)
        return tuple(Fraction(v) for v in y.reshape(-1).tolist())
    return tuple(network.forward(x, exact=True).reshape(-1).tolist())
