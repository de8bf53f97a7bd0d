"""What removes images and layers, while and after a build makes some."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from docker.errors import APIError
from embedded import Engine
from engine.build.building import Build, build
from engine.build.test_effects import half_made
from layers import file, folder, tar
from support import wait_for

IMAGE = "ipycontainers-test/busybox"
FROM = f"FROM {IMAGE}\n"


@pytest.mark.parametrize(
    "line", ["COPY --chown=gone f /f", "COPY --chmod=8 f /f", "COPY d /etc/passwd", "RUN false"]
)
def test_a_step_that_fails_leaves_no_files(own: Engine, docker: Any, line: str) -> None:
    made = build(docker, f"{FROM}{line}\n", file("f"), folder("d"), file("d/g"))
    assert made.error
    assert wait_for(lambda: half_made(own) == [])


@contextlib.contextmanager
def removing(docker: Any, removal: Any) -> Iterator[None]:
    """``removal`` again and again, and an image goes each time, so that layers are looked at."""
    over, failed, count = threading.Event(), list[Exception](), [0]

    def work() -> None:
        try:
            while not over.is_set():
                count[0] += 1
                content = tar(file("n", str(count[0]).encode()))
                docker.api.import_image(io.BytesIO(content), repository="test/goes")
                docker.images.remove("test/goes")
                removal()
        except Exception as error:  # noqa: BLE001  # told below
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
        assert wait_for(lambda: failed or count[0] > 1)
    finally:
        over.set()
        thread.join()
    assert not failed


MANY = [folder("d"), *(file(f"d/{number}", b"x") for number in range(600))]
TEXT = f"{FROM}COPY d /d\nRUN echo 1 >/a\nCOPY d/1 /b\nWORKDIR /c\nRUN echo 2 >/e\n"


def check(made: Build) -> None:
    assert made.error is None
    assert {"d/599", "a", "b", "c", "e"} <= set(made.files())


def test_removing_images_takes_nothing_from_a_build(mine: Engine) -> None:
    docker, other = mine.client, mine.client
    with removing(other, lambda: None):
        for _ in range(2):
            check(build(docker, TEXT, *MANY, nocache=1))


def test_pruning_images_takes_none_of_a_build(mine: Engine) -> None:
    """Neither what is made, nor what the cache has, nor what another image was made of."""
    docker, other = mine.client, mine.client

    def prune() -> None:
        other.api.prune_images({"dangling": True})

    with removing(other, prune):
        for number in range(3):
            made = build(docker, TEXT, *MANY, t="test/kept")
            if number % 2:
                check(made)
            assert made.error is None
            with contextlib.suppress(APIError):
                docker.images.remove("test/kept")
