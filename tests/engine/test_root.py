"""What root does in a container though one user is mapped: installs, makes users, gives away.

A container of Debian for each launcher, which the tests of this file share, and dockerd's
answer to the same where it is another.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import images as recipes
import pytest
from docker.errors import NotFound
from embedded import Engine
from engine.build.building import Build, build, remove
from engine.sides import BUSYBOX
from layers import Entry, Made, file, folder, image_archive, tar, tar_listing
from support import require, wait_for

from ipycontainers.engine import apt

PYTHON = "ipycontainers-test/python"
APT = """
echo 'deb [trusted=yes] file:/packages ./' >/etc/apt/sources.list
export DEBIAN_FRONTEND=noninteractive
apt-get update && apt-get install -y --no-install-recommends cron openssh-client
"""
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
BACKEND = """
import shutil, sys
def build_wheel(folder, settings=None, metadata=None):
    name = "{name}-1-py3-none-any.whl"
    shutil.copy("made.whl", folder + "/" + name)
    return name
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A folder that containers see: packages of Debian's and of Python's."""
    try:
        repository = recipes.packages()
    except recipes.CannotMake as error:
        require(False, "debootstrap", str(error))
    pip = importlib.util.find_spec("pip")
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        place.chmod(0o755)
        with tarfile.open(repository) as archive:
            archive.extractall(place / "packages")
        (place / "python").mkdir()
        (place / "python/ipyc_wheel-1-py3-none-any.whl").write_bytes(_wheel("ipyc_wheel"))
        (place / "python/ipyc_source-1.tar.gz").write_bytes(gzip.compress(_source("ipyc_source")))
        if pip and pip.origin:
            (place / "pip").symlink_to(Path(pip.origin).parent)
        yield place


def _wheel(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{name}.py", "answer = 42\n")
        archive.writestr(f"{name}-1.dist-info/WHEEL", WHEEL)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
        archive.writestr(f"{name}-1.dist-info/METADATA", metadata)
        archive.writestr(f"{name}-1.dist-info/RECORD", "")
    return content.getvalue()


def _source(name: str) -> bytes:
    """With a build backend of its own, since nothing can be fetched."""
    settings = '[build-system]\nrequires = []\nbuild-backend = "made"\nbackend-path = ["."]\n'
    top = f"{name}-1"
    project = f'[project]\nname = "{name}"\nversion = "1"\n'
    return tar(
        folder(top, uid=33, gid=44),
        file(f"{top}/pyproject.toml", f"{settings}{project}".encode(), uid=33, gid=44),
        file(f"{top}/made.py", BACKEND.format(name=name).encode(), uid=33, gid=44),
        file(f"{top}/made.whl", _wheel(name), uid=33, gid=44),
        file(f"{top}/PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n".encode()),
    )


def _begin(docker: Any, shared: Path) -> Any:
    """A container that waits, with the packages."""
    volumes = [f"{shared}/packages:/packages", f"{shared}/python:/python"]
    if (shared / "pip").exists():
        volumes.append(f"{(shared / 'pip').resolve()}:/pip/pip")
    recipes.ensure(docker, "python")
    command = ["sleep", "600"]
    return docker.containers.run(PYTHON, command, volumes=volumes, network_mode="none", detach=True)


@pytest.fixture(scope="module")
def debian(own: Engine, shared: Path) -> Iterator[Any]:
    container = _begin(own.client, shared)
    yield container
    with suppress(NotFound):  # where a test has cleared up behind itself
        container.remove(force=True)


def sh(container: Any, script: str, **more: Any) -> str:
    """What it prints, all of it; it must succeed."""
    code, out = container.exec_run(["sh", "-c", script], **more)
    text: str = out.decode()
    assert code == 0, text
    return text


@pytest.fixture(scope="module")
def installed(debian: Any) -> Any:
    """The container with the packages, which one test has seen installed."""
    debian.said = sh(debian, APT)
    return debian


def test_apt_installs_packages_whose_scripts_make_users(installed: Any) -> None:
    for trace in ("setgroups", "seteuid", "chown", "W: ", "E: ", "dpkg: error"):
        assert trace not in installed.said
    assert sh(installed, "dpkg -V cron openssh-client; dpkg --audit") == ""
    assert "crontab:x:" in sh(installed, "getent group crontab _ssh")
    assert sh(installed, "stat -c %a /usr/bin/crontab /var/spool/cron/crontabs") == "2755\n1730\n"


def test_apt_needs_no_variable(debian: Any) -> None:
    assert "APT" not in sh(debian, "env")
    assert sh(debian, "env -i /usr/bin/apt-get update").count("Reading") == 1


@pytest.mark.parametrize("name", ["ipyc_wheel-1-py3-none-any.whl", "ipyc_source-1.tar.gz"])
def test_pip_installs(debian: Any, name: str) -> None:
    require(importlib.util.find_spec("pip"), "pypi", "no pip to be lent to a container")
    pip = "PYTHONPATH=/pip python3 -m pip install --no-index --break-system-packages"
    sh(debian, f"{pip} --root-user-action=ignore /python/{name}")
    module = name.partition("-")[0]
    assert sh(debian, f"python3 -c 'import {module}; print({module}.answer)'") == "42\n"


def test_users_are_made_and_become(debian: Any, own: Engine) -> None:
    """In a namespace who becomes another user is root yet, as documented."""
    sh(debian, "useradd -m joe; groupadd lab; usermod -aG lab joe")
    sh(debian, "adduser --disabled-password --gecos '' bob")
    assert sh(debian, "stat -c %F /home/joe/.profile /home/bob/.profile").count("regular") == 2
    assert sh(debian, "install -o joe -g lab -m 750 /etc/passwd /x && stat -c %a /x") == "750\n"
    assert sh(debian, "id joe") == "uid=1000(joe) gid=1000(joe) groups=1000(joe),1001(lab)\n"
    user = "uid=1000(joe)" if own.launcher == "ptrace" else "uid=0(root)"
    for become in ("su - joe -c", "su joe -s /bin/sh -c", "runuser -u joe -- sh -c"):
        assert sh(debian, f"{become} id").startswith(user)
    assert sh(debian, "su - joe -c 'pwd; echo $HOME $USER'") == "/home/joe\n/home/joe joe\n"


def test_python_becomes_another_user(debian: Any, own: Engine) -> None:  # R19
    script = "import os; os.setgroups([65534]); os.setegid(65534); os.seteuid(100)"
    code, out = debian.exec_run(["python3", "-c", f"{script}; print(os.geteuid())"])
    assert (code, out) == (0, b"100\n" if own.launcher == "ptrace" else b"0\n")


CAPABLE = bytes.fromhex("0100000200200000") + bytes(12)  # cap_net_raw=ep, as setcap writes it


def test_a_capability_that_root_gave_a_file_is_committed(debian: Any, own: Engine) -> None:
    script = f"import os; os.setxattr('/usr/bin/id', 'security.capability', {CAPABLE!r})"
    assert debian.exec_run(["python3", "-c", script])[0] == 0
    layer = last_layer(own.client, debian.commit("ipyc-capable").id)
    found = [entry.pax_headers for entry in layer if entry.name == "usr/bin/id"]
    header = {"SCHILY.xattr.security.capability": CAPABLE.decode("utf-8", "surrogateescape")}
    assert found == ([header] if own.launcher == "bubblewrap" else [])  # PRoot acts it


CLOSED = """
import ctypes
assert ctypes.CDLL(None).prctl(4, 0) == 0  # PR_SET_DUMPABLE, as sudo and ssh-agent do
print(open("/etc/debian_version").read())
"""


def test_who_closes_its_memory_can_open_files(debian: Any) -> None:
    assert debian.exec_run(["python3", "-c", CLOSED])[0] == 0


# --- builds ---------------------------------------------------------------------------------------

DOCKERFILE = f"""\
FROM {PYTHON}
COPY packages /packages
COPY python /python
RUN echo 'deb [trusted=yes] file:/packages ./' >/etc/apt/sources.list \\
 && apt-get update && apt-get install -y -qq --no-install-recommends cron openssh-client
RUN PYTHONPATH=/python/pip.zip PYTHONDONTWRITEBYTECODE=1 python3 -m pip install --no-index \\
    --no-compile --break-system-packages --root-user-action=ignore /python/*.whl
RUN useradd -m joe && install -o joe -g joe -m 4710 /bin/true /home/joe/true && chown -R joe /srv
RUN python3 -c "import os; os.setgroups([65534]); os.setegid(65534); os.seteuid(100); \\
    print('is', os.geteuid())"
USER joe
RUN touch ~/mine && id
"""
OF_THE_MOMENT = ("var/log/", "var/cache/", "var/lib/apt/lists/_")
"""PRoot makes the target of a link shorter, where the last of these is one."""


@pytest.fixture(scope="module")
def sources(shared: Path) -> list[Entry]:
    require(importlib.util.find_spec("pip"), "pypi", "no pip to be lent to a container")
    pip = io.BytesIO()
    with zipfile.ZipFile(pip, "w") as archive:
        for path in sorted((shared / "pip").resolve().rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, Path("pip", path.relative_to((shared / "pip").resolve())))
    packages = [path for kind in ("packages", "python") for path in (shared / kind).iterdir()]
    entries = [(str(path.relative_to(shared)), path.read_bytes()) for path in packages]
    return [file(name, content) for name, content in [*entries, ("python/pip.zip", pip.getvalue())]]


@pytest.fixture(scope="module")
def expected(engine: Any, sources: list[Entry]) -> Iterator[tuple[Build, dict[str, Any]]]:
    """dockerd's build, and its files without whose they are."""
    recipes.ensure(engine.docker, "python")
    before = {one["Id"] for one in engine.docker.api.images(all=True)}
    made = build(engine.docker, DOCKERFILE, *sources)
    try:
        yield made, _unowned(made)
    finally:
        remove(engine.docker, made.ids, before)


def _unowned(made: Build) -> dict[str, Any]:
    assert made.id, (made.text, made.error)
    return {
        path: (kind, mode, *rest)
        for path, (kind, mode, _, _, *rest) in made.files().items()
        if not path.startswith(OF_THE_MOMENT)
    }


def test_a_build_installs_what_it_installs_on_dockerd(
    docker: Any, own: Engine, expected: tuple[Build, dict[str, Any]], sources: list[Entry]
) -> None:  # R19
    theirs, files = expected
    recipes.ensure(docker, "python")
    made = build(docker, DOCKERFILE, *sources)
    assert _unowned(made) == files
    assert (made.config(), made.history()) == (theirs.config(), theirs.history())
    assert files["usr/bin/crontab"][1] == "0o2755"
    assert files["home/joe/true"][1] == "0o4710"
    assert "\nis 100\n" in theirs.text
    assert f"\nis {100 if own.launcher == 'ptrace' else 0}\n" in made.text
    assert "uid=1000(joe)" in made.text
    assert "setgroups " not in made.text  # as apt says it


# --- a small system -------------------------------------------------------------------------------

INSTALLS = """
echo ada:x:9:8::/:/bin/sh >>/etc/passwd && echo lab:x:8: >>/etc/group
touch /f && chown 5:6 /f && chgrp lab /f
tar xf /foreign.tar && test -f /theirs/file
cd / && echo theirs/file | cpio -o -H newc 2>/dev/null >/a.cpio && cpio -idum </a.cpio 2>/dev/null
mkfifo /pipe && test -p /pipe
mknod /device c 1 3
su ada -c true
stat -c '%n %a' /f /theirs /theirs/file
"""


def test_what_packages_of_small_systems_do_works(docker: Any) -> None:
    container = docker.containers.create(BUSYBOX, ["sh", "-ec", INSTALLS])
    foreign = tar(folder("theirs", uid=33, gid=44), file("theirs/file", b"x", uid=33, mode=0o640))
    container.put_archive("/", tar(file("foreign.tar", foreign)))
    container.start()
    assert container.wait()["StatusCode"] == 0, container.logs()
    assert container.logs() == b"/f 644\n/theirs 755\n/theirs/file 640\n"


def test_only_root_is_acted(docker: Any) -> None:
    script = "touch /tmp/$$; chown 9 /tmp/$$ 2>/dev/null; echo $?; sleep 60"
    container = docker.containers.run(BUSYBOX, ["sh", "-c", script], user="5:5", detach=True)
    assert wait_for(lambda: container.logs() == b"1\n"), container.logs()
    for user, is_root in (("", False), ("0", True), ("6:6", False)):
        code, said = container.exec_run(["sh", "-c", "touch /tmp/$$; chown 9 /tmp/$$"], user=user)
        assert (code == 0) == is_root, (user, said)


def test_root_is_acted_as_far_as_it_has_the_right(isolated_mine: Engine) -> None:
    client = isolated_mine.client

    def code(script: str, **more: Any) -> int:
        made = client.containers.run(BUSYBOX, ["sh", "-c", script], detach=True, **more)
        return int(made.wait()["StatusCode"])

    chown, become = "touch /f && chown 9 /f", "su nobody -s /bin/sh -c true"
    assert code(f"{chown} && {become}") == 0
    assert code(f"{chown} && {become}", security_opt=["seccomp=unconfined"]) == 0
    assert code(chown, cap_drop=["CHOWN"]) != 0
    assert code(become, cap_drop=["CHOWN"]) == 0
    assert code(become, cap_drop=["SETGID"]) != 0
    assert code("mount -t proc proc /tmp", security_opt=["seccomp=unconfined"]) != 0


def test_root_of_a_network_of_its_own_is_bound_as_dockers(isolated_mine: Engine) -> None:
    client = isolated_mine.client
    for more, expected in (({}, "00000000a80425fb"), ({"cap_drop": ["ALL"]}, "0" * 16)):
        script = "grep -E 'Cap(Prm|Bnd)' /proc/self/status"
        told = client.containers.run(BUSYBOX, ["sh", "-c", script], remove=True, **more)
        assert told.decode().split()[1::2] == [expected] * 2


def test_what_apt_is_told_leaves_no_trace(clean: Any, own: Engine) -> None:
    inner = [folder("etc/apt", mode=0o700), folder("etc/apt/apt.conf.d", mode=0o711)]
    base = recipes.busybox_layer().read_bytes()
    archive = image_archive(Made([base, tar(*inner)], config={}), ["ipyc-root:1"])
    (image,) = clean.images.load(archive)
    script = "cd /etc/apt; cat apt.conf.d/0*; touch mine; stat -c %a apt.conf.d; sleep 60"
    container = clean.containers.run(image, ["sh", "-c", script], detach=True)
    said = "APT::Sandbox::User" if own.launcher == "bubblewrap" else "No such file"
    assert wait_for(lambda: b"711" in container.logs())
    assert said in container.logs().decode()
    _leaves_no_trace(container)
    container.exec_run(["rm", "-f", apt.FILE])
    container.kill()
    container.wait()
    _leaves_no_trace(container)
    made = container.commit("ipyc-root", "2")
    names = {entry.name for entry in last_layer(clean, made.id)}
    assert names == {"etc", "etc/apt", "etc/apt/mine"}
    told = {"commit": made.history(), "config": made.attrs}
    assert "00ipycontainers" not in str(told)
    assert "APT" not in str(told)


def _leaves_no_trace(container: Any) -> None:
    assert [change["Path"] for change in container.diff()] == ["/etc", "/etc/apt", "/etc/apt/mine"]
    exported = tar_listing(b"".join(container.export()))
    copied = tar_listing(b"".join(container.get_archive("/etc/apt")[0]))
    assert set(copied) == {"apt", "apt/apt.conf.d", "apt/mine"}
    assert {name for name in exported if "apt" in name} == {f"etc/{name}" for name in copied}


def last_layer(docker: Any, name: str) -> list[tarfile.TarInfo]:
    """What is in the newest layer of an image."""
    content = b"".join(docker.images.get(name).save())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        (image,) = json.loads(archive.extractfile("manifest.json").read())
        with tarfile.open(fileobj=archive.extractfile(image["Layers"][-1])) as layer:
            return layer.getmembers()
