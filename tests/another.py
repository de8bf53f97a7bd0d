"""Another Python, which takes each value and sends it back, as one in a container would."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ipycontainers import exchange
from ipycontainers.exchange import Packed, pack, unpack

# As a container's Python has it: no site-packages, nothing of ours.
ECHO = """
import json, sys
source = sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
exec(source.decode())
while True:
    line = sys.stdin.buffer.readline()
    if not line:
        break
    head = json.loads(line.decode())
    data = bytearray(sys.stdin.buffer.read(head["size"]))
    try:
        kind, meta, data = leave(arrive(head["kind"], head["meta"], data))
    except Exception as error:
        kind, meta, data = "failed", {"why": repr(error)}, b""
    head = {"kind": kind, "meta": meta, "size": len(data)}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\\n" + bytes(data))
    sys.stdout.buffer.flush()
"""


class Inside:
    """``options`` are Python's; -S leaves it nothing but the standard library."""

    def __init__(self, *options: str) -> None:
        self._program = subprocess.Popen(
            [sys.executable, *options, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        source = exchange.source().encode()
        self._send(f"{len(source)}\n".encode() + source)

    def _send(self, data: bytes) -> None:
        assert self._program.stdin
        self._program.stdin.write(data)
        self._program.stdin.flush()

    def echo(self, value: Any) -> Any:
        packed = pack(value, "v")
        head = {"kind": packed.kind, "meta": dict(packed.meta), "size": packed.size}
        self._send(json.dumps(head).encode() + b"\n" + b"".join(packed.pieces()))
        assert self._program.stdout
        answer = json.loads(self._program.stdout.readline())
        data = bytearray(self._program.stdout.read(answer["size"]))
        assert answer["kind"] != "failed", answer["meta"]["why"]
        return unpack(Packed(answer["kind"], answer["meta"], data), "v")

    def close(self) -> None:
        assert self._program.stdin
        assert self._program.stdout
        self._program.stdin.close()
        self._program.wait(20)
        self._program.stdout.close()
