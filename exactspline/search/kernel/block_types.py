"""Blocks inside kernels: the type that Numba gives them, and calls through an address.

This is Numba's inside, tried with the versions that `block.py` names; nothing else knows it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, intrinsic, register_model, unbox
from numba.np import arrayobj
from numba.np.numpy_support import from_dtype

__all__ = ["address_of", "once_for_all_constants", "tier_call", "type_of_block"]

WORD = ir.IntType(64)


class BlockType(types.Type):
    """The type of all blocks of one class."""

    def __init__(self, of: Any) -> None:
        self.of = of
        super().__init__(name=f"Block.{of.__name__}")


register_model(BlockType)(models.OpaqueModel)
_known: dict[Any, BlockType] = {}


def type_of_block(block: Any) -> BlockType:
    """The type of a block, for Numba's dispatchers."""
    return _type_of(type(block))


def _type_of(of: Any) -> BlockType:
    if of not in _known:
        _known[of] = BlockType(of)
    return _known[of]


@unbox(BlockType)
def _unbox(typ: BlockType, block: Any, context: Any) -> NativeValue:
    number = context.pyapi.object_getattr_string(block, "address")
    address = context.pyapi.long_as_longlong(number)
    context.pyapi.decref(number)
    return NativeValue(context.builder.inttoptr(address, cgutils.voidptr_t))


def _type_of_part(typ: BlockType, name: str) -> Any:
    kind = typ.of.schema[name]
    if hasattr(kind, "ndim"):
        return types.Array(from_dtype(kind.dtype), kind.ndim, "C")
    return _type_of(kind)


@infer_getattr
class _Attributes(AttributeTemplate):
    key = BlockType

    def generic_resolve(self, typ: Any, name: str) -> Any:  # type: ignore[override]
        return _type_of_part(typ, name) if name in typ.of.schema else None


@lower_getattr_generic(BlockType)
def _getattr(context: Any, builder: Any, typ: BlockType, value: Any, name: str) -> Any:
    part, at = _type_of_part(typ, name), typ.of.places[name]

    def loaded(place: int, kind: Any) -> Any:
        # as what it is: a number that becomes a pointer would cost a third of the speed. Tables
        # do not change while a kernel runs, so a loop needs no second look.
        slot = cgutils.gep_inbounds(builder, builder.bitcast(value, WORD.as_pointer()), place)
        word = builder.load(builder.bitcast(slot, kind.as_pointer()))
        word.set_metadata("invariant.load", builder.module.add_metadata([]))
        return word

    if isinstance(part, BlockType):
        return loaded(at, cgutils.voidptr_t)
    item = context.get_data_type(part.dtype)
    shape = [loaded(at + 1 + k, WORD) for k in range(part.ndim)]
    size = ir.Constant(WORD, context.get_abi_sizeof(item))
    strides = [size]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    array = context.make_array(part)(context, builder)
    arrayobj.populate_array(
        array, data=loaded(at, item.as_pointer()), shape=shape, strides=strides, itemsize=size,
        meminfo=None,
    )  # fmt: skip
    return array._getvalue()


def tier_call(number: int, missing: int) -> Any:
    """What kernels call in the place of a tier, with both blocks and a number.

    It calls the kernel whose address is in ``S.tiers``; where there is none, it returns
    ``missing``.
    """

    @intrinsic
    def call(typing: Any, P: Any, S: Any, argument: Any) -> Any:
        signature = types.int64(P, S, types.int64)

        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointer = cgutils.voidptr_t
            table = builder.bitcast(values[1], WORD.as_pointer())
            slot = cgutils.gep_inbounds(builder, table, S.of.places["tiers"])
            tiers = builder.load(builder.bitcast(slot, WORD.as_pointer().as_pointer()))
            address = builder.load(cgutils.gep_inbounds(builder, tiers, number))
            result = cgutils.alloca_once_value(builder, ir.Constant(WORD, missing))
            there = builder.icmp_unsigned("!=", address, ir.Constant(WORD, 0))
            with builder.if_then(there, likely=True):
                kind = ir.FunctionType(WORD, [pointer, pointer, WORD])
                function = builder.inttoptr(address, kind.as_pointer())
                builder.store(builder.call(function, values), result)
            return builder.load(result)

        return signature, code

    return call


def once_for_all_constants(kernel: Any) -> Any:
    """Have a kernel compiled once, and not anew for every constant that it is called with."""
    template = kernel.get_call_template

    def get_call_template(arguments: Any, keywords: Any) -> Any:
        return template(tuple(map(types.unliteral, arguments)), keywords)

    kernel.get_call_template = get_call_template
    return kernel


def address_of(kernel: Any, P: Any, S: Any) -> int:
    """Where a kernel of the kind that `call` calls is, compiled or loaded if need be."""
    arguments = (type_of_block(P), type_of_block(S), types.int64)
    kernel.compile(arguments)
    result = kernel.overloads[arguments]
    return int(result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name))
