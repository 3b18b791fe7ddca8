"""How much memory one thing may take: what a few bytes can ask for is counted beforehand."""

from __future__ import annotations

from .errors import LimitError

__all__ = ["MOST_COEFFICIENTS", "MOST_MEMBERS", "MOST_NUMBERS", "check_room"]

MOST_MEMBERS = 1 << 25  # of the windows or maxima of one operator: 256 MiB an array of them
MOST_COEFFICIENTS = 1 << 27  # of one affine map in a compiled network: 2 GiB with their columns
MOST_NUMBERS = 1 << 31  # of the affine forms that a search holds on its way to a region


def check_room(count: int, most: int, what: str, instead: str) -> None:
    """Refuse what no memory holds, before it is taken.

    Parameters
    ----------
    count, most : int
        Numbers that would be held, and how many are.
    what : str
        Begins the message: where that is, and what would hold them.
    instead : str
        What to do instead.

    Raises
    ------
    LimitError

    Examples
    --------
    >>> check_room(3, 2, "Conv: its windows", "take a smaller kernel")
    Traceback (most recent call last):
    ...
    exactspline.errors.LimitError: Conv: its windows would hold 3 numbers, over the limit of 2; \
take a smaller kernel
    """
    if count > most:
        raise LimitError(
            f"{what} would hold {count:,} numbers, over the limit of {most:,}; {instead}"
        )
