"""The checks of notebook 03, from the wrong attempts to the right one."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipycontainers.course import catalogue, lesson
from ipycontainers.course.lab import Lab
from ipycontainers.course.lessons.n03 import CHANGES, LIFE

Answered = Callable[[str], tuple[str, str]]
BURY = "echo gold > /treasure.txt"
READ = "cat /data/answer || true"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the notebook."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def volume(lab: Lab, attempt: Any) -> Iterator[Callable[[str], str]]:
    """volume("echo 42 > /data/answer") → its name, when a container has run that and is gone."""
    docker: Any = lab.engine.docker
    made: list[Any] = []

    def make(script: str) -> str:
        one = docker.volumes.create(f"test-{uuid.uuid4().hex[:12]}")
        made.append(one)
        docker.containers.run(
            "ipyc/toolbox:1", ["sh", "-c", script], volumes=[f"{one.name}:/data"], remove=True
        )
        return str(one.name)

    yield make
    attempt.remove()  # what has them
    for one in made:
        one.remove(force=True)


# --- what is measured -------------------------------------------------------------------------


def states(lab: Lab) -> list[str]:
    def now() -> str:
        state = lab.engine.inspect(container)["State"]
        return f"{state['Status']}: {'a process' if state['Pid'] else 'no process'}"

    made = lab.engine.create({"Image": "ipyc/toolbox:1", "Cmd": ["sleep", "300"]})
    container = made.id
    try:
        created = now()
        lab.engine.start(container)
        running = now()
        lab.engine.kill(container)
        lab.engine.wait(container)
        return [created, running, now()]
    finally:
        lab.engine.remove(container)


def test_a_container_has_a_process_only_while_it_runs(lab: Lab) -> None:
    is_right = lesson.lesson("03").expectation_of["C8"]
    found = states(lab)
    assert is_right(lab, found)
    assert [int("a process" in one) for one in found] == catalogue.question("03-process").right
    for number, other in enumerate(["created: a process", LIFE[0], "running: a process"]):
        assert not is_right(lab, [*LIFE[:number], other, *LIFE[number + 1 :]])
    assert not is_right(lab, [])


def test_a_container_keeps_its_changes_to_itself(lab: Lab, attempt: Any) -> None:
    is_right = lesson.lesson("03").expectation_of["C7"]
    kinds = "CAD"
    first = attempt("t03", "echo me > /mine; rm /bin/ls")
    second = attempt("t03", "true")

    def changes(container: str) -> list[str]:
        return sorted(f"{kinds[it['Kind']]} {it['Path']}" for it in lab.engine.changes(container))

    images = {lab.engine.inspect(one)["Image"] for one in (first, second)}
    found = {"first": changes(first), "second": changes(second), "images": len(images)}
    assert is_right(lab, found)
    assert catalogue.question("03-two").right == 2
    for wrong in ({"second": ["A /mine"]}, {"first": []}, {"images": 2}):
        assert not is_right(lab, {**CHANGES, **wrong}), wrong


# --- the diver --------------------------------------------------------------------------------


def test_without_a_diver_there_is_nothing_to_recover(answered: Answered) -> None:
    assert answered("03-recover") == ("not started", "no-diver")


def test_a_diver_without_a_treasure_is_made_anew(answered: Answered, attempt: Any) -> None:
    attempt("03-recover", "true")
    assert answered("03-recover") == ("keep working", "no-treasure")


def test_without_a_file_nothing_has_been_recovered(answered: Answered, attempt: Any) -> None:
    attempt("03-recover", BURY)
    assert answered("03-recover") == ("not started", "no-file")
    Path("treasure.txt").mkdir()
    assert answered("03-recover") == ("not started", "no-file")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ("keep working", "empty")),
        (b"\n", ("keep working", "empty")),
        (b"silver\n", ("keep working", "other")),
        (b"gold", ("almost", "blanks")),
        (b" gold\n\n", ("almost", "blanks")),
        (b"gold\n", ("correct", "correct")),
    ],
)
def test_only_the_very_bytes_are_the_treasure(
    answered: Answered, attempt: Any, content: bytes, expected: tuple[str, str]
) -> None:
    attempt("03-recover", BURY)
    Path("treasure.txt").write_bytes(content)
    assert answered("03-recover") == expected


def test_an_archive_is_almost_the_treasure(answered: Answered, attempt: Any, lab: Lab) -> None:
    """As `%docker cp course-diver:/treasure.txt -` writes it."""
    container = attempt("03-recover", BURY)
    with lab.engine.get_archive(container, "/treasure.txt") as download:
        content = b"".join(iter(download.read, b""))
    Path("treasure.txt").write_bytes(content)
    assert answered("03-recover") == ("almost", "archive")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall()
    assert answered("03-recover") == ("correct", "correct")


def test_the_newest_diver_counts(answered: Answered, attempt: Any) -> None:
    attempt("03-recover", BURY)
    Path("treasure.txt").write_bytes(b"gold\n")
    attempt("03-recover", "echo pearls > /treasure.txt")
    assert answered("03-recover") == ("keep working", "other")


# --- my data is gone --------------------------------------------------------------------------


def test_without_a_container_there_is_no_data(answered: Answered) -> None:
    assert answered("03-data") == ("not started", "not-started")


def test_the_next_container_has_not_what_the_first_one_wrote(
    answered: Answered, attempt: Any
) -> None:
    attempt("03-data", "mkdir /data; echo 42 > /data/answer; cat /data/answer")
    assert answered("03-data") == ("keep working", "no-volume")


def test_a_volume_without_a_name_is_another_one_each_time(
    answered: Answered, attempt: Any, lab: Lab
) -> None:
    container = attempt("03-data", "echo 42 > /data/answer; " + READ, volumes=["/data"])
    assert answered("03-data") == ("keep working", "anonymous")
    lab.engine.remove(container)  # with its volume


def test_a_folder_of_the_machine_is_no_volume(
    answered: Answered, attempt: Any, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    attempt("03-data", "echo 42 > /data/answer; " + READ, volumes=[f"{tmp_path}:/data"])
    assert answered("03-data") == ("almost", "folder")


def test_a_volume_at_another_place_has_no_answer(
    answered: Answered, attempt: Any, volume: Callable[[str], str]
) -> None:
    empty = volume("true")
    attempt("03-data", "mkdir /data; echo 42 > /data/answer; " + READ, volumes=[f"{empty}:/answer"])
    assert answered("03-data") == ("keep working", "no-answer")


def test_another_answer_is_none(
    answered: Answered, attempt: Any, volume: Callable[[str], str]
) -> None:
    wrong = volume("echo 24 > /data/answer")
    attempt("03-data", READ, volumes=[f"{wrong}:/data"])
    assert answered("03-data") == ("keep working", "wrong-answer")


def test_the_second_container_has_to_find_it(
    answered: Answered, attempt: Any, volume: Callable[[str], str]
) -> None:
    good = volume("echo 42 > /data/answer")
    attempt("03-data", READ, volumes=[f"{good}:/elsewhere"])
    assert answered("03-data") == ("almost", "not-found")
    attempt("03-data", READ, volumes=[f"{good}:/data"])
    assert answered("03-data") == ("correct", "correct")


def test_a_check_leaves_no_container(
    answered: Answered, attempt: Any, volume: Callable[[str], str], lab: Lab
) -> None:
    good = volume("echo 42 > /data/answer")
    attempt("03-data", READ, volumes=[f"{good}:/data"])

    def there() -> list[str]:
        listed = lab.engine.list_containers()
        return [one["Id"] for one in listed if good in str(one.get("Mounts"))]

    before = there()
    assert answered("03-data") == ("correct", "correct")
    assert there() == before
