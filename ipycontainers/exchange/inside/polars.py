"""polars' tables as columns, and back.

Knows: polars. Does not know: the other libraries.
"""

import sys
from typing import Any, Dict, List

from .tree import Encoder, Refused

LIBRARY = "polars"
Column = Dict[str, Any]
NAMED = ("String", "Binary", "Time", "Null", "Object")
UNITS = ("ns", "us", "ms")


def tag_of(value: Any) -> str:
    library = sys.modules.get("polars")
    if library is None or not hasattr(library, "DataFrame"):
        return ""
    if isinstance(value, library.DataFrame):
        return "table"
    return "series" if isinstance(value, library.Series) else ""


def encode(encoder: Encoder, value: Any) -> Dict[str, Any]:
    import polars

    name: Dict[str, Any] = {}
    if isinstance(value, polars.Series):
        name, value = {"name": value.name}, value.to_frame("values")
    columns = []
    for series in value.get_columns():
        column = dict(_values(series), name=series.name)
        try:
            columns.append({key: encoder.node(part) for key, part in column.items()})
        except Refused as error:
            raise Refused(f"in its column {series.name!r}: {error}") from error
    return dict(name, family="polars", columns=columns)


def _values(series: Any) -> Column:
    import polars

    dtype = series.dtype
    if (dtype.is_numeric() and not dtype.is_decimal()) or dtype == polars.Boolean:
        return _masked(
            series, lambda filled: filled.to_numpy(), False if dtype == polars.Boolean else 0
        )
    if dtype == polars.Date:
        return _masked(series.to_physical(), lambda days: days.to_numpy().astype("M8[D]"), 0)
    if dtype in (polars.Datetime, polars.Duration):
        letter = "M" if dtype == polars.Datetime else "m"
        kind = f"{letter}8[{dtype.time_unit}]"
        column = _masked(series.to_physical(), lambda ticks: ticks.to_numpy().view(kind), 0)
        if getattr(dtype, "time_zone", None):
            column["zone"] = dtype.time_zone
        return column
    if dtype in (polars.Categorical, polars.Enum):
        return _category(series)
    name = str(dtype)
    return {"values": series.to_list(), "dtype": name if name in NAMED else ""}


def _masked(series: Any, array: Any, filling: Any) -> Column:
    if not series.null_count():
        return {"values": array(series)}
    return {"values": array(series.fill_null(filling)), "mask": series.is_null().to_numpy()}


def _category(series: Any) -> Column:
    import numpy

    listed = series.to_list()
    known = [str(name) for name in dict.fromkeys(listed) if name is not None]
    if hasattr(series.dtype, "categories") and str(series.dtype).startswith("Enum"):
        known = series.dtype.categories.to_list()
    codes = {name: n for n, name in enumerate(known)}
    values = numpy.array([codes.get(name, -1) for name in listed], "i8")
    return {"values": values, "categories": known, "dtype": str(series.dtype).partition("(")[0]}


def decode(columns: List[Column], _: List[Column], __: Dict[str, Any], own: bool) -> Any:
    import polars

    made = {}
    for column in columns:
        name = str(column["name"])
        if name in made:
            raise ValueError(f"two columns with the name {name!r:.50}")
        made[name] = _series(name, column, own)
    return polars.DataFrame(list(made.values()))


def _series(name: str, column: Column, own: bool) -> Any:
    import polars

    values, mask = column["values"], column.get("mask")
    if "categories" in column:
        known = column["categories"]
        listed = [known[code] if code >= 0 else None for code in values.tolist()]
        is_enum = own and column.get("dtype") == "Enum"
        return polars.Series(name, listed, polars.Enum(known) if is_enum else polars.Categorical)
    dtype = column.get("dtype") if own else ""
    if isinstance(values, list):
        named = getattr(polars, dtype) if dtype in NAMED else None
        return polars.Series(name, values, named, strict=own)
    if values.dtype.kind in "mM" and not str(values.dtype).endswith(
        ("[D]", "[ns]", "[us]", "[ms]")
    ):
        values = values.astype(values.dtype.str[1:3] + "[us]")
    series = polars.Series(name, values)
    if column.get("zone") is not None:
        series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(column["zone"])
    if mask is None:
        return series
    empty = polars.Series(name, [None], series.dtype)
    return series.zip_with(polars.Series(~mask), empty.new_from_index(0, len(series)))


def series(frame: Any, name: Any) -> Any:
    return frame.to_series(0).alias(str(name or ""))
