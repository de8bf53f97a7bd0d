"""The eight kinds of namespaces, and the names of capabilities.

Knows: namespaces(7), capabilities(7), the kernel's numbers. Does not know: any process.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """``name`` is that below /proc/PID/ns. ``initial`` is the inode that Linux gives to the
    machine's own one (enum init_ns_ino in linux/nsfs.h). ``is_fixed``: it has been so since the
    kind is there; before Linux 6.18 the others had whatever number came next."""

    name: str
    meaning: str
    shared: str
    initial: int
    is_fixed: bool = True


KINDS = (
    Kind(
        "pid",
        "Which processes there are to see and to signal, and by which numbers.",
        "the host's processes are seen, by the host's numbers",
        0xEFFFFFFC,
    ),
    Kind(
        "net",
        "Network interfaces, addresses, routes, ports and firewall.",
        "a port that is opened is a port of the host, and 127.0.0.1 is the host's",
        0xEFFFFFF9,
        is_fixed=False,
    ),
    Kind(
        "mnt",
        "Which file systems are mounted, and where: what stands below /.",
        "the host's mounts are seen; what hides its files, if anything, is no namespace",
        0xEFFFFFF8,
        is_fixed=False,
    ),
    Kind("uts", "The host name.", "it has the host's name", 0xEFFFFFFE),
    Kind(
        "ipc",
        "Shared memory, semaphores and message queues.",
        "segments and queues are the host's",
        0xEFFFFFFF,
    ),
    Kind(
        "user",
        "Which user is who: whether root in here is root of the machine.",
        "a number of a user means the same user on the host, and root is root",
        0xEFFFFFFD,
    ),
    Kind(
        "cgroup",
        "Which part of the tree of control groups is seen. Limits hold with and without it.",
        "paths of control groups are the host's",
        0xEFFFFFFB,
    ),
    Kind(
        "time",
        "What the clocks that count from boot say. The time of day is one for all.",
        "clocks count from the host's boot",
        0xEFFFFFFA,
    ),
)
NAMES = tuple(kind.name for kind in KINDS)

CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID"),
    *("SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN"),
    *("NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE"),
    *("SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME"),
    *("SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ"),
    *("PERFMON", "BPF", "CHECKPOINT_RESTORE"),
)
"""Names by number, without CAP_."""


def decoded(mask: str) -> tuple[str, ...]:
    """The names of a mask as /proc/PID/status has it; a newer kernel's by their number.

    >>> decoded("0000000000000003"), decoded("20000000000")
    (('CHOWN', 'DAC_OVERRIDE'), ('41',))
    """
    bits = int(mask, 16)
    known = dict(enumerate(CAPABILITIES))
    return tuple(known.get(bit, str(bit)) for bit in range(64) if bits >> bit & 1)
