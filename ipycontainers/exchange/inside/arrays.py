"""Arrays of NumPy and of the module array: a description and the plain bytes.

    {"dtype": "<f8", "shape": [2, 3], "order": "C" or "F", "data": [offset, size]}

dtype is what a .npy file says of it, ``numpy.lib.format.dtype_to_descr``: text, or a list
of fields. Where there is no NumPy, an array arrives as lists, one in another; a date that
is none as None.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

Knows: which dtypes are plain bytes. Does not know: files.
"""

import datetime
import re
import struct
import sys
from typing import Any, Dict, List

from .tree import Decoder, Encoder, Refused, qualified

SIMPLE = re.compile(
    r"([<>|=]?)(?:(b)1|([iu])([1248])|(f)(2|4|8|12|16)|(c)(8|16|24|32)"
    r"|([SUV])(\d{1,9})|([mM])8(?:\[(\d{0,6})(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)\Z"
)
MOST_FIELDS = 10000
MOST_DIMENSIONS = 64
MOST_EMPTY = 1000000  # elements of no size, which no length of data could bound


def encode(encoder: Encoder, value: Any) -> Any:
    if type(value).__module__ == "array":
        return {"array": _of_array(encoder, value)}
    import numpy

    if isinstance(value, numpy.generic):
        if isinstance(value, numpy.bool_):
            return bool(value)
        return {"number": _described(encoder, numpy.asarray(value))}
    if type(value) not in (numpy.ndarray, numpy.memmap):
        raise Refused(f"a {_name(value)} is more than an array; numpy.asarray makes one of it")
    return {"array": _described(encoder, value)}


def _name(value: Any) -> str:
    return qualified(type(value))


def _of_array(encoder: Encoder, value: Any) -> Dict[str, Any]:
    if value.typecode in ("u", "w"):
        raise Refused("an array of characters; its tounicode() is text")
    kind = "f" if value.typecode in "fd" else "i" if value.typecode.islower() else "u"
    order = "<" if sys.byteorder == "little" else ">"
    dtype = f"{order}{kind}{value.itemsize}"
    data = memoryview(value).cast("B") if len(value) else b""
    return {"dtype": dtype, "shape": [len(value)], "order": "C", "data": encoder.blob(data)}


def _described(encoder: Encoder, value: Any) -> Dict[str, Any]:
    import numpy

    dtype = value.dtype
    plain = dtype.kind in "biufcSUmM" or (dtype.kind == "V" and dtype.type is numpy.void)
    if dtype.hasobject or not plain:
        raise Refused(f"an array of {dtype} has no plain bytes; astype gives it another type")
    order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    rows = numpy.ascontiguousarray(value.T if order == "F" else value)
    data = memoryview(rows.reshape(-1).view(numpy.uint8)) if rows.nbytes else b""
    return {
        "dtype": listed(numpy.lib.format.dtype_to_descr(dtype)),
        "shape": list(value.shape),
        "order": order,
        "data": encoder.blob(data),
    }


def listed(dtype: Any) -> Any:
    """The same with lists for tuples, as JSON has it."""
    return [listed(part) for part in dtype] if isinstance(dtype, (list, tuple)) else dtype


def decode(decoder: Decoder, payload: Any) -> Any:
    """An array that may be written to, or lists where there is no NumPy."""
    dtype, shape = payload["dtype"], payload["shape"]
    order, data = payload["order"], decoder.blob(payload["data"])
    if order not in ("C", "F"):
        raise ValueError("an array in no order")
    count = counted(shape)
    try:
        import numpy
    except ImportError:
        return _nested(dtype, shape, order, data)
    kind = numpy.lib.format.descr_to_dtype(checked(dtype))
    if kind.hasobject:
        raise ValueError("an array of objects")
    fits(count, kind.itemsize, len(data))
    if kind == numpy.bool_ and (numpy.frombuffer(data, numpy.uint8) > 1).any():
        raise ValueError("a truth value that is neither")
    flat = numpy.frombuffer(data if not data.readonly else bytearray(data), kind, count)
    if count == 0 or kind.itemsize == 0:
        flat = numpy.zeros(count, kind)
    return flat.reshape(shape) if order == "C" else flat.reshape(shape[::-1]).T


def counted(shape: Any) -> int:
    """How many elements there are. ValueError for what is no shape."""
    if type(shape) is not list or len(shape) > MOST_DIMENSIONS:
        raise ValueError("the shape of an array is none")
    count = 1
    for length in shape:
        if type(length) is not int or length < 0:
            raise ValueError("the shape of an array is none")
        count *= length
    return count


def fits(count: int, size: int, length: int) -> None:
    if count * size != length or (not size and count > MOST_EMPTY):
        raise ValueError(f"an array of {count} × {size} bytes in {length} bytes")


def checked(dtype: Any, depth: int = 0) -> Any:
    """The description, tuples where NumPy wants them. ValueError unless it is plain bytes."""
    if type(dtype) is str:
        if not SIMPLE.match(dtype):
            raise ValueError(f"the dtype {dtype!r:.50}")
        return dtype
    if type(dtype) is not list or depth > 8 or len(dtype) > MOST_FIELDS:
        raise ValueError("a dtype that is none")
    if len(dtype) == 2 and type(dtype[1]) is list and _is_shape(dtype[1]):
        return (checked(dtype[0], depth + 1), tuple(dtype[1]))
    return [_field(field, depth) for field in dtype]


def _field(field: Any, depth: int) -> Any:
    if type(field) is not list or len(field) not in (2, 3):
        raise ValueError("a field of a dtype that is none")
    name = tuple(field[0]) if type(field[0]) is list else field[0]
    if not all(type(part) is str for part in (name if type(name) is tuple else [name])):
        raise ValueError("a field of a dtype without a name")
    if len(field) == 3 and not _is_shape(field[2]):
        raise ValueError("a field of a dtype without a shape")
    return (name, checked(field[1], depth + 1), *tuple(map(tuple, field[2:])))


def _is_shape(shape: Any) -> bool:
    return type(shape) is list and all(type(n) is int and 0 <= n < 2**31 for n in shape)


# --- where there is no NumPy ----------------------------------------------------------------


def _nested(dtype: Any, shape: List[int], order: str, data: memoryview) -> Any:
    if type(dtype) is not str:
        raise ValueError("an array of records, for which there has to be NumPy")
    found = SIMPLE.match(checked(dtype))
    assert found
    size = _size(dtype)
    fits(counted(shape), size, len(data))
    if counted([length for length in shape if length]) > max(len(data), MOST_EMPTY):
        raise ValueError("an array of very many empty ones")
    flat = _elements(dtype, size, data)
    if not shape:
        return flat[0]
    if order == "F":
        return _columns(flat, shape)
    for last in range(len(shape) - 1, 0, -1):
        length = shape[last]
        starts = range(counted(shape[:last]))
        flat = [flat[start * length : (start + 1) * length] for start in starts]
    return flat


def _columns(flat: List[Any], shape: List[int]) -> Any:
    """Lists of an array in Fortran's order: the first index is the fastest."""

    def level(start: int, step: int, left: List[int]) -> Any:
        if not left:
            return flat[start]
        return [level(start + n * step, step * left[0], left[1:]) for n in range(left[0])]

    return level(0, 1, shape)


def _size(dtype: str) -> int:
    size = int(re.findall(r"\d+", dtype)[0])
    return size * 4 if "U" in dtype else size


def _elements(dtype: str, size: int, data: memoryview) -> List[Any]:
    order = ">" if dtype[0] == ">" else "<"
    kind = dtype.lstrip("<>|=")[0]
    count = len(data) // size if size else 0
    if kind in "SUV":
        raw = [bytes(data[n * size : (n + 1) * size]) for n in range(count)]
        if kind == "U":
            codec = "utf-32-be" if order == ">" else "utf-32-le"
            return [str(one, codec, "surrogatepass").rstrip("\0") for one in raw]
        return [one.rstrip(b"\0") for one in raw] if kind == "S" else raw
    if kind in "mM":
        return _times(dtype, order, data)
    if kind == "c":
        letter = {8: "f", 16: "d"}[size]
        parts = struct.unpack(f"{order}{2 * count}{letter}", data)
        return [complex(*parts[n : n + 2]) for n in range(0, len(parts), 2)]
    letter = LETTERS[kind][size]
    return list(struct.unpack(f"{order}{count}{letter}", data))


LETTERS = {
    "b": {1: "?"},
    "f": {2: "e", 4: "f", 8: "d"},
    "i": {1: "b", 2: "h", 4: "i", 8: "q"},
    "u": {1: "B", 2: "H", 4: "I", 8: "Q"},
}
MICROSECONDS = {"W": 604800000000, "D": 86400000000, "h": 3600000000, "m": 60000000}
MICROSECONDS.update({"s": 1000000, "ms": 1000, "us": 1})
NONE = -(2**63)


def _times(dtype: str, order: str, data: memoryview) -> List[Any]:
    found = SIMPLE.match(dtype)
    assert found
    count, unit = int(found.group(12) or 1), found.group(13)
    if unit not in MICROSECONDS and unit != "ns":
        raise ValueError(f"the dtype {dtype}, for which there has to be NumPy")
    is_moment = found.group(11) == "M"
    start = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  # as NumPy has it
    times: List[Any] = []
    for number in struct.unpack(f"{order}{len(data) // 8}q", data):
        scaled = number * count
        micro = scaled // 1000 if unit == "ns" else scaled * MICROSECONDS[unit]
        if number == NONE:
            times.append(None)
            continue
        span = datetime.timedelta(microseconds=micro)
        times.append(start + span if is_moment else span)
    return times
