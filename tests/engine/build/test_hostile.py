"""Contexts and steps that were made to harm: nothing but their own files is read or changed."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded import USER, Engine
from engine.build.building import build
from engine.build.test_effects import half_made
from layers import Made, file, folder, image_archive, link, tar
from support import wait_for

FROM = "FROM ipycontainers-test/busybox\n"


@pytest.fixture
def outside(own: Engine) -> Iterator[Path]:
    """The engine's user's own folder, with some files, which stay as they are."""
    place = own.data.parent / f"outside-{secrets.token_hex(4)}"
    (place / "d" / "work").mkdir(parents=True)
    (place / "apt.conf.d").mkdir()
    (place / "apt.conf.d" / "00ipycontainers").touch()  # as the engine calls its own
    (place / "f").write_bytes(b"mine")
    every = [place, *sorted(place.rglob("*"))]
    for path in every:
        os.utime(path, (1, 1))
        path.chmod(0o751)
        if os.getuid() == 0:
            os.chown(path, USER, USER)
    yield place
    assert [place, *sorted(place.rglob("*"))] == every
    for path in every:
        found = path.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o751, 1), path


@pytest.mark.parametrize("plain", [True, False])
def test_a_dockerfile_that_is_hidden_is_one_of_the_context(
    docker: Any, outside: Path, plain: bool
) -> None:
    """As with dockerd, the file goes that a link leads to inside the context."""
    inner = str(outside).lstrip("/")
    entries = [
        *(link("l", str(outside)), file(".dockerignore", b"*\n!keep\n")),
        *(file(f"{inner}/f", b"FROM scratch\nCOPY . /\n"), file("keep", b"k")),
    ]
    if not plain:  # a name that is there twice
        entries.append(file("keep", b"k"))
    made = build(docker, "FROM scratch\n", *entries, dockerfile="l/f")
    assert made.error is None
    files = made.files()
    assert "keep" in files
    assert not {".dockerignore", f"{inner}/f"} & set(files)


def test_a_context_is_removed_without_its_links(docker: Any, outside: Path) -> None:
    for linked in (
        (folder("work"), link("work/work", str(outside))),
        (link("work", str(outside / "d")),),
    ):
        made = build(docker, "FROM scratch\nCOPY . /\n", *linked, link("l", "/x"), file("l/x"))
        assert made.error is None


def test_nothing_is_copied_through_a_link_that_was_copied_before(
    docker: Any, outside: Path
) -> None:
    """The same name is a folder, a file and a link by turns."""
    (was_folder, was_link, was_file) = (
        (folder("a"), folder("a/n"), folder("a/n/work", mode=0o700)),
        (folder("b"), link("b/n", str(outside / "d"))),
        (folder("c"), file("c/n", b"new")),
    )
    entries = (*was_folder, *was_link, *was_file)
    linked = build(docker, f"{FROM}COPY a b /t/\n", *entries)
    assert linked.files()["t/n"][4] == str(outside / "d")
    filed = build(docker, f"{FROM}COPY a b c /t/\n", *entries)
    assert filed.files()["t/n"][:2] == (b"0", "0o644")
    again = build(docker, f"{FROM}COPY b a /t/\n", *entries)
    assert again.files()["t/n/work"][1] == "0o700"


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /etc/apt; ln -s {outside} /etc/apt",
        "rm -rf /etc/apt; touch /etc/apt",
        "rm -rf /etc; ln -s {outside} /etc",
    ],
)
def test_a_step_may_put_anything_in_the_place_of_apt(
    docker: Any, outside: Path, command: str
) -> None:
    known = (folder("apt"), folder("apt/apt.conf.d"), file("apt/apt.conf.d/keep"))
    text = f"{FROM}COPY apt /etc/apt/\nRUN {command.format(outside=outside)}\n"
    made = build(docker, text, *known)
    assert made.error is None
    assert "etc/apt/apt.conf.d/keep" not in made.files()


def test_folders_deeper_than_a_layer_has_them_end_the_build(docker: Any, own: Engine) -> None:
    deep = "i=0; while [ $i -lt 300 ]; do mkdir a; cd a; i=$((i+1)); done"
    for made in (
        build(docker, f"{FROM}RUN {deep}\n"),
        build(docker, f"{FROM}COPY . /d/\n", folder("/".join("a" * 300))),
    ):
        assert "folders deeper than 256" in str(made.error)
    assert wait_for(lambda: half_made(own) == [])
    assert list((own.data / "containers").iterdir()) == []


def test_an_image_from_elsewhere_is_no_cache_whatever_it_says_of_its_parent(docker: Any) -> None:
    base = docker.api.inspect_image("ipycontainers-test/busybox")
    step = "echo of the step >/f"
    said = {**base["Config"], "Cmd": ["/bin/sh", "-c", step]}
    config = {"parent": base["Id"], "config": said, "container_config": said}
    docker.images.load(image_archive(Made([tar(file("f", b"theirs"))], config=config), ["test/it"]))
    made = build(docker, f"{FROM}RUN {step}\n")
    assert made.error is None
    assert "Using cache" not in made.text
    assert "Using cache" in build(docker, f"{FROM}RUN {step}\n").text
    trusted = build(docker, f"{FROM}RUN {step}\n", cachefrom=["test/it"])
    assert trusted.id != made.id
