"""Bytes that were written by us, or by somebody else: taken apart with care."""

from __future__ import annotations

import zlib

from ..errors import StoreError

__all__ = ["damaged", "inflated"]


def damaged(reason: str) -> StoreError:
    """The error for regions that cannot be read back."""
    return StoreError(
        f"stored regions are damaged: {reason}; take a copy of the store, or search again"
    )


def inflated(data: bytes, most: int) -> bytes:
    """What zlib has compressed, up to a stated size.

    Raises
    ------
    StoreError
        If it is more, or damaged.
    """
    reader = zlib.decompressobj()
    try:
        out = reader.decompress(data, most + 1)
    except zlib.error as error:
        raise damaged(str(error)) from None
    if len(out) > most or not reader.eof or reader.unused_data:
        raise damaged("its size is not what it should be")
    return out
