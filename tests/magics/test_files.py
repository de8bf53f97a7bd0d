"""-v and --here: the notebook's folder in a container, and whose files they are then."""

from __future__ import annotations

import os

import pytest
from docker.errors import APIError
from support import wait_for


def test_here_is_the_notebooks_folder_at_the_same_path(cell, notebook_folder):
    (notebook_folder / "input.txt").write_text("in\n")
    result = cell("busybox", "pwd; cat input.txt; echo out > made.txt", options="--here")
    assert result.stdout == f"{notebook_folder}\nin\n", result.error
    made = notebook_folder / "made.txt"
    assert made.read_text() == "out\n"
    assert (made.stat().st_uid, made.stat().st_gid) == (os.getuid(), os.getgid())
    made.unlink()


def test_relative_and_home_sources(cell, notebook_folder):
    folder = notebook_folder / "data"
    folder.mkdir(exist_ok=True)
    (folder / "a").write_text("1\n")
    assert cell("busybox", "cat /d/a", options="-v ./data:/d").stdout == "1\n"
    assert cell("busybox", "cat /d/a", options="-v data/:/d").stdout == "1\n"
    assert cell("busybox", "ls -d /h", options="-v ~:/h").stdout == "/h\n"


@pytest.mark.needs("read-only")
def test_a_source_that_is_shared_read_only(cell, notebook_folder):
    folder = notebook_folder / "data"
    folder.mkdir(exist_ok=True)
    (folder / "a").write_text("1\n")
    assert cell("busybox", "cat /d/a", options="-v ./data:/d:ro").stdout == "1\n"
    mount = "--mount type=bind,source=./data,target=/d,readonly"
    assert cell("busybox", "cat /d/a; touch /d/b", options=mount).stdout == "1\n"
    assert not (folder / "b").exists()


def test_a_missing_source_names_the_absolute_path_and_makes_nothing(cell, notebook_folder):
    result = cell("busybox", "true", options="-v ./typo:/d")
    assert result.error.ename == "Invalid"
    assert str(notebook_folder / "typo") in result.error.evalue
    assert not (notebook_folder / "typo").exists()


def removed(engine, volume: str) -> bool:
    """Remove a volume, unless a container that is on its way out still has it."""
    try:
        engine.docker.volumes.get(volume).remove()
    except APIError:
        return False
    return True


def test_a_named_volume_keeps_files_between_cells(cell, engine):
    name = f"ipycontainers-test-{os.getpid()}"
    try:
        cell("busybox", "echo kept > /data/f", options=f"-v {name}:/data")
        assert cell("busybox", "cat /data/f", options=f"-v {name}:/data").stdout == "kept\n"
    finally:
        assert wait_for(lambda: removed(engine, name), seconds=5)


def test_a_volume_named_like_a_folder_is_warned_of(cell, engine, notebook_folder):
    name = f"ipycontainers-test-folder-{os.getpid()}"
    (notebook_folder / name).mkdir()
    try:
        result = cell("busybox", "ls /data", options=f"-v {name}:/data")
        assert result.status == "ok"
        assert result.stderr.startswith("warning: ")
        assert f"./{name}" in result.stderr
    finally:
        assert wait_for(lambda: removed(engine, name), seconds=5)


def test_anonymous_volumes_go_with_the_container(shared_kernel, engine, images):
    name = f"ipyc-anonymous-{os.getpid()}"
    body = f"%%container -v /data --name {name} {images.busybox}\necho begin; read line </data/go"
    running = shared_kernel.submit(body.replace("echo", "mkfifo /data/go; echo"))
    running.wait_for("begin")
    container = engine.docker.containers.get(name)
    [volume] = [one["Name"] for one in container.attrs["Mounts"]]
    engine.docker.volumes.get(volume)
    container.exec_run("sh -c 'echo >/data/go'")
    assert running.result().status == "ok"
    assert wait_for(lambda: volume not in engine.list_volumes(), seconds=5)


def test_the_folder_is_the_notebooks_even_after_a_change_of_directory(
    shared_kernel, images, notebook_folder
):
    shared_kernel.run("import os; os.chdir('/')")
    result = shared_kernel.run(f"%%container --here {images.busybox}\npwd")
    shared_kernel.run(f"os.chdir({str(notebook_folder)!r})")
    assert result.stdout == f"{notebook_folder}\n"


def test_the_front_end_may_name_the_notebook(images, kernels, engine, tmp_path):
    folder = tmp_path / "my notebooks"
    folder.mkdir()
    notebook = folder / "analysis.ipynb"
    notebook.write_text("{}")
    kernel = kernels(
        env={"DOCKER_HOST": engine.candidate.address, "JPY_SESSION_NAME": str(notebook)}
    )
    result = kernel.run(f"%%container --here {images.busybox}\npwd")
    assert result.stdout == f"{folder}\n", result.error
    code = f"%%container -d {images.busybox}\nsleep 30"
    made = kernel.run(code).stdout.strip()
    labels = engine.inspect(made)["Config"]["Labels"]
    engine.remove(made)
    assert labels["org.ipycontainers.notebook"] == str(notebook)
