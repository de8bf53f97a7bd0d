"""Values on the move, in the kernel and in the container: the same code on both sides.

    kind, meta, data = leave(value)         meta is JSON of a few KiB, data is like bytes
    value = arrive(kind, meta, data)

kind "value"    meta {"tree": node}, data the blobs that the node names: [offset, size]
                meta {"json": n}, data n bytes of JSON, the node, and then the blobs
kind "path"     meta {"name": …}, data a tar whose only top entry is called so

``tree`` says what nodes there are. The texts of this folder are sent into the container
(``exchange.source``), so they are for Python 3.6 and later and need its standard library
only; numpy, pandas, polars and pyarrow are used where a value needs them and they are there.

Nothing is ever unpickled, and what arrives is judged before it is used: it may come from
a hostile place. A wrong one is a ValueError, TypeError, KeyError or OverflowError.

Knows: the formats. Does not know: ipycontainers, pipes, archives of engines.
"""

import json
from pathlib import PurePath
from typing import Any, Dict, Tuple

from . import paths, tree

FOLDER = paths.FOLDER
Refused = tree.Refused
Buffer = Any  # bytes, bytearray or memoryview: nothing in 3.6 names all three

SMALL = 16384  # bytes of JSON that still go with meta


def leave(value: Any) -> Tuple[str, Dict[str, Any], Buffer]:
    """What is sent of ``value``; without a copy of its array where it is one.

    Raises Refused, in words about the value, for a type that has no form here.
    """
    if isinstance(value, PurePath):
        name, data = paths.leave(value)
        return "path", {"name": name}, data
    node, blobs = tree.encode(value)
    text = dumped(node)
    # Half characters stay whole in our own JSON; who writes meta need not know of them.
    if len(text) > SMALL or b"\xed" in text:
        return "value", {"json": len(text)}, b"".join([text, *blobs])
    return "value", {"tree": node}, blobs[0] if len(blobs) == 1 else b"".join(blobs)


def dumped(node: Any) -> bytes:
    """JSON, with half characters as they are, so that two of them do not become one."""
    text = json.dumps(node, ensure_ascii=False, separators=(",", ":"))
    encoded = text.encode("utf-8", "surrogatepass")
    return encoded + b" " * (-len(encoded) % tree.ALIGNED)


def arrive(kind: str, meta: Dict[str, Any], data: Buffer, folder: str = FOLDER) -> Any:
    """The value itself. A file or folder is unpacked below ``folder`` first.

    An array lies in ``data`` where that is writable, a bytearray; else in a copy.
    """
    if kind == "path":
        return paths.arrive(meta["name"], data, folder)
    if kind != "value":
        raise ValueError(f"a value of the unknown kind {kind!r:.50}")
    view = memoryview(data)
    if "tree" in meta:
        return tree.decode(meta["tree"], view)
    size = meta["json"]
    if type(size) is not int or not 0 <= size <= len(view):
        raise ValueError("the JSON of a value is longer than the value")
    return tree.decode(loaded(view[:size]), view[size:])


def loaded(text: Buffer) -> Any:
    return json.loads(str(text, "utf-8", "surrogatepass"), parse_int=_integer)


def _integer(digits: str) -> int:
    # Larger ones travel as hexadecimal digits, whose reading takes no quadratic time.
    if len(digits) > 20:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)
