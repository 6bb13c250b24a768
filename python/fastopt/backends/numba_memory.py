"""Memory and functions by their addresses, in compiled code."""

from typing import Any

from numba import types
from numba.extending import intrinsic


def _pointer(element: Any) -> Any:
    """Make the function that takes an address for that of elements of a type."""

    def pointer(typing: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = context.get_value_type(signature.return_type)
            return builder.inttoptr(arguments[0], kind)

        return types.CPointer(element)(types.intp), generate

    return intrinsic(pointer)


words = _pointer(types.intp)
ints = _pointer(types.intc)
octets = _pointer(types.uint8)


@intrinsic  # type: ignore[untyped-decorator]
def room(typing: Any, count: Any) -> Any:
    """Return the address of so many words on the stack, until the function returns."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = context.get_value_type(types.intp)
        return builder.ptrtoint(builder.alloca(word, size=arguments[0]), word)

    return types.intp(types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def call(typing: Any, function: Any, scalars: Any, p: Any, g: Any, states: Any, n: Any) -> Any:
    """Call a kernel."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        word = context.get_value_type(types.intp)
        kernel = ir.FunctionType(ir.VoidType(), [word] * 5)
        address, *given = arguments
        builder.call(builder.inttoptr(address, kernel.as_pointer()), given)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 6), generate
