"""Signs that floats leave open, in double-double (Numba): a kernel of its own, brought in late.

The rows of both lines and of the form are made in pairs of floats, with bounds some 1e-16 times
smaller (`kernel/middle`), and the determinant likewise. Where all are exact, so is the sum of its
products of floats. What remains is for rationals.
"""

from __future__ import annotations

from ..kernel.middle.arithmetic import add, gamma2, times, two_product
from ..kernel.middle.multiples import exact_sign
from ..kernel.middle.rows import form_row, make_forms
from . import control as c
from .corners import INFLATE
from .jit import entry, kernel

TINY, LEAST = 1e-250, 1e-85  # what products of three may lose; sizes whose products lose nothing
SMALLEST, LARGEST = 1e-60, 1e60


@entry
def tell_in_pairs(P, S):
    """Write down the signs of the form that is asked at the corners that are asked, if told.

    Returns
    -------
    int
        How many were not told.
    """
    ctl, middle = S.ctl, S.middle
    layer, missing = ctl[c.LAYER], 0
    make_forms(P, S, layer)
    form_row(P, S, layer, ctl[c.ASK_FORM], middle.form.g, middle.form_low, middle.form.error)
    for at in range(ctl[c.ASK_AT], ctl[c.ASK_AT] + ctl[c.ASK_K]):
        a, b = S.corners.lines[at, c.LINE_A], S.corners.lines[at, c.LINE_B]
        sign = c.UNSURE
        if ctl[c.N_MEMO] < len(S.memo):
            sign = _sign(P, S, a, b)
        if sign == c.UNSURE:
            missing += 1
            continue
        known = S.memo[ctl[c.N_MEMO]]
        known[c.M_FORM], known[c.M_LINE_A], known[c.M_LINE_B] = ctl[c.ASK_FORM], a, b
        known[c.M_SIGN], known[c.M_TIER] = sign, c.PAIRS
        ctl[c.N_MEMO] += 1
    return missing


@kernel
def _make_line(P, S, line, to):
    """Write the row of a line, its low parts and its bounds to rows of a table."""
    table, middle = S.pairs, S.middle
    for n in range(3):
        table[to, n] = table[to + 1, n] = table[to + 2, n] = 0.0
    if line < c.FIRST_ROW:
        table[to, 2 if line == c.IDEAL_LINE else line - c.AXIS_X] = 1.0
        return
    made, i = middle.path, line - c.FIRST_ROW
    layer, form = S.lines.kind[line, c.L_LAYER], S.lines.kind[line, c.L_FORM]
    if layer >= 0 and (
        made.form[i] != form
        or made.layer[i] != layer
        or middle.path_entered[i] != middle.entered[layer]
    ):
        form_row(P, S, layer, form, made.row[i], middle.path_low[i], made.error[i])
        made.form[i], made.layer[i] = form, layer
        middle.path_entered[i] = middle.entered[layer]
    for n in range(3):
        table[to, n], table[to + 1, n] = made.row[i, n], middle.path_low[i, n]
        table[to + 2, n] = made.error[i, n]


@kernel
def _is_moderate(high, low, error):
    """Whether products of three of a row's numbers neither vanish nor overflow; and it is exact."""
    exact = True
    for n in range(3):
        if high[n] != 0.0 and not SMALLEST < abs(high[n]) < LARGEST:
            return False, False
        if error[n] != 0.0:
            exact = False
            if not error[n] < LARGEST:
                return False, False
        if low[n] != 0.0 and abs(low[n]) < LEAST:
            exact = False
    return True, exact


@kernel
def _sign(P, S, line_a, line_b):
    """The sign of det(a, b, g), or UNSURE."""
    _make_line(P, S, line_a, 0)
    _make_line(P, S, line_b, 3)
    table, middle = S.pairs, S.middle
    g, g_low, g_off = middle.form.g, middle.form_low, middle.form.error
    fits_a, exact_a = _is_moderate(table[0], table[1], table[2])
    fits_b, exact_b = _is_moderate(table[3], table[4], table[5])
    fits_g, exact_g = _is_moderate(g, g_low, g_off)
    if not (fits_a and fits_b and fits_g):
        return c.UNSURE
    value, value_low, size, off = 0.0, 0.0, 0.0, 0.0
    for n in range(3):
        for turn in range(2):
            i, j = (n + 1 + turn) % 3, (n + 2 - turn) % 3
            x, x_low = times(table[0, i], table[1, i], table[3, j], table[4, j])
            y, y_low = times(x, x_low, g[n], g_low[n])
            if turn == 1:
                y, y_low = -y, -y_low
            value, value_low = add(value, value_low, y, y_low)
            a, b, a_off, b_off = abs(table[0, i]), abs(table[3, j]), table[2, i], table[5, j]
            more = (a * b_off + b * a_off) * INFLATE + a_off * b_off
            size += abs(g[n]) * a * b
            off += abs(g[n]) * more + g_off[n] * (a * b * INFLATE + more)
    # high parts are off by less than their rounding, which INFLATE covers
    bound = (gamma2(40) * size + off) * INFLATE + TINY
    if value > bound:
        return c.POS
    if value < -bound:
        return c.NEG
    if exact_a and exact_b and exact_g:
        return _exactly(S, g, g_low)
    return c.UNSURE


@kernel
def _exactly(S, g, g_low):
    """The sign of the determinant of exact rows of pairs."""
    table, terms, count = S.pairs, S.terms, 0
    for n in range(3):
        for turn in range(2):
            i, j = (n + 1 + turn) % 3, (n + 2 - turn) % 3
            for which in range(8):
                x, y = table[which & 1, i], table[3 + ((which >> 1) & 1), j]
                z = g_low[n] if which & 4 else g[n]
                if x == 0.0 or y == 0.0 or z == 0.0:
                    continue
                if turn == 1:
                    z = -z
                p, e = two_product(x, y)
                terms[count], terms[count + 1] = two_product(p, z)
                terms[count + 2], terms[count + 3] = two_product(e, z)
                count += 4
    return exact_sign(terms, count)
