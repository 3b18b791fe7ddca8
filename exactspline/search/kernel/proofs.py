"""The certificates as kernels of their own (Numba).

A search needs those for its kind of error bounds for every verdict, and the others never:
bounds per coefficient are for unbounded domains and for networks whose constants vanish
throughout. Identities in integers are tried where those fail and rows are exact.
"""

from __future__ import annotations

from . import control as c
from .certificates import (
    finite_box,
    lower_bound_by_basis,
    lower_bound_in_box,
    lower_bound_in_cell_box,
    nonnegative_by_integers,
)
from .jit import kernel, tier


@kernel
def prove_by_multipliers(P, S, how):
    """Whether PROOF_SIGN * form keeps its sign, by the guessed multipliers; its bound in BOUND."""
    if P.mode[c.COEFFICIENTS] == 1:
        return prove_by_coefficients(P, S, how) == 1
    return prove_in_box(P, S, how) == 1


@tier(c.BOX_PROOF)
def prove_in_box(P, S, how):
    """Whether PROOF_SIGN * form > 0 on the cell is proved in the domain's box.

    By the dictionary; ``num[BOUND]`` is the bound that was proved.
    """
    path = S.path
    bound = lower_bound_in_box(
        S.form.g, S.form.error[0], S.num[c.FORM_SIZE], S.ctl[c.PROOF_SIGN], S.scratch.z,
        S.dictionary.col_id, path.row, path.error, path.size, P.box.low, P.box.high,
        P.mode[c.DIM],
    )  # fmt: skip
    S.num[c.BOUND] = bound
    return 1 if bound > 0.0 else 0


@tier(c.IDENTITY_PROOF)
def prove_by_integers(P, S, argument):
    """Whether PROOF_SIGN * form >= 0 follows by an identity in small integers: 1 or 0."""
    ctl, path = S.ctl, S.path
    proved = nonnegative_by_integers(
        S.form.g, ctl[c.FORM_GRID], S.num[c.FORM_LARGEST], ctl[c.PROOF_SIGN], S.scratch.z,
        S.dictionary.col_id, path.row, path.grid, path.largest, P.mode[c.DIM], S.scratch.work,
    )  # fmt: skip
    return 1 if proved else 0


@tier(c.COEFFICIENT_PROOF)
def prove_by_coefficients(P, S, how):
    """Whether PROOF_SIGN * form >= 0 on the cell is proved by the guessed multipliers.

    ``how``: OF_CELL also tries the cell's box on entry to the layer, where more than >= is
    proved; OF_VERTEX and OF_OTHER_VERTEX leave the bound that was proved in ``num[BOUND]``.
    """
    d, layer, z = P.mode[c.DIM], S.ctl[c.LAYER], S.scratch.z
    dictionary, path, sign = S.dictionary, S.path, S.ctl[c.PROOF_SIGN]
    if how == c.OF_OTHER_VERTEX:
        dictionary = S.other
    if how == c.OF_CELL:
        low, high = S.boxes.low[layer], S.boxes.high[layer]
        if finite_box(low, high, d):
            bound = lower_bound_in_cell_box(
                S.form.g, S.form.error, sign, z, dictionary.col_id, path.row, path.error, low,
                high, d,
            )  # fmt: skip
            if bound > 0.0:
                return 1
    bound = lower_bound_by_basis(
        S.form.g, S.form.error, sign, z, dictionary.col_id, path.row, path.error, path.scale,
        dictionary.T, d, S.scratch.work,
    )  # fmt: skip
    S.num[c.BOUND] = bound
    return 1 if bound >= 0.0 else 0
