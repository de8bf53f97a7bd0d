"""What is asked of a machine, as a script for any sh, and its answers as a value.

    Measured.of("host", said, seconds=0.01)

Knows: /proc. Does not know: where it is asked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

BEGIN, END = "ipycontainers-begin", "ipycontainers-end"
# Without programs but a shell's own and cat: an image may have no more.
SCRIPT = f"""
echo {BEGIN}
read kernel </proc/sys/kernel/osrelease; echo "kernel=$kernel"
read boot </proc/sys/kernel/random/boot_id; echo "boot=$boot"
read uptime rest </proc/uptime; echo "uptime=$uptime"
count=0
for folder in /proc/[0-9]*; do count=$((count + 1)); done; echo "processes=$count"
while read name value unit; do
    case $name in MemTotal:) echo "memory=$value";; esac
done </proc/meminfo
while read name value unit; do
    case $name in VmRSS:) echo "resident=$value";; esac
done </proc/self/status
while read device place kind rest; do
    case $place in /) root=$kind;; esac
done </proc/mounts; echo "root=$root"
while IFS= read -r line; do
    case $line in PRETTY_NAME=*) echo "system=${{line#PRETTY_NAME=}}";; esac
done 2>/dev/null </etc/os-release
read first </proc/1/comm; echo "first=$first"
echo {END}
"""


@dataclass(frozen=True)
class Measured:
    """Of one machine. ``seconds`` is from asking for it until its first program ran; ``uptime``
    how long its kernel runs, in seconds; ``memory`` what it believes to have, in bytes, ``limit``
    what it may take, 0 for no limit; ``used`` what it takes of the host's memory with one shell.
    ``missing`` is why nothing was measured."""

    where: str
    kernel: str = ""
    boot: str = ""
    seconds: float = 0.0
    uptime: float = 0.0
    processes: int = 0
    memory: int = 0
    limit: int = 0
    used: int = 0
    root: str = ""
    system: str = ""
    first: str = ""
    missing: str = ""

    @classmethod
    def of(
        cls, where: str, said: str, *, seconds: float, limit: int = 0, used: int = 0
    ) -> Measured:
        """``said`` is what the script printed, which may be anything. It tells what its shell
        takes, unless ``used`` is known better."""
        told = dict(line.strip().split("=", 1) for line in said.splitlines() if "=" in line)
        if "kernel" not in told:
            return cls(where, missing="it did not answer")
        return cls(
            where,
            kernel=told["kernel"][:80],
            boot=told.get("boot", "")[:40],
            seconds=seconds,
            uptime=_number(told.get("uptime")),
            processes=int(_number(told.get("processes"))),
            memory=int(_number(told.get("memory")) * 1024),
            root=told.get("root", "")[:40],
            system=told.get("system", "").strip("\"'")[:80],
            first=told.get("first", "")[:40],
            limit=limit,
            used=used or int(_number(told.get("resident")) * 1024),
        )

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def _number(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
