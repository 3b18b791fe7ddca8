"""Fault injection for tests: disturbs what the search guesses, never what it proves (Numba)."""

from __future__ import annotations

from . import control as c
from .jit import kernel, tier


@kernel
def uniform(faults):
    """A small deterministic generator for fault injection (tests only)."""
    x = faults[c.FAULT_SEED] * 16807.0
    faults[c.FAULT_SEED] = x - 2147483647.0 * (x // 2147483647.0)
    return faults[c.FAULT_SEED] / 2147483647.0


@kernel
def perturb(array, n, faults):
    """Disturb one of the first n numbers by a relative 1e-12 to 1 (tests only)."""
    i = int(uniform(faults) * n)
    size = 10.0 ** (-12.0 * uniform(faults))
    sign = 1.0 if uniform(faults) < 0.5 else -1.0
    array[i] += sign * size * (abs(array[i]) + 1e-3)


@tier(c.FAULTS)
def disturb(P, S, what):
    """Disturb a guess, or have a claim turned round (1), at the rate that tests ask for."""
    d, faults = P.mode[c.DIM], S.faults
    if uniform(faults) >= faults[c.FAULT_RATE]:
        return 0
    if what == c.OBJECTIVE:
        T = S.dictionary.T
        perturb(T[int(uniform(faults) * (d + 1))], d + S.ctl[c.M] + 1, faults)
    elif what == c.MULTIPLIERS:
        perturb(S.scratch.z, d, faults)
    elif what == c.TARGET_POINT:
        perturb(S.scratch.work[c.TARGET], d, faults)
    elif what == c.POINT_BEYOND:
        perturb(S.plus_point, d, faults)
    elif what == c.MIDDLE_MULTIPLIERS:
        perturb(S.middle.z, d, faults)
    elif what == c.MIDDLE_POINT:
        perturb(S.middle.trial, d, faults)
    return 1
