"""Layers as other tools make them, from a load to a running container, with both launchers.

Cases are those of other tools' bug reports, marked by their numbers.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from engine.sides import BUSYBOX
from layers import Entry, Made, file, folder, hard_link, image_archive, link, tar, tar_listing
from support import wait_for

from ipycontainers.engine import clearing


@pytest.fixture(scope="module")
def base(own: Any) -> list[bytes]:
    """The layers of the busybox image, for images that a program can look around in."""
    content = b"".join(own.client.images.get(BUSYBOX).save())
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:

        def read(name: str) -> bytes:
            found = archive.extractfile(name)
            assert found
            return found.read()

        (image,) = json.loads(read("manifest.json"))
        return [read(name) for name in image["Layers"]]


def load(docker: Any, base: list[bytes], *layers: list[Entry] | bytes, name: str) -> Any:
    made = [layer if isinstance(layer, bytes) else tar(*layer) for layer in layers]
    (image,) = docker.images.load(image_archive(Made([*base, *made]), [name]))
    return image


def shell(docker: Any, image: Any, script: str) -> bytes:
    out: bytes = docker.containers.run(image, ["sh", "-c", script], remove=True)
    return out


def exported(docker: Any, image: Any) -> dict[str, tuple[Any, ...]]:
    container = docker.containers.create(image, "true")
    return tar_listing(b"".join(container.export()))


def test_owners_are_given_back_everywhere(clean: Any, base: list[bytes]) -> None:  # R18
    shadow = file("etc/shadow", b"x", mode=0o640, gid=42)
    network = folder("run/netif", mode=0o755, uid=192, gid=192)
    capable = {"SCHILY.xattr.security.capability": "\1\0\udcff"}
    su = file("bin/su1", b"s", mode=0o4755, uid=1000, pax_headers=capable)
    image = load(clean, base, [shadow, network, su], name="ipyc-layer:owners")
    # One uid is mapped: inside all is root's, and can be read.
    script = "cat /etc/shadow; stat -c %u:%g /etc/shadow /run/netif"
    assert shell(clean, image, script) == b"x0:0\n0:0\n"
    container = clean.containers.create(image, ["sh", "-c", "echo 1 >/new; chmod 600 /etc/shadow"])
    container.start()
    container.wait()
    wanted = {"run/netif": (0o755, (192, 192)), "bin/su1": (0o4755, (1000, 0))}
    listings = [tar_listing(b"".join(container.export()))]
    listings.append(tar_listing(b"".join(container.get_archive("/bin/su1")[0])))
    listings[-1]["bin/su1"] = listings[-1].pop("su1")
    container.commit("ipyc-layer", "committed")
    again = clean.images.get("ipyc-layer:committed")
    listings.append(exported(clean, again))
    for listing in listings:
        for path, told in wanted.items():
            if path in listing:
                assert listing[path][1:3] == told
    # What the container changed has its new mode, and is still whose it was.
    assert listings[0]["etc/shadow"][1:3] == (0o600, (0, 42))
    assert listings[2]["etc/shadow"][1:3] == (0o600, (0, 42))
    assert listings[2]["new"][1:3] == (0o644, (0, 0))
    with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
        entry = archive.getmember("bin/su1")
        assert entry.pax_headers["SCHILY.xattr.security.capability"] == "\1\0\udcff"


def test_what_is_copied_in_stays_whose_it_was(clean: Any) -> None:
    container = clean.containers.create(BUSYBOX, ["sh", "-c", "rm /mine/b; echo 2 >>/mine/a"])
    brought = [
        folder("mine", uid=5, gid=6),
        file("mine/a", b"1", uid=7, mode=0o4711),
        file("mine/b"),
    ]
    container.put_archive("/", tar(*brought))
    container.start()
    assert container.wait()["StatusCode"] == 0
    for listing in (
        tar_listing(b"".join(container.get_archive("/mine")[0])),
        tar_listing(b"".join(container.export())),
    ):
        assert listing["mine"][2] == (5, 6)
        assert listing["mine/a"][1:3] == (0o4711, (7, 0))
        assert "mine/b" not in listing


def test_what_is_copied_in_keeps_the_mode_that_it_cannot_have(clean: Any) -> None:
    container = clean.containers.create(BUSYBOX, "true", user="1815:10")
    container.put_archive("/", tar(file("su", mode=0o4755), folder("shut", mode=0)))
    listing = tar_listing(b"".join(container.export()))
    assert listing["su"][1:3] == (0o4755, (0, 0))
    assert listing["shut"][1] == 0
    _, status = container.get_archive("/su")
    assert status["mode"] == 0o755 | 1 << 23  # setuid, as Go has it
    url = clean.api._url("/containers/{0}/archive", container.id)
    query = {"path": "/", "copyUIDGID": "1"}
    answer = clean.api.put(url, params=query, data=tar(file("his", uid=5)))
    assert answer.status_code == 200
    assert tar_listing(b"".join(container.export()))["his"][2] == (1815, 10)


def test_a_program_cannot_give_files_away(clean: Any) -> None:
    """As documented: with one uid chown to others is acted for root, and nothing is kept of it."""
    container = clean.containers.run(BUSYBOX, ["chown", "5:6", "/etc/passwd"], detach=True)
    assert container.wait()["StatusCode"] == 0
    listing = tar_listing(b"".join(container.export()))
    assert listing["etc/passwd"][2] == (0, 0)


def test_absolute_names_mean_the_image(clean: Any, base: list[bytes]) -> None:  # R41
    entries = [folder("./"), folder("/"), folder("/usr/"), file("/usr/a", b"1")]
    entries += [link("/usr/l", "/usr/a"), hard_link("usr/h", "/usr/a"), file("./etc/c", b"2")]
    image = load(clean, base, entries, name="ipyc-layer:absolute")
    assert shell(clean, image, "cat /usr/a /usr/h /usr/l /etc/c") == b"1112"
    assert [name for name in exported(clean, image) if name.count("usr") > 1] == []


@pytest.mark.parametrize(
    "entries",
    [
        [file("../../evil", b"x")],
        [hard_link("e", "../../etc/passwd")],
        [link("up", "../../.."), file("up/evil", b"x"), hard_link("out", "up/../../../etc/passwd")],
    ],
    ids=["climbs", "links out", "links out through a link"],
)
def test_what_leads_outside_is_refused_by_name(
    clean: Any, own: Any, base: list[bytes], entries: list[Entry]
) -> None:  # R41
    image = load(clean, base, entries, name="ipyc-layer:hostile")
    with pytest.raises(Exception, match="in a layer") as caught:
        clean.containers.create(image, "true")
    assert getattr(caught.value, "status_code", 0) == 400
    assert not list(own.data.parent.rglob("evil"))
    assert not Path("/evil").exists()


def test_hard_links_cross_layers(clean: Any, base: list[bytes]) -> None:  # R42
    first = [file("A", b"x"), hard_link("Z", "A"), file("a", b"x"), file("abc", b"1")]
    first += [hard_link("lnk", "abc"), file("bin/git", b"g"), folder("core")]
    first += [hard_link("core/git", "bin/git")]
    second = [file(".wh.A"), file("def", b"2"), hard_link("lnk", "def")]
    second += [link("bin/git", "../core/git")]
    image = load(clean, base, first, second, name="ipyc-layer:linked")
    script = (
        "cat Z; test -e A || echo -; cat abc lnk def bin/git core/git; test lnk -ef def && echo ="
    )
    expected = b"x-\n122gg=\n"
    assert shell(clean, image, script) == expected
    content = b"".join(image.save())
    clean.images.remove(image.id, force=True)
    (again,) = clean.images.load(content)
    assert shell(clean, again, script) == expected


def test_a_link_to_a_file_of_a_lower_layer(clean: Any, base: list[bytes]) -> None:  # R42
    first = [file("a", b"x", uid=3, mode=0o4755), folder("d"), file("d/c", b"y")]
    second = [hard_link("b", "a"), hard_link("d/e", "d/c")]
    image = load(clean, base, first, second, name="ipyc-layer:below")
    assert shell(clean, image, "cat a b d/e; stat -c %a d") == b"xxy755\n"
    assert exported(clean, image)["b"][1:3] == (0o4755, (3, 0))
    broken = load(clean, base, [hard_link("b", "never")], name="ipyc-layer:broken")
    with pytest.raises(Exception, match="links to no file"):
        clean.containers.create(broken, "true")


def test_names_are_bytes(clean: Any, base: list[bytes]) -> None:  # R45
    written = io.BytesIO()
    with tarfile.open(
        fileobj=written, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape"
    ) as archive:
        for name, content in (("caf\udce9", b"1"), ("a\nb", b"2"), ("n/" + 150 * "y", b"3")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    layers = (written.getvalue(), [file("Raíz.pem", b"4")])
    image = load(clean, base, [file("etc/c", b"a")], *layers, name="ipyc-layer:names")
    script = r"cat /etc/c $(printf 'caf\351') 'a" + "\n" + "b' /n/y* Raíz.pem"
    assert shell(clean, image, script) == b"a1234"
    listing = exported(clean, image)
    assert {"caf\udce9", "a\nb", "n/" + 150 * "y", "Raíz.pem"} <= set(listing)
    script = r"echo 5 >$(printf 'caf\352'); rm $(printf 'caf\351')"
    container = clean.containers.run(image, ["sh", "-c", script], detach=True)
    container.wait()
    committed = exported(clean, container.commit("ipyc-layer", "names2"))
    assert "caf\udcea" in committed
    assert "caf\udce9" not in committed


def test_a_whiteout_without_a_name_is_refused(clean: Any, base: list[bytes]) -> None:  # R45
    image = load(clean, base, [file("etc/c", b"a")], [file(".wh.")], name="ipyc-layer:nameless")
    with pytest.raises(Exception, match=r"'\.wh\.' in a layer hides no file"):
        clean.containers.create(image, "true")


def test_one_layer_twice(clean: Any, base: list[bytes]) -> None:  # hpc/charliecloud#1568
    same, between = [file("f", b"1")], [file("f", b"2"), file("g", b"3")]
    image = load(clean, base, same, between, same, name="ipyc-layer:twice")
    assert len(image.attrs["RootFS"]["Layers"]) == len(base) + 3
    assert shell(clean, image, "cat f g") == b"13"
    with tarfile.open(fileobj=io.BytesIO(b"".join(image.save()))) as archive:
        names = archive.getnames()
    assert len(names) == len(set(names))


def test_a_dangling_resolv_conf(clean: Any, base: list[bytes]) -> None:  # hpc/charliecloud#1015
    dangling = link("etc/resolv.conf", "../run/x/resolv.conf")
    image = load(clean, base, [dangling], name="ipyc-layer:dangling")
    container = clean.containers.run(image, ["cat", "/etc/resolv.conf"], detach=True)
    assert container.wait()["StatusCode"] == 0
    assert container.logs() == Path("/etc/resolv.conf").read_bytes()
    committed = container.commit("ipyc-layer", "dangling2")
    assert committed.attrs["RootFS"] == image.attrs["RootFS"]


def test_whiteouts_hide_what_is_below(clean: Any, base: list[bytes]) -> None:
    below = [folder("d"), file("d/a"), file("d/b"), folder("o"), file("o/a"), file("file")]
    above = [file("d/.wh.a"), file("o/.wh..wh..opq"), file("o/new"), file(".wh.file")]
    above += [file(".wh.never-there")]
    image = load(clean, base, below, above, name="ipyc-layer:whiteouts")
    assert shell(clean, image, "cd /; ls d o; test -e file || echo gone") == (
        b"d:\nb\n\no:\nnew\ngone\n"
    )
    # The opaque folder is made by the container this time, and taken back in the next layer.
    script = "rm -r /o /d/b; mkdir /o; echo 1 >/o/other"
    container = clean.containers.run(image, ["sh", "-c", script], detach=True)
    container.wait()
    again = container.commit("ipyc-layer", "whiteouts2")
    assert shell(clean, again, "ls /d; ls /o") == b"other\n"


@pytest.mark.parametrize("launcher", ["bubblewrap", "ptrace"])
def test_a_hundred_and_twenty_layers(launcher: str) -> None:  # moby/moby#26380
    """In a place whose path is long, so that 120 of them are more than the options of a mount."""
    with embedded.running(launcher, name="d" * 60) as engine:
        recipes.ensure(engine.client, "busybox")
        content = b"".join(engine.client.images.get(BUSYBOX).save())
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            found = archive.extractfile(json.loads(_read(archive, "manifest.json"))[0]["Layers"][0])
            assert found
            base = [found.read()]
        numbered = [[file(f"f/{number}"), file("last", b"%d" % number)] for number in range(119)]
        numbered.append([file("f/.wh.7"), file("f/own", b"x", uid=5)])
        image = load(engine.client, base, *numbered, name="ipyc-layer:many")
        assert shell(engine.client, image, "ls /f | wc -l; cat /last") == b"119\n118"
        container = engine.client.containers.run(image, ["sh", "-c", "rm /f/8"], detach=True)
        container.wait()
        assert not (launcher == "bubblewrap" and list(engine.data.glob("containers/*/root")))
        listing = tar_listing(b"".join(container.get_archive("/f")[0]))
        assert listing["f/own"][2] == (5, 0)
        assert not {"f/7", "f/8"} & set(listing)
        container.remove()
        engine.client.images.remove(image.id, force=True)
        assert wait_for(lambda: not list(engine.data.glob("layers/stack-*")))


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    assert found
    return found.read()


def test_layers_without_a_record_are_used(clean: Any, own: Any, base: list[bytes]) -> None:
    """As in a data directory of the version before."""
    image = load(clean, base, [file("mine", b"x", uid=9)], name="ipyc-layer:old")
    clean.containers.create(image, "true").remove()
    records = [*own.data.glob("layers/*.json"), *own.data.glob("roots/*.json")]
    assert records
    for record in records:
        record.unlink()
    assert exported(clean, image)["mine"][2] == (0, 0)
    container = clean.containers.run(image, ["cat", "/mine"], detach=True)
    container.wait()
    assert container.logs() == b"x"
    assert container.commit().id


def test_records_go_with_their_layers(clean: Any, own: Any, base: list[bytes]) -> None:
    image = load(clean, base, [file("mine2", b"x", uid=9)], name="ipyc-layer:gone")
    clean.containers.create(image, "true").remove()
    before = {path.name for path in own.data.glob("*/*.json")}
    clean.images.remove(image.id, force=True)
    kind = "roots" if own.launcher == "ptrace" else "layers"
    left = {path.name.removesuffix(".json") for path in (own.data / kind).iterdir()}
    assert {path.name for path in own.data.glob("*/*.json")} < before
    assert all((own.data / kind / name).is_dir() for name in left)


def test_a_copy_is_committed_though_its_images_root_is_gone(traced_own: Any) -> None:
    """As an engine of the version before swept it away."""
    docker = traced_own.client
    container = docker.containers.run(BUSYBOX, ["sh", "-c", "echo 1 >/mine"], detach=True)
    container.wait()
    for root in traced_own.data.glob("roots/*"):
        clearing.remove(root)
    image = container.commit("ipyc-layer", "rootless")
    assert shell(docker, image, "cat /mine") == b"1\n"


@pytest.fixture
def traced_own() -> Iterator[Any]:
    with embedded.running("ptrace") as engine:
        recipes.ensure(engine.client, "busybox")
        yield engine


CASES: dict[str, list[list[Entry]]] = {
    "whiteouts": [
        [folder("d"), file("d/a"), file("d/b"), folder("o"), file("o/a"), file("file")],
        [file("d/.wh.a"), file("o/.wh..wh..opq"), file("o/new"), file(".wh.file"), file(".wh.no")],
    ],
    "links": [
        [file("A", b"x"), hard_link("Z", "A"), file("abc", b"1"), hard_link("lnk", "abc")],
        [file(".wh.A"), file("def", b"2"), hard_link("lnk", "def"), link("l", "/abs")],
    ],
    "kinds": [
        [
            file("was-file", b"1"),
            folder("was-folder"),
            file("was-folder/in"),
            link("was-link", "d"),
        ],
        [folder("was-file"), file("was-file/in"), file("was-folder", b"2"), folder("was-link")],
    ],
    "owners": [
        [file("su", mode=0o4755, uid=1000), folder("r", mode=0o2770, gid=42), file("no", mode=0)],
        [folder("r", mode=0o2770, gid=42), file("r/in", uid=7), folder("sticky", mode=0o1777)],
    ],
    "names": [[file("caf\udce9", b"1"), file("a\nb"), file("n/" + 150 * "y"), file("Raíz.pem")]],
    "absolute": [[folder("./"), folder("/usr/"), file("/usr/a", b"1"), hard_link("h", "/usr/a")]],
}


def test_layers_are_what_dockerd_takes_them_for(clean: Any, engine: Any) -> None:
    for name, layers in CASES.items():
        made = Made([tar(*layer) for layer in layers])
        listings = []
        for docker in (engine.docker, clean):
            (image,) = docker.images.load(image_archive(made, [f"ipyc-case:{name}"]))
            container = docker.containers.create(image.id, "x")
            listing = tar_listing(b"".join(container.export()))
            container.remove()
            docker.images.remove(image.id, force=True)
            made_here = ("dev", "etc", "proc", "sys", ".dockerenv")
            kept = {
                key: told for key, told in listing.items() if key.split("/")[0] not in made_here
            }
            # Which of two names comes first, and so is the link, is each one's own affair.
            linked = {told[3] for told in kept.values() if told[0] == tarfile.LNKTYPE}
            kept = {
                key: "linked" if key in linked or told[0] == tarfile.LNKTYPE else told
                for key, told in kept.items()
            }
            listings.append(kept)
        assert listings[1] == listings[0], name


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
@pytest.mark.parametrize("launcher", ["bubblewrap", "ptrace"])
def test_a_layer_that_would_fill_the_disk(launcher: str) -> None:
    room = ("-t", "tmpfs", "-o", "size=48m,uid=1000,gid=1000,mode=700", "tmpfs")
    with embedded.running(launcher, mounted=room) as engine:
        docker = engine.client
        large = Made([tar(file("zeros", bytes(100 << 20)))], compress=True)
        docker.images.load(image_archive(large, ["ipyc-large:1"]))
        with pytest.raises(Exception, match="no space left on device") as caught:
            docker.containers.create("ipyc-large:1", "x")
        assert getattr(caught.value, "status_code", 0) == 500
        assert docker.containers.list(all=True, ignore_removed=True) == []
        small = Made([tar(file("small"))])
        docker.images.load(image_archive(small, ["ipyc-small:1"]))
        assert docker.containers.create("ipyc-small:1", "x").id
