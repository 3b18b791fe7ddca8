"""Conditions on the inputs of one network: from a function, a text, or a property of a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from ..domain import Domain
from ..errors import FormatError, ParameterError
from ..formats.files import PathLike
from ..formats.vnnlib.declared import Query
from ..formats.vnnlib.query import All, Compared, Formula, load_query
from ..formats.vnnlib.query import Any as AnyOf
from ..formats.vnnlib.query2 import is_version_two, load_query_two
from ..formats.vnnlib.reader import text_of
from ..network.network import Network
from ..statements.conditions import Condition
from ..statements.quantified import Statement, exists
from ..statements.values import logits
from .branches import branches, condition_of

__all__ = ["Where", "alternatives", "function_of", "statement_of"]

Where: TypeAlias = Callable[..., Any] | Formula | PathLike | bool
Function: TypeAlias = Callable[..., Any]


def statement_of(network: Network, domain: Domain, where: Where, name: str = "where") -> Statement:
    """The statement that some input of a domain satisfies a condition.

    Parameters
    ----------
    network : Network
    domain : Domain
        They fit.
    where : callable, str, path-like, Formula or bool
        A function of the symbolic input; a text in the small language, in which the network is f
        and the input x; a .vnnlib file (of version 2.0: a query about one network with one input
        and one output), or its formula.
    name : str
        What messages call it.

    Raises
    ------
    ParameterError
        For anything else.
    FormatError, UnsupportedOperatorError
        For a file that cannot be read.
    """
    return exists(domain, function_of(network, where, name))


def function_of(network: Network, where: Where, name: str = "where") -> Function:
    """A condition as a function of the symbolic input; see `statement_of`."""
    if isinstance(where, str) and not _is_file(where):
        from ..statements.grammar import parse_condition

        return parse_condition(where, {"f": network})
    formula = _formula(network, where)
    if formula is not None:
        return _of_formula(network, formula)
    if isinstance(where, bool):
        value = where
        return lambda x: value
    if not callable(where):
        raise ParameterError(
            f"{name}: a {type(where).__name__} is no condition; give a function of the input, "
            f"{name}=lambda x: net(x)[0] <= 0, a text such as 'f(x)[0] <= 0', or a .vnnlib file"
        )
    return where


def alternatives(
    network: Network, where: Where, name: str = "where"
) -> list[tuple[Function | None, Function]]:
    """A condition as alternatives: what is asked of inputs first, and the rest.

    Only the formula of a file is taken apart: there, bounds of inputs make the set of inputs.
    """
    formula = _formula(network, where)
    if formula is None:
        return [(None, function_of(network, where, name))]
    return [
        (
            _of_formula(network, All(tuple(branch.inputs))) if branch.inputs else None,
            _of_formula(network, branch.rest),
        )
        for branch in branches(formula)
    ]


def _is_file(where: str) -> bool:
    return where.strip().lower().endswith((".vnnlib", ".vnnlib.gz"))


def _formula(network: Network, where: Where) -> Formula | None:
    """The formula of a file, or one that is given."""
    if isinstance(where, os.PathLike) or (isinstance(where, str) and _is_file(where)):
        if is_version_two(text_of(where)):
            return _of_query(network, load_query_two(where), os.fsdecode(where))
        return load_query(where, network.input_dim, network.output_dim)
    return where if isinstance(where, Compared | All | AnyOf) else None


def _of_query(network: Network, query: Query, path: str) -> Formula:
    """The formula of a query about one network with one input and one output.

    Raises
    ------
    FormatError
        For others, and where sizes do not fit.
    """
    tensors = [t for declared in query.networks for t in declared.tensors]
    if len(query.networks) != 1 or sorted(t.kind for t in tensors) != ["input", "output"]:
        raise FormatError(
            f"{path}: a condition on inputs is a query of one network with one input and one "
            "output; exactspline.verify_query decides others"
        )
    for tensor, size in (
        (next(t for t in tensors if t.kind == "input"), network.input_dim),
        (next(t for t in tensors if t.kind == "output"), network.output_dim),
    ):
        if tensor.size != size:
            raise FormatError(
                f"{path}: {tensor.name[:80]!r} has {tensor.size} entries, the network's "
                f"{tensor.kind} has {size}"
            )
    return query.formula


def _of_formula(network: Network, formula: Formula) -> Function:
    def condition(x: Any) -> Condition:
        return condition_of(formula, x, logits(network, x).reshape(network.output_dim))

    return condition
