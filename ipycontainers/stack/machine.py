"""A virtual machine: a Linux kernel of this machine, booted by an ordinary user.

    machine.measure()          the best that there is here (see kernels)
    machine.measure("tcg")     this kind
    machine.boot(kernel, program)

It has a static busybox and an init in its memory, no disk, no network and no file of the host's.
The init asks what the container is asked, and waits; then the machine is ended.

Knows: the options of user-mode Linux and of QEMU. Does not know: containers.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ipycontainers import busybox
from ipycontainers.oci import Platform
from ipycontainers.oci.legible import printable

from . import console, kernels, ramdisk
from .guard import Guard, guarded
from .kernels import KVM, TCG, UML, Kernel
from .probe import BEGIN, END, Measured, marked

MEMORY = {UML: 64 << 20, KVM: 192 << 20, TCG: 192 << 20}  # bytes
SECONDS = {UML: 30.0, KVM: 30.0, TCG: 150.0}
SIZES = {UML: range(16, 97, 16), KVM: range(64, 257, 64), TCG: range(64, 257, 64)}  # MiB
_MOST = 1 << 20  # bytes that its console may say
_WORDS = 200  # letters of them that are shown
# The last lines are for a machine that nobody ends.
_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
{script}
/bin/busybox sleep 20
/bin/busybox poweroff -f
"""


def measure(
    asked: str = "",
    *,
    program: bytes = b"",
    seconds: float = 0,
    stop: threading.Event | None = None,
) -> Measured:
    """The first kernel that boots, of those that ``kernels.find`` gives; ``note`` says which did
    not. ``program`` is a static busybox, this machine's if none is given; ``seconds`` is for each
    kernel; ``stop`` ends it. What is not installed, or does not boot, is said in ``missing``.
    Raises Invalid for what cannot be asked for."""
    found = kernels.find(asked)
    tried: list[str] = []
    own = program or (_busybox() if found.kernels else b"")
    if found.kernels and not own:
        why = "no static busybox is installed (Debian, Ubuntu: apt install busybox-static)"
        return Measured("vm", missing=why)
    for kernel in found.kernels:
        measured = boot(kernel, own, seconds=seconds, stop=stop)
        if not measured.missing:
            return replace(measured, note="; ".join(tried))
        tried.append(f"{kernel.title}: {measured.missing}")
        if stop and stop.is_set():
            break
    return Measured("vm", missing="; ".join([*tried, *found.lacking]))


def _busybox() -> bytes:
    found = busybox.of_machine(Platform.here().architecture)
    return found.program if found else b""


def boot(
    kernel: Kernel,
    program: bytes,
    *,
    seconds: float = 0,
    memory: int = 0,
    stop: threading.Event | None = None,
) -> Measured:
    """``memory`` is what it gets, in bytes. Why it did not boot is said in ``missing``."""
    given = memory or MEMORY[kernel.kind]
    limit = seconds or SECONDS[kernel.kind]
    try:
        with marked() as mark, guarded(_place(given)) as guard:
            init = _INIT.format(script=mark.script).encode()
            disk = guard.folder / "ramdisk"
            disk.write_bytes(ramdisk.pack(program, init))
            measured = _boot(guard, kernel, disk, limit, given, stop or threading.Event())
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return Measured("vm", missing=f"it does not boot: {printable(str(error))}")
    return replace(measured, machine=kernel.title, is_emulated=kernel.kind == TCG)


def least_memory(asked: str = "", *, program: bytes = b"") -> int:
    """With how little memory the first of ``kernels.find`` boots, in bytes: the first of SIZES,
    where luck plays a part; 0 where it boots with none, or there is none. As ``measure``
    otherwise."""
    own = program or _busybox()
    for kernel in kernels.find(asked).kernels[:1]:
        for size in SIZES[kernel.kind]:
            if own and not boot(kernel, own, memory=size << 20).missing:
                return size << 20
    return 0


def _boot(
    guard: Guard, kernel: Kernel, disk: Path, seconds: float, memory: int, stop: threading.Event
) -> Measured:
    words = _uml(kernel, disk, memory) if kernel.kind == UML else _qemu(kernel, disk, memory)
    place = str(guard.folder)
    own = {"PATH": os.environ.get("PATH", os.defpath), "HOME": place, "TMPDIR": place}
    if kernel.kind == UML:
        own |= whole_registers(guard.folder)
    began = time.monotonic()
    process = guard.start(words, own)
    said = console.listen(process, until=began + seconds, most=_MOST, marks=(BEGIN, END), stop=stop)
    used = console.resident(process.pid)
    if said.is_whole:
        return Measured.of("vm", said.text, seconds=said.first - began, used=used, limit=memory)
    why = said.why or f"did not boot in {seconds:.0f} s"
    return Measured("vm", missing=f"it {why}: {_last_words(said.text)}")


def _last_words(text: str) -> str:
    """Of a kernel that panics the reason, which stands before a long trace."""
    panic = re.search(r"Kernel panic[^\r\n]*", text)
    return printable(panic[0][:_WORDS] if panic else " ".join(text.split())[-_WORDS:])


def _uml(kernel: Kernel, disk: Path, memory: int) -> list[str]:
    console = ["con=null", "con0=null,fd:1", "quiet", "panic=-1"]
    return [
        *(kernel.program, f"mem={memory >> 20}M"),
        *(f"initrd={disk}", f"rdinit={ramdisk.INIT}", *console),
    ]


def _qemu(kernel: Kernel, disk: Path, memory: int) -> list[str]:
    is_arm = kernels.architecture() == "aarch64"
    line = "ttyAMA0" if is_arm else "ttyS0"
    return [
        *(kernel.program, "-nodefaults", "-no-user-config", "-nographic", "-no-reboot"),
        *("-machine", "virt" if is_arm else "q35", "-accel", kernel.kind),
        *("-cpu", "host" if kernel.kind == KVM else "max"),
        *("-m", f"{memory >> 20}M", "-nic", "none", "-serial", "stdio", "-monitor", "none"),
        *("-kernel", str(kernel.path), "-initrd", str(disk)),
        *("-append", f"console={line} quiet panic=-1 rdinit={ramdisk.INIT}"),
    ]


def _place(memory: int) -> Path:
    """Where user-mode Linux may keep its memory, in a file that it executes."""
    usual = ["/dev/shm", tempfile.gettempdir(), "/var/tmp", str(Path.home())]
    wanted = [os.environ.get("TMPDIR"), *usual]
    for place in (Path(name) for name in wanted if name):
        if os.access(place, os.W_OK | os.X_OK):
            told = os.statvfs(place)
            has_room = told.f_bavail * told.f_frsize > memory + (32 << 20)
            if has_room and not told.f_flag & os.ST_NOEXEC:
                return place
    raise OSError(
        f"no folder has {memory >> 20} MiB and lets files be executed: set TMPDIR to one that does"
    )


def whole_registers(place: Path) -> Mapping[str, str]:
    """Variables for linux.uml. Linux 6.1 as a guest has 2,696 bytes for a process's registers. A
    processor with AMX has 11,008, and the host's kernel takes all of them or none: a small library,
    made in ``place``, keeps the rest. Raises OSError and SubprocessError where no compiler can."""
    if "amx_tile" not in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace"):
        return {}
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("this processor has AMX, so a C compiler is needed, and is missing")
    library = place / "registers.so"
    source = Path(__file__).with_name("registers.c")
    words = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return {"LD_PRELOAD": str(library)}
