"""One cell of Python with values in and out, as the whole of what its container does.

    in/NAME, saved/NAME     a line of JSON, {"kind", "meta"} or {"refused"}, then the data

Knows: files of a value. Does not know: who put them there.
"""

import json
import linecache
import os
import signal
import sys
from typing import Any, Dict, List

from . import Refused, arrive, leave

LONGEST = 1 << 16  # of the line


def run(folder: str, wanted: List[str]) -> None:
    """Run ``folder``/cell in ``__main__``; ends the program as the cell would end it."""
    import __main__

    names = __main__.__dict__
    for name in os.listdir(os.path.join(folder, "in")):
        names[name] = read(os.path.join(folder, "in", name), folder)
    path = os.path.join(folder, "cell")
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        text = file.read()
    try:
        exec(compile(text, path, "exec", dont_inherit=True), names)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  # the cell's, whatever it is
        linecache.checkcache(path)
        trace = error.__traceback__
        # Without the frame of this function, which is none of the cell's.
        shown = trace.tb_next if trace is not None else None
        error.__traceback__ = shown
        sys.excepthook(type(error), error, shown)
        sys.exit(128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1)
    finally:
        for name in wanted:
            if name in names:
                write(os.path.join(folder, "saved", name), names[name])


def read(path: str, folder: str) -> Any:
    with open(path, "rb") as file:
        head = json.loads(file.readline(LONGEST).decode("utf-8", "surrogatepass"))
        data = bytearray(os.fstat(file.fileno()).st_size - file.tell())
        file.readinto(data)
    return arrive(head["kind"], head["meta"], data, os.path.join(folder, "values"))


def write(path: str, value: Any) -> None:
    head: Dict[str, Any] = {}
    data: Any = b""
    try:
        head["kind"], head["meta"], data = leave(value)
    except (Refused, OSError, ValueError, OverflowError, RecursionError) as error:
        head = {"refused": str(error)}
    with open(path, "wb") as file:
        file.write(json.dumps(head).encode("ascii") + b"\n")
        file.write(data)
