"""A virtual machine: a Linux kernel as an ordinary process, by user-mode Linux.

    machine.measure()          boots it with this machine's files, read only, and ends it again

No right is needed for it, no device and no image. The Debian package is user-mode-linux.

Knows: linux.uml. Does not know: containers.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .probe import BEGIN, END, SCRIPT, Measured

KERNEL = "linux.uml"
MEMORY = 64 << 20  # bytes
SECONDS = 30.0
_MOST = 1 << 20  # bytes that it may say
_INIT = f"""#!/bin/sh
mount -t proc proc /proc
{SCRIPT}
exec sleep 60
"""


def measure(seconds: float = SECONDS) -> Measured:
    """Never raises: what is not installed, or does not boot, is said in ``missing``."""
    kernel = shutil.which(KERNEL)
    if not kernel:
        return Measured("vm", missing=f"{KERNEL} is not installed (Debian: user-mode-linux)")
    with tempfile.TemporaryDirectory(prefix="ipycontainers-vm-") as folder:
        place = Path(folder)
        try:
            more = whole_registers(place)
            return _boot(kernel, place, more, seconds)
        except (OSError, subprocess.SubprocessError) as error:
            return Measured("vm", missing=f"it does not boot: {error}")


def whole_registers(place: Path) -> dict[str, str]:
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


def _boot(kernel: str, place: Path, more: dict[str, str], seconds: float) -> Measured:
    init = place / "init"
    init.write_text(_INIT, encoding="ascii")
    init.chmod(0o755)
    root = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"]
    words = [kernel, *root, f"mem={MEMORY >> 20}M", "con=null", "con0=null,fd:1", "quiet"]
    own = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(place), "TMPDIR": str(place)}
    began = time.monotonic()
    process = subprocess.Popen(
        [*words, f"init={init}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**own, **more},
        start_new_session=True,
    )
    try:
        said, first = _listen(process, began + seconds)
        used = _resident(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout
        process.stdout.close()
    if END not in said:
        last = " ".join(said.split())[-200:]
        return Measured("vm", missing=f"it did not boot in {seconds:.0f} s: {last}")
    return Measured.of("vm", said, seconds=first - began, used=used, limit=MEMORY)


def _listen(process: subprocess.Popen[bytes], until: float) -> tuple[str, float]:
    """What its console says up to the end mark, and when its first program spoke."""
    assert process.stdout
    said, first = b"", 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while END.encode() not in said and len(said) < _MOST:
            if not selector.select(max(0.0, until - time.monotonic())):
                break
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                break
            said += piece
            if not first and BEGIN.encode() in said:
                first = time.monotonic()
    return said.decode("utf-8", "replace"), first


def _resident(pid: int) -> int:
    """Bytes of the host's memory that it has touched."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    found = (line.split()[1] for line in lines if line.startswith("Pss:"))
    return int(next(found, 0)) * 1024
