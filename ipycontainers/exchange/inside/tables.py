"""Tables of pandas, polars and Arrow, as columns that all three can take.

    table    {"family": "pandas" | "polars" | "arrow", "columns": [column, …],
              "index": [column, …], "labels": [[name, …], dtype]}     the last two of pandas
    series   the same with one column, and "name": its name
    column   {"name": node, "values": node of an array or a list,
              "mask": node of an array that is true where there is no value,
              "zone": of moments, which then are UTC's,
              "categories": node of a list, and "ordered": the values then are its indexes,
              "dtype": what the family itself calls the type, where values do not say it}

A table arrives in its own family's form where that is installed, else as pandas, polars,
Arrow, in this order, else as a list of one dict for each row.

Knows: what the three libraries call their types. Does not know: JSON, bytes.
"""

import contextlib
import importlib
import importlib.util
from typing import Any, Callable, Dict, Iterator, List

from . import arrow, pandas, polars
from .tree import Decoder, Encoder, Refused, qualified

Column = Dict[str, Any]
FAMILIES: Dict[str, Any] = {"pandas": pandas, "polars": polars, "arrow": arrow}
MOST_COLUMNS = 1000000


def encoder_of(value: Any) -> Callable[[Encoder, Any], Any]:
    for family in FAMILIES.values():
        tag = family.tag_of(value)
        if tag:
            return _tagging(tag, family.encode)
    if type(value).__name__ in ("Timestamp", "Timedelta", "NaTType"):
        from .tree import moments

        return moments
    if type(value).__name__ == "NAType":
        return _none
    hint = "; its collect() is one" if type(value).__name__ == "LazyFrame" else ""
    raise Refused(f"a {qualified(type(value))} is no table{hint}")


def _tagging(tag: str, encode: Any) -> Callable[[Encoder, Any], Any]:
    return lambda encoder, value: {tag: encode(encoder, value)}


def _none(_: Encoder, __: Any) -> None:
    return None


@contextlib.contextmanager
def refusing(library: str) -> Iterator[None]:
    """What a library raises becomes a ValueError; each has exceptions of its own."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # polars panics with one
        raise ValueError(f"{library} refuses it: {error}") from error


def decode(decoder: Decoder, payload: Any) -> Any:
    columns = [_column(decoder, column) for column in _listed(payload["columns"])]
    index = [_column(decoder, column) for column in _listed(payload.get("index", []))]
    lengths = {len(column["values"]) for column in columns + index}
    if len(lengths) > 1:
        raise ValueError("a table whose columns are not equally long")
    named = payload["family"]
    if named not in FAMILIES:
        raise ValueError(f"a table of the unknown family {named!r:.50}")
    for name in [named, *list(FAMILIES)]:
        if importlib.util.find_spec(FAMILIES[name].LIBRARY):
            extra = {key: payload[key] for key in ("labels", "schema", "rows") if key in payload}
            extra = {key: decoder.value(node) for key, node in extra.items()}
            with refusing(FAMILIES[name].LIBRARY):
                return FAMILIES[name].decode(columns, index, extra, name == named)
    return rows(columns)


def decode_series(decoder: Decoder, payload: Any) -> Any:
    name = decoder.value(payload["name"])
    found = decode(decoder, payload)
    if isinstance(found, list):
        return [next(iter(row.values())) for row in found]
    for family in FAMILIES.values():
        if family.tag_of(found):
            return family.series(found, name)
    raise ValueError("a series of no table")


def _listed(nodes: Any) -> List[Any]:
    if type(nodes) is not list or len(nodes) > MOST_COLUMNS:
        raise ValueError("the columns of a table are something else")
    return nodes


def _column(decoder: Decoder, payload: Any) -> Column:
    column = {key: decoder.value(node) for key, node in payload.items()}
    values, mask = column["values"], column.get("mask")
    if (hasattr(values, "ndim") and values.ndim != 1) or not hasattr(values, "__len__"):
        raise ValueError("a column of a table that is none")
    if mask is not None and len(mask) != len(values):
        raise ValueError("a column of a table with a mask of another length")
    if "categories" in column and type(column["categories"]) is not list:
        raise ValueError("a column of a table with categories that are none")
    return column


def rows(columns: List[Column]) -> List[Dict[Any, Any]]:
    """Where there is no library for tables."""
    lists = [plain(column) for column in columns]
    names = [column["name"] for column in columns]
    return [dict(zip(names, row)) for row in zip(*lists)]


def plain(column: Column) -> List[Any]:
    """The values as Python's own, None where there is none."""
    values, mask = column["values"], column.get("mask")
    if hasattr(values, "dtype") and values.dtype.kind in "mM":
        values = values.astype("M8[us]" if values.dtype.kind == "M" else "m8[us]")
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    if "categories" in column:
        categories = column["categories"]
        listed = [categories[code] if code >= 0 else None for code in listed]
    if mask is not None:
        listed = [None if none else value for value, none in zip(listed, mask)]
    if column.get("zone") is not None:
        import datetime

        utc = datetime.timezone.utc
        listed = [value and value.replace(tzinfo=utc) for value in listed]
    return listed
