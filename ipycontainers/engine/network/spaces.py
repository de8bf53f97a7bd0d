"""Namespaces of a keeper: its own, and those that it makes for containers.

A container's network namespace belongs to a user namespace of its own, which is below the
keeper's: root in the container has its capabilities over it, as NET_RAW, and only over it.

Knows: fork, unshare, setns, what stands in /proc/sys/net. Does not know: bridges, requests.
"""

from __future__ import annotations

import _socket
import os
from contextlib import ExitStack

from ipycontainers.engine import syscalls

from .netlink import Netlink, up

_SYSCTLS = {  # dockerd's, but for the range, which this namespace's one group fills
    "net/ipv4/ping_group_range": "0 0",
    "net/ipv4/ip_unprivileged_port_start": "0",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
}
_ROUTERS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "1",  # no container speaks in the name of another network's
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
}


class Space:
    """The user and the network namespace of one container; ``close`` lets go of them."""

    def __init__(self, user: int, net: int, home: int) -> None:
        """Takes over ``user`` and ``net``; ``home`` is the router's network namespace."""
        self.user = user
        self.net = net
        with ExitStack() as undone:
            undone.callback(os.close, user)
            undone.callback(os.close, net)
            syscalls.enter(net)
            try:
                for name, value in _SYSCTLS.items():
                    set_kernel(name, value)
                self.netlink = Netlink()
                undone.callback(self.netlink.close)
                self.netlink.ask(up(1))
            finally:
                syscalls.enter(home)
            undone.pop_all()

    def close(self) -> None:
        """Its interfaces go when the last process in it has ended."""
        self.netlink.close()
        os.close(self.user)
        os.close(self.net)


def become_router() -> int:
    """This process is root in new namespaces, and its network passes packets on. A descriptor
    of the network's. OSError where this system refuses any of it."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare_network()
    _map(uid, gid)
    for name, value in _ROUTERS.items():
        set_kernel(name, value)
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def make(home: int) -> Space:
    """Namespaces for a container. OSError where the kernel gives no more."""
    with ExitStack() as ends:
        ours, theirs = _socket.socketpair()
        ends.callback(ours.close)
        ends.callback(theirs.close)
        pid = os.fork()
        if pid == 0:
            _make(ours, theirs)
        ends.callback(os.waitpid, pid, 0)
        ends.callback(ours.close)  # it may end
        theirs.close()
        failure = ours.recv(16)
        if failure != b"made":
            number = int(failure or b"1")
            raise OSError(number, os.strerror(number))
        user, net = _opened(pid)
        return Space(user, net, home)


def _opened(pid: int) -> list[int]:
    """Its user and its network namespace."""
    found: list[int] = []
    try:
        for kind in ("user", "net"):
            found.append(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC))  # noqa: PERF401
    except BaseException:
        for handle in found:
            os.close(handle)
        raise
    return found


def _make(ours: _socket.socket, theirs: _socket.socket) -> None:
    """In the child: does not return."""
    try:
        ours.close()
        syscalls.unshare_network()
        _map(0, 0)
        theirs.send(b"made")
        theirs.recv(1)
    except OSError as error:
        theirs.send(b"%d" % (error.errno or 1))
    finally:
        os._exit(0)


def _map(uid: int, gid: int) -> None:
    """The one user that there is gets the number 0."""
    _put("/proc/self/setgroups", "deny")
    _put("/proc/self/uid_map", f"0 {uid} 1")
    _put("/proc/self/gid_map", f"0 {gid} 1")


def set_kernel(name: str, value: str) -> None:
    """A value below /proc/sys, of the namespace that this process is in; where this kernel was
    built without it there is nothing to set."""
    if os.path.exists(f"/proc/sys/{name}"):
        _put(f"/proc/sys/{name}", value)


def _put(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
