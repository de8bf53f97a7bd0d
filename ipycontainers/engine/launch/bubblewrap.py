"""bubblewrap: namespaces of the container's own, layers by overlayfs.

Knows: bwrap's flags. Does not know: whether they work here (``probe`` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipycontainers.engine import seccomp
from ipycontainers.engine.command import ARGUMENTS, SECCOMP, STATUS, Command
from ipycontainers.engine.container import (
    DEFAULT_PATH,
    Bundle,
    ExecSpec,
    Mount,
    Spec,
    environment_of,
    environment_of_exec,
)
from ipycontainers.engine.syscalls import CAPABILITIES

DEFAULT_CAPABILITIES = frozenset(
    {
        *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID"),
        *("SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"),
    }
)
"""Docker's. All of them count within the container's user namespace only."""
_ROOT_OR_NOT = ((True, 0), (False, 1))  # an exec's user is known when it has entered


@dataclass(frozen=True)
class Bubblewrap:
    """Starts containers by the program ``bwrap`` at ``program``.

    ``masked`` are files and ``masked_directories`` directories below /proc that this kernel
    has and a container is not to read.
    """

    program: str
    isolates: frozenset[str] = frozenset()
    needs_copy: bool = False
    masked: tuple[str, ...] = ()
    masked_directories: tuple[str, ...] = ()
    maps_one_user: bool = field(default=True, init=False)
    name: str = field(default="bubblewrap", init=False)

    def argv(self, bundle: Bundle) -> Command:
        """``bwrap`` with every namespace; the program is pid 1 unless ``init`` is asked for."""
        spec = bundle.spec
        options = [
            *_namespaces(spec),
            *_identity(bundle),
            *_root(bundle),
            *self._proc(spec),
            *_mounts(spec.mounts),
            *("--dir", spec.cwd or "/"),
            *(("--remount-ro", "/") if spec.read_only else ()),
            *_process(spec),
        ]
        descriptors = {ARGUMENTS: "".join(f"{word}\0" for word in options).encode()}
        if program := _filter(spec, numbers(spec.user)[0]):
            descriptors[SECCOMP] = program
        return Command(
            # By a descriptor, so that the values of variables stay out of `ps`.
            argv=(*self._guard(bundle), self.program, "--args", str(ARGUMENTS), "--", *spec.args),
            env={"PATH": DEFAULT_PATH},
            program="reported",
            reaped=spec.init and "pid" not in spec.shared,
            descriptors=descriptors,
            asked=spec.args[0],
            capabilities=_by_root(spec) if _is_root_already(spec) else {},
            error_prefix="bwrap: ",
            ulimits=spec.ulimits,
            oom_score=spec.oom_score,
        )

    def own_processes(self, bundle: Bundle) -> int:
        """One bwrap waits beside the container, and one more around it."""
        return 2 if any(self._guard(bundle)) else 1

    def exec_argv(self, bundle: Bundle, spec: ExecSpec, pid: int) -> Command:
        """No bwrap: the namespaces are joined, rights and filter are made those of ``argv``."""
        env = environment_of_exec(bundle.spec, spec)
        return Command(
            argv=spec.args,
            env=env,
            enter=pid,
            cwd=spec.cwd or bundle.spec.cwd or "/",
            user=spec.user or bundle.spec.user,
            capabilities=_by_root(bundle.spec),
            filter={is_root: _filter(bundle.spec, uid) for is_root, uid in _ROOT_OR_NOT},
            ulimits=bundle.spec.ulimits,
            oom_score=bundle.spec.oom_score,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``launch.of``."""
        return {
            "name": self.name,
            "program": self.program,
            "isolates": sorted(self.isolates),
            "needs_copy": self.needs_copy,
            "masked": self.masked,
            "masked_directories": self.masked_directories,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Bubblewrap:
        """From ``to_dict``'s form."""
        return cls(
            program=plain["program"],
            isolates=frozenset(plain["isolates"]),
            needs_copy=plain["needs_copy"],
            masked=tuple(plain["masked"]),
            masked_directories=tuple(plain["masked_directories"]),
        )

    def _guard(self, bundle: Bundle) -> Iterator[str]:
        """A bwrap around bwrap, where a mount lies in what another container may write to.

        bwrap walks to each target while the host's files are at /oldroot, and makes what is
        missing: a link that is swapped in just then would have it made there. So what it sees
        of the host can only be read, but for what the container may write to anyway.
        """
        shared = [mount for mount in bundle.spec.mounts if mount.source]
        if not any(_is_below(inner, outer) for outer in shared for inner in bundle.spec.mounts):
            return
        yield from (
            self.program,
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--bind",
            "/proc",
            "/proc",
        )
        # The whole directory: upper and work must be of one mount.
        written = (mount.source for mount in shared if not mount.read_only)
        for path in (str(bundle.directory), *written):
            yield from ("--bind", path, path)
        yield from ("--die-with-parent", "--")

    def _proc(self, spec: Spec) -> Iterator[str]:
        # Without a pid namespace of its own none may mount a new one.
        yield from ("--bind" if "pid" in spec.shared else "--proc", "/proc")
        yield from ("/proc",) if "pid" in spec.shared else ()
        yield from ("--dev", "/dev")
        if "ipc" in spec.shared:
            yield from ("--bind", "/dev/shm", "/dev/shm")
        else:
            yield from ("--perms", "1777", "--size", str(spec.shm_size), "--tmpfs", "/dev/shm")
        for path in self.masked:
            yield from ("--ro-bind", "/dev/null", path)
        for path in self.masked_directories:
            yield from ("--tmpfs", path, "--remount-ro", path)
        yield from ("--tmpfs", "/sys")
        for path in ("/sys/devices/system/cpu", "/sys/devices/system/node"):
            yield from ("--ro-bind-try", path, path)
        yield from ("--remount-ro", "/sys")


def numbers(user: str) -> tuple[int, int]:
    """uid and gid of a ``user`` whose names were replaced by numbers (``rootfs.prepare``)."""
    uid, _, gid = user.partition(":")
    return int(uid or 0), int(gid or 0)


def capabilities(spec: Spec, uid: int) -> list[str]:
    """What a container's process may do in its user namespace, without ``CAP_``, sorted.

    As in Docker only root has any, unless ``cap_add`` names them.
    """
    added = {name.upper().removeprefix("CAP_") for name in spec.cap_add}
    dropped = {name.upper().removeprefix("CAP_") for name in spec.cap_drop}
    held = set(DEFAULT_CAPABILITIES) if uid == 0 else set[str]()
    held = set[str]() if "ALL" in dropped else held - (dropped - added)
    held |= set(CAPABILITIES) if "ALL" in added else added & set(CAPABILITIES)
    return sorted(held - dropped if "ALL" in added else held)


def _by_root(spec: Spec) -> dict[bool, frozenset[int]]:
    """Numbers of capabilities, of root and of others."""
    return {
        is_root: frozenset(map(CAPABILITIES.index, capabilities(spec, uid)))
        for is_root, uid in _ROOT_OR_NOT
    }


def _filter(spec: Spec, uid: int) -> bytes:
    """Of a process with this number. Root's calls are acted as far as it has the rights for them:
    one uid is mapped, so the kernel would refuse all; any other user is to be refused."""
    acts = capabilities(spec, uid) if uid == 0 else ()
    return seccomp.program(denies=spec.seccomp, acts=acts)


def _namespaces(spec: Spec) -> Iterator[str]:
    own = {"ipc": "ipc", "pid": "pid", "uts": "uts", "cgroup": "cgroup-try"}
    if not _is_root_already(spec):
        yield "--unshare-user"
    yield from (f"--unshare-{word}" for kind, word in own.items() if kind not in spec.shared)
    if spec.network == "none":
        yield "--unshare-net"
    yield "--die-with-parent"
    if not spec.tty:
        yield "--new-session"
    if not spec.init and "pid" not in spec.shared:
        yield "--as-pid-1"
    yield from ("--json-status-fd", str(STATUS))
    if _filter(spec, numbers(spec.user)[0]):
        yield from ("--seccomp", str(SECCOMP))


def _is_root_already(spec: Spec) -> bool:
    """In the user namespace that its network belongs to: there its capabilities count for the
    network too, as NET_RAW for ping, and in one below they would not."""
    return spec.network == "own" and numbers(spec.user) == (0, 0)


def _identity(bundle: Bundle) -> Iterator[str]:
    uid, gid = numbers(bundle.spec.user)
    if bundle.spec.network == "own":  # else bwrap, which is root there, would hand on all
        yield from ("--cap-drop", "ALL")
    if not _is_root_already(bundle.spec):
        yield from ("--uid", str(uid), "--gid", str(gid))
    if "uts" not in bundle.spec.shared:
        yield from ("--hostname", bundle.spec.hostname or bundle.id[:12])
    for name in capabilities(bundle.spec, uid):
        yield from ("--cap-add", f"CAP_{name}")


def _root(bundle: Bundle) -> Iterator[str]:
    if bundle.root:
        yield from ("--bind", str(bundle.root), "/")
        return
    for layer in (*bundle.beneath, *bundle.layers):
        yield from ("--overlay-src", str(layer))
    yield from ("--overlay", str(bundle.directory / "upper"), str(bundle.directory / "work"), "/")


def _is_below(inner: Mount, outer: Mount) -> bool:
    return inner.target.startswith(f"{outer.target.rstrip('/')}/")


def _mounts(mounts: tuple[Mount, ...]) -> Iterator[str]:
    for mount in sorted(mounts, key=lambda mount: mount.target.count("/")):
        if mount.type == "tmpfs":
            yield from ("--perms", f"{mount.mode:o}")
            yield from ("--size", str(mount.size)) if mount.size else ()
            yield from ("--tmpfs", mount.target)
            yield from ("--remount-ro", mount.target) if mount.read_only else ()
        else:
            yield "--ro-bind" if mount.read_only else "--bind"
            yield from (mount.source, mount.target)


def _process(spec: Spec) -> Iterator[str]:
    yield "--clearenv"
    for name, value in environment_of(spec).items():
        yield from ("--setenv", name, value)
    yield from ("--chdir", spec.cwd or "/")
