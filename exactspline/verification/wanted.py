"""Conditions on the inputs of one network: from a function, a text, or a property of a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from ..domain import Domain
from ..errors import ParameterError
from ..formats.files import PathLike
from ..formats.vnnlib.query import All, Compared, Formula, load_query
from ..formats.vnnlib.query import Any as AnyOf
from ..network.network import Network
from ..statements.quantified import Statement, exists
from ..statements.values import logits
from .branches import condition_of

__all__ = ["Where", "statement_of"]

Where: TypeAlias = Callable[..., Any] | Formula | PathLike | bool


def statement_of(network: Network, domain: Domain, where: Where, name: str = "where") -> Statement:
    """The statement that some input of a domain satisfies a condition.

    Parameters
    ----------
    network : Network
    domain : Domain
        They fit.
    where : callable, str, path-like, Formula or bool
        A function of the symbolic input; a text in the small language, in which the network is f
        and the input x; a .vnnlib file, or its formula.
    name : str
        What messages call it.

    Raises
    ------
    ParameterError
        For anything else.
    FormatError, UnsupportedOperatorError
        For a file that cannot be read.
    """
    if isinstance(where, str) and not where.strip().lower().endswith(".vnnlib"):
        from ..statements.grammar import parse_statement

        return parse_statement(f"exists x: {where}", {"f": network}, domain)
    if isinstance(where, str | os.PathLike):
        where = load_query(where, network.input_dim, network.output_dim)
    if isinstance(where, Compared | All | AnyOf):
        formula = where

        def of_formula(x: Any) -> Any:
            return condition_of(formula, x, logits(network, x).reshape(network.output_dim))

        return exists(domain, of_formula)
    if isinstance(where, bool):
        value = where
        return exists(domain, lambda x: value)
    if not callable(where):
        raise ParameterError(
            f"{name}: a {type(where).__name__} is no condition; give a function of the input, "
            f"{name}=lambda x: net(x)[0] <= 0, a text such as 'f(x)[0] <= 0', or a .vnnlib file"
        )
    return exists(domain, where)
