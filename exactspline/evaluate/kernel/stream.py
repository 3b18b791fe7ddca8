"""Bytes that are written once and not read again soon, past the caches (Numba).

A plain store of a line that is in no cache reads it from memory first. Codes of a large batch take
as long to be read as to be written.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .layout import BYTES
from .vectors import Vectors, inside

__all__ = ["stream", "streamed"]


@inside
def stream(typing: Any, bytes_: Any, start: Any, source: Any, n: Any) -> Any:
    """The first n bytes of ``source`` to ``bytes_[start...]``, whole lines past the caches."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Vectors(context, builder, signature, arguments, BYTES)
        start, n = arguments[1], arguments[3]
        line = vectors.constant(BYTES)
        address = builder.ptrtoint(vectors.pointer(0, start), vectors.integer)
        before = builder.and_(builder.neg(address), vectors.constant(BYTES - 1))
        few = builder.icmp_signed("<", n, before)
        before = builder.select(few, n, before)
        lines = builder.sdiv(builder.sub(n, before), line)
        whole = builder.add(before, builder.mul(lines, line))
        past = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])

        def copy_byte(at: Any) -> None:
            target = vectors.pointer(0, builder.add(start, at))
            builder.store(vectors.number_at(2, at), target)

        with cgutils.for_range(builder, before) as loop:
            copy_byte(loop.index)
        with cgutils.for_range(builder, lines) as loop:
            at = builder.add(before, builder.mul(loop.index, line))
            target = vectors.pointer(0, builder.add(start, at))
            place = builder.bitcast(target, vectors.type.as_pointer())
            stored = builder.store(vectors.load(2, at), place, align=BYTES)
            stored.set_metadata("nontemporal", past)
        with cgutils.for_range(builder, builder.sub(n, whole)) as loop:
            copy_byte(builder.add(whole, loop.index))
        return context.get_dummy_value()

    return types.void(bytes_, types.intp, source, types.intp), generate


@inside
def streamed(typing: Any) -> Any:
    """What was streamed before is seen by other threads before what is written from here on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate
