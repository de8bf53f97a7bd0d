"""What notebook 02 measures, and its checks from the wrong attempts to the right one."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipycontainers.course import evidence, lesson
from ipycontainers.course import lab as module
from ipycontainers.course.lab import Lab
from ipycontainers.course.progress import Progress
from ipycontainers.errors import NotFound

Answered = Callable[[str], tuple[str, str]]
BUILT = "ipyc/02-small:latest"
COMMAND = ["httpd", "-f", "-p", "8088", "-h", "/www"]


@pytest.fixture
def archive(lab: Lab, tmp_path: Path) -> Iterator[tarfile.TarFile]:
    saved = tmp_path / "saved.tar"
    with saved.open("wb") as file, lab.engine.save_image("ipyc/layers:1") as stream:
        file.writelines(stream.pieces())
    with tarfile.open(saved) as opened:
        yield opened


@pytest.fixture
def build(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """build("FROM …") makes ipyc/02-small; it is gone after the test, by the course's remove."""
    monkeypatch.setattr(module.Lab, "here", lambda **_: lab)
    docker: Any = lab.engine.docker
    made: set[str] = set()

    def make(text: str) -> None:
        image, _ = docker.images.build(fileobj=io.BytesIO(text.encode()), tag=BUILT, rm=True)
        made.add(image.id)

    yield make
    last = lab.engine.inspect_image(BUILT)["Id"]
    module.remove("02-small")
    for one in made - {last}:  # those that lost their name
        docker.images.remove(one, force=True)
    with pytest.raises(NotFound):
        lab.engine.inspect_image(BUILT)


def read(archive: tarfile.TarFile, name: str) -> Any:
    file = archive.extractfile(name)
    assert file
    return json.load(file)


def listed(archive: tarfile.TarFile, layer: str) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=archive.extractfile(layer)) as opened:
        return opened.getmembers()


# --- what is measured -------------------------------------------------------------------------


def test_what_a_saved_image_says_is_what_the_engine_gives(
    lab: Lab, archive: tarfile.TarFile
) -> None:
    is_right = lesson.lesson("02").expectation_of
    manifest = read(archive, "manifest.json")[0]
    files = [file for layer in manifest["Layers"] for file in listed(archive, layer)]
    size = round(sum(file.size for file in files) / 1e6, 1)
    assert is_right["C1"](lab, size)
    assert not is_right["C1"](lab, size - 0.2)
    assert not is_right["C1"](lab, size + 0.2)
    assert not is_right["C1"](lab, "small")
    assert is_right["C3"](lab, read(archive, manifest["Config"])["config"]["Cmd"])
    assert not is_right["C3"](lab, ["/bin/sh"])
    assert is_right["C6"](lab, len([file for file in files if file.name.startswith("etc")]))
    assert not is_right["C6"](lab, 1)


def test_what_a_container_has_beside_its_image_is_what_the_engine_gives(
    lab: Lab, attempt: Any
) -> None:
    is_right = lesson.lesson("02").expectation_of
    container = lab.engine.inspect(attempt("t02-root", "echo /*"))
    added = sorted(set(evidence.printed(lab, container).split()) - {"/bin", "/tmp"})
    assert is_right["C2"](lab, added)
    assert not is_right["C2"](lab, added[1:])
    assert not is_right["C2"](lab, [*added, "/usr"])


def test_a_program_without_its_loader_is_not_found(lab: Lab, attempt: Any) -> None:
    is_right, answers = lesson.lesson("02").expectation_of, lesson.lesson("02").right_of
    made = attempt(
        "t02-ls", "./ls || exit $?", wait=False, volumes=["/bin:/hosts"], working_dir="/hosts"
    )
    code = lab.engine.wait(made)
    assert is_right["C4"](lab, code)
    assert not is_right["C4"](lab, 1 if code else 127)
    assert answers["02-ls"](lab) == (1 if code else 0)


def test_variables_are_the_images_and_those_that_were_given(
    lab: Lab, attempt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_right = lesson.lesson("02").expectation_of["C5"]
    monkeypatch.setenv("SECRET", "of the host")
    script = "echo ${NAME} ${SECRET:-absent}"
    containers = [
        attempt("t02-env", script),
        attempt("t02-env", script, environment={"NAME": "learner"}),
    ]
    (default, _), (name, secret) = (
        evidence.printed(lab, lab.engine.inspect(one)).split() for one in containers
    )
    assert is_right(lab, [default, name, secret])
    assert not is_right(lab, [default, name, "of the host"])
    assert not is_right(lab, ["World", "World", "absent"])


# --- 02-command -------------------------------------------------------------------------------


def test_nothing_handed_in_is_not_started(answered: Answered, progress: Progress) -> None:
    assert progress.of("answers") == {}
    assert answered("02-command") == ("not started", "not-started")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (COMMAND, ("correct", "correct")),
        (" ".join(COMMAND), ("correct", "correct")),
        (json.dumps(COMMAND), ("correct", "correct")),
        ("[httpd -f -p 8088 -h /www]", ("correct", "correct")),
        ("httpd", ("almost", "part")),
        ("httpd -f -p 8088", ("almost", "part")),
        ("httpd -f -h /www -p 8088", ("almost", "order")),
        (
            '/bin/sh -c #(nop)  CMD ["httpd", "-f", "-p", "8088", "-h", "/www"]',
            ("almost", "history"),
        ),
        ("/bin/sh", ("keep working", "other-image")),
        (["/work/app.sh"], ("keep working", "other-image")),
        ("8088", ("keep working", "other")),
        ("", ("keep working", "other")),
        ('httpd "-f', ("keep working", "other")),
        (7, ("keep working", "other")),
    ],
)
def test_the_command_is_known_however_it_is_written(
    answered: Answered, progress: Progress, given: object, expected: tuple[str, str]
) -> None:
    progress.keep("answers", "02-command", given)
    assert answered("02-command") == expected


# --- 02-small ---------------------------------------------------------------------------------


def test_the_small_image_is_looked_for_by_its_name(answered: Answered, lab: Lab) -> None:
    assert answered("02-small") == ("not started", "not-started")


def test_the_small_image_from_the_wrong_attempts_to_the_right_one(
    build: Callable[[str], None], attempt: Any, answered: Answered, lab: Lab
) -> None:
    build('FROM ipyc/layers:1\nCMD ["echo", "small"]\n')
    attempt("02-small", "echo small", image=BUILT)
    assert answered("02-small") == ("keep working", "big")
    build('FROM scratch\nCMD ["echo", "small"]\n')
    assert answered("02-small") == ("keep working", "empty")
    build('FROM ipyc/toolbox:1\nCMD ["echo", "small"]\n')
    assert answered("02-small") == ("almost", "older")
    attempt("02-small", "ech small", image=BUILT)
    assert answered("02-small") == ("keep working", "failed")
    attempt("02-small", "echo tall", image=BUILT)
    assert answered("02-small") == ("almost", "silent")
    attempt("02-small", "echo small", image=BUILT)
    assert answered("02-small") == ("correct", "correct")


def test_an_image_that_was_not_run_is_nearly_done(
    build: Callable[[str], None], answered: Answered
) -> None:
    build('FROM ipyc/toolbox:1\nCMD ["echo", "small"]\n')
    assert answered("02-small") == ("almost", "not-run")
