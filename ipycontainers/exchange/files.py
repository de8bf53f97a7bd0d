"""Values as files for a shell, in a documented folder, with the type in the name.

    array            NAME.npy                    text too large to export    NAME.txt
    table            NAME.csv                    bytes                       NAME.bin
    list, dict, set  NAME.json                   a file, a folder            NAME and its suffix

The other way the suffix says what a file is; also .tsv, and .arrow and .feather where there
is pyarrow. A file with another suffix is a file, and comes as a pathlib.Path.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

Knows: file formats. Does not know: shells, containers.
"""

from __future__ import annotations

import ast
import csv
import datetime
import io
import json
import math
import struct
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePath
from typing import Any, cast

from ipycontainers.errors import Invalid
from ipycontainers.interpreter import FILE_FOLDER

from . import inside
from .inside import arrays, arrow, tables, tree

FOLDER = FILE_FOLDER + "/values"
Buffer = bytes | bytearray | memoryview

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000  # of a .npy file, as NumPy has it
_HEADER = {"descr", "fortran_order", "shape"}
LARGEST_JSON = 1 << 26
ARROW_FILE = b"ARROW1\0\0"


def suffix_of(path: PurePath) -> str:
    """The suffix .tar.gz" of data.tar.gz, and "" of a folder."""
    if isinstance(path, Path) and path.is_dir():
        return ""
    return "".join(path.suffixes[-2:] if ".tar" in path.suffixes[-2:-1] else path.suffixes[-1:])


def written(value: Any) -> tuple[str, list[Buffer]]:
    """The suffix, and the file's bytes in parts; an array's are its own memory."""
    if isinstance(value, str):
        return ".txt", [value.encode("utf-8", "surrogatepass")]
    if isinstance(value, (bytes, bytearray)):
        return ".bin", [value]
    if tables_tag(value):
        return ".csv", [_csv(value)]
    node, blobs = tree.encode(value)
    if isinstance(node, dict) and set(node) & {"array", "number"}:
        ((_, array),) = node.items()
        return ".npy", [_header(array), *cast("list[Buffer]", blobs)]
    text = json.dumps(simple(value), ensure_ascii=False, allow_nan=False)
    return ".json", [text.encode("utf-8", "surrogatepass"), b"\n"]


def tables_tag(value: Any) -> str:
    """ "table" or "series" of what a library for tables has made, else ""."""
    return next((tag for one in tables.FAMILIES.values() if (tag := one.tag_of(value))), "")


def _header(array: Mapping[str, Any]) -> bytes:
    descr = arrays.checked(array["dtype"])
    shape, fortran = tuple(array["shape"]), array["order"] == "F"
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}"
    encoded = text.encode()
    # Version 3 is UTF-8; what NumPy has always read is 1.
    version, form = (1, "<H") if len(encoded) < 60_000 and text.isascii() else (3, "<I")
    start = len(MAGIC) + 2 + struct.calcsize(form)
    encoded += b" " * (-(start + len(encoded) + 1) % 64) + b"\n"
    return MAGIC + bytes([version, 0]) + struct.pack(form, len(encoded)) + encoded


def _csv(value: Any) -> bytes:
    if type(value).__module__.startswith("polars"):
        frame = value.to_frame() if tables_tag(value) == "series" else value
        return cast("bytes", frame.write_csv().encode())
    if type(value).__module__.startswith("pyarrow"):
        rows = [dict.fromkeys(value.column_names), *value.to_pylist()]
        file = io.StringIO()
        writer = csv.DictWriter(file, value.column_names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[1:])
        return file.getvalue().encode()
    usual = type(value.index).__name__ == "RangeIndex" and value.index.name is None
    return cast("bytes", value.to_csv(index=not usual).encode("utf-8", "surrogatepass"))


def simple(value: Any) -> Any:
    """The value as any program's JSON has it: nan is null, a date is ISO 8601 text."""
    if isinstance(value, Mapping):
        return {_key(key): simple(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, AbstractSet)):
        return [simple(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "tolist"):
        return simple(value.tolist())
    return text_of(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else text_of(key)


def text_of(value: Any) -> str:
    """A single value as a shell takes it: true, 1.5, 2026-01-31T12:00:00."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _digits(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _digits(value: int) -> str:
    """All of them: str() refuses more than 4,300."""
    try:
        return str(value)
    except ValueError as error:
        raise Invalid(
            "an integer of more digits than Python writes", "hex(value) is text of any length"
        ) from error


def read(suffix: str, data: Buffer) -> Any:
    """What is in a file that a container has written. ValueError, Invalid where it is broken."""
    if suffix == ".npy":
        return _npy(memoryview(data))
    if suffix in {".csv", ".tsv"}:
        return _table(data, "," if suffix == ".csv" else "\t")
    if suffix in {".arrow", ".feather"}:
        return _arrow(memoryview(data))
    if suffix == ".json":
        if len(data) > LARGEST_JSON:
            raise Invalid(f"more than {LARGEST_JSON:,} bytes of JSON")
        return inside.loaded(data)
    if suffix in {".txt", ".text"}:
        return bytes(data).decode("utf-8", "surrogateescape")
    return bytes(data)


READABLE = frozenset(
    {".npy", ".csv", ".tsv", ".arrow", ".feather", ".json", ".txt", ".text", ".bin"}
)


def _npy(data: memoryview) -> Any:
    version = data[6] if len(data) > 12 and data[:6] == MAGIC else 0
    if version not in {1, 2, 3}:
        raise ValueError("it is no .npy file")
    form = "<H" if version == 1 else "<I"
    start = 8 + struct.calcsize(form)
    (size,) = struct.unpack(form, data[8:start])
    if size > LONGEST_HEADER or start + size > len(data):
        raise ValueError(f"a .npy file whose header has {size} bytes")
    text = str(data[start : start + size], "utf-8" if version == 3 else "latin-1")
    header = _literal(text)
    start += size
    payload = {
        "dtype": arrays.listed(header["descr"]),
        "shape": list(header["shape"]),
        "order": "F" if header["fortran_order"] else "C",
        "data": [start, len(data) - start],
    }
    return arrays.decode(tree.Decoder(data), payload)


def _literal(text: str) -> dict[str, Any]:
    try:
        header = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError("a .npy file with a broken header") from error
    if not isinstance(header, dict) or set(header) != _HEADER:
        raise ValueError("a .npy file with a broken header")
    return header


def _table(data: Buffer, separator: str) -> Any:
    """As pandas, else polars, reads it; else a list of dicts of text."""
    library = _first("pandas", "polars")
    source = cast("Any", io.BytesIO(data))
    if library == "pandas":
        import pandas

        with tables.refusing(library):
            return pandas.read_csv(source, sep=separator)
    if library == "polars":
        import polars

        with tables.refusing(library):
            return polars.read_csv(source, separator=separator)
    lines = io.TextIOWrapper(source, "utf-8", "surrogateescape", newline="")
    return [dict(row) for row in csv.DictReader(lines, delimiter=separator)]


def _first(*names: str) -> str:
    from importlib.util import find_spec

    return next((name for name in names if name in sys.modules or find_spec(name)), "")


def _arrow(data: memoryview) -> Any:
    """Of a stream or a file, which is a stream behind eight bytes."""
    try:
        import pyarrow
    except ImportError as error:
        raise Invalid(
            "an Arrow file can only be read with pyarrow", "pip install pyarrow"
        ) from error
    arrow.require_safe()
    stream = data[8:] if data[:8] == ARROW_FILE else data
    try:
        for message in pyarrow.ipc.MessageReader.open_stream(pyarrow.py_buffer(stream)):
            _refuse_compressed(message.type, bytes(message.metadata))
        reader = pyarrow.ipc.open_stream(pyarrow.py_buffer(stream))
        table = reader.read_all()
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"Arrow refuses it: {error}") from error
    return table


def _refuse_compressed(kind: str, metadata: bytes) -> None:
    """A thousandfold of its size can come out of a buffer, and pyarrow has no limit.

    A message is a flatbuffer: https://arrow.apache.org/docs/format/Columnar.html#ipc
    """
    try:
        batch = _table_at(metadata, struct.unpack_from("<I", metadata)[0], 2)
        if kind == "dictionary" and batch is not None:
            batch = _table_at(metadata, batch, 1)
        compressed = batch is not None and _table_at(metadata, batch, 3) is not None
    except struct.error as error:
        raise ValueError("an Arrow message that is broken") from error
    if compressed and kind in {"record batch", "dictionary"}:
        raise ValueError("its buffers are compressed, and how large they are cannot be known")


def _table_at(data: bytes, table: int, number: int) -> int | None:
    """Where the table in field ``number`` of the table at ``table`` begins, if it is there."""
    virtual = table - struct.unpack_from("<i", data, table)[0]
    if virtual < 0 or struct.unpack_from("<H", data, virtual)[0] < 6 + 2 * number:
        return None
    field = struct.unpack_from("<H", data, virtual + 4 + 2 * number)[0]
    if not field:
        return None
    return int(table + field + struct.unpack_from("<I", data, table + field)[0])


def is_name(name: str) -> bool:
    """Whether a shell can have a variable of that name."""
    return name.isascii() and name.isidentifier()
