"""System calls that a container may not make or that are acted, as a program for seccomp.

Denied is what Docker's default profile denies a container without added capabilities; all
else is allowed, so a call that Linux gets next year is decided by the kernel's own checks. A
denied call fails with EPERM, as there; clone3 with ENOSYS, so that C libraries fall back to
clone, whose flags a filter can see. A call by another architecture's table ends the program.

Acted is what root does with other users' numbers, where one uid is mapped and the kernel can
only refuse: chown, setuid and their like, and mknod of devices, are answered with success and
nothing is done. So a package's scripts go on, a file stays root's, and a program that became
somebody else is still root: that is no isolation. The idea is Charliecloud's "zero-consistency
root emulation" (https://hpc.github.io/charliecloud/ch-image.html); but what the kernel can do, a
chown to root or a fifo, is done, so its errors are told; and so is capset, by which root can give
up rights here as elsewhere.

https://docs.docker.com/engine/security/seccomp/, the kernel's Documentation/userspace-api/
seccomp_filter.rst, linux/filter.h.

Knows: numbers of calls, classic BPF. Does not know: who loads the program.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Collection, Mapping
from functools import cache

from .syscalls import MACHINE

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_TABLES = {
    "x86_64": """
    _sysctl=156 acct=163 add_key=248 bpf=321 clock_adjtime=305 clock_settime=227 clone=56
    clone3=435 create_module=174 delete_module=176 fanotify_init=300 finit_module=313
    fsconfig=431 fsmount=432 fsopen=430 fspick=433 get_kernel_syms=177 get_mempolicy=239
    init_module=175 io_uring_enter=426 io_uring_register=427 io_uring_setup=425 ioperm=173
    iopl=172 kcmp=312 kexec_file_load=320 kexec_load=246 keyctl=250 kill=62 lookup_dcookie=212
    mbind=237 migrate_pages=256 mount=165 mount_setattr=442 move_mount=429 move_pages=279
    nfsservctl=180 open_by_handle_at=304 open_tree=428 perf_event_open=298 pidfd_open=434
    personality=135 pivot_root=155 process_vm_readv=310 process_vm_writev=311 query_module=178
    quotactl=179 quotactl_fd=443 reboot=169 request_key=249 rt_sigqueueinfo=129
    rt_tgsigqueueinfo=297 set_mempolicy=238 set_mempolicy_home_node=450 setdomainname=171
    sethostname=170 setns=308 settimeofday=164 socket=41 swapoff=168 swapon=167 sysfs=139
    syslog=103 tgkill=234 tkill=200 umount2=166 unshare=272 uselib=134 userfaultfd=323
    ustat=136 vhangup=153 statx=332 renameat2=316 execveat=322 name_to_handle_at=303
    faccessat2=439 openat2=437 fchmodat2=452 setxattrat=463 getxattrat=464
    listxattrat=465 removexattrat=466 open_tree_attr=467 file_getattr=468 file_setattr=469
    prctl=157
    """,
    "aarch64": """
    acct=89 add_key=217 bpf=280 clock_adjtime=266 clock_settime=112 clone=220 clone3=435
    delete_module=106 fanotify_init=262 finit_module=273 fsconfig=431 fsmount=432 fsopen=430
    fspick=433 get_mempolicy=236 init_module=105 io_uring_enter=426 io_uring_register=427
    io_uring_setup=425 kcmp=272 kexec_file_load=294 kexec_load=104 keyctl=219 kill=129
    lookup_dcookie=18 mbind=235 migrate_pages=238 mount=40 mount_setattr=442 move_mount=429
    move_pages=239 nfsservctl=42 open_by_handle_at=265 open_tree=428 perf_event_open=241
    pidfd_open=434 personality=92 pivot_root=41 process_vm_readv=270 process_vm_writev=271
    quotactl=60 quotactl_fd=443 reboot=142 request_key=218 rt_sigqueueinfo=138
    rt_tgsigqueueinfo=240 set_mempolicy=237 set_mempolicy_home_node=450 setdomainname=162
    sethostname=161 setns=268 settimeofday=170 socket=198 swapoff=225 swapon=224 syslog=116
    tgkill=131 tkill=130 umount2=39 unshare=97 userfaultfd=282 vhangup=58
    statx=291 renameat2=276 execveat=281 name_to_handle_at=264
    faccessat2=439 openat2=437 fchmodat2=452 setxattrat=463 getxattrat=464
    listxattrat=465 removexattrat=466 open_tree_attr=467 file_getattr=468 file_setattr=469
    prctl=167
    """,
}
"""NAME=NUMBER of asm/unistd_64.h and asm-generic/unistd.h."""

_ROOTS = {
    "x86_64": """
    chown=92 fchown=93 fchownat=260 lchown=94 mknod=133 mknodat=259 setfsgid=123 setfsuid=122
    setgid=106 setgroups=116 setregid=114 setresgid=119 setresuid=117 setreuid=113 setuid=105
    """,
    "aarch64": """
    fchown=55 fchownat=54 mknodat=33 setfsgid=152 setfsuid=151 setgid=144 setgroups=159
    setregid=143 setresgid=149 setresuid=147 setreuid=145 setuid=146
    """,
}
"""The same of calls that are acted."""


def _numbers(tables: Mapping[str, str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for machine, table in tables.items():
        pairs = (word.split("=") for word in table.split())
        found[machine] = {name: int(number) for name, number in pairs}
    return found


_NUMBERS = _numbers(_TABLES)
_ACTED = _numbers(_ROOTS)
_IDS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "CHOWN": {"chown": (1, 2), "fchown": (1, 2), "fchownat": (2, 3), "lchown": (1, 2)},
    "SETUID": {"setfsuid": (0,), "setresuid": (0, 1, 2), "setreuid": (0, 1), "setuid": (0,)},
    "SETGID": {"setfsgid": (0,), "setgid": (0,), "setregid": (0, 1), "setresgid": (0, 1, 2)},
}
"""Capability → calls that need it → their arguments that are users or groups."""
_MODES = {"mknod": 1, "mknodat": 2}  # of MKNOD: which argument is the kind of file
_OURS = (0, 0xFFFFFFFF)  # root, and what is to stay as it is
_KIND, _DEVICES = 0xF000, (0x2000, 0x6000)  # S_IFMT, S_IFCHR and S_IFBLK
_TO_ONE = {"pidfd_open", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tgkill", "tkill"}
_BY_ARGUMENT = {"clone", "clone3", "kill", "personality", "prctl", "socket"} | _TO_ONE
_UNSEEN = {
    *("execveat", "faccessat2", "fchmodat2", "file_getattr", "file_setattr", "getxattrat"),
    *("listxattrat", "name_to_handle_at", "open_tree_attr", "openat2", "removexattrat"),
    *("renameat2", "setxattrat", "statx"),
}
"""Paths in these PRoot 5.1 does not rewrite: they would mean the host's."""
_TRACER = {"process_vm_readv", "process_vm_writev"}

_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* flag of clone
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
_AF_VSOCK = 40
_SET_DUMPABLE = 4  # of prctl
_X32 = 0x40000000

_LOAD, _AND, _JUMP_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little endian
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

_SIGKILL, _SIGSTOP = 9, 19

Instruction = tuple[int, int, int, int]
_PASS: Instruction = (_RETURN, 0, 0, _ALLOW)
_DONE: Instruction = (_RETURN, 0, 0, _ERRNO)  # nothing was, and the call returns 0


def program(*, denies: bool, acts: Collection[str] = (), machine: str = MACHINE) -> bytes:
    """What is to be loaded: the denials of ``default`` if it ``denies``, and root's calls that
    need the capabilities ``acts``, without CAP_, acted. Empty where there is nothing to do."""
    if denies:
        return default(acts=frozenset(acts), machine=machine)
    acted = _act(acts, machine)
    if not acted:
        return b""
    # No other table's call is known here, and none is forbidden.
    foreign: list[Instruction] = [(_JUMP_EQUAL, 1, 0, _AUDIT[machine]), _PASS]
    return _packed([(_LOAD, 0, 0, _ARCHITECTURE), *foreign, (_LOAD, 0, 0, _NUMBER), *acted, _PASS])


@cache
def default(
    *, tracer: int = 0, acts: frozenset[str] = frozenset(), machine: str = MACHINE
) -> bytes:
    """The program. On a machine whose numbers are not known here: empty, no filter.

    ``acts`` as in ``program``: what is denied is decided first.
    ``tracer`` is the pid, and process group, of a launcher that follows the container's calls
    and shares its filter: it may read the container's memory; signals to it are denied, since
    without it the container would run unhindered, and so is ``kill(-1)``, which would reach
    every process of the user; and calls that it does not follow do not exist. Who closes its
    memory, as sudo and ssh-agent do, would close it to the tracer too and could open no file
    any more: it is told yes.
    """
    if machine not in _NUMBERS:
        return b""
    numbers = _NUMBERS[machine]
    made = _head(machine)
    for name in sorted(numbers.keys() - _BY_ARGUMENT - _UNSEEN):
        if not (tracer and name in _TRACER):
            made += _if_number(numbers[name], [_fail(errno.EPERM)])
    made += _if_number(numbers["clone3"], [_fail(errno.ENOSYS)])
    made += _if_number(numbers["clone"], _deny_bits(0, _NEW_NAMESPACES))
    made += _if_number(numbers["socket"], _deny_values(0, (_AF_VSOCK,)))
    made += _if_number(numbers["personality"], _allow_values(0, _PERSONALITIES))
    if tracer:
        for name in sorted(_UNSEEN):
            made += _if_number(numbers[name], [_fail(errno.ENOSYS)])
        made += _if_number(numbers["kill"], _deny_kill(tracer))
        made += _if_number(numbers["prctl"], _keep_open())
        for name in sorted(_TO_ONE):
            made += _if_number(numbers[name], _deny_values(0, (tracer,)))
    return _packed([*made, *_act(acts, machine), _PASS])


def _packed(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _act(capabilities: Collection[str], machine: str) -> list[Instruction]:
    numbers = _ACTED.get(machine, {})
    program: list[Instruction] = []
    for capability, calls in _IDS.items():
        for name in calls if capability in capabilities else ():
            if name in numbers:
                program += _if_number(numbers[name], _act_for_others(calls[name]))
    if numbers and "SETGID" in capabilities:
        program += _if_number(numbers["setgroups"], [_DONE])  # the kernel takes none at all
    for name, argument in _MODES.items() if "MKNOD" in capabilities else ():
        if name in numbers:
            program += _if_number(numbers[name], _act_for_devices(argument))
    return program


def _act_for_others(ids: tuple[int, ...]) -> list[Instruction]:
    """Where one of these arguments is somebody else; else the kernel does it."""
    root, same = _OURS
    tests: list[Instruction] = []
    for argument in ids:
        tests += [_load(argument), (_JUMP_EQUAL, 2, 0, root), (_JUMP_EQUAL, 1, 0, same), _DONE]
    return [*tests, _PASS]


def _act_for_devices(kind: int) -> list[Instruction]:
    return [_load(kind), (_AND, 0, 0, _KIND), *_choose_loaded(_DEVICES, _DONE, _PASS)]


def _head(machine: str) -> list[Instruction]:
    head = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, _AUDIT[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        head += [(_JUMP_ANY_BIT, 0, 1, _X32), _fail(errno.ENOSYS)]
    return head


def _if_number(number: int, then: list[Instruction]) -> list[Instruction]:
    """``then`` always returns; without a match the number is still loaded."""
    return [(_JUMP_EQUAL, 0, len(then), number), *then]


def _fail(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


def _load(argument: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENT + 8 * argument)


def _deny_bits(argument: int, bits: int) -> list[Instruction]:
    test = (_JUMP_ANY_BIT, 0, 1, bits)
    return [_load(argument), test, _fail(errno.EPERM), _PASS]


def _deny_values(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    return _choose(argument, values, _fail(errno.EPERM), _PASS)


def _allow_values(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    return _choose(argument, values, _PASS, _fail(errno.EPERM))


def _keep_open() -> list[Instruction]:
    closes = [_load(1), (_JUMP_EQUAL, 0, 1, 0), _DONE, _PASS]
    return [_load(0), *_if_number(_SET_DUMPABLE, closes), _PASS]


def _deny_kill(tracer: int) -> list[Instruction]:
    """Of all processes, of the tracer, and of its group by what it cannot ignore."""
    everyone, group = 0xFFFFFFFF, (0, 0x100000000 - tracer)
    by_signal = _deny_values(1, (_SIGKILL, _SIGSTOP))
    tests: list[Instruction] = []
    for value in (everyone, tracer):
        tests += _if_number(value, [_fail(errno.EPERM)])
    for value in group:
        tests += _if_number(value, by_signal)
    return [_load(0), *tests, _PASS]


def _choose(
    argument: int, values: tuple[int, ...], then: Instruction, otherwise: Instruction
) -> list[Instruction]:
    return [_load(argument), *_choose_loaded(values, then, otherwise)]


def _choose_loaded(
    values: tuple[int, ...], then: Instruction, otherwise: Instruction
) -> list[Instruction]:
    tests: list[Instruction] = []
    for value in values:
        tests += [(_JUMP_EQUAL, 0, 1, value), then]
    return [*tests, otherwise]
