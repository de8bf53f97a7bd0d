"""Building: the secret in a layer, the order of lines, and what was kept out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from ipycontainers.course.answer import State
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import lesson
from ipycontainers.course.progress import Progress

BASE = "FROM ipyc/toolbox:1"
LEAKY, ORDER, IGNORE = "ipyc/leaky:mine", "ipyc/order:mine", "ipyc/ignore:mine"
MARK = hashlib.sha256(b"s3cret").hexdigest()
PAGE, TOOL = "COPY page.html /page.html", "RUN echo ready > /tool"
ALL, LEAK = "COPY . /app", "COPY password.txt /app/"
Build = Callable[..., None]


@pytest.fixture
def build(lab: Lab, tmp_path: Path) -> Iterator[Build]:
    """build(name, *lines, ignore="…") makes an image as a learner does in 14-context."""
    images: Any = lab.engine.docker.images
    made = set()
    for name in ("page.html", "password.txt", "data.bin", "app.sh"):
        (tmp_path / name).write_text(name)

    def it(name: str, *lines: str, ignore: str = "") -> None:
        (tmp_path / "Dockerfile").write_text("\n".join([BASE, *lines]))
        (tmp_path / ".dockerignore").write_text(ignore)
        made.add(name)
        images.build(path=str(tmp_path), tag=name, rm=True)

    for name in (LEAKY, ORDER, IGNORE):
        with pytest.raises(docker.errors.ImageNotFound):
            images.get(name)
    yield it
    for name in made:
        images.remove(name)


# --- 14-secret -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("s3cret", "correct"),
        (" s3cret\n", "correct"),
        (MARK, "fingerprint"),
        (f"sha256:{MARK}", "fingerprint"),
        ("password.txt", "name"),
        ("/password.txt", "name"),
        ("another one", "folder"),
        ("guessed", "other"),
        (["s3cret"], "other"),
        ("\ud800", "other"),
        (7, "other"),
    ],
)
def test_the_secret_is_told_from_other_answers(
    build: Build, progress: Progress, look: Any, given: object, reason: str
) -> None:
    build(LEAKY, f"LABEL secret.sha256={MARK}")
    assert look("14-secret").reason == "not-started"
    progress.keep("answers", "14-secret", given)
    assert look("14-secret").reason == reason


def test_an_image_without_a_secret_has_no_right_answer(
    build: Build, progress: Progress, look: Any
) -> None:
    progress.keep("answers", "14-secret", "s3cret")
    assert look("14-secret").reason == "no-image"
    build(LEAKY, "LABEL other=1")
    assert look("14-secret").reason == "no-image"


# --- 14-order ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "state", "reason"),
    [
        ([TOOL, PAGE], State.CORRECT, "correct"),
        ([TOOL, "ENV A=b", "ADD page.html /"], State.CORRECT, "correct"),
        ([PAGE, TOOL], State.KEEP_WORKING, "page-first"),
        ([PAGE, TOOL, PAGE], State.KEEP_WORKING, "page-first"),
        ([PAGE, "COPY --from=ipyc/web:1 /www/index.html /tool"], State.CORRECT, "correct"),
        ([PAGE], State.KEEP_WORKING, "no-tool"),
        ([TOOL, "RUN rm /tool", PAGE], State.KEEP_WORKING, "no-tool"),
        ([TOOL], State.KEEP_WORKING, "no-page"),
        (["RUN echo ready > /tool; echo a > /page.html"], State.ALMOST, "together"),
    ],
)
def test_the_order_of_two_lines(
    build: Build, look: Any, lines: list[str], state: State, reason: str
) -> None:
    assert look("14-order").reason == "not-started"
    build(ORDER, *lines)
    answer = look("14-order")
    assert (answer.state, answer.reason) == (state, reason)


# --- 14-ignore -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "ignored", "state", "reason"),
    [
        ([ALL], "password.txt\n*.bin", State.CORRECT, "correct"),
        ([ALL], "*\n!app.sh", State.CORRECT, "correct"),
        (["COPY app.sh /"], "", State.CORRECT, "correct"),
        ([ALL], "", State.KEEP_WORKING, "secret"),
        ([ALL], "*.bin", State.KEEP_WORKING, "secret"),
        ([ALL], "password.txt", State.KEEP_WORKING, "big"),
        ([ALL, "RUN rm /app/password.txt"], "*.bin", State.ALMOST, "layer"),
        ([ALL], "*.*", State.KEEP_WORKING, "no-app"),
    ],
)
def test_what_was_kept_out(
    build: Build, look: Any, lines: list[str], ignored: str, state: State, reason: str
) -> None:
    assert look("14-ignore").reason == "not-started"
    build(IGNORE, "RUN mkdir /app", *lines, ignore=ignored)
    answer = look("14-ignore")
    assert (answer.state, answer.reason) == (state, reason)


# --- what is expected ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["14-cache", "14-stages"])
@pytest.mark.parametrize("wrong", [[True, True, False], [False] * 3, [True] * 3, []])
def test_what_is_measured_can_be_wrong(name: str, wrong: list[bool]) -> None:
    expected = lesson("14").expectation_of[name]
    assert expected(Lab("docker"), [True, False, False])
    assert not expected(Lab("docker"), wrong)
