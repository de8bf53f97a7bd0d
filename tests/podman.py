"""Debian's Podman as a service, for tests: by root, or by an ordinary user.

    with podman.service(folder) as address: …            root's, with storage of its own
    with podman.service_of(USER, folder) as address: …   in a folder that belongs to the user

Knows: podman's command line. Does not know: pytest's fixtures, our package.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# In a container, and where RLIMITs are lower than Podman's defaults, it cannot raise them; and
# crun refuses machines that have cgroup versions 1 and 2 side by side, which runc does not.
CONTAINERS_CONF = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
PODMAN = (
    *("podman", "--runtime=runc", "--cgroup-manager=cgroupfs", "--events-backend=file"),
    "--storage-driver=vfs",
)
USER = 1000

# An ordinary user's network needs /dev/net/tun, which everybody may open on Debian, but not in
# many containers. Where it is closed Podman gets a device of its own in a mount namespace.
OPEN_TUN = """
mknod "$0/tun" c 10 200 && chmod 666 "$0/tun" && mount --bind "$0/tun" /dev/net/tun && exec "$@"
"""


def become(user: int) -> list[str]:
    """The words before a command that run it as that user, without groups."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def handing_over(user: int, python: Sequence[str]) -> list[str]:
    """The command of a kernel that ``python`` runs as that user. jupyter_client writes the
    connection file, the last word, for itself alone: it is handed over first."""
    return ["sh", "-c", 'for file; do :; done; chown "$0" "$file" && exec "$@"', str(user), *python]


def service(folder: Path) -> contextlib.AbstractContextManager[str]:
    return _serve(folder, [*PODMAN, f"--root={folder}/root", f"--runroot={folder}/run"])


def service_of(user: int, folder: Path) -> contextlib.AbstractContextManager[str]:
    tun = Path("/dev/net/tun")
    is_closed = tun.exists() and not tun.stat().st_mode & 0o002
    before = ["unshare", "--mount", "sh", "-c", OPEN_TUN, str(folder)] if is_closed else []
    return _serve(folder, [*before, *become(user), *PODMAN])


@contextlib.contextmanager
def _serve(folder: Path, words: list[str]) -> Iterator[str]:
    """The address of the service, which may take a second to answer."""
    conf = folder / "containers.conf"
    conf.write_text(CONTAINERS_CONF)
    runtime = folder / "xdg"
    runtime.mkdir(mode=0o700)
    os.chown(runtime, folder.stat().st_uid, folder.stat().st_gid)
    address = f"unix://{folder}/podman.sock"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(runtime),
        "CONTAINERS_CONF": str(conf),
    }
    with (folder / "log").open("wb") as log:
        program = subprocess.Popen(
            [*words, "system", "service", "--time=0", address],
            cwd=folder,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGTERM)
        program.wait(10)
        _end_pause_process(runtime)
        _unmount_below(folder)
        _remove(folder)


def _unmount_below(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted(mounts, reverse=True):
        if point.startswith(f"{folder}/"):
            subprocess.run(["umount", point], check=False)


def _remove(folder: Path) -> None:
    """Podman's clearing up after a container, a process of its own, may still be at work."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)
        if not folder.exists():
            return


def _end_pause_process(runtime: Path) -> None:
    """Rootless Podman leaves one process that holds its user namespace."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((runtime / "libpod/tmp/pause.pid").read_text())
        os.kill(pid, signal.SIGKILL)
