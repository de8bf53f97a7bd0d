"""What is asked of a machine, as a script for any sh, and its answers as a value.

    with marked() as mark:
        said = …                            what mark.script prints there
    Measured.of("vm", said, seconds=2.1)

A mark is a file and a process of this machine: who sees them is not kept apart from it.

Knows: /proc. Does not know: where it is asked.
"""

from __future__ import annotations

import secrets
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ipycontainers.oci.legible import printable

from .tied import tied

BEGIN, END = "ipycontainers-begin", "ipycontainers-end"
LOOPS = 20_000  # of a shell's arithmetic: about a tenth of a second
# Without programs but a shell's own: an image may have no more. A shell reads byte by byte, which
# takes long where system calls do.
SCRIPT = f"""
echo {BEGIN}
read kernel </proc/sys/kernel/osrelease; echo "kernel=$kernel"
read boot </proc/sys/kernel/random/boot_id; echo "boot=$boot"
read uptime rest </proc/uptime; echo "uptime=$uptime"
count=0; sees=no
for folder in /proc/[0-9]*; do
    count=$((count + 1))
    {{ read -r name <$folder/comm; }} 2>/dev/null && [ "$name" = "$process" ] && sees=yes
done
echo "processes=$count"
[ -z "$process" ] || echo "sees_processes=$sees"
[ -z "$file" ] || {{ [ -e "$file" ] && echo sees_files=yes || echo sees_files=no; }}
while read name value unit; do
    case $name in MemTotal:) echo "memory=$value"; break;; esac
done </proc/meminfo
while read name value unit; do
    case $name in VmRSS:) echo "resident=$value"; break;; esac
done </proc/self/status
while read device place kind rest; do
    case $place in /) root=$kind;; esac
done </proc/mounts; echo "root=$root"
while IFS= read -r line; do
    case $line in PRETTY_NAME=*) echo "system=${{line#PRETTY_NAME=}}";; esac
done 2>/dev/null </etc/os-release
read first </proc/1/comm; echo "first=$first"
count=0; read before rest </proc/uptime
while [ $count -lt {LOOPS} ]; do count=$((count + 1)); done
read after rest </proc/uptime; echo "work=$before $after"
echo {END}
"""
_MARK = """
{ echo "$1" >/proc/self/comm; } 2>/dev/null
set -C
: >"$2" && echo made
read -r rest
rm -f -- "$2"
"""


@dataclass(frozen=True)
class Mark:
    """Of this machine: the path of a file, and what a process is called, "" where none can be
    called so."""

    file: str
    process: str

    @property
    def script(self) -> str:
        """SCRIPT, which looks for them."""
        return f"process={shlex.quote(self.process)} file={shlex.quote(self.file)}\n{SCRIPT}"


@contextmanager
def marked() -> Iterator[Mark]:
    """A file and a process, each with a name that nothing else has, for as long as the block.
    Raises OSError where there is no sh, or no room for a file."""
    name = f"ipyc-{secrets.token_hex(5)}"
    file = str(Path(tempfile.gettempdir()) / name)
    with tied(_MARK, name, file) as shell:
        yield Mark(file, name if _name(shell.pid) == name else "")


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return ""


@dataclass(frozen=True)
class Measured:
    """Of one machine. ``seconds`` is from asking for it until its first program ran; ``uptime``
    how long its kernel runs, in seconds; ``memory`` what it believes to have, in bytes, ``limit``
    what it may take, 0 for no limit; ``used`` what it takes of the host's memory with one shell;
    ``work`` how many seconds a shell takes there to count to LOOPS. ``sees_files`` and
    ``sees_processes`` are whether it sees those of this machine, None where nobody can say.
    ``machine`` is what kind of virtual machine it is, ``is_emulated`` whether its seconds are an
    emulation's; ``note`` is which others were tried and did not boot. ``missing`` is why nothing
    was measured."""

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
    work: float = 0.0
    sees_files: bool | None = None
    sees_processes: bool | None = None
    machine: str = ""
    is_emulated: bool = False
    note: str = ""
    missing: str = ""

    @classmethod
    def of(
        cls, where: str, said: str, *, seconds: float, limit: int = 0, used: int = 0
    ) -> Measured:
        """``said`` is what the script printed, which may be anything. It tells what its shell
        takes, unless ``used`` is known better."""
        answer = said.rpartition(BEGIN)[2].partition(END)[0]
        told = dict(line.strip().split("=", 1) for line in answer.splitlines() if "=" in line)
        if "kernel" not in told:
            return cls(where, missing="it did not answer")
        return cls(
            where,
            kernel=_text(told["kernel"], 80),
            boot=_text(told.get("boot", ""), 40),
            seconds=seconds,
            uptime=_number(told.get("uptime")),
            processes=int(_number(told.get("processes"))),
            memory=int(_number(told.get("memory")) * 1024),
            root=_text(told.get("root", ""), 40),
            system=_text(told.get("system", "").strip("\"'"), 80),
            first=_text(told.get("first", ""), 40),
            work=_between(told.get("work", "")),
            sees_files=_claim(told.get("sees_files")),
            sees_processes=_claim(told.get("sees_processes")),
            limit=limit,
            used=used or int(_number(told.get("resident")) * 1024),
        )

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def _text(told: str, most: int) -> str:
    return printable(told[:most])


def _number(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0


def _between(text: str) -> float:
    before, _, after = text.partition(" ")
    return max(0.0, _number(after) - _number(before))


def _claim(text: str | None) -> bool | None:
    return {"yes": True, "no": False}.get(text or "")
