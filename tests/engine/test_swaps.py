"""Folders that become links while the engine walks: nothing outside is written, made or read.

A container swaps them without end, links point at a folder of the host as the launchers see it
when they build a root (bwrap: below /oldroot) and as everybody else does.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import errors as docker_errors
from support import wait_for

IMAGE = "ipycontainers-test/busybox"
ROUNDS = 25
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder of the host that the engine's user may write to, with what a container wants."""
    folder = Path(tempfile.mkdtemp(prefix="ipyc-outside-", dir="/var/tmp"))
    (folder / "passwd").write_text("spy:x:4711:4711::/:\n")
    (folder / "secret").write_text("secret\n")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def untouched(outside: Path) -> bool:
    return sorted(path.name for path in outside.iterdir()) == ["passwd", "secret"] and (
        (outside / "secret").read_text() == "secret\n"
    )


def links(**targets: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, target in targets.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()


def swapping(docker: Any, folder: str, name: str, target: str, **more: Any) -> Any:
    """A container in which ``folder/name`` is a folder and a link to ``target``, in turns."""
    script = f"""
        cd {folder}; touch begun
        while :; do rm -rf {name}; mkdir {name}; rm -rf {name}; ln -s {target} {name}; done
    """
    container = docker.containers.run(IMAGE, ["sh", "-c", script], detach=True, **more)
    assert wait_for(lambda: container.exec_run(["ls", f"{folder}/begun"]).exit_code == 0)
    return container


@pytest.mark.parametrize("above", ["", "/oldroot"])
def test_links_of_an_archive_move_no_mount_outside(docker: Any, outside: Path, above: str) -> None:
    container = docker.containers.create(
        IMAGE,
        ["sh", "-c", "touch /srv/a/b/here"],
        volumes={"moved": {"bind": "/srv/a/b"}},
        working_dir="/opt/x",
    )
    target = f"{above}{outside}"
    assert container.put_archive("/", links(etc=target, srv=target, opt=target))
    for _ in range(2):
        container.start()
        assert container.wait()["StatusCode"] == 0, container.logs()
        assert untouched(outside)


def test_what_must_be_a_folder_and_is_a_link_is_refused(docker: Any, outside: Path) -> None:
    container = docker.containers.create(IMAGE, ["true"])
    assert container.put_archive("/", links(dev=f"/oldroot{outside}"))
    with pytest.raises(docker_errors.APIError, match="/dev of the container is no folder"):
        container.start()
    assert untouched(outside)


@pytest.mark.parametrize("above", ["", "/oldroot"])
def test_a_mount_in_anothers_volume_stays_in_it(docker: Any, outside: Path, above: str) -> None:
    swapping(docker, "/data", "a", f"{above}{outside}", volumes={"shared": {"bind": "/data"}})
    volumes = {"shared": {"bind": "/data"}, "inner": {"bind": "/data/a/b/c"}}
    for _ in range(ROUNDS):
        with contextlib.suppress(docker_errors.APIError):
            docker.containers.run(
                IMAGE, ["true"], volumes=volumes, tmpfs={"/data/a/t": ""}, remove=True
            )
        assert untouched(outside)
    calm = {"calm": {"bind": "/data"}, "inner": {"bind": "/data/a/b/c"}}
    script = ["sh", "-c", "echo in > /data/a/b/c/f; echo out > /data/g; cat /data/a/b/c/f /data/g"]
    assert docker.containers.run(IMAGE, script, volumes=calm, remove=True) == b"in\nout\n"


def test_an_exec_looks_users_up_inside(docker: Any, outside: Path) -> None:
    container = swapping(docker, "/etc", "passwd", f"{outside}/passwd")
    for _ in range(ROUNDS):
        code, said = container.exec_run("id", user="spy")
        assert code != 0
        assert b"unable to find user spy" in said


def test_an_archive_goes_into_the_container(docker: Any, outside: Path) -> None:
    container = swapping(docker, "/tmp", "a", str(outside))
    for number in range(ROUNDS):
        with contextlib.suppress(docker_errors.APIError):
            container.put_archive("/tmp/a", links(**{f"new{number}": "x"}))
        with contextlib.suppress(docker_errors.NotFound):
            pieces, _ = container.get_archive("/tmp/a/secret")
            raise AssertionError(b"".join(pieces))
    assert untouched(outside)


def test_a_working_directory_is_inside(docker: Any, outside: Path) -> None:
    container = swapping(docker, "/", "w", str(outside))
    for number in range(ROUNDS):
        code, said = container.exec_run(["touch", f"new{number}"], workdir="/w")
        assert code in (0, 1, 126), said  # 1: the folder was removed beneath it
        assert untouched(outside)


def test_what_goes_while_it_is_looked_at_is_no_change(docker: Any) -> None:
    script = (
        "cd /tmp; while :; do i=0; "
        "while [ $i -lt 60 ]; do echo >f$i; ln -s x l$i; i=$((i+1)); done; "
        "rm -rf f* l*; mkdir l1 l2; rm -rf l1 l2; done"
    )
    container = docker.containers.run(IMAGE, ["sh", "-c", f"echo >/stays; {script}"], detach=True)
    assert wait_for(lambda: {"Path": "/stays", "Kind": 1} in container.diff())
    for _ in range(ROUNDS):
        assert {"Path": "/stays", "Kind": 1} in container.diff()
