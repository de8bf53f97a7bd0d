"""System calls that Python 3.10 has no name for, and what they are used for here.

Knows: numbers and structures of Linux. Does not know: containers.
Each raises OSError as ``os`` does.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import ctypes
import fcntl
import os
import stat
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress

MACHINE = os.uname().machine
_SETNS = {"x86_64": 308, "aarch64": 268}
_CLONE = {"x86_64": 56, "aarch64": 220}
_LANDLOCK_CREATE = 444  # the same on every architecture, as all newer calls are
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT = 446
_RULE_PATH_BENEATH = 1
_SCOPES_SINCE = 6  # ABI of Landlock, Linux 6.12
_RENAMES_SINCE = 2  # Linux 5.19; before, no file could be moved to another folder
_TRUNCATES_SINCE = 3
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, read a folder
_WRITE = (1 << 14) - 1 & ~_READ  # write, remove, make, move
_TRUNCATE = 1 << 14
_OF_A_FILE = 1 << 0 | 1 << 1 | 1 << 2 | _TRUNCATE

_DESCRIPTORS = 1 << 16  # at most

CLONE_PARENT = 0x00008000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_SCOPE_SIGNAL = 2
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO_EXIT = 8
_CAPABILITY_VERSION_3 = 0x20080522

CAPABILITIES: tuple[str, ...] = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)  # fmt: skip
"""Names by number, without CAP_."""

_libc = ctypes.CDLL(None, use_errno=True)


def handle(signal: int, handler: int | Callable[..., object]) -> None:
    """signal.signal without its enums: in a forked process these are a tenth of a megabyte."""
    _signal.signal(signal, handler)


def no_new_privileges() -> None:
    """From now on no execve of this process or its children gives it more rights."""
    _check(_prctl(_PR_SET_NO_NEW_PRIVS, 1))


def become_subreaper() -> None:
    """Orphans among this process's descendants become its children."""
    _check(_prctl(_PR_SET_CHILD_SUBREAPER, 1))


def die_with_parent(signal: int) -> None:
    """Let the kernel send ``signal`` to this process when the thread that forked it ends."""
    _check(_prctl(_PR_SET_PDEATHSIG, signal))


def exit_status(handle: int) -> int | None:
    """The wait status of the process that a pidfd stands for; None while nobody has reaped it.

    OSError on kernels before 6.15, which cannot say.
    """
    info = bytearray(64)  # struct pidfd_info: mask first, exit_code last
    struct.pack_into("Q", info, 0, _PIDFD_INFO_EXIT)
    fcntl.ioctl(handle, _PIDFD_GET_INFO, info)
    if struct.unpack_from("Q", info, 0)[0] & _PIDFD_INFO_EXIT:
        return int(struct.unpack_from("i", info, 60)[0])
    return None


def sync(folder: str | os.PathLike[str]) -> None:
    """Return when all of the folder's file system is on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _check(_libc.syncfs(handle))
    finally:
        os.close(handle)


def hide_from_peers() -> None:
    """Until the next execve no other process of this user may look into this one or open its exe.

    Else a container could write to our interpreter through /proc/PID/exe (CVE-2019-5736).
    """
    _check(_prctl(_PR_SET_DUMPABLE, 0))


def load_filter(program: bytes) -> None:
    """Add a seccomp filter for this process and its children. Needs ``no_new_privileges``."""
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    _check(_libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0))


def has_signal_scope() -> bool:
    """Whether this kernel's Landlock can keep signals within a domain (ABI 6, Linux 6.12)."""
    return _landlock() >= _SCOPES_SINCE


def has_file_rules() -> bool:
    """Whether this kernel's Landlock can keep file access within folders (ABI 2, Linux 5.19)."""
    return _landlock() >= _RENAMES_SINCE


def _landlock() -> int:
    return int(_libc.syscall(_LANDLOCK_CREATE, None, 0, 1))


def confine(readable: Iterable[str], writable: Iterable[str]) -> None:
    """From now on this process and its children reach only these files and what is below them,
    and signal only one another; each as far as this kernel's Landlock can. Paths that are not
    there are left out."""
    version = _landlock()
    if version < _RENAMES_SINCE:
        return
    write = _WRITE | (_TRUNCATE if version >= _TRUNCATES_SINCE else 0)
    attributes = struct.pack("Q", _READ | write)
    if version >= _SCOPES_SINCE:
        attributes += struct.pack("QQ", 0, _SCOPE_SIGNAL)
    ruleset = _check(_libc.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0))
    try:
        for paths, access in ((readable, _READ), (writable, _READ | write)):
            for path in paths:
                _allow(ruleset, path, access)
        _check(_libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            access &= _OF_A_FILE
        rule = struct.pack("=Qi", access, handle)
        _check(_libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(handle)


def close_all_but(kept: int) -> None:
    """And standard input, output and error: what this process was given or forked with is not to
    stay open."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - no pathlib in supervisors
        if int(name) > 2 and int(name) != kept:
            with suppress(OSError):
                os.close(int(name))


def raise_descriptors() -> int:
    """How many this process may have from now on: as many as it may give itself."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def give_back_memory() -> None:
    """What this process has freed is the system's again: glibc keeps most of it, for each thread.
    Another library has no such call."""
    with suppress(AttributeError):
        _libc.malloc_trim(0)


def enter(namespace: int) -> None:
    """Join the namespace that the descriptor stands for (setns)."""
    _check(_libc.syscall(_SETNS[MACHINE], namespace, 0))


def unshare_user() -> None:
    """Make a new user namespace for this process."""
    _check(_libc.unshare(CLONE_NEWUSER))


def unshare_network() -> None:
    """Make a new user namespace and a network namespace that is its own for this process."""
    _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNET))


def fork_sibling(signal: int) -> int:
    """Fork as a child of this process's parent, in the pid namespace joined last.

    Python's own bookkeeping after a fork is left out: the child must soon execve.
    """
    return _check(_libc.syscall(_CLONE[MACHINE], CLONE_PARENT | signal, 0, 0, 0, 0))


def limit_capabilities(keep: frozenset[int]) -> None:
    """Have exactly ``keep``, as far as this process has them, also across an execve."""
    bound_capabilities(keep)
    mask = sum(1 << number for number in keep)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    data = struct.pack("6I", low, low, low, high, high, high)
    _check(_libc.capset(header, data))
    for number in keep:
        _libc.prctl(_PR_CAP_AMBIENT, 2, number, 0, 0)


def bound_capabilities(keep: frozenset[int]) -> None:
    """What root executes from now on gains no others than ``keep``; who inherits some has them."""
    for number in range(64):
        if number not in keep and _prctl(_PR_CAPBSET_DROP, number) != 0:
            break  # the first number that this kernel does not know


def inherit_capabilities() -> None:
    """What is executed has all that this process has, whatever it is bound to."""
    header, data = struct.pack("Ii", _CAPABILITY_VERSION_3, 0), ctypes.create_string_buffer(24)
    _check(_libc.capget(header, data))
    _, low, _, _, high, _ = struct.unpack("6I", data.raw)
    _check(_libc.capset(header, struct.pack("6I", low, low, low, high, high, high)))


def _prctl(option: int, argument: int) -> int:
    return int(_libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
