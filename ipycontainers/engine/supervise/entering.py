"""Join namespaces: those of a container that runs, or of one that is about to.

Knows: setns, what user namespaces own. Does not know: launchers, why.
"""

from __future__ import annotations

import fcntl
import os
import signal
import termios
from collections.abc import Sequence

from ipycontainers.engine import syscalls, users
from ipycontainers.engine.command import STATUS, Command

from .failure import REFUSED, StartError, of_cwd

_NS_GET_USERNS = 0xB701  # ioctl_nsfs(2)
_OURS = {
    name: os.stat(f"/proc/self/ns/{name}").st_ino
    for name in ("mnt", "cgroup", "ipc", "uts", "net", "pid")
    if os.path.exists(f"/proc/self/ns/{name}")
}
"""Of this process and all that are forked from it."""


def join(paths: Sequence[str]) -> None:
    """This process, in this order. StartError where one is not there, as when who kept it was
    killed."""
    try:
        # All are opened first: in the first one's user namespace the others' paths are closed.
        for handle in [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths]:
            syscalls.enter(handle)
            os.close(handle)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise StartError(f"the container's network cannot be joined: {reason}", REFUSED) from error


def enter(command: Command) -> users.User:
    """Join the container; what returns from here is a new process inside it, as this user."""
    spaces = _namespaces(command.enter)
    net = spaces.pop("net", None)
    user = os.open(f"/proc/{command.enter}/ns/user", os.O_RDONLY)
    root = os.open(f"/proc/{command.enter}/root", os.O_PATH)
    procfs = os.open("/proc", os.O_PATH)
    # With --uid other than 0 bwrap makes two user namespaces; the outer one owns the others, but
    # for a network that was there before: that one's is around them.
    owner = fcntl.ioctl(spaces["mnt"], _NS_GET_USERNS)
    outer = owner if net is None else fcntl.ioctl(net, _NS_GET_USERNS)
    syscalls.enter(outer)
    if net is not None:
        syscalls.enter(net)
    _descend(outer, owner)
    for handle in spaces.values():
        syscalls.enter(handle)
    _descend(owner, user)
    os.fchdir(root)
    os.chroot(".")
    asked = users.find(command.user, _text)
    _renumber(asked.uid, asked.gid, procfs)
    syscalls.hide_from_peers()
    sibling = syscalls.fork_sibling(signal.SIGCHLD)
    if sibling:
        os.write(STATUS, b"%d" % sibling)
        os._exit(0)
    os.close(STATUS)
    syscalls.die_with_parent(signal.SIGKILL)
    os.setsid()
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    syscalls.limit_capabilities(command.capabilities[asked.uid == 0])
    try:
        os.chdir(command.cwd)
    except OSError as error:
        raise of_cwd(command.cwd, error.errno or 0) from error
    return asked


def _descend(outer: int, inner: int) -> None:
    """Into the user namespace ``inner``, unless it is ``outer``, which has been joined."""
    if not os.path.samestat(os.fstat(outer), os.fstat(inner)):
        syscalls.enter(inner)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


def _namespaces(pid: int) -> dict[str, int]:
    """Those of ``pid`` that are not ours."""
    found = {}
    for name, ours in _OURS.items():
        handle = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        if os.fstat(handle).st_ino != ours:
            found[name] = handle
    return found


def _renumber(uid: int, gid: int, procfs: int) -> None:
    # One uid is mapped into the container. To be another one there, a further user namespace
    # gives the same user another number.
    if (os.geteuid(), os.getegid()) == (uid, gid):
        return
    here = os.geteuid(), os.getegid()
    syscalls.unshare_user()
    maps = {
        "setgroups": "deny",
        "uid_map": f"{uid} {here[0]} 1",
        "gid_map": f"{gid} {here[1]} 1",
    }
    for name, text in maps.items():
        handle = os.open(f"self/{name}", os.O_WRONLY, dir_fd=procfs)
        os.write(handle, text.encode())
        os.close(handle)
