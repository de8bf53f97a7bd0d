"""Containers go, however early, on each launcher."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from docker import errors as docker_errors
from embedded import Engine
from layers import Made, file, image_archive, tar
from support import wait_for

IMAGE = "ipycontainers-test/busybox"


def test_one_that_is_being_made_is_whole_before_it_goes(own: Engine) -> None:
    docker = own.client
    for number in range(10):
        with ThreadPoolExecutor(1) as pool:
            name = f"early-{number}"
            making = pool.submit(docker.api.create_container, IMAGE, ["true"], name=name)
            assert wait_for(lambda name=name: _removed(docker, name), every=0)
            assert making.result()["Id"]
    assert docker.api.containers(all=True) == []


def _removed(docker: Any, name: str) -> bool:
    try:
        docker.api.remove_container(name)
    except docker_errors.NotFound:
        return False
    return True


def test_who_asks_while_others_remove_hears_of_no_missing_file(own: Engine) -> None:
    docker = own.client.api
    until = time.monotonic() + 4
    beginning, ending = [_begun, _made, _itself], [_listed, _counted, _pruned, _inspected, _read]
    with ThreadPoolExecutor(len(beginning) + len(ending)) as pool:
        asked = [pool.submit(_again, docker, act, until) for act in (*beginning, *ending)]
        assert all(future.result() for future in asked)  # times that each was done
    assert wait_for(lambda: docker.containers(all=True) == [])


def _again(docker: Any, act: Callable[[Any], None], until: float) -> int:
    """NotFound is an answer, and so is Conflict; a status of 500 is none."""
    times = 0
    while time.monotonic() < until:
        try:
            act(docker)
        except docker_errors.APIError as error:
            if error.response.status_code not in (404, 409):
                raise
        times += 1
    return times


def _begun(docker: Any) -> None:
    made = docker.create_container(IMAGE, ["true"], volumes=["/kept"])
    docker.start(made)
    docker.remove_container(made, force=True, v=True)


def _made(docker: Any) -> None:
    docker.remove_container(docker.create_container(IMAGE, ["true"]))


def _itself(docker: Any) -> None:
    host = docker.create_host_config(auto_remove=True)
    docker.start(docker.create_container(IMAGE, ["true"], host_config=host))


def _listed(docker: Any) -> None:
    docker.containers(all=True)
    docker.containers(all=True, size=True)
    docker.volumes()


def _counted(docker: Any) -> None:
    docker.df()
    docker.info()


def _pruned(docker: Any) -> None:
    docker.prune_containers({"label": "of-none"})
    docker.prune_volumes()


def _inspected(docker: Any) -> None:
    for one in docker.containers(all=True):
        for ask in (docker.inspect_container, docker.diff, docker.logs):
            with contextlib.suppress(docker_errors.NotFound):
                ask(one)


def _read(docker: Any) -> None:
    for one in docker.containers(all=True):
        with contextlib.suppress(docker_errors.NotFound):
            docker.get_archive(one, "/etc/hosts")[0].close()


def test_an_answer_that_cannot_go_on_ends(own: Engine) -> None:
    """Who reads it hears that it is not whole, and does not wait for ever."""
    docker = own.client
    layers = [tar(file(name, bytes(16 << 20))) for name in ("one", "other")]
    docker.images.load(image_archive(Made(layers), ["breaks:1"]))
    pieces = docker.images.get("breaks:1").save(chunk_size=1 << 16)
    next(pieces)
    for blob in (own.data / "oci" / "blobs" / "sha256").iterdir():
        blob.unlink()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for _ in pieces:
            pass


def test_one_whose_files_are_read_can_start(isolated_own: Engine) -> None:
    """Two mounts that write to the same folders fail at times, or lose what is written."""
    docker = isolated_own.client
    made = docker.containers.create(IMAGE, ["sh", "-c", "wc -c < /big; sleep 60"])
    assert made.put_archive("/", tar(file("big", bytes(32 << 20))))
    pieces, _ = made.get_archive("/big")
    next(pieces)
    [reader] = _with_words(MOUNTER, made.id)
    mounted = [line for line in (reader / "mountinfo").read_text().splitlines() if made.id in line]
    assert mounted
    assert [line for line in mounted if "upperdir=" in line] == []
    made.start()
    assert sum(len(piece) for piece in pieces) > 16 << 20
    assert wait_for(lambda: made.logs() == f"{32 << 20}\n".encode())
    made.remove(force=True)


MOUNTER = "overlay.py"


def _with_words(*words: str) -> list[Path]:
    """The folders in /proc of processes whose command has them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_text()
            found += [folder] if all(word in command for word in words) else []
    return found
