"""PRoot: paths are rewritten by a tracer, where the kernel grants no namespaces.

What a container sees as its root is a directory of its own and root's rights are acted; all
else is the host's. This is no boundary for a program that wants out.

Knows: PRoot's flags and quirks. Does not know: whether it works here (``probe`` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipycontainers.engine import users
from ipycontainers.engine.container import Bundle, ExecSpec, environment
from ipycontainers.engine.tree import Tree

from .bubblewrap import DEFAULT_PATH, numbers
from .command import Command

SHARED = ("/proc", "/dev", "/sys")


@dataclass(frozen=True)
class Ptrace:
    """Starts containers by the program ``proot`` at ``program``."""

    program: str
    isolates: frozenset[str] = frozenset()
    needs_copy: bool = field(default=True, init=False)
    name: str = field(default="ptrace", init=False)

    def argv(self, bundle: Bundle) -> Command:
        """``proot`` in front of the program."""
        spec = bundle.spec
        return self._command(bundle, spec.args, spec.user, spec.cwd, spec.env)

    def exec_argv(self, bundle: Bundle, spec: ExecSpec, pid: int) -> Command:  # noqa: ARG002
        """A further ``proot`` for the same root: there is nothing to join. Reads its passwd."""
        assert bundle.root
        user = users.find(spec.user or bundle.spec.user, Tree((bundle.root,)).text).numbers
        cwd = spec.cwd or bundle.spec.cwd
        return self._command(bundle, spec.args, user, cwd, (*bundle.spec.env, *spec.env))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``launch.of``."""
        return {"name": self.name, "program": self.program, "isolates": sorted(self.isolates)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Ptrace:
        """From ``to_dict``'s form."""
        return cls(plain["program"], frozenset(plain["isolates"]))

    def _command(
        self, bundle: Bundle, args: tuple[str, ...], user: str, cwd: str, env: tuple[str, ...]
    ) -> Command:
        uid, gid = numbers(user)
        words = [
            # Quiet: its notes would stand in the program's standard error.
            *(self.program, "--verbose=-1"),
            *(f"--change-id={uid}:{gid}", f"--rootfs={bundle.root}", f"--pwd={cwd or '/'}"),
            *(f"--bind={source}:{target}" for source, target in _binds(bundle)),
        ]
        variables = environment((f"PATH={DEFAULT_PATH}", *env))
        return Command(
            argv=(*words, *args),
            # Its loader is unpacked there, so it must be a place where programs may be run.
            env={**variables, "PROOT_TMP_DIR": str(bundle.directory / "tmp")},
            program="child",
            is_tracer=True,
            asked=args[0],
            error_prefix="proot ",
        )


def _binds(bundle: Bundle) -> Iterator[tuple[str, str]]:
    for path in SHARED:
        yield path, path
    yield str(bundle.directory / "shm"), "/dev/shm"
    for name in ("hostname", "hosts", "resolv.conf"):
        yield str(bundle.directory / "etc" / name), f"/etc/{name}"
    for number, mount in enumerate(bundle.spec.mounts):
        scratch = bundle.directory / "tmpfs" / str(number)
        yield mount.source or str(scratch), mount.target
