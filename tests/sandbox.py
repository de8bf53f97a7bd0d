"""The sandbox of mybinder.org, made on Docker: JupyterLab for a user without any right.

    with sandbox.session(docker) as box:
        box.run("ipycontainers", "doctor")      in it, by its user
        box.put("notebooks/new.ipynb", text)
        box.url, box.logs(), box.peak()         JupyterLab's address, its words, bytes of memory

What is in it is built as repo2docker does, with Debian's Python for conda's, in three images:

    ipycontainers-test/binder-system:RECIPE      Debian, Python, and binder/apt.txt, by root
    ipycontainers-test/binder-packages:RECIPE    and a user; binder/environment.yml, by that user
    ipycontainers-test/binder:latest             and this repository; binder/postBuild, by that user

The first two are kept until their recipe changes. JupyterLab is started by binder/start, with
no capability, no way to get one, Docker's seccomp filter, 2 GB, and no engine in sight.

Knows: docker-py, pip's settings, repo2docker's files. Does not know: pytest, the browser.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import images
import yaml
from lab import SETTINGS
from support import REPOSITORY, wait_for

MEMORY = 2 << 30
USER, HOME, PACKAGES = "jovyan", "/home/jovyan", "/srv/notebook"
UID = 1000
CONDA_NAMES = {"docker-py": "docker", "pyyaml": "PyYAML"}
# In place of conda's, and of what the images that repo2docker begins with have of compilers.
SYSTEM = ("python3", "python3-venv", "gcc", "libc6-dev")
ENVIRONMENT = {
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "PATH": f"{PACKAGES}/bin:{images.PATH}",
    "SHELL": "/bin/bash",
    "USER": USER,
}
PORT = "8888/tcp"
PREFIX = f"{images.PREFIX}binder"


class CannotBuild(Exception):
    """The sandbox cannot be built; the text has the last words of what failed."""


class Sandbox:
    """A container that runs; commands are its user's."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def run(self, *words: str, user: str = USER, **environment: str) -> tuple[int, str]:
        """The exit code, and both streams. The user is in HOME, root is in /."""
        code, output = self._container.exec_run(
            list(words),
            user=user,
            workdir="/" if user == "root" else HOME,
            environment={**ENVIRONMENT, **environment},
        )
        return code, output.decode(errors="replace")

    def must_run(self, *words: str, user: str = USER, **environment: str) -> str:
        code, output = self.run(*words, user=user, **environment)
        if code:
            raise CannotBuild(f"{' '.join(words)} ended with {code}: {output[-2000:]}")
        return output

    def put(self, files: Mapping[str, bytes | Path]) -> None:
        """Files below HOME, by their path there; they are the user's."""
        with io.BytesIO() as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar:
                for name, content in files.items():
                    _add(tar, name, content)
            self._container.put_archive(HOME, archive.getvalue())


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    """With the folders above, which would otherwise be root's."""
    for folder in [*Path(name).parents][-2::-1]:
        if str(folder) not in tar.getnames():
            tar.addfile(_entry(str(folder), type=tarfile.DIRTYPE, mode=0o755))
    data = content.read_bytes() if isinstance(content, Path) else content
    mode = 0o755 if isinstance(content, Path) and os.access(content, os.X_OK) else 0o644
    tar.addfile(_entry(name, size=len(data), mode=mode), io.BytesIO(data))


def _entry(name: str, **fields: Any) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    for field, value in {"uid": UID, "gid": UID, "mtime": int(time.time()), **fields}.items():
        setattr(entry, field, value)
    return entry


# --- building -------------------------------------------------------------------------------


def build(docker: Any) -> str:
    """The name of the image, of the repository as it is now. Raises images.CannotMake and
    CannotBuild."""
    packages = _packages(docker, _system(docker))
    with _builder(docker, packages) as (box, container):
        box.put({name: REPOSITORY / name for name in _repository_files()})
        box.must_run("binder/postBuild", **pip_settings().variables)
        before = docker.images.list(PREFIX)
        container.commit(PREFIX, "latest")
        for image in before:
            _remove_image(docker, image.id)
    return f"{PREFIX}:latest"


def _repository_files() -> list[str]:
    """What git would take: neither environments nor what was built here."""
    words = ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if (REPOSITORY / name).is_file()]


def _system(docker: Any) -> str:
    asked = (REPOSITORY / "binder/apt.txt").read_text(encoding="utf-8").split()
    wanted = ",".join([*SYSTEM, *asked])
    name = f"{PREFIX}-system:{_hash(images.RECIPE, wanted)}"
    if not _exists(docker, name):
        layer = images.debootstrapped(f"binder-{_hash(wanted)}", f"--include={wanted}")
        repository, _, tag = name.partition(":")
        docker.api.import_image_from_file(str(layer), repository=repository, tag=tag)
        _remove_others(docker, name)
    return name


def requirements() -> list[str]:
    """Of binder/environment.yml, in pip's words; Python itself is the system's."""
    text = (REPOSITORY / "binder/environment.yml").read_text(encoding="utf-8")
    listed: list[Any] = yaml.safe_load(text)["dependencies"]
    conda = [line for line in listed if isinstance(line, str)]
    by_pip = [line for entry in listed if isinstance(entry, dict) for line in entry["pip"]]
    named = {line: line.split()[0] for line in conda}
    return [
        line.replace(name, CONDA_NAMES.get(name, name), 1)
        for line, name in named.items()
        if name not in {"pip", "python"}
    ] + by_pip


def _packages(docker: Any, system: str) -> str:
    name = f"{PREFIX}-packages:{_hash(system, *requirements())}"
    if not _exists(docker, name):
        with _builder(docker, system) as (box, container):
            box.must_run("useradd", "--create-home", f"--uid={UID}", USER, user="root")
            box.must_run("install", "-d", f"--owner={USER}", PACKAGES, user="root")
            box.must_run("python3", "-m", "venv", PACKAGES)
            pip = (f"{PACKAGES}/bin/python", "-m", "pip", "install", "--quiet", "--no-cache-dir")
            box.must_run(*pip, *requirements(), **pip_settings().variables)
            container.commit(*name.split(":"))
        _remove_others(docker, name)
    return name


@contextlib.contextmanager
def _builder(docker: Any, image: str) -> Iterator[tuple[Sandbox, Any]]:
    """A container in which things are installed; the package index is where it is for us."""
    from docker.types import Mount

    container = docker.containers.run(
        image,
        ["sleep", "infinity"],
        detach=True,
        network_mode="host",
        # Not volumes, which would become the image's.
        mounts=[Mount(path, path, "bind", read_only=True) for path in pip_settings().paths],
    )
    try:
        yield Sandbox(container), container
    finally:
        _remove(container)


@dataclass(frozen=True)
class PipSettings:
    """``variables`` say what this machine's pip is configured to; ``paths`` are named there."""

    variables: dict[str, str]
    paths: list[str]


def pip_settings() -> PipSettings:
    """For a pip elsewhere. Given to commands, never to a container: its image would keep it."""
    asked = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    found = {}
    # The environment's come first and count more.
    for key, value in re.findall(
        r"^(?:global|install|:env:)\.([\w-]+)=(.*)$", listed, re.MULTILINE
    ):
        found.setdefault(f"PIP_{key.upper().replace('-', '_')}", str(ast.literal_eval(value)))
    for name in os.environ:
        if name.lower().endswith("_proxy") or name in {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}:
            found[name] = os.environ[name]
    words = [word for value in found.values() for word in value.split()]
    files = {word for word in words if word.startswith("/")}
    # An index of files has its packages beside the pages that link to them.
    files |= {str(Path(word[7:]).parent) for word in words if word.startswith("file:///")}
    return PipSettings(found, sorted(path for path in files if Path(path).exists()))


def _remove(container: Any) -> None:
    from docker.errors import NotFound

    with contextlib.suppress(NotFound):
        container.remove(force=True)


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _exists(docker: Any, name: str) -> bool:
    return bool(docker.images.list(name))


def _remove_others(docker: Any, name: str) -> None:
    """Images of earlier recipes."""
    for image in docker.images.list(name.partition(":")[0]):
        for tag in image.tags:
            if tag != name:
                _remove_image(docker, tag)


def _remove_image(docker: Any, name: str) -> None:
    """One that somebody uses stays."""
    from docker.errors import APIError

    with contextlib.suppress(APIError):
        docker.images.remove(name)


# --- a session ------------------------------------------------------------------------------


class Session(Sandbox):
    """A JupyterLab as somebody on mybinder.org gets it."""

    def __init__(self, container: Any, token: str) -> None:
        super().__init__(container)
        assert wait_for(self._find_port, seconds=60)
        self._address = f"http://127.0.0.1:{self._find_port()}"
        self._token = token
        self.url = f"{self._address}/lab/tree/{{}}?token={token}&reset"
        self._wait()

    def _find_port(self) -> str:
        self._container.reload()
        bound = self._container.ports.get(PORT) or [{"HostPort": ""}]
        return str(bound[0]["HostPort"])

    def _wait(self) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            self._container.reload()
            if self._container.status == "exited":
                break
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self._address}/api?token={self._token}", timeout=5)
                return
            time.sleep(0.2)
        raise AssertionError(f"JupyterLab did not start:\n{self.logs()}")

    def logs(self) -> str:
        return str(self._container.logs(tail=50).decode(errors="replace"))

    def peak(self) -> int:
        """The most memory that it had at any time, files' pages included, in bytes; on kernels
        that do not keep that, what it has now."""
        places = "memory.peak memory/memory.max_usage_in_bytes memory.current"
        words = f"cd /sys/fs/cgroup; for f in {places}; do cat $f 2>/dev/null && exit; done"
        return int(self.must_run("sh", "-c", words))


@contextlib.contextmanager
def session(docker: Any, image: str) -> Iterator[Session]:
    token = secrets.token_hex(16)
    container = docker.containers.run(
        image,
        [
            *(f"{HOME}/binder/start", "jupyter", "lab", "--no-browser", "--ip=0.0.0.0"),
            *("--port=8888", f"--IdentityProvider.token={token}"),
            "--LabApp.extension_manager=readonly",
        ],
        user=f"{UID}:{UID}",
        working_dir=HOME,
        environment=ENVIRONMENT,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=MEMORY,
        memswap_limit=MEMORY,
        ports={PORT: ("127.0.0.1", None)},
        detach=True,
    )
    try:
        yield Session(container, token)
    finally:
        _remove(container)


def lab_settings() -> dict[str, bytes]:
    """Files that keep JupyterLab from asking the internet, and let it draw every cell."""
    folder = ".jupyter/lab/user-settings"
    return {
        f"{folder}/{name}.jupyterlab-settings": json.dumps(values).encode()
        for name, values in SETTINGS.items()
    }
