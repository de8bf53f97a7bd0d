"""What builds do to the engine: contexts of all kinds, interruptions, memory, here-documents."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import lzma
import os
import re
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from docker.errors import NotFound
from embedded import Engine
from engine.build.building import build, context, send
from layers import file, folder, link, special, tar
from sleeping import is_asleep, lasting
from support import serving, wait_for

from ipycontainers.engine.build.fetching import fetched
from ipycontainers.engine.build.running import Cancelled, Cancelling
from ipycontainers.errors import Invalid

FROM = "FROM ipycontainers-test/busybox\n"
LIMIT = 48 << 20  # bytes that an engine may grow by, whatever a context has


# --- contexts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_contexts_may_be_compressed(docker: Any, pack: Any) -> None:
    made = send(docker, pack(context("FROM scratch\nCOPY f /g\n", file("f", b"F"))))
    assert "g" in made.files()


def test_what_is_no_archive_is_refused(docker: Any) -> None:
    assert send(docker, b"FROM scratch\n").status == 400
    large = context("FROM scratch\n", file("f", bytes(2000)))
    assert send(docker, large[:3000]).status == 400


def test_a_context_may_end_without_its_padding(docker: Any) -> None:
    """As the docker command sends one with a Dockerfile from outside."""
    text = "FROM scratch\nENV A=1\n"
    assert send(docker, context(text)[: 512 + len(text)]).error is None
    assert send(docker, context(text)[: 511 + len(text)]).status == 400


def test_no_entry_and_no_link_leads_out_of_the_context(docker: Any, own: Engine) -> None:
    outside = own.data.parent / "outside"
    climbing = context("FROM scratch\n", file("../../../outside", b"x"))
    assert send(docker, climbing).status == 400
    assert not outside.exists()
    linked = (link("d", "/etc"), file("d/passwd", b"mine"), link("l", "/etc/hostname"))
    made = build(docker, "FROM scratch\nCOPY etc/passwd /p\n", *linked)
    assert made.files()["p"][-1] != ""
    assert "file not found" in str(build(docker, "FROM scratch\nCOPY l /p\n", *linked).error)
    for name in ("../../etc/passwd", "/etc/hostname", "l"):
        assert build(docker, "FROM scratch\n", *linked, dockerfile=name).status in (400, 500)


def test_a_pipe_stays_one_and_what_is_no_file_is_left_out(docker: Any, tmp_path: Path) -> None:
    """docker-py#1407: its sockets do not reach us, but for FIFOs of other clients."""
    entries = folder("s"), special("s/pipe", b"6"), special("s/null", b"3"), file("s/f", b"1")
    made = build(docker, "FROM scratch\nCOPY s /s\n", *entries)
    assert {name for name in made.files() if name[0] == "s"} == {"s", "s/pipe", "s/f"}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "sock"))
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /x\n")
        image, _ = docker.images.build(path=str(tmp_path), rm=True)
    assert image.id


def test_memory_does_not_grow_with_the_context(docker: Any, own: Engine) -> None:
    large = context("FROM scratch\nCOPY large /large\n", file("large", bytes(160 << 20)))
    assert own.process
    Path(f"/proc/{own.process.pid}/clear_refs").write_text("5")  # the most from now on
    before = memory(own)
    made = send(docker, large)
    assert made.id
    assert memory(own) - before < LIMIT


def memory(engine: Engine) -> int:
    """The most that its process ever had, in bytes."""
    assert engine.process
    status = Path(f"/proc/{engine.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) << 10


# --- what is fetched -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A server's address; it has /f, /Dockerfile and /context.tar."""
    content = {
        "/d/f": b"content",
        "/Dockerfile": b"FROM scratch\nENV A=1\n",
        "/context.tar": context("FROM scratch\nCOPY f /f\n", file("f", b"F")),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = content.get(self.path)
            self.send_response(200 if found else 404)
            kind = "text/plain" if self.path == "/Dockerfile" else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        yield f"http://{address}"


def test_add_fetches_urls(docker: Any, engine: Any, site: str) -> None:
    text = f"FROM scratch\nADD {site}/d/f /to/\nADD --chown=5:6 {site}/d/f /named\n"
    ours, theirs = (build(it, text, nocache=1) for it in (docker, engine.docker))
    assert ours.files() == theirs.files()
    assert ours.files()["to/f"][1] == "0o600"
    assert ours.history() == theirs.history()
    engine.docker.images.remove(theirs.id)
    again = build(docker, text)
    assert again.text.count("Using cache") == 2
    assert "404" in str(build(docker, f"FROM scratch\nADD {site}/gone /x\n").error)


def test_a_context_may_be_a_url(docker: Any, site: str) -> None:
    assert build(docker, "", remote=f"{site}/Dockerfile").config()["Env"][-1] == "A=1"
    assert "f" in build(docker, "", remote=f"{site}/context.tar").files()
    assert build(docker, "", remote=f"{site}/gone").status == 500
    assert build(docker, "", remote="https://example.org/a.git").status == 400


def test_a_step_tells_what_of_it_cannot_be(own: Engine) -> None:
    text = f"{FROM}RUN --network=none true\nRUN true\n"
    with contextlib.closing(Unix(own)) as connection:
        connection.request("POST", "/v1.41/build?nocache=1", context(text))
        said = [json.loads(line).get("stream", "") for line in connection.getresponse()]
    lack = f" ---> [Warning] not enforced: --network none (the launcher {own.launcher} cannot)\n"
    assert said.count(lack) == (0 if own.launcher == "bubblewrap" else 1)
    if lack in said:
        assert said[said.index(lack) + 1].startswith(" ---> Running in ")


# --- interruptions -------------------------------------------------------------------------------

SECONDS = lasting()
SLOW = f"{FROM}RUN echo first >/first\nRUN echo begun; sleep {SECONDS}\n"


@contextlib.contextmanager
def begun(engine: Engine) -> Iterator[None]:
    """Until its second step has said something."""
    with contextlib.closing(Unix(engine)) as connection:
        query = urllib.parse.urlencode({"networkmode": "none", "t": "test/slow"})
        connection.request("POST", f"/v1.41/build?{query}", context(SLOW))
        answer, heard = connection.getresponse(), b""
        while b'"begun' not in heard:  # R10: it comes as it is written
            piece = answer.read1(1000)
            assert piece, heard
            heard += piece
        yield
        answer.close()


class Unix(http.client.HTTPConnection):
    def __init__(self, engine: Engine) -> None:
        super().__init__("engine", timeout=60)
        self._path = str(engine.socket)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


def half_made(engine: Engine) -> list[Path]:
    """What is no whole layer or root, and what builds leave."""
    found = [*engine.data.glob("layers/.*"), *engine.data.glob("roots/.*")]
    return [*found, *(engine.data / "tmp").iterdir()]


def check_nothing_left(engine: Engine) -> None:
    docker = engine.client
    assert wait_for(lambda: docker.api.containers(all=True) == [])
    assert wait_for(lambda: half_made(engine) == [])
    assert list((engine.data / "containers").iterdir()) == []
    assert wait_for(lambda: not is_asleep(SECONDS))
    assert [tag for image in docker.images.list() for tag in image.tags] == [
        "ipycontainers-test/busybox:latest"
    ]
    again = build(docker, SLOW.replace(f"sleep {SECONDS}", "true"))
    assert again.text.count("Using cache") == 1


def test_a_client_that_hangs_up_ends_its_build(mine: Engine) -> None:
    with begun(mine):
        pass
    check_nothing_left(mine)


@pytest.mark.parametrize("adds", [True, False])
def test_a_download_that_never_ends_does_when_the_client_hangs_up(own: Engine, adds: bool) -> None:
    asked, over = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while not over.wait(0.05):
                    self.wfile.write(bytes(512))

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        try:
            with contextlib.closing(Unix(own)) as connection:
                query = "" if adds else urllib.parse.urlencode({"remote": f"http://{address}/"})
                text = f"FROM scratch\nADD http://{address}/ /f\n"
                connection.request("POST", f"/v1.41/build?{query}", context(text))
                assert asked.wait(60)
                assert half_made(own)
            assert wait_for(lambda: half_made(own) == [])
        finally:
            over.set()


def test_what_a_cancelled_download_looks_like_does_not_count() -> None:
    """It ends as a file does that was cut, and is no broken archive."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"begun")
            over.wait(30)

        def log_message(self, *_: object) -> None:
            pass

    def read(url: str) -> None:
        with fetched(url, cancelling) as answer:
            assert answer.read(5) == b"begun"
            cancelling.set()
            assert answer.read(5) == b""
            raise Invalid("the archive is broken")

    cancelling, over = Cancelling(), threading.Event()
    with serving(Handler) as address:
        try:
            with pytest.raises(Cancelled):
                read(f"http://{address}/")
        finally:
            over.set()


def test_a_build_does_not_outlive_its_engine(mine: Engine) -> None:
    for end in (mine.kill9, mine.terminate):
        with begun(mine):
            end()
        mine.start()
        check_nothing_left(mine)
        mine.client.images.prune(filters={"dangling": True})


def test_the_script_of_a_step_is_not_its_to_change(isolated_own: Engine) -> None:
    script = 'if (echo more >>"$0") 2>/dev/null; then echo written; else echo kept; fi'
    made = build(isolated_own.client, f"{FROM}RUN <<EOF\n#!/bin/sh\n{script}\nEOF\n")
    assert made.error is None
    assert "kept\n" in made.text
    assert "written\n" not in made.text


def test_a_here_document_takes_a_folders_place(docker: Any) -> None:
    entries = (folder("src"), folder("src/d"), file("src/d/f", b"f"))
    made = build(docker, "FROM scratch\nCOPY src/ <<d /x/\nhello\nd\n", *entries)
    assert made.error is None
    digest = hashlib.sha256(b"hello\n").hexdigest()
    assert made.files()["x/d"] == (b"0", "0o644", 0, 0, "", digest)
    assert "x/d/f" not in made.files()


def waiting(docker: Any) -> Any:
    """The container of the step that has begun."""
    with contextlib.suppress(NotFound):
        for container in docker.containers.list():
            if container.logs() == b"begun\n":
                return container
    return None


def test_pruning_takes_nothing_from_a_build(mine: Engine) -> None:
    docker = mine.client
    text = (
        f"{FROM}RUN echo 1 >/a\nRUN echo begun; while [ ! -e /b ]; do sleep 0.1; done\nCOPY f /f\n"
    )
    made: list[Any] = []
    thread = threading.Thread(target=lambda: made.append(build(docker, text, file("f", b"F"))))
    thread.start()
    running = wait_for(lambda: waiting(docker))
    docker.images.prune(filters={"dangling": True})
    docker.images.prune(filters={"dangling": False})
    running.put_archive("/", tar(file("b")))
    thread.join()
    assert made[0].error is None
    assert {"a", "b", "f"} <= set(made[0].files())


def test_two_builds_of_one_thing_do_not_disturb_each_other(docker: Any) -> None:
    text = f"{FROM}COPY f /f\nRUN echo 1 >/g; sleep 0.2\nRUN cat /f /g\n"
    made: list[Any] = []

    def one() -> None:
        made.append(build(docker, text, file("f", b"F"), nocache=1))

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [it.error for it in made] == [None] * 3
    assert len({tuple(it.layers()) for it in made}) == 1


# --- other tools' reports ------------------------------------------------------------------------


def test_here_documents(docker: Any) -> None:  # R39
    text = (
        f'{FROM}ARG D=in\nCOPY <<EOF /e\nu "\\${{NO}}"\nc "${{D}}/f" \'${{X}}\'\nEOF\n'
        'COPY <<"EOF" /q\n"${D}" \\$x\nEOF\nRUN <<EOF\nV=1\necho "v:$V" > /r\nEOF\n'
        "RUN <<EOF\n#!/bin/cat\nshebang\nEOF\n"
        "COPY <<one <<two f /many/\n1\none\n2\ntwo\nRUN cat /e /q /r /many/*\n"
    )
    made = build(docker, text, file("f", b"F\n"))
    assert made.error is None
    assert "#!/bin/cat\nshebang\n" in made.text
    assert 'u "${NO}"\nc "in/f" \'\'\n"${D}" \\$x\nv:1\nF\n1\n2\n' in made.text
    assert made.files()["e"][1] == "0o644"
    assert not any("pipes" in name for name in made.files())


def test_an_entrypoint_takes_the_command_of_the_base_away(docker: Any) -> None:  # R27
    build(docker, f'{FROM}CMD ["x"]\n', t="test/base")
    made = build(docker, 'FROM test/base\nENTRYPOINT ["echo"]\n', t="test/one")
    assert made.config()["Cmd"] is None
    build(docker, 'FROM test/base\nENTRYPOINT ["echo"]\nCMD ["y"]\n', t="test/two")
    made = build(docker, f'{FROM}ENTRYPOINT echo E\nCMD ["z"]\n', t="test/three")
    assert made.config()["Entrypoint"] == ["/bin/sh", "-c", "echo E"]
    said = [
        docker.containers.run(f"test/{name}", command, remove=True, network_mode="none")
        for name in ("one", "two", "three")
        for command in (None, ["w"])
    ]
    assert said == [b"\n", b"w\n", b"y\n", b"w\n", b"E\n", b"E\n"]


def test_comments_between_lines_and_at_their_end(docker: Any) -> None:  # moby#35387, #28982
    made = build(docker, f"{FROM}RUN echo \\\n  # note\n  hi\nRUN echo a # b \\\nRUN echo c\n")
    assert "\nhi\n" in made.text
    assert "\na\n" in made.text
    assert "Step 3/3" in made.text


def test_what_needs_buildkit_is_refused_with_a_way_out(docker: Any) -> None:
    refused = build(docker, FROM, version=2)
    assert (refused.status, "DOCKER_BUILDKIT" in str(refused.error)) == (400, True)
    assert build(docker, FROM, squash=1).status == 400
    assert build(docker, FROM, securityopt="seccomp=unconfined").status == 400
    assert build(docker, FROM, outputs='[{"Type": "local"}]').status == 400
    mounted = build(docker, f"{FROM}RUN --mount=type=cache,target=/x true\n")
    assert "BuildKit" in mounted.error["message"]


def test_the_cache_may_come_from_an_image(docker: Any) -> None:
    text = f"{FROM}ENV OWN=source\nCOPY f /f\nRUN echo 1 >/g\n"
    first = build(docker, text, file("f", b"F"), t="test/source")
    saved = b"".join(docker.images.get("test/source").save(named=True))
    docker.images.remove("test/source")
    docker.images.load(io.BytesIO(saved))
    plain = build(docker, text, file("f", b"F"))
    assert "Using cache" not in plain.text
    docker.images.remove(plain.id)
    other = f"{text}RUN echo 2\n"
    again = build(docker, other, file("f", b"F"), cachefrom=["test/source", "test/gone"])
    assert again.text.count("Using cache") == 3
    assert again.layers() == first.layers()
    assert "Using cache" not in build(docker, other, file("f", b"F"), cachefrom=["test/gone"]).text


def test_docker_py_builds_from_a_folder(docker: Any, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"{FROM}COPY . /x\nRUN ls /x\n")
    (tmp_path / ".dockerignore").write_text("**/*.log\n!keep.log\n")
    for name in ("a.log", "keep.log", "b"):
        (tmp_path / name).write_text(name)
    image, lines = docker.images.build(path=str(tmp_path), tag="test/folder", rm=True)
    text = "".join(line.get("stream", "") for line in lines)
    assert "b\nkeep.log\n" in text
    assert "a.log" not in text
    assert image.tags == ["test/folder:latest"]
