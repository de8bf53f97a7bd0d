"""pandas' tables as columns, and back; the index, names of columns and dtypes stay.

Knows: pandas. Does not know: the other libraries.
"""

import re
import sys
from typing import Any, Dict, List

from .tree import Encoder, Refused

LIBRARY = "pandas"
Column = Dict[str, Any]

# What astype may be asked for by a container.
DTYPES = re.compile(
    r"U?Int(8|16|32|64)|Float(32|64)|boolean|object|str(ing)?(\[(python|pyarrow)\])?"
    r"|(u?int(8|16|32|64)|float|halffloat|double|bool|(large_)?string|binary)\[pyarrow\]"
)
NUMPY_OF = {"boolean": "bool", "float": "float32", "double": "float64", "halffloat": "float16"}


def tag_of(value: Any) -> str:
    library = sys.modules.get("pandas")
    if library is None or not hasattr(library, "DataFrame"):
        return ""
    if isinstance(value, library.DataFrame):
        return "table"
    return "series" if isinstance(value, (library.Series, library.Index)) else ""


def encode(encoder: Encoder, value: Any) -> Dict[str, Any]:
    import pandas

    if isinstance(value, pandas.Index):
        raise Refused("a pandas Index; its to_series() is a Series")
    name: Dict[str, Any] = {}
    if isinstance(value, pandas.Series):
        name, value = {"name": encoder.node(value.name)}, value.to_frame("values")
    columns = [_column(encoder, value.iloc[:, n]) for n in range(value.shape[1])]
    labels = encoder.node([list(value.columns.names), str(value.columns.dtype)])
    return dict(name, family="pandas", columns=columns, index=_index(encoder, value), labels=labels)


def _index(encoder: Encoder, frame: Any) -> List[Any]:
    """No column for the usual index, 0, 1, 2 …"""
    import pandas

    index = frame.index
    usual = isinstance(index, pandas.RangeIndex) and (index.start, index.step) == (0, 1)
    if usual and index.name is None and frame.shape[1]:
        return []
    levels = [index.get_level_values(n) for n in range(index.nlevels)]
    columns = [_column(encoder, level.to_series(name=level.name)) for level in levels]
    if isinstance(index, pandas.RangeIndex):
        columns[0]["range"] = [index.start, index.stop, index.step]
    if getattr(index, "freqstr", None):
        columns[0]["freq"] = index.freqstr
    return columns


def _column(encoder: Encoder, series: Any) -> Column:
    column = _values(series)
    column["name"] = series.name
    try:
        return {key: encoder.node(part) for key, part in column.items()}
    except Refused as error:
        raise Refused(f"in its column {series.name!r}: {error}") from error


def _values(series: Any) -> Column:
    import pandas

    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    if isinstance(dtype, pandas.CategoricalDtype):
        codes, categories = series.cat.codes.to_numpy(), list(dtype.categories)
        return {"values": codes, "categories": categories, "ordered": bool(dtype.ordered)}
    if isinstance(dtype, pandas.DatetimeTZDtype):
        moments = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return {"values": moments.to_numpy(), "zone": str(dtype.tz)}
    if hasattr(dtype, "str") and kind in "biufcmM":  # NumPy's own
        return {"values": series.to_numpy()}
    name = str(dtype)
    if not DTYPES.fullmatch(name):
        raise Refused(f"in its column {series.name!r}: the type {name}; astype(str) is text")
    if kind in "biuf":
        plain = NUMPY_OF.get(name.partition("[")[0], name.partition("[")[0].lower())
        filled = series.to_numpy(plain, na_value=0)
        return {"values": filled, "mask": series.isna().to_numpy(), "dtype": name}
    listed = series.astype(object)
    if name != "object":
        listed = listed.where(series.notna(), None)
    return {"values": listed.tolist(), "dtype": name}


def decode(columns: List[Column], index: List[Column], extra: Dict[str, Any], own: bool) -> Any:
    import pandas

    made = {n: _series(column, own) for n, column in enumerate(columns)}
    frame = pandas.DataFrame(made)
    names, dtype = extra.get("labels", ([None], ""))
    labels = [column["name"] for column in columns]
    kind = dtype if own and DTYPES.fullmatch(str(dtype)) and names == [names[0]] else None
    if columns or dtype != "int64":  # which DataFrame() has
        frame.columns = pandas.Index(labels, dtype=kind if columns else object)
    if len(names) == frame.columns.nlevels:
        frame.columns.names = names
    if index:
        frame.index = _made_index(index, own)
    return frame


def _made_index(index: List[Column], own: bool) -> Any:
    import pandas

    names = [column["name"] for column in index]
    first = index[0]
    if "range" in first and len(index) == 1:
        start, stop, step = first["range"]
        return pandas.RangeIndex(start, stop, step, name=names[0])
    if len(index) > 1:
        return pandas.MultiIndex.from_arrays([_series(one, own) for one in index], names=names)
    made = pandas.Index(_series(first, own), name=names[0])
    if re.fullmatch(r"-?[\w-]{1,20}", str(first.get("freq", ""))) and hasattr(made, "freq"):
        made.freq = first["freq"]
    return made


def _series(column: Column, own: bool) -> Any:
    import pandas

    values, mask = column["values"], column.get("mask")
    if "categories" in column:
        kind = pandas.CategoricalDtype(column["categories"], column.get("ordered") is True)
        return pandas.Series(pandas.Categorical.from_codes(values, dtype=kind))
    dtype = column.get("dtype") if own else None
    if dtype is not None and not DTYPES.fullmatch(str(dtype)):
        raise ValueError(f"a column of the type {dtype!r:.50}")
    if mask is not None and hasattr(values, "dtype") and values.dtype.kind in "mM":
        values = values.copy()
        values[mask] = "NaT"
    elif mask is not None:
        dtype = dtype or _nullable(values)
        return pandas.Series(values).astype(dtype).mask(pandas.Series(mask, dtype=bool))
    if isinstance(values, list):
        dtype = dtype or _of_list(values)
    series = pandas.Series(values, dtype=dtype)
    if column.get("zone") is not None:
        return series.dt.tz_localize("UTC").dt.tz_convert(column["zone"])
    return series


def _of_list(values: List[Any]) -> Any:
    """Text is what pandas takes for text, anything else an object."""
    return None if set(map(type, values)) <= {str, type(None)} and values else "object"


def _nullable(values: Any) -> str:
    if values.dtype.kind == "b":
        return "boolean"
    name = str(values.dtype)
    return name[0].upper() + name[1:].replace("int", "Int") if name[0] == "u" else name.capitalize()


def series(frame: Any, name: Any) -> Any:
    return frame.iloc[:, 0].rename(name)
