"""The sign of a form at a corner, and what the signs at all corners say of a cell (Numba).

A corner is turn * (a x b), so the sign is that of a determinant of three rows. In this order: the
form is that of one of the corner's lines (known by classes); its value near the corner; the
determinant in floats, with a bound that holds for the exact rows; the same exactly, where all
three rows are exact (Shewchuk's expansions); what was asked for and is known. Where none tells, it
is asked: in double-double (`pairs.py`), then in rationals.
"""

from __future__ import annotations

from ..kernel.classes import mixed
from ..kernel.middle.arithmetic import two_product, two_sum
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
    if S.ctl[c.FORM_A] >= 0 and (_multiple(S, a, False) or _multiple(S, b, False)):
        return c.ZERO, c.RATIONAL
    for n in range(S.ctl[c.N_MEMO]):
        known = S.memo[n]
        if (
            known[c.M_FORM] == S.ctl[c.ASK_FORM]
            and known[c.M_LINE_A] == a
            and known[c.M_LINE_B] == b
        ):
            if known[c.M_SIGN] == c.OF_A or known[c.M_SIGN] == c.OF_B:
                _multiple(S, a if known[c.M_SIGN] == c.OF_A else b, True)
                return c.ZERO, known[c.M_TIER]
            return known[c.M_SIGN] * lines[c.TURN], known[c.M_TIER]
    return c.UNSURE, c.FLOAT


@kernel
def _multiple(S, line, told):
    """Whether the form is known to be a multiple of a line, by their classes; note it if told.

    On a side of the domain many forms may vanish: each is asked once, and not at every corner.
    """
    table, kind = S.multiples, S.lines.kind[line]
    a, b = S.ctl[c.FORM_A], S.ctl[c.FORM_B]
    a, b = min(a, b), max(a, b)
    line_a, line_b = kind[c.L_CLASS_A], kind[c.L_CLASS_B]
    mask = len(table) - 1
    h = mixed(mixed(mixed(a, b), line_a), line_b) & mask
    while table[h, 1] != 0:
        if (
            table[h, 0] == a
            and table[h, 1] == b
            and table[h, 2] == line_a
            and table[h, 3] == line_b
        ):
            return True
        h = (h + 1) & mask
    if told and 2 * S.again.count[c.MULTIPLES] < mask:
        S.again.count[c.MULTIPLES] += 1
        table[h, 0], table[h, 1], table[h, 2], table[h, 3] = a, b, line_a, line_b
    return False


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
    """The sign of det(a, b, g) of exact rows: of a sum of at most 24 floats, most of them 0.

    The minors of a and b are sums of four floats; where those have few digits, of one or two.
    """
    a, b, g, terms = S.lines.row[line_a], S.lines.row[line_b], S.form.g, S.terms
    if _parallel(g, a) or _parallel(g, b):
        return 0
    n_terms = 0
    for n in range(3):
        if g[n] == 0.0:
            continue
        i, j = (n + 1) % 3, (n + 2) % 3
        p, e = two_product(a[i], b[j])
        q, f = two_product(-a[j], b[i])
        p, q = two_sum(p, q)
        e, f = two_sum(e, f)
        for part in (p, q, e, f):
            if part != 0.0:
                p, e = two_product(part, g[n])
                terms[n_terms] = p
                n_terms += 1
                if e != 0.0:
                    terms[n_terms] = e
                    n_terms += 1
    return exact_sign(terms, n_terms)


@kernel
def _parallel(g, a):
    """Whether two exact rows are multiples of each other."""
    for n in range(3):
        i, j = n, (n + 1) % 3
        p, e = two_product(g[i], a[j])
        q, f = two_product(g[j], a[i])
        if p != q or e != f:
            return False
    return True


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
