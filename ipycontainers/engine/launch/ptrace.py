"""PRoot: paths are rewritten by a tracer, where the kernel grants no namespaces.

What a container sees as its root is a directory of its own and root's rights are acted; all
else is the host's. This is no boundary for a program that wants out.

Knows: PRoot's flags and quirks. Does not know: whether it works here (``probe`` does).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipycontainers.engine import users
from ipycontainers.engine.command import Command
from ipycontainers.engine.container import (
    DEFAULT_PATH,
    Bundle,
    ExecSpec,
    environment_of,
    environment_of_exec,
)
from ipycontainers.engine.supervise.failure import NOT_EXECUTABLE, StartError, of_cwd
from ipycontainers.errors import Invalid
from ipycontainers.oci.inside import Inside

from . import processor
from .bubblewrap import numbers

SHARED = ("/proc", "/dev", "/sys")
# What PRoot itself is made of, and what is bound.
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.preload", "/sys")
_ITS_OWN = ("LD_", "PROOT_", "GLIBC_TUNABLES")


@dataclass(frozen=True)
class Ptrace:
    """Starts containers by the program ``proot`` at ``program``."""

    program: str
    isolates: frozenset[str] = frozenset()
    needs_copy: bool = field(default=True, init=False)
    maps_one_user: bool = field(default=False, init=False)
    name: str = field(default="ptrace", init=False)

    def argv(self, bundle: Bundle) -> Command:
        """``proot`` in front of the program."""
        spec = bundle.spec
        return self._command(bundle, spec.args, spec.user, spec.cwd, environment_of(spec))

    def own_processes(self, bundle: Bundle) -> int:  # noqa: ARG002
        """The tracer."""
        return 1

    def exec_argv(self, bundle: Bundle, spec: ExecSpec, pid: int) -> Command:  # noqa: ARG002
        """A further ``proot`` for the same root: there is nothing to join. Reads its passwd.

        StartError for a user or a working directory that is not there: PRoot would take / for it.
        """
        assert bundle.root
        cwd = spec.cwd or bundle.spec.cwd or "/"
        with closing(Inside(bundle.root)) as inside:
            try:
                user = users.find(spec.user or bundle.spec.user, inside.text)
            except Invalid as error:
                raise StartError(error.message, NOT_EXECUTABLE) from error
            if not _in_mount(bundle, cwd):
                _check_folder(inside, cwd)
        env = environment_of_exec(bundle.spec, spec, user.home)
        return self._command(bundle, spec.args, user.numbers, cwd, env)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``launch.of``."""
        return {"name": self.name, "program": self.program, "isolates": sorted(self.isolates)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Ptrace:
        """From ``to_dict``'s form."""
        return cls(plain["program"], frozenset(plain["isolates"]))

    def _own_files(self) -> Iterator[str]:
        place = Path(self.program).resolve()
        yield from map(str, (place, place.parent.parent / "lib"))

    def _command(
        self, bundle: Bundle, args: tuple[str, ...], user: str, cwd: str, env: Mapping[str, str]
    ) -> Command:
        uid, gid, asked = *numbers(user), args[0]
        words = [
            # Quiet: its notes would stand in the program's standard error.
            *(self.program, "--verbose=-1"),
            *(f"--change-id={uid}:{gid}", f"--rootfs={bundle.root}", f"--pwd={cwd or '/'}"),
            *(f"--bind={source}:{target}" for source, target in _binds(bundle)),
        ]
        # They would change PRoot itself, or load a library of the host into it.
        kept_from_it = [name for name in env if name.startswith(_ITS_OWN)]
        if kept_from_it:
            args = ("env", *(f"{name}={env[name]}" for name in kept_from_it), *args)
        variables = {name: value for name, value in env.items() if name not in kept_from_it}
        return Command(
            argv=(*words, *args),
            env={
                **variables,
                # PRoot sets it, and would move all variables if it were new, out of sight.
                "PWD": cwd or "/",
                # Its loader is unpacked there, so it must be a place where programs may be run.
                "PROOT_TMP_DIR": str(bundle.directory / "tmp"),
                # Else it makes missing mount points, wherever a link that is swapped leads to.
                "PROOT_DONT_POLLUTE_ROOTFS": "1",
            },
            program="child",
            is_tracer=True,
            readable=(*_SYSTEM, *self._own_files()),
            writable=tuple(_written(bundle)),
            cwd=str(bundle.directory),
            asked=asked,
            error_prefix="proot ",
            ulimits=bundle.spec.ulimits,
            oom_score=bundle.spec.oom_score,
            cannot_run=errno.ENOEXEC if _is_foreign(bundle, asked, cwd, env) else 0,
        )


def _binds(bundle: Bundle) -> Iterator[tuple[str, str]]:
    for path in SHARED:
        yield path, path
    # From the container's directory on, where it runs: a colon would end the path for PRoot.
    yield "shm", "/dev/shm"
    for number, mount in enumerate(bundle.spec.mounts):
        yield f"binds/{number}" if mount.source else f"tmpfs/{number}", mount.target


def _written(bundle: Bundle) -> Iterator[str]:
    """Host's devices and processes too, as they are bound: a rule for less helps nobody."""
    # PRoot 5.1 unpacks its loader in /tmp, and nowhere else.
    yield from ("/dev", "/proc", "/tmp", str(bundle.root))
    for name in ("tmp", "shm", "tmpfs", "etc"):
        yield str(bundle.directory / name)
    # Those in "etc" are below that already: by its path one may be a link that the container made.
    for mount in bundle.spec.mounts:
        if mount.source and Path(mount.source).parent != bundle.directory / "etc":
            yield mount.source


def _in_mount(bundle: Bundle, path: str) -> bool:
    targets = [*SHARED, *(mount.target for mount in bundle.spec.mounts)]
    return any(path == target or path.startswith(f"{target}/") for target in targets)


def _is_foreign(bundle: Bundle, program: str, cwd: str, env: Mapping[str, str]) -> bool:
    if bundle.root is None or _in_mount(bundle, program):
        return False
    with closing(Inside(bundle.root)) as inside:
        return processor.is_foreign(inside, program, env.get("PATH", DEFAULT_PATH), cwd or "/")


def _check_folder(inside: Inside, path: str) -> None:
    try:
        with inside.folder(path):
            pass
    except OSError as error:
        raise of_cwd(path, error.errno or 0) from error
