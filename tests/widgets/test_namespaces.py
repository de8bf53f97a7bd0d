"""Namespaces on a real engine, beside what /proc says of the same processes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import embedded
import images as recipes
import pytest
from kernels import Kernel
from sleeping import inodes, started
from support import require, wait_for

from ipycontainers import answers
from ipycontainers.client import Connection, connect
from ipycontainers.errors import NotFound
from ipycontainers.namespaces import ASKED, DECLARED, MEASURED
from ipycontainers.namespaces.kinds import NAMES
from ipycontainers.widgets import inspection, namespaces
from ipycontainers.widgets.inspection import Inspection

HOSTILE = "<img src=x onerror=alert(1)>"
Start = Callable[..., str]


@pytest.fixture
def start(engine: Connection, images: Any) -> Iterator[Start]:
    """start("web", Cmd=[…], host={…}) → its name; it is removed at the end."""
    with ExitStack() as opened:
        yield lambda name, **more: started(
            opened, engine, getattr(images, more.pop("image", "busybox")), name, **more
        )


def may_read(connection: Connection, name: str) -> bool:
    """Whether this user may look at that container's process."""
    try:
        return bool(inodes(connection.inspect(name)["State"]["Pid"]))
    except PermissionError:
        return False


def test_own_and_shared_are_as_the_kernel_has_them(start: Start, engine: Connection) -> None:
    name = start("one")
    data = Inspection(engine).namespaces([name])
    (one,) = data["containers"]
    spaces = one["namespaces"]
    here = inodes("self")
    assert {kind: it["inode"] for kind, it in data["host"]["namespaces"].items()} == here
    if may_read(engine, name):
        there = inodes(engine.inspect(name)["State"]["Pid"])
        assert {it["source"] for it in spaces.values()} == {MEASURED}
        assert {kind: it["inode"] for kind, it in spaces.items()} == there
    else:
        there = {kind: it["inode"] for kind, it in spaces.items()}
        assert {it["source"] for it in spaces.values()} == {ASKED}
    assert {kind: it["own"] for kind, it in spaces.items()} == {
        kind: there[kind] != here[kind] for kind in NAMES
    }
    assert one["same_kernel"].startswith("boot id and ")
    assert json.loads(json.dumps(data)) == data


def test_who_shares_a_network_is_told_by_name(start: Start, engine: Connection) -> None:
    first = start("first")
    second = start("second", host={"NetworkMode": f"container:{first}"})
    for name, other in ((first, second), (second, first)):
        (one,) = Inspection(engine).namespaces([name])["containers"]
        space = one["namespaces"]["net"]
        assert other in space["others"]
        assert space["own"] is False
        assert space["shared_with"] == ("host" if engine.launcher == "ptrace" else "containers")
    hosts = start("hosts", host={"NetworkMode": "host"})
    data = Inspection(engine).namespaces([hosts])
    assert data["containers"][0]["namespaces"]["net"]["own"] is False
    assert hosts in data["host"]["namespaces"]["net"]["others"]


def test_without_a_name_all_that_run_are_shown(
    start: Start, engine: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {start("every"), start("each")}
    ended = start("ended", Cmd=["true"])
    engine.wait(ended)
    data = Inspection(engine).namespaces([])
    shown = {one["name"] for one in data["containers"]}
    assert names <= shown
    assert ended not in shown
    assert data["host"]["left_out"] == 0
    monkeypatch.setattr(inspection, "MANY", 1)
    data = Inspection(engine).namespaces([])
    assert len(data["containers"]) <= 1  # it may have ended meanwhile
    assert data["host"]["left_out"] >= 1


def test_what_leaks_is_read_inside(
    start: Start, engine: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of one moment, however long another container takes to answer."""
    # A function of the package has the module's name.
    monkeypatch.setattr(sys.modules["ipycontainers.namespaces.compare"], "MOMENT", 2.0)
    late = "printf '#!/bin/sh\nsleep 3; exec /bin/sh \"$@\"\n' >/usr/local/sbin/sh"
    command = f"mkdir -p /usr/local/sbin; {late}; chmod +x /usr/local/sbin/sh; exec sleep 300"
    slow = start("slow", Cmd=["sh", "-c", command])
    assert wait_for(lambda: "sleep 300" in [it.command for it in answers.top(engine, slow)])
    name = start("leaks")
    data = Inspection(engine).namespaces([name, slow, engine.inspect(name)["Id"]])
    assert [one["name"] for one in data["containers"]] == [name, slow]
    for one in data["containers"]:
        assert {key: it["same"] for key, it in one["leaks"].items()} == dict.fromkeys(
            ("MemTotal", "uptime", "boot_id", "kernel_command_line"), True
        )


def test_rights_mounts_and_limits(start: Start, engine: Connection) -> None:
    host = {"CapDrop": ["ALL"], "CapAdd": ["CHOWN"], "Memory": 64 << 20}
    if not engine.launcher:
        host["CpusetCpus"] = "0"
    if engine.launcher == "ptrace":
        host = {}
    (one,) = Inspection(engine).namespaces([start("rights", host=host)])["containers"]
    assert {it["target"] for it in one["mounts"]["rows"]} > {"/proc"}
    limits = {it["name"]: it for it in one["limits"]["rows"]}
    assert limits["memory"]["used"] > 0
    if engine.launcher:
        assert limits["memory"]["limit"] is None
    if engine.launcher != "ptrace":
        assert one["capabilities"]["effective"] == ["CHOWN"]
        assert one["seccomp"]["value"] == "filter"
    if not engine.launcher:
        assert limits["memory"]["limit"] == 64 << 20
        assert limits["processor"]["limit"] == (1 if (os.cpu_count() or 1) > 1 else None)
        assert one["limits"]["source"] == MEASURED


def test_an_image_without_a_shell_is_no_error(start: Start, engine: Connection) -> None:
    words = ["/bin/awk", "{ print }"]
    name = start("noshell", image="noshell", Cmd=words, OpenStdin=True)  # it waits for input
    (one,) = Inspection(engine).namespaces([name])["containers"]
    expected = MEASURED if one["same_kernel"] and may_read(engine, name) else DECLARED
    assert {it["source"] for it in one["namespaces"].values() if it["source"]} == {expected}
    assert {it["source"] for it in one["leaks"].values()} == {None}
    assert (one["status"], one["not_asked"]) == ("running", "it has no sh")


def test_one_that_is_paused_or_has_ended_is_not_asked(start: Start, engine: Connection) -> None:
    name = start("paused")
    engine.docker.api.pause(name)
    (one,) = Inspection(engine).namespaces([name])["containers"]
    assert (one["status"], one["not_asked"]) == ("paused", "it is paused")
    assert one["leaks"]["boot_id"]["source"] is None
    engine.docker.api.unpause(name)
    engine.kill(name)
    engine.wait(name)
    (one,) = Inspection(engine).namespaces([name])["containers"]
    assert {it["source"] for it in one["namespaces"].values()} <= {DECLARED, None}
    assert (one["pid"], one["not_asked"]) == (None, "it has ended")
    # Where nobody has told on which kernel it was, nothing is said of that.
    data = Inspection(engine, Path("/nonexistent")).namespaces([name])
    assert data["host"]["here"] is None
    assert ">1 container<" in namespaces.drawn(data)
    with pytest.raises(NotFound):
        Inspection(engine).namespaces([f"{name}-no-such"])


def test_a_pid_of_another_kernel_is_looked_up_by_nobody(
    start: Start, engine: Connection, tmp_path: Path
) -> None:
    """As with Docker Desktop and ssh://: this machine has another boot id, and somebody else has
    the pid, in a control group and with namespaces that would look right."""
    name = start("far")
    details = engine.inspect(name)
    boot = tmp_path / "sys/kernel/random"
    boot.mkdir(parents=True)
    (boot / "boot_id").write_text("00000000-0000-0000-0000-000000000000\n")
    for pid in ("self", str(details["State"]["Pid"])):
        (tmp_path / pid / "ns").mkdir(parents=True)
        for number, kind in enumerate(NAMES):
            (tmp_path / pid / "ns" / kind).symlink_to(f"{kind}:[{number + 1}]")
        (tmp_path / pid / "cgroup").write_text(f"0::/docker/{details['Id']}\n")
        (tmp_path / pid / "status").write_text("CapEff:\tffff\n")
    data = Inspection(engine, tmp_path).namespaces([name])
    (one,) = data["containers"]
    assert one["same_kernel"] is None
    assert data["host"]["here"] is False
    sources = {it["source"] for it in one["namespaces"].values()}
    assert MEASURED not in sources
    assert ASKED in sources
    assert one["capabilities"]["source"] == ASKED
    assert not {it["inode"] for it in one["namespaces"].values()} & set(range(1, 9))
    running = Inspection(engine, tmp_path).processes(name)
    assert running.source == ASKED
    assert any("sleep" in it.command for it in running.found)


# --- the drawing ---------------------------------------------------------------------------------


def test_the_static_form_is_the_same_for_the_next_container(
    start: Start, engine: Connection
) -> None:
    """nbval compares it: no inode, pid, id or size that is used."""
    forms = []
    for _ in range(2):
        name = start("same")
        data = Inspection(engine).namespaces([name])
        form = str(namespaces.static(data))
        forms.append(form.replace(name, "NAME"))
        details = engine.inspect(name)
        for number in (details["Id"][:12], str(details["State"]["Pid"])):
            assert f">{number}<" not in form
        assert "<button" not in form
    assert forms[0] == forms[1]


def test_what_a_container_says_is_text(start: Start, engine: Connection) -> None:
    mount = f"/{HOSTILE}"
    host = {"Tmpfs": {mount: ""}} if engine.launcher != "ptrace" else {}
    name = start("text", host=host, Cmd=["sh", "-c", f"sleep 300 & wait # {HOSTILE}"])
    data = Inspection(engine).namespaces([name])
    form = str(namespaces.drawn(data))
    assert "<img" not in form
    if host:
        assert "&lt;img src=x" in form


def test_in_a_notebook(kernel: Kernel, start: Start, engine: Connection) -> None:
    name = start("cell")
    made = kernel.run(
        f"from ipycontainers import Namespaces\nn = Namespaces({name!r}); n", watched=True
    )
    assert made.error is None, made.error
    assert made.data["text/plain"] == f"Namespaces({name!r})"
    assert "spaces-doors" in made.data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in made.data
    said = kernel.run("print(n.summary())").stdout
    assert said.startswith(name)
    assert ("shared: pid net mnt uts ipc user cgroup time" in said) == (engine.launcher == "ptrace")
    shape = "print(n.to_pandas().shape, sorted(n.data['containers'][0]['namespaces']['pid']))"
    keys = ["inode", "others", "own", "shared_with", "source"]
    assert kernel.run(shape).stdout == f"(16, 7) {keys}\n"
    missing = kernel.run("Namespaces('no-such-container')")
    assert missing.error
    assert missing.error.ename == "NotFound"


def test_a_session_is_known_by_its_name(kernel: Kernel, images: Any) -> None:
    kernel.run(f"%%container -s lab {images.busybox}\necho begun")
    said = kernel.run("from ipycontainers import Namespaces\nprint(Namespaces('lab').summary())")
    kernel.run("%container stop lab")
    assert said.stdout.startswith("lab  ")


# --- our own engine, and Podman ------------------------------------------------------------------


@pytest.mark.launcher
@pytest.mark.parametrize("launcher", ["bubblewrap", "ptrace"])
def test_on_our_own_engine(launcher: str) -> None:
    """Beside what the kernel says, whatever the launcher promises."""
    require(
        launcher != "ptrace" or shutil.which("proot"), "proot", "no PRoot: apt-get install proot"
    )
    with ExitStack() as opened:
        own = opened.enter_context(embedded.running(launcher))
        connection = opened.enter_context(connect(f"unix://{own.socket}"))
        name = started(opened, connection, recipes.ensure(own.client, "busybox"), "own")
        look = Inspection(connection)
        (one,) = look.namespaces([name])["containers"]
        running = look.processes(name)
        pid = connection.inspect(name)["State"]["Pid"]
        there, here = inodes(pid), inodes("self")
    spaces = one["namespaces"]
    assert {kind: it["inode"] for kind, it in spaces.items()} == there
    assert {kind for kind, it in spaces.items() if it["own"]} == {
        kind for kind in NAMES if there[kind] != here[kind]
    }
    assert {it["source"] for it in spaces.values()} == {MEASURED}
    assert one["same_kernel"] == "boot id and pid namespace"
    first = next(it for it in running.found if it.outside == pid)
    if launcher == "ptrace":
        assert {it["own"] for it in spaces.values()} == {False}
        assert "PRoot makes no namespace" in one["why"]
        assert (first.inside, running.shares) == (pid, True)
    else:
        assert spaces["user"]["own"] is spaces["pid"]["own"] is True
        assert one["why"] is None
        assert one["uid_map"]["rows"][0]["count"] == 1
        assert (first.inside, running.shares) == (1, False)


@pytest.mark.podman
@pytest.mark.parametrize("service", ["podman", "podman_rootless"])
def test_on_podman(service: str, request: pytest.FixtureRequest) -> None:
    with connect(request.getfixturevalue(service)) as connection, ExitStack() as opened:
        image = f"localhost/{recipes.ensure(connection.docker, 'busybox')}"
        host = {"NetworkMode": "none", "Memory": 64 << 20}
        name = started(opened, connection, image, "podman", host=host)
        assert wait_for(lambda: connection.inspect(name)["State"]["Pid"])
        (one,) = Inspection(connection).namespaces([name])["containers"]
        there = inodes(connection.inspect(name)["State"]["Pid"])
        assert {kind: it["inode"] for kind, it in one["namespaces"].items()} == there
        user, memory = one["namespaces"]["user"], one["limits"]["rows"][0]
        if service == "podman_rootless":
            # One for Podman itself and for all its containers. Without groups of their own, of
            # version 2, it limits nothing, and counts what is used in its user's.
            assert (user["own"], user["shared_with"]) == (False, "engine")
            assert one["uid_map"]["rows"][0]["outside"] == 1000
            has_group = one["limits"]["source"] == MEASURED
            assert has_group or (memory["limit"], memory["used"]) == (None, None)
        else:
            assert (user["own"], user["shared_with"]) == (False, "host")
            assert memory["limit"] == 64 << 20
        running = Inspection(connection).processes(name)
        assert running.found[0].inside == 1
        assert any("sleep" in it.command and it.inside != it.outside for it in running.found)
        # As who may not look into /proc is told: asked inside, and by Podman's own top.
        asked = Inspection(connection, Path("/nonexistent")).processes(name)
        assert asked.source == ASKED
        measured = {(it.inside, it.outside) for it in running.found}
        assert {(it.inside, it.outside) for it in asked.found} == measured
