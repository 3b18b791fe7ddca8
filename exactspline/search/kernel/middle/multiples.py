"""Forms that are a multiple of a constraint, plus a constant, told in exact arithmetic (Numba).

Where a window of max-pooling reads a single pixel that varies, its members are multiples of one
function, with any ratios: no small integers. With sign * form = lambda row + mu and lambda > 0, the
coefficients are proportional, g_j row_k = g_k row_j, and mu >= 0. These differences of products of
pairs are sums of sixteen floats, whose exact sign an expansion gives (Shewchuk, *Adaptive
precision floating-point arithmetic*, 1997): for rows that are exact, and products that do
not underflow.
"""

from __future__ import annotations

from .. import control as c
from ..jit import kernel
from .arithmetic import two_product, two_sum

__all__ = ["exact_sign", "is_multiple"]

LOWEST = -480  # grids whose products are above all that may underflow
LARGEST = 1e140  # numbers whose products are far from overflow


@kernel
def exact_sign(terms, n):
    """The sign of a sum of floats, exactly; ``terms`` is overwritten."""
    for m in range(1, n):
        q = terms[m]
        for i in range(m):
            q, terms[i] = two_sum(q, terms[i])
        terms[m] = q
    for i in range(n - 1, -1, -1):
        if terms[i] != 0.0:
            return 1 if terms[i] > 0.0 else -1
    return 0


@kernel
def _put_product(terms, at, sign, a, a_low, b, b_low):
    """Write sign a b as eight floats, exactly."""
    terms[at], terms[at + 1] = two_product(sign * a, b)
    terms[at + 2], terms[at + 3] = two_product(sign * a, b_low)
    terms[at + 4], terms[at + 5] = two_product(sign * a_low, b)
    terms[at + 6], terms[at + 7] = two_product(sign * a_low, b_low)


@kernel
def is_multiple(P, S, sign):
    """Whether sign * form is a positive multiple of one tight constraint plus a constant >= 0."""
    d, middle = P.mode[c.DIM], S.middle
    if middle.ctl[c.M_FORM_GRID] < LOWEST or middle.form_largest[0] > LARGEST:
        return False
    best, size = -1, 0.0
    for k in range(d):  # the row that gives the most of the form
        i = middle.col_id[k]
        if i >= 0 and middle.z[k] > 0.0 and middle.z[k] * middle.path.largest[i] > size:
            best, size = i, middle.z[k] * middle.path.largest[i]
    if best < 0:
        return False
    if middle.path.grid[best] < LOWEST or middle.path.largest[best] > LARGEST:
        return False
    return _proportional(middle, best, sign, d)


@kernel
def _proportional(middle, i, sign, d):
    """Whether sign * form = lambda row_i + mu with lambda > 0 and mu >= 0."""
    row, low, g, g_low = middle.path.row[i], middle.path_low[i], middle.form.g, middle.form_low
    k = 0
    for j in range(1, d):
        if abs(row[j]) > abs(row[k]):
            k = j
    turned = float(sign)
    if not turned * g[k] * row[k] > 0.0:
        return False
    if row[k] < 0.0:  # mu row_k >= 0 is asked for below
        turned = -turned
    for j in range(d + 1):
        if j == k:
            continue
        _put_product(middle.terms, 0, turned, g[j], g_low[j], row[k], low[k])
        _put_product(middle.terms, 8, -turned, g[k], g_low[k], row[j], low[j])
        found = exact_sign(middle.terms, 16)
        if (j < d and found != 0) or found < 0:
            return False
    return True
