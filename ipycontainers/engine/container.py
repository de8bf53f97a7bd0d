"""What a container is to be, as plain frozen values.

A ``Spec`` says what runs, an ``ExecSpec`` what runs beside it, a ``Bundle`` where its
files are. All of them go to JSON and back (``to_dict``, ``of``), because the process
that runs a container is not the one that was asked for it.

Knows: the words of ``docker run``. Does not know: Docker's JSON, launchers, processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

Network = Literal["none", "host", "own"]
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
T = TypeVar("T")


@dataclass(frozen=True)
class Mount:
    """``source`` of the host at ``target`` of the container; a tmpfs has no source."""

    type: Literal["bind", "volume", "tmpfs"]
    target: str
    source: str = ""
    read_only: bool = False
    size: int = 0
    mode: int = 0o1777


@dataclass(frozen=True)
class Spec:
    """What is to run and how apart it is to be.

    ``user`` is ``docker run --user``'s: uid or name, then perhaps ``:`` and gid or name; empty
    is root. ``home`` is that user's, for when ``env`` has no HOME. ``log`` is how large a file of
    the log may get in bytes, 0 without end, and how many there may be; None keeps none.
    ``network`` "own" is one that is there before it starts, and is joined. Each of ``ulimits`` is
    resource, soft and hard, as for setrlimit; ``shared`` the namespaces that are the host's, of
    ipc pid uts cgroup; ``hosts`` are ``NAME:ADDRESS``.
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    home: str = ""
    hostname: str = ""
    mounts: tuple[Mount, ...] = ()
    read_only: bool = False
    network: Network = "host"
    tty: bool = False
    stdin: bool = False
    stdin_once: bool = False
    init: bool = False
    log: tuple[int, int] | None = (0, 1)
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    seccomp: bool = True
    ulimits: tuple[tuple[int, int, int], ...] = ()
    oom_score: int = 0
    shm_size: int = 64 << 20
    shared: tuple[str, ...] = ()
    domainname: str = ""
    hosts: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; ``Spec.of`` gives back an equal Spec."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Spec:
        """From ``to_dict``'s form; unknown keys are left out, absent ones have their default."""
        mounts = tuple(_of(Mount, mount) for mount in plain.get("mounts", ()))
        ulimits = tuple(map(tuple, plain.get("ulimits", ())))
        return _of(cls, {**plain, "mounts": mounts, "ulimits": ulimits})


@dataclass(frozen=True)
class ExecSpec:
    """A further program in a running container. ``env`` is added to the container's own."""

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = ""
    user: str = ""
    tty: bool = False
    stdin: bool = False
    privileged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> ExecSpec:
        """From ``to_dict``'s form."""
        return _of(cls, plain)


@dataclass(frozen=True)
class Bundle:
    """A container on disk, ready for a launcher.

    Either ``layers`` (oldest first, read only, several containers share them; what is written
    goes to ``directory/upper``) or ``root``, a whole copy that belongs to this container.
    ``beneath`` are layers below those, which a container sees and nothing is made of.
    """

    id: str
    directory: Path
    spec: Spec
    layers: tuple[Path, ...] = ()
    root: Path | None = None
    beneath: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "id": self.id,
            "directory": str(self.directory),
            "spec": self.spec.to_dict(),
            "layers": [str(layer) for layer in self.layers],
            "root": str(self.root) if self.root else None,
            "beneath": [str(layer) for layer in self.beneath],
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Bundle:
        """From ``to_dict``'s form."""
        return cls(
            id=plain["id"],
            directory=Path(plain["directory"]),
            spec=Spec.of(plain["spec"]),
            layers=tuple(Path(layer) for layer in plain["layers"]),
            root=Path(plain["root"]) if plain["root"] else None,
            beneath=tuple(Path(layer) for layer in plain.get("beneath", ())),
        )


def environment_of(spec: Spec) -> dict[str, str]:
    """Of the container's own program."""
    home = (f"HOME={spec.home}",) if spec.home else ()
    return environment((f"PATH={DEFAULT_PATH}", *home, *spec.env))


def environment_of_exec(spec: Spec, further: ExecSpec, home: str = "") -> dict[str, str]:
    """Of a program beside it; the container's own variables go before a terminal's TERM."""
    words = (f"PATH={DEFAULT_PATH}", *((f"HOME={home}",) if home else ()))
    terminal = ("TERM=xterm",) if further.tty else ()
    return environment((*words, *terminal, *spec.env, *further.env))


def environment(words: tuple[str, ...]) -> dict[str, str]:
    """``NAME=value`` words as a dict, the last of a name wins; a word without ``=`` is unset."""
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            values[name] = value
        else:
            values.pop(name, None)
    return values


def _of(kind: type[T], plain: Mapping[str, Any]) -> T:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    values = {name: value for name, value in plain.items() if name in names}
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
