"""A user-mode Linux guest: a kernel of its own, with cgroup v2 delegated to an ordinary user.

    with guest.folder() as place:
        ran = guest.run(["python3", "-c", "print(1)"], place)      one boot, as uid 1000
        ran.code, ran.output, place / "report.xml" (which is /mnt/report.xml inside)

The root is this machine's, read only. What runs is in /sys/fs/cgroup/user/tests, whose parent
belongs to the user: so systemd delegates to a user's session. In user/closed, which is root's, a
process of that user may be, and no more.

Knows: linux.uml, what an init does. Does not know: engines, pytest.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import REPOSITORY, require

from ipycontainers.stack import machine

USER = 1000
KERNEL = "linux.uml"
MEMORY = "768M"
_INIT = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run/home
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t devpts devpts /dev/pts 2>/dev/null
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir /run/root
mount --bind / /run/root
{scratch}
mount -t hostfs -o {folder} none /mnt
busybox insmod /usr/lib/uml/modules/$(uname -r)/kernel/fs/overlayfs/overlay.ko
busybox ifconfig lo 127.0.0.1 up
mkdir -p -m 700 /run/home
chown {user} /run/home
cd /sys/fs/cgroup
echo "+cpu +io +memory +pids" >cgroup.subtree_control
mkdir -p user/tests user/closed
chown {user} user user/cgroup.procs user/cgroup.subtree_control user/cgroup.threads
chown {user} user/tests user/tests/cgroup.procs user/tests/cgroup.subtree_control
chown {user} user/closed/cgroup.procs
echo "+cpu +io +memory +pids" >user/cgroup.subtree_control
cd {repository}
(
    echo 0 >/sys/fs/cgroup/user/tests/cgroup.procs
    export LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
    exec setpriv --reuid={user} --regid={user} --clear-groups {words}
) >/mnt/output 2>&1
echo $? >/mnt/code
busybox poweroff -f
"""


@dataclass(frozen=True)
class Ran:
    """How it ended, what it said on both streams, and what the kernel did."""

    code: int
    output: str
    console: str


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of the host, which is /mnt in the guest."""
    made = Path(tempfile.mkdtemp(prefix="ipyc-guest-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def run(words: Sequence[str], place: Path, seconds: float = 120) -> Ran:
    """Boot, run it as an ordinary user, power off. Skips where there is no such kernel."""
    require(shutil.which(KERNEL), "uml", "apt-get install user-mode-linux")
    init = place / "init"
    init.write_text(
        _INIT.format(
            folder=shlex.quote(str(place)),
            repository=shlex.quote(str(REPOSITORY)),
            user=USER,
            scratch=_scratch(),
            words=shlex.join(words),
        )
    )
    init.chmod(0o755)
    kernel = [KERNEL, "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"mem={MEMORY}"]
    console = ["con=null", "con0=null,fd:1", "quiet", f"init={init}"]
    with subprocess.Popen(
        [*kernel, *console],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(place), **_whole_registers(place)},
        start_new_session=True,
        text=True,
        errors="replace",
    ) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            said, _ = process.communicate()
    output = _text(place / "output")
    code = _text(place / "code").strip()
    assert code, f"the guest did not come to its end in {seconds:.0f} s:\n{said}\n{output}"
    return Ran(int(code), output, said)


def _scratch() -> str:
    """Folders for temporary files, in which what is needed of the host's is still there."""
    found = (REPOSITORY, sys.prefix, sys.base_prefix, *sys.path)
    needed = sorted({Path(place) for place in found if Path(place).is_dir()})
    words = []
    for place in (Path("/tmp"), Path("/var/tmp")):
        words.append(f"mount -t tmpfs -o mode=1777 tmpfs {place}")
        for path in needed:
            if path.is_relative_to(place):
                quoted = shlex.quote(str(path))
                words.append(f"mkdir -p {quoted}; mount --bind /run/root/{quoted} {quoted}")
    return "\n".join(words)


def _whole_registers(place: Path) -> dict[str, str]:
    has_amx = "amx_tile" in Path("/proc/cpuinfo").read_text()
    usable = shutil.which("cc") or not has_amx
    require(usable, "uml", "this processor has AMX: apt-get install gcc libc6-dev")
    return machine.whole_registers(place)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
