"""Formulas of linear comparisons over named variables, and their disjunctive normal form."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ...errors import FormatError, UnsupportedOperatorError
from ..limits import Budget
from .sexpr import Expression, Symbol

__all__ = ["MAX_PARTS", "Comparison", "Reader", "Variable", "difference"]

Variable = tuple[str, int]  # ("X", 3)
MAX_PARTS = 10_000  # of a normal form
_MAX_COMPARISONS = 1 << 21  # in all parts together
_NEGATIVE = {"<=": False, "<": False, ">=": True, ">": True}


@dataclass(frozen=True, slots=True)
class Comparison:
    """sum_v terms[v] v + constant <= 0."""

    terms: tuple[tuple[Variable, Fraction], ...]
    constant: Fraction
    line: int

    def same_as(self) -> tuple[tuple[tuple[Variable, Fraction], ...], Fraction]:
        """What two equal comparisons on different lines share."""
        return self.terms, self.constant


Conjunction = tuple[Comparison, ...]


class Reader:
    """Reads terms and formulas over declared variables.

    Parameters
    ----------
    where : str
        The file, for messages.
    variables : mapping
        The declared names; it may grow while statements are read.
    """

    def __init__(self, where: str, variables: Mapping[str, Variable]) -> None:
        self.where = where
        self.variables = variables
        self._budget = Budget()

    def error(self, line: int, message: str) -> FormatError:
        """A ``FormatError`` that names the line."""
        return FormatError(f"{self.where}, line {line}: {message}")

    def kinds(self, formula: Symbol | Expression) -> set[str]:
        """The letters of the variables in a formula."""
        if isinstance(formula, Symbol):
            return {self.variables[formula.text][0]} if formula.text in self.variables else set()
        return {kind for item in formula.items for kind in self.kinds(item)}

    def conjuncts(self, formula: Symbol | Expression) -> Iterable[Symbol | Expression]:
        """The parts of nested ``and``s."""
        if isinstance(formula, Expression) and formula.head == "and":
            for item in formula.items[1:]:
                yield from self.conjuncts(item)
        else:
            yield formula

    def input_cases(self, formula: Symbol | Expression) -> list[Conjunction]:
        """What a formula says about inputs: a disjunction of conjunctions of comparisons.

        Comparisons of outputs alone are left out.

        Raises
        ------
        UnsupportedOperatorError
            If it couples inputs with outputs, is not linear, or uses another connective.
        """
        return self._cases(formula)[0]

    def _cases(self, formula: Symbol | Expression) -> tuple[list[Conjunction], bool]:
        """The cases, and whether the formula speaks of outputs too."""
        cases: list[Conjunction] = [()]
        outputs = False
        for part in self.conjuncts(formula):
            if isinstance(part, Expression) and part.head == "or":
                more, has_outputs = self._disjunction(part)
            else:
                comparisons, has_outputs = self._comparison(part)
                more = [comparisons]
            outputs = outputs or has_outputs
            cases = self._product(cases, more, part.line)
        return cases, outputs

    def _disjunction(self, formula: Expression) -> tuple[list[Conjunction], bool]:
        if len(formula.items) < 2:
            raise self.error(formula.line, "an 'or' without branches is never true")
        branches = [self._cases(item) for item in formula.items[1:]]
        if any(has_outputs for _, has_outputs in branches):
            # the outputs must not decide which part of the input set holds
            seen = {
                frozenset(frozenset(c.same_as() for c in case) for case in cases)
                for cases, _ in branches
            }
            if len(seen) > 1:
                raise UnsupportedOperatorError(
                    f"{self.where}, line {formula.line}: this 'or' is output-coupled: its "
                    "branches constrain the outputs and differ in what they ask of the inputs. "
                    "Write one file a branch"
                )
            return branches[0][0], True
        cases = [case for branch, _ in branches for case in branch]
        self._check_size(len(cases), sum(map(len, cases)), formula.line)
        return cases, False

    def _product(
        self, left: list[Conjunction], right: list[Conjunction], line: int
    ) -> list[Conjunction]:
        if len(right) == 1 and not right[0]:
            return left
        size = sum(map(len, left)) * len(right) + sum(map(len, right)) * len(left)
        self._check_size(len(left) * len(right), size, line)
        return [(*a, *b) for a in left for b in right]

    def _check_size(self, parts: int, comparisons: int, line: int) -> None:
        if parts > MAX_PARTS:
            raise self.error(line, f"the input set has more than {MAX_PARTS:,} parts")
        if comparisons > _MAX_COMPARISONS:
            raise self.error(line, f"the input set takes more than {_MAX_COMPARISONS:,} bounds")

    def _comparison(self, formula: Symbol | Expression) -> tuple[Conjunction, bool]:
        if isinstance(formula, Symbol):
            if formula.text == "true":
                return (), False
            raise self.error(formula.line, f"{formula.text[:40]!r} is no comparison")
        head = formula.head
        if head not in _NEGATIVE and head != "=":
            known = "and, or, <=, <, >=, >, ="
            raise UnsupportedOperatorError(
                f"{self.where}, line {formula.line}: {head[:40]!r} is not supported in a "
                f"formula; supported are {known}"
            )
        if len(formula.items) < 3:
            raise self.error(formula.line, f"{head!r} needs two terms")
        kinds = self.kinds(formula)
        if {"X", "Y"} <= kinds:
            raise UnsupportedOperatorError(
                f"{self.where}, line {formula.line}: this comparison is output-coupled: it "
                "holds inputs (X) and outputs (Y); only constraints on inputs alone shape a domain"
            )
        terms = [self._term(item) for item in formula.items[1:]]
        if "Y" in kinds:
            return (), True
        out = []
        for a, b in itertools.pairwise(terms):  # (<= 0 X_0 1) is a chain
            if head == "=" or not _NEGATIVE[head]:
                out.append(difference(a, b, formula.line))
            if head == "=" or _NEGATIVE[head]:
                out.append(difference(b, a, formula.line))
        return tuple(out), False

    def _term(self, term: Symbol | Expression) -> tuple[dict[Variable, Fraction], Fraction]:
        """Coefficients and constant of a linear term."""
        if isinstance(term, Symbol):
            variable = self.variables.get(term.text)
            if variable is not None:
                return {variable: Fraction(1)}, Fraction(0)
            if term.text[:1].isalpha() or term.text[:1] == "_":
                raise self.error(term.line, f"{term.text[:40]!r} is not declared")
            return {}, self._budget.read(term.text, f"{self.where}, line {term.line}")
        where = f"{self.where}, line {term.line}"
        if term.head not in ("+", "-", "*", "/") or len(term.items) < 2:
            raise UnsupportedOperatorError(
                f"{where}: {term.head[:40]!r} is not supported in a term; "
                "supported are +, -, * and / by numbers"
            )
        first, *rest = (self._term(item) for item in term.items[1:])
        coefficients, constant = dict(first[0]), first[1]
        if term.head == "-" and not rest:
            return {v: -c for v, c in coefficients.items()}, -constant
        for more, value in rest:
            if term.head in "+-":
                sign = 1 if term.head == "+" else -1
                for v, c in more.items():
                    c = coefficients.get(v, Fraction(0)) + sign * c
                    coefficients[v] = self._budget.number(c, where)
                constant = self._budget.number(constant + sign * value, where)
                continue
            if term.head == "*" and not coefficients:
                coefficients, constant, more, value = dict(more), value, {}, constant
            if more:
                raise UnsupportedOperatorError(
                    f"{where}: {term.head!r} of two variables is not linear; domains are polytopes"
                )
            if term.head == "/":
                if value == 0:
                    raise self.error(term.line, "division by zero")
                value = 1 / value
            coefficients = {
                v: self._budget.number(c * value, where) for v, c in coefficients.items()
            }
            constant = self._budget.number(constant * value, where)
        return coefficients, constant


def difference(
    a: tuple[dict[Variable, Fraction], Fraction],
    b: tuple[dict[Variable, Fraction], Fraction],
    line: int,
) -> Comparison:
    """The comparison a <= b."""
    terms = dict(a[0])
    for v, c in b[0].items():
        terms[v] = terms.get(v, Fraction(0)) - c
    return Comparison(tuple(sorted((v, c) for v, c in terms.items() if c)), a[1] - b[1], line)
