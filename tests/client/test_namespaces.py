"""Namespaces of an engine that another user asks, or that ssh reaches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import images as recipes
import pytest
from sleeping import inodes, started

from ipycontainers.client import Candidate, Connection, Tls, connect, open_candidate
from ipycontainers.namespaces import ASKED, DECLARED, MEASURED
from ipycontainers.widgets.inspection import Inspection

LOOKED = """
import json, sys
from ipycontainers.client import connect
from ipycontainers.widgets.inspection import Inspection
from ipycontainers.widgets.processes import data_of
with connect(sys.argv[1]) as connection:
    look = Inspection(connection)
    print(json.dumps([look.namespaces([sys.argv[2]]), data_of(look.processes(sys.argv[2]))]))
"""


@pytest.fixture
def sleeping(engine: Connection, images: Any) -> Iterator[str]:
    """The id of a container."""
    made = engine.create({"Image": images.busybox, "Cmd": ["sh", "-c", "sleep 300 & wait"]})
    engine.start(made.id)
    yield made.id
    engine.remove(made.id)


def test_a_user_in_the_sockets_group_is_told_what_was_asked_inside(
    as_user: Callable[..., list[str]], engine: Connection, sleeping: str, tmp_path: Path
) -> None:
    """Who is not root may not look at /proc/PID/ns of root's: no error, and no guess."""
    socket = engine.candidate.address
    words = as_user(sys.executable, "-c", LOOKED, socket, sleeping)
    group = Path(socket.removeprefix("unix://")).stat().st_gid
    words[words.index("--clear-groups")] = f"--groups={group}"
    environ = {**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    del environ["DOCKER_CONFIG"]
    said = subprocess.check_output(words, text=True, env=environ, cwd=Path(__file__).parents[2])
    data, running = json.loads(said)
    (one,) = data["containers"]
    assert {kind: it["inode"] for kind, it in one["namespaces"].items()} == inodes(one["pid"])
    assert {it["source"] for it in one["namespaces"].values()} == {ASKED}
    assert one["same_kernel"] == "boot id and control group"
    # These everybody may read.
    public = {one[name]["source"] for name in ("mounts", "capabilities", "limits", "uid_map")}
    assert public == {MEASURED}
    assert running["source"] == MEASURED
    first = running["processes"][0]
    assert (first["inside"], first["outside"]) == (1, one["pid"])


def test_over_ssh_the_same_kernel_is_proven(ssh_engine: Callable[..., str], sleeping: str) -> None:
    """The engine behind ssh is on this machine here, which its boot id shows."""
    with connect(ssh_engine()) as connection:
        (one,) = Inspection(connection).namespaces([sleeping])["containers"]
    assert one["same_kernel"] == "boot id and control group"
    assert {it["source"] for it in one["namespaces"].values()} == {MEASURED}


def test_the_network_of_an_engine_elsewhere_is_neither_the_hosts_nor_its_own(
    tls_engine: str, tls: Tls, images: Any
) -> None:
    """--network host of an engine that has another network than this program: that engine's."""
    with (
        open_candidate(Candidate("test", tls_engine, True, tls)) as connection,
        ExitStack() as opened,
    ):
        host = {"NetworkMode": "host"}
        names = [started(opened, connection, images.busybox, name, host=host) for name in "ab"]
        look = Inspection(connection)
        for name in names:
            (one,) = look.namespaces([name])["containers"]
            assert one["namespaces"]["net"]["shared_with"] == "containers"
        connection.remove(names[1])
        (one,) = look.namespaces(names[:1])["containers"]
    net = one["namespaces"]["net"]
    assert (net["own"], net["shared_with"], net["others"]) == (False, "engine", [])
    assert (net["source"], one["same_kernel"]) == (MEASURED, "boot id and control group")


def test_over_ssh_what_cannot_be_asked_is_declared(
    ssh_engine: Callable[..., str], engine: Connection, images: Any
) -> None:
    """Without a shell nothing tells the boot id: the pid may be that of another machine."""
    words = ["/bin/awk", "{ print }"]  # it waits for input
    made = engine.create({"Image": images.noshell, "Cmd": words, "OpenStdin": True})
    try:
        engine.start(made.id)
        with connect(ssh_engine()) as connection:
            (one,) = Inspection(connection).namespaces([made.id])["containers"]
            running = Inspection(connection).processes(made.id)
    finally:
        engine.remove(made.id)
    assert one["same_kernel"] is None
    assert {it["source"] for it in one["namespaces"].values()} <= {DECLARED, None}
    assert {it["inode"] for it in one["namespaces"].values()} == {None}
    assert (running.source, [it.command for it in running.found]) == (DECLARED, [" ".join(words)])


@pytest.mark.podman
def test_an_ordinary_users_own_podman_is_measured(
    as_user: Callable[..., list[str]], podman_rootless: str, tmp_path: Path
) -> None:
    """Root of these containers is that user, who may look at their processes."""
    with connect(podman_rootless) as connection:
        image = f"localhost/{recipes.ensure(connection.docker, 'busybox')}"
        config = {"Image": image, "Cmd": ["sleep", "300"], "HostConfig": {"NetworkMode": "none"}}
        made = connection.create(config)
        try:
            connection.start(made.id)
            words = as_user(sys.executable, "-c", LOOKED, podman_rootless, made.id)
            environ = {**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
            del environ["DOCKER_CONFIG"]
            root = Path(__file__).parents[2]
            said = subprocess.check_output(words, text=True, env=environ, cwd=root)
            data, running = json.loads(said)
            (one,) = data["containers"]
            assert {it["source"] for it in one["namespaces"].values()} == {MEASURED}
            found = {kind: it["inode"] for kind, it in one["namespaces"].items()}
            assert found == inodes(one["pid"])
            assert one["namespaces"]["user"]["shared_with"] == "engine"
            assert (one["uid_map"]["rows"][0]["inside"], running["source"]) == (0, MEASURED)
            assert running["processes"][0]["inside"] == 1
        finally:
            connection.remove(made.id)
