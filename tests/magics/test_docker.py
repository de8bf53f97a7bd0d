"""%docker in a kernel: what is shown, what is assigned, what fails."""

from __future__ import annotations

import contextlib

import docker
import pytest
from support import library, wait_for


@pytest.fixture
def image(images):
    return images.busybox


def test_the_last_line_is_an_output_and_others_are_shown_too(shared_kernel, image):
    shown = shared_kernel.run(f"%docker images {image}\n%docker images -q {image}\n1 + 1")
    assert shown.status == "ok"
    table, two = shown.outputs
    assert table["data"]["text/plain"].startswith("REPOSITORY")
    assert image in table["data"]["text/html"]
    assert two["data"]["text/plain"] == "2"
    assert len(shown.stdout.strip()) == 12
    assert shared_kernel.run("%docker images").data["text/plain"].startswith("REPOSITORY")


def test_a_value_is_assigned_and_nothing_shown(shared_kernel, image):
    shown = shared_kernel.run(
        f"ids = %docker images -q {image}\nrows = %docker images {image}\n"
        f"found = %docker inspect {image}\n"
        f"print(isinstance(ids, list), len(ids[0]), rows[0]['Repository'], "
        f"found[0]['Id'][7:19] == ids[0])"
    )
    assert (shown.status, shown.outputs) == ("ok", [])
    assert shown.stdout == f"True 12 {image} True\n"


def test_braces_of_templates_stay_and_names_are_values(shared_kernel, image):
    shown = shared_kernel.run(
        f"it = '{image}'\nfor one in [it]:\n    %docker inspect -f '{{{{.Os}}}} x' {{one}}"
    )
    assert (shown.status, shown.stdout) == ("ok", "linux x\n")


def test_a_failing_verb_fails_the_cell_in_dockers_words(shared_kernel, image):
    shown = shared_kernel.run(f"%docker inspect -f '{{{{.Os}}}}' {image} nosuch")
    assert (shown.status, shown.stdout) == ("error", "linux\n")
    assert shown.error.traceback == ["Error: No such object: nosuch"]
    assert shared_kernel.run("_exit_code").data["text/plain"] == "1"
    shown = shared_kernel.run("%docker ps --filer a=b")
    assert shown.error.traceback == [
        "unknown flag: --filer",
        "See 'docker ps --help'.",
        "  hint: did you mean --filter?",
    ]
    assert shared_kernel.run("_exit_code").data["text/plain"] == "125"
    shared_kernel.run("%docker ps")
    assert shared_kernel.run("_exit_code").data["text/plain"] == "0"


def test_a_list_is_as_many_words(shared_kernel, image):
    shown = shared_kernel.run(
        f"ids = %docker images -q {image}\nboth, none = [ids[0], '{image}'], []\n"
        "%docker inspect -f '{{.Os}}' {both}\n%docker history {none}"
    )
    assert shown.stdout == "linux\nlinux\n"
    assert '"docker history" requires exactly 1 argument.' in str(shown.error)


@pytest.mark.parametrize("line", ["rm $(docker ps -aq)", "ps | head", "ps > file"])
def test_who_writes_for_a_shell_is_told_what_to_write(shared_kernel, line):
    shown = shared_kernel.run(f"%docker {line}")
    assert "hint: a line of %docker goes to no shell" in str(shown.error.traceback)
    shown = shared_kernel.run("%docker ps --format '{{.Names | nosuch}}'")
    assert "shell" not in str(shown.error.traceback)


def test_much_output_is_cut_and_the_value_is_whole(shared_kernel):
    shared_kernel.run(
        "from ipycontainers.commands import Lines\nmany = Lines(['x' * 100] * 20_000)"
    )
    shown = shared_kernel.run("many")
    assert 500_000 < len(shown.data["text/plain"]) < 600_000
    assert shown.data["text/plain"].endswith("\n… and 14,810 more lines, in the value")
    assert shared_kernel.run("len(str(many))").data["text/plain"] == "2019999"


def test_help(shared_kernel):
    assert "--no-trunc" in shared_kernel.run("%docker ps --help").data["text/plain"]
    assert "%docker VERB" in shared_kernel.inspect("%docker")


def test_a_hostile_label_is_text(shared_kernel, engine, image):
    name = "ipyc-hostile-label"
    label = "<script>alert(1)</script>"
    shared_kernel.run(f"%%container --keep --name {name} --label 'a={label}' {image}\ntrue")
    try:
        form = "table {{.Names}}\\t{{.Labels}}"
        shown = shared_kernel.run(f"%docker ps -a -f name={name} --format '{form}'")
        assert label in shown.data["text/plain"]
        assert "<script>" not in shown.data["text/html"]
    finally:
        engine.docker.containers.get(name).remove()


def test_events_come_until_an_interrupt(shared_kernel, engine, image):
    name = "ipyc-event"
    cell = shared_kernel.submit(f"%docker events -f container={name}")
    client = docker.DockerClient(base_url=engine.candidate.address)
    made = None
    try:

        def happens() -> bool:
            nonlocal made
            if made is None:
                made = client.containers.create(image, "true", name=name)
            made.rename(name + "-2")
            made.rename(name)
            return shared_kernel.pump(lambda: "container rename" in cell.now.stdout, 0.5)

        assert wait_for(happens)
    finally:
        if made is not None:
            made.remove()
        client.close()
        shared_kernel.interrupt()
    shown = cell.result()
    assert (shown.status, shown.error.ename) == ("error", "KeyboardInterrupt")
    assert len(shown.error.traceback) == 1
    assert shared_kernel.run("_exit_code").data["text/plain"] == "130"


def test_stats_change_in_their_place_until_an_interrupt(shared_kernel, engine, image):
    name = "ipyc-stats"
    client = docker.DockerClient(base_url=engine.candidate.address)
    threads = "import threading; print(sorted(one.name for one in threading.enumerate()))"
    made = client.containers.run(image, "sleep 1000", name=name, detach=True)
    try:
        before = shared_kernel.run(threads).stdout
        cell = shared_kernel.submit(
            f"%docker stats --format 'table {{{{.Name}}}} {{{{.PIDs}}}}' {name}"
        )
        assert shared_kernel.pump(lambda: len(cell.now.outputs) > 2, 30)
        shared_kernel.interrupt()
        shown = cell.result()
        assert (shown.status, shown.error.ename) == ("error", "KeyboardInterrupt")
        assert shown.outputs[1]["transient"] == shown.outputs[0]["transient"]
        assert shown.outputs[-1]["data"]["text/plain"].splitlines() == ["NAME PIDS", f"{name} 1"]
        assert shared_kernel.run("_exit_code").data["text/plain"] == "130"
        assert shared_kernel.run(threads).stdout == before
        cell = shared_kernel.submit(f"%docker stats {name}")
        assert shared_kernel.pump(lambda: cell.now.outputs, 30)
        made.remove(force=True)
        assert cell.result().status == "ok"
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            made.remove(force=True)
        client.close()


def test_output_that_comes_by_and_by_is_a_value_too(shared_kernel, image):
    code = "lines = %docker events --since 1 --until 2\nprint(type(lines).__name__, lines)"
    assert shared_kernel.run(code).stdout == "Lines \n"


def test_a_table_is_a_table_of_pandas(shared_kernel, image):
    library("pandas")
    code = f"table = %docker images {image}\nprint(list(table.to_pandas().columns))"
    found = shared_kernel.run(code).stdout
    assert found == "['Repository', 'Tag', 'ID', 'CreatedSince', 'Size']\n"


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("def f():\n    {}\nf()\n1", True),
        ("def f():\n    found = {}\n    return found\nx = f()\n1", False),
        ("if True:\n    {}\n1", True),
        ("import asyncio\n{}\nawait asyncio.sleep(0)\n1", True),
        ("x = {}\nawait asyncio.sleep(0)\n1", False),
        ("%time {}", False),
    ],
)
def test_a_line_shows_where_its_value_is_dropped(shared_kernel, image, code, printed):
    shown = shared_kernel.run(code.format(f"%docker images -q {image}"))
    assert shown.status == "ok", shown.error
    lines = [line for line in shown.stdout.splitlines() if len(line) == 12 and line.isalnum()]
    assert len(lines) == printed
    if code.startswith("%time"):
        assert len(shown.data["text/plain"]) == 12
