"""Kernels of this machine that can be booted, as an ordinary user. None is ever downloaded.

    found = find()              all, the best first: QEMU by KVM, user-mode Linux, QEMU by TCG
    found = find("uml")         one kind: uml, kvm, tcg; or none
    found = find("/a/kernel")   this file;  find("tcg:/a/kernel") in this way
    found.kernels, found.lacking

IPYCONTAINERS_MACHINE is asked for where nothing else is. User-mode Linux is a kernel that runs as
a process. QEMU pretends a machine: by KVM programs run on the processor, by TCG each instruction
is translated, so that its times are those of an emulation.

Knows: where distributions put kernels, what a kernel's file looks like. Does not know: booting.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ipycontainers.errors import Invalid
from ipycontainers.oci.programs import STANDARD_PATH

UML, KVM, TCG = "uml", "kvm", "tcg"
TITLES = {KVM: "QEMU, KVM", UML: "user-mode Linux", TCG: "QEMU, TCG"}
VARIABLE = "IPYCONTAINERS_MACHINE"
_NAMES = ("linux.uml", "linux")
_PLACES = ("boot/vmlinuz*", "vmlinuz", "usr/lib/modules/*/vmlinuz", "lib/modules/*/vmlinuz")
_MOST_SECTIONS = 200
# The version of KVM's interface, and what asks for it.
_KVM_VERSION, _ASK_KVM_VERSION = 12, 0xAE00


@dataclass(frozen=True)
class Kernel:
    """``kind`` is one of TITLES; ``path`` the kernel's file; ``program`` runs it, for user-mode
    Linux the file itself."""

    kind: str
    path: Path
    program: str

    @property
    def title(self) -> str:
        return TITLES[self.kind]


@dataclass(frozen=True)
class Found:
    """``kernels`` are the best first; ``lacking`` says of each kind that is not among them why."""

    kernels: tuple[Kernel, ...] = ()
    lacking: tuple[str, ...] = ()


def find(asked: str = "", *, root: Path = Path("/")) -> Found:
    """``root`` is below which kernels and devices are looked for. Raises Invalid for what is no
    kind and no path."""
    kinds, path = _asked(asked or os.environ.get(VARIABLE, ""))
    if not kinds:
        return Found(lacking=("none is asked for",))
    if not sys.platform.startswith("linux"):
        return Found(lacking=(f"this is {sys.platform}: kernels are looked for on Linux only",))
    kernels: list[Kernel] = []
    lacking: dict[str, None] = {}  # in order, each once
    for kind in TITLES:
        if kind in kinds:
            found, why = _uml(path) if kind == UML else _qemu(kind, path, root)
            kernels += [found] if found else []
            lacking |= {why: None} if why else {}
    return Found(tuple(kernels), tuple(lacking))


def _asked(words: str) -> tuple[tuple[str, ...], Path | None]:
    if words == "none":
        return (), None
    kind, _, path = words.partition(":") if words.startswith(tuple(TITLES)) else ("", "", words)
    if kind not in ("", *TITLES) or (path and "/" not in path):
        raise Invalid(
            f"{words!r:.100} is no machine",
            f"{', '.join(TITLES)}, none, a kernel's path, or both: tcg:/boot/vmlinuz",
        )
    return (kind,) if kind else tuple(TITLES), Path(path) if path else None


# --- user-mode Linux --------------------------------------------------------------------------


def _uml(path: Path | None) -> tuple[Kernel | None, str]:
    everywhere = f"{os.environ.get('PATH', '')}:{STANDARD_PATH}"
    named = (shutil.which(name, path=everywhere) for name in _NAMES)
    for place in [str(path)] if path else [name for name in named if name]:
        if is_uml(Path(place)):
            if os.access(place, os.X_OK):
                return Kernel(UML, Path(place), place), ""
            return None, f"{place} may not be executed by this user"
    if path:
        return None, f"{path} is no user-mode Linux"
    return None, "linux.uml is not installed (Debian: apt install user-mode-linux)"


def is_uml(path: Path) -> bool:
    """By its ELF sections: some other program may be called linux, and is not to be run."""
    with suppress(OSError, ValueError, struct.error), path.open("rb") as file:
        return b"\0.uml.setup.init\0" in _section_names(file)
    return False


def _section_names(file: IO[bytes]) -> bytes:
    """Of a 64-bit, little-endian ELF file, as Linux's are; nothing of another. Section headers are
    drawn in elf(5)."""
    head = file.read(64)
    if head[:6] != b"\x7fELF\x02\x01":
        return b""
    (table,) = struct.unpack_from("<Q", head, 0x28)
    size, count, names = struct.unpack_from("<3H", head, 0x3A)
    if size != 64 or count > _MOST_SECTIONS or names >= count:
        return b""
    file.seek(table + size * names)
    offset, length = struct.unpack("<2Q", file.read(size)[24:40])
    file.seek(offset)
    return file.read(min(length, 1 << 16))


# --- QEMU -------------------------------------------------------------------------------------


def architecture() -> str:
    """Of this machine, in QEMU's words."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())


def _qemu(kind: str, path: Path | None, root: Path) -> tuple[Kernel | None, str]:
    if kind == KVM and (why := kvm_lacks(root)):
        return None, f"no KVM: {why}"
    name = f"qemu-system-{architecture()}"
    program = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{STANDARD_PATH}")
    if not program:
        return None, f"{name} is not installed (Debian, Ubuntu: apt install {_package()})"
    places = [path] if path else _places(root)
    readable = [place for place in places if os.access(place, os.R_OK)]
    closed = [place for place in places if place not in readable]
    bootable = next((place for place in readable if is_bootable(place)), None)
    if bootable:
        return Kernel(kind, bootable, program), ""
    if closed:
        told = "may not be read by this user (Ubuntu keeps kernels for root; copy it, and name"
        return None, f"{closed[0]} {told} the copy: {VARIABLE}=/path/to/copy)"
    if path:
        return None, f"{path} is no kernel of this processor, {architecture()}"
    return None, "QEMU has no kernel to boot: there is no /boot/vmlinuz-… on this machine"


def _package() -> str:
    return "qemu-system-arm" if architecture() == "aarch64" else "qemu-system-x86"


def _places(root: Path) -> list[Path]:
    """Files of kernels: those that are made for virtual machines first, then the newest."""
    found = [place for pattern in _PLACES for place in _matching(root, pattern)]
    return sorted(found, key=_rank, reverse=True)


def _matching(root: Path, pattern: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from (place for place in root.glob(pattern) if place.is_file())


def _rank(place: Path) -> tuple[bool, list[int], str]:
    told = place.parent.name if place.name == "vmlinuz" else place.name
    return "cloud" in told, [int(digits) for digits in re.findall(r"\d{1,9}", told)], told


def is_bootable(place: Path) -> bool:
    """Whether it begins as a kernel of this processor does: as Linux's x86/boot and
    arm64/booting have it; the second may be packed."""
    with suppress(OSError), place.open("rb") as file:
        head = file.read(0x206)
        if architecture() == "x86_64":
            return head[0x202:] == b"HdrS"
        return head[0x38:0x3C] == b"ARMd" or head[:2] == b"\x1f\x8b"
    return False


def kvm_lacks(root: Path = Path("/")) -> str:
    """Why KVM cannot be used by this user; "" where it can."""
    import fcntl  # not everywhere

    device = root / "dev/kvm"
    if not device.exists():
        return "there is no /dev/kvm"
    try:
        opened = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return f"/dev/kvm: {error.strerror} (its group is kvm on most machines)"
    try:
        if fcntl.ioctl(opened, _ASK_KVM_VERSION) != _KVM_VERSION:
            return "/dev/kvm speaks another version"
    except OSError:
        return "/dev/kvm is not KVM's"
    finally:
        os.close(opened)
    # Some hosts give their guests a /dev/kvm that boots special kernels only.
    told = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    if architecture() == "x86_64" and not re.search(
        r"^flags\s*:.*\b(vmx|svm)\b", told, re.MULTILINE
    ):
        return "this processor has neither vmx nor svm, or the machine around does not pass it on"
    return ""
