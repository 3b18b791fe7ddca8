"""Check 15 for penalties on templates: what they are, where they are 0, where they stand still."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...errors import ParameterError, ShapeError
from ...mode import guarded
from ...polyhedra.linear import rank_of
from ...rationals import to_fraction
from ..common.region_maps import dot
from ..registry import check, exported
from ..report import SPLINE_THEORY, Report, Statement

__all__ = ["TemplatePenalties", "check_template_penalties", "template_penalties"]

_SIZES = ((2, 2), (3, 2), (2, 3))  # templates and inputs of the symbols
_POINTS = [
    ([[Fraction(v) for v in row] for row in A], [Fraction(v) for v in x])
    for A, x in (
        ([[1, 2], [3, 4]], [5, 6]),
        ([[1, 2], [-4, 2], [0, 0]], [1, 0]),  # orthogonal, one of them 0
        ([[1, 2, -1], [-3, -6, 3]], [-2, -4, 2]),  # collinear
        ([[0, 1, 1]], [1, 1, -1]),  # at right angles to the input
        ([[1, 0], [0, 1]], [0, 0]),
        ([[0, 0], [0, 0]], [1, 1]),
    )
]
_NAMES = ("orthogonality", "excess", "across", "shares")

Formulas = Mapping[str, Callable[[Any, Any, Any], Any]]


class TemplatePenalties(NamedTuple):
    """Penalties on the templates of one input, exactly.

    Attributes
    ----------
    orthogonality : Fraction
        sum over c != c' of <A_c, A_c'>^2.
    excess : Fraction
        max(0, sum_c |A_c|^2 - alpha)^2.
    across : Fraction
        sum_c |A_c - P A_c|^2, P the projection on the line through x.
    shares : Fraction
        sum_c |A_c - P A_c|^2 / |A_c|^2, over the templates that are not 0.
    """

    orthogonality: Fraction
    excess: Fraction
    across: Fraction
    shares: Fraction


@exported
@guarded
def template_penalties(A: Any, x: Any, alpha: Any = 1) -> TemplatePenalties:
    """The penalties on templates that training uses, in exact numbers.

    Parameters
    ----------
    A : array_like, shape (C, ...)
        The templates of one input, as ``network.templates(x, exact=True).A`` has them; floats
        are the dyadic rationals that they are.
    x : array_like, shape (...)
        That input. Of one that is 0 all of a template is across.
    alpha : number
        The bound on sum_c |A_c|^2; positive.

    Returns
    -------
    TemplatePenalties

    Raises
    ------
    ShapeError
        If A has no template or entry, or x does not fit.
    ParameterError
        If a number is NaN or infinite, or alpha is not positive.

    Notes
    -----
    `exactspline.torch` has the same for batches, as losses: `template_orthogonality`,
    `norm_penalty` and `collinear_penalty`. C^2 D products of rationals.

    Examples
    --------
    >>> found = template_penalties([[2, 0], [3, 4]], [5, 0], alpha=20)
    >>> [str(value) for value in found]
    ['72', '81', '16', '16/25']
    """
    rows, point = _checked(A, x)
    bound = to_fraction(alpha, "alpha")
    if not bound > 0:
        raise ParameterError(f"template_penalties: alpha {alpha}; give a positive number")
    gram = [[dot(one, other) for other in rows] for one in rows]
    size = dot(point, point)
    along = [dot(row, point) ** 2 / size if size else Fraction(0) for row in rows]
    across = [gram[c][c] - share for c, share in enumerate(along)]
    excess = max(Fraction(0), sum((gram[c][c] for c in range(len(rows))), -bound))
    return TemplatePenalties(
        sum(
            (v * v for c, row in enumerate(gram) for d, v in enumerate(row) if c != d), Fraction(0)
        ),
        excess * excess,
        sum(across, Fraction(0)),
        sum((part / gram[c][c] for c, part in enumerate(across) if gram[c][c]), Fraction(0)),
    )


def _checked(A: Any, x: Any) -> tuple[list[list[Fraction]], list[Fraction]]:
    try:
        templates, point = np.array(A, dtype=object), np.array(x, dtype=object)
    except ValueError as error:
        raise ShapeError(f"template_penalties: A or x is no array ({error})") from None
    if templates.ndim < 2 or templates.size == 0 or templates.shape[1:] != point.shape:
        raise ShapeError(
            f"template_penalties: templates of shape {templates.shape} and an input of shape "
            f"{point.shape}; give (C, *input_shape) and the input shape"
        )
    rows = [[to_fraction(v, "A") for v in row.reshape(-1).tolist()] for row in templates]
    return rows, [to_fraction(v, "x") for v in point.reshape(-1).tolist()]


@check(number=15, name="template penalties", needs_network=False)
@guarded
def check_template_penalties(*, formulas: Formulas | None = None) -> Report:
    """Check that penalties on templates are 0 where they should be, and stand still nowhere else.

    Parameters
    ----------
    formulas : mapping, optional
        By "orthogonality", "excess", "across" or "shares" a function of sympy's ``(A, x,
        alpha)``, two matrices and a symbol, to test in place of the written ones. "excess" is
        that where sum_c |A_c|^2 is above alpha.

    Returns
    -------
    Report
        With symbols, for some numbers of templates and inputs: each penalty is a sum of the
        squares that vanish for orthogonal, small or collinear templates; its gradient is the
        one of its formula; and where the gradient is 0 the penalty is 0, by <A, gradient> =
        4 P (orthogonality), 4 P + 4 alpha sqrt(P) (excess), 2 P (across). Of shares the
        gradient along x is -2 cos (1 - cos^2) / |A_c|, so it is 0 for templates at right angles
        to x, too. And `template_penalties` at rational points with projections, inner products
        and ranks.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018: orthogonal templates.

    Examples
    --------
    >>> check_template_penalties().verdict
    'holds'
    >>> once = lambda A, x, alpha: (A[0, :] * A[1, :].T)[0] ** 2  # each pair counted once
    >>> check_template_penalties(formulas={"orthogonality": once}).verdict
    'fails'
    """
    import sympy

    says = Statement(
        "check_template_penalties",
        "The penalties sum <A_c, A_c'>^2, max(0, sum |A_c|^2 - alpha)^2 and sum |A_c - P A_c|^2 "
        "are 0 exactly for orthogonal templates, templates within the bound, and multiples of x, "
        "and their gradients vanish nowhere else.",
        f"{SPLINE_THEORY}, on orthogonal templates; the sums of squares by Lagrange's identity",
        (
            "the formulas by matrices, and their derivatives (symbolic)",
            "sums of squares of what should vanish, and gradients as they are written down",
        ),
        "conditions",
        symbolic=True,
    )
    chosen = {**_written(sympy), **(formulas or {})}
    conditions: dict[str, bool] = {}
    for classes, dim in _SIZES:
        A = sympy.Matrix(classes, dim, lambda c, i: sympy.Symbol(f"a{c}{i}", real=True))
        x = sympy.Matrix([sympy.Symbol(f"x{i}", real=True) for i in range(dim)])
        alpha = sympy.Symbol("alpha", positive=True)
        squares, slopes = _squares(sympy, A, x, alpha), _slopes(sympy, A, x, alpha)
        for name in _NAMES:
            of = f"({classes} x {dim})"
            value = chosen[name](A, x, alpha)
            gradient = sympy.Matrix(classes, dim, [sympy.diff(value, entry) for entry in A])
            pairs = {
                "sum of squares": [(value, squares[name])],
                "gradient": list(zip(gradient, slopes[name], strict=True)),
                "no other point at rest": _at_rest(sympy, name, value, gradient, A, x, alpha),
            }
            for what, sides in pairs.items():
                conditions[f"{name}: {what} {of}"] = all(
                    _same(sympy, one, other) for one, other in sides
                )
            bad = [key for key, good in conditions.items() if not good]
            if bad:
                at = dict(zip([*A, *x, alpha], _numbers(), strict=False))
                case = {
                    "A": A.subs(at).tolist(), "x": list(x.subs(at)), "alpha": at[alpha],
                    "formula": value.subs(at), "squares": squares[name].subs(at),
                }  # fmt: skip
                return says.report(case, f"not so: {bad[0]}", checked=len(conditions))
    wrong = _values_disagree()
    return says.report(
        wrong, "template_penalties has another value", checked=len(conditions),
        details={"conditions": conditions},
    )  # fmt: skip


def _numbers() -> Sequence[int]:
    """What stands for symbols in a counterexample."""
    return 1, 2, 3, -1, 5, 7, -2, 4, 3, 6, 1


def _same(sympy: Any, one: Any, other: Any) -> bool:
    """Whether two rational expressions are one function: their difference's numerator is 0."""
    return bool(sympy.expand(sympy.fraction(sympy.together(one - other))[0]) == 0)


def _written(sympy: Any) -> dict[str, Callable[[Any, Any, Any], Any]]:
    """The penalties by matrices."""

    def along(A: Any, x: Any) -> Any:
        return [((A[c, :] * x)[0]) ** 2 / (x.T * x)[0] for c in range(A.rows)]

    def squares(A: Any) -> Any:
        return (A * A.T).diagonal()

    return {
        "orthogonality": lambda A, x, alpha: (A * A.T * A * A.T).trace() - sum(
            v**2 for v in squares(A)
        ),
        "excess": lambda A, x, alpha: ((A * A.T).trace() - alpha) ** 2,
        "across": lambda A, x, alpha: (A * A.T).trace() - sum(along(A, x)),
        "shares": lambda A, x, alpha: sum(
            1 - part / square for part, square in zip(along(A, x), squares(A), strict=True)
        ),
    }  # fmt: skip


def _squares(sympy: Any, A: Any, x: Any, alpha: Any) -> dict[str, Any]:
    """The same as sums of squares, entry by entry; across x by Lagrange's identity."""
    rows, inputs = range(A.rows), range(A.cols)
    size = sum(x[i] ** 2 for i in inputs)
    across = [
        sum((A[c, i] * x[j] - A[c, j] * x[i]) ** 2 for i in inputs for j in range(i)) / size
        for c in rows
    ]
    return {
        "orthogonality": sum(
            sum(A[c, i] * A[d, i] for i in inputs) ** 2 for c in rows for d in rows if c != d
        ),
        "excess": (sum(A[c, i] ** 2 for c in rows for i in inputs) - alpha) ** 2,
        "across": sum(across),
        "shares": sum(across[c] / sum(A[c, i] ** 2 for i in inputs) for c in rows),
    }


def _slopes(sympy: Any, A: Any, x: Any, alpha: Any) -> dict[str, Any]:
    """The gradients, one row a template, as they are written down."""
    gram, unit = A * A.T, x * x.T / (x.T * x)[0]
    apart = gram - sympy.diag(*gram.diagonal())
    turned = []
    for c in range(A.rows):
        row, square = A[c, :], gram[c, c]
        part = (row * unit * row.T)[0] / square  # cos^2
        turned.append((part * row - row * unit) * 2 / square)
    return {
        "orthogonality": 4 * apart * A,
        "excess": 4 * (gram.trace() - alpha) * A,
        "across": 2 * (A - A * unit),
        "shares": sympy.Matrix.vstack(*turned),
    }


def _at_rest(
    sympy: Any, name: str, value: Any, gradient: Any, A: Any, x: Any, alpha: Any
) -> list[tuple[Any, Any]]:
    """Equations by which a gradient that is 0 makes the penalty 0; of shares, or cos = 0."""
    along = sum(a * g for a, g in zip(A, gradient, strict=True))
    if name == "orthogonality":
        return [(along, 4 * value)]
    if name == "across":
        return [(along, 2 * value)]
    if name == "excess":  # above alpha both terms are positive
        return [(along, 4 * value + 4 * alpha * ((A * A.T).trace() - alpha))]
    out = []
    for c in range(A.rows):
        square, inner = (A[c, :] * A[c, :].T)[0], (A[c, :] * x)[0]
        cosine2 = inner**2 / square / (x.T * x)[0]
        out.append(((gradient[c, :] * x)[0], -2 * inner * (1 - cosine2) / square))
    return out


def _values_disagree() -> dict[str, Any] | None:
    """`template_penalties` at rational points, with definitions that it does not use."""
    far = Fraction(10) ** 400
    for scale in (Fraction(1), Fraction(1, 3), far, 1 / far):
        for A, x in _POINTS:
            rows = [[scale * v for v in row] for row in A]
            found = template_penalties(rows, x, 5 * scale)
            away = [_rest(row, x) for row in rows]
            total = sum((dot(row, row) for row in rows), Fraction(0))
            pairs = [dot(a, b) for i, a in enumerate(rows) for b in rows[:i]]
            shares = [
                dot(rest, rest) / dot(row, row)
                for rest, row in zip(away, rows, strict=True) if any(row)
            ]  # fmt: skip
            defined = TemplatePenalties(
                2 * sum((v**2 for v in pairs), Fraction(0)),
                (total - 5 * scale) ** 2 if total > 5 * scale else Fraction(0),
                sum((dot(rest, rest) for rest in away), Fraction(0)),
                sum(shares, Fraction(0)),
            )
            collinear = all(rank_of([row, x]) == rank_of([x]) for row in rows)
            zeros = not any(pairs), total <= 5 * scale, collinear, collinear
            if found != defined or zeros != tuple(value == 0 for value in found):
                return {"A": rows, "x": x, "found": found, "defined": defined}
    return None


def _rest(row: Sequence[Fraction], x: Sequence[Fraction]) -> list[Fraction]:
    """What is left of a template without its part along x."""
    size = dot(x, x)
    share = dot(row, x) / size if size else Fraction(0)
    return [v - share * u for v, u in zip(row, x, strict=True)]
