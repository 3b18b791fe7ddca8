"""The certificates for error bounds per coefficient, a kernel of their own (Numba).

Searches of unbounded domains, and of networks whose constants vanish throughout, need them for
every verdict; the others never do.
"""

from __future__ import annotations

from . import control as c
from .certificates import finite_box, lower_bound_by_basis, lower_bound_in_cell_box
from .jit import tier


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
