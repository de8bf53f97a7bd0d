"""What notebook 07 measures, and its checks from the wrong attempts to the right one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ipycontainers.course import lab as module
from ipycontainers.course import lesson
from ipycontainers.course.lab import Lab
from ipycontainers.layers import read
from ipycontainers.oci.changes import FILE

Answered = Callable[[str], tuple[str, str]]
Build = Callable[..., Any]
BASE = "FROM ipyc/toolbox:1\nWORKDIR /work\n"
WRITE, COUNT = "head -c 5000000 /dev/zero > big", "wc -c < big > size"
SLOW = "RUN head -c 8 /dev/urandom | md5sum > /slow\n"
VERSION = 'RUN echo "$VERSION" > /version\n'
FROM, ARG = "FROM ipyc/toolbox:1\n", "ARG VERSION\n"


@pytest.fixture
def build(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """build("ipyc/07-one", "FROM …", VERSION="1"); all are gone after the test."""
    monkeypatch.setattr(module.Lab, "here", lambda **_: lab)
    docker: Any = lab.engine.docker
    made: set[str] = set()

    def make(tag: str, text: str, **arguments: str) -> Any:
        file = io.BytesIO(text.encode())
        image, _ = docker.images.build(fileobj=file, tag=tag, buildargs=arguments, rm=True)
        made.add(image.id)
        return image

    yield make
    module.remove("07")
    for one in docker.api.images(filters={"dangling": True}):
        if one["Id"] in made:  # it lost its name to the next attempt
            docker.images.remove(one["Id"], force=True)


# --- what is measured -------------------------------------------------------------------------


def test_rows_layers_and_the_deleted_file_are_what_the_engine_gives(lab: Lab) -> None:
    is_right = lesson.lesson("07").expectation_of
    docker: Any = lab.engine.docker
    rows = docker.api.history("ipyc/layers:1")
    layers = lab.engine.inspect_image("ipyc/layers:1")["RootFS"]["Layers"]
    assert is_right["07-layers"](lab, [len(rows), len(layers)])
    assert not is_right["07-layers"](lab, [9, 9])
    toolbox = docker.api.history("ipyc/toolbox:1")
    more = (sum(row["Size"] for row in rows) - sum(row["Size"] for row in toolbox)) / 1e6
    assert is_right["07-rm"](lab, round(more, 1))
    assert not is_right["07-rm"](lab, 0.0)


def test_one_file_is_enough(lab: Lab, build: Build) -> None:
    is_right = lesson.lesson("07").expectation_of["C22"]
    build(
        "ipyc/07-one",
        "FROM scratch\nCOPY --from=ipyc/toolbox:1 /bin/busybox /bin/busybox\n"
        'CMD ["/bin/busybox", "echo", "one file, and it runs"]\n',
    )
    docker: Any = lab.engine.docker
    said = docker.containers.run("ipyc/07-one", remove=True).decode()
    contents = read(lab.engine, "ipyc/07-one")
    files = [one for layer in contents.files for one in layer if one.kind == FILE]
    assert is_right(lab, [len(files), said])
    assert not is_right(lab, [2, said])
    assert not is_right(lab, [1, ""])


def test_tools_may_be_lacking_on_the_host_and_modules_in_the_image(lab: Lab) -> None:
    is_right = lesson.lesson("07").expectation_of["C23"]
    assert is_right(lab, [True, "none"])
    assert not is_right(lab, [False, "none"])
    assert not is_right(lab, [True, "6.1.0"])


# --- 07-smaller -------------------------------------------------------------------------------


def test_an_image_that_is_not_there_is_not_started(answered: Answered) -> None:
    assert answered("07-smaller") == ("not started", "not-started")
    assert answered("07-cache") == ("not started", "not-started")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (f"RUN {WRITE}\nRUN {COUNT}\n", ("keep working", "visible")),
        (f"RUN {WRITE}\nRUN {COUNT}\nRUN rm big\n", ("almost", "hidden")),
        (f"RUN {WRITE} && rm big\n", ("keep working", "lost")),
        ("RUN echo five > size\n", ("keep working", "text")),
        (f"RUN {WRITE} && {COUNT} && mv big other\n", ("keep working", "large")),
        (f"RUN {WRITE} && {COUNT} && rm big && touch trace\n", ("almost", "more")),
        (f"RUN {WRITE} && {COUNT} && rm big\n", ("correct", "correct")),
    ],
)
def test_the_smaller_image_is_known_by_its_files_and_bytes(
    build: Build, answered: Answered, steps: str, expected: tuple[str, str]
) -> None:
    build("ipyc/07-smaller", BASE + steps)
    assert answered("07-smaller") == expected


def test_another_way_to_the_smaller_image_is_as_good(build: Build, answered: Answered) -> None:
    build("ipyc/07-big", BASE + f"RUN {WRITE} && {COUNT}\n")
    build("ipyc/07-smaller", f"{FROM}COPY --from=ipyc/07-big /work/size /work/size\n")
    assert answered("07-smaller") == ("correct", "correct")


# --- 07-cache ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "versions", "expected"),
    [
        (FROM + ARG + SLOW + VERSION, ["1", "2"], ("keep working", "again")),
        (FROM + SLOW + ARG + VERSION, ["1", "1"], ("keep working", "same-version")),
        (FROM + SLOW + VERSION, ["1", "2"], ("keep working", "no-version")),
        (FROM + ARG + VERSION, ["1", "2"], ("keep working", "no-slow")),
        (FROM + SLOW + ARG + VERSION, ["1"], ("keep working", "second")),
        (FROM + SLOW + ARG + VERSION, ["1", "2"], ("correct", "correct")),
    ],
)
def test_the_cache_is_known_by_the_layer_that_two_builds_share(
    build: Build, answered: Answered, text: str, versions: list[str], expected: tuple[str, str]
) -> None:
    for tag, version in zip(["ipyc/07-first", "ipyc/07-second"], versions, strict=False):
        build(tag, text, VERSION=version)
    assert answered("07-cache") == expected
