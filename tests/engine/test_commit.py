"""Containers as images and as archives, with both launchers."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from engine.sides import BUSYBOX, Side, same
from layers import file, folder, tar, tar_listing
from support import wait_for

CHANGES = """
echo new >/new; echo changed >>/etc/group; rm /bin/yes; mkdir -p /d/e; echo f >/d/e/f
ln /new /new2; ln -s new /link; mkfifo /fifo; chmod 4755 /d/e/f; chmod 700 /root
rm -rf /var; mkdir /var; echo v >/var/v; touch /gone; rm /gone
"""

# No launcher has a part in these.
ONCE = pytest.mark.parametrize("own", ["bubblewrap"], indirect=True, scope="module")
CHANGED = "bin bin/.wh.yes d d/e d/e/f etc etc/group fifo link new new2 root var var/v"


def ran(docker: Any, script: str, image: str = BUSYBOX, **more: Any) -> Any:
    """A container that has run the script to its end."""
    container = docker.containers.run(image, ["sh", "-c", script], detach=True, **more)
    assert container.wait()["StatusCode"] == 0, container.logs()
    return container


def last_layer(docker: Any, name: str) -> dict[str, tuple[Any, ...]]:
    content = b"".join(docker.images.get(name).save())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        (image,) = json.loads(archive.extractfile("manifest.json").read())
        layer = archive.extractfile(image["Layers"][-1]).read()
    return tar_listing(layer)


def test_a_commit_has_what_the_container_changed(clean: Any) -> None:
    ran(clean, CHANGES).commit("ipyc-commit", "1")
    layer = last_layer(clean, "ipyc-commit:1")
    assert " ".join(sorted(layer)) == CHANGED
    assert layer["new"][4] == b"new\n"
    assert layer["new2"][0] == tarfile.LNKTYPE
    assert layer["d/e/f"][1] == 0o4755
    assert layer["root"][1] == 0o700
    out = clean.containers.run("ipyc-commit:1", "cat /new2 /d/e/f", remove=True)
    assert out == b"new\nf\n"


def test_a_container_pauses_while_it_is_committed(clean: Any) -> None:
    script = "i=0; while :; do i=$((i+1)); echo $i >/one; echo $i >/two; done"
    container = clean.containers.run(BUSYBOX, ["sh", "-c", script], detach=True)
    heard = clean.events(decode=True, filters={"container": container.id})
    container.commit("ipyc-pause", "1")
    assert [next(heard)["Action"] for _ in range(3)] == ["pause", "commit", "unpause"]
    container.commit("ipyc-pause", "2", pause=False)
    assert next(heard)["Action"] == "commit"
    heard.close()
    container.reload()
    assert container.status == "running"


def test_the_files_of_one_that_runs_are_those_of_now(clean: Any) -> None:
    script = "echo 1 >/one; rm /bin/yes; echo ready; sleep 100"
    container = clean.containers.run(BUSYBOX, ["sh", "-c", script], detach=True)
    assert wait_for(lambda: container.logs() == b"ready\n")
    listing = tar_listing(b"".join(container.export()))
    assert listing["one"][4] == b"1\n"
    assert "bin/busybox" in listing
    assert "bin/yes" not in listing
    container.commit("ipyc-now", "1")
    assert set(last_layer(clean, "ipyc-now:1")) == {"one", "bin", "bin/.wh.yes"}


# --- as dockerd ----------------------------------------------------------------------------------

CONFIG = ["ENV B=2 C=$A", "EXPOSE 80 90-91/udp", 'LABEL x="y z"', "WORKDIR /w", "WORKDIR v"]
WORDS = [
    *("USER ada:staff", 'VOLUME ["/v", "/u"]', "ONBUILD RUN true"),
    *('ENTRYPOINT ["a", "b"]', "CMD c d", "HEALTHCHECK --interval=1m30s --retries=2 CMD x"),
]

OTHERS = ["entrypoint e \\\n# c\n f", "LABEL a b  c", "CMD []", "expose 1:2 $A", "WORKDIR /x//y/"]


def masked(told: Any) -> Any:
    """Without what is another at each commit, and by whom it was made."""
    left_out = ("Created", "DockerVersion", "GraphDriver", "Metadata", "RootFS", "Id")
    return {key: value for key, value in told.items() if key not in left_out}


@ONCE
@pytest.mark.parametrize("changes", [[], CONFIG, WORDS, ["ENV A='$A' B=\"x $A\" C=\\$A"], OTHERS])
def test_a_commit_says_what_dockerds_says(sides: tuple[Side, Side], changes: list[str]) -> None:
    told = []
    for side in sides:
        made = side.docker.containers.create(
            "ipyc-side:1", ["echo", "hi there"], environment={"A": "1"}, labels={"l": "m"}
        )
        side.mask(made.id, "CONTAINER")
        side.mask(made.image.id, "ID")
        query = {"container": made.id, "repo": "ipyc-side/new", "tag": "1"}
        words = {"comment": "why", "author": "me", "changes": changes}
        status, answer = side.ask("POST", "/commit", {}, **query, **words)
        assert status == 201
        side.mask(answer["Id"], "NEW")
        inspected = side.ask("GET", "/images/ipyc-side/new:1/json")[1]
        history = side.ask("GET", "/images/ipyc-side/new:1/history")[1]
        for step in history:
            step["Tags"] = sorted(step["Tags"] or ())
        history[0].pop("Created")
        told.append((masked(inspected), history))
    theirs, ours = told
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]


@ONCE
def test_a_commit_that_cannot_be_is_refused(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.docker.containers.create("ipyc-side:1", "x", name="ipyc-refused")
    for query, status in (
        ({"changes": ["RUN x"]}, 400),
        ({"changes": ["FOO x"]}, 400),
        ({"changes": ["ENV A=1", "ENV A"]}, 400),
        ({"changes": ["LABEL a=${x-y}"]}, 400),
        ({"changes": ["HEALTHCHECK --retries=x CMD a"]}, 400),
        ({"changes": ["CMD [1]"]}, 400),
        ({"changes": ["EXPOSE x"]}, 400),
        ({"changes": ["# c"]}, 400),
        ({"repo": "Bad"}, 500),
        ({"container": "ipyc-no-such"}, 404),
    ):
        asked: Any = {"container": "ipyc-refused", **query}
        assert same(sides, "POST", "/commit", {}, **asked)[0] == status


def test_a_commit_without_a_change_has_no_layer(clean: Any) -> None:
    container = clean.containers.create(BUSYBOX, "true")
    image = container.commit()
    base = clean.images.get(BUSYBOX)
    assert image.attrs["RootFS"] == base.attrs["RootFS"]
    assert image.attrs["Parent"] == base.id
    assert image.history()[0]["Size"] == 0


@ONCE
def test_a_change_of_the_stop_signal_is_taken(clean: Any) -> None:
    """dockerd 20.10 takes it in Dockerfiles only, and others do here too."""
    container = clean.containers.create(BUSYBOX, "true")
    image = container.commit(changes=["STOPSIGNAL SIGUSR1"])
    assert image.attrs["Config"]["StopSignal"] == "SIGUSR1"


@ONCE
def test_an_import_is_an_image_of_one_layer(sides: tuple[Side, Side]) -> None:
    content = tar(file("etc/shadow", b"x", mode=0o640, gid=42), folder("d", mode=0o1777))
    told = []
    for side in sides:
        for body, tag in ((content, "1"), (gzip.compress(content), "2")):
            query = {"fromSrc": "-", "repo": "ipyc-side/import", "tag": tag, "message": "why"}
            changes = ["CMD echo hi", "LABEL ipyc-side=1"]
            url = side.api._url("/images/create")
            answer = side.api.post(url, params={**query, "changes": changes}, data=body)
            assert answer.status_code == 200
            assert json.loads(answer.text)["status"].startswith("sha256:")
        inspected = side.ask("GET", "/images/ipyc-side/import:2/json")[1]
        history = side.ask("GET", "/images/ipyc-side/import:2/history")[1]
        root = inspected["RootFS"]
        told.append((masked(inspected), root, history[0]["Comment"], history[0]["Size"]))
    assert told[0] == told[1]


@ONCE
def test_what_is_no_archive_is_not_imported(sides: tuple[Side, Side]) -> None:
    for content in (b"junk junk", gzip.compress(b"junk" * 500)):
        for side in sides:
            url = side.api._url("/images/create")
            answer = side.api.post(
                url, params={"fromSrc": "-", "repo": "ipyc-side/no"}, data=content
            )
            assert answer.status_code in (400, 500), (content, side)
            assert answer.json()["message"]


def test_an_export_has_everything_as_dockerds(sides: tuple[Side, Side]) -> None:
    told = []
    for side in sides:
        made = side.docker.containers.create("ipyc-side:1", "x")
        made.put_archive("/d", tar(file("mine", b"1", uid=7, gid=8, mode=0o4750)))
        listing = tar_listing(b"".join(made.export()))
        told.append({name: listing[name] for name in ("b", "d", "d/a", "d/mine")})
    assert told[0] == told[1]


class Pages(BaseHTTPRequestHandler):
    """/tar has a tar, /moved leads there, /elsewhere to a file of the host."""

    content = tar(file("from-url", b"1"))

    def do_GET(self) -> None:
        places = {"/moved": "/tar", "/elsewhere": "file:///etc/passwd", "/round": "/round"}
        if self.path in places:
            self.send_response(302)
            self.send_header("Location", places[self.path])
            self.end_headers()
        elif self.path == "/tar":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.content)
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nothing: it would stand in the tests' output."""


@pytest.fixture
def pages() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@ONCE
def test_an_import_from_a_url(clean: Any, pages: str) -> None:
    side = Side(clean)
    for number, source in enumerate((f"http://{pages}/tar", f"{pages}/moved")):
        query = {"fromSrc": source, "repo": "ipyc-url", "tag": str(number)}
        status, told = side.ask("POST", "/images/create", **query)
        assert (status, f"Downloading from {source}" in told) == (200, True)
        assert "from-url" in last_layer(clean, f"ipyc-url:{number}")
    for source, said in (
        (f"http://{pages}/none", "the server answers 404"),
        (f"http://{pages}/elsewhere", "no URL of http or https"),
        (f"http://{pages}/round", "stopped after 10 redirects"),
        ("file:///etc/passwd", "no URL of http or https"),
        ("http://127.0.0.1:1/x", "connection refused"),
    ):
        status, told = side.ask("POST", "/images/create", fromSrc=source, repo="ipyc-url")
        assert status >= 400
        assert said in told["message"], source


def test_what_all_takes_is_measured(clean: Any) -> None:
    script = "dd if=/dev/zero of=/mine bs=1000 count=7; echo 12 >/v/file"
    script += "; echo x >>/etc/group; rm /bin/yes"
    container = ran(clean, script, volumes=["ipyc-size:/v"], name="ipyc-size")
    side = Side(clean)
    shown = side.ask("GET", f"/containers/{container.id}/json", size="1")[1]
    base = clean.images.get(BUSYBOX).attrs["Size"]
    assert 7000 < shown["SizeRw"] < 7500
    assert shown["SizeRootFs"] == shown["SizeRw"] + base
    (listed,) = side.ask("GET", "/containers/json", size="1", all="1")[1]
    assert (listed["SizeRw"], listed["SizeRootFs"]) == (shown["SizeRw"], shown["SizeRootFs"])
    assert "SizeRw" not in side.ask("GET", f"/containers/{container.id}/json")[1]
    image = container.commit("ipyc-size", "1")
    told = side.ask("GET", "/system/df")[1]
    sizes = {one["Id"]: one for one in told["Images"]}
    assert sizes[image.id]["Size"] == base + shown["SizeRw"]
    assert sizes[image.id]["SharedSize"] == base
    assert (sizes[container.image.id]["Containers"], sizes[image.id]["Containers"]) == (1, 0)
    assert told["LayersSize"] == base + shown["SizeRw"]
    (volume,) = [one for one in told["Volumes"] if one["Name"] == "ipyc-size"]
    assert volume["UsageData"] == {"RefCount": 1, "Size": 3}
    assert told["Containers"][0]["SizeRw"] == shown["SizeRw"]
    container.remove()
    clean.volumes.get("ipyc-size").remove()


def test_a_commit_is_that_of_dockerd(clean: Any, engine: Any) -> None:
    """The same changes of the same image: the same layer, but for how opaque folders are told."""
    listings = []
    for docker in (engine.docker, clean):
        container = ran(docker, CHANGES)
        image = container.commit("ipyc-same", "1")
        listings.append(last_layer(docker, "ipyc-same:1"))
        container.remove()
        docker.images.remove(image.id, force=True)
    theirs, ours = listings
    theirs = {name: told for name, told in theirs.items() if not name.endswith(".wh..wh..opq")}
    assert {name: told[1:] for name, told in ours.items()} == {
        name: told[1:] for name, told in theirs.items()
    }
