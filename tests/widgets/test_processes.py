"""One process, two numbers, on a real engine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel
from sleeping import started
from support import wait_for

from ipycontainers import Namespaces, Processes, answers
from ipycontainers.client import Connection
from ipycontainers.namespaces import ASKED, DECLARED, MEASURED, Process
from ipycontainers.widgets import connection, processes
from ipycontainers.widgets.inspection import Inspection, Running

Start = Callable[..., str]
UNTIL_REMOVED = """
import time
for _ in range(150):
    time.sleep(0.2)
    if "removed" in p.drawing:
        break
"""


@pytest.fixture
def start(engine: Connection, images: Any) -> Iterator[Start]:
    """start("web", Cmd=[…], host={…}) → its name; it is removed at the end."""
    with ExitStack() as opened:
        yield lambda name, **more: started(
            opened, engine, getattr(images, more.pop("image", "busybox")), name, **more
        )


def numbers(pid: int) -> list[int]:
    """Of one process in each pid namespace, from this machine's on."""
    status = Path(f"/proc/{pid}/status").read_text()
    return [int(word) for word in status.partition("NSpid:")[2].split("\n")[0].split()]


def test_each_process_has_the_numbers_that_the_kernel_gives_it(
    start: Start, engine: Connection
) -> None:
    name = start("two")
    looked = Inspection(engine)
    assert wait_for(lambda: len(looked.processes(name).found) == 2)
    data = processes.data_of(looked.processes(name))
    assert data["source"] == MEASURED
    first, child = data["processes"]
    assert first["outside"] == engine.inspect(name)["State"]["Pid"]
    assert [first["depth"], child["depth"]] == [0, 1]
    assert child["command"] == "sleep 300"
    for it in (first, child):
        kernels = numbers(it["outside"])
        assert (kernels[0], kernels[-1]) == (it["outside"], it["inside"])
    is_open = engine.launcher == "ptrace"
    assert (first["inside"] == 1) == (not is_open)
    assert data["one_number"] is is_open
    assert bool(data["why"]) == is_open
    assert data["around"][-1]["pid"] == parent(first["outside"])
    assert json.loads(json.dumps(data)) == data


def parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


def test_what_ends_is_gone_at_the_next_look(start: Start, engine: Connection) -> None:
    name = start("ends", Cmd=["sh", "-c", "sleep 300 & read line; kill $!; sleep 301"])
    looked = Inspection(engine)
    assert wait_for(lambda: len(looked.processes(name).found) >= 1)
    engine.kill(name)
    engine.wait(name)
    gone = looked.processes(name)
    assert (gone.found, gone.status, gone.source) == ((), "exited", None)
    assert "No process runs in it" in processes.drawn(processes.data_of(gone))
    assert processes.summary(processes.data_of(gone)) == f"{name}: no process (exited)"


def test_a_container_that_is_paused_is_seen_too(start: Start, engine: Connection) -> None:
    name = start("held")
    looked = Inspection(engine)
    assert wait_for(lambda: len(looked.processes(name).found) == 2)
    engine.docker.api.pause(name)
    try:
        found = looked.processes(name)
        assert (found.status, found.source, len(found.found)) == ("paused", MEASURED, 2)
    finally:
        engine.docker.api.unpause(name)


def test_an_image_without_a_shell_is_no_error(start: Start, engine: Connection) -> None:
    words = ["/bin/awk", "{ print }"]
    name = start("noshell", image="noshell", Cmd=words, OpenStdin=True)  # it waits for input
    found = Inspection(engine).processes(name)
    assert found.source in (MEASURED, DECLARED)
    assert [it.command for it in found.found] == ["/bin/awk { print }"]


def test_a_shell_that_holds_whoever_asks_is_let_go(
    start: Start, engine: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a container that has put something else before it. What others tell of it stays."""
    held = "mkdir -p /usr/local/sbin; printf '#!/bin/sh\nexec sleep 301\n' >/usr/local/sbin/sh"
    command = f"{held}; chmod +x /usr/local/sbin/sh; exec sleep 300"
    name = start("holds", Cmd=["sh", "-c", command])
    assert wait_for(lambda: "sleep 300" in [it.command for it in answers.top(engine, name)])
    monkeypatch.setattr(answers, "PATIENCE", 1.0)
    (one,) = Inspection(engine).namespaces([name])["containers"]
    assert one["not_asked"] == "its sh has not ended after 1 s"
    found = Inspection(engine, Path("/nonexistent")).processes(name)
    assert (found.source, found.missing) == (DECLARED, "")
    assert "sleep 300" in [it.command for it in found.found]


@pytest.mark.needs("join-pid")
def test_a_joined_namespace_makes_nobody_a_containers_process(
    start: Start, engine: Connection
) -> None:
    """--pid container:X: both see one another, and each has its own."""
    first = start("first")
    second = start("second", Cmd=["sleep", "77"], host={"PidMode": f"container:{first}"})
    looked = Inspection(engine)
    assert wait_for(lambda: len(looked.processes(first).found) == 2)
    assert [it.command for it in looked.processes(second).found] == ["sleep 77"]
    assert looked.processes(second).found[0].inside != 1
    spaces = {one["name"]: one["namespaces"] for one in looked.namespaces([first])["containers"]}
    space = spaces[first]["pid"]
    assert (space["own"], space["shared_with"], space["others"]) == (False, "containers", [second])


def test_an_engine_that_goes_and_comes_back_is_said(
    start: Start, engine: Connection, tmp_path: Path
) -> None:
    """While it is gone nothing is claimed, neither that somebody runs nor that nobody does."""
    name = start("engine")
    path = tmp_path / "engine.sock"
    path.symlink_to(engine.candidate.address.removeprefix("unix://"))
    address = f"unix://{path}"
    widget, spaces = Processes(name, engine=address), Namespaces(name, engine=address)
    path.unlink()
    connection.forget(address)
    widget.look()
    spaces.do("look")
    assert widget.data["processes"] == []
    assert "engine.sock" in widget.data["missing"]
    assert "Who runs in it is not known" in widget.draw()
    assert "No process" not in widget.draw()
    assert 'role="alert"' in spaces.drawing
    path.symlink_to(engine.candidate.address.removeprefix("unix://"))
    widget.look()
    spaces.do("look")
    assert widget.data["missing"] is None
    assert widget.data["processes"]
    assert 'role="alert"' not in spaces.drawing


def test_it_follows_in_a_notebook(kernel: Kernel, start: Start) -> None:
    name = start("live")
    made = kernel.run(f"from ipycontainers import Processes\np = Processes({name!r}); p")
    assert made.error is None, made.error
    assert made.data["text/plain"] == f"Processes({name!r})"
    assert "<pre>sh -c sleep 300 &amp; wait" in made.data["text/html"]
    kernel.run("p._handle_custom_msg({'view': 'opened'}, [])")
    kernel.run(f"from ipycontainers.client import connect\nc = connect(); c.remove({name!r})")
    said = kernel.run(f"{UNTIL_REMOVED}\nprint(p.data['status'], p.summary())").stdout
    assert said == f"removed {name}: no process (removed)\n"
    kernel.run("p.close(); c.close()")


def _running(*found: Process, source: str = MEASURED, **more: Any) -> Running:
    return Running("web", "running", source, found, **more)


SHELL = Process(20, 0, inside=1, outside=20, command="sh -c <b>x</b>", user=1000)
SLEEP = Process(30, 20, inside=7, outside=30, command="sleep 9", user=1000)
SHIM = Process(10, 0, inside=None, outside=10, command="shim")


def test_a_row_is_a_process_and_the_static_form_has_no_numbers() -> None:
    data = processes.data_of(_running(SHELL, SLEEP, around=(SHIM,), shares=False))
    live, static = processes.drawn(data), processes.drawn(data, is_live=False)
    assert "&lt;b&gt;x&lt;/b&gt;" in live
    assert ">Host<" in live
    assert "shim" in live
    assert "<pre>sh -c &lt;b&gt;x&lt;/b&gt;\n└ sleep 9</pre>" in static
    assert not [word for word in ("20", "30", "shim", ">Host<") if word in static]
    assert processes.summary(data) == "web: 2 processes\nsh -c <b>x</b>\n└ sleep 9"


def test_what_a_terminal_would_obey_is_text() -> None:
    data = processes.data_of(_running(Process(1, 0, 1, 20, "sh -c \x1b[2J\nx")))
    line = "sh -c \\x1b[2J\\nx"
    assert processes.summary(data) == f"web: 1 process\n{line}"
    assert f">{line}<" in processes.drawn(data)
    assert data["processes"][0]["command"] == "sh -c \x1b[2J\nx"


def test_who_cannot_be_told_is_not_called_nobody() -> None:
    data = processes.data_of(_running(source=DECLARED, missing="it has no sh"))
    assert processes.summary(data) == "web: not known (it has no sh)"
    for form in (processes.drawn(data), processes.drawn(data, is_live=False)):
        assert "Who runs in it is not known: it has no sh." in form
        assert "No process" not in form


def test_of_many_processes_around_it_the_nearest_are_drawn() -> None:
    around = [Process(n, 0, inside=None, outside=n, command=f"/bin/p{n} x") for n in range(1, 9)]
    data = processes.data_of(_running(SHELL, around=tuple(around), shares=False))
    form = processes.drawn(data)
    assert re.findall(r">(p\d|\d more)<", form) == ["p1", "5 more", "p7", "p8"]
    assert len(data["around"]) == 8


def test_where_nothing_is_measured_it_says_so() -> None:
    asked = Process(1, 0, inside=1, outside=None, command="sh")
    form = processes.drawn(processes.data_of(_running(asked, source=ASKED)))
    assert "asked inside" in form
    assert ">?<" in form
