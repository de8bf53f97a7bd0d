"""Arrow's tables as columns, and back; the schema travels with them.

Knows: pyarrow. Does not know: the other libraries.
"""

import re
import sys
from typing import Any, Dict, List

from .tree import Encoder, Refused

LIBRARY = "pyarrow"
Column = Dict[str, Any]

# Before, the reader of a schema unpickled what an extension type brought: CVE-2023-47248.
SAFE = (14, 0, 1)


def tag_of(value: Any) -> str:
    library = sys.modules.get("pyarrow")
    if library is None or not hasattr(library, "Table"):
        return ""
    return "table" if isinstance(value, (library.Table, library.RecordBatch)) else ""


def encode(encoder: Encoder, value: Any) -> Dict[str, Any]:
    import pyarrow

    if isinstance(value, pyarrow.RecordBatch):
        value = pyarrow.Table.from_batches([value])
    columns = []
    for name, array in zip(value.column_names, value.columns):
        column = dict(_values(array), name=name)
        try:
            columns.append({key: encoder.node(part) for key, part in column.items()})
        except Refused as error:
            raise Refused(f"in its column {name!r}: {error}") from error
    schema = encoder.node(value.schema.serialize().to_pybytes())
    return {"family": "arrow", "columns": columns, "schema": schema, "rows": value.num_rows}


def _values(array: Any) -> Column:
    import pyarrow

    kind = array.type
    known = pyarrow.types
    if known.is_integer(kind) or known.is_floating(kind) or known.is_boolean(kind):
        return _masked(array, False if known.is_boolean(kind) else 0)
    if known.is_date32(kind):
        days = _masked(array.cast(pyarrow.int32()), 0)
        return dict(days, values=days["values"].astype("M8[D]"))
    if known.is_timestamp(kind) or known.is_duration(kind):
        letter = "M" if known.is_timestamp(kind) else "m"
        ticks = _masked(array.cast(pyarrow.int64()), 0)
        column = dict(ticks, values=ticks["values"].view(f"{letter}8[{kind.unit}]"))
        if getattr(kind, "tz", None):
            column["zone"] = kind.tz
        return column
    if known.is_dictionary(kind):
        return _category(array)
    return {"values": array.to_pylist()}


def _category(array: Any) -> Column:
    import pyarrow

    whole = array.unify_dictionaries().combine_chunks()
    if isinstance(whole, pyarrow.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pyarrow.array([], array.type)
    codes = whole.indices.cast(pyarrow.int64()).fill_null(-1).to_numpy()
    return {"values": codes, "categories": whole.dictionary.to_pylist()}


def _masked(array: Any, filling: Any) -> Column:
    import pyarrow

    if not array.null_count:
        return {"values": array.to_numpy()}
    value = pyarrow.scalar(filling, array.type)
    return {"values": array.fill_null(value).to_numpy(), "mask": array.is_null().to_numpy()}


def decode(columns: List[Column], _: List[Column], extra: Dict[str, Any], own: bool) -> Any:
    import pyarrow

    schema = checked_schema(extra["schema"]) if own else None
    if schema is not None and len(schema) != len(columns):
        raise ValueError("a table with a schema of another")
    try:
        arrays = [
            _array(column, schema.field(n).type if schema is not None else None)
            for n, column in enumerate(columns)
        ]
        if schema is None:
            names = [str(column["name"]) for column in columns]
            table = pyarrow.Table.from_arrays(arrays, names)
        else:
            table = pyarrow.Table.from_arrays(arrays, schema=schema)
        table.validate(full=True)
    except pyarrow.ArrowException as error:
        raise ValueError(f"a table that Arrow refuses: {error}") from error
    return table


def require_safe() -> None:
    """ValueError where pyarrow would unpickle what a container has written."""
    import pyarrow

    version = tuple(map(int, re.findall(r"\d+", pyarrow.__version__)[:3]))
    if version < SAFE:
        raise ValueError(f"pyarrow {pyarrow.__version__} can be made to unpickle; 14.0.1 cannot")


def checked_schema(data: Any) -> Any:
    import pyarrow

    require_safe()
    if type(data) is not bytes:
        raise ValueError("the schema of a table is something else")
    try:
        return pyarrow.ipc.read_schema(pyarrow.py_buffer(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"a schema that Arrow refuses: {error}") from error


def _array(column: Column, kind: Any) -> Any:
    import pyarrow

    values, mask = column["values"], column.get("mask")
    if "categories" in column:
        if kind is None or not pyarrow.types.is_dictionary(kind):
            kind = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        codes = pyarrow.array(values, pyarrow.int64(), mask=values < 0).cast(kind.index_type)
        known = pyarrow.array(column["categories"], kind.value_type)
        return pyarrow.DictionaryArray.from_arrays(codes, known, ordered=kind.ordered)
    if kind is None and column.get("zone") is not None:
        unit = str(values.dtype).partition("[")[2].rstrip("]")
        kind = pyarrow.timestamp(unit, column["zone"])
    if hasattr(values, "dtype") and kind is not None and values.dtype.kind in "mM":
        ticks = pyarrow.array(values.view("i8"), pyarrow.int64(), mask=_joined(values, mask))
        narrow = ticks.cast(pyarrow.int32()) if pyarrow.types.is_date32(kind) else ticks
        return narrow.cast(kind)
    return pyarrow.array(values, kind, mask=mask, from_pandas=False)


def _joined(values: Any, mask: Any) -> Any:
    """No moment is no value, as Arrow has it."""
    none = values.view("i8") == -(2**63)
    return none if mask is None else none | mask


def series(table: Any, _: Any) -> Any:
    return table.column(0)
