"""A full disk: each verb that writes says so, loses nothing, and works again when there is room."""

from __future__ import annotations

import contextlib
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from docker import errors as docker_errors
from embedded import Engine
from engine import crashes
from engine.build.building import build
from layers import Made, file, image_archive, tar
from support import require, wait_for

IMAGE = "ipycontainers-test/busybox"
SYSTEM = ("-t", "tmpfs", "-o", "size=24m,mode=700,uid=1000,gid=1000", "tmpfs")
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Disk:
    """The engine's file system, which only it sees."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        assert engine.process
        self.data = Path(f"/proc/{engine.process.pid}/root{engine.data}")
        self._filler = self.data / "filler"

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                while self._takes(filler, size):
                    pass

    def give_back(self, size: int) -> None:
        """So many bytes of what was filled."""
        os.truncate(self._filler, self._filler.stat().st_size - size)

    def _takes(self, filler: Any, size: int) -> bool:
        try:
            return bool(filler.write(bytes(size)))
        except OSError:
            return False

    def empty(self) -> None:
        self._filler.unlink()


@pytest.fixture(scope="module", params=["bubblewrap", "ptrace"])
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    require(os.getuid() == 0, "user", "needs root, to mount")
    with embedded.running(request.param, mounted=SYSTEM) as engine:
        recipes.ensure(engine.client, "busybox")
        yield Disk(engine)


def archive() -> bytes:
    return image_archive(Made([tar(file("file", os.urandom(100_000)))]), ["loaded:1"])


VERBS: dict[str, Callable[[Any], object]] = {
    "create": lambda docker: docker.api.create_container(IMAGE, ["true"], name="subject"),
    "create with a volume": lambda docker: docker.api.create_container(
        IMAGE, ["true"], name="subject", volumes=["/etc"]
    ),
    "start": lambda docker: docker.api.start("stopped"),
    "rename": lambda docker: docker.api.rename("stopped", "subject"),
    "update": lambda docker: docker.api.update_container(
        "stopped", restart_policy={"Name": "always"}
    ),
    "copy into": lambda docker: docker.api.put_archive(
        "running", "/tmp", tar(file("file", bytes(100_000)))
    ),
    "exec": lambda docker: docker.api.exec_start(
        docker.api.exec_create("running", ["true"])["Id"], detach=True
    ),
    "commit": lambda docker: docker.api.commit("stopped", "loaded", "1"),
    "import": lambda docker: docker.api.import_image_from_data(
        tar(file("file", os.urandom(100_000))), "loaded", "1"
    ),
    "load": lambda docker: docker.images.load(archive()),
    "tag": lambda docker: docker.api.tag(IMAGE, "loaded", "1"),
    "volume create": lambda docker: docker.api.create_volume("subject", labels={"a": "b"}),
}


def test_each_verb_says_so_and_works_when_there_is_room(disk: Disk) -> None:
    docker = disk.engine.client
    docker.containers.run(IMAGE, ["sleep", "600"], name="running", detach=True)
    docker.containers.create(IMAGE, ["true"], name="stopped")
    told = {}
    for name, do in VERBS.items():
        disk.fill()
        try:
            do(docker)
            told[name] = "it was done"
        except (docker_errors.APIError, docker_errors.ImageLoadError) as error:
            told[name] = str(error)
        disk.empty()
        assert {c.name for c in docker.containers.list(all=True, ignore_removed=True)} == {
            "running",
            "stopped",
        }, name
        assert [tag for image in docker.images.list() for tag in image.tags] == [f"{IMAGE}:latest"]
        assert docker.volumes.list() == []
        assert docker.containers.get("stopped").status == "created", name
        known = {
            container.id for container in docker.containers.list(all=True, ignore_removed=True)
        }
        assert wait_for(lambda known=known: crashes.strays(disk.data, known) == []), name
    silent = {name: text for name, text in told.items() if "no space left" not in text.lower()}
    assert silent == {}
    wrong = crashes.broken_content(disk.data)
    assert wrong == [], wrong
    for do in list(VERBS.values())[:1] + list(VERBS.values())[2:3]:
        do(docker)
    assert docker.containers.get("stopped").wait()["StatusCode"] == 0
    for container in docker.containers.list(all=True, ignore_removed=True):
        container.remove(force=True)


def test_an_end_on_a_full_disk_is_told_and_removal_makes_room(disk: Disk) -> None:
    docker = disk.engine.client
    script = "echo begun; read x; head -c 300000 /dev/zero; exit 7"
    kept = docker.containers.create(
        IMAGE, ["sh", "-c", script], name="kept", stdin_open=True, volumes=["/etc"]
    )
    kept.start()
    assert wait_for(kept.logs) == b"begun\n"
    execution = docker.api.exec_create("kept", ["sh", "-c", "sleep 0.5; exit 5"])["Id"]
    docker.api.exec_start(execution, detach=True)
    disk.fill()
    assert wait_for(lambda: docker.api.exec_inspect(execution)["ExitCode"]) == 5
    sock = docker.api.attach_socket("kept", params={"stdin": 1, "stream": 1})
    sock._sock.sendall(b"\n")
    sock.close()
    assert kept.wait()["StatusCode"] == 7
    kept.reload()
    assert kept.status == "exited"
    assert kept.logs()[:6] == b"begun\n"
    docker = disk.engine.client
    docker.containers.get("kept").remove(v=True)
    assert docker.containers.list(all=True, ignore_removed=True) == []
    assert docker.volumes.list() == []
    disk.empty()
    assert docker.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"


def test_a_build_that_fills_the_disk_says_so_at_last_and_leaves_no_half_step(disk: Disk) -> None:
    docker = disk.engine.client
    first = f"FROM {IMAGE}\nRUN echo 1 >/first\n"
    for size, code in ((300, 1), (110, None)):  # what is run has no room, and what becomes of it
        dd = f"RUN dd if=/dev/urandom of=/large bs=100000 count={size}"
        made = build(docker, f"{first}{dd}\n", t="loaded:1")
        assert made.status == 200
        assert made.error.get("code") == code
        assert "no space left" in (made.text + made.error["message"]).lower()
        assert wait_for(lambda: list((disk.data / "tmp").iterdir()) == [])
        assert docker.containers.list(all=True, ignore_removed=True) == []
        assert wait_for(lambda: crashes.strays(disk.data, set()) == [])
    again = build(docker, f"{first}RUN echo 2 >/small\n", t="loaded:1")
    assert again.error is None
    assert again.text.count("Using cache") == 1
    docker.images.remove("loaded:1")
    wrong = crashes.broken_content(disk.data)
    assert wrong == [], wrong


def test_what_is_fetched_leaves_room_on_the_disk(disk: Disk) -> None:
    docker = disk.engine.client

    class Large(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(400):
                    self.wfile.write(bytes(100_000))

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Large) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = f"FROM {IMAGE}\nADD http://127.0.0.1:{server.server_port}/large /large\n"
        made = build(docker, text)
        server.shutdown()
    assert made.error["message"].startswith("ADD failed: no space left on device")
    assert wait_for(lambda: list((disk.data / "tmp").iterdir()) == [])
    assert build(docker, f"FROM {IMAGE}\nRUN echo 2 >/small\n").error is None


def test_what_is_cached_needs_no_room_for_files(disk: Disk) -> None:
    """Though COPY --from reads them, also where launchers copy roots."""
    docker = disk.engine.client
    text = (
        f"FROM {IMAGE} AS one\nRUN echo 1 >/f\nFROM {IMAGE}\nCOPY --from=one /f /g\n"
        f"COPY --from={IMAGE} /bin/busybox /b\n"
    )
    assert [build(docker, text).error for _ in range(2)] == [None, None]
    disk.fill()
    disk.give_back(256 << 10)
    again = build(docker, text)
    assert (again.error, again.text.count("Using cache")) == (None, 3)
