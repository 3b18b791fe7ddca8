"""The sign of a form at a corner, and what the signs at all corners say of a cell (Numba).

A corner is turn * (a x b), so the sign is that of a determinant of three rows. In this order: the
form is that of one of the corner's lines (known by classes); its value near the corner; the
determinant in floats, with a bound that holds for the exact rows; the same exactly, where all
three rows are exact (Shewchuk's expansions); what was asked for and is known. Where none tells, it
is asked: in double-double (`pairs.py`), then in rationals.
"""

from __future__ import annotations

from ..kernel.middle.arithmetic import two_product
from ..kernel.middle.multiples import exact_sign
from . import control as c
from .corners import TINY, UNIT, sign_near
from .jit import kernel

SMALLEST, LARGEST = 1e-60, 1e60  # numbers whose products of three neither vanish nor overflow


@kernel
def kind_of(row, error):
    """What may be done with a row: see `control`."""
    kind = c.EXACT
    for n in range(3):
        size = abs(row[n])
        if error[n] != 0.0:
            kind = min(kind, c.MODERATE)
            if not error[n] < LARGEST:
                return c.ANY
        if size != 0.0 and not SMALLEST < size < LARGEST:
            return c.ANY
    return kind


@kernel
def sign_at(P, S, at, kind):
    """The sign of the form of ``S.form`` at a corner, and what told it; or UNSURE."""
    corner, lines = S.corners.at[at], S.corners.lines[at]
    a, b = lines[c.LINE_A], lines[c.LINE_B]
    if S.ctl[c.FORM_A] >= 0:
        for line in (a, b):
            own = S.lines.kind[line]
            if own[c.L_CLASS_A] == S.ctl[c.FORM_A] and own[c.L_CLASS_B] == S.ctl[c.FORM_B]:
                return c.ZERO, c.FLOAT
            if own[c.L_CLASS_A] == S.ctl[c.FORM_B] and own[c.L_CLASS_B] == S.ctl[c.FORM_A]:
                return c.ZERO, c.FLOAT
    sign = sign_near(S.form.g, S.form.error, corner)
    if sign != c.UNSURE:
        return sign, c.FLOAT
    least = min(kind, S.lines.kind[a, c.L_KIND], S.lines.kind[b, c.L_KIND])
    if least >= c.MODERATE:
        sign = _determinant(S, a, b)
        if sign != c.UNSURE:
            return sign * lines[c.TURN], c.FLOAT
    if least == c.EXACT:
        return _exactly(S, a, b) * lines[c.TURN], c.INTEGER
    for n in range(S.ctl[c.N_MEMO]):
        known = S.memo[n]
        if (
            known[c.M_FORM] == S.ctl[c.ASK_FORM]
            and known[c.M_LINE_A] == a
            and known[c.M_LINE_B] == b
        ):
            return known[c.M_SIGN] * lines[c.TURN], known[c.M_TIER]
    return c.UNSURE, c.FLOAT


@kernel
def _determinant(S, line_a, line_b):
    """The sign of det(a, b, g) of the exact rows, by floats; or UNSURE.

    The determinant is linear in every entry, so it is off by at most the difference of two sums
    of products of sizes: with and without the rows' bounds.
    """
    a, b, g = S.lines.row[line_a], S.lines.row[line_b], S.form.g
    a_off, b_off, g_off = S.lines.error[line_a], S.lines.error[line_b], S.form.error
    value, inner, outer = 0.0, 0.0, 0.0
    for n in range(3):
        i, j = (n + 1) % 3, (n + 2) % 3
        value += g[n] * (a[i] * b[j] - a[j] * b[i])
        inner += abs(g[n]) * (abs(a[i] * b[j]) + abs(a[j] * b[i]))
        more = (abs(a[i]) + a_off[i]) * (abs(b[j]) + b_off[j])
        more += (abs(a[j]) + a_off[j]) * (abs(b[i]) + b_off[i])
        outer += (abs(g[n]) + g_off[n]) * more
    bound = (outer - inner) + 16.0 * UNIT * outer + TINY
    if value > bound:
        return c.POS
    if value < -bound:
        return c.NEG
    return c.UNSURE


@kernel
def _exactly(S, line_a, line_b):
    """The sign of det(a, b, g) of exact rows, as the sign of a sum of 24 floats."""
    a, b, g, terms = S.lines.row[line_a], S.lines.row[line_b], S.form.g, S.terms
    n_terms = 0
    for n in range(3):
        for k in range(2):
            i, j = (n + 1 + k) % 3, (n + 2 - k) % 3
            factor = -g[n] if k == 1 else g[n]
            if factor == 0.0 or a[i] == 0.0 or b[j] == 0.0:
                continue
            p, e = two_product(a[i], b[j])
            terms[n_terms], terms[n_terms + 1] = two_product(p, factor)
            terms[n_terms + 2], terms[n_terms + 3] = two_product(e, factor)
            n_terms += 4
    return exact_sign(terms, n_terms)


@kernel
def verdict(P, S, at, k, whole):
    """What the form of ``S.form`` does on a cell: NEG (<= 0), ZERO, POS, CUT; or UNSURE.

    Its signs at the corners are left in ``S.signs``. For the whole plane ``at`` is where the two
    axes' ideal corners and the origin stand.
    """
    kind = kind_of(S.form.g, S.form.error)
    low = high = unsure = False
    tier = c.FLOAT
    for n in range(k):
        sign, by = sign_at(P, S, at + n, kind)
        S.signs[n] = sign
        tier = max(tier, by)
        low = low or sign == c.NEG
        high = high or sign == c.POS
        unsure = unsure or sign == c.UNSURE
    S.ctl[c.TIER] = tier
    if unsure:
        return c.UNSURE
    if whole and (S.signs[0] != 0 or S.signs[1] != 0):
        return c.CUT
    if low:
        return c.CUT if high else c.NEG
    return c.POS if high else c.ZERO


@kernel
def count_decision(S):
    """Count a unit that was settled, by what told it; not on the way to a part."""
    if S.ctl[c.WAY] >= 0:
        return
    if S.ctl[c.TIER] == c.FLOAT:
        S.ctl[c.BY_FLOAT] += 1
    elif S.ctl[c.TIER] == c.INTEGER:
        S.ctl[c.BY_INTEGER] += 1
    elif S.ctl[c.TIER] == c.PAIRS:
        S.ctl[c.BY_PAIRS] += 1
    else:
        S.ctl[c.BY_RATIONAL] += 1
