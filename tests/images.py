"""The images that tests run, made here from Debian's packages; nothing is pulled.

    busybox      busybox-static and its applets, CMD sh; "alpine" is the same with CMD /bin/sh
    noshell      one program, /bin/awk, and no shell
    debian       debootstrap's minbase: bash, perl, apt; CMD bash
    python       the same with python3, CMD python3, PATH and LANG as python images have them
    numpy        python with python3-numpy, for what is measured with arrays

Each is written as an archive of ``docker save`` and loaded, so that Docker and
Podman get the same image, and is named ipycontainers-test/NAME: no image of the
developer's is ever overwritten. The label ``ipycontainers-test.recipe`` says
which recipe made it; an image of another recipe is made again.

The Debian roots need root and debootstrap and take a minute each, so they
are kept as tar files that every user can read:

    $IPYCONTAINERS_TEST_CACHE or $XDG_CACHE_HOME/ipycontainers-tests/
        debian-RECIPE.tar   python-RECIPE.tar   numpy-RECIPE.tar   packages-RECIPE.tar
        vmlinuz-RECIPE      lock

``packages`` is a repository of a few of Debian's packages, for what installs some; ``vmlinuz`` is
a kernel of Debian's for virtual machines.

Knows: image archives, debootstrap. Does not know: which engine, pytest's fixtures.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

RECIPE = "1"
LABEL = "ipycontainers-test.recipe"
PREFIX = "ipycontainers-test/"
PLAIN = {
    "alpine:latest": "alpine",
    "busybox:latest": "busybox",
    "debian:stable-slim": "debian",
    "python:3-slim": "python",
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TRIMMED = """
    ./debootstrap ./dev/* ./proc/* ./sys/* ./tmp/* ./var/cache/apt/* ./var/lib/apt/lists/*
    ./var/log/* ./usr/share/doc/* ./usr/share/info/* ./usr/share/locale/* ./usr/share/man/*
"""
ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


class CannotMake(Exception):
    """An image cannot be made on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Recipe:
    layer: Callable[[], Path]  # the layer as a tar file, in the cache
    cmd: tuple[str, ...]
    env: Mapping[str, str]


def ensure(docker: Any, name: str) -> str:
    """Make and load ``ipycontainers-test/NAME`` unless the engine has it; returns that name.

    ``docker`` is a docker.DockerClient. Raises CannotMake.
    """
    full = f"{PREFIX}{name}:latest"
    if _recipe_of(docker, full) != RECIPE:
        recipe = RECIPES[name]
        with tempfile.TemporaryFile() as archive:
            _write_archive(archive, full, recipe)
            archive.seek(0)
            said = list(docker.api.load_image(archive))  # which ends when it is loaded
        if any("error" in told for told in said):
            raise CannotMake(f"{full}: {said}")
    return full.removesuffix(":latest")


def ensure_plain(docker: Any) -> Callable[[], None]:
    """Give the names of PLAIN to our images where the engine has no such image.

    Returns what takes exactly these names away again.
    """
    added = []
    for plain, name in PLAIN.items():
        if _recipe_of(docker, plain) is None:
            docker.api.tag(ensure(docker, name), *plain.split(":"))
            added.append(plain)

    def undo() -> None:
        for plain in added:
            docker.api.remove_image(plain, noprune=True)

    return undo


def _recipe_of(docker: Any, name: str) -> str | None:
    """The label of that image, "" for an image without one, None when there is no image."""
    from docker.errors import ImageNotFound

    try:
        config = docker.api.inspect_image(name)["Config"]
    except ImageNotFound:
        return None
    return str((config.get("Labels") or {}).get(LABEL, ""))


def _write_archive(archive: IO[bytes], name: str, recipe: Recipe) -> None:
    layer = recipe.layer()
    digest = hashlib.sha256()
    with layer.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    config = {
        "architecture": architecture(),
        "os": "linux",
        "created": "2025-01-01T00:00:00Z",
        "config": {
            "Cmd": list(recipe.cmd),
            "Env": [f"{key}={value}" for key, value in recipe.env.items()],
            "Labels": {LABEL: RECIPE},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest.hexdigest()}"]},
        "history": [{"created": "2025-01-01T00:00:00Z", "created_by": "tests/images.py"}],
    }
    blob = json.dumps(config).encode()
    config_name = hashlib.sha256(blob).hexdigest() + ".json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(fileobj=archive, mode="w") as tar:
        add(tar, config_name, blob)
        add(tar, "manifest.json", json.dumps(manifest).encode())
        tar.add(layer, "layer.tar")


def architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def add(tar: tarfile.TarFile, name: str, content: bytes = b"", **fields: Any) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o644
    for field, value in fields.items():
        setattr(entry, field, value)
    tar.addfile(entry, io.BytesIO(content))


# --- layers ---------------------------------------------------------------------------------


def cache() -> Path:
    chosen = os.environ.get("IPYCONTAINERS_TEST_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(chosen) if chosen else home / "ipycontainers-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _cached(name: str) -> Iterator[tuple[Path, Path | None]]:
    """The file's place, and where to write it first: None when it is there already.

    Two test runs at once wait for each other; a file that is there is whole.
    """
    final = cache() / name
    if final.exists():
        yield final, None
        return
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.exists():
            yield final, None
            return
        partial = final.with_suffix(f".{os.getpid()}")
        try:
            yield final, partial
            partial.chmod(0o644)
            partial.replace(final)
        finally:
            partial.unlink(missing_ok=True)


def _busybox_program() -> bytes:
    program = Path("/bin/busybox")
    if not program.exists():
        raise CannotMake("no /bin/busybox here: apt-get install busybox-static")
    content = program.read_bytes()
    if b"/ld-linux" in content[:4096]:
        raise CannotMake("/bin/busybox is not static: apt-get install busybox-static")
    return content


def busybox_layer() -> Path:
    with _cached(f"busybox-{RECIPE}.tar") as (final, partial):
        if partial:
            program = _busybox_program()
            listed = subprocess.run(
                ["/bin/busybox", "--list"], capture_output=True, text=True, check=True
            )
            with tarfile.open(partial, "w") as tar:
                for folder in ("bin", "dev", "etc", "proc", "root", "sys", "usr", "usr/bin"):
                    add(tar, folder, type=tarfile.DIRTYPE, mode=0o755)
                add(tar, "tmp", type=tarfile.DIRTYPE, mode=0o1777)
                add(tar, "bin/busybox", program, mode=0o755)
                for applet in sorted(set(listed.stdout.split()) - {"busybox"}):
                    add(tar, f"bin/{applet}", type=tarfile.SYMTYPE, linkname="busybox")
                add(tar, "usr/bin/env", type=tarfile.SYMTYPE, linkname="../../bin/env")
                for name, text in ETC.items():
                    add(tar, name, text.encode())
    return final


def _noshell_layer() -> Path:
    with _cached(f"noshell-{RECIPE}.tar") as (final, partial):
        if partial:
            with tarfile.open(partial, "w") as tar:
                add(tar, "bin", type=tarfile.DIRTYPE, mode=0o755)
                add(tar, "bin/awk", _busybox_program(), mode=0o755)
    return final


def _debian_layer() -> Path:
    return debootstrapped("debian")


def _python_layer() -> Path:
    return debootstrapped("python", "--include=python3")


def _numpy_layer() -> Path:
    return debootstrapped("numpy", "--include=python3,python3-numpy")


def debootstrapped(name: str, *options: str) -> Path:
    """The tar of a Debian made with these options of debootstrap. Raises CannotMake."""
    with _cached(f"{name}-{RECIPE}.tar") as (final, partial):
        if partial:
            if os.geteuid() or not shutil.which("debootstrap"):
                raise CannotMake(
                    f"no {final}, and making it needs root and debootstrap "
                    "(apt-get install debootstrap)"
                )
            with tempfile.TemporaryDirectory(prefix="ipycontainers-") as folder:
                root = Path(folder, "root")
                _debootstrap(root, *options)
                if name == "python":
                    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
                leave_out = [f"--exclude={pattern}" for pattern in TRIMMED.split()]
                subprocess.run(
                    ["tar", "--numeric-owner", *leave_out, "-C", root, "-cf", partial, "."],
                    check=True,
                )
    return final


def _debootstrap(root: Path, *options: str) -> None:
    packages = cache() / "debs"
    packages.mkdir(exist_ok=True)
    command = ["debootstrap", "--variant=minbase", f"--cache-dir={packages}", *options]
    made = subprocess.run(
        [*command, "bookworm", root, *_mirror()], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise CannotMake(f"debootstrap ended with {made.returncode}: {made.stdout[-500:]}")


PACKAGES = ("cron", "openssh-client")
"""What ``packages`` has, with what they need above the image python: scripts of theirs make
users and give files away."""


def packages() -> Path:
    """The tar of a flat repository: the packages, and their index. Raises CannotMake."""
    with _cached(f"packages-{RECIPE}.tar") as (final, partial):
        if partial:
            if os.geteuid() or not shutil.which("apt-get"):
                raise CannotMake(f"no {final}, and making it needs root and apt-get")
            with tempfile.TemporaryDirectory(prefix="ipycontainers-") as folder:
                fetched = _fetch_packages(Path(folder))
                with tarfile.open(partial, "w") as tar:
                    for path in sorted(fetched.iterdir()):
                        tar.add(path, path.name)
    return final


def _fetch_packages(folder: Path) -> Path:
    """Those that this machine's apt knows, and their index, into a folder in ``folder``."""
    fetched = folder / "fetched"
    (fetched / "partial").mkdir(parents=True)
    with tarfile.open(debootstrapped("python", "--include=python3")) as tar:
        status = tar.extractfile("./var/lib/dpkg/status")
        assert status
        (folder / "status").write_bytes(status.read())
    options = {
        "Dir::State::status": folder / "status",
        "Dir::Cache::archives": fetched,
        "Debug::NoLocking": 1,
        "APT::Install-Recommends": 0,
        "APT::Sandbox::User": "root",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    command = ["apt-get", "-y", *words, "--download-only", "install", *PACKAGES]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotMake(f"apt-get ended with {made.returncode}: {made.stderr[-500:]}")
    (fetched / "partial").rmdir()
    (fetched / "lock").unlink(missing_ok=True)
    index = b"\n".join(_described(path) for path in sorted(fetched.iterdir()))
    (fetched / "Packages").write_bytes(index)
    return fetched


def _described(package: Path) -> bytes:
    """An entry of an index: what the package says of itself, and where it is."""
    fields = subprocess.run(["dpkg-deb", "-f", package], capture_output=True, check=True).stdout
    content = package.read_bytes()
    where = f"Filename: {package.name}\nSize: {len(content)}\n"
    return fields + f"{where}SHA256: {hashlib.sha256(content).hexdigest()}\n".encode()


def vmlinuz() -> Path:
    """The kernel of Debian's smallest package of one; nothing is installed. Raises CannotMake."""
    with _cached(f"vmlinuz-{RECIPE}") as (final, partial):
        if partial:
            asked = ["apt-cache", "depends", f"linux-image-cloud-{architecture()}"]
            told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
            name = told.partition("Depends: ")[2].partition("\n")[0]
            with tempfile.TemporaryDirectory(prefix="ipycontainers-") as folder:
                script = f"apt-get -o APT::Sandbox::User=root download {name} && dpkg -x *.deb ."
                words = ["sh", "-c", script if name else "echo no such package >&2; exit 1"]
                made = subprocess.run(
                    words, cwd=folder, capture_output=True, text=True, check=False
                )
                if made.returncode:
                    raise CannotMake(f"apt-get ended with {made.returncode}: {made.stderr[-500:]}")
                (kernel,) = Path(folder, "boot").glob("vmlinuz-*")
                shutil.copyfile(kernel, partial)
    return final


def _mirror() -> list[str]:
    """The mirror that this machine's apt uses for bookworm, or nothing: debootstrap's own."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=False)
    return listed.stdout.split()[:1]


SHELL_ENV = {"PATH": PATH}
PYTHON_ENV = {"PATH": PATH, "LANG": "C.UTF-8", "PYTHON_VERSION": "3.11.2"}
RECIPES = {
    "busybox": Recipe(busybox_layer, ("sh",), SHELL_ENV),
    "alpine": Recipe(busybox_layer, ("/bin/sh",), SHELL_ENV),
    "noshell": Recipe(_noshell_layer, ("/bin/awk",), SHELL_ENV),
    "debian": Recipe(_debian_layer, ("bash",), SHELL_ENV),
    "python": Recipe(_python_layer, ("python3",), PYTHON_ENV),
    "numpy": Recipe(_numpy_layer, ("python3",), PYTHON_ENV),
}
